//! Random schedules against a naive model that keeps everything that was ever published and knows what is still readable.
//!
//! The model does not follow the broadcaster's cursors: it looks at what a client got, item by item, and asks of each event
//! that the client did not get whether it was told so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use proptest::collection::vec;
use proptest::prelude::*;
use sse_broadcast::{
    Broadcaster, Delivery, Epoch, Lag, Message, Outcome, Position, PublishError, Settings, SubscribeError,
    Subscription,
};
use sse_core::{CloseReason, Decoder, Event, EventId, Frame, OwnedItem, event_name};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

const EPOCH: &str = "model";
const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Clone, Debug)]
struct Bounds {
    events: usize,
    bytes: usize,
    age: u64,
    keys: usize,
    topics: usize,
    lag: Lag,
}

#[derive(Clone, Debug)]
enum LastId {
    None,
    /// One that a client has seen at some moment.
    Seen(prop::sample::Index),
    /// Any position up to the newest.
    Position(prop::sample::Index),
    Future(u64),
    OtherEpoch(u64),
    Garbage(prop::sample::Index),
}

#[derive(Clone, Debug)]
enum Op {
    Publish {
        topic: usize,
        key: Option<u8>,
        size: usize,
        parts: usize,
    },
    Subscribe {
        topics: u8,
        last_id: LastId,
        filter: bool,
        snapshot: Option<usize>,
    },
    Poll(prop::sample::Index),
    PollToTheEnd(prop::sample::Index),
    Drop(prop::sample::Index),
    /// Drop, and subscribe again with the last id seen.
    Reconnect(prop::sample::Index),
    Time(u64),
    Shutdown,
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let lag = prop_oneof![
        Just(Lag::Close { retry: Duration::from_secs(2), spread: Duration::from_secs(3) }),
        Just(Lag::Skip),
        Just(Lag::LatestPerKey),
    ];
    let bytes = prop_oneof![Just(100_000), 0..400_usize];
    let age = prop_oneof![Just(1_000_000), 0..100_u64];
    let topics = prop_oneof![3 => Just(10), 1 => 1..4_usize];
    (0..6_usize, bytes, age, 0..4_usize, topics, lag)
        .prop_map(|(events, bytes, age, keys, topics, lag)| Bounds { events, bytes, age, keys, topics, lag })
}

