use super::CloseReason;
use crate::encode::{Encoder, LineEnding};
use crate::event::Event;
use crate::field::{EventId, EventName, Retry};
use crate::frame::Frame;
use alloc::borrow::Cow;
use bytes::Bytes;
use core::time::Duration;

/// The policies of a connection: made once, shared by any number of connections.
///
/// | policy | default |
/// |---|---|
/// | name and id of events without | none |
/// | opening bytes | an empty comment, at once: proxies hold a response back until its first body byte |
/// | reconnection time of the stream | none: the client's own |
/// | heartbeat | `: heartbeat` after 15 s without output |
/// | close event | none |
/// | maximum age | none |
/// | chunk limit | 16 KiB |
/// | queue limit (push drivers) | 64 KiB |
/// | stall limit (push drivers) | 30 s |
///
/// ```
/// use core::time::Duration;
/// use sse_core::connection::{Config, Heartbeat};
/// use sse_core::Retry;
///
/// let config = Config::new()
///     .with_retry(Retry::from_millis(2_000))
///     .with_heartbeat(Heartbeat::idle(Duration::from_secs(5))?)
///     .with_max_age(Duration::from_secs(3_600));
/// # let _ = config;
/// # Ok::<(), sse_core::connection::InvalidInterval>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) encoder: Encoder,
    pub(super) opening: Option<Frame>,
    pub(super) retry: Option<Retry>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) close_event: Option<CloseEvent>,
    pub(super) max_age: Option<Duration>,
    pub(super) chunk_limit: usize,
    pub(super) queue_limit: usize,
    pub(super) stall_limit: Option<Duration>,
}

