//! One chunk on its way through the decoder.

use core::fmt;

use memchr::memchr2;

use super::item::{CommentLine, Data, Item, MESSAGE, MessageEvent, OwnedItem};
use super::line::{Span, whole_code_points};
use super::{Decoder, Fields, Found, Line, Text};

/// The UTF-8 byte order mark.
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A chunk being decoded: [`next`](Self::next) until `None`.
///
/// Decoding is lazy, item by item; there is no queue. A `Feed` that is dropped early has consumed the lines
/// up to its last item and nothing else: [`remaining`](Self::remaining) is what to feed next. Not an
/// `Iterator`, because an item borrows from it; [`owned`](Self::owned) is one.
///
/// ```
/// # use sse_core::{Decoder, Item};
/// let mut decoder = Decoder::new();
/// let mut feed = decoder.feed(b"data: one\n\ndata: two\n\n");
/// assert!(matches!(feed.next(), Some(Item::Event(event)) if event.data() == "one"));
/// assert_eq!(feed.remaining(), b"data: two\n\n");
/// ```
#[must_use = "a chunk is decoded by calling `next` until it returns `None`"]
pub struct Feed<'d, 'c> {
    decoder: &'d mut Decoder,
    rest: &'c [u8],
    /// The beginning of `rest` that is known to be UTF-8.
    text: &'c str,
    /// How far the next validation looks, at least.
    window: usize,
}

