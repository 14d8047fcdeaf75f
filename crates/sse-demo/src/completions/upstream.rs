//! The model's server: a real one on a port of its own, whose answers are scripted, and whose wire is as awkward as allowed.
//!
//! Every byte is a chunk of its own, lines end with CRLF, comments stand before and between events, the space behind the
//! colon comes and goes, JSON is spread over several `data` lines.

use crate::tokens;
use alloc::sync::Arc;
use bytes::Bytes;
use core::convert::Infallible;
use core::future::Future;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use http_body_util::{BodyExt, Collected, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

/// How long the script thinks when a prompt tells it to, which is longer than a heartbeat takes.
const THINKING: Duration = Duration::from_millis(2_500);
const PACE: Duration = Duration::from_millis(2);

/// What goes into a response, or why it breaks.
type Wire = io::Result<Frame<Bytes>>;

/// A server that runs as long as its runtime.
#[derive(Clone, Debug)]
pub struct Upstream {
    address: SocketAddr,
    running: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts a server on a free port; `handler` answers each request.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start<F, Fut>(handler: F) -> io::Result<Self>
    where
        F: Fn(Asked) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let upstream = Self { address: listener.local_addr()?, running: Arc::default() };
        let running = Arc::clone(&upstream.running);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, handler.clone(), Arc::clone(&running)));
            }
        });
        Ok(upstream)
    }

    /// Where its chat completions are.
    #[must_use]
    pub fn uri(&self) -> Uri {
        let authority = self.address.to_string();
        let parts = Uri::builder().scheme("http").authority(authority).path_and_query("/v1/chat/completions");
        parts.build().unwrap_or_default()
    }

    /// How many requests are being answered now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }
}

/// The script: what the prompt says decides what becomes of its answer, which is that of [`tokens::answer`].
///
/// `[slow]` thinks before it sends so much as a head, `[fail]` breaks off half-way, `[error]` reports an error half-way,
/// `[refuse]` is a 429, and `[forever]` goes on until the client leaves.
pub async fn script(mut asked: Asked) {
    let prompt = asked.prompt();
    let told = |word: &str| prompt.contains(word);
    if told("[refuse]") {
        return asked.refuse(StatusCode::TOO_MANY_REQUESTS);
    }
    if told("[slow]") {
        tokio::select! {
            () = sleep(THINKING) => {}
            () = asked.left() => return,
        }
    }
    asked.accept();
    let tokens = tokens::answer(&prompt);
    let count = tokens.len();
    for (number, token) in tokens.iter().enumerate() {
        if number == count / 2 {
            if told("[fail]") {
                return asked.break_off().await;
            }
            if told("[error]") {
                let _left =
                    asked.send_json(&json!({ "error": { "message": "out of memory on gpu-7" } })).await;
                return;
            }
        }
        if !asked.send_token(token).await {
            return;
        }
        sleep(PACE).await;
    }
    while told("[forever]") && asked.send_token(" on").await {
        sleep(PACE).await;
    }
    asked.finish().await;
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    request: Value,
    head: Option<oneshot::Sender<StatusCode>>,
    wire: mpsc::Sender<Wire>,
    events: usize,
    _running: Running,
}

impl Asked {
    /// The request's JSON.
    #[must_use]
    pub fn request(&self) -> &Value {
        &self.request
    }

    /// The text of the last message.
    #[must_use]
    pub fn prompt(&self) -> String {
        let content =
            self.request["messages"].as_array().and_then(|messages| messages.last()?.get("content"));
        match content {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            _ => String::new(),
        }
    }

    /// Sends the head of a stream.
    pub fn accept(&mut self) {
        self.answer(StatusCode::OK);
    }

    /// Answers with a status, and no stream.
    pub fn refuse(mut self, status: StatusCode) {
        self.answer(status);
    }

    /// Sends a token as a chunk; says whether the client is still there.
    pub async fn send_token(&mut self, token: &str) -> bool {
        let role = if self.events == 0 { json!("assistant") } else { Value::Null };
        self.send_chunk(&json!({ "role": role, "content": token }), &Value::Null).await
    }

    /// Sends the last chunk and `[DONE]`.
    pub async fn finish(mut self) {
        if self.send_chunk(&json!({}), &json!("stop")).await {
            self.send_wire("data: [DONE]\r\n\r\n").await;
        }
    }

    /// Breaks the connection off in the middle of an event.
    pub async fn break_off(self) {
        self.send_wire("data: {\"id\":").await;
        let _left = self.wire.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
    }

    /// Sends JSON as an event, awkwardly; says whether the client is still there.
    pub async fn send_json(&mut self, json: &Value) -> bool {
        self.events += 1;
        let event = match self.events % 4 {
            0 => format!("data:{json}\r\n\r\n"),
            1 => format!(": thinking\r\ndata: {json}\r\n\r\n"),
            2 => format!("event: message\r\ndata: {json}\r\n\r\n: kept alive\r\n\r\n"),
            // JSON may have line breaks, which the format spreads over lines of its own.
            _ => format!("data: {}\r\n\r\n", format!("{json:#}").replace('\n', "\r\ndata: ")),
        };
        self.send_wire(&event).await
    }

    /// Sends each byte as a chunk of its own; says whether the client is still there.
    pub async fn send_wire(&self, wire: &str) -> bool {
        let bytes = Bytes::copy_from_slice(wire.as_bytes());
        for at in 0..bytes.len() {
            if self.wire.send(Ok(Frame::data(bytes.slice(at..=at)))).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Waits until the client has left.
    pub async fn left(&self) {
        self.wire.closed().await;
    }

    async fn send_chunk(&mut self, delta: &Value, finish_reason: &Value) -> bool {
        let model = &self.request["model"];
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model,
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason }],
        });
        self.send_json(&chunk).await
    }

    fn answer(&mut self, status: StatusCode) {
        // One that left does not mind.
        let _left = self.head.take().map(|head| head.send(status));
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve<F, Fut>(stream: TcpStream, handler: F, running: Arc<AtomicUsize>)
where
    F: Fn(Asked) -> Fut + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let _result = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let running = Running::new(Arc::clone(&running));
        respond(request, |asked| drop(tokio::spawn(handler(asked))), running)
    });
    // A connection that ends with an error is one whose client left.
    let _left = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// As long as this, and then the body, lives, the client is there.
async fn respond(
    request: Request<Incoming>,
    handle: impl FnOnce(Asked),
    running: Running,
) -> Result<Response<StreamBody<ReceiverStream<Wire>>>, Infallible> {
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let request = serde_json::from_slice(&body).unwrap_or_default();
    let (head, decided) = oneshot::channel();
    let (wire, chunks) = mpsc::channel(1);
    handle(Asked { request, head: Some(head), wire, events: 0, _running: running });
    let status = decided.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(StreamBody::new(ReceiverStream::new(chunks)));
    *response.status_mut() = status;
    if status == StatusCode::OK {
        let media_type = HeaderValue::from_static("text/event-stream; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    Ok(response)
}
