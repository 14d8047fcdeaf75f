use crate::hub::{Broadcaster, Hub, Place, State, SubscribeError, Topic, random};
use crate::log::{Entry, Log};
use crate::position::{Epoch, Position, Sequence};
use crate::settings::{Hook, Lag, Presence};
use crate::unwinding::{self, Guarded};
use core::fmt;
use core::num::NonZeroU32;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_core::Stream;
use sse_core::profile::retry_event;
use sse_core::random::part_of;
use sse_core::{CloseReason, Encoder, Event, EventId, Frame, IntoFrame, ItemError};
use std::sync::{Arc, PoisonError};

/// Up to how many bytes of what a subscriber has missed leave together.
const CHUNK: usize = 16 * 1024;

/// Up to how many events of it: a bound for how long the log is locked.
const EVENTS: usize = 256;

/// What the event says that gives a fresh client its first id.
const FRESH: &str = r#"{"reason":"fresh"}"#;

/// What a client gets for the id that it came with.
///
/// A fresh client gets its position at once, as the id of an event (`sse:start` by default, `{"reason":"fresh"}`), so that it
/// loses nothing when it is cut before its first event; a snapshot does the same. Who is sent away gets the event of
/// [`retry_event`].
///
/// A gap and a reset are told in the stream, too: as an event (`sse:reset` by default) whose id is the new position and whose
/// data says what is lost, `{"reason":"gap","from":"7","to":"12"}` (events after 7 up to 12 may be missing) or
/// `{"reason":"reset"}`. In front of a [snapshot](Subscribe::snapshot) it has no id: the snapshot's last event has.
///
/// ```
/// use sse_broadcast::{Broadcaster, Outcome, Settings};
/// use sse_core::event_id;
///
/// let hub = Broadcaster::new(Settings::new());
/// assert_eq!(hub.subscribe(["a"], None)?.outcome(), Outcome::Fresh);
/// assert_eq!(hub.subscribe(["a"], Some(&event_id!("of-somebody-else")))?.outcome(), Outcome::Reset);
/// # Ok::<(), sse_broadcast::SubscribeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It named no id: it gets what is published from now on.
    Fresh,
    /// It gets everything that it missed.
    Resumed {
        /// How many events that are, before a filter.
        replayed: u64,
    },
    /// Events that it missed are lost; it gets those that are not.
    Gap {
        /// The last event that it saw.
        from: Sequence,
        /// The newest event that may be lost.
        to: Sequence,
    },
    /// Its id is not of this log: it gets everything that the log holds.
    Reset,
    /// It was turned away: it gets a reconnection time, and the end.
    Refused(SubscribeError),
}

impl Outcome {
    /// The name of the response header that the routes of the adapters tell it in, for clients that read headers, which an
    /// `EventSource` does not.
    pub const HEADER: &str = "sse-outcome";
}

/// The value of the header: visible ASCII, a word and perhaps parameters.
///
/// ```
/// use sse_broadcast::Outcome;
///
/// assert_eq!(Outcome::Fresh.to_string(), "fresh");
/// assert_eq!(Outcome::Resumed { replayed: 3 }.to_string(), "resumed; replayed=3");
/// assert_eq!(Outcome::Gap { from: 7.into(), to: 12.into() }.to_string(), "gap; from=7; to=12");
/// assert_eq!(Outcome::Reset.to_string(), "reset");
/// ```
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => f.write_str("fresh"),
            Self::Resumed { replayed } => write!(f, "resumed; replayed={replayed}"),
            Self::Gap { from, to } => write!(f, "gap; from={from}; to={to}"),
            Self::Reset => f.write_str("reset"),
            Self::Refused(_) => f.write_str("refused"),
        }
    }
}

/// A subscription to be; see [`Broadcaster::subscription`].
///
/// ```
/// use sse_broadcast::{Broadcaster, Settings};
///
/// let hub = Broadcaster::new(Settings::new());
/// let stream = hub
///     .subscription(["rooms/7"])
///     .filter(|event| event.key != Some("hidden"))
///     .snapshot(|| [sse_core::Event::new("who is here: nobody")])
///     .open()?;
/// # let _ = stream;
/// # Ok::<(), sse_broadcast::SubscribeError>(())
/// ```
#[must_use]
pub struct Subscribe {
    hub: Broadcaster,
    topics: Vec<Arc<str>>,
    last_event_id: Option<EventId<'static>>,
    is_from_oldest: bool,
    filter: Guarded<Filter>,
    snapshot: Guarded<Snapshot>,
}

