//! Writing events: the only place that knows what a field looks like on the wire.
//!
//! The order is fixed: comment, event, id, retry, data (data last, for clients that dispatch too early), then the blank
//! line. One space follows every colon. CR, LF and CRLF in data and comments each end one line, once, so no text can
//! forge a field.
//!
//! Everything is made of `Lines`: [`Event::encoded_len`] adds them up, [`Event::encode`] copies them,
//! [`Event::chunks`] lends them.

mod chunks;
mod data_writer;
mod line_ends;
mod lines;

pub use chunks::Chunks;
pub use data_writer::DataWriter;

use crate::event::{Comment, Event};
use crate::field::{EventId, EventName, Retry};
use crate::frame::{Frame, FrameAwaitingId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::BufMut;
use lines::Lines;

/// How lines end on the wire.
///
/// CR alone, which [the
/// standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) allows too, is not
/// offered: a client cannot know whether an LF follows, and some wait for the next byte.
///
/// ```
/// use sse_core::{Comment, Encoder, LineEnding};
///
/// let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
/// assert_eq!(crlf.comment_to_frame(&Comment::new("hi")).as_bytes(), b": hi\r\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineEnding {
    /// LF: one byte a line less, and understood by clients that know nothing else. The default.
    #[default]
    Lf,
    /// CRLF.
    CrLf,
}

impl LineEnding {
    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }

    #[inline(always)]
    fn encode(self, event: &Event<'_>, dst: &mut impl BufMut) {
        let line_end = Lines::scan(event);
        match Lines::of_plain(event, line_end) {
            Some(lines) => lines.write_block(self, dst),
            None => self.encode_any(event, line_end, dst),
        }
    }

    #[inline(never)]
    fn encode_any(self, event: &Event<'_>, line_end: Option<usize>, dst: &mut impl BufMut) {
        Lines::of(event, line_end).write_block(self, dst);
    }

    #[inline(always)]
    fn to_frame(self, event: &Event<'_>) -> Frame {
        let line_end = Lines::scan(event);
        match Lines::of_plain(event, line_end) {
            Some(lines) => self.block_to_frame(lines),
            None => self.any_to_frame(event, line_end),
        }
    }

    #[inline(never)]
    fn any_to_frame(self, event: &Event<'_>, line_end: Option<usize>) -> Frame {
        self.block_to_frame(Lines::of(event, line_end))
    }

    #[inline(always)]
    fn block_to_frame(self, lines: Lines<'_>) -> Frame {
        let mut wire = Vec::with_capacity(lines.encoded_len(self) + self.as_bytes().len());
        lines.write_block(self, &mut wire);
        Frame::from_encoded(wire.into())
    }

    /// In constants, because what has a known length is stored and anything else is copied by a call.
    #[inline(always)]
    fn write(self, dst: &mut impl BufMut) {
        match self {
            Self::Lf => dst.put_slice(b"\n"),
            Self::CrLf => dst.put_slice(b"\r\n"),
        }
    }

    /// The end of a block's last line, and the blank line.
    #[inline(always)]
    fn write_twice(self, dst: &mut impl BufMut) {
        match self {
            Self::Lf => dst.put_slice(b"\n\n"),
            Self::CrLf => dst.put_slice(b"\r\n\r\n"),
        }
    }
}

/// How events are written; the methods of [`Event`] use the default one.
///
/// It writes an event as it is. The name and id that a stream gives to events without ([`Encoder::with_default_name`]) are
/// filled in by [`IntoFrame`](crate::IntoFrame), when an item becomes a frame.
///
/// ```
/// use sse_core::{Encoder, Event, LineEnding};
///
/// let encoder = Encoder::new().with_line_ending(LineEnding::CrLf);
/// assert_eq!(encoder.to_frame(&Event::new("a\nb")).as_bytes(), b"data: a\r\ndata: b\r\n\r\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    line_ending: LineEnding,
    // Shared: an encoder is cloned with each stream and sender, and most have no defaults.
    defaults: Option<Arc<Defaults>>,
}

/// What events get that lack it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Defaults {
    name: Option<EventName<'static>>,
    id: Option<EventId<'static>>,
}

/// A buffer of fixed size cannot hold an event: nothing was written.
///
/// ```
/// use sse_core::{Encoder, Event};
///
/// let refused = Encoder::new().try_encode(&Event::new("abc"), &mut &mut [0_u8; 4][..]).unwrap_err();
/// assert_eq!((refused.required(), refused.available()), (11, 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the buffer has room for {available} bytes, the event needs {required}")]
pub struct BufferTooSmall {
    required: usize,
    available: usize,
}

