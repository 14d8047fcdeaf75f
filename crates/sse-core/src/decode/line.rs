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
#[inline]
pub(super) fn split(line: &[u8]) -> (Field, &[u8]) {
    let (field, rest) = match line {
        [b'd', b'a', b't', b'a', rest @ ..] => (Field::Data, rest),
        [b'e', b'v', b'e', b'n', b't', rest @ ..] => (Field::Event, rest),
        [b'i', b'd', rest @ ..] => (Field::Id, rest),
        [b'r', b'e', b't', b'r', b'y', rest @ ..] => (Field::Retry, rest),
        [b':', ..] => (Field::Comment, line),
        _ => return (Field::Unknown, line),
    };
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
    /// [`split`] of a span that is a whole line.
    #[inline]
    pub(super) fn split(self) -> (Field, Self) {
        let line = self.bytes();
        let (field, value) = split(line);
        let text = match self {
            Self::Text(text) => text.get(line.len() - value.len()..),
            Self::Bytes(_) => None,
        };
        (field, text.map_or(Self::Bytes(value), Self::Text))
    }

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