type Filter = Box<dyn Fn(&Published<'_>) -> bool + Send>;
type Snapshot = Box<dyn FnOnce() -> Vec<Event<'static>> + Send>;

/// A published event, as a [filter](Subscribe::filter) sees it.
///
/// ```
/// use sse_broadcast::{Broadcaster, Published, Settings};
///
/// let hub = Broadcaster::new(Settings::new());
/// let is_mine = |event: &Published<'_>| event.key.is_none_or(|user| user == "ada");
/// let stream = hub.subscription(["lobby"]).filter(is_mine).open()?;
/// # let _ = stream;
/// # Ok::<(), sse_broadcast::SubscribeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Published<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its name, if it has one; of a ready frame, that of its first event.
    pub name: Option<&'a str>,
    /// Its key, if it has one.
    pub key: Option<&'a str>,
    /// Its number.
    pub sequence: Sequence,
    /// Its bytes.
    pub frame: &'a Frame,
}

impl Subscribe {
    pub(crate) fn new(hub: Broadcaster, mut topics: Vec<Arc<str>>) -> Self {
        topics.sort();
        topics.dedup();
        let (filter, snapshot) = (Guarded::NONE, Guarded::NONE);
        Self { hub, topics, last_event_id: None, is_from_oldest: false, filter, snapshot }
    }

    /// Goes on behind the event that the client saw last, if it names one.
    pub fn resume(mut self, last_event_id: Option<&EventId<'_>>) -> Self {
        self.last_event_id = last_event_id.map(|id| id.clone().into_owned());
        self
    }

    /// Gives a client that names no id everything that the log holds, in the place of what is published from now on: a history
    /// without any state beside the log. A [snapshot](Self::snapshot) takes its place.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sse_broadcast::{Broadcaster, Delivery, Settings};
    /// use tokio_stream::StreamExt;
    ///
    /// let hub = Broadcaster::new(Settings::new());
    /// hub.publish("lobby", "said before")?;
    /// let mut stream = hub.subscription(["lobby"]).from_oldest().open()?;
    /// let _start = stream.next().await;
    /// let Some(Delivery::Frame(frame)) = stream.next().await else { panic!() };
    /// assert!(frame.as_bytes().ends_with(b"data: said before\n\n"));
    /// # Ok(()) }
    /// ```
    pub fn from_oldest(mut self) -> Self {
        self.is_from_oldest = true;
        self
    }

