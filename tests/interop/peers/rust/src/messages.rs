//! Protobufs: pubsub's message, and those of universal-connectivity.

use libp2p::gossipsub::RawMessage;
use prost::{Enumeration, Message};

use crate::request::Result;

/// A pubsub message as it is on the wire.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub author: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub data: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub seqno: Option<Vec<u8>>,
    #[prost(string, required, tag = "4")]
    pub topic: String,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub signature: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub key: Option<Vec<u8>>,
}

impl From<RawMessage> for Record {
    fn from(raw: RawMessage) -> Self {
        Record {
            author: raw.source.map(|id| id.to_bytes()),
            data: Some(raw.data),
            seqno: raw.sequence_number.map(|seqno| seqno.to_be_bytes().to_vec()),
            topic: raw.topic.into_string(),
            signature: raw.signature,
            key: raw.key,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Peer {
    #[prost(bytes = "vec", tag = "1")]
    pub public_key: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub addrs: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    #[prost(string, tag = "1")]
    pub client_version: String,
    #[prost(int64, tag = "2")]
    pub timestamp: i64, // milliseconds
}

#[derive(Clone, PartialEq, Message)]
pub struct DirectMessageRequest {
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<Metadata>,
    #[prost(string, tag = "2")]
    pub content: String,
    #[prost(string, tag = "3")]
    pub r#type: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct DirectMessageResponse {
    #[prost(message, optional, tag = "1")]
    pub metadata: Option<Metadata>,
    #[prost(enumeration = "Status", tag = "2")]
    pub status: i32,
    #[prost(string, optional, tag = "3")]
    pub status_text: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Status {
    Unknown = 0,
    Ok = 200,
    Error = 500,
}

/// Decodes strictly: fields that the decoder would pass over in silence are an error.
pub fn decode_exactly<T: Message + Default>(raw: &[u8]) -> Result<T> {
    let message = T::decode(raw)?;
    if message.encode_to_vec() != raw {
        return Err("encoded with unknown fields, or not canonically".into());
    }
    Ok(message)
}
