//! The servers: each is a process, and each an engine.

mod bare;
mod core_alone;
mod empty;
mod floor;
mod ours;
mod peers;

use super::{Engine, Feed, Setup, orders, token};
use core::future::Future;
use core::time::Duration;
use std::io;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

/// No server lives longer, whatever becomes of its parent.
const LIFETIME: Duration = Duration::from_secs(600);

/// Serves on a free port of the loopback, which it prints, and publishes what it reads from its input.
pub(super) fn serve(setup: Setup) -> io::Result<()> {
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::exit(1);
    });
    match setup.engine {
        Engine::OursOnHyper => on_tokio(|listener| ours::on_hyper(listener, setup)),
        Engine::OursOnAxum => on_tokio(|listener| ours::on_axum(listener, setup)),
        Engine::OursOnAxumOverHttp1 => on_tokio(|listener| ours::on_axum_over_http1(listener, setup)),
        Engine::OursOnActix => ours::on_actix(setup),
        Engine::CoreAlone => core_alone::serve(setup),
        Engine::AxumSse => on_tokio(|listener| peers::axum_sse(listener, setup)),
        Engine::ActixWebLab => peers::actix_web_lab(setup),
        Engine::Bare => on_tokio(|listener| bare::serve(listener, setup, bare::Joins::Nothing)),
        Engine::BareJoined => on_tokio(|listener| bare::serve(listener, setup, bare::Joins::WhatIsReady)),
        Engine::EmptyOnHyper => on_tokio(|listener| empty::on_hyper(listener, setup)),
        Engine::EmptyOnAxum => on_tokio(|listener| empty::on_axum(listener, setup)),
        Engine::EmptyOnAxumOverHttp1 => on_tokio(|listener| empty::on_axum_over_http1(listener, setup)),
        Engine::EmptyOnActix => empty::on_actix(setup),
        Engine::Floor => floor::serve(setup),
        Engine::Nchan => Err(io::Error::other("nginx is a program of its own")),
    }
}

/// Tokio's usual runtime, which has as many workers as the process may use cores.
fn on_tokio<F: Future<Output = io::Result<()>>>(serve: impl FnOnce(TcpListener) -> F) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        orders::announce(listener.local_addr()?)?;
        serve(listener).await
    })
}

/// One worker of actix; what publishes runs on its thread, as a handler would.
fn on_actix<P: Future<Output = ()> + 'static>(
    configure: impl Fn(&mut actix_web::web::ServiceConfig) + Clone + Send + 'static,
    publish: impl Fn() -> P + Clone + Send + 'static,
) -> io::Result<()> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    actix_web::rt::System::new().block_on(async {
        let server = actix_web::HttpServer::new(move || {
            actix_web::rt::spawn(publish());
            actix_web::App::new().configure(configure.clone())
        });
        let server = server.workers(1).tcp_nodelay(true).disable_signals().listen(listener)?.run();
        orders::announce(address)?;
        server.await
    })
}

/// Hyper's connection for HTTP/1.1, a task each.
async fn on_hyper<S, B>(listener: TcpListener, service: S) -> io::Result<()>
where
    S: hyper::service::Service<Request, Response = hyper::Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn core::error::Error + Send + Sync>>,
    S::Future: Send,
    B: http_body::Body<Data: Send, Error: Into<Box<dyn core::error::Error + Send + Sync>>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone()));
    }
}

type Request = hyper::Request<hyper::body::Incoming>;

/// A router as its documentation serves it.
async fn on_axum(listener: TcpListener, router: axum::Router) -> io::Result<()> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| {
        let _costs_latency_only = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}

/// A router without what `axum::serve` puts round it.
async fn on_axum_over_http1(listener: TcpListener, router: axum::Router) -> io::Result<()> {
    on_hyper(listener, hyper_util::service::TowerToHyperService::new(router)).await
}

/// So many tokens that are there already, then nothing more.
fn ready_tokens(count: u64) -> impl Stream<Item = &'static str> + Unpin + Send {
    tokio_stream::iter((1..=count).map(token)).chain(tokio_stream::pending())
}

/// The same, from another task.
fn tokens_of_a_task(count: u64) -> impl Stream<Item = &'static str> + Unpin + Send {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        for number in 1..=count {
            if sender.send(token(number)).await.is_err() {
                return;
            }
        }
        sender.closed().await;
    });
    ReceiverStream::new(receiver)
}
