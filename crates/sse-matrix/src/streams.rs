//! What is said in each stream, for whichever framework asks.

use crate::asked::Asked;
use crate::cases::{self, Case};
use crate::state::{Open, State};
use crate::stop::Stop;
use crate::wire::Shape;
use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use pin_project_lite::pin_project;
use sse_broadcast::{Broadcaster, Message, Settings, Subscription};
use sse_driver::sse_core::connection::Heartbeat;
use sse_driver::sse_core::{ClientProfile, Event, EventId, EventName, Retry, event_name};
use sse_driver::{Options, Push, PushError, Sender, Source};
use tokio::time::sleep;
use tokio_stream::Stream;

/// How long clients wait before they come back, unless the query says otherwise.
const RETRY_MS: u64 = 200;

/// The last event of a stream that has one.
const END_NAME: EventName<'static> = event_name!("matrix:end");

/// What the handlers share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) state: State,
    stop: Stop,
    hub: Broadcaster,
    cases: Arc<[Case]>,
}

/// A stream, and how it is to be sent.
#[derive(Debug)]
pub(crate) struct Reply<S> {
    pub(crate) source: S,
    pub(crate) options: Options,
    pub(crate) shape: Shape,
}

impl Streams {
    pub(crate) fn new(stop: Stop) -> Self {
        let hub = Broadcaster::new(Settings::new());
        Self { state: State::default(), stop, hub, cases: cases::all().into() }
    }

    /// The table of cases.
    pub(crate) fn cases_json(&self) -> String {
        cases::to_json(&self.cases)
    }

    /// A case of the table, whole, or with `split=1` byte by byte.
    pub(crate) fn case(&self, name: &str, asked: &Asked) -> Option<Reply<impl Source + Send + use<>>> {
        let case = self.cases.iter().find(|case| case.name == name)?.clone();
        let source = Counted::new(tokio_stream::iter(case.into_items()), self.state.clone());
        let shape = if asked.number("split", 0) == 0 { Shape::Whole } else { Shape::Bytes };
        Some(Reply { shape, ..self.reply(asked, source, Options::new()) })
    }

    /// Numbers from the one behind the last that the client saw, up to `to`, with the number as id; `every` is the pause between
    /// them in milliseconds. Each connection is cut behind `cut` of them, by a clean end or (`how=reset`) by breaking it.
    pub(crate) fn count(
        &self,
        asked: &Asked,
        seen: Option<EventId<'static>>,
    ) -> Reply<impl Source + Send + use<>> {
        let first = seen.and_then(|id| id.as_u64()).unwrap_or(0).saturating_add(1);
        let (to, every) = (asked.number("to", 10), Duration::from_millis(asked.number("every", 0)));
        let cut = asked.number("cut", u64::MAX);
        let state = self.state.clone();
        let source = Push::new(async move |mut events: Sender| {
            let _open = state.open();
            for number in first..=to {
                if number - first == cut {
                    return Ok(());
                }
                if !every.is_zero() {
                    sleep(every).await;
                }
                events.send(Event::new(number.to_string()).with_id(number)).await?;
            }
            events.send(Event::new("").with_name(END_NAME)).await
        });
        let breaks = asked.text("how").is_some_and(|how| how == "reset");
        let shape = if breaks { Shape::Broken } else { Shape::Whole };
        let retry = Retry::from_millis(asked.number("retry", RETRY_MS));
        Reply { shape, ..self.reply(asked, source, Options::new().with_retry(retry)) }
    }

    /// The events of a topic.
    pub(crate) fn topic(&self, name: &str, seen: Option<&EventId<'_>>) -> Subscription {
        self.hub.subscribe_or_refuse([name], seen)
    }

    /// How a topic's stream is to be sent.
    pub(crate) fn topic_reply(
        &self,
        asked: &Asked,
        stream: Subscription,
    ) -> Reply<impl Source + Send + use<>> {
        let options = Options::new().with_retry(Retry::from_millis(asked.number("retry", RETRY_MS)));
        self.reply(asked, Counted::new(stream, self.state.clone()), options)
    }

    /// Publishes in a topic; the id of the event, or why there is none.
    pub(crate) fn publish(&self, name: &str, data: &[u8]) -> Result<String, String> {
        let data = String::from_utf8_lossy(data).into_owned();
        let published = self.hub.publish(name, Message::from(Event::new(data)));
        published.map(|position| position.to_id().as_str().to_owned()).map_err(|error| error.to_string())
    }

    /// One event, after `after` milliseconds, then only heartbeats, each `heartbeat` milliseconds; none with 0.
    pub(crate) fn quiet(&self, asked: &Asked) -> Reply<impl Source + Send + use<>> {
        let interval = Duration::from_millis(asked.number("heartbeat", 1_000));
        let options = Options::new().with_heartbeat(Heartbeat::idle(interval).ok());
        let (state, after) = (self.state.clone(), Duration::from_millis(asked.number("after", 0)));
        let source = Push::new(async move |mut events: Sender| {
            let _open = state.open();
            if !after.is_zero() {
                sleep(after).await;
            }
            events.send(Event::new("quiet").with_id(1_u64)).await?;
            core::future::pending::<Result<(), PushError>>().await
        });
        self.reply(asked, source, options.with_retry(Retry::from_millis(RETRY_MS)))
    }

    /// One event with a reconnection time next to its data; then the end.
    pub(crate) fn retry(&self, asked: &Asked) -> Reply<impl Source + Send + use<>> {
        let retry = Retry::from_millis(asked.number("ms", 700));
        let events = [Event::new("retry").with_id(1_u64).with_retry(retry)];
        self.reply(asked, Counted::new(tokio_stream::iter(events), self.state.clone()), Options::new())
    }

    /// Three events and the close event; nothing more (`None`) for a client that has seen the third.
    pub(crate) fn close(
        &self,
        asked: &Asked,
        seen: Option<&EventId<'_>>,
    ) -> Option<Reply<impl Source + Send + use<>>> {
        if seen.is_some_and(|id| id.as_u64() == Some(3)) {
            return None;
        }
        let events = (1..=3_u64).map(|number| Event::new(number.to_string()).with_id(number));
        let options = Options::new().for_client(ClientProfile::EventSource);
        let source = Counted::new(tokio_stream::iter(events), self.state.clone());
        Some(self.reply(asked, source, options.with_retry(Retry::from_millis(RETRY_MS))))
    }

    fn reply<S: Source>(&self, asked: &Asked, source: S, options: Options) -> Reply<S> {
        let (state, path, query) = (self.state.clone(), asked.path.clone(), asked.query.clone());
        let options = options
            .until(self.stop.clone().pressed())
            .on_close(move |reason, _| state.departed(path, query, reason));
        Reply { source, options, shape: Shape::Whole }
    }
}

pin_project! {
    /// A stream that counts as open from its first poll on.
    struct Counted<S> {
        #[pin]
        inner: S,
        state: State,
        open: Option<Open>,
    }
}

impl<S> Counted<S> {
    fn new(inner: S, state: State) -> Self {
        Self { inner, state, open: None }
    }
}

impl<S: Stream> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        this.open.get_or_insert_with(|| this.state.open());
        this.inner.poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::END;

    #[test]
    fn all_streams_end_with_the_same_event() {
        assert_eq!(END_NAME.as_str(), END);
    }
}
