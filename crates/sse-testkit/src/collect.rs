//! A client that collects event streams, in memory or over HTTP, and always comes to an end.
//!
//! A [`Collector`] says what to ask for and when to stop, a [`Target`] who answers, a [`Collected`] what came. A [`Live`]
//! reads step by step, for tests that act between two events.
//!
//! # It does not hang
//!
//! Whatever the stream does, one of these ends the collecting: the end of the stream, [`Collector::with_max_events`],
//! [`Collector::until`], the deadline (5 s), 10,000 events, comments and other items, 4 MiB, or a million wakes in a row
//! without news. Whatever other tasks do, a reading that waits ends too when a paused clock has not moved for 30 s of real
//! time: [`Collector::with_max_standstill`]. Only code that blocks the thread cannot be interrupted.
//!
//! # Virtual time
//!
//! All waiting is on tokio's clock. In memory, under `#[tokio::test(start_paused = true)]`, an hour of heartbeats takes
//! no time. A real socket does not know of that clock: with [`Url`](crate::url::Url) let it run.
//!
//! # The client leaves
//!
//! Dropping a [`Live`], or the future of [`Collector::collect`], drops the response, as a server does when its client
//! has gone.

mod collected;
mod error;
mod guard;
mod live;
mod target;
mod watch;

#[cfg(test)]
mod tests;

pub use self::collected::{Arrival, Collected, End, Failure, Limit, ReceivedComment, ReceivedEvent};
pub use self::error::CollectError;
pub use self::live::Live;
pub use self::target::{BoxError, Target};

use self::collected::Head;
use self::guard::{Bounds, respond};
use bytes::Bytes;
use core::fmt;
use core::time::Duration;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use sse_core::head;
use std::sync::Arc;
use tokio::time::Instant;

/// A request for an event stream, and when to stop reading.
///
/// Makes any number of requests, each on its own; cloning is cheap.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, Sse};
/// use sse_testkit::collect::{Collector, End};
/// use sse_testkit::tower::Tower;
///
/// let numbers = || async { Sse::new(tokio_stream::iter((1_u64..).map(|n| Event::new(n.to_string()).with_id(n)))) };
/// let app = Tower::new(Router::new().route("/numbers", get(numbers)));
///
/// let numbers = Collector::get("/numbers").with_max_events(3).collect(&app).await?;
/// assert_eq!(numbers.data(), ["1", "2", "3"]);
/// assert_eq!((numbers.end, numbers.last_event_id.as_str()), (End::MaxEvents, "3"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
#[must_use]
pub struct Collector {
    method: Method,
    uri: String,
    headers: HeaderMap,
    body: Bytes,
    last_event_id: Option<String>,
    /// The first header that cannot be one.
    invalid: Option<String>,
    status: StatusCode,
    pause: Duration,
    deadline: Duration,
    max_events: usize,
    max_items: usize,
    max_bytes: usize,
    max_standstill: Duration,
    takes_any_encoding: bool,
    until: Option<Arc<Predicate>>,
}

type Predicate = dyn Fn(&[ReceivedEvent]) -> bool + Send + Sync;

impl Collector {
    /// How long is read by default: 5 s.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

    /// How many events, comments and other items are read by default: 10,000.
    pub const DEFAULT_MAX_ITEMS: usize = 10_000;

    /// How many bytes are read by default: 4 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 4 * 1024 * 1024;

    /// How long, in real time, tokio's clock may stand still by default: 30 s.
    pub const DEFAULT_MAX_STANDSTILL: Duration = Duration::from_secs(30);

