//! One chunk on its way through the decoder.

use core::fmt;

use memchr::memchr2;

use super::item::{CommentLine, Data, Item, MESSAGE, MessageEvent, OwnedItem};
use super::line::Span;
use super::{Decoder, Fields, Found, Line, Text};

/// The UTF-8 byte order mark.
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A chunk being decoded: [`next`](Self::next) until `None`.
///
/// Decoding is lazy, item by item; there is no queue. A `Feed` that is dropped early has consumed the lines up to its
/// last item and nothing else: [`remaining`](Self::remaining) is what to feed next. Not an `Iterator`, because an item
/// borrows from it; [`owned`](Self::owned) is one.
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
        Self { decoder, rest: chunk, text: "" }
    }

    /// The next item, or `None` when the chunk is used up: then feed the next one.
    ///
    /// Each byte is looked at once, however the stream is cut. An event that lies in the chunk with one `data` line is
    /// borrowed from it: no copy, no allocation. Otherwise its data is put together in the decoder, whose buffer is used
    /// again.
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

    /// The items from here on, detached, as an iterator.
    ///
    /// Costs per item what [`Item::into_owned`] costs.
    ///
    /// ```
    /// # use sse_core::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert_eq!(decoder.feed(b"data: one\n\ndata: two\n\n").owned().count(), 2);
    /// ```
    pub fn owned(mut self) -> impl Iterator<Item = OwnedItem> + use<'d, 'c> {
        core::iter::from_fn(move || self.next().map(Item::into_owned))
    }

    /// The part of the chunk that is not consumed yet; empty once [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn remaining(&self) -> &'c [u8] {
        self.rest
    }

    /// The common case, whole in the chunk and where a block begins: one `data` line and a blank line.
    #[inline]
    fn plain_event(&mut self) -> Option<&'c str> {
        if !self.decoder.is_at_block() {
            return None;
        }
        if self.text.is_empty() {
            self.validate();
        }
        let line = self.text.strip_prefix("data:")?;
        let (line, ends) = line.split_at_checked(memchr2(b'\n', b'\r', line.as_bytes())?)?;
        let rest = ends.strip_prefix("\n\n").or_else(|| ends.strip_prefix("\r\n\r\n"))?;
        let data = line.strip_prefix(' ').unwrap_or(line);
        if !self.decoder.would_hold(data) {
            return None;
        }
        let consumed = self.text.len() - rest.len();
        self.decoder.bytes_seen += consumed as u64;
        self.rest = self.rest.get(consumed..)?;
        self.text = rest;
        Some(data)
    }

    /// Finds out how much of the chunk is UTF-8, once for all its events, as line ends never split a code point.
    #[inline(never)]
    fn validate(&mut self) {
        self.text = match core::str::from_utf8(self.rest) {
            Ok(text) => text,
            Err(error) => self
                .rest
                .get(..error.valid_up_to())
                .and_then(|valid| core::str::from_utf8(valid).ok())
                .unwrap_or(""),
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
        let line = self.text.get(..line.len()).map_or(Span::Bytes(line), Span::Text);
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

    #[inline]
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