impl Config {
    /// Makes the default policies; allocates nothing.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Config;
    ///
    /// const CONFIG: Config = Config::new();
    /// assert_eq!(CONFIG.heartbeat().map(|heartbeat| heartbeat.interval()), Some(Duration::from_secs(15)));
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            opening: None,
            retry: None,
            heartbeat: Some(Heartbeat::DEFAULT),
            close_event: None,
            max_age: None,
            chunk_limit: 16 * 1024,
            queue_limit: 64 * 1024,
            stall_limit: Some(Duration::from_secs(30)),
        }
    }

    /// Sets how the lines of the connection's own frames end, and of what a driver encodes for it; LF by default.
    ///
    /// Frames that are handed in ready, also as opening and heartbeat, stay as they are.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Instant, LineEnding};
    ///
    /// let config = Config::new().with_line_ending(LineEnding::CrLf);
    /// let output = Connection::start(config, Instant::EPOCH).poll_output(Instant::EPOCH);
    /// assert_eq!(output, Output::Transmit(b":\r\n"[..].into()));
    /// ```
    #[must_use]
    pub const fn with_line_ending(mut self, line_ending: LineEnding) -> Self {
        self.encoder.set_line_ending(line_ending);
        self
    }

    /// Sets the name of events that have none: see [`Encoder::with_default_name`].
    ///
    /// The connection's own events, error events among them, are not touched.
    ///
    /// ```
    /// use sse_core::{Config, Event, IntoFrame, event_name};
    ///
    /// let config = Config::new().with_default_name(event_name!("log"));
    /// assert_eq!("a".into_frame(config.encoder())?.as_bytes(), b"event: log\ndata: a\n\n");
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    #[must_use]
    pub fn with_default_name(mut self, name: EventName<'static>) -> Self {
        self.encoder = self.encoder.with_default_name(name);
        self
    }

    /// Sets the id of events that have none: see [`Encoder::with_default_id`].
    ///
    /// ```
    /// use sse_core::{Config, IntoFrame};
    ///
    /// let config = Config::new().with_default_id(7_u64);
    /// assert_eq!("a".into_frame(config.encoder())?.as_bytes(), b"id: 7\ndata: a\n\n");
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    #[must_use]
    pub fn with_default_id(mut self, id: impl Into<EventId<'static>>) -> Self {
        self.encoder = self.encoder.with_default_id(id);
        self
    }

    /// Sets the first bytes of the stream, in the place of the empty comment.
    ///
    /// Some always go out, and at once: proxies and browsers wait for them.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Comment, Instant};
    ///
    /// let config = Config::new().with_opening(Comment::new("v2"));
    /// let output = Connection::start(config, Instant::EPOCH).poll_output(Instant::EPOCH);
    /// assert_eq!(output, Output::Transmit(b": v2\n"[..].into()));
    /// ```
    #[must_use]
    pub fn with_opening(mut self, opening: impl Into<Frame>) -> Self {
        self.opening = Some(opening.into());
        self
    }

    /// Sets the [reconnection
    /// time](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time) of
    /// the stream, sent with the first bytes.
    ///
    /// It is a line without a blank line behind it, so it belongs to the first block that follows: several client
    /// libraries lose a `retry` that stands in a block of its own.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Instant, Retry};
    ///
    /// let config = Config::new().with_retry(Retry::from_millis(500));
    /// let output = Connection::start(config, Instant::EPOCH).poll_output(Instant::EPOCH);
    /// assert_eq!(output, Output::Transmit(b":\nretry: 500\n"[..].into()));
    /// ```
    #[must_use]
    pub fn with_retry(mut self, retry: impl Into<Retry>) -> Self {
        self.retry = Some(retry.into());
        self
    }

    /// Sets the heartbeat; `None` switches it off. The default is [`Heartbeat::DEFAULT`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{Config, Heartbeat};
    ///
    /// let config = Config::new().with_heartbeat(Heartbeat::idle(Duration::from_secs(5))?);
    /// assert_eq!(config.heartbeat().unwrap().interval(), Duration::from_secs(5));
    /// assert!(config.with_heartbeat(None).heartbeat().is_none());
    /// # Ok::<(), sse_core::connection::InvalidInterval>(())
    /// ```
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Sets the event that ends the stream; `None` (the default) ends it without one.
    ///
    /// Without one a page cannot tell the end from a lost connection, and its browser reconnects.
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Instant, event_name};
    ///
    /// let config = Config::new().with_close_event(CloseEvent::new(event_name!("done")));
    /// let mut connection = Connection::start(config, Instant::EPOCH);
    /// connection.close(CloseReason::SourceEnded);
    /// let rest = b":\nevent: done\ndata: complete\n\n";
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(rest[..].into()));
    /// ```
    #[must_use]
    pub fn with_close_event(mut self, close_event: impl Into<Option<CloseEvent>>) -> Self {
        self.close_event = close_event.into();
        self
    }

    /// Closes each connection at this age, or up to a fifth earlier (see
    /// [`Connection::with_seed`](super::Connection::with_seed)), so that load moves and platform limits are never hit;
    /// `None` (the default) lets it live.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{CloseReason, Config, Connection, Output};
    /// use sse_core::Instant;
    ///
    /// let hour = Duration::from_secs(3_600);
    /// let mut connection = Connection::start(Config::new().with_max_age(hour), Instant::EPOCH);
    /// let _opening = connection.poll_output(Instant::EPOCH);
    /// assert_eq!(connection.poll_output(Instant::from_epoch(hour)), Output::Closed(CloseReason::MaxAge));
    /// ```
    #[must_use]
    pub fn with_max_age(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// The most that [`Config::with_chunk_limit`] sets: 1 MiB.
    pub const MAX_CHUNK_LIMIT: usize = 1024 * 1024;

    /// Sets up to how many bytes of ready frames are joined into one chunk, at most [`Config::MAX_CHUNK_LIMIT`]; a larger
    /// frame travels alone, uncopied. 16 KiB by default.
    ///
    /// It also bounds how long a source that is always ready is asked in one poll.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new().with_chunk_limit(12), Instant::EPOCH);
    /// connection.send(Event::new("a"))?;
    /// connection.send(Event::new("b"))?;
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\ndata: a\n\n"[..].into()));
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b"data: b\n\n"[..].into()));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    #[must_use]
    pub const fn with_chunk_limit(mut self, bytes: usize) -> Self {
        self.chunk_limit = if bytes < Self::MAX_CHUNK_LIMIT { bytes } else { Self::MAX_CHUNK_LIMIT };
        self
    }

    /// Sets how many bytes [`Connection::send`](super::Connection::send) accepts before it refuses; a lone frame always
    /// fits. 64 KiB by default.
    ///
    /// For push drivers: a pull driver's source is held up instead.
    ///
    /// ```
    /// use sse_core::{Config, Connection, Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new().with_queue_limit(10), Instant::EPOCH);
    /// assert!(connection.send(Event::new("longer than ten bytes")).is_ok());
    /// assert!(connection.send(Event::new("")).is_err());
    /// ```
    #[must_use]
    pub const fn with_queue_limit(mut self, bytes: usize) -> Self {
        self.queue_limit = bytes;
        self
    }

    /// Sets for how long a chunk may wait for the transport before
    /// [`Connection::handle_timeout`](super::Connection::handle_timeout) gives the peer up; `None` waits for ever. 30 s
    /// by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{CloseReason, Config, Connection, Instant};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let config = Config::new().with_stall_limit(Duration::from_secs(10));
    /// let mut connection = Connection::start(config, at(0));
    /// let _being_written = connection.poll_output(at(0));
    /// connection.handle_timeout(at(10));
    /// assert_eq!(connection.close_reason(), Some(CloseReason::Stalled));
    /// ```
    #[must_use]
    pub fn with_stall_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.stall_limit = limit.into();
        self
    }

    /// Returns the encoder that frames of this connection are made with.
    ///
    /// ```
    /// use sse_core::{Config, Event, LineEnding};
    ///
    /// let config = Config::new().with_line_ending(LineEnding::CrLf);
    /// assert_eq!(config.encoder().to_frame(&Event::new("a")).as_bytes(), b"data: a\r\n\r\n");
    /// ```
    #[must_use]
    pub const fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the first bytes; `None` when they are the empty comment.
    #[must_use]
    pub const fn opening(&self) -> Option<&Frame> {
        self.opening.as_ref()
    }

    /// Returns the heartbeat; `None` when it is switched off.
    #[must_use]
    pub const fn heartbeat(&self) -> Option<&Heartbeat> {
        self.heartbeat.as_ref()
    }

    pub(super) fn opening_frame(&self) -> Frame {
        let first = self.opening.clone().unwrap_or_else(|| self.own_frame(b":\n", b":\r\n"));
        match self.retry {
            None => first,
            Some(retry) => {
                let retry = self.encoder.retry_to_frame(retry);
                Frame::concat([&first, &retry]).unwrap_or(first)
            }
        }
    }

    pub(super) fn heartbeat_frame(&self) -> Frame {
        let frame = self.heartbeat.as_ref().and_then(|heartbeat| heartbeat.frame.clone());
        frame.unwrap_or_else(|| self.own_frame(b": heartbeat\n", b": heartbeat\r\n"))
    }

    fn own_frame(&self, lf: &'static [u8], crlf: &'static [u8]) -> Frame {
        Frame::from_encoded(Bytes::from_static(match self.encoder.line_ending() {
            LineEnding::Lf => lf,
            LineEnding::CrLf => crlf,
        }))
    }

    pub(super) fn goodbye_frame(&self, reason: CloseReason) -> Option<Frame> {
        let close_event = self.close_event.as_ref()?;
        close_event.is_sent_for(reason).then(|| self.encoder.to_frame(&close_event.event(reason)))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// When a heartbeat is due, and what it looks like.
///
/// Heartbeats keep idle proxies from cutting the stream and let a server notice peers that vanished. The default is a
/// comment line without blank line, `: heartbeat`, which no client mistakes for an event. Comments are invisible to
/// scripts: give it an [`Event`] as frame for a page that watches its own connection.
///
/// ```
/// use core::time::Duration;
/// use sse_core::{Comment, connection::Heartbeat};
///
/// let ping = Heartbeat::periodic(Duration::from_secs(10))?.with_frame(Comment::new("ping"));
/// assert_eq!(ping.interval(), Duration::from_secs(10));
/// assert!(Heartbeat::idle(Duration::ZERO).is_err());
/// # Ok::<(), sse_core::connection::InvalidInterval>(())
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat {
    interval: Duration,
    cadence: Cadence,
    frame: Option<Frame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cadence {
    Idle,
    Periodic,
}

/// A heartbeat interval outside of 1 to 300 seconds.
///
/// ```
/// use core::time::Duration;
/// use sse_core::connection::Heartbeat;
///
/// let refused = Heartbeat::idle(Duration::from_millis(10)).unwrap_err();
/// assert_eq!(refused.interval(), Duration::from_millis(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a heartbeat interval must lie between 1 s and 300 s, not at {interval:?}")]
pub struct InvalidInterval {
    interval: Duration,
}

impl InvalidInterval {
    /// Returns the interval that was refused.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }
}

impl Heartbeat {
    /// The shortest interval, 1 s.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
    /// The longest interval, 300 s.
    pub const MAX_INTERVAL: Duration = Duration::from_secs(300);
    /// After 15 s without output, which is [what the standard
    /// suggests](https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes).
    pub const DEFAULT: Self = Self { interval: Duration::from_secs(15), cadence: Cadence::Idle, frame: None };

    /// Beats when nothing was sent for `interval`, 1 s to 300 s.
    ///
    /// The interval starts anew with every chunk that is handed out, a heartbeat too.
    ///
    /// # Errors
    ///
    /// [`InvalidInterval`] outside of 1 to 300 s.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{Config, Connection, Heartbeat, Output};
    /// use sse_core::Instant;
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let heartbeat = Heartbeat::idle(Duration::from_secs(5))?;
    /// let mut connection = Connection::start(Config::new().with_heartbeat(heartbeat), at(0));
    /// let _opening = connection.poll_output(at(3));
    /// assert_eq!(connection.poll_output(at(3)), Output::Wait(Some(at(8))));
    /// assert_eq!(connection.poll_output(at(8)), Output::Transmit(b": heartbeat\n"[..].into()));
    /// # Ok::<(), sse_core::connection::InvalidInterval>(())
    /// ```
    pub const fn idle(interval: Duration) -> Result<Self, InvalidInterval> {
        Self::new(interval, Cadence::Idle)
    }

    /// Beats every `interval`, 1 s to 300 s, whatever else is sent, at the first moment that has nothing to send.
    ///
    /// The intervals count from the start of the connection: a late beat does not move the next, one that was missed is
    /// not made up for.
    ///
    /// # Errors
    ///
    /// [`InvalidInterval`] outside of 1 to 300 s.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{Config, Connection, Heartbeat, Output};
    /// use sse_core::Instant;
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let heartbeat = Heartbeat::periodic(Duration::from_secs(5))?;
    /// let mut connection = Connection::start(Config::new().with_heartbeat(heartbeat), at(0));
    /// let _opening = connection.poll_output(at(3));
    /// assert_eq!(connection.poll_output(at(3)), Output::Wait(Some(at(5))));
    /// assert_eq!(connection.poll_output(at(12)), Output::Transmit(b": heartbeat\n"[..].into()));
    /// assert_eq!(connection.poll_output(at(12)), Output::Wait(Some(at(15))));
    /// # Ok::<(), sse_core::connection::InvalidInterval>(())
    /// ```
    pub const fn periodic(interval: Duration) -> Result<Self, InvalidInterval> {
        Self::new(interval, Cadence::Periodic)
    }

    const fn new(interval: Duration, cadence: Cadence) -> Result<Self, InvalidInterval> {
        let millis = interval.as_millis();
        if millis < Self::MIN_INTERVAL.as_millis() || interval.as_nanos() > Self::MAX_INTERVAL.as_nanos() {
            return Err(InvalidInterval { interval });
        }
        Ok(Self { interval, cadence, frame: None })
    }

    /// Sets what is sent: a comment with another text, a block, an event.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{Config, Connection, Heartbeat, Output};
    /// use sse_core::{Event, Instant, event_name};
    ///
    /// let ping = Event::new("").with_name(event_name!("ping"));
    /// let config = Config::new().with_heartbeat(Heartbeat::DEFAULT.with_frame(ping));
    /// let mut connection = Connection::start(config, Instant::EPOCH);
    /// let _opening = connection.poll_output(Instant::EPOCH);
    /// let due = Instant::from_epoch(Duration::from_secs(15));
    /// assert_eq!(connection.poll_output(due), Output::Transmit(b"event: ping\ndata: \n\n"[..].into()));
    /// ```
    #[must_use]
    pub fn with_frame(mut self, frame: impl Into<Frame>) -> Self {
        self.frame = Some(frame.into());
        self
    }

    /// Returns the interval.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) const fn cadence(&self) -> Cadence {
        self.cadence
    }
}

/// The event that tells a client that the stream is over, so that it does not ask again.
///
/// Sent last when the source ended or failed, when the server shuts down or when access was revoked; never when the
/// client is meant to come back (maximum age, lag) or cannot hear it. It carries no id: the client's last event id
/// stays.
///
/// A browser reconnects all the same, unless the page closes its `EventSource` when the event arrives.
///
/// ```
/// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
/// use sse_core::{Instant, event_name};
///
/// let config = Config::new().with_close_event(CloseEvent::new(event_name!("done")));
/// let mut connection = Connection::start(config, Instant::EPOCH);
/// connection.close(CloseReason::SourceEnded);
/// let rest = b":\nevent: done\ndata: complete\n\n";
/// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(rest[..].into()));
/// ```
#[derive(Clone, Debug)]
pub struct CloseEvent {
    name: Option<EventName<'static>>,
    data: Option<Cow<'static, str>>,
    occasion: Occasion,
}

/// On which ends a close event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    FinalEnds,
    FinalEndsButShutdown,
    SourceEnded,
}

