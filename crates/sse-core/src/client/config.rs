use crate::decode::Decoder;
use core::num::NonZeroU32;
use core::time::Duration;

/// The policies of a client: made once, shared by any number of clients.
///
/// | policy | default |
/// |---|---|
/// | reconnection time, until the stream sets its own | 3 s |
/// | limits of the reconnection time | 500 ms to 10 min |
/// | back-off | doubles with each failed attempt in a row, up to 60 s |
/// | jitter | up to half of the delay on top, from the first reconnection on |
/// | a connection is good | after 5 s, or when it delivered and then ended cleanly |
/// | attempts | without limit |
/// | statuses that are tried again | none: every status but 200 ends the client |
/// | connect time-out | 60 s, to the head of the response |
/// | idle time-out | 5 min without a byte |
/// | limit of an event | 16 MiB |
///
/// ```
/// use core::time::Duration;
/// use sse_core::client::{Config, is_transient};
///
/// let config = Config::new()
///     .with_idle_timeout(Duration::from_secs(45))
///     .with_retried_statuses(is_transient)
///     .with_max_attempts(10);
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    reconnection_time: Duration,
    min_delay: Duration,
    max_delay: Duration,
    backoff_limit: Duration,
    jitter_percent: u8,
    pub(super) stable_after: Duration,
    attempts: Attempts,
    is_retried: fn(u16) -> bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) event_limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempts {
    Unlimited,
    Limited(NonZeroU32),
    Once,
}

impl Config {
    /// The least that [`Config::with_delay_limits`] sets: 100 ms.
    pub const MIN_DELAY: Duration = Duration::from_millis(100);

