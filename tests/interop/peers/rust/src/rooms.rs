//! Rooms: gossipsub topics, and others' messages in them as they came over the wire.

use std::{collections::HashMap, io};

use libp2p::{
    PeerId,
    gossipsub::{DataTransform, IdentTopic, Message, RawMessage, TopicHash},
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::{
    bench::Bench,
    messages::Record,
    node::Node,
    request::{Request, Result, base64, strings},
};

/// Hands us the whole signed message as its data: gossipsub's own `Message` leaves out signature and key. What is
/// forwarded, and the message id, are not made from it.
#[derive(Clone)]
pub struct WholeMessages;

impl DataTransform for WholeMessages {
    fn inbound_transform(&self, raw: RawMessage) -> Result<Message, io::Error> {
        Ok(Message {
            source: raw.source,
            sequence_number: raw.sequence_number,
            topic: raw.topic.clone(),
            data: Record::from(raw).encode_to_vec(),
        })
    }

    fn outbound_transform(&self, _: &TopicHash, data: Vec<u8>) -> Result<Vec<u8>, io::Error> {
        Ok(data)
    }
}

pub struct Received {
    pub from: PeerId,
    pub seqno: u64,
    pub data: Vec<u8>,
    pub signature: Vec<u8>,
    pub key: Vec<u8>,
}

impl TryFrom<Record> for Received {
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn try_from(record: Record) -> Result<Self> {
        Ok(Received {
            from: PeerId::from_bytes(&record.author.unwrap_or_default())?,
            seqno: u64::from_be_bytes(record.seqno.unwrap_or_default().as_slice().try_into()?),
            data: record.data.unwrap_or_default(),
            signature: record.signature.unwrap_or_default(),
            key: record.key.unwrap_or_default(),
        })
    }
}

/// The rooms we are in, and what was said there. The benchmarks' messages are counted and not kept.
#[derive(Default)]
pub struct Rooms(HashMap<String, Vec<Received>>);

impl Rooms {
    /// Takes a message as WholeMessages made it.
    pub fn take(&mut self, whole: &[u8], bench: &Bench) {
        let record = Record::decode(whole).expect("we have encoded it ourselves");
        if bench.take(record.data()) {
            return;
        }
        if let Some(messages) = self.0.get_mut(&record.topic) {
            messages.push(record.try_into().expect("gossipsub has checked it"));
        }
    }

    pub fn messages(&self, room: &str) -> Result<&[Received]> {
        match self.0.get(room) {
            Some(messages) => Ok(messages),
            None => Err(format!("not in {room}: join it first").into()),
        }
    }
}

impl Node {
    /// Subscribes to a topic; a second call changes nothing.
    pub async fn join(&self, room: &str) -> Result<()> {
        self.known.rooms.lock().unwrap().0.entry(room.into()).or_default();
        let topic = IdentTopic::new(room);
        self.with(move |swarm| swarm.behaviour_mut().gossipsub.subscribe(&topic)).await??;
        Ok(())
    }

    pub async fn leave(&self, room: &str) -> Result<()> {
        self.known.rooms.lock().unwrap().0.remove(room);
        let topic = IdentTopic::new(room);
        self.with(move |swarm| swarm.behaviour_mut().gossipsub.unsubscribe(&topic)).await?;
        Ok(())
    }

    pub async fn publish(&self, room: &str, data: Vec<u8>) -> Result<()> {
        self.known.rooms.lock().unwrap().messages(room)?;
        let topic = IdentTopic::new(room);
        self.with(move |swarm| swarm.behaviour_mut().gossipsub.publish(topic, data)).await??;
        Ok(())
    }

    pub async fn members(&self, room: &str) -> Result<Value> {
        let topic = IdentTopic::new(room).hash();
        let count = self
            .with(move |swarm| {
                let peers = swarm.behaviour().gossipsub.all_peers();
                peers.filter(|(_, topics)| topics.contains(&&topic)).count()
            })
            .await?;
        Ok(json!({"count": count}))
    }

    pub async fn mesh(&self, room: &str) -> Result<Value> {
        let topic = IdentTopic::new(room).hash();
        let peers = self.with(move |swarm| strings(swarm.behaviour().gossipsub.mesh_peers(&topic))).await?;
        Ok(json!({"peers": peers}))
    }

    pub fn received(&self, room: &str) -> Result<Value> {
        let rooms = self.known.rooms.lock().unwrap();
        let messages: Vec<Value> = rooms
            .messages(room)?
            .iter()
            .map(|message| {
                json!({
                    "from": message.from.to_string(),
                    "seqno": message.seqno.to_string(),
                    "data": base64(&message.data),
                    "signature": base64(&message.signature),
                    "key": base64(&message.key),
                })
            })
            .collect();
        Ok(json!({"messages": messages}))
    }
}

/// What `publish` is asked to say: text, or data in base64.
pub fn content(request: &Request) -> Result<Vec<u8>> {
    if request.has("data") { request.data() } else { Ok(request.text("text")?.into()) }
}
