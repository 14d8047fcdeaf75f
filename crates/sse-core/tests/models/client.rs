//! What a reader of the page of `sse_core::client` knows, kept beside a client: for any tool that makes up calls.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use core::time::Duration;
use sse_core::client::{Attempt, Cause, Client, Config, EndReason, Output, ReadyState, ResponseHead};
use sse_core::{Decoder, Instant, OwnedItem};
use std::borrow::Cow;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Poll,
    Response {
        status: u16,
        content_type: Option<&'static str>,
        retry_after: Option<u64>,
    },
    Feed {
        bytes: Cow<'static, [u8]>,
        items: usize,
    },
    End,
    TransportError,
    ConnectError,
    Timeout,
    Absence,
    Restart,
    Close,
    Fail,
    /// Moves the clock, possibly back or far ahead.
    Step {
        millis: i64,
    },
    /// Moves the clock to where the machine waits for.
    StepToDeadline,
    /// Moves the clock to where it can go no further.
    StepToTheEnd,
}

#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub(crate) time: u64,
    pub(crate) limits: (u64, u64),
    pub(crate) backoff_limit: u64,
    pub(crate) jitter: u8,
    pub(crate) stable_after: u64,
    pub(crate) attempts: Option<u32>,
    pub(crate) once: bool,
    pub(crate) is_retried: bool,
    pub(crate) connect_timeout: Option<u64>,
    pub(crate) idle_timeout: Option<u64>,
    pub(crate) initial_id: &'static str,
    pub(crate) seed: u64,
}

const EVENT_LIMIT: usize = 32;

fn config(policies: &Policies) -> Config {
    let millis = Duration::from_millis;
    let config = Config::new()
        .with_reconnection_time(millis(policies.time))
        .with_delay_limits(millis(policies.limits.0), millis(policies.limits.1))
        .with_backoff_limit(millis(policies.backoff_limit))
        .with_jitter_percent(policies.jitter)
        .with_stable_after(millis(policies.stable_after))
        .with_max_attempts(policies.attempts)
        .with_retried_statuses(if policies.is_retried { |status| status == 503 } else { |_| false })
        .with_connect_timeout(policies.connect_timeout.map(millis))
        .with_idle_timeout(policies.idle_timeout.map(millis))
        .with_event_limit(EVENT_LIMIT);
    if policies.once { config.without_reconnection() } else { config }
}

/// What a reader of the module's page would keep in mind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// A `Connect` is to come.
    Due,
    Connecting,
    /// `Open` is to come.
    Accepted,
    Open,
    /// A `Disconnect` for this cause, or a `Closed` where no attempt is left.
    Lost(Cause),
    /// After a `Disconnect`, which told a delay; a restart leaves some room for jitter.
    Waiting {
        since: Duration,
        least: Duration,
        most: Duration,
    },
    Closed(EndReason),
}

struct Model {
    policies: Policies,
    now: Duration,
    phase: Phase,
    /// Where the connection's timer began.
    timer: Duration,
    opened: Duration,
    lost: Duration,
    /// The connection that was lost is to be replaced as soon as may be.
    is_restarted: bool,
    /// What an independent decoder, never told of connections but of their ends, knows.
    decoder: Decoder,
    retry: Option<Duration>,
    has_delivered: bool,
    failed: u32,
    asked: Option<Duration>,
    /// The time was told, and nothing since; nor did a connection begin, whose time-out may be zero.
    is_told: bool,
}

impl Model {
    fn limits(&self) -> (Duration, Duration) {
        let least = Duration::from_millis(self.policies.limits.0).max(Config::MIN_DELAY);
        (least, Duration::from_millis(self.policies.limits.1).max(least))
    }

    fn base(&self) -> Duration {
        let (least, most) = self.limits();
        self.retry.unwrap_or_else(|| Duration::from_millis(self.policies.time)).clamp(least, most)
    }

    fn lose(&mut self, cause: Cause) {
        let was_open = matches!(self.phase, Phase::Accepted | Phase::Open);
        let age = self.now.saturating_sub(self.opened);
        let is_good = was_open
            && (age >= Duration::from_millis(self.policies.stable_after)
                || (cause == Cause::BodyEnded && self.has_delivered));
        if is_good {
            self.failed = 0;
        } else if cause != Cause::Restarted {
            self.failed += 1;
        }
        self.decoder.finish();
        self.lost = self.now;
        self.is_restarted = cause == Cause::Restarted;
        let is_last =
            self.policies.once || self.policies.attempts.is_some_and(|most| self.failed >= most.max(1));
        self.phase = if is_last && cause != Cause::Restarted {
            Phase::Closed(EndReason::Disconnected(cause))
        } else {
            Phase::Lost(cause)
        };
    }

    /// A restart while nothing is there to be ended.
    fn shorten(&mut self) {
        let (base, latest) = (self.base(), self.jitter(self.base()));
        if let Phase::Waiting { least, most, .. } = &mut self.phase {
            (*least, *most) = ((*least).min(base), (*most).min(latest));
        }
    }

