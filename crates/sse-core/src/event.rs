//! Events and comments: plain values that know nothing of the wire.

use crate::field::{EventId, EventName, Retry};
use alloc::borrow::Cow;

/// One event: what a client dispatches, borrowed or owned.
///
/// There is no empty event: every constructor puts one field in. Building one cannot fail, because every field is a
/// type whose values are legal. The data may be any text; its line ends (CR, LF or CRLF) reach the client as LF.
///
/// [`Event::encode`](Event::encode) and its relatives write it; a stream takes it as it is.
///
/// ```
/// use sse_core::{Event, event_name};
///
/// let event = Event::new("72 °C\nrising").with_name(event_name!("boiler")).with_id(7_u64);
/// assert_eq!(event.to_frame().as_bytes(), "event: boiler\nid: 7\ndata: 72 °C\ndata: rising\n\n".as_bytes());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    comment: Option<Cow<'a, str>>,
    name: Option<EventName<'a>>,
    id: Option<EventId<'a>>,
    retry: Option<Retry>,
    data: Option<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// Makes an event that carries `data`; empty data is dispatched too.
    ///
    /// Borrowed and owned text are kept as they are: nothing is copied or checked before the event is encoded.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// assert_eq!(Event::new("a\r\nb").to_frame().as_bytes(), b"data: a\ndata: b\n\n");
    /// assert_eq!(Event::new("").to_frame().as_bytes(), b"data: \n\n");
    /// ```
    #[must_use]
    #[inline]
    pub fn new(data: impl Into<Cow<'a, str>>) -> Self {
        Self { data: Some(data.into()), ..Self::empty() }
    }

    /// Makes a block that moves the client's last event id and dispatches nothing, as [the
    /// standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage) has it.
    ///
    /// Firefox and several client libraries ignore such a block: put ids next to data where you can.
    ///
    /// ```
    /// use sse_core::{Event, EventId};
    ///
    /// assert_eq!(Event::bare_id(EventId::RESET).to_frame().as_bytes(), b"id: \n\n");
    /// ```
    #[must_use]
    pub fn bare_id(id: impl Into<EventId<'a>>) -> Self {
        Self { id: Some(id.into()), ..Self::empty() }
    }

    /// Makes a block that sets the client's reconnection time and dispatches nothing.
    ///
    /// Several client libraries lose it: put `retry` next to data where you can.
    ///
    /// ```
    /// use sse_core::{Event, Retry};
    ///
    /// assert_eq!(Event::bare_retry(Retry::from_millis(500)).to_frame().as_bytes(), b"retry: 500\n\n");
    /// ```
    #[must_use]
    pub fn bare_retry(retry: impl Into<Retry>) -> Self {
        Self { retry: Some(retry.into()), ..Self::empty() }
    }

    /// Sets the name, by which a client's listeners choose; without one the event is a `message`.
    ///
    /// ```
    /// use sse_core::{Event, EventName, event_name};
    ///
    /// let event = Event::new("up").with_name(event_name!("status"));
    /// assert_eq!(event.to_frame().as_bytes(), b"event: status\ndata: up\n\n");
    ///
    /// let from_user = EventName::new("status\ndata: forged");
    /// assert!(from_user.is_err(), "text that is not known when it is compiled is checked first");
    /// ```
    #[must_use]
    #[inline]
    pub fn with_name(mut self, name: EventName<'a>) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets the id, which the client sends back as
    /// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header) when
    /// it reconnects.
    ///
    /// An event without one leaves the client's last event id as it is; [`EventId::RESET`] clears it. A number is an
    /// id.
    ///
    /// ```
    /// use sse_core::{Event, EventId};
    ///
    /// assert_eq!(Event::new("a").with_id(7_u64).to_frame().as_bytes(), b"id: 7\ndata: a\n\n");
    ///
    /// let cursor = EventId::new("k3f9-1842")?;
    /// assert_eq!(Event::new("b").with_id(cursor).to_frame().as_bytes(), b"id: k3f9-1842\ndata: b\n\n");
    /// # Ok::<(), sse_core::InvalidField>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn with_id(mut self, id: impl Into<EventId<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the client's [reconnection
    /// time](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time),
    /// from this event on.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Event;
    ///
    /// let event = Event::new("busy").with_retry(Duration::from_secs(10));
    /// assert_eq!(event.to_frame().as_bytes(), b"retry: 10000\ndata: busy\n\n");
    /// ```
    #[must_use]
    #[inline]
    pub fn with_retry(mut self, retry: impl Into<Retry>) -> Self {
        self.retry = Some(retry.into());
        self
    }

    /// Sets a comment, which clients ignore: any text, one comment line for each of its lines.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let event = Event::new("a").with_comment("shard 3\nlag 0");
    /// assert_eq!(event.to_frame().as_bytes(), b": shard 3\n: lag 0\ndata: a\n\n");
    /// ```
    #[must_use]
    #[inline]
    pub fn with_comment(mut self, comment: impl Into<Cow<'a, str>>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Returns the data; `None` for a block that dispatches nothing.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// assert_eq!(Event::new("").data(), Some(""));
    /// assert_eq!(Event::bare_id(7_u64).data(), None);
    /// ```
    #[must_use]
    #[inline]
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// Returns the name; `None` when the event is a `message` for want of one.
    #[must_use]
    #[inline]
    pub fn name(&self) -> Option<&EventName<'a>> {
        self.name.as_ref()
    }

    /// Returns the id; `None` when the event leaves the client's last event id as it is.
    #[must_use]
    #[inline]
    pub fn id(&self) -> Option<&EventId<'a>> {
        self.id.as_ref()
    }

    /// Returns the reconnection time; `None` when the event leaves it as it is.
    #[must_use]
    #[inline]
    pub fn retry(&self) -> Option<Retry> {
        self.retry
    }

    /// Returns the comment, if there is one.
    #[must_use]
    #[inline]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Detaches the event from what it borrows; copies each field that it borrowed, also from a literal.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let line = String::from("72 °C");
    /// let event: Event<'static> = Event::new(line.as_str()).into_owned();
    /// drop(line);
    /// assert_eq!(event.data(), Some("72 °C"));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event {
            comment: self.comment.map(|comment| Cow::Owned(comment.into_owned())),
            name: self.name.map(EventName::into_owned),
            id: self.id.map(EventId::into_owned),
            retry: self.retry,
            data: self.data.map(|data| Cow::Owned(data.into_owned())),
        }
    }

    #[inline]
    pub(crate) fn retry_ref(&self) -> Option<&Retry> {
        self.retry.as_ref()
    }

    /// Not public: a block must have a field. Not a constant, which would be copied with all its padding.
    #[inline]
    pub(crate) fn empty() -> Self {
        Self { comment: None, name: None, id: None, retry: None, data: None }
    }
}

