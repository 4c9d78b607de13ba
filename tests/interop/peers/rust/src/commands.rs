//! The commands by their names, and those about connections.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::{Multiaddr, PeerId, StreamProtocol, multiaddr::Protocol, ping, swarm::dial_opts::DialOpts};
use serde_json::{Value, json};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    decode::decode,
    node::Node,
    request::{PATIENCE, Request, Result, strings},
    rooms,
};

const LOOK_AGAIN: Duration = Duration::from_millis(5);

pub async fn answer(node: &Arc<Node>, line: &str) -> Value {
    let request = Request(serde_json::from_str(line).unwrap_or_default());
    let mut answer = match run(node, &request).await {
        Ok(answer) => answer,
        Err(error) => json!({"ok": false, "error": error.to_string()}),
    };
    answer["n"] = request.0["n"].clone();
    if answer["ok"].is_null() {
        answer["ok"] = true.into();
    }
    answer
}

async fn run(node: &Arc<Node>, request: &Request) -> Result<Value> {
    let done = |()| json!({});
    match request.text("command")? {
        "connect" => node.connect(request.parsed("addr")?).await,
        "disconnect" => node.disconnect(request.peer()?).await.map(done),
        "peers" => node.peers().await,
        "identify" => node.identify(request.peer()?).await,
        "ping" => node.ping(request.peer()?).await,
        "join" => node.join(request.text("room")?).await.map(done),
        "leave" => node.leave(request.text("room")?).await.map(done),
        "members" => node.members(request.text("room")?).await,
        "mesh" => node.mesh(request.text("room")?).await,
        "publish" => node.publish(request.text("room")?, rooms::content(request)?).await.map(done),
        "received" => node.received(request.text("room")?),
        "watch" => node.bench.watch(request).map(done),
        "seen" => node.bench.seen(),
        "flood" => node.flood(request).await,
        "pace" => node.pace(request).await,
        "echo" => node.echo(request).await,
        "bulk" => node.bulk(request).await,
        "announce" => node.announce(request.text("topic")?).await.map(done),
        "discovered" => node.discovered(request.text("topic")?).await,
        "dm" => node.dm(request.peer()?, request.text("text")?).await,
        "dms" => Ok(node.directs.list()),
        "chat_open" => node.chat_open(request.peer()?).await.map(done),
        "chat_say" => node.chats.say(request.peer()?, request.text("text")?).map(done),
        "chat_lines" => Ok(node.chats.list()),
        "chat_room_say" => node.chat_room_say(request).await.map(done),
        "chat_room_lines" => node.chat_room_lines(request.text("room")?).await,
        "decode" => decode(request.text("kind")?, &request.data()?),
        unknown => Err(format!("no such command: {unknown}").into()),
    }
}

impl Node {
    async fn connect(&self, addr: Multiaddr) -> Result<Value> {
        let before = Instant::now();
        let known = match addr.iter().last() {
            Some(Protocol::P2p(id)) if self.is_connected(id).await? => Some(id),
            _ => None,
        };
        let peer_id = match known {
            Some(id) => id,
            None => timeout(PATIENCE, self.dial(addr)).await??,
        };
        let ms = before.elapsed().as_secs_f64() * 1e3;
        Ok(json!({"ms": ms, "peer_id": peer_id.to_string()}))
    }

    async fn dial(&self, addr: Multiaddr) -> Result<PeerId> {
        let options = DialOpts::from(addr);
        let (dialled, result) = oneshot::channel();
        self.known.dials.lock().unwrap().insert(options.connection_id(), dialled);
        self.with(move |swarm| swarm.dial(options)).await??;
        Ok(result.await??)
    }

    async fn is_connected(&self, id: PeerId) -> Result<bool> {
        self.with(move |swarm| swarm.is_connected(&id)).await
    }

    /// Opens a stream to a peer we are connected to. A stream behaviour would dial.
    pub async fn open(&self, to: PeerId, protocol: StreamProtocol) -> Result<libp2p::Stream> {
        if !self.is_connected(to).await? {
            return Err(format!("not connected to {to}").into());
        }
        let mut control = self.control.clone();
        let opening = control.open_stream(to, protocol);
        Ok(timeout(PATIENCE, opening).await??)
    }

    async fn disconnect(&self, id: PeerId) -> Result<()> {
        // It fails where there is no connection, which is as it should be.
        let _ = self.with(move |swarm| swarm.disconnect_peer_id(id)).await?;
        Ok(())
    }

    async fn peers(&self) -> Result<Value> {
        let peers = self.with(|swarm| strings(swarm.connected_peers())).await?;
        Ok(json!({"peers": peers}))
    }

    /// Waits for what the peer tells of itself: it is asked as soon as it connects.
    async fn identify(&self, id: PeerId) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(info) = self.known.identified.lock().unwrap().get(&id) {
                return Ok(json!({
                    "agent": info.agent_version,
                    "protocols": strings(&info.protocols),
                    "addrs": strings(&info.listen_addrs),
                }));
            }
            if !self.is_connected(id).await? {
                return Err(format!("not connected to {id}").into());
            }
            sleep(LOOK_AGAIN).await;
        }
        Err(format!("{id} did not identify itself").into())
    }

    /// The ping behaviour asks every 15 s and cannot be told to; so this is a stream of our own.
    async fn ping(&self, id: PeerId) -> Result<Value> {
        let mut stream = self.open(id, ping::PROTOCOL_NAME).await?;
        let sent: [u8; 32] = std::array::from_fn(|at| at as u8);
        let mut back = [0; 32];
        let before = Instant::now();
        timeout(PATIENCE, async {
            stream.write_all(&sent).await?;
            stream.flush().await?;
            stream.read_exact(&mut back).await
        })
        .await??;
        let ms = before.elapsed().as_secs_f64() * 1e3;
        if back != sent {
            return Err(format!("{id} sent something else back").into());
        }
        stream.close().await?;
        Ok(json!({"ms": ms}))
    }
}
