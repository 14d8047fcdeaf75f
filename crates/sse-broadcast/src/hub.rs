use crate::clock::Time;
use crate::log::{Bounds, Entry, Log};
use crate::message::{Message, Prepared};
use crate::position::{Epoch, Position, Sequence};
use crate::settings::{Lag, Settings};
use crate::subscription::{Subscribe, Subscription};
use crate::sync::{AtomicU64, Mutex, MutexGuard, RwLock};
use crate::unwinding::{self, Guarded};
use core::cmp::Reverse;
use core::fmt;
use core::future::Future;
use core::sync::atomic::Ordering;
use core::time::Duration;
use slab::Slab;
use sse_core::{CloseReason, EventId, EventName};
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Instant;

/// Events for many clients: each is encoded once, kept for a while, and read by every subscriber at its own pace.
///
/// Cheap to clone; all clones are the same broadcaster. Its streams stay open when the last clone is dropped:
/// [`Broadcaster::shutdown`] ends them. See the [crate] for how it works.
///
/// ```
/// use sse_broadcast::{Broadcaster, Outcome, Settings};
///
/// let hub = Broadcaster::new(Settings::new());
/// let position = hub.publish("news", "first")?;
/// let stream = hub.subscribe(["news"], Some(&position.to_id()))?;
/// assert_eq!(stream.outcome(), Outcome::Resumed { replayed: 0 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Broadcaster {
    pub(crate) hub: Arc<Hub>,
}

pub(crate) struct Hub {
    pub(crate) settings: Settings,
    /// What is published comes from a [`Feed`](crate::Feed) alone.
    pub(crate) is_fed: bool,
    names: RwLock<BTreeSet<EventName<'static>>>,
    state: Mutex<State>,
    /// Publishing holds it shared, a snapshot that is being taken holds it alone.
    pub(crate) gate: RwLock<()>,
    /// How often anybody was woken, and one. Counts before the waking: who was woken sees another number than before.
    pub(crate) wakings: AtomicU64,
}

/// Everything that changes. One lock: held to append, to read and to register, never to wake or to call back.
#[derive(Debug)]
pub(crate) struct State {
    /// Shared with the subscribers to this log, of which there are many.
    pub(crate) epoch: Arc<Epoch>,
    /// The sequence number of the newest event.
    pub(crate) last: Sequence,
    /// Between these can be events that have not been fed yet.
    pub(crate) ahead: Option<(Sequence, Sequence)>,
    /// Events up to here were published before now, whether they have been fed or not.
    pub(crate) newest: Sequence,
    /// The feed has stopped, for the time being.
    pub(crate) is_stale: bool,
    time: Time,
    /// A topic with clients keeps its key.
    pub(crate) topics: Slab<Topic>,
    names: HashMap<Arc<str>, usize>,
    /// Subscribers that were polled and not dropped.
    pub(crate) clients: Slab<()>,
    /// Those that end for this reason when they have read up to here; what is published later is for their next connections.
    pub(crate) closing: HashMap<usize, (CloseReason, Sequence)>,
    /// Closed to new events and clients; those that are there end when they have read everything.
    pub(crate) closed: Option<CloseReason>,
    /// How many are draining it: nobody new is taken meanwhile.
    pub(crate) draining: usize,
    /// The topics that hold events, by the age of the oldest.
    ages: BinaryHeap<Reverse<(Instant, usize)>>,
    /// The newest event that a topic had when it was forgotten.
    pub(crate) forgotten_through: Sequence,
    pub(crate) stats: Stats,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) log: Log,
    /// Its place in [`State::ages`]: no later than its oldest event.
    listed_at: Option<Instant>,
    waiting: Slab<Waker>,
    /// Counts how often `waiting` was emptied: a place in it is good for one round.
    round: u64,
    pub(crate) clients: usize,
}

/// A topic of a subscriber, where in it the subscriber waits, and what it knows of the topic's losses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    // Neither topics nor subscribers are counted in billions, and there is one of these for each pair of them.
    topic: u32,
    key: u32,
    round: u64,
    is_taken: bool,
    /// Losses up to here were told.
    pub(crate) told_through: Sequence,
}

