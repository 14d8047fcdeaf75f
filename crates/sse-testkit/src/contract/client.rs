use super::{Adapter, App};
use crate::url::{PIPE, WINDOW};
use bytes::Bytes;
use core::future::Future;
use core::time::Duration;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, timeout_at};

/// A client with one connection to an adapter.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    connection: AbortHandle,
    server: AbortHandle,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    /// Connects to an adapter that serves `app`.
    ///
    /// # Panics
    ///
    /// When the handshake fails.
    pub async fn connect<A: Adapter>(app: App) -> Self {
        Self::over(A::IS_HTTP2, |io| A::serve(io, app)).await
    }

    /// Connects to whatever serves the other end of a pipe.
    pub(super) async fn over<S: Future<Output = ()> + 'static>(
        is_http2: bool,
        serve: impl FnOnce(DuplexStream) -> S,
    ) -> Self {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let server = spawn_local(serve(theirs)).abort_handle();
        let io = TokioIo::new(ours);
        let (sender, connection) = if is_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(WINDOW)
                .handshake(io)
                .await
                .expect("an HTTP/2 handshake");
            (Sender::Http2(sender), spawn_local(async { drop(connection.await) }))
        } else {
            let (sender, connection) = http1::handshake(io).await.expect("an HTTP/1 handshake");
            (Sender::Http1(sender), spawn_local(async { drop(connection.await) }))
        };
        Self { sender, connection: connection.abort_handle(), server }
    }

    /// Sends a request without a body.
    ///
    /// # Panics
    ///
    /// When there is no response.
    pub async fn request(&mut self, request: http::request::Builder) -> Response<Incoming> {
        let mut request: Request<Empty<Bytes>> =
            request.body(Empty::new()).expect("a request that can be built");
        if matches!(self.sender, Sender::Http1(_)) {
            // As a client on a connection of its own writes it.
            let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
            *request.uri_mut() = path.parse().expect("a path");
            request.headers_mut().insert(HOST, HeaderValue::from_static("contract.test"));
        }
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.expect("an open connection");
                sender.send_request(request).await
            }
            Sender::Http2(sender) => sender.send_request(request).await,
        }
        .expect("a response")
    }

    /// Gets the stream and records it for so long.
    pub async fn record(&mut self, millis: u64) -> Recording {
        let start = Instant::now();
        let response = self.request(get()).await;
        Recording::of(response, start, millis).await
    }

    /// Leaves without a word: the connection is gone.
    pub fn leave(self) {
        drop(self);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
        // A server that serves on is left alone: scenarios watch what it does. It ends with the runtime.
        let _ = &self.server;
    }
}

/// A GET that every adapter routes.
#[must_use]
pub fn get() -> http::request::Builder {
    Request::get("http://contract.test/events")
}

/// What a client received, and when.
#[derive(Debug)]
pub struct Recording {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Milliseconds since the request, and everything that came then.
    pub chunks: Vec<(u64, String)>,
    /// Milliseconds until the body ended, if it did.
    pub ended_at: Option<u64>,
}

impl Recording {
    /// Records a response until it ends or the time since `start` is over.
    ///
    /// # Panics
    ///
    /// When the body breaks off, or is not UTF-8.
    pub async fn of(response: Response<Incoming>, start: Instant, millis: u64) -> Self {
        let (head, mut body) = response.into_parts();
        let mut recording =
            Self { status: head.status, headers: head.headers, chunks: Vec::new(), ended_at: None };
        let end = start + Duration::from_millis(millis);
        let since = |start: Instant| u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        while let Ok(frame) = timeout_at(end, body.frame()).await {
            let at = since(start);
            let Some(frame) = frame else {
                recording.ended_at = Some(at);
                break;
            };
            let Ok(data) = frame.expect("a body that does not break off").into_data() else { continue };
            let text = core::str::from_utf8(&data).expect("UTF-8");
            match recording.chunks.last_mut() {
                Some((last, chunk)) if *last == at => chunk.push_str(text),
                _ => recording.chunks.push((at, text.to_owned())),
            }
        }
        recording
    }

    /// Asserts what came when.
    ///
    /// # Panics
    ///
    /// When anything else did.
    pub fn expect(&self, chunks: &[(u64, &str)], ended_at: Option<u64>) {
        let received: Vec<(u64, &str)> = self.chunks.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(received, chunks);
        assert_eq!(self.ended_at, ended_at);
    }

    /// Returns everything that came.
    #[must_use]
    pub fn text(&self) -> String {
        self.chunks.iter().map(|(_, text)| text.as_str()).collect()
    }
}
