use crate::hub::Broadcaster;
use crate::position::Epoch;
use crate::unwinding::Guarded;
use core::fmt;
use core::time::Duration;
use sse_core::{EventName, event_name};
use std::sync::Arc;
use std::time::Instant;

/// What becomes of a subscriber that fell behind what its topics' logs still hold.
///
/// None of them leaves a client connected that hears nothing, and every loss is counted and told.
///
/// ```
/// use core::time::Duration;
/// use sse_broadcast::{Lag, Settings};
///
/// let dashboard = Settings::new().with_lag(Lag::LatestPerKey);
/// let patient = Settings::new().with_lag(Lag::Close { retry: Duration::from_secs(1), spread: Duration::from_secs(4) });
/// # let _ = (dashboard, patient);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lag {
    /// The stream ends, and the client is told to reconnect after `retry` and a random part of `spread`: what is lost is then
    /// told by the [verdict](crate::Outcome) on its resumption.
    Close {
        /// The shortest reconnection time.
        retry: Duration,
        /// Up to how much is added to it at random.
        spread: Duration,
    },
    /// A verdict in the stream says what is lost, and the stream goes on behind it.
    Skip,
    /// The newest event of each key is kept beyond the logs, and the subscriber gets those. Events without a key that are
    /// lost are told as with [`Lag::Skip`].
    LatestPerKey,
}

/// How a broadcaster behaves; made once.
///
/// | setting | default |
/// |---|---|
/// | log of a topic | 1,024 events, 1 MiB, 5 minutes: whichever is reached first |
/// | lag | close, reconnect after 1 to 5 s |
/// | clients | 100,000 |
/// | topics | 10,000, and 64 for one subscriber |
/// | keys of a topic ([`Lag::LatestPerKey`]) | 10,000 |
/// | event names | strict: only registered ones |
/// | name of verdicts | `sse:reset` |
/// | name of the first event of a fresh client | `sse:start` |
/// | name of the event of a feed that stopped | `sse:stale` |
///
/// ```
/// use sse_broadcast::{Broadcaster, Settings};
///
/// let hub = Broadcaster::new(Settings::new().with_events(10_000).lenient());
/// # let _ = hub;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Settings {
    pub(crate) epoch: Option<Epoch>,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
    pub(crate) keys: usize,
    pub(crate) clients: usize,
    pub(crate) topics: usize,
    pub(crate) topics_per_client: usize,
    pub(crate) lag: Lag,
    pub(crate) is_strict: bool,
    pub(crate) verdict_name: EventName<'static>,
    pub(crate) start_name: EventName<'static>,
    pub(crate) stale_name: Option<EventName<'static>>,
    /// The machine's, if there is none.
    pub(crate) clock: Guarded<Clock>,
    pub(crate) on_connect: Guarded<Hook>,
    pub(crate) on_leave: Guarded<Hook>,
}

type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;
pub(crate) type Hook = Arc<dyn Fn(&Presence<'_>) + Send + Sync>;

/// A client that connected, or left.
///
/// ```
/// use sse_broadcast::{Presence, Settings};
/// use std::sync::{Mutex, PoisonError};
///
/// /// Counted and published as one: clients come and go side by side, and the older count must not be told last.
/// static TELLING: Mutex<()> = Mutex::new(());
///
/// fn tell(client: &Presence<'_>) {
///     let _telling = TELLING.lock().unwrap_or_else(PoisonError::into_inner);
///     for topic in client.topics {
///         let here = client.broadcaster.topic_client_count(topic).to_string();
///         drop(client.broadcaster.publish(topic, here)); // refused when it was shut down
///     }
/// }
///
/// let settings = Settings::new().on_connect(tell).on_leave(tell);
/// # let _ = settings;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Presence<'a> {
    /// Where it is connected: to ask for counts, or to publish them.
    pub broadcaster: &'a Broadcaster,
    /// The topics that it is subscribed to.
    pub topics: &'a [Arc<str>],
    /// How many clients are connected now, to whatever topic.
    pub clients: usize,
}

