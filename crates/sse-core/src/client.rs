//! The life of a client, sans-IO: when to connect, what to send, how long to wait, when to give up.
//!
//! The standard's [`EventSource`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface)
//! and its [processing model](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model), without
//! the fetch: a driver makes requests and reads responses, the machine says which and what they mean.
//!
//! ```text
//!                      200, text/event-stream                    close, fail, 204, a status or type
//!           connect ────────────────────────▶ open ──┐           that is final, no attempt left
//!              ▲                                     │
//!  (driver) ──▶│ connecting ◀── wait ◀── disconnect ◀┘           from anywhere ──────────────────▶ closed
//!              └──────────── no response, a status to try again ──▲
//! ```
//!
//! A driver is a loop round [`Client::poll_output`]; the [example](Client) of [`Client`] is one. Bytes go in through
//! [`Client::feed`], which lends the items of the [`Decoder`]. What always holds, whatever is called in whatever order:
//!
//! 1. Each [`Connect`](Output::Connect) is followed by at most one [`Open`](Output::Open), then by exactly one
//!    [`Disconnect`](Output::Disconnect) or [`Closed`](Output::Closed), before the next.
//! 2. `Connect` carries the last event id of all connections so far, the initial one among them, and none when that is
//!    empty. The id moves at blank lines only.
//! 3. Between the loss of a connection and the next `Connect` passes the delay that `Disconnect` told, by the driver's
//!    clock: never less than the reconnection time within its limits, never more than the upper limit and its jitter. A
//!    driver that polls late finds `Connect` right behind `Disconnect`. [`Client::restart`] shortens the delay.
//! 4. A time-out ends a connection in [`Client::handle_timeout`] only: a driver that was busy elsewhere reads first.
//! 5. `Wait(Some(t))` while no connection is up or being made means `t > now`; after `handle_timeout(now)` it always does.
//! 6. A clock that jumps or runs backwards does no harm: no deadline is further away than its period.
//! 7. `Closed(r)` is for ever, with the same `r`; a closed client reads nothing.
//! 8. No sequence of calls panics; an input that does not fit the state changes nothing.
//! 9. There are no more failed attempts in a row than allowed.
//! 10. Memory is the decoder's, whatever servers do.

mod config;
mod feed;
mod output;
mod reason;
mod response;

pub use config::Config;
pub use feed::Feed;
pub use output::{Attempt, Output, ReadyState};
pub use reason::{Cause, EndReason, Interruption};
pub use response::{ResponseHead, is_transient};

use crate::decode::Decoder;
use crate::random::{part_of, splitmix64};
use crate::time::Instant;
use crate::timer::Timer;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

/// A client, from its first request to its end.
///
/// Takes heads, bytes, failures and the time; gives requests, deadlines and the end: see the [module](self). Holds no
/// clock, no waker, no socket. A few hundred bytes, and what the [`Decoder`] holds.
///
/// ```
/// use core::time::Duration;
/// use sse_core::client::{Client, Config, EndReason, Output, ResponseHead};
/// use sse_core::{Instant, Item};
///
/// // A server that ends its response, and then has no more.
/// let answers = [(200, &b"id: 7\ndata: hello\n\n"[..]), (204, b"")];
/// let (mut answers, mut asked, mut events) = (answers.iter(), Vec::new(), Vec::new());
/// let (mut now, mut body) = (Instant::EPOCH, None);
///
/// let mut client = Client::start(Config::new());
/// let reason = loop {
///     match client.poll_output(now) {
///         Output::Connect(attempt) => {
///             asked.push(attempt.last_event_id);
///             let Some((status, bytes)) = answers.next() else { break EndReason::Failed };
///             client.handle_response(now, ResponseHead::new(*status).with_content_type(b"text/event-stream"));
///             body = Some(bytes);
///         }
///         Output::Open => {}
///         Output::Wait(deadline) => match body.take() {
///             Some(chunk) => {
///                 let mut feed = client.feed(now, chunk);
///                 while let Some(item) = feed.next() {
///                     if let Item::Event(event) = item {
///                         events.push(event.into_data());
///                     }
///                 }
///                 client.handle_end(now);
///             }
///             None => now = deadline.unwrap_or(now), // a clock that has nothing else to do
///         },
///         Output::Disconnect(interruption) => assert!(interruption.delay >= Duration::from_secs(3)),
///         Output::Closed(reason) => break reason,
///     }
/// };
/// assert_eq!(reason, EndReason::NoContent);
/// assert_eq!((events, asked), (vec!["hello".to_owned()], vec![None, Some("7".to_owned())]));
/// ```
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    /// Outlives every connection, and the last event id with it.
    decoder: Decoder,
    state: State,
    /// The last `retry` of the stream.
    retry: Option<Duration>,
    /// This connection brought an event or an id.
    has_delivered: bool,
    failed_attempts: u32,
    random: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A request is to be made.
    Due,
    Connecting {
        timeout: Option<Timer>,
    },
    Open {
        since: Instant,
        idle: Option<Timer>,
        is_announced: bool,
    },
    /// To be told.
    Lost {
        since: Instant,
        interruption: Interruption,
    },
    Waiting(Timer),
    Closed(EndReason),
}

