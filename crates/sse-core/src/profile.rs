//! What kinds of clients want: how a stream beats, ends, refuses and names errors for each.

use crate::connection::{CloseEvent, CloseReason, Config, Heartbeat};
use crate::event::Event;
use crate::event_name;
use crate::field::{EventName, Retry};
use crate::frame::Frame;
use crate::head::{self, RESPONSE_HEADERS};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

/// A kind of client, by what streams have to do for it.
///
/// A preset: [`ClientProfile::config`] gives the policies, which can be changed as ever. Chosen by the developer, or found in
/// the request's headers by [`ClientProfile::detect`] when asked for.
///
/// | profile | heartbeat | the end is told by | errors | to come back later | to stay away |
/// |---|---|---|---|---|---|
/// | `EventSource` | comment | event `sse:close`, on which the page closes it | `sse:error` | 200, `sse:retry`, end | 204 |
/// | `Htmx2` | comment | event `sse:close` (`sse-close="sse:close"`) | `sse:error` | 200, `sse:retry`, end | 200, `sse:close`, end |
/// | `Htmx4` | comment | event `sse:close` (`hx-sse:close="sse:close"`) | `sse:error` | 200, `sse:retry`, end | 200, `sse:close`, end |
/// | `Turbo` | comment | nothing it hears; it comes back, and is sent away by 204 | `sse:error` | 200, `sse:retry`, end | 204 |
/// | `Datastar` | comment | the end of the body | `sse:error`, which it ignores | 503, and it stays away | 200, end |
/// | `FetchEventSource` | comment | the end of the body | `sse:error` | 503; it asks again at its own pace | 200, end |
/// | `Mcp` | comment | the end of the body; it comes back when there were ids | `sse:error`, which it ignores: answer the call with a JSON-RPC error | 503, `retry-after` | 405 |
/// | `OpenAi` | comment | `data: [DONE]` when complete, the end of the body else | unnamed, `{"error":…}`, and the end | 503, `retry-after` | 403 |
/// | `Anthropic` | event `ping` | event `message_stop` when complete, the end of the body else | event `error`, and the end | 503, `retry-after` | 403 |
///
/// Ends that are meant to be resumed (shutdown, maximum age, lag) are not told. `EventSource`, htmx and Turbo go on at the next
/// instance; **Datastar and `fetch-event-source` stop for good at the end of any body** unless the page has them try again, and
/// LLM clients see an answer that is cut off: do without a maximum age there.
///
/// Where a source sends its own last event (`[DONE]`, `message_stop`), take the profile's away:
/// `with_close_event(None)`.
///
/// ```
/// use sse_core::{ClientProfile, Connection, Instant, connection::{CloseReason, Output}};
///
/// let mut connection = Connection::start(ClientProfile::OpenAi.config(), Instant::EPOCH);
/// connection.close(CloseReason::SourceEnded);
/// assert_eq!(connection.poll_output(Instant::EPOCH), Output::Transmit(b":\ndata: [DONE]\n\n"[..].into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientProfile {
    /// The browser's own [`EventSource`](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface):
    /// it comes back after every end but 204 and errors, and stays away for ever after any other status than 200.
    EventSource,
    /// htmx 2 with its SSE extension: an `EventSource` that is made anew after 204 and errors, without its last event id.
    Htmx2,
    /// htmx 4, which reads the response of a `fetch` and comes back, with its last event id, until it hears the close event.
    Htmx4,
    /// Turbo's `<turbo-stream-source>`: an `EventSource` that hears messages without a name only.
    Turbo,
    /// Datastar: stops when the body ends, and after any error status; patches an HTML error page into the document.
    Datastar,
    /// `@microsoft/fetch-event-source`: stops when the body ends, comes back after everything else.
    FetchEventSource,
    /// A client of the Model Context Protocol over streamable HTTP (2025-11-25 and later).
    Mcp,
    /// A client of an API in the manner of OpenAI's: messages of JSON, the last one `[DONE]`.
    OpenAi,
    /// A client of an API in the manner of Anthropic's: named events of JSON, `ping` among them, the last `message_stop`.
    Anthropic,
}

const CLOSE: EventName<'static> = event_name!("sse:close");
const RETRY: EventName<'static> = event_name!("sse:retry");

