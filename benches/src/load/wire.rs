//! What a client reads: a response's head, its body, plain or in chunks, and the events in it.

use std::io;

/// Reads one response. The data of its events must begin with a number, which the time may follow.
#[derive(Debug, Default)]
pub(super) struct Wire {
    place: Place,
    is_chunked: bool,
    http: Lines,
    text: Lines,
    body: Body,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Status,
    Head,
    Size,
    Chunk {
        rest: usize,
    },
    ChunkEnd,
    /// In a body that has no chunks.
    Plain,
}

impl Wire {
    /// Whether the head was read.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.place, Place::Status | Place::Head)
    }

    /// How many comments there were: heartbeats, but for one that a stream may begin with.
    pub(super) fn comments(&self) -> u64 {
        self.body.comments
    }

    /// Tells `on_event` the number and the time of each event, 0 where it has none.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(u64, u64)) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.place {
                Place::Chunk { rest } => {
                    let (chunk, behind) = bytes.split_at(rest.min(bytes.len()));
                    bytes = behind;
                    let rest = rest - chunk.len();
                    self.place = if rest == 0 { Place::ChunkEnd } else { Place::Chunk { rest } };
                    self.read_text(chunk, &mut on_event)?;
                }
                Place::Plain => self.read_text(core::mem::take(&mut bytes), &mut on_event)?,
                _ => {
                    if let Some(line) = self.http.next(&mut bytes) {
                        self.place = self.place.behind(line, &mut self.is_chunked)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn read_text(&mut self, mut bytes: &[u8], on_event: &mut impl FnMut(u64, u64)) -> io::Result<()> {
        while let Some(line) = self.text.next(&mut bytes) {
            self.body.read(line, on_event)?;
        }
        Ok(())
    }
}

impl Place {
    /// Where a line of HTTP leads.
    fn behind(self, line: &[u8], is_chunked: &mut bool) -> io::Result<Self> {
        let line = line.trim_ascii_end();
        Ok(match self {
            Self::Status if line.starts_with(b"HTTP/1.1 200") => Self::Head,
            Self::Head if line.is_empty() => {
                if *is_chunked {
                    Self::Size
                } else {
                    Self::Plain
                }
            }
            Self::Head => {
                *is_chunked |= line.eq_ignore_ascii_case(b"transfer-encoding: chunked");
                Self::Head
            }
            Self::ChunkEnd if line.is_empty() => Self::Size,
            Self::Size => {
                match str::from_utf8(line).ok().and_then(|size| usize::from_str_radix(size, 16).ok()) {
                    Some(rest) if rest > 0 => Self::Chunk { rest },
                    _ => return Err(malformed(line)),
                }
            }
            _ => return Err(malformed(line)),
        })
    }
}

/// The events of a body.
#[derive(Debug, Default)]
struct Body {
    is_named: bool,
    event: Option<(u64, u64)>,
    comments: u64,
}

impl Body {
    fn read(&mut self, line: &[u8], on_event: &mut impl FnMut(u64, u64)) -> io::Result<()> {
        if let Some(data) = line.strip_prefix(b"data: ") {
            if !self.is_named {
                let mut words = data.split(|byte| *byte == b' ');
                let number = words.next().and_then(number).ok_or_else(|| malformed(line))?;
                self.event = Some((number, words.next().and_then(self::number).unwrap_or(0)));
            }
        } else if line.is_empty() {
            self.is_named = false;
            if let Some((number, stamp)) = self.event.take() {
                on_event(number, stamp);
            }
        } else if line.starts_with(b"event: ") {
            // A server's own: what is measured has no name.
            self.is_named = true;
        } else if line.starts_with(b":") {
            self.comments += 1;
        } else if !line.starts_with(b"id: ") {
            return Err(malformed(line));
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn malformed(line: &[u8]) -> io::Error {
    io::Error::other(format!("a server sent {:?}", String::from_utf8_lossy(line)))
}

/// Lines that may come in pieces.
#[derive(Debug, Default)]
struct Lines {
    kept: Vec<u8>,
    was_given: bool,
}

impl Lines {
    /// Gives the next line that is whole, without its end; keeps what is not.
    fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Option<&'a [u8]> {
        if core::mem::take(&mut self.was_given) {
            self.kept.clear();
        }
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.kept.extend_from_slice(core::mem::take(bytes));
            return None;
        };
        let line = &bytes[..end];
        *bytes = &bytes[end + 1..];
        if self.kept.is_empty() {
            return Some(line);
        }
        self.kept.extend_from_slice(line);
        self.was_given = true;
        Some(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_the_bytes_are_cut() {
        let chunks = [
            ":\nevent: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n:\nid",
            ": e-7\ndata: 7 5 .\n\nid: e-",
            "8\ndata: 8 six .\n\n:\r\n",
            "\n",
        ];
        let chunks = chunks.map(|chunk| format!("{:X}\r\n{chunk}\r\n", chunk.len()));
        let chunked =
            ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunks.concat()].concat().into_bytes();
        let plain: &[u8] = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n: hi\n\n:x\n\nid: 1:0\ndata: 7 5\n\nevent: ping\n\n:\ndata: 8\n\n";
        for wire in [&*chunked, plain] {
            for cut in 0..wire.len() {
                let (mut read, mut events) = (Wire::default(), Vec::new());
                read.read(&wire[..cut], |number, stamp| events.push((number, stamp))).unwrap();
                read.read(&wire[cut..], |number, stamp| events.push((number, stamp))).unwrap();
                assert!(read.is_open());
                assert_eq!((&*events, read.comments()), (&[(7, 5), (8, 0)][..], 3));
            }
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for wire in [
            "HTTP/1.1 500\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "HTTP/1.1 200 OK\r\n\r\ndata: \u{e9}\n\n",
            "HTTP/1.1 200 OK\r\n\r\ndata:7\n\n",
        ] {
            assert!(Wire::default().read(wire.as_bytes(), |_, _| ()).is_err(), "{wire}");
        }
    }
}
