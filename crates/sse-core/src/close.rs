//! Why streams end.

use core::fmt;

/// Why a stream ended.
///
/// ```
/// use sse_core::{CloseReason, Config, Connection, Instant, connection::Output};
///
/// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
/// connection.handle_peer_gone();
/// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Closed(CloseReason::PeerGone));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The source of events was finished.
    SourceEnded,
    /// The source of events failed.
    SourceFailed,
    /// The server shuts down.
    Shutdown,
    /// The connection reached its maximum age; the client is meant to reconnect.
    MaxAge,
    /// The client fell behind what can be replayed; it is meant to reconnect.
    Lagged,
    /// The transport took nothing for the stall limit.
    Stalled,
    /// The client lost its right to the stream.
    Revoked,
    /// There was no room for the client; it is meant to try again later.
    Refused,
    /// The client left, or the transport failed.
    PeerGone,
}

impl CloseReason {
    /// Returns the reason as a short text, as it stands in logs and in [`CloseEvent::with_reason`](crate::connection::CloseEvent::with_reason).
    ///
    /// ```
    /// assert_eq!(sse_core::connection::CloseReason::MaxAge.as_str(), "max-age");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceEnded => "source-ended",
            Self::SourceFailed => "source-failed",
            Self::Shutdown => "shutdown",
            Self::MaxAge => "max-age",
            Self::Lagged => "lagged",
            Self::Stalled => "stalled",
            Self::Revoked => "revoked",
            Self::Refused => "refused",
            Self::PeerGone => "peer-gone",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
