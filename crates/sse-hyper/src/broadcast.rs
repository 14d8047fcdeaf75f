//! Events for many clients, with streams that resume: all of [`sse_broadcast`], and its response for `http`.
//!
//! ```
//! use http::{Request, Response};
//! use sse_hyper::SseBody;
//! use sse_hyper::broadcast::{self, Broadcaster, Subscription};
//!
//! fn news<B>(hub: &Broadcaster, request: &Request<B>) -> Response<SseBody<Subscription>> {
//!     broadcast::respond(hub, ["news"], request)
//! }
//! ```

pub use sse_broadcast::{self, *};

use crate::{Sse, SseBody, last_event_id};
use http::{HeaderName, HeaderValue, Request, Response};
use std::sync::Arc;

/// Answers a request with the events of some topics, from its `Last-Event-ID` on.
///
/// A client that cannot be taken is told to come back later, in a way that an `EventSource` understands. What the client
/// gets stands in the header `sse-outcome`, too ([`Outcome::HEADER`]). A HEAD gets the head, and does not count as a client.
///
/// For options of the response, or a status for clients that are turned away, subscribe by hand: [`Broadcaster::subscribe`],
/// [`Sse::new`], [`outcome_header`].
///
/// ```
/// use http::Request;
/// use sse_hyper::broadcast::{self, Broadcaster, Settings};
///
/// let hub = Broadcaster::new(Settings::new());
/// let seen = hub.publish("news", "seen")?;
/// hub.publish("news", "missed")?;
/// let request = Request::get("/news").header("last-event-id", seen.to_string()).body(())?;
/// let response = broadcast::respond(&hub, ["news"], &request);
/// assert_eq!(response.headers()["sse-outcome"], "resumed; replayed=1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn respond<B, T: Into<Arc<str>>>(
    hub: &Broadcaster,
    topics: impl IntoIterator<Item = T>,
    request: &Request<B>,
) -> Response<SseBody<Subscription>> {
    let stream = hub.subscribe_or_refuse(topics, last_event_id(request).as_ref());
    let header = outcome_header(&stream);
    let mut response = Sse::new(stream).respond_to(request);
    response.headers_mut().extend([header]);
    response
}

/// Returns the header that tells what a client gets.
///
/// ```
/// use sse_hyper::Sse;
/// use sse_hyper::broadcast::{Broadcaster, Settings, outcome_header};
///
/// let hub = Broadcaster::new(Settings::new());
/// let stream = hub.subscribe_or_refuse(["news"], None);
/// let header = outcome_header(&stream);
/// let mut response = Sse::new(stream).with_heartbeat(None).into_response();
/// response.headers_mut().extend([header]);
/// assert_eq!(response.headers()["sse-outcome"], "fresh");
/// ```
#[must_use]
pub fn outcome_header(stream: &Subscription) -> (HeaderName, HeaderValue) {
    // Visible ASCII: the fallback is never taken.
    let value = HeaderValue::try_from(stream.outcome().to_string());
    let value = value.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    (HeaderName::from_static(Outcome::HEADER), value)
}