impl Client {
    /// Starts a client: the first poll gives its first request.
    ///
    /// A [`Config`] by value is moved into an `Arc` (one allocation); an `Arc` is shared.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Client, Config, Output};
    ///
    /// let mut client = Client::start(Config::new());
    /// assert!(matches!(client.poll_output(Instant::EPOCH), Output::Connect(_)));
    /// ```
    #[must_use]
    pub fn start(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self {
            decoder: Decoder::with_limit(config.event_limit),
            state: State::Due,
            retry: None,
            has_delivered: false,
            failed_attempts: 0,
            random: 0,
            config,
        }
    }

    /// Sets where the jitter of this client begins: any number that is another for each client.
    ///
    /// To be called once, right after [`Client::start`]; without it every client waits the same.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Client, Config, Output};
    ///
    /// let delay = |seed| {
    ///     let mut client = Client::start(Config::new()).with_seed(seed);
    ///     let _connect = client.poll_output(Instant::EPOCH);
    ///     client.handle_connect_error(Instant::EPOCH);
    ///     match client.poll_output(Instant::EPOCH) {
    ///         Output::Disconnect(interruption) => interruption.delay,
    ///         _ => unreachable!(),
    ///     }
    /// };
    /// assert_ne!(delay(1), delay(2));
    /// ```
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = seed;
        self
    }

    /// Sets the id to begin with, as [`Client::last_event_id`] gave it to an earlier client.
    ///
    /// To be called once, right after [`Client::start`]. CR, LF and NUL, which no id can hold, are left out.
    ///
    /// ```
    /// use sse_core::client::{Client, Config};
    ///
    /// let client = Client::start(Config::new()).with_last_event_id("41");
    /// assert_eq!(client.last_event_id(), "41");
    /// ```
    #[must_use]
    pub fn with_last_event_id(mut self, id: &str) -> Self {
        let id: String = id.chars().filter(|char| !matches!(char, '\r' | '\n' | '\0')).collect();
        self.decoder = self.decoder.with_last_event_id(&id);
        self
    }

    /// Says what to do next; see [`Output`].
    ///
    /// To be called after every input and every output but [`Output::Wait`], at its deadline, and as often as one likes.
    pub fn poll_output(&mut self, now: Instant) -> Output {
        match &mut self.state {
            State::Due => self.connect(now),
            State::Waiting(delay) => {
                delay.handle_now(now);
                if delay.is_due(now) {
                    return self.connect(now);
                }
                Output::Wait(deadline(delay, now))
            }
            State::Open { is_announced, .. } if !*is_announced => {
                *is_announced = true;
                Output::Open
            }
            State::Connecting { timeout: timer } | State::Open { idle: timer, .. } => {
                Output::Wait(timer.as_mut().and_then(|timer| {
                    timer.handle_now(now);
                    deadline(timer, now)
                }))
            }
            State::Lost { since, interruption } => {
                let interruption = *interruption;
                self.state = State::Waiting(Timer::start(*since, interruption.delay));
                Output::Disconnect(interruption)
            }
            State::Closed(reason) => Output::Closed(*reason),
        }
    }

    /// Takes the head of the response to the last [`Output::Connect`], behind all redirects.
    ///
    /// 200 with the type `text/event-stream`, in any case and with any parameters, opens the stream. 204 ends the client,
    /// so does [every other](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model) status
    /// or type, unless [`Config::with_retried_statuses`] says otherwise.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Client, Config, EndReason, Output, ResponseHead};
    ///
    /// let now = Instant::EPOCH;
    /// let answer = |head: ResponseHead<'_>| {
    ///     let mut client = Client::start(Config::new());
    ///     let _connect = client.poll_output(now);
    ///     client.handle_response(now, head);
    ///     client.poll_output(now)
    /// };
    /// assert_eq!(answer(ResponseHead::new(200).with_content_type(b"text/event-stream;charset=utf-8")), Output::Open);
    /// assert_eq!(answer(ResponseHead::new(200).with_content_type(b"text/html")), Output::Closed(EndReason::ContentType));
    /// assert_eq!(answer(ResponseHead::new(204)), Output::Closed(EndReason::NoContent));
    /// ```
    pub fn handle_response(&mut self, now: Instant, head: ResponseHead<'_>) {
        if !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        match head.status {
            200 if head.is_event_stream() => {
                let idle = self.config.idle_timeout.map(|timeout| Timer::start(now, timeout));
                self.state = State::Open { since: now, idle, is_announced: false };
            }
            200 => self.end(EndReason::ContentType),
            204 => self.end(EndReason::NoContent),
            status if self.config.is_retried(status) => {
                self.lose(now, Cause::Status(status), head.retry_after);
            }
            status => self.end(EndReason::Status(status)),
        }
    }

    /// Takes a chunk of the response's body: read it by [`Feed::next`].
    ///
    /// The idle time-out starts anew. Empty unless the stream is open; what a [`Feed`] that is dropped early leaves is to be
    /// fed again.
    ///
    /// ```
    /// use sse_core::client::{Client, Config, ResponseHead};
    /// use sse_core::{Instant, Item};
    ///
    /// let now = Instant::EPOCH;
    /// let mut client = Client::start(Config::new());
    /// assert!(client.feed(now, b"data: too early\n\n").next().is_none());
    /// let _connect = client.poll_output(now);
    /// client.handle_response(now, ResponseHead::new(200).with_content_type(b"text/event-stream"));
    /// assert!(matches!(client.feed(now, b"data: a\n\n").next(), Some(Item::Event(_))));
    /// ```
    pub fn feed<'m, 'c>(&'m mut self, now: Instant, chunk: &'c [u8]) -> Feed<'m, 'c> {
        let chunk = match &mut self.state {
            State::Open { idle, .. } => {
                if let Some(idle) = idle.as_mut().filter(|_| !chunk.is_empty()) {
                    idle.restart(now);
                }
                chunk
            }
            _ => &[],
        };
        Feed {
            inner: self.decoder.feed(chunk),
            retry: &mut self.retry,
            has_delivered: &mut self.has_delivered,
        }
    }

    /// Takes note that the response's body came to its end: the connection is [to be
    /// reestablished](https://html.spec.whatwg.org/multipage/server-sent-events.html#reestablish-the-connection).
    ///
    /// Half an event is thrown away, and its id with it; [`Interruption::discarded`] tells of it.
    pub fn handle_end(&mut self, now: Instant) {
        if self.is_open() {
            self.lose(now, Cause::BodyEnded, None);
        }
    }

    /// Takes note that the transport failed in the middle of the body; as with [`Client::handle_end`] the connection is to
    /// be reestablished.
    pub fn handle_transport_error(&mut self, now: Instant) {
        if self.is_open() {
            self.lose(now, Cause::TransportFailed, None);
        }
    }

    /// Takes note that there is no response to the last [`Output::Connect`]: another attempt will be made. Where it is
    /// known to be futile, call [`Client::fail`].
    pub fn handle_connect_error(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting { .. }) {
            self.lose(now, Cause::ConnectFailed, None);
        }
    }

    /// Takes note of the time while there are no news: ends a connection whose time-out has come.
    ///
    /// Harmless at any time. A driver calls it when the deadline of [`Output::Wait`] has come and the transport has
    /// nothing to read, and polls.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    /// use sse_core::client::{Cause, Client, Config, Output};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut client = Client::start(Config::new().with_connect_timeout(Duration::from_secs(10)));
    /// assert!(matches!(client.poll_output(at(0)), Output::Connect(_)));
    /// assert_eq!(client.poll_output(at(0)), Output::Wait(Some(at(10))));
    /// client.handle_timeout(at(10));
    /// assert!(matches!(client.poll_output(at(10)), Output::Disconnect(lost) if lost.cause == Cause::ConnectTimedOut));
    /// ```
    pub fn handle_timeout(&mut self, now: Instant) {
        let (timer, cause) = match &mut self.state {
            State::Connecting { timeout } => (timeout, Cause::ConnectTimedOut),
            State::Open { idle, .. } => (idle, Cause::IdleTimedOut),
            _ => return,
        };
        let is_due = timer.as_mut().is_some_and(|timer| {
            timer.handle_now(now);
            timer.is_due(now)
        });
        if is_due {
            self.lose(now, cause, None);
        }
    }

    /// Takes note that the driver was away until now: the time-out of the connection, made or being made, starts anew.
    ///
    /// For a driver that itself has to go on for the connection to be made, and was not able to before the deadline.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    /// use sse_core::client::{Client, Config, Output};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut client = Client::start(Config::new().with_connect_timeout(Duration::from_secs(10)));
    /// assert!(matches!(client.poll_output(at(0)), Output::Connect(_)));
    /// client.handle_absence(at(15));
    /// assert_eq!(client.poll_output(at(15)), Output::Wait(Some(at(25))));
    /// ```
    pub fn handle_absence(&mut self, now: Instant) {
        if let State::Connecting { timeout: Some(timer) } | State::Open { idle: Some(timer), .. } =
            &mut self.state
        {
            timer.restart(now);
        }
    }

    /// Makes a new connection after the reconnection time, not after a back-off or what a `Retry-After` asked: for a user
    /// who asks for it, or a network that changed. Ends the connection, made or being made.
    ///
    /// The reconnection time and its jitter count from when the connection was lost: a client that waits longer is due
    /// then, at once if that is past. Counts neither as a failure nor against [`Config::without_reconnection`].
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Instant;
    /// use sse_core::client::{Cause, Client, Config, Output};
    ///
    /// let at = |secs| Instant::from_epoch(Duration::from_secs(secs));
    /// let mut client = Client::start(Config::new().with_jitter_percent(0));
    /// let _connect = client.poll_output(at(0));
    /// client.restart(at(0));
    /// assert!(matches!(client.poll_output(at(0)), Output::Disconnect(lost) if lost.cause == Cause::Restarted));
    ///
    /// let _connect = client.poll_output(at(3));
    /// client.handle_connect_error(at(3));
    /// let _disconnect = client.poll_output(at(3));
    /// let _connect = client.poll_output(at(6));
    /// client.handle_connect_error(at(6));
    /// assert!(matches!(client.poll_output(at(6)), Output::Disconnect(lost) if lost.delay == Duration::from_secs(6)));
    /// client.restart(at(7));
    /// assert_eq!(client.poll_output(at(7)), Output::Wait(Some(at(9))), "not at 12");
    /// ```
    pub fn restart(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } | State::Open { .. } => self.lose(now, Cause::Restarted, None),
            State::Lost { since, mut interruption } => {
                interruption.delay = interruption.delay.min(self.with_jitter(self.reconnection_time()));
                self.state = State::Lost { since, interruption };
            }
            State::Waiting(delay) => {
                let period = delay.period().min(self.with_jitter(self.reconnection_time()));
                self.state = State::Waiting(delay.with_period(period));
            }
            State::Due | State::Closed(_) => {}
        }
    }

    /// Ends the client, the standard's
    /// [`close()`](https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource-close). The first reason
    /// counts.
    pub fn close(&mut self) {
        self.end(EndReason::Closed);
    }

    /// Ends the client because the driver knows that going on is futile: [fails the
    /// connection](https://html.spec.whatwg.org/multipage/server-sent-events.html#fail-the-connection). The first reason
    /// counts.
    ///
    /// For requests that can never work, such as one that is redirected to nowhere.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Client, Config, EndReason, Output};
    ///
    /// let mut client = Client::start(Config::new());
    /// client.fail();
    /// client.close();
    /// assert_eq!(client.poll_output(Instant::EPOCH), Output::Closed(EndReason::Failed));
    /// ```
    pub fn fail(&mut self) {
        self.end(EndReason::Failed);
    }

    /// Returns the last event id of all connections so far, empty when there is none; to be kept for a client to come.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the reconnection time: what the stream said last, or the default, within its limits.
    #[must_use]
    pub fn reconnection_time(&self) -> Duration {
        self.config.reconnection_time(self.retry)
    }

    /// Returns the state as scripts see it.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        match self.state {
            State::Due | State::Connecting { .. } | State::Lost { .. } | State::Waiting(_) => {
                ReadyState::Connecting
            }
            State::Open { .. } => ReadyState::Open,
            State::Closed(_) => ReadyState::Closed,
        }
    }

    /// Says whether a stream is being read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ready_state() == ReadyState::Open
    }

    /// Returns why the client is closed; `None` while it is not.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Returns the decoder: how many bytes came, whether an event above the limit is being discarded.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Returns the policies that the client was started with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn connect(&mut self, now: Instant) -> Output {
        let timeout = self.config.connect_timeout.map(|timeout| Timer::start(now, timeout));
        self.state = State::Connecting { timeout };
        self.has_delivered = false;
        let id = self.decoder.last_event_id();
        Output::Connect(Attempt {
            number: self.failed_attempts.saturating_add(1),
            last_event_id: (!id.is_empty()).then(|| String::from(id)),
        })
    }

    fn lose(&mut self, now: Instant, cause: Cause, retry_after: Option<Duration>) {
        let discarded = self.decoder.finish();
        let is_good = match (self.state, cause) {
            (State::Open { .. }, Cause::BodyEnded) if self.has_delivered => true,
            (State::Open { since, .. }, _) => {
                now.saturating_duration_since(since) >= self.config.stable_after
            }
            _ => false,
        };
        self.failed_attempts = match (is_good, cause) {
            (true, _) => 0,
            (false, Cause::Restarted) => self.failed_attempts,
            (false, _) => self.failed_attempts.saturating_add(1),
        };
        if cause != Cause::Restarted && !self.config.allows_another(self.failed_attempts) {
            self.end(EndReason::Disconnected(cause));
            return;
        }
        let time = self.reconnection_time();
        let backoff = match cause {
            Cause::Restarted => time,
            _ => self.config.backoff(time, self.failed_attempts),
        };
        let asked = retry_after.map_or(backoff, |asked| backoff.max(self.config.retry_after(asked)));
        let delay = self.with_jitter(asked);
        let interruption = Interruption { cause, delay, failed_attempts: self.failed_attempts, discarded };
        self.state = State::Lost { since: now, interruption };
    }

    fn with_jitter(&mut self, delay: Duration) -> Duration {
        self.random = splitmix64(self.random);
        delay.saturating_add(part_of(self.config.max_jitter(delay), self.random))
    }

    fn end(&mut self, reason: EndReason) {
        if !matches!(self.state, State::Closed(_)) {
            self.decoder.finish();
            self.state = State::Closed(reason);
        }
    }
}

/// When a timer comes due, or came due; `None` at the end of time, where what has not come is not later than now.
fn deadline(timer: &Timer, now: Instant) -> Option<Instant> {
    Some(timer.deadline()).filter(|deadline| *deadline > now || timer.is_due(now))
}

#[cfg(test)]
mod tests;
