use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use sse_driver::{Driver, Source, Timer, TokioTimer};

pin_project! {
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
        // None where no body is to be sent.
        #[pin]
        driver: Option<Driver<S, T>>,
    }
}

impl<S, T> SseBody<S, T> {
    pub(crate) fn new(driver: Driver<S, T>) -> Self {
        Self { driver: Some(driver) }
    }

    /// Drops the stream unpolled; its close hook runs.
    pub(crate) fn into_empty(self) -> Self {
        Self { driver: None }
    }
}

impl<S: Source, T: Timer> Body for SseBody<S, T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.project().driver.as_pin_mut() {
            Some(driver) => driver.poll_chunk(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk)))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.driver.as_ref().is_none_or(Driver::is_closed)
    }
}

impl<S, T> fmt::Debug for SseBody<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").field("driver", &self.driver).finish()
    }
}
