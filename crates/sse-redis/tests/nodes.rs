//! Nodes and their clients, on a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod engine;

use core::time::Duration;
use engine::{Client, Engine, data, node, settings, until};
use sse_broadcast::{Message, Outcome, PublishError as Invalid};
use sse_core::{Event, Frame, event_id, event_name};
use sse_redis::{ConnectError, Malformed, PublishError, RedisBroadcaster};
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn b07_what_one_node_publishes_the_clients_of_all_get_with_the_same_ids() {
    let Some(engine) = Engine::start(&[]) else { return };
    let [one, other] = [node(&engine).await, node(&engine).await];
    let mut clients = [&one, &other].map(|hub| Client::connect(hub, &["a", "b"], None));
    let mut positions = Vec::new();
    for (hub, topic, text) in
        [(&one, "a", "1"), (&other, "b", "2"), (&one, "c", "not theirs"), (&other, "a", "3")]
    {
        positions.push(hub.publish(topic, text).await.unwrap().to_string());
    }
    positions.remove(2);
    for client in &mut clients {
        let events = client.until("3").await;
        assert_eq!(data(&events), ["1", "2", "3"]);
        assert_eq!(events.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), positions);
    }
}

#[tokio::test]
async fn b07_a_client_goes_on_at_another_node_and_after_a_restart_exactly_once() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = node(&engine).await;
    let mut client = Client::connect(&one, &["a"], None);
    for number in 1..=5 {
        one.publish("a", number.to_string()).await.unwrap();
    }
    assert_eq!(data(&client.until("2").await), ["1", "2"]);
    drop(one);

    // A node that was started behind all that.
    let other = node(&engine).await;
    client.reconnect(&other);
    assert_eq!(client.outcome, Outcome::Resumed { replayed: 3 });
    assert_eq!(data(&client.until("5").await), ["3", "4", "5"]);
    other.publish("a", "6").await.unwrap();
    assert_eq!(data(&client.until("6").await), ["6"]);
}

#[tokio::test]
async fn b07_a_node_that_starts_behind_a_trimmed_stream_tells_of_no_loss_that_is_none() {
    let Some(engine) = Engine::start(&[]) else { return };
    let one = node(&engine).await;
    let mut positions = Vec::new();
    for number in 1..=6 {
        positions.push(one.publish("a", number.to_string()).await.unwrap());
    }
    engine.cli(&["XTRIM", &settings().stream_key(), "MAXLEN", "3"]);
    drop(one);
    let other = node(&engine).await;
    let outcome = |index: usize| Client::connect(&other, &["a"], Some(&positions[index].to_string())).outcome;
    // Whether anything was between the newest that is gone and the oldest that is there, the stream does not tell.
    assert_eq!([3, 4, 5].map(outcome), [2, 1, 0].map(|replayed| Outcome::Resumed { replayed }));
    assert!(matches!(outcome(1), Outcome::Gap { from, .. } if from == positions[1].sequence));
}

#[tokio::test]
async fn b07_redis_cli_publishes_with_one_xadd() {
    let Some(engine) = Engine::start(&[]) else { return };
    // Before there was any node.
    let key = settings().stream_key();
    engine.cli(&["XADD", &key, "*", "topic", "a", "data", "early"]);
    let hub = node(&engine).await;
    let id = format!("{}-0", hub.broadcaster().position().epoch.as_str());
    let mut client = Client::connect(&hub, &["a"], Some(&id));
    assert_eq!(client.outcome, Outcome::Resumed { replayed: 1 });
    let entry = [
        "XADD",
        &key,
        "MAXLEN",
        "~",
        "1000",
        "*",
        "topic",
        "a",
        "event",
        "chat",
        "data",
        "two\nlines",
        "by",
        "cli",
    ];
    let entry = engine.cli(&entry);
    let events = client.until("two\nlines").await;
    assert_eq!(data(&events), ["early", "two\nlines"]);
    assert_eq!(events[1].name, "chat");
    assert!(events[1].id.ends_with(&format!("-{entry}")), "{} of {entry}", events[1].id);
}

#[tokio::test]
async fn b07_everything_that_can_be_published_comes_as_it_was_published() {
    let Some(engine) = Engine::start(&[]) else { return };
    let hub = node(&engine).await;
    let mut client = Client::connect(&hub, &["a"], None);
    let hostile = "data: x\r\nid: 7\n\nevent: admin\0 \u{feff} \u{2028} 👩‍👩‍👧‍👦";
    let frame = Frame::concat(&[
        Event::new("f1").to_frame(),
        Event::new("f2").with_name(event_name!("n")).to_frame(),
    ]);
    let messages = [
        Message::from(""),
        Message::from(hostile),
        Message::from(Event::new("named").with_name(event_name!("chat")).with_comment("c")).with_key("k"),
        Message::from(frame.unwrap()),
        Message::from("x".repeat(200_000)),
        Message::from("last"),
    ];
    for message in messages {
        hub.publish("a", message).await.unwrap();
    }
    let events = client.until("last").await;
    let lines = hostile.replace("\r\n", "\n");
    let long = "x".repeat(200_000);
    assert_eq!(data(&events), ["", &lines, "named", "f1", "f2", &long, "last"]);
    assert_eq!([&*events[2].name, &*events[4].name], ["chat", "n"]);
    assert_eq!(events[3].id, events[2].id, "a frame's id comes with its last event");
}