    /// Leaves out the events, replayed ones too, for which `shows` is false. Called by the subscriber's own poll.
    ///
    /// With [`Lag::LatestPerKey`] it has to decide alike for all events of a key: a newer one supersedes an older one that
    /// this subscriber would have been shown. Losses are told by topic: of a topic that it shows little of, a client may be
    /// told of losses that were none of its own.
    pub fn filter(mut self, shows: impl Fn(&Published<'_>) -> bool + Send + 'static) -> Self {
        self.filter = Guarded::new(Box::new(shows));
        self
    }

    /// Begins the stream with the present state, unless the client gets everything that it missed.
    ///
    /// The function is called by [`Subscribe::open`], at a moment when [`Broadcaster::publish_with`] does not run: state that
    /// changes there is either in the snapshot or in the events that follow it. State that changes elsewhere may be in both.
    /// Every event behind the position that the snapshot stands for is in the stream. The function must not call
    /// `publish_with`, and nobody may hold a lock that it takes while calling that: take it inside of both.
    ///
    /// Ids of its events are left out; its last event has the id of the position that it stands for.
    pub fn snapshot<I>(mut self, state: impl FnOnce() -> I + Send + 'static) -> Self
    where
        I: IntoIterator<Item = Event<'static>>,
    {
        self.snapshot = Guarded::new(Box::new(|| state().into_iter().collect()));
        self
    }

    /// Subscribes. What is published from now on is in the stream, but the client counts from its first poll on.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] when there is no room.
    pub fn open(self) -> Result<Subscription, SubscribeError> {
        let Self { hub, topics, last_event_id, is_from_oldest, filter, mut snapshot } = self;
        let hub = hub.hub;
        let gate = snapshot.get().map(|_| hub.gate.write().unwrap_or_else(PoisonError::into_inner));
        let resumed = hub.resume(&topics, last_event_id.as_ref(), is_from_oldest);
        let Resumed { epoch, mut cursor, places, outcome, last } = resumed.inspect_err(|_| {
            hub.lock().stats.refused += 1;
        })?;
        let is_wanted = !matches!(outcome, Outcome::Resumed { .. });
        let wanted = if is_wanted { snapshot.take() } else { None };
        let mut events = wanted.map(|make| make());
        if events.is_some() {
            // A client that is ahead of its node stays there.
            cursor = if outcome == Outcome::Fresh { last } else { last.max(cursor) };
        }
        drop(gate);
        // What one that is not wanted holds may publish when it ends.
        drop(snapshot);
        let at = Position { epoch: *epoch, sequence: cursor };
        let mut opening = Vec::new();
        let encoder = Encoder::new();
        let last_of_snapshot = events.as_mut().and_then(Vec::pop);
        if let Outcome::Gap { .. } | Outcome::Reset = outcome {
            let verdict = hub.verdict(outcome);
            // In front of a snapshot it has no id, so that a client that is cut half way gets the snapshot again.
            let has_id = last_of_snapshot.is_none();
            opening.push(if has_id { verdict.with_id(at.to_id()) } else { verdict }.to_frame());
        }
        for event in events.into_iter().flatten() {
            opening.extend(without_id(&event));
        }
        opening.extend(last_of_snapshot.map(|event| encoder.to_frame(&event.with_id(at.to_id()))));
        if opening.is_empty() && outcome == Outcome::Fresh {
            // A client that is cut before its first event knows where it was. Not an id alone, which Firefox ignores.
            let start = Event::new(FRESH).with_name(hub.settings.start_name.clone()).with_id(at.to_id());
            opening.push(encoder.to_frame(&start));
        }
        Ok(Subscription {
            hub,
            topics: topics.into(),
            places: places.into(),
            epoch,
            cursor,
            is_told_stale: false,
            outcome,
            opening: Frame::concat(&opening),
            filter,
            client: None,
            asleep: Asleep::NOT,
            end: None,
        })
    }
}

/// An event of a snapshot in front of its last: no id, so that a client that is cut half way gets the snapshot again.
fn without_id(event: &Event<'_>) -> Option<Frame> {
    let mut plain = match (event.data(), event.retry()) {
        (Some(data), _) => Event::new(data),
        (None, Some(retry)) => Event::bare_retry(retry),
        (None, None) => return None,
    };
    if let Some(name) = event.name() {
        plain = plain.with_name(name.clone());
    }
    if let Some(retry) = event.retry() {
        plain = plain.with_retry(retry);
    }
    if let Some(comment) = event.comment() {
        plain = plain.with_comment(comment);
    }
    Some(plain.to_frame())
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("topics", &self.topics)
            .field("last_event_id", &self.last_event_id)
            .field("is_from_oldest", &self.is_from_oldest)
            .field("has_filter", &self.filter.get().is_some())
            .field("has_snapshot", &self.snapshot.get().is_some())
            .finish_non_exhaustive()
    }
}

/// Where a client goes on.
struct Resumed {
    epoch: Arc<Epoch>,
    cursor: Sequence,
    /// What its topics have lost so far is told, or is none of the client's business.
    places: Vec<Place>,
    outcome: Outcome,
    last: Sequence,
}

impl Hub {
    fn resume(
        &self,
        topics: &[Arc<str>],
        last_event_id: Option<&EventId<'_>>,
        is_from_oldest: bool,
    ) -> Result<Resumed, SubscribeError> {
        if topics.is_empty() {
            return Err(SubscribeError::NoTopic);
        }
        if topics.len() > self.settings.topics_per_client {
            return Err(SubscribeError::TooManyTopics { limit: self.settings.topics_per_client });
        }
        let (mut state, now) = self.lock_now();
        if state.closed.is_some() || state.draining > 0 {
            return Err(SubscribeError::Closed);
        }
        if state.clients.len() >= self.settings.clients {
            return Err(SubscribeError::TooManyClients { limit: self.settings.clients });
        }
        let mut places = state.need_topics(topics, now, self)?;
        state.evict(&places, now, self.bounds());
        let (epoch, last) = (Arc::clone(&state.epoch), state.last);
        state.mark_told(&mut places);
        let Some(id) = last_event_id.filter(|id| !id.is_reset()) else {
            let oldest = || state.before_first(&places, Sequence::ZERO);
            let cursor = if is_from_oldest { oldest() } else { last.max(state.newest) };
            return Ok(Resumed { epoch, cursor, places, outcome: Outcome::Fresh, last });
        };
        let position = id.as_str().parse::<Position>().ok();
        // One that is ahead of the log comes from another node, which was fed faster: there is nothing to be read until this
        // one has caught up.
        let newest = last.max(state.newest);
        let is_there = |sequence| {
            sequence <= newest || state.ahead.is_some_and(|(from, to)| from <= sequence && sequence <= to)
        };
        let known = position.filter(|known| known.epoch == *epoch && is_there(known.sequence));
        let from = known.map_or(Sequence::ZERO, |position| position.sequence);
        let lost = state.lost_through(&places, from).filter(|_| known.is_some());
        let (outcome, cursor) = match (known, lost) {
            (None, _) => (Outcome::Reset, state.before_first(&places, Sequence::ZERO)),
            (Some(_), Some(to)) => (Outcome::Gap { from, to }, state.before_first(&places, from)),
            (Some(_), None) => {
                let replayed = state.topics(&places);
                let replayed = replayed.map(|topic| topic.log.after(from).count() as u64).sum();
                (Outcome::Resumed { replayed }, from)
            }
        };
        if matches!(outcome, Outcome::Gap { .. }) {
            state.stats.gaps += 1;
        }
        Ok(Resumed { epoch, cursor, places, outcome, last })
    }

