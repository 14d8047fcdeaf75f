use crate::decode::Discarded;
use core::fmt;
use core::time::Duration;

/// Why a client is closed: no connection will follow.
///
/// ```
/// use sse_core::Instant;
/// use sse_core::client::{Client, Config, EndReason, Output, ResponseHead};
///
/// let mut client = Client::start(Config::new());
/// let _connect = client.poll_output(Instant::EPOCH);
/// client.handle_response(Instant::EPOCH, ResponseHead::new(403));
/// assert_eq!(client.poll_output(Instant::EPOCH), Output::Closed(EndReason::Status(403)));
/// assert_eq!(EndReason::Status(403).to_string(), "the server answered with status 403");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// [`Client::close`](super::Client::close) was called.
    Closed,
    /// The server answered with 204 No Content: it [tells the client not to
    /// reconnect](https://html.spec.whatwg.org/multipage/server-sent-events.html#server-sent-events-intro).
    NoContent,
    /// The server answered with this status, which is neither 200 nor one to try again.
    Status(u16),
    /// The server answered with 200, and with no content type or another than `text/event-stream`.
    ContentType,
    /// The driver knows that it is futile to go on: [`Client::fail`](super::Client::fail) was called.
    Failed,
    /// The connection ended for this cause, and the policies allow no other.
    Disconnected(Cause),
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client was closed"),
            Self::NoContent => f.write_str("the server has no more content"),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::ContentType => {
                f.write_str("the server answered with another content type than text/event-stream")
            }
            Self::Failed => f.write_str("the request cannot be made"),
            Self::Disconnected(cause) => write!(f, "{cause}, and no further attempt is allowed"),
        }
    }
}

/// Why one connection, or one attempt at it, ended.
///
/// ```
/// use sse_core::client::Cause;
///
/// assert_eq!(Cause::IdleTimedOut.to_string(), "the connection was silent for too long");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// There was no response.
    ConnectFailed,
    /// There was no response within the connect time-out.
    ConnectTimedOut,
    /// The server answered with this status, which is one to try again.
    Status(u16),
    /// The response came to its end.
    BodyEnded,
    /// The transport failed in the middle of the response.
    TransportFailed,
    /// No byte came for the idle time-out.
    IdleTimedOut,
    /// [`Client::restart`](super::Client::restart) was called.
    Restarted,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectFailed => f.write_str("there was no response"),
            Self::ConnectTimedOut => f.write_str("there was no response in time"),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::BodyEnded => f.write_str("the response ended"),
            Self::TransportFailed => f.write_str("the connection failed"),
            Self::IdleTimedOut => f.write_str("the connection was silent for too long"),
            Self::Restarted => f.write_str("the client was restarted"),
        }
    }
}

/// A connection that is over, with another to follow.
///
/// ```
/// use core::time::Duration;
/// use sse_core::Instant;
/// use sse_core::client::{Cause, Client, Config, Output};
///
/// let mut client = Client::start(Config::new().with_jitter_percent(0));
/// let _connect = client.poll_output(Instant::EPOCH);
/// client.handle_connect_error(Instant::EPOCH);
/// let Output::Disconnect(interruption) = client.poll_output(Instant::EPOCH) else { unreachable!() };
/// assert_eq!((interruption.cause, interruption.failed_attempts), (Cause::ConnectFailed, 1));
/// assert_eq!(interruption.delay, Duration::from_secs(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interruption {
    /// Why the connection ended.
    pub cause: Cause,
    /// When the next attempt will be made, counted from the end of this connection, unless
    /// [`Client::restart`](super::Client::restart) shortens it.
    pub delay: Duration,
    /// How many attempts in a row brought no good connection; 0 after a good one.
    pub failed_attempts: u32,
    /// The half of an event that came before the end, thrown away.
    pub discarded: Option<Discarded>,
}
