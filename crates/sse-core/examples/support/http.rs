//! Just enough HTTP/1 for an event stream: one request a connection.

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use sse_core::{EventId, head};
use std::io::{self, ErrorKind, IoSlice, Write};

/// A request head may take this many bytes. A longer one is refused.
const HEAD_LIMIT: usize = 8 * 1024;

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>Ticks</title><ol></ol><script>
const list = document.querySelector('ol');
const source = new EventSource('/events');
const show = text => list.append(Object.assign(document.createElement('li'), { textContent: text }));
source.addEventListener('tick', event => show(event.lastEventId + ': ' + event.data));
source.addEventListener('sse:reset', event => show(event.data));
source.addEventListener('done', () => source.close());
</script>
";

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A whole response.
    Whole(Bytes),
    /// A stream without end.
    Stream { body: StreamBody, last_event_id: Option<EventId<'static>> },
}

/// Reads what came so far; `None` asks for more.
pub(crate) fn answer(received: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(received) {
        Ok(httparse::Status::Complete(_)) => Some(route(&request)),
        Ok(httparse::Status::Partial) if received.len() < HEAD_LIMIT => None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Some(whole("431 Request Header Fields Too Large", "", true))
        }
        Err(_) => Some(whole("400 Bad Request", "", true)),
    }
}

fn route(request: &httparse::Request<'_, '_>) -> Answer {
    let has_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return whole("405 Method Not Allowed\r\nallow: GET, HEAD", "", true),
    };
    let path = request.path.and_then(|target| target.split('?').next());
    match path {
        Some("/") => whole("200 OK\r\ncontent-type: text/html", PAGE, has_body),
        Some("/events") => {
            let framing = if request.version == Some(0) { Framing::UntilClose } else { Framing::Chunked };
            let body = StreamBody::new(framing);
            if !has_body {
                return Answer::Whole(body.lead.into());
            }
            let named = request.headers.iter().find(|it| it.name.eq_ignore_ascii_case(head::LAST_EVENT_ID));
            let last_event_id = named.and_then(|header| head::last_event_id(header.value));
            Answer::Stream { body, last_event_id }
        }
        _ => whole("404 Not Found", "", has_body),
    }
}

/// `connection: close` everywhere: a client that wants another response opens another connection.
fn whole(status: &str, body: &str, has_body: bool) -> Answer {
    let length = body.len();
    let body = if has_body { body } else { "" };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    Answer::Whole((head + body).into())
}

/// How a client knows where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// HTTP/1.1: by the last chunk, so a stream that was cut does not pass for one that ended.
    Chunked,
    /// HTTP/1.0 knows no chunks: by the end of the connection.
    UntilClose,
}

/// The head of the response, then what the [`Connection`](sse_core::Connection) gives, framed.
#[derive(Debug)]
pub(crate) struct StreamBody {
    framing: Framing,
    /// Goes out in front of the first chunk, in one write with it.
    lead: Vec<u8>,
}

impl StreamBody {
    fn new(framing: Framing) -> Self {
        let mut lead = b"HTTP/1.1 200 OK\r\nconnection: close\r\n".to_vec();
        if framing == Framing::Chunked {
            lead.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        for (name, value) in head::RESPONSE_HEADERS {
            lead.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        lead.extend_from_slice(b"\r\n");
        Self { framing, lead }
    }

    pub(crate) fn frame(&mut self, bytes: Bytes) -> Outgoing {
        let mut prefix = core::mem::take(&mut self.lead);
        let suffix: &[u8] = match self.framing {
            Framing::UntilClose => b"",
            Framing::Chunked => {
                prefix.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                b"\r\n"
            }
        };
        Bytes::from(prefix).chain(bytes).chain(suffix)
    }

    /// What says that the body is complete.
    pub(crate) fn end(&self) -> &'static [u8] {
        match self.framing {
            Framing::UntilClose => b"",
            Framing::Chunked => b"0\r\n\r\n",
        }
    }
}

/// What is left to write. Frames are not copied into it: they stand between their chunk's size and end.
pub(crate) type Outgoing = Chain<Chain<Bytes, Bytes>, &'static [u8]>;

/// Writes once, and takes off what the socket took.
pub(crate) fn write_some(socket: &mut impl Write, outgoing: &mut Outgoing) -> io::Result<()> {
    let mut slices = [IoSlice::new(b""); 3];
    let count = outgoing.chunks_vectored(&mut slices);
    match socket.write_vectored(&slices[..count]) {
        Ok(0) => Err(ErrorKind::WriteZero.into()),
        Ok(written) => {
            outgoing.advance(written);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(error) => Err(error),
    }
}
