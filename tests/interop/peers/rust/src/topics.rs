//! Two formats of messages in topics: universal-connectivity's announcements of peers, and the lines of go-libp2p's
//! "pubsub/chat" example. What others send there has to decode, or the command fails.

use libp2p::{Multiaddr, PeerId, identity::PublicKey, multiaddr::Protocol};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    messages::{Peer, decode_exactly},
    node::Node,
    request::{Request, Result, strings},
    rooms::Received,
};

impl Node {
    pub async fn announce(&self, topic: &str) -> Result<()> {
        self.join(topic).await?;
        let announced = Peer {
            public_key: self.key.public().encode_protobuf(),
            addrs: self.addrs.iter().map(Multiaddr::to_vec).collect(),
        };
        self.publish(topic, announced.encode_to_vec()).await
    }

    pub async fn discovered(&self, topic: &str) -> Result<Value> {
        let peers = self.read(topic, |message| decode_peer(&message.data)).await?;
        Ok(json!({"peers": peers}))
    }

    pub async fn chat_room_say(&self, request: &Request) -> Result<()> {
        let topic = chat_room_topic(request.text("room")?);
        self.join(&topic).await?;
        let line = json!({
            "Message": request.text("text")?,
            "SenderID": self.peer_id.to_string(),
            "SenderNick": request.text("nick")?,
        });
        self.publish(&topic, line.to_string().into()).await
    }

    pub async fn chat_room_lines(&self, room: &str) -> Result<Value> {
        let lines = self
            .read(&chat_room_topic(room), |message| {
                let mut line = decode_chat_message(&message.data)?;
                line["from"] = message.from.to_string().into();
                Ok(line)
            })
            .await?;
        Ok(json!({"lines": lines}))
    }

    async fn read(&self, topic: &str, decode: impl Fn(&Received) -> Result<Value>) -> Result<Vec<Value>> {
        self.join(topic).await?;
        let rooms = self.known.rooms.lock().unwrap();
        let decode = |message: &Received| {
            decode(message).map_err(|error| format!("from {}: {error}", message.from).into())
        };
        rooms.messages(topic)?.iter().map(decode).collect()
    }
}

fn chat_room_topic(room: &str) -> String {
    format!("chat-room:{room}")
}

pub fn decode_peer(raw: &[u8]) -> Result<Value> {
    let announced: Peer = decode_exactly(raw)?;
    let id = PublicKey::try_decode_protobuf(&announced.public_key)?.to_peer_id();
    let mut addrs = Vec::new();
    for packed in announced.addrs {
        let addr = Multiaddr::try_from(packed)?;
        if addr.iter().last() != Some(Protocol::P2p(id)) {
            return Err(format!("{addr} is not an address of {id}").into());
        }
        addrs.push(addr);
    }
    Ok(json!({"peer_id": id.to_string(), "addrs": strings(addrs)}))
}

pub fn decode_chat_message(raw: &[u8]) -> Result<Value> {
    let line: Value = serde_json::from_slice(raw)?;
    let field = |name| line[name].as_str().ok_or_else(|| format!("no {name}"));
    if line.as_object().is_some_and(|fields| fields.len() != 3) {
        return Err("unknown fields".into());
    }
    let _: PeerId = field("SenderID")?.parse()?;
    Ok(json!({
        "sender_id": field("SenderID")?,
        "nick": field("SenderNick")?,
        "message": field("Message")?,
    }))
}