    /// The event that says what is lost, as yet without the id where the client goes on.
    fn verdict(&self, outcome: Outcome) -> Event<'static> {
        let data = match outcome {
            Outcome::Gap { from, to } => {
                format!("{{\"reason\":\"gap\",\"from\":\"{from}\",\"to\":\"{to}\"}}")
            }
            _ => "{\"reason\":\"reset\"}".to_owned(),
        };
        Event::new(data).with_name(self.settings.verdict_name.clone())
    }

    /// The event that says whether the feed has stopped, if there is to be one.
    fn stale_frame(&self, is_stale: bool) -> Option<Frame> {
        let name = self.settings.stale_name.clone()?;
        let data = if is_stale { "{\"stale\":true}" } else { "{\"stale\":false}" };
        Some(Event::new(data).with_name(name).to_frame())
    }

    /// The reconnection time of a client that is sent away, different for each.
    fn retry_frame(&self, reason: CloseReason) -> Frame {
        let (retry, spread) = match self.settings.lag {
            Lag::Close { retry, spread } => (retry, spread),
            Lag::Skip | Lag::LatestPerKey => (Duration::from_secs(1), Duration::from_secs(4)),
        };
        retry_event(reason, retry.saturating_add(part_of(spread, random()))).to_frame()
    }
}

impl State {
    fn topics(&self, places: &[Place]) -> impl Iterator<Item = &Topic> {
        places.iter().filter_map(|place| self.topics.get(place.topic()))
    }

    /// The newest event of the topics that a reader at `cursor` has lost.
    fn lost_through(&self, places: &[Place], cursor: Sequence) -> Option<Sequence> {
        self.topics(places).filter_map(|topic| topic.log.lost_after(cursor)).max()
    }

