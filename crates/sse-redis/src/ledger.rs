//! What a node has read of the stream, and whether that fits what the stream says of itself. No I/O.

use crate::entry_id::EntryId;
use sse_broadcast::Epoch;
use std::collections::BTreeSet;

/// What the stream says of itself, all at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) epoch: Epoch,
    /// How many entries were ever added.
    pub(crate) added: u64,
    /// How many are there.
    pub(crate) len: u64,
    /// The oldest that is there.
    pub(crate) first: EntryId,
    /// The newest that was ever added.
    pub(crate) last: EntryId,
    /// The newest that was deleted by name.
    pub(crate) deleted: EntryId,
    /// Whether the entry at the reader's cursor is there, where that was asked.
    pub(crate) has_cursor: Option<bool>,
    /// The server's clock.
    pub(crate) millis: u64,
}

/// What the account says of the entries that were read before it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are all that there were.
    Whole,
    /// Entries up to this one may have been lost before they were read: trimmed, or deleted. Some of those that were read may be
    /// among them.
    Gap(EntryId),
    /// It is not the stream that was read before: it has lost entries that somebody saw.
    RolledBack,
    /// Somebody has found that, and has begun a new epoch.
    NewEpoch(Epoch),
}

/// Up to how many publications are looked out for.
pub(crate) const AWAITED: usize = 10_000;

/// How far a node has read.
#[derive(Debug)]
pub(crate) struct Ledger {
    epoch: Epoch,
    /// The last entry that was read.
    cursor: EntryId,
    /// How many had been added up to it, if that is known.
    read: Option<u64>,
    /// The newest that was ever added, by the account before.
    added: EntryId,
    /// What this node has published and not read yet, confirmed before the last account was asked for.
    awaited: BTreeSet<EntryId>,
    /// What was confirmed since: an account may be older.
    confirmed: BTreeSet<EntryId>,
}

