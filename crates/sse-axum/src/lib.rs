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
//! - **Clients that vanish** without a word are noticed when heartbeats are not acknowledged: set `TCP_USER_TIMEOUT` on the
//!   listening socket, or Linux retransmits for about 15 minutes. A write time-out does not notice them on idle streams.
//! - **Shutdown** (`with_graceful_shutdown`) waits for open streams: end them with [`Sse::until`]. Over HTTP/2 a client whose
//!   window stays closed holds it up: limit it.
//!
//! # Features
//!
//! - `json` (default): [`Event::json`].
//! - `broadcast`: events for many clients, with streams that resume: the module `broadcast`.
//! - `tracing`: `TracingObserver`, which tells `tracing` what happens to a response.
//! - `html`: fragments for htmx, Datastar and Turbo: the module `html`, which is the crate `sse-html`.

#[cfg(feature = "broadcast")]
pub mod broadcast;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use core::convert::Infallible;
use core::future::Future;
use core::time::Duration;
use http::request::Parts;
use sse_driver::{NoEvents, TokioTimer};

#[cfg(feature = "tracing")]
pub use sse_hyper::TracingObserver;
#[cfg(feature = "html")]
pub use sse_hyper::html;
pub use sse_hyper::{
    ClientProfile, CloseEvent, CloseReason, Comment, Config, Encoder, ErrorAction, ErrorPolicy, Event,
    EventId, EventName, Frame, Heartbeat, IntoFrame, InvalidField, InvalidInterval, ItemError, Iter,
    LineEnding, Notice, Observer, Options, Outcome, Push, PushError, RenderError, Retry, Sender, Source,
    Totals, event_id, event_name, sse_core, sse_driver,
};
#[cfg(feature = "json")]
pub use sse_hyper::{JsonError, JsonEvent};

/// An event stream as axum's response; see the [crate] for a whole handler.
///
/// Runs on tokio's timer, like axum. Nothing happens before the body is polled.
///
/// ```
/// use axum::http::StatusCode;
/// use axum::response::IntoResponse;
/// use sse_axum::{CloseEvent, Sender, Sse, event_name};
///
/// async fn answer() -> impl IntoResponse {
///     let hello = Sse::push(async |mut events: Sender| events.send("hello").await);
///     (StatusCode::ACCEPTED, hello.with_close_event(CloseEvent::new(event_name!("done"))))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// #     use http_body_util::BodyExt;
/// let response = answer().await.into_response();
/// assert_eq!(response.status(), StatusCode::ACCEPTED);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// let wire = response.into_body().collect().await.unwrap().to_bytes();
/// assert_eq!(wire, ":\ndata: hello\n\nevent: done\ndata: complete\n\n");
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Sse<S> {
    source: S,
    options: Options,
}

impl<S: Source> Sse<S> {
    /// Makes a response of a stream: its items are events, text, frames, JSON, or results of these.
    ///
    /// The stream is dropped when the client leaves or the response closes. A response needs one that is `'static` and
    /// `Send`.
    ///
    /// ```
    /// use futures_core::Stream;
    /// use sse_axum::{Event, Source, Sse};
    ///
    /// async fn prices() -> Sse<impl Source> {
    ///     Sse::new(subscribe("prices"))
    /// }
    ///
    /// fn subscribe(topic: &str) -> impl Stream<Item = Result<Event<'static>, std::io::Error>> + use<> {
    ///     // …
    /// #   let _ = topic;
    /// #   Nothing
    /// }
    /// # struct Nothing;
    /// # impl Stream for Nothing {
    /// #     type Item = Result<Event<'static>, std::io::Error>;
    /// #     fn poll_next(
    /// #         self: core::pin::Pin<&mut Self>,
    /// #         _: &mut core::task::Context<'_>,
    /// #     ) -> core::task::Poll<Option<Self::Item>> {
    /// #         core::task::Poll::Ready(None)
    /// #     }
    /// # }
    /// # let app: axum::Router = axum::Router::new().route("/prices", axum::routing::get(prices));
    /// ```
    pub fn new(source: S) -> Self {
        Self { source, options: Options::new() }
    }

    /// Sets all options at once, in the place of those set before.
    ///
    /// ```
    /// use sse_axum::{ErrorPolicy, Options, Sender, Sse};
    ///
    /// let options = Options::new().on_error(ErrorPolicy::close()).with_heartbeat(None);
    /// let response = Sse::push(async |mut events: Sender| events.send("a").await).with_options(options);
    /// # let _ = response;
    /// ```
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    sse_driver::forward_options!();
}

