//! What a reader of the page of `sse_core::connection` knows, kept beside a connection: for any tool that makes up calls.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use core::time::Duration;
use sse_core::connection::{CloseEvent, CloseReason, Config, Connection, Heartbeat, Next, Output, SendError};
use sse_core::{Event, Frame, Instant, event_name};
use std::collections::VecDeque;

const HEARTBEAT: &[u8] = b": heartbeat\n";
const OPENING: &[u8] = b":\n";
const GOODBYE: &[u8] = b"event: bye\ndata: complete\n\n";

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Send {
        len: usize,
    },
    Close(CloseReason),
    Abort(CloseReason),
    PeerGone,
    Timeout,
    WindDown(CloseReason),
    Progress,
    /// Moves the clock, possibly back or far ahead.
    Step {
        millis: i64,
    },
    /// Moves the clock to where the machine waits for.
    StepToDeadline,
    /// Moves the clock to where it can go no further.
    StepToTheEnd,
    /// Polls with a source that gives these frames and then has nothing, or ends.
    Poll {
        lens: Vec<usize>,
        end: Option<CloseReason>,
    },
    /// Polls as a push driver does.
    PollPush,
}

#[derive(Clone, Debug)]
pub(crate) struct Policies {
    pub(crate) heartbeat: Option<(bool, u64)>,
    pub(crate) max_age: Option<u64>,
    pub(crate) has_close_event: bool,
    pub(crate) chunk_limit: usize,
    pub(crate) queue_limit: usize,
    pub(crate) stall: Option<u64>,
}

fn config(policies: &Policies) -> Config {
    Config::new()
        .with_heartbeat(policies.heartbeat.map(|(is_periodic, secs)| {
            let interval = Duration::from_secs(secs);
            if is_periodic { Heartbeat::periodic(interval) } else { Heartbeat::idle(interval) }.unwrap()
        }))
        .with_max_age(policies.max_age.map(Duration::from_secs))
        .with_close_event(policies.has_close_event.then(|| CloseEvent::new(event_name!("bye"))))
        .with_chunk_limit(policies.chunk_limit)
        .with_queue_limit(policies.queue_limit)
        .with_stall_limit(policies.stall.map(Duration::from_secs))
}

/// What a reader of the module's page would keep in mind.
struct Model {
    policies: Policies,
    now: Duration,
    accepted: VecDeque<Vec<u8>>,
    made: usize,
    longest: usize,
    is_opened: bool,
    /// Why it is closing, in the order in which reasons came; the first counts.
    closing: Option<CloseReason>,
    /// What it closes for after one more poll.
    winding_down: Option<CloseReason>,
    closed: Option<CloseReason>,
    is_goodbye_out: bool,
    last_beat_grid: Duration,
    born: Duration,
    last_transmit_unread: Option<Duration>,
}

impl Model {
    fn frame(&mut self, len: usize) -> Frame {
        self.made += 1;
        let frame = Event::new(format!("{}{}", self.made, "x".repeat(len))).to_frame();
        self.longest = self.longest.max(frame.len());
        frame
    }

    fn handle_now(&mut self) {
        self.last_beat_grid = self.last_beat_grid.min(self.now);
        self.born = self.born.min(self.now);
        self.last_transmit_unread = None;
        let is_old =
            self.policies.max_age.is_some_and(|age| self.now - self.born >= Duration::from_secs(age));
        if is_old {
            self.winding_down.get_or_insert(CloseReason::MaxAge);
        }
    }

    fn is_goodbye_due(&self) -> bool {
        // Clients that are to come back, and those that cannot hear it, are told nothing.
        let is_final = matches!(
            self.closing,
            Some(
                CloseReason::SourceEnded
                    | CloseReason::SourceFailed
                    | CloseReason::Shutdown
                    | CloseReason::Revoked
            )
        );
        self.policies.has_close_event && is_final && !self.is_goodbye_out
    }

    /// Invariants 1, 2, 5 and 6 for a chunk.
    fn check_transmit(&mut self, bytes: &[u8], source_had_nothing: bool) {
        assert!(!bytes.is_empty());
        assert_eq!(self.closed, None, "nothing leaves a closed connection");
        let mut rest = bytes;
        if !self.is_opened {
            rest = rest.strip_prefix(OPENING).expect("the opening bytes come first");
            self.is_opened = true;
        }
        while !rest.is_empty() {
            if let Some(frame) = self.accepted.front() {
                rest = rest.strip_prefix(&frame[..]).expect("accepted frames, whole and in order");
                self.accepted.pop_front();
            } else if self.closing.is_some() {
                rest = rest.strip_prefix(GOODBYE).expect("only the goodbye is left");
                assert!(self.is_goodbye_due());
                self.is_goodbye_out = true;
            } else {
                assert_eq!(bytes, HEARTBEAT, "a heartbeat travels alone");
                assert!(source_had_nothing, "the source was asked first");
                let (_, secs) = self.policies.heartbeat.expect("heartbeats are on");
                assert!(self.now - self.last_beat_grid >= Duration::from_secs(secs));
                rest = &[];
            }
        }
        self.last_transmit_unread = Some(self.now);
        match self.policies.heartbeat {
            Some((true, secs)) if bytes == HEARTBEAT => {
                let secs = Duration::from_secs(secs);
                let into_period = (self.now - self.last_beat_grid).as_nanos() % secs.as_nanos();
                self.last_beat_grid = self.now - Duration::from_nanos(into_period.try_into().unwrap());
            }
            Some((true, _)) | None => {}
            Some((false, _)) => self.last_beat_grid = self.now,
        }
    }
}