#[tokio::test]
async fn b07_what_cannot_be_published_is_an_error_and_nothing_is_sent() {
    let Some(engine) = Engine::start(&[]) else { return };
    let strict = settings().with_local(sse_broadcast::Settings::new()).with_entry_bytes(100);
    let hub = RedisBroadcaster::connect(engine.servers(), strict.clone()).await.unwrap();
    hub.broadcaster().register_event(event_name!("known"));
    let unknown = Event::new("x").with_name(event_name!("unknown"));
    let refused = hub.publish("a", unknown).await.unwrap_err();
    assert_eq!(refused.to_string(), "unregistered event name \"unknown\"; registered: known");
    let of_its_own = hub.publish("a", Event::new("x").with_id(event_id!("7"))).await;
    assert_eq!(of_its_own, Err(PublishError::Invalid(Invalid::HasId)));
    let large = hub.publish("a", "x".repeat(100)).await;
    assert_eq!(large, Err(PublishError::TooLarge { bytes: 110, limit: 100 }));
    assert_eq!(engine.cli(&["EXISTS", &strict.stream_key()]), "0");
    let busy = RedisBroadcaster::connect(engine.servers(), settings().with_publishing(0)).await.unwrap();
    assert_eq!(busy.publish("a", "x").await, Err(PublishError::Busy { limit: 0 }));
    let nameless = RedisBroadcaster::connect(engine.servers(), sse_redis::Settings::new("a}b")).await;
    assert_eq!(nameless.unwrap_err(), ConnectError::Name("a}b".to_owned()));
}

#[tokio::test]
async fn b07_malformed_and_huge_entries_are_left_out_counted_and_reported() {
    let Some(engine) = Engine::start(&[]) else { return };
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    let settings = settings().with_entry_bytes(1_000).on_malformed(move |entry| {
        told.lock().unwrap().push(entry.clone());
        panic!("a hook's panic is its own");
    });
    let key = settings.stream_key();
    let hub = RedisBroadcaster::connect(engine.servers(), settings).await.unwrap();
    let mut client = Client::connect(&hub, &["a"], None);
    let huge = "x".repeat(2_000);
    let malformed: [(&[&str], Malformed); 8] = [
        (&["data", "x"], Malformed::Missing("topic")),
        (&["topic", "a"], Malformed::Missing("data")),
        (&["topic", "a", "data", "x", "data", "y"], Malformed::Twice("data")),
        (&["topic", "a", "data", &huge], Malformed::TooLarge { bytes: 2_010, limit: 1_000 }),
        (&["topic", "a", "data", "x", "frame", "data: y\n\n"], Malformed::Missing("")),
        (&["topic", "a", "data", "x", "event", "a\nb"], Malformed::Missing("")),
        (&["topic", "a", "data", "x", "retry", "soon"], Malformed::Missing("")),
        (&["topic", "a", "frame", "id: 7\ndata: forged\n\n"], Malformed::Missing("")),
    ];
    for (fields, _) in &malformed {
        engine.cli(&[&["XADD", &key, "*"], *fields].concat());
    }
    // Bytes that are no UTF-8.
    engine.cli(&[
        "EVAL",
        "return redis.call('XADD', KEYS[1], '*', 'topic', 'a', 'data', '\\255')",
        "1",
        &key,
    ]);
    hub.publish("a", "good").await.unwrap();
    assert_eq!(data(&client.until("good").await), ["good"]);
    assert_eq!(hub.engine_stats().malformed, 9);
    assert_eq!(hub.engine_stats().gaps, 0, "nothing of them is lost");
    let reports = reports.lock().unwrap();
    for (report, (_, reason)) in reports.iter().zip(&malformed).take(4) {
        assert_eq!(report.reason, *reason);
    }
    let texts: Vec<_> = reports.iter().skip(4).map(|report| report.reason.to_string()).collect();
    assert!(texts[0].contains("it has data, too"), "{texts:?}");
    assert!(texts[1].contains("\"event\"") && texts[2].contains("\"retry\""), "{texts:?}");
    assert!(texts[3].contains("ids"), "{texts:?}");
    assert_eq!(reports[8].reason, Malformed::NotUtf8("data"));
}

#[tokio::test]
async fn b07_nodes_that_start_at_once_agree_on_the_epoch() {
    let Some(engine) = Engine::start(&[]) else { return };
    let nodes = [(); 8].map(|()| tokio::spawn(RedisBroadcaster::connect(engine.servers(), settings())));
    let mut epochs = Vec::new();
    for node in nodes {
        epochs.push(node.await.unwrap().unwrap().broadcaster().position().epoch);
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1);
    assert_eq!(engine.cli(&["GET", &settings().epoch_key()]), epochs[0].as_str());
}

