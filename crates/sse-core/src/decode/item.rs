//! What comes out of the decoder: items that borrow, and the same items owned.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use super::line::whole_code_points;

/// Shorter data is copied out of the decoder's buffer, so that the buffer stays with the decoder.
const WORTH_TAKING: usize = 4096;

/// One thing a stream said, borrowed from the chunk it came in or from the decoder.
///
/// Items come in the order of the line ends that completed them. [`Item::into_owned`] detaches an item from
/// both lenders.
///
/// ```
/// use sse_core::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut feed = decoder.feed(b": hello\nretry: 500\n\nid: 7\ndata: ok\n\n");
/// assert!(matches!(feed.next(), Some(Item::Comment(comment)) if comment.text == "hello"));
/// assert!(matches!(feed.next(), Some(Item::Retry(time)) if time.as_millis() == 500));
/// assert!(matches!(feed.next(), Some(Item::Block { sets_id: false, .. })));
/// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "ok"));
/// assert!(feed.next().is_none());
/// ```
#[derive(Debug)]
pub enum Item<'a> {
    /// A block with data, complete: what a browser dispatches as a `MessageEvent`.
    Event(MessageEvent<'a>),
    /// A comment line, reported at its own line end, before the block around it is complete.
    Comment(CommentLine<'a>),
    /// A `retry` field: the new reconnection time, reported at its line end as the [standard] prescribes,
    /// whatever becomes of the block around it.
    ///
    /// Only ASCII digits count; a number above `u64::MAX` milliseconds is that. Clamp it before a timer sees
    /// it.
    ///
    /// [standard]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    Retry(Duration),
    /// A block without data that set the last event ID or the reconnection time: nothing is dispatched, yet
    /// the stream's state moved. Blank lines and blocks of comments alone do not make one.
    Block {
        /// The last event ID string as of this block.
        last_event_id: &'a str,
        /// Whether this block has an `id` field of its own (if not, it has a `retry`).
        sets_id: bool,
    },
    /// An event above the limit ended here and was thrown away; the next block is decoded normally.
    ///
    /// Comments inside of it were reported as ever, its `retry` fields up to the limit, its id not at all.
    Discarded(Discarded),
}

impl Item<'_> {
    /// Detaches the item from chunk and decoder.
    ///
    /// Costs what [`MessageEvent::into_owned`] costs; a comment and an id are copied.
    ///
    /// ```
    /// # use sse_core::{Decoder, OwnedItem};
    /// let mut decoder = Decoder::new();
    /// let item = decoder.feed(b":x\n").next().map(|item| item.into_owned());
    /// assert!(matches!(item, Some(OwnedItem::Comment(comment)) if comment.text == "x"));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> OwnedItem {
        match self {
            Self::Event(event) => OwnedItem::Event(event.into_owned()),
            Self::Comment(comment) => OwnedItem::Comment(comment.into_owned()),
            Self::Retry(time) => OwnedItem::Retry(time),
            Self::Block { last_event_id, sets_id } => {
                OwnedItem::Block { last_event_id: String::from(last_event_id), sets_id }
            }
            Self::Discarded(discarded) => OwnedItem::Discarded(discarded),
        }
    }
}

/// An event as the [standard] dispatches it: type, data, last event ID.
///
/// [standard]: https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage
///
/// ```
/// # use sse_core::{Decoder, Item};
/// let mut decoder = Decoder::new();
/// let mut feed = decoder.feed(b"event: add\nid: 7\ndata: one\ndata: two\n\n");
/// let Some(Item::Event(event)) = feed.next() else { unreachable!() };
/// assert_eq!(event.event_type(), "add");
/// assert_eq!(event.data(), "one\ntwo");
/// assert_eq!(event.last_event_id(), "7");
/// assert!(event.sets_id());
/// ```
pub struct MessageEvent<'a> {
    pub(super) event_type: &'a str,
    pub(super) data: Data<'a>,
    pub(super) last_event_id: &'a str,
    pub(super) sets_id: bool,
}

