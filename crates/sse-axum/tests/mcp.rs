//! The example `mcp`, byte by byte; what released clients make of it is checked in `tests/clients`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use core::future::Future;
use core::time::Duration;
use example::tool::Tick;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::ServiceExt;

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/mcp/main.rs"]
mod example;

const BOTH: &str = "application/json, text/event-stream";
const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// A server whose tool takes a step when it is let.
struct Server {
    app: Router,
    steps: Arc<Semaphore>,
}

impl Server {
    fn new() -> Self {
        let steps = Arc::new(Semaphore::new(0));
        let waiting = Arc::clone(&steps);
        let tick = Tick::new(move || {
            let steps = Arc::clone(&waiting);
            async move { steps.acquire_owned().await.unwrap().forget() }
        });
        Self { app: example::server::app(tick), steps }
    }

    async fn ask(&self, method: Method, headers: &[(&str, &str)], body: impl ToString) -> Response {
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap()
    }

    async fn initialize(&self, version: &str) -> Session<'_> {
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": {} });
        let response = self.ask(Method::POST, &[("accept", BOTH)], request("initialize", params)).await;
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        assert_eq!(json_of(response).await["result"]["protocolVersion"], version);
        Session { server: self, id }
    }

    async fn ask_modern(
        &self,
        method: &str,
        params: Value,
        change: impl FnOnce(&mut Value, &mut HeaderMap),
    ) -> Response {
        let mut body = request(method, params);
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let mut headers = HeaderMap::new();
        for (name, value) in [("accept", BOTH), ("mcp-protocol-version", MODERN), ("mcp-method", method)] {
            headers.insert(name, value.parse().unwrap());
        }
        if let Some(name) = body["params"]["name"].as_str() {
            headers.insert("mcp-name", name.parse().unwrap());
        }
        change(&mut body, &mut headers);
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        self.ask(Method::POST, &headers, body).await
    }

    /// Whether a call waits for a step: besides this test and the app it holds the steps, too.
    fn has_a_call(&self) -> bool {
        Arc::strong_count(&self.steps) > 2
    }

    async fn until_a_call_waits(&self) {
        within("a call waits", yield_while(|| !self.has_a_call())).await;
    }

    async fn until_no_call_waits(&self) {
        within("the call is dropped", yield_while(|| self.has_a_call())).await;
    }
}

struct Session<'s> {
    server: &'s Server,
    id: String,
}

impl Session<'_> {
    async fn post(&self, body: Value) -> Response {
        self.server.ask(Method::POST, &[("accept", BOTH), ("mcp-session-id", &self.id)], body).await
    }

    async fn call(&self, arguments: Value) -> Stream {
        let response = self.post(request("tools/call", call(arguments))).await;
        Stream::of(response)
    }

    async fn get(&self, last_event_id: &str) -> Response {
        let accept = ("accept", "text/event-stream");
        let headers = [accept, ("mcp-session-id", &*self.id), ("last-event-id", last_event_id)];
        self.server.ask(Method::GET, &headers[..], "").await
    }
}

struct Stream(Body);

impl Stream {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self(response.into_body())
    }

    /// Reads until `text` has come.
    async fn until(&mut self, text: &str) -> String {
        let mut wire = String::new();
        while !wire.contains(text) {
            wire += &self.chunk().await.unwrap_or_else(|| panic!("the end came before {text:?}: {wire:?}"));
        }
        wire
    }

    async fn rest(mut self) -> String {
        let mut wire = String::new();
        while let Some(chunk) = self.chunk().await {
            wire += &chunk;
        }
        wire
    }

    async fn chunk(&mut self) -> Option<String> {
        let frame = within("the next chunk", self.0.frame()).await?;
        Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    }
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(10), future).await {
        Ok(output) => output,
        Err(_) => panic!("took longer than 10 s: {what}"),
    }
}

async fn yield_while(condition: impl Fn() -> bool) {
    while condition() {
        tokio::task::yield_now().await;
    }
}

async fn json_of(response: Response) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

async fn error_code(response: Response) -> (u16, Value) {
    (response.status().as_u16(), json_of(response).await["error"]["code"].clone())
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

fn call(arguments: Value) -> Value {
    json!({ "name": "count", "arguments": arguments, "_meta": { "progressToken": "p" } })
}

/// The event of a step, and that of the result; `id` is the number of messages seen.
fn step(step: u32, to: u32) -> String {
    let params = json!({ "progressToken": "p", "progress": step, "total": to });
    let message = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
    // In the order of the fields of the type, which no client cares for.
    let (start, end) = (r#"{"jsonrpc":"2.0","method":"notifications/progress","params":"#, "}");
    let data = format!("{start}{params}{end}");
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), message);
    format!("id: 1-{step}\ndata: {data}\n\n")
}

