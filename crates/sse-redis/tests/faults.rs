//! What goes wrong with the engine, one at a time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod engine;

use core::time::Duration;
use engine::{Client, Engine, data, node, settings, until};
use sse_broadcast::Outcome;
use sse_redis::{
    ConnectError, Engine as Kind, Link, Outage, PublishError, RedisBroadcaster, Servers, Settings,
};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const RESET: &str = "{\"reason\":\"reset\"}";
const STALE: &str = "{\"stale\":true}";
const BACK: &str = "{\"stale\":false}";

async fn connect(engine: &Engine, settings: Settings) -> Result<RedisBroadcaster, ConnectError> {
    RedisBroadcaster::connect(engine.servers(), settings).await
}

fn kind(error: &ConnectError) -> Kind {
    match error {
        ConnectError::Engine(error) => error.kind(),
        other => panic!("{other}"),
    }
}

fn refusal(published: Result<sse_broadcast::Position, PublishError>) -> Kind {
    match published {
        Err(PublishError::Refused(error)) => error.kind(),
        other => panic!("{other:?}"),
    }
}

/// Two nodes, a client at each, and one event that both have seen.
async fn two(engine: &Engine) -> ([RedisBroadcaster; 2], [Client; 2]) {
    let nodes = [node(engine).await, node(engine).await];
    let mut clients = [Client::connect(&nodes[0], &["a"], None), Client::connect(&nodes[1], &["a"], None)];
    nodes[0].publish("a", "before").await.unwrap();
    for client in &mut clients {
        client.until("before").await;
    }
    (nodes, clients)
}

/// What a client gets up to this, without what it is told of the link.
async fn news(client: &mut Client, to: &str) -> Vec<String> {
    let events = client.until(to).await;
    events.into_iter().filter(|event| event.name != "sse:stale").map(|event| event.data).collect()
}

#[tokio::test]
async fn b07_flushall_while_streaming_is_told_to_all_clients() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (nodes, mut clients) = two(&engine).await;
    let old = clients[0].last_id.clone().unwrap();
    engine.cli(&["FLUSHALL"]);
    nodes[1].publish("a", "after").await.unwrap();
    for client in &mut clients {
        assert_eq!(news(client, "after").await, [RESET, "after"]);
    }
    let late = Client::connect(&nodes[0], &["a"], Some(old.as_str()));
    assert_eq!(late.outcome, Outcome::Reset);
    assert_eq!(nodes[0].engine_stats().epochs, 1);
}

#[tokio::test]
async fn b07_a_stream_that_was_deleted_is_told_to_all_clients_though_the_epoch_is_there() {
    let Some(engine) = Engine::start(&[]) else { return };
    let (_nodes, mut clients) = two(&engine).await;
    let key = settings().stream_key();
    engine.cli(&["DEL", &key]);
    engine.cli(&["XADD", &key, "*", "topic", "a", "data", "after"]);
    for client in &mut clients {
        assert_eq!(news(client, "after").await, [RESET, "after"]);
    }
}

#[tokio::test]
async fn b07_what_was_trimmed_before_a_node_read_it_is_told_as_a_gap() {
    let Some(engine) = Engine::start(&[]) else { return };
    let hub = node(&engine).await;
    let mut client = Client::connect(&hub, &["a"], None);
    hub.publish("a", "before").await.unwrap();
    client.until("before").await;
    // Under one transaction, so that no node reads in between.
    let script = "for i = 1, 9 do redis.call('XADD', KEYS[1], '*', 'topic', 'a', 'data', i) end \
                  return redis.call('XTRIM', KEYS[1], 'MAXLEN', 3)";
    engine.cli(&["EVAL", script, "1", &settings().stream_key()]);
    let events = client.until("9").await;
    assert!(events[0].data.starts_with("{\"reason\":\"gap\","), "{events:?}");
    assert_eq!(data(&events[1..]), ["7", "8", "9"]);
    assert_eq!(hub.engine_stats().gaps, 1);
    // What was read before is no loss.
    engine.cli(&["XTRIM", &settings().stream_key(), "MAXLEN", "0"]);
    hub.publish("a", "more").await.unwrap();
    assert_eq!(data(&client.until("more").await), ["more"]);
}

