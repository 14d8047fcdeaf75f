//! Code of users that panics within a broadcaster: whoever called it hears of it, and nobody else. Counts stay right, no
//! lock stays held, and a second panic while the first unwinds does not abort the process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_core::Stream;
use sse_broadcast::{Broadcaster, Delivery, Epoch, Settings, Subscription};
use sse_core::Event;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Wake;

fn settings() -> Settings {
    Settings::new().with_epoch(Epoch::new("e").unwrap())
}

fn poll_with(stream: &mut Subscription, waker: &Waker) -> Poll<Option<Delivery>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

/// The text of everything that there is now.
fn read(stream: &mut Subscription) -> String {
    let mut text = String::new();
    while let Poll::Ready(Some(Delivery::Frame(frame))) = poll_with(stream, Waker::noop()) {
        text.push_str(core::str::from_utf8(frame.as_bytes()).unwrap());
    }
    text
}

fn panics<T>(code: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(code)).is_err()
}

/// Nothing is left behind of what panicked, and everything works.
fn works(hub: &Broadcaster) {
    assert_eq!((hub.client_count(), hub.topic_client_count("t")), (0, 0));
    let before = hub.position().sequence;
    let mut stream = hub.subscription(["t"]).snapshot(|| [Event::new("state")]).open().unwrap();
    assert!(read(&mut stream).ends_with("data: state\n\n"));
    hub.publish("t", "one").unwrap();
    hub.publish_with("t", || "two").unwrap();
    assert!(read(&mut stream).ends_with("data: two\n\n"));
    assert_eq!(hub.position().sequence, before.next().next());
    assert_eq!((hub.client_count(), hub.topic_client_count("t")), (1, 1));
    drop(stream);
    assert_eq!((hub.client_count(), hub.topic_client_count("t")), (0, 0));
}

#[test]
fn a_filter_that_panics_ends_its_own_subscription_alone() {
    let hub = Broadcaster::new(settings());
    let mut other = hub.subscribe(["t"], None).unwrap();
    read(&mut other);
    let mut stream = hub.subscription(["t"]).filter(|_| panic!("a filter")).open().unwrap();
    read(&mut stream);
    hub.publish("t", "x").unwrap();
    assert!(panics(move || read(&mut stream)), "and it is dropped while it unwinds");
    assert_eq!(read(&mut other), "id: e-1\ndata: x\n\n");
    assert_eq!(hub.client_count(), 1);
    drop(other);
    works(&hub);
}