impl ClientProfile {
    /// All profiles.
    pub const ALL: &'static [Self] = &[
        Self::EventSource,
        Self::Htmx2,
        Self::Htmx4,
        Self::Turbo,
        Self::Datastar,
        Self::FetchEventSource,
        Self::Mcp,
        Self::OpenAi,
        Self::Anthropic,
    ];

    /// Finds out by the request's headers who asks; `None` for one that neither accepts an event stream nor names itself as
    /// Datastar or the SDK of an LLM.
    ///
    /// `headers` gives all of them, name and value. It tells the kind of client, not whether this request is
    /// for a stream: htmx 4 accepts one with every request that it makes. An `EventSource`, whoever made it (htmx 2, Turbo),
    /// and `fetch-event-source` look the same and are taken for [`ClientProfile::EventSource`]: where those may come, do not
    /// [refuse](ClientProfile::refuse) for good by detection, since 204 makes them ask for ever. What a request says may be
    /// forged: let it decide on form, nothing else. A response that depends on it should say so: [`ClientProfile::VARY`].
    ///
    /// ```
    /// use sse_core::ClientProfile;
    ///
    /// let headers = [("accept", &b"text/html, text/event-stream"[..]), ("hx-request", b"true")];
    /// assert_eq!(ClientProfile::detect(headers), Some(ClientProfile::Htmx4));
    /// assert_eq!(ClientProfile::detect([]), None);
    /// ```
    #[must_use]
    pub fn detect<'h>(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Option<Self> {
        let mut asks = Asks::default();
        headers.into_iter().for_each(|(name, value)| asks.take(name, value));
        match asks {
            Asks { is_datastar: true, .. } => Some(Self::Datastar),
            Asks { is_anthropic: true, .. } => Some(Self::Anthropic),
            Asks { is_openai: true, .. } => Some(Self::OpenAi),
            Asks { accepts_stream: false, .. } => None,
            Asks { is_htmx: true, .. } => Some(Self::Htmx4),
            Asks { is_mcp: true, .. } | Asks { accepts_json: true, .. } => Some(Self::Mcp),
            _ => Some(Self::EventSource),
        }
    }

    /// The request headers that [`ClientProfile::detect`] reads, as the value of a `vary` header.
    pub const VARY: &'static str =
        "accept, anthropic-version, datastar-request, hx-request, mcp-protocol-version, user-agent";

    /// Returns the policies of a stream for this client; what the table does not name is as in [`Config::new`].
    ///
    /// ```
    /// use sse_core::ClientProfile;
    ///
    /// let config = ClientProfile::Htmx2.config().with_retry(core::time::Duration::from_secs(2));
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn config(self) -> Config {
        let config = Config::new();
        match self {
            Self::EventSource | Self::Htmx2 | Self::Htmx4 => {
                config.with_close_event(CloseEvent::new(CLOSE).with_reason().not_on_shutdown())
            }
            Self::Turbo | Self::Datastar | Self::FetchEventSource | Self::Mcp => config,
            Self::OpenAi => config.with_close_event(CloseEvent::unnamed("[DONE]").only_when_complete()),
            Self::Anthropic => {
                let ping = Event::new(r#"{"type": "ping"}"#).with_name(event_name!("ping"));
                let stop = CloseEvent::new(event_name!("message_stop"));
                config
                    .with_heartbeat(Heartbeat::DEFAULT.with_frame(ping))
                    .with_close_event(stop.with_data(r#"{"type":"message_stop"}"#).only_when_complete())
            }
        }
    }

    /// Returns the event by which this client learns of an error, without details; `None` when the stream's own error event
    /// will do.
    ///
    /// It is the last one of its stream: these clients give up on it.
    ///
    /// ```
    /// use sse_core::ClientProfile;
    ///
    /// let event = ClientProfile::Anthropic.error_event().unwrap();
    /// assert_eq!(event.name().unwrap().as_str(), "error");
    /// assert!(ClientProfile::EventSource.error_event().is_none());
    /// ```
    #[must_use]
    pub fn error_event(self) -> Option<Event<'static>> {
        match self {
            Self::OpenAi => Some(Event::new(
                r#"{"error":{"message":"Internal server error","type":"server_error","param":null,"code":null}}"#,
            )),
            Self::Anthropic => {
                let data =
                    r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#;
                Some(Event::new(data).with_name(event_name!("error")))
            }
            _ => None,
        }
    }

    /// Refuses a request for now: the client is to come back when the time is over.
    ///
    /// Whole milliseconds where the stream says so, whole seconds, rounded up, where the head does. Spread the time over
    /// clients, or they all come back at once.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::ClientProfile;
    ///
    /// let refusal = ClientProfile::EventSource.refuse_for(Duration::from_secs(30));
    /// assert_eq!(refusal.status(), 200);
    /// let wire = b":\nevent: sse:retry\nretry: 30000\ndata: {\"reason\":\"refused\"}\n\n";
    /// assert_eq!(refusal.body().unwrap().as_bytes(), wire);
    /// let refusal = ClientProfile::OpenAi.refuse_for(Duration::from_secs(30));
    /// assert_eq!((refusal.status(), refusal.retry_after()), (503, Some(30)));
    /// ```
    #[must_use]
    pub fn refuse_for(self, time: Duration) -> Refusal {
        match self {
            Self::EventSource | Self::Htmx2 | Self::Htmx4 | Self::Turbo => {
                Refusal::stream(Some(retry_event(CloseReason::Refused, time).to_frame()))
            }
            Self::Datastar | Self::FetchEventSource | Self::Mcp | Self::OpenAi | Self::Anthropic => {
                let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
                Refusal { retry_after: Some(seconds), ..Refusal::of_status(503) }
            }
        }
    }

    /// Refuses a request for good: the client is not to come back by itself.
    ///
    /// ```
    /// use sse_core::ClientProfile;
    ///
    /// assert_eq!(ClientProfile::EventSource.refuse().status(), 204);
    /// let refusal = ClientProfile::Htmx2.refuse();
    /// assert_eq!(refusal.body().unwrap().as_bytes(), b":\nevent: sse:close\ndata: refused\n\n");
    /// ```
    #[must_use]
    pub fn refuse(self) -> Refusal {
        match self {
            Self::EventSource | Self::Turbo => Refusal::of_status(204),
            Self::Htmx2 | Self::Htmx4 => {
                let data = CloseReason::Refused.as_str();
                Refusal::stream(Some(Event::new(data).with_name(CLOSE).to_frame()))
            }
            Self::Datastar | Self::FetchEventSource => Refusal::stream(None),
            // After a 404 it asks again, and has to start a new session by the specification.
            Self::Mcp => Refusal { allow: Some("POST, DELETE"), ..Refusal::of_status(405) },
            Self::OpenAi | Self::Anthropic => Refusal::of_status(403),
        }
    }
}

/// What the headers of a request say of its client.
#[derive(Default)]
struct Asks {
    is_datastar: bool,
    is_anthropic: bool,
    is_openai: bool,
    is_htmx: bool,
    is_mcp: bool,
    accepts_stream: bool,
    accepts_json: bool,
}

impl Asks {
    fn take(&mut self, name: &str, value: &[u8]) {
        let is = |other| name.eq_ignore_ascii_case(other);
        let is_true = value.eq_ignore_ascii_case(b"true");
        self.is_datastar |= is("datastar-request") && is_true;
        self.is_anthropic |= is("anthropic-version");
        let is_sdk = value.starts_with(b"OpenAI/") || value.starts_with(b"AsyncOpenAI/");
        self.is_openai |= is("user-agent") && is_sdk;
        self.is_htmx |= is("hx-request") && is_true;
        self.is_mcp |= is("mcp-protocol-version");
        let accepts = |media_type| is("accept") && head::accepts([value], media_type);
        self.accepts_stream |= accepts(head::CONTENT_TYPE);
        self.accepts_json |= accepts("application/json");
    }
}

/// Makes the event that tells a client that is sent away when to come back: named `sse:retry`, its data `{"reason":…}`.
///
/// The time stands next to data: several clients lose a `retry` alone, and htmx 4 would be back in half a second.
///
/// ```
/// use core::time::Duration;
/// use sse_core::{CloseReason, profile::retry_event};
///
/// let event = retry_event(CloseReason::Lagged, Duration::from_secs(2));
/// assert_eq!(event.to_frame().as_bytes(), b"event: sse:retry\nretry: 2000\ndata: {\"reason\":\"lagged\"}\n\n");
/// ```
#[must_use]
pub fn retry_event(reason: CloseReason, time: Duration) -> Event<'static> {
    Event::new(format!("{{\"reason\":\"{reason}\"}}")).with_name(RETRY).with_retry(Retry::from(time))
}