    /// The newest event of the topics that a reader at `cursor` has lost and was not told of: by topic, since what one has
    /// lost says nothing of what another loses later.
    fn newly_lost(&self, places: &[Place], cursor: Sequence) -> Option<Sequence> {
        let topics = places.iter().filter_map(|place| Some((self.topics.get(place.topic())?, place)));
        topics.filter_map(|(topic, place)| topic.log.lost_after(cursor.max(place.told_through))).max()
    }

    /// Notes that all that the topics have lost so far is told.
    fn mark_told(&self, places: &mut [Place]) {
        for place in places {
            place.told_through =
                self.topics.get(place.topic()).map_or(Sequence::ZERO, |topic| topic.log.lost_through());
        }
    }

    /// The place before the first event behind `cursor` that can be read: no event is between the two.
    fn before_first(&self, places: &[Place], cursor: Sequence) -> Sequence {
        let first = self.topics(places).filter_map(|topic| topic.log.after(cursor).next());
        first.map(|entry| entry.sequence).min().map_or_else(|| self.last.max(cursor), Sequence::previous)
    }

    /// The frames behind `cursor`, in order, up to a chunk: in one, if another subscriber has joined them.
    fn missed(&mut self, places: &[Place], cursor: Sequence) -> Option<Missed> {
        if let Some((through, frame)) = self.only_log(places).and_then(|log| log.joined_after(cursor)) {
            return Some(Missed { through, first: frame.clone(), rest: Vec::new() });
        }
        let (mut through, mut first, mut rest) = (cursor, None, Vec::new());
        self.read(places, cursor, |_, entry| {
            through = entry.sequence;
            match first {
                None => first = Some(entry.frame.clone()),
                Some(_) => rest.push(entry.frame.clone()),
            }
        });
        let first = first?;
        if rest.is_empty() {
            self.share(places, cursor, through, &first);
        }
        Some(Missed { through, first, rest })
    }

    fn has_after(&self, places: &[Place], cursor: Sequence) -> bool {
        self.topics(places).any(|topic| topic.log.has_after(cursor))
    }

    /// Waits for news of the topics; `displaced` gets what waited in the waker's place, to be dropped without the lock.
    fn wait(&mut self, places: &mut [Place], waker: &Waker, displaced: &mut Vec<Guarded<Waker>>) {
        for place in places {
            if let Some(topic) = self.topics.get_mut(place.topic()) {
                displaced.extend(topic.wait(place, waker));
            }
        }
    }

    /// Lets the subscribers that are where this one was have its frame.
    fn share(&mut self, places: &[Place], after: Sequence, through: Sequence, frame: &Frame) {
        if let Some(log) = self.only_log(places) {
            log.share(after, through, frame.clone());
        }
    }

    /// The log, if there is but one.
    fn only_log(&mut self, places: &[Place]) -> Option<&mut Log> {
        let [place] = places else { return None };
        self.topics.get_mut(place.topic()).map(|topic| &mut topic.log)
    }

    /// Takes what there is behind `cursor`, in order, up to a chunk.
    fn read(&self, places: &[Place], cursor: Sequence, mut take: impl FnMut(usize, &Entry)) {
        if !self.has_after(places, cursor) {
            return;
        }
        let mut chunk = Chunk::default();
        if let [place] = places {
            let entries =
                self.topics.get(place.topic()).into_iter().flat_map(|topic| topic.log.after(cursor));
            entries.take_while(|entry| chunk.has_room_for(entry)).for_each(|entry| take(0, entry));
            return;
        }
        let mut logs: Vec<_> = self.topics(places).map(|topic| topic.log.after(cursor).peekable()).collect();
        loop {
            let heads = logs.iter_mut().enumerate();
            let next = heads.filter_map(|(index, log)| Some((log.peek()?.sequence, index))).min();
            let Some((_, index)) = next else { return };
            match logs[index].next_if(|entry| chunk.has_room_for(entry)) {
                Some(entry) => take(index, entry),
                None => return,
            }
        }
    }
}

/// How much is in a chunk.
#[derive(Default)]
struct Chunk {
    events: usize,
    bytes: usize,
}

