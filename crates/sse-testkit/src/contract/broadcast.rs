//! What a broadcaster's route does, on every framework.

use super::client::{Client, Recording};
use crate::collect::{Collector, End, Live};
use crate::url::{Connected, Pipe};
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use http::StatusCode;
use sse_broadcast::{Broadcaster, Epoch, Settings};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

/// How a framework serves a broadcaster: by its own route, to the topic [`NEWS`].
pub trait Broadcasts: 'static {
    /// Whether the connection speaks HTTP/2, with prior knowledge.
    const IS_HTTP2: bool;

    /// Serves one connection to its end; `/events` is the route, for GET and HEAD.
    fn serve(io: DuplexStream, hub: Broadcaster) -> impl Future<Output = ()> + 'static;

    /// Starts a server on a socket. What it returns shuts it down gracefully, and is ready when it has.
    fn start(listener: TcpListener, hub: Broadcaster) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// The topic of the route.
pub const NEWS: &str = "news";

fn hub() -> Broadcaster {
    Broadcaster::new(settings())
}

fn settings() -> Settings {
    Settings::new().with_epoch(Epoch::new("e").expect("letters"))
}

fn publish(hub: &Broadcaster, texts: impl IntoIterator<Item = u32>) {
    for text in texts {
        hub.publish(NEWS, text.to_string()).expect("room for an event");
    }
}

async fn connect<B: Broadcasts>(hub: &Broadcaster) -> Client {
    Client::over(B::IS_HTTP2, |io| B::serve(io, hub.clone())).await
}

/// Asks for the route.
fn events() -> Collector {
    Collector::get("/events")
}

/// A stream that is read step by step.
async fn open<B: Broadcasts>(hub: &Broadcaster, collector: Collector) -> Live<Connected> {
    let serve = |io| drop(spawn_local(B::serve(io, hub.clone())));
    let opened = match B::IS_HTTP2 {
        true => collector.open(&Pipe::http2(serve)).await,
        false => collector.open(&Pipe::http1(serve)).await,
    };
    opened.expect("an event stream")
}

fn outcome(live: &Live<Connected>) -> &str {
    live.so_far().headers["sse-outcome"].to_str().expect("ASCII")
}

/// Reads until the wire holds a text.
async fn until(live: &mut Live<Connected>, wanted: &str) {
    live.wait_until(|so_far| so_far.text().contains(wanted)).await.expect("an open stream");
}

/// Waits, on the paused clock, until something holds.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        sleep(Duration::from_millis(1)).await;
    }
}

/// What is published on the topic reaches the client, with ids; what is published on another does not.
pub async fn m46_a_route_serves_what_is_published<B: Broadcasts>() {
    let hub = hub();
    publish(&hub, [1]);
    let mut reader = open::<B>(&hub, events()).await;
    assert_eq!(reader.so_far().status, StatusCode::OK);
    assert_eq!(reader.so_far().headers["content-type"], "text/event-stream");
    assert_eq!(outcome(&reader), "fresh");
    until(&mut reader, "id: e-1\ndata: {\"reason\":\"fresh\"}\n\n").await;
    hub.publish(NEWS, "two\nlines").expect("room for an event");
    hub.publish("weather", "rain").expect("room for an event");
    publish(&hub, [3]);
    until(&mut reader, "id: e-4\ndata: 3\n\n").await;
    assert_eq!(
        reader.so_far().text(),
        ":\nevent: sse:start\nid: e-1\ndata: {\"reason\":\"fresh\"}\n\nid: e-2\ndata: two\ndata: lines\n\nid: e-4\ndata: 3\n\n"
    );
}

