//! The life of one response, sans-IO: when to send what, when to beat, how to end.
//!
//! ```text
//!            start                close, source ended, wound down           queue and goodbye are out
//!  (driver) ───────▶ open ──────────────────────────────────────▶ closing ──────────────────────────▶ closed
//!                      └───────────── abort, peer gone, stalled: nothing more goes out ──────────────────▲
//! ```
//!
//! Frames come in through [`Connection::send`] (push drivers) or through the closure that
//! [`Connection::poll_output_with`] calls (pull drivers: response bodies). Bytes and deadlines come out of the same call.
//! In the pull form the machine decides whether and when the source is asked: source before heartbeat, so that a slow
//! reader never starves the data.
//!
//! What always holds, whatever is called in whatever order:
//!
//! 1. The bytes out are whole frames, in the order they were accepted.
//! 2. A heartbeat leaves only when, in that very call, the queue is empty, the source was asked and had nothing, and the
//!    interval has passed.
//! 3. `Wait(Some(t))` means `t > now`.
//! 4. `Closed(r)` is for ever, with the same `r`.
//! 5. After `close` everything accepted still goes out, then the goodbye; after `abort` nothing does.
//! 6. A clock that jumps or runs backwards does no harm: at most one heartbeat a call, no deadline further than its period.
//! 7. Queued bytes stay within the limit (a lone frame always fits); a refused frame is handed back.
//! 8. No sequence of calls panics.
//! 9. A source that ended is not asked again.
//! 10. Exactly one reason is reported.

mod chunk;
mod config;
mod queue;

pub use crate::close::CloseReason;
pub use config::{CloseEvent, Config, Heartbeat, InvalidInterval};

use crate::frame::Frame;
use crate::random::{part_of, splitmix64};
use crate::time::Instant;
use crate::timer::Timer;
use alloc::sync::Arc;
use bytes::Bytes;
use chunk::Chunk;
use config::Cadence;
use queue::Queue;

/// What a driver is to do next. Exhaustive: a driver is one `match`.
///
/// ```
/// use sse_core::{Config, Connection, Instant, connection::Output};
///
/// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
/// let mut written = Vec::new();
/// let deadline = loop {
///     match connection.poll_output(Instant::EPOCH) {
///         Output::Transmit(bytes) => written.extend_from_slice(&bytes),
///         Output::Wait(deadline) => break deadline,
///         Output::Closed(_) => break None,
///     }
/// };
/// assert_eq!((written, deadline.is_some()), (b":\n".to_vec(), true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Write these bytes, never empty; then poll again.
    Transmit(Bytes),
    /// Nothing to write. Poll again after any input, when the source has news, and at the deadline if there is one.
    Wait(Option<Instant>),
    /// The stream is over: end the response. The same for ever.
    Closed(CloseReason),
}

/// What a pull driver's source says when it is asked.
///
/// ```
/// use sse_core::connection::{CloseReason, Config, Connection, Next, Output};
/// use sse_core::{Event, Instant};
///
/// let mut source = vec![Event::new("b"), Event::new("a")];
/// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
/// let output = connection.poll_output_with(Instant::EPOCH, || match source.pop() {
///     Some(event) => Next::Frame(event.to_frame()),
///     None => Next::Close(CloseReason::SourceEnded),
/// });
/// assert_eq!(output, Output::Transmit(b":\ndata: a\n\ndata: b\n\n"[..].into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next frame.
    Frame(Frame),
    /// Nothing yet; the driver knows when to poll again.
    Pending,
    /// Nothing any more: the connection closes for this reason, after the goodbye.
    Close(CloseReason),
}

/// A frame was not accepted; it is handed back and nothing changed.
///
/// ```
/// use sse_core::connection::{CloseReason, Config, Connection, SendError};
/// use sse_core::{Event, Instant};
///
/// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
/// connection.close(CloseReason::Shutdown);
/// let late = Event::new("late").to_frame();
/// assert_eq!(connection.send(late.clone()).unwrap_err(), SendError::Closed(late));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is full: the transport is slower than the source. Wait, drop the frame, or end the connection.
    #[error("the connection's queue is full")]
    Full(Frame),
    /// The connection is closing or closed.
    #[error("the connection is closed")]
    Closed(Frame),
}