fn result(to: u32) -> String {
    let text = format!("count counted to {to}");
    let result = json!({ "content": [{ "type": "text", "text": text }] });
    format!("id: 1-{}\ndata: {{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{result}}}\n\n", to + 1)
}

#[tokio::test]
async fn b05_a_call_is_a_stream_that_primes_its_client_then_tells_and_ends_with_the_response() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let mut stream = session.call(json!({ "to": 2 })).await;
    assert_eq!(stream.chunk().await.unwrap(), "id: 1-0\nretry: 200\ndata: \n\n");
    server.steps.add_permits(1);
    assert_eq!(stream.chunk().await.unwrap(), step(1, 2));
    server.steps.add_permits(1);
    assert_eq!(stream.rest().await, [step(2, 2), result(2)].concat());
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_then_what_comes() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let mut stream = session.call(json!({ "to": 4 })).await;
    server.steps.add_permits(1);
    stream.until(&step(1, 4)).await;
    drop(stream);
    // The call goes on: to lose a connection is not to cancel.
    server.steps.add_permits(1);
    let mut stream = Stream::of(session.get("1-1").await);
    let wire = stream.until(&step(2, 4)).await;
    assert_eq!(wire, ["id: 1-1\nretry: 200\ndata: \n\n", &step(2, 4)].concat());
    server.steps.add_permits(2);
    assert_eq!(stream.rest().await, [step(3, 4), step(4, 4), result(4)].concat());
    // Also when all is over, and from the start.
    let again = Stream::of(session.get("1-0").await).rest().await;
    let all = [step(1, 4), step(2, 4), step(3, 4), step(4, 4), result(4)].concat();
    assert_eq!(again, ["id: 1-0\nretry: 200\ndata: \n\n", &all].concat());
}

#[tokio::test]
async fn a_message_goes_to_the_connection_that_the_client_opened_last() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let mut dead = session.call(json!({ "to": 1 })).await;
    dead.chunk().await.unwrap();
    let mut stream = Stream::of(session.get("1-0").await);
    stream.chunk().await.unwrap();
    assert_eq!(dead.rest().await, "");
    server.steps.add_permits(1);
    assert_eq!(stream.rest().await, [step(1, 1), result(1)].concat());
}

#[tokio::test]
async fn the_server_may_hang_up_behind_an_event_and_goes_on() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let stream = session.call(json!({ "to": 3, "hangUpAfter": 2 })).await;
    server.steps.add_permits(3);
    let wire = stream.rest().await;
    assert_eq!(wire, ["id: 1-0\nretry: 200\ndata: \n\n", &step(1, 3), &step(2, 3)].concat());
    let rest = Stream::of(session.get("1-2").await).rest().await;
    assert!(rest.ends_with(&[step(3, 3), result(3)].concat()), "{rest}");
}

#[tokio::test]
async fn b05_clients_that_trip_over_empty_data_get_neither_that_nor_ids() {
    let server = Server::new();
    let session = server.initialize("2025-06-18").await;
    // Nor does the server hang up: they could not come back.
    let stream = session.call(json!({ "to": 1, "hangUpAfter": 1 })).await;
    server.steps.add_permits(1);
    let without_ids = [step(1, 1), result(1)].concat().replace("id: 1-1\n", "").replace("id: 1-2\n", "");
    assert_eq!(stream.rest().await, [":\n", &without_ids].concat());
}

#[tokio::test]
async fn b05_a_get_that_finds_no_stream_is_a_405_which_sends_clients_away() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let stream = session.call(json!({ "to": 1 })).await;
    server.steps.add_permits(1);
    stream.rest().await;
    // Behind the end, beyond it, of no stream, of no form.
    for id in ["1-2", "1-3", "2-0", "", "1", "x-y", "1-18446744073709551616"] {
        let response = session.get(id).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{id:?}");
        assert_eq!(response.headers()["allow"], "POST, DELETE");
    }
    // That of another session is none of its streams.
    let other = server.initialize(LEGACY).await;
    assert_eq!(other.get("1-0").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_session_that_is_ended_takes_its_calls_and_streams_with_it() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let mut stream = session.call(json!({ "to": 2 })).await;
    stream.chunk().await.unwrap();
    server.until_a_call_waits().await;
    let ended = server.ask(Method::DELETE, &[("mcp-session-id", &session.id)], "").await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(stream.rest().await, "");
    server.until_no_call_waits().await;
    assert_eq!(session.get("1-0").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(session.post(request("ping", json!({}))).await.status(), StatusCode::NOT_FOUND);
    let nameless = server.ask(Method::POST, &[("accept", BOTH)], request("ping", json!({}))).await;
    assert_eq!(nameless.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_notification_cancels_a_call_and_its_stream_ends_without_a_response() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let mut stream = session.call(json!({ "to": 2 })).await;
    stream.chunk().await.unwrap();
    server.until_a_call_waits().await;
    let cancelled = json!({ "requestId": 7 });
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled });
    let response = session.post(cancelled).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(stream.rest().await, "");
    server.until_no_call_waits().await;
}

