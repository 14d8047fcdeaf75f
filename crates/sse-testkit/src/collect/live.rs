use super::collected::{Arrival, Collected, End, Head, Limit, ReceivedComment, ReceivedEvent};
use super::guard::{self, Bounds};
use super::{BoxError, Collector};
use bytes::{Buf, Bytes};
use core::fmt;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::time::Duration;
use http_body::Body;
use sse_core::{Decoder, Item};
use tokio::time::Instant;

/// What a frame without data counts, in bytes.
const EMPTY_FRAME: usize = 64;

/// An open event stream that is read step by step; dropping it is the client's leaving.
///
/// Made by [`Collector::open`]. Reads only when it is asked to: meanwhile the server waits, as with a client that is slow.
/// The collector's limits on items and bytes hold; [`Collector::until`] and [`Collector::with_max_events`] do not.
///
/// ```
/// use sse_testkit::collect::{BoxError, End, Live};
///
/// /// Reads on to an event, whatever comes before.
/// async fn next_of<B>(live: &mut Live<B>, name: &str) -> Result<String, End>
/// where
///     B: http_body::Body<Error: Into<BoxError>>,
/// {
///     loop {
///         let event = live.next_event().await?;
///         if event.name == name {
///             return Ok(event.data);
///         }
///     }
/// }
/// # let _ = next_of::<http_body_util::Full<bytes::Bytes>>;
/// ```
pub struct Live<B> {
    /// `None` once the client has left, or the stream ended.
    body: Option<Pin<Box<B>>>,
    start: Instant,
    bounds: Bounds,
    /// Until when it was read last.
    read_until: Duration,
    /// How long nobody read.
    unread: Duration,
    decoder: Decoder,
    /// What the decoder has not seen yet of the last chunk.
    rest: Bytes,
    /// The `retry` field of the block that is being read.
    retry: Option<Duration>,
    /// What frames without data count.
    empty_frames: usize,
    items: usize,
    collected: Collected,
    /// How many events were handed out.
    taken: usize,
}

impl<B: Body<Error: Into<BoxError>>> Live<B> {
    pub(super) fn new(collector: Collector, head: Head, body: Pin<Box<B>>, start: Instant) -> Self {
        let id = collector.last_event_id.as_deref().unwrap_or_default();
        Self {
            body: Some(body),
            start,
            bounds: Bounds::new(start, collector.deadline, collector.max_standstill),
            // The limit on bytes is the collector's own: no event is thrown away unseen.
            decoder: Decoder::with_limit(usize::MAX).with_last_event_id(id),
            read_until: head.at,
            unread: Duration::ZERO,
            rest: Bytes::new(),
            retry: None,
            empty_frames: 0,
            items: 0,
            collected: Collected::new(collector, head),
            taken: 0,
        }
    }

    /// Reads on to the next event.
    ///
    /// Waits as long as the collector's deadline, from now on. What comes before it is kept in [`so_far`](Self::so_far).
    ///
    /// # Errors
    ///
    /// Says why there is no event. Behind [`End::Deadline`] there may be one later; everything else stays.
    pub async fn next_event(&mut self) -> Result<ReceivedEvent, End> {
        self.begin(self.collected.collector.deadline);
        loop {
            if let Some(event) = self.collected.events.get(self.taken) {
                self.taken += 1;
                return Ok(event.clone());
            }
            let _flow = self.step().await?;
        }
    }

