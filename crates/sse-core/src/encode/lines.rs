//! The wire: prefixes, order of the fields, ends of lines. Adding up, copying and lending all come from [`Lines`].

use super::LineEnding;
use super::line_ends::{LineFeeds, count_line_feeds};
use crate::event::{Comment, Event};
use crate::field::Retry;
use bytes::BufMut;
use memchr::{memchr, memchr_iter, memchr2};

/// The lines of one block, without the blank line that ends it: its fields in the order of the wire.
///
/// An array that is made, taken apart and used in one function vanishes: a prefix becomes a store instead of a call, and
/// a field that the event lacks is one branch. For small events that is half of the cost, hence `inline(always)`.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a>([Option<Field<'a>>; 5]);

/// One field: a line for each line of its text.
#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    prefix: &'static [u8],
    text: Text<'a>,
}

impl<'a> Lines<'a> {
    pub(super) const DATA: &'static [u8] = b"data: ";
    pub(super) const ID: &'static [u8] = b"id: ";

    /// Where the first line of the data ends: what there is to find out about an event, once.
    #[inline(always)]
    pub(super) fn scan(event: &Event<'_>) -> Option<usize> {
        find_line_end(event.data()?.as_bytes())
    }

    #[inline(always)]
    pub(super) fn of(event: &'a Event<'_>, line_end: Option<usize>) -> Self {
        let [comment, name, id, retry, _] = Self::before_data(event).0;
        let data = |data: &'a str| Field { prefix: Self::DATA, text: Text::of(data.as_bytes(), line_end) };
        Self([comment, name, id, retry, event.data().map(data)])
    }

    /// The lines of an event that has what most have, and nothing else: name, id, and data in one line.
    ///
    /// The same as [`Lines::of`], but the compiler knows the shape: what is done with it is straight code.
    #[inline(always)]
    pub(super) fn of_plain(event: &'a Event<'_>, line_end: Option<usize>) -> Option<Self> {
        if line_end.is_some() || event.comment().is_some() || event.retry_ref().is_some() {
            return None;
        }
        let data = Field { prefix: Self::DATA, text: Text::line(event.data()?.as_bytes()) };
        let [_, name, id, ..] = Self::before_data(event).0;
        Some(Self([None, name, id, None, Some(data)]))
    }

    /// All fields but data.
    #[inline(always)]
    pub(super) fn before_data(event: &'a Event<'_>) -> Self {
        let line = |prefix, value| Field { prefix, text: Text::line(value) };
        Self([
            event.comment().map(Self::comment),
            event.name().map(|name| line(b"event: ", name.as_str().as_bytes())),
            event.id().map(|id| line(Self::ID, id.as_bytes())),
            event.retry_ref().map(Self::retry),
            None,
        ])
    }

    /// The lines in front of the id and those behind it.
    pub(super) fn around_id(self) -> (Self, Self) {
        let Self([comment, name, _, retry, data]) = self;
        (Self([comment, name, None, None, None]), Self([None, None, None, retry, data]))
    }

    pub(super) fn of_comment(comment: &'a Comment<'_>) -> Self {
        Self([Some(Self::comment(comment.as_str())), None, None, None, None])
    }

    pub(super) fn of_retry(retry: &'a Retry) -> Self {
        Self([None, None, None, Some(Self::retry(retry)), None])
    }

    #[inline]
    fn comment(text: &'a str) -> Field<'a> {
        Field { prefix: b": ", text: Text::new(text.as_bytes()) }
    }

    #[inline]
    fn retry(retry: &'a Retry) -> Field<'a> {
        Field { prefix: b"retry: ", text: Text::line(retry.as_bytes()) }
    }

    #[inline(always)]
    pub(super) fn encoded_len(&self, line_ending: LineEnding) -> usize {
        let eol = line_ending.as_bytes().len();
        let len = |field: &Option<Field<'a>>| match field {
            Some(Field { prefix, text }) => text.encoded_len(prefix.len() + eol),
            None => 0,
        };
        let Self([comment, name, id, retry, data]) = self;
        len(comment) + len(name) + len(id) + len(retry) + len(data)
    }

    /// Writes the lines and the blank line.
    #[inline(always)]
    pub(super) fn write_block(self, line_ending: LineEnding, dst: &mut impl BufMut) {
        let mut writer = Writer { dst, line_ending };
        let Self([comment, name, id, retry, data]) = self;
        Self([comment, name, id, retry, None]).write(line_ending, writer.dst);
        match data {
            Some(data) => {
                writer.write_open_lines(data, Repeated::Data);
                line_ending.write_twice(writer.dst);
            }
            None => line_ending.write(writer.dst),
        }
    }

    /// Writes the lines.
    #[inline(always)]
    pub(super) fn write(self, line_ending: LineEnding, dst: &mut impl BufMut) {
        let mut writer = Writer { dst, line_ending };
        let Self([comment, name, id, retry, data]) = self;
        writer.write_lines(comment, Repeated::Comment);
        writer.write_line(name);
        writer.write_line(id);
        writer.write_line(retry);
        writer.write_lines(data, Repeated::Data);
    }
}

/// The lines one by one, as prefix and value.
impl<'a> Iterator for Lines<'a> {
    type Item = (&'static [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let slot = self.0.iter_mut().find(|slot| slot.is_some())?;
        let Field { prefix, text } = slot.take()?;
        match text.cut() {
            Some((line, text)) => {
                *slot = Some(Field { prefix, text });
                Some((prefix, line))
            }
            None => Some((prefix, text.rest)),
        }
    }
}

struct Writer<'d, B> {
    dst: &'d mut B,
    line_ending: LineEnding,
}

