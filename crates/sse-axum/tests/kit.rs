//! The kit for users' tests, on axum: in memory, on virtual time, and over HTTP/1.1 and HTTP/2.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use axum::response::sse;
use axum::routing::{get, post};
use axum::{Json, Router};
use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_axum::{Event, LastEventId, PushError, Retry, Sender, Source, Sse, event_name};
use sse_testkit::collect::{CollectError, Collected, Collector, End, Failure, Limit};
use sse_testkit::conformance::{check_server, lint};
use sse_testkit::html::{assert_sse_wired, check_wiring};
use sse_testkit::tower::Tower;
use sse_testkit::url::Url;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);

/// And a second, for the last heartbeat.
const HOUR: Duration = Duration::from_secs(3_601);

/// A price every two seconds, from the one after the last that was seen.
async fn prices(LastEventId(seen): LastEventId) -> Sse<impl Source> {
    let seen = seen.and_then(|id| id.as_u64()).unwrap_or(0);
    let prices = move |mut events: Sender| async move {
        for number in seen + 1.. {
            events
                .send(Event::new(number.to_string()).with_name(event_name!("price")).with_id(number))
                .await?;
            sleep(Duration::from_secs(2)).await;
        }
        Ok::<(), PushError>(())
    };
    Sse::push(prices).with_retry(Retry::from_millis(500))
}

async fn silent() -> Sse<impl Source> {
    Sse::push(|_: Sender| core::future::pending::<()>())
}

async fn always_ready() -> Sse<impl Source> {
    Sse::push(async |mut events: Sender| -> Result<(), PushError> {
        loop {
            events.send("again").await?;
        }
    })
}

async fn echo(Json(words): Json<Vec<String>>) -> Sse<impl Source> {
    Sse::push(|mut events: Sender| async move {
        for word in words {
            events.send(word).await?;
        }
        Ok::<(), PushError>(())
    })
}

fn router() -> Router {
    Router::new()
        .route("/prices", get(prices))
        .route("/silent", get(silent))
        .route("/ready", get(always_ready))
        .route("/echo", post(echo))
}

fn app() -> Tower<Router> {
    Tower::new(router())
}

async fn served() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router()).into_future());
    base
}

#[tokio::test(start_paused = true)]
async fn m17_events_status_and_headers_are_collected() {
    let prices = Collector::get("/prices").with_max_events(3).collect(&app()).await.unwrap();
    assert_eq!(prices.status, 200);
    assert_eq!(prices.headers["content-type"], "text/event-stream");
    assert_eq!((prices.data(), &prices.end), (vec!["1", "2", "3"], &End::MaxEvents));
    assert!(prices.events.iter().all(|event| event.name == "price"));
    let times: Vec<u64> = prices.events.iter().map(|event| event.at.as_secs()).collect();
    assert_eq!((times, prices.retry), (vec![0, 2, 4], Some(Duration::from_millis(500))));
}

#[tokio::test(start_paused = true)]
async fn m17_the_heartbeats_of_an_hour_take_no_time() {
    let hour = Collector::get("/silent").with_deadline(HOUR).collect(&app()).await.unwrap();
    assert_eq!((hour.heartbeats(), &hour.end, hour.events.len()), (240, &End::Deadline, 0));
}

#[tokio::test(start_paused = true)]
async fn m17_a_stream_that_never_pauses_ends_at_the_limit() {
    let ready = Collector::get("/ready").with_deadline(HOUR).collect(&app()).await.unwrap();
    assert_eq!((ready.events.len(), ready.end), (Collector::DEFAULT_MAX_ITEMS - 1, End::Limit(Limit::Items)));
}

#[tokio::test(start_paused = true)]
async fn m17_a_client_leaves_when_it_was_told_to() {
    let reason = Arc::new(Mutex::new(None));
    let told = Arc::clone(&reason);
    let hooked = async move || {
        let told = Arc::clone(&told);
        let hook = move |reason, _| *told.lock().unwrap() = Some(reason);
        Sse::push(|_: Sender| core::future::pending::<()>()).on_close(hook)
    };
    let app = Tower::new(Router::new().route("/", get(hooked)));
    let live = Collector::get("/").open(&app).await.unwrap();
    assert_eq!(*reason.lock().unwrap(), None);
    drop(live);
    assert_eq!(*reason.lock().unwrap(), Some(sse_axum::CloseReason::PeerGone));
}

#[tokio::test(start_paused = true)]
async fn m17_clients_may_read_side_by_side() {
    let read = |path: &'static str| {
        tokio::spawn(async move { Collector::get(path).with_deadline(MINUTE).collect(&app()).await.unwrap() })
    };
    let (prices, silent) = (read("/prices"), read("/silent"));
    assert!(prices.await.unwrap().events.len() >= 30);
    assert!(silent.await.unwrap().heartbeats() >= 3);
}

