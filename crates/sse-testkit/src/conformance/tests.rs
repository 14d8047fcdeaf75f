use super::*;
use crate::collect::{BoxError, Collector, Target};
use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll};
use http::{Method, Request, Response};
use http_body_util::Full;
use std::collections::BTreeSet;
use tokio::time::sleep;

const GOOD: [(&str, &str); 3] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
];

/// Answers every request alike.
struct Canned {
    headers: Vec<(&'static str, &'static str)>,
    wire: &'static [u8],
}

impl Target for Canned {
    type Body = Full<Bytes>;

    async fn respond(&self, _: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let mut response = Response::builder();
        for (name, value) in &self.headers {
            response = response.header(*name, *value);
        }
        Ok(response.body(Bytes::from_static(self.wire).into())?)
    }
}

async fn of(canned: Canned) -> Vec<Finding> {
    lint(&Collector::get("/").with_any_encoding().collect(&canned).await.unwrap())
}

async fn of_wire(wire: &'static [u8]) -> Vec<(&'static str, Place, usize)> {
    let findings = of(Canned { headers: GOOD.into(), wire }).await;
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
        let findings = of(Canned { headers, wire: b"data: a\n\n" }).await;
        let findings: Vec<_> = findings.iter().map(|finding| (finding.rule.name(), &finding.place)).collect();
        assert_eq!(findings, [(rule, &Place::Header(name))], "{value}");
    }
    let charset = [("content-type", "text/event-stream; charset=UTF-8"), GOOD[1], GOOD[2]];
    assert_eq!(of(Canned { headers: charset.into(), wire: b"" }).await, []);
}

#[tokio::test]
async fn b09_headers_that_do_not_go_together_are_found() {
    let more = |more: &[(&'static str, &'static str)]| GOOD.iter().chain(more).copied().collect();
    let names = async |headers| {
        let findings = of(Canned { headers, wire: b"" }).await;
        findings.iter().map(|finding| finding.rule.name()).collect::<Vec<_>>()
    };
    assert_eq!(names(more(&[("x-accel-buffering", "no")])).await.last(), Some(&"doubled-header"));
    let wildcard = [("access-control-allow-origin", "*"), ("access-control-allow-credentials", "true")];
    assert_eq!(names(more(&wildcard)).await, ["wildcard-credentials"]);
    assert_eq!(names(more(&wildcard[..1])).await, [""; 0]);
}

/// A server that does everything wrong that one request does not show.
struct Careless;

impl Target for Careless {
    type Body = Full<Bytes>;

    const OVER_HTTP: bool = true;

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

/// What handlers in memory answer to HEAD: as to GET, where nobody leaves the body out.
struct InMemory(&'static str);

impl Target for InMemory {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        Careless.respond(request).await.map(|response| response.map(|_| self.0.into()))
    }
}

/// What servers over HTTP answer to HEAD.
struct OverHttp(InMemory);

impl Target for OverHttp {
    type Body = Full<Bytes>;

    const OVER_HTTP: bool = true;

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let is_head = request.method() == Method::HEAD;
        let response = self.0.respond(request).await?;
        Ok(response.map(|body| if is_head { Full::default() } else { body }))
    }
}

fn has(report: &Report, rule: Rule) -> bool {
    report.findings.iter().any(|finding| finding.rule == rule)
}

#[tokio::test]
async fn b09_the_answer_to_head_is_looked_at_where_it_is_one() {
    let wire = "id: 1\ndata: a\n\nid: 2\ndata: b\n\n";
    let report = check_server(&InMemory(wire), Collector::get("/")).await.unwrap();
    assert!(!has(&report, Rule::HeadWithBody), "{:?}", report.findings);
    assert_eq!(report.skipped, ["the body of HEAD: a server leaves it out, and in memory there is none"]);
    for collector in [
        Collector::get("/").with_max_events(0),
        Collector::get("/").with_max_events(1),
        Collector::get("/").until(|_| true),
    ] {
        let report = check_server(&OverHttp(InMemory(wire)), collector).await.unwrap();
        assert!(!has(&report, Rule::HeadWithBody), "{:?}", report.findings);
        assert!(!report.skipped.iter().any(|skipped| skipped.contains("HEAD")), "{:?}", report.skipped);
    }
}

#[tokio::test]
async fn b09_a_stream_that_starts_over_is_found_behind_events_without_an_id() {
    let greeting = "data: hello\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n";
    let report = check_server(&InMemory(greeting), Collector::get("/")).await.unwrap();
    assert!(has(&report, Rule::StartsOver), "{:?}", report.findings);
    let one = "data: hello\n\nid: 1\ndata: a\n\n";
    let report = check_server(&InMemory(one), Collector::get("/")).await.unwrap();
    assert!(has(&report, Rule::Repeats), "{:?}", report.findings);
}

#[tokio::test]
async fn b09_a_stream_that_is_compressed_for_everybody_is_found_once() {
    let kept = GOOD.into_iter().chain([("content-encoding", "br")]).collect();
    let report =
        check_server(&Canned { headers: kept, wire: b"\x1F\x8B" }, Collector::get("/")).await.unwrap();
    let compressed: Vec<_> = report.findings.iter().map(|it| (it.rule, it.times)).collect();
    assert_eq!(compressed, [(Rule::Compressed, 1)]);
}

/// Gives nothing but its head.
struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

impl Target for Silent {
    type Body = Self;

    async fn respond(&self, _: Request<Bytes>) -> Result<Response<Self>, BoxError> {
        let response = GOOD.into_iter().fold(Response::builder(), |it, (name, value)| it.header(name, value));
        Ok(response.body(Self)?)
    }
}

#[tokio::test(start_paused = true)]
async fn b09_a_server_is_not_blamed_for_the_time_that_nobody_read() {
    let hour = Duration::from_secs(3_600);
    let mut live = Collector::get("/").open(&Silent).await.unwrap();
    sleep(hour).await;
    assert_eq!(live.read_for(Duration::from_millis(500)).await, End::Deadline);
    sleep(hour).await;
    assert_eq!(live.read_for(Duration::from_millis(400)).await, End::Deadline);
    assert_eq!(lint(live.so_far()), []);
    sleep(hour).await;
    assert_eq!(live.read_for(Duration::from_secs(60)).await, End::Deadline);
    sleep(hour).await;
    let rules: Vec<_> = lint(&live.leave()).into_iter().map(|it| (it.rule.name(), it.detail)).collect();
    let giving_up = "Heroku, nginx, AWS ALB, HAProxy's usual configuration would close the connection";
    assert_eq!(
        rules,
        [
            ("first-byte", "no byte of body for 60.9s behind the head".to_owned()),
            ("silence", format!("nothing for 60.9s: {giving_up}")),
        ]
    );
}

#[tokio::test]
async fn b09_what_is_not_looked_at_is_said() {
    let canned = Canned { headers: GOOD.into(), wire: b"data: a\n\n" };
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