impl Place {
    fn new(topic: usize) -> Self {
        Self { topic: topic as u32, key: 0, round: 0, is_taken: false, told_through: Sequence::ZERO }
    }

    pub(crate) fn topic(&self) -> usize {
        self.topic as usize
    }

    /// The topic may have been forgotten, and made anew.
    pub(crate) fn move_to(&mut self, other: &Self) {
        self.topic = other.topic;
    }
}

/// What a broadcaster has seen so far.
///
/// ```
/// use sse_broadcast::{Broadcaster, Settings};
///
/// let hub = Broadcaster::new(Settings::new());
/// hub.publish("a", "1")?;
/// assert_eq!((hub.stats().published, hub.stats().lagged), (1, 0));
/// # Ok::<(), sse_broadcast::PublishError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that were published.
    pub published: u64,
    /// How often a connected subscriber had lost events before it read them.
    pub lagged: u64,
    /// How often a client that resumed had lost events.
    pub gaps: u64,
    /// Clients that were turned away.
    pub refused: u64,
}

/// An event was not published; nothing changed.
///
/// ```
/// use sse_broadcast::{Broadcaster, Settings};
/// use sse_core::{Event, event_name};
///
/// let hub = Broadcaster::new(Settings::new());
/// hub.register_event(event_name!("joined"));
/// let error = hub.publish("lobby", Event::new("ada").with_name(event_name!("joind"))).unwrap_err();
/// assert_eq!(error.to_string(), "unregistered event name \"joind\"; registered: joined");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Its name is not registered, and the broadcaster is strict.
    #[error("unregistered event name {:?}; registered: {}", name.as_str(), list(registered))]
    Unregistered {
        /// The name.
        name: EventName<'static>,
        /// The names that are.
        registered: Vec<EventName<'static>>,
    },
    /// It has an id: ids are the broadcaster's.
    #[error("ids of published events are the broadcaster's own")]
    HasId,
    /// It dispatches nothing.
    #[error("nothing in it is an event")]
    NoEvent,
    /// Its topic is new, and there are as many as may be.
    #[error("there are {limit} topics already")]
    TooManyTopics {
        /// How many there may be.
        limit: usize,
    },
    /// The broadcaster was shut down.
    #[error("the broadcaster is closed")]
    Closed,
    /// What the broadcaster publishes comes through its [`Feed`](crate::Feed).
    #[error("what this broadcaster publishes comes through its feed")]
    Fed,
}

