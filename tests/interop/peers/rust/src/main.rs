//! A rust-libp2p chat node driven by JSON lines on standard input and output, for p2pd's interoperation tests and its
//! benchmarks. benchmarks/peer.py has the protocol. The end of standard input ends it.

mod bench;
mod chat;
mod commands;
mod decode;
mod direct;
mod messages;
mod node;
mod request;
mod rooms;
mod streams;
mod swarm;
mod topics;

use std::{io::BufRead, process, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{node::Node, request::Result};

struct Options {
    key: Option<String>,
    listen: Vec<String>,
    agent: String,
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("peer: {error}");
        process::exit(1);
    }
}

async fn run() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    let key = swarm::load_key(options.key.as_deref())?;
    let (node, addrs) = Node::start(key, &options.agent, &options.listen).await?;
    print(&json!({
        "event": "ready",
        "implementation": "rust-libp2p",
        "version": locked_version("libp2p"),
        "gossipsub_version": locked_version("libp2p-gossipsub"),
        "pid": process::id(),
        "peer_id": node.peer_id.to_string(),
        "addr": addrs[0],
        "addrs": addrs,
        "acks": node.bench.port()?,
    }));
    serve(Arc::new(node)).await;
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options { key: None, listen: Vec::new(), agent: "p2pd-peer/rust-libp2p".into() };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--key" => options.key = Some(value),
            "--listen" => options.listen.push(value),
            "--agent" => options.agent = value,
            _ => return Err(format!("no such option: {name}").into()),
        }
    }
    if options.listen.is_empty() {
        options.listen.push("/ip4/127.0.0.1/tcp/0".into());
    }
    Ok(options)
}

/// Answers one request after the other. The end of standard input does not wait for the one under way.
async fn serve(node: Arc<Node>) {
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
            let _ = sender.send(line); // fails when we are ending anyway
        }
        process::exit(0);
    });
    while let Some(line) = lines.recv().await {
        print(&commands::answer(&node, &line).await);
    }
}

fn print(line: &Value) {
    println!("{line}");
}

/// The version of a package in the lock file that we were built from.
fn locked_version(package: &str) -> &'static str {
    include_str!("../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or("unknown")
}
