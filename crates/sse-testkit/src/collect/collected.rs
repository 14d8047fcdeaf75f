use super::Collector;
use core::error::Error;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
use http::{HeaderMap, StatusCode, Version};

/// What came of one request.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, Retry, Sse, event_name};
/// use sse_testkit::collect::{Collector, End};
/// use sse_testkit::tower::Tower;
///
/// let price = || async {
///     let event = Event::new("42").with_name(event_name!("price")).with_id(7_u64);
///     Sse::new(tokio_stream::iter([event])).with_retry(Retry::from_millis(500))
/// };
/// let app = Tower::new(Router::new().route("/price", get(price)));
///
/// let collected = Collector::get("/price").collect(&app).await?;
/// assert_eq!((collected.status.as_u16(), collected.end), (200, End::Ended));
/// assert_eq!(collected.headers["content-type"], "text/event-stream");
/// let event = &collected.events[0];
/// assert_eq!((event.name.as_str(), event.data.as_str(), event.id.as_deref()), ("price", "42", Some("7")));
/// assert_eq!(collected.retry.map(|retry| retry.as_millis()), Some(500));
/// assert_eq!(collected.wire, b":\nretry: 500\nevent: price\nid: 7\ndata: 42\n\n");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Collected {
    /// The status.
    pub status: StatusCode,
    /// The version of HTTP that answered; HTTP/1.1 in memory.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// When the head came, from the request on, on tokio's clock; as all times here.
    pub head_at: Duration,
    /// The events, in their order.
    pub events: Vec<ReceivedEvent>,
    /// The comment lines, in their order: heartbeats among them.
    pub comments: Vec<ReceivedComment>,
    /// The reconnection time that was named last.
    pub retry: Option<Duration>,
    /// The last event id: what a reconnection sends. Empty if there is none.
    pub last_event_id: String,
    /// Why the reading stopped.
    pub end: End,
    /// When it stopped.
    pub elapsed: Duration,
    /// Whether the stream ended in the middle of an event, which clients throw away.
    pub is_cut_off: bool,
    /// All bytes that came. The last ones may be more than was asked for, and are not among the events then.
    pub wire: Vec<u8>,
    /// In which chunks they came, and when.
    pub arrivals: Vec<Arrival>,
    /// How long it was read: [`elapsed`](Self::elapsed) without the time that nobody asked a [`Live`](super::Live).
    pub(crate) read: Duration,
    pub(crate) is_encoded: bool,
    pub(super) collector: Collector,
}

/// The head of a response.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) at: Duration,
    pub(super) is_encoded: bool,
}

impl Collected {
    pub(super) fn new(collector: Collector, head: Head) -> Self {
        Self {
            status: head.status,
            version: head.version,
            headers: head.headers,
            head_at: head.at,
            events: Vec::new(),
            comments: Vec::new(),
            retry: None,
            last_event_id: collector.last_event_id.clone().unwrap_or_default(),
            end: End::Left,
            elapsed: head.at,
            is_cut_off: false,
            wire: Vec::new(),
            arrivals: Vec::new(),
            read: head.at,
            is_encoded: head.is_encoded,
            collector,
        }
    }

    /// Returns the data of each event.
    #[must_use]
    pub fn data(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.data.as_str()).collect()
    }

    /// Returns the events of a name; `message` are those without.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ReceivedEvent> {
        self.events.iter().filter(move |event| event.name == name)
    }

    /// Returns everything that came as text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.wire).into_owned()
    }

    /// Returns how many comments are heartbeats: empty, or with one of the words heartbeat, ping, keep-alive and
    /// keepalive in front, in any case and whatever follows it: `: ping - 12:00:00` is one, `: typing` and `: no ping` are
    /// none. An empty comment as the first line of the stream opens it, and is none.
    #[must_use]
    pub fn heartbeats(&self) -> usize {
        self.comments.iter().filter(|comment| comment.is_heartbeat()).count()
    }

    /// Makes the collector that goes on where this reading left off: the same request and limits, with the last event id.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
    /// use axum::{Router, routing::get};
    /// use sse_axum::{Event, LastEventId, Sse};
    /// use sse_testkit::{collect::Collector, tower::Tower};
    ///
    /// let numbers = |LastEventId(seen): LastEventId| async move {
    ///     let next = seen.and_then(|id| id.as_u64()).unwrap_or(0) + 1;
    ///     Sse::new(tokio_stream::iter((next..).map(|n| Event::new(n.to_string()).with_id(n))))
    /// };
    /// let app = Tower::new(Router::new().route("/", get(numbers)));
    ///
    /// let first = Collector::get("/").with_max_events(2).collect(&app).await?;
    /// let second = first.resume().with_pause(first.reconnection_time()).collect(&app).await?;
    /// assert_eq!((first.data(), second.data()), (vec!["1", "2"], vec!["3", "4"]));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub fn resume(&self) -> Collector {
        self.collector.clone().resuming(self)
    }

    /// Returns how long a browser waits before it reconnects: `retry`, or else 3 s as Chromium and Safari do.
    #[must_use]
    pub fn reconnection_time(&self) -> Duration {
        self.retry.unwrap_or(Duration::from_secs(3))
    }

    #[cfg(feature = "html")]
    pub(crate) fn uri(&self) -> &str {
        &self.collector.uri
    }
}

