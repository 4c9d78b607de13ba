//! A request's arguments, and what answers are made of.

use std::{error::Error, str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use libp2p::PeerId;
use serde_json::Value;

pub type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a command waits for a peer.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Request(pub Value);

impl Request {
    pub fn text(&self, name: &str) -> Result<&str> {
        self.0[name].as_str().ok_or_else(|| missing(name))
    }

    pub fn parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(&self, name: &str) -> Result<T> {
        Ok(self.text(name)?.parse()?)
    }

    pub fn peer(&self) -> Result<PeerId> {
        self.parsed("peer_id")
    }

    pub fn count(&self, name: &str) -> Result<usize> {
        let count = self.0[name].as_u64().ok_or_else(|| missing(name))?;
        Ok(count.try_into()?)
    }

    pub fn number(&self, name: &str) -> Result<f64> {
        self.0[name].as_f64().ok_or_else(|| missing(name))
    }

    pub fn seconds(&self) -> Result<Duration> {
        Ok(Duration::try_from_secs_f64(self.number("seconds")?)?)
    }

    pub fn data(&self) -> Result<Vec<u8>> {
        Ok(BASE64_STANDARD.decode(self.text("data")?)?)
    }

    pub fn has(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }
}

fn missing(name: &str) -> Box<dyn Error + Send + Sync> {
    format!("{name} is missing or of the wrong type").into()
}

pub fn base64(raw: &[u8]) -> String {
    BASE64_STANDARD.encode(raw)
}

pub fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}
