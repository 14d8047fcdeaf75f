//! Server-Sent Events for actix-web.
//!
//! A handler returns [`Sse`], made of a stream of events or of an async function that sends them. [`LastEventId`] extracts
//! where a client that reconnects left off.
//!
//! ```
//! use actix_web::{App, HttpServer, web};
//! use sse_actix::{Event, LastEventId, PushError, Sender, Source, Sse, event_name};
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
//! // Without this, actix does not notice that the client of an idle stream has left.
//! let server = HttpServer::new(|| App::new().route("/ticks", web::get().to(ticks))).h1_allow_half_closed(false);
//! # let _ = server;
//! ```
//!
//! A stream may give `Result`s of any error that is `Send + Sync`. [`actix_web::Error`] is not: turn it into its text, as in
//! `.map_err(|error| error.to_string())`.
//!
//! Status, headers and cookies are actix's own: [`Sse::respond_to`](Responder::respond_to) gives a response to change, and
//! `.customize()` works. Streams and producers need not be `Send`; what is handed to [`Sse::on_close`], [`Sse::until`],
//! [`Sse::with_observer`] and [`ErrorPolicy::custom`] has to be.
//!
//! # What the server has to do
//!
//! - **Clients that leave**: set `h1_allow_half_closed(false)`, as above. With actix's default a client that closes while
//!   nothing is sent is noticed only when two heartbeats could not be delivered.
//!   Over HTTP/2 it is noticed with the next heartbeat: actix looks at a stream only when it has something to write.
//! - **HTTP/1.0**, which nginx before 1.29.7 speaks to its upstreams: nothing, where [`Sse::respond_to`](Responder::respond_to)
//!   makes the response and nobody compresses it. actix alone would answer with chunks, which such a client does not know; the
//!   response here has none, and ends with its connection. Around a body of [`Sse::into_body`], and where `Compress` compresses,
//!   actix sends chunks.
//! - **HEAD** is routed apart from GET: add `web::head().to(handler)`, and it gets the head only.
//! - **Clients that stall** hold their body unpolled, so it cannot time out by itself, and actix hides the connection: set
//!   `TCP_USER_TIMEOUT` on the listening socket, as the example `live` does; accepted sockets inherit it. Linux (5.11 and
//!   later) then gives up a connection whose window stays closed for so long, even if the client's system still answers.
//!   Not a short one: slow readers would be given up, too. Memory is bounded meanwhile. It is also how clients that
//!   vanish without a word are noticed, when heartbeats are not acknowledged.
//! - **Shutdown** waits for open streams until `shutdown_timeout` (30 s) and cuts them then: end them with [`Sse::until`].
//!   An actix-server before 2.9.1 may cut them at once.
//! - **Compression**: the response says `content-encoding: identity`, so that actix's `Compress` leaves it alone, which
//!   saves memory and time for each client. Where the header is removed it compresses, and events still leave at once.
//!
//! # Features
//!
//! - `json` (default): [`Event::json`].
//! - `broadcast`: events for many clients, with streams that resume: the module `broadcast`.
//! - `tracing`: `TracingObserver`, which tells `tracing` what happens to a response.
//! - `html`: fragments for htmx, Datastar and Turbo: the module `html`, which is the crate `sse-html`.

#[cfg(feature = "broadcast")]
pub mod broadcast;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::future::{Future, Ready, ready};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use pin_project_lite::pin_project;
use sse_driver::{Driver, TokioTimer};

#[cfg(feature = "tracing")]
pub use sse_driver::TracingObserver;
pub use sse_driver::sse_core::{
    self, ClientProfile, CloseReason, Comment, Config, Encoder, Event, EventId, EventName, Frame, IntoFrame,
    InvalidField, ItemError, LineEnding, RenderError, Retry,
    connection::{CloseEvent, Heartbeat, InvalidInterval, Totals},
    event_id, event_name,
};
#[cfg(feature = "json")]
pub use sse_driver::sse_core::{JsonError, JsonEvent};
pub use sse_driver::{
    self, ErrorAction, ErrorPolicy, Iter, Notice, Observer, Options, Outcome, Push, PushError, Sender, Source,
};
#[cfg(feature = "html")]
pub use sse_html as html;

