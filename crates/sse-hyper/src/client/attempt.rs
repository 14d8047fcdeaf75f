//! One attempt: the request as it is sent, and what became of it.

use super::route::Route;
use super::{ClientError, RedirectError, redirect};
use core::time::Duration;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use sse_driver::sse_core::BoxError;
use sse_driver::sse_core::client::{Attempt, ResponseHead};
use sse_driver::sse_core::head::{LAST_EVENT_ID, REQUEST_HEADERS, retry_after};

/// Sets the headers of an event stream: its own where there are none, the id whatever there is.
pub(super) fn set_headers<B>(request: &mut Request<B>, attempt: &Attempt) {
    let headers = request.headers_mut();
    for (name, value) in REQUEST_HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.remove(LAST_EVENT_ID);
    // An id of control characters cannot be told in HTTP.
    let id = attempt.last_event_id.as_ref().and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
    if let Some(id) = id {
        headers.insert(HeaderName::from_static(LAST_EVENT_ID), id);
    }
}

/// Sends the request, and again to wherever it is redirected.
pub(super) async fn fetch<C, B>(
    client: Client<C, B>,
    mut request: Request<B>,
    redirect_limit: u8,
    route: &Route,
) -> Result<Response<Incoming>, ClientError>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Clone + Default + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    if request.uri().scheme().is_none() || request.uri().host().is_none() {
        return Err(ClientError::RelativeUri);
    }
    for _ in 0..=redirect_limit {
        let mut hop = request.clone();
        route.capture(&mut hop);
        let response = client.request(hop).await.map_err(ClientError::Request)?;
        match redirect::target(request.uri(), &response)? {
            None => return Ok(response),
            Some(to) => redirect::apply(&mut request, response.status(), to),
        }
    }
    Err(RedirectError::TooMany { limit: redirect_limit }.into())
}

/// What the machine wants to know of a response.
pub(super) fn head<B>(response: &Response<B>) -> ResponseHead<'_> {
    let mut head = ResponseHead::new(response.status().as_u16());
    // Of several, the last one counts in fetch.
    if let Some(content_type) = response.headers().get_all(CONTENT_TYPE).iter().next_back() {
        head = head.with_content_type(content_type.as_bytes());
    }
    if let Some(delay) = delay(response.headers()) {
        head = head.with_retry_after(delay);
    }
    head
}

/// A `Retry-After` in seconds, or a date, counted from that of the response: no clock of ours is asked.
fn delay(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
    retry_after(value.as_bytes()).or_else(|| date(value)?.duration_since(date(headers.get(DATE)?)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b08_retry_after_counts_seconds_or_from_the_date_of_the_response() {
        for (value, date, expected) in [
            ("120", None, Some(120)),
            ("Fri, 20 Nov 2026 10:00:30 GMT", Some("Fri, 20 Nov 2026 10:00:00 GMT"), Some(30)),
            ("Fri, 20 Nov 2026 09:00:00 GMT", Some("Fri, 20 Nov 2026 10:00:00 GMT"), None),
            ("Fri, 20 Nov 2026 10:00:30 GMT", None, None),
            ("soon", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(delay(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }
}
