//! What stands in the heads of requests and responses, as plain text: no HTTP crate.

use crate::field::EventId;
use alloc::string::String;

/// The [media type](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) of an event
/// stream; always UTF-8, so without parameters.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Keeps caches from answering with a stream they stored, and whatever stands between from transforming (compressing,
/// and so buffering) it.
pub const CACHE_CONTROL: &str = "no-cache, no-transform";

/// The headers of a response, in lower case: media type, caching, and no buffering in nginx.
///
/// Each may be replaced by the developer; `connection` is not among them, HTTP/2 forbids it.
///
/// ```
/// use sse_core::head::RESPONSE_HEADERS;
///
/// let mut head = String::from("HTTP/1.1 200 OK\r\n");
/// for (name, value) in RESPONSE_HEADERS {
///     head.push_str(&format!("{name}: {value}\r\n"));
/// }
/// assert!(head.contains("content-type: text/event-stream\r\n"));
/// assert!(head.contains("x-accel-buffering: no\r\n"));
/// ```
pub const RESPONSE_HEADERS: [(&str, &str); 3] =
    [("content-type", CONTENT_TYPE), ("cache-control", CACHE_CONTROL), ("x-accel-buffering", "no")];

/// The [request header](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header) in
/// which a client that reconnects names the last event it saw, in lower case.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Reads the value of a `Last-Event-ID` header: UTF-8, as browsers send it; `None` when it is empty.
///
/// Never refuses: bytes that are not UTF-8 are replaced, what cannot be in an id is dropped, and what is left is copied
/// once more. The client did name an id, only not one of ours.
///
/// ```
/// use sse_core::head::last_event_id;
///
/// assert_eq!(last_event_id("k3f9-…".as_bytes()).unwrap().as_str(), "k3f9-…");
/// assert_eq!(last_event_id(b""), None);
/// assert_eq!(last_event_id(b"7\xFF").unwrap().as_str(), "7\u{FFFD}");
/// ```
#[must_use]
pub fn last_event_id(value: &[u8]) -> Option<EventId<'static>> {
    let id = EventId::stripped(String::from_utf8_lossy(value)).into_owned();
    (!id.is_reset()).then_some(id)
}