fn op() -> impl Strategy<Value = Op> {
    let last_id = prop_oneof![
        3 => Just(LastId::None),
        5 => any::<prop::sample::Index>().prop_map(LastId::Seen),
        4 => any::<prop::sample::Index>().prop_map(LastId::Position),
        1 => (1..9_u64).prop_map(LastId::Future),
        1 => (0..9_u64).prop_map(LastId::OtherEpoch),
        1 => any::<prop::sample::Index>().prop_map(LastId::Garbage),
    ];
    let publish = (0..5_usize, prop::option::of(0..5_u8), 0..60_usize, 1..3_usize);
    let subscribe = (1..32_u8, last_id, prop::bool::weighted(0.2), prop::option::weighted(0.25, 0..4_usize));
    prop_oneof![
        30 => publish.prop_map(|(topic, key, size, parts)| Op::Publish { topic, key, size, parts }),
        10 => subscribe.prop_map(|(topics, last_id, filter, snapshot)| Op::Subscribe { topics, last_id, filter, snapshot }),
        10 => any::<prop::sample::Index>().prop_map(Op::Poll),
        12 => any::<prop::sample::Index>().prop_map(Op::PollToTheEnd),
        3 => any::<prop::sample::Index>().prop_map(Op::Drop),
        5 => any::<prop::sample::Index>().prop_map(Op::Reconnect),
        5 => (0..60_u64).prop_map(Op::Time),
        1 => prop::bool::weighted(0.2).prop_map(|is_real| if is_real { Op::Shutdown } else { Op::Time(1) }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    InTail,
    Kept,
    /// A newer one of its key took its place.
    Superseded,
    Lost,
}

#[derive(Debug)]
struct Past {
    topic: usize,
    key: Option<u8>,
    len: usize,
    at: u64,
    parts: usize,
    size: usize,
    fate: Fate,
}

#[derive(Debug, Default)]
struct Model {
    /// Everything ever published; sequence 1 is at 0.
    past: Vec<Past>,
    /// The topics that exist, and what a topic of their name that was forgotten may have lost.
    topics: BTreeMap<usize, u64>,
    floor: u64,
    connected: Vec<Vec<usize>>,
    is_closed: bool,
}

impl Model {
    fn last(&self) -> u64 {
        self.past.len() as u64
    }

    fn event(&self, sequence: u64) -> &Past {
        &self.past[sequence as usize - 1]
    }

    fn is_readable(&self, sequence: u64) -> bool {
        matches!(self.event(sequence).fate, Fate::InTail | Fate::Kept)
    }

    fn of(&self, topic: usize, fate: Fate) -> Vec<u64> {
        (1..=self.last())
            .filter(|it| self.event(*it).topic == topic && self.event(*it).fate == fate)
            .collect()
    }

    fn evict(&mut self, topic: usize, now: u64, bounds: &Bounds) {
        loop {
            let tail = self.of(topic, Fate::InTail);
            let bytes: usize = tail.iter().map(|it| self.event(*it).len).sum();
            let Some(&oldest) = tail.first() else { return };
            let event = self.event(oldest);
            if tail.len() <= bounds.events && bytes <= bounds.bytes && now - event.at <= bounds.age {
                return;
            }
            let is_compacted = bounds.lag == Lag::LatestPerKey && bounds.keys > 0 && event.key.is_some();
            let newer = tail.iter().any(|it| *it > oldest && self.event(*it).key == event.key);
            self.past[oldest as usize - 1].fate = match (is_compacted, newer) {
                (false, _) => Fate::Lost,
                (true, true) => Fate::Superseded,
                (true, false) => Fate::Kept,
            };
            let kept = self.of(topic, Fate::Kept);
            if kept.len() > bounds.keys {
                self.past[kept[0] as usize - 1].fate = Fate::Lost;
            }
        }
    }

    /// Makes room for topics; false if there is none.
    fn need(&mut self, topics: &[usize], now: u64, bounds: &Bounds) -> bool {
        let missing = |model: &Self| topics.iter().filter(|topic| !model.topics.contains_key(topic)).count();
        if missing(self) > 0 && self.topics.len() + missing(self) > bounds.topics {
            for topic in self.topics.keys().copied().collect::<Vec<_>>() {
                self.evict(topic, now, bounds);
                let is_used = self.connected.iter().any(|topics| topics.contains(&topic));
                if !is_used
                    && self.of(topic, Fate::InTail).is_empty()
                    && self.of(topic, Fate::Kept).is_empty()
                {
                    self.floor = self.floor.max(self.lost_through(&[topic]));
                    self.topics.remove(&topic);
                }
            }
            if self.topics.len() + missing(self) > bounds.topics {
                return false;
            }
        }
        for topic in topics {
            self.topics.entry(*topic).or_insert(self.floor);
        }
        true
    }

    /// The newest event of the topics that may be lost.
    fn lost_through(&self, topics: &[usize]) -> u64 {
        let floor = topics.iter().filter_map(|topic| self.topics.get(topic)).max().copied();
        let lost = topics.iter().flat_map(|topic| self.of(*topic, Fate::Lost)).max();
        floor.max(lost).unwrap_or(0)
    }

    fn readable_after(&self, topics: &[usize], cursor: u64) -> Vec<u64> {
        (cursor + 1..=self.last())
            .filter(|it| topics.contains(&self.event(*it).topic) && self.is_readable(*it))
            .collect()
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
enum Opening {
    Start,
    /// With an id up to here, or without.
    Verdict {
        data: String,
        id: Option<(u64, u64)>,
    },
    Snapshot {
        index: usize,
        of: usize,
    },
}

struct Client {
    stream: Pin<Box<Subscription>>,
    topics: Vec<usize>,
    has_filter: bool,
    opening: Vec<Opening>,
    snapshot_at: u64,
    /// Up to here the client has everything, or knows that it has not.
    seen: u64,
    /// Up to where the client knows of losses, by topic.
    told: BTreeMap<usize, u64>,
    decoder: Decoder,
    wakes: Arc<Count>,
    waits: Vec<usize>,
    was_polled: bool,
    is_told_to_retry: bool,
    closed: Option<CloseReason>,
    part: usize,
    last_id: Option<String>,
}

fn shows(has_filter: bool, sequence: u64) -> bool {
    !has_filter || sequence % 3 != 0
}

impl Client {
    fn tell(&mut self, model: &Model) {
        self.told = self.topics.iter().map(|topic| (*topic, model.lost_through(&[*topic]))).collect();
    }

    /// The newest event that is lost to this client unknown to it.
    fn untold(&self, model: &Model) -> Option<u64> {
        let lost = self.topics.iter().map(|topic| (model.lost_through(&[*topic]), self.told[topic]));
        lost.filter(|(lost, told)| *lost > self.seen.max(*told)).map(|(lost, _)| lost).max()
    }

    /// What is between two positions was superseded, or is not for this client, or is lost and said to be.
    fn check_nothing_is_silently_lost(&self, model: &Model, to: u64) {
        for sequence in self.seen + 1..=to {
            let event = model.event(sequence);
            if !self.topics.contains(&event.topic) || !shows(self.has_filter, sequence) {
                continue;
            }
            match event.fate {
                Fate::InTail | Fate::Kept => panic!("{sequence} can be read and was skipped"),
                Fate::Superseded => {}
                Fate::Lost => {
                    assert!(sequence <= self.told[&event.topic], "{sequence} is lost, and nobody said so")
                }
            }
        }
    }

    fn items(&mut self, frame: &Frame) -> Vec<(OwnedItem, Option<String>)> {
        // Byte by byte, so that the id is known as it stood after each item.
        let mut items = Vec::new();
        for byte in frame.as_bytes().chunks(1) {
            items.extend(self.decoder.feed(byte).owned());
        }
        items
            .into_iter()
            .map(|item| {
                let id = match &item {
                    OwnedItem::Event(event) if event.sets_id => Some(event.last_event_id.clone()),
                    OwnedItem::Block { last_event_id, sets_id: true } => Some(last_event_id.clone()),
                    _ => None,
                };
                (item, id)
            })
            .collect()
    }

    fn take_frame(&mut self, frame: &Frame, model: &Model, ids: &mut Vec<String>) {
        assert!(self.closed.is_none(), "nothing after the end");
        assert!(!self.is_told_to_retry, "nothing but the end after a retry");
        for (item, id) in self.items(frame) {
            if let Some(id) = &id {
                ids.push(id.clone());
                self.last_id = Some(id.clone());
            }
            let sequence = id.map(|id| id.parse::<Position>().unwrap().sequence);
            if self.opening.is_empty() {
                self.take_live(&item, sequence, model);
            } else {
                let expected = self.opening.remove(0);
                self.take_opening(&expected, &item, sequence);
            }
        }
        assert!(self.opening.is_empty(), "{:?} did not come", self.opening);
        assert_eq!(self.part, 0, "half a frame");
    }

    fn take_opening(&mut self, expected: &Opening, item: &OwnedItem, id: Option<u64>) {
        match (expected, item) {
            (Opening::Start, OwnedItem::Event(event)) => {
                assert_eq!((&*event.event_type, id), ("sse:start", Some(self.seen)));
            }
            (Opening::Verdict { data, id: range }, OwnedItem::Event(event)) => {
                assert_eq!((&*event.event_type, &event.data), ("sse:reset", data));
                assert_eq!(id.is_some(), range.is_some(), "an id in front of a snapshot would skip it");
                if let (Some(id), Some((from, to))) = (id, range) {
                    assert!((*from..=*to).contains(&id), "{from} {id} {to}");
                    self.seen = id;
                }
            }
            (Opening::Snapshot { index, of }, OwnedItem::Event(event)) => {
                assert_eq!(event.data, format!("state {index} at {}", self.snapshot_at));
                let is_last = index + 1 == *of;
                assert_eq!(id, is_last.then_some(self.snapshot_at));
                self.seen = id.unwrap_or(self.seen);
            }
            _ => panic!("{expected:?} expected, {item:?} came"),
        }
    }

    fn take_live(&mut self, item: &OwnedItem, id: Option<u64>, model: &Model) {
        match item {
            OwnedItem::Retry(time) => {
                assert!((2_000..=5_000).contains(&time.as_millis()), "{time:?}");
                self.is_told_to_retry = true;
            }
            OwnedItem::Event(event) if event.event_type == "sse:retry" => {
                assert!(self.is_told_to_retry && !event.sets_id);
            }
            OwnedItem::Event(event) if event.event_type == "sse:reset" => {
                let id = id.unwrap();
                let (from, to) = gap(&event.data);
                assert!(self.seen <= from && from < to && to <= model.last(), "{event:?}");
                self.check_nothing_is_silently_lost(model, from);
                assert_eq!(Some(to), self.untold(model), "what is lost, no more and no less");
                self.tell(model);
                assert!(id >= from);
                self.check_nothing_is_silently_lost(model, id);
                self.seen = id;
            }
            OwnedItem::Event(event) => {
                let mut fields = event.data.split(':');
                let mut number = || fields.next().unwrap().parse::<usize>().unwrap();
                let (sequence, part, parts) = (number() as u64, number(), number());
                let is_last = part + 1 == parts;
                assert_eq!(id, is_last.then_some(sequence), "the id comes with the last event of a frame");
                assert_eq!(part, self.part);
                self.part = if is_last { 0 } else { part + 1 };
                assert_eq!(fields.next().unwrap().len(), model.event(sequence).size);
                assert_eq!(parts, model.event(sequence).parts);
                if !is_last {
                    return;
                }
                assert!(sequence > self.seen, "{sequence} after {}", self.seen);
                assert!(self.topics.contains(&model.event(sequence).topic));
                assert!(shows(self.has_filter, sequence));
                assert!(model.is_readable(sequence));
                self.check_nothing_is_silently_lost(model, sequence - 1);
                self.seen = sequence;
            }
            _ => panic!("{item:?}"),
        }
    }
}

fn gap(data: &str) -> (u64, u64) {
    let rest = data.strip_prefix("{\"reason\":\"gap\",\"from\":").unwrap();
    let (from, to) = rest.strip_suffix('}').unwrap().split_once(",\"to\":").unwrap();
    (from.parse().unwrap(), to.parse().unwrap())
}

struct World {
    hub: Broadcaster,
    bounds: Bounds,
    model: Model,
    clients: Vec<Client>,
    clock: Arc<AtomicU64>,
    /// Every id that a client has had as its last at some moment.
    ids: Vec<String>,
}

impl World {
    fn new(bounds: Bounds) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let (start, time) = (Instant::now(), Arc::clone(&clock));
        let settings = Settings::new()
            .with_epoch(Epoch::new(EPOCH).unwrap())
            .with_events(bounds.events)
            .with_bytes(bounds.bytes)
            .with_age(Duration::from_millis(bounds.age))
            .with_keys(bounds.keys)
            .with_topics(bounds.topics)
            .with_lag(bounds.lag)
            .with_clock(move || start + Duration::from_millis(time.load(Ordering::SeqCst)));
        let hub = Broadcaster::new(settings);
        hub.register_event(event_name!("x"));
        Self { hub, bounds, model: Model::default(), clients: Vec::new(), clock, ids: Vec::new() }
    }

    fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Publish { topic, key, size, parts } => self.publish(*topic, *key, *size, *parts),
            Op::Subscribe { topics, last_id, filter, snapshot } => {
                let topics: Vec<usize> = (0..5).filter(|topic| topics & (1 << topic) != 0).collect();
                let last_id = self.last_id(last_id);
                self.subscribe(topics, last_id.as_deref(), *filter, *snapshot);
            }
            Op::Poll(_) | Op::PollToTheEnd(_) | Op::Drop(_) | Op::Reconnect(_) if self.clients.is_empty() => {
            }
            Op::Poll(index) => {
                let index = index.index(self.clients.len());
                self.poll(index);
            }
            Op::PollToTheEnd(index) => {
                let index = index.index(self.clients.len());
                while self.poll(index) {}
            }
            Op::Drop(index) => self.leave(index.index(self.clients.len())),
            Op::Reconnect(index) => {
                let index = index.index(self.clients.len());
                let Client { topics, has_filter, last_id, .. } = &self.clients[index];
                let (topics, has_filter, last_id) = (topics.clone(), *has_filter, last_id.clone());
                self.leave(index);
                self.subscribe(topics, last_id.as_deref(), has_filter, None);
            }
            Op::Time(millis) => {
                self.clock.fetch_add(*millis, Ordering::SeqCst);
            }
            Op::Shutdown => {
                self.hub.shutdown();
                for client in self.clients.iter_mut().filter(|client| !client.waits.is_empty()) {
                    assert!(client.wakes.0.swap(0, Ordering::SeqCst) > 0, "woken to end");
                    client.waits.clear();
                }
                self.model.is_closed = true;
            }
        }
        assert_eq!(self.hub.client_count(), self.model.connected.len());
        for (index, topic) in TOPICS.iter().enumerate() {
            let expected = self.model.connected.iter().filter(|topics| topics.contains(&index)).count();
            assert_eq!(self.hub.topic_client_count(topic), expected);
        }
    }

    fn last_id(&self, last_id: &LastId) -> Option<String> {
        match last_id {
            LastId::None => None,
            LastId::Seen(index) => (!self.ids.is_empty()).then(|| index.get(&self.ids).clone()),
            LastId::Position(index) => Some(format!("{EPOCH}-{}", index.index(self.model.past.len() + 1))),
            LastId::Future(more) => Some(format!("{EPOCH}-{}", self.model.last() + more)),
            LastId::OtherEpoch(sequence) => Some(format!("other-{sequence}")),
            LastId::Garbage(index) => Some(
                (*index.get(&["x", "-", "model-", "model-+1", "model-01", "\u{FFFD}", "model-1-1"]))
                    .to_owned(),
            ),
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
        if self.model.is_closed {
            assert_eq!(published, Err(PublishError::Closed));
            return;
        }
        let now = self.now();
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
            subscription = subscription.filter(|event| shows(true, event.sequence));
        }
        if let Some(of) = snapshot {
            subscription = subscription.snapshot(move || {
                (0..of).map(move |index| Event::new(format!("state {index} at {last}")).with_id(99_u64))
            });
        }
        let opened = subscription.open();
        if self.model.is_closed {
            assert_eq!(opened.err(), Some(SubscribeError::Closed));
            return;
        }
        let now = self.now();
        if !self.model.need(&topics, now, &self.bounds) {
            assert_eq!(opened.err(), Some(SubscribeError::TooManyTopics { limit: self.bounds.topics }));
            return;
        }
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
            (Some(_), Some(from)) if lost > from => (Outcome::Gap { from, to: lost }, from),
            (Some(_), Some(from)) => {
                let replayed = self.model.readable_after(&topics, from).len() as u64;
                (Outcome::Resumed { replayed }, from)
            }
        };
        assert_eq!(stream.outcome(), outcome);
        let snapshot = snapshot.filter(|_| !matches!(outcome, Outcome::Resumed { .. }));
        let first = self.model.readable_after(&topics, from).first().copied();
        let mut opening = Vec::new();
        let data = match outcome {
            Outcome::Gap { from, to } => Some(format!("{{\"reason\":\"gap\",\"from\":{from},\"to\":{to}}}")),
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
        let now = self.now();
        let client = &mut self.clients[index];
        let mut is_turned_away = false;
        if !client.was_polled {
            client.was_polled = true;
            is_turned_away = !self.model.need(&client.topics, now, &self.bounds);
            if !is_turned_away {
                self.model.connected.push(client.topics.clone());
            }
        }
        let waker = Waker::from(Arc::clone(&client.wakes));
        let polled = client.stream.as_mut().poll_next(&mut Context::from_waker(&waker));
        drop(waker);
        if is_turned_away {
            let limit = self.bounds.topics;
            assert_eq!(client.stream.outcome(), Outcome::Refused(SubscribeError::TooManyTopics { limit }));
            assert!(matches!(polled, Poll::Ready(Some(Delivery::Frame(_)))));
            let waker = Waker::noop();
            let next = client.stream.as_mut().poll_next(&mut Context::from_waker(waker));
            assert_eq!(next, Poll::Ready(Some(Delivery::Close(CloseReason::Refused))));
            client.closed = Some(CloseReason::Refused);
            return true;
        }
        match polled {
            Poll::Ready(Some(Delivery::Frame(frame))) => {
                client.take_frame(&frame, &self.model, &mut self.ids);
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
                        assert!(self.model.is_closed);
                        client.check_nothing_is_silently_lost(&self.model, self.model.last());
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
        assert_eq!(Arc::strong_count(&client.wakes), 1, "no waker stays behind");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_subscriber_sees_what_follows_its_cursor_or_is_told(bounds in bounds(), ops in vec(op(), 1..90)) {
        let mut world = World::new(bounds);
        for op in &ops {
            world.step(op);
        }
        // Whatever happened, everybody can read to the end, leave, and come back with what it saw last.
        for index in 0..world.clients.len() {
            while world.poll(index) {}
        }
        for op in [Op::Shutdown, Op::Time(1)] {
            world.step(&op);
        }
        for index in 0..world.clients.len() {
            while world.poll(index) {}
            assert!(world.clients[index].closed.is_some());
        }
        while !world.clients.is_empty() {
            world.leave(0);
        }
        assert_eq!(world.hub.client_count(), 0);
    }
}