#[tokio::test]
async fn b07_a_deleted_newest_entry_keeps_no_node_from_starting_and_none_busy() {
    let Some(engine) = Engine::start(&[]) else { return };
    let key = settings().stream_key();
    engine.cli(&["XADD", &key, "1-1", "topic", "a", "data", "1"]);
    engine.cli(&["XADD", &key, "2-1", "topic", "a", "data", "2"]);
    engine.cli(&["XDEL", &key, "2-1"]);
    let hub = node(&engine).await;
    let mut client = Client::connect(&hub, &["a"], None);
    client.next().await.unwrap();
    engine.cli(&[
        "EVAL",
        "redis.call('XDEL', KEYS[1], redis.call('XADD', KEYS[1], '*', 'topic', 'a', 'data', 'x'))",
        "1",
        &key,
    ]);
    let events = client.next().await.unwrap();
    assert!(events.data.starts_with("{\"reason\":\"gap\""), "{events:?}");
    engine.cli(&["CONFIG", "RESETSTAT"]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let stats = engine.cli(&["INFO", "commandstats"]);
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_xread:calls=")).unwrap();
    let calls: u32 = calls.split(',').next().unwrap().parse().unwrap();
    assert!(calls < 20, "{calls} reads of nothing");
    hub.publish("a", "after").await.unwrap();
    assert_eq!(data(&client.until("after").await), ["after"]);
}

#[tokio::test]
async fn b07_who_may_not_trim_publishes_once() {
    let Some(engine) = Engine::start(&[]) else { return };
    let rules = "SETUSER limited on >pw ~sse:{test}* +@all -xtrim";
    engine.cli(&[&["ACL"][..], &rules.split(' ').collect::<Vec<_>>()].concat());
    let servers = Servers::at(&format!("redis://limited:pw@127.0.0.1:{}", engine.port)).unwrap();
    let hub = RedisBroadcaster::connect(servers, settings()).await.unwrap();
    hub.publish("a", "1").await.unwrap();
    assert_eq!(engine.cli(&["XLEN", &settings().stream_key()]), "1");
}

#[tokio::test]
async fn b07_a_server_that_became_a_replica_is_left_when_another_one_is_at_its_address() {
    let Some(old) = Engine::start(&[]) else { return };
    let Some(new) = Engine::start(&[]) else { return };
    let way = Way::to(&old).await;
    let hub = RedisBroadcaster::connect(way.servers(), settings()).await.unwrap();
    hub.publish("a", "1").await.unwrap();
    // The name says another address by now; who is connected stays where it is.
    new.cli(&["REPLICAOF", "127.0.0.1", &old.port.to_string()]);
    until("it has all", || new.try_cli(&["XLEN", &settings().stream_key()]) == "1").await;
    new.cli(&["REPLICAOF", "NO", "ONE"]);
    old.cli(&["REPLICAOF", "127.0.0.1", &new.port.to_string()]);
    way.target.store(new.port, Ordering::SeqCst);
    let patience = tokio::time::Instant::now() + engine::PATIENCE;
    while let Err(error) = hub.publish("a", "2").await {
        assert!(tokio::time::Instant::now() < patience, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn b07_a_seed_that_swallows_packets_keeps_nobody_from_the_others() {
    let Some(engine) = Engine::start(&[]) else { return };
    let way = Way::to(&engine).await;
    way.state.send_replace(State::Silent);
    let silent = format!("redis://127.0.0.1:{}", way.port);
    let servers = Servers::cluster([&*silent, &engine.url()]).unwrap();
    let patient = settings().with_connect_within(Duration::from_secs(2));
    RedisBroadcaster::connect(servers, patient).await.unwrap();
}

#[tokio::test]
async fn b07_an_end_of_the_runtime_that_reads_is_the_end_of_the_streams() {
    let Some(engine) = Engine::start(&[]) else { return };
    let servers = engine.servers();
    let connected = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(RedisBroadcaster::connect(servers, settings())).unwrap()
    });
    let hub = connected.join().unwrap();
    let mut client = Client::connect(&hub, &["a"], None);
    while let Ok(event) = client.next().await {
        assert!(["sse:start", "sse:retry"].contains(&&*event.name), "{event:?}");
    }
    assert!(hub.outage().is_some());
}

#[tokio::test]
async fn b07_an_id_that_the_engine_lost_is_not_of_its_log_though_it_is_not_of_the_future() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    let hub = node(&engine).await;
    hub.publish("a", "1").await.unwrap();
    engine.cli(&["SAVE"]);
    let lost = hub.publish("a", "2").await.unwrap().to_string();
    // Nobody who has seen it is left.
    drop(hub);
    engine.crash();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    engine.run();
    let hub = node(&engine).await;
    assert_eq!(Client::connect(&hub, &["a"], Some(&lost)).outcome, Outcome::Reset);
}

#[tokio::test]
async fn b07_a_crash_without_persistence_is_told_and_the_stream_goes_on() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    let (nodes, mut clients) = two(&engine).await;
    engine.crash();
    for client in &mut clients {
        assert_eq!(data(&client.until(STALE).await), [STALE], "streams stay open");
    }
    engine.run();
    until("it is back", || nodes.iter().all(|node| node.outage().is_none())).await;
    nodes[0].publish("a", "after").await.unwrap();
    for client in &mut clients {
        let events = client.until("after").await;
        let told = data(&events);
        assert!(told.contains(&BACK) && told.contains(&RESET), "{told:?}");
        assert_eq!(told.last(), Some(&"after"));
    }
}

