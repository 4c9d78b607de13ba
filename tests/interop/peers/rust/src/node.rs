//! The node: a task that owns the swarm, and what the commands know of what happened in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::transport::ListenerId,
    gossipsub, identify,
    identity::Keypair,
    multiaddr::Protocol,
    swarm::{ConnectionId, SwarmEvent},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    bench::Bench,
    chat::Chats,
    direct::DirectMessages,
    request::Result,
    rooms::Rooms,
    streams,
    swarm::{self, Behaviour, BehaviourEvent},
};

type Job = Box<dyn FnOnce(&mut Swarm<Behaviour>) + Send>;
pub type Dialled = oneshot::Sender<Result<PeerId, String>>;

pub struct Node {
    pub peer_id: PeerId,
    pub key: Keypair,
    pub addrs: Vec<Multiaddr>,
    pub known: Arc<Known>,
    pub bench: Arc<Bench>,
    pub directs: Arc<DirectMessages>,
    pub chats: Arc<Chats>,
    pub control: libp2p_stream::Control,
    jobs: mpsc::UnboundedSender<Job>,
}

/// What the swarm's events have told.
#[derive(Default)]
pub struct Known {
    pub rooms: Mutex<Rooms>,
    pub identified: Mutex<HashMap<PeerId, identify::Info>>,
    pub dials: Mutex<HashMap<ConnectionId, Dialled>>,
}

impl Node {
    /// Listens, and gives the addresses too, in the order of the listeners.
    pub async fn start(key: Keypair, agent: &str, listen: &[String]) -> Result<(Node, Vec<String>)> {
        let mut swarm = swarm::build(key.clone(), agent)?;
        let addrs = listen_at(&mut swarm, listen).await?;
        let control = swarm.behaviour().stream.new_control();
        let (jobs, asked) = mpsc::unbounded_channel();
        let node = Node {
            peer_id: *swarm.local_peer_id(),
            key,
            addrs,
            known: Arc::default(),
            bench: Bench::open().await?,
            directs: Arc::new(DirectMessages::new(agent)),
            chats: Arc::default(),
            control,
            jobs,
        };
        streams::serve(&node)?;
        tokio::spawn(drive(swarm, asked, node.known.clone(), node.bench.clone()));
        let shown = node.addrs.iter().map(Multiaddr::to_string).collect();
        Ok((node, shown))
    }

    /// Calls a function with the swarm, in the swarm's task.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Swarm<Behaviour>) -> T + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let job = move |swarm: &mut Swarm<Behaviour>| {
            let _ = done.send(work(swarm)); // nobody waits any longer
        };
        self.jobs.send(Box::new(job)).map_err(|_| "the swarm has ended")?;
        Ok(result.await?)
    }
}

async fn listen_at(swarm: &mut Swarm<Behaviour>, listen: &[String]) -> Result<Vec<Multiaddr>> {
    let mut found: Vec<(ListenerId, Option<Multiaddr>)> = Vec::new();
    for addr in listen {
        found.push((swarm.listen_on(addr.parse()?)?, None));
    }
    let peer_id = *swarm.local_peer_id();
    while found.iter().any(|(_, addr)| addr.is_none()) {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                let listener = found.iter_mut().find(|(id, _)| *id == listener_id);
                if let Some((_, addr @ None)) = listener {
                    *addr = Some(address.with(Protocol::P2p(peer_id)));
                }
            }
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => return Err(error.into()),
            _ => (),
        }
    }
    Ok(found.into_iter().filter_map(|(_, addr)| addr).collect())
}

async fn drive(
    mut swarm: Swarm<Behaviour>,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    known: Arc<Known>,
    bench: Arc<Bench>,
) {
    loop {
        tokio::select! {
            Some(job) = jobs.recv() => job(&mut swarm),
            event = swarm.select_next_some() => learn(event, &known, &bench),
        }
    }
}

fn learn(event: SwarmEvent<BehaviourEvent>, known: &Known, bench: &Bench) {
    match event {
        SwarmEvent::Behaviour(BehaviourEvent::Gossipsub(gossipsub::Event::Message { message, .. })) => {
            known.rooms.lock().unwrap().take(&message.data, bench);
        }
        SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
            peer_id, info, ..
        })) => {
            known.identified.lock().unwrap().insert(peer_id, info);
        }
        SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
            if let Some(dialled) = known.dials.lock().unwrap().remove(&connection_id) {
                let _ = dialled.send(Ok(peer_id)); // the command has given up
            }
        }
        SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
            if let Some(dialled) = known.dials.lock().unwrap().remove(&connection_id) {
                let _ = dialled.send(Err(error.to_string())); // the command has given up
            }
        }
        SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
            known.identified.lock().unwrap().remove(&peer_id);
        }
        _ => (),
    }
}
