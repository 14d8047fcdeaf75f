use sse_core::EventId;
use sse_core::head;

/// The query parameter that names the last event where no header can: a first load, a client of one's own.
const PARAMETER: &str = "lastEventId";

/// Reads the last event id that a client names: the `Last-Event-ID` header, else the query parameter `lastEventId`.
///
/// The header counts when it names an id: a browser that reconnects to a URL with the parameter knows better by then.
/// Both are read as UTF-8, and an empty value means none. Never an error: a request is not refused for what it last saw.
///
/// ```
/// use sse_driver::last_event_id;
///
/// let both = last_event_id(Some("k3-9".as_bytes()), Some("lastEventId=k3-7"));
/// assert_eq!(both.unwrap().as_str(), "k3-9");
/// let from_query = last_event_id(None, Some("a=b&lastEventId=k3%2D7"));
/// assert_eq!(from_query.unwrap().as_str(), "k3-7");
/// assert_eq!(last_event_id(Some(b""), None), None);
/// ```
#[must_use]
pub fn last_event_id(header: Option<&[u8]>, query: Option<&str>) -> Option<EventId<'static>> {
    header.and_then(head::last_event_id).or_else(|| {
        let (_, value) = form_urlencoded::parse(query?.as_bytes()).find(|(name, _)| name == PARAMETER)?;
        head::last_event_id(value.as_bytes())
    })
}
