//! What publishing costs with subscribers that wait, and what a delivery costs each of them: without sockets, tasks or a
//! scheduler, and with wakers that do nothing.

use crate::callgrind;
use axum::response::{IntoResponse, sse};
use bytes::Bytes;
use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_core::Stream;
use http_body::Body;
use sse_broadcast::{Broadcaster, Delivery, Epoch, Settings, Subscription};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;

const SUBSCRIBERS: usize = 1_000;

const DATA: &str = "one hundred bytes, as a small message of JSON may have, or a line of a log, or a word of a language model";

/// One thing that is measured.
pub struct Case {
    pub name: &'static str,
    /// Of the instructions of a round, this many parts are one publication or one delivery of one event.
    pub parts: u64,
    run: fn(rounds: u64),
}

impl Case {
    pub const ALL: &[Self] = &[
        Self { name: "publish, nobody waits", parts: 1, run: |rounds| publish(0, rounds) },
        Self { name: "publish, 1 waits", parts: 1, run: |rounds| publish(1, rounds) },
        Self { name: "publish, 1000 wait", parts: 1, run: |rounds| publish(SUBSCRIBERS, rounds) },
        Self {
            name: "deliver 1, Subscription",
            parts: 1_000,
            run: |rounds| ours(1, rounds, |stream| stream),
        },
        Self {
            name: "deliver 16, Subscription",
            parts: 16_000,
            run: |rounds| ours(16, rounds, |stream| stream),
        },
        Self {
            name: "deliver 1, tokio broadcast",
            parts: 1_000,
            run: |rounds| usual(1, rounds, |stream| stream),
        },
        Self {
            name: "deliver 16, tokio broadcast",
            parts: 16_000,
            run: |rounds| usual(16, rounds, |stream| stream),
        },
        Self { name: "deliver 1, body of sse-hyper", parts: 1_000, run: |rounds| ours(1, rounds, our_body) },
        Self {
            name: "deliver 16, body of sse-hyper",
            parts: 16_000,
            run: |rounds| ours(16, rounds, our_body),
        },
        Self {
            name: "deliver 1, body of sse-axum",
            parts: 1_000,
            run: |rounds| ours(1, rounds, our_axum_body),
        },
        Self {
            name: "deliver 16, body of sse-axum",
            parts: 16_000,
            run: |rounds| ours(16, rounds, our_axum_body),
        },
        Self { name: "deliver 1, body of axum", parts: 1_000, run: |rounds| usual(1, rounds, axum_body) },
        Self { name: "deliver 16, body of axum", parts: 16_000, run: |rounds| usual(16, rounds, axum_body) },
    ];

    /// Does the work, and checks that every subscriber got everything.
    pub fn run(&self, rounds: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        // For the timers of heartbeats.
        let _entered = runtime.enter();
        (self.run)(rounds);
    }
}

/// Counts all of them and prints Markdown.
///
/// # Errors
///
/// When valgrind does not run.
pub fn print(out: &mut impl Write) -> io::Result<()> {
    const ROUNDS: u64 = 20;
    writeln!(out, "| | instructions |\n|---|--:|")?;
    for case in Case::ALL {
        let (arguments, parts) = (["broadcast", "--case", case.name], ROUNDS * case.parts);
        let count = callgrind::instructions_within("*broadcast::measured*", &arguments, ROUNDS, parts)?;
        writeln!(out, "| {} | {count:.0} |", case.name)?;
    }
    writeln!(out)
}

/// The one function whose instructions count.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    core::hint::black_box(work())
}

fn hub() -> Broadcaster {
    Broadcaster::new(Settings::new().with_epoch(Epoch::new("e").expect("an epoch")))
}

fn subscribe(hub: &Broadcaster) -> Subscription {
    hub.subscribe(["events"], None).expect("room")
}

