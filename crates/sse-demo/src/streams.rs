//! The four streams of the demo, as a framework's handler hands them to its `Sse`.

use crate::metrics::{Metrics, Update};
use crate::{hostile, tokens};
use core::time::Duration;
use sse_driver::sse_core::connection::Heartbeat;
use sse_driver::sse_core::{Event, EventId, EventName, event_name};
use sse_driver::{Options, PushError, Sender};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_stream::{Stream, StreamExt};

/// The event after which the page closes its stream: a browser would ask again otherwise.
const DONE: EventName<'static> = event_name!("done");

/// Answers a prompt token by token.
///
/// # Errors
///
/// [`PushError::Closed`] when the client leaves.
pub async fn answer(mut events: Sender, prompt: String) -> Result<(), PushError> {
    for token in tokens::answer(&prompt) {
        events.send(Event::new(token).with_name(event_name!("token"))).await?;
        sleep(tokens::PACE).await;
    }
    events.send(Event::new("complete").with_name(DONE)).await
}

/// Sends samples as they are taken, from the last one that the client saw on; returns when the streams are cut.
///
/// # Errors
///
/// [`PushError`] when the client leaves.
pub async fn metric(
    mut events: Sender,
    metrics: Metrics,
    last_event_id: Option<EventId<'static>>,
) -> Result<(), PushError> {
    let mut updates = metrics.subscribe(last_event_id.as_ref().map(EventId::as_str));
    while let Some(update) = updates.next().await {
        let event = match update {
            Update::Sample(sample) => Event::new(sample.to_json())
                .with_name(event_name!("metric"))
                .with_id(EventId::stripped(metrics.id_of(&sample))),
            Update::Reset(reason) => Event::new(reason.to_json()).with_name(event_name!("sse:reset")),
        };
        events.send(event).await?;
    }
    Ok(())
}

/// An event now and then; see [`inspect_options`] for the heartbeats in between.
///
/// # Errors
///
/// [`PushError::Closed`] when the client leaves.
pub async fn inspect(mut events: Sender) -> Result<(), PushError> {
    for number in 1_u64.. {
        let event = Event::new(format!("event {number}\nwith a second line"));
        events.send(event.with_name(event_name!("note")).with_id(number)).await?;
        sleep(Duration::from_millis(4_500)).await;
    }
    Ok(())
}

/// A heartbeat after each second without events.
pub fn inspect_options() -> Options {
    Options::new().with_heartbeat(Heartbeat::idle(Heartbeat::MIN_INTERVAL).ok())
}

/// Every hostile text as an event, then the end: a stream of ready events.
pub fn hostile() -> impl Stream<Item = Event<'static>> + Send {
    let cases = hostile::cases().into_iter();
    let events = cases.map(|case| Event::new(case.text).with_name(event_name!("hostile")));
    tokio_stream::iter(events).chain(tokio_stream::once(Event::new("complete").with_name(DONE)))
}

/// Says when the server stops: is ready once Ctrl-C was pressed, for every clone and at any later time.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for Ctrl-C; needs a tokio runtime.
    #[must_use]
    pub fn on_ctrl_c() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            // Where signals cannot be had, the process ends by the platform's own way.
            if tokio::signal::ctrl_c().await.is_ok() {
                sender.send_replace(true);
            } else {
                sender.closed().await;
            }
        });
        Self(receiver)
    }

    /// Waits for Ctrl-C.
    pub async fn pressed(mut self) {
        if self.0.wait_for(|is_pressed| *is_pressed).await.is_err() {
            core::future::pending().await
        }
    }
}
