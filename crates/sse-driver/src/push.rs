use crate::source::Source;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_channel::mpsc;
use futures_core::Stream;
use pin_project_lite::pin_project;
use sse_core::{BoxError, Encoder, Frame, IntoFrame, ItemError};

/// How many frames a [`Sender`] accepts before it waits for the client.
const CAPACITY: usize = 16;

/// Sends events from an async function or from tasks that it spawned.
///
/// [`Sender::send`] waits while the client is slower than the sender: at most 16 frames are held, and one more for every
/// clone. Sent is not received: what is held when the client leaves is lost, and at a shutdown or the maximum age one more
/// chunk of it leaves. Give events ids where that matters. The stream ends when the function has returned and all clones
/// are dropped, or when the function fails.
///
/// An event that cannot be encoded, or that is an error itself, is sent on to the response's
/// [`ErrorPolicy`](crate::ErrorPolicy), as an item of a stream is: one value that fails does not end the function.
///
/// ```
/// use sse_driver::{Push, Sender};
///
/// async fn count(mut events: Sender) -> Result<(), sse_driver::PushError> {
///     for number in 1..=3 {
///         events.send(format!("{number}")).await?;
///     }
///     Ok(())
/// }
/// let source = Push::new(count);
/// # let _ = source;
/// ```
#[derive(Clone, Debug)]
pub struct Sender {
    items: mpsc::Sender<Item>,
    encoder: Encoder,
}

/// What was sent, and of what kind it was.
struct Item {
    frame: Result<Frame, ItemError>,
    kind: &'static str,
}

impl Item {
    fn new<T: IntoFrame>(value: T, encoder: &Encoder) -> Self {
        Self { frame: value.into_frame(encoder), kind: T::KIND }
    }

    fn give(self, kind: &mut &'static str) -> Result<Frame, ItemError> {
        *kind = self.kind;
        self.frame
    }
}

/// An event was not sent.
///
/// ```
/// use sse_driver::{PushError, Sender};
/// use sse_driver::sse_core::Event;
///
/// async fn send_or_drop(events: &mut Sender, sample: f64) -> Result<(), PushError> {
///     match events.try_send(Event::new(sample.to_string())) {
///         Err(PushError::Full) => Ok(()), // the next sample will do
///         other => other,
///     }
/// }
/// # let _ = send_or_drop;
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The response is over: the client left, or the server closed it.
    #[error("the stream is closed")]
    Closed,
    /// The client is behind and [`Sender::try_send`] does not wait.
    #[error("the client is behind by as much as may be held")]
    Full,
}

impl Sender {
    /// Sends an event as soon as there is room for it.
    ///
    /// The event is encoded first, whether or not there is room. Cancel safe: when the future is dropped before it is
    /// ready, nothing was sent.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] when the response is over.
    ///
    /// ```
    /// use core::future::poll_fn;
    /// use core::pin::pin;
    /// use sse_driver::sse_core::{Encoder, Event};
    /// use sse_driver::{Push, PushError, Sender, Source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut source = pin!(Push::new(async |mut events: Sender| {
    ///     events.send("text").await?;
    ///     events.send(Event::new("an event").with_id(1_u64)).await?;
    ///     Ok::<(), PushError>(())
    /// }));
    /// let encoder = Encoder::new();
    /// let mut frames = Vec::new();
    /// while let Some(frame) = poll_fn(|cx| source.as_mut().poll_frame(&encoder, cx)).await {
    ///     frames.extend_from_slice(frame.unwrap().as_bytes());
    /// }
    /// assert_eq!(frames, b"data: text\n\nid: 1\ndata: an event\n\n");
    /// # }
    /// ```
    pub async fn send(&mut self, event: impl IntoFrame) -> Result<(), PushError> {
        let item = Item::new(event, &self.encoder);
        poll_fn(|cx| self.items.poll_ready(cx)).await.map_err(|_| PushError::Closed)?;
        self.items.start_send(item).map_err(|_| PushError::Closed)
    }

    /// Sends an event if there is room for it now.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`], and [`PushError::Full`].
    ///
    /// ```
    /// # use core::future::poll_fn;
    /// # use core::pin::pin;
    /// # use sse_driver::sse_core::Encoder;
    /// # use sse_driver::Source;
    /// use sse_driver::{Push, PushError, Sender};
    ///
    /// async fn fill(mut events: Sender) {
    ///     let mut sent = 0;
    ///     let refused = loop {
    ///         match events.try_send("sample") {
    ///             Ok(()) => sent += 1,
    ///             Err(refused) => break refused,
    ///         }
    ///     };
    ///     assert!(matches!((sent, refused), (16, PushError::Full)));
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// #     let mut source = pin!(Push::new(fill));
    /// #     assert!(poll_fn(|cx| source.as_mut().poll_frame(&Encoder::new(), cx)).await.is_some());
    /// # }
    /// ```
    pub fn try_send(&mut self, event: impl IntoFrame) -> Result<(), PushError> {
        self.items
            .try_send(Item::new(event, &self.encoder))
            .map_err(|refused| if refused.is_full() { PushError::Full } else { PushError::Closed })
    }

    /// Says whether the response is over: sending would be in vain.
    ///
    /// For tasks that have to work long for an event; [`Sender::send`] tells by itself.
    ///
    /// ```
    /// use sse_driver::Sender;
    ///
    /// async fn reports(mut events: Sender) {
    ///     while !events.is_closed() {
    ///         let report = expensive_report();
    ///         if events.send(report).await.is_err() {
    ///             break;
    ///         }
    ///     }
    /// }
    /// # fn expensive_report() -> &'static str { "" }
    /// # let _ = reports;
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.items.is_closed()
    }
}