    /// Reads on until something holds for all that came so far: a comment, a header's consequence, bytes of the wire.
    ///
    /// Waits as long as the collector's deadline, from now on. The events are handed out by
    /// [`next_event`](Self::next_event) still.
    ///
    /// # Errors
    ///
    /// Says why it does not hold, as [`next_event`](Self::next_event) does.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use core::time::Duration;
    /// use sse_axum::Sse;
    /// use sse_testkit::{collect::Collector, tower::Tower};
    ///
    /// let silent = || async { Sse::new(tokio_stream::pending::<String>()) };
    /// let app = Tower::new(Router::new().route("/", get(silent)));
    /// let mut live = Collector::get("/").with_deadline(Duration::from_secs(60)).open(&app).await?;
    /// live.wait_until(|so_far| so_far.heartbeats() == 1).await?;
    /// assert_eq!(live.so_far().comments[1].at, Duration::from_secs(15));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub async fn wait_until(&mut self, mut holds: impl FnMut(&Collected) -> bool) -> Result<(), End> {
        self.begin(self.collected.collector.deadline);
        while !holds(&self.collected) {
            let _flow = self.step().await?;
        }
        Ok(())
    }

    /// Reads whatever comes within a time, and returns why it stopped: [`End::Deadline`] where the stream goes on.
    ///
    /// The events are handed out by [`next_event`](Self::next_event) still.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
    /// use axum::{Router, routing::get};
    /// use core::time::Duration;
    /// use sse_axum::Sse;
    /// use sse_testkit::{collect::{Collector, End}, tower::Tower};
    ///
    /// let silent = || async { Sse::new(tokio_stream::pending::<String>()) };
    /// let mut live = Collector::get("/").open(&Tower::new(Router::new().route("/", get(silent)))).await?;
    /// assert_eq!(live.read_for(Duration::from_secs(31)).await, End::Deadline);
    /// assert_eq!(live.so_far().heartbeats(), 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub async fn read_for(&mut self, time: Duration) -> End {
        self.begin(time);
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    /// Returns what came so far; its `end` is [`End::Left`] while the stream is open.
    pub fn so_far(&self) -> &Collected {
        &self.collected
    }

    /// Leaves, and returns what came.
    pub fn leave(mut self) -> Collected {
        self.body = None;
        if self.collected.end == End::Left {
            self.collected.elapsed = self.start.elapsed();
        }
        self.collected
    }

    /// Begins a wait. What passed since the last one was not read.
    fn begin(&mut self, time: Duration) {
        let now = Instant::now();
        let at = now.duration_since(self.start);
        self.unread += at.saturating_sub(self.read_until);
        self.read_until = at;
        self.bounds.set_deadline(now, time);
    }

    /// Reads until there is a reason to stop.
    pub(super) async fn read_all(&mut self) {
        if self.collected.collector.max_events == 0 {
            self.close(End::MaxEvents);
            return;
        }
        loop {
            match self.step().await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(end)) | Err(end) => {
                    self.close(end);
                    return;
                }
            }
        }
    }

    fn close(&mut self, end: End) {
        self.body = None;
        self.rest = Bytes::new();
        if self.collected.end == End::Left {
            self.collected.end = end;
            self.collected.elapsed = self.start.elapsed();
        }
    }

    /// Takes in one item, or the next chunk. `Break` says that the collector asked to stop here.
    async fn step(&mut self) -> Result<ControlFlow<End>, End> {
        let flow = self.take_in().await;
        // A wait that is dropped does not come here, and was none: less is blamed on the server, not more.
        self.read_until = self.start.elapsed();
        self.collected.read = self.read_until.saturating_sub(self.unread);
        flow
    }

    async fn take_in(&mut self) -> Result<ControlFlow<End>, End> {
        if !self.rest.is_empty()
            && let Some(flow) = self.item()
        {
            return flow;
        }
        let Some(body) = &mut self.body else { return Err(self.collected.end.clone()) };
        if self.collected.wire.len() + self.empty_frames >= self.collected.collector.max_bytes {
            self.close(End::Limit(Limit::Bytes));
            return Err(End::Limit(Limit::Bytes));
        }
        match guard::chunk(body.as_mut(), &mut self.bounds).await {
            Ok(chunk) => {
                let (from, at) = (self.collected.wire.len(), self.start.elapsed());
                self.collected.wire.extend_from_slice(&chunk);
                if chunk.is_empty() {
                    self.empty_frames += EMPTY_FRAME;
                } else {
                    let (bytes, read) = (from..from + chunk.len(), at.saturating_sub(self.unread));
                    self.collected.arrivals.push(Arrival { at, bytes, read });
                }
                if !self.collected.is_encoded {
                    self.rest = chunk;
                }
                Ok(ControlFlow::Continue(()))
            }
            Err(End::Deadline) => Err(End::Deadline),
            Err(end) => {
                if end == End::Ended {
                    self.collected.is_cut_off = self.decoder.finish().is_some();
                }
                self.close(end.clone());
                Err(end)
            }
        }
    }

    /// Takes in the next item of the chunk; `None` when it holds no more.
    fn item(&mut self) -> Option<Result<ControlFlow<End>, End>> {
        let at = self.start.elapsed();
        let collected = &mut self.collected;
        let mut feed = self.decoder.feed(&self.rest);
        let mut is_event = false;
        let found = match feed.next() {
            Some(Item::Event(event)) => {
                is_event = true;
                let id = event.sets_id().then(|| event.last_event_id().to_owned());
                let event = event.into_owned();
                collected.events.push(ReceivedEvent {
                    name: event.event_type.into_owned(),
                    data: event.data,
                    id,
                    last_event_id: event.last_event_id,
                    retry: self.retry.take(),
                    at,
                });
                true
            }
            Some(Item::Comment(comment)) => {
                let opens = collected.comments.is_empty() && collected.wire.starts_with(b":");
                let opens = opens && comment.text.is_empty();
                collected.comments.push(ReceivedComment { text: comment.text.to_owned(), at, opens });
                true
            }
            Some(Item::Retry(retry)) => {
                self.retry = Some(retry);
                collected.retry = Some(retry);
                true
            }
            Some(_) => {
                self.retry = None;
                true
            }
            None => false,
        };
        let left = feed.remaining().len();
        self.rest.advance(self.rest.len() - left);
        // Of an id that is not followed by data, too.
        if collected.last_event_id != self.decoder.last_event_id() {
            self.decoder.last_event_id().clone_into(&mut collected.last_event_id);
        }
        if !found {
            return None;
        }
        self.items += 1;
        Some(self.verdict(is_event))
    }

    /// Whether to go on behind an item.
    fn verdict(&mut self, is_event: bool) -> Result<ControlFlow<End>, End> {
        let Collected { collector, events, .. } = &self.collected;
        if is_event && collector.until.as_ref().is_some_and(|until| until(events)) {
            return Ok(ControlFlow::Break(End::Until));
        }
        if is_event && events.len() >= collector.max_events {
            return Ok(ControlFlow::Break(End::MaxEvents));
        }
        if self.items >= collector.max_items {
            self.close(End::Limit(Limit::Items));
            return Ok(ControlFlow::Break(End::Limit(Limit::Items)));
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl<B> fmt::Debug for Live<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("so_far", &self.collected).finish_non_exhaustive()
    }
}