    fn end(&mut self, reason: EndReason) {
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(reason);
        }
    }

    fn timeout(&self) -> Option<(Duration, Cause)> {
        let (millis, cause) = match self.phase {
            Phase::Connecting => (self.policies.connect_timeout?, Cause::ConnectTimedOut),
            Phase::Accepted | Phase::Open => (self.policies.idle_timeout?, Cause::IdleTimedOut),
            _ => return None,
        };
        Some((Duration::from_millis(millis), cause))
    }

    fn check_delay(&self, delay: Duration, failed_attempts: u32) {
        assert_eq!(failed_attempts, self.failed);
        if let Some(most) = self.policies.attempts {
            assert!(failed_attempts < most.max(1), "no more failed attempts than allowed");
        }
        let (base, (least, most)) = (self.base(), self.limits());
        assert!(delay >= base && delay >= least, "never less than the reconnection time");
        assert!(delay <= self.jitter(most), "never more than the limit and its jitter");
        if self.is_restarted {
            assert!(delay <= self.jitter(base), "a restart waits for no back-off");
            return;
        }
        let mut grown = base;
        for _ in 1..failed_attempts {
            grown = (grown * 2).min(Duration::from_millis(self.policies.backoff_limit)).min(most).max(base);
        }
        let asked = grown.max(self.asked.unwrap_or_default().min(most));
        assert!((asked..=self.jitter(asked)).contains(&delay), "{delay:?} is not {asked:?} and jitter");
    }

    /// The most that a delay becomes.
    fn jitter(&self, delay: Duration) -> Duration {
        delay + delay / 100 * u32::from(self.policies.jitter.min(100))
    }

    fn check_connect(&mut self, attempt: &Attempt) {
        let id = self.decoder.last_event_id();
        assert_eq!(attempt.last_event_id.as_deref(), (!id.is_empty()).then_some(id));
        assert_eq!(attempt.number, self.failed + 1);
        self.phase = Phase::Connecting;
        self.timer = self.now;
        self.is_told = false;
        self.has_delivered = false;
        self.asked = None;
    }
}

