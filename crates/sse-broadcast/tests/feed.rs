//! Broadcasters that are fed from a log elsewhere: what nodes agree on, and what only the feed knows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_broadcast::{
    Delivery, Epoch, FedEvent, Feed, FeedError, Lag, Message, Outcome, Position, PublishError, Sequence,
    Settings, Subscription,
};
use sse_core::{CloseReason, Event, EventId, Frame, event_id, event_name};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn epoch() -> Epoch {
    Epoch::new("e").unwrap()
}

fn at(number: u64) -> Sequence {
    Sequence::of_parts(1_000, number)
}

fn id(number: u64) -> EventId<'static> {
    Position { epoch: epoch(), sequence: at(number) }.to_id()
}

fn fed<'a>(topic: &'a str, number: u64, message: impl Into<Message<'a>>) -> FedEvent<'a> {
    FedEvent { topic, sequence: at(number), age: Duration::ZERO, message: message.into() }
}

/// A node that has read these numbers.
fn node(settings: Settings, numbers: impl IntoIterator<Item = u64>) -> Feed {
    let feed = Feed::new(settings, epoch());
    let mut batch = feed.batch();
    for number in numbers {
        batch.append(fed("t", number, number.to_string())).unwrap();
    }
    drop(batch);
    feed
}

fn skipping() -> Settings {
    Settings::new().with_lag(Lag::Skip)
}

/// Everything that there is now, and how it ended if it did.
fn read(stream: &mut Subscription) -> (String, Option<CloseReason>) {
    let mut text = String::new();
    loop {
        match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Delivery::Frame(frame))) => {
                text.push_str(core::str::from_utf8(frame.as_bytes()).unwrap());
            }
            Poll::Ready(Some(Delivery::Close(reason))) => return (text, Some(reason)),
            Poll::Pending => return (text, None),
            other => panic!("{other:?}"),
        }
    }
}