#[tokio::test]
async fn pages_from_elsewhere_are_kept_out() {
    let server = Server::new();
    for (origin, status) in [
        ("http://localhost:3000", 406),
        ("http://127.0.0.1", 406),
        ("http://[::1]:80", 406),
        ("https://attacker.example", 403),
        ("http://localhost.attacker.example", 403),
        ("null", 403),
        ("", 403),
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            // What comes behind the check refuses them, too, for other reasons.
            let got = server.ask(method.clone(), &[("origin", origin)], "").await.status();
            assert_eq!(got == StatusCode::FORBIDDEN, status == 403, "{method} {origin}: {got}");
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_without_an_id() {
    let server = Server::new();
    for (body, code) in [
        ("", -32_700),
        ("{", -32_700),
        ("[]", -32_600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, -32_600),
    ] {
        let response = server.ask(Method::POST, &[("accept", BOTH)], body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let json = json_of(response).await;
        assert_eq!((&json["error"]["code"], json.get("id")), (&json!(code), None), "{body:?}");
    }
    let only_json = server.ask(Method::POST, &[("accept", "application/json")], "{}").await;
    assert_eq!(only_json.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_version_that_was_not_agreed_on_is_refused() {
    let server = Server::new();
    let session = server.initialize(LEGACY).await;
    let headers = [("accept", BOTH), ("mcp-session-id", &session.id), ("mcp-protocol-version", "2025-06-18")];
    let response = server.ask(Method::POST, &headers, request("ping", json!({}))).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_sessions_a_call_is_a_stream_without_ids_and_to_leave_it_is_to_cancel() {
    let server = Server::new();
    let response = server.ask_modern("tools/call", call(json!({ "to": 2 })), |_, _| {}).await;
    assert!(!response.headers().contains_key("mcp-session-id"));
    let mut stream = Stream::of(response);
    server.steps.add_permits(1);
    let told = step(1, 2).replace("id: 1-1\n", "");
    assert_eq!(stream.until(&told).await, [":\n", &told].concat());
    server.until_a_call_waits().await;
    drop(stream);
    server.until_no_call_waits().await;
}

#[tokio::test]
async fn without_sessions_results_say_that_they_are_complete() {
    let server = Server::new();
    let stream = Stream::of(server.ask_modern("tools/call", call(json!({ "to": 1 })), |_, _| {}).await);
    server.steps.add_permits(1);
    assert!(stream.rest().await.contains(r#""resultType":"complete""#));
    for method in ["server/discover", "tools/list"] {
        let json = json_of(server.ask_modern(method, json!({}), |_, _| {}).await).await;
        assert_eq!((&json["result"]["resultType"], &json["id"]), (&json!("complete"), &json!(7)));
    }
}

#[tokio::test]
async fn without_sessions_headers_have_to_say_what_the_body_says() {
    let server = Server::new();
    let version = "io.modelcontextprotocol/protocolVersion";
    let mismatch = (400, json!(-32_020));
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let call = || call(json!({ "to": 1 }));
        let missing =
            server.ask_modern("tools/call", call(), |_, headers| drop(headers.remove(header))).await;
        assert_eq!(error_code(missing).await, mismatch, "{header}");
        let other =
            |_: &mut Value, headers: &mut HeaderMap| drop(headers.insert(header, "x".parse().unwrap()));
        assert_eq!(
            error_code(server.ask_modern("tools/call", call(), other).await).await,
            mismatch,
            "{header}"
        );
    }
    let unknown = server.ask_modern("tools/list", json!({}), |body, _| {
        body["params"]["_meta"][version] = json!("1900-01-01")
    });
    let json = json_of(unknown.await).await;
    assert_eq!(json["error"]["code"], -32_022);
    assert_eq!(json["error"]["data"]["requested"], "1900-01-01");
    assert!(json["error"]["data"]["supported"].as_array().unwrap().contains(&json!(MODERN)));
    let method = server.ask_modern("tools/sum", json!({}), |_, _| {}).await;
    assert_eq!(error_code(method).await, (404, json!(-32_601)));
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    let without = |body: &mut Value, _: &mut HeaderMap| body["params"]["_meta"][capabilities] = Value::Null;
    assert_eq!(
        error_code(server.ask_modern("tools/list", json!({}), without).await).await,
        (400, json!(-32_602))
    );
}
