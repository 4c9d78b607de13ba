//! Direct messages of universal-connectivity: one request and one response on a stream, each with its length before it.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use prost::Message;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    messages::{DirectMessageRequest, DirectMessageResponse, Metadata, Status},
    node::Node,
    request::{PATIENCE, Result},
};

pub const DM: StreamProtocol = StreamProtocol::new("/universal-connectivity/dm/1.0.0");
const TEXT: &str = "text/plain";
const LONGEST: u64 = 1 << 20;

/// Those that came; each is answered at once.
pub struct DirectMessages {
    agent: String,
    messages: Mutex<Vec<Value>>,
}

impl DirectMessages {
    pub fn new(agent: &str) -> Self {
        DirectMessages { agent: agent.into(), messages: Mutex::default() }
    }

    pub async fn serve(self: Arc<Self>, from: PeerId, mut stream: Stream) -> Result<()> {
        let raw = timeout(PATIENCE, read_delimited(&mut stream)).await??;
        let request = DirectMessageRequest::decode(raw.as_slice())?;
        let checked = check_request(&request);
        let response = DirectMessageResponse {
            metadata: Some(self.metadata()),
            status: if checked.is_ok() { Status::Ok } else { Status::Error }.into(),
            status_text: checked.as_ref().err().map(ToString::to_string),
        };
        if let Ok(metadata) = checked {
            self.messages.lock().unwrap().push(json!({
                "from": from.to_string(),
                "text": request.content,
                "timestamp": metadata.timestamp,
            }));
        }
        stream.write_all(&response.encode_length_delimited_to_vec()).await?;
        Ok(stream.close().await?)
    }

    fn metadata(&self) -> Metadata {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Metadata { client_version: self.agent.clone(), timestamp: now.as_millis() as i64 }
    }

    pub fn list(&self) -> Value {
        json!({"messages": *self.messages.lock().unwrap()})
    }
}

impl Node {
    pub async fn dm(&self, to: PeerId, text: &str) -> Result<Value> {
        let mut stream = self.open(to, DM).await?;
        let request = DirectMessageRequest {
            metadata: Some(self.directs.metadata()),
            content: text.into(),
            r#type: TEXT.into(),
        };
        let asking = async {
            stream.write_all(&request.encode_length_delimited_to_vec()).await?;
            stream.close().await?;
            read_delimited(&mut stream).await
        };
        let raw = timeout(PATIENCE, asking).await??;
        let response = DirectMessageResponse::decode(raw.as_slice())?;
        check_response(&response)?;
        Ok(json!({"status": response.status, "status_text": response.status_text()}))
    }
}

pub fn check_request(request: &DirectMessageRequest) -> Result<&Metadata> {
    if request.r#type != TEXT {
        return Err(format!("the request is of type {:?}, not {TEXT}", request.r#type).into());
    }
    request.metadata.as_ref().ok_or_else(|| "the request has no metadata".into())
}

pub fn check_response(response: &DirectMessageResponse) -> Result<&Metadata> {
    Status::try_from(response.status)?;
    response.metadata.as_ref().ok_or_else(|| "the response has no metadata".into())
}

async fn read_delimited(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut prefix = Vec::new();
    while prefix.last().is_none_or(|byte| byte & 0x80 != 0) {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        prefix.push(byte[0]);
        if prefix.len() > 10 {
            return Err("a length of more than 10 bytes".into());
        }
    }
    let length = prost::encoding::decode_varint(&mut prefix.as_slice())?;
    if length > LONGEST {
        return Err(format!("a message of {length} bytes; the limit is {LONGEST}").into());
    }
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