#[test]
fn a_snapshot_that_panics_leaves_no_client_and_no_gate_behind() {
    let hub = Broadcaster::new(settings());
    let opened =
        || hub.subscription(["t"]).snapshot(|| -> [Event<'static>; 0] { panic!("a snapshot") }).open();
    assert!(panics(opened));
    works(&hub);
}

#[test]
fn what_is_published_by_a_function_that_panics_is_not_published_and_holds_up_no_snapshot() {
    let hub = Broadcaster::new(settings());
    assert!(panics(|| hub.publish_with("t", || -> &str { panic!("a function") })));
    assert_eq!(hub.position().sequence, 0);
    works(&hub);
}

/// A switch for hooks that panic as long as it is on.
fn armed() -> (Arc<AtomicBool>, impl Fn() + Send + Sync + Clone + 'static) {
    let is_armed = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_armed);
    (switch, move || assert!(!is_armed.load(Ordering::SeqCst), "a hook"))
}

#[test]
fn hooks_that_panic_leave_counts_right() {
    let (switch, hook) = armed();
    let hub = Broadcaster::new(settings().on_connect(move |_| hook()));
    let mut stream = hub.subscribe(["t"], None).unwrap();
    assert!(panics(move || read(&mut stream)));
    switch.store(false, Ordering::SeqCst);
    works(&hub);

    let (switch, hook) = armed();
    let hub = Broadcaster::new(settings().on_leave(move |_| hook()));
    let mut stream = hub.subscribe(["t"], None).unwrap();
    read(&mut stream);
    assert!(panics(move || drop(stream)));
    switch.store(false, Ordering::SeqCst);
    works(&hub);
}

#[test]
fn a_hook_that_panics_while_another_panic_unwinds_is_let_go_of() {
    let (switch, hook) = armed();
    let filter = hook.clone();
    let hub = Broadcaster::new(settings().on_leave(move |_| hook()));
    let stream = hub.subscription(["t"]).filter(move |_| {
        filter();
        true
    });
    let mut stream = stream.open().unwrap();
    read(&mut stream);
    hub.publish("t", "x").unwrap();
    assert!(panics(move || read(&mut stream)));
    switch.store(false, Ordering::SeqCst);
    works(&hub);
}

#[test]
fn a_clock_that_panics_changes_nothing() {
    let (switch, hook) = armed();
    switch.store(false, Ordering::SeqCst);
    let start = std::time::Instant::now();
    let hub = Broadcaster::new(settings().with_age(Duration::from_secs(60)).with_clock(move || {
        hook();
        start
    }));
    let mut stream = hub.subscribe(["t"], None).unwrap();
    switch.store(true, Ordering::SeqCst);
    assert!(panics(|| read(&mut stream)), "its registration");
    assert!(panics(|| hub.publish("t", "x")));
    assert!(panics(|| hub.subscribe(["t"], None)));
    assert_eq!((hub.position().sequence, hub.client_count()), (0.into(), 0));
    switch.store(false, Ordering::SeqCst);
    assert!(read(&mut stream).contains("fresh"), "it may go on");
    assert_eq!(hub.client_count(), 1);
    drop(stream);
    works(&hub);
}

#[test]
fn a_drain_whose_timer_panics_takes_clients_again() {
    let hub = Broadcaster::new(settings());
    let mut streams: Vec<_> = (0..3).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    streams.iter_mut().for_each(|stream| drop(read(stream)));
    let sleep = |_| -> core::future::Ready<()> { panic!("a timer") };
    let mut drain = Box::pin(hub.drain(Duration::from_secs(10), sleep));
    assert!(panics(move || drain.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
    drop(streams);
    works(&hub);
}

#[test]
fn wakers_that_panic_keep_nobody_asleep_and_abort_nothing() {
    struct Explosive;
    impl Wake for Explosive {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    #[derive(Default)]
    struct Counting(AtomicUsize);
    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let hub = Broadcaster::new(settings());
    let counting = Arc::new(Counting::default());
    let mut streams: Vec<_> = (0..9).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        // More than one of them: the others panic while the first unwinds.
        let explosive = number % 3 == 1;
        let waker = if explosive { Waker::from(Arc::new(Explosive)) } else { Arc::clone(&counting).into() };
        while poll_with(stream, &waker).is_ready() {}
    }
    assert!(panics(|| hub.publish("t", "x")));
    assert_eq!(counting.0.load(Ordering::SeqCst), 6);
    assert_eq!(hub.position().sequence, 1, "it is published");
    drop(streams);
    works(&hub);
}

/// Panics when it is dropped, and counts that.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a bomb");
    }
}

/// A waker that panics when it is dropped.
struct Clinging(#[allow(dead_code, reason = "it goes off")] Bomb);

impl Wake for Clinging {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn whatever_of_the_users_panics_when_it_is_dropped_aborts_nothing() {
    let table = ["clock", "on_connect", "on_leave", "filter", "snapshot", "payload", "waker"];
    for holders in table.iter().map(|name| vec![*name]).chain([table.to_vec()]) {
        let (went_off, left) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let bomb = |name| holders.contains(&name).then(|| Bomb(Arc::clone(&went_off)));
        let (clock, on_connect, on_leave) = (bomb("clock"), bomb("on_connect"), bomb("on_leave"));
        let (payload, count, now) =
            (std::sync::Mutex::new(bomb("payload")), Arc::clone(&left), std::time::Instant::now());
        let settings = settings()
            .with_clock(move || {
                let _ = &clock;
                now
            })
            .on_connect(move |_| {
                let _ = &on_connect;
            })
            .on_leave(move |_| {
                let _ = &on_leave;
                count.fetch_add(1, Ordering::SeqCst);
                let payload = payload.lock().unwrap().take();
                if let Some(payload) = payload {
                    std::panic::panic_any(payload);
                }
            });
        let (filter, snapshot) = (bomb("filter"), bomb("snapshot"));
        // All of it, the broadcaster too, is dropped while a filter's panic unwinds.
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let hub = Broadcaster::new(settings);
            let _unopened = hub.subscription(["t"]).snapshot(move || {
                drop(snapshot);
                [Event::new("x")]
            });
            let _waits = bomb("waker").map(|bomb| {
                let mut stream = hub.subscribe(["t", "u"], None).unwrap();
                let waker = Waker::from(Arc::new(Clinging(bomb)));
                while poll_with(&mut stream, &waker).is_ready() {}
                // Held by the place where it waits, alone.
                drop(waker);
                stream
            });
            let filtered = hub.subscription(["f"]).filter(move |_| {
                let _ = &filter;
                panic!("a filter");
            });
            let mut stream = filtered.open().unwrap();
            read(&mut stream);
            hub.publish("f", "x").unwrap();
            read(&mut stream);
        }));
        assert_eq!(
            panicked.unwrap_err().downcast_ref(),
            Some(&"a filter"),
            "the first is heard of: {holders:?}"
        );
        assert_eq!(went_off.load(Ordering::SeqCst), holders.len(), "{holders:?}");
        let clients = 1 + usize::from(holders.contains(&"waker"));
        assert_eq!(left.load(Ordering::SeqCst), clients, "{holders:?}");
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_keeps_nobody_from_hearing_who_left() {
    let left = Arc::<AtomicUsize>::default();
    let went_off = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&left);
    let hub = Broadcaster::new(settings().on_leave(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let mut stream = hub.subscribe(["t", "u"], None).unwrap();
    let waker = Waker::from(Arc::new(Clinging(Bomb(Arc::clone(&went_off)))));
    while poll_with(&mut stream, &waker).is_ready() {}
    drop(waker);
    assert!(panics(move || drop(stream)));
    assert_eq!((left.load(Ordering::SeqCst), went_off.load(Ordering::SeqCst)), (1, 1));
    works(&hub);
}

#[test]
fn what_is_published_while_a_panic_unwinds_wakes_everybody() {
    struct Explosive(Arc<AtomicUsize>);
    impl Wake for Explosive {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("a waker");
        }
    }
    /// Says good-bye, as a user's guard may.
    struct Leaving(Broadcaster);
    impl Drop for Leaving {
        fn drop(&mut self) {
            self.0.publish("t", "gone").unwrap();
        }
    }
    let hub = Broadcaster::new(settings());
    let woken = Arc::<AtomicUsize>::default();
    let mut streams: Vec<_> = (0..3).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    for stream in &mut streams {
        let waker = Waker::from(Arc::new(Explosive(Arc::clone(&woken))));
        while poll_with(stream, &waker).is_ready() {}
    }
    let leaving = Leaving(hub.clone());
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _leaving = leaving;
        panic!("first");
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"first"));
    assert_eq!((woken.load(Ordering::SeqCst), hub.position().sequence), (3, 1.into()));
    drop(streams);
    works(&hub);
}
