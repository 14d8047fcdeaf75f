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
use sse_driver::sse_core::head::{LAST_EVENT_ID, REQUEST_HEADERS, content_type, retry_after};

/// Sets the headers of an event stream: its own where there are none, the id whatever there is.
pub(super) fn set_headers<B>(request: &mut Request<B>, attempt: &Attempt) {
    let headers = request.headers_mut();
    for (name, value) in REQUEST_HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.remove(LAST_EVENT_ID);
    if let Some(id) = attempt.last_event_id.as_deref().and_then(id_value) {
        headers.insert(HeaderName::from_static(LAST_EVENT_ID), id);
    }
}

/// Above that a server refuses the request, or the whole connection; most take 8 KiB of headers.
const ID_LIMIT: usize = 4 * 1024;

/// What of an id can be told in HTTP: no control characters, and no blanks at its ends, which HTTP/1 does not keep and
/// HTTP/2 forbids.
fn id_value(id: &str) -> Option<HeaderValue> {
    let id = id.trim_matches([' ', '\t']);
    let is_told = (1..=ID_LIMIT).contains(&id.len());
    is_told.then(|| HeaderValue::from_bytes(id.as_bytes()).ok()).flatten()
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
    if request.uri().authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(ClientError::UserInfo);
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
    if let Some(content_type) =
        content_type(response.headers().get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes))
    {
        head = head.with_content_type(content_type);
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
    use sse_driver::sse_core::Instant;
    use sse_driver::sse_core::client::{Client, Config, Output};

    fn told(id: Option<String>) -> Option<String> {
        let mut request = Request::new(());
        request.headers_mut().insert(LAST_EVENT_ID, HeaderValue::from_static("of the template"));
        let mut client = Client::start(Config::new()).with_last_event_id(id.as_deref().unwrap_or_default());
        let Output::Connect(attempt) = client.poll_output(Instant::EPOCH) else {
            panic!("a client connects")
        };
        set_headers(&mut request, &attempt);
        let value = request.headers().get(LAST_EVENT_ID);
        value.map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn b08_of_an_id_is_told_what_http_can_hold_and_nothing_of_the_templates() {
        for (id, expected) in [
            ("7", Some("7")),
            ("", None),
            (" 7\t", Some("7")),
            ("\t a \u{a0}b ", Some("a \u{a0}b")),
            (" \t", None),
            ("a\u{7f}b", None),
        ] {
            assert_eq!(told(Some(id.to_owned())).as_deref(), expected, "{id:?}");
        }
        assert_eq!(told(None), None);
        assert_eq!(told(Some("x".repeat(4_096))).map(|id| id.len()), Some(4_096));
        assert_eq!(told(Some("x".repeat(4_097))), None);
    }

    #[test]
    fn b08_of_several_content_types_the_last_counts() {
        for (lines, is_open) in [
            (["text/html", "text/event-stream"], true),
            (["text/event-stream", "text/html"], false),
            (["text/event-stream", "*/*"], true),
        ] {
            let mut response = Response::new(());
            for line in lines {
                response.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static(line));
            }
            let mut client = Client::start(Config::new());
            let _connect = client.poll_output(Instant::EPOCH);
            client.handle_response(Instant::EPOCH, head(&response));
            assert_eq!(client.is_open(), is_open, "{lines:?}");
        }
    }

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
