//! The benchmarks' messages: counting others', sending ours.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::{net::UdpSocket, sync::Notify, task::JoinSet, time::timeout};

use crate::{
    node::Node,
    request::{Request, Result},
};

/// How long a flood waits for an acknowledgement until it takes the messages under way for lost.
const STALL: Duration = Duration::from_secs(5);

pub struct Bench {
    acks: UdpSocket,
    watched: Mutex<Option<Watched>>,
    flying: Mutex<Option<Arc<Window>>>,
}

/// What has been seen since `watch`; times are of CLOCK_MONOTONIC, which all processes share.
struct Watched {
    port: u16,
    every: usize,
    first_sent: Option<i64>,
    last_seen: i64,
    latencies: Vec<f64>,
}

impl Bench {
    pub async fn open() -> Result<Arc<Bench>> {
        let bench = Arc::new(Bench {
            acks: UdpSocket::bind("127.0.0.1:0").await?,
            watched: Mutex::default(),
            flying: Mutex::default(),
        });
        tokio::spawn(bench.clone().read_acks());
        Ok(bench)
    }

    pub fn port(&self) -> io::Result<u16> {
        Ok(self.acks.local_addr()?.port())
    }

    async fn read_acks(self: Arc<Self>) {
        let mut datagram = [0; 32];
        loop {
            // An error here is the answer to a datagram of ours that nobody took.
            let Ok(size) = self.acks.recv(&mut datagram).await else { continue };
            let text = String::from_utf8_lossy(&datagram[..size]);
            if let (Ok(count), Some(window)) = (text.parse(), self.flying.lock().unwrap().as_ref()) {
                window.acknowledge(count);
            }
        }
    }

    pub fn watch(&self, request: &Request) -> Result<()> {
        *self.watched.lock().unwrap() = Some(Watched {
            port: request.count("port")?.try_into()?,
            every: request.count("every")?,
            first_sent: None,
            last_seen: 0,
            latencies: Vec::new(),
        });
        Ok(())
    }

    /// Whether the message is a benchmark's. It is counted while they are watched.
    pub fn take(&self, data: &[u8]) -> bool {
        let arrived = monotonic();
        let mut fields = data.splitn(4, |byte| *byte == b' ');
        if fields.next() != Some(b"bench") {
            return false;
        }
        let sent = fields.nth(1).and_then(|field| str::from_utf8(field).ok()?.parse::<i64>().ok());
        let Some(sent) = sent else { return false };
        if let Some(watched) = self.watched.lock().unwrap().as_mut() {
            watched.first_sent.get_or_insert(sent);
            watched.last_seen = arrived;
            watched.latencies.push((arrived - sent) as f64 / 1e6);
            let count = watched.latencies.len();
            if watched.port != 0 && count.is_multiple_of(watched.every) {
                let to = ([127, 0, 0, 1], watched.port).into();
                // A lost acknowledgement is made good by the next one.
                let _ = self.acks.try_send_to(count.to_string().as_bytes(), to);
            }
        }
        true
    }

    pub fn seen(&self) -> Result<Value> {
        let watched = self.watched.lock().unwrap();
        let seen = watched.as_ref().ok_or("nothing is watched")?;
        let seconds = seen.first_sent.map_or(0.0, |first| (seen.last_seen - first) as f64 / 1e9);
        Ok(json!({
            "count": seen.latencies.len(),
            "seconds": seconds,
            "latencies_ms": seen.latencies,
        }))
    }
}

/// Numbers a flood's messages and keeps no more than `size` of them under way.
struct Window {
    size: usize,
    counts: Mutex<Counts>,
    moved: Notify,
}

#[derive(Default)]
struct Counts {
    sent: usize,
    acknowledged: usize,
}

impl Window {
    fn acknowledge(&self, count: usize) {
        let mut counts = self.counts.lock().unwrap();
        counts.acknowledged = counts.acknowledged.max(count);
        self.moved.notify_waiters();
    }

    /// The number of the next message, once there is room for it.
    async fn next(&self) -> Result<usize> {
        loop {
            let moved = self.moved.notified();
            let under_way = {
                let mut counts = self.counts.lock().unwrap();
                if counts.sent < counts.acknowledged + self.size {
                    counts.sent += 1;
                    return Ok(counts.sent);
                }
                counts.sent - counts.acknowledged
            };
            if timeout(STALL, moved).await.is_err() {
                return Err(format!("{under_way} messages are lost").into());
            }
        }
    }
}

impl Node {
    pub async fn flood(self: &Arc<Self>, request: &Request) -> Result<Value> {
        let room = request.text("room")?;
        let size = request.count("size")?;
        let window = Arc::new(Window {
            size: request.count("window")?,
            counts: Mutex::default(),
            moved: Notify::new(),
        });
        *self.bench.flying.lock().unwrap() = Some(window.clone());
        let deadline = Instant::now() + request.seconds()?;
        let mut senders = JoinSet::new();
        for _ in 0..request.count("senders")? {
            let (node, room, window) = (self.clone(), room.to_owned(), window.clone());
            senders.spawn(async move {
                while Instant::now() < deadline {
                    let number = window.next().await?;
                    node.publish(&room, payload(number, size)).await?;
                }
                Result::Ok(())
            });
        }
        let results = senders.join_all().await;
        *self.bench.flying.lock().unwrap() = None;
        results.into_iter().collect::<Result<()>>()?;
        Ok(json!({"sent": window.counts.lock().unwrap().sent}))
    }

    /// Sends at fixed times, however long each message takes.
    pub async fn pace(&self, request: &Request) -> Result<Value> {
        let (room, size) = (request.text("room")?, request.count("size")?);
        let rate = request.number("rate")?;
        let count = (request.number("seconds")? * rate).round() as usize;
        let start = tokio::time::Instant::now();
        for number in 0..count {
            tokio::time::sleep_until(start + Duration::from_secs_f64(number as f64 / rate)).await;
            self.publish(room, payload(number, size)).await?;
        }
        Ok(json!({"sent": count}))
    }
}

fn payload(number: usize, size: usize) -> Vec<u8> {
    format!("{:x<size$}", format!("bench {number} {} ", monotonic())).into_bytes()
}

fn monotonic() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
