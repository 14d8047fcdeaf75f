//! What a client does when its connection is lost.

use crate::pipe::{STREAM, Stopped, exact, follow, get, run, server};
use core::time::Duration;
use http::Request;
use http_body_util::Full;
use sse_hyper::client::{Cause, ClientError, Config, EventSource, Signal};
use tokio::time::{Instant, sleep, timeout};

#[tokio::test(start_paused = true)]
async fn b08_the_last_id_is_sent_and_kept_when_later_events_have_none() {
    let (mut server, http) = server();
    let mut client = follow(http);
    for (wire, sent) in [
        ("id: 7\ndata: a\n\n", None),
        ("data: b\n\n", Some("7")),
        ("id: 8\n\ndata: c\n\n", Some("7")),
        ("data: d\n\n", Some("8")),
    ] {
        let mut connection = server.accept_stream().await;
        assert_eq!(connection.last_event_id().as_deref(), sent, "before {wire:?}");
        connection.send(wire).await;
        connection.end();
        client.opened().await;
        while !matches!(client.signal().await.1, Signal::Disconnected(_)) {}
    }
}

#[tokio::test(start_paused = true)]
async fn b08_the_body_is_sent_again() {
    let (mut server, http) = server();
    let request = Request::post("http://pipe/").body(Full::from("question")).unwrap();
    let _client = run(EventSource::new(http, request));
    for _ in 0..3 {
        let connection = server.accept_stream().await;
        assert_eq!(connection.body, "question");
        connection.end();
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_silent_connection_is_given_up_and_made_anew() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_millis(500));
    let mut client = run(EventSource::new(http, get()).with_config(config));
    let mut first = server.accept_stream().await;
    client.opened().await;
    first.send("data: a\n\n").await;
    assert_eq!(client.event().await.data, "a");
    assert_eq!(client.disconnected().await.interruption.cause, Cause::IdleTimedOut);
    first.closed().await;
    server.accept_stream().await;
    client.opened().await;
}

#[tokio::test(start_paused = true)]
async fn b08_time_outs_run_on_the_timer_of_another_runtime() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_secs(10));
    let timer = hyper_util::rt::TokioTimer::new();
    let mut client = run(EventSource::new(http, get()).with_config(config).with_timer(timer));
    let first = server.accept_stream().await;
    let at = first.at;
    client.opened().await;
    assert_eq!(client.disconnected().await.interruption.cause, Cause::IdleTimedOut);
    assert_eq!((server.accept_stream().await.at - at).as_secs(), 13);
}

#[tokio::test(start_paused = true)]
async fn b08_an_alarm_that_rings_proves_its_time_by_a_clock_that_lags_behind() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_secs(10));
    let timer = Stopped::now();
    let _client = run(EventSource::new(http, get()).with_config(config).with_timer(timer));
    for _ in 0..3 {
        timeout(Duration::from_secs(60), server.accept_stream()).await.unwrap().closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn b08_without_time_outs_a_client_waits_as_long_as_it_takes() {
    let (mut server, http) = server();
    let config = exact().with_connect_timeout(None).with_idle_timeout(None);
    let mut client = run(EventSource::new(http, get()).with_config(config));
    let mut connection = server.accept().await;
    sleep(Duration::from_secs(86_400)).await;
    connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    client.opened().await;
    sleep(Duration::from_secs(86_400)).await;
    connection.send("data: a\n\n").await;
    assert_eq!(client.event().await.data, "a");
}

#[tokio::test(start_paused = true)]
async fn b08_comments_and_parts_of_lines_keep_a_connection_alive() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_secs(10));
    let mut client = run(EventSource::new(http, get()).with_config(config));
    let mut connection = server.accept_stream().await;
    client.opened().await;
    for byte in [&b":"[..], b"\n", b"d", b"ata: a", b"\n", b"\n"] {
        sleep(Duration::from_secs(9)).await;
        connection.send(byte).await;
    }
    client.item().await;
    assert_eq!(client.event().await.data, "a");
}

