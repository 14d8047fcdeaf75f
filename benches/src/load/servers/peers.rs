//! The usual choices, as their documentation and examples have them.

use super::{Feed, Setup, orders, ready_tokens, tokens_of_a_task};
use crate::load::data;
use actix_web_lab::sse as lab;
use axum::response::sse as axum_sse;
use axum::routing::get;
use core::convert::Infallible;
use core::future::ready;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};

/// What each subscriber gets; cheap to clone.
#[derive(Clone)]
struct Tick {
    id: Arc<str>,
    data: Arc<str>,
}

/// As many events as a burst has, and some more.
const ROOM: usize = 1_024;

fn publish(sender: &broadcast::Sender<Tick>, number: u64) {
    let tick = Tick { id: format!("e-{number}").into(), data: data(number).into() };
    let _nobody_may_listen = sender.send(tick);
}

fn ticks(sender: &broadcast::Sender<Tick>) -> impl Stream<Item = Tick> + Unpin + Send + use<> {
    BroadcastStream::new(sender.subscribe()).filter_map(Result::ok)
}

/// axum's `Sse` with keep-alive over a `BroadcastStream`, `axum::serve`.
pub(super) async fn axum_sse(listener: TcpListener, setup: Setup) -> io::Result<()> {
    fn of<S>(setup: Setup, source: impl Fn() -> S + Clone + Send + Sync + 'static) -> axum::Router
    where
        S: Stream<Item = axum_sse::Event> + Send + 'static,
    {
        let mut keep_alive = axum_sse::KeepAlive::new();
        if let Some(interval) = setup.heartbeat {
            keep_alive = keep_alive.interval(interval);
        }
        let answer = async move || {
            axum_sse::Sse::new(source().map(Ok::<_, Infallible>)).keep_alive(keep_alive.clone())
        };
        axum::Router::new().route("/events", get(answer))
    }
    let token = |token| axum_sse::Event::default().data(token);
    let (sender, _) = broadcast::channel(ROOM);
    let publisher = sender.clone();
    tokio::spawn(orders::follow(orders::channel(), move |number| publish(&publisher, number)));
    let router = match setup.feed {
        Feed::Events => {
            let event = |tick: Tick| axum_sse::Event::default().id(tick.id).data(tick.data);
            of(setup, move || ticks(&sender).map(event))
        }
        Feed::Ready(count) => of(setup, move || ready_tokens(count).map(token)),
        Feed::Channel(count) => of(setup, move || tokens_of_a_task(count).map(token)),
    };
    super::on_axum(listener, router).await
}

/// actix-web-lab's `Sse` with keep-alive over a `BroadcastStream`.
pub(super) fn actix_web_lab(setup: Setup) -> io::Result<()> {
    fn of<S>(
        setup: Setup,
        source: impl Fn() -> S + Clone + Send + 'static,
        sender: &broadcast::Sender<Tick>,
    ) -> io::Result<()>
    where
        S: Stream<Item = lab::Event> + 'static,
    {
        // What axum's has without being told.
        let interval = setup.heartbeat.unwrap_or(core::time::Duration::from_secs(15));
        let configure = move |app: &mut actix_web::web::ServiceConfig| {
            let source = source.clone();
            let answer = move || {
                let events = source().map(Ok::<_, Infallible>);
                ready(lab::Sse::from_stream(events).with_keep_alive(interval))
            };
            app.route("/events", actix_web::web::get().to(answer));
        };
        let publisher = sender.clone();
        super::on_actix(configure, move || {
            let publisher = publisher.clone();
            orders::follow(orders::channel(), move |number| publish(&publisher, number))
        })
    }
    let token = |token: &'static str| lab::Event::Data(lab::Data::new(token));
    let (sender, _) = broadcast::channel(ROOM);
    match setup.feed {
        Feed::Events => {
            let event = |tick: Tick| lab::Event::Data(lab::Data::new(&*tick.data).id(&*tick.id));
            let subscribed = sender.clone();
            of(setup, move || ticks(&subscribed).map(event), &sender)
        }
        Feed::Ready(count) => of(setup, move || ready_tokens(count).map(token), &sender),
        Feed::Channel(count) => of(setup, move || tokens_of_a_task(count).map(token), &sender),
    }
}