#[tokio::test]
async fn b07_a_thousand_clients_that_come_back_at_once_cost_the_engine_nothing() {
    let Some(engine) = Engine::start(&[]) else { return };
    let hub = node(&engine).await;
    let first = hub.publish("a", "1").await.unwrap().to_string();
    for number in 2..=100 {
        hub.publish("a", number.to_string()).await.unwrap();
    }
    until("it has read all", || hub.engine_stats().entries == 100).await;
    let (reads, commands) = (hub.engine_stats().reads, processed(&engine));
    for _ in 0..1_000 {
        let mut client = Client::connect(&hub, &["a"], Some(&first));
        assert_eq!(client.outcome, Outcome::Resumed { replayed: 99 });
        assert_eq!(client.all().await.len(), 99);
    }
    assert_eq!(hub.engine_stats().reads, reads);
    // The node asks now and then whether the link is there; a thousand clients ask nothing.
    assert!(processed(&engine) - commands < 200, "{} commands", processed(&engine) - commands);
}

/// How many commands the server has been given.
fn processed(engine: &Engine) -> u64 {
    let info = engine.cli(&["INFO", "stats"]);
    let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:")).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn without_an_engine_it_is_the_broadcaster_of_this_process() {
    let hub = RedisBroadcaster::embedded(sse_broadcast::Settings::new());
    let mut client = Client::connect(&hub, &["a"], None);
    let position = hub.publish("a", "1").await.unwrap();
    assert_eq!(client.until("1").await[0].id, position.to_string());
    assert_eq!(position.sequence, 1);
    assert_eq!((hub.outage(), hub.engine_stats()), (None, sse_redis::EngineStats::default()));
    hub.broadcaster().shutdown();
    assert_eq!(hub.publish("a", "2").await, Err(PublishError::Invalid(Invalid::Closed)));
}

#[tokio::test]
async fn b07_clients_are_counted_over_all_nodes_and_forgotten_with_their_node() {
    let Some(engine) = Engine::start(&[]) else { return };
    let settings = settings().with_exchange(Duration::from_millis(100));
    let connect = || RedisBroadcaster::connect(engine.servers(), settings.clone());
    let [one, other] = [connect().await.unwrap(), connect().await.unwrap()];
    let mut clients: Vec<_> = [&one, &one, &other].map(|hub| Client::connect(hub, &["a"], None)).into();
    for client in &mut clients {
        client.next().await.unwrap();
    }
    let is = |hub: &RedisBroadcaster, nodes: usize, clients: usize| {
        let everywhere = hub.clients_everywhere();
        (everywhere.nodes, everywhere.clients) == (nodes, clients)
    };
    until("both know of three", || is(&one, 2, 3) && is(&other, 2, 3)).await;
    clients.remove(0);
    until("both know of two", || is(&one, 2, 2) && is(&other, 2, 2)).await;
    drop(one);
    until("one is forgotten", || is(&other, 1, 1)).await;
}

#[tokio::test]
async fn b07_members_of_all_nodes_are_known_at_once_and_forgotten_with_their_node() {
    let Some(engine) = Engine::start(&[]) else { return };
    let settings = settings().with_exchange(Duration::from_millis(300));
    let connect = || RedisBroadcaster::connect(engine.servers(), settings.clone());
    let [one, other] = [connect().await.unwrap(), connect().await.unwrap()];
    let (ada, again, bob) = (one.join("a", "ada"), one.join("a", "ada"), other.join("a", "bob"));
    let _elsewhere = other.join("b", "eve\0\r\n");
    let are = async |hub: &RedisBroadcaster, members: &[&str]| {
        let patience = tokio::time::Instant::now() + engine::PATIENCE;
        while hub.members("a").await.unwrap() != members {
            assert!(tokio::time::Instant::now() < patience, "{:?}", hub.members("a").await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    are(&one, &["ada", "bob"]).await;
    are(&other, &["ada", "bob"]).await;
    drop(ada);
    // They are said again and again, or else they would be forgotten.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(other.members("a").await.unwrap(), ["ada", "bob"], "in another tab");
    drop(again);
    are(&other, &["bob"]).await;
    assert_eq!(one.members("b").await.unwrap(), ["eve\0\r\n"]);
    drop(bob);
    are(&one, &[]).await;
    let _carol = one.join("a", "carol");
    are(&other, &["carol"]).await;
    drop(one);
    are(&other, &[]).await;

    let alone = RedisBroadcaster::embedded(sse_broadcast::Settings::new());
    let _dora = alone.join("a", "dora");
    assert_eq!(alone.members("a").await.unwrap(), ["dora"]);
    assert_eq!((alone.clients_everywhere().nodes, alone.clients_everywhere().clients), (1, 0));
}
