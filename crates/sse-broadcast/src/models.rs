//! Models for loom: each is run with every order in which its threads can come to the locks, and to sleep. A thread that
//! sleeps with nobody left to wake it is a deadlock, and fails. `cargo xtask loom` runs them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use crate::{
    Broadcaster, Delivery, Lag, Outcome, Position, Presence, Settings, SubscribeError, Subscription,
};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_core::Stream;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use sse_core::{CloseReason, Decoder, Event, OwnedItem};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Wake;

/// Tries all orders, however many preemptions they take.
fn model(body: impl Fn() + Sync + Send + 'static) {
    explore(None, body);
}

/// Says how many orders it tried: with one alone, nothing was put to the test.
fn explore(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) {
    let orders = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        body();
    });
    let orders = orders.load(Relaxed);
    println!("{orders} orders");
    assert!(orders > 1, "{orders} orders");
}

fn hub() -> Broadcaster {
    Broadcaster::new(Settings::new())
}

/// A task that sleeps until it is woken.
#[derive(Default)]
struct Task(Notify);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn poll(stream: &mut Subscription, waker: &Waker) -> Poll<Option<Delivery>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

fn next(stream: &mut Subscription) -> Option<Delivery> {
    let task = Arc::new(Task::default());
    let waker = Waker::from(Arc::clone(&task));
    loop {
        match poll(stream, &waker) {
            Poll::Ready(delivery) => return delivery,
            Poll::Pending => task.0.wait(),
        }
    }
}

/// Numbers and data of the events in a frame, but for where a stream begins.
fn events(frame: &sse_core::Frame) -> Vec<(u64, String)> {
    let items: Vec<_> = Decoder::new().feed(frame.as_bytes()).owned().collect();
    let event = |item| match item {
        OwnedItem::Event(event) if event.event_type != "sse:start" => {
            let position: Position = event.last_event_id.parse().unwrap();
            Some((position.sequence.parts().1, event.data))
        }
        _ => None,
    };
    items.into_iter().filter_map(event).collect()
}

/// Reads so many events, asleep in between.
fn read(stream: &mut Subscription, count: usize) -> Vec<(u64, String)> {
    let mut read = Vec::new();
    while read.len() < count {
        match next(stream) {
            Some(Delivery::Frame(frame)) => read.extend(events(&frame)),
            other => panic!("{other:?} behind {read:?}"),
        }
    }
    read
}

fn read_to_the_end(stream: &mut Subscription) -> (Vec<(u64, String)>, CloseReason) {
    let mut read = Vec::new();
    loop {
        match next(stream) {
            Some(Delivery::Frame(frame)) => read.extend(events(&frame)),
            Some(Delivery::Close(reason)) => return (read, reason),
            None => panic!("an end without a reason"),
        }
    }
}

fn numbers(events: &[(u64, String)]) -> Vec<u64> {
    events.iter().map(|(sequence, _)| *sequence).collect()
}

#[test]
fn no_wake_is_lost_between_a_look_at_the_log_and_going_to_sleep() {
    model(|| {
        let hub = hub();
        let mut stream = hub.subscribe(["a"], None).unwrap();
        let reader = thread::spawn(move || numbers(&read(&mut stream, 2)));
        hub.publish("a", "1").unwrap();
        hub.publish("a", "2").unwrap();
        assert_eq!(reader.join().unwrap(), [1, 2]);
    });
}

#[test]
fn two_publishers_on_two_topics_reach_one_reader_in_order() {
    model(|| {
        let hub = hub();
        let mut stream = hub.subscribe(["a", "b"], None).unwrap();
        let other = hub.clone();
        let publisher = thread::spawn(move || other.publish("b", "b").unwrap().sequence.parts().1);
        let reader = thread::spawn(move || numbers(&read(&mut stream, 2)));
        let mut given = [hub.publish("a", "a").unwrap().sequence.parts().1, publisher.join().unwrap()];
        given.sort_unstable();
        assert_eq!(given, [1, 2]);
        assert_eq!(reader.join().unwrap(), given);
    });
}

