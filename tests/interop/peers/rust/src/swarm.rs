//! The swarm: transports, behaviours and their settings; the key file.

use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, time::Duration};

use libp2p::{
    Swarm, SwarmBuilder, Transport,
    core::upgrade::Version,
    gossipsub::{self, AllowAllSubscriptionFilter, MessageAuthenticity},
    identify,
    identity::Keypair,
    noise, ping,
    swarm::NetworkBehaviour,
    tcp, yamux,
};

use crate::{request::Result, rooms::WholeMessages};

pub type Gossipsub = gossipsub::Behaviour<WholeMessages, AllowAllSubscriptionFilter>;

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub gossipsub: Gossipsub,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub stream: libp2p_stream::Behaviour,
}

pub fn build(key: Keypair, agent: &str) -> Result<Swarm<Behaviour>> {
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_other_transport(|key| {
            let tcp = tcp::tokio::Transport::new(tcp::Config::default());
            Ok(libp2p_websocket::Config::new(tcp)
                .upgrade(Version::V1Lazy)
                .authenticate(noise::Config::new(key)?)
                .multiplex(yamux::Config::default()))
        })?
        .with_behaviour(|key| {
            let about = identify::Config::new("ipfs/0.1.0".into(), key.public());
            Ok(Behaviour {
                gossipsub: gossipsub(key)?,
                identify: identify::Behaviour::new(about.with_agent_version(agent.into())),
                ping: ping::Behaviour::default(),
                stream: libp2p_stream::Behaviour::new(),
            })
        })?
        // The default ends a connection that nothing has used for 10 s.
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(86_400)))
        .build();
    Ok(swarm)
}

fn gossipsub(key: &Keypair) -> Result<Gossipsub> {
    let config = gossipsub::ConfigBuilder::default()
        .mesh_n_low(4)
        .heartbeat_initial_delay(Duration::from_millis(100)) // as Go; the default is 5 s
        .build()?;
    let author = MessageAuthenticity::Signed(key.clone());
    Ok(Gossipsub::new_with_transform(author, config, WholeMessages)?)
}

/// Reads the key file, or makes one. Without a path the key is new and kept nowhere.
pub fn load_key(path: Option<&str>) -> Result<Keypair> {
    let Some(path) = path else {
        return Ok(Keypair::generate_ed25519());
    };
    match fs::read(path) {
        Ok(raw) => Ok(Keypair::from_protobuf_encoding(&raw)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = Keypair::generate_ed25519();
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&key.to_protobuf_encoding()?)?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}
