//! The kit for users' tests, on actix-web: in memory, on virtual time, and over HTTP/1.1.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use actix_web::body::BodyStream;
use actix_web::test::init_service;
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_actix::{CloseReason, Event, LastEventId, PushError, Retry, Sender, Sse, event_name};
use sse_testkit::actix::Actix;
use sse_testkit::collect::{CollectError, Collected, Collector, End, Failure, Limit};
use sse_testkit::conformance::{Rule, check_server};
use sse_testkit::html::assert_sse_wired;
use sse_testkit::url::Url;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use tokio::time::{pause, sleep};

const MINUTE: Duration = Duration::from_secs(60);

/// And a second, for the last heartbeat.
const HOUR: Duration = Duration::from_secs(3_601);

/// A price every two seconds, from the one after the last that was seen.
async fn prices(LastEventId(seen): LastEventId) -> impl Responder {
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

async fn silent() -> impl Responder {
    Sse::push(|_: Sender| core::future::pending::<()>())
}

async fn always_ready() -> impl Responder {
    Sse::push(async |mut events: Sender| -> Result<(), PushError> {
        loop {
            events.send("again").await?;
        }
    })
}

async fn echo(words: web::Json<Vec<String>>) -> impl Responder {
    Sse::push(|mut events: Sender| async move {
        for word in words.into_inner() {
            events.send(word).await?;
        }
        Ok::<(), PushError>(())
    })
}

async fn panics() -> HttpResponse {
    panic!("no database")
}

async fn breaks_off() -> HttpResponse {
    let chunks = Items(vec![Ok(web::Bytes::from("data: a\n\n")), Err("the disk is full")]);
    HttpResponse::Ok().content_type("text/event-stream").body(BodyStream::new(chunks))
}

fn routes(config: &mut web::ServiceConfig) {
    for (path, route) in [("/prices", web::get().to(prices)), ("/silent", web::get().to(silent))] {
        let head = if path == "/prices" { web::head().to(prices) } else { web::head().to(silent) };
        config.service(web::resource(path).route(route).route(head));
    }
    config
        .route("/ready", web::get().to(always_ready))
        .route("/echo", web::post().to(echo))
        .route("/panics", web::get().to(panics))
        .route("/breaks", web::get().to(breaks_off));
}

macro_rules! app {
    () => {
        Actix::new(init_service(App::new().configure(routes)).await)
    };
}

#[actix_web::test]
async fn m17_events_status_and_headers_are_collected() {
    pause();
    let prices = Collector::get("/prices").with_max_events(3).collect(&app!()).await.unwrap();
    assert_eq!(prices.status, 200);
    assert_eq!(prices.headers["content-type"], "text/event-stream");
    assert_eq!((prices.data(), &prices.end), (vec!["1", "2", "3"], &End::MaxEvents));
    let times: Vec<u64> = prices.events.iter().map(|event| event.at.as_secs()).collect();
    assert_eq!((times, prices.retry), (vec![0, 2, 4], Some(Duration::from_millis(500))));
}

#[actix_web::test]
async fn m17_the_heartbeats_of_an_hour_take_no_time() {
    pause();
    let hour = Collector::get("/silent").with_deadline(HOUR).collect(&app!()).await.unwrap();
    assert_eq!((hour.heartbeats(), &hour.end, hour.events.len()), (240, &End::Deadline, 0));
}

#[actix_web::test]
async fn m17_a_stream_that_never_pauses_ends_at_the_limit() {
    pause();
    let ready = Collector::get("/ready").with_deadline(HOUR).collect(&app!()).await.unwrap();
    assert_eq!((ready.events.len(), ready.end), (Collector::DEFAULT_MAX_ITEMS - 1, End::Limit(Limit::Items)));
}

#[actix_web::test]
async fn m17_a_client_leaves_when_it_is_dropped() {
    let reason = Arc::new(Mutex::new(None));
    let told = web::Data::new(Arc::clone(&reason));
    let hooked = async |told: web::Data<Arc<Mutex<Option<CloseReason>>>>| {
        let hook = move |reason, _| *told.lock().unwrap() = Some(reason);
        Sse::push(|_: Sender| core::future::pending::<()>()).on_close(hook)
    };
    let app = App::new().app_data(told).route("/", web::get().to(hooked));
    let app = Actix::new(init_service(app).await);
    let live = Collector::get("/").open(&app).await.unwrap();
    assert_eq!(*reason.lock().unwrap(), None);
    drop(live);
    assert_eq!(*reason.lock().unwrap(), Some(CloseReason::PeerGone));
}

#[actix_web::test]
async fn m17_a_client_resumes_twice() {
    pause();
    let app = app!();
    let first = Collector::get("/prices").with_max_events(2).collect(&app).await.unwrap();
    let second = first.resume().with_pause(first.reconnection_time()).collect(&app).await.unwrap();
    let third = second.resume().collect(&app).await.unwrap();
    let data: Vec<_> = [&first, &second, &third].into_iter().flat_map(Collected::data).collect();
    assert_eq!(data, ["1", "2", "3", "4", "5", "6"]);
}

#[actix_web::test]
async fn m17_a_post_carries_its_body() {
    let echo = Collector::post("/echo").with_header("content-type", "application/json");
    let echo = echo.with_body(r#"["a","b"]"#).collect(&app!()).await.unwrap();
    assert_eq!((echo.data(), &echo.end), (vec!["a", "b"], &End::Ended));
}

#[actix_web::test]
async fn m17_a_handler_that_panics_or_refuses_is_an_error() {
    let app = app!();
    let error = Collector::get("/panics").collect(&app).await.unwrap_err();
    assert_eq!(error.to_string(), "no response: the service panicked: no database");
    let error = Collector::get("/nowhere").collect(&app).await.unwrap_err();
    assert!(matches!(&error, CollectError::NotAnEventStream { status, .. } if *status == 404), "{error:?}");
    let error = Collector::post("/echo").with_body("[").collect(&app).await.unwrap_err();
    assert!(matches!(&error, CollectError::NotAnEventStream { status, .. } if *status == 400), "{error:?}");
}

#[actix_web::test]
async fn m17_a_body_that_breaks_off_is_an_error_with_what_came_before() {
    let error = Collector::get("/breaks").collect(&app!()).await.unwrap_err();
    let CollectError::Broken(collected) = error else { panic!("{error:?}") };
    assert_eq!(collected.data(), ["a"]);
    let End::Broken(Failure::Error(text)) = collected.end else { panic!("{:?}", collected.end) };
    assert!(text.contains("the disk is full"), "{text}");
}

#[actix_web::test]
async fn m18_a_page_and_its_stream_fit_together() {
    pause();
    let page = r#"<b hx-ext="sse" sse-connect="/prices"><i sse-swap="price"></i></b>"#;
    assert_sse_wired(page, &Collector::get("/prices").with_max_events(2).collect(&app!()).await.unwrap());
}

/// `content-encoding: identity` keeps actix-web's `Compress` from holding events back.
#[actix_web::test]
async fn b09_the_streams_of_this_crate_have_one_finding_which_is_meant_so() {
    pause();
    for path in ["/prices", "/silent"] {
        let report = check_server(&app!(), Collector::get(path).with_deadline(2 * MINUTE)).await.unwrap();
        let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, [Rule::IdentityEncoding], "{path}: {:?}", report.findings);
    }
}

#[actix_web::test]
async fn b09_nor_have_they_more_on_a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Url::http1(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let running = HttpServer::new(|| App::new().configure(routes)).workers(1).disable_signals();
    actix_web::rt::spawn(running.h1_allow_half_closed(false).listen(listener).unwrap().run());
    let report = check_server(&server, Collector::get("/prices").with_max_events(1)).await.unwrap();
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!((rules, report.skipped.len()), (vec![Rule::IdentityEncoding], 0), "{:?}", report.findings);
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
