//! Writing events: the only place that knows what a field looks like on the wire.
//!
//! The order is fixed: comment, event, id, retry, data (data last, for clients that dispatch too early), then the blank
//! line. One space follows every colon. CR, LF and CRLF in data and comments each end one line, once, so no text can
//! forge a field.
//!
//! Everything is made of [`Lines`]: [`Event::encoded_len`] adds them up, [`Event::encode`] copies them,
//! [`Event::chunks`] lends them.

mod chunks;
mod data_writer;

pub use chunks::Chunks;
pub use data_writer::DataWriter;

use crate::event::{Comment, Event};
use crate::field::Retry;
use crate::frame::Frame;
use alloc::vec::Vec;
use bytes::BufMut;
use memchr::{memchr_iter, memchr2};

/// How lines end on the wire.
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
}

/// How events are written; the methods of [`Event`] use the default one.
///
/// ```
/// use sse_core::{Encoder, Event, LineEnding};
///
/// let encoder = Encoder::new().with_line_ending(LineEnding::CrLf);
/// assert_eq!(encoder.to_frame(&Event::new("a\nb")).as_bytes(), b"data: a\r\ndata: b\r\n\r\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    line_ending: LineEnding,
}

/// A buffer of fixed size cannot hold an event: nothing was written.
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
    #[must_use]
    pub const fn new() -> Self {
        Self { line_ending: LineEnding::Lf }
    }

    /// Sets how lines end.
    #[must_use]
    pub const fn with_line_ending(mut self, line_ending: LineEnding) -> Self {
        self.line_ending = line_ending;
        self
    }

    /// Returns the exact number of bytes that the event takes; scans data and comment once.
    #[must_use]
    pub fn encoded_len(&self, event: &Event<'_>) -> usize {
        Lines::of(event).encoded_len(self.line_ending) + self.line_ending.as_bytes().len()
    }

    /// Writes the event to `dst`: one copy, no allocation but what `dst` needs to grow.
    ///
    /// # Panics
    ///
    /// When `dst` cannot grow and is too small (`Vec` and `BytesMut` grow): use [`Encoder::try_encode`] for those.
    pub fn encode(&self, event: &Event<'_>, dst: &mut impl BufMut) {
        self.write(Lines::of(event), dst);
        dst.put_slice(self.line_ending.as_bytes());
    }

    /// Writes the event to `dst`, or nothing when it does not fit.
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
    #[must_use]
    pub fn to_frame(&self, event: &Event<'_>) -> Frame {
        let lines = Lines::of(event);
        let eol = self.line_ending.as_bytes();
        let mut wire = Vec::with_capacity(lines.encoded_len(self.line_ending) + eol.len());
        self.write(lines, &mut wire);
        wire.extend_from_slice(eol);
        Frame::from_encoded(wire.into())
    }

    /// Lends the event's bytes piece by piece, without copying.
    #[must_use]
    pub fn chunks<'a>(&self, event: &'a Event<'_>) -> Chunks<'a> {
        Chunks::new(Lines::of(event), self.line_ending)
    }

    /// Encodes a comment: its lines, without a blank line.
    #[must_use]
    pub fn comment_to_frame(&self, comment: &Comment<'_>) -> Frame {
        let lines = Lines { comment: Some(Split::new(comment.as_str())), ..Lines::NONE };
        let mut wire = Vec::with_capacity(lines.encoded_len(self.line_ending));
        self.write(lines, &mut wire);
        Frame::from_encoded(wire.into())
    }

    /// The reconnection time as a line without blank line: it acts at once and leaves no field pending.
    pub(crate) fn retry_to_frame(self, retry: Retry) -> Frame {
        let mut wire = Vec::new();
        self.write(Lines { retry: Some(retry.as_bytes()), ..Lines::NONE }, &mut wire);
        Frame::from_encoded(wire.into())
    }

    /// Returns how lines end.
    #[must_use]
    pub const fn line_ending(&self) -> LineEnding {
        self.line_ending
    }

    #[inline]
    fn write(self, lines: Lines<'_>, dst: &mut impl BufMut) {
        let eol = self.line_ending.as_bytes();
        for line in lines {
            dst.put_slice(line.prefix);
            dst.put_slice(line.value);
            dst.put_slice(eol);
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

    /// Writes the event to `dst`: see [`Encoder::encode`].
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
        Encoder::new().encode(self, dst);
    }

    /// Encodes the event: one allocation of exactly the encoded length.
    ///
    /// ```
    /// assert_eq!(sse_core::Event::new("a").to_frame().as_bytes(), b"data: a\n\n");
    /// ```
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        Encoder::new().to_frame(self)
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
    /// Encodes the comment: one line for each of its lines, no blank line.
    ///
    /// ```
    /// assert_eq!(sse_core::Comment::new("heartbeat").to_frame().as_bytes(), b": heartbeat\n");
    /// ```
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        Encoder::new().comment_to_frame(self)
    }
}

