//! Any sequence of calls on a client, checked against the ten invariants that the module states.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use core::time::Duration;
use proptest::prelude::*;
use sse_core::client::{Cause, Client, Config, EndReason, Output, ReadyState, ResponseHead};
use sse_core::{Decoder, Instant, OwnedItem};

#[derive(Clone, Debug)]
enum Op {
    Poll,
    Response {
        status: u16,
        content_type: Option<&'static str>,
        retry_after: Option<u64>,
    },
    Feed {
        bytes: &'static [u8],
        items: usize,
    },
    End,
    TransportError,
    ConnectError,
    Timeout,
    Restart,
    Close,
    Fail,
    /// Moves the clock, possibly back or far ahead.
    Step {
        millis: i64,
    },
    /// Moves the clock to where the machine waits for.
    StepToDeadline,
}

#[derive(Clone, Debug)]
struct Policies {
    time: u64,
    limits: (u64, u64),
    backoff_limit: u64,
    jitter: u8,
    stable_after: u64,
    attempts: Option<u32>,
    once: bool,
    is_retried: bool,
    connect_timeout: Option<u64>,
    idle_timeout: Option<u64>,
    initial_id: &'static str,
    seed: u64,
}

/// Whole blocks and parts of them, so that ids, retries and halves of events meet.
const BYTES: [&[u8]; 14] = [
    b"",
    b"data: a\n\n",
    b"id: 1\ndata: b\n\n",
    b"id: 2\n\n",
    b"id\ndata: reset\n\n",
    b"id: 3\ndata: ha",
    b"lf\n",
    b"\n",
    b": comment\n",
    b"retry: 0\n",
    b"retry: 99999999999999999999\n\n",
    b"retry: 7000\n\n",
    b"id: 4\ndata: much too long for the limit that this test has set\n\n",
    b"\r\n\xFF\xEF\xBB\xBF",
];

fn ops() -> impl Strategy<Value = Op> {
    let types = prop::sample::select(vec![
        Some("text/event-stream"),
        Some("TEXT/event-stream;x"),
        Some("text/html"),
        None,
    ]);
    let good = Op::Response { status: 200, content_type: Some("text/event-stream"), retry_after: None };
    prop_oneof![
        12 => Just(Op::Poll),
        6 => Just(good),
        2 => (prop::sample::select(vec![200, 204, 201, 404, 503]), types, prop::option::of(0..1_000_000_u64))
            .prop_map(|(status, content_type, retry_after)| Op::Response { status, content_type, retry_after }),
        8 => (prop::sample::select(BYTES.to_vec()), 0..4_usize).prop_map(|(bytes, items)| Op::Feed { bytes, items }),
        3 => Just(Op::End),
        2 => Just(Op::TransportError),
        2 => Just(Op::ConnectError),
        3 => Just(Op::Timeout),
        1 => Just(Op::Restart),
        4 => prop_oneof![0..20_000_i64, -20_000..0_i64, Just(-1_000_000_000), Just(1_000_000_000_000)]
            .prop_map(|millis| Op::Step { millis }),
        4 => Just(Op::StepToDeadline),
        1 => prop_oneof![9 => Just(Op::Poll), 1 => Just(Op::Close), 1 => Just(Op::Fail)],
    ]
}

fn policies() -> impl Strategy<Value = Policies> {
    let delays = (0..20_000_u64, (0..10_000_u64, 0..60_000_u64), 0..60_000_u64, 0..=120_u8, 0..20_000_u64);
    let ends = (
        prop::option::of(0..6_u32),
        prop::bool::weighted(0.1),
        any::<bool>(),
        prop::option::of(0..60_000_u64),
        prop::option::of(0..60_000_u64),
    );
    let start = (prop::sample::select(vec!["", "initial"]), any::<u64>());
    (delays, ends, start).prop_map(
        |(
            (time, limits, backoff_limit, jitter, stable_after),
            (attempts, once, is_retried, connect_timeout, idle_timeout),
            (initial_id, seed),
        )| Policies {
            time,
            limits,
            backoff_limit,
            jitter,
            stable_after,
            attempts,
            once,
            is_retried,
            connect_timeout,
            idle_timeout,
            initial_id,
            seed,
        },
    )
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
    /// After a `Disconnect`.
    Waiting {
        since: Duration,
        delay: Duration,
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
    /// What an independent decoder, never told of connections but of their ends, knows.
    decoder: Decoder,
    retry: Option<Duration>,
    has_delivered: bool,
    failed: u32,
    asked: Option<Duration>,
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
        let is_last =
            self.policies.once || self.policies.attempts.is_some_and(|most| most > 0 && self.failed >= most);
        self.phase = if is_last && cause != Cause::Restarted {
            Phase::Closed(EndReason::Disconnected(cause))
        } else {
            Phase::Lost(cause)
        };
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
        if let Some(most) = self.policies.attempts.filter(|most| *most > 0) {
            assert!(failed_attempts < most, "no more failed attempts than allowed");
        }
        let (base, (least, most)) = (self.base(), self.limits());
        assert!(delay >= base && delay >= least, "never less than the reconnection time");
        let jitter = |delay: Duration| delay + delay / 100 * u32::from(self.policies.jitter.min(100));
        assert!(delay <= jitter(most), "never more than the limit and its jitter");
        let mut grown = base;
        for _ in 1..failed_attempts {
            grown = (grown * 2).min(Duration::from_millis(self.policies.backoff_limit)).min(most).max(base);
        }
        let asked = grown.max(self.asked.unwrap_or_default().min(most));
        assert!((asked..=jitter(asked)).contains(&delay), "{delay:?} is not {asked:?} and jitter");
    }
}

