use core::fmt;
use sse_core::{Encoder, Event, EventName, Frame, ItemError, event_name};
use std::sync::Arc;

/// What becomes of an item that gave no frame.
///
/// | policy | a value could not be encoded | the source failed |
/// |---|---|---|
/// | [`notify`](Self::notify) (default) | an error event, the stream goes on | an error event, then the end |
/// | [`skip`](Self::skip) | nothing, the stream goes on | nothing; a stream may go on, an async function has ended |
/// | [`close`](Self::close) | the end | the end |
/// | [`custom`](Self::custom) | as the function says | as the function says |
///
/// A stream that gives errors only is asked for ever under [`skip`](Self::skip), between other tasks.
///
/// The end is graceful: everything before still goes out, then the close event. Error events are named `sse:error`
/// (never `error`, which an `EventSource` hands to its connection error handlers), and say nothing of the error unless
/// [`with_details`](Self::with_details) asks for it.
///
/// ```
/// use sse_driver::{ErrorAction, ErrorPolicy};
/// use sse_driver::sse_core::{Event, event_name};
///
/// let inline = ErrorPolicy::custom(|error| {
///     ErrorAction::Send(Event::new(format!("<p>{error}</p>")).with_name(event_name!("row")).into())
/// });
/// let loud = ErrorPolicy::notify().with_name(event_name!("failure")).with_details();
/// # let _ = (inline, loud);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ErrorPolicy(Kind);

/// What to do about one item that gave no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorAction {
    /// Go on with the next item.
    Skip,
    /// Send this instead and go on.
    Send(Frame),
    /// Send this instead, then end the stream.
    SendAndClose(Frame),
    /// End the stream.
    Close,
}

#[derive(Clone)]
enum Kind {
    Skip,
    Notify { name: EventName<'static>, has_details: bool },
    Close,
    Custom(Arc<dyn Fn(&ItemError) -> ErrorAction + Send + Sync>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Notify { name: ErrorPolicy::DEFAULT_NAME, has_details: false }
    }
}

impl ErrorPolicy {
    /// The name of error events.
    pub const DEFAULT_NAME: EventName<'static> = event_name!("sse:error");

    /// Tells the client with an event; a failed source ends the stream after it.
    #[must_use]
    pub fn notify() -> Self {
        Self::default()
    }

    /// Leaves the item out.
    #[must_use]
    pub const fn skip() -> Self {
        Self(Kind::Skip)
    }

    /// Ends the stream.
    #[must_use]
    pub const fn close() -> Self {
        Self(Kind::Close)
    }

    /// Asks a function.
    #[must_use]
    pub fn custom(decide: impl Fn(&ItemError) -> ErrorAction + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Arc::new(decide)))
    }

    /// Sets the name of error events, for [`ErrorPolicy::notify`].
    #[must_use]
    pub fn with_name(mut self, new_name: EventName<'static>) -> Self {
        if let Kind::Notify { name, .. } = &mut self.0 {
            *name = new_name;
        }
        self
    }

    /// Lets error events tell the error itself, for [`ErrorPolicy::notify`]: for development, or where errors are fit for users.
    #[must_use]
    pub fn with_details(mut self) -> Self {
        if let Kind::Notify { has_details, .. } = &mut self.0 {
            *has_details = true;
        }
        self
    }

    pub(crate) fn decide(&self, error: &ItemError, encoder: &Encoder) -> ErrorAction {
        match &self.0 {
            Kind::Skip => ErrorAction::Skip,
            Kind::Close => ErrorAction::Close,
            Kind::Custom(decide) => decide(error),
            Kind::Notify { name, has_details } => {
                let is_rendering = matches!(error, ItemError::Encode(_));
                let redacted = if is_rendering { "Event rendering failed" } else { "Internal server error" };
                let data = if *has_details { error.to_string() } else { redacted.to_owned() };
                let frame = encoder.to_frame(&Event::new(data).with_name(name.clone()));
                if is_rendering { ErrorAction::Send(frame) } else { ErrorAction::SendAndClose(frame) }
            }
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("Skip"),
            Self::Notify { name, has_details } => {
                f.debug_struct("Notify").field("name", name).field("has_details", has_details).finish()
            }
            Self::Close => f.write_str("Close"),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}