fn list(names: &[EventName<'static>]) -> String {
    names.iter().map(EventName::as_str).collect::<Vec<_>>().join(", ")
}

impl Broadcaster {
    /// Makes a broadcaster with an empty log.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::make(settings, false)
    }

    pub(crate) fn make(settings: Settings, is_fed: bool) -> Self {
        let epoch = settings.epoch.unwrap_or_else(Epoch::random);
        let hub = Hub {
            settings,
            is_fed,
            names: RwLock::default(),
            state: Mutex::new(State::new(Arc::new(epoch))),
            gate: RwLock::default(),
            wakings: AtomicU64::new(1),
        };
        Self { hub: Arc::new(hub) }
    }

    /// Lets events of this name be published.
    pub fn register_event(&self, name: EventName<'static>) {
        self.hub.names.write().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// Returns the names that are registered, in alphabetical order.
    #[must_use]
    pub fn event_types(&self) -> Vec<EventName<'static>> {
        self.hub.names.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Publishes an event: encodes it, appends it to its topic's log, wakes who waits for it. Waits for no client
    /// and no snapshot. Returns its position, which is its id.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: nothing was published.
    pub fn publish<'a>(
        &self,
        topic: &str,
        message: impl Into<Message<'a>>,
    ) -> Result<Position, PublishError> {
        self.append(topic, message.into())
    }

    /// Publishes what a function makes, at a moment that no [snapshot](Subscribe::snapshot) is taken: what the function
    /// changes is either in a snapshot or in an event behind it, not in both and not in neither. It must not publish itself:
    /// it might wait for a snapshot that waits for it.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: nothing was published. What the function changed stays changed.
    ///
    /// ```
    /// use sse_broadcast::{Broadcaster, Settings};
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// let (hub, visitors) = (Broadcaster::new(Settings::new()), AtomicU64::new(0));
    /// hub.publish_with("visitors", || (visitors.fetch_add(1, Ordering::SeqCst) + 1).to_string())?;
    /// # Ok::<(), sse_broadcast::PublishError>(())
    /// ```
    pub fn publish_with<'a, M: Into<Message<'a>>>(
        &self,
        topic: &str,
        make: impl FnOnce() -> M,
    ) -> Result<Position, PublishError> {
        let _no_snapshot_is_taken = self.hub.gate.read().unwrap_or_else(PoisonError::into_inner);
        self.append(topic, make().into())
    }

    fn append(&self, topic: &str, message: Message<'_>) -> Result<Position, PublishError> {
        let hub = &self.hub;
        let prepared = self.prepare(message)?;
        if hub.is_fed {
            return Err(PublishError::Fed);
        }
        let (mut state, now) = hub.lock_now();
        let sequence = state.last.next();
        let topic = state.append(hub, topic, sequence, prepared, now, now)?;
        let woken = state.topics[topic].take_waiting();
        let position = Position { epoch: *state.epoch, sequence };
        drop(state);
        hub.wake([woken]);
        Ok(position)
    }

    /// Encodes what can be published, or says why it cannot.
    fn prepare(&self, message: Message<'_>) -> Result<Prepared, PublishError> {
        message.prepare(|name| self.hub.is_known(name)).map_err(|error| self.with_registered(error))
    }

    /// Checks whether a message can be published, by what is in it and by its names; nothing is published.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: why it cannot.
    ///
    /// ```
    /// use sse_broadcast::{Broadcaster, PublishError, Settings};
    /// use sse_core::{Event, event_id};
    ///
    /// let hub = Broadcaster::new(Settings::new());
    /// let message = Event::new("x").with_id(event_id!("7"));
    /// assert_eq!(hub.check(&message.into()), Err(PublishError::HasId));
    /// ```
    pub fn check(&self, message: &Message<'_>) -> Result<(), PublishError> {
        let checked = message.check(|name| self.hub.is_known(name));
        checked.map(drop).map_err(|error| self.with_registered(error))
    }

    fn with_registered(&self, error: PublishError) -> PublishError {
        match error {
            PublishError::Unregistered { name, .. } => {
                PublishError::Unregistered { name, registered: self.event_types() }
            }
            other => other,
        }
    }

    /// Subscribes to topics, from where a client left off.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] when there is no room: see [`Broadcaster::subscribe_or_refuse`].
    pub fn subscribe<T: Into<Arc<str>>>(
        &self,
        topics: impl IntoIterator<Item = T>,
        last_event_id: Option<&EventId<'_>>,
    ) -> Result<Subscription, SubscribeError> {
        self.subscription(topics).resume(last_event_id).open()
    }

    /// Subscribes to topics, or gives a stream that tells the client to come back later, in a way that an `EventSource`
    /// understands: it would never come back after a status like 503.
    pub fn subscribe_or_refuse<T: Into<Arc<str>>>(
        &self,
        topics: impl IntoIterator<Item = T>,
        last_event_id: Option<&EventId<'_>>,
    ) -> Subscription {
        self.subscribe(topics, last_event_id).unwrap_or_else(|error| self.refusal(error))
    }

    /// Returns the stream that refuses a client: a reconnection time, then the end.
    pub fn refusal(&self, error: SubscribeError) -> Subscription {
        Subscription::refused(Arc::clone(&self.hub), error)
    }

    /// Begins a subscription with a filter or a snapshot.
    pub fn subscription<T: Into<Arc<str>>>(&self, topics: impl IntoIterator<Item = T>) -> Subscribe {
        Subscribe::new(self.clone(), topics.into_iter().map(Into::into).collect())
    }

    /// Returns how many clients are connected: subscriptions that were polled and not dropped.
    #[must_use]
    pub fn client_count(&self) -> usize {
        self.hub.lock().clients.len()
    }

    /// Returns how many clients are connected to a topic.
    #[must_use]
    pub fn topic_client_count(&self, topic: &str) -> usize {
        let state = self.hub.lock();
        state.names.get(topic).and_then(|key| state.topics.get(*key)).map_or(0, |topic| topic.clients)
    }

    /// Returns the place behind the newest event.
    #[must_use]
    pub fn position(&self) -> Position {
        let state = self.hub.lock();
        Position { epoch: *state.epoch, sequence: state.last }
    }

    /// Returns what was seen so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.hub.lock().stats
    }

    /// Closes the broadcaster: nothing more is published, nobody else subscribes, and every stream ends when it has read
    /// what there is. The graceful shutdown of a server then returns.
    pub fn shutdown(&self) {
        let woken = self.hub.lock().close_all(CloseReason::Shutdown);
        self.hub.wake(woken);
    }

    /// Closes the streams over a time, a few at once, so that their clients do not come back all at once; then as
    /// [`Broadcaster::shutdown`]. Publishing goes on meanwhile; nobody else subscribes.
    ///
    /// `sleep` is the runtime's, such as `tokio::time::sleep`. When the future is dropped half way, those that are closed
    /// stay closed and the others stay open, and new ones are taken again.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use core::time::Duration;
    ///
    /// let hub = sse_broadcast::Broadcaster::new(sse_broadcast::Settings::new());
    /// hub.drain(Duration::from_secs(10), tokio::time::sleep).await;
    /// assert!(hub.publish("a", "late").is_err());
    /// # }
    /// ```
    pub async fn drain<F: Future<Output = ()>>(&self, over: Duration, sleep: impl Fn(Duration) -> F) {
        const STEPS: u32 = 50;
        let _nobody_new = Draining::begin(&self.hub);
        let mut clients: Vec<usize> = self.hub.lock().clients.iter().map(|(key, _)| key).collect();
        // A random order: neighbours in the slab connected at about the same time.
        clients.sort_by_cached_key(|_| random());
        let total = clients.len();
        for step in 1..=STEPS {
            let remaining = total * (STEPS - step) as usize / STEPS as usize;
            let now = clients.split_off(remaining.min(clients.len()));
            if !now.is_empty() {
                let woken = self.hub.lock().close_some(&now, CloseReason::Shutdown);
                self.hub.wake(woken);
            }
            if !clients.is_empty() {
                sleep(over / STEPS).await;
            }
        }
        self.shutdown();
    }
}

