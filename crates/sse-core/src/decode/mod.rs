//! Bytes of an event stream in, items out: the standard's [interpretation of an event stream][standard],
//! incremental and lending.
//!
//! ```
//! use sse_core::{Decoder, Item};
//!
//! let mut decoder = Decoder::new();
//! for chunk in [b"event: add\ndata: 738".as_slice(), b"57293\n\n"] {
//!     let mut feed = decoder.feed(chunk);
//!     while let Some(item) = feed.next() {
//!         if let Item::Event(event) = item {
//!             assert_eq!((event.event_type(), event.data()), ("add", "73857293"));
//!         }
//!     }
//! }
//! decoder.finish();
//! ```
//!
//! [standard]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

mod feed;
mod item;
mod line;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use memchr::memchr;

pub use self::feed::Feed;
pub use self::item::{
    CommentLine, Discarded, Item, MessageEvent, OwnedCommentLine, OwnedItem, OwnedMessageEvent,
};
use self::line::{Field, LONGEST_HEAD, Span, reconnection_time, split, split_beginning};

/// Capacity beyond this goes back to the allocator once the event that needed it is over.
const RETAINED: usize = 64 * 1024;

/// Decodes an event stream, chunk by chunk, as the [standard] prescribes and browsers do.
///
/// The result is the same however the stream is cut into chunks. Bytes that are not UTF-8 become U+FFFD;
/// nothing is an error, nothing panics. Memory is bounded: one event may count [`limit`](Self::with_limit)
/// bytes and the buffers hold at most a few times that (they grow by doubling, and a bad byte becomes three);
/// comments beyond [`CommentLine::LIMIT`], unknown fields and the rest of an event above the limit are not
/// buffered; between events at most 64 KiB of each buffer are kept.
///
/// A decoder outlives a connection: call [`finish`](Self::finish) at its end and feed the next one, so that
/// [`last_event_id`](Self::last_event_id) carries over.
///
/// ```
/// use sse_core::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut feed = decoder.feed(b"id: 41\ndata: {\"n\":1}\n\nid: 42\ndata: {\"n\"");
/// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "{\"n\":1}"));
/// assert!(feed.next().is_none());
/// assert!(decoder.finish().is_some(), "half an event was discarded");
/// assert_eq!(decoder.last_event_id(), "41");
/// ```
///
/// [standard]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
#[derive(Clone)]
pub struct Decoder {
    limit: u64,
    bytes_seen: u64,
    line: Line,
    /// The last byte was a CR: an LF that follows belongs to it.
    skip_line_feed: bool,
    /// What the block's fields count so far. 0: no field yet, and all of the block's state is empty. Above
    /// the limit: the event is being discarded.
    size: u64,
    /// The block has an `id` field; its value is in `id`.
    sets_id: bool,
    /// The block has a `retry` field, already reported.
    sets_retry: bool,
    /// The standard's data buffer: each value and a line feed.
    data: Vec<u8>,
    /// The standard's event type buffer.
    event_type: String,
    /// The standard's last event ID buffer, if the block sets one.
    id: String,
    /// How much of that the last event needed that was put together here.
    expected: usize,
    /// What is kept of an unfinished line that is not `data`: its name, or its value.
    held: Vec<u8>,
    /// The last item borrows `text` or `event_type`.
    lent: bool,
    /// Data or comment text that is not in the chunk as it must be reported.
    text: String,
    last_event_id: String,
}

/// What is known of the line that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// So many bytes of a byte order mark at the start of the stream.
    ByteOrderMark(u8),
    Start,
    /// Its first bytes are in `held`: the field is not certain or the space after the colon may still come.
    Name,
    Value(Field),
}

impl Line {
    const UNKNOWN: Self = Self::Value(Field::Unknown);
}

/// Fields of the current block that lie in the current chunk.
#[derive(Default)]
struct Fields<'c> {
    /// The only `data` value so far.
    data: Option<Span<'c>>,
    /// The last `event` value.
    event_type: Option<Span<'c>>,
}

/// An item before it borrows.
enum Found<'c> {
    Event { event_type: Text<'c>, data: Text<'c>, sets_id: bool },
    Comment { text: Text<'c>, is_truncated: bool },
    Retry(Duration),
    Block { sets_id: bool },
    Discarded(Discarded),
}

/// Where a text lies: in the chunk, or in the decoder's buffer for it.
enum Text<'c> {
    Chunk(&'c str),
    Buffer,
}

impl Decoder {
    /// The limit of [`Decoder::new`]: 16 MiB, what MCP implementations settled on.
    pub const DEFAULT_LIMIT: usize = 16 * 1024 * 1024;