fn run(policies: Policies, ops: Vec<Op>) {
    let start = Duration::from_secs(2_000_000);
    let mut client =
        Client::start(config(&policies)).with_seed(policies.seed).with_last_event_id(policies.initial_id);
    let mut model = Model {
        now: start,
        phase: Phase::Due,
        timer: start,
        opened: start,
        lost: start,
        decoder: Decoder::with_limit(EVENT_LIMIT).with_last_event_id(policies.initial_id),
        retry: None,
        has_delivered: false,
        failed: 0,
        asked: None,
        policies,
    };
    for op in ops {
        let now = Instant::from_epoch(model.now);
        match op {
            Op::Step { millis } => {
                let step = Duration::from_millis(millis.unsigned_abs());
                model.now = if millis < 0 { model.now.saturating_sub(step) } else { model.now + step };
            }
            Op::StepToDeadline => {
                let deadline = match model.phase {
                    Phase::Waiting { since, delay } => Some(since + delay),
                    _ => model.timeout().map(|(timeout, _)| model.timer + timeout),
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
                let mut feed = client.feed(now, bytes);
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
                        let mut feed = model.decoder.feed(bytes);
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
                    } else if model.phase != Phase::Accepted {
                        let Output::Wait(Some(deadline)) = client.poll_output(now) else {
                            panic!("a time-out runs")
                        };
                        assert!(deadline > now, "no busy loop");
                    }
                }
            }
            Op::Restart => {
                client.restart(now);
                if matches!(model.phase, Phase::Connecting | Phase::Accepted | Phase::Open) {
                    model.lose(Cause::Restarted);
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
                (Output::Connect(attempt), Phase::Due) => {
                    let id = model.decoder.last_event_id();
                    assert_eq!(attempt.last_event_id.as_deref(), (!id.is_empty()).then_some(id));
                    assert_eq!(attempt.number, model.failed + 1);
                    model.phase = Phase::Connecting;
                    model.timer = model.now;
                    model.has_delivered = false;
                    model.asked = None;
                }
                (Output::Connect(attempt), Phase::Waiting { since, delay }) => {
                    assert!(model.now.saturating_sub(since) >= delay, "the delay passes");
                    let id = model.decoder.last_event_id();
                    assert_eq!(attempt.last_event_id.as_deref(), (!id.is_empty()).then_some(id));
                    assert_eq!(attempt.number, model.failed + 1);
                    model.phase = Phase::Connecting;
                    model.timer = model.now;
                    model.has_delivered = false;
                    model.asked = None;
                }
                (Output::Open, Phase::Accepted) => model.phase = Phase::Open,
                (Output::Disconnect(interruption), Phase::Lost(cause)) => {
                    assert_eq!(interruption.cause, cause);
                    model.check_delay(interruption.delay, interruption.failed_attempts);
                    model.phase = Phase::Waiting { since: model.lost, delay: interruption.delay };
                }
                (Output::Wait(deadline), Phase::Waiting { since, delay }) => {
                    // A clock that stepped back starts the delay anew.
                    let since = since.min(model.now);
                    model.phase = Phase::Waiting { since, delay };
                    assert_eq!(deadline, Some(Instant::from_epoch(since + delay)));
                    assert!(deadline.is_some_and(|deadline| deadline > now), "no busy loop");
                }
                (Output::Wait(deadline), Phase::Connecting | Phase::Open) => {
                    model.timer = model.timer.min(model.now);
                    let expected =
                        model.timeout().map(|(timeout, _)| Instant::from_epoch(model.timer + timeout));
                    assert_eq!(deadline, expected, "no deadline is further away than its period");
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn b08_the_ten_invariants_of_a_client_hold_for_any_calls(
        policies in policies(),
        ops in prop::collection::vec(ops(), 1..120),
    ) {
        run(policies, ops);
    }
}