#[tokio::test]
async fn b07_a_crash_of_a_server_that_writes_everything_down_loses_nothing() {
    let Some(mut engine) = Engine::start(&["--appendonly", "yes", "--appendfsync", "always"]) else { return };
    let (nodes, mut clients) = two(&engine).await;
    nodes[0].publish("a", "last words").await.unwrap();
    engine.crash();
    let outages = || nodes.iter().all(|node| node.outage().is_some());
    until("they notice", outages).await;
    engine.run();
    until("it is back", || nodes.iter().all(|node| node.outage().is_none())).await;
    nodes[1].publish("a", "after").await.unwrap();
    for client in &mut clients {
        assert_eq!(news(client, "after").await, ["last words", "after"]);
    }
    assert_eq!(nodes.each_ref().map(|node| node.engine_stats().epochs), [0, 0]);
}

#[tokio::test]
async fn b07_a_server_that_comes_back_with_an_older_state_is_told_even_if_it_has_gone_on() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    let (nodes, mut clients) = two(&engine).await;
    engine.cli(&["SAVE"]);
    for number in 1..=3 {
        nodes[0].publish("a", number.to_string()).await.unwrap();
    }
    for client in &mut clients {
        client.until("3").await;
    }
    engine.crash();
    until("they notice", || nodes.iter().all(|node| node.outage().is_some())).await;
    engine.run_with(|engine| {
        // Before a node is back, somebody else has published: the newest id is above all that was lost.
        engine.cli(&["XADD", &settings().stream_key(), "*", "topic", "a", "data", "somebody else's"]);
    });
    for client in &mut clients {
        assert_eq!(news(client, "somebody else's").await, [RESET, "before", "somebody else's"]);
    }
}