    /// Makes a decoder for a new stream that discards events above [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT).
    ///
    /// Allocates nothing.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert_eq!(decoder.feed(b"data: a\n\ndata: b\n\n").owned().count(), 2);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// Makes a decoder for a new stream that discards events which count more than `limit` bytes.
    ///
    /// Each `data`, `event`, `id` and `retry` line of a block counts the bytes of its value and one for its end, so
    /// that a flood of empty lines is bounded too. An event that passes the limit is dropped at once, reported as
    /// [`Item::Discarded`] at its blank line, and decoding goes on behind it; see
    /// [`is_discarding`](Self::is_discarding) to act earlier.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::with_limit(6);
    /// let mut feed = decoder.feed(b"data: fits!\n\ndata: does not\n\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(_))));
    /// assert!(matches!(feed.next(), Some(Item::Discarded(_))));
    /// ```
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        Self {
            limit: limit as u64,
            bytes_seen: 0,
            line: Line::ByteOrderMark(0),
            skip_line_feed: false,
            size: 0,
            sets_id: false,
            sets_retry: false,
            data: Vec::new(),
            expected: 0,
            event_type: String::new(),
            id: String::new(),
            held: Vec::new(),
            lent: false,
            text: String::new(),
            last_event_id: String::new(),
        }
    }

    /// Sets the [last event ID
    /// string](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-last-event-id), to
    /// resume a stream whose id is already known; copies it, unchecked.
    ///
    /// Events without an id of their own carry it, as after a reconnection in a browser.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new().with_last_event_id("41");
    /// let mut feed = decoder.feed(b"data: x\n\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.last_event_id() == "41" && !event.sets_id()));
    /// ```
    #[must_use]
    pub fn with_last_event_id(mut self, id: &str) -> Self {
        self.last_event_id = String::from(id);
        self
    }

    /// Begins to decode the next bytes of the stream; nothing happens before [`Feed::next`] is called.
    ///
    /// Call again when `next` has returned `None`. A `Feed` that is dropped earlier leaves its
    /// [`remaining`](Feed::remaining) bytes to be fed again.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.feed(b"data: cut an").next().is_none());
    /// let mut feed = decoder.feed(b"ywhere\n\n");
    /// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "cut anywhere"));
    /// ```
    #[inline]
    pub fn feed<'d, 'c>(&'d mut self, chunk: &'c [u8]) -> Feed<'d, 'c> {
        Feed::new(self, chunk)
    }

    /// Ends the stream: half an event is
    /// [discarded](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation), its id
    /// is not committed, and the decoder is ready for the next connection.
    ///
    /// Says what was discarded; `None` if the stream ended between events. Last event ID, limit and
    /// [`bytes_seen`](Self::bytes_seen) stay.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.feed(b"data: hal").next().is_none());
    /// assert_eq!(decoder.finish().map(|discarded| discarded.len), Some(4));
    /// assert!(decoder.finish().is_none());
    /// ```
    pub fn finish(&mut self) -> Option<Discarded> {
        let cut = match self.line {
            Line::ByteOrderMark(_) | Line::Start | Line::Value(Field::Comment | Field::Unknown) => 0,
            Line::Name => u64::from(self.held.first() != Some(&b':')),
            Line::Value(_) => 1,
        };
        let len = self.size.saturating_add(cut);
        self.take_back();
        self.drop_fields();
        self.size = 0;
        self.line = Line::ByteOrderMark(0);
        self.skip_line_feed = false;
        (len > 0).then_some(Discarded { len })
    }

    /// Returns the last event ID string: what a reconnection sends as
    /// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header),
    /// unless it is empty.
    ///
    /// It moves at blank lines only: the id of an event that is not complete is not in it.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.feed(b"id: 7\ndata: half an event").next().is_none());
    /// assert_eq!(decoder.last_event_id(), "");
    /// assert!(decoder.feed(b"\n\n").next().is_some());
    /// assert_eq!(decoder.last_event_id(), "7");
    /// ```
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns how many bytes were consumed so far, over all connections: a timer for idle streams looks whether it
    /// moved, and sees comments and halves of events too.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.feed(b"data: ha").next().is_none());
    /// decoder.finish();
    /// assert!(decoder.feed(b": x\n").next().is_some());
    /// assert_eq!(decoder.bytes_seen(), 12);
    /// ```
    #[must_use]
    pub fn bytes_seen(&self) -> u64 {
        self.bytes_seen
    }

    /// Says whether the bytes since the last blank line are more than one event may have and are being thrown away.
    ///
    /// Such an event is reported when it ends. A reader that will not wait for that asks here when [`Feed::next`] has
    /// returned `None`.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::with_limit(4);
    /// assert!(decoder.feed(b"data: without end").next().is_none());
    /// assert!(decoder.is_discarding());
    /// ```
    #[must_use]
    pub fn is_discarding(&self) -> bool {
        self.size > self.limit
    }

    /// Whether all lines and blocks so far are complete. An LF may follow that belongs to the last line's CR: as a line of
    /// its own it would mean nothing here either.
    #[inline]
    pub(crate) fn is_between_blocks(&self) -> bool {
        self.size == 0 && self.line == Line::Start
    }

    /// Whether data is being put together in the decoder.
    #[inline]
    fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// Whether an event of this one value is within the limit.
    #[inline]
    fn would_hold(&self, value: &[u8]) -> bool {
        (value.len() as u64) < self.limit
    }

    /// Takes in bytes of a line that does not lie whole in one chunk.
    #[inline]
    fn extend_line(&mut self, bytes: &[u8]) {
        match self.line {
            Line::Value(Field::Data) => self.extend_data(bytes),
            _ => self.extend_other_line(bytes),
        }
    }

    fn extend_other_line(&mut self, mut bytes: &[u8]) {
        let field = match self.line {
            Line::Value(field) => field,
            _ => {
                let known = self.held.len();
                let missing = LONGEST_HEAD.saturating_sub(known);
                self.held.extend_from_slice(bytes.get(..missing).unwrap_or(bytes));
                let Some((field, value)) = split_beginning(&self.held) else {
                    self.line = Line::Name;
                    return;
                };
                let head = self.held.len() - value.len();
                bytes = bytes.get(head.saturating_sub(known)..).unwrap_or_default();
                self.held.clear();
                self.line = Line::Value(field);
                field
            }
        };
        match field {
            Field::Unknown => {}
            Field::Comment => {
                // One byte more than is reported tells that there was more.
                let room = (CommentLine::LIMIT + 1).saturating_sub(self.held.len());
                self.held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            }
            Field::Data => self.extend_data(bytes),
            _ if !self.count(bytes.len()) => {}
            Field::Event | Field::Id | Field::Retry => self.held.extend_from_slice(bytes),
        }
    }

    /// Processes the line that [`extend_line`](Self::extend_line) took in.
    fn end_line<'c>(&mut self) -> Option<Found<'c>> {
        let field = match mem::replace(&mut self.line, Line::Start) {
            Line::Value(field) => field,
            // As much as a name, a colon and no value.
            _ => {
                let (field, _) = split(&self.held);
                self.held.clear();
                field
            }
        };
        match field {
            Field::Data => {
                if self.count(1) {
                    self.data.push(b'\n');
                }
                None
            }
            Field::Unknown => None,
            _ => self.end_held_line(field),
        }
    }

    /// Processes a line whose value is in `held`.
    fn end_held_line<'c>(&mut self, field: Field) -> Option<Found<'c>> {
        let mut value = mem::take(&mut self.held);
        let mut found = None;
        match field {
            Field::Comment => {
                let (text, is_truncated) = CommentLine::cut(&value);
                Span::Bytes(text).append_to(&mut self.text);
                self.lent = true;
                found = Some(Found::Comment { text: Text::Buffer, is_truncated });
            }
            _ if !self.count(1) => {}
            Field::Event => self.set_event_type(Span::Bytes(&value)),
            Field::Id => self.set_id(Span::Bytes(&value)),
            Field::Retry => found = self.set_retry(&value),
            Field::Data | Field::Unknown => {}
        }
        empty(&mut value);
        self.held = value;
        found
    }

    /// Ends the block: commits its id and dispatches it.
    fn dispatch<'c>(&mut self, fields: &mut Fields<'c>) -> Option<Found<'c>> {
        let fields = mem::take(fields);
        let len = mem::take(&mut self.size);
        if len > self.limit {
            return Some(Found::Discarded(Discarded { len }));
        }
        let sets_id = mem::take(&mut self.sets_id);
        let sets_retry = mem::take(&mut self.sets_retry);
        if sets_id {
            mem::swap(&mut self.id, &mut self.last_event_id);
            empty_text(&mut self.id);
        }
        let data = if let Some(data) = fields.data {
            self.text_of(data)
        } else if self.data.pop().is_some() {
            self.lend_data();
            Text::Buffer
        } else {
            empty_text(&mut self.event_type);
            return (sets_id || sets_retry).then_some(Found::Block { sets_id });
        };
        let event_type = match fields.event_type {
            Some(value) => match value.text() {
                Some(text) => Text::Chunk(text),
                None => {
                    self.set_event_type(value);
                    Text::Buffer
                }
            },
            None => Text::Buffer,
        };
        self.lent |= !self.event_type.is_empty();
        Some(Found::Event { event_type, data, sets_id })
    }

    /// Ends an event whose last line ends with these bytes, if it is within the limit and has no field but data.
    fn end_plain_event(&mut self, bytes: &[u8]) -> bool {
        let size = self.size.saturating_add(bytes.len() as u64);
        if size >= self.limit || self.sets_id || self.sets_retry || !self.event_type.is_empty() {
            return false;
        }
        self.make_room(bytes.len());
        self.data.extend_from_slice(bytes);
        self.size = 0;
        self.line = Line::Start;
        self.lend_data();
        true
    }

    /// Moves the data to where it is lent from: as text.
    fn lend_data(&mut self) {
        // And a line feed.
        self.expected = self.data.len() + 1;
        // The two buffers change places, so that both keep their capacity.
        let data = mem::replace(&mut self.data, mem::take(&mut self.text).into_bytes());
        self.text = match String::from_utf8(data) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        self.lent = true;
    }

    /// Moves fields out of a chunk that may not be there at the next call.
    fn keep(&mut self, fields: &mut Fields<'_>) {
        let Fields { data, event_type } = mem::take(fields);
        if self.is_discarding() {
            return;
        }
        if let Some(value) = data {
            self.push_data(value.bytes());
        }
        if let Some(value) = event_type {
            self.set_event_type(value);
        }
    }

    /// Counts bytes of the event and says whether it is still within the limit; if not, it is dropped.
    #[inline]
    fn count(&mut self, bytes: usize) -> bool {
        self.size = self.size.saturating_add(bytes as u64);
        if self.is_discarding() {
            self.drop_fields();
        }
        !self.is_discarding()
    }

    /// Forgets what the block's fields said; the committed state stays.
    #[cold]
    fn drop_fields(&mut self) {
        empty(&mut self.data);
        empty(&mut self.held);
        empty_text(&mut self.id);
        empty_text(&mut self.event_type);
        self.sets_id = false;
        self.sets_retry = false;
    }

    /// Takes in data of a line that does not lie whole in one chunk.
    #[inline]
    fn extend_data(&mut self, bytes: &[u8]) {
        if self.count(bytes.len()) {
            self.make_room(bytes.len());
            self.data.extend_from_slice(bytes);
        }
    }

    #[inline]
    fn push_data(&mut self, value: &[u8]) {
        self.make_room(value.len() + 1);
        self.data.extend_from_slice(value);
        self.data.push(b'\n');
    }

    /// Makes room for so many bytes of data.
    #[inline]
    fn make_room(&mut self, bytes: usize) {
        if self.data.capacity() - self.data.len() < bytes {
            self.grow(bytes);
        }
    }

    /// Grows the data buffer to what the last event needed, so that it does not grow step by step with each event; beyond
    /// what is kept between events only if this event is beyond that, too.
    #[cold]
    fn grow(&mut self, bytes: usize) {
        let len = self.data.len();
        let expected = if len + bytes > RETAINED { self.expected } else { self.expected.min(RETAINED) };
        self.data.reserve(bytes.max(expected.saturating_sub(len)));
    }

    fn set_event_type(&mut self, value: Span<'_>) {
        empty_text(&mut self.event_type);
        value.append_to(&mut self.event_type);
    }

    fn set_id(&mut self, value: Span<'_>) {
        if memchr(0, value.bytes()).is_none() {
            self.id.clear();
            value.append_to(&mut self.id);
            self.sets_id = true;
        }
    }

    fn set_retry<'c>(&mut self, value: &[u8]) -> Option<Found<'c>> {
        let time = reconnection_time(value)?;
        self.sets_retry = true;
        Some(Found::Retry(time))
    }

    #[inline]
    fn comment<'c>(&mut self, text: Span<'c>, is_truncated: bool) -> Found<'c> {
        Found::Comment { text: self.text_of(text), is_truncated }
    }

    /// A span of the chunk as text: where it is if it is UTF-8, replaced in the buffer if not.
    fn text_of<'c>(&mut self, span: Span<'c>) -> Text<'c> {
        match span.text() {
            Some(text) => Text::Chunk(text),
            None => {
                span.append_to(&mut self.text);
                self.lent = true;
                Text::Buffer
            }
        }
    }

    /// Ends the loan of the last item: its buffers are empty again.
    fn take_back(&mut self) {
        self.lent = false;
        empty_text(&mut self.text);
        // Between the fields of a block it was a comment that was lent: the type is still wanted.
        if self.size == 0 {
            empty_text(&mut self.event_type);
        }
    }
}

/// Empties a buffer, and gives back what is beyond what is kept.
fn empty(buffer: &mut Vec<u8>) {
    if buffer.capacity() > RETAINED {
        // Freed, not shrunk: an allocator that maps large blocks hands a freed one out again without new pages.
        drop(mem::take(buffer));
        buffer.reserve_exact(RETAINED);
    }
    buffer.clear();
}

/// The same for text.
fn empty_text(text: &mut String) {
    if text.capacity() > RETAINED {
        drop(mem::take(text));
        text.reserve_exact(RETAINED);
    }
    text.clear();
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limit", &self.limit)
            .field("bytes_seen", &self.bytes_seen)
            .field("line", &self.line)
            .field("size", &self.size)
            .field("last_event_id", &self.last_event_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
