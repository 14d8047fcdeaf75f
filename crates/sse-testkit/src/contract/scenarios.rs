//! The scenarios. Each is a sentence; what it expects is bytes and milliseconds, the same for all.

use super::client::get;
use super::{Adapter, Answer, App, BoxSource, Client, Probe, Recording, Script, Seen};
use core::future::pending;
use core::time::Duration;
use http::Method;
use http_body_util::BodyExt;
use sse_driver::sse_core::connection::{CloseEvent, CloseReason, Heartbeat, Totals};
use sse_driver::sse_core::{Comment, Event, LineEnding, Retry, event_id, event_name};
use sse_driver::{ErrorAction, ErrorPolicy, Iter, Notice, Options, Push, PushError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

const HEARTBEAT: &str = ": heartbeat\n";

/// An application with one script and one set of options.
fn play(
    script: impl Fn() -> Script + Send + Sync + 'static,
    options: impl Fn() -> Options + Send + Sync + 'static,
) -> App {
    App::new(move |_| Answer { source: BoxSource::new(script()), options: options() })
}

async fn recorded<A: Adapter>(millis: u64, app: App) -> Recording {
    Client::connect::<A>(app).await.record(millis).await
}

/// Something is sent at once.
pub async fn m01_something_is_sent_at_once<A: Adapter>() {
    let idle = play(|| Script::new().hang(), Options::new);
    recorded::<A>(1_000, idle).await.expect(&[(0, ":\n")], None);
    let options = || Options::new().with_retry(Retry::from_millis(500)).with_opening(Comment::new("hi"));
    recorded::<A>(1_000, play(|| Script::new().hang(), options))
        .await
        .expect(&[(0, ": hi\nretry: 500\n")], None);
}

/// The head is that of an event stream.
pub async fn m01_the_head_is_that_of_an_event_stream<A: Adapter>() {
    let recording = recorded::<A>(1_000, play(|| Script::new().hang(), Options::new)).await;
    assert_eq!(recording.status, 200);
    assert_eq!(recording.headers["content-type"], "text/event-stream");
    assert_eq!(recording.headers["cache-control"], "no-cache, no-transform");
    assert_eq!(recording.headers["x-accel-buffering"], "no");
    assert!(!recording.headers.contains_key("connection"));
    assert!(!recording.headers.contains_key("content-length"));
}

/// A heartbeat follows idleness.
pub async fn m04_a_heartbeat_follows_idleness<A: Adapter>() {
    let app = play(|| Script::new().wait(5_000).event("a").hang(), Options::new);
    recorded::<A>(36_000, app)
        .await
        .expect(&[(0, ":\n"), (5_000, "data: a\n\n"), (20_000, HEARTBEAT), (35_000, HEARTBEAT)], None);
}

/// No heartbeat under load.
pub async fn m04_no_heartbeat_under_load<A: Adapter>() {
    let script = || (0..6).fold(Script::new(), |script, _| script.wait(14_999).event("a")).hang();
    let recording = recorded::<A>(100_000, play(script, Options::new)).await;
    assert!(!recording.text().contains("heartbeat"), "{recording:?}");
    assert_eq!(recording.chunks.len(), 7);
    assert_eq!(recording.chunks[6].0, 6 * 14_999);
}

/// A periodic heartbeat keeps its grid.
pub async fn m33_a_periodic_heartbeat_keeps_its_grid<A: Adapter>() {
    let options = || {
        let beat = Heartbeat::periodic(Duration::from_secs(10)).expect("in range");
        Options::new().with_heartbeat(beat.with_frame(Event::new("").with_name(event_name!("ping"))))
    };
    let ping = "event: ping\ndata: \n\n";
    let app = play(|| Script::new().wait(9_000).event("a").hang(), options);
    recorded::<A>(25_000, app)
        .await
        .expect(&[(0, ":\n"), (9_000, "data: a\n\n"), (10_000, ping), (20_000, ping)], None);
}

/// No heartbeat when switched off.
pub async fn m04_no_heartbeat_when_switched_off<A: Adapter>() {
    let app = play(|| Script::new().hang(), || Options::new().with_heartbeat(None));
    recorded::<A>(10_000_000, app).await.expect(&[(0, ":\n")], None);
}

/// Ready events leave together.
pub async fn b06_ready_events_leave_together<A: Adapter>() {
    let app = play(|| Script::new().event("a").event("b\nc").event("").hang(), Options::new);
    let mut client = Client::connect::<A>(app).await;
    let mut body = client.request(get()).await.into_body();
    let first = body.frame().await.expect("a frame").expect("a whole frame").into_data().expect("data");
    assert_eq!(first, ":\ndata: a\n\ndata: b\ndata: c\n\ndata: \n\n", "one chunk");
}

/// A reader that is slower than the heartbeat: what it reads is data, in order.
pub async fn m04_a_slow_reader_gets_data_not_heartbeats<A: Adapter>() {
    let data = "x".repeat(3_000);
    let app = App::new(move |_| {
        let script = Script::new().event_for_ever(&data);
        Answer { source: BoxSource::new(script), options: Options::new() }
    });
    let mut client = Client::connect::<A>(app).await;
    let mut body = client.request(get()).await.into_body();
    let mut text = String::new();
    for _minute in 0..30 {
        sleep(Duration::from_secs(60)).await;
        let frame = body.frame().await.expect("a frame").expect("a whole frame");
        text.push_str(core::str::from_utf8(&frame.into_data().expect("data")).expect("UTF-8"));
    }
    assert!(!text.contains("heartbeat"));
    assert!(text.matches("data: ").count() > 10, "{} bytes", text.len());
}

/// A stalled reader stops the source.
pub async fn b03_a_stalled_reader_stops_the_source<A: Adapter>() {
    let probe = Probe::new();
    let watched = probe.clone();
    let data = "x".repeat(3_000);
    let script = move || Script::new().event_for_ever(&data).watched_by(&watched);
    let mut client = Client::connect::<A>(play(script, Options::new)).await;
    let _unread = client.request(get()).await;
    sleep(Duration::from_secs(1)).await;
    let stuck = probe.seen().polls;
    sleep(Duration::from_secs(1_000)).await;
    assert_eq!(probe.seen().polls, stuck, "nothing is read from the source");
    assert!(stuck < 1_000, "{stuck} events are held");
}

/// The end is told with the close event.
pub async fn m06_the_end_is_told_with_the_close_event<A: Adapter>() {
    let script = || Script::new().wait(1_000).event("a").wait(1_000);
    let options = || Options::new().with_close_event(CloseEvent::new(event_name!("done")));
    recorded::<A>(9_000, play(script, options)).await.expect(
        &[(0, ":\n"), (1_000, "data: a\n\n"), (2_000, "event: done\ndata: complete\n\n")],
        Some(2_000),
    );
    recorded::<A>(9_000, play(Script::new, Options::new)).await.expect(&[(0, ":\n")], Some(0));
}

/// An event before a failure arrives.
pub async fn m13_an_event_before_a_failure_arrives<A: Adapter>() {
    let options = || Options::new().on_error(ErrorPolicy::close());
    let app = play(|| Script::new().event("last").failure().event("never"), options);
    recorded::<A>(9_000, app).await.expect(&[(0, ":\ndata: last\n\n")], Some(0));
}

/// A failure is redacted.
pub async fn m13_a_failure_is_redacted<A: Adapter>() {
    let close_event = || CloseEvent::new(event_name!("bye")).with_reason();
    let options = move || Options::new().with_close_event(close_event());
    let app = play(|| Script::new().wait(500).failure(), options);
    recorded::<A>(9_000, app).await.expect(
        &[
            (0, ":\n"),
            (500, "event: sse:error\ndata: Internal server error\n\nevent: bye\ndata: source-failed\n\n"),
        ],
        Some(500),
    );
    let policy = || ErrorPolicy::notify().with_name(event_name!("oops")).with_details();
    let app = play(|| Script::new().failure(), move || Options::new().on_error(policy()));
    let details = ":\nevent: oops\ndata: the source failed: the database is at 10.0.0.7\n\n";
    recorded::<A>(9_000, app).await.expect(&[(0, details)], Some(0));
}

/// Errors can be skipped.
pub async fn m12_errors_can_be_skipped<A: Adapter>() {
    let script = || {
        let many = (0..1_000).fold(Script::new(), |script, _| script.failure());
        many.event("a").unencodable().event("b").wait(1_000).event("c")
    };
    let app = play(script, || Options::new().on_error(ErrorPolicy::skip()));
    recorded::<A>(9_000, app)
        .await
        .expect(&[(0, ":\ndata: a\n\ndata: b\n\n"), (1_000, "data: c\n\n")], Some(1_000));
}

/// Errors can end the stream.
pub async fn m12_errors_can_end_the_stream<A: Adapter>() {
    let options = || {
        let close_event = CloseEvent::new(event_name!("done"));
        Options::new().on_error(ErrorPolicy::close()).with_close_event(close_event)
    };
    let app = play(|| Script::new().event("a").wait(100).unencodable().event("never"), options);
    recorded::<A>(9_000, app)
        .await
        .expect(&[(0, ":\ndata: a\n\n"), (100, "event: done\ndata: complete\n\n")], Some(100));
}

/// Errors can be answered by the developer.
pub async fn m12_errors_can_be_answered_by_the_developer<A: Adapter>() {
    let policy = || {
        ErrorPolicy::custom(|error| {
            ErrorAction::Send(Event::new(error.to_string()).with_name(event_name!("inline")).into())
        })
    };
    let app = play(|| Script::new().failure().event("a"), move || Options::new().on_error(policy()));
    let text = ":\nevent: inline\ndata: the source failed: the database is at 10.0.0.7\n\ndata: a\n\n";
    recorded::<A>(9_000, app).await.expect(&[(0, text)], Some(0));
}

/// A value that cannot be encoded does not end the stream.
pub async fn m12_a_value_that_cannot_be_encoded_does_not_end_the_stream<A: Adapter>() {
    let app = play(|| Script::new().unencodable().event("a").wait(100).event("b"), Options::new);
    recorded::<A>(9_000, app).await.expect(
        &[(0, ":\nevent: sse:error\ndata: Event rendering failed\n\ndata: a\n\n"), (100, "data: b\n\n")],
        Some(100),
    );
}

/// Shutdown ends open streams.
pub async fn b04_shutdown_ends_open_streams<A: Adapter>() {
    let probe = Probe::new();
    let watched = probe.clone();
    let app = App::new(move |_| {
        let options = Options::new()
            .with_close_event(CloseEvent::new(event_name!("bye")).with_reason())
            .until(sleep(Duration::from_secs(4)))
            .on_close(watched.close_hook());
        let script = Script::new().wait(1_000).event("a").hang().watched_by(&watched);
        Answer { source: BoxSource::new(script), options }
    });
    recorded::<A>(9_000, app).await.expect(
        &[(0, ":\n"), (1_000, "data: a\n\n"), (4_000, "event: bye\ndata: shutdown\n\n")],
        Some(4_000),
    );
    let seen = probe.closed().await;
    assert_eq!(seen.closes[0].0, CloseReason::Shutdown);
    assert_eq!((seen.drops, seen.closes.len()), (1, 1));
}

/// What was ready leaves before a shutdown, and an endless source does not hold it up.
pub async fn b04_ready_events_leave_before_a_shutdown<A: Adapter>() {
    let options = || {
        let stop = sleep(Duration::from_secs(1));
        Options::new().with_close_event(CloseEvent::new(event_name!("bye"))).until(stop)
    };
    let app = play(|| Script::new().wait(1_000).event("a").event("b").hang(), options);
    recorded::<A>(9_000, app)
        .await
        .expect(&[(0, ":\n"), (1_000, "data: a\n\ndata: b\n\nevent: bye\ndata: complete\n\n")], Some(1_000));
    let endless = play(|| Script::new().wait(1_000).event_for_ever("a"), options);
    let recording = recorded::<A>(9_000, endless).await;
    assert_eq!(recording.ended_at, Some(1_000));
    assert!(recording.text().ends_with("data: a\n\nevent: bye\ndata: complete\n\n"));
}

/// A connection ends at its maximum age.
pub async fn b04_a_connection_ends_at_its_maximum_age<A: Adapter>() {
    let options = || {
        let close_event = CloseEvent::new(event_name!("done"));
        Options::new()
            .with_max_age(Duration::from_secs(10))
            .with_heartbeat(None)
            .with_close_event(close_event)
    };
    let recording = recorded::<A>(60_000, play(|| Script::new().hang(), options)).await;
    assert_eq!(recording.text(), ":\n", "the client is to come back: no close event");
    let ended_at = recording.ended_at.expect("an end");
    assert!((8_000..=10_001).contains(&ended_at), "{ended_at}");
}

/// A client that leaves is noticed while the source waits.
pub async fn m03_a_client_that_leaves_is_noticed_while_the_source_waits<A: Adapter>() {
    let (seen, noticed_after) =
        left::<A>(Script::new().event("a").hang(), Options::new().with_heartbeat(None)).await;
    assert_eq!(seen.closes[0].0, CloseReason::PeerGone);
    assert_eq!((seen.drops, seen.closes.len()), (1, 1));
    assert_eq!(noticed_after, Duration::ZERO);
}

/// A client that leaves is noticed while the source is busy.
pub async fn m03_a_client_that_leaves_is_noticed_while_the_source_is_busy<A: Adapter>() {
    let (seen, noticed_after) = left::<A>(Script::new().event_for_ever("x"), Options::new()).await;
    assert_eq!(seen.closes[0].0, CloseReason::PeerGone);
    assert_eq!((seen.drops, seen.closes.len()), (1, 1));
    assert_eq!(noticed_after, Duration::ZERO);
}

/// Lets a client leave after the first chunk; says what was seen then, and how long it took.
async fn left<A: Adapter>(script: Script, options: Options) -> (Seen, Duration) {
    let probe = Probe::new();
    let only = Mutex::new(Some(Answer {
        source: BoxSource::new(script.watched_by(&probe)),
        options: options.on_close(probe.close_hook()),
    }));
    let app =
        App::new(move |_| only.lock().unwrap_or_else(PoisonError::into_inner).take().expect("one request"));
    let mut client = Client::connect::<A>(app).await;
    let mut body = client.request(get()).await.into_body();
    body.frame().await.expect("a frame").expect("a whole frame");
    assert_eq!(probe.seen().drops, 0);
    let start = Instant::now();
    drop(body);
    client.leave();
    let seen = probe.closed().await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(probe.seen().closes, seen.closes, "the hook runs once");
    (seen, start.elapsed() - Duration::from_secs(1))
}

/// The close hook runs once at the end.
pub async fn m36_the_close_hook_runs_once_at_the_end<A: Adapter>() {
    let probe = Probe::new();
    let watched = probe.clone();
    let app = App::new(move |_| Answer {
        source: BoxSource::new(Script::new().event("a").wait(20_000).event("b")),
        options: Options::new().on_close(watched.close_hook()),
    });
    recorded::<A>(30_000, app)
        .await
        .expect(&[(0, ":\ndata: a\n\n"), (15_000, HEARTBEAT), (20_000, "data: b\n\n")], Some(20_000));
    let totals = Totals { frames: 2, heartbeats: 1, bytes: 2 + 9 + 12 + 9 };
    assert_eq!(probe.closed().await.closes, [(CloseReason::SourceEnded, totals)]);
}

/// HEAD does not run the producer.
pub async fn m35_head_does_not_run_the_producer<A: Adapter>() {
    let probe = Probe::new();
    let watched = probe.clone();
    let app = App::new(move |_| Answer {
        source: BoxSource::new(Script::new().event_for_ever("a").watched_by(&watched)),
        options: Options::new().on_close(watched.close_hook()),
    });
    let mut client = Client::connect::<A>(app).await;
    let response = client.request(get().method(Method::HEAD)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    assert!(body.is_empty(), "{body:?}");
    let seen = probe.closed().await;
    assert_eq!((seen.polls, seen.drops, seen.closes.len()), (0, 1, 1));
}

/// The data of the first event is the last event id, or "none".
fn echo_last_event_id() -> App {
    App::new(|last_event_id| {
        let data = last_event_id.map_or_else(|| "none".to_owned(), |id| id.as_str().to_owned());
        Answer { source: BoxSource::new(Script::new().event(&data)), options: Options::new() }
    })
}

/// The last event id is read as UTF-8.
pub async fn b02_the_last_event_id_is_read_as_utf8<A: Adapter>() {
    for (sent, read) in
        [(&b"k3-17"[..], "k3-17"), ("é…💩".as_bytes(), "é…💩"), (b"\xE9", "\u{FFFD}"), (b"", "none")]
    {
        let mut client = Client::connect::<A>(echo_last_event_id()).await;
        let response = client.request(get().header("last-event-id", sent)).await;
        let text = Recording::of(response, Instant::now(), 1_000).await.text();
        assert_eq!(text, format!(":\ndata: {read}\n\n"));
    }
    assert_eq!(recorded::<A>(1_000, echo_last_event_id()).await.text(), ":\ndata: none\n\n");
}

/// The last event id may come by query.
pub async fn b02_the_last_event_id_may_come_by_query<A: Adapter>() {
    for (query, header, read) in [
        ("lastEventId=k3-17", None, "k3-17"),
        ("a=b&lastEventId=%C3%A9+1", None, "é 1"),
        ("lastEventId=old", Some("new"), "new"),
        ("lastEventId=old", Some(""), "old"),
        ("lastEventId=", None, "none"),
    ] {
        let uri = format!("http://contract.test/events?{query}");
        let mut request = get().uri(uri);
        if let Some(header) = header {
            request = request.header("last-event-id", header);
        }
        let mut client = Client::connect::<A>(echo_last_event_id()).await;
        let response = client.request(request).await;
        let text = Recording::of(response, Instant::now(), 1_000).await.text();
        assert_eq!(text, format!(":\ndata: {read}\n\n"), "{query} {header:?}");
    }
}

/// A last event id that comes back as an id forges nothing, whatever it was made of, and may be long.
pub async fn b02_a_last_event_id_that_is_echoed_forges_nothing<A: Adapter>() {
    let long = "e".repeat(8 * 1024);
    for (query, header, read) in [
        ("lastEventId=1%0Aevent:%20forged%0Adata:%20a%0A%0A", None, "1event: forgeddata: a"),
        ("lastEventId=1%0D%0Aretry:%200", None, "1retry: 0"),
        ("lastEventId=%001%0D", None, "1"),
        ("lastEventId=%0D%0A%00%20", None, "none"),
        ("a=b", Some("1\tdata: a"), "1\tdata: a"),
        ("a=b", Some(long.as_str()), &long),
    ] {
        let app = App::new(|id| {
            let event = Event::new("").with_id(id.unwrap_or(event_id!("none")));
            Answer { source: BoxSource::new(Iter::new([event])), options: Options::new() }
        });
        let mut request = get().uri(format!("http://contract.test/events?{query}"));
        if let Some(header) = header {
            request = request.header("last-event-id", header);
        }
        let mut client = Client::connect::<A>(app).await;
        let response = client.request(request).await;
        let text = Recording::of(response, Instant::now(), 1_000).await.text();
        assert_eq!(text, format!(":\nid: {read}\ndata: \n\n"), "{query}");
    }
}

/// An async function is dropped with its client.
pub async fn m03_an_async_function_is_dropped_with_its_client<A: Adapter>() {
    let probe = Probe::new();
    let watched = probe.clone();
    let app = App::new(move |_| {
        let guard = watched.guard();
        let function = async move |mut events: Sender| {
            let _guard = guard;
            events.send("a").await?;
            pending::<Result<(), PushError>>().await
        };
        Answer {
            source: BoxSource::new(Push::new(function)),
            options: Options::new().on_close(watched.close_hook()),
        }
    });
    let mut client = Client::connect::<A>(app).await;
    let mut body = client.request(get()).await.into_body();
    let first = body.frame().await.expect("a frame").expect("a whole frame");
    assert_eq!(first.into_data().expect("data"), ":\ndata: a\n\n");
    assert_eq!(probe.seen().drops, 0);
    drop(body);
    client.leave();
    let seen = probe.closed().await;
    assert_eq!((seen.drops, seen.closes[0].0), (1, CloseReason::PeerGone));
}

/// An async function waits for the reader.
pub async fn m20_an_async_function_waits_for_the_reader<A: Adapter>() {
    let sent = Arc::new(Mutex::new(0_u32));
    let counter = Arc::clone(&sent);
    let app = App::new(move |_| {
        let counter = Arc::clone(&counter);
        let function = async move |mut events: Sender| {
            loop {
                events.send("x".repeat(3_000)).await?;
                *counter.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
            #[allow(unreachable_code, reason = "gives the function its type")]
            Ok::<(), PushError>(())
        };
        Answer { source: BoxSource::new(Push::new(function)), options: Options::new() }
    });
    let mut client = Client::connect::<A>(app).await;
    let _unread = client.request(get()).await;
    sleep(Duration::from_secs(60)).await;
    let stuck = *sent.lock().unwrap_or_else(PoisonError::into_inner);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(*sent.lock().unwrap_or_else(PoisonError::into_inner), stuck);
    assert!(stuck < 1_000, "{stuck} events are held");
}

/// A failed async function is a failed source.
pub async fn m13_a_failed_async_function_is_a_failed_source<A: Adapter>() {
    let app = App::new(|_| {
        let function = async |mut events: Sender| {
            events.send("a").await?;
            sleep(Duration::from_millis(100)).await;
            events.send("b").await?;
            Err::<(), _>("no more".into())
        };
        let function = move |events| -> core::pin::Pin<
            Box<dyn Future<Output = Result<(), sse_core::BoxError>> + Send>,
        > { Box::pin(function(events)) };
        Answer { source: BoxSource::new(Push::new(function)), options: Options::new() }
    });
    recorded::<A>(9_000, app).await.expect(
        &[(0, ":\ndata: a\n\n"), (100, "data: b\n\nevent: sse:error\ndata: Internal server error\n\n")],
        Some(100),
    );
}

/// CRLF is an option.
pub async fn m37_crlf_is_an_option<A: Adapter>() {
    let options = || {
        Options::new()
            .with_line_ending(LineEnding::CrLf)
            .with_retry(Retry::from_millis(9))
            .with_close_event(CloseEvent::new(event_name!("done")))
    };
    let app = play(|| Script::new().event("a\nb").wait(15_000).failure(), options);
    recorded::<A>(30_000, app).await.expect(
        &[
            (0, ":\r\nretry: 9\r\ndata: a\r\ndata: b\r\n\r\n"),
            (
                15_000,
                "event: sse:error\r\ndata: Internal server error\r\n\r\nevent: done\r\ndata: complete\r\n\r\n",
            ),
        ],
        Some(15_000),
    );
}

/// The observer hears everything once.
pub async fn m07_the_observer_hears_everything_once<A: Adapter>() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let end = Arc::new(Notify::new());
    let (listener, ended) = (Arc::clone(&heard), Arc::clone(&end));
    let app = App::new(move |_| {
        let (listener, ended) = (Arc::clone(&listener), Arc::clone(&ended));
        let observer = move |notice: &Notice<'_>| {
            listener.lock().unwrap_or_else(PoisonError::into_inner).push(match notice {
                Notice::Start { .. } => "start".to_owned(),
                Notice::Chunk { bytes, .. } => format!("chunk {bytes}"),
                Notice::Event { name, id, data_lines, data_bytes, .. } => {
                    format!("event {name} {id:?} {data_lines} {data_bytes}")
                }
                Notice::Heartbeat { .. } => "heartbeat".to_owned(),
                Notice::Error { error, .. } => format!("error {error}"),
                Notice::Close { reason, totals, .. } => {
                    ended.notify_one();
                    format!("close {reason} {}", totals.bytes)
                }
                other => format!("{other:?}"),
            });
        };
        let script = Script::new().event("a\n\nb").wait(15_000).wait(100).unencodable();
        Answer { source: BoxSource::new(script), options: Options::new().with_observer(observer) }
    });
    let recording = recorded::<A>(30_000, app).await;
    let sent: usize = recording.chunks.iter().map(|(_, text)| text.len()).sum();
    end.notified().await;
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected = [
        "start",
        "chunk 26",
        "event message None 3 4",
        "chunk 12",
        "heartbeat",
        "error a value could not be encoded: no field `user`",
        "chunk 47",
        "event sse:error None 1 22",
        &format!("close source-ended {sent}"),
    ];
    assert_eq!(heard, expected);
}
