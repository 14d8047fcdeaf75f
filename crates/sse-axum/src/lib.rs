//! Server-Sent Events for axum.
//!
//! A handler returns [`Sse`], made of a stream of events or of an async function that sends them. [`LastEventId`] extracts
//! where a client that reconnects left off.
//!
//! ```
//! use axum::{Router, routing::get};
//! use sse_axum::{Event, LastEventId, PushError, Sender, Source, Sse, event_name};
//!
//! async fn ticks(LastEventId(seen): LastEventId) -> Sse<impl Source> {
//!     let seen = seen.and_then(|id| id.as_u64()).unwrap_or(0);
//!     Sse::push(move |mut events: Sender| async move {
//!         for number in seen + 1..=3_u64 {
//!             events.send(Event::new("tick").with_name(event_name!("tick")).with_id(number)).await?;
//!         }
//!         Ok::<(), PushError>(())
//!     })
//! }
//!
//! let app: Router = Router::new().route("/ticks", get(ticks));
//! # let _ = app;
//! ```
//!
//! Status, headers and cookies are axum's own: `(StatusCode::ACCEPTED, [("x-stream", "1")], Sse::new(stream))`; a header
//! set like this replaces the one of the event stream. A HEAD that a GET route answers gets the head, and the source is
//! dropped unpolled.
//!
//! # What the server has to do
//!
//! - **Clients that stall** hold their body unpolled, so it cannot time out by itself: put a write time-out round the
//!   connection, as the example `live` does with a listener of its own; not a short one, which would give up slow readers,
//!   too. Memory is bounded meanwhile. Over HTTP/2 the time-out ends connections that are stuck, not single streams.
//! - **Shutdown** (`with_graceful_shutdown`) waits for open streams: end them with [`Sse::until`].
//!
//! # Features
//!
//! - `json` (default): [`Event::json`].

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use core::convert::Infallible;
use core::future::Future;
use http::request::Parts;

pub use sse_hyper::{
    CloseEvent, CloseReason, Comment, Config, Encoder, ErrorAction, ErrorPolicy, Event, EventId, EventName,
    Frame, Heartbeat, IntoFrame, InvalidField, InvalidInterval, ItemError, LineEnding, Notice, Observer,
    Options, Outcome, Push, PushError, Retry, Sender, Source, Totals, event_id, event_name, sse_core,
    sse_driver,
};
#[cfg(feature = "json")]
pub use sse_hyper::{JsonError, JsonEvent};

/// An event stream as axum's response; see the [crate] for an example.
///
/// Runs on tokio's timer, like axum. Nothing happens before the body is polled.
#[derive(Debug)]
#[must_use]
pub struct Sse<S> {
    source: S,
    options: Options,
}

impl<S: Source> Sse<S> {
    /// Makes a response of a stream: its items are events, text, frames, JSON, or results of these.
    pub fn new(source: S) -> Self {
        Self { source, options: Options::new() }
    }

    /// Sets all options at once.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    sse_driver::forward_options!();
}

impl<F, Fut> Sse<Push<F, Fut>>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    /// Makes a response of an async function that sends events; it is dropped when the client leaves.
    pub fn push(function: F) -> Self {
        Self::new(Push::new(function))
    }
}

impl<S: Source + Send + 'static> IntoResponse for Sse<S> {
    fn into_response(self) -> Response {
        sse_hyper::Sse::new(self.source).with_options(self.options).into_response().map(Body::new)
    }
}

/// The id of the last event that the client saw: its `Last-Event-ID` header, else the query parameter `lastEventId`, both
/// read as UTF-8. Never refuses a request.
///
/// ```
/// use axum_core::extract::FromRequestParts;
/// use sse_axum::LastEventId;
///
/// let (mut parts, ()) = http::Request::get("/?lastEventId=7").body(())?.into_parts();
/// let ready = core::pin::pin!(LastEventId::from_request_parts(&mut parts, &()));
/// # let _ = ready;
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId<'static>>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(sse_core::head::LAST_EVENT_ID).map(http::HeaderValue::as_bytes);
        Ok(Self(sse_driver::last_event_id(header, parts.uri.query())))
    }
}