impl Ledger {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            cursor: EntryId::ZERO,
            read: Some(0),
            added: EntryId::ZERO,
            awaited: BTreeSet::new(),
            confirmed: BTreeSet::new(),
        }
    }

    pub(crate) fn cursor(&self) -> EntryId {
        self.cursor
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Looks out for an entry that the server has confirmed.
    pub(crate) fn expect(&mut self, epoch: Epoch, id: EntryId) {
        let has_room = self.awaited.len() + self.confirmed.len() < AWAITED;
        if epoch == self.epoch && id > self.cursor && has_room {
            self.confirmed.insert(id);
        }
    }

    /// Judges what was read behind the cursor, all that there was if it `is_all`, and the account that was taken then. The cursor
    /// moves behind it, unless it is of another life of the stream.
    pub(crate) fn judge(&mut self, read: &[EntryId], is_all: bool, account: &Account) -> Verdict {
        if account.epoch != self.epoch {
            return Verdict::NewEpoch(account.epoch);
        }
        let mut last = read.last().copied().unwrap_or(self.cursor);
        if is_all {
            // What had been added by then and was not read is not there any more.
            last = last.max(self.added);
        }
        let count = read.len() as u64;
        let is_at_end = account.last == last;
        let is_short = match self.read.map(|before| before + count) {
            Some(known) if is_at_end => account.added < known,
            Some(known) => account.added <= known,
            None => false,
        };
        let is_behind = self.awaited.last().is_some_and(|awaited| account.last < *awaited);
        // Neither trimmed, nor deleted by name: it was never in this stream.
        let is_foreign = account.has_cursor == Some(false)
            && account.len > 0
            && account.first <= self.cursor
            && account.deleted < self.cursor;
        if account.last < last || is_behind || is_short || is_foreign {
            return Verdict::RolledBack;
        }
        // As long as the stream reaches back to the cursor, nothing behind that was trimmed.
        let is_trimmed = account.len == 0 || account.first > self.cursor;
        // What was trimmed behind the reading is no loss.
        let is_gone = |id: &EntryId| account.len == 0 || *id < account.first;
        let trimmed_since = read.partition_point(is_gone) as u64;
        let is_gap = match self.read {
            Some(before) if is_at_end => account.added > before + count,
            Some(before) => is_trimmed && account.added.saturating_sub(account.len) > before + trimmed_since,
            None => is_trimmed || account.deleted > self.cursor,
        };
        if self.has_unread(read, last) && !is_gap && account.deleted < self.cursor {
            return Verdict::RolledBack;
        }
        if account.len == 0 {
            last = account.last;
        }
        self.read = match self.read {
            _ if account.last == last => Some(account.added),
            Some(before) if !is_gap => Some(before + count),
            _ => None,
        };
        self.cursor = last;
        self.added = account.last;
        self.awaited.append(&mut self.confirmed);
        self.awaited.retain(|awaited| *awaited > last);
        if !is_gap {
            return Verdict::Whole;
        }
        // What is trimmed goes from the front; what is deleted by name, from anywhere.
        let is_trimmed_alone = account.len > 0 && account.deleted < account.first;
        Verdict::Gap(if is_trimmed_alone { account.first.previous() } else { last })
    }

    /// Whether an entry that this node published is not where it has to be.
    fn has_unread(&self, read: &[EntryId], last: EntryId) -> bool {
        let published = self.awaited.range(..=last).chain(self.confirmed.range(..=last));
        published.into_iter().any(|published| read.binary_search(published).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch() -> Epoch {
        Epoch::random()
    }

    fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<EntryId> {
        numbers.into_iter().map(id).collect()
    }

    fn id(number: u64) -> EntryId {
        EntryId { millis: 1_000 + number, number: 0 }
    }

    /// A stream to which 1 to `last` were added, of which those from `first` on are there.
    fn account(epoch: Epoch, first: u64, last: u64) -> Account {
        let len = last + 1 - first;
        let first = if len == 0 { EntryId::ZERO } else { id(first) };
        let last_id = if last == 0 { EntryId::ZERO } else { id(last) };
        let deleted = EntryId::ZERO;
        Account { epoch, added: last, len, first, last: last_id, deleted, has_cursor: None, millis: 5_000 }
    }

    /// A node that has read 1 to `last`.
    fn ledger(epoch: Epoch, last: u64) -> Ledger {
        let mut ledger = Ledger::new(epoch);
        assert_eq!(ledger.judge(&ids(1..=last), false, &account(epoch, 1, last)), Verdict::Whole);
        ledger
    }

    #[test]
    fn a_stream_that_is_read_as_it_grows_is_whole() {
        let epoch = epoch();
        let mut ledger = ledger(epoch, 0);
        assert_eq!(ledger.judge(&ids(1..=3), false, &account(epoch, 1, 3)), Verdict::Whole);
        assert_eq!(ledger.judge(&[], false, &account(epoch, 1, 3)), Verdict::Whole);
        // More came before the account was taken.
        assert_eq!(ledger.judge(&ids(4..=5), false, &account(epoch, 2, 9)), Verdict::Whole);
        assert_eq!(ledger.judge(&ids(6..=9), false, &account(epoch, 6, 9)), Verdict::Whole);
        // What was trimmed had been read.
        assert_eq!(ledger.judge(&ids(10..=10), false, &account(epoch, 10, 10)), Verdict::Whole);
        assert_eq!(ledger.judge(&[], false, &account(epoch, 11, 10)), Verdict::Whole);
        assert_eq!(ledger.cursor(), id(10));
    }

    #[test]
    fn what_was_there_before_a_node_and_is_not_any_more_is_a_gap() {
        let epoch = epoch();
        let mut ledger = Ledger::new(epoch);
        assert_eq!(ledger.judge(&ids(4..=5), false, &account(epoch, 4, 9)), Verdict::Gap(id(4).previous()));
        assert_eq!(ledger.judge(&ids(6..=9), false, &account(epoch, 4, 9)), Verdict::Whole);
        let mut ledger = Ledger::new(epoch);
        assert_eq!(ledger.judge(&[], false, &account(epoch, 10, 9)), Verdict::Gap(id(9)), "all of it");
        assert_eq!(ledger.judge(&[], false, &account(epoch, 10, 9)), Verdict::Whole, "told once");
        assert_eq!(ledger.judge(&ids(10..=10), false, &account(epoch, 10, 10)), Verdict::Whole);
    }

    #[test]
    fn what_was_trimmed_before_it_was_read_is_a_gap() {
        let epoch = epoch();
        let mut at_end = ledger(epoch, 3);
        assert_eq!(at_end.judge(&ids(6..=8), false, &account(epoch, 6, 8)), Verdict::Gap(id(6).previous()));
        assert_eq!(at_end.judge(&ids(9..=9), false, &account(epoch, 6, 9)), Verdict::Whole);

        let mut behind = ledger(epoch, 3);
        assert_eq!(behind.judge(&ids(6..=8), false, &account(epoch, 6, 20)), Verdict::Gap(id(6).previous()));
        assert_eq!(behind.judge(&ids(9..=12), false, &account(epoch, 7, 20)), Verdict::Whole);
        assert_eq!(
            behind.judge(&ids(15..=20), false, &account(epoch, 15, 20)),
            Verdict::Gap(id(15).previous())
        );
        assert_eq!(behind.judge(&[], false, &account(epoch, 15, 20)), Verdict::Whole);
    }

    #[test]
    fn an_unread_entry_that_was_deleted_is_a_gap() {
        let epoch = epoch();
        let mut ledger = ledger(epoch, 3);
        let deleted = Account { len: 4, deleted: id(4), ..account(epoch, 1, 5) };
        assert_eq!(ledger.judge(&ids(5..=5), false, &deleted), Verdict::Gap(id(5)));
        // One that was read is not.
        let deleted = Account { len: 3, ..account(epoch, 1, 5) };
        assert_eq!(ledger.judge(&[], false, &deleted), Verdict::Whole);
    }

    #[test]
    fn a_newest_entry_that_was_deleted_is_passed_by() {
        let epoch = epoch();
        let without_5 = Account { len: 4, deleted: id(5), ..account(epoch, 1, 5) };
        let mut late = Ledger::new(epoch);
        assert_eq!(late.judge(&ids(1..=4), true, &without_5), Verdict::Gap(id(4)));
        assert_eq!(late.judge(&[], true, &without_5), Verdict::Gap(id(5)));
        assert_eq!(late.cursor(), id(5), "there is nothing more to wait for");
        assert_eq!(late.judge(&[], true, &without_5), Verdict::Whole);

        let mut live = ledger(epoch, 4);
        assert_eq!(live.judge(&[], true, &without_5), Verdict::Whole, "it may have come since");
        assert_eq!(live.judge(&[], true, &without_5), Verdict::Gap(id(5)));
        assert_eq!(
            live.judge(&ids(6..=6), true, &Account { len: 5, ..account(epoch, 1, 6) }),
            Verdict::Whole
        );
    }

    #[test]
    fn an_entry_that_was_deleted_anywhere_before_a_node_started_is_told() {
        let epoch = epoch();
        let without_25 = Account { len: 39, deleted: id(25), ..account(epoch, 1, 40) };
        let mut ledger = Ledger::new(epoch);
        assert_eq!(
            ledger.judge(&ids(1..=16), false, &without_25),
            Verdict::Gap(id(16)),
            "it may be of these"
        );
        let around: Vec<_> = ids(17..=24).into_iter().chain(ids(26..=33)).collect();
        assert_eq!(ledger.judge(&around, false, &without_25), Verdict::Gap(id(33)));
        assert_eq!(ledger.judge(&ids(34..=40), true, &without_25), Verdict::Whole);
    }

    #[test]
    fn what_was_trimmed_behind_the_reading_is_no_gap() {
        let epoch = epoch();
        let mut ledger = ledger(epoch, 3);
        assert_eq!(ledger.judge(&ids(4..=6), false, &account(epoch, 6, 9)), Verdict::Whole);
        assert_eq!(ledger.judge(&ids(7..=9), false, &account(epoch, 10, 9)), Verdict::Whole);
    }

    #[test]
    fn a_cursor_that_was_never_in_this_stream_is_rolled_back_whatever_the_counts_say() {
        let epoch = epoch();
        // 5 was read from a server that is gone; the other one has another 5, and a 6 behind it.
        let grown = Account { added: 6, has_cursor: Some(false), ..account(epoch, 1, 7) };
        assert_eq!(ledger(epoch, 5).judge(&ids(7..=7), true, &grown), Verdict::RolledBack);
        let has_it = Account { has_cursor: Some(true), ..grown };
        assert_eq!(ledger(epoch, 5).judge(&ids(7..=7), true, &has_it), Verdict::Whole);
        let deleted = Account { deleted: id(5), ..grown };
        assert_eq!(ledger(epoch, 5).judge(&ids(7..=7), true, &deleted), Verdict::Whole);
        let trimmed = Account { first: id(7), len: 1, ..grown };
        assert_eq!(ledger(epoch, 5).judge(&ids(7..=7), true, &trimmed), Verdict::Whole);
    }

    #[test]
    fn a_stream_that_lost_what_was_read_is_rolled_back() {
        let epoch = epoch();
        let cases = [
            ("gone", vec![], account(epoch, 1, 0)),
            ("shorter", vec![], account(epoch, 1, 4)),
            ("shorter, and grown behind it", ids(6..=7), Account { added: 6, ..account(epoch, 1, 7) }),
            ("and more", ids(6..=7), Account { added: 7, ..account(epoch, 1, 20) }),
        ];
        for (what, read, account) in cases {
            let mut ledger = ledger(epoch, 5);
            assert_eq!(ledger.judge(&read, false, &account), Verdict::RolledBack, "{what}");
            assert_eq!(ledger.cursor(), id(5), "{what}");
        }
    }

    #[test]
    fn a_stream_that_lost_what_this_node_published_is_rolled_back() {
        let epoch = epoch();
        let mut ledger = ledger(epoch, 5);
        ledger.expect(epoch, id(7));
        // The account may be older than what was published.
        assert_eq!(ledger.judge(&[], false, &account(epoch, 1, 5)), Verdict::Whole);
        assert_eq!(ledger.judge(&[], false, &account(epoch, 1, 5)), Verdict::RolledBack);
        let with = |published: u64, read: u64| {
            let mut node = self::ledger(epoch, 5);
            node.expect(epoch, id(published));
            node.judge(&ids([read]), false, &Account { added: 6, ..account(epoch, 1, read) })
        };
        assert_eq!(with(7, 8), Verdict::RolledBack, "another one is in its place");
        assert_eq!(with(7, 7), Verdict::Whole);
        assert_eq!(with(7, 6), Verdict::Whole, "it is still to come");
    }

    #[test]
    fn what_a_node_looks_out_for_is_of_its_epoch_and_bounded() {
        let epoch = epoch();
        let mut ledger = ledger(epoch, 5);
        ledger.expect(Epoch::random(), id(7));
        ledger.expect(epoch, id(5));
        assert!(ledger.confirmed.is_empty());
        (0..2 * AWAITED as u64).for_each(|number| ledger.expect(epoch, id(10 + number)));
        assert_eq!(ledger.confirmed.len(), AWAITED);
    }

    #[test]
    fn another_epoch_is_told_before_anything_else() {
        let (old, new) = (epoch(), epoch());
        let mut ledger = ledger(old, 5);
        assert_eq!(ledger.judge(&ids(6..=6), false, &account(new, 6, 6)), Verdict::NewEpoch(new));
        assert_eq!((ledger.cursor(), ledger.epoch()), (id(5), old));
    }
}