#[tokio::test(start_paused = true)]
async fn m17_a_client_resumes_twice_and_waits_as_browsers_do() {
    let app = app();
    let mut read: Vec<Collected> =
        vec![Collector::get("/prices").with_max_events(2).collect(&app).await.unwrap()];
    let began = tokio::time::Instant::now();
    for _ in 0..2 {
        let last = read.last().unwrap();
        let again = last.resume().with_pause(last.reconnection_time());
        read.push(again.collect(&app).await.unwrap());
    }
    let data: Vec<_> = read.iter().flat_map(Collected::data).collect();
    assert_eq!(data, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(
        began.elapsed(),
        Duration::from_secs(2 * 2 + 1),
        "twice two seconds of prices and half a second"
    );
}

#[tokio::test]
async fn m17_a_handler_that_panics_or_refuses_is_an_error() {
    async fn panics() -> &'static str {
        panic!("no database")
    }
    let app = Tower::new(router().route("/panics", get(panics)));
    let error = Collector::get("/panics").collect(&app).await.unwrap_err();
    let CollectError::Service(Failure::Panic(message)) = error else { panic!("{error:?}") };
    assert_eq!(message, "no database");
    let error = Collector::get("/nowhere").collect(&app).await.unwrap_err();
    assert!(matches!(&error, CollectError::NotAnEventStream { status, .. } if *status == 404), "{error:?}");
    let error = Collector::post("/echo").with_body("[").collect(&app).await.unwrap_err();
    let CollectError::NotAnEventStream { status, body, .. } = error else { panic!("{error:?}") };
    assert!(status == 415 && body.contains("application/json"), "{status} {body}");
}

#[tokio::test]
async fn m17_a_post_carries_its_body() {
    let echo = Collector::post("/echo").with_header("content-type", "application/json");
    let echo = echo.with_body(r#"["a","b"]"#).collect(&app()).await.unwrap();
    assert_eq!((echo.data(), &echo.end), (vec!["a", "b"], &End::Ended));
}

#[tokio::test]
async fn m17_a_body_that_breaks_off_is_an_error_with_what_came_before() {
    let broken =
        async || sse::Sse::new(Items(vec![Ok(sse::Event::default().data("a")), Err("the disk is full")]));
    let app = Tower::new(Router::new().route("/", get(broken)));
    let error = Collector::get("/").collect(&app).await.unwrap_err();
    let CollectError::Broken(collected) = error else { panic!("{error:?}") };
    assert_eq!(collected.data(), ["a"]);
    assert_eq!(collected.end, End::Broken(Failure::Error("the disk is full".to_owned())));
}

#[tokio::test]
async fn m17_a_url_is_read_over_http1_and_http2() {
    let base = served().await;
    for server in [Url::http1(&base).unwrap(), Url::http2(&base).unwrap()] {
        let first = Collector::get("/prices?x=1").with_max_events(1).collect(&server).await.unwrap();
        let second = first.resume().collect(&server).await.unwrap();
        assert_eq!((first.data(), second.data()), (vec!["1"], vec!["2"]));
        assert_eq!(first.version, second.version);
    }
    let server = Url::http2(&base).unwrap();
    let echo = Collector::post("/echo").with_header("content-type", "application/json").with_body(r#"["a"]"#);
    assert_eq!(echo.collect(&server).await.unwrap().data(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn m18_a_page_and_its_stream_fit_together() {
    let page = r#"
        <body hx-target="main">
          <section hx-ext="sse" sse-connect="/prices" hx-disinherit="hx-target hx-swap">
            <b sse-swap="price"></b>
          </section>
        </body>"#;
    let prices = Collector::get("/prices").with_max_events(2).collect(&app()).await.unwrap();
    assert_sse_wired(page, &prices);
    let misspelt = page.replace("sse-swap=\"price\"", "sse-swap=\"prices\"");
    assert_eq!(check_wiring(&misspelt, &prices).unwrap_err().problems.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn b09_the_streams_of_this_crate_have_no_findings() {
    for path in ["/prices", "/silent"] {
        let report = check_server(&app(), Collector::get(path).with_deadline(2 * MINUTE)).await.unwrap();
        assert_eq!(report.findings, [], "{path}");
    }
}

#[tokio::test]
async fn b09_nor_have_they_over_http1_and_http2() {
    let base = served().await;
    for server in [Url::http1(&base).unwrap(), Url::http2(&base).unwrap()] {
        let report = check_server(&server, Collector::get("/prices").with_max_events(1)).await.unwrap();
        assert_eq!(report.findings, []);
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    }
}

#[tokio::test(start_paused = true)]
async fn b09_the_known_defects_of_axums_own_streams_are_found() {
    let names = |collected: &Collected| lint(collected).iter().map(|it| it.rule.name()).collect::<Vec<_>>();
    let own = async || {
        let empty = sse::Event::default().event("note").data("");
        sse::Sse::new(Items(vec![Ok::<_, Infallible>(empty)])).keep_alive(sse::KeepAlive::default())
    };
    let quiet = async || sse::Sse::new(Quiet).keep_alive(sse::KeepAlive::default());
    let app = Tower::new(Router::new().route("/", get(own)).route("/quiet", get(quiet)));
    let head = ["cache-control", "x-accel-buffering"];

    let own = Collector::get("/").collect(&app).await.unwrap();
    assert_eq!(own.events.len(), 0, "the event was never dispatched");
    assert_eq!(names(&own), [&head[..], &["event-without-data"]].concat());
    let quiet = Collector::get("/quiet").with_deadline(MINUTE).collect(&app).await.unwrap();
    assert_eq!(names(&quiet), [&head[..], &["first-byte", "comment-block"]].concat());
}

/// Gives what it has.
struct Items<T>(Vec<T>);

impl<T: Unpin> Stream for Items<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
        Poll::Ready(next)
    }
}

/// Gives nothing.
struct Quiet;

impl Stream for Quiet {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}
