//! A server at the other end of a pipe, and a client whose signals can be waited for one by one.

use ::http::{Request, Response, Uri};
use bytes::Bytes;
use core::fmt::Debug;
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection as HyperConnection};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_hyper::Timer;
use sse_hyper::client::{Closed, Config, Disconnected, EventSource, Signal};
use sse_hyper::sse_core::{OwnedItem, OwnedMessageEvent};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

pub(crate) const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// Makes a pipe for each connection, and hands its other end to the server.
#[derive(Clone)]
pub(crate) struct Pipes {
    accepted: mpsc::UnboundedSender<(Uri, DuplexStream)>,
    refusals: Arc<AtomicU32>,
}

impl tower::Service<Uri> for Pipes {
    type Response = Pipe;
    type Error = io::Error;
    type Future = core::future::Ready<io::Result<Pipe>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let is_refused = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let (here, there) = duplex(64 * 1024);
        let is_sent = is_refused.is_err() && self.accepted.send((uri, there)).is_ok();
        let pipe = is_sent.then(|| Pipe(TokioIo::new(here)));
        core::future::ready(pipe.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()))
    }
}

pub(crate) struct Pipe(TokioIo<DuplexStream>);

impl HyperConnection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Where the connections of a client arrive.
pub(crate) struct Server {
    accepted: mpsc::UnboundedReceiver<(Uri, DuplexStream)>,
    refusals: Arc<AtomicU32>,
}

pub(crate) fn server() -> (Server, Client<Pipes, Full<Bytes>>) {
    server_for(&Client::builder(TokioExecutor::new()))
}

pub(crate) fn server_for(builder: &Builder) -> (Server, Client<Pipes, Full<Bytes>>) {
    let (sender, accepted) = mpsc::unbounded_channel();
    let refusals = Arc::<AtomicU32>::default();
    let pipes = Pipes { accepted: sender, refusals: Arc::clone(&refusals) };
    (Server { accepted, refusals }, builder.build(pipes))
}

impl Server {
    /// Refuses that many connections.
    pub(crate) fn refuse(&self, connections: u32) {
        self.refusals.store(connections, Ordering::SeqCst);
    }

    pub(crate) fn refusals_left(&self) -> u32 {
        self.refusals.load(Ordering::SeqCst)
    }

    pub(crate) async fn accept_pipe(&mut self) -> (Uri, DuplexStream) {
        self.accepted.recv().await.unwrap()
    }

    /// Waits for the next request.
    pub(crate) async fn accept(&mut self) -> Connection {
        let (uri, mut io) = self.accept_pipe().await;
        let at = Instant::now();
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(io.read_buf(&mut read).await.unwrap(), 0, "a whole head");
        };
        let mut body = read.split_off(end);
        let head = String::from_utf8(read).unwrap();
        let mut connection = Connection { origin: uri, head, body: String::new(), at, io };
        let length = connection.header("content-length").map_or(0, |length| length.parse().unwrap());
        while body.len() < length {
            connection.io.read_buf(&mut body).await.unwrap();
        }
        connection.body = String::from_utf8(body).unwrap();
        connection
    }

    /// Waits for the next request, and answers it with a stream.
    pub(crate) async fn accept_stream(&mut self) -> Connection {
        let mut connection = self.accept().await;
        connection.send(STREAM).await;
        connection
    }

    /// Says that no further request came within a day.
    pub(crate) async fn is_left_alone(&mut self) -> bool {
        timeout(Duration::from_secs(86_400), self.accepted.recv()).await.ok().flatten().is_none()
    }
}

/// One request and what is answered.
pub(crate) struct Connection {
    pub(crate) origin: Uri,
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
    io: DuplexStream,
}

impl Connection {
    pub(crate) fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The value of a header; asserts that there are not two.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values =
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there once");
        value
    }

    pub(crate) fn last_event_id(&self) -> Option<String> {
        self.header("last-event-id")
    }

    /// Sends bytes and waits until the client has them: they are one chunk.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }

    /// Sends an answer that is no stream, and closes.
    pub(crate) async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = if status.starts_with("204") {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        self.send(format!("HTTP/1.1 {status}\r\n{headers}{length}connection: close\r\n\r\n{body}")).await;
    }

    /// Ends the response, which has no other mark of its end.
    pub(crate) fn end(self) {}

    /// Waits until the client has closed the connection.
    pub(crate) async fn closed(mut self) {
        let mut rest = Vec::new();
        self.io.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    }
}

pub(crate) fn get() -> Request<Full<Bytes>> {
    Request::get("http://pipe/events?a=1").body(Full::default()).unwrap()
}

/// A client that runs, and what it tells, with the time.
pub(crate) struct Following {
    signals: mpsc::UnboundedReceiver<(Instant, Signal)>,
    task: JoinHandle<()>,
}

/// Runs a client, with delays that are exact.
pub(crate) fn follow(http: Client<Pipes, Full<Bytes>>) -> Following {
    run(EventSource::new(http, get()).with_config(exact()))
}

/// Policies without jitter.
pub(crate) fn exact() -> Config {
    Config::new().with_jitter_percent(0)
}

pub(crate) fn run<T: Timer + Send + 'static>(mut source: EventSource<Pipes, Full<Bytes>, T>) -> Following {
    let (sender, signals) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Some(signal) = source.next().await {
            sender.send((Instant::now(), signal)).unwrap();
        }
        for _ in 0..3 {
            assert!(source.next().await.is_none(), "polled again after the end");
        }
    });
    Following { signals, task }
}

impl Following {
    /// Drops the client.
    pub(crate) async fn leave(self) {
        self.task.abort();
        drop(self.task.await);
    }

    pub(crate) async fn signal(&mut self) -> (Instant, Signal) {
        self.signals.recv().await.unwrap()
    }

    pub(crate) async fn opened(&mut self) -> Response<()> {
        match self.signal().await.1 {
            Signal::Open(response) => response,
            other => unexpected(other),
        }
    }

    pub(crate) async fn item(&mut self) -> OwnedItem {
        match self.signal().await.1 {
            Signal::Item(item) => item,
            other => unexpected(other),
        }
    }

    pub(crate) async fn event(&mut self) -> OwnedMessageEvent {
        match self.item().await {
            OwnedItem::Event(event) => event,
            other => unexpected(other),
        }
    }

    pub(crate) async fn disconnected(&mut self) -> Disconnected {
        match self.signal().await.1 {
            Signal::Disconnected(disconnected) => disconnected,
            other => unexpected(other),
        }
    }

    /// Waits for the end, behind which there is nothing.
    pub(crate) async fn closed(mut self) -> Closed {
        let Signal::Closed(closed) = self.signal().await.1 else { panic!("not the end") };
        assert!(self.signals.recv().await.is_none());
        self.task.await.unwrap();
        closed
    }
}

/// Tokio's timer, with a clock that lags behind: it stands still.
pub(crate) struct Stopped(std::time::Instant);

impl Stopped {
    pub(crate) fn now() -> Self {
        Self(Instant::now().into_std())
    }
}

impl hyper::rt::Timer for Stopped {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        hyper_util::rt::TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.0))
    }

    fn now(&self) -> std::time::Instant {
        self.0
    }
}

fn unexpected(what: impl Debug) -> ! {
    panic!("{what:?} was not expected")
}
