//! The log of one topic: what was published and can still be read, in order of sequence.

use crate::position::Sequence;
use sse_core::Frame;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One published event.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) sequence: Sequence,
    pub(crate) frame: Frame,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) at: Instant,
}

/// How much a log holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
    /// How many keys have their newest event kept beyond the rest; none without compaction.
    pub(crate) keys: usize,
}

#[derive(Debug)]
pub(crate) struct Log {
    tail: VecDeque<Entry>,
    bytes: usize,
    /// The newest event of each key that has left the tail.
    kept: BTreeMap<Sequence, Entry>,
    newest_of_key: HashMap<Arc<str>, Sequence>,
    /// The newest event, whether it can be read or not.
    newest: Sequence,
    /// The newest event that can no longer be read, by sequence: cursors before it have lost something.
    lost_through: Sequence,
    /// What the reader before joined: subscribers that wake together have missed the same.
    joined: Option<Joined>,
}

/// Everything behind one cursor, up to the newest event.
#[derive(Debug)]
struct Joined {
    after: Sequence,
    frame: Frame,
}

impl Log {
    /// An empty log; everything up to `lost_through` may have been in one before it.
    pub(crate) fn new(lost_through: Sequence) -> Self {
        Self {
            tail: VecDeque::new(),
            bytes: 0,
            kept: BTreeMap::new(),
            newest_of_key: HashMap::new(),
            newest: Sequence::ZERO,
            lost_through,
            joined: None,
        }
    }

    /// Appends an event with a higher sequence than all before.
    pub(crate) fn push(&mut self, entry: Entry, now: Instant, bounds: Bounds) {
        self.joined = None;
        self.newest = entry.sequence;
        if let (Some(key), true) = (&entry.key, bounds.keys > 0) {
            if let Some(superseded) = self.newest_of_key.insert(Arc::clone(key), entry.sequence) {
                self.kept.remove(&superseded);
            }
        }
        self.bytes += entry.frame.len();
        self.tail.push_back(entry);
        self.evict(now, bounds);
    }

    /// Lets go of what is beyond the bounds.
    pub(crate) fn evict(&mut self, now: Instant, bounds: Bounds) {
        while let Some(oldest) = self.tail.front() {
            let is_within = self.tail.len() <= bounds.events
                && self.bytes <= bounds.bytes
                && now.saturating_duration_since(oldest.at) <= bounds.age;
            if is_within {
                return;
            }
            let Some(oldest) = self.tail.pop_front() else { return };
            self.joined = None;
            self.bytes -= oldest.frame.len();
            let newest = oldest.key.as_ref().and_then(|key| self.newest_of_key.get(key));
            match newest {
                Some(newest) if *newest == oldest.sequence => self.keep(oldest, bounds),
                // A newer event of its key can be read: nothing is lost that its readers would want.
                Some(_) => {}
                None => self.lose_through(oldest.sequence),
            }
        }
    }

    fn keep(&mut self, entry: Entry, bounds: Bounds) {
        self.kept.insert(entry.sequence, entry);
        if self.kept.len() > bounds.keys {
            if let Some((sequence, oldest)) = self.kept.pop_first() {
                if let Some(key) = oldest.key {
                    self.newest_of_key.remove(&key);
                }
                self.lost_through = self.lost_through.max(sequence);
            }
        }
    }

    /// Notes that events up to there may be missing.
    pub(crate) fn lose_through(&mut self, sequence: Sequence) {
        self.lost_through = self.lost_through.max(sequence);
    }

    /// Whether there may be events behind `cursor`.
    pub(crate) fn has_after(&self, cursor: Sequence) -> bool {
        self.newest > cursor
    }

    /// Everything behind `cursor` up to the newest event, and the number of that, if a reader joined it.
    pub(crate) fn joined_after(&self, cursor: Sequence) -> Option<(Sequence, &Frame)> {
        let joined = self.joined.as_ref().filter(|joined| joined.after == cursor)?;
        Some((self.newest, &joined.frame))
    }

    /// Lets others have what a reader joined: everything behind `after` up to `through`, if that is still the newest event.
    pub(crate) fn share(&mut self, after: Sequence, through: Sequence, frame: Frame) {
        if self.newest == through {
            self.joined = Some(Joined { after, frame });
        }
    }

    /// The events behind `cursor`, in order.
    pub(crate) fn after(&self, cursor: Sequence) -> impl Iterator<Item = &Entry> {
        // Most cursors are near the end.
        const NEAR: usize = 4;
        let behind = self.tail.iter().rev().take(NEAR).take_while(|entry| entry.sequence > cursor).count();
        let start = match behind {
            NEAR => self.tail.partition_point(|entry| entry.sequence <= cursor),
            _ => self.tail.len() - behind,
        };
        let kept = self.kept.range(cursor.next()..).map(|(_, entry)| entry);
        kept.chain(self.tail.range(start..))
    }

