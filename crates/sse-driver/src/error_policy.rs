use core::fmt::{self, Write};
use sse_core::{ClientProfile, Encoder, Event, EventName, Frame, ItemError, event_name};
use std::sync::Arc;

/// What becomes of an item that gave no frame.
///
/// | policy | a value could not be encoded or rendered | the source failed |
/// |---|---|---|
/// | [`notify`](Self::notify) (default) | an error event, the stream goes on | an error event, then the end |
/// | [`inline`](Self::inline) (development) | the error in the value's place, the stream goes on | the error, then the end |
/// | [`skip`](Self::skip) | nothing, the stream goes on | nothing; a stream may go on, an async function has ended |
/// | [`close`](Self::close) | the end | the end |
/// | [`custom`](Self::custom) | as the function says | as the function says |
///
/// A stream that gives errors only is asked for ever under [`skip`](Self::skip), between other tasks. Values that the
/// source itself leaves out ([`ItemError::Skip`]) are reported to the [observer](crate::Observer) and never sent: no
/// policy is asked.
///
/// The end is graceful: everything before still goes out, then the close event. Error events are named `sse:error`
/// (never `error`, which an `EventSource` hands to its connection error handlers), and say nothing of the error unless
/// [`with_details`](Self::with_details) asks for it.
///
/// ```
/// # use core::pin::pin;
/// # use core::task::{Context, Poll, Waker};
/// use sse_driver::sse_core::{Event, event_name};
/// use sse_driver::{ErrorAction, ErrorPolicy};
/// # use sse_driver::{Driver, Options, Timer, sse_core::Instant};
/// # struct Clock;
/// # impl Timer for Clock {
/// #     fn now(&mut self) -> Instant {
/// #         Instant::EPOCH
/// #     }
/// #     fn reset(&mut self, _: Instant) {}
/// #     fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
/// #         Poll::Pending
/// #     }
/// # }
/// # fn wire(policy: ErrorPolicy) -> String {
/// #     let source = tokio_stream::iter([Ok("a"), Err("no such table"), Ok("b")]);
/// #     let mut driver = pin!(Driver::new(source, Clock, Options::new().on_error(policy)));
/// #     let mut wire = String::new();
/// #     let mut cx = Context::from_waker(Waker::noop());
/// #     while let Poll::Ready(Some(chunk)) = driver.as_mut().poll_chunk(&mut cx) {
/// #         wire.push_str(core::str::from_utf8(&chunk).unwrap());
/// #     }
/// #     wire
/// # }
///
/// // What goes out of: "a", an error, "b".
/// let notified = wire(ErrorPolicy::notify());
/// assert_eq!(notified, ":\ndata: a\n\nevent: sse:error\ndata: Internal server error\n\n");
/// assert_eq!(wire(ErrorPolicy::skip()), ":\ndata: a\n\ndata: b\n\n");
/// assert_eq!(wire(ErrorPolicy::close()), ":\ndata: a\n\n");
///
/// let inline = ErrorPolicy::custom(|error| {
///     ErrorAction::Send(Event::new(format!("<p>{error}</p>")).with_name(event_name!("row")).into())
/// });
/// let row = "event: row\ndata: <p>the source failed: no such table</p>\n\n";
/// assert_eq!(wire(inline), format!(":\ndata: a\n\n{row}data: b\n\n"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ErrorPolicy(Kind);

/// What to do about one item that gave no frame.
///
/// ```
/// use sse_driver::sse_core::{Event, ItemError};
/// use sse_driver::{ErrorAction, ErrorPolicy};
///
/// let policy = ErrorPolicy::custom(|error| match error {
///     ItemError::Encode(_) => ErrorAction::Skip,
///     _ => ErrorAction::SendAndClose(Event::new("try again later").into()),
/// });
/// # let _ = policy;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
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
    Notify {
        name: EventName<'static>,
        tells: Tells,
    },
    Close,
    /// This event, then the end.
    Last(Arc<Event<'static>>),
    Custom(Arc<dyn Fn(&ItemError) -> ErrorAction + Send + Sync>),
}

/// What an error event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// That there was an error.
    Nothing,
    /// What it was.
    Details,
    /// What it was, and where it was, if it has a place.
    InPlace,
}

impl Default for Kind {
    fn default() -> Self {
        Self::Notify { name: ErrorPolicy::DEFAULT_NAME, tells: Tells::Nothing }
    }
}

impl ErrorPolicy {
    /// The name of error events, `sse:error`.
    pub const DEFAULT_NAME: EventName<'static> = event_name!("sse:error");

    /// Tells the client with an event; a failed source ends the stream after it. The default.
    ///
    /// The event's data is `Internal server error` or, where a value could not be encoded or rendered, `Event rendering
    /// failed`.
    ///
    /// ```
    /// use sse_driver::{ErrorPolicy, Options};
    ///
    /// let options = Options::new().on_error(ErrorPolicy::notify().with_details());
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn notify() -> Self {
        Self::default()
    }

