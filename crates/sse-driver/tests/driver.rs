//! The driver's rules on a clock that the test holds: what it asks of a timer, a source and a waker.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use sse_driver::sse_core::connection::{CloseEvent, CloseReason, Heartbeat, Totals};
use sse_driver::sse_core::{
    BoxError, ClientProfile, Comment, Config, Encoder, Event, Frame, Instant, IntoFrame, ItemError,
    LineEnding, event_name,
};
use sse_driver::{Driver, ErrorPolicy, Notice, Options, Push, PushError, Sender, Source, Timer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;

/// A clock that the test sets, and an alarm that remembers what it was set to.
#[derive(Clone, Default)]
struct Clock(Rc<RefCell<Hands>>);

#[derive(Default)]
struct Hands {
    now: Duration,
    resets: Vec<Duration>,
    alarm: Option<Duration>,
    is_mute: bool,
}

impl Clock {
    fn set(&self, millis: u64) {
        self.0.borrow_mut().now = Duration::from_millis(millis);
    }

    fn resets(&self) -> Vec<u128> {
        self.0.borrow().resets.iter().map(Duration::as_millis).collect()
    }
}

impl Timer for Clock {
    fn now(&mut self) -> Instant {
        Instant::from_epoch(self.0.borrow().now)
    }

    fn reset(&mut self, deadline: Instant) {
        let mut hands = self.0.borrow_mut();
        hands.resets.push(deadline.since_epoch());
        hands.alarm = Some(deadline.since_epoch());
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let hands = self.0.borrow();
        match hands.alarm {
            Some(alarm) if alarm <= hands.now && !hands.is_mute => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// A source that gives what the test puts in, counts how often it is asked, and never ends.
#[derive(Clone, Default)]
struct Tray(Rc<RefCell<Held>>);

#[derive(Default)]
struct Held {
    items: VecDeque<Result<Frame, ItemError>>,
    asked: usize,
}

impl Tray {
    fn put(&self, data: &str) {
        self.0.borrow_mut().items.push_back(Ok(Event::new(data).to_frame()));
    }

    fn fail(&self) {
        self.0.borrow_mut().items.push_back(Err(ItemError::Source("broken".into())));
    }

    fn asked(&self) -> usize {
        self.0.borrow().asked
    }
}

impl Source for Tray {
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &Encoder,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        let mut tray = self.0.borrow_mut();
        tray.asked += 1;
        tray.items.pop_front().map_or(Poll::Pending, |item| Poll::Ready(Some(item)))
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<S: Source>(driver: Pin<&mut Driver<S, Clock>>) -> Poll<Option<String>> {
    let chunk = driver.poll_chunk(&mut Context::from_waker(Waker::noop()));
    chunk.map(|chunk| chunk.map(|chunk| String::from_utf8(chunk.to_vec()).unwrap()))
}

fn ready(text: &str) -> Poll<Option<String>> {
    Poll::Ready(Some(text.to_owned()))
}

#[test]
fn an_event_does_not_touch_the_timer() {
    let (clock, tray) = (Clock::default(), Tray::default());
    let mut driver = pin!(Driver::new(tray.clone(), clock.clone(), Options::new()));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    assert_eq!(clock.resets(), [15_000]);
    for event in 1..=1_000 {
        clock.set(event * 14);
        tray.put("a");
        assert_eq!(poll(driver.as_mut()), ready("data: a\n\n"));
        assert!(poll(driver.as_mut()).is_pending());
    }
    assert_eq!(clock.resets(), [15_000], "a thousand events later");
    // It rings too early once, and is set to when the stream will have been idle.
    clock.set(15_000);
    assert!(poll(driver.as_mut()).is_pending());
    assert_eq!(clock.resets(), [15_000, 29_000]);
    clock.set(29_000);
    assert_eq!(poll(driver.as_mut()), ready(": heartbeat\n"));
}

#[test]
fn an_alarm_that_rings_before_the_clock_agrees_does_not_spin() {
    #[derive(Default)]
    struct Early {
        resets: usize,
        deadline: Option<Instant>,
    }
    impl Timer for &mut Early {
        fn now(&mut self) -> Instant {
            Instant::EPOCH
        }
        fn reset(&mut self, deadline: Instant) {
            self.resets += 1;
            self.deadline = Some(deadline);
        }
        fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
            if self.deadline.is_some() { Poll::Ready(()) } else { Poll::Pending }
        }
    }
    let mut timer = Early::default();
    {
        let mut driver = pin!(Driver::new(Tray::default(), &mut timer, Options::new()));
        let mut poll = || driver.as_mut().poll_chunk(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll(), Poll::Ready(Some(":\n".into())));
        assert_eq!(poll(), Poll::Ready(Some(": heartbeat\n".into())), "its time has come, the alarm says");
    }
    assert_eq!(timer.resets, 1);
}

#[test]
fn the_clock_decides_and_not_the_alarm() {
    let clock = Clock::default();
    clock.0.borrow_mut().is_mute = true;
    let mut driver = pin!(Driver::new(Tray::default(), clock.clone(), Options::new()));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    clock.set(15_000);
    assert_eq!(poll(driver.as_mut()), ready(": heartbeat\n"), "although the alarm has not rung");
}

#[test]
fn without_a_deadline_no_timer_is_set() {
    let clock = Clock::default();
    let options = Options::new().with_heartbeat(None);
    let mut driver = pin!(Driver::new(Tray::default(), clock.clone(), options));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    assert!(clock.resets().is_empty());
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let (clock, tray) = (Clock::default(), Tray::default());
    clock.set(1_000_000);
    let options = Options::new().with_heartbeat(Heartbeat::idle(Duration::from_secs(10)).unwrap());
    let mut driver = pin!(Driver::new(tray.clone(), clock.clone(), options));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    clock.set(10);
    assert!(poll(driver.as_mut()).is_pending(), "back");
    clock.set(10_010);
    assert_eq!(poll(driver.as_mut()), ready(": heartbeat\n"), "an interval later");
    clock.set(u64::MAX);
    assert_eq!(poll(driver.as_mut()), ready(": heartbeat\n"), "far ahead: one");
    assert!(poll(driver.as_mut()).is_pending());
    clock.set(20_000);
    tray.put("a");
    assert_eq!(poll(driver.as_mut()), ready("data: a\n\n"));
    assert!(poll(driver.as_mut()).is_pending());
    clock.set(30_000);
    assert_eq!(poll(driver.as_mut()), ready(": heartbeat\n"));
}

#[test]
fn a_source_that_only_fails_lets_others_run() {
    let (clock, tray) = (Clock::default(), Tray::default());
    for _ in 0..1_000 {
        tray.fail();
    }
    tray.put("a");
    let options = Options::new().on_error(ErrorPolicy::skip());
    let mut driver = pin!(Driver::new(tray.clone(), clock, options));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    let asked = tray.asked();
    assert!(asked < 100, "{asked} in one poll");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut polls = 0;
    let chunk = loop {
        polls += 1;
        match driver.as_mut().poll_chunk(&mut Context::from_waker(&waker)) {
            Poll::Pending => assert_eq!(wakes.0.load(Ordering::SeqCst), polls, "it asked to be polled again"),
            Poll::Ready(chunk) => break chunk.unwrap(),
        }
    };
    assert_eq!(chunk, "data: a\n\n");
    assert!(polls > 5);
}

#[test]
fn a_source_is_dropped_as_soon_as_the_stream_closes_and_not_asked_again() {
    let tray = Tray::default();
    tray.put("a");
    tray.fail();
    let mut driver = pin!(Driver::new(tray.clone(), Clock::default(), Options::new()));
    assert_eq!(
        poll(driver.as_mut()),
        ready(":\ndata: a\n\nevent: sse:error\ndata: Internal server error\n\n")
    );
    assert_eq!(Rc::strong_count(&tray.0), 1, "the driver's is gone");
    for _ in 0..3 {
        assert_eq!(poll(driver.as_mut()), Poll::Ready(None));
        assert!(driver.is_closed());
    }
    assert_eq!(tray.asked(), 2);
}

#[test]
fn the_hook_runs_once_however_the_response_ends() {
    type Heard = Arc<Mutex<Vec<(CloseReason, Totals)>>>;
    let heard = Heard::default();
    let options = || {
        let heard = Arc::clone(&heard);
        Options::new().on_close(move |reason, totals| heard.lock().unwrap().push((reason, totals)))
    };
    let take = || heard.lock().unwrap().drain(..).collect::<Vec<_>>();
    drop(Driver::new(Tray::default(), Clock::default(), options()));
    assert_eq!(take(), [(CloseReason::PeerGone, Totals::default())]);

    let mut dropped_open = Box::pin(Driver::new(Tray::default(), Clock::default(), options()));
    assert_eq!(poll(dropped_open.as_mut()), ready(":\n"));
    drop(dropped_open);
    let opened = Totals { bytes: 2, ..Totals::default() };
    assert_eq!(take(), [(CloseReason::PeerGone, opened)]);

    let stopped = options().until(core::future::ready(()));
    let mut ended = Box::pin(Driver::new(Tray::default(), Clock::default(), stopped));
    assert_eq!(poll(ended.as_mut()), ready(":\n"));
    assert_eq!(poll(ended.as_mut()), Poll::Ready(None));
    drop(ended);
    assert_eq!(take(), [(CloseReason::Shutdown, opened)]);
}

#[test]
fn an_async_function_is_called_on_the_first_poll() {
    let called = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&called);
    let source = Push::new(move |mut events: Sender| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { events.send("a").await }
    });
    let mut driver = pin!(Driver::new(source, Clock::default(), Options::new()));
    assert_eq!(called.load(Ordering::SeqCst), 0);
    assert_eq!(poll(driver.as_mut()), ready(":\ndata: a\n\n"));
    assert_eq!(poll(driver.as_mut()), Poll::Ready(None));
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

#[test]
fn a_clone_of_the_sender_keeps_the_stream_open_behind_its_function() {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let source = Push::new(async move |events: Sender| {
        *keep.lock().unwrap() = Some(events);
    });
    let mut driver = pin!(Driver::new(source, Clock::default(), Options::new()));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    let mut sender = kept.lock().unwrap().take().unwrap();
    sender.try_send("from elsewhere").unwrap();
    assert_eq!(poll(driver.as_mut()), ready("data: from elsewhere\n\n"));
    drop(sender);
    assert_eq!(poll(driver.as_mut()), Poll::Ready(None));
}

#[test]
fn a_busy_clone_does_not_hold_the_function_up() {
    let polled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&polled);
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let source = Push::new(async move |events: Sender| {
        *keep.lock().unwrap() = Some(events);
        core::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            let is_late = counter.fetch_add(1, Ordering::SeqCst) >= 20;
            if is_late { Poll::Ready(Err::<(), _>("expired")) } else { Poll::Pending }
        })
        .await
    });
    let options = Options::new().with_config(Config::new().with_chunk_limit(1));
    let mut driver = pin!(Driver::new(source, Clock::default(), options));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert!(poll(driver.as_mut()).is_pending());
    let mut clone = kept.lock().unwrap().take().unwrap();
    let mut chunks = 0;
    let end = loop {
        while clone.try_send("flood").is_ok() {}
        match poll(driver.as_mut()) {
            Poll::Ready(Some(chunk)) if chunk == "data: flood\n\n" => chunks += 1,
            other => break other,
        }
        assert!(chunks < 10_000, "the function runs");
    };
    assert_eq!(end, ready("event: sse:error\ndata: Internal server error\n\n"));
    assert!(chunks > 100 && clone.is_closed());
}

