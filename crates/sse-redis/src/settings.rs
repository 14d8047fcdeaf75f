use crate::entry::MalformedEntry;
use crate::error::{ConnectError, EngineError};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// What becomes of a publication while the engine cannot be reached.
///
/// ```
/// use core::time::Duration;
/// use sse_redis::{Outage, Settings};
///
/// let patient = Settings::new("news").with_outage(Outage::Wait(Duration::from_secs(5)));
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outage {
    /// It is an error at once.
    Fail,
    /// It waits for so long for the engine to come back, and is an error then. What was sent and not answered is not sent
    /// again.
    Wait(Duration),
}

/// The way to the engine, as a node sees it.
///
/// ```
/// use sse_redis::{Link, Settings};
///
/// let settings = Settings::new("news").on_link(|link: &Link| match link {
///     Link::Up => println!("up"),
///     Link::Down(error) => println!("down: {error}"),
///     _ => {}
/// });
/// # let _ = settings;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// The log is being read.
    Up,
    /// It is not, for this reason. The node tries again.
    Down(EngineError),
}

/// How a node uses the engine. All nodes of a stream should agree on its name and bounds.
///
/// | setting | default |
/// |---|---|
/// | the stream | about 100,000 entries, 5 minutes |
/// | the node's own log, its clients | those of [`sse_broadcast::Settings`] |
/// | an entry | 1 MiB |
/// | publishing at once | 1,024 |
/// | an answer to a publication is overdue after | 2 s |
/// | while the engine is gone | publishing is an error at once |
/// | the link is asked after | 5 s of silence |
/// | clients are told that the link is down after | 2 s |
/// | connecting again | after 50 ms, up to 5 s, at random |
/// | the first connection | within 5 s |
/// | nodes say what clients and members they have | every 5 s |
///
/// ```
/// use sse_redis::Settings;
///
/// let settings = Settings::new("chat").with_entries(10_000);
/// assert_eq!(settings.stream_key(), "sse:{chat}");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Settings {
    pub(crate) name: String,
    pub(crate) local: sse_broadcast::Settings,
    pub(crate) entries: u64,
    pub(crate) age: Duration,
    pub(crate) entry_bytes: usize,
    pub(crate) publishing: usize,
    pub(crate) answer_within: Duration,
    pub(crate) outage: Outage,
    pub(crate) poll: Duration,
    pub(crate) stale_after: Duration,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) connect_within: Duration,
    pub(crate) exchange: Duration,
    pub(crate) on_malformed: Option<Hook<MalformedEntry>>,
    pub(crate) on_link: Option<Hook<Link>>,
}

type Hook<T> = Arc<dyn Fn(&T) + Send + Sync>;

impl Settings {
    /// Makes the default settings for the stream of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            local: sse_broadcast::Settings::new(),
            entries: 100_000,
            age: Duration::from_secs(300),
            entry_bytes: 1024 * 1024,
            publishing: 1_024,
            answer_within: Duration::from_secs(2),
            outage: Outage::Fail,
            poll: Duration::from_secs(5),
            stale_after: Duration::from_secs(2),
            backoff: (Duration::from_millis(50), Duration::from_secs(5)),
            connect_within: Duration::from_secs(5),
            exchange: Duration::from_secs(5),
            on_malformed: None,
            on_link: None,
        }
    }

    /// Sets how this node's own broadcaster behaves: its logs, its clients, what becomes of those that fall behind.
    pub fn with_local(mut self, settings: sse_broadcast::Settings) -> Self {
        self.local = settings;
        self
    }

    /// Sets about how many entries the stream holds, of all topics together.
    pub fn with_entries(mut self, entries: u64) -> Self {
        self.entries = entries.min(i64::MAX as u64);
        self
    }

    /// Sets for how long the stream holds an entry, at least; older ones go when something is published.
    pub fn with_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Sets how many bytes an entry may have, names and values of its fields. Larger ones that others put there are left out
    /// and reported.
    pub fn with_entry_bytes(mut self, bytes: usize) -> Self {
        self.entry_bytes = bytes;
        self
    }

    /// Sets how many events this node may be publishing at once; beyond that, publishing is an error.
    pub fn with_publishing(mut self, events: usize) -> Self {
        self.publishing = events;
        self
    }

    /// Sets after how long the answer to a publication is overdue.
    pub fn with_answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Sets what becomes of a publication while the engine cannot be reached.
    pub fn with_outage(mut self, outage: Outage) -> Self {
        self.outage = outage;
        self
    }

    /// Sets after how much silence the link is asked whether it is still there: an answer that is two seconds late ends it.
    /// From 10 ms to an hour.
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll.clamp(Duration::from_millis(10), Duration::from_secs(3_600));
        self
    }

    /// Sets for how long the link may be down before clients are told. The event's name is that of
    /// [`sse_broadcast::Settings::with_stale_name`].
    pub fn with_stale_after(mut self, time: Duration) -> Self {
        self.stale_after = time;
        self
    }

    /// Sets how long a node waits before it connects again: at random up to the first, which doubles each time, up to the
    /// second.
    pub fn with_backoff(mut self, first: Duration, most: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        self.backoff = (first, most.max(first));
        self
    }

    /// Sets within how long a connection has to be there and, for the first one, the log has to be read.
    pub fn with_connect_within(mut self, time: Duration) -> Self {
        self.connect_within = time;
        self
    }

    /// Sets how often nodes say how many clients, and which members, they have: at least 100 ms. What a node said counts for
    /// three times as long.
    pub fn with_exchange(mut self, every: Duration) -> Self {
        self.exchange = every.max(Duration::from_millis(100));
        self
    }

    /// Sets what is called for each entry that is left out. It must not block.
    pub fn on_malformed(mut self, hook: impl Fn(&MalformedEntry) + Send + Sync + 'static) -> Self {
        self.on_malformed = Some(Arc::new(hook));
        self
    }

    /// Sets what is called when the link to the engine comes or goes. It must not block.
    pub fn on_link(mut self, hook: impl Fn(&Link) + Send + Sync + 'static) -> Self {
        self.on_link = Some(Arc::new(hook));
        self
    }

    /// Returns the key of the stream: where programs in other languages publish with `XADD`.
    #[must_use]
    pub fn stream_key(&self) -> String {
        // Braces: the keys of one stream belong to one slot of a cluster.
        format!("sse:{{{}}}", self.name)
    }

    /// Returns the key of the stream's epoch.
    #[must_use]
    pub fn epoch_key(&self) -> String {
        format!("{}:epoch", self.stream_key())
    }

    pub(crate) fn clients_key(&self) -> String {
        format!("{}:clients", self.stream_key())
    }

    pub(crate) fn members_key(&self, topic: &str) -> String {
        format!("{}:members:{topic}", self.stream_key())
    }

    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if (1..=64).contains(&self.name.len()) && self.name.bytes().all(is_allowed) {
            return Ok(());
        }
        Err(ConnectError::Name(self.name.clone()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("local", &self.local)
            .field("entries", &self.entries)
            .field("age", &self.age)
            .field("entry_bytes", &self.entry_bytes)
            .field("publishing", &self.publishing)
            .field("answer_within", &self.answer_within)
            .field("outage", &self.outage)
            .field("poll", &self.poll)
            .field("stale_after", &self.stale_after)
            .field("backoff", &self.backoff)
            .field("connect_within", &self.connect_within)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
