//! Polls what may never come, spin or panic.

use super::collected::{End, Failure, Limit};
use super::watch::Alarm;
use super::{BoxError, CollectError, Target};
use bytes::{Buf, Bytes};
use core::any::Any;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use http::{Request, Response};
use http_body::Body;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

/// How often in a row a wake may bring nothing: what spins on a paused clock would keep it from moving.
const MAX_POLLS: u32 = 1_000_000;

/// How many chunks are read before other tasks get their turn.
const CHUNKS_IN_A_ROW: u32 = 64;

/// How much is read of a body that is no event stream.
const MAX_TEXT: usize = 4 * 1024;

/// How long something may still take.
#[derive(Debug)]
pub(super) struct Bounds {
    deadline: Instant,
    /// How long, in real time, tokio's clock may stand still.
    standstill: Duration,
    /// The real time from when on tokio's clock showed what is with it. `None` until there is need.
    alarm: Option<(Alarm, Instant)>,
    /// Wakes without news, in a row.
    polls: u32,
    chunks: u32,
}

impl Bounds {
    pub(super) fn new(start: Instant, time: Duration, standstill: Duration) -> Self {
        let mut bounds = Self { deadline: start, standstill, alarm: None, polls: 0, chunks: 0 };
        bounds.set_deadline(start, time);
        bounds
    }

    /// Begins a wait: what was before it does not count.
    pub(super) fn set_deadline(&mut self, start: Instant, time: Duration) {
        // Thirty years are as good as for ever, and no sum that fails.
        let ages = Duration::from_secs(30 * 365 * 86_400);
        self.deadline = start.checked_add(time.min(ages)).unwrap_or(start);
        self.alarm = None;
        self.polls = 0;
    }

    /// Lets a time pass.
    pub(super) async fn pause(&mut self, time: Duration) -> Result<(), End> {
        let mut pause = pin!(sleep(time));
        self.poll(|cx| pause.as_mut().poll(cx)).await
    }

    /// Polls until ready. `Err` is a deadline, a limit, or a panic.
    async fn poll<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, End> {
        let deadline = self.deadline;
        let mut alarm = pin!(sleep_until(deadline));
        poll_fn(|cx| {
            // The clock first: what is always ready would never let the alarm ring.
            let now = Instant::now();
            if now > deadline {
                return Poll::Ready(Err(End::Deadline));
            }
            let needs_alarm = self.alarm.is_some() || self.chunks > CHUNKS_IN_A_ROW;
            if needs_alarm && self.stands_still(now, cx) {
                return Poll::Ready(Err(End::Limit(Limit::Standstill)));
            }
            match catch_unwind(AssertUnwindSafe(|| poll(cx))) {
                Ok(Poll::Ready(value)) => {
                    self.polls = 0;
                    return Poll::Ready(Ok(value));
                }
                Ok(Poll::Pending) => self.polls += 1,
                Err(panic) => return Poll::Ready(Err(End::Broken(Failure::Panic(message(&*panic))))),
            }
            if self.polls >= MAX_POLLS {
                return Poll::Ready(Err(End::Limit(Limit::Polls)));
            }
            if alarm.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(End::Deadline));
            }
            if self.alarm.is_none() && self.stands_still(now, cx) {
                return Poll::Ready(Err(End::Limit(Limit::Standstill)));
            }
            Poll::Pending
        })
        .await
    }

    /// Whether tokio's clock has not moved for too long; if it has, watches on.
    fn stands_still(&mut self, now: Instant, cx: &Context<'_>) -> bool {
        match &self.alarm {
            Some((alarm, _)) if !alarm.has_rung(cx.waker()) => false,
            Some((_, since)) if *since == now => true,
            _ => {
                self.alarm = Some((Alarm::new(self.standstill, cx.waker()), now));
                false
            }
        }
    }
}

/// Asks for a response.
pub(super) async fn respond<T: Target>(
    target: &T,
    request: Request<Bytes>,
    bounds: &mut Bounds,
) -> Result<Response<T::Body>, CollectError> {
    // Services may panic when they are called, too: not only when they are polled.
    let mut response = pin!(async { target.respond(request).await });
    match bounds.poll(|cx| response.as_mut().poll(cx)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(CollectError::Service(failed(error))),
        Err(End::Broken(failure)) => Err(CollectError::Service(failure)),
        Err(end) => Err(CollectError::NoResponse(end)),
    }
}

/// Reads the next bytes of a body, which may be none. `Err` says why there are no more.
pub(super) async fn chunk<B>(mut body: Pin<&mut B>, bounds: &mut Bounds) -> Result<Bytes, End>
where
    B: Body<Error: Into<BoxError>> + ?Sized,
{
    bounds.chunks = bounds.chunks.wrapping_add(1);
    if bounds.chunks.is_multiple_of(CHUNKS_IN_A_ROW) {
        yield_now().await;
    }
    match bounds.poll(|cx| body.as_mut().poll_frame(cx)).await? {
        Some(Ok(frame)) => {
            Ok(frame.into_data().map(|mut data| data.copy_to_bytes(data.remaining())).unwrap_or_default())
        }
        Some(Err(error)) => Err(End::Broken(failed(error.into()))),
        None => Err(End::Ended),
    }
}

/// Reads the beginning of a body as text; whatever happens, what came until then.
pub(super) async fn text<B>(mut body: Pin<&mut B>, bounds: &mut Bounds) -> String
where
    B: Body<Error: Into<BoxError>>,
{
    let mut bytes = Vec::new();
    let mut frames = 0;
    while bytes.len() < MAX_TEXT && frames < MAX_TEXT {
        let Ok(chunk) = chunk(body.as_mut(), bounds).await else { break };
        bytes.extend_from_slice(&chunk);
        frames += 1;
    }
    bytes.truncate(MAX_TEXT);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error and what caused it.
fn failed(error: BoxError) -> Failure {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Wrappers often say no more than what they wrap.
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    Failure::Error(text)
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn m17_wakes_without_news_count_in_a_row() {
        let hour = Duration::from_secs(3_600);
        let mut bounds = Bounds::new(Instant::now(), hour, hour);
        bounds.polls = MAX_POLLS - 2;
        for _ in 0..3 {
            let mut has_waited = false;
            let turn = bounds.poll(|cx| {
                cx.waker().wake_by_ref();
                if core::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
            });
            assert_eq!(turn.await, Ok(()));
        }
        bounds.polls = MAX_POLLS - 1;
        let turn: Result<(), End> = bounds.poll(|_| Poll::Pending).await;
        assert_eq!(turn, Err(End::Limit(Limit::Polls)));
    }
}