fn publish(waiting: usize, rounds: u64) {
    let hub = hub();
    let mut streams: Vec<Subscription> = (0..waiting).map(|_| subscribe(&hub)).collect();
    for round in 0..=rounds {
        for stream in &mut streams {
            let expected = if round == 0 { START.len() } else { wire(round).len() };
            assert_eq!(poll_all(stream), expected);
        }
        measured(|| hub.publish("events", DATA)).expect("an event");
    }
}

/// What a fresh subscriber gets first.
const START: &str = "event: sse:start\nid: e-0\ndata: {\"reason\":\"fresh\"}\n\n";

fn wire(number: u64) -> String {
    format!("id: e-{number}\ndata: {DATA}\n\n")
}

fn ours<S: Chunks>(burst: u64, rounds: u64, make: fn(Subscription) -> S) {
    let hub = hub();
    let mut streams: Vec<S> = (0..SUBSCRIBERS).map(|_| make(subscribe(&hub))).collect();
    deliver(&mut streams, burst, rounds, |_| {
        hub.publish("events", DATA).expect("an event");
    });
}

#[derive(Clone)]
struct Tick {
    id: Arc<str>,
    data: Arc<str>,
}

fn usual<S: Chunks>(burst: u64, rounds: u64, make: fn(BroadcastStream<Tick>) -> S) {
    let (sender, _) = broadcast::channel(1_024);
    let mut streams: Vec<S> =
        (0..SUBSCRIBERS).map(|_| make(BroadcastStream::new(sender.subscribe()))).collect();
    deliver(&mut streams, burst, rounds, |number| {
        let tick = Tick { id: format!("e-{number}").into(), data: DATA.into() };
        assert!(sender.send(tick).is_ok());
    });
}

fn deliver<S: Chunks>(streams: &mut [S], burst: u64, rounds: u64, publish: impl Fn(u64)) {
    for stream in &mut *streams {
        poll_all(stream);
    }
    for round in 0..rounds {
        let numbers = round * burst + 1..=(round + 1) * burst;
        numbers.clone().for_each(&publish);
        let expected: usize = numbers.map(S::size).sum();
        for stream in &mut *streams {
            assert_eq!(measured(|| poll_all(stream)), expected);
        }
    }
}

fn our_body(stream: Subscription) -> Pin<Box<impl Body<Data = Bytes>>> {
    Box::pin(sse_hyper::Sse::new(stream).into_body())
}

fn our_axum_body(stream: Subscription) -> Pin<Box<axum::body::Body>> {
    Box::pin(sse_axum::Sse::new(stream).into_response().into_body())
}

fn axum_body(stream: BroadcastStream<Tick>) -> Pin<Box<axum::body::Body>> {
    let events = stream.filter_map(|tick| {
        let tick = tick.ok()?;
        Some(Ok::<_, Infallible>(sse::Event::default().id(tick.id).data(tick.data)))
    });
    Box::pin(sse::Sse::new(events).keep_alive(sse::KeepAlive::default()).into_response().into_body())
}

/// What gives chunks of bytes.
trait Chunks {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<usize>;

    /// The size of an event in it.
    fn size(number: u64) -> usize {
        wire(number).len()
    }
}

/// Polls until it waits, as a connection does; gives the bytes.
fn poll_all(chunks: &mut impl Chunks) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut size = 0;
    while let Poll::Ready(chunk) = chunks.poll_chunk(&mut cx) {
        size += chunk;
    }
    size
}

impl Chunks for Subscription {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        Pin::new(self).poll_next(cx).map(|delivery| match delivery {
            Some(Delivery::Frame(frame)) => frame.len(),
            other => panic!("{other:?}"),
        })
    }
}

impl Chunks for BroadcastStream<Tick> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        Pin::new(self).poll_next(cx).map(|tick| tick.expect("a tick").expect("no lag").data.len())
    }

    fn size(_: u64) -> usize {
        DATA.len()
    }
}

impl<B: Body<Data = Bytes>> Chunks for Pin<Box<B>> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        self.as_mut().poll_frame(cx).map(|frame| match frame {
            Some(Ok(frame)) => frame.into_data().map_or(0, |data| data.len()),
            _ => panic!("the body ended"),
        })
    }
}
