//! `decode`: bytes read by the implementation's own decoders, strictly.

use libp2p::{
    PeerId,
    core::{PeerRecord, SignedEnvelope},
    identity::{Keypair, PublicKey},
};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    direct::{check_request, check_response},
    messages::{Record, decode_exactly},
    request::{Result, base64, strings},
    rooms::Received,
    topics::{decode_chat_message, decode_peer},
};

pub fn decode(kind: &str, raw: &[u8]) -> Result<Value> {
    match kind {
        "peer" => decode_peer(raw),
        "chat_room" => decode_chat_message(raw),
        "dm_request" => {
            let request = decode_exactly(raw)?;
            let metadata = check_request(&request)?;
            Ok(json!({
                "client_version": metadata.client_version,
                "timestamp": metadata.timestamp,
                "text": request.content,
                "type": request.r#type,
            }))
        }
        "dm_response" => {
            let response = decode_exactly(raw)?;
            let metadata = check_response(&response)?;
            Ok(json!({
                "client_version": metadata.client_version,
                "timestamp": metadata.timestamp,
                "status": response.status,
                "status_text": response.status_text(),
            }))
        }
        "key" => {
            let key = Keypair::from_protobuf_encoding(raw)?;
            let (id, kind) = (key.public().to_peer_id(), key.key_type());
            Ok(json!({"peer_id": id.to_string(), "type": format!("{kind:?}")}))
        }
        "record" => decode_record(raw),
        "peer_record" => {
            let envelope = SignedEnvelope::from_protobuf_encoding(raw)?;
            let record = PeerRecord::from_signed_envelope_interop(envelope)?;
            Ok(json!({
                "peer_id": record.peer_id().to_string(),
                "seq": record.seq().to_string(),
                "addrs": strings(record.addresses()),
            }))
        }
        _ => Err(format!("no such kind: {kind}").into()),
    }
}

/// Verifies as gossipsub does on arrival: the fields but signature and key, encoded anew.
fn decode_record(raw: &[u8]) -> Result<Value> {
    let record: Record = decode_exactly(raw)?;
    let from = PeerId::from_bytes(record.author())?;
    let key = match &record.key {
        Some(key) => PublicKey::try_decode_protobuf(key)?,
        None => PublicKey::try_decode_protobuf(from.as_ref().digest())?,
    };
    let unsigned = Record { signature: None, key: None, ..record.clone() };
    let signed = [b"libp2p-pubsub:".as_slice(), &unsigned.encode_to_vec()].concat();
    if key.to_peer_id() != from || !key.verify(&signed, record.signature()) {
        return Err("the signature is not the author's".into());
    }
    let topic = record.topic.clone();
    let received = Received::try_from(record)?;
    Ok(json!({
        "from": from.to_string(),
        "seqno": received.seqno.to_string(),
        "topic": topic,
        "data": base64(&received.data),
    }))
}
