//! The example client, in this process, against a plain socket.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/blocking_client.rs"]
mod blocking_client;

use core::time::Duration;
use sse_core::Item;
use sse_core::client::{Cause, Client, Config, EndReason};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

/// Answers one request after the other, and returns what ids they named.
fn serve(listener: TcpListener, answers: Vec<&'static str>) -> thread::JoinHandle<Vec<Option<String>>> {
    thread::spawn(move || {
        let answer = |answer: &str| {
            let (mut socket, _) = listener.accept().unwrap();
            let lines = BufReader::new(socket.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            socket.write_all(answer.as_bytes()).unwrap();
            head.iter().find_map(|line| line.strip_prefix("last-event-id: ")).map(str::to_owned)
        };
        answers.into_iter().map(answer).collect()
    })
}

#[test]
fn b08_a_blocking_driver_tries_every_address_of_a_host() {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addresses = [nobody, listener.local_addr().unwrap()];
    let patience = Duration::from_secs(10);
    assert!(blocking_client::connect(&addresses, patience).is_ok());
    assert!(blocking_client::connect(&addresses[..1], patience).is_err());
    assert!(blocking_client::connect(&[], patience).is_err());
}

#[test]
fn b08_a_blocking_driver_gives_up_a_server_that_does_not_answer_when_the_machine_says_so() {
    // Connects, since the system accepts, and then is never read.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let config = Config::new().with_connect_timeout(Duration::from_millis(50)).without_reconnection();
    let reason = blocking_client::follow(&mut Client::start(config), &host, "/", |_| {});
    assert_eq!(reason, EndReason::Disconnected(Cause::ConnectTimedOut));
}

#[test]
fn b08_a_blocking_driver_reads_resumes_and_stops_at_204() {
    const STREAM: &str = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let first =
        "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: a\n\nid: 2\ndata: half";
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = serve(listener, vec![first, STREAM, "HTTP/1.0 204 No Content\r\n\r\n"]);
    let config = Config::new()
        .with_reconnection_time(Duration::ZERO)
        .with_delay_limits(Duration::ZERO, Duration::ZERO)
        .with_jitter_percent(0);
    let mut client = Client::start(config);
    let mut events = Vec::new();
    let reason = blocking_client::follow(&mut client, &host, "/", |item| {
        if let Item::Event(event) = item {
            events.push(event.into_data());
        }
    });
    assert_eq!(reason, EndReason::NoContent);
    assert_eq!(events, ["a"]);
    assert_eq!(server.join().unwrap(), [None, Some("1".to_owned()), Some("1".to_owned())]);
}