    /// Asks for `uri` with a method, and `accept: text/event-stream`.
    ///
    /// In memory `uri` is path and query; a [`Url`](crate::url::Url) puts its own scheme and host before them. One without
    /// a path that begins with a slash is reported when the request is made, as [`CollectError::InvalidRequest`].
    ///
    /// ```
    /// use sse_testkit::collect::Collector;
    ///
    /// let collector = Collector::new(http::Method::POST, "/chat").with_body(r#"{"prompt":"hello"}"#);
    /// # let _ = collector;
    /// ```
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(head::CONTENT_TYPE));
        Self {
            method,
            uri: uri.into(),
            headers,
            body: Bytes::new(),
            last_event_id: None,
            invalid: None,
            status: StatusCode::OK,
            pause: Duration::ZERO,
            deadline: Self::DEFAULT_DEADLINE,
            max_events: usize::MAX,
            max_items: Self::DEFAULT_MAX_ITEMS,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            max_standstill: Self::DEFAULT_MAX_STANDSTILL,
            takes_any_encoding: false,
            until: None,
        }
    }

    /// Asks as an `EventSource` does, with GET; see [`new`](Self::new).
    pub fn get(uri: impl Into<String>) -> Self {
        Self::new(Method::GET, uri)
    }

    /// Asks with POST, as `fetch` clients may; see [`new`](Self::new).
    pub fn post(uri: impl Into<String>) -> Self {
        Self::new(Method::POST, uri)
    }

    /// Sets a header of the request, in the place of those of that name.
    ///
    /// One that HTTP does not allow is reported when the request is made, as [`CollectError::InvalidRequest`].
    ///
    /// ```
    /// use sse_testkit::collect::Collector;
    ///
    /// let collector = Collector::get("/private").with_header("authorization", "Bearer secret");
    /// # let _ = collector;
    /// ```
    pub fn with_header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        match (HeaderName::from_bytes(name.as_ref()), HeaderValue::from_bytes(value.as_ref())) {
            (Ok(name), Ok(value)) => {
                self.headers.insert(name, value);
            }
            _ => {
                let name = String::from_utf8_lossy(name.as_ref());
                self.invalid.get_or_insert_with(|| format!("the header {name:?}"));
            }
        }
        self
    }

    /// Sets the body of the request; its media type is a [header](Self::with_header).
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Names the last event that was seen, in the header
    /// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header), as a
    /// browser that reconnects does: as UTF-8, and not at all if it is empty.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
    /// use axum::{Router, routing::get};
    /// use sse_axum::{LastEventId, Sse};
    /// use sse_testkit::{collect::Collector, tower::Tower};
    ///
    /// let echo = |LastEventId(id): LastEventId| async move { Sse::new(tokio_stream::iter(id.map(|id| id.to_string()))) };
    /// let app = Tower::new(Router::new().route("/", get(echo)));
    /// let echoed = Collector::get("/").with_last_event_id("7").collect(&app).await?;
    /// assert_eq!(echoed.data(), ["7"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub fn with_last_event_id(mut self, id: impl Into<String>) -> Self {
        self.last_event_id = Some(id.into()).filter(|id| !id.is_empty());
        self
    }

    /// Goes on where another reading left off: with its last event id. See also [`Collected::resume`].
    pub fn resuming(self, collected: &Collected) -> Self {
        self.with_last_event_id(collected.last_event_id.as_str())
    }

    /// Sets the status to expect, in the place of 200, which is the only one that an `EventSource` takes.
    pub fn expecting(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Waits before the request is made: the time that a client lets pass before it reconnects. Not counted to the
    /// deadline.
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets how long the whole response may take, from the request on; 5 s by default.
    ///
    /// With the head behind it, a reading that is cut here is complete: [`End::Deadline`]. For a [`Live`], each wait may take
    /// so long.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
    /// use axum::{Router, routing::get};
    /// use core::time::Duration;
    /// use sse_axum::Sse;
    /// use sse_testkit::{collect::{Collector, End}, tower::Tower};
    ///
    /// let silent = || async { Sse::new(tokio_stream::pending::<String>()) };
    /// let app = Tower::new(Router::new().route("/", get(silent)));
    /// let hour = Collector::get("/").with_deadline(Duration::from_secs(3_601)).collect(&app).await?;
    /// assert_eq!((hour.heartbeats(), hour.end), (240, End::Deadline)); // on the paused clock, at once
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Stops behind so many events: [`End::MaxEvents`]. Zero reads nothing but the head.
    pub fn with_max_events(mut self, events: usize) -> Self {
        self.max_events = events;
        self
    }

    /// Stops behind the first event with which the predicate holds for all events so far: [`End::Until`].
    ///
    /// ```
    /// use sse_testkit::collect::Collector;
    ///
    /// let collector = Collector::get("/tokens").until(|events| events.last().is_some_and(|last| last.name == "done"));
    /// # let _ = collector;
    /// ```
    pub fn until(mut self, predicate: impl Fn(&[ReceivedEvent]) -> bool + Send + Sync + 'static) -> Self {
        self.until = Some(Arc::new(predicate));
        self
    }

    /// Sets how many events, comments and other items are read at most, in the place of 10,000: [`Limit::Items`].
    pub fn with_max_items(mut self, items: usize) -> Self {
        self.max_items = items;
        self
    }

    /// Sets how many bytes are read at most, in the place of 4 MiB: [`Limit::Bytes`]. The chunk that reaches it counts.
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long, in real time, tokio's clock may stand still while a reading waits, in the place of 30 s:
    /// [`Limit::Standstill`].
    ///
    /// A paused clock moves only when all tasks wait: one that spins, and a `spawn_blocking` that does not return, hold it and
    /// every deadline. A clock that is not paused always moves. Costs a thread for all readings that wait, which ends with
    /// the last of them.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
    /// use axum::{Router, routing::get};
    /// use core::time::Duration;
    /// use sse_axum::Sse;
    /// use sse_testkit::{collect::{Collector, End, Limit}, tower::Tower};
    ///
    /// tokio::spawn(async {
    ///     loop {
    ///         tokio::task::yield_now().await; // should wait for something
    ///     }
    /// });
    /// let silent = || async { Sse::new(tokio_stream::pending::<String>()) };
    /// let app = Tower::new(Router::new().route("/", get(silent)));
    /// let collector = Collector::get("/").with_max_standstill(Duration::from_millis(100));
    /// assert_eq!(collector.collect(&app).await?.end, End::Limit(Limit::Standstill));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub fn with_max_standstill(mut self, real_time: Duration) -> Self {
        self.max_standstill = real_time;
        self
    }

    /// Takes a body with a `content-encoding` of any kind, in the place of [`CollectError::Encoded`].
    ///
    /// It is not decoded: [`Collected::wire`] and [`Collected::arrivals`] are what came, and there are no events.
    ///
    /// ```
    /// use sse_testkit::collect::Collector;
    ///
    /// let collector = Collector::get("/").with_header("accept-encoding", "gzip").with_any_encoding();
    /// # let _ = collector;
    /// ```
    pub fn with_any_encoding(mut self) -> Self {
        self.takes_any_encoding = true;
        self
    }

    /// Makes the request, reads until there is a reason to stop, and leaves.
    ///
    /// # Errors
    ///
    /// When there is no event stream, or it [breaks off](CollectError::Broken): a failed service, a panic in handler or
    /// body, another status or media type, a body that is compressed.
    pub async fn collect(self, target: &impl Target) -> Result<Collected, CollectError> {
        let mut live = self.open(target).await?;
        live.read_all().await;
        let collected = live.leave();
        match collected.end {
            End::Broken(_) => Err(CollectError::Broken(Box::new(collected))),
            _ => Ok(collected),
        }
    }

    /// Makes the request, and returns with the head of the response, to read step by step.
    ///
    /// # Errors
    ///
    /// When there is no event stream.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use sse_axum::broadcast::{self, Broadcaster, Settings};
    /// use sse_testkit::{collect::Collector, tower::Tower};
    ///
    /// let hub = Broadcaster::new(Settings::new());
    /// let app = Tower::new(Router::new().route("/news", get(broadcast::route(hub.clone(), ["news"]))));
    ///
    /// let mut news = Collector::get("/news").open(&app).await?;
    /// assert_eq!(news.next_event().await?.name, "sse:start");
    /// hub.publish("news", "first")?;
    /// assert_eq!(news.next_event().await?.data, "first");
    /// hub.publish("news", "second")?;
    /// assert_eq!(news.next_event().await?.data, "second");
    /// drop(news); // the client leaves
    /// assert_eq!(hub.client_count(), 0);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub async fn open<T: Target>(self, target: &T) -> Result<Live<T::Body>, CollectError> {
        let request = self.request()?;
        if !self.pause.is_zero() {
            let mut bounds = Bounds::new(Instant::now(), Duration::MAX, self.max_standstill);
            bounds.pause(self.pause).await.map_err(CollectError::NoResponse)?;
        }
        let start = Instant::now();
        let mut bounds = Bounds::new(start, self.deadline, self.max_standstill);
        let response = respond(target, request, &mut bounds).await?;
        let (parts, body) = response.into_parts();
        let mut body = Box::pin(body);
        let values = parts.headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
        if parts.status != self.status || !head::content_type(values).is_some_and(head::is_event_stream) {
            let content_type = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            return Err(CollectError::NotAnEventStream {
                status: parts.status,
                content_type: content_type.map(|value| String::from_utf8_lossy(value).into_owned()),
                body: guard::text(body.as_mut(), &mut bounds).await,
            });
        }
        let encoding = encoding(&parts.headers);
        if !encoding.is_empty() && !self.takes_any_encoding {
            return Err(CollectError::Encoded { encoding });
        }
        let head = Head {
            is_encoded: !encoding.is_empty(),
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
            at: start.elapsed(),
        };
        Ok(Live::new(self, head, body, start))
    }

    #[cfg(feature = "conformance")]
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Asks for the head alone, and waits for the end of the response.
    #[cfg(feature = "conformance")]
    pub(crate) fn into_head(mut self) -> Self {
        self.method = Method::HEAD;
        self.max_events = usize::MAX;
        self.until = None;
        self
    }

    fn request(&self) -> Result<Request<Bytes>, CollectError> {
        if let Some(invalid) = &self.invalid {
            return Err(CollectError::InvalidRequest(invalid.clone()));
        }
        let invalid = |error: http::Error| CollectError::InvalidRequest(format!("{:?}: {error}", self.uri));
        let request = Request::builder().method(&self.method).uri(&self.uri);
        let mut request = request.body(self.body.clone()).map_err(invalid)?;
        if !request.uri().path().starts_with('/') {
            let message = format!("{:?} has no path that begins with a slash", self.uri);
            return Err(CollectError::InvalidRequest(message));
        }
        request.headers_mut().extend(self.headers.clone());
        if let Some(id) = &self.last_event_id {
            let invalid = |_| CollectError::InvalidRequest(format!("the last event id {id:?}"));
            let id = HeaderValue::from_bytes(id.as_bytes()).map_err(invalid)?;
            request.headers_mut().insert(head::LAST_EVENT_ID, id);
        }
        Ok(request)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("last_event_id", &self.last_event_id)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// How a body is encoded; empty if it is not.
fn encoding(headers: &HeaderMap) -> String {
    let values =
        headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).map(String::from_utf8_lossy);
    let encoding = values.collect::<Vec<_>>().join(", ");
    let mut codings = encoding.split(',').map(str::trim);
    if codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity")) {
        return String::new();
    }
    encoding
}
