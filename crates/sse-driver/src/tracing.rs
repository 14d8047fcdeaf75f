use crate::observer::{Notice, Observer};
use tracing::{Span, debug, info, trace, warn};

/// Tells [`tracing`] what happens to a response (feature `tracing`).
///
/// Everything belongs to the span in which the observer was made, which is the request's when a handler makes it. Errors of
/// items are warnings, ends are told at `INFO`, the start and each error event at `DEBUG`, everything else at `TRACE`; the
/// target is `sse`. No event data is told. Costs what an [`Observer`] costs, and what the subscriber does.
///
/// ```
/// use sse_driver::{Options, TracingObserver};
///
/// let options = Options::new().with_observer(TracingObserver::new());
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct TracingObserver {
    span: Span,
}

impl TracingObserver {
    /// Makes an observer of one response, in the span that is current.
    #[must_use]
    pub fn new() -> Self {
        Self::in_span(Span::current())
    }

    /// Makes an observer whose events belong to `span`.
    ///
    /// ```
    /// use sse_driver::TracingObserver;
    ///
    /// let observer = TracingObserver::in_span(tracing::info_span!("stream", user = 7));
    /// # let _ = observer;
    /// ```
    #[must_use]
    pub fn in_span(span: Span) -> Self {
        Self { span }
    }
}

impl Default for TracingObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for TracingObserver {
    fn observe(&self, notice: &Notice<'_>) {
        let _entered = self.span.enter();
        match *notice {
            Notice::Start => debug!(target: "sse", "the stream starts"),
            Notice::Chunk { bytes } => trace!(target: "sse", bytes, "a chunk was handed over"),
            Notice::Unsent { bytes } => debug!(target: "sse", bytes, "a chunk was not taken"),
            Notice::Retry { time } => trace!(target: "sse", ?time, "a reconnection time"),
            Notice::Event { kind: kind @ "error", name, id, data_lines, data_bytes } => {
                debug!(target: "sse", kind, name, id, data_lines, data_bytes, "an event");
            }
            Notice::Event { kind, name, id, data_lines, data_bytes } => {
                trace!(target: "sse", kind, name, id, data_lines, data_bytes, "an event");
            }
            Notice::Heartbeat => trace!(target: "sse", "a heartbeat"),
            Notice::CloseEvent { name } => debug!(target: "sse", name, "the close event"),
            Notice::Error { kind, error } => warn!(target: "sse", kind, %error, "an item gave no frame"),
            Notice::Close { reason, totals } => info!(
                target: "sse",
                %reason,
                frames = totals.frames,
                heartbeats = totals.heartbeats,
                bytes = totals.bytes,
                "the stream is over"
            ),
        }
    }
}
