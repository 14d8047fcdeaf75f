use crate::body::SseBody;
use crate::timer::HyperTimer;
use core::fmt;
use core::future::Future;
use core::time::Duration;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use sse_driver::sse_core::ClientProfile;
use sse_driver::sse_core::IntoFrame;
use sse_driver::sse_core::head::RESPONSE_HEADERS;
use sse_driver::{Driver, Iter, Options, Outcome, Push, Sender, Source, Timer, TokioTimer};

/// An event stream as a response; see the [crate] for a whole service.
///
/// Runs on tokio's timer unless [`Sse::with_timer`] brings another. Nothing happens before the body is polled.
///
/// ```
/// use sse_hyper::{CloseEvent, Event, Sse, event_name};
///
/// let events = tokio_stream::iter(["Hello", ",\n", " world"].map(Event::new));
/// let response = Sse::new(events).with_close_event(CloseEvent::new(event_name!("done"))).into_response();
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// ```
#[must_use]
pub struct Sse<S, T = TokioTimer> {
    source: S,
    timer: T,
    options: Options,
}

impl<S: Source> Sse<S> {
    /// Makes a response of a stream: its items are events, text, frames, JSON, or results of these.
    ///
    /// The stream is dropped when the client leaves or the response closes.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use sse_hyper::{Event, Sse};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let rows = [Ok(Event::new("a").with_id(1_u64)), Err("no such table")];
    /// let body = Sse::new(tokio_stream::iter(rows)).into_body();
    /// let wire = body.collect().await.unwrap().to_bytes();
    /// assert_eq!(wire, ":\nid: 1\ndata: a\n\nevent: sse:error\ndata: Internal server error\n\n");
    /// # }
    /// ```
    pub fn new(source: S) -> Self {
        Self { source, timer: TokioTimer::default(), options: Options::new() }
    }
}

impl<I> Sse<Iter<I>>
where
    I: Iterator,
    I::Item: IntoFrame,
{
    /// Makes a response of values that are there already, or of one: `Sse::iter([value])`.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use sse_hyper::Sse;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let body = Sse::iter(["a", "b"]).into_body();
    /// assert_eq!(body.collect().await.unwrap().to_bytes(), ":\ndata: a\n\ndata: b\n\n");
    /// # }
    /// ```
    pub fn iter(values: impl IntoIterator<IntoIter = I>) -> Self {
        Self::new(Iter::new(values))
    }
}

impl<F, Fut> Sse<Push<F, Fut>>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    /// Makes a response of an async function that sends events; it is dropped when the client leaves.
    ///
    /// Called on the first poll of the body. Returns nothing or a [`Result`], whose error counts as the source's.
    ///
    /// ```
    /// use http_body_util::BodyExt;
    /// use sse_hyper::{Sender, Sse};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let body = Sse::push(async |mut events: Sender| events.send("hello").await).into_body();
    /// assert_eq!(body.collect().await.unwrap().to_bytes(), ":\ndata: hello\n\n");
    /// # }
    /// ```
    pub fn push(function: F) -> Self {
        Self::new(Push::new(function))
    }
}

impl<S: Source, T: Timer> Sse<S, T> {
    /// Runs on the timer of another runtime.
    ///
    /// ```
    /// use sse_hyper::Sse;
    ///
    /// let timer = hyper_util::rt::TokioTimer::new(); // stands for any `hyper::rt::Timer`
    /// let response = Sse::new(tokio_stream::iter(["a"])).with_timer(timer).into_response();
    /// # let _ = response;
    /// ```
    pub fn with_timer(self, timer: impl hyper::rt::Timer + Send + Sync + 'static) -> Sse<S, HyperTimer> {
        Sse { source: self.source, timer: HyperTimer::new(timer), options: self.options }
    }

    /// Sets all options at once, in the place of those set before.
    ///
    /// ```
    /// use sse_hyper::{ErrorPolicy, Options, Sse};
    ///
    /// let options = Options::new().on_error(ErrorPolicy::close()).with_heartbeat(None);
    /// let response = Sse::new(tokio_stream::iter(["a"])).with_options(options).into_response();
    /// # let _ = response;
    /// ```
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    sse_driver::forward_options!();