    /// The newest event that a reader at `cursor` has lost.
    pub(crate) fn lost_after(&self, cursor: Sequence) -> Option<Sequence> {
        (cursor < self.lost_through).then_some(self.lost_through)
    }

    pub(crate) fn lost_through(&self) -> Sequence {
        self.lost_through
    }

    /// When the oldest event was published, but for the newest of keys.
    pub(crate) fn oldest_at(&self) -> Option<Instant> {
        self.tail.front().map(|oldest| oldest.at)
    }

    /// Whether there is nothing to be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.kept.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn sequences_after(&self, cursor: Sequence) -> Vec<Sequence> {
        self.after(cursor).map(|entry| entry.sequence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sse_core::Event;

    const BOUNDS: Bounds = Bounds { events: 3, bytes: 1_000, age: Duration::from_secs(60), keys: 0 };

    fn entry(sequence: u64, key: Option<&str>, at: Instant) -> Entry {
        let frame = Event::new("x").to_frame();
        Entry { sequence: sequence.into(), frame, name: None, key: key.map(Arc::from), at }
    }

    #[test]
    fn a_log_is_bounded_by_events_bytes_and_age() {
        let start = Instant::now();
        let mut log = Log::new(Sequence::ZERO);
        for sequence in 1..=5 {
            log.push(entry(sequence, None, start), start, BOUNDS);
        }
        assert_eq!(log.sequences_after(0.into()), [3, 4, 5]);
        assert_eq!((log.lost_after(1.into()), log.lost_after(2.into())), (Some(2.into()), None));

        let two_frames = 2 * Event::new("x").to_frame().len();
        log.push(entry(6, None, start), start, Bounds { bytes: two_frames, ..BOUNDS });
        assert_eq!(log.sequences_after(0.into()), [5, 6]);

        let later = start + Duration::from_secs(61);
        log.push(entry(7, None, later), later, BOUNDS);
        assert_eq!(log.sequences_after(0.into()), [7]);
        log.evict(start + Duration::from_secs(200), BOUNDS);
        assert!(log.is_empty());
        assert_eq!(log.lost_through(), 7);
    }

    #[test]
    fn what_was_joined_is_shared_until_the_log_changes() {
        let start = Instant::now();
        let frame = Event::new("joined").to_frame();
        let mut log = Log::new(Sequence::ZERO);
        log.push(entry(1, None, start), start, BOUNDS);
        log.push(entry(2, None, start), start, BOUNDS);
        log.share(0.into(), 1.into(), frame.clone());
        assert_eq!(log.joined_after(0.into()), None, "there is more");
        log.share(0.into(), 2.into(), frame.clone());
        assert_eq!(
            (log.joined_after(0.into()), log.joined_after(1.into())),
            (Some((2.into(), &frame)), None)
        );
        log.push(entry(3, None, start), start, BOUNDS);
        assert_eq!(log.joined_after(0.into()), None);
        log.share(0.into(), 3.into(), frame);
        log.evict(start + BOUNDS.age + Duration::from_secs(1), BOUNDS);
        assert_eq!(log.joined_after(0.into()), None);
    }

    #[test]
    fn the_newest_event_of_each_key_is_kept() {
        let start = Instant::now();
        let bounds = Bounds { events: 2, keys: 10, ..BOUNDS };
        let mut log = Log::new(Sequence::ZERO);
        for (sequence, key) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "c"), (6, "a")] {
            log.push(entry(sequence, Some(key), start), start, bounds);
        }
        assert_eq!(log.sequences_after(0.into()), [2, 5, 6], "1, 3 and 4 are superseded");
        assert_eq!(log.lost_after(0.into()), None, "which is no loss");
        log.push(entry(7, None, start), start, bounds);
        log.push(entry(8, None, start), start, bounds);
        log.push(entry(9, None, start), start, bounds);
        assert_eq!(log.sequences_after(0.into()), [2, 5, 6, 8, 9]);
        assert_eq!(log.lost_after(0.into()), Some(7.into()), "an event without a key is");
    }

    #[test]
    fn keys_are_bounded_too() {
        let start = Instant::now();
        let bounds = Bounds { events: 0, keys: 2, ..BOUNDS };
        let mut log = Log::new(Sequence::ZERO);
        for (sequence, key) in [(1, "a"), (2, "b"), (3, "c"), (4, "b")] {
            log.push(entry(sequence, Some(key), start), start, bounds);
        }
        assert_eq!(log.sequences_after(0.into()), [3, 4]);
        assert_eq!(log.lost_after(0.into()), Some(1.into()));
        log.push(entry(5, Some("a"), start), start, bounds);
        assert_eq!(log.sequences_after(0.into()), [4, 5], "a key that was forgotten is new");
    }
}
