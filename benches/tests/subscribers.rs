//! Ten thousand subscribers on one thread: what each costs while it waits, and that none is forgotten. Its own binary,
//! because the counting allocator is global.

use allocation_counter::{AllocationInfo, measure};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_core::Stream;
use sse_broadcast::{Broadcaster, Delivery, Settings, Subscription};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

const SUBSCRIBERS: usize = 10_000;

/// What the documentation states.
const BYTES_PER_SUBSCRIBER: i64 = 320;

fn hub() -> Broadcaster {
    Broadcaster::new(Settings::new())
}

fn poll(stream: &mut Subscription, waker: &Waker) -> Poll<usize> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker)).map(|delivery| match delivery {
        Some(Delivery::Frame(frame)) => frame.len(),
        other => panic!("{other:?}"),
    })
}

/// Subscribes, and reads what a stream begins with.
fn waiting(hub: &Broadcaster, waker: &Waker) -> Subscription {
    let mut stream = hub.subscribe(["events"], None).expect("room");
    while poll(&mut stream, waker).is_ready() {}
    stream
}

#[test]
fn an_idle_subscriber_costs_less_than_the_stated_bound() {
    let hub = hub();
    let mut streams = Vec::new();
    let AllocationInfo { bytes_current, .. } = measure(|| {
        streams = Vec::with_capacity(SUBSCRIBERS);
        streams.extend((0..SUBSCRIBERS).map(|_| waiting(&hub, Waker::noop())));
    });
    let bytes = bytes_current / SUBSCRIBERS as i64;
    println!("{bytes} bytes for each subscriber, of which {} are the value", size_of::<Subscription>());
    assert_eq!(hub.client_count(), SUBSCRIBERS);
    assert!(bytes <= BYTES_PER_SUBSCRIBER, "{bytes}");
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn publishing_wakes_each_once_and_each_gets_the_event() {
    let (hub, wakes) = (hub(), Arc::new(Wakes::default()));
    let waker = Waker::from(Arc::clone(&wakes));
    let mut streams: Vec<_> = (0..SUBSCRIBERS).map(|_| waiting(&hub, &waker)).collect();
    for round in 1..=3 {
        hub.publish("events", "x").expect("an event");
        assert_eq!(wakes.0.load(Ordering::Relaxed), round * SUBSCRIBERS);
        let sizes: Vec<_> = streams.iter_mut().map(|stream| poll(stream, &waker)).collect();
        assert!(sizes[0].is_ready() && sizes.iter().all(|size| *size == sizes[0]));
        assert!(streams.iter_mut().all(|stream| poll(stream, &waker).is_pending()));
    }
}

#[test]
fn waking_allocates_room_for_the_next_wait_and_delivering_nothing() {
    let hub = hub();
    let mut streams: Vec<_> = (0..SUBSCRIBERS).map(|_| waiting(&hub, Waker::noop())).collect();
    hub.publish("events", "x").expect("an event");
    let delivered = measure(|| {
        for stream in &mut streams {
            assert!(poll(stream, Waker::noop()).is_ready());
            assert!(poll(stream, Waker::noop()).is_pending());
        }
    });
    assert_eq!(delivered.count_total, 0);
}

#[test]
fn a_burst_is_joined_once_for_all_that_are_at_the_same_place() {
    let hub = hub();
    let mut streams: Vec<_> = (0..100).map(|_| waiting(&hub, Waker::noop())).collect();
    for _ in 0..16 {
        hub.publish("events", "x").expect("an event");
    }
    let [first, others @ ..] = &mut *streams else { panic!() };
    let mut size = Poll::Pending;
    let joined = measure(|| size = poll(first, Waker::noop()));
    assert!(joined.count_total > 0 && size.is_ready());
    let shared = measure(|| assert!(others.iter_mut().all(|stream| poll(stream, Waker::noop()) == size)));
    assert_eq!(shared.count_total, 0);
}

#[test]
fn subscribers_that_stall_cost_no_more_however_much_is_published() {
    let hub = hub();
    let published = |events: usize| {
        move |hub: &Broadcaster| {
            for number in 0..events {
                hub.publish("events", format!("{number:0>100}")).expect("an event");
            }
        }
    };
    // Fills the log, which is bounded.
    published(2_000)(&hub);
    let stalled: Vec<_> = (0..SUBSCRIBERS).map(|_| waiting(&hub, Waker::noop())).collect();
    let grown = measure(|| published(100_000)(&hub));
    // Of 100,000 events that are each kept for 10,000 subscribers, nothing: what they waited in is even given back.
    assert!(grown.bytes_current <= 64 * 1024, "{}", grown.bytes_current);
    assert_eq!(hub.client_count(), SUBSCRIBERS);
    drop(stalled);
}
