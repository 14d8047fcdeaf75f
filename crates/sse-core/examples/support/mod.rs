//! What the two servers share: HTTP, a log of events to resume from, a clock.

pub(crate) mod history;
pub(crate) mod http;

use core::sync::atomic::AtomicUsize;
use core::time::Duration;
use sse_core::{Config, Instant};
use std::net::TcpListener;

/// What a server serves.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The policies of all connections.
    pub(crate) config: Config,
    /// The time between two messages.
    pub(crate) tick: Duration,
    /// The message with this number, counted from 0; `None` ends the stream.
    pub(crate) message: fn(u64) -> Option<String>,
}

/// What a server holds, for whoever watches it.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Open sockets.
    pub(crate) connections: AtomicUsize,
    /// Bytes that wait for slow clients, beyond what the operating system buffers.
    pub(crate) waiting_bytes: AtomicUsize,
}

/// The driver's clock: the core sees time only as what has passed since an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: std::time::Instant,
}

#[allow(clippy::disallowed_methods, reason = "the core reads no clock, so that its drivers can")]
impl Clock {
    pub(crate) fn start() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Returns how long it is until `deadline`; zero when that has passed.
    pub(crate) fn until(self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.now())
    }
}

/// Listens at the port that the environment names (0, the default, takes a free one) and says where.
#[allow(clippy::print_stdout, reason = "an example talks to its terminal")]
pub(crate) fn listen() -> std::io::Result<TcpListener> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on http://{}/", listener.local_addr()?);
    Ok(listener)
}
