use super::*;
use crate::collect::{BoxError, Collector, Target};
use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Full;
use std::collections::BTreeSet;

const GOOD: [(&str, &str); 3] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
];

/// Answers every request alike.
struct Canned {
    headers: Vec<(&'static str, &'static str)>,
    version: Version,
    wire: &'static [u8],
}

impl Target for Canned {
    type Body = Full<Bytes>;

    async fn respond(&self, _: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let mut response = Response::builder().version(self.version);
        for (name, value) in &self.headers {
            response = response.header(*name, *value);
        }
        Ok(response.body(Bytes::from_static(self.wire).into())?)
    }
}

async fn of(canned: Canned) -> Vec<Finding> {
    lint(&Collector::get("/").collect(&canned).await.unwrap())
}

async fn of_wire(wire: &'static [u8]) -> Vec<(&'static str, Place, usize)> {
    let findings = of(Canned { headers: GOOD.into(), version: Version::HTTP_11, wire }).await;
    findings.into_iter().map(|finding| (finding.rule.name(), finding.place, finding.times)).collect()
}

#[tokio::test]
async fn b09_a_stream_in_order_has_no_findings() {
    let wire = b":\nretry: 500\nevent: a\nid: 1\ndata: x\n\n: heartbeat\ndata: \n\ndata\r\nid: \r\n\r\n";
    assert_eq!(of_wire(wire).await, []);
    assert_eq!(of_wire(b"").await, []);
}

#[tokio::test]
async fn b09_each_defect_of_the_wire_is_found_where_it_is() {
    for (wire, rule, at) in [
        (&b"data: a\n\ndata: \xFF\n\n"[..], "utf-8", 15),
        (b"\xEF\xBB\xBFdata: a\n\n", "byte-order-mark", 0),
        (b"data: a\rdata: b\n\n", "bare-cr", 7),
        (b"data: a\n\n: ping\n\n", "comment-block", 9),
        (b"data: a\n\n\n", "empty-block", 9),
        (b"data: a\n\nevent: b\n\n", "event-without-data", 9),
        (b"data: a\n\nid: 1\n\n", "id-without-data", 9),
        (b"data: a\n\nretry: 1\n\n", "retry-without-data", 9),
        (b"retry: soon\ndata: a\n\n", "retry-value", 0),
        (b"retry: 2147483648\ndata: a\n\n", "retry-value", 0),
        (b"retry:\ndata: a\n\n", "retry-value", 0),
        ("id: \u{e9}\ndata: a\n\n".as_bytes(), "id-value", 0),
        (b"id:  a\ndata: a\n\n", "id-value", 0),
        (b"id: \0\ndata: a\n\n", "id-value", 0),
        (b"event: error\ndata: a\n\n", "reserved-name", 0),
        (b"event: open\ndata: a\n\n", "reserved-name", 0),
        (b"data:a\n\n", "no-space", 0),
        (b"Data: b\ndata: a\n\n", "unknown-field", 0),
        (b" data: b\ndata: a\n\n", "unknown-field", 0),
        (b"data: a\n\ndata: half", "cut-off", 19),
    ] {
        let shown = String::from_utf8_lossy(wire);
        assert_eq!(of_wire(wire).await, [(rule, Place::Byte(at), 1)], "{shown:?}");
    }
    let twice = of_wire(b"data: a\n\nevent: b\n\nevent: c\n\n").await;
    assert_eq!(twice, [("event-without-data", Place::Byte(9), 2)]);
}