/// An event as a client sees it.
// tidy: no example: part of `Collected`, whose example has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedEvent {
    /// Its type; `message` if it has no `event` field.
    pub name: String,
    /// Its data, lines joined by LF.
    pub data: String,
    /// Its own `id` field; `Some` and empty where it resets the id.
    pub id: Option<String>,
    /// The last event id as of this event: its own or one from before.
    pub last_event_id: String,
    /// Its own `retry` field.
    pub retry: Option<Duration>,
    /// When it was complete, from the request on.
    pub at: Duration,
}

/// A comment line.
// tidy: no example: part of `Collected`; `Live::wait_until` has one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedComment {
    /// What follows the colon, without one leading space: at most 1,024 bytes.
    pub text: String,
    /// When it came, from the request on.
    pub at: Duration,
    /// It is the empty first line.
    pub(super) opens: bool,
}

impl ReceivedComment {
    fn is_heartbeat(&self) -> bool {
        let text = self.text.trim();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let word = text.split(|c| !is_part(c)).next().unwrap_or_default();
        let words = ["heartbeat", "ping", "keep-alive", "keepalive"];
        !self.opens && (text.is_empty() || words.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }
}

/// A chunk of the body.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, routing::get};
/// use sse_axum::Sse;
/// use sse_testkit::{collect::Collector, tower::Tower};
///
/// let app = Tower::new(Router::new().route("/", get(|| async { Sse::new(tokio_stream::iter(["a", "b"])) })));
/// let both = Collector::get("/").collect(&app).await?;
/// assert_eq!(both.arrivals.len(), 1, "events that are ready travel together");
/// assert_eq!(&both.wire[both.arrivals[0].bytes.clone()], b":\ndata: a\n\ndata: b\n\n");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// When it came, from the request on.
    pub at: Duration,
    /// Where it stands in [`Collected::wire`].
    pub bytes: Range<usize>,
    /// How long was read until then.
    pub(crate) read: Duration,
}

/// Why a reading stopped.
///
/// An error too, for what a [`Live`](super::Live) says in the place of an event.
///
/// ```
/// use sse_testkit::collect::{End, Failure};
///
/// let end = End::Broken(Failure::Error("connection reset".to_owned()));
/// assert_eq!(end.to_string(), "the stream failed: connection reset");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The stream ended.
    Ended,
    /// As many events came as were asked for.
    MaxEvents,
    /// What was waited for came.
    Until,
    /// The time is over.
    Deadline,
    /// More came than a test should take.
    Limit(Limit),
    /// The stream broke off.
    Broken(Failure),
    /// The client left, or is still reading.
    Left,
}

/// What there was too much of.
// tidy: no example: part of `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Events, comments and other items.
    Items,
    /// Bytes; a chunk of none counts as 64.
    Bytes,
    /// Wakes in a row that brought nothing: a million.
    Polls,
    /// Real time in which tokio's clock did not move: 30 s. Some task spins while the clock is paused.
    Standstill,
}

/// How a handler or its stream failed.
// tidy: no example: part of `End`, whose example has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// With an error: its text, and those of its causes.
    Error(String),
    /// With a panic: its message.
    Panic(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the stream ended"),
            Self::MaxEvents => f.write_str("all events came that were asked for"),
            Self::Until => f.write_str("what was waited for came"),
            Self::Deadline => f.write_str("the time is over"),
            Self::Limit(Limit::Items) => f.write_str("too many events and comments"),
            Self::Limit(Limit::Bytes) => f.write_str("too many bytes"),
            Self::Limit(Limit::Polls) => f.write_str("too many wakes without news"),
            Self::Limit(Limit::Standstill) => f.write_str("tokio's clock stands still: some task spins"),
            Self::Broken(failure) => write!(f, "the stream {failure}"),
            Self::Left => f.write_str("the client left"),
        }
    }
}

impl Error for End {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(text) => write!(f, "failed: {text}"),
            Self::Panic(text) => write!(f, "panicked: {text}"),
        }
    }
}