impl SendError {
    /// Returns the frame that was refused, to be sent later or to somebody else.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, SendError};
    /// use sse_core::{Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new().with_queue_limit(20), Instant::EPOCH);
    /// connection.send(Event::new("first"))?;
    /// let refused = connection.send(Event::new("second")).unwrap_err();
    /// assert!(matches!(refused, SendError::Full(_)));
    /// let _opening_and_first = connection.poll_output(Instant::EPOCH);
    /// connection.send(refused.into_frame())?;
    /// # Ok::<(), SendError>(())
    /// ```
    #[must_use]
    pub fn into_frame(self) -> Frame {
        match self {
            Self::Full(frame) | Self::Closed(frame) => frame,
        }
    }
}

/// What a connection has handed out so far.
///
/// ```
/// use sse_core::{Config, Connection, Instant};
///
/// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
/// let _opening = connection.poll_output(Instant::EPOCH);
/// assert_eq!((connection.totals().frames, connection.totals().bytes), (0, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames, the close event among them, without the opening bytes and heartbeats.
    pub frames: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// All bytes, those of opening and heartbeats among them.
    pub bytes: u64,
}

/// One response, from its first byte to its end.
///
/// Takes frames, closes and the time; gives bytes, a deadline, or the end: see the [module](self). Holds no clock, no
/// waker, no socket. About 200 bytes, plus what is queued.
///
/// ```
/// use core::time::Duration;
/// use sse_core::connection::{CloseReason, Config, Connection, Output};
/// use sse_core::{Event, Instant};
///
/// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
/// let mut connection = Connection::start(Config::new(), at(0));
/// connection.send(Event::new("hello"))?;
/// assert_eq!(connection.poll_output(at(0)), Output::Transmit(b":\ndata: hello\n\n"[..].into()));
/// assert_eq!(connection.poll_output(at(0)), Output::Wait(Some(at(15))));
/// assert_eq!(connection.poll_output(at(15)), Output::Transmit(b": heartbeat\n"[..].into()));
/// connection.close(CloseReason::Shutdown);
/// assert_eq!(connection.poll_output(at(16)), Output::Closed(CloseReason::Shutdown));
/// # Ok::<(), sse_core::connection::SendError>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Arc<Config>,
    state: State,
    is_opened: bool,
    queue: Queue,
    heartbeat: Option<Timer>,
    age: Option<Timer>,
    transport: Transport,
    /// Closes for this reason after one more poll.
    winding_down: Option<CloseReason>,
    totals: Totals,
}

/// What is known of the transport: a chunk that was handed out occupies it until the next poll.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Ready,
    Busy { stall: Option<Timer> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closing { reason: CloseReason, is_goodbye_out: bool },
    Closed(CloseReason),
}

impl Connection {
    /// Starts a connection: the first poll gives its opening bytes.
    ///
    /// Heartbeat and maximum age count from `now`. A [`Config`] by value is moved into an `Arc` (one allocation); an
    /// `Arc` is shared.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::Instant;
    /// use std::sync::Arc;
    ///
    /// let config = Arc::new(Config::new());
    /// let mut connections = [(); 2].map(|()| Connection::start(Arc::clone(&config), Instant::EPOCH));
    /// for connection in &mut connections {
    ///     assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\n"[..].into()));
    /// }
    /// ```
    #[must_use]
    pub fn start(config: impl Into<Arc<Config>>, now: Instant) -> Self {
        let config = config.into();
        Self {
            state: State::Open,
            is_opened: false,
            queue: Queue::default(),
            heartbeat: config.heartbeat.as_ref().map(|heartbeat| Timer::start(now, heartbeat.interval())),
            age: config.max_age.map(|max_age| Timer::start(now, max_age)),
            transport: Transport::Ready,
            winding_down: None,
            totals: Totals::default(),
            config,
        }
    }