/// A line, or what the chunk holds of it.
enum Piece<'c> {
    /// Up to a line end, which is consumed too.
    Ended(Span<'c>),
    /// Up to the end of the chunk.
    Open(&'c [u8]),
}

impl<'d, 'c> Feed<'d, 'c> {
    pub(super) fn new(decoder: &'d mut Decoder, chunk: &'c [u8]) -> Self {
        Self { decoder, rest: chunk, text: "", window: 0 }
    }

    /// Returns the next item, or `None` when the chunk is used up: then feed the next one.
    ///
    /// Takes time linear in the bytes consumed, however the stream is cut. An event that lies in the chunk with one
    /// `data` line is borrowed from it: no copy, no allocation. Otherwise its data is put together in the decoder,
    /// whose buffer is used again.
    ///
    /// ```
    /// # use sse_core::{Decoder, Item};
    /// let mut decoder = Decoder::new();
    /// let mut events = 0;
    /// for chunk in [b"data: on".as_slice(), b"e\n\ndata: two\n\n"] {
    ///     let mut feed = decoder.feed(chunk);
    ///     while let Some(item) = feed.next() {
    ///         events += usize::from(matches!(item, Item::Event(_)));
    ///     }
    /// }
    /// assert_eq!(events, 2);
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "an item borrows from the feed, which Iterator cannot say"
    )]
    #[inline]
    pub fn next(&mut self) -> Option<Item<'_>> {
        if self.decoder.lent {
            self.decoder.take_back();
        }
        if let Some(data) = self.plain_event() {
            return Some(Item::Event(MessageEvent {
                event_type: MESSAGE,
                data: Data::Chunk(data),
                last_event_id: &self.decoder.last_event_id,
                sets_id: false,
            }));
        }
        if self.rest.is_empty() { None } else { self.next_of_any_kind() }
    }

    /// Returns the items from here on, detached, as an iterator.
    ///
    /// Costs per item what [`Item::into_owned`] costs. Dropped early, it has consumed the lines up to its last item.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert_eq!(decoder.feed(b"data: one\n\ndata: two\n\n").owned().count(), 2);
    /// ```
    pub fn owned(mut self) -> impl Iterator<Item = OwnedItem> {
        core::iter::from_fn(move || self.next().map(Item::into_owned))
    }

    /// Returns the part of the chunk that is not consumed yet; empty once [`next`](Self::next) has returned `None`.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// let chunk = b"data: one\n\ndata: two\n\n";
    /// let mut feed = decoder.feed(chunk);
    /// assert!(feed.next().is_some());
    /// let rest = feed.remaining();
    /// assert_eq!(rest, b"data: two\n\n");
    /// assert!(decoder.feed(rest).next().is_some(), "the rest outlives the feed");
    /// ```
    #[must_use]
    pub fn remaining(&self) -> &'c [u8] {
        self.rest
    }

    /// The common case, whole in the chunk and where a block begins: one `data` line and a blank line.
    #[inline]
    fn plain_event(&mut self) -> Option<&'c str> {
        if !self.decoder.is_between_blocks() {
            return None;
        }
        let line = self.rest.strip_prefix(b"data:")?;
        let (value, ends) = line.split_at_checked(memchr2(b'\n', b'\r', line)?)?;
        let rest = ends.strip_prefix(b"\n\n").or_else(|| ends.strip_prefix(b"\r\n\r\n"))?;
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if !self.decoder.would_hold(value) {
            return None;
        }
        let line_end = self.rest.len() - ends.len();
        let data = self.text_to(line_end)?.get(line_end - value.len()..)?;
        self.consume(self.rest.len() - rest.len());
        Some(data)
    }

    /// The next `len` bytes as text, if they are UTF-8.
    #[inline]
    fn text_to(&mut self, len: usize) -> Option<&'c str> {
        if self.text.len() < len {
            self.validate(len);
        }
        self.text.get(..len)
    }

    /// Finds out whether the next `len` bytes are UTF-8, and more of the chunk with every call: a feed that
    /// is used up is validated in a few large steps, one that is dropped after an item has not looked far
    /// ahead for nothing.
    #[inline(never)]
    fn validate(&mut self, len: usize) {
        let window = len.max(self.window);
        self.window = window.saturating_mul(16);
        let bytes = whole_code_points(self.rest.get(..window).unwrap_or(self.rest));
        self.text = match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).map(core::str::from_utf8);
                valid.and_then(Result::ok).unwrap_or_default()
            }
        };
    }

    /// Every other case, kept out of the way of the common one.
    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Option<Item<'_>> {
        let found = self.scan()?;
        Some(self.lend(found))
    }

    /// Goes line by line to the next item or the end of the chunk.
    fn scan(&mut self) -> Option<Found<'c>> {
        self.skip_bom();
        self.skip_line_feed();
        let mut fields = Fields::default();
        let found = loop {
            let found = match self.piece() {
                None => break None,
                Some(Piece::Open(beginning)) => {
                    self.decoder.keep(core::mem::take(&mut fields));
                    self.decoder.extend_line(beginning);
                    break None;
                }
                Some(Piece::Ended(line)) if self.decoder.line == Line::Start => {
                    self.decoder.line(line, &mut fields)
                }
                Some(Piece::Ended(end)) => {
                    self.decoder.extend_line(end.bytes());
                    self.decoder.end_line()
                }
            };
            if found.is_some() {
                break found;
            }
        };
        // The chunk may be gone at the next call: the fields of an unfinished block move into the decoder.
        self.decoder.keep(fields);
        found
    }

    /// Cuts the next line, or the rest of the chunk, off.
    #[inline]
    fn piece(&mut self) -> Option<Piece<'c>> {
        let chunk = self.rest;
        let end = match chunk {
            [] => return None,
            [b'\n' | b'\r', ..] => Some(0),
            _ => memchr2(b'\n', b'\r', chunk),
        };
        let Some((line, end)) = end.and_then(|end| chunk.split_at_checked(end)) else {
            self.consume(chunk.len());
            return Some(Piece::Open(chunk));
        };
        // Data that is put together in the decoder is validated there, as a whole.
        let text = if self.decoder.has_data() { None } else { self.text_to(line.len()) };
        let line = text.map_or(Span::Bytes(line), Span::Text);
        // A CR ends its line at once; should the LF of a CRLF come with the next chunk, it is skipped there.
        self.decoder.skip_line_feed = end == b"\r";
        self.consume(line.bytes().len() + if end.starts_with(b"\r\n") { 2 } else { 1 });
        Some(Piece::Ended(line))
    }

    /// Skips one byte order mark at the very start of the stream.
    fn skip_bom(&mut self) {
        while let Line::ByteOrderMark(seen) = self.decoder.line {
            let Some(byte) = self.rest.first() else {
                return;
            };
            let matches = BOM.get(usize::from(seen)) == Some(byte);
            if matches {
                self.consume(1);
            }
            self.decoder.line = match (matches, seen) {
                (true, 0 | 1) => Line::ByteOrderMark(seen + 1),
                (true, _) | (false, 0) => Line::Start,
                // Half a mark is the beginning of a field name that the standard does not know.
                (false, _) => Line::UNKNOWN,
            };
        }
    }

    /// Skips the LF of a CRLF that the chunk border split.
    fn skip_line_feed(&mut self) {
        if self.decoder.skip_line_feed && !self.rest.is_empty() {
            self.decoder.skip_line_feed = false;
            if self.rest.starts_with(b"\n") {
                self.consume(1);
            }
        }
    }

    /// Moves on in the chunk, `text` in step.
    #[inline(always)]
    fn consume(&mut self, bytes: usize) {
        self.decoder.bytes_seen += bytes as u64;
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.text = self.text.get(bytes..).unwrap_or_default();
    }

    /// Makes the item of what was found, out of the chunk and the decoder's buffers.
    fn lend(&mut self, found: Found<'c>) -> Item<'_> {
        let decoder = &mut *self.decoder;
        match found {
            Found::Event { event_type, data, sets_id } => Item::Event(MessageEvent {
                event_type: match event_type {
                    Text::Chunk("") => MESSAGE,
                    Text::Chunk(name) => name,
                    Text::Buffer if decoder.event_type.is_empty() => MESSAGE,
                    Text::Buffer => &decoder.event_type,
                },
                data: match data {
                    Text::Chunk(text) => Data::Chunk(text),
                    Text::Buffer => Data::Buffer(&mut decoder.text),
                },
                last_event_id: &decoder.last_event_id,
                sets_id,
            }),
            Found::Comment { text, is_truncated } => Item::Comment(CommentLine {
                text: match text {
                    Text::Chunk(text) => text,
                    Text::Buffer => &decoder.text,
                },
                is_truncated,
            }),
            Found::Retry(time) => Item::Retry(time),
            Found::Block { sets_id } => Item::Block { last_event_id: &decoder.last_event_id, sets_id },
            Found::Discarded(discarded) => Item::Discarded(discarded),
        }
    }
}

