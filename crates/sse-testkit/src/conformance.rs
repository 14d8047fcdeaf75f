//! Lints for the event streams of any server, whatever it is written in.
//!
//! [`lint`] looks at what was collected; [`check_server`] makes the requests itself, and some more: HEAD, resuming,
//! strange ids, compression. Each [`Finding`] has a [`Rule`] with a stable name, a severity and a place.
//!
//! What cannot be seen from outside is not looked at: whether the server notices that its client left, and what it
//! does at a shutdown. A head that HTTP itself refuses, such as one of HTTP/2 with the header `connection`, is no finding but
//! a failed request. Nor is a finding a verdict: some are right for one client and wrong for another.
//!
//! | rule | severity | what it costs |
//! |---|---|---|
//! | `content-type` | warning | clients that compare exactly refuse capitals and parameters |
//! | `charset` | error | [the standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) decodes UTF-8 whatever the header says |
//! | `cache-control` | warning | without `no-transform`, proxies compress, and hold events back |
//! | `x-accel-buffering` | warning | without `no`, nginx buffers |
//! | `identity-encoding` | hint | RFC 9110 §8.4.1 reserves `identity`: some clients do not know it |
//! | `compressed` | hint | events are held back unless each is flushed; the wire is not looked at: see [`Collector::with_any_encoding`](crate::collect::Collector::with_any_encoding) |
//! | `doubled-header` | warning | which of two counts differs |
//! | `wildcard-credentials` | error | browsers refuse `*` together with credentials, which htmx 2 always sends |
//! | `first-byte` | warning | nothing within a second: proxies hold the head back, Firefox waits with `open` |
//! | `silence` | warning | longer than a proxy waits: see [`PROXY_LIMITS`] |
//! | `broken` | error | the response did not end well |
//! | `cut-off` | warning | half an event at the end, which clients throw away |
//! | `utf-8` | error | what is not becomes U+FFFD |
//! | `byte-order-mark` | warning | released clients take it for a part of the first field |
//! | `bare-cr` | warning | released clients know no CR alone, or hold the last line back |
//! | `comment-block` | warning | a comment with a blank line behind: some clients dispatch an empty event |
//! | `empty-block` | warning | a blank line too many: the same |
//! | `event-without-data` | error | a block with `event` and no `data` is never dispatched: empty data needs a line |
//! | `id-without-data` | warning | released clients lose an id without data |
//! | `retry-without-data` | warning | released clients lose a `retry` without data |
//! | `retry-value` | error | not digits alone, or above 2³¹ − 1 ms: ignored, or a reconnection loop |
//! | `id-value` | warning | not visible ASCII: does not survive the header `Last-Event-ID` everywhere |
//! | `reserved-name` | warning | events named `error` or `open` reach the handlers of the connection itself |
//! | `no-space` | hint | without a space after the colon, a value's own first space would be lost |
//! | `unknown-field` | warning | no field of the standard: ignored |
//! | `head-with-body` | error | an answer to HEAD with a body, or without an end; looked at over HTTP only |
//! | `head-refused` | hint | an answer to HEAD that is not the head of a GET |
//! | `id-refused` | error | a foreign or strange `Last-Event-ID` gets no stream: a browser does not come back |
//! | `starts-over` | warning | the first id of a resumed stream is the first id of the whole one |
//! | `repeats` | warning | the first id of a resumed stream is that of the event that was seen last |

mod head;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use self::server::{Report, check_server};

use crate::collect::{Collected, End};
use core::fmt;
use core::time::Duration;

/// How long known proxies and clients wait for the next byte by default, the shortest first.
///
/// A silence is a finding if it is longer than the first one.
///
/// ```
/// use sse_testkit::conformance::PROXY_LIMITS;
///
/// assert!(PROXY_LIMITS.iter().any(|(name, limit)| *name == "nginx" && limit.as_secs() == 60));
/// ```
pub const PROXY_LIMITS: [(&str, Duration); 5] = [
    ("Heroku", Duration::from_secs(55)),
    ("nginx", Duration::from_secs(60)),
    ("AWS ALB", Duration::from_secs(60)),
    ("HAProxy's usual configuration", Duration::from_secs(60)),
    ("Cloudflare", Duration::from_secs(120)),
];

