//! One chunk on its way through the decoder.

use core::fmt;
use core::mem;

use memchr::memchr2;

use super::item::{CommentLine, Data, Item, MESSAGE, MessageEvent, OwnedItem};
use super::line::{Field, Span, split, whole_code_points};
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
    chunk: &'c [u8],
    /// How much of the chunk is consumed.
    at: usize,
    /// How much of the line at hand is in the chunk, if that is known already.
    line_len: Option<usize>,
    /// A part of the chunk that is known to be UTF-8, and where it begins.
    text: &'c str,
    text_at: usize,
    /// How far the next validation looks, at least.
    window: usize,
}

/// What became of data that does not lie whole in the chunk.
enum OpenData {
    /// It was taken in, and the chunk is used up.
    Taken,
    /// It was the end of an event without other fields, whose data is in the decoder's buffer.
    Event,
    /// It is something else, and nothing happened.
    Other,
}

impl<'d, 'c> Feed<'d, 'c> {
    #[inline]
    pub(super) fn new(decoder: &'d mut Decoder, chunk: &'c [u8]) -> Self {
        Self { decoder, chunk, at: 0, line_len: None, text: "", text_at: 0, window: 0 }
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
        if self.decoder.is_between_blocks() {
            if let Some(data) = self.plain_event() {
                return Some(Item::Event(MessageEvent {
                    event_type: MESSAGE,
                    data: Data::Chunk(data),
                    last_event_id: &self.decoder.last_event_id,
                    sets_id: false,
                }));
            }
            if let Some(b':' | b'\n') = self.chunk.get(self.at) {
                if let Some(text) = self.plain_comment() {
                    return Some(Item::Comment(CommentLine { text, is_truncated: false }));
                }
            }
        }
        if self.at == self.chunk.len() {
            return None;
        }
        match self.open_data() {
            OpenData::Taken => None,
            OpenData::Event => Some(Item::Event(MessageEvent {
                event_type: MESSAGE,
                data: Data::Buffer(&mut self.decoder.text),
                last_event_id: &self.decoder.last_event_id,
                sets_id: false,
            })),
            OpenData::Other => self.next_of_any_kind(),
        }
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
    #[inline]
    pub fn remaining(&self) -> &'c [u8] {
        self.chunk.get(self.at..).unwrap_or_default()
    }

    /// The common case, whole in the chunk and where a block begins: one `data` line and a blank line.
    #[inline]
    fn plain_event(&mut self) -> Option<&'c str> {
        let line = self.chunk.get(self.at..)?.strip_prefix(b"data:")?;
        let Some(len) = memchr2(b'\n', b'\r', line) else {
            self.line_len = Some(b"data:".len() + line.len());
            return None;
        };
        let (value, ends) = line.split_at_checked(len)?;
        let line_end = self.chunk.len() - ends.len();
        let block_end = if ends.starts_with(b"\n\n") {
            line_end + 2
        } else if ends.starts_with(b"\r\n\r\n") {
            line_end + 4
        } else {
            self.line_len = Some(b"data:".len() + len);
            return None;
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if !self.decoder.would_hold(value) {
            return None;
        }
        let data = self.text_of(value, line_end)?;
        self.consume_to(block_end);
        Some(data)
    }

