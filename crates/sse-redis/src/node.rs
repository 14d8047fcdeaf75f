//! One node: what its parts share, and the task that reads the log.

use crate::backoff::Backoff;
use crate::commands;
use crate::entry::{Malformed, RawEntry};
use crate::entry_id::EntryId;
use crate::error::{Engine, EngineError};
use crate::ledger::{AWAITED, Account, Ledger, Verdict};
use crate::presence::{self, Clients, Members};
use crate::servers::{Pair, Servers};
use crate::settings::{Link, Settings};
use core::convert::Infallible;
use core::future::ready;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use redis::aio::MultiplexedConnection;
use sse_broadcast::{Epoch, FedEvent, Feed, FeedError, PublishError, Sequence};
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

/// How late an answer may be.
pub(crate) const LATE: Duration = Duration::from_secs(2);

/// How late it may be when one entry alone takes so long.
const LATEST: Duration = Duration::from_secs(60);

/// How often it is looked at how long the link has been down.
const TICK: Duration = Duration::from_millis(250);

/// How often in a row a stream may turn out to be another one.
const MOST_EPOCHS: usize = 4;

/// How far the clocks of the engine and its replicas may be apart without a client's id seeming to be from the future.
const SKEW_MILLIS: u64 = 1_000;

/// Entries of one read: few before it is known how large they are.
const COUNTS: core::ops::RangeInclusive<usize> = 16..=512;

/// What a read should not exceed by much.
const READ_BYTES: usize = 4 * 1024 * 1024;

/// What a node has seen of the engine so far.
///
/// ```
/// # async fn f(hub: sse_redis::RedisBroadcaster) {
/// println!("{} entries were no events", hub.engine_stats().malformed);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStats {
    /// Entries that were read.
    pub entries: u64,
    /// How often entries were read: a read has one or more.
    pub reads: u64,
    /// Entries that were left out.
    pub malformed: u64,
    /// How often entries were gone before they were read.
    pub gaps: u64,
    /// How often the log was another one than before.
    pub epochs: u64,
    /// How often the link broke.
    pub breaks: u64,
}

/// How a node reads, over all connections.
struct Reading {
    ledger: Option<Ledger>,
    /// How many entries the next read asks for.
    at_once: usize,
    /// How late an answer may be.
    late: Duration,
    /// How many links there have been.
    links: u64,
}

/// Nothing would be heard on them any more.
struct EndStreams<'a>(&'a Node);

impl Drop for EndStreams<'_> {
    fn drop(&mut self) {
        self.0.wire.send_replace(Wire::Down(EngineError::new(Engine::Other, "the reading has ended")));
        self.0.feed.broadcaster().shutdown();
    }
}

#[derive(Debug, Default)]
struct Counters {
    entries: AtomicU64,
    reads: AtomicU64,
    malformed: AtomicU64,
    gaps: AtomicU64,
    epochs: AtomicU64,
    breaks: AtomicU64,
}

fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// The link to the engine.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    /// With the connection to publish on, and which one it is.
    Up(MultiplexedConnection, u64),
    /// Not yet.
    New,
    Down(EngineError),
}

#[derive(Debug)]
pub(crate) struct Node {
    /// By which the others know it.
    pub(crate) id: String,
    pub(crate) settings: Settings,
    servers: Servers,
    pub(crate) feed: Feed,
    pub(crate) wire: watch::Sender<Wire>,
    pub(crate) publishing: Semaphore,
    /// Somebody found the link broken.
    broken: Notify,
    /// When the server was left because it was not the one to write to.
    left_at: Mutex<Option<Instant>>,
    /// Publications in a row that were not answered in time.
    overdue: AtomicU64,
    /// What was published, until the reader knows of it.
    confirmed: Mutex<Vec<(Epoch, EntryId)>>,
    /// What the stream said of itself last, and when that was.
    clock: Mutex<Option<(Account, Instant)>>,
    counters: Counters,
    pub(crate) members: Arc<Members>,
    /// What the nodes said last.
    pub(crate) everywhere: Mutex<Option<(Clients, Instant)>>,
}

impl Node {
    pub(crate) fn new(servers: Servers, settings: Settings) -> Self {
        let feed = Feed::new(settings.local.clone(), Epoch::random());
        Self {
            servers,
            feed,
            wire: watch::Sender::new(Wire::New),
            publishing: Semaphore::new(settings.publishing),
            broken: Notify::new(),
            left_at: Mutex::default(),
            overdue: AtomicU64::new(0),
            confirmed: Mutex::default(),
            clock: Mutex::default(),
            counters: Counters::default(),
            members: Arc::default(),
            everywhere: Mutex::default(),
            id: Epoch::random().as_str().to_owned(),
            settings,
        }
    }

