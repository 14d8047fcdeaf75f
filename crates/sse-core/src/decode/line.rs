//! One line of the stream: what its first bytes make of it.

use alloc::string::String;
use core::time::Duration;

/// What a line is, known from its first byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Data,
    Event,
    Id,
    Retry,
    Comment,
    /// A name that the standard does not list: the line is ignored.
    Unknown,
}

/// Splits a whole line, without its end, into field and value; one space after the colon is not part of the
/// value.
#[inline(always)]
pub(super) fn split(line: &[u8]) -> (Field, &[u8]) {
    let named = |field, name: &[u8]| line.strip_prefix(name).map(|rest| (field, rest));
    let found = match line.first() {
        Some(b'd') => named(Field::Data, b"data"),
        Some(b'e') => named(Field::Event, b"event"),
        Some(b'i') => named(Field::Id, b"id"),
        Some(b'r') => named(Field::Retry, b"retry"),
        Some(b':') => Some((Field::Comment, line)),
        _ => None,
    };
    let Some((field, rest)) = found else { return (Field::Unknown, line) };
    match rest {
        [b':', b' ', value @ ..] | [b':', value @ ..] => (field, value),
        [] => (field, rest),
        _ => (Field::Unknown, rest),
    }
}

/// So many bytes decide what a line is and where its value begins.
pub(super) const LONGEST_HEAD: usize = b"event: ".len();

/// [`split`] for the beginning of a line: `None` while more bytes can change the answer.
pub(super) fn split_beginning(line: &[u8]) -> Option<(Field, &[u8])> {
    let lines: [&[u8]; 5] = [b"data: ", b"event: ", b"id: ", b"retry: ", b": "];
    if lines.iter().any(|whole| line.len() < whole.len() && whole.starts_with(line)) {
        return None;
    }
    Some(split(line))
}

/// The reconnection time a `retry` value asks for: ASCII digits and nothing else, in milliseconds,
/// saturating.
pub(super) fn reconnection_time(value: &[u8]) -> Option<Duration> {
    if value.is_empty() {
        return None;
    }
    let mut milliseconds: u64 = 0;
    for byte in value {
        if !byte.is_ascii_digit() {
            return None;
        }
        milliseconds = milliseconds.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    Some(Duration::from_millis(milliseconds))
}

/// `bytes` without a code point that their end cuts off: a lead byte among the last three that wants more.
pub(super) fn whole_code_points(bytes: &[u8]) -> &[u8] {
    if bytes.last().is_some_and(u8::is_ascii) {
        return bytes;
    }
    for (after, &byte) in bytes.iter().rev().take(3).enumerate() {
        let continuations = match byte {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 1,
            0xE0..=0xEF => 2,
            0xF0..=0xFF => 3,
            _ => 0,
        };
        let whole = if continuations > after { bytes.len() - after - 1 } else { bytes.len() };
        return bytes.get(..whole).unwrap_or(bytes);
    }
    bytes
}

/// Bytes of the chunk that need not be asked twice whether they are UTF-8.
#[derive(Clone, Copy)]
pub(super) enum Span<'c> {
    Text(&'c str),
    /// Not known to be UTF-8.
    Bytes(&'c [u8]),
}

impl<'c> Span<'c> {
    #[inline]
    pub(super) fn bytes(self) -> &'c [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// The text, if it is UTF-8.
    #[inline]
    pub(super) fn text(self) -> Option<&'c str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => core::str::from_utf8(bytes).ok(),
        }
    }

    /// Appends the text as the standard's "UTF-8 decode" makes it: one U+FFFD for each maximal invalid part.
    pub(super) fn append_to(self, buffer: &mut String) {
        if let Some(text) = self.text() {
            return buffer.push_str(text);
        }
        for chunk in self.bytes().utf8_chunks() {
            buffer.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                buffer.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}