impl fmt::Debug for Broadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster")
            .field("position", &self.position())
            .field("clients", &self.client_count())
            .finish_non_exhaustive()
    }
}

struct Draining<'a>(&'a Hub);

impl<'a> Draining<'a> {
    fn begin(hub: &'a Hub) -> Self {
        hub.lock().draining += 1;
        Self(hub)
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.lock().draining -= 1;
    }
}

/// A client cannot be taken; nothing changed.
///
/// ```
/// use sse_broadcast::{Broadcaster, Settings, SubscribeError};
///
/// let hub = Broadcaster::new(Settings::new().with_topics(1));
/// let error = hub.subscribe(["a", "b"], None).unwrap_err();
/// assert_eq!(error, SubscribeError::TooManyTopics { limit: 1 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// There are as many clients as may be.
    #[error("there are {limit} clients already")]
    TooManyClients {
        /// How many there may be.
        limit: usize,
    },
    /// There are as many topics as may be, or the client asks for more than one client may.
    #[error("more than {limit} topics")]
    TooManyTopics {
        /// How many there may be.
        limit: usize,
    },
    /// No topic was named.
    #[error("no topic was named")]
    NoTopic,
    /// The broadcaster was shut down, or is being drained.
    #[error("the broadcaster is closed")]
    Closed,
}

impl Hub {
    /// A panic elsewhere leaves nothing half done: of user code only the cloning and comparing of wakers runs under this lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, and the time. The clock is read in front of the lock, where others may be faster: it never runs back behind it.
    pub(crate) fn lock_now(&self) -> (MutexGuard<'_, State>, Instant) {
        let shown = self.settings.clock.get().map_or_else(Instant::now, |clock| clock());
        let mut state = self.lock();
        let now = state.time.at(shown, self.settings.age);
        (state, now)
    }