#[tokio::test]
async fn b09_each_defect_of_the_head_is_found_where_it_is() {
    for (name, value, rule) in [
        ("content-type", "Text/Event-Stream", "content-type"),
        ("content-type", "text/event-stream; version=1", "content-type"),
        ("content-type", "text/event-stream; charset=latin1", "charset"),
        ("cache-control", "no-cache", "cache-control"),
        ("x-accel-buffering", "yes", "x-accel-buffering"),
        ("content-encoding", "identity", "identity-encoding"),
        ("content-encoding", "gzip", "compressed"),
    ] {
        let kept = GOOD.into_iter().filter(|(other, _)| *other != name);
        let headers = kept.chain([(name, value)]).collect();
        let findings = of(Canned { headers, version: Version::HTTP_11, wire: b"data: a\n\n" }).await;
        let findings: Vec<_> = findings.iter().map(|finding| (finding.rule.name(), &finding.place)).collect();
        assert_eq!(findings, [(rule, &Place::Header(name))], "{value}");
    }
    let charset = [("content-type", "text/event-stream; charset=UTF-8"), GOOD[1], GOOD[2]];
    assert_eq!(of(Canned { headers: charset.into(), version: Version::HTTP_11, wire: b"" }).await, []);
}

#[tokio::test]
async fn b09_headers_that_do_not_go_together_are_found() {
    let more = |more: &[(&'static str, &'static str)]| GOOD.iter().chain(more).copied().collect();
    let names = async |headers, version| {
        let findings = of(Canned { headers, version, wire: b"" }).await;
        findings.iter().map(|finding| finding.rule.name()).collect::<Vec<_>>()
    };
    let connection = [("connection", "keep-alive")];
    assert_eq!(names(more(&connection), Version::HTTP_2).await, ["connection-on-http2"]);
    assert_eq!(names(more(&connection), Version::HTTP_11).await, [""; 0]);
    assert_eq!(
        names(more(&[("x-accel-buffering", "no")]), Version::HTTP_11).await.last(),
        Some(&"doubled-header")
    );
    let wildcard = [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")];
    assert_eq!(names(more(&wildcard), Version::HTTP_11).await, ["wildcard-credentials"]);
    assert_eq!(names(more(&wildcard[..1]), Version::HTTP_11).await, [""; 0]);
}

/// A server that does everything wrong that one request does not show.
struct Careless;

impl Target for Careless {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let seen = request.headers().get("last-event-id").map(|id| id.as_bytes());
        let mut response = Response::builder();
        for (name, value) in GOOD {
            response = response.header(name, value);
        }
        if request.headers().contains_key("accept-encoding") {
            response = response.header("content-encoding", "gzip");
        }
        if seen.is_some_and(|id| !id.is_ascii()) {
            response = response.status(400);
        }
        Ok(response.body("id: 1\ndata: a\n\nid: 2\ndata: b\n\n".into())?)
    }
}

#[tokio::test]
async fn b09_a_careless_server_is_found_out() {
    let report = check_server(&Careless, Collector::get("/")).await.unwrap();
    let names: Vec<_> = report.findings.iter().map(|finding| finding.rule.name()).collect();
    assert_eq!(names, ["head-with-body", "starts-over", "id-refused", "compressed"]);
    assert!(report.skipped.is_empty());
    let one = Collector::get("/").with_max_events(1);
    let report = check_server(&Careless, one).await.unwrap();
    assert!(report.findings.iter().any(|finding| finding.rule == Rule::Repeats), "{:?}", report.findings);
}

#[tokio::test]
async fn b09_what_is_not_looked_at_is_said() {
    let canned = Canned { headers: GOOD.into(), version: Version::HTTP_11, wire: b"data: a\n\n" };
    let report = check_server(&canned, Collector::new(Method::POST, "/")).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.skipped.len(), 2, "{:?}", report.skipped);
}

#[test]
fn b09_the_table_of_the_page_is_the_list_of_rules() {
    let page = include_str!("../conformance.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `")?.split_once("` | "));
    let rows: Vec<_> = rows.map(|(name, rest)| (name, rest.split(' ').next().unwrap())).collect();
    let rules: Vec<_> = Rule::ALL.iter().map(|rule| (rule.name(), rule.severity().to_string())).collect();
    let rules: Vec<_> = rules.iter().map(|(name, severity)| (*name, severity.as_str())).collect();
    assert_eq!(rows, rules);
    assert_eq!(rules.iter().collect::<BTreeSet<_>>().len(), rules.len());
}
