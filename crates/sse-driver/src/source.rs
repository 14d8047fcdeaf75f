use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use sse_core::{Encoder, Frame, IntoFrame, ItemError};

/// Where the events of a response come from.
///
/// Implemented for every [`Stream`] whose items become frames ([`IntoFrame`]: events, text, frames, JSON, and results of
/// them), and for the async functions of [`Push`](crate::Push).
pub trait Source {
    /// Gives the next frame, `None` at the end; not called after that.
    fn poll_frame(
        self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>>;
}

impl<S> Source for S
where
    S: Stream,
    S::Item: IntoFrame,
{
    fn poll_frame(
        self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        let item = ready!(self.poll_next(cx));
        Poll::Ready(item.map(|item| item.into_frame(encoder)))
    }
}