/// How to refuse a request so that its client does what it is meant to: a whole response, without a stream that goes on.
///
/// ```
/// use core::time::Duration;
/// use sse_core::ClientProfile;
///
/// let refusal = ClientProfile::OpenAi.refuse_for(Duration::from_secs(7));
/// assert_eq!(refusal.status(), 503);
/// let headers: Vec<_> = refusal.headers().collect();
/// assert_eq!(headers, [("cache-control", "no-store".into()), ("retry-after", "7".into())]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
    body: Option<Frame>,
}

impl Refusal {
    /// A stream that ends at once.
    fn stream(frame: Option<Frame>) -> Self {
        let opening = Frame::from_encoded(bytes::Bytes::from_static(b":\n"));
        let body = Frame::concat([Some(&opening), frame.as_ref()].into_iter().flatten());
        Self { body, ..Self::of_status(200) }
    }

    const fn of_status(status: u16) -> Self {
        Self { status, retry_after: None, allow: None, body: None }
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the seconds for a `retry-after` header, where one belongs.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Returns the headers, in lower case: those of an event stream where there is a body, else that it must not be stored (a
    /// cache that keeps a 204 sends everybody away); `retry-after`; and `allow` with 405.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, Cow<'static, str>)> + use<> {
        let head: &[(&str, &str)] =
            if self.body.is_some() { &RESPONSE_HEADERS } else { &[("cache-control", "no-store")] };
        let retry_after = self.retry_after.map(|seconds| ("retry-after", Cow::Owned(seconds.to_string())));
        let allow = self.allow.map(|methods| ("allow", Cow::Borrowed(methods)));
        let head = head.iter().map(|(name, value)| (*name, Cow::Borrowed(*value)));
        head.chain(retry_after).chain(allow)
    }

    /// Returns the whole body, an event stream that ends; `None` when there is to be no body and no media type.
    #[must_use]
    pub const fn body(&self) -> Option<&Frame> {
        self.body.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Connection, Output};
    use crate::time::Instant;
    use alloc::string::String;
    use alloc::vec::Vec;

    /// What a stream of one event, a silence and an end looks like.
    fn life(profile: ClientProfile, end: CloseReason) -> String {
        let mut connection = Connection::start(profile.config(), Instant::EPOCH);
        let mut wire = Vec::new();
        connection.send(Event::new("a")).unwrap();
        for now in [0, 0, 15] {
            let now = Instant::from_epoch(Duration::from_secs(now));
            if let Output::Transmit(bytes) = connection.poll_output(now) {
                wire.extend_from_slice(&bytes);
            }
        }
        connection.close(end);
        while let Output::Transmit(bytes) = connection.poll_output(Instant::EPOCH) {
            wire.extend_from_slice(&bytes);
        }
        String::from_utf8(wire).unwrap()
    }

    #[test]
    fn b05_streams_beat_and_end_as_each_client_needs_it() {
        use ClientProfile::{
            Anthropic, Datastar, EventSource, FetchEventSource, Htmx2, Htmx4, Mcp, OpenAi, Turbo,
        };
        let start = ":\ndata: a\n\n";
        for &profile in ClientProfile::ALL {
            let beat = match profile {
                Anthropic => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
                _ => ": heartbeat\n",
            };
            let end = match profile {
                EventSource | Htmx2 | Htmx4 => "event: sse:close\ndata: source-ended\n\n",
                Turbo | Datastar | FetchEventSource | Mcp => "",
                OpenAi => "data: [DONE]\n\n",
                Anthropic => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            };
            let failure = match profile {
                EventSource | Htmx2 | Htmx4 => "event: sse:close\ndata: source-failed\n\n",
                _ => "",
            };
            let wire = |reason, goodbye: &str| {
                assert_eq!(life(profile, reason), [start, beat, goodbye].concat(), "{profile:?} {reason}");
            };
            wire(CloseReason::SourceEnded, end);
            wire(CloseReason::SourceFailed, failure);
            wire(CloseReason::Shutdown, "");
            wire(CloseReason::MaxAge, "");
        }
    }

    #[test]
    fn b05_clients_are_refused_so_that_they_come_back_or_stay_away() {
        use ClientProfile::{EventSource, Htmx2, Htmx4, Mcp, Turbo};
        for &profile in ClientProfile::ALL {
            let later = profile.refuse_for(Duration::from_millis(1_500));
            if matches!(profile, EventSource | Htmx2 | Htmx4 | Turbo) {
                assert_eq!((later.status(), later.retry_after()), (200, None), "{profile:?}");
                let wire = b":\nevent: sse:retry\nretry: 1500\ndata: {\"reason\":\"refused\"}\n\n";
                assert_eq!(later.body().unwrap().as_bytes(), wire);
            } else {
                assert_eq!((later.status(), later.retry_after(), later.body()), (503, Some(2), None));
            }
            let for_good = profile.refuse();
            let is_htmx = matches!(profile, Htmx2 | Htmx4);
            assert!(!(is_htmx && for_good.status() == 204), "204 makes htmx ask for ever");
            assert!(!(profile == Mcp && for_good.status() == 404), "404 makes it start a new session");
            assert_eq!(for_good.retry_after(), None);
            let for_ever = profile.refuse_for(Duration::MAX);
            assert!(for_ever.retry_after().is_none_or(|seconds| seconds == u64::MAX), "{profile:?}");
            for refusal in [&later, &for_good, &for_ever] {
                let of_stream =
                    refusal.headers().any(|header| header == ("content-type", "text/event-stream".into()));
                assert_eq!(of_stream, refusal.body().is_some());
                assert!(refusal.headers().any(|(name, _)| name == "cache-control"));
                assert_eq!(refusal.headers().any(|(name, _)| name == "allow"), refusal.status() == 405);
            }
            for frame in [&later, &for_good].iter().filter_map(|refusal| refusal.body()) {
                assert!(Frame::from_wire(frame.clone().into_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn b05_an_error_is_told_as_the_api_tells_it() {
        for &profile in ClientProfile::ALL {
            let event = profile.error_event();
            let name = event.as_ref().and_then(Event::name).map(EventName::as_str);
            let tells = |what| event.as_ref().and_then(Event::data).is_some_and(|data| data.contains(what));
            match profile {
                ClientProfile::OpenAi => assert!(name.is_none() && tells("server_error"), "{event:?}"),
                ClientProfile::Anthropic => assert!(name == Some("error") && tells("api_error"), "{event:?}"),
                _ => assert_eq!(event, None, "{profile:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_for_whole_seconds_is_not_rounded() {
        for (millis, seconds) in [(0, 0), (1, 1), (2_000, 2), (2_001, 3)] {
            let refusal = ClientProfile::Mcp.refuse_for(Duration::from_millis(millis));
            assert_eq!(refusal.retry_after(), Some(seconds), "{millis} ms");
        }
    }

    #[test]
    fn b05_who_asks_is_seen_by_the_headers_it_sends() {
        let detect = |headers: &[(&'static str, &'static str)]| {
            ClientProfile::detect(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
        };
        let stream = ("accept", "text/event-stream");
        for (headers, profile) in [
            (&[stream][..], Some(ClientProfile::EventSource)),
            (&[("accept", "*/*")], None),
            (&[("accept", "text/event-streaming")], None),
            (&[("accept", "text/event-stream; q=0")], None),
            (&[("accept", "text/event-stream;q=0.5, */*")], Some(ClientProfile::EventSource)),
            (&[("accept", "text/html"), ("hx-request", "true")], None),
            (
                &[("accept", "text/html, text/event-stream"), ("hx-request", "true")],
                Some(ClientProfile::Htmx4),
            ),
            (
                &[("accept", "text/event-stream, text/html, application/json"), ("datastar-request", "true")],
                Some(ClientProfile::Datastar),
            ),
            (&[("accept", "application/json, Text/Event-Stream")], Some(ClientProfile::Mcp)),
            (&[("Accept", "application/json"), ("Accept", "text/event-stream")], Some(ClientProfile::Mcp)),
            (&[("accept", "text/event-stream"), ("accept", "application/json")], Some(ClientProfile::Mcp)),
            (&[stream, ("mcp-protocol-version", "2025-11-25")], Some(ClientProfile::Mcp)),
            (&[stream, ("hx-request", "false"), ("datastar-request", "0")], Some(ClientProfile::EventSource)),
            (&[stream, ("x-request", "true"), ("referer", "OpenAI/")], Some(ClientProfile::EventSource)),
            (&[stream, ("accept-encoding", "application/json")], Some(ClientProfile::EventSource)),
            (&[("accept-encoding", "text/event-stream")], None),
            (&[("accept", "application/json"), ("user-agent", "Mozilla/5.0 OpenAI/Python")], None),
            (&[("User-Agent", "AsyncOpenAI/Python 3.51.0")], Some(ClientProfile::OpenAi)),
            (
                &[("accept", "application/json"), ("user-agent", "OpenAI/Python 3.51.0")],
                Some(ClientProfile::OpenAi),
            ),
            (
                &[("accept", "application/json"), ("anthropic-version", "2023-06-01")],
                Some(ClientProfile::Anthropic),
            ),
        ] {
            assert_eq!(detect(headers), profile, "{headers:?}");
        }
    }
}