#[tokio::test]
async fn b07_a_paused_server_is_noticed_and_nothing_is_lost_when_it_goes_on() {
    let Some(engine) = Engine::start(&[]) else { return };
    let hub = connect(&engine, settings().with_answer_within(Duration::from_millis(300))).await.unwrap();
    let mut client = Client::connect(&hub, &["a"], None);
    hub.publish("a", "before").await.unwrap();
    client.until("before").await;
    engine.pause();
    let sent = hub.publish("a", "sent").await.unwrap_err();
    assert!(matches!(sent, PublishError::Unconfirmed(_)), "{sent}");
    assert_eq!(data(&client.until(STALE).await), [STALE]);
    let not_sent = hub.publish("a", "not sent").await.unwrap_err();
    assert!(matches!(not_sent, PublishError::Unreachable(_)), "{not_sent}");
    engine.resume();
    assert_eq!(data(&client.until(BACK).await).last(), Some(&BACK));
    hub.publish("a", "after").await.unwrap();
    let events = client.until("after").await;
    assert!(!data(&events).contains(&"not sent"), "{events:?}");
    assert_eq!(hub.engine_stats().epochs + hub.engine_stats().gaps, 0);
}

#[tokio::test]
async fn b07_publishing_without_an_engine_fails_at_once_or_waits_for_so_long() {
    let Some(mut engine) = Engine::start(&[]) else { return };
    let hasty = node(&engine).await;
    let patient = settings().with_outage(Outage::Wait(Duration::from_secs(20)));
    let patient = connect(&engine, patient).await.unwrap();
    let weary = settings().with_outage(Outage::Wait(Duration::from_millis(50)));
    let weary = connect(&engine, weary).await.unwrap();
    engine.crash();
    let nodes = [&hasty, &patient, &weary];
    until("they notice", || nodes.iter().all(|node| node.outage().is_some())).await;
    for hub in [&hasty, &weary] {
        let error = hub.publish("a", "x").await.unwrap_err();
        let PublishError::Unreachable(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), Kind::Unreachable);
    }
    let waiting = tokio::spawn(async move { patient.publish("a", "patient").await });
    engine.run();
    waiting.await.unwrap().unwrap();
    assert_eq!(engine.cli(&["XLEN", &settings().stream_key()]), "1");
}

#[tokio::test]
async fn b07_a_key_that_holds_something_else_is_said_and_gone_around() {
    let Some(engine) = Engine::start(&[]) else { return };
    let key = settings().stream_key();
    engine.cli(&["SET", &key, "mine"]);
    assert_eq!(kind(&connect(&engine, settings()).await.unwrap_err()), Kind::WrongType);
    engine.cli(&["DEL", &key]);

    let (nodes, mut clients) = two(&engine).await;
    engine.cli(&["SET", &key, "mine"]);
    until("they notice", || nodes.iter().all(|node| node.outage().is_some())).await;
    assert_eq!(nodes[0].outage().unwrap().kind(), Kind::WrongType);
    assert_eq!(data(&clients[0].until(STALE).await), [STALE]);
    engine.cli(&["DEL", &key]);
    until("it is back", || nodes.iter().all(|node| node.outage().is_none())).await;
    nodes[0].publish("a", "after").await.unwrap();
    assert_eq!(news(&mut clients[0], "after").await, [RESET, "after"]);
    // The epoch may hold something else, too.
    engine.cli(&["SET", &settings().epoch_key(), "not-an-epoch"]);
    assert_eq!(kind(&connect(&engine, settings()).await.unwrap_err()), Kind::Other);
    engine.cli(&["DEL", &settings().epoch_key()]);
    engine.cli(&["LPUSH", &settings().epoch_key(), "x"]);
    assert_eq!(kind(&connect(&engine, settings()).await.unwrap_err()), Kind::WrongType);
}

