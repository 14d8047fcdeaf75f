//! The client over real sockets, against this project's own server.

use bytes::Bytes;
use core::convert::Infallible;
use core::net::SocketAddr;
use core::pin::Pin;
use core::time::Duration;
use http::Request;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sse_hyper::client::{Cause, Config, EventSource, Signal};
use sse_hyper::{CloseReason, Event, Sse, last_event_id};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Sends one event, which counts up from the last id, and ends; from the third on the stream stays open.
async fn count(listener: TcpListener, left: Arc<Mutex<Option<oneshot::Sender<CloseReason>>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let left = Arc::clone(&left);
        let service = service_fn(move |request: Request<Incoming>| {
            let number = last_event_id(&request).and_then(|id| id.as_u64()).unwrap_or(0) + 1;
            let left = left.lock().unwrap().take_if(|_| number == 3);
            let response = Sse::push(async move |mut events: sse_hyper::Sender| {
                events.send(Event::new("tick").with_id(number)).await?;
                if number == 3 {
                    core::future::pending::<()>().await;
                }
                Ok::<(), sse_hyper::PushError>(())
            });
            let response = response.on_close(move |reason, _| {
                let _ = left.map(|left| left.send(reason));
            });
            async move { Ok::<_, Infallible>(response.respond_to(&request)) }
        });
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

fn source(
    address: SocketAddr,
    http: Client<HttpConnector, Empty<Bytes>>,
) -> EventSource<HttpConnector, Empty<Bytes>> {
    let request = Request::get(format!("http://{address}/")).body(Empty::new()).unwrap();
    let config =
        Config::new().with_reconnection_time(Duration::ZERO).with_delay_limits(Duration::ZERO, Duration::MAX);
    EventSource::new(http, request).with_config(config)
}

async fn counts_to_three(http: Client<HttpConnector, Empty<Bytes>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut source = source(listener.local_addr().unwrap(), http);
    let (sender, left) = oneshot::channel();
    let server = tokio::spawn(count(listener, Arc::new(Mutex::new(Some(sender)))));
    let mut ids = Vec::new();
    while ids.len() < 3 {
        match source.next().await.unwrap() {
            Signal::Disconnected(lost) => assert_eq!(lost.interruption.cause, Cause::BodyEnded),
            Signal::Closed(end) => panic!("{end}"),
            signal => ids.extend(signal.into_event().map(|event| event.last_event_id)),
        }
    }
    assert_eq!(ids, ["1", "2", "3"]);
    drop(source);
    assert_eq!(left.await.unwrap(), CloseReason::PeerGone, "dropping the client ends its stream");
    server.abort();
}

#[tokio::test]
async fn b08_over_http1_it_resumes_and_leaves() {
    counts_to_three(Client::builder(TokioExecutor::new()).build_http()).await;
}

#[tokio::test]
async fn b08_over_http2_it_resumes_and_leaves() {
    counts_to_three(Client::builder(TokioExecutor::new()).http2_only(true).build_http()).await;
}

#[tokio::test]
async fn b08_a_server_that_is_not_there_yet_is_waited_for() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut source = source(address, Client::builder(TokioExecutor::new()).build_http());
    let Some(Signal::Disconnected(lost)) = source.next().await else { panic!("there is no server") };
    assert_eq!(lost.interruption.cause, Cause::ConnectFailed);
    let server = tokio::spawn(count(TcpListener::bind(address).await.unwrap(), Arc::default()));
    let event = loop {
        if let Some(event) = source.next().await.unwrap().into_event() {
            break event;
        }
    };
    assert_eq!(event.last_event_id, "1");
    server.abort();
}

/// Tokio's timer, with a clock that can be put forward: the time passes, and the runtime had no turn.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Duration>>);

impl Clock {
    fn put_forward(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl hyper::rt::Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        hyper_util::rt::TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std() + *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn b08_a_reader_that_blocks_its_thread_finds_what_came_meanwhile() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let request = Request::get(format!("http://{}/", listener.local_addr().unwrap()));
    let clock = Clock::default();
    let http = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut source = EventSource::new(http, request.body(Empty::new()).unwrap())
        .with_config(Config::new().with_idle_timeout(Duration::from_secs(60)))
        .with_timer(clock.clone());
    // A task wakes itself past the sockets, which what `block_on` runs does not.
    let reading = tokio::spawn(async move {
        let accepted = async {
            let mut server = listener.accept().await.unwrap().0;
            server.write_all(crate::pipe::STREAM.as_bytes()).await.unwrap();
            server.into_std().unwrap()
        };
        let (opened, mut server) = tokio::join!(source.next(), accepted);
        assert!(matches!(opened, Some(Signal::Open(_))));
        for number in 0..3 {
            // Written without a turn of the runtime.
            server.write_all(format!("data: {number}\n\n").as_bytes()).unwrap();
            clock.put_forward(Duration::from_secs(90));
            let event = source.next().await.and_then(Signal::into_event);
            assert_eq!(event.map(|event| event.data), Some(number.to_string()));
        }
    });
    reading.await.unwrap();
}
