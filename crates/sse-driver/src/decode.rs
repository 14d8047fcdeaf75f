use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream;
use pin_project_lite::pin_project;
use sse_core::{Decoder, OwnedItem};

pin_project! {
    /// Decodes a stream of chunks, such as a response's body, into a stream of owned items.
    ///
    /// Takes chunks of any bytes and any error. The stream ends when its chunks do; half an event at the end is discarded.
    /// So it is at an error, which passes through: chunks that follow one are those of a new connection. Where a copy for
    /// each event matters, feed a [`Decoder`] yourself: it lends.
    ///
    /// ```
    /// use sse_driver::DecodeStream;
    /// use sse_driver::sse_core::OwnedItem;
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let chunks = tokio_stream::iter([Ok::<_, std::io::Error>("data: a\ndata:"), Ok(" b\n\n: bye\n")]);
    /// let mut items = DecodeStream::new(chunks);
    /// let Some(Ok(OwnedItem::Event(event))) = items.next().await else { panic!() };
    /// assert_eq!(event.data, "a\nb");
    /// assert!(matches!(items.next().await, Some(Ok(OwnedItem::Comment(_)))));
    /// assert!(items.next().await.is_none());
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct DecodeStream<S, B> {
        #[pin]
        chunks: S,
        decoder: Decoder,
        chunk: Option<B>,
        // How much of the chunk the decoder has taken.
        taken: usize,
    }
}

impl<S, B, E> DecodeStream<S, B>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    /// Makes a stream of items with a new decoder, whose limit is [`Decoder::DEFAULT_LIMIT`].
    pub fn new(chunks: S) -> Self {
        Self::with_decoder(chunks, Decoder::new())
    }

    /// Makes a stream of items with a decoder that has a limit of its own, or knows a last event id.
    ///
    /// ```
    /// use sse_driver::DecodeStream;
    /// use sse_driver::sse_core::{Decoder, OwnedItem};
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let chunks = tokio_stream::iter([Ok::<_, std::io::Error>("data: a\n\n")]);
    /// let mut items = DecodeStream::with_decoder(chunks, Decoder::with_limit(1_024).with_last_event_id("41"));
    /// let Some(Ok(OwnedItem::Event(event))) = items.next().await else { panic!() };
    /// assert_eq!(event.last_event_id, "41");
    /// # }
    /// ```
    pub fn with_decoder(chunks: S, decoder: Decoder) -> Self {
        Self { chunks, decoder, chunk: None, taken: 0 }
    }
}

impl<S, B> DecodeStream<S, B> {
    /// Returns the decoder: the last event id, the bytes seen.
    ///
    /// ```
    /// use sse_driver::DecodeStream;
    /// use tokio_stream::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let first = tokio_stream::iter([Ok::<_, std::io::Error>("id: 7\ndata: a\n\n")]);
    /// let mut items = DecodeStream::new(first);
    /// while items.next().await.is_some() {}
    /// assert_eq!(items.decoder().last_event_id(), "7");
    ///
    /// let second = tokio_stream::iter([Ok::<_, std::io::Error>("data: b\n\n")]);
    /// let items = DecodeStream::with_decoder(second, items.into_decoder());
    /// # let _ = items;
    /// # }
    /// ```
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Returns the decoder for the next connection: it knows the last event id.
    pub fn into_decoder(self) -> Decoder {
        self.decoder
    }
}

impl<S, B, E> Stream for DecodeStream<S, B>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    type Item = Result<OwnedItem, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(chunk) = this.chunk.as_ref().map(AsRef::as_ref) {
                let mut feed = this.decoder.feed(chunk.get(*this.taken..).unwrap_or_default());
                let item = feed.next().map(sse_core::Item::into_owned);
                *this.taken = chunk.len() - feed.remaining().len();
                if let Some(item) = item {
                    return Poll::Ready(Some(Ok(item)));
                }
                *this.chunk = None;
            }
            match ready!(this.chunks.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => {
                    *this.chunk = Some(chunk);
                    *this.taken = 0;
                }
                Some(Err(error)) => {
                    this.decoder.finish();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.decoder.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }
}
