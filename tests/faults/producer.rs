//! What servers send, and what became of it.

use super::panics::Fuse;
use super::within;
use crate::sse_driver::sse_core::connection::CloseReason;
use crate::sse_driver::sse_core::{BoxError, Encoder, Event, Frame, ItemError};
use crate::sse_driver::{Options, Push, Sender, Source};
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use futures_core::Stream;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep};

/// Gives the answer for a path: each once.
pub(crate) type App = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// Makes an app of paths and their answers.
pub(crate) fn app(answers: impl IntoIterator<Item = (&'static str, Answer)>) -> App {
    let answers: Mutex<HashMap<_, _>> = Mutex::new(answers.into_iter().collect());
    Arc::new(move |path| answers.lock().unwrap().remove(path).unwrap_or_else(|| panic!("nothing at {path}")))
}

/// Makes an app of a function that answers as often as it is asked.
pub(crate) fn app_of(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> App {
    Arc::new(answer)
}

/// What a handler makes its response of.
pub(crate) struct Answer {
    pub(crate) source: Producer,
    pub(crate) options: Options,
}

impl Answer {
    fn watched(source: impl Source + Send + 'static, news: mpsc::UnboundedSender<News>) -> Self {
        let hook = move |reason, _| drop(news.send(News::Closed(reason)));
        Self { source: Producer(Box::pin(source)), options: Options::new().on_close(hook) }
    }

    pub(crate) fn with(self, change: impl FnOnce(Options) -> Options) -> Self {
        Self { options: change(self.options), ..self }
    }
}

/// Any source.
pub(crate) struct Producer(Pin<Box<dyn Source + Send>>);

impl Source for Producer {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        self.0.as_mut().poll_frame(encoder, cx)
    }
}

/// What is to be known of a response that was given away.
pub(crate) struct Watch {
    news: mpsc::UnboundedReceiver<News>,
    asked: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The producer was dropped.
    Dropped,
    /// The close hook ran.
    Closed(CloseReason),
}

impl Watch {
    fn new() -> (Self, mpsc::UnboundedSender<News>, Guard) {
        let (sender, news) = mpsc::unbounded_channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let guard = Guard { news: sender.clone(), asked: Arc::clone(&asked) };
        (Self { news, asked }, sender, guard)
    }

    /// How often the source was asked for an event.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Waits until the producer is dropped and the hook has run, once each, in this order.
    pub(crate) async fn expect_end(&mut self, reason: CloseReason) {
        assert_eq!(self.news().await, [News::Dropped, News::Closed(reason)]);
    }

    /// Waits until whoever could bring news is gone, and says what they brought.
    pub(crate) async fn news(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        within("dropping the producer and running the hook", async {
            while let Some(new) = self.news.recv().await {
                news.push(new);
            }
        })
        .await;
        news
    }
}

/// Goes down with the producer that holds it.
struct Guard {
    news: mpsc::UnboundedSender<News>,
    asked: Arc<AtomicUsize>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _is_watched = self.news.send(News::Dropped);
    }
}

/// How many responses live, and how many have ended.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<[AtomicUsize; 2]>);

impl Census {
    /// The producers that live, and the close hooks that ran.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.0[0].load(Ordering::SeqCst), self.0[1].load(Ordering::SeqCst))
    }
}

/// A source that is counted as long as it lives.
pub(crate) fn counted(source: impl Source + Send + 'static, census: &Census) -> Answer {
    census.0[0].fetch_add(1, Ordering::SeqCst);
    let ended = census.clone();
    let hook = move |_, _| {
        ended.0[1].fetch_add(1, Ordering::SeqCst);
    };
    let counted = Counted { source: Box::pin(source), census: census.clone() };
    Answer { source: Producer(Box::pin(counted)), options: Options::new().on_close(hook) }
}

struct Counted {
    source: Pin<Box<dyn Source + Send>>,
    census: Census,
}

impl Source for Counted {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        encoder: &Encoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, ItemError>>> {
        self.source.as_mut().poll_frame(encoder, cx)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0[0].fetch_sub(1, Ordering::SeqCst);
    }
}

