//! A client, and whether what it gets is what it is to get.

use super::past::{Fate, Model};
use core::pin::Pin;
use sse_broadcast::{Position, Subscription};
use sse_core::{CloseReason, Decoder, Frame, OwnedItem};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

#[derive(Default)]
pub(super) struct Count(pub(super) AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub(super) enum Opening {
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

pub(super) struct Client {
    pub(super) stream: Pin<Box<Subscription>>,
    pub(super) topics: Vec<usize>,
    pub(super) has_filter: bool,
    pub(super) opening: Vec<Opening>,
    pub(super) snapshot_at: u64,
    /// Up to here the client has everything, or knows that it has not.
    pub(super) seen: u64,
    /// Up to where the client knows of losses, by topic.
    pub(super) told: BTreeMap<usize, u64>,
    pub(super) decoder: Decoder,
    pub(super) wakes: Arc<Count>,
    /// Of the tasks that it was polled from before.
    pub(super) old_wakes: Vec<Arc<Count>>,
    pub(super) waits: Vec<usize>,
    pub(super) was_polled: bool,
    pub(super) is_told_to_retry: bool,
    pub(super) closed: Option<CloseReason>,
    pub(super) part: usize,
    pub(super) last_id: Option<String>,
}

pub(super) fn shows(has_filter: bool, sequence: u64) -> bool {
    !has_filter || sequence % 3 != 0
}

impl Client {
    pub(super) fn tell(&mut self, model: &Model) {
        self.told = self.topics.iter().map(|topic| (*topic, model.lost_through(&[*topic]))).collect();
    }

    /// The newest event that is lost to this client unknown to it.
    pub(super) fn untold(&self, model: &Model) -> Option<u64> {
        let lost = self.topics.iter().map(|topic| (model.lost_through(&[*topic]), self.told[topic]));
        lost.filter(|(lost, told)| *lost > self.seen.max(*told)).map(|(lost, _)| lost).max()
    }

    /// What is between two positions was superseded, or is not for this client, or is lost and said to be; or else what
    /// is wrong.
    pub(super) fn silently_lost(&self, model: &Model, to: u64) -> Option<String> {
        (self.seen + 1..=to).find_map(|sequence| {
            let event = model.event(sequence);
            if !self.topics.contains(&event.topic) || !shows(self.has_filter, sequence) {
                return None;
            }
            match event.fate {
                Fate::InTail | Fate::Kept => Some(format!("{sequence} can be read and was skipped")),
                Fate::Lost if sequence > self.told[&event.topic] => {
                    Some(format!("{sequence} is lost, and nobody said so"))
                }
                Fate::Superseded | Fate::Lost => None,
            }
        })
    }

    pub(super) fn check_nothing_is_silently_lost(&self, model: &Model, to: u64) {
        assert_eq!(self.silently_lost(model, to), None);
    }

    /// Whether it ends as one does that was closed when the newest event was one of these.
    pub(super) fn has_all_up_to_one_of(&self, model: &Model, ends: &[u64]) -> bool {
        ends.iter().any(|end| self.silently_lost(model, *end).is_none())
    }

    pub(super) fn items(&mut self, frame: &Frame) -> Vec<(OwnedItem, Option<String>)> {
        let items = self.decoder.feed(frame.as_bytes()).owned();
        items
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

    pub(super) fn take_frame(&mut self, frame: &Frame, model: &mut Model, ids: &mut Vec<String>) {
        assert!(self.closed.is_none(), "nothing after the end");
        assert!(!self.is_told_to_retry, "nothing but the end after a retry");
        for (item, id) in self.items(frame) {
            if let Some(id) = &id {
                ids.push(id.clone());
                self.last_id = Some(id.clone());
            }
            let sequence = id.map(|id| id.parse::<Position>().unwrap().sequence.parts().1);
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

    pub(super) fn take_opening(&mut self, expected: &Opening, item: &OwnedItem, id: Option<u64>) {
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

    pub(super) fn take_live(&mut self, item: &OwnedItem, id: Option<u64>, model: &mut Model) {
        match item {
            OwnedItem::Retry(time) => {
                assert!((2_000..=5_000).contains(&time.as_millis()), "{time:?}");
                self.is_told_to_retry = true;
                model.lagged += 1;
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
                model.lagged += 1;
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

pub(super) fn gap(data: &str) -> (u64, u64) {
    let rest = data.strip_prefix("{\"reason\":\"gap\",\"from\":\"").unwrap();
    let (from, to) = rest.strip_suffix("\"}").unwrap().split_once("\",\"to\":\"").unwrap();
    (from.parse().unwrap(), to.parse().unwrap())
}