/// The client goes on behind its id, whether it comes by header or by query.
pub async fn m46_a_last_event_id_resumes_exactly<B: Broadcasts>() {
    let hub = hub();
    publish(&hub, 1..=4);
    for request in [events().with_last_event_id("e-2"), Collector::get("/events?lastEventId=e-2")] {
        let mut reader = open::<B>(&hub, request).await;
        assert_eq!(outcome(&reader), "resumed; replayed=2");
        until(&mut reader, "data: 4\n\n").await;
        assert_eq!(reader.so_far().text(), ":\nid: e-3\ndata: 3\n\nid: e-4\ndata: 4\n\n");
    }
}

/// A client from before a restart is told so first, and gets what there is; so is one with an id that nobody gave out.
pub async fn m46_an_id_of_another_life_gets_a_reset_first<B: Broadcasts>() {
    let hub = hub();
    publish(&hub, 1..=2);
    for id in ["before-1", "e-99", "nonsense"] {
        let mut reader = open::<B>(&hub, events().with_last_event_id(id)).await;
        assert_eq!(outcome(&reader), "reset");
        until(&mut reader, "data: 2\n\n").await;
        let verdict = ":\nevent: sse:reset\nid: e-0\ndata: {\"reason\":\"reset\"}\n\n";
        assert_eq!(
            reader.so_far().text(),
            format!("{verdict}id: e-1\ndata: 1\n\nid: e-2\ndata: 2\n\n"),
            "{id}"
        );
    }
}

/// What the log holds no longer is told, in the header and in the stream.
pub async fn m46_what_the_log_has_lost_is_told<B: Broadcasts>() {
    let hub = Broadcaster::new(settings().with_events(2));
    publish(&hub, 1..=5);
    let mut reader = open::<B>(&hub, events().with_last_event_id("e-1")).await;
    assert_eq!(outcome(&reader), "gap; from=1; to=3");
    until(&mut reader, "data: 5\n\n").await;
    let verdict = "event: sse:reset\nid: e-3\ndata: {\"reason\":\"gap\",\"from\":\"1\",\"to\":\"3\"}\n\n";
    assert_eq!(reader.so_far().text(), format!(":\n{verdict}id: e-4\ndata: 4\n\nid: e-5\ndata: 5\n\n"));
}

