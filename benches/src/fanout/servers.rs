use super::{Engine, data, floor};
use axum::response::sse;
use axum::routing::get;
use axum::serve::ListenerExt;
use core::convert::Infallible;
use core::time::Duration;
use hyper_util::rt::{TokioIo, TokioTimer};
use sse_broadcast::{Broadcaster, Epoch, Settings};
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;

/// What is to be published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) wakes: u64,
    pub(super) burst: u64,
    pub(super) every: Duration,
}

/// No server lives longer, whatever becomes of its parent.
const LIFETIME: Duration = Duration::from_secs(300);

/// Serves on a free port of the loopback, which it prints, and publishes what it reads from its input.
///
/// # Errors
///
/// When there is no port, or the runtime does not start.
pub fn serve(engine: Engine) -> io::Result<()> {
    std::thread::spawn(|| {
        std::thread::sleep(LIFETIME);
        std::process::exit(1);
    });
    match engine {
        Engine::Floor => floor::serve(),
        _ => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(on_tokio(engine)),
    }
}

async fn on_tokio(engine: Engine) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(listener.local_addr()?)?;
    let (orders, mut next) = mpsc::unbounded_channel();
    read_orders(move |order| orders.send(order).is_ok());
    let hub = Broadcaster::new(Settings::new().with_epoch(epoch()));
    let (sender, _) = broadcast::channel::<Tick>(1_024);
    let publisher = (hub.clone(), sender.clone());
    tokio::spawn(async move {
        let mut number = 0;
        while let Some(Order { wakes, burst, every }) = next.recv().await {
            let mut clock = tokio::time::interval(every);
            for _ in 0..wakes {
                clock.tick().await;
                for _ in 0..burst {
                    number += 1;
                    if engine == Engine::Axum {
                        let tick = Tick { id: format!("e-{number}").into(), data: data().into() };
                        let _nobody_may_listen = publisher.1.send(tick);
                    } else if let Err(error) = publisher.0.publish("events", data()) {
                        eprintln!("{error}");
                    }
                }
            }
        }
    });
    let listener_without_delay = |listener: TcpListener| {
        listener.tap_io(|stream| {
            let _costs_latency_only = stream.set_nodelay(true);
        })
    };
    match engine {
        Engine::OursOnHyper => ours_on_hyper(listener, hub).await,
        Engine::OursOnAxum => {
            let subscribe = || async move { sse_axum::Sse::new(hub.subscribe_or_refuse(["events"], None)) };
            let router = axum::Router::new().route("/events", get(subscribe));
            axum::serve(listener_without_delay(listener), router).await
        }
        _ => {
            let router = axum::Router::new().route("/events", get(|| async move { usual(&sender) }));
            axum::serve(listener_without_delay(listener), router).await
        }
    }
}

async fn ours_on_hyper(listener: TcpListener, hub: Broadcaster) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let hub = hub.clone();
        let service = hyper::service::service_fn(move |request| {
            let stream = hub.subscribe_or_refuse(["events"], sse_hyper::last_event_id(&request).as_ref());
            core::future::ready(Ok::<_, Infallible>(sse_hyper::Sse::new(stream).respond_to(&request)))
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service));
    }
}

/// What is sent to each subscriber of the usual choice; cheap to clone.
#[derive(Clone)]
struct Tick {
    id: Arc<str>,
    data: Arc<str>,
}

/// As axum's documentation and examples have it.
fn usual(
    sender: &broadcast::Sender<Tick>,
) -> sse::Sse<impl tokio_stream::Stream<Item = Result<sse::Event, Infallible>> + use<>> {
    let events = BroadcastStream::new(sender.subscribe()).filter_map(|tick| {
        let tick = tick.ok()?;
        Some(Ok(sse::Event::default().id(tick.id).data(tick.data)))
    });
    sse::Sse::new(events).keep_alive(sse::KeepAlive::default())
}

fn epoch() -> Epoch {
    Epoch::new("e").unwrap_or_else(Epoch::random)
}

pub(super) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()
}

/// Reads orders on a thread, and ends the process when there are no more.
pub(super) fn read_orders(take: impl Fn(Order) -> bool + Send + 'static) {
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
            let [wakes, burst, every] = numbers[..] else { break };
            if !take(Order { wakes, burst, every: Duration::from_micros(every) }) {
                break;
            }
        }
        std::process::exit(0);
    });
}
