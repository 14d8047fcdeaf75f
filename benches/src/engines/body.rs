//! What response bodies are fed with, and how they are emptied.

use super::Sink;
use axum_core::response::Response;
use futures_core::Stream;
use http_body::Body as _;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A stream that is always ready, of what an iterator has.
pub(super) struct Ready<I>(pub(super) I);

/// Nothing points into it.
impl<I> Unpin for Ready<I> {}

impl<I: Iterator> Stream for Ready<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// A stream that is always ready, of events made when they are asked for.
pub(super) fn repeated<T>(events: u64, mut make: impl FnMut() -> T) -> Ready<impl Iterator<Item = T>> {
    Ready((0..events).map(move |_| make()))
}

/// Takes all that a stream has, with a waker that does nothing.
#[cfg(feature = "peers")]
pub(super) fn for_each<S: Stream + Unpin>(mut stream: S, mut take: impl FnMut(S::Item)) {
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(item)) = Pin::new(&mut stream).poll_next(&mut cx) {
        take(item);
    }
}

/// Pulls a response's body as a server would, with a waker that does nothing.
pub(super) fn drain(response: Response, sink: &mut impl Sink) {
    let mut body = response.into_body();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
        if let Ok(bytes) = frame.expect("a stream without errors").into_data() {
            sink.take(&bytes);
        }
    }
}