    /// Makes the body alone, for a head of your own.
    ///
    /// ```
    /// use http::Response;
    /// use sse_hyper::{Sse, sse_core::head};
    ///
    /// let mut response = Response::builder();
    /// for (name, value) in head::RESPONSE_HEADERS {
    ///     response = response.header(name, value);
    /// }
    /// let response = response.header("x-stream", "1").body(Sse::new(tokio_stream::iter(["a"])).into_body())?;
    /// # let _ = response;
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn into_body(self) -> SseBody<S, T> {
        SseBody::new(Driver::new(self.source, self.timer, self.options))
    }

    /// Makes the response, with status 200 and the
    /// [headers](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) of an event
    /// stream ([`RESPONSE_HEADERS`]); all of it may be changed.
    ///
    /// For GET and POST. Where HEAD may come, use [`Sse::respond_to`].
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode};
    /// use sse_hyper::Sse;
    ///
    /// let mut response = Sse::new(tokio_stream::iter(["a"])).into_response();
    /// assert_eq!(response.headers()["cache-control"], "no-cache, no-transform");
    /// *response.status_mut() = StatusCode::ACCEPTED;
    /// response.headers_mut().insert("x-stream", HeaderValue::from_static("1"));
    /// ```
    pub fn into_response(self) -> Response<SseBody<S, T>> {
        with_head(self.into_body())
    }

    /// Makes the response to a request: a HEAD gets the head only, the source is dropped unpolled, and the close hook
    /// runs.
    ///
    /// ```
    /// use http::Request;
    /// use http_body::Body;
    /// use sse_hyper::Sse;
    ///
    /// let events = || tokio_stream::iter(["a"]);
    /// let get = Request::get("/").body(())?;
    /// assert!(!Sse::new(events()).respond_to(&get).body().is_end_stream());
    /// let head = Request::head("/").body(())?;
    /// assert!(Sse::new(events()).respond_to(&head).body().is_end_stream());
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn respond_to<B>(self, request: &Request<B>) -> Response<SseBody<S, T>> {
        let body = self.into_body();
        with_head(if request.method() == Method::HEAD { SseBody::ready(None) } else { body })
    }
}

impl<S, T> fmt::Debug for Sse<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Makes the response that keeps a client out, for now or (`None`) for good, as its kind understands it: see
/// [`ClientProfile`]. The time is spread over clients; a HEAD gets the head only.
///
/// Its body has the type of a stream's, so that a handler can return either. Where the body is boxed, name one:
/// `refuse::<_, NoEvents, TokioTimer>(…)`.
///
/// ```
/// use core::time::Duration;
/// use http::{Request, Response};
/// use sse_hyper::{ClientProfile, Source, Sse, SseBody, refuse};
///
/// fn events<B>(request: &Request<B>, is_full: bool) -> Response<SseBody<impl Source + use<B>>> {
///     if is_full {
///         // Not 503, after which a browser never comes back.
///         return refuse(request, ClientProfile::EventSource, Some(Duration::from_secs(30)));
///     }
///     Sse::iter(["a"]).respond_to(request)
/// }
///
/// let request = Request::get("/").body(())?;
/// assert_eq!(events(&request, true).status(), 200);
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn refuse<B, S, T>(
    request: &Request<B>,
    profile: ClientProfile,
    wait: Option<Duration>,
) -> Response<SseBody<S, T>> {
    let refusal = sse_driver::refusal(profile, wait);
    let body = refusal.body().filter(|_| request.method() != Method::HEAD);
    let mut response = Response::new(SseBody::ready(body.map(|body| body.clone().into_bytes())));
    *response.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = refusal.headers().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    });
    response.headers_mut().extend(headers);
    response
}

fn with_head<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().extend(
        RESPONSE_HEADERS
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
    );
    response
}
