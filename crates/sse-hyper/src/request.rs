use http::Request;
use sse_driver::sse_core::EventId;
use sse_driver::sse_core::head::LAST_EVENT_ID;

/// Returns the id of the last event that the client saw: its `Last-Event-ID` header, else the query parameter
/// `lastEventId`, both read as UTF-8.
///
/// ```
/// use http::Request;
///
/// let request = Request::get("/events?lastEventId=7").body(())?;
/// assert_eq!(sse_hyper::last_event_id(&request).unwrap().as_str(), "7");
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn last_event_id<B>(request: &Request<B>) -> Option<EventId<'static>> {
    let header = request.headers().get(LAST_EVENT_ID).map(http::HeaderValue::as_bytes);
    sse_driver::last_event_id(header, request.uri().query())
}