#[test]
fn two_readers_at_one_place_share_what_they_missed_and_no_more() {
    model(|| {
        let hub = hub();
        let mut readers = [(); 2].map(|()| hub.subscribe(["a"], None).unwrap());
        readers.iter_mut().for_each(|stream| drop(next(stream)));
        hub.publish("a", "1").unwrap();
        hub.publish("a", "2").unwrap();
        let readers = readers.map(|mut stream| {
            thread::spawn(move || {
                let read = read(&mut stream, 2);
                (stream, read)
            })
        });
        hub.publish("a", "3").unwrap();
        for reader in readers {
            let (mut stream, mut all) = reader.join().unwrap();
            if all.len() == 2 {
                all.extend(read(&mut stream, 1));
            }
            assert_eq!(numbers(&all), [1, 2, 3]);
        }
    });
}

#[test]
fn two_readers_that_sleep_on_one_topic_are_woken_each_time() {
    // With more preemptions it takes hours.
    explore(Some(3), || {
        let hub = hub();
        let readers = [(); 2].map(|()| {
            let mut stream = hub.subscribe(["a"], None).unwrap();
            while poll(&mut stream, Waker::noop()).is_ready() {}
            thread::spawn(move || numbers(&read(&mut stream, 2)))
        });
        hub.publish("a", "1").unwrap();
        hub.publish("a", "2").unwrap();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), [1, 2]);
        }
    });
}

#[test]
fn a_task_that_takes_a_stream_over_is_woken_and_not_the_one_before() {
    model(|| {
        let hub = hub();
        let mut stream = hub.subscribe(["a"], None).unwrap();
        let before = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&before));
        while poll(&mut stream, &waker).is_ready() {}
        drop(waker);
        let reader = thread::spawn(move || {
            let read = numbers(&read(&mut stream, 1));
            drop(stream);
            read
        });
        hub.publish("a", "1").unwrap();
        assert_eq!(reader.join().unwrap(), [1]);
        assert_eq!(Arc::strong_count(&before), 1, "its waker is gone");
    });
}

#[test]
fn a_shutdown_wakes_everybody_behind_all_that_was_published() {
    model(|| {
        let hub = hub();
        let mut stream = hub.subscribe(["a"], None).unwrap();
        let reader = thread::spawn(move || read_to_the_end(&mut stream));
        let other = hub.clone();
        let publisher = thread::spawn(move || other.publish("a", "1").is_ok());
        hub.shutdown();
        let was_published = publisher.join().unwrap();
        let (read, reason) = reader.join().unwrap();
        assert_eq!((read.len(), reason), (usize::from(was_published), CloseReason::Shutdown));
        assert_eq!(hub.stats().published, u64::from(was_published));
        assert_eq!(hub.client_count(), 0);
    });
}

#[test]
fn a_stream_dropped_while_its_topic_wakes_leaves_neither_count_nor_waker() {
    model(|| {
        let hub = hub();
        let mut stream = hub.subscribe(["a", "b"], None).unwrap();
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        while poll(&mut stream, &waker).is_ready() {}
        drop(waker);
        assert_eq!((hub.client_count(), hub.topic_client_count("a")), (1, 1));
        let other = hub.clone();
        let publisher = thread::spawn(move || {
            other.publish("a", "1").unwrap();
        });
        let leaver = thread::spawn(move || drop(stream));
        // Nothing on `b`: its place is given up by who leaves, or never.
        hub.publish("a", "2").unwrap();
        publisher.join().unwrap();
        leaver.join().unwrap();
        assert_eq!((hub.client_count(), hub.topic_client_count("a"), hub.topic_client_count("b")), (0, 0, 0));
        assert_eq!(Arc::strong_count(&task), 1);
    });
}

