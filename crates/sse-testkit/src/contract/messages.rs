//! The scenarios of what is sent: kinds of values, fields, heads, and what each kind of client gets.

use super::{Adapter, Answer, App, BoxSource, Client, Head, Probe, Recording, Script, get};
use core::time::Duration;
use http::Method;
use sse_driver::sse_core::connection::{CloseEvent, CloseReason, Heartbeat};
use sse_driver::sse_core::{
    BoxError, ClientProfile, Comment, Decoder, Event, EventId, Frame, IntoFrame, Retry, event_id, event_name,
};
use sse_driver::{Iter, Options, Push, Sender, Source};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// An application that answers with a source.
fn give<S: Source + Send + 'static>(
    source: impl Fn() -> S + Send + Sync + 'static,
    options: impl Fn() -> Options + Send + Sync + 'static,
) -> App {
    App::new(move |_| Answer { source: BoxSource::new(source()), options: options() })
}

/// An application that answers with these values.
fn values<T: IntoFrame + Send + 'static>(
    values: impl Fn() -> Vec<T> + Send + Sync + 'static,
    options: impl Fn() -> Options + Send + Sync + 'static,
) -> App {
    give(move || Iter::new(values()), options)
}

async fn text_of<A: Adapter>(app: App) -> String {
    let recording = Client::connect::<A>(app).await.record(1_000).await;
    assert_eq!(recording.ended_at, Some(0));
    recording.text()
}

/// Streams, iterators, single values and async functions are sources of the same events.
pub async fn m02_m30_streams_iterators_values_and_functions_are_sources<A: Adapter>() {
    let wire = ":\ndata: a\n\ndata: b\n\n";
    let stream = || Script::new().event("a").event("b");
    assert_eq!(text_of::<A>(give(stream, Options::new)).await, wire);
    assert_eq!(text_of::<A>(give(|| Iter::new(["a", "b"]), Options::new)).await, wire);
    let function = || {
        Push::new(move |mut events: Sender| async move {
            events.send("a").await?;
            events.send("b").await
        })
    };
    assert_eq!(text_of::<A>(give(function, Options::new)).await, wire);
    assert_eq!(text_of::<A>(give(|| Iter::new(["alone"]), Options::new)).await, ":\ndata: alone\n\n");
}

/// The reconnection time of the stream stands in its first block, so that no client loses it.
pub async fn m05_the_reconnection_time_of_the_stream_stands_in_its_first_block<A: Adapter>() {
    let options = || Options::new().with_retry(Duration::from_millis(1_500));
    let wire = text_of::<A>(values(|| vec!["a"], options)).await;
    assert_eq!(wire, ":\nretry: 1500\ndata: a\n\n");
}