/// Where the data of a [`MessageEvent`] lies.
pub(super) enum Data<'a> {
    Chunk(&'a str),
    /// The decoder's own buffer, for the taking.
    Buffer(&'a mut String),
}

impl<'a> MessageEvent<'a> {
    /// Returns the data as a `String`, for an owner.
    ///
    /// Data that the decoder had to put together from several chunks or lines is taken from it without a copy when it
    /// is large (4 KiB or more); otherwise this is one allocation and one copy. The capacity is at most about twice the
    /// length.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.feed(b"data: large and in ").next().is_none());
    /// let mut feed = decoder.feed(b"two chunks\n\n");
    /// let Some(Item::Event(event)) = feed.next() else { unreachable!() };
    /// assert_eq!(event.into_data(), "large and in two chunks");
    /// ```
    #[must_use]
    pub fn into_data(self) -> String {
        match self.data {
            Data::Buffer(buffer) if buffer.len() >= WORTH_TAKING && buffer.capacity() / 2 <= buffer.len() => {
                core::mem::take(buffer)
            }
            Data::Buffer(buffer) => String::from(buffer.as_str()),
            Data::Chunk(text) => String::from(text),
        }
    }

    /// Detaches the event from chunk and decoder.
    ///
    /// Costs what [`into_data`](Self::into_data) costs, and one allocation each for an id that is not empty and a type
    /// that is not `message`.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b"data: x\n\n");
    /// let Some(Item::Event(event)) = feed.next() else { unreachable!() };
    /// let owned = event.into_owned();
    /// assert_eq!((&*owned.event_type, &*owned.data), ("message", "x"));
    /// ```
    #[must_use]
    pub fn into_owned(self) -> OwnedMessageEvent {
        OwnedMessageEvent {
            event_type: match self.event_type {
                MESSAGE => Cow::Borrowed(MESSAGE),
                other => Cow::Owned(String::from(other)),
            },
            last_event_id: String::from(self.last_event_id),
            sets_id: self.sets_id,
            data: self.into_data(),
        }
    }

    /// Returns the event type: the last `event` field of the block, `message` if there was none or it was empty.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b"event: a\nevent: b\ndata\n\ndata\n\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.event_type() == "b"));
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.event_type() == "message"));
    /// ```
    #[must_use]
    pub fn event_type(&self) -> &'a str {
        self.event_type
    }

    /// Returns the values of the `data` fields, joined by line feeds; copies nothing.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b"data:  two spaces\r\ndata\r\ndata: end\r\n\r\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == " two spaces\n\nend"));
    /// ```
    #[must_use]
    pub fn data(&self) -> &str {
        match &self.data {
            Data::Chunk(text) => text,
            Data::Buffer(buffer) => buffer,
        }
    }

    /// Returns the last event ID string as of this event: its own id or the one inherited from an earlier block; empty
    /// if there was none or it was reset.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b"id: 7\ndata: own\n\ndata: inherited\n\nid\ndata: reset\n\n");
    /// for id in ["7", "7", ""] {
    ///     assert!(matches!(feed.next(), Some(Item::Event(event)) if event.last_event_id() == id));
    /// }
    /// ```
    #[must_use]
    pub fn last_event_id(&self) -> &'a str {
        self.last_event_id
    }

    /// Says whether this event's block has an `id` field of its own; one that holds NUL does not count, as [the
    /// standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation) has it.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b"id: 7\ndata: own\n\ndata: inherited\n\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.sets_id()));
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if !event.sets_id()));
    /// ```
    #[must_use]
    pub fn sets_id(&self) -> bool {
        self.sets_id
    }
}

impl fmt::Debug for MessageEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageEvent")
            .field("event_type", &self.event_type)
            .field("data", &self.data())
            .field("last_event_id", &self.last_event_id)
            .field("sets_id", &self.sets_id)
            .finish()
    }
}

/// The type of an event whose block names none.
pub(super) const MESSAGE: &str = "message";

/// A comment line's text: what follows the colon, without one leading space.
///
/// However long the line, and however it is cut into chunks, at most the first [`CommentLine::LIMIT`] bytes
/// are kept and reported; the rest is skipped unseen.
///
/// ```
/// # use sse_core::{CommentLine, Decoder, Item};
/// let mut decoder = Decoder::new();
/// let line = [b":".as_slice(), &[b'x'; 5000], b"\n"].concat();
/// let mut feed = decoder.feed(&line);
/// let Some(Item::Comment(comment)) = feed.next() else { unreachable!() };
/// assert_eq!((comment.text.len(), comment.is_truncated), (CommentLine::LIMIT, true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommentLine<'a> {
    /// The text, at most [`CommentLine::LIMIT`] bytes of the line.
    pub text: &'a str,
    /// Whether the line went on after `text`.
    pub is_truncated: bool,
}

