use http::Request;
use sse_driver::sse_core::head::LAST_EVENT_ID;
use sse_driver::sse_core::{ClientProfile, EventId};

/// Returns the id of the last event that the client saw: its
/// [`Last-Event-ID`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header) header,
/// else the query parameter `lastEventId`, both read as UTF-8.
///
/// `None` when neither names one. The id comes from the client and may be none of yours: it is legal, not trustworthy.
///
/// ```
/// use http::Request;
///
/// let request = Request::get("/events?lastEventId=7").body(())?;
/// assert_eq!(sse_hyper::last_event_id(&request).unwrap().as_str(), "7");
///
/// let reconnected = Request::get("/events?lastEventId=7").header("last-event-id", "9").body(())?;
/// assert_eq!(sse_hyper::last_event_id(&reconnected).unwrap().as_u64(), Some(9));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn last_event_id<B>(request: &Request<B>) -> Option<EventId<'static>> {
    let header = request.headers().get(LAST_EVENT_ID).map(http::HeaderValue::as_bytes);
    sse_driver::last_event_id(header, request.uri().query())
}

/// Finds out by the request's headers what kind of client asks: see [`ClientProfile::detect`]; `None` for one that does not ask
/// for an event stream.
///
/// ```
/// use http::Request;
/// use sse_hyper::{ClientProfile, Sse, client_profile};
///
/// let request = Request::get("/events").header("accept", "text/event-stream").body(())?;
/// let profile = client_profile(&request).unwrap_or(ClientProfile::EventSource);
/// let response = Sse::new(tokio_stream::iter(["a"])).for_client(profile).into_response();
/// # let _ = response;
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn client_profile<B>(request: &Request<B>) -> Option<ClientProfile> {
    ClientProfile::detect(request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}