impl Chunk {
    /// Counts an event, if it fits; a lone one always does.
    fn has_room_for(&mut self, entry: &Entry) -> bool {
        let bytes = self.bytes + entry.frame.len();
        if self.events > 0 && (bytes > CHUNK || self.events == EVENTS) {
            return false;
        }
        *self = Self { events: self.events + 1, bytes };
        true
    }
}

/// Frames that were read under the lock, to be joined outside of it.
struct Missed {
    through: Sequence,
    first: Frame,
    /// Most often empty.
    rest: Vec<Frame>,
}

struct Read {
    topic: usize,
    entry: Entry,
}

/// The events of some topics for one client, as a stream: what any adapter's `Sse` is made of.
///
/// A cursor in the broadcaster's log: it holds no events of its own. Each item is a frame of everything that the client has
/// missed, up to 16 KiB. The client counts from the first poll on until the stream is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sse_broadcast::{Broadcaster, Delivery, Epoch, Settings};
/// use tokio_stream::StreamExt;
///
/// let hub = Broadcaster::new(Settings::new().with_epoch(Epoch::new("e").unwrap()));
/// let mut stream = hub.subscribe(["a", "b"], None)?;
/// hub.publish("a", "1")?;
/// hub.publish("b", "2")?;
/// let Some(Delivery::Frame(start)) = stream.next().await else { panic!() };
/// assert_eq!(start.as_bytes(), b"event: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n");
/// let Some(Delivery::Frame(missed)) = stream.next().await else { panic!() };
/// assert_eq!(missed.as_bytes(), b"id: e-1\ndata: 1\n\nid: e-2\ndata: 2\n\n");
/// assert_eq!(hub.client_count(), 1);
/// # Ok(()) }
/// ```
#[must_use]
pub struct Subscription {
    hub: Arc<Hub>,
    topics: Box<[Arc<str>]>,
    places: Box<[Place]>,
    epoch: Arc<Epoch>,
    /// The last event that was read.
    cursor: Sequence,
    /// Whether the client knows that the feed has stopped.
    is_told_stale: bool,
    outcome: Outcome,
    /// What the stream begins with.
    opening: Option<Frame>,
    filter: Guarded<Filter>,
    /// Registered under the key before this one.
    client: Option<NonZeroU32>,
    /// How it waits, if it has nothing to read.
    asleep: Asleep,
    /// Ends for this reason, or has ended.
    end: Option<End>,
}

/// How a client fell asleep: it had read everything, and its waker waits. Until somebody is woken the next poll has nothing
/// to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asleep {
    wakings: u64,
    /// Where the waker and its functions are: as long as it waits, no other is there.
    waker: (usize, usize),
}

impl Asleep {
    /// Wakings are counted from 1.
    const NOT: Self = Self { wakings: 0, waker: (0, 0) };

    fn new(hub: &Hub, waker: &Waker) -> Self {
        let waker = (waker.data().addr(), core::ptr::from_ref(waker.vtable()).addr());
        Self { wakings: hub.wakings.load(Ordering::Acquire), waker }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Due(CloseReason),
    Told,
}

/// What a subscription gives.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_broadcast::SubscribeError> {
/// use sse_broadcast::{Broadcaster, Delivery, Settings};
/// use sse_core::CloseReason;
/// use tokio_stream::StreamExt;
///
/// let hub = Broadcaster::new(Settings::new());
/// let mut stream = hub.subscribe(["a"], None)?;
/// hub.shutdown();
/// assert!(matches!(stream.next().await, Some(Delivery::Frame(_)))); // where it begins
/// assert_eq!(stream.next().await, Some(Delivery::Close(CloseReason::Shutdown)));
/// assert_eq!(stream.next().await, None);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// Events, or a verdict.
    Frame(Frame),
    /// The stream is over, for this reason.
    Close(CloseReason),
}

impl IntoFrame for Delivery {
    const KIND: &'static str = "frame";

    fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
        match self {
            Self::Frame(frame) => Ok(frame),
            Self::Close(reason) => Err(ItemError::Close(reason)),
        }
    }
}