#[test]
fn the_last_place_goes_to_one_of_two() {
    model(|| {
        let hub = Broadcaster::new(Settings::new().with_clients(1));
        let clients = [(); 2].map(|()| hub.subscribe(["a"], None).unwrap());
        let clients = clients.map(|mut stream| {
            thread::spawn(move || {
                drop(poll(&mut stream, Waker::noop()));
                stream
            })
        });
        let clients = clients.map(|client| client.join().unwrap());
        let is_refused = |stream: &&Subscription| {
            stream.outcome() == Outcome::Refused(SubscribeError::TooManyClients { limit: 1 })
        };
        assert_eq!(clients.iter().filter(is_refused).count(), 1);
        assert_eq!((hub.client_count(), hub.topic_client_count("a"), hub.stats().refused), (1, 1, 1));
        drop(clients);
        assert_eq!((hub.client_count(), hub.topic_client_count("a")), (0, 0));
    });
}

#[test]
fn who_resumes_while_others_publish_gets_each_event_once() {
    model(|| {
        let hub = hub();
        let start = hub.position().to_id();
        hub.publish("a", "1").unwrap();
        let other = hub.clone();
        let publisher = thread::spawn(move || {
            other.publish("a", "2").unwrap();
            other.publish("a", "3").unwrap();
        });
        let mut stream = hub.subscribe(["a"], Some(&start)).unwrap();
        assert!(matches!(stream.outcome(), Outcome::Resumed { replayed: 1..=3 }));
        assert_eq!(numbers(&read(&mut stream, 3)), [1, 2, 3]);
        publisher.join().unwrap();
    });
}

#[test]
fn a_topic_that_is_forgotten_meanwhile_loses_nothing_unsaid() {
    model(|| {
        let settings = Settings::new().with_events(0).with_topics(1).with_lag(Lag::Skip);
        let hub = Broadcaster::new(settings);
        let mut stream = hub.subscribe(["a"], None).unwrap();
        let other = hub.clone();
        // A log that holds nothing: whatever is published is lost at once, and the empty topic makes room for another.
        let publisher = thread::spawn(move || {
            let lost = other.publish("a", "1").is_ok();
            drop(other.publish("b", "2"));
            lost
        });
        drop(poll(&mut stream, Waker::noop()));
        let lost = publisher.join().unwrap();
        let is_refused = matches!(stream.outcome(), Outcome::Refused(_));
        let said = match poll(&mut stream, Waker::noop()) {
            Poll::Ready(Some(Delivery::Frame(frame))) => frame.as_bytes().starts_with(b"event: sse:reset"),
            _ => false,
        };
        assert!(is_refused || said == lost, "{lost} {said} {:?}", hub.stats());
    });
}

#[test]
fn a_snapshot_and_what_follows_it_add_up_and_nobody_waits_for_ever() {
    model(|| {
        let hub = hub();
        let total = Arc::new(AtomicU64::new(0));
        let publishers = [1, 2].map(|add| {
            let (hub, total) = (hub.clone(), Arc::clone(&total));
            thread::spawn(move || {
                let change = || {
                    total.fetch_add(add, Ordering::SeqCst);
                    add.to_string()
                };
                hub.publish_with("a", change).unwrap();
            })
        });
        let state = Arc::clone(&total);
        let snapshot = move || [Event::new(state.load(Ordering::SeqCst).to_string())];
        let mut stream = hub.subscription(["a"]).snapshot(snapshot).open().unwrap();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        hub.shutdown();
        let (read, _) = read_to_the_end(&mut stream);
        let sum: u64 = read.iter().map(|(_, data)| data.parse::<u64>().unwrap()).sum();
        assert_eq!(sum, 3, "{read:?}");
    });
}

#[test]
fn hooks_that_publish_and_ask_never_wait_for_their_own_locks() {
    model(|| {
        let tell = |client: &Presence<'_>| {
            drop(client.broadcaster.publish("here", client.broadcaster.client_count().to_string()));
        };
        let hub = Broadcaster::new(Settings::new().on_connect(tell).on_leave(tell));
        let mut stream = hub.subscribe(["a", "here"], None).unwrap();
        let client = thread::spawn(move || {
            drop(poll(&mut stream, Waker::noop()));
            drop(stream);
        });
        hub.publish("a", "1").unwrap();
        hub.shutdown();
        client.join().unwrap();
        assert_eq!(hub.client_count(), 0);
    });
}
