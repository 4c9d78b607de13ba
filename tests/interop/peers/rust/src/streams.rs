//! Streams: the protocols we serve, and the two that measure them.

use std::{future::Future, io, time::Instant};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{PeerId, Stream, StreamProtocol};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    chat::CHAT,
    direct::DM,
    node::Node,
    request::{PATIENCE, Request, Result},
};

const ECHO: StreamProtocol = StreamProtocol::new("/p2pd-bench/echo/1"); // sends back what it reads
const SINK: StreamProtocol = StreamProtocol::new("/p2pd-bench/sink/1"); // reads to the end, then answers the count, 8 bytes big-endian
const CHUNK: usize = 64 << 10;

pub fn serve(node: &Node) -> Result<()> {
    let (directs, chats) = (node.directs.clone(), node.chats.clone());
    accept(node, ECHO, |_, stream| serve_echo(stream))?;
    accept(node, SINK, |_, stream| serve_sink(stream))?;
    accept(node, DM, move |from, stream| directs.clone().serve(from, stream))?;
    accept(node, CHAT, move |from, stream| chats.clone().run(from, stream))
}

/// Runs `serve` for each stream of a protocol. One that fails is dropped, which resets it.
fn accept<F>(
    node: &Node,
    protocol: StreamProtocol,
    serve: impl Fn(PeerId, Stream) -> F + Send + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut incoming = node.control.clone().accept(protocol)?;
    tokio::spawn(async move {
        while let Some((from, stream)) = incoming.next().await {
            tokio::spawn(serve(from, stream));
        }
    });
    Ok(())
}

async fn serve_echo(mut stream: Stream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(stream.close().await?),
            size => stream.write_all(&buffer[..size]).await?,
        }
        stream.flush().await?;
    }
}

async fn serve_sink(mut stream: Stream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut count: u64 = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            size => count += size as u64,
        }
    }
    stream.write_all(&count.to_be_bytes()).await?;
    Ok(stream.close().await?)
}

impl Node {
    pub async fn echo(&self, request: &Request) -> Result<Value> {
        let (length, size) = (request.seconds()?, request.count("size")?);
        let mut stream = self.open(request.peer()?, ECHO).await?;
        let (message, mut back) = (vec![0; size], vec![0; size]);
        let start = Instant::now();
        let asking = async {
            let mut count = 0;
            while start.elapsed() < length {
                stream.write_all(&message).await?;
                stream.flush().await?;
                stream.read_exact(&mut back).await?;
                count += 1;
            }
            io::Result::Ok(count)
        };
        let count = timeout(length + PATIENCE, asking).await??;
        let seconds = start.elapsed().as_secs_f64();
        stream.close().await?;
        Ok(json!({"count": count, "seconds": seconds}))
    }

    pub async fn bulk(&self, request: &Request) -> Result<Value> {
        let length = request.seconds()?;
        let mut stream = self.open(request.peer()?, SINK).await?;
        let chunk = vec![0; CHUNK];
        let mut count = [0; 8];
        let start = Instant::now();
        let sending = async {
            while start.elapsed() < length {
                stream.write_all(&chunk).await?;
            }
            stream.close().await?;
            stream.read_exact(&mut count).await
        };
        timeout(length + PATIENCE, sending).await??;
        Ok(json!({"bytes": u64::from_be_bytes(count), "seconds": start.elapsed().as_secs_f64()}))
    }
}
