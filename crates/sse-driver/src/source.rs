use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use sse_core::{Encoder, Frame, IntoFrame, ItemError};

/// Where the events of a response come from.
///
/// Implemented for every [`Stream`] whose items become frames ([`IntoFrame`]: events, text, frames, JSON, and results
/// of them), and for the async functions of [`Push`](crate::Push).
///
/// ```
/// use core::pin::Pin;
/// use core::task::{Context, Poll};
/// use sse_driver::Source;
/// use sse_driver::sse_core::{Encoder, Event, Frame, ItemError};
///
/// /// Counts down, and is always ready.
/// struct Countdown(u64);
///
/// impl Source for Countdown {
///     fn poll_frame(
///         mut self: Pin<&mut Self>,
///         encoder: &Encoder,
///         _: &mut Context<'_>,
///     ) -> Poll<Option<Result<Frame, ItemError>>> {
///         let Some(next) = self.0.checked_sub(1) else { return Poll::Ready(None) };
///         self.0 = next;
///         Poll::Ready(Some(Ok(encoder.to_frame(&Event::new(next.to_string())))))
///     }
/// }
/// # let mut cx = Context::from_waker(core::task::Waker::noop());
/// # let mut source = Countdown(1);
/// # let frame = Pin::new(&mut source).poll_frame(&Encoder::new(), &mut cx);
/// # assert!(matches!(frame, Poll::Ready(Some(Ok(frame))) if frame.as_bytes() == b"data: 0\n\n"));
/// ```
pub trait Source {
    /// Gives the next frame, made with `encoder`, or why there is none; `None` at the end.
    ///
    /// Called again after each frame or error, at once, as long as a chunk has room; after `Pending`, when the task is
    /// woken or the driver has news of its own; never after the end.
    fn poll_frame(
        self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>>;

    /// Says of what kind the item was that [`Source::poll_frame`] gave last ([`IntoFrame::KIND`]); `value` when the source
    /// does not know.
    ///
    /// Asked only for responses that are observed.
    fn kind(&self) -> &'static str {
        "value"
    }
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

    fn kind(&self) -> &'static str {
        S::Item::KIND
    }
}

/// A source that is always ready: whatever an iterator gives. An array of one value is a stream of one event.
///
/// As many items are taken for a chunk as fit into it: an iterator that takes long for one holds the task up, one without
/// end goes on as long as the client reads.
///
/// ```
/// use core::future::poll_fn;
/// use core::pin::pin;
/// use sse_driver::sse_core::Encoder;
/// use sse_driver::{Iter, Source};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut source = pin!(Iter::new((1..=2).map(|number| number.to_string())));
/// let encoder = Encoder::new();
/// let first = poll_fn(|cx| source.as_mut().poll_frame(&encoder, cx)).await.unwrap();
/// assert_eq!(first.unwrap().as_bytes(), b"data: 1\n\n");
/// # }
/// ```
pub struct Iter<I>(I);

/// The source of a response that has no events: for a type that has to be named.
///
/// ```
/// use sse_driver::{Iter, NoEvents};
///
/// let none: NoEvents = Iter::new(core::iter::empty());
/// # let _ = none;
/// ```
pub type NoEvents = Iter<core::iter::Empty<Frame>>;

impl<I: Iterator> Iter<I> {
    /// Makes a source of the items of `values`.
    pub fn new(values: impl IntoIterator<IntoIter = I>) -> Self {
        Self(values.into_iter())
    }
}

// Nothing in it is pinned.
impl<I> Unpin for Iter<I> {}

impl<I> Source for Iter<I>
where
    I: Iterator,
    I::Item: IntoFrame,
{
    fn poll_frame(
        mut self: Pin<&mut Self>,
        encoder: &Encoder,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        Poll::Ready(self.0.next().map(|item| item.into_frame(encoder)))
    }

    fn kind(&self) -> &'static str {
        I::Item::KIND
    }
}

impl<I> fmt::Debug for Iter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Iter")
    }
}
