//! The head of a response.

use super::{Findings, Place, Rule};
use crate::collect::Collected;
use http::{HeaderMap, HeaderValue};
use sse_core::head;

/// Headers of which one is enough.
const SINGLE: [&str; 4] = ["content-type", "cache-control", "x-accel-buffering", "content-encoding"];

/// Looks at a head.
pub(super) fn lint(collected: &Collected, findings: &mut Findings) {
    let Collected { headers, .. } = collected;
    let mut add = |rule, name, detail| findings.add(rule, Place::Header(name), detail);

    let content_type = joined(headers, "content-type");
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let charsets = parts.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    for (name, value) in charsets {
        let value = value.trim_matches('"');
        if !name.eq_ignore_ascii_case("charset") {
            add(Rule::ContentType, "content-type", format!("a parameter {name:?}"));
        } else if !value.eq_ignore_ascii_case("utf-8") {
            add(Rule::Charset, "content-type", format!("the encoding {value:?}"));
        }
    }
    if essence != head::CONTENT_TYPE {
        add(Rule::ContentType, "content-type", format!("{essence:?}"));
    }

    let cache_control = joined(headers, "cache-control").to_ascii_lowercase();
    if !cache_control.split(',').any(|directive| directive.trim() == "no-transform") {
        add(Rule::CacheControl, "cache-control", format!("no `no-transform` in {cache_control:?}"));
    }
    let buffering = joined(headers, "x-accel-buffering");
    if !buffering.eq_ignore_ascii_case("no") {
        add(Rule::AccelBuffering, "x-accel-buffering", format!("{buffering:?} in the place of \"no\""));
    }
    for name in SINGLE {
        let count = headers.get_all(name).iter().count();
        if count > 1 {
            add(Rule::DoubledHeader, name, format!("{count} of them"));
        }
    }
    let credentials = joined(headers, "access-control-allow-credentials");
    if joined(headers, "access-control-allow-origin") == "*" && credentials == "true" {
        let detail = "`*` together with credentials".to_owned();
        add(Rule::WildcardCredentials, "access-control-allow-origin", detail);
    }
    let encoding = joined(headers, "content-encoding");
    if collected.is_encoded {
        add(Rule::Compressed, "content-encoding", format!("{encoding:?}"));
    } else if !encoding.is_empty() {
        add(Rule::IdentityEncoding, "content-encoding", "reserved, and says nothing".to_owned());
    }
}

/// The values of a header, as one.
fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    values.map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ")
}
