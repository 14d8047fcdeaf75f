//! A metric whose stream resumes: a bounded log, and subscriptions that are cursors in it.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::host::Host;
pub use crate::host::Source;

/// The time between two samples.
pub const PERIOD: Duration = Duration::from_millis(200);

/// How many samples are kept for clients that come back: two minutes.
pub const KEPT: usize = 600;

/// What the machine did at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Counts samples from 0, without gaps.
    pub seq: u64,
    /// The share of the machine's CPU time that was busy since the sample before, 0 to 1.
    pub cpu: f64,
    /// The machine's load average over one minute.
    pub load: f64,
    /// The resident memory of this process, in kB.
    pub rss_kb: u64,
    /// When it was taken, in milliseconds of Unix time.
    pub t_ms: u64,
    /// Where the figures come from.
    pub source: Source,
}

impl Sample {
    /// The sample as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { seq, cpu, load, rss_kb, t_ms, source } = self;
        let source = match source {
            Source::Proc => "proc",
            Source::Synthetic => "synthetic",
        };
        json!({ "seq": seq, "cpu": cpu, "load": load, "rss_kb": rss_kb, "t_ms": t_ms, "source": source })
            .to_string()
    }
}

/// Why a stream could not go on where the client left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The id is not one of this log: the server was restarted, or the client made it up. Goes on with what is new.
    UnknownId,
    /// The next sample has left the log. Goes on with the oldest that is kept.
    Expired,
}

impl Reason {
    /// The reason as a JSON object: `{"reason": ...}`.
    #[must_use]
    pub fn to_json(self) -> String {
        let reason = match self {
            Self::UnknownId => "unknown id",
            Self::Expired => "expired",
        };
        json!({ "reason": reason }).to_string()
    }
}

/// Where a subscription began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The client had no id: it begins with what is new.
    Fresh,
    /// It goes on after the client's id.
    Resumed {
        /// How many samples it had missed.
        replayed: u64,
    },
    /// It cannot go on after the client's id.
    Reset {
        /// Why not.
        reason: Reason,
    },
}

/// What a subscription yields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Update {
    /// The next sample.
    Sample(Sample),
    /// Samples are missing between the one before and the one after.
    Reset(Reason),
}

/// The log and its subscriptions; a clone is the same log.
#[derive(Debug, Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: String,
    host: Mutex<Host>,
    log: Mutex<Log>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Log {
    samples: VecDeque<Sample>,
    /// The sequence number of the next sample.
    head: u64,
    /// How often the subscriptions were cut.
    cuts: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// An empty log, with an epoch of its own.
    #[must_use]
    pub fn new() -> Self {
        let nanos = since_1970().as_nanos();
        Self::with_epoch(base36(nanos))
    }

    fn with_epoch(epoch: String) -> Self {
        let shared =
            Shared { epoch, host: Mutex::default(), log: Mutex::default(), changed: watch::Sender::new(()) };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a sample every `period`, for ever.
    pub async fn sample_every(&self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.push_sample();
        }
    }

    /// Takes a sample, appends it, and wakes the subscriptions.
    pub fn push_sample(&self) {
        let figures = lock(&self.shared.host).read();
        let t_ms = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
        {
            let mut log = lock(&self.shared.log);
            let seq = log.head;
            if log.samples.len() == KEPT {
                log.samples.pop_front();
            }
            log.samples.push_back(Sample {
                seq,
                cpu: figures.cpu,
                load: figures.load,
                rss_kb: figures.rss_kb,
                t_ms,
                source: figures.source,
            });
            log.head += 1;
        }
        self.shared.changed.send_replace(());
    }

    /// Ends every subscription that is open now.
    pub fn cut(&self) {
        lock(&self.shared.log).cuts += 1;
        self.shared.changed.send_replace(());
    }

    /// A subscription that goes on after `last_id`, or with the next sample when there is none.
    #[must_use]
    pub fn subscribe(&self, last_id: Option<&str>) -> Subscription {
        let changed = self.shared.changed.subscribe();
        let log = lock(&self.shared.log);
        let (start, next) = self.place(&log, last_id);
        Subscription { metrics: self.clone(), changed, start, said: false, next, cuts: log.cuts }
    }

    /// The id of a sample on the wire: `epoch-seq`.
    #[must_use]
    pub fn id_of(&self, sample: &Sample) -> String {
        format!("{}-{}", self.shared.epoch, sample.seq)
    }

    fn place(&self, log: &Log, last_id: Option<&str>) -> (Start, u64) {
        // Some clients send the header empty when they have no id.
        let Some(last_id) = last_id.filter(|id| !id.is_empty()) else {
            return (Start::Fresh, log.head);
        };
        let Some(next) =
            self.seq_of(last_id).map(|seq| seq.saturating_add(1)).filter(|&next| next <= log.head)
        else {
            return (Start::Reset { reason: Reason::UnknownId }, log.head);
        };
        if next < log.tail() {
            return (Start::Reset { reason: Reason::Expired }, log.tail());
        }
        (Start::Resumed { replayed: log.head - next }, next)
    }

    fn seq_of(&self, id: &str) -> Option<u64> {
        let seq = id.strip_prefix(&self.shared.epoch)?.strip_prefix('-')?;
        // `parse` would take a plus sign too.
        if seq.starts_with('+') { None } else { seq.parse().ok() }
    }
}