/// How long a stream may be without its first byte.
const FIRST_BYTE: Duration = Duration::from_secs(1);

/// Looks at a stream that was collected, by the rules of the [module](self); each rule has one finding at most.
///
/// The longer the stream was read, the more it shows: heartbeats want a minute, which on a paused clock costs nothing.
/// `first-byte` and `silence` count the time in which it was read: a server cannot send what nobody takes.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, response::sse, routing::get};
/// use core::{convert::Infallible, time::Duration};
/// use sse_axum::{Event, Sse};
/// use sse_testkit::{collect::Collector, conformance::lint, tower::Tower};
///
/// let good = || async { Sse::new(tokio_stream::pending::<Event>()) };
/// let axums = || async { sse::Sse::new(tokio_stream::pending::<Result<sse::Event, Infallible>>()) };
/// let app = Tower::new(Router::new().route("/good", get(good)).route("/axum", get(axums)));
/// let minute = Duration::from_secs(60);
///
/// let good = Collector::get("/good").with_deadline(minute).collect(&app).await?;
/// assert_eq!(lint(&good), []);
/// let axums = Collector::get("/axum").with_deadline(minute).collect(&app).await?;
/// let names: Vec<&str> = lint(&axums).iter().map(|finding| finding.rule.name()).collect();
/// assert_eq!(names, ["cache-control", "x-accel-buffering", "first-byte", "silence"]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[must_use]
pub fn lint(collected: &Collected) -> Vec<Finding> {
    let mut findings = Findings::default();
    head::lint(collected, &mut findings);
    timing(collected, &mut findings);
    if let End::Broken(failure) = &collected.end {
        findings.add(Rule::Broken, Place::Byte(collected.wire.len()), format!("the stream {failure}"));
    }
    if !collected.is_encoded {
        if collected.is_cut_off {
            let detail = "the stream ended in the middle of an event".to_owned();
            findings.add(Rule::CutOff, Place::Byte(collected.wire.len()), detail);
        }
        wire::lint(&collected.wire, &mut findings);
    }
    findings.0
}

/// Measures the time that was read: a [`Live`](crate::collect::Live) that nobody asks keeps its server waiting.
fn timing(collected: &Collected, findings: &mut Findings) {
    let Collected { head_at, arrivals, .. } = collected;
    let first = arrivals.first().map_or(collected.read, |first| first.read);
    let waited = first.saturating_sub(*head_at);
    if waited >= FIRST_BYTE {
        let detail = format!("no byte of body for {waited:?} behind the head");
        findings.add(Rule::FirstByte, Place::Time(*head_at), detail);
    }
    let starts = arrivals.iter().map(|arrival| (arrival.at, arrival.read));
    let starts = core::iter::once((*head_at, *head_at)).chain(starts);
    let ends = arrivals.iter().map(|arrival| arrival.read).chain([collected.read]);
    let silences = starts.zip(ends).map(|((at, start), end)| (at, end.saturating_sub(start)));
    let Some((start, silence)) = silences.max_by_key(|(_, silence)| *silence) else { return };
    let giving_up: Vec<&str> =
        PROXY_LIMITS.iter().filter(|(_, limit)| silence >= *limit).map(|(name, _)| *name).collect();
    if !giving_up.is_empty() {
        let detail = format!("nothing for {silence:?}: {} would close the connection", giving_up.join(", "));
        findings.add(Rule::Silence, Place::Time(start), detail);
    }
}

/// What was found, and where.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, http::header::CONTENT_TYPE, routing::get};
/// use sse_testkit::{collect::Collector, conformance::{Place, Rule, Severity, lint}, tower::Tower};
///
/// let by_hand = || async { ([(CONTENT_TYPE, "text/event-stream")], "data: a\n\nevent: b\n\nevent: c\n\n") };
/// let app = Tower::new(Router::new().route("/", get(by_hand)));
/// let findings = lint(&Collector::get("/").collect(&app).await?);
/// let finding = findings.iter().find(|finding| finding.rule == Rule::EventWithoutData).unwrap();
/// assert_eq!((finding.place.clone(), finding.times, finding.severity()), (Place::Byte(9), 2, Severity::Error));
/// assert_eq!(
///     finding.to_string(),
///     "error[event-without-data] at byte 9, 2 times: a block with `event` and without `data` is never dispatched"
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub rule: Rule,
    /// Where it was seen first.
    pub place: Place,
    /// What was seen there, for a reader.
    pub detail: String,
    /// How often it was seen.
    pub times: usize,
}

