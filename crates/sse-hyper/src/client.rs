//! A client that reconnects: the standard's
//! [`EventSource`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface), on any
//! [`hyper_util::client::legacy::Client`], and so on any connector for TLS.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Empty;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use sse_hyper::client::{EventSource, Signal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), http::Error> {
//! let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
//! let request = Request::get("http://localhost:3000/events").body(Empty::new())?;
//! let mut source = EventSource::new(http, request);
//! while let Some(signal) = source.next().await {
//!     match signal {
//!         Signal::Closed(end) => println!("{end}"),
//!         signal => println!("{:?}", signal.into_event()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! When to connect, what a response means, how long to wait: [`sse_core::client`](sse_driver::sse_core::client) decides
//! that, and its [`Config`] has the policies. What is here speaks HTTP:
//!
//! - **Requests** are copies of a template, with `accept: text/event-stream` and `cache-control: no-store` unless they have
//!   their own, and `last-event-id` when there is one. A body is sent again with each. An id of more than 4 KiB, or with
//!   control characters, is left out: servers refuse such requests. Blanks at its ends are left out, too.
//! - **Attempts** have no limit by default: a server that is never there and a scheme that the connector does not speak,
//!   such as `https` without TLS, are tried for ever. Look at [`Disconnected::error`], or set
//!   [`Config::with_max_attempts`].
//! - **Redirects** (301, 302, 303, 307, 308) are [followed](https://fetch.spec.whatwg.org/#http-redirect-fetch), 20 at most;
//!   each reconnection begins at the template's URI. To another origin go no `authorization`, `cookie`,
//!   `proxy-authorization`, and no header whose value [is sensitive](http::HeaderValue::is_sensitive).
//! - **Connections** of HTTP/2 carry many streams, and one that died looks alive for long: behind a time-out, a response that
//!   broke off and a restart none of its requests goes onto that connection any more. Dead ones are found sooner with
//!   `http2_keep_alive_interval` of hyper-util's builder, which needs its
//!   [`timer`](hyper_util::client::legacy::Builder::timer), too. What
//!   [`capture_connection`](hyper_util::client::legacy::connect::capture_connection) left in a template is replaced.
//! - **Refusals** are told with their head and the beginning of their body: [`Closed::response`].
//!
//! A request that must not be sent twice needs [`Config::without_reconnection`].
//!
//! The [`Config`] of this module is that of clients; [`sse_hyper::Config`](crate::Config) is that of responses.

mod attempt;
mod redirect;
mod refused;
mod route;
mod signal;

pub use signal::{ClientError, Closed, Disconnected, RedirectError, Signal};
pub use sse_driver::sse_core::client::{Cause, Config, EndReason, Interruption, ReadyState, is_transient};
pub use sse_driver::sse_core::{Discarded, OwnedCommentLine, OwnedItem, OwnedMessageEvent};

use crate::HyperTimer;
use bytes::{Buf, Bytes};
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_core::Stream;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use refused::Refused;
use route::Route;
use sse_driver::sse_core::client::{Attempt, Client as Machine, Output};
use sse_driver::sse_core::{BoxError, Instant, Item};
use sse_driver::{Alarm, Timer, TokioTimer, random_seed};
use std::sync::Arc;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Hook<B> = Box<dyn FnMut(Request<B>) -> BoxFuture<Result<Request<B>, BoxError>> + Send>;

/// A stream of events that reconnects, until it is closed.
///
/// A [`Stream`] of [`Signal`]s, of which [`Signal::Closed`] is the last. Nothing happens before it is polled; dropping it
/// closes its connection. Runs on tokio's timer unless [`EventSource::with_timer`] brings another.
///
/// While it is not polled nothing is read, so that a slow reader holds the server up. Time-outs do not run against a reader
/// that is away: what lies in the socket when it comes back is read first, and a connection that was being made has the
/// whole connect time-out again. A reader that hardly ever stays so long never gives up an attempt.
///
/// ```
/// use bytes::Bytes;
/// use core::time::Duration;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use sse_hyper::client::{Config, EventSource, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), http::Error> {
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let question = Request::post("http://127.0.0.1:1/answers").body(Full::<Bytes>::from("{\"n\":1}"))?;
/// let mut source = EventSource::new(http, question)
///     .with_config(Config::new().without_reconnection().with_idle_timeout(Duration::from_secs(60)));
/// let Some(Signal::Closed(end)) = source.next().await else { panic!("nobody listens there") };
/// assert_eq!(end.to_string(), "there was no response, and no further attempt is allowed");
/// assert!(source.next().await.is_none());
/// # Ok(())
/// # }
/// ```
#[must_use = "an event source does nothing unless it is polled"]
pub struct EventSource<C, B, T = TokioTimer> {
    client: Client<C, B>,
    template: Request<B>,
    hook: Option<Hook<B>>,
    redirect_limit: u8,
    machine: Machine,
    alarm: Alarm<T>,
    transport: Transport,
    overdue: Overdue,
    route: Route,
    /// To be told with what the machine says next.
    head: Option<Response<()>>,
    error: Option<ClientError>,
    refused: Option<Refused>,
    is_over: bool,
}