#[test]
fn what_was_sent_leaves_before_a_shutdown() {
    let source = Push::new(async |mut events: Sender| {
        for number in 0..10 {
            events.try_send(format!("{number}")).unwrap();
        }
        core::future::pending::<()>().await;
    });
    let options = Options::new().until(core::future::ready(()));
    let mut driver = pin!(Driver::new(source, Clock::default(), options));
    let Poll::Ready(Some(chunk)) = poll(driver.as_mut()) else { panic!() };
    assert_eq!(chunk.matches("data: ").count(), 10);
    assert_eq!(poll(driver.as_mut()), Poll::Ready(None));
}

#[test]
fn a_skipped_failure_at_the_end_is_still_the_reason() {
    let reason = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&reason);
    let options = Options::new()
        .on_error(ErrorPolicy::skip())
        .on_close(move |reason, _| *heard.lock().unwrap() = Some(reason));
    let source = Push::new(async |_: Sender| Err::<(), _>("no more"));
    let mut driver = pin!(Driver::new(source, Clock::default(), options));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    assert_eq!(poll(driver.as_mut()), Poll::Ready(None));
    assert_eq!(*reason.lock().unwrap(), Some(CloseReason::SourceFailed));
}

#[test]
fn the_hook_runs_whoever_panics() {
    struct Explosive {
        in_poll: bool,
    }
    impl Source for Explosive {
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &Encoder,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame, ItemError>>> {
            assert!(!self.in_poll, "in poll");
            Poll::Pending
        }
    }
    impl Drop for Explosive {
        fn drop(&mut self) {
            assert!(self.in_poll, "in drop");
        }
    }
    for (in_poll, expected) in [(true, CloseReason::SourceFailed), (false, CloseReason::PeerGone)] {
        let hooks = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&hooks);
        let options = Options::new().on_close(move |reason, _| heard.lock().unwrap().push(reason));
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            let mut driver = Box::pin(Driver::new(Explosive { in_poll }, Clock::default(), options));
            let _chunk = poll(driver.as_mut());
        }));
        assert!(panicked.is_err());
        assert_eq!(*hooks.lock().unwrap(), [expected]);
    }
}

