//! Redirects, as [fetch](https://fetch.spec.whatwg.org/#http-redirect-fetch) follows them.

use super::RedirectError;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE,
    COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{HeaderName, Method, Request, Response, StatusCode, Uri};
use url::Url;

/// Where a response redirects to; `None` if it does not.
pub(super) fn target<B>(from: &Uri, response: &Response<B>) -> Result<Option<Uri>, RedirectError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).map(|value| value.as_bytes().trim_ascii());
    let location = location.filter(|value| !value.is_empty()).ok_or(RedirectError::NoLocation)?;
    // As browsers read it: UTF-8, whatever the standard of URIs says.
    let location = String::from_utf8_lossy(location);
    let resolved = resolve(from, &location);
    resolved.map(Some).ok_or_else(|| RedirectError::InvalidLocation { location: location.into_owned() })
}

fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    let mut url = Url::parse(&from.to_string()).ok()?.join(location).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // Names and passwords of a location are nobody's intent, and would end up in the request.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    url.as_str().parse().ok()
}

/// Makes the request the one for where it is redirected to.
pub(super) fn apply<B: Default>(request: &mut Request<B>, status: StatusCode, to: Uri) {
    let is_post = *request.method() == Method::POST;
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let becomes_get = match status.as_u16() {
        301 | 302 => is_post,
        303 => !is_get,
        _ => false,
    };
    if becomes_get {
        *request.method_mut() = Method::GET;
        *request.body_mut() = B::default();
        for name in OF_THE_BODY {
            request.headers_mut().remove(name);
        }
    }
    if !is_same_origin(request.uri(), &to) {
        let headers = request.headers_mut();
        for name in CREDENTIALS {
            headers.remove(name);
        }
        let secret: Vec<HeaderName> = headers
            .keys()
            .filter(|name| headers.get_all(*name).iter().any(http::HeaderValue::is_sensitive))
            .cloned()
            .collect();
        for name in secret {
            headers.remove(name);
        }
    }
    *request.uri_mut() = to;
}

const OF_THE_BODY: [HeaderName; 6] =
    [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, TRANSFER_ENCODING];

/// What one server is told and another must not hear. `Host` is no secret, but another's.
const CREDENTIALS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST];

fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    let origin = |uri: &Uri| Url::parse(&uri.to_string()).map(|url| url.origin());
    matches!((origin(one), origin(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn redirected(status: u16, location: Option<&'static [u8]>) -> Result<Option<String>, RedirectError> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
        }
        let from = Uri::from_static("http://example.com/a/b?c");
        target(&from, &response).map(|uri| uri.map(|uri| uri.to_string()))
    }

    #[test]
    fn b08_a_location_is_resolved_against_where_it_came_from() {
        for (location, resolved) in [
            (&b"/x"[..], "http://example.com/x"),
            (b"x?y=1#z", "http://example.com/a/x?y=1"),
            (b"?d", "http://example.com/a/b?d"),
            (b"//other.example/x", "http://other.example/x"),
            (b"https://user:secret@other.example:8443/x", "https://other.example:8443/x"),
            ("/\u{e9}".as_bytes(), "http://example.com/%C3%A9"),
        ] {
            for status in [301, 302, 303, 307, 308] {
                assert_eq!(redirected(status, Some(location)), Ok(Some(resolved.to_owned())));
            }
        }
    }

    #[test]
    fn b08_a_redirect_to_nowhere_is_a_typed_error() {
        for location in [None, Some(&b""[..]), Some(b" ")] {
            assert_eq!(redirected(301, location), Err(RedirectError::NoLocation));
        }
        for location in ["ftp://example.com/", "javascript:alert(1)", "http://", "http://[x"] {
            let error = RedirectError::InvalidLocation { location: location.to_owned() };
            assert_eq!(redirected(307, Some(location.as_bytes())), Err(error));
        }
    }

    #[test]
    fn b08_other_statuses_are_no_redirects() {
        for status in [200, 204, 300, 304, 305, 306, 400] {
            assert_eq!(redirected(status, Some(b"/x")), Ok(None));
        }
    }

    #[test]
    fn b08_methods_and_bodies_change_as_fetch_has_it() {
        for (method, status, expected) in [
            ("GET", 301, "GET"),
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("REPORT", 301, "REPORT"),
            ("REPORT", 302, "REPORT"),
            ("REPORT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
        ] {
            let mut request = Request::builder()
                .method(method)
                .uri("http://example.com/")
                .header("content-type", "application/json")
                .body("body".to_owned())
                .unwrap();
            apply(
                &mut request,
                StatusCode::from_u16(status).unwrap(),
                Uri::from_static("http://example.com/x"),
            );
            assert_eq!(request.method(), expected, "{method} {status}");
            let keeps_body = method == expected;
            assert_eq!(request.body() == "body", keeps_body);
            assert_eq!(request.headers().contains_key("content-type"), keeps_body);
        }
    }

    #[test]
    fn b08_credentials_stay_with_their_origin() {
        for (to, keeps) in [
            ("http://example.com:80/x", true),
            ("https://example.com/x", false),
            ("http://example.com:81/x", false),
            ("http://other.example/x", false),
        ] {
            let mut token = HeaderValue::from_static("t");
            token.set_sensitive(true);
            let mut request = Request::get("http://example.com/")
                .header("authorization", "a")
                .header("cookie", "c")
                .header("host", "example.com")
                .header("x-token", token)
                .header("x-other", "o")
                .body(())
                .unwrap();
            apply(&mut request, StatusCode::FOUND, to.parse().unwrap());
            for name in ["authorization", "cookie", "host", "x-token"] {
                assert_eq!(request.headers().contains_key(name), keeps, "{name} to {to}");
            }
            assert!(request.headers().contains_key("x-other"));
        }
    }
}
