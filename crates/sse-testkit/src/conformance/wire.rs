//! The bytes of a body, line by line.

use super::{Findings, Place, Rule};

/// The most that a 32-bit timer takes.
const MAX_RETRY: u64 = 2_147_483_647;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What the block that is being read has so far.
#[derive(Default)]
struct Block {
    start: usize,
    comments: bool,
    event: bool,
    id: bool,
    retry: bool,
    data: bool,
    /// Fields that are unknown.
    other: bool,
}

pub(super) fn lint(wire: &[u8], findings: &mut Findings) {
    if let Some(at) = invalid(wire) {
        findings.add(Rule::Utf8, Place::Byte(at), "not UTF-8".to_owned());
    }
    let mut at = 0;
    if wire.starts_with(BYTE_ORDER_MARK) {
        findings.add(Rule::ByteOrderMark, Place::Byte(0), "a byte order mark".to_owned());
        at = BYTE_ORDER_MARK.len();
    }
    let mut block = Block { start: at, ..Block::default() };
    // A line that has not ended is none.
    while let Some((line, end)) = line(wire, at) {
        if end.is_bare_cr {
            let place = Place::Byte(at + line.len());
            findings.add(Rule::BareCr, place, "a line that ends with CR alone".to_owned());
        }
        if line.is_empty() {
            block.end(at, findings);
            block = Block { start: end.next, ..Block::default() };
        } else {
            block.line(line, at, findings);
        }
        at = end.next;
    }
}

impl Block {
    fn line(&mut self, line: &[u8], at: usize, findings: &mut Findings) {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, rest) = line.split_at(colon.unwrap_or(line.len()));
        let rest = rest.get(1..).unwrap_or_default();
        let value = rest.strip_prefix(b" ").unwrap_or(rest);
        let mut add = |rule, detail: String| findings.add(rule, Place::Byte(at), detail);
        match name {
            b"" => {
                self.comments = true;
                return;
            }
            b"data" => self.data = true,
            b"event" => {
                self.event = true;
                if matches!(value, b"error" | b"open") {
                    add(Rule::ReservedName, format!("an event named {:?}", String::from_utf8_lossy(value)));
                }
            }
            b"id" => {
                self.id = true;
                let is_visible = value.iter().all(|byte| (b' '..=b'~').contains(byte));
                if !is_visible || value.first() == Some(&b' ') || value.last() == Some(&b' ') {
                    add(Rule::IdValue, format!("the id {:?}", String::from_utf8_lossy(value)));
                }
            }
            b"retry" => {
                self.retry = true;
                let digits = core::str::from_utf8(value).ok();
                let digits = digits.filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
                let retry = digits.and_then(|digits| digits.parse::<u64>().ok());
                if retry.is_none_or(|retry| retry > MAX_RETRY) {
                    add(Rule::RetryValue, format!("{:?}", String::from_utf8_lossy(value)));
                }
            }
            _ => {
                self.other = true;
                add(Rule::UnknownField, format!("{:?}", String::from_utf8_lossy(name)));
                return;
            }
        }
        if !rest.is_empty() && !rest.starts_with(b" ") {
            add(Rule::NoSpace, format!("{:?}", String::from_utf8_lossy(line)));
        }
    }

    /// The blank line.
    fn end(&self, at: usize, findings: &mut Findings) {
        if self.data {
            return;
        }
        let mut add = |rule, detail: &str| findings.add(rule, Place::Byte(self.start), detail.to_owned());
        if self.event {
            add(Rule::EventWithoutData, "a block with `event` and without `data` is never dispatched");
        }
        if self.id {
            add(Rule::IdWithoutData, "a block with `id` and without `data`");
        }
        if self.retry {
            add(Rule::RetryWithoutData, "a block with `retry` and without `data`");
        }
        if self.event || self.id || self.retry || self.other {
            return;
        }
        if self.comments {
            add(Rule::CommentBlock, "a comment with a blank line behind");
        } else {
            findings.add(Rule::EmptyBlock, Place::Byte(at), "a blank line behind a blank line".to_owned());
        }
    }
}

/// Where a line ends.
struct LineEnd {
    next: usize,
    is_bare_cr: bool,
}

/// The line that begins at a byte, if it has ended.
fn line(wire: &[u8], from: usize) -> Option<(&[u8], LineEnd)> {
    let rest = wire.get(from..)?;
    let len = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let (line, end) = rest.split_at(len);
    let (width, is_bare_cr) = match end {
        [b'\r', b'\n', ..] => (2, false),
        // Its LF may still come: nothing is said of the last byte.
        [b'\r', _, ..] => (1, true),
        _ => (1, false),
    };
    Some((line, LineEnd { next: from + len + width, is_bare_cr }))
}

/// The first byte that is not UTF-8; a code point that the end cuts is not looked at.
fn invalid(wire: &[u8]) -> Option<usize> {
    let error = core::str::from_utf8(wire).err()?;
    error.error_len().map(|_| error.valid_up_to())
}
