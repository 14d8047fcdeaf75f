//! What stands in the heads of requests and responses, as plain text: no HTTP crate.

use crate::field::EventId;
use alloc::string::String;
use core::time::Duration;

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

/// Whether the values of `accept` headers name a media type by itself, and not to refuse it (`q=0`).
///
/// In any case, over all values and their commas; `*/*` names none.
///
/// ```
/// use sse_core::head::accepts;
///
/// assert!(accepts([&b"text/html"[..], b"application/json, Text/Event-Stream;q=0.5"], "text/event-stream"));
/// assert!(!accepts([&b"*/*, text/event-stream; q=0"[..]], "text/event-stream"));
/// ```
#[must_use]
pub fn accepts<'a>(values: impl IntoIterator<Item = &'a [u8]>, media_type: &str) -> bool {
    values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')).any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let names_it = parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_type.as_bytes()));
        names_it && !parts.any(|parameter| matches!(parameter, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
    })
}

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

/// The headers of a [request](https://html.spec.whatwg.org/multipage/server-sent-events.html#dom-eventsource) for an event
/// stream, in lower case; [`LAST_EVENT_ID`] joins them when there is one.
///
/// ```
/// use sse_core::head::REQUEST_HEADERS;
///
/// assert_eq!(REQUEST_HEADERS, [("accept", "text/event-stream"), ("cache-control", "no-store")]);
/// ```
pub const REQUEST_HEADERS: [(&str, &str); 2] = [("accept", CONTENT_TYPE), ("cache-control", "no-store")];

/// Says whether the value of a `Content-Type` header is [that of an event
/// stream](https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model): `text/event-stream` in any
/// case, with any parameters.
///
/// ```
/// use sse_core::head::is_event_stream;
///
/// assert!(is_event_stream(b"Text/Event-Stream; charset=UTF-8"));
/// assert!(!is_event_stream(b"text/html") && !is_event_stream(b"text/event-streams"));
/// ```
#[must_use]
pub fn is_event_stream(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
}

/// Finds the media type that counts of all `Content-Type` headers of a response, given in their order, as fetch
/// [extracts it](https://fetch.spec.whatwg.org/#concept-header-extract-mime-type): the last one of them all, and of their
/// lists, that is one; without parameters.
///
/// ```
/// use sse_core::head::content_type;
///
/// assert_eq!(content_type([&b"text/event-stream;charset=utf-8"[..]]), Some(&b"text/event-stream"[..]));
/// assert_eq!(content_type([&b"text/html"[..], b"text/event-stream, */*"]), Some(&b"text/event-stream"[..]));
/// assert_eq!(content_type([&b"text"[..]]), None);
/// ```
#[must_use]
pub fn content_type<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut found = None;
    // A string in quotes goes on over the comma that joins two headers.
    let (mut is_quoted, mut is_escaped) = (false, false);
    for value in values {
        let was_quoted = is_quoted;
        let parts = value.split(|byte| {
            match (is_quoted, byte) {
                (true, _) if is_escaped => is_escaped = false,
                (true, b'\\') => is_escaped = true,
                (_, b'"') => is_quoted = !is_quoted,
                _ => {}
            }
            !is_quoted && *byte == b','
        });
        found = parts.skip(usize::from(was_quoted)).filter_map(essence).last().or(found);
        // What is escaped is the comma.
        is_escaped = false;
    }
    found
}

/// The type and the subtype of a [MIME type](https://mimesniff.spec.whatwg.org/#parse-a-mime-type); `*/*`, which says
/// nothing, is none.
fn essence(value: &[u8]) -> Option<&[u8]> {
    let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
    let slash = essence.iter().position(|byte| *byte == b'/')?;
    let (kind, subtype) = (essence.get(..slash)?, essence.get(slash + 1..)?);
    let is_type = is_token(kind) && is_token(subtype) && essence != b"*/*";
    is_type.then_some(essence)
}

/// Says whether it is a [token](https://httpwg.org/specs/rfc9110.html#tokens) of HTTP.
fn is_token(value: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !value.is_empty() && value.iter().all(is_token)
}

/// Reads the value of a `Retry-After` header that counts seconds; `None` for anything else, a date among it: that takes a
/// calendar.
///
/// ```
/// use core::time::Duration;
/// use sse_core::head::retry_after;
///
/// assert_eq!(retry_after(b"120"), Some(Duration::from_secs(120)));
/// assert_eq!(retry_after(b"+1"), None);
/// assert_eq!(retry_after(b"99999999999999999999"), Some(Duration::from_secs(u64::MAX)), "as long as can be");
/// ```
#[must_use]
pub fn retry_after(value: &[u8]) -> Option<Duration> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // What does not fit is very long.
    let seconds = core::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_a_number_of_seconds() {
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120\t", Some(120)),
            ("18446744073709551616", Some(u64::MAX)),
            ("", None),
            ("+1", None),
            ("1.5", None),
            ("12a", None),
            ("Fri, 20 Nov 2026 12:00:00 GMT", None),
        ] {
            assert_eq!(retry_after(value.as_bytes()), seconds.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn an_id_of_a_request_is_there_unless_it_is_empty() {
        for (value, id) in [
            (&b"7"[..], Some("7")),
            (b" a b\0 ", Some("a b")),
            (b"7\xFF", Some("7\u{FFFD}")),
            (b"", None),
            (b" \r\n", None),
        ] {
            let read = last_event_id(value);
            assert_eq!(read.as_ref().map(EventId::as_str), id, "{value:?}");
        }
    }

    #[test]
    fn b08_the_content_type_is_the_last_that_is_one_as_in_fetch() {
        const STREAM: Option<&str> = Some("text/event-stream");
        for (values, expected) in [
            (&["text/event-stream"][..], STREAM),
            (&[], None),
            (&["", "text", "/", "text/", "/html", "te xt/html", "text/ht ml", "text/\"a"], None),
            // Over headers, and over lists.
            (&["text/html", "text/event-stream"], STREAM),
            (&["text/event-stream", "text/html"], Some("text/html")),
            (&["text/html, text/event-stream"], STREAM),
            (&["text/event-stream,text/html;x"], Some("text/html")),
            (&["text/event-stream", "*/*"], STREAM),
            (&["text/event-stream", "*/*;charset=gbk"], STREAM),
            (&["text/event-stream", "nothing", ""], STREAM),
            (&["text/event-stream, cannot-parse"], STREAM),
            (&["*/*"], None),
            (&["text/*"], Some("text/*")),
            // Commas in quotes are no commas.
            (&["text/event-stream;x=\",text/html\""], STREAM),
            (&["text/event-stream;x=\"\\\",text/html"], STREAM),
            (&["text/event-stream;x=\"\\\\\",text/html"], Some("text/html")),
            (&["text/event-stream;x=\"", "text/html"], STREAM),
            (&["text/html;x=\"", "\", text/event-stream"], STREAM),
            (&["text/event-stream;x=\"\\", "\",text/html"], Some("text/html")),
            (&[" \ttext/event-stream\t ; x"], STREAM),
        ] {
            let found = content_type(values.iter().map(|value| value.as_bytes()));
            assert_eq!(found, expected.map(str::as_bytes), "{values:?}");
        }
    }
}