#[tokio::test]
async fn b07_passwords_and_users_are_told_from_wrong_ones() {
    let Some(engine) = Engine::start(&["--requirepass", "secret"]) else { return };
    let to = |user: &str| Servers::at(&format!("redis://{user}@127.0.0.1:{}", engine.port)).unwrap();
    assert!(!format!("{:?}", to(":secret")).contains("secret"));
    for wrong in [":wrong", "nobody:secret"] {
        let error = RedisBroadcaster::connect(to(wrong), settings()).await.unwrap_err();
        assert_eq!(kind(&error), Kind::Denied, "{error}");
    }
    let error = connect(&engine, settings()).await.unwrap_err();
    assert_eq!(kind(&error), Kind::Denied, "none at all: {error}");
    let hub = RedisBroadcaster::connect(to(":secret"), settings()).await.unwrap();

    let auth = ["-a", "secret", "--no-auth-warning"];
    let user = |rules: &[&str]| engine.cli(&[&auth, &["ACL", "SETUSER"][..], rules].concat());
    // All that a node needs; and not.
    let needed = "~sse:{test}* +xread +eval +evalsha +script|load +get +set +time +exists +xinfo|stream +xadd +xtrim +client \
                  +hset +hgetall +hdel +pexpire +zadd +zrem +zrangebyscore +zremrangebyscore";
    let needed: Vec<_> = ["node", "on", ">pw"].into_iter().chain(needed.split(' ')).collect();
    user(&needed);
    user(&["reader", "on", ">pw", "~sse:{other}*", "+@all"]);
    let node = RedisBroadcaster::connect(to("node:pw"), settings()).await.unwrap();
    let mut client = Client::connect(&node, &["a"], None);
    hub.publish("a", "1").await.unwrap();
    node.publish("a", "2").await.unwrap();
    assert_eq!(data(&client.until("2").await), ["1", "2"]);
    // What it asks when it comes back, too.
    engine.cli(&[&auth, &["CLIENT", "KILL", "USER", "node"][..]].concat());
    until("it notices", || node.engine_stats().breaks > 0).await;
    until("it is back", || node.outage().is_none()).await;
    hub.publish("a", "3").await.unwrap();
    assert_eq!(data(&client.until("3").await).last(), Some(&"3"));
    let error = RedisBroadcaster::connect(to("reader:pw"), settings()).await.unwrap_err();
    assert_eq!(kind(&error), Kind::Denied, "{error}");
}

#[tokio::test]
async fn b07_a_replica_serves_readers_and_refuses_publishers() {
    let Some(master) = Engine::start(&[]) else { return };
    let Some(replica) = Engine::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]) else {
        return;
    };
    let publisher = node(&master).await;
    publisher.publish("a", "before").await.unwrap();
    let key = settings().epoch_key();
    until("it has the epoch", || !replica.try_cli(&["GET", &key]).is_empty()).await;
    let reader = node(&replica).await;
    let mut client = Client::connect(&reader, &["a"], None);
    publisher.publish("a", "1").await.unwrap();
    assert_eq!(data(&client.until("1").await).last(), Some(&"1"));
    assert_eq!(refusal(reader.publish("a", "2").await), Kind::ReadOnly);
}

#[tokio::test]
async fn b07_a_full_server_refuses_publishers_and_serves_readers() {
    let Some(engine) = Engine::start(&["--maxmemory-policy", "noeviction"]) else { return };
    let (nodes, mut clients) = two(&engine).await;
    engine.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(refusal(nodes[0].publish("a", "x").await), Kind::OutOfMemory);
    assert!(nodes[0].outage().is_none(), "reading goes on");
    engine.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    nodes[0].publish("a", "after").await.unwrap();
    for client in &mut clients {
        assert_eq!(data(&client.until("after").await), ["after"]);
    }
}

