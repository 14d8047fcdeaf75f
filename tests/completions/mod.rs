//! The gateway of the examples `completions`, said once for every framework: over sockets on both sides.
//!
//! The model is in the test's hand: it sends a token when the test says so. A deadline only says that a test has failed.

pub(crate) mod client;

use self::client::{Client, Stream};
use core::future::Future;
use core::time::Duration;
use serde_json::{Value, json};
use sse_demo::completions::Gateway;
use sse_demo::completions::upstream::{Asked, Upstream};
use sse_driver::sse_core::connection::Heartbeat;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use tokio::sync::mpsc;

pub(crate) const OPENAI: &str = "/v1/chat/completions";
pub(crate) const ANTHROPIC: &str = "/v1/messages";
const AT_ONCE: Duration = Duration::ZERO;
const NEVER: Duration = Duration::from_secs(3_600);

/// A server that can be started.
pub(crate) trait Framework {
    /// Serves the example's app.
    fn start(listener: TcpListener, gateway: Gateway, upstream: Upstream);
}

/// A deadline that only a failed test reaches.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(10), future).await {
        Ok(output) => output,
        Err(_) => panic!("took longer than 10 s: {what}"),
    }
}

/// A running example, and the model behind it.
struct Running {
    address: SocketAddr,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Running {
    /// Clients get a head after `patience`, and a heartbeat each second.
    async fn start<F: Framework>(patience: Duration) -> Self {
        let (ask, asked) = mpsc::unbounded_channel();
        let handler = move |asked: Asked| {
            let ask = ask.clone();
            async move { drop(ask.send(asked)) }
        };
        let upstream = Upstream::start(handler).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heartbeat = Heartbeat::idle(Heartbeat::MIN_INTERVAL).unwrap();
        let gateway = Gateway::new(upstream.uri()).with_patience(patience).with_heartbeat(heartbeat);
        F::start(listener, gateway, upstream);
        Self { address, asked }
    }

    async fn asked(&mut self) -> Asked {
        within("the upstream's request", self.asked.recv()).await.unwrap()
    }

    /// A stream whose head is there, and the model that has accepted the request but sent nothing.
    async fn stream(&mut self, path: &str) -> (Asked, Stream) {
        let client = Client::post(self.address, path, &prompt(true)).await;
        let mut asked = self.asked().await;
        asked.accept();
        (asked, client.stream().await)
    }
}

fn prompt(is_stream: bool) -> String {
    json!({
        "model": "scripted", "stream": is_stream, "max_tokens": 100,
        "messages": [{ "role": "user", "content": "hello" }],
    })
    .to_string()
}

fn parse(data: &str) -> Value {
    serde_json::from_str(data).unwrap()
}

/// Declares a test for each named scenario.
macro_rules! scenarios {
    ($runner:path => $framework:ty: $($scenario:ident)*) => {$(
        #[$runner]
        async fn $scenario() {
            completions::$scenario::<$framework>().await;
        }
    )*};
}
pub(crate) use scenarios;

pub(crate) async fn m23_tokens_reach_the_client_one_by_one_as_the_model_sends_them<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    let (mut asked, mut stream) = running.stream(OPENAI).await;
    // The next one is not there yet when this one is read.
    for token in ["", "two\nlines", " \"quoted\"", "\u{2028}🦀", "data: [DONE]"] {
        assert!(asked.send_token(token).await);
        let (kind, data) = stream.event().await.unwrap();
        assert_eq!(kind, "message");
        assert_eq!(parse(&data)["choices"][0]["delta"]["content"], token);
    }
    asked.finish().await;
    let (_, last) = stream.event().await.unwrap();
    assert_eq!(parse(&last)["choices"][0]["finish_reason"], "stop");
    assert_eq!(stream.event().await.unwrap().1, "[DONE]");
    assert_eq!(stream.event().await, None);
}

pub(crate) async fn m23_the_same_answer_is_named_events_in_the_other_api<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    let (mut asked, mut stream) = running.stream(ANTHROPIC).await;
    assert_eq!(asked.request()["max_tokens"], 100);
    let mut kinds = Vec::new();
    let mut text = String::new();
    let mut read = async |stream: &mut Stream, until: &str| {
        while let Some((kind, data)) = stream.event().await {
            let json = parse(&data);
            assert_eq!(json["type"], kind);
            text += json["delta"]["text"].as_str().unwrap_or_default();
            kinds.push(kind);
            if kinds.last().is_some_and(|kind| kind == until) {
                return;
            }
        }
    };
    for token in ["one", " two"] {
        assert!(asked.send_token(token).await);
        read(&mut stream, "content_block_delta").await;
    }
    asked.finish().await;
    read(&mut stream, "nothing: it ends").await;
    assert_eq!(text, "one two");
    let delta = "content_block_delta";
    let [start, stop] = ["content_block_start", "content_block_stop"];
    assert_eq!(kinds, ["message_start", start, delta, delta, stop, "message_delta", "message_stop"]);
}

