//! The one async loop of Server-Sent Events responses: a [`Source`] of events and a [`Timer`] become wire chunks.
//!
//! Adapters for HTTP frameworks are thin shells over [`Driver`]: they poll it for chunks and drop it when the peer is
//! gone. Applications use an adapter (`sse-hyper`, `sse-axum`, `sse-actix`), which re-exports what they need from here.
//!
//! The protocol itself, and every decision of what to send when, is in [`sse_core`]; this crate asks the source, applies
//! the [`ErrorPolicy`], arms the timer, listens to the shutdown future and reports to hook and [`Observer`]. It spawns no
//! task and needs no runtime.
//!
//! # Features
//!
//! - `json`: `Event::json` in the core.
//! - `tokio`: [`TokioTimer`], for frameworks that run on tokio.
//! - `tracing`: `TracingObserver`, an observer that tells `tracing`.

mod decode;
mod driver;
mod error_policy;
mod observer;
mod options;
mod push;
mod refusal;
mod request;
mod source;
mod timer;
#[cfg(feature = "tracing")]
mod tracing;
mod unwinding;

pub use decode::DecodeStream;
pub use driver::{Driver, random_seed};
pub use error_policy::{ErrorAction, ErrorPolicy};
pub use observer::{Notice, Observer};
pub use options::Options;
pub use push::{Outcome, Push, PushError, Sender};
pub use refusal::refusal;
pub use request::last_event_id;
pub use source::{Iter, NoEvents, Source};
#[cfg(feature = "tokio")]
pub use timer::TokioTimer;
pub use timer::{Alarm, Timer};
#[cfg(feature = "tracing")]
pub use tracing::TracingObserver;

pub use sse_core;