impl fmt::Debug for Feed<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("decoder", &self.decoder).field("remaining", &self.rest.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decoder that has seen these bytes, behind which a block begins or goes on.
    fn after(bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::with_limit(8);
        assert!(decoder.feed(bytes).next().is_none());
        decoder
    }

    #[test]
    fn a_plain_event_takes_the_short_cut() {
        for before in ["\n", "\r", "unknown\n"] {
            for (chunk, data, rest) in [
                ("data: a\n\n", "a", ""),
                ("data:a\r\n\r\ndata: b", "a", "data: b"),
                ("data:  seven\n\n", " seven", ""),
                ("data:\n\n\n", "", "\n"),
                ("data: \u{20ac}\n\n\u{20ac}", "\u{20ac}", "\u{20ac}"),
            ] {
                let mut decoder = after(before.as_bytes());
                let mut feed = decoder.feed(chunk.as_bytes());
                assert_eq!(feed.plain_event(), Some(data), "{chunk:?} after {before:?}");
                assert_eq!(feed.remaining(), rest.as_bytes());
                assert_eq!(decoder.bytes_seen(), (before.len() + chunk.len() - rest.len()) as u64);
            }
        }
        let mut decoder = after(b"\n");
        let mut feed = decoder.feed(b"data: a\n\ndata: bc\n\n");
        assert_eq!(
            (feed.plain_event(), feed.plain_event(), feed.plain_event()),
            (Some("a"), Some("bc"), None)
        );
    }

    #[test]
    fn no_other_event_takes_the_short_cut() {
        for (before, chunk) in [
            (&b""[..], &b"data: a\n\n"[..]),
            (b"id: 1\n", b"data: a\n\n"),
            (b"data: x\n", b"data: a\n\n"),
            (b"dat", b"data: a\n\n"),
            (b"\n", b"data: a\ndata: b\n\n"),
            (b"\n", b"data: a\r\r"),
            (b"\n", b"data: a\n"),
            (b"\n", b"data: a"),
            (b"\n", b"data: too long\n\n"),
            (b"\n", b"data: eight by\n\n"),
            (b"\n", b"data: \xFF\n\n"),
            (b"\n", b"datas: a\n\n"),
            (b"\n", b"\n"),
        ] {
            let mut decoder = after(before);
            let mut feed = decoder.feed(chunk);
            assert_eq!(feed.plain_event(), None, "{chunk:?} after {before:?}");
            assert_eq!(feed.remaining(), chunk);
        }
    }

    #[test]
    fn a_line_is_proven_to_be_text_where_it_is_used() {
        for (before, chunk, is_text) in [
            (&b"\n"[..], &b"event: a\n\xFF"[..], true),
            (b"\n", b"event: \xFF\n", false),
            (b"data: a\n", b"data: b\n", false),
        ] {
            let mut decoder = after(before);
            let mut feed = decoder.feed(chunk);
            let Some(Piece::Ended(line)) = feed.piece() else { panic!("no line") };
            assert_eq!(matches!(line, Span::Text(_)), is_text, "{chunk:?} after {before:?}");
            assert_eq!(matches!(line.split().1, Span::Text(_)), is_text, "and so is its value");
        }
    }
}
