//! The requests that tell more than one stream does.

use super::{Finding, Findings, Place, Rule, lint};
use crate::collect::{CollectError, Collected, Collector, End, ReceivedEvent, Target};
use http::Method;

/// An id that no server has given out, in UTF-8 as browsers send it.
const FOREIGN_ID: &str = "kit-\u{2026}-\u{e9}";

/// What a server was found to do.
// tidy: no example: what `check_server` returns, which has one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What was found; each rule once at most.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub skipped: Vec<&'static str>,
    /// The stream that was looked at.
    pub collected: Collected,
}

/// Asks a server several times and looks at the answers: the stream that a collector reads, HEAD, a stream that is
/// resumed, a foreign id, and a client that takes gzip.
///
/// Makes up to five requests one after the other, each up to the collector's deadline. A stream without ids, one of POST,
/// and a service [in memory](Target::OVER_HTTP) skip some of them, and the report says so. A body that is compressed is
/// taken as it is.
///
/// # Errors
///
/// When the first request gets no event stream, or one that breaks off.
///
/// ```
/// # #[cfg(feature = "url")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, LastEventId, Sse};
/// use sse_testkit::{collect::Collector, conformance::check_server, url::Url};
///
/// let numbers = |LastEventId(seen): LastEventId| async move {
///     let next = seen.and_then(|id| id.as_u64()).unwrap_or(0) + 1;
///     Sse::new(tokio_stream::iter((next..=3).map(|n| Event::new(n.to_string()).with_id(n))))
/// };
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let base = format!("http://{}", listener.local_addr()?);
/// # tokio::spawn(axum::serve(listener, Router::new().route("/numbers", get(numbers))).into_future());
/// let report = check_server(&Url::http1(&base)?, Collector::get("/numbers")).await?;
/// assert_eq!(report.findings, []);
/// assert!(report.skipped.is_empty());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "url"))]
/// # fn main() {}
/// ```
pub async fn check_server(target: &impl Target, collector: Collector) -> Result<Report, CollectError> {
    let collector = collector.with_any_encoding();
    let collected = collector.clone().collect(target).await?;
    let mut findings = Findings(lint(&collected));
    let mut skipped = Vec::new();
    if collector.method() == Method::GET {
        head(target, &collector, &mut findings, &mut skipped).await;
    } else {
        skipped.push("HEAD: the stream answers another method than GET");
    }
    resume(target, &collector, &collected, &mut findings, &mut skipped).await;
    let foreign = collector.clone().with_last_event_id(FOREIGN_ID).with_max_events(1);
    if let Err(error) = foreign.collect(target).await {
        findings.add(Rule::IdRefused, Place::Request("a foreign Last-Event-ID"), error.to_string());
    }
    let gzip = collector.with_header("accept-encoding", "gzip").with_max_events(0);
    if let Ok(gzip) = gzip.collect(target).await
        && !collected.is_encoded
    {
        let compressed = lint(&gzip).into_iter().filter(|finding| finding.rule == Rule::Compressed);
        findings.0.extend(compressed);
    }
    Ok(Report { findings: findings.0, skipped, collected })
}

async fn head<T: Target>(
    target: &T,
    collector: &Collector,
    findings: &mut Findings,
    skipped: &mut Vec<&'static str>,
) {
    let place = Place::Request("HEAD");
    let body = match collector.clone().into_head().collect(target).await {
        Ok(head) if !head.wire.is_empty() => format!("{} bytes of body", head.wire.len()),
        Ok(head) if head.end != End::Ended => head.end.to_string(),
        Ok(_) => return,
        Err(error) => return findings.add(Rule::HeadRefused, place, error.to_string()),
    };
    if T::OVER_HTTP {
        findings.add(Rule::HeadWithBody, place, body);
    } else {
        skipped.push("the body of HEAD: a server leaves it out, and in memory there is none");
    }
}

async fn resume(
    target: &impl Target,
    collector: &Collector,
    collected: &Collected,
    findings: &mut Findings,
    skipped: &mut Vec<&'static str>,
) {
    let place = Place::Request("Last-Event-ID");
    if collected.last_event_id.is_empty() {
        skipped.push("resuming: the stream has no ids");
        return;
    }
    let resumed = match collector.clone().resuming(collected).collect(target).await {
        Ok(resumed) => resumed,
        Err(error) => {
            findings.add(Rule::IdRefused, place, error.to_string());
            return;
        }
    };
    let Some(id) = first_id(&resumed.events) else { return };
    // An event without data that has this id gives it to clients that forget it.
    let is_priming =
        resumed.events.iter().any(|event| event.id.as_deref() == Some(id) && event.data.is_empty());
    if id == collected.last_event_id && !is_priming {
        findings.add(Rule::Repeats, place, format!("the event {id:?} again"));
    } else if Some(id) == first_id(&collected.events) {
        findings.add(Rule::StartsOver, place, format!("from {id:?} on again"));
    }
}

/// The first id that is one: greetings, and what resets the id, have none.
fn first_id(events: &[ReceivedEvent]) -> Option<&str> {
    events.iter().filter_map(|event| event.id.as_deref()).find(|id| !id.is_empty())
}
