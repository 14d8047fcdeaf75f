//! What goes wrong, one at a time: who stops reading, restarts, forged ids, floods, ends. And the rows of the parity table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use allocation_counter::measure;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_broadcast::{
    Broadcaster, Delivery, Epoch, Lag, Message, Outcome, Position, PublishError, Settings, SubscribeError,
    Subscription,
};
use sse_core::{CloseReason, Decoder, Event, EventId, EventName, Frame, OwnedItem, event_id, event_name};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Wake, Waker};
use tokio_stream::StreamExt;

const LAG: Lag = Lag::Close { retry: Duration::from_secs(1), spread: Duration::from_secs(4) };

fn settings() -> Settings {
    Settings::new().with_epoch(Epoch::new("e").unwrap())
}

fn hub() -> Broadcaster {
    Broadcaster::new(settings())
}

fn poll(stream: &mut Subscription) -> Poll<Option<Delivery>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

fn frame(stream: &mut Subscription) -> Frame {
    match poll(stream) {
        Poll::Ready(Some(Delivery::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    }
}

/// Everything that there is now, as text, and how it ended if it did.
fn read(stream: &mut Subscription) -> (String, Option<CloseReason>) {
    let mut text = String::new();
    loop {
        match poll(stream) {
            Poll::Ready(Some(Delivery::Frame(frame))) => {
                text.push_str(core::str::from_utf8(frame.as_bytes()).unwrap());
            }
            Poll::Ready(Some(Delivery::Close(reason))) => {
                assert_eq!(poll(stream), Poll::Ready(None));
                return (text, Some(reason));
            }
            Poll::Pending => return (text, None),
            other => panic!("{other:?}"),
        }
    }
}

/// The data of what was published.
fn data(text: &str) -> Vec<String> {
    let mut decoder = Decoder::new();
    let items: Vec<_> = decoder.feed(text.as_bytes()).owned().collect();
    items
        .into_iter()
        .filter_map(|item| match item {
            OwnedItem::Event(event) if event.event_type == "sse:start" => None,
            OwnedItem::Event(event) => Some(event.data),
            _ => None,
        })
        .collect()
}

fn retry(text: &str) -> u64 {
    let (time, reason) = text.strip_prefix("event: sse:retry\nretry: ").unwrap().split_once('\n').unwrap();
    assert!(
        matches!(reason, "data: {\"reason\":\"lagged\"}\n\n" | "data: {\"reason\":\"refused\"}\n\n"),
        "{reason}"
    );
    time.parse().unwrap()
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// What stops.

#[test]
fn b03_m43_one_of_1000_stops_reading_while_100000_events_are_published() {
    const CLIENTS: usize = 1_000;
    const BURST: usize = 200;
    const EVENTS: usize = 100_000;
    let hub = Broadcaster::new(settings().with_events(1_000).with_lag(LAG));
    let mut clients: Vec<Subscription> = (0..CLIENTS).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    for client in &mut clients {
        assert_eq!(frame(client).as_bytes(), b"event: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n");
        assert!(poll(client).is_pending());
    }
    let mut stalled = clients.pop().unwrap();
    let mut next = 1;
    let mut publish_and_read = |events: usize| {
        for _ in 0..events / BURST {
            for _ in 0..BURST {
                hub.publish("t", "x").unwrap();
            }
            let (first, rest) = clients.split_first_mut().unwrap();
            let burst = frame(first);
            assert!(poll(first).is_pending());
            let mut decoder = Decoder::new();
            for item in decoder.feed(burst.as_bytes()).owned() {
                assert!(
                    matches!(item, OwnedItem::Event(event) if event.last_event_id == format!("e-{next}"))
                );
                next += 1;
            }
            for client in rest {
                assert_eq!(frame(client), burst);
                assert!(poll(client).is_pending());
            }
        }
    };
    publish_and_read(2_000);
    let memory = measure(|| publish_and_read(EVENTS - 2_000));
    assert_eq!(next as usize, EVENTS + 1, "the others have everything");
    assert!(memory.bytes_current.unsigned_abs() < 32_000, "{memory:?}");
    assert!(memory.bytes_max < 200_000, "{memory:?}");

    let (told, end) = read(&mut stalled);
    assert!((1_000..=5_000).contains(&retry(&told)), "{told}");
    assert_eq!(end, Some(CloseReason::Lagged));
    assert_eq!(hub.stats().lagged, 1);
    drop(stalled);
    let lost = EVENTS as u64 - 1_000;
    let mut resumed = hub.subscribe(["t"], Some(&event_id!("e-0"))).unwrap();
    assert_eq!(resumed.outcome(), Outcome::Gap { from: 0.into(), to: lost.into() });
    let (text, _) = read(&mut resumed);
    let verdict = format!(
        "id: e-{lost}\nevent: sse:reset\ndata: {{\"reason\":\"gap\",\"from\":\"0\",\"to\":\"{lost}\"}}\n\n"
    );
    let mut decoder = Decoder::new();
    let items: Vec<_> = decoder.feed(text.as_bytes()).owned().collect();
    let mut of_verdict = Decoder::new();
    assert_eq!(items[..1], of_verdict.feed(verdict.as_bytes()).owned().collect::<Vec<_>>());
    assert_eq!(items.len(), 1_001);
    assert_eq!(decoder.last_event_id(), format!("e-{EVENTS}"));
}

#[test]
fn b03_m44_memory_is_bounded_by_the_log_in_events_and_in_bytes() {
    let pad = "x".repeat(1_000);
    for settings in [settings().with_events(100), settings().with_bytes(100_000)] {
        let hub = Broadcaster::new(settings);
        let publish = || (0..1_000).for_each(|_| drop(hub.publish("t", &*pad)));
        publish();
        let memory = measure(publish);
        assert!(memory.bytes_max < 10_000 && memory.bytes_current.abs() < 10_000, "{memory:?}");
    }
}

#[test]
fn b03_m44_keys_are_bounded_however_many_there_are() {
    let hub = Broadcaster::new(settings().with_events(10).with_keys(10).with_lag(Lag::LatestPerKey));
    let mut key = 0;
    let mut publish = || {
        for _ in 0..10_000 {
            key += 1;
            hub.publish("t", Message::from("x").with_key(key.to_string())).unwrap();
        }
    };
    publish();
    let memory = measure(publish);
    assert!(memory.bytes_max < 5_000, "{memory:?}");
}

#[test]
fn b03_m44_topics_come_and_go_within_their_bound() {
    let hub = Broadcaster::new(settings().with_events(0).with_topics(10));
    let mut topic = 0;
    let mut come_and_go = || {
        for _ in 0..1_000 {
            topic += 1;
            hub.publish(&format!("published {topic}"), "x").unwrap();
            drop(read(&mut hub.subscribe([format!("subscribed {topic}")], None).unwrap()));
        }
    };
    come_and_go();
    let memory = measure(come_and_go);
    assert!(memory.bytes_max < 10_000 && memory.bytes_current.abs() < 5_000, "{memory:?}");
}

#[test]
fn m44_the_log_is_shared_and_a_subscriber_is_a_cursor() {
    let hub = hub();
    (0..500).for_each(|_| {
        hub.publish("t", "x".repeat(1_000)).unwrap();
    });
    let topics: Arc<str> = Arc::from("t");
    let mut clients = Vec::with_capacity(1_000);
    let memory = measure(|| {
        for _ in 0..1_000 {
            clients.push(hub.subscribe([Arc::clone(&topics)], Some(&event_id!("e-0"))).unwrap());
        }
    });
    let each = memory.bytes_current / 1_000 + size_of::<Subscription>() as i64;
    assert!(each < 512, "{each} bytes for a subscriber that is 500 events behind");
    assert!(clients.iter().all(|client| client.outcome() == Outcome::Resumed { replayed: 500 }));
}

#[test]
fn m43_a_lagged_subscriber_that_skips_is_told_and_goes_on() {
    let hub = Broadcaster::new(settings().with_events(2).with_lag(Lag::Skip));
    let mut stream = hub.subscribe(["t"], None).unwrap();
    read(&mut stream);
    (1..=5).for_each(|number: u32| {
        hub.publish("t", number.to_string()).unwrap();
    });
    let (text, end) = read(&mut stream);
    assert_eq!(data(&text), ["{\"reason\":\"gap\",\"from\":\"0\",\"to\":\"3\"}", "4", "5"]);
    assert_eq!(end, None);
    hub.publish("t", "6").unwrap();
    assert_eq!(data(&read(&mut stream).0), ["6"]);
    assert_eq!(hub.stats().lagged, 1);
}

#[test]
fn m43_with_the_latest_of_each_key_a_lagged_subscriber_gets_the_present_state() {
    let hub = Broadcaster::new(settings().with_events(1).with_lag(Lag::LatestPerKey));
    let mut stream = hub.subscribe(["t"], None).unwrap();
    read(&mut stream);
    for number in 0..100 {
        let message = Message::from(number.to_string()).with_key((number % 3).to_string());
        hub.publish("t", message).unwrap();
    }
    assert_eq!(data(&read(&mut stream).0), ["97", "98", "99"]);
    assert_eq!(hub.stats().lagged, 0, "nothing is lost that counts");
}

#[test]
fn m43_what_one_topic_lost_before_hides_nothing_that_another_loses_later() {
    for (lag, id) in [(LAG, "e-0"), (LAG, "z-0"), (Lag::Skip, "e-0"), (Lag::Skip, "z-0")] {
        let hub = Broadcaster::new(settings().with_events(3).with_lag(lag));
        let publish = |topic: &str, times: usize| {
            for _ in 0..times {
                hub.publish(topic, "x").unwrap();
            }
        };
        publish("quiet", 3);
        publish("busy", 10);
        let mut stream = hub.subscribe(["busy", "quiet"], Some(&EventId::new(id).unwrap())).unwrap();
        let told = frame(&mut stream);
        assert!(told.as_bytes().starts_with(b"event: sse:reset\nid: e-0\n"), "{told:?}");
        publish("quiet", 2);
        let (text, end) = read(&mut stream);
        if lag == LAG {
            assert_eq!(end, Some(CloseReason::Lagged), "1 and 2 were still to be had when it came");
        } else {
            assert_eq!(data(&text)[0], "{\"reason\":\"gap\",\"from\":\"0\",\"to\":\"2\"}");
            assert_eq!(data(&text).len(), 1 + 6);
        }
        assert_eq!(hub.stats().lagged, 1);
    }
}

#[test]
fn an_event_greater_than_the_log_is_told_as_lost() {
    for lag in [LAG, Lag::Skip, Lag::LatestPerKey] {
        let hub = Broadcaster::new(settings().with_bytes(100).with_lag(lag));
        let mut stream = hub.subscribe(["t"], None).unwrap();
        read(&mut stream);
        let waker = Arc::new(Count::default());
        let polled =
            Pin::new(&mut stream).poll_next(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
        assert!(polled.is_pending());
        hub.publish("t", "x".repeat(200)).unwrap();
        assert_eq!(waker.0.load(Ordering::SeqCst), 1);
        let (text, end) = read(&mut stream);
        if lag == LAG {
            assert_eq!(end, Some(CloseReason::Lagged));
        } else {
            assert_eq!(data(&text), ["{\"reason\":\"gap\",\"from\":\"0\",\"to\":\"1\"}"]);
        }
    }
}

// Resuming.

#[test]
fn b02_a_client_that_comes_back_gets_exactly_what_it_missed() {
    let hub = hub();
    (1..=10).for_each(|number: u32| {
        hub.publish(["a", "b", "c"][number as usize % 3], number.to_string()).unwrap();
    });
    let mut stream = hub.subscribe(["a", "c"], Some(&event_id!("e-4"))).unwrap();
    assert_eq!(stream.outcome(), Outcome::Resumed { replayed: 4 });
    hub.publish("a", "11").unwrap();
    assert_eq!(data(&read(&mut stream).0), ["5", "6", "8", "9", "11"], "replay and live are one");
}

#[test]
fn b02_after_a_restart_clients_are_told_first() {
    let before = Broadcaster::new(Settings::new());
    let id = before.publish("t", "old").unwrap().to_id();
    let after = Broadcaster::new(Settings::new());
    after.publish("t", "new").unwrap();
    let mut stream = after.subscribe(["t"], Some(&id)).unwrap();
    assert_eq!(stream.outcome(), Outcome::Reset);
    let (text, _) = read(&mut stream);
    assert_eq!(data(&text), ["{\"reason\":\"reset\"}", "new"]);
    assert!(text.contains("event: sse:reset\n"), "{text}");
}

#[test]
fn b02_forged_and_foreign_ids_have_a_typed_outcome() {
    let hub = hub();
    hub.publish("t", "1").unwrap();
    let other = Broadcaster::new(Settings::new()).publish("t", "1").unwrap().to_string();
    let not_utf8 = String::from_utf8_lossy(b"e-\xFF1").into_owned();
    let (long, digits) = ("e".repeat(64 * 1024), format!("e-{}", "9".repeat(64 * 1024)));
    let ids = [
        "x",
        "-",
        "e-",
        "-1",
        "e--1",
        "e-01",
        "e-+1",
        "e- 1",
        "E-1",
        "e-2",
        "e-18446744073709551615",
        "e-18446744073709551616",
        "e-1-1",
        "\u{FEFF}e-1",
        "e-\u{0661}",
        "null",
        &other,
        &not_utf8,
        &long,
        &digits,
    ];
    for id in ids {
        let mut stream = hub.subscribe(["t"], Some(&EventId::new(id.to_owned()).unwrap())).unwrap();
        assert_eq!(stream.outcome(), Outcome::Reset, "{:.40}", id);
        assert_eq!(data(&read(&mut stream).0), ["{\"reason\":\"reset\"}", "1"]);
    }
    assert_eq!(hub.subscribe(["t"], Some(&event_id!(""))).unwrap().outcome(), Outcome::Fresh);
}

#[test]
fn b02_a_client_that_is_cut_within_a_frame_of_several_events_gets_it_again() {
    for end in ["\n", "\r", "\r\n"] {
        let hub = hub();
        let wire =
            ": hello\n\ndata: 1\n\ndata: 2\n\nretry: 5\n\ndata: 3\ndata: more\n\n: bye\n".replace('\n', end);
        hub.publish("t", Frame::from_wire(wire).unwrap()).unwrap();
        let mut stream = hub.subscribe(["t"], Some(&event_id!("e-0"))).unwrap();
        let (text, _) = read(&mut stream);
        let mut decoder = Decoder::new();
        let ids: Vec<_> = decoder
            .feed(text.as_bytes())
            .owned()
            .filter_map(|item| match item {
                OwnedItem::Event(event) => Some((event.data, event.last_event_id)),
                _ => None,
            })
            .collect();
        let expected = [("1", ""), ("2", ""), ("3\nmore", "e-1")];
        assert_eq!(ids, expected.map(|(data, id)| (data.to_owned(), id.to_owned())), "{text:?}");
    }
}

#[test]
fn b02_a_fresh_client_may_begin_with_what_the_log_holds() {
    let hub = Broadcaster::new(settings().with_events(2));
    for (topic, text) in [("t", "1"), ("u", "2"), ("t", "3"), ("t", "4"), ("v", "5")] {
        hub.publish(topic, text).unwrap();
    }
    let begin = |id: Option<&EventId<'_>>| hub.subscription(["t", "u"]).resume(id).from_oldest();
    let mut stream = begin(None).open().unwrap();
    assert_eq!(stream.outcome(), Outcome::Fresh);
    let (text, _) = read(&mut stream);
    assert!(text.starts_with("event: sse:start\nid: e-1\n"), "it resumes from there: {text}");
    assert_eq!(data(&text), ["2", "3", "4"]);
    hub.publish("t", "6").unwrap();
    assert_eq!(data(&read(&mut stream).0), ["6"]);
    // Who names an id goes on behind it, and a snapshot takes the log's place.
    assert_eq!(data(&read(&mut begin(Some(&event_id!("e-4"))).open().unwrap()).0), ["6"]);
    let mut stream = begin(None).snapshot(|| [Event::new("state")]).open().unwrap();
    assert_eq!(data(&read(&mut stream).0), ["state"]);
    let mut nothing = hub.subscription(["w"]).from_oldest().open().unwrap();
    assert!(read(&mut nothing).0.starts_with("event: sse:start\nid: e-6\n"));
}

#[test]
fn b02_a_client_that_is_cut_between_verdict_and_snapshot_gets_both_again() {
    let hub = Broadcaster::new(settings().with_events(1));
    (0..5).for_each(|_| {
        hub.publish("t", "x").unwrap();
    });
    let state = || [Event::bare_retry(Duration::from_secs(3)), Event::new("one"), Event::new("two")];
    for (id, verdict) in
        [("e-1", "{\"reason\":\"gap\",\"from\":\"1\",\"to\":\"4\"}"), ("z-1", "{\"reason\":\"reset\"}")]
    {
        let id = EventId::new(id).unwrap();
        let mut stream = hub.subscription(["t"]).resume(Some(&id)).snapshot(state).open().unwrap();
        let (text, _) = read(&mut stream);
        assert_eq!(data(&text), [verdict, "one", "two"]);
        let ids: Vec<_> = text.lines().filter(|line| line.starts_with("id")).collect();
        assert_eq!(ids, ["id: e-5"], "only behind all of it");
        assert_eq!(hub.stats().gaps, 1);
        assert!(text.find("id: e-5") > text.find("data: one"));
    }
}

// Floods and limits.

#[test]
fn a_topic_flood_is_refused_by_type_and_leaves_the_others_alone() {
    let hub = Broadcaster::new(settings().with_topics(3).with_topics_per_client(2));
    let mut stream = hub.subscribe(["quiet"], None).unwrap();
    read(&mut stream);
    let (mut published, mut subscribed) = (0, 0);
    for number in 0..1_000 {
        published += usize::from(hub.publish(&format!("p{number}"), "x").is_ok());
        subscribed += usize::from(hub.subscribe([format!("s{number}")], None).is_ok());
    }
    assert_eq!((published, subscribed), (2, 1));
    assert_eq!(hub.publish("p9", "x"), Err(PublishError::TooManyTopics { limit: 3 }));
    let full = SubscribeError::TooManyTopics { limit: 3 };
    assert_eq!(hub.subscribe(["s"], None).err(), Some(full));
    assert_eq!(hub.subscribe(["quiet", "s"], None).err(), Some(full), "all or none");
    let wide = SubscribeError::TooManyTopics { limit: 2 };
    assert_eq!(hub.subscribe(["a", "b", "c"], None).err(), Some(wide));
    assert_eq!(hub.subscribe([""; 0], None).err(), Some(SubscribeError::NoTopic));
    assert!(hub.stats().refused >= 999);
    hub.publish("quiet", "still here").unwrap();
    assert_eq!(data(&read(&mut stream).0), ["still here"]);
}

#[test]
fn a_subscriber_whose_topic_was_forgotten_before_its_first_poll_still_hears_it() {
    let hub = Broadcaster::new(settings().with_topics(1).with_events(0));
    let mut early = hub.subscribe(["a"], None).unwrap();
    hub.publish("b", "takes the place of a").unwrap();
    let mut stream = hub.subscribe(["a"], None).unwrap();
    read(&mut stream);
    assert_eq!(read(&mut early).1, Some(CloseReason::Lagged), "b may have been a");
    assert_eq!(hub.topic_client_count("a"), 2);
    let waker = Arc::new(Count::default());
    let polled = Pin::new(&mut stream).poll_next(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
    assert!(polled.is_pending());
    hub.publish("a", "x").unwrap();
    assert_eq!(waker.0.load(Ordering::SeqCst), 1);
    drop((early, stream));
    assert_eq!((hub.client_count(), hub.topic_client_count("a")), (0, 0));
}

#[test]
fn too_many_clients_are_told_to_come_back_at_different_times() {
    let hub = Broadcaster::new(settings().with_clients(1));
    let mut first = hub.subscribe(["t"], None).unwrap();
    let mut late = hub.subscribe(["t"], None).unwrap();
    read(&mut first);
    let mut times = BTreeSet::new();
    for _ in 0..50 {
        assert_eq!(hub.subscribe(["t"], None).err(), Some(SubscribeError::TooManyClients { limit: 1 }));
        let mut refused = hub.subscribe_or_refuse(["t"], None);
        let error = SubscribeError::TooManyClients { limit: 1 };
        assert_eq!(refused.outcome(), Outcome::Refused(error));
        let (text, end) = read(&mut refused);
        assert_eq!(end, Some(CloseReason::Refused));
        times.insert(retry(&text));
    }
    assert!(times.len() > 10 && times.iter().all(|time| (1_000..=5_000).contains(time)), "{times:?}");
    let (text, end) = read(&mut late);
    assert_eq!(
        (end, hub.client_count()),
        (Some(CloseReason::Refused), 1),
        "the limit holds for who polls late"
    );
    retry(&text);
    assert_eq!(hub.stats().refused, 101);
    drop((first, late));
    assert_eq!(read(&mut hub.subscribe_or_refuse(["t"], None)).1, None, "there is room again");
}

// Who is there.

#[test]
fn m47_clients_are_counted_in_all_and_by_topic() {
    let hub = hub();
    let mut streams: Vec<_> =
        [["a", "a"], ["a", "b"], ["b", "c"]].map(|topics| hub.subscribe(topics, None).unwrap()).into();
    assert_eq!(hub.client_count(), 0, "not before the first poll");
    streams.iter_mut().for_each(|stream| drop(read(stream)));
    let by_topic = |hub: &Broadcaster| ["a", "b", "c", "d"].map(|topic| hub.topic_client_count(topic));
    assert_eq!((hub.client_count(), by_topic(&hub)), (3, [2, 2, 1, 0]));
    drop(streams.remove(1));
    assert_eq!((hub.client_count(), by_topic(&hub)), (2, [1, 1, 1, 0]));
}

#[test]
fn m48_a_subscription_that_is_never_polled_leaks_nothing() {
    let hub = hub();
    hub.publish("t", "x").unwrap();
    let memory = measure(|| {
        for _ in 0..1_000 {
            drop(hub.subscribe(["t"], Some(&event_id!("e-0"))).unwrap());
        }
    });
    assert_eq!((memory.bytes_current, memory.count_current, hub.client_count()), (0, 0, 0));
}

#[test]
fn m48_a_subscription_that_is_dropped_is_gone_wherever_it_stood() {
    let hub = hub();
    let cycle = || {
        for polls in 0..5 {
            let waker = Arc::new(Count::default());
            let mut stream = hub.subscribe(["a", "b"], Some(&event_id!("e-0"))).unwrap();
            for _ in 0..polls {
                let as_waker = Waker::from(Arc::clone(&waker));
                drop(Pin::new(&mut stream).poll_next(&mut Context::from_waker(&as_waker)));
            }
            assert_eq!(hub.client_count(), usize::from(polls > 0));
            drop(stream);
            assert_eq!((Arc::strong_count(&waker), hub.client_count()), (1, 0));
        }
    };
    (0..100).for_each(|_| {
        hub.publish("a", "x".repeat(500)).unwrap();
    });
    cycle();
    let memory = measure(|| (0..100).for_each(|_| cycle()));
    assert_eq!((memory.bytes_current, memory.count_current), (0, 0));
}

/// A waker that owns a task, and with it another subscription, as an executor's may.
struct Owner {
    _task: Mutex<Subscription>,
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn m48_a_waker_may_own_another_subscription_and_be_the_last_to_let_go_of_it() {
    let hub = hub();
    let poll_with_owner = |stream: &mut Subscription| {
        let mut owned = hub.subscribe(["t"], None).unwrap();
        read(&mut owned);
        let waker = Waker::from(Arc::new(Owner { _task: Mutex::new(owned) }));
        drop(Pin::new(stream).poll_next(&mut Context::from_waker(&waker)));
    };
    let mut stream = hub.subscribe(["t"], None).unwrap();
    read(&mut stream);
    poll_with_owner(&mut stream);
    assert_eq!(hub.client_count(), 2);
    poll_with_owner(&mut stream);
    assert_eq!(hub.client_count(), 2, "the place of the first waker was taken");
    drop(stream);
    assert_eq!(hub.client_count(), 0);
}

#[test]
fn hooks_are_called_once_for_each_client_and_may_publish() {
    let hub: Arc<OnceLock<Broadcaster>> = Arc::default();
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let hook = |what: &'static str| {
        let (hub, calls) = (Arc::clone(&hub), Arc::clone(&calls));
        move |client: &sse_broadcast::Presence<'_>| {
            calls.lock().unwrap().push(format!("{what} {}", client.clients));
            hub.get().unwrap().publish("presence", format!("{what} {:?}", client.topics)).unwrap();
        }
    };
    let made = Broadcaster::new(settings().on_connect(hook("come")).on_leave(hook("go")));
    assert!(hub.set(made.clone()).is_ok());
    let mut first = made.subscribe(["presence"], None).unwrap();
    assert_eq!(data(&read(&mut first).0), ["come [\"presence\"]"], "its own, too");
    let mut second = made.subscribe(["other"], None).unwrap();
    drop(made.subscribe(["never polled"], None).unwrap());
    (0..3).for_each(|_| drop(read(&mut second)));
    drop(second);
    assert_eq!(data(&read(&mut first).0), ["come [\"other\"]", "go [\"other\"]"]);
    drop(first);
    assert_eq!(*calls.lock().unwrap(), ["come 1", "come 2", "go 1", "go 0"]);
}

// Ends.

#[test]
fn b04_a_shutdown_ends_every_stream_when_it_has_read_everything() {
    let hub = hub();
    let mut streams: Vec<_> = (0..5).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    streams[1..].iter_mut().for_each(|stream| drop(read(stream)));
    (0..1_000).for_each(|number: u32| {
        hub.publish("t", number.to_string()).unwrap();
    });
    let waker = Arc::new(Count::default());
    let mut waiting = hub.subscribe(["t", "u"], None).unwrap();
    read(&mut waiting);
    let polled = Pin::new(&mut waiting).poll_next(&mut Context::from_waker(&Waker::from(Arc::clone(&waker))));
    assert!(polled.is_pending());
    hub.shutdown();
    assert!(waker.0.load(Ordering::SeqCst) > 0);
    assert_eq!(read(&mut waiting), (String::new(), Some(CloseReason::Shutdown)));
    assert_eq!(hub.publish("t", "late"), Err(PublishError::Closed));
    assert_eq!(hub.subscribe(["t"], None).err(), Some(SubscribeError::Closed));
    for stream in &mut streams {
        let (text, end) = read(stream);
        assert_eq!((data(&text).len(), end), (1_000, Some(CloseReason::Shutdown)));
    }
    hub.shutdown();
}

#[tokio::test(start_paused = true)]
async fn b04_a_drain_spreads_the_ends_over_its_time() {
    const CLIENTS: usize = 200;
    let hub = hub();
    let start = tokio::time::Instant::now();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = hub.subscribe(["t"], None).unwrap();
            tokio::spawn(async move {
                let mut seen = 0;
                while let Some(delivery) = stream.next().await {
                    match delivery {
                        Delivery::Frame(frame) => {
                            seen += data(core::str::from_utf8(frame.as_bytes()).unwrap()).len();
                        }
                        Delivery::Close(reason) => {
                            assert_eq!(reason, CloseReason::Shutdown);
                            return (start.elapsed(), seen);
                        }
                        _ => unreachable!(),
                    }
                }
                unreachable!()
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(hub.client_count(), CLIENTS);
    let draining = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain(Duration::from_secs(10), tokio::time::sleep).await }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(hub.publish("t", "meanwhile").is_ok());
    assert_eq!(hub.subscribe(["t"], None).err(), Some(SubscribeError::Closed), "nobody else is taken");
    draining.await.unwrap();
    let (mut seconds, mut order, mut heard) = ([0; 10], Vec::new(), 0);
    for task in tasks {
        let (after, seen) = task.await.unwrap();
        seconds[after.as_secs() as usize] += 1;
        order.push(after);
        heard += seen;
    }
    assert!(seconds.iter().all(|ends| (15..=25).contains(ends)), "{seconds:?}");
    assert!((80..=120).contains(&heard), "{heard} heard what was published half way");
    assert!(!order.is_sorted() && !order.iter().rev().is_sorted(), "not in the order in which they came");
    assert_eq!(hub.client_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn b04_a_drain_that_is_given_up_takes_clients_again() {
    let hub = hub();
    let mut streams: Vec<_> = (0..10).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    streams.iter_mut().for_each(|stream| drop(read(stream)));
    let drain = hub.drain(Duration::from_secs(10), tokio::time::sleep);
    assert!(tokio::time::timeout(Duration::from_secs(5), drain).await.is_err());
    let ended = streams.iter_mut().filter_map(|stream| read(stream).1).count();
    assert!((4..=6).contains(&ended), "{ended}");
    assert!(hub.subscribe(["t"], None).is_ok() && hub.publish("t", "x").is_ok());
}

// Publishing.

#[test]
fn m40_event_types_lists_the_registered_names() {
    let hub = hub();
    assert!(hub.event_types().is_empty());
    for name in ["b", "a", "b"] {
        hub.register_event(EventName::new(name).unwrap().into_owned());
    }
    assert_eq!(hub.event_types(), [event_name!("a"), event_name!("b")]);
    let clone = hub.clone();
    clone.register_event(event_name!("c"));
    assert_eq!(hub.event_types(), clone.event_types(), "one registry for all clones");
}

#[test]
fn m41_an_unregistered_name_is_an_error_that_lists_those_that_are() {
    let hub = hub();
    hub.register_event(event_name!("chat"));
    hub.register_event(event_name!("joined"));
    let chat = || Event::new("x").with_name(event_name!("chta"));
    let error = hub.publish("t", chat()).unwrap_err();
    assert_eq!(error.to_string(), "unregistered event name \"chta\"; registered: chat, joined");
    assert!(
        hub.publish("t", Frame::concat(&[Event::new("a").to_frame(), chat().to_frame()]).unwrap()).is_err()
    );
    assert_eq!((hub.position().sequence, hub.stats().published), (0.into(), 0), "nothing was published");
    hub.publish("t", "no name needs no registration").unwrap();
    Broadcaster::new(Settings::new().lenient()).publish("t", chat()).unwrap();
}

#[cfg(feature = "json")]
#[test]
fn m41_json_has_a_registered_name_or_a_type_of_its_own() {
    #[derive(serde::Serialize)]
    struct Joined {
        user: &'static str,
    }
    impl sse_broadcast::TypedEvent for Joined {
        const NAME: EventName<'static> = event_name!("joined");
    }
    let hub = hub();
    assert!(hub.publish("t", Message::json(event_name!("chat"), &1).unwrap()).is_err());
    hub.register_event(event_name!("chat"));
    hub.publish("t", Message::json(event_name!("chat"), &1).unwrap()).unwrap();
    hub.publish("t", Message::typed(&Joined { user: "ada" }).unwrap()).unwrap();
    let mut stream = hub.subscribe(["t"], Some(&event_id!("e-0"))).unwrap();
    assert_eq!(data(&read(&mut stream).0), ["1", "{\"user\":\"ada\"}"]);
}

#[test]
fn m41_ids_and_emptiness_are_refused() {
    let hub = hub();
    let with_id = Event::new("x").with_id(event_id!("7"));
    assert_eq!(hub.publish("t", with_id.clone()), Err(PublishError::HasId));
    assert_eq!(hub.publish("t", with_id.to_frame()), Err(PublishError::HasId));
    assert_eq!(hub.publish("t", Frame::from_wire("id: 1\n\ndata: x\n\n").unwrap()), Err(PublishError::HasId));
    assert_eq!(hub.publish("t", Event::bare_retry(Duration::ZERO)), Err(PublishError::NoEvent));
    assert_eq!(hub.publish("t", Frame::from_wire(": only a comment\n").unwrap()), Err(PublishError::NoEvent));
}

#[test]
fn m42_b06_an_event_is_encoded_once_and_its_bytes_are_shared() {
    let hub = hub();
    let mut streams: Vec<_> = (0..10).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    streams.iter_mut().for_each(|stream| drop(read(stream)));
    hub.publish("t", "x".repeat(10_000)).unwrap();
    let bytes: BTreeSet<_> =
        streams.iter_mut().map(|stream| frame(stream).as_bytes().as_ptr() as usize).collect();
    assert_eq!(bytes.len(), 1);
}

#[test]
fn m42_reading_an_event_copies_and_encodes_nothing() {
    let hub = Broadcaster::new(settings().lenient());
    let mut streams: Vec<_> = (0..100).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    streams.iter_mut().for_each(|stream| drop(read(stream)));
    let allocations = |event: Event<'static>| {
        hub.publish("t", Message::from(event).with_key("key")).unwrap();
        measure(|| streams.iter_mut().for_each(|stream| drop(frame(stream)))).count_total
    };
    let [plain, named] = [Event::new("x"), Event::new("x").with_name(event_name!("name"))].map(allocations);
    assert_eq!(plain, named, "names are shared");
    assert!(plain <= 300, "{plain}: lists only");
}

#[test]
fn the_clock_of_the_caller_runs_outside_of_the_lock() {
    let hub: Arc<OnceLock<Broadcaster>> = Arc::default();
    let inner = Arc::clone(&hub);
    let now = std::time::Instant::now();
    let clock = move || {
        assert!(inner.get().is_none_or(|hub| hub.client_count() < 9));
        now
    };
    assert!(hub.set(Broadcaster::new(settings().with_clock(clock))).is_ok());
    let hub = hub.get().unwrap();
    hub.publish("t", "x").unwrap();
    assert_eq!(data(&read(&mut hub.subscribe(["t"], Some(&event_id!("e-0"))).unwrap()).0), ["x"]);
}

#[test]
fn m42_publishing_waits_for_no_subscriber() {
    let hub = Arc::new(hub());
    let inner = Arc::clone(&hub);
    let mut stream = hub
        .subscription(["t"])
        .filter(move |event| event.topic == "t" && inner.publish("from-a-filter", "x").is_ok())
        .open()
        .unwrap();
    read(&mut stream);
    // Nobody polls; 10,000 events are published all the same, while filters publish, too.
    (0..10_000).for_each(|_| {
        hub.publish("t", "x").unwrap();
    });
    assert_eq!(read(&mut stream).1, Some(CloseReason::Lagged));
    assert_eq!(hub.position(), Position { epoch: Epoch::new("e").unwrap(), sequence: 10_000.into() });
}

#[test]
fn b06_who_wakes_takes_everything_missed_in_one_chunk_up_to_a_size() {
    let hub = hub();
    let mut stream = hub.subscribe(["a", "b"], None).unwrap();
    read(&mut stream);
    (0..100).for_each(|number: u32| {
        hub.publish(["a", "b"][number as usize % 2], number.to_string()).unwrap();
    });
    let chunk = frame(&mut stream);
    assert_eq!(data(core::str::from_utf8(chunk.as_bytes()).unwrap()).len(), 100);
    assert!(poll(&mut stream).is_pending());
    (0..100).for_each(|_| {
        hub.publish("a", "x".repeat(1_000)).unwrap();
    });
    let mut seen = 0;
    while let Poll::Ready(Some(Delivery::Frame(chunk))) = poll(&mut stream) {
        assert!(chunk.len() <= 16 * 1024);
        seen += data(core::str::from_utf8(chunk.as_bytes()).unwrap()).len();
    }
    assert_eq!(seen, 100);
    hub.publish("a", "x".repeat(50_000)).unwrap();
    assert!(frame(&mut stream).len() > 50_000, "one event is never cut");
}

#[test]
fn a_filter_holds_for_replay_and_live_and_never_stalls_its_client() {
    let hub = hub();
    let wanted = |number: u32| Message::from(number.to_string()).with_key((number % 500).to_string());
    (0..1_001).for_each(|number| {
        hub.publish("t", wanted(number)).unwrap();
    });
    let mut stream = hub
        .subscription(["t"])
        .resume(Some(&event_id!("e-0")))
        .filter(|event| event.key == Some("0"))
        .open()
        .unwrap();
    assert_eq!(data(&read(&mut stream).0), ["0", "500", "1000"]);
    (1_001..1_501).for_each(|number| {
        hub.publish("t", wanted(number)).unwrap();
    });
    assert_eq!(data(&read(&mut stream).0), ["1500"]);
}

#[test]
fn m42_publishing_waits_for_no_snapshot() {
    let hub = hub();
    let inner = hub.clone();
    let mut stream = hub
        .subscription(["t"])
        .snapshot(move || {
            inner.publish("t", "meanwhile").unwrap();
            [Event::new("state")]
        })
        .open()
        .unwrap();
    assert_eq!(data(&read(&mut stream).0), ["state", "meanwhile"]);
}

#[test]
fn b04_a_client_that_was_drained_ends_as_shut_down_however_late_it_reads() {
    let hub = Broadcaster::new(settings().with_events(1));
    let mut streams: Vec<_> = (0..50).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    for stream in &mut streams {
        read(stream);
    }
    {
        // The first step closes the first of them; then it sleeps for ever.
        let mut drain = core::pin::pin!(hub.drain(Duration::from_secs(50), |_| core::future::pending()));
        assert!(drain.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    (0..3).for_each(|_| {
        hub.publish("t", "later").unwrap();
    });
    let ends: Vec<_> = streams.iter_mut().filter_map(|stream| read(stream).1).collect();
    let count = |reason| ends.iter().filter(|end| **end == reason).count();
    assert_eq!((count(CloseReason::Shutdown), count(CloseReason::Lagged)), (1, 49));
}

#[test]
fn a_waker_that_panics_does_not_keep_the_others_asleep() {
    struct Explosive;
    impl Wake for Explosive {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    struct Counting(AtomicUsize);
    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let hub = hub();
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    let mut streams: Vec<_> = (0..5).map(|_| hub.subscribe(["t"], None).unwrap()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let waker = if number == 1 { Waker::from(Arc::new(Explosive)) } else { Arc::clone(&counting).into() };
        let mut cx = Context::from_waker(&waker);
        while Pin::new(&mut *stream).poll_next(&mut cx).is_ready() {}
    }
    let published = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| hub.publish("t", "x")));
    assert!(published.is_err());
    assert_eq!(counting.0.load(Ordering::SeqCst), 4);
    hub.publish("t", "y").unwrap();
}

#[test]
fn b03_m44_a_topic_that_falls_silent_keeps_nothing_beyond_its_age() {
    let clock = Arc::new(Mutex::new(std::time::Instant::now()));
    let hands = Arc::clone(&clock);
    let hub = Broadcaster::new(
        settings().with_age(Duration::from_secs(60)).with_clock(move || *hands.lock().unwrap()),
    );
    let mut connected = hub.subscribe(["silent"], None).unwrap();
    read(&mut connected);
    (0..100).for_each(|_| {
        hub.publish("silent", "x".repeat(5_000)).unwrap();
    });
    *clock.lock().unwrap() += Duration::from_secs(61);
    let memory = measure(|| {
        hub.publish("other", "x").unwrap();
    });
    assert!(memory.bytes_current < -500_000, "{memory:?}");
    assert_eq!(read(&mut connected).1, Some(CloseReason::Lagged), "and who has not read it is told");
}

#[test]
fn a_clock_that_runs_back_stands_still_and_one_that_is_set_back_goes_on() {
    let clock = Arc::new(Mutex::new(std::time::Instant::now()));
    let hands = Arc::clone(&clock);
    let settings = settings().with_age(Duration::from_secs(60));
    let hub = Broadcaster::new(settings.with_clock(move || *hands.lock().unwrap()));
    let start = *clock.lock().unwrap();
    let set = |seconds| *clock.lock().unwrap() = start + Duration::from_secs(seconds);
    // What was published when it stood ages as the rest, in whatever topic. Back by more than events live, time goes on.
    for (ahead, back, last) in [(100, 40, 160), (300, 239, 299)] {
        set(ahead);
        let before = hub.publish("a", "1").unwrap();
        set(back);
        let sequence = hub.publish("b", "2").unwrap().sequence;
        for (seconds, outcome) in [
            (last, Outcome::Resumed { replayed: 1 }),
            (last + 1, Outcome::Gap { from: before.sequence, to: sequence }),
        ] {
            set(seconds);
            let resumed = hub.subscribe(["b"], Some(&before.to_id())).unwrap();
            assert_eq!(resumed.outcome(), outcome, "{seconds}");
        }
    }
}
