//! Streams that do what they should not.

use super::*;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::Response;
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::yield_now;
use tokio::time::sleep;

/// What a body does next.
#[derive(Clone)]
enum Act {
    Send(&'static str),
    Wait(Duration),
    Fail,
    Panic,
    /// Is woken again and again.
    Spin,
    Silence,
}

#[derive(Clone)]
struct Script {
    acts: VecDeque<Act>,
    /// Begins again when it is over, instead of ending.
    repeats: bool,
    dropped: Arc<AtomicUsize>,
    request: Arc<std::sync::Mutex<Option<Request<Bytes>>>>,
}

impl Script {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts = acts.into_iter().collect();
        Self { acts, repeats: false, dropped: Arc::default(), request: Arc::default() }
    }

    fn repeating(acts: impl IntoIterator<Item = Act>) -> Self {
        Self { repeats: true, ..Self::new(acts) }
    }
}

struct Playing {
    script: Script,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.script.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Body for Playing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                core::task::ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            let Some(act) = self.script.acts.pop_front() else { return Poll::Ready(None) };
            if self.script.repeats {
                self.script.acts.push_back(act.clone());
            }
            match act {
                Act::Send(text) => {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))));
                }
                Act::Wait(time) => self.sleep = Some(Box::pin(sleep(time))),
                Act::Fail => return Poll::Ready(Some(Err("the cable was pulled".into()))),
                Act::Panic => panic!("the body does not like this"),
                Act::Spin => {
                    self.script.acts.push_front(Act::Spin);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Act::Silence => {
                    self.script.acts.push_front(Act::Silence);
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Target for Script {
    type Body = Playing;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Playing>, BoxError> {
        *self.request.lock().unwrap() = Some(request);
        let response = Response::builder().header("content-type", "text/event-stream; charset=UTF-8");
        Ok(response.body(Playing { script: self.clone(), sleep: None })?)
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

#[tokio::test(start_paused = true)]
async fn m17_an_infinite_stream_ends_at_the_events_that_were_asked_for() {
    let script = Script::repeating([Act::Send("data: a\n\ndata: b\n\n"), Act::Wait(Duration::from_secs(1))]);
    let collected = Collector::get("/").with_max_events(3).collect(&script).await.unwrap();
    assert_eq!((collected.data(), &collected.end), (vec!["a", "b", "a"], &End::MaxEvents));
    assert_eq!(collected.events[2].at, Duration::from_secs(1));
    assert_eq!(script.dropped.load(Ordering::SeqCst), 1, "the client has left");
}

#[tokio::test(start_paused = true)]
async fn m17_an_infinite_stream_ends_at_the_deadline() {
    let script = Script::repeating([Act::Send("data: a\n\n"), Act::Wait(Duration::from_secs(2))]);
    let collected = Collector::get("/").collect(&script).await.unwrap();
    assert_eq!((collected.events.len(), collected.end), (3, End::Deadline));
    assert_eq!(collected.elapsed, Collector::DEFAULT_DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn m17_a_stream_that_is_always_ready_ends_at_the_limit_of_items() {
    let script = Script::repeating([Act::Send("data: a\n\n")]);
    let collected = Collector::get("/").with_deadline(hours(1)).collect(&script).await.unwrap();
    assert_eq!((collected.events.len(), collected.end), (10_000, End::Limit(Limit::Items)));
}

#[tokio::test]
async fn m17_a_stream_that_is_always_ready_ends_at_the_deadline_on_a_real_clock() {
    let script = Script::repeating([Act::Send("")]);
    let collector = Collector::get("/").with_deadline(Duration::from_millis(50)).with_max_bytes(usize::MAX);
    assert_eq!(collector.collect(&script).await.unwrap().end, End::Deadline);
}

#[tokio::test(start_paused = true)]
async fn m17_a_flood_of_comments_ends_at_the_limit_of_items() {
    let script = Script::repeating([Act::Send(":\n:\n:\n")]);
    let collected = Collector::get("/").with_max_items(100).collect(&script).await.unwrap();
    assert_eq!((collected.comments.len(), collected.end), (100, End::Limit(Limit::Items)));
}

#[tokio::test(start_paused = true)]
async fn m17_an_event_without_end_ends_at_the_limit_of_bytes() {
    let script = Script::repeating([Act::Send("data: more and more\n")]);
    let collected = Collector::get("/").with_max_bytes(1_000).collect(&script).await.unwrap();
    assert_eq!((collected.events.len(), collected.end), (0, End::Limit(Limit::Bytes)));
    assert!((1_000..1_100).contains(&collected.wire.len()));
}

#[tokio::test(start_paused = true)]
async fn m17_chunks_of_nothing_count() {
    let collected = Collector::get("/").collect(&Script::repeating([Act::Send("")])).await.unwrap();
    assert_eq!(collected.end, End::Limit(Limit::Bytes));
}

#[tokio::test(start_paused = true)]
async fn m17_a_body_that_spins_does_not_hold_the_paused_clock_for_ever() {
    let script = Script::new([Act::Send("data: a\n\n"), Act::Spin]);
    let collected = Collector::get("/").collect(&script).await.unwrap();
    assert_eq!((collected.data(), &collected.end), (vec!["a"], &End::Limit(Limit::Polls)));
}

/// A task that never waits, so that a paused clock never moves.
fn spin() -> tokio::task::JoinHandle<()> {
    tokio::spawn(async {
        loop {
            yield_now().await;
        }
    })
}

/// One that gives up on a standstill soon.
fn impatient() -> Collector {
    Collector::get("/").with_max_standstill(Duration::from_millis(20))
}

#[tokio::test(start_paused = true)]
async fn m17_a_task_that_spins_elsewhere_does_not_hold_a_reading_for_ever() {
    let spinning = spin();
    let script = Script::new([Act::Send("data: a\n\n"), Act::Silence]);
    let collected = impatient().collect(&script).await.unwrap();
    assert_eq!((collected.data(), &collected.end), (vec!["a"], &End::Limit(Limit::Standstill)));

    let mut live = impatient().open(&script).await.unwrap();
    assert_eq!(live.next_event().await.unwrap().data, "a");
    assert_eq!(live.next_event().await, Err(End::Limit(Limit::Standstill)));

    let error = impatient().with_pause(hours(1)).collect(&script).await.unwrap_err();
    assert!(matches!(error, CollectError::NoResponse(End::Limit(Limit::Standstill))), "{error:?}");

    spinning.abort();
    let collected = Collector::get("/").with_deadline(hours(24)).collect(&script).await.unwrap();
    assert_eq!(collected.end, End::Deadline, "the clock moves again");
}

#[tokio::test(start_paused = true)]
async fn m17_blocking_work_that_does_not_return_does_not_hold_a_reading_for_ever() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let _working = tokio::task::spawn_blocking(move || wait.recv());
    let collected = impatient().collect(&Script::new([Act::Silence])).await.unwrap();
    assert_eq!(collected.end, End::Limit(Limit::Standstill));
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn m17_a_service_behind_a_clock_that_stands_still_is_an_error() {
    struct Late;
    impl Target for Late {
        type Body = http_body_util::Full<Bytes>;
        async fn respond(&self, _: Request<Bytes>) -> Result<Response<Self::Body>, BoxError> {
            sleep(hours(1)).await;
            Err("too late".into())
        }
    }
    let _spinning = spin();
    let error = impatient().collect(&Late).await.unwrap_err();
    assert!(matches!(error, CollectError::NoResponse(End::Limit(Limit::Standstill))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn m17_a_stream_that_is_always_ready_ends_on_a_clock_that_stands_still_without_other_limits() {
    let script = Script::repeating([Act::Send("")]);
    let collected = impatient().with_max_bytes(usize::MAX).collect(&script).await.unwrap();
    assert_eq!(collected.end, End::Limit(Limit::Standstill));
}

#[cfg(feature = "url")]
#[tokio::test(start_paused = true)]
async fn m17_a_server_that_spins_behind_a_connection_does_not_hold_a_reading_for_ever() {
    use core::convert::Infallible;
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    let server = crate::url::Pipe::http1(|io| {
        let service = hyper::service::service_fn(|_: Request<hyper::body::Incoming>| async {
            let script = Script::new([Act::Send("data: a\n\n"), Act::Spin]);
            let playing = Playing { script, sleep: None };
            Ok::<_, Infallible>(
                Response::builder().header("content-type", "text/event-stream").body(playing).unwrap(),
            )
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service));
    });
    // Long enough for a busy machine to bring the event.
    let collector = Collector::get("/").with_max_standstill(Duration::from_secs(1));
    let collected = collector.collect(&server).await.unwrap();
    assert_eq!((collected.data(), &collected.end), (vec!["a"], &End::Limit(Limit::Standstill)));
}

#[tokio::test]
async fn m17_a_clock_that_moves_is_never_taken_for_one_that_stands_still() {
    let collector = Collector::get("/").with_max_standstill(Duration::from_millis(1));
    let script = Script::repeating([Act::Wait(Duration::from_millis(5)), Act::Send("data: a\n\n")]);
    let collected = collector.clone().with_max_events(3).collect(&script).await.unwrap();
    assert_eq!(collected.end, End::MaxEvents);
    let silent = Script::new([Act::Silence]);
    let collected = collector.with_deadline(Duration::from_millis(20)).collect(&silent).await.unwrap();
    assert_eq!(collected.end, End::Deadline);
}

#[tokio::test]
async fn m17_no_event_is_thrown_away_unseen() {
    let large = "x".repeat(17 << 20);
    let wire = format!("data: {large}\n\ndata: b\n\n");
    let answer = Answer(|| {
        let response = Response::builder().header("content-type", "text/event-stream");
        Ok(response.body(wire.clone().into())?)
    });
    let collected = Collector::get("/")
        .with_max_bytes(usize::MAX)
        .with_deadline(hours(1))
        .collect(&answer)
        .await
        .unwrap();
    assert_eq!(collected.data().iter().map(|data| data.len()).collect::<Vec<_>>(), [17 << 20, 1]);
}

#[tokio::test]
async fn m17_a_body_that_is_compressed_is_an_error_unless_it_is_asked_for() {
    for (encoding, is_encoded) in [("gzip", true), ("identity, br", true), ("Identity", false), ("", false)] {
        let answer = Answer(|| {
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok(response.header("content-encoding", encoding).body("data: a\n\n".into())?)
        });
        let collected = Collector::get("/").collect(&answer).await;
        if !is_encoded {
            assert_eq!(collected.unwrap().data(), ["a"], "{encoding:?}");
            continue;
        }
        let error = collected.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no event stream that can be read: the content encoding is {encoding:?}")
        );
        assert!(matches!(error, CollectError::Encoded { .. }));
        let collected = Collector::get("/").with_any_encoding().collect(&answer).await.unwrap();
        assert_eq!((collected.events.len(), collected.text().as_str()), (0, "data: a\n\n"));
    }
}

#[tokio::test]
async fn m17_heartbeats_are_comments_that_begin_as_heartbeats_do() {
    for (wire, count) in [
        (":\n: heartbeat\n", 1),
        (": ping - 2026-01-01 12:00:00\n: PING\n: ping:1\n", 3),
        (":keep-alive\n: KeepAlive\n:\n", 3),
        (": typing\n: shopping list\n: pinged\n: ping-pong\n: no heartbeat\n: keep\n", 0),
    ] {
        let collected = Collector::get("/").collect(&Script::new([Act::Send(wire)])).await.unwrap();
        assert_eq!(collected.heartbeats(), count, "{wire:?}");
    }
}

#[cfg(feature = "url")]
#[test]
fn m17_a_base_with_more_than_host_and_port_is_refused() {
    use crate::url::Url;
    for base in [
        "http://h:1/api/v1?x=1",
        "http://h/api",
        "http://h/?x=1",
        "http://h?x",
        "http://user:pw@h:1",
        "h:1",
        "/",
    ] {
        assert!(Url::http1(base).is_err() && Url::http2(base).is_err(), "{base}");
    }
    for base in ["http://h:1", "http://h", "http://h/", "http://[::1]:3000"] {
        assert!(Url::http1(base).is_ok(), "{base}");
    }
}

#[tokio::test(start_paused = true)]
async fn m17_a_silent_stream_ends_at_once_on_a_paused_clock() {
    let collected =
        Collector::get("/").with_deadline(hours(24)).collect(&Script::new([Act::Silence])).await.unwrap();
    assert_eq!((collected.end, collected.elapsed), (End::Deadline, hours(24)));
}

#[tokio::test(start_paused = true)]
async fn m17_a_body_that_fails_is_an_error_with_what_came_before() {
    let script = Script::new([Act::Send("data: a\n\n"), Act::Fail]);
    let error = Collector::get("/").collect(&script).await.unwrap_err();
    assert_eq!(error.to_string(), "the stream failed: the cable was pulled behind 1 events, 9 bytes");
    let CollectError::Broken(collected) = error else { panic!("{error:?}") };
    assert_eq!(collected.data(), ["a"]);
    assert_eq!(collected.end, End::Broken(Failure::Error("the cable was pulled".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn m17_a_body_that_panics_is_an_error_with_what_came_before() {
    let script = Script::new([Act::Send("data: a\n\n"), Act::Panic]);
    let error = Collector::get("/").collect(&script).await.unwrap_err();
    let CollectError::Broken(collected) = error else { panic!("{error:?}") };
    assert_eq!(collected.end, End::Broken(Failure::Panic("the body does not like this".to_owned())));
}

/// Answers with whatever a test wants.
struct Answer<F>(F);

impl<F: Fn() -> Result<Response<http_body_util::Full<Bytes>>, BoxError>> Target for Answer<F> {
    type Body = http_body_util::Full<Bytes>;

    async fn respond(&self, _: Request<Bytes>) -> Result<Response<Self::Body>, BoxError> {
        (self.0)()
    }
}

#[tokio::test]
async fn m17_a_service_that_fails_or_panics_is_an_error() {
    let failing = Answer(|| Err("no such table".into()));
    let error = Collector::get("/").collect(&failing).await.unwrap_err();
    assert_eq!(error.to_string(), "no response: the service failed: no such table");
    let panicking = Answer(|| panic!("no such luck"));
    let error = Collector::get("/").collect(&panicking).await.unwrap_err();
    assert_eq!(error.to_string(), "no response: the service panicked: no such luck");
}

#[tokio::test]
async fn m17_what_is_no_event_stream_is_an_error_with_the_beginning_of_the_body() {
    for (status, content_type, expected) in [
        (500, Some("text/plain"), "status 500 Internal Server Error, content type text/plain"),
        (500, Some("text/event-stream"), "status 500 Internal Server Error, content type text/event-stream"),
        (200, Some("text/event-streams"), "status 200 OK, content type text/event-streams"),
        (200, None, "status 200 OK, content type none"),
    ] {
        let page = Answer(|| {
            let mut response = Response::builder().status(status);
            if let Some(content_type) = content_type {
                response = response.header("content-type", content_type);
            }
            Ok(response.body("x".repeat(5_000).into())?)
        });
        let error = Collector::get("/").collect(&page).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("no event stream: {expected}, body ")), "{error}");
        let CollectError::NotAnEventStream { body, .. } = error else { panic!("{error:?}") };
        assert_eq!(body, "x".repeat(4_096));
    }
}

#[tokio::test(start_paused = true)]
async fn m17_a_service_that_does_not_answer_is_an_error() {
    struct Never;
    impl Target for Never {
        type Body = http_body_util::Full<Bytes>;
        async fn respond(&self, _: Request<Bytes>) -> Result<Response<Self::Body>, BoxError> {
            core::future::pending().await
        }
    }
    let error = Collector::get("/").with_deadline(hours(1)).collect(&Never).await.unwrap_err();
    assert!(matches!(error, CollectError::NoResponse(End::Deadline)), "{error:?}");
}

#[tokio::test]
async fn m17_everything_of_an_event_is_collected() {
    let wire = ":\n: ping\nretry: 5\nevent: e\nid: 1\ndata: a\ndata: b\n\ndata: c\n\nid\ndata\n\nid: 9\n\n: note\ndata: cut";
    let collected = Collector::get("/").collect(&Script::new([Act::Send(wire)])).await.unwrap();
    let [first, second, third] = collected.events.as_slice() else { panic!("{collected:?}") };
    assert_eq!((first.name.as_str(), first.data.as_str()), ("e", "a\nb"));
    assert_eq!((first.id.as_deref(), first.retry), (Some("1"), Some(Duration::from_millis(5))));
    assert_eq!((second.name.as_str(), second.id.as_deref(), second.retry), ("message", None, None));
    assert_eq!(second.last_event_id, "1");
    assert_eq!((third.id.as_deref(), third.data.as_str()), (Some(""), ""));
    assert_eq!((collected.retry, collected.last_event_id.as_str()), (first.retry, "9"));
    let comments: Vec<&str> = collected.comments.iter().map(|comment| comment.text.as_str()).collect();
    assert_eq!((comments, collected.heartbeats()), (vec!["", "ping", "note"], 1));
    assert_eq!((collected.end.clone(), collected.is_cut_off), (End::Ended, true));
    assert_eq!(collected.text(), wire);
}

#[tokio::test(start_paused = true)]
async fn m17_until_stops_behind_the_event_that_was_waited_for() {
    let script = Script::new([Act::Send("data: a\n\nevent: done\ndata: b\n\ndata: c\n\n"), Act::Silence]);
    let until = |events: &[ReceivedEvent]| events.last().is_some_and(|event| event.name == "done");
    let collected = Collector::get("/").until(until).collect(&script).await.unwrap();
    assert_eq!((collected.data(), &collected.end), (vec!["a", "b"], &End::Until));
}

#[tokio::test(start_paused = true)]
async fn m17_a_live_stream_is_read_step_by_step_and_left() {
    let script = Script::new([
        Act::Send("data: a\n\ndata: b\n\n"),
        Act::Wait(Duration::from_secs(7)),
        Act::Send(": heartbeat\ndata: c\n\n"),
        Act::Silence,
    ]);
    let mut live = Collector::get("/").open(&script).await.unwrap();
    assert_eq!(live.next_event().await.unwrap().data, "a");
    assert_eq!(live.next_event().await.unwrap().data, "b");
    assert_eq!(live.next_event().await, Err(End::Deadline), "a wait is 5 s");
    assert_eq!(live.next_event().await.unwrap().data, "c", "and may be taken up again");
    assert_eq!((live.so_far().heartbeats(), &live.so_far().end), (1, &End::Left));
    assert_eq!(live.read_for(hours(1)).await, End::Deadline);
    assert_eq!(script.dropped.load(Ordering::SeqCst), 0);
    let collected = live.leave();
    assert_eq!(script.dropped.load(Ordering::SeqCst), 1);
    assert_eq!((collected.events.len(), collected.elapsed), (3, hours(1) + Duration::from_secs(7)));
}

#[tokio::test]
async fn m17_the_request_is_what_was_asked_for() {
    let script = Script::new([]);
    let collector = Collector::post("/chat?room=1").with_header("Accept", "*/*").with_body("hello");
    let first = collector.with_last_event_id("k-\u{2026}").collect(&script).await.unwrap();
    let request = script.request.lock().unwrap().take().unwrap();
    assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, "/chat?room=1".to_owned()));
    assert_eq!(
        (request.headers()["accept"].as_bytes(), request.body().as_ref()),
        (&b"*/*"[..], &b"hello"[..])
    );
    assert_eq!(request.headers()["last-event-id"].as_bytes(), "k-\u{2026}".as_bytes());

    first.resume().collect(&script).await.unwrap();
    let again = script.request.lock().unwrap().take().unwrap();
    assert_eq!(
        (again.method(), again.headers(), again.body()),
        (request.method(), request.headers(), request.body())
    );
}

#[tokio::test]
async fn m17_a_request_that_http_does_not_allow_is_an_error() {
    let script = Script::new([]);
    for collector in [
        Collector::get("/").with_header("na me", "x"),
        Collector::get("/").with_header("name", "x\n"),
        Collector::get("/").with_last_event_id("a\nb"),
        Collector::get("not a uri"),
        Collector::get("dashboard"),
        Collector::get("example.org:80"),
        Collector::get("*"),
    ] {
        let error = collector.collect(&script).await.unwrap_err();
        assert!(matches!(error, CollectError::InvalidRequest(_)), "{error:?}");
    }
}