    /// Makes the default policies; allocates nothing.
    ///
    /// ```
    /// use sse_core::client::Config;
    ///
    /// const CONFIG: Config = Config::new();
    /// # let _ = CONFIG;
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reconnection_time: Duration::from_secs(3),
            min_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(600),
            backoff_limit: Duration::from_secs(60),
            jitter_percent: 50,
            stable_after: Duration::from_secs(5),
            attempts: Attempts::Unlimited,
            is_retried: never,
            connect_timeout: Some(Duration::from_secs(60)),
            idle_timeout: Some(Duration::from_secs(300)),
            event_limit: Decoder::DEFAULT_LIMIT,
        }
    }

    /// Sets the [reconnection
    /// time](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time) that
    /// counts until the stream sets its own. 3 s by default, as browsers have it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::{Client, Config};
    ///
    /// let client = Client::start(Config::new().with_reconnection_time(Duration::from_secs(1)));
    /// assert_eq!(client.reconnection_time(), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub const fn with_reconnection_time(mut self, time: Duration) -> Self {
        self.reconnection_time = time;
        self
    }

    /// Sets what a reconnection waits at least and at most, before jitter: 500 ms and 10 min by default.
    ///
    /// A stream that says `retry: 0` does not make its clients hammer, one that says `retry: 4294967296` does not park
    /// them. The same limits hold for a `Retry-After`. `least` is raised to [`Config::MIN_DELAY`], `most` to `least`.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::{Client, Config};
    ///
    /// let config = Config::new().with_delay_limits(Duration::from_secs(5), Duration::from_secs(60));
    /// assert_eq!(Client::start(config).reconnection_time(), Duration::from_secs(5), "not 3 s");
    /// ```
    #[must_use]
    pub fn with_delay_limits(mut self, least: Duration, most: Duration) -> Self {
        self.min_delay = least.max(Self::MIN_DELAY);
        self.max_delay = most.max(self.min_delay);
        self
    }

    /// Sets up to where failed attempts in a row double the delay; [`Duration::ZERO`] switches the growth off. 60 s by
    /// default.
    ///
    /// A reconnection time above it stays what it is.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::Config;
    ///
    /// let flat = Config::new().with_backoff_limit(Duration::ZERO);
    /// # let _ = flat;
    /// ```
    #[must_use]
    pub const fn with_backoff_limit(mut self, limit: Duration) -> Self {
        self.backoff_limit = limit;
        self
    }

    /// Sets how many per cent of a delay are added at random, at most 100; 0 switches jitter off. 50 by default.
    ///
    /// Clients that lost the same server come back spread out. The delay only ever grows: the standard lets a client
    /// [wait longer](https://html.spec.whatwg.org/multipage/server-sent-events.html#reestablish-the-connection), not
    /// shorter.
    ///
    /// ```
    /// use sse_core::client::Config;
    ///
    /// let exact = Config::new().with_jitter_percent(0);
    /// # let _ = exact;
    /// ```
    #[must_use]
    pub const fn with_jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent < 100 { percent } else { 100 };
        self
    }

    /// Sets how long a connection has to have been open to be a good one, which resets the back-off. 5 s by default.
    ///
    /// One that delivered an event or an id and then ended cleanly is good at any age: servers that are polled end their
    /// responses.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::Config;
    ///
    /// let config = Config::new().with_stable_after(Duration::from_secs(30));
    /// # let _ = config;
    /// ```
    #[must_use]
    pub const fn with_stable_after(mut self, age: Duration) -> Self {
        self.stable_after = age;
        self
    }

    /// Gives up after so many attempts in a row that brought no good connection; `None` or 0 (the default) never does.
    ///
    /// The first attempt counts, too.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Cause, Client, Config, EndReason, Output};
    ///
    /// let mut client = Client::start(Config::new().with_max_attempts(1));
    /// assert!(matches!(client.poll_output(Instant::EPOCH), Output::Connect(_)));
    /// client.handle_connect_error(Instant::EPOCH);
    /// let reason = EndReason::Disconnected(Cause::ConnectFailed);
    /// assert_eq!(client.poll_output(Instant::EPOCH), Output::Closed(reason));
    /// ```
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        let attempts = attempts.into().and_then(NonZeroU32::new);
        self.attempts = attempts.map_or(Attempts::Unlimited, Attempts::Limited);
        self
    }

    /// Never reconnects: whatever ends the connection ends the client.
    ///
    /// For requests that must not be sent twice, and for answers that come as one stream, such as those of language
    /// models.
    ///
    /// ```
    /// use sse_core::Instant;
    /// use sse_core::client::{Cause, Client, Config, EndReason, Output, ResponseHead};
    ///
    /// let now = Instant::EPOCH;
    /// let mut client = Client::start(Config::new().without_reconnection());
    /// let _connect = client.poll_output(now);
    /// client.handle_response(now, ResponseHead::new(200).with_content_type(b"text/event-stream"));
    /// client.handle_end(now);
    /// assert_eq!(client.poll_output(now), Output::Closed(EndReason::Disconnected(Cause::BodyEnded)));
    /// ```
    #[must_use]
    pub const fn without_reconnection(mut self) -> Self {
        self.attempts = Attempts::Once;
        self
    }

    /// Sets which statuses are no end but a failed attempt, such as those of [`is_transient`](super::is_transient). By
    /// default there are none: [the
    /// standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model) fails the
    /// connection at each but 200.
    ///
    /// 200 and 204 are never asked for.
    ///
    /// ```
    /// use sse_core::client::Config;
    ///
    /// let config = Config::new().with_retried_statuses(|status| status == 503);
    /// # let _ = config;
    /// ```
    #[must_use]
    pub const fn with_retried_statuses(mut self, is_retried: fn(u16) -> bool) -> Self {
        self.is_retried = is_retried;
        self
    }

    /// Sets how long it may take from [`Output::Connect`](super::Output::Connect) to the head of the response; `None` waits
    /// for ever. 60 s by default.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::Config;
    ///
    /// let config = Config::new().with_connect_timeout(Duration::from_secs(10));
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// Sets how long an open connection may be silent; `None` waits for ever. 5 min by default.
    ///
    /// Every byte resets it, those of comments too: three heartbeats of the server are a good choice.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::client::Config;
    ///
    /// let config = Config::new().with_idle_timeout(Duration::from_secs(45));
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Sets above how many bytes an event is discarded, as [`Decoder::with_limit`] counts them. 16 MiB by default.
    ///
    /// ```
    /// use sse_core::client::Config;
    ///
    /// let config = Config::new().with_event_limit(64 * 1024);
    /// # let _ = config;
    /// ```
    #[must_use]
    pub const fn with_event_limit(mut self, bytes: usize) -> Self {
        self.event_limit = bytes;
        self
    }

    pub(super) fn is_retried(&self, status: u16) -> bool {
        (self.is_retried)(status)
    }

    pub(super) fn allows_another(&self, failed_attempts: u32) -> bool {
        match self.attempts {
            Attempts::Unlimited => true,
            Attempts::Limited(limit) => failed_attempts < limit.get(),
            Attempts::Once => false,
        }
    }

    /// What the stream said, or the default, within the limits.
    pub(super) fn reconnection_time(&self, said: Option<Duration>) -> Duration {
        said.unwrap_or(self.reconnection_time).clamp(self.min_delay, self.max_delay)
    }

    /// The delay before jitter. The first failed attempt does not double it.
    pub(super) fn backoff(&self, base: Duration, failed_attempts: u32) -> Duration {
        let doublings = failed_attempts.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        base.saturating_mul(factor).min(self.backoff_limit).min(self.max_delay).max(base)
    }

    pub(super) fn retry_after(&self, asked: Duration) -> Duration {
        asked.min(self.max_delay)
    }

    /// The most that jitter adds to a delay.
    pub(super) fn max_jitter(&self, delay: Duration) -> Duration {
        (delay / 100).saturating_mul(u32::from(self.jitter_percent))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

fn never(_: u16) -> bool {
    false
}