impl CommentLine<'_> {
    /// How many bytes of a comment line's text are looked at, and reported at most.
    pub const LIMIT: usize = 1024;

    /// Detaches the comment from chunk and decoder: one allocation, none for an empty text.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut feed = decoder.feed(b": keep-alive\n");
    /// let Some(Item::Comment(comment)) = feed.next() else { unreachable!() };
    /// assert_eq!(comment.into_owned().text, "keep-alive");
    /// ```
    #[must_use]
    pub fn into_owned(self) -> OwnedCommentLine {
        OwnedCommentLine { text: String::from(self.text), is_truncated: self.is_truncated }
    }

    /// The part of a comment's bytes that is reported, and whether there was more.
    pub(super) fn cut(bytes: &[u8]) -> (&[u8], bool) {
        let Some(head) = bytes.get(..Self::LIMIT).filter(|head| head.len() < bytes.len()) else {
            return (bytes, false);
        };
        (whole_code_points(head), true)
    }
}

/// Bytes of an event that were thrown away.
///
/// Comes from an event above the limit ([`Item::Discarded`]) or from a stream that ended before the event's
/// blank line ([`Decoder::finish`](super::Decoder::finish)). The id of such an event is not committed: what
/// was not delivered is not acknowledged, so a server that replays after
/// [`last_event_id`](super::Decoder::last_event_id) sends it again. Its `retry` fields were reported as far
/// as they came before the limit.
///
/// ```
/// # use sse_core::{Decoder, Item};
/// let mut decoder = Decoder::with_limit(4);
/// let mut feed = decoder.feed(b"id: 9\ndata: too long\n\ndata: ok\n\n");
/// assert!(matches!(feed.next(), Some(Item::Discarded(discarded)) if discarded.len == 11));
/// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "ok" && event.last_event_id() == ""));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// The event's length as the limit counts it: for each `data`, `event`, `id` and `retry` line the bytes
    /// of its value and one for its end. A line cut short by the end of the stream counts as if it had ended.
    pub len: u64,
}

/// [`Item`] without borrows, to be kept, compared or sent to another thread.
///
/// ```
/// use core::time::Duration;
/// use sse_core::{Decoder, OwnedItem};
///
/// let mut decoder = Decoder::new();
/// let items: Vec<OwnedItem> = decoder.feed(b"id: 7\nretry: 500\n\n").owned().collect();
/// let block = OwnedItem::Block { last_event_id: String::from("7"), sets_id: true };
/// assert_eq!(items, [OwnedItem::Retry(Duration::from_millis(500)), block]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedItem {
    /// See [`Item::Event`].
    Event(OwnedMessageEvent),
    /// See [`Item::Comment`].
    Comment(OwnedCommentLine),
    /// See [`Item::Retry`].
    Retry(Duration),
    /// See [`Item::Block`].
    Block {
        /// The last event ID string as of this block.
        last_event_id: String,
        /// Whether this block has an `id` field of its own.
        sets_id: bool,
    },
    /// See [`Item::Discarded`].
    Discarded(Discarded),
}

/// [`MessageEvent`] without borrows.
///
/// ```
/// # use sse_core::{Decoder, OwnedItem};
/// let mut decoder = Decoder::new();
/// let items: Vec<OwnedItem> = decoder.feed(b"data: a\n\ndata: b\n\n").owned().collect();
/// assert!(matches!(&items[1], OwnedItem::Event(event) if event.data == "b"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedMessageEvent {
    /// See [`MessageEvent::event_type`]; `message` is not allocated.
    pub event_type: Cow<'static, str>,
    /// See [`MessageEvent::data`].
    pub data: String,
    /// See [`MessageEvent::last_event_id`].
    pub last_event_id: String,
    /// See [`MessageEvent::sets_id`].
    pub sets_id: bool,
}

/// [`CommentLine`] without borrows.
///
/// ```
/// # use sse_core::{Decoder, OwnedItem};
/// let mut decoder = Decoder::new();
/// let items: Vec<OwnedItem> = decoder.feed(b": keep-alive\n").owned().collect();
/// assert!(matches!(&items[..], [OwnedItem::Comment(comment)] if comment.text == "keep-alive"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCommentLine {
    /// See [`CommentLine::text`].
    pub text: String,
    /// See [`CommentLine::is_truncated`].
    pub is_truncated: bool,
}