impl BufferTooSmall {
    /// Returns how many bytes the event needs.
    #[must_use]
    pub const fn required(&self) -> usize {
        self.required
    }

    /// Returns how many bytes there was room for.
    #[must_use]
    pub const fn available(&self) -> usize {
        self.available
    }
}

impl Encoder {
    /// Makes the default encoder: lines end with LF.
    ///
    /// ```
    /// use sse_core::{Encoder, LineEnding};
    ///
    /// assert_eq!(Encoder::new().line_ending(), LineEnding::Lf);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { line_ending: LineEnding::Lf, defaults: None }
    }

    /// Sets how lines end: those of the fields, the blank line, and every line end within data and comment.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, LineEnding};
    ///
    /// let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
    /// assert_eq!(crlf.to_frame(&Event::new("a\nb")).as_bytes(), b"data: a\r\ndata: b\r\n\r\n");
    /// ```
    #[must_use]
    pub const fn with_line_ending(mut self, line_ending: LineEnding) -> Self {
        self.set_line_ending(line_ending);
        self
    }

    pub(crate) const fn set_line_ending(&mut self, line_ending: LineEnding) {
        self.line_ending = line_ending;
    }

    /// Sets the name of items that become events without one: text, JSON, and [`Event`]s that name none.
    ///
    /// Filled in by [`IntoFrame`](crate::IntoFrame) and [`Encoder::fill`]. A block without data gets none, nor does what
    /// is encoded already. One allocation.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, IntoFrame, event_name};
    ///
    /// let encoder = Encoder::new().with_default_name(event_name!("log"));
    /// assert_eq!("started".into_frame(&encoder)?.as_bytes(), b"event: log\ndata: started\n\n");
    /// let named = Event::new("7").with_name(event_name!("count"));
    /// assert_eq!(named.into_frame(&encoder)?.as_bytes(), b"event: count\ndata: 7\n\n");
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    #[must_use]
    pub fn with_default_name(mut self, name: EventName<'static>) -> Self {
        Arc::make_mut(self.defaults.get_or_insert_default()).name = Some(name);
        self
    }

    /// Sets the id of items that become events without one: see [`Encoder::with_default_name`].
    ///
    /// ```
    /// use sse_core::{Encoder, IntoFrame};
    ///
    /// let encoder = Encoder::new().with_default_id(7_u64);
    /// assert_eq!("a".into_frame(&encoder)?.as_bytes(), b"id: 7\ndata: a\n\n");
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    #[must_use]
    pub fn with_default_id(mut self, id: impl Into<EventId<'static>>) -> Self {
        Arc::make_mut(self.defaults.get_or_insert_default()).id = Some(id.into());
        self
    }

    /// Gives an event with data the default name and id where it has none of its own.
    ///
    /// For an [`IntoFrame`](crate::IntoFrame) of your own that makes events. Costs nothing without defaults.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, event_name};
    ///
    /// let encoder = Encoder::new().with_default_name(event_name!("log"));
    /// assert_eq!(encoder.fill(Event::new("a")), Event::new("a").with_name(event_name!("log")));
    /// assert_eq!(encoder.fill(Event::bare_id(1_u64)), Event::bare_id(1_u64));
    /// ```
    #[must_use]
    #[inline]
    pub fn fill<'a>(&self, event: Event<'a>) -> Event<'a> {
        match &self.defaults {
            Some(defaults) if event.data().is_some() => defaults.fill(event),
            _ => event,
        }
    }

    /// Gives an event the default id where it has none of its own, and no name.
    ///
    /// For events whose name, or want of one, is what their receiver goes by.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, event_name};
    ///
    /// let encoder = Encoder::new().with_default_name(event_name!("log")).with_default_id(7_u64);
    /// assert_eq!(encoder.fill_id(Event::new("a")), Event::new("a").with_id(7_u64));
    /// ```
    #[must_use]
    pub fn fill_id<'a>(&self, event: Event<'a>) -> Event<'a> {
        match &self.defaults {
            Some(defaults) if event.data().is_some() => defaults.fill_id(event),
            _ => event,
        }
    }

    /// The frame of an item: an event is large, and is moved only where it is changed.
    #[inline]
    pub(crate) fn item_to_frame(&self, event: Event<'_>) -> Frame {
        match &self.defaults {
            None => self.to_frame(&event),
            Some(_) => self.to_frame(&self.fill(event)),
        }
    }

    /// The name and id of events whose data is still to be written.
    #[cfg(feature = "json")]
    pub(crate) fn fill_head<'a>(&self, head: Event<'a>) -> Event<'a> {
        match &self.defaults {
            Some(defaults) => defaults.fill(head),
            None => head,
        }
    }

    /// Returns the exact number of bytes that the event takes; reads data and comment for their line ends, copies
    /// nothing.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, LineEnding};
    ///
    /// let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
    /// assert_eq!(crlf.encoded_len(&Event::new("a\nb")), "data: a\r\ndata: b\r\n\r\n".len());
    /// ```
    #[must_use]
    pub fn encoded_len(&self, event: &Event<'_>) -> usize {
        Lines::of(event, Lines::scan(event)).encoded_len(self.line_ending) + self.line_ending.as_bytes().len()
    }

    /// Writes the event to `dst`: one copy, no allocation but what `dst` needs to grow.
    ///
    /// What `dst` holds already stays in front, so that events can share a buffer.
    ///
    /// # Panics
    ///
    /// When `dst` cannot grow and is too small (`Vec` and `BytesMut` grow): use [`Encoder::try_encode`] for those.
    ///
    /// ```
    /// use sse_core::{Encoder, Event};
    ///
    /// let mut wire = Vec::new();
    /// for data in ["a", "b"] {
    ///     Encoder::new().encode(&Event::new(data), &mut wire);
    /// }
    /// assert_eq!(wire, b"data: a\n\ndata: b\n\n");
    /// ```
    pub fn encode(&self, event: &Event<'_>, dst: &mut impl BufMut) {
        self.line_ending.encode(event, dst);
    }

    /// Writes the event to `dst`, or nothing when it does not fit.
    ///
    /// Costs what [`Encoder::encoded_len`] and [`Encoder::encode`] cost together.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] says what it takes; `dst` is untouched.
    ///
    /// ```
    /// use sse_core::{Encoder, Event};
    ///
    /// let mut buffer = [0; 8];
    /// let refused = Encoder::new().try_encode(&Event::new("too long"), &mut &mut buffer[..]).unwrap_err();
    /// assert_eq!((refused.required(), refused.available(), buffer), (16, 8, [0; 8]));
    /// ```
    pub fn try_encode(&self, event: &Event<'_>, dst: &mut impl BufMut) -> Result<(), BufferTooSmall> {
        let (required, available) = (self.encoded_len(event), dst.remaining_mut());
        if required > available {
            return Err(BufferTooSmall { required, available });
        }
        self.encode(event, dst);
        Ok(())
    }

    /// Encodes the event: one allocation of exactly the encoded length.
    ///
    /// ```
    /// use sse_core::{Encoder, Event};
    ///
    /// let event = Event::new("a").with_id(1_u64);
    /// let frame = Encoder::new().to_frame(&event);
    /// assert_eq!(frame.as_bytes(), b"id: 1\ndata: a\n\n");
    /// assert_eq!(frame, event.to_frame());
    /// ```
    #[must_use]
    #[inline]
    pub fn to_frame(&self, event: &Event<'_>) -> Frame {
        self.line_ending.to_frame(event)
    }

    /// Encodes the event without its id, which is put in later; an id that the event has is left out. One allocation.
    #[must_use]
    pub fn to_frame_awaiting_id(&self, event: &Event<'_>) -> FrameAwaitingId {
        let lines = Lines::of(event, Lines::scan(event));
        let (before_id, after_id) = lines.around_id();
        let eol = self.line_ending.as_bytes().len();
        let capacity = FrameAwaitingId::ROOM
            + before_id.encoded_len(self.line_ending)
            + Lines::ID.len()
            + eol
            + after_id.encoded_len(self.line_ending)
            + eol;
        let mut wire = Vec::with_capacity(capacity);
        wire.resize(FrameAwaitingId::ROOM, 0);
        before_id.write(self.line_ending, &mut wire);
        wire.extend_from_slice(Lines::ID);
        let at = wire.len();
        self.line_ending.write(&mut wire);
        after_id.write_block(self.line_ending, &mut wire);
        FrameAwaitingId::from_encoded(wire, at)
    }

    /// Puts an id that comes later in front of a frame that has none: it is that of the frame's first event. One allocation.
    ///
    /// ```
    /// use sse_core::{Encoder, Event};
    ///
    /// let ready = Event::new("a").to_frame();
    /// let frame = Encoder::new().put_id_before(&ready).with_id(&7_u64.into());
    /// assert_eq!(frame.as_bytes(), b"id: 7\ndata: a\n\n");
    /// ```
    #[must_use]
    pub fn put_id_before(&self, frame: &Frame) -> FrameAwaitingId {
        let head = FrameAwaitingId::ROOM + Lines::ID.len();
        let mut wire = Vec::with_capacity(head + self.line_ending.as_bytes().len() + frame.len());
        wire.resize(FrameAwaitingId::ROOM, 0);
        wire.extend_from_slice(Lines::ID);
        self.line_ending.write(&mut wire);
        wire.extend_from_slice(frame.as_bytes());
        FrameAwaitingId::from_encoded(wire, head)
    }

    /// Lends the event's bytes piece by piece, without copying.
    ///
    /// ```
    /// use sse_core::{Encoder, Event, LineEnding};
    ///
    /// let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
    /// let event = Event::new("a");
    /// assert_eq!(crlf.chunks(&event).collect::<Vec<_>>(), [&b"data: "[..], b"a", b"\r\n", b"\r\n"]);
    /// ```
    #[must_use]
    pub fn chunks<'a>(&self, event: &'a Event<'_>) -> Chunks<'a> {
        Chunks::new(Lines::of(event, Lines::scan(event)), self.line_ending)
    }

    /// Encodes a comment: its lines, without a blank line; one allocation of exactly the encoded length.
    ///
    /// ```
    /// use sse_core::{Comment, Encoder};
    ///
    /// let frame = Encoder::new().comment_to_frame(&Comment::new("shard 3\nlag 0"));
    /// assert_eq!(frame.as_bytes(), b": shard 3\n: lag 0\n");
    /// ```
    #[must_use]
    pub fn comment_to_frame(&self, comment: &Comment<'_>) -> Frame {
        self.lines_to_frame(Lines::of_comment(comment))
    }

    /// The reconnection time as a line without blank line: it acts at once and leaves no field pending.
    pub(crate) fn retry_to_frame(&self, retry: Retry) -> Frame {
        self.lines_to_frame(Lines::of_retry(&retry))
    }

    fn lines_to_frame(&self, lines: Lines<'_>) -> Frame {
        let mut wire = Vec::with_capacity(lines.encoded_len(self.line_ending));
        lines.write(self.line_ending, &mut wire);
        Frame::from_encoded(wire.into())
    }

    /// Returns how lines end.
    #[must_use]
    pub const fn line_ending(&self) -> LineEnding {
        self.line_ending
    }
}

