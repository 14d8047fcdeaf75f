use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use http_body::{Body, Frame, SizeHint};
use sse_driver::{Driver, Source, Timer, TokioTimer};

/// The body of an event stream: one data frame for each chunk, never an empty one, never an error.
///
/// Dropped before its end, it tells the close hook that the peer is gone. Made by [`Sse`](crate::Sse); a HEAD gets
/// one that is at its end.
///
/// ```
/// use http_body_util::BodyExt;
/// use sse_hyper::Sse;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let body = Sse::new(tokio_stream::iter(["a", "b"])).into_body();
/// assert_eq!(body.collect().await.unwrap().to_bytes(), ":\ndata: a\n\ndata: b\n\n");
/// # }
/// ```
pub struct SseBody<S, T = TokioTimer> {
    content: Content<S, T>,
}

enum Content<S, T> {
    /// Boxed, since a server has room for a body in more than one place, for as long as the connection lives.
    Stream(Pin<Box<Driver<S, T>>>),
    /// What is left of a body that is known, none when it is empty.
    Ready(Option<Bytes>),
}

impl<S, T> SseBody<S, T> {
    pub(crate) fn new(driver: Driver<S, T>) -> Self {
        Self { content: Content::Stream(Box::pin(driver)) }
    }

    /// A body that is known.
    pub(crate) fn ready(body: Option<Bytes>) -> Self {
        Self { content: Content::Ready(body.filter(|body| !body.is_empty())) }
    }
}

impl<S: Source, T: Timer> Body for SseBody<S, T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match &mut self.content {
            Content::Stream(driver) => driver.as_mut().poll_chunk(cx),
            Content::Ready(rest) => Poll::Ready(rest.take()),
        };
        chunk.map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Stream(driver) => driver.is_closed(),
            Content::Ready(rest) => rest.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Stream(_) => SizeHint::default(),
            Content::Ready(Some(rest)) => SizeHint::with_exact(rest.len() as u64),
            // Left out for HEAD, maybe: a length of 0 would not be that of a GET.
            Content::Ready(None) => SizeHint::default(),
        }
    }
}

impl<S, T> fmt::Debug for SseBody<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Stream(driver) => f.debug_struct("SseBody").field("driver", driver).finish(),
            Content::Ready(rest) => f.debug_struct("SseBody").field("rest", rest).finish(),
        }
    }
}