impl Finding {
    /// Returns how bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

/// Where something was found.
// tidy: no example: part of `Finding`, which has one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a header of the response, in lower case.
    Header(&'static str),
    /// At a byte of the wire, from 0 on.
    Byte(usize),
    /// At a time, from the request on.
    Time(Duration),
    /// In the answer to another request: what was asked.
    Request(&'static str),
}

/// How bad a finding is, the worst first.
// tidy: no example: part of `Finding`, which has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Against a standard, or lost by every client.
    Error,
    /// Lost or delayed by clients and proxies that are in use.
    Warning,
    /// May be meant so.
    Hint,
}

macro_rules! rules {
    ($($rule:ident $name:literal $severity:ident $doc:literal,)*) => {
        /// What can be found: see the table of the [module](self).
        ///
        /// ```
        /// use sse_testkit::conformance::{Rule, Severity};
        ///
        /// assert_eq!((Rule::Utf8.name(), Rule::Utf8.severity()), ("utf-8", Severity::Error));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $doc] $rule,)*
        }

        impl Rule {
            /// All rules, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// Returns its name, which stays as it is: for lists of what is known.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// Returns how bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$rule => Severity::$severity,)* }
            }
        }
    };
}

rules! {
    ContentType "content-type" Warning "A media type with capitals or parameters.",
    Charset "charset" Error "Another encoding than UTF-8.",
    CacheControl "cache-control" Warning "No `no-transform`.",
    AccelBuffering "x-accel-buffering" Warning "nginx would buffer.",
    IdentityEncoding "identity-encoding" Hint "`content-encoding: identity`.",
    Compressed "compressed" Hint "Another content encoding.",
    DoubledHeader "doubled-header" Warning "A header twice.",
    WildcardCredentials "wildcard-credentials" Error "Any origin, with credentials.",
    FirstByte "first-byte" Warning "Nothing at once.",
    Silence "silence" Warning "No heartbeat, or too few.",
    Broken "broken" Error "A stream that broke off.",
    CutOff "cut-off" Warning "Half an event at the end.",
    Utf8 "utf-8" Error "Bytes that are not UTF-8.",
    ByteOrderMark "byte-order-mark" Warning "A byte order mark.",
    BareCr "bare-cr" Warning "CR alone as a line end.",
    CommentBlock "comment-block" Warning "A blank line behind a comment.",
    EmptyBlock "empty-block" Warning "A blank line behind a blank line.",
    EventWithoutData "event-without-data" Error "`event` without `data`.",
    IdWithoutData "id-without-data" Warning "`id` without `data`.",
    RetryWithoutData "retry-without-data" Warning "`retry` without `data`.",
    RetryValue "retry-value" Error "A `retry` that clients ignore or misread.",
    IdValue "id-value" Warning "An id that does not survive a header.",
    ReservedName "reserved-name" Warning "An event named `error` or `open`.",
    NoSpace "no-space" Hint "No space after the colon.",
    UnknownField "unknown-field" Warning "A field that nobody knows.",
    HeadWithBody "head-with-body" Error "A HEAD that is answered with a body.",
    HeadRefused "head-refused" Hint "A HEAD that is not answered as a GET.",
    IdRefused "id-refused" Error "A `Last-Event-ID` that gets no stream.",
    StartsOver "starts-over" Warning "A resumed stream that begins anew.",
    Repeats "repeats" Warning "A resumed stream that repeats the last event.",
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, rule: Rule, place: Place, detail: String) {
        match self.0.iter_mut().find(|finding| finding.rule == rule) {
            Some(finding) => finding.times += 1,
            None => self.0.push(Finding { rule, place, detail, times: 1 }),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {}", self.severity(), self.rule.name(), self.place)?;
        if self.times > 1 {
            write!(f, ", {} times", self.times)?;
        }
        write!(f, ": {}", self.detail)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "in the header {name}"),
            Self::Byte(at) => write!(f, "at byte {at}"),
            Self::Time(at) => write!(f, "after {at:?}"),
            Self::Request(what) => write!(f, "in the answer to {what}"),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}