impl Subscription {
    pub(crate) fn refused(hub: Arc<Hub>, error: SubscribeError) -> Self {
        let epoch = Arc::clone(&hub.lock().epoch);
        Self {
            opening: Some(hub.retry_frame(CloseReason::Refused)),
            hub,
            topics: Box::default(),
            places: Box::default(),
            epoch,
            cursor: Sequence::ZERO,
            is_told_stale: false,
            outcome: Outcome::Refused(error),
            filter: Guarded::NONE,
            client: None,
            asleep: Asleep::NOT,
            end: Some(End::Due(CloseReason::Refused)),
        }
    }

    /// Returns what the client gets for the id that it came with: known before the response is built.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the place of the last event that was read.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: *self.epoch, sequence: self.cursor }
    }

    fn call(&self, hook: &Guarded<Hook>, clients: usize) {
        if let Some(hook) = hook.get() {
            let broadcaster = &Broadcaster { hub: Arc::clone(&self.hub) };
            unwinding::run(|| hook(&Presence { broadcaster, topics: &self.topics, clients }));
        }
    }

    fn client_key(&self) -> Option<usize> {
        self.client.map(|key| key.get() as usize - 1)
    }

    /// Registers the client on its first poll; a limit that was reached since it subscribed turns it away.
    fn register(&mut self) {
        if self.client.is_some() || self.end.is_some() {
            return;
        }
        let (mut state, now) = self.hub.lock_now();
        let limit = self.hub.settings.clients;
        let places = if state.clients.len() >= limit {
            Err(SubscribeError::TooManyClients { limit })
        } else {
            // Nobody counted as a client of a topic, and it may have been forgotten since.
            state.need_topics(&self.topics, now, &self.hub)
        };
        match places {
            Ok(places) => {
                for (place, found) in self.places.iter_mut().zip(places) {
                    place.move_to(&found);
                }
            }
            Err(error) => {
                state.stats.refused += 1;
                drop(state);
                self.outcome = Outcome::Refused(error);
                self.opening = Some(self.hub.retry_frame(CloseReason::Refused));
                self.end = Some(End::Due(CloseReason::Refused));
                return;
            }
        }
        self.client = NonZeroU32::MIN.checked_add(state.clients.insert(()) as u32);
        for place in &self.places {
            if let Some(topic) = state.topics.get_mut(place.topic()) {
                topic.clients += 1;
            }
        }
        let clients = state.clients.len();
        drop(state);
        self.call(&self.hub.settings.on_connect, clients);
    }

    /// Everything missed up to a chunk, a verdict, the end, or a place to wait.
    fn advance(&mut self, waker: &Waker) -> Step {
        self.asleep = Asleep::NOT;
        let mut displaced = Vec::new();
        let mut state = self.hub.lock();
        let close = self.client_key().and_then(|key| state.closing.get(&key).copied());
        if let Some((reason, _)) = close.filter(|(_, through)| self.cursor >= *through) {
            self.end = Some(End::Due(reason));
            return Step::Again;
        }
        if let Some(loss) = self.newly_lost(&state) {
            state.stats.lagged += 1;
            state.mark_told(&mut self.places);
            self.epoch = Arc::clone(&state.epoch);
            let from = if loss == Outcome::Reset { Sequence::ZERO } else { self.cursor };
            self.cursor = state.before_first(&self.places, from);
            drop(state);
            return match self.hub.settings.lag {
                Lag::Close { .. } => {
                    // The client's own id stays: its resumption tells what is lost.
                    self.end = Some(End::Due(CloseReason::Lagged));
                    Step::Give(self.hub.retry_frame(CloseReason::Lagged))
                }
                Lag::Skip | Lag::LatestPerKey => {
                    let verdict = self.hub.verdict(loss);
                    Step::Give(verdict.with_id(self.position().to_id()).to_frame())
                }
            };
        }
        if state.is_stale != self.is_told_stale {
            self.is_told_stale = state.is_stale;
            drop(state);
            return self.hub.stale_frame(self.is_told_stale).map_or(Step::Again, Step::Give);
        }
        if self.filter.get().is_some() || close.is_some() {
            let through = close.map(|(_, through)| through);
            let mut read = Vec::new();
            state.read(&self.places, self.cursor, |topic, entry| {
                if through.is_none_or(|through| entry.sequence <= through) {
                    read.push(Read { topic, entry: entry.clone() });
                }
            });
            if !read.is_empty() {
                return Step::Filter(read);
            }
        } else if let Some(missed) = state.missed(&self.places, self.cursor) {
            return Step::Join(missed);
        }
        if let Some(reason) = close.map(|(reason, _)| reason).or(state.closed) {
            self.end = Some(End::Due(reason));
            return Step::Again;
        }
        state.wait(&mut self.places, waker, &mut displaced);
        self.asleep = Asleep::new(&self.hub, waker);
        drop(state);
        Step::Wait
    }

    /// What is lost to the client that it was not told of.
    fn newly_lost(&self, state: &State) -> Option<Outcome> {
        if !Arc::ptr_eq(&self.epoch, &state.epoch) {
            return Some(Outcome::Reset);
        }
        let to = state.newly_lost(&self.places, self.cursor)?;
        Some(Outcome::Gap { from: self.cursor, to })
    }

    /// All of it in one frame, for the subscribers at the same place, too.
    fn join(&mut self, missed: Missed) -> Frame {
        let Missed { through, first, rest } = missed;
        let after = core::mem::replace(&mut self.cursor, through);
        if rest.is_empty() {
            return first;
        }
        let Some(frame) = Frame::concat(core::iter::once(&first).chain(&rest)) else { return first };
        let mut state = self.hub.lock();
        if Arc::ptr_eq(&state.epoch, &self.epoch) {
            state.share(&self.places, after, through, &frame);
        }
        drop(state);
        frame
    }

    /// What of it the client is to see, in one frame.
    fn filter(&mut self, read: Vec<Read>) -> Option<Frame> {
        if let Some(last) = read.last() {
            self.cursor = last.entry.sequence;
        }
        let shows = |Read { topic, entry }: &Read| match (self.filter.get(), self.topics.get(*topic)) {
            (Some(filter), Some(topic)) => filter(&Published {
                topic,
                name: entry.name.as_deref(),
                key: entry.key.as_deref(),
                sequence: entry.sequence,
                frame: &entry.frame,
            }),
            _ => true,
        };
        let frames: Vec<Frame> = read.into_iter().filter(shows).map(|read| read.entry.frame).collect();
        Frame::concat(&frames)
    }
}

