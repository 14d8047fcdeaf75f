use bytes::Bytes;
use core::fmt;
use http::Response;
use sse_driver::sse_core::client::{EndReason, Interruption};
use sse_driver::sse_core::{BoxError, OwnedItem, OwnedMessageEvent};

/// What a client tells, in the order in which it happens.
///
/// ```
/// use sse_hyper::client::Signal;
///
/// fn print(signal: Signal) {
///     match signal {
///         Signal::Open(response) => println!("open: {}", response.status()),
///         Signal::Item(item) => println!("{item:?}"),
///         Signal::Disconnected(lost) => println!("{lost}; again in {:?}", lost.interruption.delay),
///         Signal::Closed(end) => println!("{end}"),
///     }
/// }
/// # let _ = print;
/// ```
#[derive(Debug)]
pub enum Signal {
    /// The server answered with a stream; this is the head of its answer.
    Open(Response<()>),
    /// An event, a comment, a new reconnection time, a block without data, or an event that was too large.
    Item(OwnedItem),
    /// The connection is over, and another will be made.
    Disconnected(Disconnected),
    /// The client is over. Always the last.
    Closed(Closed),
}

impl Signal {
    /// Returns the event, if it is one: all that most programs want.
    ///
    /// ```
    /// use sse_hyper::client::Signal;
    /// use sse_hyper::sse_core::Decoder;
    ///
    /// let signals = Decoder::new().feed(b": hello\ndata: a\n\n").owned().map(Signal::Item).collect::<Vec<_>>();
    /// let events: Vec<_> = signals.into_iter().filter_map(Signal::into_event).collect();
    /// assert_eq!(events[0].data, "a");
    /// ```
    #[must_use]
    pub fn into_event(self) -> Option<OwnedMessageEvent> {
        match self {
            Self::Item(OwnedItem::Event(event)) => Some(event),
            _ => None,
        }
    }
}

/// A connection that is over, with another to follow.
///
/// ```
/// use sse_hyper::client::{Cause, Disconnected};
///
/// fn is_worth_a_line_in_the_log(lost: &Disconnected) -> bool {
///     lost.interruption.cause != Cause::BodyEnded
/// }
/// # let _ = is_worth_a_line_in_the_log;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Disconnected {
    /// Why, and how long the next attempt waits.
    pub interruption: Interruption,
    /// The error that ended it, if one did.
    pub error: Option<ClientError>,
    /// The response, if it was one to try again: its head, and of its body what came within 5 s, at most 64 KiB.
    pub response: Option<Response<Bytes>>,
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.interruption.cause.fmt(f)
    }
}

/// The end of a client.
///
/// ```
/// use sse_hyper::client::{Closed, EndReason};
///
/// fn message(end: &Closed) -> String {
///     match (end.reason, &end.response) {
///         (EndReason::Status(_), Some(response)) => String::from_utf8_lossy(response.body()).into_owned(),
///         (reason, _) => reason.to_string(),
///     }
/// }
/// # let _ = message;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Why.
    pub reason: EndReason,
    /// The error behind it, if there is one.
    pub error: Option<ClientError>,
    /// The response that was no event stream: its head, and of its body what came within 5 s, at most 64 KiB.
    pub response: Option<Response<Bytes>>,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

/// What went wrong below the protocol.
///
/// ```
/// use sse_hyper::client::{ClientError, RedirectError};
///
/// let error = ClientError::Redirect(RedirectError::TooMany { limit: 20 });
/// assert_eq!(error.to_string(), "there were more than 20 redirects");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request has no absolute URI. It will not get better: the client is closed.
    #[error("the request's URI is not absolute")]
    RelativeUri,
    /// The request's URI has a user name or a password, which HTTP/1 would leave out and HTTP/2 show to everybody. The
    /// client is closed.
    #[error("the request's URI has a user name or a password; the header for them is `authorization`")]
    UserInfo,
    /// The hook for requests failed.
    #[error("the request could not be prepared")]
    Hook(#[source] BoxError),
    /// There was no response.
    #[error("there was no response")]
    Request(#[source] hyper_util::client::legacy::Error),
    /// The response redirects to nowhere. The client is closed.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The body failed.
    #[error("the response broke off")]
    Body(#[source] hyper::Error),
}

/// A redirect that cannot be followed.
///
/// ```
/// use sse_hyper::client::RedirectError;
///
/// assert_eq!(RedirectError::NoLocation.to_string(), "a redirect has no location");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// There is no `Location` header, or an empty one.
    #[error("a redirect has no location")]
    NoLocation,
    /// The location, as it came, is no HTTP URL.
    #[error("a redirect leads to {location:?}, which is no HTTP URL")]
    InvalidLocation {
        /// The value of the header.
        location: String,
    },
    /// One redirect followed another.
    #[error("there were more than {limit} redirects")]
    TooMany {
        /// How many were allowed.
        limit: u8,
    },
}