pub(crate) async fn a_client_that_leaves_cancels_the_request_to_the_model_at_once<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    for path in [OPENAI, ANTHROPIC] {
        let (mut asked, mut stream) = running.stream(path).await;
        assert!(asked.send_token("hello").await);
        stream.event().await.unwrap();
        drop(stream);
        within("the model is told, while it is silent", asked.left()).await;
    }
}

pub(crate) async fn a_client_that_leaves_before_the_head_cancels_it_too<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    for is_stream in [true, false] {
        let client = Client::post(running.address, OPENAI, &prompt(is_stream)).await;
        let asked = running.asked().await;
        drop(client);
        within("the model is told, while it thinks", asked.left()).await;
    }
}

pub(crate) async fn b05_heartbeats_come_while_the_model_thinks<F: Framework>() {
    let mut running = Running::start::<F>(AT_ONCE).await;
    for path in [OPENAI, ANTHROPIC] {
        let client = Client::post(running.address, path, &prompt(true)).await;
        let mut asked = running.asked().await;
        let mut stream = client.stream().await;
        for _ in 0..2 {
            stream.heartbeat(path == ANTHROPIC).await;
        }
        asked.accept();
        assert!(asked.send_token("at last").await);
        assert!(stream.event().await.unwrap().1.contains("scripted"));
    }
}

pub(crate) async fn b05_a_model_that_fails_half_way_is_an_error_of_the_api_and_nothing_says_done<
    F: Framework,
>() {
    let mut running = Running::start::<F>(NEVER).await;
    for failure in [Failure::Broken, Failure::CutOff, Failure::Reported] {
        for path in [OPENAI, ANTHROPIC] {
            let (mut asked, mut stream) = running.stream(path).await;
            assert!(asked.send_token("half").await);
            failure.happens_to(asked).await;
            let mut last = None;
            while let Some(event) = stream.event().await {
                last = Some(event);
            }
            let (kind, data) = last.unwrap();
            let error = &parse(&data)["error"];
            assert_eq!(error["message"], "Internal server error", "{failure:?}");
            let form = if path == OPENAI { ("message", "server_error") } else { ("error", "api_error") };
            assert_eq!((kind.as_str(), error["type"].as_str().unwrap()), form);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    /// The connection, within an event.
    Broken,
    /// The body ends well, but for `[DONE]`.
    CutOff,
    /// By an event.
    Reported,
}

impl Failure {
    async fn happens_to(self, mut asked: Asked) {
        match self {
            Self::Broken => asked.break_off().await,
            Self::CutOff => drop(asked),
            Self::Reported => {
                asked.send_json(&json!({ "error": { "message": "a secret" } })).await;
            }
        }
    }
}

pub(crate) async fn a_model_that_refuses_in_time_keeps_its_status<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    for is_stream in [true, false] {
        for (theirs, ours, kind) in [(429, 429, "rate_limit_error"), (500, 502, "server_error")] {
            let client = Client::post(running.address, OPENAI, &prompt(is_stream)).await;
            running.asked().await.refuse(theirs.try_into().unwrap());
            let (status, json) = client.json().await;
            assert_eq!((status, &json["error"]["type"]), (ours, &json!(kind)));
        }
    }
}

pub(crate) async fn m30_a_client_that_wants_no_stream_gets_the_answer_whole<F: Framework>() {
    let mut running = Running::start::<F>(NEVER).await;
    for path in [OPENAI, ANTHROPIC] {
        let client = Client::post(running.address, path, &prompt(false)).await;
        let mut asked = running.asked().await;
        asked.accept();
        for token in ["one", " two"] {
            assert!(asked.send_token(token).await);
        }
        asked.finish().await;
        let (status, json) = client.json().await;
        assert_eq!(status, 200);
        let text = if path == OPENAI {
            &json["choices"][0]["message"]["content"]
        } else {
            &json["content"][0]["text"]
        };
        assert_eq!(text, "one two");
    }
}

pub(crate) async fn a_request_that_is_no_json_is_refused_in_the_form_of_the_api<F: Framework>() {
    let running = Running::start::<F>(NEVER).await;
    for path in [OPENAI, ANTHROPIC] {
        for body in ["", "{", "[]", r#"{"model":"m"}"#] {
            let (status, json) = Client::post(running.address, path, body).await.json().await;
            assert_eq!((status, &json["error"]["type"]), (400, &json!("invalid_request_error")));
            assert_eq!(json["type"] == "error", path == ANTHROPIC);
        }
    }
}