/// A client too many gets a stream that an `EventSource` comes back from: 200, a reconnection time, the end.
pub async fn m46_a_client_too_many_is_told_to_come_back<B: Broadcasts>() {
    let hub = Broadcaster::new(settings().with_clients(1));
    let mut first = open::<B>(&hub, events()).await;
    until(&mut first, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    let mut second = connect::<B>(&hub).await;
    let refusal = second.record(1_000).await;
    assert_eq!(refusal.status, StatusCode::OK);
    assert_eq!(refusal.headers["sse-outcome"], "refused");
    let text = refusal.text();
    let retry = text.strip_prefix(":\nevent: sse:retry\nretry: ");
    let retry = retry.and_then(|rest| rest.strip_suffix("\ndata: {\"reason\":\"refused\"}\n\n"));
    let retry: u64 = retry.and_then(|retry| retry.parse().ok()).expect("a reconnection time");
    assert!((1_000..=5_000).contains(&retry), "{retry}");
    assert!(refusal.ended_at.is_some());
    assert_eq!((hub.client_count(), hub.stats().refused), (1, 1));
    // Nobody else suffers, and there is room again when the first has left.
    publish(&hub, [1]);
    until(&mut first, "data: 1\n\n").await;
    drop(first);
    eventually("room for another", || hub.client_count() == 0).await;
    assert_eq!(outcome(&open::<B>(&hub, events()).await), "fresh");
}

/// A HEAD gets the head of the stream, and is no client.
pub async fn m46_a_head_request_is_no_client<B: Broadcasts>() {
    let hub = hub();
    let mut client = connect::<B>(&hub).await;
    let start = Instant::now();
    let head = client.request(http::Request::head("http://contract.test/events")).await;
    let head = Recording::of(head, start, 1_000).await;
    assert_eq!(head.headers["content-type"], "text/event-stream");
    assert_eq!(head.headers["sse-outcome"], "fresh");
    head.expect(&[], Some(0));
    assert_eq!(hub.client_count(), 0);
}

/// A broadcast stream on which nothing happens has the heartbeat of every other.
pub async fn m45_a_quiet_broadcast_has_a_heartbeat<B: Broadcasts>() {
    let hub = hub();
    let quiet = connect::<B>(&hub).await.record(31_000).await;
    quiet.expect(
        &[
            (0, ":\nevent: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n"),
            (15_000, ": heartbeat\n"),
            (30_000, ": heartbeat\n"),
        ],
        None,
    );
}

/// The count of clients goes up with each that reads, and down with each that leaves.
pub async fn m47_clients_are_counted_while_they_are_connected<B: Broadcasts>() {
    let hub = hub();
    let mut readers = Vec::new();
    for count in 1..=3 {
        let mut reader = open::<B>(&hub, events()).await;
        until(&mut reader, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
        readers.push(reader);
        assert_eq!((hub.client_count(), hub.topic_client_count(NEWS)), (count, count));
    }
    for count in (0..3).rev() {
        readers.pop();
        eventually("the count goes down", || hub.client_count() == count).await;
        assert_eq!(hub.topic_client_count(NEWS), count);
    }
}

/// A client that leaves is removed while nothing happens, before its first event and in the middle of a chunk.
pub async fn m48_a_client_that_leaves_is_removed<B: Broadcasts>() {
    let here_and_ever = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let (on_connect, on_leave) = (Arc::clone(&here_and_ever), Arc::clone(&here_and_ever));
    let settings = settings()
        .on_connect(move |_| {
            on_connect.0.fetch_add(1, Ordering::SeqCst);
            on_connect.1.fetch_add(1, Ordering::SeqCst);
        })
        .on_leave(move |_| {
            on_leave.0.fetch_sub(1, Ordering::SeqCst);
        });
    let hub = Broadcaster::new(settings);

    let mut idle = open::<B>(&hub, events()).await;
    until(&mut idle, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    drop(idle);
    eventually("the idle one is removed", || hub.client_count() == 0).await;

    // More than pipe and chunk hold: the server is in the middle of it.
    publish(&hub, 0..1_000);
    let stalled = open::<B>(&hub, events().with_last_event_id("e-0")).await;
    eventually("it reads", || hub.client_count() == 1).await;
    drop(stalled);
    eventually("the stalled one is removed", || hub.client_count() == 0).await;
    let (here, ever) = (&here_and_ever.0, &here_and_ever.1);
    eventually("the hook says so", || here.load(Ordering::SeqCst) == 0).await;
    assert_eq!(ever.load(Ordering::SeqCst), 2);
}

/// How many events a client misses that stops reading: more than all buffers on its way hold.
const MISSED: u32 = 3_000;

/// A client that stopped reading while another read everything, from a log of few events.
async fn stalled<B: Broadcasts>(hub: &Broadcaster) -> (Live<Connected>, Live<Connected>) {
    let mut stalled = open::<B>(hub, events()).await;
    until(&mut stalled, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    let mut reading = open::<B>(hub, events()).await;
    until(&mut reading, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    let padding = "x".repeat(500);
    for number in 1..=MISSED {
        hub.publish(NEWS, format!("{number} {padding}")).expect("room for an event");
        if number % 10 == 0 {
            let is_last = |text: &str| text.starts_with(&format!("{number} "));
            while !is_last(&reading.next_event().await.expect("an open stream").data) {}
        }
    }
    (stalled, reading)
}

/// A client that fell behind the log is told when to come back, its stream ends, and its next says what is lost.
pub async fn m43_a_client_that_lags_is_sent_away_and_resumes<B: Broadcasts>() {
    let hub = Broadcaster::new(settings().with_events(20));
    let (mut stalled, _reading) = stalled::<B>(&hub).await;
    assert_eq!(stalled.read_for(Duration::from_secs(10)).await, End::Ended);
    let stalled = stalled.leave();
    let retry = stalled.retry.expect("a time").as_millis();
    assert!((1_000..=5_000).contains(&retry), "{retry}");
    assert!(
        stalled
            .text()
            .ends_with(&format!("\n\nevent: sse:retry\nretry: {retry}\ndata: {{\"reason\":\"lagged\"}}\n\n")),
        "behind the events"
    );
    assert_eq!(hub.stats().lagged, 1);
    let seen = stalled.last_event_id.strip_prefix("e-").expect("an id");
    let again = open::<B>(&hub, events().with_last_event_id(format!("e-{seen}"))).await;
    assert_eq!(outcome(&again), format!("gap; from={seen}; to={}", MISSED - 20));
}

/// A client that stops reading holds up nobody, and its events are not kept for it.
pub async fn b03_a_client_that_stalls_costs_the_others_nothing<B: Broadcasts>() {
    let hub = Broadcaster::new(settings().with_events(20));
    let (_stalled, reading) = stalled::<B>(&hub).await;
    let published = reading.so_far().events.iter().filter(|event| event.name == "message");
    let numbers = published.filter_map(|event| event.data.split(' ').next());
    let expected = (1..=MISSED).map(|number| number.to_string());
    assert!(numbers.eq(expected), "all, in order");
    assert_eq!((hub.client_count(), hub.stats().lagged), (2, 0), "the stalled one does not know yet");
}

/// A client that reads one byte a second, for an hour, delays nobody by a moment, and its events are not kept for it. On
/// HTTP/1.1, whose bytes are those of the stream.
pub async fn b03_a_client_that_reads_a_byte_a_second_costs_the_others_nothing<B: Broadcasts>() {
    const EVENTS: u32 = 3_600;
    const SECOND: Duration = Duration::from_secs(1);
    let hub = Broadcaster::new(settings().with_events(20));
    let (mut slow, served) = duplex(64);
    spawn_local(B::serve(served, hub.clone()));
    slow.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a server that reads");
    let bytes = Arc::new(AtomicUsize::new(0));
    let trickle = spawn_local({
        let bytes = Arc::clone(&bytes);
        async move {
            loop {
                sleep(SECOND).await;
                slow.read_exact(&mut [0]).await.expect("an open stream");
                bytes.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut reading = open::<B>(&hub, events()).await;
    until(&mut reading, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    reading.next_event().await.expect("where it starts");
    let padding = "x".repeat(500);
    for number in 1..=EVENTS {
        sleep(SECOND).await;
        let published = Instant::now();
        hub.publish(NEWS, format!("{number} {padding}")).expect("room for an event");
        let event = reading.next_event().await.expect("an open stream");
        assert!(event.data.starts_with(&format!("{number} ")), "in order");
        assert_eq!(Instant::now(), published, "event {number} arrives at once");
    }
    // Where the buffers on its way had room it was told that it lags, and has that before it.
    assert_eq!(hub.client_count() + hub.stats().lagged as usize, 2);
    let bytes = bytes.load(Ordering::SeqCst);
    assert!((3_500..3_700).contains(&bytes), "{bytes}");
    trickle.abort();
    eventually("the slow one is removed", || hub.client_count() == 1).await;
}

/// What a client has missed while it was waiting arrives in one chunk.
pub async fn b06_events_that_are_missed_together_arrive_together<B: Broadcasts>() {
    let hub = hub();
    let mut reader = open::<B>(&hub, events()).await;
    until(&mut reader, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
    reader.next_event().await.expect("where it starts");
    publish(&hub, 1..=50);
    reader.next_event().await.expect("an open stream");
    let expected: String = (1..=50).map(|number| format!("id: e-{number}\ndata: {number}\n\n")).collect();
    let arrival = reader.so_far().arrivals.last().expect("a chunk");
    assert_eq!(&reader.so_far().wire[arrival.bytes.clone()], expected.as_bytes());
}

/// A client that is cut again and again, while events are published, sees each once and in order.
pub async fn b02_a_client_that_is_cut_loses_and_doubles_nothing<B: Broadcasts>() {
    const EVENTS: u32 = 400;
    let hub = hub();
    let published = hub.clone();
    spawn_local(async move {
        for number in 1..=EVENTS {
            publish(&published, [number]);
            sleep(Duration::from_millis(u64::from(number % 5))).await;
        }
    });
    let (mut seen, mut last_id, mut cuts) = (Vec::new(), "e-0".to_owned(), 0);
    while seen.len() < EVENTS as usize {
        let mut live = open::<B>(&hub, events().with_last_event_id(last_id)).await;
        live.read_for(Duration::from_millis(20 + cuts % 7)).await;
        // What the client has of an event that is not complete is none of its business.
        let cut = live.leave();
        seen.extend(cut.events.iter().map(|event| event.data.parse::<u32>().expect("a number")));
        last_id = cut.last_event_id;
        cuts += 1;
        assert!(cuts < 1_000, "the client gets on: {seen:?}");
    }
    assert!(seen.iter().copied().eq(1..=EVENTS), "{seen:?}");
    assert!(cuts > 10, "{cuts}");
}

/// When the broadcaster shuts down its streams end, with what was published before, and the server's graceful shutdown
/// returns. On sockets.
pub async fn b04_a_shutdown_ends_the_streams_and_the_server<B: Broadcasts>() {
    let hub = hub();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let stop = B::start(listener, hub.clone());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect(address).await.expect("a server");
        client.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a server that reads");
        read_until(&mut client, "id: e-0\ndata: {\"reason\":\"fresh\"}\n\n").await;
        clients.push(client);
    }
    assert_eq!(hub.client_count(), 3);
    publish(&hub, [1]);
    hub.shutdown();
    for client in &mut clients {
        // The last chunk is the empty one.
        let text = read_until(client, "\r\n0\r\n\r\n").await;
        assert!(text.contains("id: e-1\ndata: 1\n\n"), "{text}");
    }
    timeout(DEADLINE, stop).await.expect("the graceful shutdown returns");
    assert_eq!(hub.client_count(), 0);
}

/// Only a failed test reaches it.
const DEADLINE: Duration = Duration::from_secs(10);

async fn read_until(client: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.contains(wanted) {
        let read = timeout(DEADLINE, client.read(&mut buffer)).await.expect("bytes in time");
        let read = read.expect("an open connection");
        assert_ne!(read, 0, "{text}");
        text.push_str(core::str::from_utf8(&buffer[..read]).expect("UTF-8"));
    }
    text
}

/// Makes one test of each scenario for a framework that [`Broadcasts`].
#[macro_export]
macro_rules! broadcast_tests {
    ($name:ident, $framework:ty) => {
        mod $name {
            use super::*;
            $crate::broadcast_tests!(@ $framework:
                m46_a_route_serves_what_is_published
                m46_a_last_event_id_resumes_exactly
                m46_an_id_of_another_life_gets_a_reset_first
                m46_what_the_log_has_lost_is_told
                m46_a_client_too_many_is_told_to_come_back
                m46_a_head_request_is_no_client
                m45_a_quiet_broadcast_has_a_heartbeat
                m47_clients_are_counted_while_they_are_connected
                m48_a_client_that_leaves_is_removed
                m43_a_client_that_lags_is_sent_away_and_resumes
                b03_a_client_that_stalls_costs_the_others_nothing
                b06_events_that_are_missed_together_arrive_together
                b02_a_client_that_is_cut_loses_and_doubles_nothing
            );
        }
    };
    (@ $framework:ty: $($scenario:ident)*) => {$(
        #[test]
        fn $scenario() {
            $crate::contract::run($crate::contract::$scenario::<$framework>());
        }
    )*};
}
