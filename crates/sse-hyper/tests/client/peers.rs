//! What released clients were measured to get wrong.

use crate::pipe::{Following, exact, follow, get, run, server};
use core::time::Duration;
use http_body_util::Full;
use sse_hyper::client::{Cause, ClientError, Config, EndReason, EventSource};
use sse_hyper::sse_core::OwnedItem;

#[tokio::test(start_paused = true)]
async fn b08_the_id_is_not_lost_on_the_second_reconnection() {
    let (mut server, http) = server();
    let _client = follow(http);
    let mut first = server.accept_stream().await;
    first.send("id: 7\ndata: a\n\n").await;
    first.end();
    for _ in 0..5 {
        let connection = server.accept_stream().await;
        assert_eq!(connection.last_event_id().as_deref(), Some("7"));
        connection.end();
    }
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_without_data_moves_the_header() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut first = server.accept_stream().await;
    first.send("id: 7\n\n").await;
    first.end();
    client.opened().await;
    let block = OwnedItem::Block { last_event_id: "7".to_owned(), sets_id: true };
    assert_eq!(client.item().await, block);
    assert_eq!(server.accept().await.last_event_id().as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn b08_no_empty_header_is_sent_when_the_id_is_cleared() {
    let (mut server, http) = server();
    let _client = run(EventSource::new(http, get()).with_last_event_id("7"));
    let mut first = server.accept_stream().await;
    assert_eq!(first.last_event_id().as_deref(), Some("7"));
    first.send("id\ndata: a\n\n").await;
    first.end();
    assert_eq!(server.accept().await.last_event_id(), None);
}

/// Answers the first request and expects that it was the last.
async fn refused(status: &str, headers: &str, reason: EndReason) {
    let (mut server, http) = server();
    let client = follow(http);
    server.accept().await.answer(status, headers, "data: a\n\n").await;
    assert_eq!(client.closed().await.reason, reason, "{status}, {headers}");
    assert!(server.is_left_alone().await, "{status}, {headers}");
}

#[tokio::test(start_paused = true)]
async fn b08_204_stops_the_client() {
    let (mut server, http) = server();
    let client = follow(http);
    server.accept().await.answer("204 No Content", "", "").await;
    assert_eq!(client.closed().await.reason, EndReason::NoContent);
    assert!(server.is_left_alone().await);
}

#[tokio::test(start_paused = true)]
async fn b08_text_html_is_not_accepted() {
    refused("200 OK", "content-type: text/html\r\n", EndReason::ContentType).await;
}

#[tokio::test(start_paused = true)]
async fn b08_a_missing_content_type_is_not_accepted() {
    refused("200 OK", "", EndReason::ContentType).await;
}

#[tokio::test(start_paused = true)]
async fn b08_201_is_not_accepted() {
    refused("201 Created", "content-type: text/event-stream\r\n", EndReason::Status(201)).await;
}

#[tokio::test(start_paused = true)]
async fn b08_statuses_of_failure_end_the_client_unless_it_is_told_otherwise() {
    for status in [400, 401, 403, 404, 429, 500, 502, 503] {
        refused(&format!("{status} No"), "", EndReason::Status(status)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn b08_the_content_type_is_accepted_in_any_case_and_with_a_charset() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut connection = server.accept().await;
    connection
        .send("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=UTF-8\r\n\r\ndata: a\n\n")
        .await;
    client.opened().await;
    assert_eq!(client.event().await.data, "a");
}

/// How many requests come within a minute, when each stream begins like this and ends.
async fn requests_a_minute(wire: &str) -> u32 {
    let (mut server, http) = server();
    let client = run(EventSource::new(http, get()).with_config(Config::new()));
    let mut count = 0;
    let serving = async {
        loop {
            let mut connection = server.accept_stream().await;
            count += 1;
            connection.send(wire).await;
            connection.end();
        }
    };
    drop(tokio::time::timeout(Duration::from_secs(60), serving).await);
    client.leave().await;
    count
}

#[tokio::test(start_paused = true)]
async fn b08_retry_0_does_not_make_the_client_hammer() {
    let flat = requests_a_minute("retry: 0\ndata: a\n\n").await;
    assert!((60..=120).contains(&flat), "{flat} requests a minute: not more than two a second");
    let backing_off = requests_a_minute("retry: 0\n\n").await;
    assert!((5..=9).contains(&backing_off), "{backing_off} requests in the first minute");
}

#[tokio::test(start_paused = true)]
async fn b08_a_retry_of_2_to_the_32_does_not_park_the_client() {
    let (mut server, http) = server();
    let _client = follow(http);
    let mut first = server.accept_stream().await;
    let at = first.at;
    first.send("retry: 4294967296\n\n").await;
    first.end();
    let waited = server.accept().await.at - at;
    assert!(waited.as_secs() == 600, "waited {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn b08_a_client_that_is_polled_again_after_its_end_has_nothing_more() {
    let (mut server, http) = server();
    let client: Following = follow(http);
    server.accept().await.answer("500 No", "", "").await;
    // Awaits the task, which polls again.
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn b08_a_first_connection_that_is_refused_is_tried_again() {
    let (mut server, http) = server();
    server.refuse(2);
    let mut client = follow(http);
    for attempt in 1..=2 {
        let lost = client.disconnected().await;
        assert_eq!(
            (lost.interruption.cause, lost.interruption.failed_attempts),
            (Cause::ConnectFailed, attempt)
        );
        assert!(matches!(lost.error, Some(ClientError::Request(error)) if error.is_connect()));
    }
    let mut connection = server.accept_stream().await;
    connection.send("data: a\n\n").await;
    client.opened().await;
    assert_eq!(client.event().await.data, "a");
}

#[tokio::test(start_paused = true)]
async fn b08_clients_that_lost_the_same_server_do_not_come_back_at_once() {
    let mut gaps = Vec::new();
    for _ in 0..16 {
        let (mut server, http) = server();
        let _client = run(EventSource::new(http, get()));
        let first = server.accept_stream().await;
        let at = first.at;
        first.end();
        gaps.push((server.accept().await.at - at).as_millis());
    }
    assert!(gaps.iter().all(|gap| (3_000..=4_510).contains(gap)), "{gaps:?}");
    gaps.sort_unstable();
    gaps.dedup();
    assert!(gaps.len() > 8, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn b08_the_maximum_of_attempts_is_honoured() {
    let (server, http) = server();
    server.refuse(u32::MAX);
    let mut client = run(EventSource::new(http, get()).with_config(exact().with_max_attempts(3)));
    for _ in 0..2 {
        client.disconnected().await;
    }
    let end = client.closed().await;
    assert_eq!(end.reason, EndReason::Disconnected(Cause::ConnectFailed));
    assert!(matches!(end.error, Some(ClientError::Request(_))));
    assert_eq!(server.refusals_left(), u32::MAX - 3);
}

#[tokio::test(start_paused = true)]
async fn b08_a_normal_end_of_a_response_is_no_error() {
    let (mut server, http) = server();
    let mut client = run(EventSource::new(http, get()).with_config(exact()));
    let mut connection = server.accept_stream().await;
    connection.send("data: a\n\n").await;
    connection.end();
    client.opened().await;
    client.event().await;
    let lost = client.disconnected().await;
    assert_eq!(lost.interruption.cause, Cause::BodyEnded);
    assert!(lost.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn b08_a_redirected_request_may_be_refused_by_the_other_server() {
    let (mut server, http) = server();
    let request = http::Request::get("http://pipe/").body(Full::default()).unwrap();
    let client = run(EventSource::new(http, request));
    server.accept().await.answer("307 Temporary", "location: http://other/\r\n", "").await;
    server.accept().await.answer("403 Forbidden", "", "no").await;
    let end = client.closed().await;
    assert_eq!((end.reason, end.response.unwrap().body().as_ref()), (EndReason::Status(403), &b"no"[..]));
}
