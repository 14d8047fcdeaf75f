//! Clocks that stand still, jump and run to their end: a stream beats and ends as documented, and never spins.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use sse_driver::sse_core::connection::{CloseReason, Heartbeat};
use sse_driver::sse_core::{Encoder, Event, Frame, Instant, ItemError};
use sse_driver::{Driver, Options, Source, Timer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// How often a poll may ask the clock and the alarm.
const MOST_CALLS: u32 = 4;

/// What the clock shows, and what was asked of it.
#[derive(Default)]
struct Hands {
    now: Duration,
    alarm: Option<Duration>,
    /// The alarm does not ring, as while a machine sleeps.
    is_mute: bool,
    calls: u32,
    resets: u32,
}

#[derive(Clone, Default)]
struct Clock(Rc<RefCell<Hands>>);

impl Clock {
    fn set(&self, now: Duration) {
        self.0.borrow_mut().now = now;
    }
}

impl Timer for Clock {
    fn now(&mut self) -> Instant {
        let mut hands = self.0.borrow_mut();
        hands.calls += 1;
        assert!(hands.calls <= MOST_CALLS, "it spins");
        Instant::from_epoch(hands.now)
    }

    fn reset(&mut self, deadline: Instant) {
        let mut hands = self.0.borrow_mut();
        hands.resets += 1;
        hands.alarm = Some(deadline.since_epoch());
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.0.borrow_mut();
        hands.calls += 1;
        match hands.alarm {
            Some(alarm) if alarm <= hands.now && !hands.is_mute => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

#[derive(Clone, Default)]
struct Tray(Rc<RefCell<VecDeque<Frame>>>);

impl Source for Tray {
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &Encoder,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        self.0.borrow_mut().pop_front().map_or(Poll::Pending, |frame| Poll::Ready(Some(Ok(frame))))
    }
}

/// A stream, its clock and its source.
struct Stream {
    driver: Pin<Box<Driver<Tray, Clock>>>,
    clock: Clock,
    tray: Tray,
    end: Arc<Mutex<Option<CloseReason>>>,
}

impl Stream {
    fn new(start: Duration, options: Options) -> Self {
        let (clock, tray) = (Clock::default(), Tray::default());
        clock.set(start);
        let end = Arc::<Mutex<_>>::default();
        let ended = Arc::clone(&end);
        let options = options.on_close(move |reason, _| *ended.lock().unwrap() = Some(reason));
        let driver = Box::pin(Driver::new(tray.clone(), clock.clone(), options));
        let mut this = Self { driver, clock, tray, end };
        assert_eq!(this.poll(), Some(":\n".to_owned()));
        this
    }

    /// One poll, which asks the clock and the alarm a few times at most; `None` when there is nothing now.
    fn poll(&mut self) -> Option<String> {
        self.clock.0.borrow_mut().calls = 0;
        let chunk = self.driver.as_mut().poll_chunk(&mut Context::from_waker(Waker::noop()));
        match chunk {
            Poll::Ready(Some(chunk)) => Some(String::from_utf8(chunk.to_vec()).unwrap()),
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    fn end(&self) -> Option<CloseReason> {
        *self.end.lock().unwrap()
    }

    fn poll_at(&mut self, now: Duration) -> Option<String> {
        self.clock.set(now);
        self.poll()
    }
}

fn beating(secs: u64) -> Options {
    Options::new().with_heartbeat(Heartbeat::idle(Duration::from_secs(secs)).unwrap())
}

fn beat() -> Option<String> {
    Some(": heartbeat\n".to_owned())
}

#[test]
fn under_a_clock_that_stands_still_events_pass_and_nothing_is_set_twice() {
    let mut stream = Stream::new(HOUR, beating(10));
    for number in 0..10_000 {
        assert_eq!(stream.poll(), None);
        if number % 100 == 0 {
            stream.tray.0.borrow_mut().push_back(Event::new("x").to_frame());
            assert_eq!(stream.poll(), Some("data: x\n\n".to_owned()));
        }
    }
    assert_eq!(stream.clock.0.borrow().resets, 1);
    assert_eq!(stream.poll_at(HOUR + 10 * SECOND), beat());
}

#[test]
fn a_machine_that_slept_for_hours_beats_once_and_goes_on_in_its_rhythm() {
    for wakes_first in [true, false] {
        let mut stream = Stream::new(Duration::ZERO, beating(10));
        assert_eq!(stream.poll_at(SECOND), None);
        // The alarm slept, too. Whether it rings or something else wakes the task first makes no difference.
        stream.clock.0.borrow_mut().is_mute = !wakes_first;
        assert_eq!(stream.poll_at(8 * HOUR), beat(), "one for all that were missed");
        assert_eq!(stream.poll(), None);
        stream.clock.0.borrow_mut().is_mute = false;
        assert_eq!(stream.poll_at(8 * HOUR + 9 * SECOND), None);
        assert_eq!(stream.poll_at(8 * HOUR + 10 * SECOND), beat());
    }
}

#[test]
fn a_periodic_heartbeat_that_was_missed_for_hours_comes_once() {
    let periodic = Heartbeat::periodic(Duration::from_secs(10)).unwrap();
    let mut stream = Stream::new(Duration::ZERO, Options::new().with_heartbeat(periodic));
    assert_eq!(stream.poll_at(8 * HOUR + 3 * SECOND), beat());
    assert_eq!(stream.poll(), None);
    assert_eq!(stream.poll_at(8 * HOUR + 10 * SECOND), beat(), "on the grid of the first");
    assert_eq!(stream.poll(), None);
}

#[test]
fn a_clock_that_jumps_ahead_ends_what_is_too_old_and_nothing_else() {
    let options = || Options::new().with_heartbeat(None).with_max_age(2 * HOUR);
    let mut stream = Stream::new(HOUR, options());
    assert_eq!(stream.poll_at(2 * HOUR), None, "half its age");
    assert_eq!(stream.end(), None);
    assert_eq!(stream.poll_at(9 * HOUR), None);
    assert_eq!(stream.end(), Some(CloseReason::MaxAge));
}

#[test]
fn a_clock_that_goes_back_ends_nothing_early_and_puts_nothing_off_by_more_than_a_period() {
    let options = beating(10).with_max_age(HOUR);
    let mut stream = Stream::new(10 * HOUR, options);
    for back in [9 * HOUR, 8 * HOUR, SECOND, Duration::ZERO] {
        assert_eq!(stream.poll_at(back), None, "back to {back:?}");
        assert_eq!(stream.poll_at(back + 9 * SECOND), None);
        assert_eq!(stream.poll_at(back + 10 * SECOND), beat(), "a period behind the step");
    }
    let mut now = 10 * SECOND;
    while stream.end().is_none() {
        now += SECOND;
        stream.poll_at(now);
        assert!(now <= HOUR, "its age counts from where the clock went back to");
    }
    assert!(now >= HOUR * 4 / 5, "up to a fifth earlier: {now:?}");
}

#[test]
fn a_clock_at_its_end_ends_no_stream_and_overflows_nowhere() {
    for start in [Duration::ZERO, Duration::MAX - SECOND, Duration::MAX] {
        let mut stream = Stream::new(start, beating(10));
        assert_eq!(stream.poll_at(Duration::MAX).is_some(), start == Duration::ZERO);
        for _ in 0..10 {
            assert_eq!(stream.poll(), None);
        }
        stream.tray.0.borrow_mut().push_back(Event::new("x").to_frame());
        assert_eq!(stream.poll(), Some("data: x\n\n".to_owned()));
        assert_eq!(stream.poll_at(SECOND), None, "and back");
        assert_eq!(stream.poll_at(11 * SECOND), beat());
    }
}

#[test]
fn any_sequence_of_jumps_gives_a_beat_for_each_idle_period_and_no_more() {
    let mut random = 1_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut stream = Stream::new(HOUR, beating(10));
    let (mut now, mut idle_since) = (HOUR, HOUR);
    for _ in 0..100_000 {
        let millis = Duration::from_millis(next(15_000));
        now = match next(10) {
            0 => now.saturating_sub(HOUR * 5 + millis),
            1 => now + HOUR * 5 + millis,
            2 => now,
            _ => now + millis,
        };
        idle_since = idle_since.min(now);
        let is_due = now - idle_since >= 10 * SECOND;
        assert_eq!(stream.poll_at(now).is_some(), is_due, "at {now:?}, idle since {idle_since:?}");
        if is_due {
            idle_since = now;
        }
    }
}
