//! A naive model that keeps everything that was ever published and knows what is still readable: for any tool that makes up calls.
//!
//! The model does not follow the broadcaster's cursors: it looks at what a client got, item by item, and asks of each event
//! that the client did not get whether it was told so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod client;
mod past;

use allocation_counter::measure;
use client::{Client, Opening, shows};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use past::{Fate, Model, Past};
use sse_broadcast::{
    Broadcaster, Delivery, Epoch, Lag, Message, Outcome, PublishError, Settings, SubscribeError,
};
use sse_core::{CloseReason, Decoder, Event, EventId, EventName, Frame, Retry, event_name};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Instant;

const EPOCH: &str = "model";
const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];
const GARBAGE: [&str; 7] = ["x", "-", "model-", "model-+1", "model-01", "\u{FFFD}", "model-1-1"];
/// As far as the clock goes, in milliseconds.
const MONTH: u64 = 30 * 24 * 3_600 * 1_000;
/// In so many a broadcaster is drained.
const DRAIN_STEPS: usize = 50;

#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: u64,
    pub(crate) keys: usize,
    pub(crate) clients: usize,
    pub(crate) topics: usize,
    pub(crate) topics_per_client: usize,
    pub(crate) lag: Lag,
}

/// Numbers pick one of what there is.
#[derive(Clone, Debug)]
pub(crate) enum LastId {
    None,
    /// One that a client has seen at some moment.
    Seen(usize),
    /// Any position up to the newest.
    Position(usize),
    Future(u64),
    OtherEpoch(u64),
    Garbage(usize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Illegal {
    HasId,
    NoEvent,
    Unregistered,
}

/// Numbers pick one of the clients that there are.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Publish {
        topic: usize,
        key: Option<u8>,
        size: usize,
        parts: usize,
    },
    PublishIllegal {
        topic: usize,
        what: Illegal,
    },
    Subscribe {
        /// A bit for each.
        topics: u8,
        last_id: LastId,
        filter: bool,
        snapshot: Option<usize>,
    },
    Poll(usize),
    PollToTheEnd(usize),
    /// Polls from another task than before.
    PollElsewhere(usize),
    Drop(usize),
    /// Drop, and subscribe again with the last id seen.
    Reconnect(usize),
    /// Moves the clock, possibly back.
    Time(i64),
    /// Begins to drain, and is left alone between two of its steps.
    Drain,
    DrainStep,
    /// Thinks better of it.
    DrainDrop,
    Shutdown,
}

/// How a schedule ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// Everybody reads to the end.
    ReadOut,
    /// All is dropped as it is, and what that frees is what was held.
    Drop,
}

/// Makes the calls, and panics where a client was told less or more than the truth, or was kept waiting.
pub(crate) fn run(bounds: Bounds, ops: &[Op], ending: Ending) {
    let mut world = World::new(bounds);
    for op in ops {
        world.step(op);
    }
    match ending {
        Ending::ReadOut => world.read_out(),
        Ending::Drop => world.weigh(),
    }
}

/// A drain that goes on whenever it is polled, and how far it is.
struct Drain {
    future: Pin<Box<dyn Future<Output = ()>>>,
    clients: usize,
    steps: usize,
}