impl Log {
    /// The sequence number of the oldest sample that is kept.
    fn tail(&self) -> u64 {
        self.samples.front().map_or(self.head, |oldest| oldest.seq)
    }

    fn get(&self, seq: u64) -> Option<Sample> {
        let index = usize::try_from(seq.checked_sub(self.tail())?).ok()?;
        self.samples.get(index).copied()
    }
}

/// A cursor in the log. It holds no samples: a slow reader costs nothing but its place.
#[derive(Debug)]
pub struct Subscription {
    metrics: Metrics,
    changed: watch::Receiver<()>,
    start: Start,
    /// Whether a reset at the start was yielded already.
    said: bool,
    next: u64,
    cuts: u64,
}

impl Subscription {
    /// The next update, waiting for it if need be; `None` once the subscription was cut.
    ///
    /// A reset is said in its place, one at the start included. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            // Marked as seen before the look, so that nothing between the two is slept through.
            self.changed.borrow_and_update();
            match self.look() {
                Look::Update(update) => return Some(update),
                Look::Cut => return None,
                Look::Wait => self.changed.changed().await.ok()?,
            }
        }
    }

    /// Where it began.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    fn look(&mut self) -> Look {
        let log = lock(&self.metrics.shared.log);
        if log.cuts != self.cuts {
            return Look::Cut;
        }
        if let (false, Start::Reset { reason }) = (self.said, self.start) {
            self.said = true;
            return Look::Update(Update::Reset(reason));
        }
        if self.next < log.tail() {
            self.next = log.tail();
            return Look::Update(Update::Reset(Reason::Expired));
        }
        match log.get(self.next) {
            Some(sample) => {
                self.next += 1;
                Look::Update(Update::Sample(sample))
            }
            None => Look::Wait,
        }
    }
}

enum Look {
    Update(Update),
    Cut,
    Wait,
}

