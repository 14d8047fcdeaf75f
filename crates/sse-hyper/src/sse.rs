use crate::body::SseBody;
use crate::timer::HyperTimer;
use core::fmt;
use core::future::Future;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use sse_driver::sse_core::head::RESPONSE_HEADERS;
use sse_driver::{Driver, Options, Outcome, Push, Sender, Source, Timer, TokioTimer};

/// An event stream as a response; see the [crate] for an example.
///
/// Runs on tokio's timer unless [`Sse::with_timer`] brings another. Nothing happens before the body is polled.
#[must_use]
pub struct Sse<S, T = TokioTimer> {
    source: S,
    timer: T,
    options: Options,
}

impl<S: Source> Sse<S> {
    /// Makes a response of a stream: its items are events, text, frames, JSON, or results of these.
    pub fn new(source: S) -> Self {
        Self { source, timer: TokioTimer::default(), options: Options::new() }
    }
}

impl<F, Fut> Sse<Push<F, Fut>>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    /// Makes a response of an async function that sends events; it is dropped when the client leaves.
    pub fn push(function: F) -> Self {
        Self::new(Push::new(function))
    }
}

impl<S: Source, T: Timer> Sse<S, T> {
    /// Runs on the timer of another runtime.
    pub fn with_timer(self, timer: impl hyper::rt::Timer + Send + Sync + 'static) -> Sse<S, HyperTimer> {
        Sse { source: self.source, timer: HyperTimer::new(timer), options: self.options }
    }

    /// Sets all options at once.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    sse_driver::forward_options!();

    /// Makes the body alone, for a head of your own.
    pub fn into_body(self) -> SseBody<S, T> {
        SseBody::new(Driver::new(self.source, self.timer, self.options))
    }

    /// Makes the response, with status 200 and the headers of an event stream; all of it may be changed.
    ///
    /// For GET and POST. Where HEAD may come, use [`Sse::respond_to`].
    pub fn into_response(self) -> Response<SseBody<S, T>> {
        with_head(self.into_body())
    }

    /// Makes the response to a request: a HEAD gets the head only, the source is dropped unpolled, and the close hook
    /// runs.
    pub fn respond_to<B>(self, request: &Request<B>) -> Response<SseBody<S, T>> {
        let body = self.into_body();
        with_head(if request.method() == Method::HEAD { body.into_empty() } else { body })
    }
}

impl<S, T> fmt::Debug for Sse<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").field("options", &self.options).finish_non_exhaustive()
    }
}

fn with_head<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().extend(
        RESPONSE_HEADERS
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
    );
    response
}
