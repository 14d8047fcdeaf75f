//! What goes over HTTP: requests, redirects, refusals.

use crate::pipe::{STREAM, Stopped, exact, follow, get, run, server};
use bytes::Bytes;
use core::time::Duration;
use http::{HeaderValue, Request};
use http_body_util::Full;
use sse_hyper::client::{Cause, ClientError, EndReason, EventSource, RedirectError, Signal, is_transient};
use std::io;
use tokio::time::sleep;

fn is_send<T: Send + Unpin>(value: T) -> T {
    value
}

#[tokio::test(start_paused = true)]
async fn b08_a_request_is_a_get_with_the_headers_of_an_event_stream() {
    let (mut server, http) = server();
    let mut client = run(is_send(EventSource::new(http, get())));
    let mut connection = server.accept().await;
    assert_eq!(connection.request_line(), "GET /events?a=1 HTTP/1.1");
    assert_eq!(connection.header("accept").as_deref(), Some("text/event-stream"));
    assert_eq!(connection.header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(connection.last_event_id(), None);
    connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-server: 1\r\n\r\n").await;
    assert_eq!(client.opened().await.headers()["x-server"], "1");
}

#[tokio::test(start_paused = true)]
async fn b08_custom_headers_are_sent_and_may_replace_ours() {
    let (mut server, http) = server();
    let request = Request::get("http://pipe/")
        .header("x-custom", "1")
        .header("accept", "application/json, text/event-stream")
        .body(Full::default())
        .unwrap();
    let _client = run(EventSource::new(http, request));
    let connection = server.accept().await;
    assert_eq!(connection.header("x-custom").as_deref(), Some("1"));
    assert_eq!(connection.header("accept").as_deref(), Some("application/json, text/event-stream"));
}

#[tokio::test(start_paused = true)]
async fn b08_other_methods_send_their_body() {
    for method in ["POST", "REPORT"] {
        let (mut server, http) = server();
        let request = Request::builder().method(method).uri("http://pipe/");
        let request =
            request.header("content-type", "application/json").body(Full::from("{\"n\":1}")).unwrap();
        let _client = run(EventSource::new(http, request));
        let connection = server.accept().await;
        assert_eq!(connection.request_line(), format!("{method} / HTTP/1.1"));
        assert_eq!(connection.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(connection.body, "{\"n\":1}");
    }
}

#[tokio::test(start_paused = true)]
async fn b08_an_initial_id_is_sent_as_utf8() {
    let (mut server, http) = server();
    let _client = run(EventSource::new(http, get()).with_last_event_id("k3f9-…"));
    assert_eq!(server.accept().await.last_event_id().as_deref(), Some("k3f9-…"));
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_that_http_cannot_hold_costs_the_header_and_nothing_else() {
    let (mut server, http) = server();
    let mut client = run(EventSource::new(http, get()).with_last_event_id("a\u{1}b"));
    assert_eq!(server.accept_stream().await.last_event_id(), None);
    client.opened().await;
}

#[tokio::test(start_paused = true)]
async fn b08_redirects_are_followed_also_relative_ones() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for location in ["http://pipe/there", "/there", "there"] {
            let (mut server, http) = server();
            let mut client = follow(http);
            server.accept().await.answer(status, &format!("location: {location}\r\n"), "").await;
            let mut connection = server.accept().await;
            assert_eq!(connection.request_line(), "GET /there HTTP/1.1");
            assert_eq!(connection.header("accept").as_deref(), Some("text/event-stream"));
            connection.send(STREAM).await;
            client.opened().await;
            connection.end();
            client.disconnected().await;
            assert_eq!(server.accept().await.request_line(), "GET /events?a=1 HTTP/1.1", "each begins anew");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_redirect_keeps_the_body_or_becomes_a_get() {
    for (status, line, body) in
        [("307 Temporary", "POST /x HTTP/1.1", "question"), ("303 See Other", "GET /x HTTP/1.1", "")]
    {
        let (mut server, http) = server();
        let request = Request::post("http://pipe/").header("content-type", "text/plain");
        let _client = run(EventSource::new(http, request.body(Full::from("question")).unwrap()));
        server.accept().await.answer(status, "location: /x\r\n", "").await;
        let connection = server.accept().await;
        assert_eq!((connection.request_line(), &*connection.body), (line, body));
        assert_eq!(connection.header("content-type").is_some(), !body.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn b08_credentials_do_not_follow_a_redirect_to_another_origin() {
    let (mut server, http) = server();
    let request = Request::get("http://pipe/").header("authorization", "Bearer 1").header("x-custom", "1");
    let source = EventSource::new(http, request.body(Full::default()).unwrap()).with_last_event_id("7");
    let _client = run(source);
    server.accept().await.answer("302 Found", "location: http://other/x\r\n", "").await;
    let connection = server.accept().await;
    assert_eq!(connection.origin.host(), Some("other"));
    assert_eq!(connection.header("host").as_deref(), Some("other"));
    assert_eq!(connection.header("authorization"), None);
    assert_eq!(connection.header("x-custom").as_deref(), Some("1"));
    assert_eq!(connection.last_event_id().as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn b08_a_redirect_with_an_empty_or_missing_location_is_an_error() {
    for headers in ["location: \r\n", ""] {
        for status in ["301 Moved", "307 Temporary"] {
            let (mut server, http) = server();
            let client = follow(http);
            server.accept().await.answer(status, headers, "").await;
            let end = client.closed().await;
            assert_eq!(end.reason, EndReason::Failed);
            assert!(matches!(end.error, Some(ClientError::Redirect(RedirectError::NoLocation))));
            assert!(server.is_left_alone().await);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b08_a_redirected_request_may_be_refused_by_the_other_server() {
    let (mut server, http) = server();
    let request = Request::get("http://pipe/").body(Full::default()).unwrap();
    let client = run(EventSource::new(http, request));
    server.accept().await.answer("307 Temporary", "location: http://other/\r\n", "").await;
    server.accept().await.answer("403 Forbidden", "", "no").await;
    let end = client.closed().await;
    assert_eq!((end.reason, end.response.unwrap().body().as_ref()), (EndReason::Status(403), &b"no"[..]));
}

#[tokio::test(start_paused = true)]
async fn b08_redirects_in_a_circle_end() {
    let (mut server, http) = server();
    let client = run(EventSource::new(http, get()).with_redirect_limit(3));
    for _ in 0..4 {
        server.accept().await.answer("302 Found", "location: /again\r\n", "").await;
    }
    let end = client.closed().await;
    assert!(matches!(end.error, Some(ClientError::Redirect(RedirectError::TooMany { limit: 3 }))));
}

#[tokio::test(start_paused = true)]
async fn b08_a_uri_that_is_not_absolute_is_an_error_and_not_tried_again() {
    let (_server, http) = server();
    let end =
        run(EventSource::new(http, Request::get("/events").body(Full::default()).unwrap())).closed().await;
    assert_eq!(end.reason, EndReason::Failed);
    assert!(matches!(end.error, Some(ClientError::RelativeUri)));
}

#[tokio::test(start_paused = true)]
async fn b08_a_uri_with_a_user_name_is_an_error_and_not_sent() {
    for uri in ["http://user:secret@pipe/", "http://user@pipe/", "http://@pipe/"] {
        let (mut server, http) = server();
        let end =
            run(EventSource::new(http, Request::get(uri).body(Full::default()).unwrap())).closed().await;
        assert_eq!(end.reason, EndReason::Failed);
        assert!(matches!(end.error, Some(ClientError::UserInfo)));
        assert!(server.is_left_alone().await);
    }
}

#[tokio::test(start_paused = true)]
async fn b08_what_the_connector_speaks_may_have_a_scheme_of_its_own() {
    let (mut server, http) = server();
    let request = Request::get("unix://2f746d70:0/events").body(Full::default()).unwrap();
    let mut client = run(EventSource::new(http, request));
    let connection = server.accept_stream().await;
    assert_eq!(
        (connection.origin.scheme_str(), connection.request_line()),
        (Some("unix"), "GET /events HTTP/1.1")
    );
    client.opened().await;
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_that_servers_would_refuse_costs_the_header_and_nothing_else() {
    let (mut server, http) = server();
    let mut client = run(EventSource::new(http, get()).with_config(exact()));
    let mut first = server.accept_stream().await;
    first.send(format!("id: {}\n\n", "x".repeat(4_097))).await;
    first.end();
    client.opened().await;
    client.item().await;
    client.disconnected().await;
    let mut second = server.accept_stream().await;
    assert_eq!(second.last_event_id(), None);
    second.send("id: 8\n\n").await;
    second.end();
    assert_eq!(server.accept().await.last_event_id().as_deref(), Some("8"));
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_set_before_the_policies_is_kept() {
    let (mut server, http) = server();
    let _client = run(EventSource::new(http, get()).with_last_event_id("7").with_config(exact()));
    assert_eq!(server.accept().await.last_event_id().as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn b08_an_id_of_the_templates_counts_for_nothing() {
    let (mut server, http) = server();
    let request = Request::get("http://pipe/").header("last-event-id", "9").body(Full::default()).unwrap();
    let _client = run(EventSource::new(http, request));
    assert_eq!(server.accept().await.last_event_id(), None);
}

#[tokio::test(start_paused = true)]
async fn b08_a_refusal_can_be_read() {
    let (mut server, http) = server();
    let client = follow(http);
    let answer = server.accept().await;
    answer.answer("401 Unauthorized", "content-type: application/json\r\n", "{\"error\":\"token\"}").await;
    let end = client.closed().await;
    assert_eq!(end.reason, EndReason::Status(401));
    let response = end.response.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.body(), "{\"error\":\"token\"}");
}

#[tokio::test(start_paused = true)]
async fn b08_of_a_refusal_without_end_the_beginning_is_kept() {
    let (mut server, http) = server();
    let client = follow(http);
    let mut connection = server.accept().await;
    let writer = tokio::spawn(async move {
        connection.send("HTTP/1.1 404 Not Found\r\n\r\n").await;
        connection.send(vec![b'x'; 100_000]).await;
    });
    assert_eq!(client.closed().await.response.unwrap().body().len(), 64 * 1024);
    drop(writer.await);
}

#[tokio::test(start_paused = true)]
async fn b08_a_refusal_that_stalls_is_told_after_5_s() {
    let (mut server, http) = server();
    let client = follow(http);
    let mut connection = server.accept().await;
    connection.send("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\nbeginning").await;
    let end = client.closed().await;
    assert_eq!(end.response.unwrap().body(), "beginning");
    assert_eq!(connection.at.elapsed().as_secs(), 5);
    connection.closed().await;
}

#[tokio::test(start_paused = true)]
async fn b08_a_refusal_has_its_5_s_whatever_alarm_was_set_before() {
    let (mut server, http) = server();
    let config = exact().with_connect_timeout(Duration::from_secs(3));
    let client = run(EventSource::new(http, get()).with_config(config).with_timer(Stopped::now()));
    let mut connection = server.accept().await;
    sleep(Duration::from_secs(2)).await;
    connection.send("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\nbeginning").await;
    client.closed().await;
    assert!(connection.at.elapsed().as_secs() >= 7);
}

#[tokio::test(start_paused = true)]
async fn b08_a_status_to_try_again_is_told_with_its_response_and_waits_for_retry_after() {
    let (mut server, http) = server();
    let mut client =
        run(EventSource::new(http, get()).with_config(exact().with_retried_statuses(is_transient)));
    let first = server.accept().await;
    let at = first.at;
    first.answer("429 Too Many Requests", "retry-after: 30\r\n", "slow down").await;
    let lost = client.disconnected().await;
    assert_eq!(lost.interruption.cause, Cause::Status(429));
    assert_eq!(lost.interruption.delay, Duration::from_secs(30));
    assert_eq!(lost.response.unwrap().body(), "slow down");
    assert_eq!((server.accept_stream().await.at - at).as_secs(), 30);
    client.opened().await;
}

#[tokio::test(start_paused = true)]
async fn b08_a_restart_waits_for_no_refusal_that_is_still_being_read() {
    let (mut server, http) = server();
    let mut source = EventSource::new(http, get()).with_config(exact().with_retried_statuses(is_transient));
    let refuse = async {
        let mut first = server.accept().await;
        let at = first.at;
        first.send("HTTP/1.1 503 Busy\r\ncontent-length: 100\r\n\r\nhalf of it").await;
        (first, at)
    };
    let early = tokio::time::timeout(Duration::from_millis(500), async { source.next().await.is_some() });
    let ((_first, at), told) = tokio::join!(refuse, early);
    assert!(told.is_err(), "the refusal is not read to its end");
    source.restart();
    let Some(Signal::Disconnected(lost)) = source.next().await else { panic!("lost") };
    assert_eq!(lost.response.unwrap().body(), "half of it");
    assert_eq!(at.elapsed().as_millis(), 500);
}

#[tokio::test(start_paused = true)]
async fn b08_each_attempt_may_have_a_token_of_its_own() {
    let (mut server, http) = server();
    let mut tokens = 0_u32;
    let source = EventSource::new(http, get()).with_config(exact()).with_request_hook(move |mut request| {
        tokens += 1;
        async move {
            let token = HeaderValue::from_str(&format!("Bearer {tokens}")).map_err(io::Error::other)?;
            request.headers_mut().insert("authorization", token);
            if tokens == 2 { Err(io::Error::other("no token")) } else { Ok(request) }
        }
    });
    let mut client = run(source);
    let connection = server.accept_stream().await;
    assert_eq!(connection.header("authorization").as_deref(), Some("Bearer 1"));
    connection.end();
    client.opened().await;
    client.disconnected().await;
    assert!(matches!(client.disconnected().await.error, Some(ClientError::Hook(_))));
    assert_eq!(server.accept().await.header("authorization").as_deref(), Some("Bearer 3"));
}

#[tokio::test(start_paused = true)]
async fn b08_dropping_the_client_closes_its_connection() {
    let (mut server, http) = server();
    let mut client = follow(http);
    let mut connection = server.accept_stream().await;
    connection.send("data: a\n\n").await;
    client.opened().await;
    assert_eq!(client.event().await.data, "a");
    client.leave().await;
    connection.closed().await;
    assert!(server.is_left_alone().await);
}

#[tokio::test(start_paused = true)]
async fn b08_closing_the_client_closes_its_connection_and_says_so() {
    let (mut server, http) = server();
    let mut source: EventSource<_, Full<Bytes>> = EventSource::new(http, get());
    let (opened, connection) = tokio::join!(source.next(), server.accept_stream());
    assert!(matches!(opened, Some(Signal::Open(_))));
    source.close();
    connection.closed().await;
    let Some(Signal::Closed(end)) = source.next().await else { panic!("not closed") };
    assert_eq!(end.reason, EndReason::Closed);
    assert!(source.next().await.is_none());
}
