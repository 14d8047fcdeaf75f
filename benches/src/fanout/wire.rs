//! What a client reads: a response's head, chunks, events.

use std::io;

/// Reads one response. Its events must have an id that ends in `-` and a number, and data that begins with a stamp.
#[derive(Debug, Default)]
pub(super) struct Wire {
    place: Place,
    /// Of a line of HTTP that is not whole yet.
    line: Vec<u8>,
    /// Of a line of the body that is not whole yet.
    text: Vec<u8>,
    id: u64,
    is_named: bool,
    stamp: Option<u64>,
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
}

impl Wire {
    /// Whether the head was read.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.place, Place::Status | Place::Head)
    }

    /// Tells `on_event` the number and the stamp of each event.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(u64, u64)) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Place::Chunk { rest } = self.place {
                let (mut chunk, behind) = bytes.split_at(rest.min(bytes.len()));
                bytes = behind;
                let rest = rest - chunk.len();
                self.place = if rest == 0 { Place::ChunkEnd } else { Place::Chunk { rest } };
                while take_line(&mut self.text, &mut chunk) {
                    self.line_of_body(&mut on_event)?;
                    self.text.clear();
                }
            } else if take_line(&mut self.line, &mut bytes) {
                self.line_of_http()?;
                self.line.clear();
            }
        }
        Ok(())
    }

    fn line_of_http(&mut self) -> io::Result<()> {
        let line = self.line.trim_ascii_end();
        self.place = match self.place {
            Place::Status if line.starts_with(b"HTTP/1.1 200") => Place::Head,
            Place::Head if line.is_empty() => Place::Size,
            Place::Head => Place::Head,
            Place::ChunkEnd if line.is_empty() => Place::Size,
            Place::Size => {
                match str::from_utf8(line).ok().and_then(|size| usize::from_str_radix(size, 16).ok()) {
                    Some(rest) if rest > 0 => Place::Chunk { rest },
                    _ => return Err(malformed(line)),
                }
            }
            _ => return Err(malformed(line)),
        };
        Ok(())
    }

    fn line_of_body(&mut self, on_event: &mut impl FnMut(u64, u64)) -> io::Result<()> {
        let line = str::from_utf8(&self.text).map_err(|_| malformed(&self.text))?;
        if let Some(id) = line.strip_prefix("id: ") {
            let number = id.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            self.id = number.ok_or_else(|| malformed(&self.text))?;
        } else if line.starts_with("event: ") {
            // A broadcaster's own: what is measured has no name.
            self.is_named = true;
        } else if let Some(data) = line.strip_prefix("data: ").filter(|_| !self.is_named) {
            let stamp = data.split(' ').next().and_then(|stamp| stamp.parse().ok());
            self.stamp = Some(stamp.ok_or_else(|| malformed(&self.text))?);
        } else if line.is_empty() {
            self.is_named = false;
            if let Some(stamp) = self.stamp.take() {
                on_event(self.id, stamp);
            }
        }
        Ok(())
    }
}

fn malformed(line: &[u8]) -> io::Error {
    io::Error::other(format!("a server sent {:?}", String::from_utf8_lossy(line)))
}

/// Moves the bytes up to the next line feed to the line; whether there was one.
fn take_line(line: &mut Vec<u8>, bytes: &mut &[u8]) -> bool {
    let end = memchr::memchr(b'\n', bytes);
    line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
    *bytes = end.map_or(&[], |end| &bytes[end + 1..]);
    end.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_the_bytes_are_cut() {
        let wire = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n33\r\nevent: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n\r\n1A\r\n: c\nid: e-7\ndata: 5 .\n\nid:\r\n11\r\n e-8\ndata: 6 .\n\n\r\n";
        for cut in 0..wire.len() {
            let (mut read, mut events) = (Wire::default(), Vec::new());
            read.read(&wire[..cut], |id, stamp| events.push((id, stamp))).unwrap();
            read.read(&wire[cut..], |id, stamp| events.push((id, stamp))).unwrap();
            assert!(read.is_open());
            assert_eq!(events, [(7, 5), (8, 6)]);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for wire in [
            "HTTP/1.1 500\r\n",
            "HTTP/1.1 200 OK\r\n\r\n0\r\n",
            "HTTP/1.1 200 OK\r\n\r\n9\r\ndata: \u{e9}\n\r\n",
        ] {
            assert!(Wire::default().read(wire.as_bytes(), |_, _| ()).is_err(), "{wire}");
        }
    }
}