/// Status, headers and cookies are the developer's: a header replaces the stream's own, none is doubled.
pub async fn m08_m34_status_headers_and_cookies_are_the_developers<A: Adapter>() {
    let text = "é…💩";
    let head = Head {
        status: 202,
        headers: vec![("cache-control", "no-store"), ("x-stream", "1"), ("x-accel-buffering", "yes")],
        cookies: vec!["a=1; HttpOnly", "b=2"],
    };
    let app = values(move || vec![text], Options::new).with_head(head);
    let recording = Client::connect::<A>(app).await.record(1_000).await;
    assert_eq!(recording.status, 202);
    assert_eq!(recording.text(), format!(":\ndata: {text}\n\n"), "UTF-8, whatever the head says");
    for (name, values) in [
        ("content-type", &["text/event-stream"][..]),
        ("cache-control", &["no-store"]),
        ("x-stream", &["1"]),
        ("x-accel-buffering", &["yes"]),
        ("set-cookie", &["a=1; HttpOnly", "b=2"]),
    ] {
        let sent: Vec<_> = recording.headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
        assert_eq!(sent, values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{name}");
    }
}

/// Values become events by their kind: text, JSON, events, frames, comments, results; an error has its policy.
pub async fn m09_m20_values_become_events_by_their_kind<A: Adapter>() {
    let function = || {
        Push::new(move |mut events: Sender| async move {
            events.send("é…💩").await?;
            events.send(String::from("owned")).await?;
            events.send(Event::json(["a\n", "b"])).await?;
            events.send(Event::new("named").with_name(event_name!("n"))).await?;
            events.send(Event::new("ready").to_frame()).await?;
            events.send(Comment::new("aside")).await?;
            events.send(Ok::<_, BoxError>("well")).await
        })
    };
    let wire = concat!(
        ":\ndata: é…💩\n\ndata: owned\n\ndata: [\"a\\n\",\"b\"]\n\nevent: n\ndata: named\n\n",
        "data: ready\n\n: aside\ndata: well\n\n"
    );
    assert_eq!(text_of::<A>(give(function, Options::new)).await, wire);
}

/// Every event may have every field, in one order; an id that is absent is not one that is reset.
pub async fn m10_m38_every_event_may_have_every_field<A: Adapter>() {
    let events = || {
        let all = Event::new("a\nb")
            .with_comment("why")
            .with_name(event_name!("n"))
            .with_id(event_id!("k3-7"))
            .with_retry(Retry::from_millis(9));
        vec![all, Event::new("no id"), Event::new("").with_id(EventId::RESET)]
    };
    let wire = ":\n: why\nevent: n\nid: k3-7\nretry: 9\ndata: a\ndata: b\n\ndata: no id\n\nid: \ndata: \n\n";
    assert_eq!(text_of::<A>(values(events, Options::new)).await, wire);
}

/// Ten thousand idle streams live on one thread, and all of them beat.
pub async fn m16_ten_thousand_idle_streams_live_on_one_thread<A: Adapter>() {
    let mut recordings = Vec::new();
    for _ in 0..10_000 {
        let app = give(|| Script::new().hang(), Options::new);
        recordings.push(tokio::task::spawn_local(async move {
            let mut client = Client::connect::<A>(app).await;
            let recording = client.record(16_000).await;
            recording.text()
        }));
    }
    for recording in recordings {
        assert_eq!(recording.await.ok().as_deref(), Some(":\n: heartbeat\n"));
    }
}

/// A comment is a value that no text can break out of.
pub async fn m21_a_comment_is_a_value_that_no_text_can_break_out_of<A: Adapter>() {
    let comment = || vec![Comment::new("a\r\ndata: forged\n\nevent: x\rid: 1")];
    let wire = ":\n: a\n: data: forged\n: \n: event: x\n: id: 1\n";
    assert_eq!(text_of::<A>(values(comment, Options::new)).await, wire);
}

/// A reconnection time is a duration, in whole milliseconds on the wire.
pub async fn m22_a_reconnection_time_is_a_duration_in_whole_milliseconds<A: Adapter>() {
    for (time, millis) in [
        (Duration::from_secs_f64(2.5), 2_500),
        (Duration::from_micros(1_900), 1),
        (Duration::ZERO, 0),
        (Duration::MAX, i32::MAX),
    ] {
        let event = move || vec![Event::new("a").with_retry(time)];
        let wire = format!(":\nretry: {millis}\ndata: a\n\n");
        assert_eq!(text_of::<A>(values(event, Options::new)).await, wire);
    }
}

/// An async function answers a POST as it answers a GET.
pub async fn m23_a_stream_answers_a_post<A: Adapter>() {
    let function = || {
        Push::new(move |mut events: Sender| async move {
            events.send("a").await?;
            sleep(Duration::from_millis(100)).await;
            events.send("b").await
        })
    };
    let app = give(function, Options::new);
    let mut client = Client::connect::<A>(app).await;
    let start = Instant::now();
    let response = client.request(get().method(Method::POST)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Recording::of(response, start, 1_000)
        .await
        .expect(&[(0, ":\ndata: a\n\n"), (100, "data: b\n\n")], Some(100));
}

/// The stream names and numbers events that do not do so themselves, and nothing else.
pub async fn m31_the_stream_names_and_numbers_events_that_do_not<A: Adapter>() {
    let options = || {
        Options::new()
            .with_opening(Comment::new("v2"))
            .with_retry(Retry::from_millis(9))
            .with_default_name(event_name!("log"))
            .with_default_id(event_id!("run-1"))
            .with_close_event(CloseEvent::new(event_name!("done")))
    };
    let function = || {
        Push::new(move |mut events: Sender| async move {
            events.send("a").await?;
            events.send(Event::new("b").with_name(event_name!("own")).with_id(7_u64)).await?;
            events.send(Comment::new("aside")).await?;
            events.send(Frame::from(Event::new("ready"))).await?;
            Err::<(), BoxError>("gone".into())
        })
    };
    let wire = concat!(
        ": v2\nretry: 9\nevent: log\nid: run-1\ndata: a\n\nevent: own\nid: 7\ndata: b\n\n: aside\ndata: ready\n\n",
        "event: sse:error\ndata: Internal server error\n\nevent: done\ndata: complete\n\n"
    );
    assert_eq!(text_of::<A>(give(function, options)).await, wire);
}

/// A number is an id, and comes back as one.
pub async fn m32_a_number_is_an_id<A: Adapter>() {
    let app = App::new(|id| {
        let next = id.and_then(|id| id.as_u64()).map_or(1, |seen| seen + 1);
        Answer { source: BoxSource::new(Iter::new([Event::new("a").with_id(next)])), options: Options::new() }
    });
    assert_eq!(text_of::<A>(app.clone()).await, ":\nid: 1\ndata: a\n\n");
    let mut client = Client::connect::<A>(app).await;
    let request = get().header("last-event-id", u64::MAX - 1);
    let response = client.request(request).await;
    let text = Recording::of(response, Instant::now(), 1_000).await.text();
    assert_eq!(text, format!(":\nid: {}\ndata: a\n\n", u64::MAX));
}

/// Work that the close hook starts goes on after the stream, whether it ended or its client left.
pub async fn m36_work_goes_on_after_the_stream<A: Adapter>() {
    let done = Arc::new(Mutex::new(Vec::new()));
    let (list, probe) = (Arc::clone(&done), Probe::new());
    let watched = probe.clone();
    let app = App::new(move |_| {
        let (list, runtime) = (Arc::clone(&list), Handle::current());
        let count = watched.close_hook();
        let hook = move |reason, totals| {
            count(reason, totals);
            runtime.spawn(async move {
                sleep(Duration::from_secs(1)).await;
                list.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
            });
        };
        Answer {
            source: BoxSource::new(Script::new().event("a").wait(10_000)),
            options: Options::new().on_close(hook),
        }
    });
    let mut client = Client::connect::<A>(app.clone()).await;
    assert_eq!(client.record(20_000).await.ended_at, Some(10_000));
    let mut leaving = Client::connect::<A>(app).await;
    assert_eq!(leaving.record(1_000).await.ended_at, None);
    leaving.leave();
    while probe.seen().closes.len() < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_secs(2)).await;
    let done = done.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(done, [CloseReason::SourceEnded, CloseReason::PeerGone]);
}

/// A client is answered as its kind needs: heartbeat, error, end.
pub async fn b05_a_client_is_answered_as_its_kind_needs<A: Adapter>() {
    let interval = Duration::from_secs(15);
    assert_eq!(Heartbeat::DEFAULT.interval(), interval);
    for (profile, end, failure) in [
        (
            ClientProfile::EventSource,
            "event: sse:close\ndata: source-ended\n\n",
            "event: sse:error\ndata: Internal server error\n\nevent: sse:close\ndata: source-failed\n\n",
        ),
        (ClientProfile::Datastar, "", "event: sse:error\ndata: Internal server error\n\n"),
        (
            ClientProfile::OpenAi,
            "data: [DONE]\n\n",
            "data: {\"error\":{\"message\":\"Internal server error\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n",
        ),
        (
            ClientProfile::Anthropic,
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\"}}\n\n",
        ),
    ] {
        let options = move || Options::new().for_client(profile);
        let beat = match profile {
            ClientProfile::Anthropic => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            _ => ": heartbeat\n",
        };
        let ends = give(|| Script::new().event("a").wait(16_000), options);
        let recording = Client::connect::<A>(ends).await.record(20_000).await;
        assert_eq!(recording.text(), format!(":\ndata: a\n\n{beat}{end}"), "{profile:?}");
        let fails = give(|| Script::new().event("a").failure(), options);
        assert_eq!(text_of::<A>(fails).await, format!(":\ndata: a\n\n{failure}"), "{profile:?}");
    }
}

/// A client is kept out as its kind understands: status, head and body, and no body for HEAD.
pub async fn b05_a_client_is_kept_out_as_its_kind_understands<A: Adapter>() {
    let wait = Some(Duration::from_secs(30));
    for (profile, wait, status, body) in [
        (ClientProfile::EventSource, wait, 200, ":\nevent: sse:retry\nretry: "),
        (ClientProfile::EventSource, None, 204, ""),
        (ClientProfile::Htmx2, None, 200, ":\nevent: sse:close\ndata: refused\n\n"),
        (ClientProfile::Datastar, None, 200, ":\n"),
        (ClientProfile::OpenAi, wait, 503, ""),
        (ClientProfile::Mcp, None, 405, ""),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let mut client = Client::connect::<A>(App::refusing(profile, wait)).await;
            let response = client.request(get().method(method.clone())).await;
            assert_eq!(response.status(), status, "{profile:?}");
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            let is_stream = !body.is_empty();
            assert_eq!(header("content-type"), is_stream.then_some("text/event-stream"), "{profile:?}");
            let caching = if is_stream { "no-cache, no-transform" } else { "no-store" };
            assert_eq!(header("cache-control"), Some(caching), "{profile:?}");
            let seconds = header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
            assert_eq!(seconds.is_some_and(|seconds| (30..=45).contains(&seconds)), status == 503);
            let recording = Recording::of(response, Instant::now(), 1_000).await;
            assert_eq!(recording.ended_at, Some(0));
            let text = recording.text();
            if method == Method::HEAD {
                assert_eq!(text, "", "{profile:?}");
            } else {
                assert!(text.starts_with(body) && (is_stream || text.is_empty()), "{profile:?}: {text:?}");
            }
        }
    }
}

/// The close event leaves the client's last event id as it is, whatever defaults the stream has.
pub async fn m06_the_close_event_leaves_the_last_event_id<A: Adapter>() {
    let options = || {
        let close_event = CloseEvent::new(event_name!("done")).with_reason();
        Options::new().with_close_event(close_event).with_default_id(event_id!("run-1"))
    };
    let seen = || Event::new("a").with_id(7_u64);
    for (end, reason) in [(Ok(seen()), "source-ended"), (Err("gone"), "source-failed")] {
        let items = move || [Ok(seen()), end.clone()];
        let wire = text_of::<A>(give(move || Iter::new(items()), options)).await;
        assert!(wire.ends_with(&format!("event: done\ndata: {reason}\n\n")), "{wire}");
        let mut decoder = Decoder::new();
        let mut feed = decoder.feed(wire.as_bytes());
        while feed.next().is_some() {}
        drop(feed);
        assert_eq!(decoder.last_event_id(), "7");
    }
}