/// An event stream as actix's response; see the [crate] for a whole server.
///
/// Nothing happens before the body is polled.
///
/// ```
/// use actix_web::body::to_bytes;
/// use actix_web::test::TestRequest;
/// use actix_web::{HttpRequest, Responder};
/// use sse_actix::{CloseEvent, Sender, Sse, event_name};
///
/// async fn answer() -> impl Responder {
///     let hello = Sse::push(async |mut events: Sender| events.send("hello").await);
///     hello.with_close_event(CloseEvent::new(event_name!("done")))
/// }
///
/// # #[actix_web::main]
/// # async fn main() {
/// let request: HttpRequest = TestRequest::get().to_http_request();
/// let response = answer().await.respond_to(&request);
/// assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
/// let wire = to_bytes(response.into_body()).await.unwrap_or_default();
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
    /// The stream is dropped when the client leaves or the response closes. A response needs one that is `'static`;
    /// `Send` it need not be.
    ///
    /// ```
    /// use futures_core::Stream;
    /// use sse_actix::{Event, Source, Sse};
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
    /// # let app = actix_web::App::new().route("/prices", actix_web::web::get().to(prices));
    /// ```
    pub fn new(source: S) -> Self {
        Self { source, options: Options::new() }
    }

    /// Sets all options at once, in the place of those set before.
    ///
    /// ```
    /// use sse_actix::{ErrorPolicy, Options, Sender, Sse};
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

    /// Makes the body alone.
    ///
    /// All that [`Sse::respond_to`](Responder::respond_to) does is then the caller's: the headers, `content-encoding: identity`
    /// among them; no chunks for HTTP/1.0, and the connection's end after the stream's; no body for HEAD. For another status or
    /// more headers, change its response instead:
    ///
    /// ```
    /// use actix_web::http::{StatusCode, Version, header};
    /// use actix_web::test::TestRequest;
    /// use actix_web::Responder;
    /// use sse_actix::{Sender, Sse};
    ///
    /// async fn accepted() -> impl Responder {
    ///     let events = Sse::push(async |mut events: Sender| events.send("a").await);
    ///     events.customize().with_status(StatusCode::ACCEPTED)
    /// }
    ///
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let request = TestRequest::get().version(Version::HTTP_10).to_http_request();
    /// let response = accepted().await.respond_to(&request);
    /// assert_eq!(response.status(), StatusCode::ACCEPTED);
    /// assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), "text/event-stream");
    /// assert!(!response.head().chunked());
    /// # }
    /// ```
    pub fn into_body(self) -> SseBody<S> {
        SseBody { driver: Some(Driver::new(self.source, TokioTimer::default(), self.options)) }
    }
}

impl<I> Sse<Iter<I>>
where
    I: Iterator,
    I::Item: IntoFrame,
{
    /// Makes a response of values that are there already, or of one: `Sse::iter([value])`.
    ///
    /// ```
    /// use actix_web::body::to_bytes;
    /// use sse_actix::Sse;
    ///
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let body = Sse::iter(["a", "b"]).into_body();
    /// assert_eq!(to_bytes(body).await.unwrap(), ":\ndata: a\n\ndata: b\n\n");
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
    /// use actix_web::body::to_bytes;
    /// use sse_actix::{Event, Sender, Sse};
    ///
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let numbers = Sse::push(async |mut events: Sender| {
    ///     for number in 1..=2_u64 {
    ///         events.send(Event::new("tick").with_id(number)).await?;
    ///     }
    ///     Ok::<(), sse_actix::PushError>(())
    /// });
    /// let wire = to_bytes(numbers.into_body()).await.unwrap();
    /// assert_eq!(wire, ":\nid: 1\ndata: tick\n\nid: 2\ndata: tick\n\n");
    /// # }
    /// ```
    pub fn push(function: F) -> Self {
        Self::new(Push::new(function))
    }
}

/// Answers with status 200 and the headers of an event stream. A HEAD gets the head only: the source is dropped unpolled,
/// and the close hook runs.
impl<S: Source + 'static> Responder for Sse<S> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::Ok();
        for (name, value) in sse_core::head::RESPONSE_HEADERS {
            response.insert_header((HeaderName::from_static(name), HeaderValue::from_static(value)));
        }
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("identity")));
        let body = self.into_body();
        // Not `finish`, which would claim a content length of 0. The stream is dropped unpolled; its close hook runs.
        let mut response =
            response.body(if request.method() == Method::HEAD { body.into_empty() } else { body });
        if request.version() < Version::HTTP_11 {
            // actix would send chunks, which such a client takes for the body.
            response.head_mut().no_chunking(true);
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }
}

