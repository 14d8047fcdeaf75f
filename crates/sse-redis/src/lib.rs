//! Server-Sent Events on many nodes: the broadcaster of [`sse_broadcast`], with a Redis Stream as its log.
//!
//! Publish on any node, and the clients of every node get it. A node reads the stream once, into the log that its
//! subscriptions are cursors in; a thousand clients that come back at once cost the engine nothing. Ids are the same on every
//! node: a client that was cut from one goes on at another, behind the last event that it saw.
//!
//! ```no_run
//! use sse_redis::{RedisBroadcaster, Servers, Settings};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = match std::env::var("REDIS_URL") {
//!     Ok(url) => RedisBroadcaster::connect(Servers::at(&url)?, Settings::new("chat")).await?,
//!     Err(_) => RedisBroadcaster::embedded(sse_broadcast::Settings::new()),
//! };
//! // In a handler: `Sse::new(stream)` of any adapter, or its route for `hub.broadcaster()`.
//! let stream = hub.broadcaster().subscribe_or_refuse(["lobby"], None);
//! # let _ = stream;
//! hub.publish("lobby", "hello").await?;
//! # Ok(()) }
//! ```
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | order | all topics of a stream have one order, the same on every node and for every client |
//! | from publisher to log | once, if `publish` returns a position; not at all, if it returns any other error than [`PublishError::Unconfirmed`]; perhaps, with that one: a program that repeats it may publish twice |
//! | from log to client | each event exactly once, by its id, over any number of connections to any nodes; or the client is told what it may have lost, by the event `sse:reset` |
//! | what was trimmed before a client came back | told: a gap |
//! | what was trimmed before a node read it | told to the clients of that node: a gap |
//! | `FLUSHALL`, a stream that was deleted, a restart without what was written last | told to all clients: a new epoch |
//! | failover to a replica that had not got all | what was confirmed and lost is noticed by any node that had read or published it, and told to all clients; what no node had seen is lost unseen |
//! | a node that is cut off together with an old master | its clients hear that side alone until the master is demoted or ends; then they are told |
//! | the engine is gone | streams stay open and beat, clients get `sse:stale`; publishing is an error or waits, see [`Outage`]; nothing is held back in memory |
//!
//! `WAIT` and `min-replicas-to-write` are the engine's own means against the loss of what was confirmed.
//!
//! # Features
//!
//! - `json` (default): `Message::json`, `TypedEvent` of [`sse_broadcast`].
//! - `tls`: `rediss://`.

mod backoff;
mod broadcaster;
mod commands;
mod entry;
mod entry_id;
mod error;
mod ledger;
mod node;
mod presence;
mod servers;
mod settings;

pub use broadcaster::RedisBroadcaster;
pub use entry::{Malformed, MalformedEntry};
pub use error::{ConnectError, Engine, EngineError, InvalidAddress, PublishError};
pub use node::EngineStats;
pub use presence::{Clients, Membership};
pub use servers::Servers;
pub use settings::{Link, Outage, Settings};

pub use sse_broadcast;
