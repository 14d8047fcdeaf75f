//! Servers over HTTP/1.1 and HTTP/2: on a socket, or at the other end of a pipe in memory. Without TLS.

use crate::collect::{BoxError, Target};
use bytes::Bytes;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// How much a pipe in memory holds: as little as a socket with small buffers.
pub(crate) const PIPE: usize = 4 * 1024;

/// How much a stream of HTTP/2 may send ahead: the protocol's default, where hyper's client takes megabytes.
pub(crate) const WINDOW: u32 = 65_535;

#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    /// With prior knowledge: neither TLS nor an upgrade.
    Http2,
}

/// A running server as a [`Target`]: a connection of its own for each request.
///
/// TLS is out of scope: put what terminates it aside, or test behind it. Needs tokio with its I/O enabled, and the real
/// clock.
///
/// ```
/// use axum::{Router, routing::get};
/// use sse_axum::{Sender, Sse};
/// use sse_testkit::{collect::Collector, url::Url};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// let hello = || async { Sse::push(async |mut events: Sender| events.send("hello").await) };
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let base = format!("http://{}", listener.local_addr()?);
/// let app = Router::new().route("/hello", get(hello));
/// tokio::spawn(axum::serve(listener, app).into_future());
///
/// for server in [Url::http1(&base)?, Url::http2(&base)?] {
///     assert_eq!(Collector::get("/hello").collect(&server).await?.data(), ["hello"]);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Url {
    authority: Authority,
    protocol: Protocol,
}

impl Url {
    /// Names a server that is spoken to in HTTP/1.1, by scheme, host and port: `http://127.0.0.1:3000`.
    ///
    /// # Errors
    ///
    /// When it is not of that form, or its scheme is not `http`. A path belongs to the request: anything but `/` is
    /// refused, and so are a query, a user and a password.
    pub fn http1(base: &str) -> Result<Self, InvalidUrl> {
        Self::new(base, Protocol::Http1)
    }

    /// Names a server that is spoken to in HTTP/2 with prior knowledge.
    ///
    /// # Errors
    ///
    /// As [`http1`](Self::http1).
    pub fn http2(base: &str) -> Result<Self, InvalidUrl> {
        Self::new(base, Protocol::Http2)
    }

    fn new(base: &str, protocol: Protocol) -> Result<Self, InvalidUrl> {
        let parts = base.parse::<Uri>().map(Uri::into_parts).unwrap_or_default();
        let is_bare = parts.path_and_query.is_none_or(|path| path == "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority))
                if scheme == Scheme::HTTP && is_bare && !authority.as_str().contains('@') =>
            {
                Ok(Self { authority, protocol })
            }
            _ => Err(InvalidUrl(base.to_owned())),
        }
    }
}

impl Target for Url {
    type Body = Connected;

    const OVER_HTTP: bool = true;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Connected>, BoxError> {
        let port = self.authority.port_u16().unwrap_or(80);
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        send(stream, self.protocol, &self.authority, request).await
    }
}

/// A server at the other end of a pipe in memory as a [`Target`]: real HTTP, on virtual time if the clock is paused.
///
/// For servers that take no request but one from a connection, hyper's own services among them. The function gets
/// the server's end of each connection and serves it in a task of its own.
///
/// ```
/// use core::convert::Infallible;
/// use core::time::Duration;
/// use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
/// use hyper_util::rt::TokioIo;
/// use sse_hyper::Sse;
/// use sse_testkit::{collect::Collector, url::Pipe};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// let server = Pipe::http1(|io| {
///     let service = service_fn(async |request: Request<Incoming>| {
///         Ok::<_, Infallible>(Sse::new(tokio_stream::pending::<String>()).respond_to(&request))
///     });
///     tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(io), service));
/// });
/// let minute = Collector::get("/").with_deadline(Duration::from_secs(61)).collect(&server).await?;
/// assert_eq!(minute.heartbeats(), 4);
/// # Ok(())
/// # }
/// ```
pub struct Pipe<F> {
    serve: F,
    protocol: Protocol,
}

impl<F: Fn(DuplexStream)> Pipe<F> {
    /// Speaks HTTP/1.1.
    pub fn http1(serve: F) -> Self {
        Self { serve, protocol: Protocol::Http1 }
    }

    /// Speaks HTTP/2 with prior knowledge.
    pub fn http2(serve: F) -> Self {
        Self { serve, protocol: Protocol::Http2 }
    }
}

impl<F: Fn(DuplexStream)> Target for Pipe<F> {
    type Body = Connected;

    const OVER_HTTP: bool = true;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Connected>, BoxError> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        (self.serve)(theirs);
        send(ours, self.protocol, &Authority::from_static("kit.test"), request).await
    }
}

async fn send<I>(
    io: I,
    protocol: Protocol,
    authority: &Authority,
    mut request: Request<Bytes>,
) -> Result<Response<Connected>, BoxError>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(io);
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    match protocol {
        Protocol::Http1 => {
            *request.uri_mut() = path.into();
            request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
            let (mut sender, connection) = http1::handshake(io).await?;
            let connection = Connection::spawn(async { drop(connection.await) });
            let response = sender.send_request(request.map(Full::new)).await?;
            Ok(response.map(|body| Connected { body, _connection: connection }))
        }
        Protocol::Http2 => {
            let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority.as_str()).path_and_query(path);
            *request.uri_mut() = uri.build()?;
            let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(WINDOW)
                .handshake(io)
                .await?;
            let connection = Connection::spawn(async { drop(connection.await) });
            let response = sender.send_request(request.map(Full::new)).await?;
            Ok(response.map(|body| Connected { body, _connection: connection }))
        }
    }
}

/// A task that ends when nobody reads any more.
#[derive(Debug)]
struct Connection(AbortHandle);

impl Connection {
    fn spawn(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(connection).abort_handle())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of a response, with the connection it comes over: both are gone when it is dropped.
// tidy: no example: nothing but a body, which a collector reads.
#[derive(Debug)]
pub struct Connected {
    body: Incoming,
    _connection: Connection,
}

impl Body for Connected {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

/// A base that is not `http://`, host and port, and nothing behind them.
///
/// ```
/// use sse_testkit::url::Url;
///
/// let error = Url::http1("https://example.org").unwrap_err();
/// assert_eq!(error.to_string(), "not an address of the form http://host:port: \"https://example.org\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUrl(String);

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an address of the form http://host:port: {:?}", self.0)
    }
}

impl core::error::Error for InvalidUrl {}

impl<F> fmt::Debug for Pipe<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
