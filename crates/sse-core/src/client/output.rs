use super::{EndReason, Interruption};
use crate::time::Instant;
use alloc::string::String;

/// What a driver is to do next. Exhaustive: a driver is one `match`.
///
/// ```
/// use sse_core::Instant;
/// use sse_core::client::{Client, Config, Output};
///
/// let mut client = Client::start(Config::new()).with_last_event_id("41");
/// match client.poll_output(Instant::EPOCH) {
///     Output::Connect(attempt) => assert_eq!(attempt.last_event_id.as_deref(), Some("41")),
///     Output::Open | Output::Wait(_) | Output::Disconnect(_) | Output::Closed(_) => unreachable!(),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Make the request, with this id; then poll again.
    Connect(Attempt),
    /// The response is an event stream: [announce
    /// it](https://html.spec.whatwg.org/multipage/server-sent-events.html#announce-the-connection), read its body, poll
    /// again.
    Open,
    /// Look for news of the transport and hand them in; when it has none and the deadline has come, call
    /// [`Client::handle_timeout`](super::Client::handle_timeout). Poll again after any input.
    ///
    /// A deadline may lie in the past: then look once, without waiting.
    Wait(Option<Instant>),
    /// The connection is over: drop what is left of it, poll again.
    Disconnect(Interruption),
    /// The client is over: drop the connection, if there is one. The same for ever.
    Closed(EndReason),
}

/// One request to be made.
///
/// [`head::REQUEST_HEADERS`](crate::head::REQUEST_HEADERS) go with it.
///
/// ```
/// use sse_core::Instant;
/// use sse_core::client::{Client, Config, Output};
///
/// let mut client = Client::start(Config::new());
/// let Output::Connect(attempt) = client.poll_output(Instant::EPOCH) else { unreachable!() };
/// assert_eq!((attempt.number, attempt.last_event_id), (1, None));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt it is since the start or since the last good connection, from 1 on.
    pub number: u32,
    /// The value of the [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header)
    /// header, to be sent as UTF-8; no header without one. Never empty, and without CR, LF and NUL.
    pub last_event_id: Option<String>,
}

/// The state as scripts see it, the standard's
/// [`readyState`](https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource-readystate).
///
/// ```
/// use sse_core::client::{Client, Config, ReadyState};
///
/// let mut client = Client::start(Config::new());
/// assert_eq!(client.ready_state(), ReadyState::Connecting);
/// client.close();
/// assert_eq!(client.ready_state(), ReadyState::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// There is no connection yet, or none any more and another will be made.
    Connecting,
    /// The stream is being read.
    Open,
    /// There will be no connection any more.
    Closed,
}