impl CloseEvent {
    /// Makes a close event whose data is `complete`.
    #[must_use]
    pub const fn new(name: EventName<'static>) -> Self {
        Self { name: Some(name), data: Some(Cow::Borrowed("complete")), occasion: Occasion::FinalEnds }
    }

    /// Makes a close event without a name, a `message` like any other to clients: the `[DONE]` of LLM APIs.
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::Instant;
    ///
    /// let done = CloseEvent::unnamed("[DONE]");
    /// let mut connection = Connection::start(Config::new().with_close_event(done), Instant::EPOCH);
    /// connection.close(CloseReason::SourceEnded);
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\ndata: [DONE]\n\n"[..].into()));
    /// ```
    #[must_use]
    pub fn unnamed(data: impl Into<Cow<'static, str>>) -> Self {
        Self { name: None, data: Some(data.into()), occasion: Occasion::FinalEnds }
    }

    /// Sets the data, in the place of `complete` or the reason.
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Instant, event_name};
    ///
    /// let done = CloseEvent::new(event_name!("done")).with_data("[DONE]");
    /// let mut connection = Connection::start(Config::new().with_close_event(done), Instant::EPOCH);
    /// connection.close(CloseReason::SourceEnded);
    /// let rest = b":\nevent: done\ndata: [DONE]\n\n";
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(rest[..].into()));
    /// ```
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Cow<'static, str>>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Makes the data say why: the text of [`CloseReason::as_str`].
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Instant, event_name};
    ///
    /// let end = CloseEvent::new(event_name!("end")).with_reason();
    /// let mut connection = Connection::start(Config::new().with_close_event(end), Instant::EPOCH);
    /// connection.close(CloseReason::Revoked);
    /// let rest = b":\nevent: end\ndata: revoked\n\n";
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(rest[..].into()));
    /// ```
    #[must_use]
    pub fn with_reason(mut self) -> Self {
        self.data = None;
        self
    }

    /// Leaves it out when the server shuts down, so that clients reconnect to the next instance and resume there.
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Instant, event_name};
    ///
    /// let done = CloseEvent::new(event_name!("done")).not_on_shutdown();
    /// let mut connection = Connection::start(Config::new().with_close_event(done), Instant::EPOCH);
    /// connection.close(CloseReason::Shutdown);
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\n"[..].into()));
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Closed(CloseReason::Shutdown));
    /// ```
    #[must_use]
    pub fn not_on_shutdown(mut self) -> Self {
        if self.occasion == Occasion::FinalEnds {
            self.occasion = Occasion::FinalEndsButShutdown;
        }
        self
    }

    /// Leaves it out unless the source came to its end: it then says that everything was sent.
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Instant, event_name};
    ///
    /// let done = CloseEvent::new(event_name!("done")).only_when_complete();
    /// let mut connection = Connection::start(Config::new().with_close_event(done), Instant::EPOCH);
    /// connection.close(CloseReason::SourceFailed);
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\n"[..].into()));
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Closed(CloseReason::SourceFailed));
    /// ```
    #[must_use]
    pub fn only_when_complete(mut self) -> Self {
        self.occasion = Occasion::SourceEnded;
        self
    }

    fn is_sent_for(&self, reason: CloseReason) -> bool {
        match reason {
            CloseReason::SourceEnded => true,
            CloseReason::SourceFailed | CloseReason::Revoked => self.occasion != Occasion::SourceEnded,
            CloseReason::Shutdown => self.occasion == Occasion::FinalEnds,
            CloseReason::MaxAge
            | CloseReason::Lagged
            | CloseReason::Refused
            | CloseReason::Stalled
            | CloseReason::PeerGone => false,
        }
    }

    fn event(&self, reason: CloseReason) -> Event<'_> {
        let event = Event::new(self.data.as_deref().unwrap_or(reason.as_str()));
        match &self.name {
            Some(name) => event.with_name(name.clone()),
            None => event,
        }
    }
}
