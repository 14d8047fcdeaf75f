//! Everything that was ever published, and what has become of it.

use super::Bounds;
use sse_broadcast::Lag;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    InTail,
    Kept,
    /// A newer one of its key took its place.
    Superseded,
    Lost,
}

#[derive(Debug)]
pub(super) struct Past {
    pub(super) topic: usize,
    pub(super) key: Option<u8>,
    pub(super) len: usize,
    pub(super) at: u64,
    pub(super) parts: usize,
    pub(super) size: usize,
    pub(super) fate: Fate,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    /// Everything ever published; sequence 1 is at 0.
    pub(super) past: Vec<Past>,
    /// The topics that exist, and what a topic of their name that was forgotten may have lost.
    pub(super) topics: BTreeMap<usize, u64>,
    pub(super) floor: u64,
    pub(super) connected: Vec<Vec<usize>>,
    pub(super) is_closed: bool,
    /// The time as the broadcaster has it, which does not take it back.
    pub(super) now: u64,
    /// How far the clock was set back.
    pub(super) behind: u64,
    /// Up to where those read that a drain has closed so far, and how many of them there are.
    pub(super) drained: Vec<u64>,
    pub(super) lagged: u64,
    pub(super) gaps: u64,
    pub(super) refused: u64,
}

impl Model {
    pub(super) fn last(&self) -> u64 {
        self.past.len() as u64
    }

    pub(super) fn event(&self, sequence: u64) -> &Past {
        &self.past[sequence as usize - 1]
    }

    pub(super) fn is_readable(&self, sequence: u64) -> bool {
        matches!(self.event(sequence).fate, Fate::InTail | Fate::Kept)
    }

    pub(super) fn of(&self, topic: usize, fate: Fate) -> Vec<u64> {
        (1..=self.last())
            .filter(|it| self.event(*it).topic == topic && self.event(*it).fate == fate)
            .collect()
    }

    pub(super) fn evict(&mut self, topic: usize, now: u64, bounds: &Bounds) {
        loop {
            let tail = self.of(topic, Fate::InTail);
            let bytes: usize = tail.iter().map(|it| self.event(*it).len).sum();
            let Some(&oldest) = tail.first() else { return };
            let event = self.event(oldest);
            let is_young = now.saturating_sub(event.at) <= bounds.age;
            if tail.len() <= bounds.events && bytes <= bounds.bytes && is_young {
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
    pub(super) fn need(&mut self, topics: &[usize], now: u64, bounds: &Bounds) -> bool {
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
    pub(super) fn lost_through(&self, topics: &[usize]) -> u64 {
        let floor = topics.iter().filter_map(|topic| self.topics.get(topic)).max().copied();
        let lost = topics.iter().flat_map(|topic| self.of(*topic, Fate::Lost)).max();
        floor.max(lost).unwrap_or(0)
    }

    pub(super) fn readable_after(&self, topics: &[usize], cursor: u64) -> Vec<u64> {
        (cursor + 1..=self.last())
            .filter(|it| topics.contains(&self.event(*it).topic) && self.is_readable(*it))
            .collect()
    }
}