#[test]
fn panics_while_another_unwinds_are_let_go_of() {
    struct Explosive;
    impl Source for Explosive {
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &Encoder,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame, ItemError>>> {
            panic!("in poll");
        }
    }
    impl Drop for Explosive {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    // As runtimes do: what panicked is dropped while the panic unwinds. Each of the three alone would abort the process.
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (hooks, notices) = (Arc::clone(&heard), Arc::clone(&heard));
    let options = Options::new()
        .on_close(move |reason, _| {
            hooks.lock().unwrap().push(format!("hook: {reason}"));
            panic!("a hook");
        })
        .with_observer(move |notice: &Notice<'_>| {
            if let Notice::Close { reason, .. } = notice {
                notices.lock().unwrap().push(format!("observer: {reason}"));
                panic!("an observer");
            }
        });
    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let mut driver = Box::pin(Driver::new(Explosive, Clock::default(), options));
        while poll(driver.as_mut()).is_ready() {}
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in poll"), "the first is heard of");
    assert_eq!(*heard.lock().unwrap(), ["observer: source-failed", "hook: source-failed"]);
}

/// Panics when it is dropped, and counts that.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a bomb");
    }
}

impl core::fmt::Debug for Bomb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bomb")
    }
}

impl core::fmt::Display for Bomb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a bomb")
    }
}