    pub(crate) fn stats(&self) -> EngineStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineStats {
            entries: get(&self.counters.entries),
            reads: get(&self.counters.reads),
            malformed: get(&self.counters.malformed),
            gaps: get(&self.counters.gaps),
            epochs: get(&self.counters.epochs),
            breaks: get(&self.counters.breaks),
        }
    }

    /// The connection to publish on, and which one it is; or why there is none.
    pub(crate) fn link(&self) -> Result<(MultiplexedConnection, u64), EngineError> {
        match &*self.wire.borrow() {
            Wire::Up(connection, link) => Ok((connection.clone(), *link)),
            Wire::Down(error) => Err(error.clone()),
            Wire::New => Err(EngineError::overdue("connecting")),
        }
    }

    /// Whether the link is that one.
    pub(crate) fn is_on(&self, link: u64) -> bool {
        matches!(&*self.wire.borrow(), Wire::Up(_, current) if *current == link)
    }

    /// That link is of no use any more.
    pub(crate) fn report_broken(&self, link: u64) {
        if self.is_on(link) {
            self.broken.notify_one();
        }
    }

    /// The server says that it is not the one to write to: another one is, or will be. A replica on purpose stays one, and is
    /// not left for it again and again.
    pub(crate) fn report_elsewhere(&self, link: u64) {
        if !self.is_on(link) {
            return;
        }
        let mut left_at = self.left_at.lock().unwrap_or_else(PoisonError::into_inner);
        if left_at.is_none_or(|at| at.elapsed() > self.settings.backoff.1) {
            *left_at = Some(Instant::now());
            self.broken.notify_one();
        }
    }

    /// A publication was answered, or not in time: the second one in a row says that the connection is of no use.
    pub(crate) fn report_answer(&self, link: u64, is_overdue: bool) {
        if !self.is_on(link) {
            return;
        }
        if !is_overdue {
            self.overdue.store(0, Ordering::Relaxed);
        } else if self.overdue.fetch_add(1, Ordering::Relaxed) > 0 {
            self.overdue.store(0, Ordering::Relaxed);
            self.broken.notify_one();
        }
    }

    /// An entry that the engine has confirmed: it has to be read yet.
    pub(crate) fn confirm(&self, epoch: Epoch, id: EntryId) {
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed.len() < AWAITED {
            confirmed.push((epoch, id));
        }
    }

    /// Reads the log, and connects again whenever the link breaks.
    pub(crate) async fn run(&self) {
        let _ended_however_that_happens = EndStreams(self);
        tokio::join!(self.read_on(), self.tell_when_stale(), presence::run(self));
    }

    async fn read_on(&self) {
        let mut backoff = Backoff::new(self.settings.backoff);
        let mut reading = Reading { ledger: None, at_once: *COUNTS.start(), late: LATE, links: 0 };
        loop {
            let mut up_since = None;
            let Err(error) = self.read_until_broken(&mut reading, &mut up_since).await;
            if let Some(up_since) = up_since {
                count(&self.counters.breaks, 1);
                // What breaks again and again is left alone for longer and longer.
                if up_since.elapsed() > self.settings.backoff.1 {
                    backoff.reset();
                }
            }
            self.wire.send_replace(Wire::Down(error.clone()));
            self.tell(&Link::Down(error));
            sleep(backoff.next()).await;
        }
    }

    async fn read_until_broken(
        &self,
        reading: &mut Reading,
        up_since: &mut Option<Instant>,
    ) -> Result<Infallible, EngineError> {
        let within = self.settings.connect_within;
        let pair = self.servers.connect(&self.settings.stream_key(), within).await?;
        let Pair { reading: mut connection, publishing } = pair;
        // What was found before is of the connection before.
        tokio::select! {
            biased;
            () = self.broken.notified() => {}
            () = ready(()) => {}
        }
        let (mut is_first, mut is_caught_up, mut epochs) = (true, false, 0);
        loop {
            let poll = is_caught_up.then_some(self.settings.poll);
            let cursor = reading.ledger.as_ref().map_or(EntryId::ZERO, Ledger::cursor);
            let at_once = reading.at_once;
            let millis = poll.map(|poll| u64::try_from(poll.as_millis()).unwrap_or(u64::MAX));
            let asked = commands::read(&mut connection, &self.settings, cursor, is_first, at_once, millis);
            let answer = tokio::select! {
                answer = timeout(poll.unwrap_or_default().saturating_add(reading.late), asked) => answer,
                () = self.broken.notified() => {
                    return Err(EngineError::new(Engine::Unreachable, "publishing found the link broken"));
                }
            };
            let Ok(answer) = answer else {
                // It may be that there is too much of it: less is asked for, and longer waited for one entry.
                if at_once == 1 {
                    reading.late = (2 * reading.late).min(LATEST);
                }
                reading.at_once = (at_once / 2).max(1);
                return Err(EngineError::overdue("reading"));
            };
            let (entries, account) = answer?;
            is_first = false;
            let ledger = reading.ledger.get_or_insert_with(|| {
                self.feed.restart(account.epoch, Sequence::ZERO);
                Ledger::new(account.epoch)
            });
            self.set_clock(&account);
            for (epoch, id) in self.take_confirmed() {
                ledger.expect(epoch, id);
            }
            let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
            match ledger.judge(&ids, ids.len() < at_once, &account) {
                Verdict::Whole => {}
                Verdict::Gap(through) => {
                    count(&self.counters.gaps, 1);
                    self.feed.lose_through(through.sequence());
                }
                verdict => {
                    epochs += 1;
                    if epochs > MOST_EPOCHS {
                        let message = "what the stream says of itself does not fit what is in it";
                        return Err(EngineError::new(Engine::Other, message));
                    }
                    is_caught_up = false;
                    if let Verdict::NewEpoch(epoch) = verdict {
                        count(&self.counters.epochs, 1);
                        *ledger = Ledger::new(epoch);
                        // Told with the reset, not once more behind it.
                        let lost = if account.len == 0 { account.last } else { account.first.previous() };
                        self.feed.restart(epoch, lost.sequence());
                        self.set_clock(&account);
                    } else {
                        // The account that is read next says so to all nodes.
                        let begun = commands::begin_epoch(&mut connection, &self.settings, ledger.epoch());
                        timeout(LATE, begun).await.map_err(|_| EngineError::overdue("a new epoch"))??;
                    }
                    continue;
                }
            }
            let cursor = ledger.cursor();
            reading.late = LATE;
            reading.at_once = at_once_behind(&entries).unwrap_or(at_once);
            self.append(entries, account.millis);
            self.feed.advance_to(cursor.sequence());
            is_caught_up = cursor >= account.last;
            if is_caught_up {
                epochs = 0;
            }
            if is_caught_up && up_since.is_none() {
                *up_since = Some(Instant::now());
                reading.links += 1;
                self.overdue.store(0, Ordering::Relaxed);
                self.wire.send_replace(Wire::Up(publishing.clone(), reading.links));
                self.tell(&Link::Up);
            }
        }
    }

    fn take_confirmed(&self) -> Vec<(Epoch, EntryId)> {
        core::mem::take(&mut *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn append(&self, entries: Vec<RawEntry>, millis: u64) {
        if entries.is_empty() {
            return;
        }
        count(&self.counters.entries, entries.len());
        count(&self.counters.reads, 1);
        let mut batch = self.feed.batch();
        for entry in &entries {
            let sequence = entry.id.sequence();
            let age = Duration::from_millis(millis.saturating_sub(entry.id.millis));
            let appended = entry.parse(self.settings.entry_bytes).and_then(|parsed| {
                let event = FedEvent { topic: parsed.topic, sequence, age, message: parsed.message };
                batch.append(event).map_err(reason_of)
            });
            let Err(reason) = appended else { continue };
            if reason == Malformed::Closed {
                return;
            }
            count(&self.counters.malformed, 1);
            if let Some(hook) = &self.settings.on_malformed {
                guarded(|| hook(&entry.malformed(reason)));
            }
        }
    }

    fn tell(&self, link: &Link) {
        if let Some(hook) = &self.settings.on_link {
            guarded(|| hook(link));
        }
    }

    /// Tells clients when the link has been down for a while, and when it is back; and lets the engine's clock run.
    async fn tell_when_stale(&self) {
        let mut wire = self.wire.subscribe();
        let mut down_since = None;
        loop {
            let is_down = matches!(&*wire.borrow_and_update(), Wire::Down(_));
            if !is_down {
                down_since = None;
                self.feed.set_stale(false);
            } else if down_since.get_or_insert_with(Instant::now).elapsed() >= self.settings.stale_after {
                self.feed.set_stale(true);
            }
            self.set_ahead();
            if let Ok(Err(_)) = timeout(TICK, wire.changed()).await {
                return;
            }
        }
    }

    fn set_clock(&self, account: &Account) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((*account, Instant::now()));
        self.feed.set_newest(account.last.sequence());
        self.set_ahead();
    }

    /// What this node has not heard of was published since its last account: a client of another node may have seen it.
    fn set_ahead(&self) {
        let Some((account, at)) = *self.clock.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let since = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let from = account.millis.saturating_sub(SKEW_MILLIS);
        // A clock that was set back goes on behind the newest entry.
        let to = account.millis.max(account.last.millis).saturating_add(since).saturating_add(SKEW_MILLIS);
        self.feed.set_ahead(Sequence::of_parts(from, 0), Sequence::of_parts(to, u64::MAX));
    }
}

/// A hook that panics does not end the reading, nor does what it panicked with when that is let go of.
fn guarded(hook: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(hook)) {
        core::mem::forget(payload);
    }
}

/// How many entries the next read should ask for.
fn at_once_behind(entries: &[RawEntry]) -> Option<usize> {
    let bytes: usize = entries.iter().map(RawEntry::bytes).sum();
    let each = (bytes / entries.len().max(1)).max(1);
    (!entries.is_empty()).then(|| (READ_BYTES / each).clamp(1, *COUNTS.end()))
}

fn reason_of(error: FeedError) -> Malformed {
    match error {
        FeedError::NotBehind { last } => Malformed::NotBehind(last.to_string()),
        FeedError::Unpublishable(PublishError::Closed) => Malformed::Closed,
        FeedError::Unpublishable(PublishError::TooManyTopics { limit }) => Malformed::TooManyTopics { limit },
        other => Malformed::Unpublishable(other.to_string()),
    }
}