/// Makes the calls, and panics where an invariant does not hold.
pub(crate) fn run(policies: Policies, ops: Vec<Op>) {
    let start = Duration::from_secs(2_000_000);
    let mut client =
        Client::start(config(&policies)).with_seed(policies.seed).with_last_event_id(policies.initial_id);
    let mut model = Model {
        now: start,
        phase: Phase::Due,
        timer: start,
        opened: start,
        lost: start,
        is_restarted: false,
        decoder: Decoder::with_limit(EVENT_LIMIT).with_last_event_id(policies.initial_id),
        retry: None,
        has_delivered: false,
        failed: 0,
        asked: None,
        is_told: false,
        policies,
    };
    for op in ops {
        let now = Instant::from_epoch(model.now);
        model.is_told &= matches!(op, Op::Poll);
        match op {
            Op::Step { millis } => {
                let step = Duration::from_millis(millis.unsigned_abs());
                model.now =
                    if millis < 0 { model.now.saturating_sub(step) } else { model.now.saturating_add(step) };
            }
            Op::StepToTheEnd => model.now = Duration::MAX,
            Op::StepToDeadline => {
                let deadline = match model.phase {
                    Phase::Waiting { since, most, .. } => Some(since.saturating_add(most)),
                    _ => model.timeout().map(|(timeout, _)| model.timer.saturating_add(timeout)),
                };
                model.now = deadline.unwrap_or(model.now);
            }
            Op::Response { status, content_type, retry_after } => {
                let mut head = ResponseHead::new(status);
                if let Some(content_type) = content_type {
                    head = head.with_content_type(content_type.as_bytes());
                }
                if let Some(seconds) = retry_after {
                    head = head.with_retry_after(Duration::from_secs(seconds));
                }
                client.handle_response(now, head);
                if model.phase == Phase::Connecting {
                    let is_stream = content_type.is_some_and(|is| is.to_lowercase().contains("event-stream"));
                    match status {
                        200 if is_stream => {
                            model.phase = Phase::Accepted;
                            (model.timer, model.opened) = (model.now, model.now);
                        }
                        200 => model.end(EndReason::ContentType),
                        204 => model.end(EndReason::NoContent),
                        503 if model.policies.is_retried => {
                            model.asked = retry_after.map(Duration::from_secs);
                            model.lose(Cause::Status(503));
                        }
                        status => model.end(EndReason::Status(status)),
                    }
                }
            }
            Op::Feed { bytes, items } => {
                let mut feed = client.feed(now, &bytes);
                let mut got = Vec::new();
                for _ in 0..items {
                    got.extend(feed.next().map(|item| item.into_owned()));
                }
                let consumed = bytes.len() - feed.remaining().len();
                if matches!(model.phase, Phase::Accepted | Phase::Open) {
                    if !bytes.is_empty() {
                        model.timer = model.now;
                    }
                    let expected: Vec<OwnedItem> = {
                        let mut feed = model.decoder.feed(&bytes);
                        (0..items).filter_map(|_| feed.next().map(|item| item.into_owned())).collect()
                    };
                    assert_eq!(got, expected);
                    for item in got {
                        match item {
                            OwnedItem::Retry(time) => model.retry = Some(time),
                            OwnedItem::Event(_) | OwnedItem::Block { sets_id: true, .. } => {
                                model.has_delivered = true;
                            }
                            _ => {}
                        }
                    }
                } else {
                    assert!(got.is_empty(), "read while no stream is open");
                    assert_eq!(consumed, bytes.len());
                }
            }
            Op::End | Op::TransportError => {
                let cause = if matches!(op, Op::End) {
                    client.handle_end(now);
                    Cause::BodyEnded
                } else {
                    client.handle_transport_error(now);
                    Cause::TransportFailed
                };
                if matches!(model.phase, Phase::Accepted | Phase::Open) {
                    model.lose(cause);
                }
            }
            Op::ConnectError => {
                client.handle_connect_error(now);
                if model.phase == Phase::Connecting {
                    model.lose(Cause::ConnectFailed);
                }
            }
            Op::Timeout => {
                client.handle_timeout(now);
                if let Some((timeout, cause)) = model.timeout() {
                    model.timer = model.timer.min(model.now);
                    if model.now - model.timer >= timeout {
                        model.lose(cause);
                    }
                }
                model.is_told = true;
            }
            Op::Absence => {
                client.handle_absence(now);
                if model.timeout().is_some() {
                    model.timer = model.now;
                }
            }
            Op::Restart => {
                client.restart(now);
                match &mut model.phase {
                    Phase::Connecting | Phase::Accepted | Phase::Open => model.lose(Cause::Restarted),
                    Phase::Lost(_) => model.is_restarted = true,
                    Phase::Waiting { .. } => model.shorten(),
                    Phase::Due | Phase::Closed(_) => {}
                }
            }
            Op::Close => {
                client.close();
                model.end(EndReason::Closed);
            }
            Op::Fail => {
                client.fail();
                model.end(EndReason::Failed);
            }
            Op::Poll => match (client.poll_output(now), model.phase) {
                (Output::Connect(attempt), Phase::Due) => model.check_connect(&attempt),
                (Output::Connect(attempt), Phase::Waiting { since, least, .. }) => {
                    assert!(model.now.saturating_sub(since) >= least, "the delay passes");
                    model.check_connect(&attempt);
                }
                (Output::Open, Phase::Accepted) => model.phase = Phase::Open,
                (Output::Disconnect(interruption), Phase::Lost(cause)) => {
                    assert_eq!(interruption.cause, cause);
                    model.check_delay(interruption.delay, interruption.failed_attempts);
                    let (least, most) = (interruption.delay, interruption.delay);
                    model.phase = Phase::Waiting { since: model.lost, least, most };
                }
                (Output::Wait(deadline), Phase::Waiting { since, least, most }) => {
                    // A clock that stepped back starts the delay anew.
                    let since = since.min(model.now);
                    model.phase = Phase::Waiting { since, least, most };
                    let range = since.saturating_add(least)..=since.saturating_add(most);
                    match deadline.map(Instant::since_epoch) {
                        Some(deadline) => {
                            assert!(deadline > model.now, "no busy loop");
                            assert!(range.contains(&deadline), "{deadline:?} is not in {range:?}");
                        }
                        None => {
                            assert_eq!(model.now, Duration::MAX, "waits for ever at the end of time only")
                        }
                    }
                }
                (Output::Wait(deadline), Phase::Connecting | Phase::Open) => {
                    model.timer = model.timer.min(model.now);
                    let expected = model.timeout().map(|(timeout, _)| model.timer.saturating_add(timeout));
                    match deadline.map(Instant::since_epoch) {
                        Some(deadline) => {
                            assert_eq!(
                                Some(deadline),
                                expected,
                                "no deadline is further away than its period"
                            );
                            assert!(deadline > model.now || !model.is_told, "no busy loop");
                        }
                        None => assert!(expected.is_none_or(|expected| expected == Duration::MAX)),
                    }
                }
                (Output::Closed(reason), Phase::Closed(expected)) => assert_eq!(reason, expected),
                (output, phase) => panic!("{output:?} in {phase:?}"),
            },
        }
        assert_eq!(client.last_event_id(), model.decoder.last_event_id());
        assert_eq!(client.reconnection_time(), model.base());
        let state = match model.phase {
            Phase::Accepted | Phase::Open => ReadyState::Open,
            Phase::Closed(_) => ReadyState::Closed,
            _ => ReadyState::Connecting,
        };
        assert_eq!(client.ready_state(), state);
        let reason = if let Phase::Closed(reason) = model.phase { Some(reason) } else { None };
        assert_eq!(client.end_reason(), reason, "the first reason, for ever");
    }
}