impl Settings {
    /// Makes the default settings.
    pub fn new() -> Self {
        Self {
            epoch: None,
            events: 1_024,
            bytes: 1024 * 1024,
            age: Duration::from_secs(300),
            keys: 10_000,
            clients: 100_000,
            topics: 10_000,
            topics_per_client: 64,
            lag: Lag::Close { retry: Duration::from_secs(1), spread: Duration::from_secs(4) },
            is_strict: true,
            verdict_name: event_name!("sse:reset"),
            start_name: event_name!("sse:start"),
            stale_name: Some(event_name!("sse:stale")),
            clock: Guarded::NONE,
            on_connect: Guarded::NONE,
            on_leave: Guarded::NONE,
        }
    }

    /// Sets the epoch, in the place of a random one: for tests. Two broadcasters with one epoch cannot tell each other's ids
    /// from their own, and clients lose events unseen.
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Sets how many events a topic's log holds.
    pub fn with_events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// Sets how many bytes a topic's log holds. The newest events of keys are kept beyond it.
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets for how long a topic's log holds an event. What is older is let go when anything is published, or the topic is
    /// resumed. The newest events of keys are kept beyond it. Of clocks that jump: [`Settings::with_clock`].
    pub fn with_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// Sets how many keys a topic keeps the newest event of, with [`Lag::LatestPerKey`].
    pub fn with_keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// Sets how many clients may be connected at once.
    pub fn with_clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// Sets how many topics there may be.
    pub fn with_topics(mut self, topics: usize) -> Self {
        self.topics = topics;
        self
    }

    /// Sets to how many topics one client may subscribe.
    pub fn with_topics_per_client(mut self, topics: usize) -> Self {
        self.topics_per_client = topics;
        self
    }

    /// Sets what becomes of subscribers that fall behind.
    pub fn with_lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// Lets events of any name be published, registered or not.
    pub fn lenient(mut self) -> Self {
        self.is_strict = false;
        self
    }

    /// Sets the name of the events that tell a client what it lost.
    pub fn with_verdict_name(mut self, name: EventName<'static>) -> Self {
        self.verdict_name = name;
        self
    }

    /// Sets the name of the event that gives a fresh client its first id.
    pub fn with_start_name(mut self, name: EventName<'static>) -> Self {
        self.start_name = name;
        self
    }

    /// Sets the name of the event that tells a client that the [feed](crate::Feed) has stopped, with the data
    /// `{"stale":true}`, and that it goes on, with `{"stale":false}`; `None` tells nothing. Without an id, since nothing is lost.
    pub fn with_stale_name(mut self, name: Option<EventName<'static>>) -> Self {
        self.stale_name = name;
        self
    }

    /// Sets what is called when a client has connected: its stream was polled for the first time. No lock is held: it may
    /// publish. It runs inside of the stream's poll and must not block.
    ///
    /// ```
    /// use sse_broadcast::{Presence, Settings};
    ///
    /// let settings = Settings::new()
    ///     .on_connect(|client: &Presence<'_>| println!("{} are here", client.clients))
    ///     .on_leave(|client: &Presence<'_>| println!("one of {:?} left", client.topics));
    /// # let _ = settings;
    /// ```
    pub fn on_connect(mut self, hook: impl Fn(&Presence<'_>) + Send + Sync + 'static) -> Self {
        self.on_connect = Guarded::new(Arc::new(hook));
        self
    }

    /// Sets what is called when a client has left: its stream was dropped, however it ended. As with
    /// [`Settings::on_connect`].
    pub fn on_leave(mut self, hook: impl Fn(&Presence<'_>) + Send + Sync + 'static) -> Self {
        self.on_leave = Guarded::new(Arc::new(hook));
        self
    }

    /// Sets the clock that events age by: for tests.
    ///
    /// When it jumps ahead, events age by as much. When it goes back, they do not age until it is where it was; but one that
    /// goes back by more than the [age](Self::with_age) of events, and more than a second, is taken to be set back, and they
    /// age on from there. So a jump, ahead or back, keeps an event for no longer than once more its age, or a second.
    pub fn with_clock(mut self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Guarded::new(Arc::new(clock));
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("epoch", &self.epoch)
            .field("events", &self.events)
            .field("bytes", &self.bytes)
            .field("age", &self.age)
            .field("keys", &self.keys)
            .field("clients", &self.clients)
            .field("topics", &self.topics)
            .field("topics_per_client", &self.topics_per_client)
            .field("lag", &self.lag)
            .field("is_strict", &self.is_strict)
            .field("verdict_name", &self.verdict_name)
            .field("start_name", &self.start_name)
            .field("stale_name", &self.stale_name)
            .finish_non_exhaustive()
    }
}
