//! Many threads at once: order, visibility, snapshots, no deadlock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_broadcast::{Broadcaster, Delivery, Outcome, Settings, Subscription};
use sse_core::{Decoder, Event, OwnedItem};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Only what hangs takes so long, even under a sanitizer on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);
const PUBLISHERS: u64 = 8;
const EACH: u64 = 2_000;
const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

/// Fails instead of hanging.
fn within(limit: Duration, test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let tested = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match finished.recv_timeout(limit) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock"),
        _ => tested.join().unwrap(),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The next delivery; sleeps until it is woken, so that a wake that is lost hangs.
fn next(stream: &mut Subscription) -> Option<Delivery> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut next = core::pin::pin!(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)));
    loop {
        match next.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(delivery) => return delivery,
            Poll::Pending => thread::park(),
        }
    }
}

/// Sequence, and data, of everything up to the end.
fn read_to_the_end(stream: &mut Subscription) -> Vec<(u64, String)> {
    let (mut decoder, mut events) = (Decoder::new(), Vec::new());
    while let Some(Delivery::Frame(frame)) = next(stream) {
        events.extend(decoder.feed(frame.as_bytes()).owned().filter_map(|item| match item {
            OwnedItem::Event(event) if event.event_type == "sse:start" => None,
            OwnedItem::Event(event) => {
                assert_ne!(event.event_type, "sse:reset", "{}", event.data);
                let (_, sequence) = event.last_event_id.split_once('-')?;
                Some((sequence.parse().unwrap(), event.data))
            }
            _ => None,
        }));
    }
    events
}

fn roomy() -> Settings {
    Settings::new().with_events(1_000_000).with_bytes(usize::MAX)
}

#[test]
fn publishing_from_many_threads_keeps_order_and_hides_nothing() {
    within(LIMIT, || {
        let hub = Broadcaster::new(roomy());
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = (1..=TOPICS.len())
                .flat_map(|topics| [topics; 2])
                .map(|topics| {
                    let mut stream = hub.subscribe(TOPICS[..topics].iter().copied(), None).unwrap();
                    (topics, scope.spawn(move || read_to_the_end(&mut stream)))
                })
                .collect();
            let churns: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut cycles = 0_usize;
                        while !is_over.load(Ordering::SeqCst) || cycles < 100 {
                            let id = hub.position().to_id();
                            let mut stream = hub.subscribe(TOPICS, Some(&id)).unwrap();
                            assert!(matches!(stream.outcome(), Outcome::Resumed { .. }));
                            for _ in 0..cycles % 4 {
                                let mut context = Context::from_waker(Waker::noop());
                                drop(Pin::new(&mut stream).poll_next(&mut context));
                            }
                            cycles += 1;
                        }
                    })
                })
                .collect();
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| {
                    let hub = hub.clone();
                    scope.spawn(move || {
                        let publish = |number: u64| {
                            let topic = ((publisher + number * 3) % 4) as usize;
                            let data = format!("{publisher}:{number}:{topic}");
                            hub.publish(TOPICS[topic], data).unwrap().sequence.parts().1
                        };
                        (0..EACH).map(publish).collect::<Vec<u64>>()
                    })
                })
                .collect();
            let given: Vec<Vec<u64>> = publishers.into_iter().map(|it| it.join().unwrap()).collect();
            is_over.store(true, Ordering::SeqCst);
            churns.into_iter().for_each(|churn| churn.join().unwrap());
            hub.shutdown();

            assert!(given.iter().all(|given| given.is_sorted()));
            let unique: BTreeSet<u64> = given.iter().flatten().copied().collect();
            assert!(unique.into_iter().eq(1..=PUBLISHERS * EACH), "each number once");
            for (topics, reader) in readers {
                let events = reader.join().unwrap();
                assert!(events.is_sorted_by(|(before, _), (after, _)| before < after));
                if topics == TOPICS.len() {
                    assert!(events.iter().map(|(sequence, _)| *sequence).eq(1..=PUBLISHERS * EACH));
                }
                let mut last: HashMap<u64, i64> = HashMap::new();
                let mut expected = given.iter().map(|_| 0_u64).collect::<Vec<_>>();
                for (sequence, data) in &events {
                    let fields: Vec<u64> = data.split(':').map(|field| field.parse().unwrap()).collect();
                    let (publisher, number) = (fields[0], fields[1]);
                    assert!((fields[2] as usize) < topics);
                    assert_eq!(given[publisher as usize][number as usize], *sequence);
                    let before = last.insert(publisher, number as i64).unwrap_or(-1);
                    assert!(before < number as i64, "a publisher's own order");
                    expected[publisher as usize] += 1;
                }
                let share = EACH * topics as u64 / 4;
                assert!(expected.iter().all(|count| *count == share), "{topics}: {expected:?}");
            }
        });
        assert_eq!(hub.client_count(), 0);
    });
}