    /// Spreads the maximum age: the seed, any random number, picks a point in its last fifth.
    ///
    /// To be called once, right after [`Connection::start`]; without it the age is the same for every connection.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{Config, Connection, Instant};
    ///
    /// let config = Config::new().with_max_age(Duration::from_secs(100)).with_heartbeat(None);
    /// let connection = Connection::start(config, Instant::EPOCH).with_seed(42);
    /// let end = connection.next_deadline().unwrap().since_epoch();
    /// assert!(Duration::from_secs(80) <= end && end <= Duration::from_secs(100));
    /// ```
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        if let Some(age) = self.age {
            let spread = part_of(age.period() / 5, splitmix64(seed));
            self.age = Some(age.with_period(age.period().saturating_sub(spread)));
        }
        self
    }

    /// Accepts a frame for sending; poll afterwards.
    ///
    /// An [`Event`](crate::Event) or [`Comment`](crate::Comment) is encoded with lines that end in LF, whatever the
    /// [`Config`] says: encode it with [`Config::encoder`] where that matters. A [`Frame`] is not copied.
    ///
    /// # Errors
    ///
    /// [`SendError`] hands the frame back when the queue is full or the connection is closing.
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Event, Instant, LineEnding};
    ///
    /// let mut connection = Connection::start(Config::new().with_line_ending(LineEnding::CrLf), Instant::EPOCH);
    /// let frame = connection.config().encoder().to_frame(&Event::new("a"));
    /// connection.send(frame)?;
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\r\ndata: a\r\n\r\n"[..].into()));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    pub fn send(&mut self, frame: impl Into<Frame>) -> Result<(), SendError> {
        let frame = frame.into();
        if !self.is_open() {
            return Err(SendError::Closed(frame));
        }
        self.queue.push(frame, self.config.queue_limit).map_err(SendError::Full)
    }

    /// Ends the stream gracefully: what was accepted still goes out, then the goodbye. The first reason counts.
    ///
    /// Poll on until [`Output::Closed`].
    ///
    /// ```
    /// use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Output};
    /// use sse_core::{Event, Instant, event_name};
    ///
    /// let config = Config::new().with_close_event(CloseEvent::new(event_name!("done")));
    /// let mut connection = Connection::start(config, Instant::EPOCH);
    /// connection.send(Event::new("a"))?;
    /// connection.close(CloseReason::SourceEnded);
    /// connection.close(CloseReason::Shutdown);
    /// let rest = b":\ndata: a\n\nevent: done\ndata: complete\n\n";
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(rest[..].into()));
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Closed(CloseReason::SourceEnded));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    pub fn close(&mut self, reason: CloseReason) {
        if self.is_open() {
            self.state = State::Closing { reason, is_goodbye_out: false };
        }
    }

    /// Ends the stream gracefully with the next poll, which still asks the source for one chunk of what is ready.
    ///
    /// For ends that the source does not know of: events that it has ready are not lost, and one that is always ready does
    /// not go on for ever. The maximum age ends like this. The first reason counts.
    pub fn wind_down(&mut self, reason: CloseReason) {
        self.winding_down.get_or_insert(reason);
    }

    /// Ends the stream at once: what was not handed out is dropped. Its reason replaces one that is still draining.
    ///
    /// ```
    /// use sse_core::connection::{CloseReason, Config, Connection, Output};
    /// use sse_core::{Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    /// connection.send(Event::new("never sent"))?;
    /// connection.close(CloseReason::SourceEnded);
    /// connection.abort(CloseReason::Revoked);
    /// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Closed(CloseReason::Revoked));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    pub fn abort(&mut self, reason: CloseReason) {
        if !self.is_closed() {
            self.state = State::Closed(reason);
            self.queue.clear();
            self.transport = Transport::Ready;
        }
    }

    /// Takes note that the client left or the transport failed: [aborts](Connection::abort) with
    /// [`CloseReason::PeerGone`].
    ///
    /// A stream that is closed already keeps its reason.
    ///
    /// ```
    /// use sse_core::{CloseReason, Config, Connection, Instant};
    ///
    /// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    /// connection.handle_peer_gone();
    /// assert_eq!(connection.close_reason(), Some(CloseReason::PeerGone));
    /// ```
    pub fn handle_peer_gone(&mut self) {
        self.abort(CloseReason::PeerGone);
    }

    /// Takes note that the transport took a part of the chunk it is busy with: the stall limit starts anew.
    ///
    /// For push drivers, after a partial write. Without it a large chunk has to be written whole within the limit.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{Config, Connection, Instant};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut connection = Connection::start(Config::new(), at(0));
    /// let _being_written = connection.poll_output(at(0));
    /// assert_eq!(connection.next_deadline(), Some(at(30)));
    /// connection.handle_progress(at(20));
    /// assert_eq!(connection.next_deadline(), Some(at(50)));
    /// ```
    pub fn handle_progress(&mut self, now: Instant) {
        if let Transport::Busy { stall: Some(stall) } = &mut self.transport {
            stall.restart(now);
        }
    }

    /// Takes note of the time while the transport is busy with a chunk: a peer that took nothing for the stall limit is
    /// given up, for the reason [`CloseReason::Stalled`].
    ///
    /// For push drivers, which do not poll until their write is done. Harmless at any time. A driver need not know
    /// which deadline it woke for: it calls this, and polls if nothing is left to write.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{CloseReason, Config, Connection, Instant};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut connection = Connection::start(Config::new(), at(0));
    /// let _being_written = connection.poll_output(at(0));
    /// connection.handle_timeout(at(29));
    /// assert!(connection.is_open());
    /// connection.handle_timeout(at(30));
    /// assert_eq!(connection.close_reason(), Some(CloseReason::Stalled));
    /// ```
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Transport::Busy { stall: Some(stall) } = &mut self.transport {
            stall.handle_now(now);
            if stall.is_due(now) {
                self.abort(CloseReason::Stalled);
            }
        }
    }

    /// Says what to do next, for push drivers: what was sent, or a heartbeat, or for how long to wait.
    ///
    /// To be called when the transport can take bytes: calling it says that the chunk before is written. Put in what
    /// there is with [`Connection::send`] first: to this machine a source that has not sent has nothing. When to call
    /// it again stands at each [`Output`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::connection::{Config, Connection, Output};
    /// use sse_core::{Event, Instant};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut connection = Connection::start(Config::new(), at(0));
    /// assert_eq!(connection.poll_output(at(0)), Output::Transmit(b":\n"[..].into()));
    /// assert_eq!(connection.poll_output(at(0)), Output::Wait(Some(at(15))));
    /// connection.send(Event::new("news"))?;
    /// assert_eq!(connection.poll_output(at(7)), Output::Transmit(b"data: news\n\n"[..].into()));
    /// assert_eq!(connection.poll_output(at(7)), Output::Wait(Some(at(22))));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    pub fn poll_output(&mut self, now: Instant) -> Output {
        self.poll_output_with(now, || Next::Pending)
    }

    /// Says what to do next, for pull drivers: asks the source through `next` when its turn has come.
    ///
    /// `next` is called again and again until it has nothing or the chunk is full: frames that are ready leave
    /// together, up to the chunk limit, in one copy; a lone frame is not copied. It is never called after it said
    /// [`Next::Close`], nor while the connection is closing. A frame that does not fit any more waits for the next
    /// call.
    ///
    /// To be called again as [`Connection::poll_output`], and when the source has news after [`Next::Pending`].
    ///
    /// ```
    /// use sse_core::connection::{Config, Connection, Next, Output};
    /// use sse_core::{Event, Instant};
    /// use std::sync::mpsc;
    ///
    /// let (sender, source) = mpsc::channel::<&str>();
    /// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    /// let mut poll = || {
    ///     connection.poll_output_with(Instant::EPOCH, || match source.try_recv() {
    ///         Ok(data) => Next::Frame(Event::new(data).to_frame()),
    ///         Err(_) => Next::Pending,
    ///     })
    /// };
    /// sender.send("a")?;
    /// sender.send("b")?;
    /// assert_eq!(poll(), Output::Transmit(b":\ndata: a\n\ndata: b\n\n"[..].into()));
    /// assert!(matches!(poll(), Output::Wait(Some(_))));
    /// # Ok::<(), mpsc::SendError<&str>>(())
    /// ```
    pub fn poll_output_with(&mut self, now: Instant, mut next: impl FnMut() -> Next) -> Output {
        self.handle_now(now);
        let mut chunk = Chunk::new(self.config.chunk_limit);
        if !self.is_opened && !self.is_closed() {
            self.is_opened = true;
            let _always_fits = chunk.push(self.config.opening_frame());
        }
        while !chunk.is_full() {
            let frame = match self.next_frame(&mut next) {
                Next::Frame(frame) => frame,
                Next::Pending | Next::Close(_) => break,
            };
            if let Err(frame) = chunk.push(frame) {
                self.queue.unpop(frame);
                break;
            }
            self.totals.frames += 1;
        }
        if let Some(reason) = self.winding_down {
            self.close(reason);
        }
        if let Some(bytes) = chunk.into_bytes() {
            return self.transmit(now, bytes);
        }
        match self.state {
            State::Open => self.beat_or_wait(now),
            State::Closing { reason, .. } => {
                self.abort(reason);
                Output::Closed(reason)
            }
            State::Closed(reason) => Output::Closed(reason),
        }
    }

    /// Returns when the driver has to do something at the latest: while a chunk is being written, call
    /// [`Connection::handle_timeout`]; otherwise poll.
    ///
    /// While a chunk is being written only the stall limit counts: a heartbeat that falls due has to wait for the
    /// transport, and a driver that woke up for it could do nothing. `None`: no time to wait for, or nothing left to
    /// do.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::{Config, Connection, Instant};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut connection = Connection::start(Config::new(), at(0));
    /// let _being_written = connection.poll_output(at(0));
    /// assert_eq!(connection.next_deadline(), Some(at(30)), "the stall limit");
    /// let _all_written = connection.poll_output(at(1));
    /// assert_eq!(connection.next_deadline(), Some(at(15)), "the heartbeat");
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let timers = match (self.state, self.transport) {
            (State::Closed(_), _) | (State::Closing { .. }, Transport::Ready) => [None; 2],
            (_, Transport::Busy { stall }) => [stall, None],
            (State::Open, Transport::Ready) => [self.heartbeat, self.age],
        };
        timers.iter().flatten().map(Timer::deadline).min()
    }

    /// Returns how many bytes wait for the transport: those accepted and not yet handed out.
    ///
    /// ```
    /// use sse_core::{Config, Connection, Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    /// connection.send(Event::new("a"))?;
    /// assert_eq!(connection.queued_bytes(), "data: a\n\n".len());
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Says whether [`Connection::send`] would accept a frame of `len` bytes.
    ///
    /// ```
    /// use sse_core::{Config, Connection, Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new().with_queue_limit(10), Instant::EPOCH);
    /// assert!(connection.has_room_for(1_000), "a lone frame always fits");
    /// connection.send(Event::new("a"))?;
    /// assert!(connection.has_room_for(1) && !connection.has_room_for(2));
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    #[must_use]
    pub fn has_room_for(&self, len: usize) -> bool {
        self.is_open()
            && (self.queue.is_empty() || len <= self.config.queue_limit.saturating_sub(self.queue.bytes()))
    }

    /// Says whether frames are accepted: until the stream is closing or closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Says whether the stream is over: nothing will go out any more. Neither open nor closed means that it is closing.
    ///
    /// ```
    /// use sse_core::connection::{CloseReason, Config, Connection, Output};
    /// use sse_core::{Event, Instant};
    ///
    /// let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    /// connection.send(Event::new("last"))?;
    /// connection.close(CloseReason::SourceEnded);
    /// assert!(!connection.is_open() && !connection.is_closed());
    /// while let Output::Transmit(_) = connection.poll_output(Instant::EPOCH) {}
    /// assert!(connection.is_closed());
    /// # Ok::<(), sse_core::connection::SendError>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Returns why the stream is over; `None` while it is not.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            State::Open | State::Closing { .. } => None,
        }
    }

    /// Returns what was handed out so far; a chunk counts when it is handed out, not when it is written.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the policies that the connection was started with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn handle_now(&mut self, now: Instant) {
        self.transport = Transport::Ready;
        for timer in [&mut self.heartbeat, &mut self.age].into_iter().flatten() {
            timer.handle_now(now);
        }
        if self.age.is_some_and(|age| age.is_due(now)) {
            self.wind_down(CloseReason::MaxAge);
        }
    }

    /// The queue, then the source, then (once closing) the goodbye.
    fn next_frame(&mut self, next: &mut impl FnMut() -> Next) -> Next {
        if let Some(frame) = self.queue.pop() {
            return Next::Frame(frame);
        }
        if self.is_open() {
            match (next(), self.winding_down) {
                (Next::Close(reason), _) | (Next::Pending, Some(reason)) => self.close(reason),
                (other, _) => return other,
            }
        }
        match &mut self.state {
            State::Closing { reason, is_goodbye_out } if !*is_goodbye_out => {
                *is_goodbye_out = true;
                self.config.goodbye_frame(*reason).map_or(Next::Pending, Next::Frame)
            }
            _ => Next::Pending,
        }
    }

    fn beat_or_wait(&mut self, now: Instant) -> Output {
        if let Some(heartbeat) = &mut self.heartbeat {
            if heartbeat.is_due(now) {
                heartbeat.advance(now);
                self.totals.heartbeats += 1;
                let frame = self.config.heartbeat_frame();
                return self.transmit(now, frame.into_bytes());
            }
        }
        // At the end of time a deadline is not later than now.
        Output::Wait(self.next_deadline().filter(|deadline| *deadline > now))
    }

    fn transmit(&mut self, now: Instant, bytes: Bytes) -> Output {
        self.totals.bytes += bytes.len() as u64;
        self.transport =
            Transport::Busy { stall: self.config.stall_limit.map(|limit| Timer::start(now, limit)) };
        if self.config.heartbeat.as_ref().is_some_and(|heartbeat| heartbeat.cadence() == Cadence::Idle) {
            if let Some(heartbeat) = &mut self.heartbeat {
                heartbeat.restart(now);
            }
        }
        Output::Transmit(bytes)
    }
}

#[cfg(test)]
mod tests;