impl<I> Sse<Iter<I>>
where
    I: Iterator,
    I::Item: IntoFrame,
{
    /// Makes a response of values that are there already, or of one: `Sse::iter([value])`.
    ///
    /// ```
    /// use axum::response::IntoResponse;
    /// use http_body_util::BodyExt;
    /// use sse_axum::Sse;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let body = Sse::iter(["a", "b"]).into_response().into_body();
    /// assert_eq!(body.collect().await.unwrap().to_bytes(), ":\ndata: a\n\ndata: b\n\n");
    /// # }
    /// ```
    pub fn iter(values: impl IntoIterator<IntoIter = I>) -> Self {
        Self::new(Iter::new(values))
    }
}

impl<F, Fut> Sse<Push<F, Fut>>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    /// Makes a response of an async function that sends events; it is dropped when the client leaves.
    ///
    /// Called on the first poll of the body. Returns nothing or a [`Result`], whose error counts as the source's.
    ///
    /// ```
    /// use axum::response::IntoResponse;
    /// use http_body_util::BodyExt;
    /// use sse_axum::{Event, Sender, Sse};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let numbers = Sse::push(async |mut events: Sender| {
    ///     for number in 1..=2_u64 {
    ///         events.send(Event::new("tick").with_id(number)).await?;
    ///     }
    ///     Ok::<(), sse_axum::PushError>(())
    /// });
    /// let wire = numbers.into_response().into_body().collect().await.unwrap().to_bytes();
    /// assert_eq!(wire, ":\nid: 1\ndata: tick\n\nid: 2\ndata: tick\n\n");
    /// # }
    /// ```
    pub fn push(function: F) -> Self {
        Self::new(Push::new(function))
    }
}

impl<S: Source + Send + 'static> IntoResponse for Sse<S> {
    fn into_response(self) -> Response {
        sse_hyper::Sse::new(self.source).with_options(self.options).into_response().map(Body::new)
    }
}

/// The id of the last event that the client saw: its
/// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header) header,
/// else the query parameter `lastEventId`, both read as UTF-8. Never refuses a request.
///
/// `None` when neither names one. The id comes from the client and may be none of yours: it is legal, not trustworthy.
///
/// ```
/// use axum::extract::FromRequestParts;
/// use sse_axum::LastEventId;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), http::Error> {
/// let (mut parts, ()) = http::Request::get("/?lastEventId=7").body(())?.into_parts();
/// let Ok(LastEventId(seen)) = LastEventId::from_request_parts(&mut parts, &()).await;
/// assert_eq!(seen.unwrap().as_u64(), Some(7));
/// # Ok(())
/// # }
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

/// What kind of client asks, found by the request's headers: see [`ClientProfile::detect`]. Never refuses a request.
///
/// `None` for one that does not ask for an event stream. A response that depends on it varies with
/// [`ClientProfile::VARY`].
///
/// ```
/// use axum::http::header::VARY;
/// use axum::response::IntoResponse;
/// use sse_axum::{ClientProfile, Profile, Sse};
///
/// async fn events(Profile(detected): Profile) -> impl IntoResponse {
///     let profile = detected.unwrap_or(ClientProfile::EventSource);
///     ([(VARY, ClientProfile::VARY)], Sse::iter(["a"]).for_client(profile))
/// }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::get(events));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile(pub Option<ClientProfile>);

impl<S: Sync> FromRequestParts<S> for Profile {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        Ok(Self(ClientProfile::detect(headers)))
    }
}

/// Makes the response that keeps a client out, for now or (`None`) for good, as its kind understands it: see
/// [`ClientProfile`]. The time is spread over clients.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use core::time::Duration;
/// use sse_axum::{ClientProfile, Sse, refuse};
///
/// async fn events() -> Response {
///     if is_full() {
///         return refuse(ClientProfile::EventSource, Some(Duration::from_secs(30)));
///     }
///     Sse::iter(["a"]).into_response()
/// }
/// # fn is_full() -> bool { true }
/// # let app: axum::Router = axum::Router::new().route("/", axum::routing::get(events));
/// ```
#[must_use]
pub fn refuse(profile: ClientProfile, wait: Option<Duration>) -> Response {
    // axum itself leaves the body out where the request was a HEAD.
    let request = http::Request::new(());
    sse_hyper::refuse::<_, NoEvents, TokioTimer>(&request, profile, wait).map(Body::new)
}