pin_project! {
    /// The body of an event stream: chunks that are never empty, never an error.
    ///
    /// Dropped before its end, it tells the close hook that the peer is gone. Made by [`Sse::into_body`].
    ///
    /// ```
    /// use actix_web::body::{BodySize, MessageBody, to_bytes};
    /// use sse_actix::{Sender, Sse};
    ///
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let body = Sse::push(async |mut events: Sender| events.send("a").await).into_body();
    /// assert_eq!(body.size(), BodySize::Stream);
    /// assert_eq!(to_bytes(body).await.unwrap(), ":\ndata: a\n\n");
    /// # }
    /// ```
    pub struct SseBody<S> {
        // None where no body is to be sent.
        #[pin]
        driver: Option<Driver<S, TokioTimer>>,
    }
}

impl<S> SseBody<S> {
    /// Drops the stream unpolled; its close hook runs.
    fn into_empty(self) -> Self {
        Self { driver: None }
    }
}

impl<S: Source> MessageBody for SseBody<S> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        match self.project().driver.as_pin_mut() {
            Some(driver) => driver.poll_chunk(cx).map(|chunk| chunk.map(Ok)),
            None => Poll::Ready(None),
        }
    }
}

impl<S> fmt::Debug for SseBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").field("driver", &self.driver).finish()
    }
}

/// The id of the last event that the client saw: its
/// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header) header,
/// else the query parameter `lastEventId`, both read as UTF-8. Never refuses a request.
///
/// `None` when neither names one. The id comes from the client and may be none of yours: it is legal, not trustworthy.
///
/// ```
/// use actix_web::{FromRequest, test::TestRequest};
/// use sse_actix::LastEventId;
///
/// let request = TestRequest::get().insert_header(("last-event-id", "7")).to_http_request();
/// let LastEventId(seen) = LastEventId::extract(&request).into_inner()?;
/// assert_eq!(seen.unwrap().as_str(), "7");
/// # Ok::<(), core::convert::Infallible>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId<'static>>);

impl FromRequest for LastEventId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(sse_core::head::LAST_EVENT_ID).map(HeaderValue::as_bytes);
        ready(Ok(Self(sse_driver::last_event_id(header, request.uri().query()))))
    }
}

/// What kind of client asks, found by the request's headers: see [`ClientProfile::detect`]. Never refuses a request.
///
/// `None` for one that does not ask for an event stream. A response that depends on it varies with
/// [`ClientProfile::VARY`].
///
/// ```
/// use actix_web::Responder;
/// use sse_actix::{ClientProfile, Profile, Sse};
///
/// async fn events(Profile(detected): Profile) -> impl Responder {
///     let profile = detected.unwrap_or(ClientProfile::EventSource);
///     Sse::iter(["a"]).for_client(profile).customize().insert_header(("vary", ClientProfile::VARY))
/// }
/// # let app = actix_web::App::new().route("/", actix_web::web::get().to(events));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile(pub Option<ClientProfile>);

impl FromRequest for Profile {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        ready(Ok(Self(ClientProfile::detect(headers))))
    }
}

/// Makes the response that keeps a client out, for now or (`None`) for good, as its kind understands it: see
/// [`ClientProfile`]. The time is spread over clients.
///
/// ```
/// use actix_web::{HttpResponse, Responder};
/// use core::time::Duration;
/// use sse_actix::{ClientProfile, refuse};
///
/// async fn events() -> HttpResponse {
///     refuse(ClientProfile::EventSource, Some(Duration::from_secs(30)))
/// }
/// # let app = actix_web::App::new().route("/", actix_web::web::get().to(events));
/// ```
#[must_use]
pub fn refuse(profile: ClientProfile, wait: Option<Duration>) -> HttpResponse {
    let refusal = sse_driver::refusal(profile, wait);
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = HttpResponse::build(status);
    for (name, value) in refusal.headers() {
        response.insert_header((name, &*value));
    }
    match refusal.body() {
        Some(body) => {
            response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("identity")));
            response.body(body.clone().into_bytes())
        }
        None => response.finish(),
    }
}
