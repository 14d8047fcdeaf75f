//! The client on real sockets whose connections are reset in the middle of frames.

use bytes::Bytes;
use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use http::Request;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_hyper::broadcast::{self, Broadcaster, Settings};
use sse_hyper::client::{Cause, Config, EventSource, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const EVENTS: u32 = 300;

async fn serve(listener: TcpListener, hub: Broadcaster) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let hub = hub.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let response = broadcast::respond(&hub, ["news"], &request);
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// Passes on so many bytes of a response, and resets both connections.
async fn pass_and_reset(mut client: TcpStream, server: SocketAddr, mut bytes: usize) {
    let mut upstream = TcpStream::connect(server).await.unwrap();
    let mut buffer = [0; 1024];
    loop {
        let (mut request, limit) = ([0; 1024], bytes.min(buffer.len()));
        tokio::select! {
            read = client.read(&mut request) => match read {
                Ok(len @ 1..) => upstream.write_all(&request[..len]).await.unwrap(),
                _ => return,
            },
            read = upstream.read(&mut buffer[..limit]) => match read {
                Ok(len @ 1..) => {
                    client.write_all(&buffer[..len]).await.unwrap();
                    bytes -= len;
                }
                _ => return,
            },
        }
        if bytes == 0 {
            client.set_zero_linger().unwrap();
            upstream.set_zero_linger().unwrap();
            return;
        }
    }
}

#[tokio::test]
async fn b08_resets_in_the_middle_of_frames_lose_and_double_nothing() {
    let hub = Broadcaster::new(Settings::new());
    let start = hub.publish("news", "seen").unwrap();
    (1..=EVENTS).for_each(|number| {
        hub.publish("news", number.to_string()).unwrap();
    });
    let behind = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = behind.local_addr().unwrap();
    tokio::spawn(serve(behind, hub.clone()));
    let front = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        // The first ends within the head, the later ones within the events, each at another byte.
        for bytes in (60..).step_by(37) {
            let (client, _) = front.accept().await.unwrap();
            pass_and_reset(client, server, bytes).await;
        }
    });
    let request = Request::get(format!("http://{address}/")).body(Empty::<Bytes>::new()).unwrap();
    let config = Config::new()
        .with_reconnection_time(Duration::ZERO)
        .with_delay_limits(Duration::ZERO, Duration::MAX)
        .with_backoff_limit(Duration::ZERO);
    let mut client = EventSource::new(Client::builder(TokioExecutor::new()).build_http(), request)
        .with_config(config)
        .with_last_event_id(&start.to_string());
    let (mut numbers, mut lost) = (Vec::new(), [0, 0]);
    let all = async {
        while numbers.last() != Some(&EVENTS) {
            match client.next().await.unwrap() {
                Signal::Disconnected(why) => match why.interruption.cause {
                    Cause::TransportFailed => lost[1] += 1,
                    _ => lost[0] += 1,
                },
                Signal::Closed(end) => panic!("{end}"),
                signal => numbers.extend(signal.into_event().map(|event| event.data.parse::<u32>().unwrap())),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.unwrap();
    assert_eq!(numbers, (1..=EVENTS).collect::<Vec<_>>());
    assert!(lost.iter().all(|count| *count > 2), "within heads and within events: {lost:?}");
    // The server has noticed each of them.
    let left = async {
        drop(client);
        while hub.client_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.unwrap();
}