/// The guarded values are whole between any two statements, so a poisoned lock is as good as any other.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn base36(mut number: u128) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_samples(count: usize) -> Metrics {
        let metrics = Metrics::with_epoch("e".to_owned());
        for _ in 0..count {
            metrics.push_sample();
        }
        metrics
    }

    /// What can be had without waiting.
    async fn ready(subscription: &mut Subscription) -> Vec<Update> {
        let mut updates = Vec::new();
        while let Ok(Some(update)) = tokio::time::timeout(Duration::from_millis(1), subscription.next()).await
        {
            updates.push(update);
        }
        updates
    }

    fn seqs(updates: &[Update]) -> Vec<u64> {
        updates
            .iter()
            .map(|update| match update {
                Update::Sample(sample) => sample.seq,
                Update::Reset(reason) => panic!("{reason:?}"),
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_id_it_begins_with_what_is_new() {
        let metrics = with_samples(3);
        for no_id in [None, Some("")] {
            let mut subscription = metrics.subscribe(no_id);
            assert_eq!(subscription.start(), Start::Fresh);
            assert!(ready(&mut subscription).await.is_empty());
        }
        let mut subscription = metrics.subscribe(None);
        metrics.push_sample();
        assert_eq!(seqs(&ready(&mut subscription).await), [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_resumes_without_loss_and_without_duplicates() {
        for seen in 0..20 {
            let metrics = with_samples(20);
            let mut subscription = metrics.subscribe(Some(&format!("e-{seen}")));
            assert_eq!(subscription.start(), Start::Resumed { replayed: 19 - seen });
            metrics.push_sample();
            let expected: Vec<u64> = (seen + 1..=20).collect();
            assert_eq!(seqs(&ready(&mut subscription).await), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn cutting_again_and_again_changes_nothing_in_what_is_seen() {
        let metrics = with_samples(0);
        let mut seen = Vec::new();
        let mut last_id = None;
        let mut subscription = metrics.subscribe(None);
        for round in 0..200 {
            metrics.push_sample();
            if round % 7 == 3 {
                metrics.cut();
                assert_eq!(subscription.next().await, None);
                // Away for a while, as a browser is.
                for _ in 0..round % 4 {
                    metrics.push_sample();
                }
                subscription = metrics.subscribe(last_id.as_deref());
            }
            if round % 3 == 0 {
                for update in ready(&mut subscription).await {
                    let Update::Sample(sample) = update else { panic!("{update:?}") };
                    last_id = Some(metrics.id_of(&sample));
                    seen.push(sample.seq);
                }
            }
        }
        seen.extend(seqs(&ready(&mut subscription).await));
        let head = lock(&metrics.shared.log).head;
        assert_eq!(seen, (0..head).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_subscription_wakes_at_a_sample() {
        let metrics = with_samples(0);
        let mut subscription = metrics.subscribe(None);
        let (update, ()) = tokio::join!(subscription.next(), async { metrics.push_sample() });
        assert_eq!(seqs(&[update.unwrap()]), [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_ends_the_waiting_and_the_lagging_for_ever_and_spares_the_new() {
        let metrics = with_samples(5);
        let mut waiting = metrics.subscribe(None);
        let mut lagging = metrics.subscribe(Some("e-0"));
        let (update, ()) = tokio::join!(waiting.next(), async { metrics.cut() });
        assert_eq!(update, None);
        let mut new = metrics.subscribe(Some("e-3"));
        metrics.push_sample();
        assert_eq!(waiting.next().await, None);
        assert_eq!(lagging.next().await, None);
        assert_eq!(seqs(&ready(&mut new).await), [4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_is_not_of_this_log_is_said_and_goes_on_with_what_is_new() {
        let foreign =
            ["f-3", "e-5", "e-18446744073709551615", "e-", "e-x", "e-+3", "e--1", "3", "-3", "é-3", "e-e-3"];
        for id in foreign {
            let metrics = with_samples(5);
            let mut subscription = metrics.subscribe(Some(id));
            assert_eq!(subscription.start(), Start::Reset { reason: Reason::UnknownId }, "{id}");
            metrics.push_sample();
            let updates = ready(&mut subscription).await;
            assert_eq!(updates[0], Update::Reset(Reason::UnknownId), "{id}");
            assert_eq!(seqs(&updates[1..]), [5], "{id}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_left_the_log_is_said_and_goes_on_with_the_oldest() {
        let metrics = with_samples(KEPT + 10);
        let mut kept = metrics.subscribe(Some("e-9"));
        assert_eq!(kept.start(), Start::Resumed { replayed: KEPT as u64 });
        assert_eq!(ready(&mut kept).await.len(), KEPT);

        let mut gone = metrics.subscribe(Some("e-8"));
        assert_eq!(gone.start(), Start::Reset { reason: Reason::Expired });
        let updates = ready(&mut gone).await;
        assert_eq!(updates[0], Update::Reset(Reason::Expired));
        assert_eq!(seqs(&updates[1..]), (10..KEPT as u64 + 10).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_falls_off_the_tail_is_told_once() {
        let metrics = with_samples(1);
        let mut subscription = metrics.subscribe(Some("e-0"));
        for _ in 0..KEPT + 5 {
            metrics.push_sample();
        }
        let updates = ready(&mut subscription).await;
        assert_eq!(updates[0], Update::Reset(Reason::Expired));
        assert_eq!(seqs(&updates[1..]), (6..KEPT as u64 + 6).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sample_is_taken_every_period() {
        let metrics = with_samples(0);
        let second = tokio::time::timeout(Duration::from_millis(999), metrics.sample_every(PERIOD));
        assert!(second.await.is_err());
        assert_eq!(lock(&metrics.shared.log).head, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_is_bounded() {
        let metrics = with_samples(KEPT * 2);
        assert_eq!(lock(&metrics.shared.log).samples.len(), KEPT);
    }

    #[test]
    fn every_log_has_an_epoch_of_its_own() {
        assert_ne!(Metrics::new().shared.epoch, Metrics::new().shared.epoch);
        assert_eq!(base36(0), "0");
        assert_eq!(base36(36 * 36 + 35), "10z");
    }

    #[test]
    fn samples_and_reasons_are_json() {
        let sample = Sample { seq: 7, cpu: 0.25, load: 0.42, rss_kb: 12_345, t_ms: 99, source: Source::Proc };
        let json: serde_json::Value = serde_json::from_str(&sample.to_json()).unwrap();
        assert_eq!(
            json,
            json!({ "seq": 7, "cpu": 0.25, "load": 0.42, "rss_kb": 12345, "t_ms": 99, "source": "proc" })
        );
        assert_eq!(Reason::Expired.to_json(), r#"{"reason":"expired"}"#);
    }
}