impl<B: BufMut> Writer<'_, B> {
    #[inline(always)]
    fn write_lines(&mut self, field: Option<Field<'_>>, repeated: Repeated) {
        if let Some(field) = field {
            self.write_open_lines(field, repeated);
            self.line_ending.write(self.dst);
        }
    }

    #[inline(always)]
    fn write_line(&mut self, field: Option<Field<'_>>) {
        if let Some(Field { prefix, text }) = field {
            self.write_open_line(prefix, text.rest);
            self.line_ending.write(self.dst);
        }
    }

    /// Writes all lines, the last one without its end.
    #[inline(always)]
    fn write_open_lines(&mut self, Field { prefix, text }: Field<'_>, repeated: Repeated) {
        self.dst.put_slice(prefix);
        text.write(self.line_ending, repeated, self.dst);
    }

    #[inline(always)]
    fn write_open_line(&mut self, prefix: &'static [u8], value: &[u8]) {
        self.dst.put_slice(prefix);
        self.dst.put_slice(value);
    }
}

/// The fields that have a line for each line of their text.
#[derive(Clone, Copy)]
pub(super) enum Repeated {
    Comment,
    Data,
}

/// Text to be cut at CR, LF and CRLF; knows its first line end, so that each byte is scanned once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    rest: &'a [u8],
    line_end: Option<usize>,
    /// Some line ends in CR or CRLF.
    has_returns: bool,
}

impl<'a> Text<'a> {
    #[inline]
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self::of(rest, find_line_end(rest))
    }

    #[inline]
    fn of(rest: &'a [u8], line_end: Option<usize>) -> Self {
        let has_returns = line_end.is_some_and(|end| memchr(b'\r', &rest[end..]).is_some());
        Self { rest, line_end, has_returns }
    }

    /// A value that cannot hold a line end.
    #[inline]
    const fn line(value: &'a [u8]) -> Self {
        Self { rest: value, line_end: None, has_returns: false }
    }

    /// The first line and what follows; `None` when this is the last line, possibly empty: text always has one.
    #[inline]
    fn cut(self) -> Option<(&'a [u8], Self)> {
        let (line, tail) = self.rest.split_at(self.line_end?);
        let rest = match tail {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => tail,
        };
        let line_end = if self.has_returns { find_line_end(rest) } else { memchr(b'\n', rest) };
        Some((line, Self { rest, line_end, ..self }))
    }

    /// Writes all lines but the prefix of the first one and the end of the last one.
    #[inline(always)]
    pub(super) fn write(self, line_ending: LineEnding, repeated: Repeated, dst: &mut impl BufMut) {
        let Some(first) = self.line_end else { return dst.put_slice(self.rest) };
        match (line_ending, repeated) {
            (LineEnding::Lf, Repeated::Data) => self.write_many(first, b"\ndata: ", dst),
            (LineEnding::Lf, Repeated::Comment) => self.write_many(first, b"\n: ", dst),
            (LineEnding::CrLf, Repeated::Data) => self.write_many(first, b"\r\ndata: ", dst),
            (LineEnding::CrLf, Repeated::Comment) => self.write_many(first, b"\r\n: ", dst),
        }
    }

    /// `separator` is what ends a line and begins the next: of a length that is known, because that is stored and
    /// anything else is copied by a call.
    #[inline(never)]
    fn write_many<const N: usize>(mut self, first: usize, separator: &[u8; N], dst: &mut impl BufMut) {
        if self.has_returns {
            while let Some((line, rest)) = self.cut() {
                dst.put_slice(line);
                dst.put_slice(separator);
                self = rest;
            }
            return dst.put_slice(self.rest);
        }
        let mut start = 0;
        for end in LineFeeds::from(self.rest, first) {
            dst.put_slice(&self.rest[start..end]);
            dst.put_slice(separator);
            start = end + 1;
        }
        dst.put_slice(&self.rest[start..]);
    }

    #[inline]
    fn encoded_len(self, per_line: usize) -> usize {
        match self.line_end {
            None => per_line + self.rest.len(),
            Some(first) => self.encoded_len_of_many(first, per_line),
        }
    }

    #[cold]
    fn encoded_len_of_many(self, first: usize, per_line: usize) -> usize {
        let from_first = &self.rest[first..];
        let line_feeds = count_line_feeds(from_first);
        let mut returns = 0;
        let mut pairs = 0;
        if self.has_returns {
            for at in memchr_iter(b'\r', from_first) {
                returns += 1;
                pairs += usize::from(from_first.get(at + 1) == Some(&b'\n'));
            }
        }
        let lines = 1 + line_feeds + returns - pairs;
        self.rest.len() - line_feeds - returns + lines * per_line
    }
}

/// Short text that is one line, as most is, is known sooner than memchr begins to look.
#[inline]
fn find_line_end(text: &[u8]) -> Option<usize> {
    match (text.first_chunk(), text.last_chunk()) {
        // Not `||`: one branch for both.
        (Some(first), Some(last)) if text.len() <= 2 * BLOCK && !(ends_line(first) | ends_line(last)) => None,
        _ => memchr2(b'\r', b'\n', text),
    }
}

const BLOCK: usize = 16;

/// Whether a line ends in a block; no branches, so that it becomes a few vector instructions.
#[inline]
fn ends_line(block: &[u8; BLOCK]) -> bool {
    let mut found = false;
    for byte in block {
        found |= (*byte == b'\r') | (*byte == b'\n');
    }
    found
}