/// A comment: text that clients ignore, used to keep connections open and to annotate a stream.
///
/// Written as one comment line for each line of its text and *no* blank line: between two events that is complete, and
/// clients that take every blank line for an event (`fetch-event-source`, Datastar) are not handed an empty one. The
/// standard describes comments under
/// [parsing](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
///
/// ```
/// use sse_core::Comment;
///
/// assert_eq!(Comment::new("a\r\nb").to_frame().as_bytes(), b": a\n: b\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment<'a>(Cow<'a, str>);

impl<'a> Comment<'a> {
    /// Makes a comment of any text; nothing is copied or checked.
    ///
    /// ```
    /// use sse_core::Comment;
    ///
    /// assert_eq!(Comment::new("").to_frame().as_bytes(), b": \n");
    /// ```
    #[must_use]
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event_id, event_name};

    #[test]
    fn an_event_tells_what_it_was_given_and_keeps_it_when_it_is_detached() {
        let event = Event::new("d")
            .with_name(event_name!("n"))
            .with_id(event_id!("i"))
            .with_retry(Retry::from_millis(5))
            .with_comment("c");
        for event in [event.clone(), event.into_owned()] {
            assert_eq!((event.data(), event.comment()), (Some("d"), Some("c")));
            assert_eq!((event.name(), event.id()), (Some(&event_name!("n")), Some(&event_id!("i"))));
            assert_eq!(event.retry(), Some(Retry::from_millis(5)));
        }
        for event in [Event::bare_id(7_u64), Event::bare_retry(Retry::from_millis(5))] {
            assert_eq!((event.data(), event.name(), event.comment()), (None, None, None));
            assert_ne!(event.id().is_some(), event.retry().is_some());
        }
    }
}
