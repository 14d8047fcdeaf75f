use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_driver::sse_core::connection::{CloseReason, Totals};
use sse_driver::sse_core::{Encoder, Event, Frame, IntoFrame, ItemError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// A source that plays a script on the test's clock; it ends with the script.
#[derive(Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    probe: Option<Probe>,
}

#[derive(Clone, Debug)]
enum Step {
    Wait(Duration),
    Give(Given),
    GiveForEver(Given),
    Hang,
}

/// What a script gives.
#[derive(Clone, Debug)]
pub enum Given {
    /// An event with this data.
    Event(String),
    /// An error in the place of an event.
    Failure,
    /// A value that cannot be encoded.
    Unencodable,
}

impl IntoFrame for Given {
    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        match self {
            Self::Event(data) => Event::new(data).into_frame(encoder),
            Self::Failure => Err(ItemError::Source("the database is at 10.0.0.7".into())),
            Self::Unencodable => Err(ItemError::Encode("no field `user`".into())),
        }
    }
}

impl Script {
    /// Makes an empty script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits.
    #[must_use]
    pub fn wait(self, millis: u64) -> Self {
        self.step(Step::Wait(Duration::from_millis(millis)))
    }

    /// Gives an event.
    #[must_use]
    pub fn event(self, data: &str) -> Self {
        self.step(Step::Give(Given::Event(data.to_owned())))
    }

    /// Gives this event whenever it is asked, for ever.
    #[must_use]
    pub fn event_for_ever(self, data: &str) -> Self {
        self.step(Step::GiveForEver(Given::Event(data.to_owned())))
    }

    /// Gives an error.
    #[must_use]
    pub fn failure(self) -> Self {
        self.step(Step::Give(Given::Failure))
    }

    /// Gives a value that cannot be encoded.
    #[must_use]
    pub fn unencodable(self) -> Self {
        self.step(Step::Give(Given::Unencodable))
    }

    /// Waits for ever.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Tells `probe` what happens to the source.
    #[must_use]
    pub fn watched_by(mut self, probe: &Probe) -> Self {
        self.probe = Some(probe.clone());
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Stream for Script {
    type Item = Given;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Given>> {
        if let Some(probe) = &self.probe {
            probe.update(|seen| seen.polls += 1);
        }
        loop {
            match self.steps.front().cloned() {
                None => return Poll::Ready(None),
                Some(Step::Hang) => return Poll::Pending,
                Some(Step::GiveForEver(given)) => return Poll::Ready(Some(given)),
                Some(Step::Give(given)) => {
                    self.steps.pop_front();
                    return Poll::Ready(Some(given));
                }
                Some(Step::Wait(duration)) => {
                    let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(duration)));
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.sleep = None;
                    self.steps.pop_front();
                }
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe {
            probe.update(|seen| seen.drops += 1);
        }
    }
}

/// Sees what becomes of a source and of its response.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    seen: Arc<Mutex<Seen>>,
    news: Arc<Notify>,
}

/// What a [`Probe`] saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How often the source was polled.
    pub polls: u64,
    /// How often a source was dropped.
    pub drops: u32,
    /// With what the close hook ran.
    pub closes: Vec<(CloseReason, Totals)>,
}

impl Probe {
    /// Makes a probe that saw nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns a close hook that tells this probe.
    pub fn close_hook(&self) -> impl FnOnce(CloseReason, Totals) + Send + 'static {
        let probe = self.clone();
        move |reason, totals| probe.update(|seen| seen.closes.push((reason, totals)))
    }

    /// Returns a value that counts as a source: its drop is seen.
    #[must_use]
    pub fn guard(&self) -> impl Send + use<> {
        Script::new().watched_by(self)
    }

    /// Waits until the close hook has run.
    pub async fn closed(&self) -> Seen {
        loop {
            let news = self.news.notified();
            let seen = self.seen();
            if !seen.closes.is_empty() {
                return seen;
            }
            news.await;
        }
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_waiters();
    }
}