#[tokio::test]
async fn b07_a_clock_that_was_set_back_changes_no_order_and_loses_nothing() {
    let Some(engine) = Engine::start(&[]) else { return };
    let key = settings().stream_key();
    let (nodes, mut clients) = two(&engine).await;
    // What a server does whose clock was an hour ahead and was set right: it stays at the newest id and counts on.
    let ahead = "local time = redis.call('TIME') \
                 return redis.call('XADD', KEYS[1], (time[1] + 3600) .. '000-0', 'topic', 'a', 'data', 'ahead')";
    let ahead = engine.cli(&["EVAL", ahead, "1", &key]);
    for number in 1..=3 {
        let position = nodes[number % 2].publish("a", number.to_string()).await.unwrap();
        assert_eq!(position.sequence.to_string(), format!("{}-{number}", ahead.split_once('-').unwrap().0));
    }
    for client in &mut clients {
        assert_eq!(data(&client.until("3").await), ["ahead", "1", "2", "3"]);
    }
    // A client that is ahead of its next node is not told that it lost anything.
    let last = clients[0].last_id.clone().unwrap();
    let fresh = node(&engine).await;
    assert_eq!(
        Client::connect(&fresh, &["a"], Some(last.as_str())).outcome,
        Outcome::Resumed { replayed: 0 }
    );
}

/// A way to the server that can be cut, and that can fall silent.
struct Way {
    port: u16,
    state: watch::Sender<State>,
    /// The port of the server.
    target: Arc<AtomicU16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Silent,
    Cut,
}

impl Way {
    async fn to(engine: &Engine) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(engine.port));
        let towards = Arc::clone(&target);
        let state = watch::Sender::new(State::Open);
        let states = state.subscribe();
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *states.borrow() == State::Cut {
                    continue;
                }
                let far = TcpStream::connect(("127.0.0.1", towards.load(Ordering::SeqCst))).await.unwrap();
                tokio::spawn(carry(near, far, states.clone()));
            }
        });
        Self { port, state, target }
    }

    fn servers(&self) -> Servers {
        Servers::at(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }
}

async fn carry(near: TcpStream, far: TcpStream, states: watch::Receiver<State>) {
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let one = copy(near_read, far_write, states.clone());
    let other = copy(far_read, near_write, states.clone());
    let mut states = states;
    tokio::select! {
        () = one => {}
        () = other => {}
        _ = states.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut states: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(len) = from.read(&mut buffer).await {
        // What arrives in the silence is held, as by a network that drops packets.
        if len == 0 || states.wait_for(|state| *state != State::Silent).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn b07_a_way_that_is_cut_or_falls_silent_is_found_and_nothing_is_lost() {
    let Some(engine) = Engine::start(&[]) else { return };
    let way = Way::to(&engine).await;
    let links = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&links);
    let settings = settings().on_link(move |link| told.lock().unwrap().push(link.clone()));
    let far = RedisBroadcaster::connect(way.servers(), settings).await.unwrap();
    let near = node(&engine).await;
    let mut client = Client::connect(&far, &["a"], None);
    near.publish("a", "0").await.unwrap();
    client.until("0").await;
    for (round, state) in [State::Cut, State::Silent, State::Cut, State::Silent].into_iter().enumerate() {
        way.state.send_replace(state);
        let missed = format!("{round} missed");
        near.publish("a", missed.clone()).await.unwrap();
        assert_eq!(data(&client.until(STALE).await), [STALE], "{state:?}");
        way.state.send_replace(State::Open);
        let after = format!("{round} after");
        near.publish("a", after.clone()).await.unwrap();
        assert_eq!(news(&mut client, &after).await, [missed, after], "{state:?}");
    }
    assert_eq!(far.engine_stats().breaks, 4);
    let links = links.lock().unwrap();
    assert_eq!(links.iter().filter(|link| **link == Link::Up).count(), 5);
    assert!(links.iter().any(|link| matches!(link, Link::Down(error) if error.kind() == Kind::Unreachable)));
}

#[tokio::test]
async fn b07_dropping_the_last_handle_ends_the_streams() {
    let Some(engine) = Engine::start(&[]) else { return };
    let hub = node(&engine).await;
    let mut client = Client::connect(&hub, &["a"], None);
    client.next().await.unwrap();
    drop(hub.clone());
    hub.publish("a", "1").await.unwrap();
    client.until("1").await;
    drop(hub);
    assert_eq!(client.next().await, Err(Some(sse_core::CloseReason::Shutdown)));
}