fn resumed(feed: &Feed, id: &EventId<'_>) -> Subscription {
    feed.broadcaster().subscribe(["t"], Some(id)).unwrap()
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn b07_a_client_of_one_node_goes_on_at_another_behind_what_it_saw() {
    let [one, other] = [node(Settings::new(), 1..=3), node(Settings::new(), 1..=5)];
    let mut stream = resumed(&one, &id(1));
    let (text, _) = read(&mut stream);
    assert_eq!(text, "id: e-1000-2\ndata: 2\n\nid: e-1000-3\ndata: 3\n\n");

    let mut stream = resumed(&other, &stream.position().to_id());
    assert_eq!(stream.outcome(), Outcome::Resumed { replayed: 2 });
    assert_eq!(read(&mut stream).0, "id: e-1000-4\ndata: 4\n\nid: e-1000-5\ndata: 5\n\n");
}

#[test]
fn b07_a_client_that_is_ahead_of_a_node_gets_nothing_twice_and_all_that_follows() {
    let feed = node(Settings::new(), 1..=2);
    feed.set_ahead(at(3), at(7));
    let mut stream = resumed(&feed, &id(4));
    assert_eq!(stream.outcome(), Outcome::Resumed { replayed: 0 });
    assert_eq!(read(&mut stream), (String::new(), None));
    let mut batch = feed.batch();
    (3..=5).for_each(|number| batch.append(fed("t", number, number.to_string())).unwrap());
    drop(batch);
    assert_eq!(read(&mut stream).0, "id: e-1000-5\ndata: 5\n\n");
}

#[test]
fn b07_a_loss_sets_nobody_back_who_is_ahead() {
    let feed = node(skipping(), 1..=2);
    feed.set_ahead(at(3), at(20));
    let mut stream = resumed(&feed, &id(9));
    assert_eq!(read(&mut stream).0, "");
    feed.lose_through(at(12));
    assert!(read(&mut stream).0.contains("id: e-1000-9\n"), "where it was");
    let mut batch = feed.batch();
    (3..=13).for_each(|number| batch.append(fed("t", number, number.to_string())).unwrap());
    drop(batch);
    assert!(read(&mut stream).0.starts_with("id: e-1000-10\n"));
}

#[test]
fn b07_a_fresh_client_gets_nothing_that_was_published_before_it_however_far_behind_its_node_is() {
    let feed = node(Settings::new(), 1..=2);
    feed.set_newest(at(4));
    let mut stream = feed.broadcaster().subscribe(["t"], None).unwrap();
    let mut batch = feed.batch();
    (3..=5).for_each(|number| batch.append(fed("t", number, number.to_string())).unwrap());
    drop(batch);
    let (text, _) = read(&mut stream);
    assert!(text.starts_with("event: sse:start\nid: e-1000-4\n"), "{text}");
    assert!(text.ends_with("\n\nid: e-1000-5\ndata: 5\n\n") && !text.contains("data: 4"), "{text}");
    // The history is what there is of it.
    let mut history = feed.broadcaster().subscription(["t"]).from_oldest().open().unwrap();
    assert_eq!(read(&mut history).0.matches("\ndata: ").count(), 1 + 5);
}

#[test]
fn b07_an_id_from_beyond_what_can_be_is_not_of_this_log() {
    let feed = node(Settings::new(), 1..=2);
    feed.set_ahead(at(3), at(7));
    assert_eq!(resumed(&feed, &id(7)).outcome(), Outcome::Resumed { replayed: 0 });
    assert_eq!(resumed(&feed, &id(8)).outcome(), Outcome::Reset);
    assert_eq!(resumed(&feed, &event_id!("z-1000-1")).outcome(), Outcome::Reset);
    // What was fed counts, whatever is said to be ahead; and what is known to be there, and was not fed.
    feed.set_ahead(at(6), at(7));
    assert_eq!(resumed(&feed, &id(2)).outcome(), Outcome::Resumed { replayed: 0 });
    assert_eq!(resumed(&feed, &id(3)).outcome(), Outcome::Reset, "no event can have that number");
    feed.set_newest(at(3));
    assert_eq!(resumed(&feed, &id(3)).outcome(), Outcome::Resumed { replayed: 0 });
}

#[test]
fn b07_what_the_feed_lost_is_told_to_who_has_not_read_it() {
    let feed = node(skipping(), 1..=2);
    let mut stream = resumed(&feed, &id(2));
    let mut elsewhere = feed.broadcaster().subscribe(["u"], None).unwrap();
    read(&mut stream);
    read(&mut elsewhere);
    feed.lose_through(at(4));
    feed.batch().append(fed("t", 5, "5")).unwrap();
    let gap = "event: sse:reset
id: e-1000-4
data: {\"reason\":\"gap\",\"from\":\"1000-2\",\"to\":\"1000-4\"}

";
    assert_eq!(read(&mut stream).0, format!("{gap}id: e-1000-5\ndata: 5\n\n"));
    assert!(read(&mut elsewhere).0.contains("gap"), "a topic of which nothing was read");
    // Who comes back, or comes to a topic that is new, learns of it, too; and only who was not past it.
    assert_eq!(resumed(&feed, &id(3)).outcome(), Outcome::Gap { from: at(3), to: at(4) });
    assert_eq!(resumed(&feed, &id(4)).outcome(), Outcome::Resumed { replayed: 1 });
    let other = feed.broadcaster().subscribe(["new"], Some(&id(3))).unwrap();
    assert_eq!(other.outcome(), Outcome::Gap { from: at(3), to: at(4) });
    assert_eq!(read(&mut stream), (String::new(), None), "told once");
}

#[test]
fn b07_a_loss_is_told_though_the_log_was_full_and_lets_go_of_older_events() {
    let feed = node(skipping().with_events(2), 1..=2);
    let mut stream = resumed(&feed, &id(2));
    assert_eq!(read(&mut stream).0, "");
    let mut batch = feed.batch();
    feed.lose_through(at(4));
    batch.append(fed("t", 5, "5")).unwrap();
    drop(batch);
    assert!(
        read(&mut stream).0.contains("\"to\":\"1000-4\""),
        "1 went from the log, 4 from the log elsewhere"
    );
    assert_eq!(resumed(&feed, &id(3)).outcome(), Outcome::Gap { from: at(3), to: at(4) });
}

#[test]
fn b07_of_what_may_be_missing_that_which_is_not_can_be_appended() {
    let feed = node(skipping(), 1..=2);
    let mut stream = resumed(&feed, &id(2));
    feed.lose_through(at(6));
    let mut batch = feed.batch();
    for number in [3, 6] {
        batch.append(fed("t", number, number.to_string())).unwrap();
    }
    drop(batch);
    feed.advance_to(at(7));
    let (text, _) = read(&mut stream);
    assert!(
        text.contains("\"to\":\"1000-6\"") && text.contains("data: 3\n") && text.contains("data: 6\n"),
        "{text}"
    );
    assert_eq!(feed.batch().append(fed("t", 7, "7")), Err(FeedError::NotBehind { last: at(7) }));
    assert_eq!(resumed(&feed, &id(4)).outcome(), Outcome::Gap { from: at(4), to: at(6) });
}

#[test]
fn b07_another_log_may_count_anew() {
    let feed = node(skipping(), 1..=5);
    feed.set_newest(at(9));
    feed.set_ahead(at(9), at(20));
    feed.restart(epoch(), Sequence::ZERO);
    assert_eq!(resumed(&feed, &id(9)).outcome(), Outcome::Reset);
    let mut stream = feed.broadcaster().subscribe(["t"], None).unwrap();
    feed.batch().append(fed("t", 1, "1")).unwrap();
    assert!(read(&mut stream).0.ends_with("data: 1\n\n"));
}

#[test]
fn b07_another_log_is_told_in_the_stream() {
    let feed = node(skipping(), 1..=2);
    let mut stream = resumed(&feed, &id(1));
    feed.restart(Epoch::new("f").unwrap(), Sequence::ZERO);
    feed.batch().append(fed("t", 1, "new")).unwrap();
    let reset = "event: sse:reset\nid: f-1000-0\ndata: {\"reason\":\"reset\"}\n\n";
    assert_eq!(read(&mut stream).0, format!("{reset}id: f-1000-1\ndata: new\n\n"));
    assert_eq!(stream.position().to_string(), "f-1000-1");
    assert_eq!(feed.broadcaster().position().to_string(), "f-1000-1");
    assert_eq!(resumed(&feed, &id(1)).outcome(), Outcome::Reset, "of the log before");
}

#[test]
fn b07_another_log_ends_the_streams_of_clients_that_are_to_resume() {
    let feed = node(Settings::new(), 1..=2);
    let mut stream = resumed(&feed, &id(2));
    assert_eq!(read(&mut stream), (String::new(), None));
    feed.restart(Epoch::new("f").unwrap(), at(9));
    let (text, end) = read(&mut stream);
    assert!(text.starts_with("event: sse:retry\n"), "{text}");
    assert_eq!(end, Some(CloseReason::Lagged));
    let position = feed.broadcaster().position();
    assert_eq!(position.to_string(), "f-1000-9");
    assert_eq!(
        feed.broadcaster().subscribe(["t"], Some(&position.to_id())).unwrap().outcome(),
        Outcome::Resumed { replayed: 0 }
    );
}

#[test]
fn b07_that_the_feed_stopped_is_told_once_to_all_and_to_who_comes_meanwhile() {
    const STALE: &str = "event: sse:stale\ndata: {\"stale\":true}\n\n";
    const BACK: &str = "event: sse:stale\ndata: {\"stale\":false}\n\n";
    let feed = node(Settings::new(), 1..=1);
    let mut stream = resumed(&feed, &id(1));
    assert_eq!(read(&mut stream).0, "");
    feed.set_stale(true);
    feed.set_stale(true);
    assert_eq!(read(&mut stream).0, STALE);
    assert_eq!(read(&mut stream), (String::new(), None));
    let mut newcomer = resumed(&feed, &id(1));
    assert_eq!(read(&mut newcomer).0, STALE);
    feed.set_stale(false);
    feed.batch().append(fed("t", 2, "2")).unwrap();
    assert_eq!(read(&mut stream).0, format!("{BACK}id: e-1000-2\ndata: 2\n\n"));
    assert_eq!(read(&mut resumed(&feed, &id(2))).0, "", "who comes when all is well hears nothing of it");
    // Nobody is told of what was over before it could be told.
    feed.set_stale(true);
    feed.set_stale(false);
    assert_eq!(read(&mut stream), (String::new(), None));
}

#[test]
fn b07_the_name_of_the_event_that_tells_it_can_be_set_or_none() {
    for (name, told) in
        [(Some(event_name!("engine")), "event: engine\ndata: {\"stale\":true}\n\n"), (None, "")]
    {
        let feed = node(Settings::new().with_stale_name(name), 1..=1);
        let mut stream = resumed(&feed, &id(1));
        feed.set_stale(true);
        assert_eq!(read(&mut stream), (told.to_owned(), None));
        feed.batch().append(fed("t", 2, "2")).unwrap();
        assert_eq!(read(&mut stream).0, "id: e-1000-2\ndata: 2\n\n");
    }
}

#[test]
fn a_batch_wakes_each_subscriber_once_and_nobody_else() {
    let feed = node(Settings::new(), []);
    let wakes: [Arc<Wakes>; 2] = Default::default();
    let mut streams = ["t", "u"].map(|topic| feed.broadcaster().subscribe([topic], None).unwrap());
    for (stream, wakes) in streams.iter_mut().zip(&wakes) {
        read(stream);
        let waker = Waker::from(Arc::clone(wakes));
        assert!(Pin::new(stream).poll_next(&mut Context::from_waker(&waker)).is_pending());
    }
    let mut batch = feed.batch();
    (1..=3).for_each(|number| batch.append(fed("t", number, "x")).unwrap());
    let count = |index: usize| wakes[index].0.load(Ordering::SeqCst);
    assert_eq!((count(0), count(1)), (0, 0));
    drop(batch);
    assert_eq!((count(0), count(1)), (1, 0));
    drop(feed.batch());
    assert_eq!((count(0), count(1)), (1, 0));
}

#[test]
fn what_cannot_be_appended_is_an_error_and_changes_nothing() {
    let feed = node(Settings::new().with_topics(2), 1..=2);
    let mut batch = feed.batch();
    assert_eq!(batch.append(fed("t", 2, "again")), Err(FeedError::NotBehind { last: at(2) }));
    let of_its_own = Event::new("x").with_id(event_id!("7"));
    let wrong = [Message::from(of_its_own), Message::from(Event::bare_retry(MINUTE))];
    let wrong = wrong.map(|message| batch.append(fed("t", 3, message)).unwrap_err());
    assert_eq!(wrong, [PublishError::HasId, PublishError::NoEvent].map(FeedError::Unpublishable));
    assert_eq!(feed.broadcaster().position().sequence, at(2));
    // Any name will do, and frames of several events.
    batch.append(fed("t", 3, Event::new("3").with_name(event_name!("any")))).unwrap();
    let frame = Frame::concat(&[Event::new("4").to_frame(), Event::new("5").to_frame()]).unwrap();
    batch.append(fed("u", 4, frame)).unwrap();
    let too_many = PublishError::TooManyTopics { limit: 2 };
    assert_eq!(batch.append(fed("v", 5, "x")), Err(FeedError::Unpublishable(too_many)));
    drop(batch);
    let mut stream = feed.broadcaster().subscribe(["t", "u"], Some(&id(2))).unwrap();
    let text = "event: any\nid: e-1000-3\ndata: 3\n\ndata: 4\n\nid: e-1000-4\ndata: 5\n\n";
    assert_eq!(read(&mut stream).0, text);
}

#[test]
fn what_a_topic_too_many_lost_is_told_to_who_subscribes_to_it_later() {
    let (start, later) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clock = Arc::clone(&later);
    let settings = Settings::new().with_topics(1).with_age(MINUTE);
    let settings = settings.with_clock(move || start + Duration::from_secs(clock.load(Ordering::SeqCst)));
    let feed = node(settings, 1..=1);
    assert!(feed.batch().append(fed("v", 2, "x")).is_err());
    // The topic that was there is empty by now, and makes room.
    later.store(61, Ordering::SeqCst);
    let other = feed.broadcaster().subscribe(["v"], Some(&id(1))).unwrap();
    assert_eq!(other.outcome(), Outcome::Gap { from: at(1), to: at(2) });
}

#[test]
fn events_that_were_old_when_they_were_read_age_by_when_they_were_published() {
    let feed = Feed::new(Settings::new().with_age(2 * MINUTE), epoch());
    let mut batch = feed.batch();
    for (number, age) in [(1, 3 * MINUTE), (2, MINUTE), (3, Duration::MAX), (4, Duration::ZERO)] {
        batch.append(FedEvent { age, ..fed("t", number, number.to_string()) }).unwrap();
    }
    drop(batch);
    assert_eq!(resumed(&feed, &id(0)).outcome(), Outcome::Gap { from: at(0), to: at(1) });
    assert_eq!(resumed(&feed, &id(1)).outcome(), Outcome::Resumed { replayed: 3 });
}

#[test]
fn a_broadcaster_that_is_fed_publishes_nothing_itself_and_closes_as_any() {
    let feed = node(Settings::new(), 1..=1);
    assert_eq!(feed.broadcaster().publish("t", "x"), Err(PublishError::Fed));
    assert_eq!((feed.broadcaster().position().sequence, feed.broadcaster().stats().published), (at(1), 1));
    feed.broadcaster().shutdown();
    let closed = feed.batch().append(fed("t", 2, "x"));
    assert_eq!(closed, Err(FeedError::Unpublishable(PublishError::Closed)));
}
