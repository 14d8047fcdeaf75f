//! What is done to a body on its way out, behind the library: nothing, bytes one by one, or a break in the place of the end.

use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

/// How long what was sent may take to leave, before the connection breaks.
const TO_LEAVE: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As it is.
    Whole,
    /// Each byte by itself: written and flushed before the next.
    Bytes,
    /// With an error in the place of the end: the server breaks the connection, or resets the stream.
    Broken,
}

/// The end of a body that breaks.
#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on purpose")
    }
}

impl core::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

pin_project! {
    /// A body in another shape.
    pub(crate) struct Shaped<B> {
        #[pin]
        body: B,
        shape: Shape,
        held: Bytes,
        has_sent: bool,
        #[pin]
        breaking: Option<Sleep>,
    }
}

impl<B> Shaped<B> {
    pub(crate) fn new(body: B, shape: Shape) -> Self {
        Self { body, shape, held: Bytes::new(), has_sent: false, breaking: None }
    }

    /// The next chunk, if `next` gives those of the body.
    fn poll_shaped(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        next: impl FnOnce(Pin<&mut B>, &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        let mut this = self.project();
        if let Some(breaking) = this.breaking.as_mut().as_pin_mut() {
            ready!(breaking.poll(cx));
            return Poll::Ready(Some(Err(Broken)));
        }
        if *this.shape == Shape::Bytes && core::mem::take(this.has_sent) {
            // A body that waits is flushed.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.held.is_empty() {
            match ready!(next(this.body, cx)) {
                Some(Ok(chunk)) => *this.held = chunk,
                None if *this.shape == Shape::Broken => {
                    this.breaking.set(Some(sleep(TO_LEAVE)));
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                end => return Poll::Ready(end),
            }
        }
        let length = if *this.shape == Shape::Bytes { 1 } else { this.held.len() };
        *this.has_sent = true;
        Poll::Ready(Some(Ok(this.held.split_to(length))))
    }
}

impl<B: Body<Data = Bytes, Error = Infallible>> Body for Shaped<B> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // Event streams have no trailers.
        let next = |body: Pin<&mut B>, cx: &mut Context<'_>| {
            body.poll_frame(cx).map(|frame| {
                Some(frame?.map(|frame| frame.into_data().unwrap_or_default()).map_err(Broken::from))
            })
        };
        self.poll_shaped(cx, next).map(|chunk| Some(chunk?.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.shape != Shape::Broken && self.held.is_empty() && self.body.is_end_stream()
    }
}

impl<B: actix_web::body::MessageBody<Error = Infallible>> actix_web::body::MessageBody for Shaped<B> {
    type Error = Broken;

    fn size(&self) -> actix_web::body::BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        self.poll_shaped(cx, |body, cx| body.poll_next(cx).map(|chunk| Some(chunk?.map_err(Broken::from))))
    }
}
