//! What publishing costs with subscribers that wait, and what a delivery costs each of them: without sockets, tasks or a
//! scheduler, and with wakers that do nothing.

use crate::callgrind::measured;
use crate::cases::{Case, Counted, Group, Part, Reference};
use crate::engines::Kind;
#[cfg(feature = "peers")]
use axum::response::sse;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use futures_core::Stream;
use http_body::Body;
use sse_broadcast::{Broadcaster, Delivery, Epoch, Settings, Subscription};
#[cfg(feature = "peers")]
use tokio_stream::{StreamExt, wrappers::BroadcastStream};

const SUBSCRIBERS: usize = 1_000;
const ROUNDS: u64 = 20;

const DATA: &str = "one hundred bytes, as a small message of JSON may have, or a line of a log, or a word of a language model";

#[cfg(feature = "peers")]
const TOKIO: &str = "tokio broadcast, stream";
#[cfg(feature = "peers")]
const AXUM: &str = "axum 0.8 over tokio broadcast, body";

/// What is measured.
pub(crate) fn groups() -> Vec<Group> {
    let group = |corpus, references, cases| Group { part: Part::Broadcast, corpus, references, cases };
    let publish = [("ours, nobody waits", 0), ("ours, 1 waits", 1), ("ours, 1000 wait", SUBSCRIBERS)];
    let publish = publish.map(|(engine, waiting)| {
        case(PUBLISH, engine, Kind::Published, 1.0, move |rounds| publish_to(waiting, rounds))
    });
    vec![
        group(PUBLISH, &[], publish.into()),
        group(ONE, REFERENCES, deliveries(ONE, 1)),
        group(BURST, REFERENCES, deliveries(BURST, 16)),
    ]
}

const PUBLISH: &str = "publish";
const ONE: &str = "deliver one event";
const BURST: &str = "deliver a burst of 16";

#[cfg(feature = "peers")]
const REFERENCES: &[Reference] = &[Reference::Engine(TOKIO), Reference::Engine(AXUM)];
#[cfg(not(feature = "peers"))]
const REFERENCES: &[Reference] = &[];

/// A delivery is every poll from the wake until the stream or body waits again; that of a burst is divided by its events.
fn deliveries(corpus: &'static str, burst: u64) -> Vec<Case> {
    let units = (SUBSCRIBERS as u64 * burst) as f64;
    let stream = |engine, run: fn(u64, u64)| {
        case(corpus, engine, Kind::Delivered, units, move |rounds| run(burst, rounds))
    };
    let body = |engine, run: fn(u64, u64)| {
        case(corpus, engine, Kind::DeliveredByBody, units, move |rounds| run(burst, rounds))
    };
    vec![
        stream("ours, Subscription", |burst, rounds| ours(burst, rounds, |stream| stream)),
        #[cfg(feature = "peers")]
        stream(TOKIO, |burst, rounds| usual(burst, rounds, |stream| stream)),
        body("ours, body of sse-hyper", |burst, rounds| ours(burst, rounds, our_body)),
        body("ours, body of sse-axum", |burst, rounds| ours(burst, rounds, our_axum_body)),
        #[cfg(feature = "peers")]
        body(AXUM, |burst, rounds| usual(burst, rounds, axum_body)),
    ]
}

/// The work checks itself: that every subscriber got everything.
fn case(
    corpus: &'static str,
    engine: &'static str,
    kind: Kind,
    units: f64,
    run: impl Fn(u64) + Copy + 'static,
) -> Case {
    let run = move |rounds| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        // For the timers of heartbeats.
        let _entered = runtime.enter();
        run(rounds);
    };
    let check = move || {
        run(2);
        Ok(())
    };
    Case {
        part: Part::Broadcast,
        corpus,
        engine,
        kind,
        check: Box::new(check),
        run: Box::new(run),
        counted: Counted::Rounds(ROUNDS),
        units,
    }
}

fn hub() -> Broadcaster {
    Broadcaster::new(Settings::new().with_epoch(Epoch::new("e").expect("an epoch")))
}

fn subscribe(hub: &Broadcaster) -> Subscription {
    hub.subscribe(["events"], None).expect("room")
}

fn publish_to(waiting: usize, rounds: u64) {
    let hub = hub();
    let mut streams: Vec<Subscription> = (0..waiting).map(|_| subscribe(&hub)).collect();
    for round in 0..rounds {
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

#[cfg(feature = "peers")]
#[derive(Clone)]
struct Tick {
    id: std::sync::Arc<str>,
    data: std::sync::Arc<str>,
}

#[cfg(feature = "peers")]
fn usual<S: Chunks>(burst: u64, rounds: u64, make: fn(BroadcastStream<Tick>) -> S) {
    let (sender, _) = tokio::sync::broadcast::channel(1_024);
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
    let mut sizes = vec![0; streams.len()];
    for round in 0..rounds {
        let numbers = round * burst + 1..=(round + 1) * burst;
        numbers.clone().for_each(&publish);
        let expected: usize = numbers.map(S::size).sum();
        measured(|| streams.iter_mut().zip(&mut sizes).for_each(|(stream, size)| *size = poll_all(stream)));
        assert!(sizes.iter().all(|size| *size == expected));
    }
}

fn our_body(stream: Subscription) -> Pin<Box<impl Body<Data = Bytes>>> {
    Box::pin(sse_hyper::Sse::new(stream).into_body())
}

fn our_axum_body(stream: Subscription) -> Pin<Box<axum_core::body::Body>> {
    Box::pin(sse_axum::Sse::new(stream).into_response().into_body())
}

#[cfg(feature = "peers")]
fn axum_body(stream: BroadcastStream<Tick>) -> Pin<Box<axum_core::body::Body>> {
    let events = stream.filter_map(|tick| {
        let tick = tick.ok()?;
        Some(Ok::<_, core::convert::Infallible>(sse::Event::default().id(tick.id).data(tick.data)))
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

#[cfg(feature = "peers")]
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
