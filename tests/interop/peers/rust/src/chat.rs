//! The "chat" examples of go-libp2p and py-libp2p: a stream of lines each way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, StreamExt, io::BufReader};
use libp2p::{PeerId, Stream, StreamProtocol};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{node::Node, request::Result};

pub const CHAT: StreamProtocol = StreamProtocol::new("/chat/1.0.0");

/// The newest chat with each peer, by where to put what we say, and every line that came.
#[derive(Default)]
pub struct Chats {
    talks: Mutex<HashMap<PeerId, mpsc::UnboundedSender<String>>>,
    lines: Mutex<Vec<Value>>,
}

impl Chats {
    /// Talks on a stream until the other side ends it.
    pub async fn run(self: Arc<Self>, with: PeerId, stream: Stream) -> Result<()> {
        let said = self.begin(with);
        self.talk(with, stream, said).await
    }

    fn begin(&self, with: PeerId) -> mpsc::UnboundedReceiver<String> {
        let (say, said) = mpsc::unbounded_channel();
        self.talks.lock().unwrap().insert(with, say);
        said
    }

    async fn talk(
        &self,
        with: PeerId,
        stream: Stream,
        mut said: mpsc::UnboundedReceiver<String>,
    ) -> Result<()> {
        let (reading, mut writing) = stream.split();
        let mut lines = BufReader::new(reading).lines();
        loop {
            tokio::select! {
                line = lines.next() => match line {
                    Some(line) => self.take(with, line?),
                    None => return Ok(writing.close().await?),
                },
                Some(text) = said.recv() => {
                    writing.write_all(format!("{text}\n").as_bytes()).await?;
                    writing.flush().await?;
                }
            }
        }
    }

    fn take(&self, from: PeerId, line: String) {
        if !line.is_empty() {
            self.lines.lock().unwrap().push(json!({"from": from.to_string(), "line": line}));
        }
    }

    pub fn say(&self, to: PeerId, text: &str) -> Result<()> {
        let talks = self.talks.lock().unwrap();
        let talk = talks.get(&to).filter(|talk| !talk.is_closed());
        let talk = talk.ok_or_else(|| format!("no chat with {to}: open one first"))?;
        Ok(talk.send(text.into())?)
    }

    pub fn list(&self) -> Value {
        json!({"lines": *self.lines.lock().unwrap()})
    }
}

impl Node {
    pub async fn chat_open(&self, with: PeerId) -> Result<()> {
        let mut stream = self.open(with, CHAT).await?;
        stream.flush().await?; // the other side knows of the stream before we say anything
        let (chats, said) = (self.chats.clone(), self.chats.begin(with));
        tokio::spawn(async move { chats.talk(with, stream, said).await });
        Ok(())
    }
}
