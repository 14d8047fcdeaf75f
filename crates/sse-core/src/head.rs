//! What stands in the heads of requests and responses, as plain text: no HTTP crate.

use crate::field::EventId;
use alloc::string::String;

/// The media type of an event stream; always UTF-8, so without parameters.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Nothing may store, or transform (compress, and so buffer), the stream.
pub const CACHE_CONTROL: &str = "no-cache, no-transform";

/// The headers of a response, in lower case: media type, caching, and no buffering in nginx.
///
/// Each may be replaced by the developer; `connection` is not among them, HTTP/2 forbids it.
///
/// ```
/// assert!(sse_core::head::RESPONSE_HEADERS.contains(&("x-accel-buffering", "no")));
/// ```
pub const RESPONSE_HEADERS: [(&str, &str); 3] =
    [("content-type", CONTENT_TYPE), ("cache-control", CACHE_CONTROL), ("x-accel-buffering", "no")];

/// The request header in which a client that reconnects names the last event it saw, in lower case.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Reads the value of a `Last-Event-ID` header: UTF-8, as browsers send it; `None` when it is empty.
///
/// Bytes that are not UTF-8 are replaced: the client did name an id, only not one of ours.
///
/// ```
/// use sse_core::head::last_event_id;
///
/// assert_eq!(last_event_id("k3f9-…".as_bytes()).unwrap().as_str(), "k3f9-…");
/// assert_eq!(last_event_id(b""), None);
/// ```
#[must_use]
pub fn last_event_id(value: &[u8]) -> Option<EventId<'static>> {
    let id = EventId::stripped(String::from_utf8_lossy(value)).into_owned();
    (!id.is_reset()).then_some(id)
}