impl core::error::Error for Bomb {}

/// A source that fails once or panics, and holds a bomb or none.
struct Fuse {
    error: Option<Bomb>,
    _bomb: Option<Bomb>,
}

impl Source for Fuse {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &Encoder,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        let Some(error) = self.error.take() else { panic!("in poll") };
        Poll::Ready(Some(Err(ItemError::Source(error.into()))))
    }
}

/// A clock that holds a bomb or none.
struct Armed(Option<Bomb>);

impl Timer for Armed {
    fn now(&mut self) -> Instant {
        let _ = &self.0;
        Instant::EPOCH
    }

    fn reset(&mut self, _: Instant) {}

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn whatever_of_the_users_panics_when_it_is_dropped_aborts_nothing() {
    let table = ["source", "timer", "until", "on_error", "error", "with_observer", "on_close", "payload"];
    let cases = table.iter().map(|name| vec![*name]).chain([table.to_vec()]);
    // While the panic of a poll unwinds, and while there is none but what a bomb begins.
    for (holders, in_poll) in cases.flat_map(|holders| [(holders.clone(), true), (holders, false)]) {
        let (went_off, hooks) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let bomb = |name| holders.contains(&name).then(|| Bomb(Arc::clone(&went_off)));
        let policy = bomb("on_error");
        let mut options = Options::new().on_error(ErrorPolicy::custom(move |_| {
            let _ = &policy;
            panic!("a policy");
        }));
        if let Some(bomb) = bomb("until") {
            options = options.until(async move {
                let _held = bomb;
                core::future::pending().await
            });
        }
        if let Some(bomb) = bomb("with_observer") {
            options = options.with_observer(move |_: &Notice<'_>| {
                let _ = &bomb;
            });
        }
        let (captured, payload, ran) = (bomb("on_close"), bomb("payload"), Arc::clone(&hooks));
        options = options.on_close(move |_, _| {
            ran.fetch_add(1, Ordering::SeqCst);
            if let Some(payload) = payload {
                // Of what was captured, nothing may go off in here as well: that would be the hook's own abort.
                core::mem::forget(captured);
                std::panic::panic_any(payload);
            }
            drop(captured);
        });
        let error = if in_poll { bomb("error") } else { None };
        let source = Fuse { error, _bomb: bomb("source") };
        let timer = Armed(bomb("timer"));
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            let mut driver = Box::pin(Driver::new(source, timer, options));
            if in_poll {
                drop(driver.as_mut().poll_chunk(&mut Context::from_waker(Waker::noop())));
                drop(driver.as_mut().poll_chunk(&mut Context::from_waker(Waker::noop())));
            }
        }));
        if let Err(payload) = panicked {
            core::mem::forget(payload);
        }
        assert_eq!(hooks.load(Ordering::SeqCst), 1, "{holders:?}");
        assert!(went_off.load(Ordering::SeqCst) > 0 || !in_poll, "{holders:?}");
    }
}