    /// Wakes who waited, all of them, even if one panics. The lock is not held.
    pub(crate) fn wake(&self, waiting: impl IntoIterator<Item = Slab<Waker>>) {
        self.wakings.fetch_add(1, Ordering::Release);
        wake(waiting);
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let Settings { events, bytes, age, keys, lag, .. } = self.settings;
        let keys = if lag == Lag::LatestPerKey { keys } else { 0 };
        Bounds { events, bytes, age, keys }
    }

    fn is_known(&self, name: &EventName<'_>) -> bool {
        !self.settings.is_strict
            || self.names.read().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == name)
    }
}

impl State {
    fn new(epoch: Arc<Epoch>) -> Self {
        Self {
            epoch,
            last: Sequence::ZERO,
            ahead: None,
            newest: Sequence::ZERO,
            is_stale: false,
            time: Time::default(),
            topics: Slab::new(),
            names: HashMap::new(),
            clients: Slab::new(),
            closing: HashMap::new(),
            closed: None,
            draining: 0,
            ages: BinaryHeap::new(),
            forgotten_through: Sequence::ZERO,
            stats: Stats::default(),
        }
    }

    /// Appends an event of a number that is higher than all before, published at that time. Who waits for its topic, which
    /// is returned, is not woken.
    pub(crate) fn append(
        &mut self,
        hub: &Hub,
        topic: &str,
        sequence: Sequence,
        mut prepared: Prepared,
        at: Instant,
        now: Instant,
    ) -> Result<usize, PublishError> {
        if self.closed.is_some() {
            return Err(PublishError::Closed);
        }
        let bounds = hub.bounds();
        let topic_key = self.topic(topic, now, hub)?;
        let topic = &mut self.topics[topic_key];
        let (name, key) = (prepared.name.take(), prepared.key.take());
        let frame = prepared.with_id(&Position { epoch: *self.epoch, sequence }.to_id());
        topic.log.push(Entry { sequence, frame, name, key, at }, now, bounds);
        if topic.listed_at.is_none() {
            topic.listed_at = topic.log.oldest_at();
            let listed = topic.listed_at.map(|at| Reverse((at, topic_key)));
            self.ages.extend(listed);
        }
        self.let_go_of_the_old(now, bounds);
        self.last = sequence;
        self.stats.published += 1;
        Ok(topic_key)
    }

    /// Everybody who waits, to be woken.
    pub(crate) fn take_all_waiting(&mut self) -> Vec<Slab<Waker>> {
        self.topics.iter_mut().map(|(_, topic)| topic.take_waiting()).collect()
    }

    /// The topic of this name, new if need be.
    fn topic(&mut self, name: &str, now: Instant, hub: &Hub) -> Result<usize, PublishError> {
        Ok(match self.names.get(name) {
            Some(key) => *key,
            None => {
                let limit = hub.settings.topics;
                if self.topics.len() >= limit {
                    self.forget_empty_topics(now, hub.bounds());
                    if self.topics.len() >= limit {
                        return Err(PublishError::TooManyTopics { limit });
                    }
                }
                self.new_topic(Arc::from(name))
            }
        })
    }

    /// Lets go of what has become too old, in whatever topic.
    fn let_go_of_the_old(&mut self, now: Instant, bounds: Bounds) {
        while let Some(&Reverse((at, key))) = self.ages.peek() {
            if now.saturating_duration_since(at) <= bounds.age {
                return;
            }
            self.ages.pop();
            // Another topic may have the key by now.
            let listed = self.topics.get_mut(key).filter(|topic| topic.listed_at == Some(at));
            let Some(topic) = listed else { continue };
            topic.log.evict(now, bounds);
            topic.listed_at = topic.log.oldest_at();
            self.ages.extend(topic.listed_at.map(|at| Reverse((at, key))));
        }
    }

    fn new_topic(&mut self, name: Arc<str>) -> usize {
        let key = self.topics.insert(Topic::new(self.forgotten_through));
        self.names.insert(name, key);
        key
    }

