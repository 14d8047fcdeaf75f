use super::CloseReason;
use crate::encode::{Encoder, LineEnding};
use crate::event::Event;
use crate::field::{EventName, Retry};
use crate::frame::Frame;
use alloc::borrow::Cow;
use bytes::Bytes;
use core::time::Duration;

/// The policies of a connection: made once, shared by any number of connections.
///
/// | policy | default |
/// |---|---|
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
    /// Makes the default policies.
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

    /// Sets how the lines of the connection's own frames end, and of what a driver encodes for it.
    #[must_use]
    pub const fn with_line_ending(mut self, line_ending: LineEnding) -> Self {
        self.encoder = self.encoder.with_line_ending(line_ending);
        self
    }

    /// Sets the first bytes of the stream, in the place of the empty comment.
    #[must_use]
    pub fn with_opening(mut self, opening: impl Into<Frame>) -> Self {
        self.opening = Some(opening.into());
        self
    }

    /// Sets the reconnection time of the stream, sent with the first bytes.
    ///
    /// It is a line without a blank line behind it, so it belongs to the first block that follows: several client
    /// libraries lose a `retry` that stands in a block of its own.
    #[must_use]
    pub fn with_retry(mut self, retry: impl Into<Retry>) -> Self {
        self.retry = Some(retry.into());
        self
    }

    /// Sets the heartbeat; `None` switches it off.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Sets the event that ends the stream; `None` (the default) ends it without one.
    #[must_use]
    pub fn with_close_event(mut self, close_event: impl Into<Option<CloseEvent>>) -> Self {
        self.close_event = close_event.into();
        self
    }

    /// Closes each connection at this age, or up to a fifth earlier (see [`Connection::with_seed`](super::Connection::with_seed)),
    /// so that load moves and platform limits are never hit; `None` (the default) lets it live.
    #[must_use]
    pub fn with_max_age(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// The most that [`Config::with_chunk_limit`] sets: 1 MiB.
    pub const MAX_CHUNK_LIMIT: usize = 1024 * 1024;

    /// Sets up to how many bytes of ready frames are joined into one chunk, at most [`Config::MAX_CHUNK_LIMIT`]; a larger
    /// frame travels alone, uncopied.
    ///
    /// It also bounds how long a source that is always ready is asked in one poll.
    #[must_use]
    pub const fn with_chunk_limit(mut self, bytes: usize) -> Self {
        self.chunk_limit = if bytes < Self::MAX_CHUNK_LIMIT { bytes } else { Self::MAX_CHUNK_LIMIT };
        self
    }

    /// Sets how many bytes [`Connection::send`](super::Connection::send) accepts before it refuses; a lone frame always fits.
    #[must_use]
    pub const fn with_queue_limit(mut self, bytes: usize) -> Self {
        self.queue_limit = bytes;
        self
    }

    /// Sets for how long a chunk may wait for the transport before
    /// [`Connection::handle_timeout`](super::Connection::handle_timeout) gives the peer up; `None` waits for ever.
    #[must_use]
    pub fn with_stall_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.stall_limit = limit.into();
        self
    }

    /// Returns the encoder that frames of this connection are made with.
    #[must_use]
    pub const fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the heartbeat.
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
    /// After 15 s without output, which is [what the standard suggests](https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes).
    pub const DEFAULT: Self = Self { interval: Duration::from_secs(15), cadence: Cadence::Idle, frame: None };

    /// Beats when nothing was sent for `interval`.
    ///
    /// # Errors
    ///
    /// [`InvalidInterval`] outside of 1 to 300 s.
    pub const fn idle(interval: Duration) -> Result<Self, InvalidInterval> {
        Self::new(interval, Cadence::Idle)
    }

    /// Beats every `interval`, whatever else is sent, at the first moment that has nothing to send.
    ///
    /// # Errors
    ///
    /// [`InvalidInterval`] outside of 1 to 300 s.
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
/// client is meant to come back (maximum age, lag) or cannot hear it. It carries no id: the client's last event id stays.
///
/// ```
/// use sse_core::{connection::CloseEvent, event_name};
///
/// let close = CloseEvent::new(event_name!("done"));       // data: complete
/// let told = CloseEvent::new(event_name!("done")).with_reason();  // data: source-ended, shutdown, …
/// # let _ = (close, told);
/// ```
#[derive(Clone, Debug)]
pub struct CloseEvent {
    name: EventName<'static>,
    data: Option<Cow<'static, str>>,
    is_sent_on_shutdown: bool,
}

impl CloseEvent {
    /// Makes a close event whose data is `complete`.
    #[must_use]
    pub const fn new(name: EventName<'static>) -> Self {
        Self { name, data: Some(Cow::Borrowed("complete")), is_sent_on_shutdown: true }
    }

    /// Sets the data.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Cow<'static, str>>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Makes the data say why: the text of [`CloseReason::as_str`].
    #[must_use]
    pub fn with_reason(mut self) -> Self {
        self.data = None;
        self
    }

    /// Leaves it out when the server shuts down, so that clients reconnect to the next instance and resume there.
    #[must_use]
    pub fn not_on_shutdown(mut self) -> Self {
        self.is_sent_on_shutdown = false;
        self
    }

    fn is_sent_for(&self, reason: CloseReason) -> bool {
        match reason {
            CloseReason::SourceEnded | CloseReason::SourceFailed | CloseReason::Revoked => true,
            CloseReason::Shutdown => self.is_sent_on_shutdown,
            CloseReason::MaxAge | CloseReason::Lagged | CloseReason::Stalled | CloseReason::PeerGone => false,
        }
    }

    fn event(&self, reason: CloseReason) -> Event<'_> {
        Event::new(self.data.as_deref().unwrap_or(reason.as_str())).with_name(self.name.clone())
    }
}