/// Makes the calls, and panics where an invariant does not hold.
pub(crate) fn run(policies: Policies, ops: Vec<Op>) {
    let start = Duration::from_secs(2_000_000);
    let mut model = Model {
        now: start,
        accepted: VecDeque::new(),
        made: 0,
        longest: GOODBYE.len(),
        is_opened: false,
        closing: None,
        winding_down: None,
        closed: None,
        is_goodbye_out: false,
        last_beat_grid: start,
        born: start,
        last_transmit_unread: None,
        policies,
    };
    let mut connection = Connection::start(config(&model.policies), Instant::from_epoch(start));
    let mut has_source_ended = false;
    for op in ops {
        let now = Instant::from_epoch(model.now);
        match op {
            Op::Send { len } => {
                let frame = model.frame(len);
                let had_room = connection.has_room_for(frame.len());
                match connection.send(frame.clone()) {
                    Ok(()) => {
                        assert!(had_room && model.closing.is_none() && model.closed.is_none());
                        model.accepted.push_back(frame.as_bytes().to_vec());
                    }
                    Err(refused) => {
                        assert!(!had_room);
                        let is_over = model.closing.is_some() || model.closed.is_some();
                        assert_eq!(matches!(refused, SendError::Closed(_)), is_over);
                        assert_eq!(refused.into_frame(), frame, "the frame is handed back");
                    }
                }
            }
            Op::Close(reason) => {
                connection.close(reason);
                if model.closed.is_none() {
                    model.closing.get_or_insert(reason);
                }
            }
            Op::WindDown(reason) => {
                connection.wind_down(reason);
                model.winding_down.get_or_insert(reason);
            }
            Op::Abort(reason) => {
                connection.abort(reason);
                model.closed.get_or_insert(reason);
            }
            Op::PeerGone => {
                connection.handle_peer_gone();
                model.closed.get_or_insert(CloseReason::PeerGone);
            }
            Op::Progress => {
                connection.handle_progress(now);
                if model.closed.is_none() {
                    model.last_transmit_unread = model.last_transmit_unread.map(|_| model.now);
                }
            }
            Op::Timeout => {
                connection.handle_timeout(now);
                if let (Some(stall), Some(since), None) =
                    (model.policies.stall, &mut model.last_transmit_unread, model.closed)
                {
                    *since = (*since).min(model.now);
                    if model.now - *since >= Duration::from_secs(stall) {
                        model.closed = Some(CloseReason::Stalled);
                    }
                }
                if model.last_transmit_unread.is_some() && model.now < Duration::MAX {
                    assert!(connection.next_deadline().is_none_or(|deadline| deadline > now), "no busy loop");
                }
            }
            Op::Step { millis } => {
                let step = Duration::from_millis(millis.unsigned_abs());
                model.now =
                    if millis < 0 { model.now.saturating_sub(step) } else { model.now.saturating_add(step) };
            }
            Op::StepToDeadline => {
                model.now = connection.next_deadline().map_or(model.now, Instant::since_epoch);
            }
            Op::StepToTheEnd => model.now = Duration::MAX,
            Op::Poll { .. } | Op::PollPush => {
                model.handle_now();
                let (is_push, lens, end) = match op {
                    Op::Poll { lens, end } => (false, lens, end),
                    _ => (true, Vec::new(), None),
                };
                let mut lens = lens.into_iter();
                let mut source_had_nothing = is_push;
                let output = if is_push {
                    connection.poll_output(now)
                } else {
                    connection.poll_output_with(now, || {
                        assert!(!has_source_ended, "a source that ended is not asked again");
                        assert!(model.closed.is_none() && model.closing.is_none(), "nor after the end");
                        if let Some(len) = lens.next() {
                            let frame = model.frame(len);
                            model.accepted.push_back(frame.as_bytes().to_vec());
                            return Next::Frame(frame);
                        }
                        match end {
                            Some(reason) => {
                                has_source_ended = true;
                                model.closing = Some(reason);
                                Next::Close(reason)
                            }
                            None => {
                                source_had_nothing = true;
                                model.closing = model.closing.or(model.winding_down);
                                Next::Pending
                            }
                        }
                    })
                };
                if is_push && model.closed.is_none() {
                    model.closing = model.closing.or(model.winding_down);
                }
                match output {
                    Output::Transmit(bytes) => {
                        model.check_transmit(&bytes, source_had_nothing);
                        model.closing = model.closing.or(model.winding_down);
                    }
                    Output::Wait(deadline) => {
                        assert!(model.closed.is_none() && model.closing.is_none() && model.is_opened);
                        assert!(model.accepted.is_empty() && source_had_nothing);
                        assert!(deadline.is_none_or(|deadline| deadline > now), "no busy loop");
                        let periods =
                            [model.policies.heartbeat.map(|(_, secs)| secs), model.policies.max_age];
                        let is_timed = periods.iter().any(Option::is_some);
                        // Waits for ever at the end of time only.
                        assert_eq!(deadline.is_some(), is_timed && model.now < Duration::MAX);
                        let longest = Duration::from_secs(periods.into_iter().flatten().max().unwrap_or(0));
                        assert!(deadline.is_none_or(|deadline| deadline <= now.saturating_add(longest)));
                    }
                    Output::Closed(reason) => {
                        if model.closed.is_none() {
                            assert!(model.accepted.is_empty(), "close drains");
                            assert!(!model.is_goodbye_due(), "close says goodbye");
                        }
                        let expected = model.closed.or(model.closing).expect("somebody ended it");
                        model.closed = Some(expected);
                        assert_eq!(reason, expected, "the first reason, for ever");
                    }
                }
            }
        }
        assert!(connection.queued_bytes() <= model.policies.queue_limit.max(model.longest));
        assert_eq!(connection.close_reason(), model.closed);
    }
}