/// A deadline that has come, and nothing to read: whoever reads the socket has a turn before the connection is given up,
/// since it may have been held up together with the reader.
enum Overdue {
    No,
    /// An alarm that rings tells that the runtime had its turn.
    Until {
        of: Instant,
        turn: Instant,
    },
    /// Look once more.
    Over {
        of: Instant,
    },
}

const TURN: Duration = Duration::from_millis(10);

/// By how much a reader is late that was away, not just busy.
const ABSENCE: Duration = Duration::from_millis(100);

enum Transport {
    None,
    Connecting(BoxFuture<Result<Response<Incoming>, ClientError>>),
    Open { body: Incoming, chunk: Bytes },
}

impl<C, B> EventSource<C, B> {
    /// Makes a client that sends this request, and again whenever its connection is lost.
    ///
    /// The template's URI must be absolute, and without a user name. A `last-event-id` of its own counts for nothing: see
    /// [`EventSource::with_last_event_id`].
    pub fn new(client: Client<C, B>, template: Request<B>) -> Self {
        Self {
            client,
            template,
            hook: None,
            redirect_limit: 20,
            machine: Machine::start(Config::new()).with_seed(random_seed()),
            alarm: Alarm::new(TokioTimer::default()),
            transport: Transport::None,
            overdue: Overdue::No,
            route: Route::default(),
            head: None,
            error: None,
            refused: None,
            is_over: false,
        }
    }
}

impl<C, B, T> EventSource<C, B, T> {
    /// Sets the policies: time-outs, back-off, attempts. To be called before the first poll, which it would undo.
    ///
    /// An `Arc` is shared between clients.
    pub fn with_config(mut self, config: impl Into<Arc<Config>>) -> Self {
        let machine = Machine::start(config).with_seed(random_seed());
        self.machine = machine.with_last_event_id(self.machine.last_event_id());
        self
    }

    /// Sets the id to begin with, as [`EventSource::last_event_id`] gave it to an earlier client. To be called before the
    /// first poll.
    pub fn with_last_event_id(mut self, id: &str) -> Self {
        self.machine = self.machine.with_last_event_id(id);
        self
    }

    /// Sets how many redirects in a row are followed: 20 by default, as in
    /// [fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch).
    pub fn with_redirect_limit(mut self, limit: u8) -> Self {
        self.redirect_limit = limit;
        self
    }

    /// Runs on the timer of another runtime.
    pub fn with_timer(
        self,
        timer: impl hyper::rt::Timer + Send + Sync + 'static,
    ) -> EventSource<C, B, HyperTimer> {
        let Self {
            client,
            template,
            hook,
            redirect_limit,
            machine,
            transport,
            overdue,
            route,
            head,
            error,
            refused,
            is_over,
            ..
        } = self;
        let alarm = Alarm::new(HyperTimer::new(timer));
        EventSource {
            client,
            template,
            hook,
            redirect_limit,
            machine,
            alarm,
            transport,
            overdue,
            route,
            head,
            error,
            refused,
            is_over,
        }
    }

