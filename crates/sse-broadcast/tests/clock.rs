//! Clocks that stand still and jump: events age as documented, and the log stays bounded.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use futures_core::Stream;
use sse_broadcast::{Broadcaster, Delivery, Epoch, Outcome, Settings, Subscription};
use sse_core::{CloseReason, EventId};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A broadcaster whose events live for a minute, ten at most, and the hours of its clock, which begins at 24.
fn hub() -> (Broadcaster, Arc<Mutex<Duration>>) {
    let hands = Arc::new(Mutex::new(24 * HOUR));
    let (zero, shown) = (Instant::now(), Arc::clone(&hands));
    let settings = Settings::new().with_epoch(Epoch::new("e").unwrap()).with_age(MINUTE).with_events(10);
    (Broadcaster::new(settings.with_clock(move || zero + *shown.lock().unwrap())), hands)
}

fn publish(hub: &Broadcaster, count: u64) {
    for _ in 0..count {
        hub.publish("t", "x").unwrap();
    }
}

/// What a client gets that saw this event last.
fn outcome(hub: &Broadcaster, seen: u64) -> Outcome {
    hub.subscribe(["t"], Some(&EventId::new(format!("e-{seen}")).unwrap())).unwrap().outcome()
}

fn read(stream: &mut Subscription) -> (usize, Option<CloseReason>) {
    let mut events = 0;
    loop {
        match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Delivery::Frame(frame))) => {
                let text = core::str::from_utf8(frame.as_bytes()).unwrap();
                events += text.matches("data: x\n").count();
            }
            Poll::Ready(Some(Delivery::Close(reason))) => return (events, Some(reason)),
            Poll::Ready(None) | Poll::Pending => return (events, None),
            Poll::Ready(Some(other)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn under_a_clock_that_stands_still_nothing_ages_and_the_log_stays_bounded() {
    let (hub, _) = hub();
    publish(&hub, 10_000);
    assert_eq!(outcome(&hub, 9_990), Outcome::Resumed { replayed: 10 });
    assert_eq!(outcome(&hub, 9_989), Outcome::Gap { from: 9_989.into(), to: 9_990.into() });
}

#[test]
fn a_clock_that_jumps_ahead_lets_go_of_what_is_too_old_and_says_so() {
    let (hub, hands) = hub();
    let mut read_it = hub.subscribe(["t"], None).unwrap();
    read(&mut read_it);
    let mut missed_it = hub.subscribe(["t"], None).unwrap();
    read(&mut missed_it);
    publish(&hub, 5);
    assert_eq!(read(&mut read_it), (5, None));
    *hands.lock().unwrap() += 8 * HOUR;
    assert_eq!(outcome(&hub, 2), Outcome::Gap { from: 2.into(), to: 5.into() });
    publish(&hub, 1);
    assert_eq!(read(&mut read_it), (1, None), "who had read everything loses nothing");
    assert_eq!(read(&mut missed_it), (0, Some(CloseReason::Lagged)));
    assert_eq!(outcome(&hub, 5), Outcome::Resumed { replayed: 1 });
}

#[test]
fn a_clock_that_goes_back_lets_go_of_nothing_early_and_of_everything_in_the_end() {
    let (hub, hands) = hub();
    let mut reader = hub.subscribe(["t"], None).unwrap();
    read(&mut reader);
    publish(&hub, 3);
    *hands.lock().unwrap() -= 8 * HOUR;
    publish(&hub, 3);
    assert_eq!(outcome(&hub, 0), Outcome::Resumed { replayed: 6 });
    assert_eq!(read(&mut reader), (6, None));
    // Events and bytes bound it meanwhile.
    publish(&hub, 1_000);
    assert_eq!(outcome(&hub, 996), Outcome::Resumed { replayed: 10 });
    *hands.lock().unwrap() += 8 * HOUR + 2 * MINUTE;
    assert_eq!(outcome(&hub, 996), Outcome::Gap { from: 996.into(), to: 1_006.into() });
}

#[test]
fn a_clock_that_jumped_ahead_once_keeps_nothing_from_ageing_when_it_is_back() {
    let (hub, hands) = hub();
    let day = 24 * HOUR;
    let set = |now| *hands.lock().unwrap() = now;
    // A reading alone: nothing is published at that hour.
    set(2 * day);
    drop(hub.subscribe(["elsewhere"], None).unwrap());
    set(day + Duration::from_secs(10));
    publish(&hub, 1);
    set(day + Duration::from_secs(70));
    assert_eq!(outcome(&hub, 0), Outcome::Resumed { replayed: 1 });
    set(day + Duration::from_secs(71));
    assert_eq!(outcome(&hub, 0), Outcome::Gap { from: 0.into(), to: 1.into() });
    // What was published at that hour, in another topic, ages, too, and makes room for others.
    let (zero, shown) = (Instant::now(), Arc::clone(&hands));
    let settings = Settings::new().with_age(MINUTE).with_topics(1);
    let hub = Broadcaster::new(settings.with_clock(move || zero + *shown.lock().unwrap()));
    set(2 * day);
    hub.publish("a", "x").unwrap();
    set(day);
    assert!(hub.publish("b", "x").is_err());
    set(day + MINUTE);
    assert!(hub.publish("b", "x").is_err());
    set(day + MINUTE + Duration::from_secs(1));
    hub.publish("b", "x").unwrap();
}

#[test]
fn any_jumps_lose_nothing_younger_than_its_age_and_keep_nothing_for_long() {
    let (hub, hands) = hub();
    // Far from its zero: each of its jumps is a whole one.
    *hands.lock().unwrap() = 10_000 * HOUR;
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    // When each event was published.
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..20_000 {
        let mut now = hands.lock().unwrap();
        *now = match next(20) {
            0 => now.saturating_sub(HOUR * 3),
            1 => *now + HOUR * 3,
            _ => *now + Duration::from_secs(next(20)),
        };
        times.push(*now);
        drop(now);
        publish(&hub, 1);
        let last = times.len() as u64;
        let seen = last - next(last.min(12));
        let kept = last.saturating_sub(10);
        // How far the clock has run since it was published; each time that it goes back it is set back.
        let is_young = |number: u64| {
            let since = times[number as usize - 1..].windows(2);
            since.map(|pair| pair[1].saturating_sub(pair[0])).sum::<Duration>() <= MINUTE
        };
        match outcome(&hub, seen) {
            Outcome::Resumed { replayed } => {
                assert_eq!(replayed, last - seen);
                assert!(seen == last || is_young(seen + 1), "{} of {last} was old", seen + 1);
            }
            Outcome::Gap { from, to } => {
                assert_eq!(from, seen);
                let to = to.parts().1;
                // The newest that is gone had to go; those before it went first.
                assert!(to <= kept || !is_young(to), "{to} of {last} was young");
            }
            other => panic!("{other:?}"),
        }
    }
}