enum Step {
    Give(Frame),
    Join(Missed),
    Filter(Vec<Read>),
    Again,
    Wait,
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let this = self.get_mut();
        this.register();
        if let Some(opening) = this.opening.take() {
            return Poll::Ready(Some(Delivery::Frame(opening)));
        }
        if this.asleep == Asleep::new(&this.hub, cx.waker()) {
            return Poll::Pending;
        }
        loop {
            match this.end {
                Some(End::Due(reason)) => {
                    this.end = Some(End::Told);
                    return Poll::Ready(Some(Delivery::Close(reason)));
                }
                Some(End::Told) => return Poll::Ready(None),
                None => {}
            }
            match this.advance(cx.waker()) {
                Step::Give(frame) => return Poll::Ready(Some(Delivery::Frame(frame))),
                Step::Join(missed) => return Poll::Ready(Some(Delivery::Frame(this.join(missed)))),
                Step::Filter(read) => {
                    if let Some(frame) = this.filter(read) {
                        return Poll::Ready(Some(Delivery::Frame(frame)));
                    }
                }
                Step::Again => {}
                Step::Wait => return Poll::Pending,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Some(key) = self.client_key() else { return };
        let mut left = Vec::new();
        let mut state = self.hub.lock();
        state.clients.try_remove(key);
        state.closing.remove(&key);
        for place in &mut self.places {
            if let Some(topic) = state.topics.get_mut(place.topic()) {
                topic.clients -= 1;
                left.extend(topic.leave(place));
            }
        }
        let clients = state.clients.len();
        drop(state);
        let _told_even_if_a_waker_panics = LeaveOnDrop(self, clients);
        drop(left);
    }
}

/// Calls the hook of a client that left; that many stay.
struct LeaveOnDrop<'a>(&'a Subscription, usize);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.call(&self.0.hub.settings.on_leave, self.1);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topics", &self.topics)
            .field("position", &self.position())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
