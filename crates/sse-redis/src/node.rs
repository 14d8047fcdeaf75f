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
const LATE: Duration = Duration::from_secs(2);

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
    /// With the connection to publish on.
    Up(MultiplexedConnection),
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
    /// What was published, until the reader knows of it.
    confirmed: Mutex<Vec<(Epoch, EntryId)>>,
    /// The engine's clock, and when that was.
    clock: Mutex<Option<(u64, Instant)>>,
    counters: Counters,
    pub(crate) members: Arc<Members>,
    /// What the nodes said last.
    pub(crate) everywhere: Mutex<Clients>,
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

    /// What is not being read is said on it.
    pub(crate) fn connection(&self) -> Option<MultiplexedConnection> {
        match &*self.wire.borrow() {
            Wire::Up(connection) => Some(connection.clone()),
            Wire::New | Wire::Down(_) => None,
        }
    }

    /// The link is of no use any more.
    pub(crate) fn report_broken(&self) {
        self.broken.notify_one();
    }

    /// The server is not the one to publish on, as it seems: another one may be.
    pub(crate) fn report_moved(&self) {
        if self.servers.can_move() {
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
        tokio::join!(self.read_on(), self.tell_when_stale(), presence::run(self));
    }

    async fn read_on(&self) {
        let mut backoff = Backoff::new(self.settings.backoff);
        let mut ledger = None;
        loop {
            let Err(error) = self.read_until_broken(&mut ledger, &mut backoff).await;
            let was_up = matches!(&*self.wire.borrow(), Wire::Up(_));
            if was_up {
                count(&self.counters.breaks, 1);
            }
            self.wire.send_replace(Wire::Down(error.clone()));
            self.tell(&Link::Down(error));
            sleep(backoff.next()).await;
        }
    }

    async fn read_until_broken(
        &self,
        ledger: &mut Option<Ledger>,
        backoff: &mut Backoff,
    ) -> Result<core::convert::Infallible, EngineError> {
        let within = self.settings.connect_within;
        let Pair { mut reading, publishing } =
            self.servers.connect(&self.settings.stream_key(), within).await?;
        // What was found before is of the connection before.
        tokio::select! {
            biased;
            () = self.broken.notified() => {}
            () = ready(()) => {}
        }
        let (mut is_up, mut is_caught_up, mut entries_at_once) = (false, false, *COUNTS.start());
        loop {
            let poll = is_caught_up.then_some(self.settings.poll);
            let cursor = ledger.as_ref().map_or(EntryId::ZERO, Ledger::cursor);
            let millis = poll.map(|poll| u64::try_from(poll.as_millis()).unwrap_or(u64::MAX));
            let asked = commands::read(&mut reading, &self.settings, cursor, entries_at_once, millis);
            let answer = tokio::select! {
                answer = timeout(poll.unwrap_or_default().saturating_add(LATE), asked) => answer,
                () = self.broken.notified() => {
                    return Err(EngineError::new(Engine::Unreachable, "publishing found the link broken"));
                }
            };
            let (entries, account) = answer.map_err(|_| EngineError::overdue("reading"))??;
            self.set_clock(&account);
            self.feed.set_newest(account.last.sequence());
            let ledger = ledger.get_or_insert_with(|| {
                self.feed.restart(account.epoch, Sequence::ZERO);
                Ledger::new(account.epoch)
            });
            for (epoch, id) in self.take_confirmed() {
                ledger.expect(epoch, id);
            }
            let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
            match ledger.judge(&ids, &account) {
                Verdict::Whole => {}
                Verdict::Gap(through) => {
                    count(&self.counters.gaps, 1);
                    self.feed.lose_through(through.sequence());
                }
                Verdict::RolledBack => {
                    // The account that is read next says so to all nodes.
                    let begun = commands::begin_epoch(&mut reading, &self.settings, ledger.epoch());
                    timeout(LATE, begun).await.map_err(|_| EngineError::overdue("a new epoch"))??;
                    is_caught_up = false;
                    continue;
                }
                Verdict::NewEpoch(epoch) => {
                    count(&self.counters.epochs, 1);
                    self.feed.restart(epoch, Sequence::ZERO);
                    *ledger = Ledger::new(epoch);
                    is_caught_up = false;
                    continue;
                }
            }
            entries_at_once = at_once(&entries).unwrap_or(entries_at_once);
            self.append(entries, account.millis);
            is_caught_up = ledger.cursor() >= account.last;
            if is_caught_up && !is_up {
                is_up = true;
                backoff.reset();
                self.wire.send_replace(Wire::Up(publishing.clone()));
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
            if let Err(reason) = appended {
                count(&self.counters.malformed, 1);
                if let Some(hook) = &self.settings.on_malformed {
                    // A hook that panics does not end the reading.
                    drop(catch_unwind(AssertUnwindSafe(|| hook(&entry.malformed(reason)))));
                }
            }
        }
    }

    fn tell(&self, link: &Link) {
        if let Some(hook) = &self.settings.on_link {
            drop(catch_unwind(AssertUnwindSafe(|| hook(link))));
        }
    }

    /// Tells clients when the link has been down for a while, and when it is back.
    async fn tell_when_stale(&self) {
        let mut wire = self.wire.subscribe();
        loop {
            let is_down = matches!(&*wire.borrow_and_update(), Wire::Down(_));
            if !is_down {
                self.feed.set_stale(false);
                if wire.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let down_since = Instant::now();
            loop {
                let is_back =
                    timeout(LATE / 4, wire.wait_for(|wire| !matches!(wire, Wire::Down(_)))).await.is_ok();
                if is_back {
                    break;
                }
                self.set_reach();
                if down_since.elapsed() >= self.settings.stale_after {
                    self.feed.set_stale(true);
                }
            }
        }
    }

    fn set_clock(&self, account: &Account) {
        // A clock that was set back goes on behind the newest entry.
        let millis = account.millis.max(account.last.millis);
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((millis, Instant::now()));
        self.set_reach();
    }

    /// Ids of other nodes' clients can be as new as the engine's clock, whatever this node has read.
    fn set_reach(&self) {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((millis, at)) = clock {
            let since = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            let now = millis.saturating_add(since).saturating_add(SKEW_MILLIS);
            self.feed.set_reach(Sequence::of_parts(now, u64::MAX));
        }
    }
}

/// How many entries the next read should ask for.
fn at_once(entries: &[RawEntry]) -> Option<usize> {
    let bytes: usize = entries.iter().map(RawEntry::bytes).sum();
    let each = (bytes / entries.len().max(1)).max(1);
    (!entries.is_empty()).then(|| (READ_BYTES / each).clamp(1, *COUNTS.end()))
}

fn reason_of(error: FeedError) -> Malformed {
    match error {
        FeedError::NotBehind { last } => Malformed::NotBehind(last.to_string()),
        FeedError::Unpublishable(PublishError::TooManyTopics { limit }) => Malformed::TooManyTopics { limit },
        other => Malformed::Unpublishable(other.to_string()),
    }
}