    /// Sets what may change each request before it is sent, such as for a token that expires.
    ///
    /// Is given a copy of the template. An error counts as a failed attempt. The connect time-out runs meanwhile.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{HeaderValue, Request};
    /// use http_body_util::Empty;
    /// use hyper_util::client::legacy::Client;
    /// use hyper_util::rt::TokioExecutor;
    /// use sse_hyper::client::EventSource;
    ///
    /// async fn fresh_token() -> Result<HeaderValue, std::io::Error> {
    ///     Ok(HeaderValue::from_static("Bearer 1"))
    /// }
    ///
    /// let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    /// let request = Request::get("http://localhost:3000/events").body(Empty::new())?;
    /// let source = EventSource::new(http, request).with_request_hook(async |mut request| {
    ///     request.headers_mut().insert("authorization", fresh_token().await?);
    ///     Ok::<_, std::io::Error>(request)
    /// });
    /// # let _ = source;
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn with_request_hook<F, Fut, E>(mut self, mut hook: F) -> Self
    where
        F: FnMut(Request<B>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Request<B>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.hook = Some(Box::new(move |request| {
            let changed = hook(request);
            Box::pin(async { changed.await.map_err(Into::into) })
        }));
        self
    }

    /// Ends the client and its connection; [`Signal::Closed`] follows.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body_util::Empty;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// use http::Request;
    /// use sse_hyper::client::{EndReason, EventSource, Signal};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), http::Error> {
    /// # let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    /// let mut source = EventSource::new(http, Request::get("http://localhost/").body(Empty::new())?);
    /// source.close();
    /// assert!(matches!(source.next().await, Some(Signal::Closed(end)) if end.reason == EndReason::Closed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&mut self) {
        self.machine.close();
        self.transport = Transport::None;
        self.refused = None;
    }

    /// Returns the id of the last event, empty when there is none; to be kept for a client to come.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    /// Returns the [state](https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource-readystate) as
    /// scripts would see it.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.machine.ready_state()
    }
}

impl<C, B, T> EventSource<C, B, T>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Clone + Default + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    T: Timer,
{
    /// Waits for the next signal; `None` after [`Signal::Closed`]. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Option<Signal> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Drops the connection, made or being made, and makes another after the reconnection time. A client that waits for
    /// longer, after failures or a `Retry-After`, waits for that only, counted from its loss: for a network that is back.
    pub fn restart(&mut self) {
        let now = self.alarm.now();
        // What came of it is told; the rest is not waited for.
        if let Some(refused) = &mut self.refused {
            refused.deadline = now;
        }
        self.machine.restart(now);
    }

    fn connect(&mut self, attempt: Attempt) {
        let (client, limit) = (self.client.clone(), self.redirect_limit);
        self.route = Route::default();
        let route = self.route.clone();
        let template = self.template.clone();
        let changed = match &mut self.hook {
            Some(hook) => hook(template),
            None => Box::pin(core::future::ready(Ok(template))),
        };
        self.error = None;
        self.transport = Transport::Connecting(Box::pin(async move {
            let mut request = changed.await.map_err(ClientError::Hook)?;
            attempt::set_headers(&mut request, &attempt);
            attempt::fetch(client, request, limit, &route).await
        }));
    }

    fn disconnect(&mut self, cause: Cause) {
        self.transport = Transport::None;
        let is_suspect = matches!(
            cause,
            Cause::ConnectTimedOut | Cause::IdleTimedOut | Cause::TransportFailed | Cause::Restarted
        );
        if is_suspect {
            self.route.abandon();
        }
    }

    /// Is ready when the machine was told something, or an item came.
    fn poll_transport(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        match &mut self.transport {
            Transport::None => return Poll::Pending,
            Transport::Connecting(response) => match ready!(response.as_mut().poll(cx)) {
                Ok(response) => self.handle_response(now, response),
                Err(error) => {
                    let is_futile = matches!(
                        error,
                        ClientError::Redirect(_) | ClientError::RelativeUri | ClientError::UserInfo
                    );
                    if is_futile {
                        self.machine.fail()
                    } else {
                        self.machine.handle_connect_error(now)
                    }
                    self.error = Some(error);
                }
            },
            Transport::Open { body, chunk } => {
                if chunk.is_empty() {
                    match ready!(Pin::new(body).poll_frame(cx)) {
                        Some(Ok(frame)) => *chunk = frame.into_data().unwrap_or_default(),
                        Some(Err(error)) => {
                            self.machine.handle_transport_error(now);
                            self.error = Some(ClientError::Body(error));
                        }
                        None => self.machine.handle_end(now),
                    }
                    return Poll::Ready(None);
                }
                let mut feed = self.machine.feed(now, chunk);
                let item = feed.next().map(Item::into_owned);
                let taken = chunk.len() - feed.remaining().len();
                chunk.advance(taken);
                return Poll::Ready(item.map(Signal::Item));
            }
        }
        Poll::Ready(None)
    }