#[test]
fn an_observer_that_panics_at_any_notice_is_no_peer_that_is_gone_and_nothing_is_told_twice() {
    type IsIt = fn(&Notice<'_>) -> bool;
    let notices: [(&str, IsIt); 5] = [
        ("Start", |notice| matches!(notice, Notice::Start)),
        ("Chunk", |notice| matches!(notice, Notice::Chunk { .. })),
        ("Event", |notice| matches!(notice, Notice::Event { .. })),
        ("Error", |notice| matches!(notice, Notice::Error { .. })),
        ("CloseEvent", |notice| matches!(notice, Notice::CloseEvent { .. })),
    ];
    for ((name, is_it), polls_on) in notices.into_iter().flat_map(|notice| [(notice, false), (notice, true)])
    {
        let (heard, reasons) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (listener, hook) = (Arc::clone(&heard), Arc::clone(&reasons));
        let observer = move |notice: &Notice<'_>| {
            let text = format!("{notice:?}");
            let word = text.split(|it: char| !it.is_alphanumeric()).next().unwrap_or_default().to_owned();
            let is_first = !listener.lock().unwrap().contains(&word);
            listener.lock().unwrap().push(word);
            assert!(!is_it(notice) || !is_first, "an observer");
        };
        let options = Options::new()
            .with_observer(observer)
            .with_close_event(CloseEvent::new(event_name!("done")))
            .on_close(move |reason, _| hook.lock().unwrap().push(reason));
        let source = tokio_stream::iter([Ok("a"), Ok("b"), Err("broken")]);
        let mut driver = Box::pin(Driver::new(source, Clock::default(), options));
        let read = |driver: &mut Pin<Box<Driver<_, _>>>| {
            let all = || while let Poll::Ready(Some(_)) = poll(driver.as_mut()) {};
            std::panic::catch_unwind(core::panic::AssertUnwindSafe(all)).is_err()
        };
        assert!(read(&mut driver), "{name}");
        if polls_on {
            assert!(!read(&mut driver), "{name}");
        }
        drop(driver);
        assert_eq!(*reasons.lock().unwrap(), [CloseReason::SourceFailed], "{name}");
        let heard = heard.lock().unwrap();
        let count = |word: &str| heard.iter().filter(|it| *it == word).count();
        assert_eq!((count("Start"), count("Close")), (1, 1), "{name}: {heard:?}");
        // What was lost in the panic is not made up for by what comes behind it.
        let events = match (name, polls_on) {
            ("Start" | "Chunk" | "Error", _) => 0,
            ("Event", _) => 1,
            _ => 3,
        };
        assert_eq!(count("Event"), events, "{name}: {heard:?}");
    }
}