/// What an async function that sends events may return: nothing, or a [`Result`] whose error is the source's failure.
///
/// ```
/// use sse_driver::Outcome;
///
/// assert!(().into_result().is_ok());
/// assert_eq!(Err("no such table").into_result().unwrap_err().to_string(), "no such table");
/// ```
pub trait Outcome {
    /// Turns the outcome into a result.
    ///
    /// # Errors
    ///
    /// The error that it holds.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

pin_project! {
    /// A source that an async function feeds through a [`Sender`].
    ///
    /// The function is called on the first poll of the response and runs inside of it: when the client leaves, it is
    /// dropped at whatever it waits for. It runs whatever clones of its sender do elsewhere. When it fails, what was sent
    /// before still goes out.
    ///
    /// ```
    /// use core::future::poll_fn;
    /// use core::pin::pin;
    /// use sse_driver::sse_core::Encoder;
    /// use sse_driver::{Push, Sender, Source};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut source = pin!(Push::new(async |mut events: Sender| {
    ///     drop(events.send("first").await);
    ///     Err("no such table")
    /// }));
    /// let encoder = Encoder::new();
    /// let frame = poll_fn(|cx| source.as_mut().poll_frame(&encoder, cx)).await.unwrap();
    /// assert_eq!(frame.unwrap().as_bytes(), b"data: first\n\n");
    /// let failure = poll_fn(|cx| source.as_mut().poll_frame(&encoder, cx)).await.unwrap();
    /// assert_eq!(failure.unwrap_err().to_string(), "the source failed: no such table");
    /// # }
    /// ```
    pub struct Push<F, Fut> {
        #[pin]
        stage: Stage<F, Fut>,
        // Of what was given last.
        kind: &'static str,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, Fut> {
        New {
            start: Option<F>,
        },
        Running {
            #[pin]
            function: Fut,
            items: Option<mpsc::Receiver<Item>>,
            // How many items were taken since the function last ran.
            taken: usize,
        },
        // The function has returned. Behind a failure nothing new is accepted; else clones may go on.
        Draining {
            items: mpsc::Receiver<Item>,
            failure: Option<BoxError>,
        },
        Done,
    }
}

impl<F, Fut> Push<F, Fut>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    /// Makes the source; the function is not called yet.
    ///
    /// ```
    /// use sse_driver::{Push, Sender};
    ///
    /// let source = Push::new(async |mut events: Sender| events.send("once").await);
    /// # fn takes_sources(_: impl sse_driver::Source) {}
    /// # takes_sources(source);
    /// ```
    #[must_use]
    pub fn new(function: F) -> Self {
        Self { stage: Stage::New { start: Some(function) }, kind: "value" }
    }
}

impl<F, Fut> fmt::Debug for Push<F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::New { .. } => "Push(new)",
            Stage::Running { .. } => "Push(running)",
            Stage::Draining { .. } => "Push(draining)",
            Stage::Done => "Push(done)",
        })
    }
}

impl<F, Fut> Source for Push<F, Fut>
where
    F: FnOnce(Sender) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    fn poll_frame(
        self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        let this = self.project();
        let (mut stage, kind) = (this.stage, this.kind);
        loop {
            let next = match stage.as_mut().project() {
                StageProjection::New { start } => match start.take() {
                    Some(start) => {
                        // A channel holds one item more for each sender.
                        let (items, receiver) = mpsc::channel(CAPACITY - 1);
                        let function = start(Sender { items, encoder: encoder.clone() });
                        Stage::Running { function, items: Some(receiver), taken: 0 }
                    }
                    None => Stage::Done,
                },
                StageProjection::Running { function, items, taken } => {
                    // What is there goes first, but no more than fills the channel: clones must not hold the function up.
                    if *taken < CAPACITY {
                        if let Poll::Ready(Some(item)) = receive(items, cx) {
                            *taken += 1;
                            return Poll::Ready(Some(item.give(kind)));
                        }
                    }
                    *taken = 0;
                    match function.poll(cx) {
                        Poll::Ready(outcome) => match (items.take(), outcome.into_result().err()) {
                            (Some(mut items), failure) => {
                                if failure.is_some() {
                                    items.close();
                                }
                                Stage::Draining { items, failure }
                            }
                            (None, _) => Stage::Done,
                        },
                        Poll::Pending => {
                            return match receive(items, cx) {
                                Poll::Ready(Some(item)) => {
                                    *taken = 1;
                                    Poll::Ready(Some(item.give(kind)))
                                }
                                // All senders may be gone: the function still ends the stream, when it returns.
                                Poll::Ready(None) | Poll::Pending => Poll::Pending,
                            };
                        }
                    }
                }
                StageProjection::Draining { items, failure } => {
                    if let Some(item) = ready!(Pin::new(items).poll_next(cx)) {
                        return Poll::Ready(Some(item.give(kind)));
                    }
                    let failure = failure.take();
                    *kind = "function";
                    stage.set(Stage::Done);
                    return Poll::Ready(failure.map(|failure| Err(ItemError::Source(failure))));
                }
                StageProjection::Done => return Poll::Ready(None),
            };
            stage.set(next);
        }
    }

    fn kind(&self) -> &'static str {
        self.kind
    }
}

fn receive(items: &mut Option<mpsc::Receiver<Item>>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
    items.as_mut().map_or(Poll::Ready(None), |items| Pin::new(items).poll_next(cx))
}