#[test]
fn a_client_that_is_cut_at_random_while_others_publish_loses_and_doubles_nothing() {
    within(LIMIT, || {
        let hub = Broadcaster::new(roomy());
        thread::scope(|scope| {
            let publishers: Vec<_> = (0..4)
                .map(|publisher: usize| {
                    let hub = &hub;
                    scope.spawn(move || {
                        (0..EACH).for_each(|_| {
                            hub.publish(TOPICS[publisher], "x").unwrap();
                        });
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let (mut last, mut seen) = (sse_core::EventId::new(hub_start(&hub)).unwrap(), Vec::new());
                while seen.len() < 4 * EACH as usize {
                    let mut stream = hub.subscribe(TOPICS, Some(&last)).unwrap();
                    assert!(matches!(stream.outcome(), Outcome::Resumed { .. }));
                    let Some(Delivery::Frame(frame)) = next(&mut stream) else { panic!("no frame") };
                    // Half of the frame arrives.
                    let mut decoder = Decoder::new();
                    let half = frame.len() / 2 + 1;
                    for item in decoder.feed(&frame.as_bytes()[..half.max(frame.len().min(60))]).owned() {
                        let OwnedItem::Event(event) = item else { panic!("{item:?}") };
                        seen.push(event.last_event_id.split_once('-').unwrap().1.parse::<u64>().unwrap());
                        last = sse_core::EventId::new(event.last_event_id).unwrap();
                    }
                }
                assert!(seen.into_iter().eq(1..=4 * EACH));
            });
            publishers.into_iter().for_each(|it| it.join().unwrap());
            reader.join().unwrap();
        });
    });
}

fn hub_start(hub: &Broadcaster) -> String {
    format!("{}-0", hub.position().epoch.as_str())
}

#[test]
fn a_snapshot_and_what_follows_it_always_add_up() {
    within(LIMIT, || {
        let hub = Broadcaster::new(roomy());
        let (total, paced, is_over) =
            (Arc::new(AtomicU64::new(0)), AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let publishers: Vec<_> = (0..4)
                .map(|publisher: usize| {
                    let (hub, total, paced, is_over) = (&hub, &total, &paced, &is_over);
                    scope.spawn(move || {
                        for number in 0.. {
                            // As fast as snapshots are taken.
                            while hub.position().sequence.parts().1 > paced.load(Ordering::SeqCst) + 50 {
                                if is_over.load(Ordering::SeqCst) {
                                    return;
                                }
                                thread::yield_now();
                            }
                            let add = number % 7 + 1;
                            let change = || {
                                total.fetch_add(add, Ordering::SeqCst);
                                thread::yield_now();
                                add.to_string()
                            };
                            hub.publish_with(TOPICS[publisher], change).unwrap();
                        }
                    })
                })
                .collect();
            let readers: Vec<_> = (0..200)
                .map(|_| {
                    while hub.position().sequence.parts().1 < paced.load(Ordering::SeqCst) + 10 {
                        thread::yield_now();
                    }
                    paced.store(hub.position().sequence.parts().1, Ordering::SeqCst);
                    let total = Arc::clone(&total);
                    let snapshot = move || [Event::new(total.load(Ordering::SeqCst).to_string())];
                    hub.subscription(TOPICS).snapshot(snapshot).open().unwrap()
                })
                .collect();
            is_over.store(true, Ordering::SeqCst);
            publishers.into_iter().for_each(|it| it.join().unwrap());
            hub.shutdown();
            let mut snapshots = BTreeSet::new();
            for mut reader in readers {
                let events = read_to_the_end(&mut reader);
                let sum: u64 = events.iter().map(|(_, data)| data.parse::<u64>().unwrap()).sum();
                assert_eq!(sum, total.load(Ordering::SeqCst));
                snapshots.insert(events[0].1.clone());
            }
            assert!(
                snapshots.len() >= 100,
                "at least every other one is taken in between: {}",
                snapshots.len()
            );
        });
    });
}

#[test]
fn m42_a_publisher_never_waits_for_who_does_not_read() {
    within(LIMIT, || {
        let hub = Broadcaster::new(Settings::new());
        let mut stalled: Vec<_> = (0..100).map(|_| hub.subscribe(TOPICS, None).unwrap()).collect();
        for stream in &mut stalled {
            drop(Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop())));
        }
        let start = Instant::now();
        thread::scope(|scope| {
            for topic in TOPICS {
                let hub = &hub;
                scope.spawn(move || (0..EACH).for_each(|_| drop(hub.publish(topic, "x").map(|_| ()))));
            }
        });
        assert_eq!(hub.stats().published, 4 * EACH);
        assert!(start.elapsed() < LIMIT / 2);
    });
}