#[test]
fn a_sender_holds_a_bounded_number_of_frames_and_says_so() {
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let source = Push::new(async move |events: Sender| {
        *keep.lock().unwrap() = Some(events);
        core::future::pending::<()>().await;
    });
    let mut driver = Box::pin(Driver::new(source, Clock::default(), Options::new()));
    assert_eq!(poll(driver.as_mut()), ready(":\n"));
    let mut sender = kept.lock().unwrap().take().unwrap();
    for _ in 0..16 {
        sender.try_send("a").unwrap();
    }
    assert!(matches!(sender.try_send("b"), Err(PushError::Full)));
    assert!(!sender.is_closed());
    drop(driver);
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send("c"), Err(PushError::Closed)));
}

/// Cannot be encoded.
struct Unencodable;

impl IntoFrame for Unencodable {
    const KIND: &'static str = "sample";

    fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
        Err(ItemError::Encode("no field `user`".into()))
    }
}

#[test]
fn a_value_that_cannot_be_encoded_is_for_the_error_policy_and_the_function_goes_on() {
    let function = async |mut events: Sender| {
        events.send("a").await?;
        events.send(Unencodable).await?;
        events.send("b").await
    };
    for (policy, told) in [
        (ErrorPolicy::notify(), "event: sse:error\ndata: Event rendering failed\n\n"),
        (ErrorPolicy::skip(), ""),
    ] {
        let options = Options::new().on_error(policy);
        let mut driver = Box::pin(Driver::new(Push::new(function), Clock::default(), options));
        let mut wire = String::new();
        while let Poll::Ready(Some(chunk)) = poll(driver.as_mut()) {
            wire.push_str(&chunk);
        }
        assert_eq!(wire, format!(":\ndata: a\n\n{told}data: b\n\n"));
    }
}

#[test]
fn m07_the_observer_hears_of_what_each_event_was_made() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let observer = move |notice: &Notice<'_>| {
        let mut heard = listener.lock().unwrap();
        match notice {
            Notice::Event { kind, name, .. } => heard.push(format!("{kind} {name}")),
            Notice::Error { kind, .. } => heard.push(format!("{kind} failed")),
            Notice::Retry { time, .. } => heard.push(format!("retry {}", time.as_millis())),
            Notice::CloseEvent { name, .. } => heard.push(format!("close event {name}")),
            Notice::Close { reason, .. } => heard.push(reason.to_string()),
            _ => {}
        }
    };
    let two = Frame::concat([&Event::new("1").to_frame(), &Event::new("2").to_frame()]).unwrap();
    let function = async |mut events: Sender| {
        events.send("text").await?;
        events.send(Comment::new("nobody hears of it")).await?;
        events.send(two).await?;
        events.send(Event::bare_id(7_u64)).await?;
        events.send(Unencodable).await?;
        events.send(Event::new("x").with_name(event_name!("named"))).await?;
        Err::<(), _>(BoxError::from("gone"))
    };
    let options = Options::new()
        .with_opening(Event::new("").with_id(1_u64))
        .with_retry(Duration::from_secs(2))
        .with_close_event(CloseEvent::new(event_name!("done")))
        .with_observer(observer);
    let mut driver = Box::pin(Driver::new(Push::new(function), Clock::default(), options));
    while let Poll::Ready(Some(_)) = poll(driver.as_mut()) {}
    let expected = [
        "sample failed",
        "function failed",
        "opening message",
        "retry 2000",
        "text message",
        "frame message",
        "frame message",
        "error sse:error",
        "event named",
        "error sse:error",
        "close event done",
        "source-failed",
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

/// An error that cannot say what it is.
#[derive(Debug)]
struct Mute;

impl core::fmt::Display for Mute {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("half a ")?;
        Err(core::fmt::Error)
    }
}

