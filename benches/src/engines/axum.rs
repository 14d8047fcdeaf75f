use super::{EncodeEngine, Sink};
use crate::corpora::Message;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use http_body::Body as _;
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A stream that is always ready, of events made when they are asked for.
pub(super) struct Repeated<F> {
    left: u64,
    make: F,
}

impl<F> Repeated<F> {
    pub(super) fn new(events: u64, make: F) -> Self {
        Self { left: events, make }
    }
}

impl<F: FnMut() -> T + Unpin, T> Stream for Repeated<F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        self.left = left;
        Poll::Ready(Some((self.make)()))
    }
}

/// Pulls a response's body as a server would, with a waker that does nothing.
pub(super) fn drain(response: Response, sink: &mut impl Sink) {
    let mut body = response.into_body();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
        if let Ok(bytes) = frame.expect("a stream without errors").into_data() {
            sink.take(&bytes);
        }
    }
}

fn event(message: &Message) -> Event {
    let mut event = Event::default();
    if let Some(name) = message.name {
        event = event.event(name);
    }
    if let Some(id) = message.id {
        event = event.id(id);
    }
    event.data(message.data)
}

pub(super) struct Body;

impl EncodeEngine for Body {
    const NAME: &'static str = super::AXUM;

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let stream = Repeated::new(events, move || Ok::<_, Infallible>(event(black_box(message))));
        drain(Sse::new(stream).into_response(), sink);
    }
}

/// The way to send one event to many clients.
pub(super) struct ClonedEvent;

impl EncodeEngine for ClonedEvent {
    const NAME: &'static str = "axum 0.8, clone of an Event, body";

    fn run(message: &'static Message, events: u64, sink: &mut impl Sink) {
        let event = event(message);
        let stream = Repeated::new(events, move || Ok::<_, Infallible>(black_box(&event).clone()));
        drain(Sse::new(stream).into_response(), sink);
    }
}