    /// What keeps connections open, where a block begins: a comment of one short line, perhaps behind the blank line of the
    /// last one.
    #[inline(never)]
    fn plain_comment(&mut self) -> Option<&'c str> {
        let rest = self.chunk.get(self.at..)?;
        let line = rest.strip_prefix(b"\n").unwrap_or(rest).strip_prefix(b":")?;
        let (value, ends) = line.split_at_checked(short_line(line)?)?;
        if !ends.starts_with(b"\n") {
            return None;
        }
        let line_end = self.chunk.len() - ends.len();
        let text = self.text_of(value.strip_prefix(b" ").unwrap_or(value), line_end)?;
        self.consume_to(line_end + 1);
        Some(text)
    }

    /// Takes in data of a line that the chunk does not hold whole: the common case, cut by chunk borders.
    #[inline(never)]
    fn open_data(&mut self) -> OpenData {
        let rest = self.remaining();
        let value = match self.decoder.line {
            Line::Value(Field::Data) => 0,
            Line::Start if self.decoder.size == 0 && rest.starts_with(b"data: ") => b"data: ".len(),
            _ => return OpenData::Other,
        };
        let len = self.line_len.take().unwrap_or_else(|| line_end(rest).unwrap_or(rest.len()));
        if len == rest.len() {
            self.decoder.line = Line::Value(Field::Data);
            self.decoder.skip_line_feed = false;
            self.decoder.extend_data(rest.get(value..).unwrap_or_default());
            self.consume_to(self.chunk.len());
            return OpenData::Taken;
        }
        if let (0, Some((end, [b'\n', b'\n', ..]))) = (value, rest.split_at_checked(len)) {
            if self.decoder.end_plain_event(end) {
                self.consume_to(self.at + len + 2);
                return OpenData::Event;
            }
        }
        self.line_len = Some(len);
        OpenData::Other
    }

    /// A value of the line at hand as text, if it is UTF-8; `end` is where it ends in the chunk.
    #[inline(always)]
    fn text_of(&mut self, value: &[u8], end: usize) -> Option<&'c str> {
        if self.text_at + self.text.len() < end {
            self.validate(end);
        }
        let end = end - self.text_at;
        self.text.get(end - value.len()..end)
    }

    /// Finds out whether these bytes are UTF-8, and more of the chunk with every call: a feed that is used up is validated
    /// in a few large steps, one that is dropped after an item has not looked far ahead for nothing.
    #[inline(never)]
    fn validate(&mut self, end: usize) {
        let window = self.window.max(end - self.at);
        self.window = window.saturating_mul(16);
        let rest = self.remaining();
        let bytes = whole_code_points(rest.get(..window).unwrap_or(rest));
        self.text_at = self.at;
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
        if self.at == self.chunk.len() {
            return None;
        }
        if self.decoder.line != Line::Start {
            let found = self.rest_of_line();
            if found.is_some() || self.at == self.chunk.len() {
                return found;
            }
        }
        let mut fields = Fields::default();
        let mut found = None;
        while found.is_none() && self.at < self.chunk.len() {
            found = self.line(&mut fields);
        }
        // The chunk may be gone at the next call: the fields of an unfinished block move into the decoder.
        if fields.data.is_some() || fields.event_type.is_some() {
            self.decoder.keep(&mut fields);
        }
        found
    }

    /// Takes in the rest of a line that began in an earlier chunk, or as much of it as there is.
    fn rest_of_line(&mut self) -> Option<Found<'c>> {
        let Some((line, next)) = self.find_line() else {
            self.take_open_line();
            return None;
        };
        self.decoder.extend_line(line);
        self.consume_to(next);
        self.decoder.end_line()
    }

    /// Processes the line that begins here.
    fn line(&mut self, fields: &mut Fields<'c>) -> Option<Found<'c>> {
        let Some((line, next)) = self.find_line() else {
            self.decoder.keep(fields);
            self.take_open_line();
            return None;
        };
        let found = if !line.is_empty() {
            self.whole_line(line, fields)
        } else if self.decoder.size > 0 {
            self.decoder.dispatch(fields)
        } else {
            None
        };
        self.consume_to(next);
        found
    }

    /// Takes in what the chunk holds of its last line.
    fn take_open_line(&mut self) {
        self.decoder.extend_line(self.remaining());
        self.consume_to(self.chunk.len());
    }

    /// Processes a line that lies whole in the chunk, and is not empty.
    #[inline(always)]
    fn whole_line(&mut self, line: &'c [u8], fields: &mut Fields<'c>) -> Option<Found<'c>> {
        let end = self.at + line.len();
        let (field, value) = split(line);
        match field {
            Field::Unknown => {}
            Field::Comment => {
                let (text, is_truncated) = CommentLine::cut(value);
                let text = if is_truncated { Span::Bytes(text) } else { self.span(value, end) };
                return Some(self.decoder.comment(text, is_truncated));
            }
            _ if !self.decoder.count(value.len().saturating_add(1)) => {}
            Field::Data if fields.data.is_none() && !self.decoder.has_data() => {
                fields.data = Some(self.span(value, end));
            }
            Field::Data => {
                if let Some(first) = fields.data.take() {
                    self.decoder.push_data(first.bytes());
                }
                self.decoder.push_data(value);
            }
            Field::Event => fields.event_type = Some(self.span(value, end)),
            Field::Id => {
                let id = self.span(value, end);
                self.decoder.set_id(id);
            }
            Field::Retry => return self.decoder.set_retry(value),
        }
        None
    }

    /// The next line and where the one behind it begins, if the chunk holds its end.
    #[inline]
    fn find_line(&mut self) -> Option<(&'c [u8], usize)> {
        let rest = self.chunk.get(self.at..)?;
        let len = match (self.line_len.take(), rest) {
            (Some(len), _) => len,
            (None, [b'\n' | b'\r', ..]) => 0,
            (None, _) => line_end(rest)?,
        };
        let (line, end) = rest.split_at_checked(len)?;
        if end.is_empty() {
            return None;
        }
        // A CR ends its line at once; should the LF of a CRLF come with the next chunk, it is skipped there.
        self.decoder.skip_line_feed = end == b"\r";
        Some((line, self.at + len + if end.starts_with(b"\r\n") { 2 } else { 1 }))
    }

    /// A value of the line at hand, proven to be text where that can be; `end` is where it ends in the chunk.
    #[inline]
    fn span(&mut self, value: &'c [u8], end: usize) -> Span<'c> {
        self.text_of(value, end).map_or(Span::Bytes(value), Span::Text)
    }

    /// Skips one byte order mark at the very start of the stream.
    fn skip_bom(&mut self) {
        while let Line::ByteOrderMark(seen) = self.decoder.line {
            let Some(byte) = self.remaining().first() else {
                return;
            };
            let matches = BOM.get(usize::from(seen)) == Some(byte);
            if matches {
                self.consume_to(self.at + 1);
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
        if mem::take(&mut self.decoder.skip_line_feed) && self.remaining().starts_with(b"\n") {
            self.consume_to(self.at + 1);
        }
    }

    #[inline(always)]
    fn consume_to(&mut self, at: usize) {
        self.decoder.bytes_seen += (at - self.at) as u64;
        self.at = at;
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

/// Where the first line ends, if it does.
#[inline]
fn line_end(text: &[u8]) -> Option<usize> {
    // So few bytes are looked through before memchr begins.
    if text.len() < 8 {
        return text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    }
    memchr2(b'\n', b'\r', text)
}

/// Where a line of at most 16 bytes ends, sooner than memchr begins to look.
#[inline(always)]
fn short_line(text: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = EACH << 7;
    // The lowest high bit is that of the first byte that is zero; above it there may be others.
    let zeros = |word: u64| word.wrapping_sub(EACH) & !word & HIGH;
    let ends = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        zeros(word ^ (EACH * u64::from(b'\n'))) | zeros(word ^ (EACH * u64::from(b'\r')))
    };
    let (first, rest) = text.split_first_chunk()?;
    let found = ends(first);
    if found != 0 {
        return Some(found.trailing_zeros() as usize / 8);
    }
    let found = ends(rest.first_chunk()?);
    (found != 0).then(|| 8 + found.trailing_zeros() as usize / 8)
}

impl fmt::Debug for Feed<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("decoder", &self.decoder)
            .field("remaining", &self.remaining().len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

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
        for chunk in [
            &b"data: a\ndata: b\n\n"[..],
            b"data: a\r\r",
            b"data: a\n",
            b"data: a",
            b"data: too long\n\n",
            b"data: eight by\n\n",
            b"data: \xFF\n\n",
            b"datas: a\n\n",
            b"\n",
        ] {
            let mut decoder = after(b"\n");
            let mut feed = decoder.feed(chunk);
            assert_eq!(feed.plain_event(), None, "{chunk:?}");
            assert_eq!(feed.remaining(), chunk);
        }
    }

    #[test]
    fn a_short_comment_takes_the_short_cut() {
        let plain = |chunk: &[u8]| {
            let mut decoder = after(b"\n");
            let mut feed = decoder.feed(chunk);
            let text = feed.plain_comment();
            assert!(text.is_some() || feed.remaining() == chunk, "{chunk:?}");
            text.map(|text| (String::from(text), feed.remaining().len()))
        };
        for (chunk, text, rest) in [
            (": keep-alive\n\ndata", "keep-alive", 5),
            ("\n: keep-alive\ndata", "keep-alive", 4),
            (":\n.......", "", 7),
            (":  \n......", " ", 6),
            (": 3456\n\n.", "3456", 2),
            (": 34567\n........", "34567", 8),
            (": 34567890123456\n", "34567890123456", 0),
            (": \u{20ac}\n....", "\u{20ac}", 4),
        ] {
            assert_eq!(plain(chunk.as_bytes()), Some((String::from(text), rest)), "{chunk:?}");
        }
        for chunk in [
            &b": a\r\n......"[..],
            b": a\n",
            b": 345678901234567\n..",
            b": \xFF\n......",
            b"\n\n:\n.......",
            b"data: a\n\n",
        ] {
            assert_eq!(plain(chunk), None, "{chunk:?}");
        }
    }

    #[test]
    fn a_line_end_is_found_at_each_place() {
        for end in [b'\r', b'\n'] {
            for len in 0..24 {
                let mut text = [b'\x0B'; 24];
                assert_eq!((line_end(&text[..len]), short_line(&text[..len])), (None, None));
                for at in 0..len {
                    text[at] = end;
                    // The bytes behind it do not matter.
                    let found = (at < len / 8 * 8 && at < 16).then_some(at);
                    assert_eq!(
                        (line_end(&text[..len]), short_line(&text[..len])),
                        (Some(at), found),
                        "{at} of {len}"
                    );
                    text[at] = b'\x0B';
                }
            }
        }
    }

    #[test]
    fn data_that_chunks_cut_takes_the_short_cut() {
        let mut decoder = after(b"\r");
        for (chunk, is_taken) in [("data: 1", true), ("23", true), ("\n", false)] {
            let mut feed = decoder.feed(chunk.as_bytes());
            assert_eq!(matches!(feed.open_data(), OpenData::Taken), is_taken, "{chunk:?}");
            assert!(feed.next().is_none());
        }
        for (before, chunk, is_event) in [
            (&b"data: 1"[..], &b"2\n\ndata"[..], true),
            (b"data: 123456", b"\n\n", true),
            (b"data: 1234567", b"\n\n", true),
            (b"data: 12345678", b"\n\n", false),
            (b"data: 1", b"2345678\n\n", false),
            (b"data: 1", b"\r\n\r\n", false),
            (b"data: 1", b"\ndata: 2\n\n", false),
            (b"event: a\ndata: 1", b"\n\n", false),
            (b"id: a\ndata: 1", b"\n\n", false),
            (b"retry: 1\ndata: 1", b"\n\n", false),
            (b"id: 1", b"\n\n", false),
            (b"", b"data: 1\n\n", false),
        ] {
            let mut decoder = after(b"\n");
            let mut feed = decoder.feed(before);
            while feed.next().is_some() {}
            let before = decoder.clone();
            let mut feed = decoder.feed(chunk);
            assert_eq!(matches!(feed.open_data(), OpenData::Event), is_event, "{chunk:?} after {before:?}");
            if is_event {
                let end = chunk.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
                assert_eq!(feed.remaining(), &chunk[end..]);
                assert_eq!(decoder.bytes_seen(), before.bytes_seen() + end as u64);
                assert!(decoder.is_between_blocks() && decoder.text.starts_with('1'));
            }
        }
    }
}