    fn handle_response(&mut self, now: Instant, response: Response<Incoming>) {
        self.machine.handle_response(now, attempt::head(&response));
        self.transport = if self.machine.is_open() {
            let (head, body) = response.into_parts();
            self.head = Some(Response::from_parts(head, ()));
            Transport::Open { body, chunk: Bytes::new() }
        } else {
            self.refused = Some(Refused::new(response, now));
            Transport::None
        };
    }

    /// Is ready when there is reason to look again.
    fn poll_deadline(&mut self, now: Instant, deadline: Instant, cx: &mut Context<'_>) -> Poll<Instant> {
        match self.overdue {
            Overdue::Until { of, turn } if of == deadline => {
                let rung = ready!(self.alarm.poll(now, turn, cx));
                self.overdue = Overdue::Over { of };
                return Poll::Ready(rung);
            }
            Overdue::Over { of } if of == deadline => {
                self.overdue = Overdue::No;
                self.machine.handle_timeout(now);
                return Poll::Ready(now);
            }
            _ => self.overdue = Overdue::No,
        }
        if now < deadline {
            return self.alarm.poll(now, deadline, cx);
        }
        let is_connecting = matches!(self.transport, Transport::Connecting(_));
        if is_connecting && now.saturating_duration_since(deadline) > ABSENCE {
            // Nobody went on with it meanwhile: what came last is only looked at now.
            self.machine.handle_absence(now);
        } else {
            self.overdue = Overdue::Until { of: deadline, turn: now.saturating_add(TURN) };
        }
        Poll::Ready(now)
    }

    /// Is ready when no refused response is being read.
    fn poll_refused(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Some(refused) = &mut self.refused else {
            return Poll::Ready(());
        };
        if refused.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut now = now;
        while now < refused.deadline {
            // It may have been set for an earlier time, by what came before.
            now = ready!(self.alarm.poll(now, refused.deadline, cx)).max(self.alarm.now());
        }
        Poll::Ready(())
    }
}

impl<C, B, T> Stream for EventSource<C, B, T>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Clone + Default + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    T: Timer,
{
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        let this = self.get_mut();
        // An alarm that rang proves that its time has come, even by a clock that lags behind it.
        let mut rung = Instant::EPOCH;
        while !this.is_over {
            let now = this.alarm.now().max(rung);
            ready!(this.poll_refused(now, cx));
            match this.machine.poll_output(now) {
                Output::Connect(attempt) => this.connect(attempt),
                Output::Open => {
                    if let Some(head) = this.head.take() {
                        return Poll::Ready(Some(Signal::Open(head)));
                    }
                }
                Output::Disconnect(interruption) => {
                    this.disconnect(interruption.cause);
                    return Poll::Ready(Some(Signal::Disconnected(Disconnected {
                        interruption,
                        error: this.error.take(),
                        response: this.refused.take().map(Refused::into_response),
                    })));
                }
                Output::Closed(reason) => {
                    match reason {
                        EndReason::Disconnected(cause) => this.disconnect(cause),
                        _ => this.transport = Transport::None,
                    }
                    this.is_over = true;
                    return Poll::Ready(Some(Signal::Closed(Closed {
                        reason,
                        error: this.error.take(),
                        response: this.refused.take().map(Refused::into_response),
                    })));
                }
                Output::Wait(deadline) => match (this.poll_transport(now, cx), deadline) {
                    (Poll::Ready(None), _) => {}
                    (Poll::Ready(signal), _) => return Poll::Ready(signal),
                    (Poll::Pending, None) => return Poll::Pending,
                    (Poll::Pending, Some(deadline)) => {
                        rung = ready!(this.poll_deadline(now, deadline, cx));
                    }
                },
            }
        }
        Poll::Ready(None)
    }
}

// Whatever is polled in place is boxed.
impl<C, B, T> Unpin for EventSource<C, B, T> {}

impl<C, B, T> fmt::Debug for EventSource<C, B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("machine", &self.machine).finish_non_exhaustive()
    }
}