    /// Makes sure that the topics are there: all of them, or none.
    pub(crate) fn need_topics(
        &mut self,
        names: &[Arc<str>],
        now: Instant,
        hub: &Hub,
    ) -> Result<Vec<Place>, SubscribeError> {
        let missing = |state: &Self| names.iter().filter(|name| !state.names.contains_key(*name)).count();
        let limit = hub.settings.topics;
        if self.topics.len() + missing(self) > limit {
            self.forget_empty_topics(now, hub.bounds());
            if self.topics.len() + missing(self) > limit {
                return Err(SubscribeError::TooManyTopics { limit });
            }
        }
        let places = names.iter().map(|name| {
            let known = self.names.get(name).copied();
            let topic = known.unwrap_or_else(|| self.new_topic(Arc::clone(name)));
            Place::new(topic)
        });
        Ok(places.collect())
    }

    /// Lets go of what has become too old since something was published.
    pub(crate) fn evict(&mut self, places: &[Place], now: Instant, bounds: Bounds) {
        for place in places {
            if let Some(topic) = self.topics.get_mut(place.topic()) {
                topic.log.evict(now, bounds);
            }
        }
    }

    /// Forgets topics without events and clients. Who subscribes to one of them again is told what may be lost.
    fn forget_empty_topics(&mut self, now: Instant, bounds: Bounds) {
        let mut forgotten_through = self.forgotten_through;
        let topics = &mut self.topics;
        self.names.retain(|_, key| {
            let topic = &mut topics[*key];
            topic.log.evict(now, bounds);
            let is_used = topic.clients > 0 || !topic.log.is_empty();
            if !is_used {
                forgotten_through = forgotten_through.max(topic.log.lost_through());
                topics.remove(*key);
            }
            is_used
        });
        self.forgotten_through = forgotten_through;
        let topics = &self.topics;
        self.ages
            .retain(|Reverse((at, key))| topics.get(*key).is_some_and(|topic| topic.listed_at == Some(*at)));
    }

    fn close_all(&mut self, reason: CloseReason) -> Vec<Slab<Waker>> {
        self.closed.get_or_insert(reason);
        self.take_all_waiting()
    }

    fn close_some(&mut self, clients: &[usize], reason: CloseReason) -> Vec<Slab<Waker>> {
        for key in clients {
            if self.clients.contains(*key) {
                self.closing.entry(*key).or_insert((reason, self.last));
            }
        }
        self.take_all_waiting()
    }
}

impl Topic {
    fn new(lost_through: Sequence) -> Self {
        Self { log: Log::new(lost_through), listed_at: None, waiting: Slab::new(), round: 0, clients: 0 }
    }

    pub(crate) fn take_waiting(&mut self) -> Slab<Waker> {
        self.round += 1;
        // Most of them come back.
        let room = Slab::with_capacity(self.waiting.len());
        core::mem::replace(&mut self.waiting, room)
    }

    /// Lets a waker wait for the next event, in the place that it has if it still has one. Returns the waker that it
    /// displaced: it may be the last of its task, whose end must not come under the lock.
    pub(crate) fn wait(&mut self, place: &mut Place, waker: &Waker) -> Option<Guarded<Waker>> {
        if place.is_taken && place.round == self.round {
            if let Some(waiting) = self.waiting.get_mut(place.key as usize) {
                let is_another = !waiting.will_wake(waker);
                return is_another.then(|| Guarded::new(core::mem::replace(waiting, waker.clone())));
            }
        }
        let key = self.waiting.insert(waker.clone());
        *place = Place { round: self.round, key: key as u32, is_taken: true, ..*place };
        None
    }

    /// Gives a place up. Returns its waker, which must not end under the lock.
    pub(crate) fn leave(&mut self, place: &mut Place) -> Option<Guarded<Waker>> {
        let is_there = place.is_taken && place.round == self.round;
        place.is_taken = false;
        is_there.then(|| self.waiting.try_remove(place.key as usize)).flatten().map(Guarded::new)
    }
}

fn wake(waiting: impl IntoIterator<Item = Slab<Waker>>) {
    struct All<I: Iterator<Item = (usize, Waker)>>(I);

    impl<I: Iterator<Item = (usize, Waker)>> All<I> {
        fn wake(&mut self) {
            self.0.by_ref().for_each(|(_, waker)| unwinding::run(|| waker.wake()));
        }
    }

    impl<I: Iterator<Item = (usize, Waker)>> Drop for All<I> {
        fn drop(&mut self) {
            self.wake();
        }
    }

    All(waiting.into_iter().flatten()).wake();
}

/// The standard library's own randomness.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