    /// For development: a value that could not be rendered is replaced by what it brings to stand in for it, which tells
    /// the error where the value belongs. Other errors are told as by
    /// [`notify().with_details()`](ErrorPolicy::with_details).
    ///
    /// Fragments of HTML (`sse-html`) bring an escaped block. Never for users: errors can tell secrets.
    ///
    /// ```
    /// use sse_driver::{ErrorPolicy, Options};
    ///
    /// let policy = if cfg!(debug_assertions) { ErrorPolicy::inline() } else { ErrorPolicy::notify() };
    /// let options = Options::new().on_error(policy);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn inline() -> Self {
        Self(Kind::Notify { name: Self::DEFAULT_NAME, tells: Tells::InPlace })
    }

    /// Leaves the item out and goes on, also when the source failed: a source that fails for ever is asked for ever.
    ///
    /// ```
    /// use sse_driver::{ErrorPolicy, Options};
    ///
    /// let options = Options::new().on_error(ErrorPolicy::skip());
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn skip() -> Self {
        Self(Kind::Skip)
    }

    /// Ends the stream gracefully, without a word of its own: the [close event](crate::Options::with_close_event) still
    /// goes out.
    ///
    /// ```
    /// use sse_driver::sse_core::{connection::CloseEvent, event_name};
    /// use sse_driver::{ErrorPolicy, Options};
    ///
    /// let done = CloseEvent::new(event_name!("done")).with_reason(); // data: source-failed
    /// let options = Options::new().on_error(ErrorPolicy::close()).with_close_event(done);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn close() -> Self {
        Self(Kind::Close)
    }

    /// Asks a function about each item that gave no frame. It runs inside of the response's poll: it must not block.
    ///
    /// ```
    /// use sse_driver::sse_core::Event;
    /// use sse_driver::{ErrorAction, ErrorPolicy};
    ///
    /// let policy = ErrorPolicy::custom(|error| ErrorAction::Send(Event::new(error.to_string()).into()));
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn custom(decide: impl Fn(&ItemError) -> ErrorAction + Send + Sync + 'static) -> Self {
        Self(Kind::Custom(Arc::new(decide)))
    }

    /// Sets the name of error events, for [`ErrorPolicy::notify`] and [`ErrorPolicy::inline`]; the other
    /// policies stay as they are.
    ///
    /// ```
    /// use sse_driver::ErrorPolicy;
    /// use sse_driver::sse_core::event_name;
    ///
    /// let policy = ErrorPolicy::notify().with_name(event_name!("failure"));
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn with_name(mut self, new_name: EventName<'static>) -> Self {
        if let Kind::Notify { name, .. } = &mut self.0 {
            *name = new_name;
        }
        self
    }

    /// Makes the policy of a kind of client: its own error event, then the end, where it has one, else
    /// [`notify`](Self::notify).
    ///
    /// ```
    /// use sse_driver::ErrorPolicy;
    /// use sse_driver::sse_core::ClientProfile;
    ///
    /// let policy = ErrorPolicy::for_client(ClientProfile::OpenAi); // data: {"error":{…}}, and the end
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn for_client(profile: ClientProfile) -> Self {
        profile.error_event().map_or_else(Self::notify, |event| Self(Kind::Last(Arc::new(event))))
    }

    /// Lets error events tell the error itself, for [`ErrorPolicy::notify`]: for development, or where errors are fit
    /// for users. The other policies stay as they are.
    ///
    /// ```
    /// use sse_driver::ErrorPolicy;
    ///
    /// let policy = ErrorPolicy::notify().with_details(); // data: the source failed: no such table
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn with_details(mut self) -> Self {
        if let Kind::Notify { tells: tells @ Tells::Nothing, .. } = &mut self.0 {
            *tells = Tells::Details;
        }
        self
    }

    pub(crate) fn decide(&self, error: &ItemError, encoder: &Encoder) -> ErrorAction {
        match &self.0 {
            Kind::Skip => ErrorAction::Skip,
            Kind::Close => ErrorAction::Close,
            Kind::Custom(decide) => decide(error),
            Kind::Last(event) => ErrorAction::SendAndClose(encoder.to_frame(event)),
            Kind::Notify { name, tells } => {
                let is_rendering = match error {
                    ItemError::Render(error) if *tells == Tells::InPlace => {
                        return ErrorAction::Send(error.stand_in().clone());
                    }
                    ItemError::Render(_) | ItemError::Encode(_) => true,
                    _ => false,
                };
                let redacted = if is_rendering { "Event rendering failed" } else { "Internal server error" };
                let mut data = String::new();
                // An error may fail to say what it is, half way.
                if *tells == Tells::Nothing || write!(data, "{error}").is_err() {
                    data = redacted.to_owned();
                }
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
            Self::Notify { name, tells } => {
                f.debug_struct("Notify").field("name", name).field("tells", tells).finish()
            }
            Self::Close => f.write_str("Close"),
            Self::Last(event) => f.debug_tuple("Last").field(event).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}