/// The test's end of a source.
pub(crate) struct Feed(mpsc::UnboundedSender<Result<Event<'static>, BoxError>>);

impl Feed {
    /// Sends an event, as long as the source lives.
    pub(crate) fn send(&self, text: &str) {
        let _lives = self.0.send(Ok(Event::new(text.to_owned())));
    }

    pub(crate) fn fail(&self, error: &str) {
        self.fail_with(error);
    }

    pub(crate) fn fail_with(&self, error: impl Into<BoxError>) {
        let _lives = self.0.send(Err(error.into()));
    }

    /// Says whether the source was dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// A source that waits for what the test sends, and ends when the test drops its end.
pub(crate) fn fed() -> (Feed, Answer, Watch) {
    let (sender, events) = mpsc::unbounded_channel();
    let (watch, news, guard) = Watch::new();
    (Feed(sender), Answer::watched(Fed { events, guard }, news), watch)
}

struct Fed {
    events: mpsc::UnboundedReceiver<Result<Event<'static>, BoxError>>,
    guard: Guard,
}

impl Stream for Fed {
    type Item = Result<Event<'static>, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.guard.asked.fetch_add(1, Ordering::Relaxed);
        self.events.poll_recv(cx)
    }
}

/// The size of an event of [`flood`], in bytes of the wire.
pub(crate) const FLOOD_EVENT_LEN: usize = 1024;

/// A source that always has an event: `data: `, its number, a space, and filling.
pub(crate) fn flood() -> (Answer, Watch) {
    let (watch, news, guard) = Watch::new();
    (Answer::watched(Flood(guard), news), watch)
}

struct Flood(Guard);

impl Stream for Flood {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event<'static>>> {
        let number = self.0.asked.fetch_add(1, Ordering::Relaxed);
        let width = FLOOD_EVENT_LEN - "data: \n\n".len();
        Poll::Ready(Some(Event::new(format!("{:.<width$}", format!("{number} ")))))
    }
}

/// A source that gives one event and then panics, or waits and panics when it is dropped.
pub(crate) fn exploding(fuse: Fuse) -> (Answer, Watch) {
    let (watch, news, guard) = Watch::new();
    (Answer::watched(Exploding { fuse, guard }, news), watch)
}

struct Exploding {
    fuse: Fuse,
    guard: Guard,
}

impl Stream for Exploding {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event<'static>>> {
        match self.guard.asked.fetch_add(1, Ordering::Relaxed) {
            0 => Poll::Ready(Some(Event::new("first"))),
            _ if self.fuse == Fuse::Drop => Poll::Pending,
            _ => panic!("a producer"),
        }
    }
}

impl Drop for Exploding {
    fn drop(&mut self) {
        assert_eq!(self.fuse, Fuse::Poll, "a producer that is dropped");
    }
}

/// An async function that sends events.
pub(crate) fn pushed<F, Fut>(function: F) -> (Answer, Watch)
where
    F: FnOnce(Sender) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (watch, news, guard) = Watch::new();
    let push = Push::new(move |events| async move {
        let _guard = guard;
        function(events).await;
    });
    (Answer::watched(push, news), watch)
}

/// A source that is awake all the time and has nothing to say.
pub(crate) fn restless() -> (Answer, Watch) {
    let (watch, news, guard) = Watch::new();
    (Answer::watched(Restless(guard), news), watch)
}

struct Restless(Guard);

impl Stream for Restless {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event<'static>>> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A source that counts, by the runtime's timer.
pub(crate) fn ticking(interval: Duration) -> Answer {
    let ticks = Ticks { interval, number: 0, sleep: None };
    Answer { source: Producer(Box::pin(ticks)), options: Options::new() }
}

struct Ticks {
    interval: Duration,
    number: u32,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Stream for Ticks {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<String>> {
        let interval = self.interval;
        ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(interval))).as_mut().poll(cx));
        self.sleep = None;
        self.number += 1;
        Poll::Ready(Some(self.number.to_string()))
    }
}