impl Defaults {
    fn fill<'a>(&self, mut event: Event<'a>) -> Event<'a> {
        if let (None, Some(name)) = (event.name(), &self.name) {
            event = event.with_name(name.clone());
        }
        self.fill_id(event)
    }

    fn fill_id<'a>(&self, event: Event<'a>) -> Event<'a> {
        match (event.id(), &self.id) {
            (None, Some(id)) => event.with_id(id.clone()),
            _ => event,
        }
    }
}

impl<'a> Event<'a> {
    /// Returns the exact number of bytes that the event takes with lines that end in LF.
    ///
    /// ```
    /// assert_eq!(sse_core::Event::new("a\r\nb").encoded_len(), "data: a\ndata: b\n\n".len());
    /// ```
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        Encoder::new().encoded_len(self)
    }

    /// Writes the event to `dst`, with lines that end in LF: see [`Encoder::encode`].
    ///
    /// # Panics
    ///
    /// When `dst` cannot grow and is too small.
    ///
    /// ```
    /// let mut wire = Vec::new();
    /// sse_core::Event::new("a").with_comment("why").encode(&mut wire);
    /// assert_eq!(wire, b": why\ndata: a\n\n");
    /// ```
    pub fn encode(&self, dst: &mut impl BufMut) {
        LineEnding::Lf.encode(self, dst);
    }

    /// Encodes the event with lines that end in LF: one allocation of exactly the encoded length.
    ///
    /// ```
    /// assert_eq!(sse_core::Event::new("a").to_frame().as_bytes(), b"data: a\n\n");
    /// ```
    #[must_use]
    #[inline]
    pub fn to_frame(&self) -> Frame {
        LineEnding::Lf.to_frame(self)
    }

    /// Lends the event's bytes piece by piece, without copying: static prefixes and this event's own slices.
    ///
    /// ```
    /// let event = sse_core::Event::new("a\nb");
    /// assert_eq!(event.chunks().collect::<Vec<_>>().concat(), b"data: a\ndata: b\n\n");
    /// ```
    #[must_use]
    pub fn chunks(&self) -> Chunks<'_> {
        Encoder::new().chunks(self)
    }
}

impl Comment<'_> {
    /// Encodes the comment: one line that ends in LF for each of its lines, no blank line.
    ///
    /// ```
    /// assert_eq!(sse_core::Comment::new("heartbeat").to_frame().as_bytes(), b": heartbeat\n");
    /// ```
    #[must_use]
    #[inline]
    pub fn to_frame(&self) -> Frame {
        Encoder::new().comment_to_frame(self)
    }
}

#[cfg(test)]
mod tests;
