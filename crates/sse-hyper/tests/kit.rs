//! The kit for users' tests, on hyper: through real HTTP over pipes in memory, on virtual time, and as tower services.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::convert::Infallible;
use core::time::Duration;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sse_hyper::{CloseReason, Event, Retry, Source, Sse, SseBody, event_name, last_event_id};
use sse_testkit::collect::{CollectError, Collected, Collector, End, Limit};
use sse_testkit::conformance::check_server;
use sse_testkit::html::assert_sse_wired;
use sse_testkit::tower::Tower;
use sse_testkit::url::Pipe;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_stream::StreamExt;

const MINUTE: Duration = Duration::from_secs(60);

/// And a second, for the last heartbeat.
const HOUR: Duration = Duration::from_secs(3_601);

/// Prices from the one after the last that was seen, or silence.
async fn answer<B>(request: Request<B>) -> Result<Response<SseBody<impl Source + use<B>>>, Infallible> {
    let seen = last_event_id(&request).and_then(|id| id.as_u64()).unwrap_or(0);
    let limit = if request.uri().path() == "/silent" { 0 } else { u64::MAX };
    let price = |number: u64| Event::new(number.to_string()).with_name(event_name!("price")).with_id(number);
    let prices = tokio_stream::iter((seen + 1..limit).map(price)).chain(tokio_stream::pending());
    Ok(Sse::new(prices).with_retry(Retry::from_millis(500)).respond_to(&request))
}

fn http1() -> Pipe<impl Fn(DuplexStream)> {
    Pipe::http1(|io| {
        tokio::spawn(
            http1::Builder::new().serve_connection(TokioIo::new(io), service_fn(answer::<Incoming>)),
        );
    })
}

fn http2() -> Pipe<impl Fn(DuplexStream)> {
    Pipe::http2(|io| {
        tokio::spawn(async {
            let server = auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(io), service_fn(answer::<Incoming>)).await);
        });
    })
}

#[tokio::test(start_paused = true)]
async fn m17_events_status_and_headers_are_collected_over_http() {
    async fn collected(collector: Collector, version: Version) -> Collected {
        let collected = match version {
            Version::HTTP_2 => collector.collect(&http2()).await,
            _ => collector.collect(&http1()).await,
        };
        collected.unwrap()
    }
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let prices = collected(Collector::get("/").with_max_events(3), version).await;
        assert_eq!((prices.version, prices.status.as_u16()), (version, 200));
        assert_eq!(prices.headers["content-type"], "text/event-stream");
        assert_eq!((prices.data(), &prices.end), (vec!["1", "2", "3"], &End::MaxEvents));
        let again = collected(prices.resume(), version).await;
        let last = collected(again.resume(), version).await;
        assert_eq!((again.data(), last.data()), (vec!["4", "5", "6"], vec!["7", "8", "9"]));
        let ready = collected(Collector::get("/"), version).await;
        assert_eq!(ready.end, End::Limit(Limit::Items), "a stream that never pauses");
        let silent = collected(Collector::get("/silent").with_deadline(HOUR), version).await;
        assert_eq!((silent.end.clone(), silent.heartbeats()), (End::Deadline, 240));
    }
}

#[tokio::test]
async fn m17_a_tower_service_needs_no_connection() {
    let app = Tower::new(tower::service_fn(answer::<http_body_util::Full<bytes::Bytes>>));
    let prices = Collector::get("/").with_max_events(2).collect(&app).await.unwrap();
    assert_eq!(prices.text().get(..40), Some(":\nretry: 500\nevent: price\nid: 1\ndata: 1\n"));
}

#[tokio::test(start_paused = true)]
async fn m17_a_server_hears_that_the_client_has_left() {
    let (leave, left) = tokio::sync::oneshot::channel();
    let leave = Arc::new(Mutex::new(Some(leave)));
    let server = Pipe::http1(move |io| {
        let leave = Arc::clone(&leave);
        let service = service_fn(move |_: Request<Incoming>| {
            let leave = leave.lock().unwrap().take().unwrap();
            let silent = Sse::new(tokio_stream::pending::<String>());
            let response = silent.on_close(|reason, _| leave.send(reason).unwrap()).into_response();
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service));
    });
    let live = Collector::get("/").open(&server).await.unwrap();
    drop(live);
    assert_eq!(left.await.unwrap(), CloseReason::PeerGone);
}

#[tokio::test(start_paused = true)]
async fn m17_a_connection_that_breaks_off_is_an_error_with_what_came_before() {
    let cut = Pipe::http1(|mut io| {
        tokio::spawn(async move {
            let _request = io.read(&mut [0; 1_024]).await;
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let _sent = io.write_all(format!("{head}9\r\ndata: a\n\n\r\n5\r\nda").as_bytes()).await;
        });
    });
    let error = Collector::get("/").collect(&cut).await.unwrap_err();
    let CollectError::Broken(collected) = error else { panic!("{error:?}") };
    assert_eq!(collected.data(), ["a"]);
    assert!(matches!(collected.end, End::Broken(_)));
}

#[tokio::test(start_paused = true)]
async fn m18_a_page_and_its_stream_fit_together() {
    let page = r#"<b hx-ext="sse" sse-connect="/"><i sse-swap="price"></i></b>"#;
    assert_sse_wired(page, &Collector::get("/").with_max_events(1).collect(&http1()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn b09_the_streams_of_this_crate_have_no_findings() {
    let prices = Collector::get("/").with_max_events(3);
    let silent = Collector::get("/silent").with_deadline(2 * MINUTE);
    for collector in [prices, silent] {
        assert_eq!(check_server(&http1(), collector.clone()).await.unwrap().findings, []);
        assert_eq!(check_server(&http2(), collector).await.unwrap().findings, []);
    }
}