/// Lets whoever waits for it wait once.
async fn one_poll() {
    let mut is_over = false;
    poll_fn(|_| if core::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

struct World {
    hub: Broadcaster,
    bounds: Bounds,
    model: Model,
    clients: Vec<Client>,
    drain: Option<Drain>,
    clock: Arc<AtomicU64>,
    /// Every id that a client has had as its last at some moment.
    ids: Vec<String>,
}

impl World {
    fn new(bounds: Bounds) -> Self {
        let clock = Arc::new(AtomicU64::new(1_000));
        let (start, time) = (Instant::now(), Arc::clone(&clock));
        let settings = Settings::new()
            .with_epoch(Epoch::new(EPOCH).unwrap())
            .with_events(bounds.events)
            .with_bytes(bounds.bytes)
            .with_age(Duration::from_millis(bounds.age))
            .with_keys(bounds.keys)
            .with_clients(bounds.clients)
            .with_topics(bounds.topics)
            .with_topics_per_client(bounds.topics_per_client)
            .with_lag(bounds.lag)
            .with_clock(move || start + Duration::from_millis(time.load(Ordering::SeqCst)));
        let hub = Broadcaster::new(settings);
        hub.register_event(event_name!("x"));
        let (model, clients, ids) = (Model::default(), Vec::new(), Vec::new());
        Self { hub, bounds, model, clients, drain: None, clock, ids }
    }

    /// The time, as the broadcaster reads it now.
    fn look(&mut self) -> u64 {
        let (clock, model) = (self.clock.load(Ordering::SeqCst), &mut self.model);
        // Back by more than a second, and more than events live: it was set back.
        if clock + model.behind + self.bounds.age.max(1_000) < model.now {
            model.behind = model.now - clock;
        }
        model.now = model.now.max(clock + model.behind);
        model.now
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Publish { topic, key, size, parts } => self.publish(*topic, *key, *size, *parts),
            Op::PublishIllegal { topic, what } => self.publish_illegal(*topic, *what),
            Op::Subscribe { topics, last_id, filter, snapshot } => {
                let topics: Vec<usize> = (0..5).filter(|topic| topics & (1 << topic) != 0).collect();
                let last_id = self.last_id(last_id);
                self.subscribe(topics, last_id.as_deref(), *filter, *snapshot);
            }
            Op::Poll(pick) => self.with_client(*pick, |world, index| {
                world.poll(index);
            }),
            Op::PollToTheEnd(pick) => self.with_client(*pick, |world, index| while world.poll(index) {}),
            Op::PollElsewhere(pick) => self.with_client(*pick, |world, index| {
                let client = &mut world.clients[index];
                client.waits.clear();
                let old = core::mem::take(&mut client.wakes);
                client.old_wakes.push(old);
                world.poll(index);
            }),
            Op::Drop(pick) => self.with_client(*pick, Self::leave),
            Op::Reconnect(pick) => self.with_client(*pick, |world, index| {
                let Client { topics, has_filter, last_id, .. } = &world.clients[index];
                let (topics, has_filter, last_id) = (topics.clone(), *has_filter, last_id.clone());
                world.leave(index);
                world.subscribe(topics, last_id.as_deref(), has_filter, None);
            }),
            Op::Time(millis) => {
                let now = self.clock.load(Ordering::SeqCst).saturating_add_signed(*millis);
                self.clock.store(now.min(MONTH), Ordering::SeqCst);
            }
            Op::Drain => self.drain(),
            Op::DrainStep => self.drain_step(),
            Op::DrainDrop => self.drain = None,
            Op::Shutdown => {
                self.hub.shutdown();
                self.close();
            }
        }
        self.check_counts();
    }

    /// With one of the clients, if there are any.
    fn with_client(&mut self, pick: usize, act: impl FnOnce(&mut Self, usize)) {
        if let Some(index) = pick.checked_rem(self.clients.len()) {
            act(self, index);
        }
    }

    fn check_counts(&self) {
        let Model { connected, lagged, gaps, refused, .. } = &self.model;
        assert_eq!(self.hub.client_count(), connected.len());
        for (index, topic) in TOPICS.iter().enumerate() {
            let expected = connected.iter().filter(|topics| topics.contains(&index)).count();
            assert_eq!(self.hub.topic_client_count(topic), expected);
        }
        let last = self.model.last();
        assert_eq!(self.hub.position().sequence, last);
        let stats = self.hub.stats();
        assert_eq!((stats.published, stats.lagged), (last, *lagged));
        assert_eq!((stats.gaps, stats.refused), (*gaps, *refused));
        for client in self.clients.iter().filter(|client| !client.waits.is_empty()) {
            assert_eq!(client.wakes.0.load(Ordering::SeqCst), 0, "woken for nothing");
        }
    }

    fn close(&mut self) {
        self.model.is_closed = true;
        self.all_are_woken();
    }

    /// Once for each topic that they wait for.
    fn all_are_woken(&mut self) {
        for client in &mut self.clients {
            assert_eq!(client.wakes.0.swap(0, Ordering::SeqCst), client.waits.len(), "woken to end");
            client.waits.clear();
        }
    }

    fn drain(&mut self) {
        let hub = self.hub.clone();
        let future = Box::pin(async move { hub.drain(Duration::from_secs(1), |_| one_poll()).await });
        // The one before, if there is one, is dropped after this one has begun.
        let before = self.drain.replace(Drain { future, clients: self.model.connected.len(), steps: 0 });
        self.drain_step();
        drop(before);
    }

    /// Lets it go on until it closes somebody.
    fn drain_step(&mut self) {
        while let Some(drain) = &mut self.drain {
            let left = |steps: usize| drain.clients * (DRAIN_STEPS - steps) / DRAIN_STEPS;
            let before = if drain.steps == 0 { drain.clients } else { left(drain.steps) };
            let after = left(drain.steps + 1);
            drain.steps += 1;
            let polled = drain.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled.is_ready(), after == 0, "over when the last one is closed");
            if before > after {
                let last = self.model.last();
                self.model.drained.extend(vec![last; before - after]);
                self.all_are_woken();
            }
            if after == 0 {
                self.drain = None;
                self.close();
            } else if before == after {
                continue;
            }
            return;
        }
    }

    fn last_id(&self, last_id: &LastId) -> Option<String> {
        match last_id {
            LastId::None => None,
            LastId::Seen(pick) => pick.checked_rem(self.ids.len()).map(|index| self.ids[index].clone()),
            LastId::Position(pick) => Some(format!("{EPOCH}-{}", pick % (self.model.past.len() + 1))),
            LastId::Future(more) => Some(format!("{EPOCH}-{}", self.model.last() + more)),
            LastId::OtherEpoch(sequence) => Some(format!("other-{sequence}")),
            LastId::Garbage(pick) => Some(GARBAGE[pick % GARBAGE.len()].to_owned()),
        }
    }

    fn publish(&mut self, topic: usize, key: Option<u8>, size: usize, parts: usize) {
        let sequence = self.model.last() + 1;
        let pad = "x".repeat(size);
        let events: Vec<Frame> = (0..parts)
            .map(|part| Event::new(format!("{sequence}:{part}:{parts}:{pad}")).to_frame())
            .collect();
        let mut message = Message::from(Frame::concat(&events).unwrap());
        if let Some(key) = key {
            message = message.with_key(key.to_string());
        }
        let len = Frame::concat(&events).unwrap().len() + format!("id: {EPOCH}-{sequence}\n").len();
        let published = self.hub.publish(TOPICS[topic], message);
        let now = self.look();
        if self.model.is_closed {
            assert_eq!(published, Err(PublishError::Closed));
            return;
        }
        if !self.model.need(&[topic], now, &self.bounds) {
            assert_eq!(published, Err(PublishError::TooManyTopics { limit: self.bounds.topics }));
            return;
        }
        assert_eq!(published.unwrap().sequence, sequence);
        if self.bounds.lag == Lag::LatestPerKey && self.bounds.keys > 0 && key.is_some() {
            for kept in self.model.of(topic, Fate::Kept) {
                if self.model.event(kept).key == key {
                    self.model.past[kept as usize - 1].fate = Fate::Superseded;
                }
            }
        }
        self.model.past.push(Past { topic, key, len, at: now, parts, size, fate: Fate::InTail });
        (0..TOPICS.len()).for_each(|topic| self.model.evict(topic, now, &self.bounds));
        for client in &mut self.clients {
            let is_due = usize::from(client.waits.contains(&topic));
            assert_eq!(client.wakes.0.swap(0, Ordering::SeqCst), is_due, "one wake for who waits, none else");
            client.waits.retain(|waits| *waits != topic);
        }
    }

    fn publish_illegal(&self, topic: usize, what: Illegal) {
        let name = |text: &'static str| EventName::new(text).unwrap();
        let event = match what {
            Illegal::HasId => Event::new("x").with_id(1_u64),
            Illegal::NoEvent => Event::bare_retry(Retry::from_millis(1)),
            Illegal::Unregistered => Event::new("x").with_name(name("nobody")),
        };
        let expected = match what {
            Illegal::HasId => PublishError::HasId,
            Illegal::NoEvent => PublishError::NoEvent,
            Illegal::Unregistered => {
                PublishError::Unregistered { name: name("nobody"), registered: vec![name("x")] }
            }
        };
        assert_eq!(self.hub.publish(TOPICS[topic], event), Err(expected));
    }

    /// What a subscription has to be refused for.
    fn refusal(&mut self, topics: &[usize]) -> Option<SubscribeError> {
        if topics.is_empty() {
            return Some(SubscribeError::NoTopic);
        }
        let limit = self.bounds.topics_per_client;
        if topics.len() > limit {
            return Some(SubscribeError::TooManyTopics { limit });
        }
        self.look();
        if self.model.is_closed || self.drain.is_some() {
            return Some(SubscribeError::Closed);
        }
        self.no_room(topics)
    }

    /// What a client cannot be taken for, when it subscribes or when it connects.
    fn no_room(&mut self, topics: &[usize]) -> Option<SubscribeError> {
        let now = self.look();
        if self.model.connected.len() >= self.bounds.clients {
            return Some(SubscribeError::TooManyClients { limit: self.bounds.clients });
        }
        let has_room = self.model.need(topics, now, &self.bounds);
        (!has_room).then_some(SubscribeError::TooManyTopics { limit: self.bounds.topics })
    }

    fn subscribe(
        &mut self,
        topics: Vec<usize>,
        last_id: Option<&str>,
        has_filter: bool,
        snapshot: Option<usize>,
    ) {
        let id = last_id.map(|id| EventId::new(id.to_owned()).unwrap());
        let last = self.model.last();
        let mut subscription =
            self.hub.subscription(topics.iter().map(|topic| TOPICS[*topic])).resume(id.as_ref());
        if has_filter {
            subscription = subscription.filter(|event| shows(true, event.sequence.parts().1));
        }
        if let Some(of) = snapshot {
            subscription = subscription.snapshot(move || {
                (0..of).map(move |index| Event::new(format!("state {index} at {last}")).with_id(99_u64))
            });
        }
        let opened = subscription.open();
        if let Some(refused) = self.refusal(&topics) {
            assert_eq!(opened.err(), Some(refused));
            self.model.refused += 1;
            return;
        }
        let now = self.look();
        topics.iter().for_each(|topic| self.model.evict(*topic, now, &self.bounds));
        let stream = opened.unwrap();
        let known = last_id
            .and_then(|id| id.strip_prefix("model-"))
            .filter(|text| !text.starts_with('0') || *text == "0");
        let known = known.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let known = known.and_then(|text| text.parse::<u64>().ok()).filter(|sequence| *sequence <= last);
        let lost = self.model.lost_through(&topics);
        let told = topics.iter().map(|topic| (*topic, self.model.lost_through(&[*topic]))).collect();
        let (outcome, from) = match (last_id, known) {
            (None, _) => (Outcome::Fresh, last),
            (Some(_), None) => (Outcome::Reset, 0),
            (Some(_), Some(from)) if lost > from => {
                (Outcome::Gap { from: from.into(), to: lost.into() }, from)
            }
            (Some(_), Some(from)) => {
                let replayed = self.model.readable_after(&topics, from).len() as u64;
                (Outcome::Resumed { replayed }, from)
            }
        };
        assert_eq!(stream.outcome(), outcome);
        self.model.gaps += u64::from(matches!(outcome, Outcome::Gap { .. }));
        let snapshot = snapshot.filter(|_| !matches!(outcome, Outcome::Resumed { .. }));
        let first = self.model.readable_after(&topics, from).first().copied();
        let mut opening = Vec::new();
        let data = match outcome {
            Outcome::Gap { from, to } => {
                Some(format!("{{\"reason\":\"gap\",\"from\":\"{from}\",\"to\":\"{to}\"}}"))
            }
            Outcome::Reset => Some("{\"reason\":\"reset\"}".to_owned()),
            _ => None,
        };
        if let Some(data) = data {
            let up_to = first.map_or(last, |first| first - 1);
            let id = match snapshot {
                None => Some((from, up_to)),
                Some(0) => Some((last, last)),
                Some(_) => None,
            };
            opening.push(Opening::Verdict { data, id });
        } else if outcome == Outcome::Fresh && snapshot.unwrap_or(0) == 0 {
            opening.push(Opening::Start);
        }
        let of = snapshot.unwrap_or(0);
        opening.extend((0..of).map(|index| Opening::Snapshot { index, of }));
        self.clients.push(Client {
            stream: Box::pin(stream),
            topics,
            has_filter,
            opening,
            snapshot_at: last,
            seen: from,
            told,
            decoder: Decoder::new(),
            wakes: Arc::default(),
            old_wakes: Vec::new(),
            waits: Vec::new(),
            was_polled: false,
            is_told_to_retry: false,
            closed: None,
            part: 0,
            last_id: last_id.map(str::to_owned),
        });
    }

    /// Polls a client once; false when there is no more for now.
    fn poll(&mut self, index: usize) -> bool {
        let mut refused = None;
        if !self.clients[index].was_polled {
            let topics = self.clients[index].topics.clone();
            refused = self.no_room(&topics);
            match refused {
                None => self.model.connected.push(topics),
                Some(_) => self.model.refused += 1,
            }
        }
        let client = &mut self.clients[index];
        client.was_polled = true;
        let waker = Waker::from(Arc::clone(&client.wakes));
        let polled = client.stream.as_mut().poll_next(&mut Context::from_waker(&waker));
        drop(waker);
        if let Some(refused) = refused {
            assert_eq!(client.stream.outcome(), Outcome::Refused(refused));
            assert!(matches!(polled, Poll::Ready(Some(Delivery::Frame(_)))));
            let next = client.stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
            assert_eq!(next, Poll::Ready(Some(Delivery::Close(CloseReason::Refused))));
            client.closed = Some(CloseReason::Refused);
            return true;
        }
        match polled {
            Poll::Ready(Some(Delivery::Frame(frame))) => {
                client.take_frame(&frame, &mut self.model, &mut self.ids);
                true
            }
            Poll::Ready(Some(Delivery::Close(reason))) => {
                assert!(client.closed.is_none(), "one end");
                match reason {
                    CloseReason::Lagged => {
                        assert!(matches!(self.bounds.lag, Lag::Close { .. }) && client.is_told_to_retry);
                        assert!(client.untold(&self.model).is_some(), "it lost something");
                    }
                    CloseReason::Shutdown => {
                        let is_drained = client.has_all_up_to_one_of(&self.model, &self.model.drained);
                        if !is_drained {
                            assert!(self.model.is_closed);
                            client.check_nothing_is_silently_lost(&self.model, self.model.last());
                        }
                    }
                    _ => panic!("{reason}"),
                }
                client.closed = Some(reason);
                true
            }
            Poll::Ready(None) => {
                assert!(client.closed.is_some(), "an end says why");
                false
            }
            Poll::Pending => {
                assert!(client.closed.is_none() && !self.model.is_closed);
                client.check_nothing_is_silently_lost(&self.model, self.model.last());
                client.wakes.0.store(0, Ordering::SeqCst);
                client.waits.clone_from(&client.topics);
                assert!(client.old_wakes.drain(..).all(|old| Arc::strong_count(&old) == 1), "a task is gone");
                false
            }
            _ => unreachable!(),
        }
    }

    fn leave(&mut self, index: usize) {
        let client = self.clients.swap_remove(index);
        if client.was_polled && client.closed != Some(CloseReason::Refused) {
            let place = self.model.connected.iter().position(|topics| *topics == client.topics).unwrap();
            self.model.connected.swap_remove(place);
        }
        drop(client.stream);
        let mut wakes = core::iter::once(&client.wakes).chain(&client.old_wakes);
        assert!(wakes.all(|wakes| Arc::strong_count(wakes) == 1), "no waker stays behind");
    }

    /// Whatever happened, everybody can read to the end, and leave.
    fn read_out(mut self) {
        for index in 0..self.clients.len() {
            while self.poll(index) {}
        }
        for op in [Op::DrainDrop, Op::Shutdown, Op::Time(1)] {
            self.step(&op);
        }
        for index in 0..self.clients.len() {
            while self.poll(index) {}
            assert!(self.clients[index].closed.is_some());
        }
        while !self.clients.is_empty() {
            self.leave(0);
        }
        self.check_counts();
        assert_eq!(self.hub.client_count(), 0);
    }

    /// However much was published, and however far behind clients are: what is held is what the settings allow.
    fn weigh(self) {
        let Self { hub, bounds, model, clients, drain, .. } = self;
        drop(drain);
        let subscribed: usize = clients.iter().map(|client| client.topics.len()).sum();
        let streams: Vec<_> = clients.into_iter().map(|client| client.stream).collect();
        let freed = -measure(|| drop((streams, hub))).bytes_current;
        let largest = model.past.iter().map(|event| event.len).max().unwrap_or(0);
        let log = (bounds.events * largest).min(bounds.bytes) + bounds.keys * largest;
        let overhead = 4_000 + 300 * (bounds.events + bounds.keys);
        // Frames have room for an id, and what clients read together is held joined, too.
        let held = 2 * log + overhead;
        // The places of clients that left are kept for others.
        let places = bounds.clients.min(64) * 500;
        let limit = TOPICS.len().min(bounds.topics) * held + subscribed * 1_000 + places + 4_000;
        assert!((0..=limit as i64).contains(&freed), "{freed} bytes are held, {limit} may be");
    }
}
