//! A body written by hand for hyper, over a broadcast of encoded bytes: what somebody writes who wants no library.

use super::{Feed, Request, Setup, orders, ready_tokens, tokens_of_a_task};
use crate::load::data;
use bytes::{Bytes, BytesMut};
use core::convert::Infallible;
use core::future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use http_body::{Body, Frame};
use hyper::Response;
use hyper::service::service_fn;
use std::io;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};

/// Whether events that are ready leave together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    Nothing,
    WhatIsReady,
}

/// What is joined at most, as in ours.
const CHUNK: usize = 16 * 1024;

struct EventBody<S> {
    events: S,
    joins: Joins,
    heartbeat: Option<Interval>,
}

impl<S: Stream<Item = Bytes> + Unpin> Body for EventBody<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let ready = match this.joins {
            Joins::Nothing => Pin::new(&mut this.events).poll_next(cx),
            Joins::WhatIsReady => poll_joined(Pin::new(&mut this.events), cx),
        };
        if let Poll::Ready(chunk) = ready {
            if let Some(heartbeat) = &mut this.heartbeat {
                heartbeat.reset();
            }
            return Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))));
        }
        let Some(heartbeat) = &mut this.heartbeat else { return Poll::Pending };
        ready!(heartbeat.poll_tick(cx));
        // The next poll arms it again.
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))))
    }
}

fn poll_joined(mut events: Pin<&mut impl Stream<Item = Bytes>>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
    let first = match events.as_mut().poll_next(cx) {
        Poll::Ready(Some(first)) => first,
        other => return other,
    };
    let Poll::Ready(Some(second)) = events.as_mut().poll_next(cx) else { return Poll::Ready(Some(first)) };
    let mut chunk = BytesMut::with_capacity(CHUNK.min(16 * (first.len() + second.len())));
    chunk.extend_from_slice(&first);
    chunk.extend_from_slice(&second);
    while chunk.len() < CHUNK {
        let Poll::Ready(Some(next)) = events.as_mut().poll_next(cx) else { break };
        chunk.extend_from_slice(&next);
    }
    Poll::Ready(Some(chunk.freeze()))
}

pub(super) async fn serve(listener: TcpListener, setup: Setup, joins: Joins) -> io::Result<()> {
    async fn of<S: Stream<Item = Bytes> + Unpin + Send + 'static>(
        listener: TcpListener,
        setup: Setup,
        joins: Joins,
        source: impl Fn() -> S + Clone + Send + 'static,
    ) -> io::Result<()> {
        let answer = move |_: Request| {
            let heartbeat = setup.heartbeat.map(|every| {
                let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                interval
            });
            let mut response = Response::new(EventBody { events: source(), joins, heartbeat });
            response.headers_mut().extend(super::empty::headers());
            future::ready(Ok::<_, Infallible>(response))
        };
        super::on_hyper(listener, service_fn(answer)).await
    }
    let token = |token: &str| Bytes::from(["data: ", token, "\n\n"].concat());
    let orders = orders::channel();
    match setup.feed {
        Feed::Events => {
            let (sender, _) = broadcast::channel::<Bytes>(1_024);
            let publisher = sender.clone();
            tokio::spawn(orders::follow(orders, move |number| {
                let event = format!("id: e-{number}\ndata: {}\n\n", data(number));
                let _nobody_may_listen = publisher.send(event.into());
            }));
            let source = move || BroadcastStream::new(sender.subscribe()).filter_map(Result::ok);
            of(listener, setup, joins, source).await
        }
        Feed::Ready(count) => of(listener, setup, joins, move || ready_tokens(count).map(token)).await,
        Feed::Channel(count) => of(listener, setup, joins, move || tokens_of_a_task(count).map(token)).await,
    }
}
