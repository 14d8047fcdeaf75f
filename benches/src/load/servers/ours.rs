//! Ours, as its documentation has it: an adapter's `Sse` over a `Subscription`, over a stream of text for tokens.

use super::{Feed, Request, Setup, orders, ready_tokens, tokens_of_a_task};
use crate::load::data;
use axum::routing::get;
use core::convert::Infallible;
use core::future::{Future, ready};
use core::time::Duration;
use hyper::service::service_fn;
use sse_axum::sse_core::connection::{Config, Heartbeat};
use sse_axum::{Options, Source};
use sse_broadcast::{Broadcaster, Epoch, Settings, Subscription};
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;

/// A broadcaster with a topic, and how its responses are configured.
#[derive(Clone)]
pub(super) struct Hub {
    broadcaster: Broadcaster,
    pub(super) config: Arc<Config>,
}

impl Hub {
    pub(super) fn new(heartbeat: Option<Duration>) -> io::Result<Self> {
        let mut config = Config::new();
        if let Some(interval) = heartbeat {
            config = config.with_heartbeat(Heartbeat::idle(interval).map_err(io::Error::other)?);
        }
        let epoch = Epoch::new("e").ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            broadcaster: Broadcaster::new(Settings::new().with_epoch(epoch)),
            config: Arc::new(config),
        })
    }

    pub(super) fn subscribe(&self) -> Subscription {
        self.broadcaster.subscribe_or_refuse(["events"], None)
    }

    /// Publishes what is ordered.
    pub(super) fn follow(&self) -> impl Future<Output = ()> + use<> {
        let broadcaster = self.broadcaster.clone();
        orders::follow(orders::channel(), move |number| {
            if let Err(error) = broadcaster.publish("events", data(number)) {
                eprintln!("{error}");
            }
        })
    }

    fn options(&self) -> Options {
        Options::new().with_config(Arc::clone(&self.config))
    }
}

pub(super) async fn on_hyper(listener: TcpListener, setup: Setup) -> io::Result<()> {
    async fn of<S: Source + Send + 'static>(
        listener: TcpListener,
        hub: Hub,
        source: impl Fn(&Hub) -> S + Clone + Send + 'static,
    ) -> io::Result<()> {
        let answer = move |request: Request| {
            let sse = sse_hyper::Sse::new(source(&hub)).with_options(hub.options());
            ready(Ok::<_, Infallible>(sse.respond_to(&request)))
        };
        super::on_hyper(listener, service_fn(answer)).await
    }
    let hub = Hub::new(setup.heartbeat)?;
    tokio::spawn(hub.follow());
    match setup.feed {
        Feed::Events => of(listener, hub, Hub::subscribe).await,
        Feed::Ready(count) => of(listener, hub, move |_| ready_tokens(count)).await,
        Feed::Channel(count) => of(listener, hub, move |_| tokens_of_a_task(count)).await,
    }
}

pub(super) async fn on_axum(listener: TcpListener, setup: Setup) -> io::Result<()> {
    super::on_axum(listener, router(setup)?).await
}

pub(super) async fn on_axum_over_http1(listener: TcpListener, setup: Setup) -> io::Result<()> {
    super::on_axum_over_http1(listener, router(setup)?).await
}

fn router(setup: Setup) -> io::Result<axum::Router> {
    fn of<S: Source + Send + 'static>(
        hub: Hub,
        source: impl Fn(&Hub) -> S + Clone + Send + Sync + 'static,
    ) -> axum::Router {
        let answer = async move || sse_axum::Sse::new(source(&hub)).with_options(hub.options());
        axum::Router::new().route("/events", get(answer))
    }
    let hub = Hub::new(setup.heartbeat)?;
    tokio::spawn(hub.follow());
    Ok(match setup.feed {
        Feed::Events => of(hub, Hub::subscribe),
        Feed::Ready(count) => of(hub, move |_| ready_tokens(count)),
        Feed::Channel(count) => of(hub, move |_| tokens_of_a_task(count)),
    })
}

pub(super) fn on_actix(setup: Setup) -> io::Result<()> {
    fn of<S: Source + 'static>(
        hub: Hub,
        source: impl Fn(&Hub) -> S + Clone + Send + 'static,
    ) -> io::Result<()> {
        let publisher = hub.clone();
        let configure = move |app: &mut actix_web::web::ServiceConfig| {
            let (hub, source) = (hub.clone(), source.clone());
            let answer = move || ready(sse_actix::Sse::new(source(&hub)).with_options(hub.options()));
            app.route("/events", actix_web::web::get().to(answer));
        };
        super::on_actix(configure, move || publisher.follow())
    }
    let hub = Hub::new(setup.heartbeat)?;
    match setup.feed {
        Feed::Events => of(hub, Hub::subscribe),
        Feed::Ready(count) => of(hub, move |_| ready_tokens(count)),
        Feed::Channel(count) => of(hub, move |_| tokens_of_a_task(count)),
    }
}