impl core::error::Error for Mute {}

impl IntoFrame for Mute {
    fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
        Err(ItemError::Encode(Box::new(self)))
    }
}

#[test]
fn m12_an_error_that_cannot_say_what_it_is_is_told_without() {
    for policy in [ErrorPolicy::inline(), ErrorPolicy::notify().with_details(), ErrorPolicy::notify()] {
        let source = tokio_stream::iter([Mute]);
        let mut driver = Box::pin(Driver::new(source, Clock::default(), Options::new().on_error(policy)));
        assert_eq!(poll(driver.as_mut()), ready(":\nevent: sse:error\ndata: Event rendering failed\n\n"));
    }
}

#[test]
fn b05_the_error_event_of_a_kind_of_client_ends_its_lines_as_the_stream_does() {
    let options = || Options::new().for_client(ClientProfile::Anthropic).with_line_ending(LineEnding::CrLf);
    let source = tokio_stream::iter([Err::<&str, _>("gone")]);
    let mut driver = Box::pin(Driver::new(source, Clock::default(), options()));
    let Poll::Ready(Some(chunk)) = poll(driver.as_mut()) else { panic!() };
    assert!(chunk.starts_with(":\r\nevent: error\r\ndata: {"), "{chunk}");
    assert_eq!(chunk.matches('\n').count(), chunk.matches("\r\n").count());
}

/// Gives one event, then panics.
struct Panics(bool);

impl Source for Panics {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        assert!(!core::mem::replace(&mut self.0, true), "the source panics");
        let _ = cx;
        Poll::Ready(Some("lost".into_frame(encoder)))
    }
}

#[test]
fn m07_what_was_lost_in_a_panic_is_not_taken_for_what_comes_behind_it() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let observer = move |notice: &Notice<'_>| match notice {
        Notice::Event { kind, name, .. } => listener.lock().unwrap().push(format!("{kind} {name}")),
        Notice::CloseEvent { name, .. } => listener.lock().unwrap().push(format!("close event {name}")),
        _ => {}
    };
    let options =
        Options::new().with_close_event(CloseEvent::new(event_name!("done"))).with_observer(observer);
    let mut driver = Box::pin(Driver::new(Panics(false), Clock::default(), options));
    let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(driver.as_mut())));
    assert!(first.is_err());
    while let Poll::Ready(Some(_)) = poll(driver.as_mut()) {}
    assert_eq!(*heard.lock().unwrap(), ["close event done"]);
}

#[test]
fn m07_a_response_that_is_never_polled_is_not_observed() {
    let observer = |notice: &Notice<'_>| panic!("{notice:?}");
    drop(Driver::new(tokio_stream::iter(["a"]), Clock::default(), Options::new().with_observer(observer)));
}

#[test]
fn m07_a_chunk_that_the_transport_did_not_take_is_told_as_unsent() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let observer = move |notice: &Notice<'_>| listener.lock().unwrap().push(format!("{notice:?}"));
    let source = tokio_stream::iter(["a"]);
    let mut driver = Box::pin(Driver::new(source, Clock::default(), Options::new().with_observer(observer)));
    assert_eq!(poll(driver.as_mut()), ready(":\ndata: a\n\n"));
    drop(driver);
    let heard = heard.lock().unwrap();
    assert_eq!(heard[..2], ["Start", "Unsent { bytes: 11 }"]);
    assert!(heard[2].starts_with("Close { reason: PeerGone"), "{heard:?}");
}

#[cfg(feature = "tokio")]
#[test]
fn a_response_of_ours_adds_less_than_half_a_kibibyte() {
    let driver = size_of::<Driver<(), sse_driver::TokioTimer>>();
    assert!(driver <= 400, "{driver} bytes, and about 100 for the sleep of the heartbeat");
}
