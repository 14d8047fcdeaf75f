//! What goes wrong where many streams share one connection: HTTP/2.

use crate::scenarios::panics::Fuse;
use crate::scenarios::producer::{FLOOD_EVENT_LEN, exploding, fed, flood};
#[cfg(target_os = "linux")]
use crate::scenarios::vanished;
use crate::scenarios::{Framework, Setup, start, within};
use crate::sse_driver::sse_core::connection::{CloseReason, Heartbeat};
use core::time::Duration;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A connection of a client that knows that the server speaks HTTP/2.
struct Client(SendRequest<Empty<&'static [u8]>>);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    async fn over(stream: TcpStream) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        // As the standard and browsers other than Chromium have it; hyper's own default is 2 MiB.
        builder.initial_stream_window_size(64 * 1024);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn ask(&mut self, method: Method, path: &str) -> Response<Incoming> {
        let request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        let request = request.body(Empty::new()).unwrap();
        let response = within("the head", self.0.send_request(request)).await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    async fn get(&mut self, path: &str) -> Incoming {
        self.ask(Method::GET, path).await.into_body()
    }
}

async fn until(body: &mut Incoming, text: &str) {
    let mut received = String::new();
    while !received.contains(text) {
        let frame = within(text, body.frame()).await;
        let data = frame.unwrap_or_else(|| panic!("the end came before {text:?}: {received:?}"));
        received += core::str::from_utf8(&data.unwrap().into_data().unwrap()).unwrap();
    }
}

pub(crate) async fn over_h2_a_stream_that_its_client_cancels_is_noticed_and_the_others_go_on<F: Framework>() {
    let (left_feed, left, mut left_watch) = fed();
    let (feed, kept, mut kept_watch) = fed();
    let left = left.with(|options| options.with_heartbeat(None));
    let kept = kept.with(|options| options.with_heartbeat(None));
    let server = start::<F>([("/left", left), ("/kept", kept)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let mut left = client.get("/left").await;
    let mut kept = client.get("/kept").await;
    until(&mut left, ":\n").await;
    drop(left);
    left_watch.expect_end(CloseReason::PeerGone).await;
    assert!(left_feed.is_closed());
    feed.send("still here");
    until(&mut kept, "data: still here\n\n").await;
    drop(feed);
    let rest = within("the end", kept.collect()).await.unwrap().to_bytes();
    assert_eq!(rest, "");
    kept_watch.expect_end(CloseReason::SourceEnded).await;
}

pub(crate) async fn over_h2_all_streams_end_with_their_connection<F: Framework>() {
    let (_idle_feed, idle, mut idle_watch) = fed();
    let (flood, mut flood_watch) = flood();
    let server = start::<F>([("/idle", idle), ("/flood", flood)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let mut idle = client.get("/idle").await;
    let mut flood = client.get("/flood").await;
    until(&mut idle, ":\n").await;
    until(&mut flood, "data: 10 ").await;
    drop((idle, flood, client));
    idle_watch.expect_end(CloseReason::PeerGone).await;
    flood_watch.expect_end(CloseReason::PeerGone).await;
}

pub(crate) async fn over_h2_a_reader_that_stops_costs_little_and_holds_up_nobody<F: Framework>() {
    let (flood, mut flood_watch) = flood();
    let (feed, kept, _kept_watch) = fed();
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let kept = kept.with(|options| options.with_heartbeat(heartbeat));
    let setup = Setup { write_timeout: Duration::from_millis(200), ..Setup::default() };
    let server = start::<F>([("/flood", flood), ("/kept", kept)], setup);
    let mut client = Client::connect(server.address).await;
    let unread = client.get("/flood").await;
    let mut kept = client.get("/kept").await;
    // Full once nothing is asked for while the other stream goes on.
    let (mut asked, mut rounds) = (flood_watch.asked(), 0);
    while rounds < 20 {
        feed.send("still here");
        until(&mut kept, "data: still here\n\n").await;
        rounds = if asked > 0 && flood_watch.asked() == asked { rounds + 1 } else { 0 };
        asked = flood_watch.asked();
    }
    assert!(asked * FLOOD_EVENT_LEN < 2 * 1024 * 1024, "{asked} events");
    // The connection is not stuck, so its write time-out does not end this: the stream stays, at this price.
    until(&mut kept, ": heartbeat\n").await;
    assert_eq!(flood_watch.asked(), asked);
    drop(unread);
    flood_watch.expect_end(CloseReason::PeerGone).await;
}

pub(crate) async fn over_h2_a_producer_that_panics_ends_its_own_stream_alone<F: Framework>() {
    let (feed, kept, mut kept_watch) = fed();
    let answers = [Fuse::Poll, Fuse::Drop, Fuse::PollAndDrop].map(exploding);
    let [(poll, poll_watch), (drop, drop_watch), (both, both_watch)] = answers;
    let answers = [("/kept", kept), ("/poll", poll), ("/drop", drop), ("/both", both)];
    let server = start::<F>(answers, Setup::default());
    let mut client = Client::connect(server.address).await;
    let mut kept = client.get("/kept").await;
    until(&mut kept, ":\n").await;
    for (path, mut watch, reason) in [
        ("/poll", poll_watch, CloseReason::SourceFailed),
        ("/drop", drop_watch, CloseReason::PeerGone),
        ("/both", both_watch, CloseReason::SourceFailed),
    ] {
        let mut stream = client.get(path).await;
        let rest = async {
            while let Some(Ok(frame)) = stream.frame().await {
                if path == "/drop" && frame.into_data().is_ok_and(|data| data.ends_with(b"first\n\n")) {
                    return;
                }
            }
        };
        within(path, rest).await;
        core::mem::drop(stream);
        watch.expect_end(reason).await;
        feed.send("still here");
        until(&mut kept, "data: still here\n\n").await;
    }
    core::mem::drop(feed);
    within("the end", kept.collect()).await.unwrap();
    kept_watch.expect_end(CloseReason::SourceEnded).await;
}

#[cfg(target_os = "linux")]
pub(crate) async fn over_h2_all_streams_of_a_peer_that_vanishes_are_noticed<F: Framework>() {
    let Some(elsewhere) = vanished::elsewhere("a peer of HTTP/2 that vanishes") else { return };
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let (_feed, idle, mut idle_watch) = fed();
    let (_mute_feed, mute, mut mute_watch) = fed();
    let idle = idle.with(|options| options.with_heartbeat(heartbeat));
    let mute = mute.with(|options| options.with_heartbeat(None));
    let server = vanished::start::<F>(&elsewhere, [("/idle", idle), ("/mute", mute)]);
    let mut client = Client::over(elsewhere.connect(server.address).await).await;
    let mut idle = client.get("/idle").await;
    let mut mute = client.get("/mute").await;
    until(&mut mute, ":\n").await;
    until(&mut idle, ": heartbeat\n").await;
    elsewhere.vanish();
    idle_watch.expect_end(CloseReason::PeerGone).await;
    mute_watch.expect_end(CloseReason::PeerGone).await;
    drop((idle, mute, client));
}

pub(crate) async fn over_h2_a_head_request_gets_the_head_alone_and_runs_nothing<F: Framework>() {
    let (head_feed, head, mut head_watch) = fed();
    let (feed, get, _get_watch) = fed();
    let server = start::<F>([("/head", head), ("/get", get)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let head = client.ask(Method::HEAD, "/head").await;
    assert!(head.body().is_end_stream());
    head_watch.expect_end(CloseReason::PeerGone).await;
    assert_eq!(head_watch.asked(), 0);
    assert!(head_feed.is_closed());

    let mut get = client.ask(Method::GET, "/get").await;
    feed.send("hello");
    until(get.body_mut(), "data: hello\n\n").await;
    let fields = |response: &Response<Incoming>| {
        let mut fields = response.headers().clone();
        fields.remove("date");
        fields
    };
    assert_eq!(fields(&head), fields(&get));
}

pub(crate) async fn over_h2_a_graceful_shutdown_ends_open_streams<F: Framework>() {
    let (shut_down, is_shutting_down) = tokio::sync::oneshot::channel::<()>();
    let (_feed, answer, mut watch) = fed();
    let answer = answer.with(|options| options.until(async { drop(is_shutting_down.await) }));
    let server = start::<F>([("/", answer)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let mut stream = client.get("/").await;
    until(&mut stream, ":\n").await;
    drop(shut_down);
    within("the shutdown", async { tokio::join!(server.stop, stream.collect()) }).await.1.unwrap();
    watch.expect_end(CloseReason::Shutdown).await;
    assert!(within("the closing", client.0.ready()).await.is_err());
}
