//! Whole servers under load: what a delivery, a heartbeat and a token cost the server's process, how long they take, what an
//! idle connection weighs, and what clients that stall do to the others. See "Serving" in `docs/BENCHMARKING.md`.
//!
//! Every server is a process of its own, this program with `serve` (or nginx), and ends when its input does. What it is told
//! to publish, it publishes. The generator is one thread of this process, and checks that every client got every event
//! once and in order.

mod command;
mod generator;
mod measures;
mod nchan;
mod orders;
mod process;
mod servers;
mod table;
mod wire;

pub use command::{Options, run, serve};
pub use measures::Measure;

use std::sync::LazyLock;
use std::time::Duration;

/// One way to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    OursOnHyper,
    OursOnAxum,
    OursOnAxumOverHttp1,
    OursOnActix,
    CoreAlone,
    AxumSse,
    ActixWebLab,
    Bare,
    BareJoined,
    EmptyOnHyper,
    EmptyOnAxum,
    EmptyOnAxumOverHttp1,
    EmptyOnActix,
    Nchan,
    Floor,
}

impl Engine {
    pub const ALL: [Self; 15] = [
        Self::OursOnHyper,
        Self::OursOnAxum,
        Self::OursOnAxumOverHttp1,
        Self::OursOnActix,
        Self::CoreAlone,
        Self::AxumSse,
        Self::ActixWebLab,
        Self::Bare,
        Self::BareJoined,
        Self::EmptyOnHyper,
        Self::EmptyOnAxum,
        Self::EmptyOnAxumOverHttp1,
        Self::EmptyOnActix,
        Self::Nchan,
        Self::Floor,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OursOnHyper => "ours, hyper",
            Self::OursOnAxum => "ours, axum",
            Self::OursOnAxumOverHttp1 => "ours, axum over http1",
            Self::OursOnActix => "ours, actix",
            Self::CoreAlone => "ours, core alone",
            Self::AxumSse => "axum Sse",
            Self::ActixWebLab => "actix-web-lab",
            Self::Bare => "hyper by hand",
            Self::BareJoined => "hyper by hand, joined",
            Self::EmptyOnHyper => "empty, hyper",
            Self::EmptyOnAxum => "empty, axum",
            Self::EmptyOnAxumOverHttp1 => "empty, axum over http1",
            Self::EmptyOnActix => "empty, actix",
            Self::Nchan => "nchan",
            Self::Floor => "floor",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// Whether its streams ever say anything.
    fn is_empty(self) -> bool {
        use Engine::{EmptyOnActix, EmptyOnAxum, EmptyOnAxumOverHttp1, EmptyOnHyper};
        matches!(self, EmptyOnHyper | EmptyOnAxum | EmptyOnAxumOverHttp1 | EmptyOnActix)
    }

    /// Whether it can serve what `feed` gives.
    fn serves(self, feed: Feed) -> bool {
        match feed {
            Feed::Events => true,
            // The floor has tokens for one client.
            Feed::Ready(count) => {
                !self.is_empty() && self != Self::Nchan && (self != Self::Floor || count > 0)
            }
            Feed::Channel(_) => !self.is_empty() && self != Self::Nchan && self != Self::Floor,
        }
    }
}

/// Where the events of a server's streams come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// What is published, for every client.
    Events,
    /// So many tokens for each client, there already.
    Ready(u64),
    /// So many tokens for each client, from another task.
    Channel(u64),
}

/// What a server is told when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub engine: Engine,
    pub feed: Feed,
    /// How long a stream is silent before it beats; what its engine does by itself, if none.
    pub heartbeat: Option<Duration>,
}

impl Setup {
    fn new(engine: Engine) -> Self {
        Self { engine, feed: Feed::Events, heartbeat: None }
    }
}

/// Nanoseconds on the clock that both processes have.
fn stamp() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The data of an event: its number, when it was published, and what brings it to a hundred bytes.
fn data(number: u64) -> String {
    format!("{:.<100}", format!("{number} {} ", stamp()))
}

/// What the numbers of tokens begin again after.
const TOKENS: usize = 1_000;

/// Twenty bytes that begin with the token's number.
fn token(number: u64) -> &'static str {
    static ALL: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..TOKENS).map(|number| format!("{:.<20}", format!("{number} "))).collect());
    &ALL[(number % TOKENS as u64) as usize]
}