/// One line on the wire, without its end.
pub(crate) struct Line<'a> {
    prefix: &'static [u8],
    value: &'a [u8],
}

/// The lines of one block in wire order, without the blank line that ends it.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    comment: Option<Split<'a>>,
    name: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    retry: Option<&'a [u8]>,
    data: Option<Split<'a>>,
}

impl<'a> Lines<'a> {
    const COMMENT: &'static [u8] = b": ";
    const EVENT: &'static [u8] = b"event: ";
    const ID: &'static [u8] = b"id: ";
    const RETRY: &'static [u8] = b"retry: ";
    const DATA: &'static [u8] = b"data: ";
    const NONE: Self = Self { comment: None, name: None, id: None, retry: None, data: None };

    fn of(event: &'a Event<'_>) -> Self {
        Self {
            comment: event.comment().map(Split::new),
            name: event.name().map(|name| name.as_str().as_bytes()),
            id: event.id().map(|id| id.as_str().as_bytes()),
            retry: event.retry_ref().map(Retry::as_bytes),
            data: event.data().map(Split::new),
        }
    }

    fn encoded_len(&self, line_ending: LineEnding) -> usize {
        let eol = line_ending.as_bytes().len();
        let split = |split: &Option<Split<'_>>, prefix: &[u8]| {
            split.as_ref().map_or(0, |split| split.encoded_len(prefix.len() + eol))
        };
        let single =
            |value: Option<&[u8]>, prefix: &[u8]| value.map_or(0, |value| prefix.len() + value.len() + eol);
        split(&self.comment, Self::COMMENT)
            + single(self.name, Self::EVENT)
            + single(self.id, Self::ID)
            + single(self.retry, Self::RETRY)
            + split(&self.data, Self::DATA)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        if let Some(value) = Split::next_of(&mut self.comment) {
            return Some(Line { prefix: Self::COMMENT, value });
        }
        if let Some(value) = self.name.take() {
            return Some(Line { prefix: Self::EVENT, value });
        }
        if let Some(value) = self.id.take() {
            return Some(Line { prefix: Self::ID, value });
        }
        if let Some(value) = self.retry.take() {
            return Some(Line { prefix: Self::RETRY, value });
        }
        let value = Split::next_of(&mut self.data)?;
        Some(Line { prefix: Self::DATA, value })
    }
}

/// Text that is cut at CR, LF and CRLF; knows its next line end, so that each byte is scanned once.
#[derive(Debug)]
struct Split<'a> {
    rest: &'a [u8],
    line_end: Option<usize>,
}

impl<'a> Split<'a> {
    #[inline]
    fn new(text: &'a str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    #[inline]
    fn of_bytes(rest: &'a [u8]) -> Self {
        Self { rest, line_end: memchr2(b'\r', b'\n', rest) }
    }

    /// Text always has a line, possibly empty; after its last one it is `None`.
    #[inline]
    fn next_of(this: &mut Option<Self>) -> Option<&'a [u8]> {
        let Self { rest, line_end } = this.take()?;
        let Some(end) = line_end else {
            return Some(rest);
        };
        let (line, tail) = rest.split_at(end);
        let tail = match tail {
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
            [] => tail,
        };
        *this = Some(Self::of_bytes(tail));
        Some(line)
    }

    #[inline]
    fn encoded_len(&self, per_line: usize) -> usize {
        match self.line_end {
            None => per_line + self.rest.len(),
            Some(first) => self.encoded_len_of_many(first, per_line),
        }
    }

    #[cold]
    fn encoded_len_of_many(&self, first: usize, per_line: usize) -> usize {
        let from_first = &self.rest[first..];
        let line_feeds = memchr_iter(b'\n', from_first).count();
        let mut returns = 0;
        let mut pairs = 0;
        for at in memchr_iter(b'\r', from_first) {
            returns += 1;
            pairs += usize::from(from_first.get(at + 1) == Some(&b'\n'));
        }
        let lines = 1 + line_feeds + returns - pairs;
        self.rest.len() - line_feeds - returns + lines * per_line
    }
}

#[cfg(test)]
mod tests;