#[tokio::test(start_paused = true)]
async fn b08_a_reader_that_was_away_finds_what_came_and_is_not_given_up() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_secs(10));
    let mut source = EventSource::new(http, get()).with_config(config);
    let (_, mut connection) = tokio::join!(source.next(), server.accept_stream());
    connection.send("data: a\n\n").await;
    sleep(Duration::from_secs(3_600)).await;
    let event = source.next().await.and_then(Signal::into_event);
    assert_eq!(event.map(|event| event.data).as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn b08_a_reader_that_was_away_while_a_connection_was_being_made_gets_it_made() {
    let (mut server, http) = server();
    let config = exact().with_connect_timeout(Duration::from_secs(10));
    let mut source = EventSource::new(http, get()).with_config(config);
    tokio::spawn(async move {
        for _ in 0..2 {
            let redirecting = server.accept().await;
            sleep(Duration::from_millis(50)).await;
            redirecting.answer("302 Found", "location: /there\r\n", "").await;
        }
        let mut connection = server.accept().await;
        sleep(Duration::from_millis(50)).await;
        connection.send(STREAM).await;
        core::future::pending::<()>().await;
    });
    assert!(timeout(Duration::from_millis(10), source.next()).await.is_err(), "nothing came yet");
    sleep(Duration::from_secs(15)).await;
    let signal = source.next().await;
    assert!(matches!(signal, Some(Signal::Open(_))), "{signal:?}");
}

#[tokio::test(start_paused = true)]
async fn b08_a_server_that_does_not_answer_is_given_up_soon_after_a_reader_came_back() {
    let (mut server, http) = server();
    let config = exact().with_connect_timeout(Duration::from_secs(10));
    let mut source = EventSource::new(http, get()).with_config(config);
    assert!(timeout(Duration::from_secs(1), source.next()).await.is_err());
    let silent = server.accept().await;
    sleep(Duration::from_secs(60)).await;
    let back = Instant::now();
    assert!(matches!(source.next().await, Some(Signal::Disconnected(_))));
    assert_eq!(back.elapsed().as_secs(), 10);
    silent.closed().await;
}

#[tokio::test(start_paused = true)]
async fn b08_a_connection_that_was_silent_all_the_while_is_given_up_when_the_reader_is_back() {
    let (mut server, http) = server();
    let config = exact().with_idle_timeout(Duration::from_secs(10));
    let mut source = EventSource::new(http, get()).with_config(config);
    let (_, _connection) = tokio::join!(source.next(), server.accept_stream());
    sleep(Duration::from_secs(3_600)).await;
    let back = Instant::now();
    let Some(Signal::Disconnected(lost)) = source.next().await else { panic!("not given up") };
    assert_eq!(lost.interruption.cause, Cause::IdleTimedOut);
    assert!(back.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn b08_a_server_that_does_not_answer_is_given_up_and_asked_anew() {
    let (mut server, http) = server();
    let config = exact().with_connect_timeout(Duration::from_secs(10));
    let mut client = run(EventSource::new(http, get()).with_config(config));
    let first = server.accept().await;
    let at = first.at;
    assert_eq!(client.disconnected().await.interruption.cause, Cause::ConnectTimedOut);
    first.closed().await;
    assert_eq!((server.accept_stream().await.at - at).as_secs(), 13);
    client.opened().await;
}

#[tokio::test(start_paused = true)]
async fn b08_half_a_message_is_dropped_and_its_id_with_it() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut first = server.accept_stream().await;
    first.send("id: 1\ndata: whole\n\nid: 2\ndata: half").await;
    first.end();
    client.opened().await;
    assert_eq!(client.event().await.data, "whole");
    assert_eq!(client.disconnected().await.interruption.discarded.map(|discarded| discarded.len), Some(7));
    let mut second = server.accept_stream().await;
    assert_eq!(second.last_event_id().as_deref(), Some("1"));
    second.send("\n\ndata: next\n\n").await;
    client.opened().await;
    assert_eq!(client.event().await.data, "next");
}

#[tokio::test(start_paused = true)]
async fn b08_a_response_that_breaks_off_is_told_with_its_error() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut connection = server.accept().await;
    connection
        .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    connection.send("9\r\ndata: a\n\n\r\n").await;
    connection.end();
    client.opened().await;
    assert_eq!(client.event().await.data, "a");
    let lost = client.disconnected().await;
    assert_eq!(lost.interruption.cause, Cause::TransportFailed);
    assert!(matches!(lost.error, Some(ClientError::Body(_))));
}

#[tokio::test(start_paused = true)]
async fn b08_a_restart_makes_a_new_connection_that_goes_on() {
    let (mut server, http) = server();
    let mut source = EventSource::new(http, get()).with_config(exact());
    let (_, mut first) = tokio::join!(source.next(), server.accept_stream());
    first.send("id: 7\ndata: a\n\n").await;
    assert!(source.next().await.and_then(Signal::into_event).is_some());
    source.restart();
    let Some(Signal::Disconnected(lost)) = source.next().await else { panic!("not disconnected") };
    assert_eq!(lost.interruption.cause, Cause::Restarted);
    first.closed().await;
    let (opened, second) = tokio::join!(source.next(), server.accept_stream());
    assert!(matches!(opened, Some(Signal::Open(_))));
    assert_eq!(second.last_event_id().as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn b08_a_restart_of_a_client_that_backs_off_connects_when_the_reconnection_time_is_over() {
    let (mut server, http) = server();
    server.refuse(8);
    let mut source = EventSource::new(http, get()).with_config(exact());
    for _ in 0..8 {
        assert!(matches!(source.next().await, Some(Signal::Disconnected(_))));
    }
    let lost = Instant::now();
    assert!(timeout(Duration::from_secs(1), source.next()).await.is_err(), "waits for a minute");
    source.restart();
    let (_, connection) = tokio::join!(source.next(), server.accept_stream());
    assert_eq!((connection.at - lost).as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn b08_a_client_that_may_not_reconnect_ends_with_its_response() {
    let (mut server, http) = server();
    let config = Config::new().without_reconnection();
    let mut client = run(EventSource::new(http, get()).with_config(config));
    let mut connection = server.accept_stream().await;
    connection.send("data: a\n\n").await;
    connection.end();
    client.opened().await;
    client.event().await;
    assert_eq!(client.closed().await.to_string(), "the response ended, and no further attempt is allowed");
    assert!(server.is_left_alone().await);
}
