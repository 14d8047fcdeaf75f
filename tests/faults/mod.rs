//! What goes wrong on real connections, said once for every framework.
//!
//! A framework's test file starts its server ([`Framework`]) and lists the tests with `scenarios!`; what happens in them,
//! and what has to hold, stands here. Servers and clients talk over loopback sockets. Nothing is slept for where it can
//! be waited for, and a deadline only says that a test has failed.

pub(crate) mod client;
#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "figures, for whoever asks with --nocapture")]
pub(crate) mod crowd;
#[cfg(target_os = "linux")]
pub(crate) mod elsewhere;
pub(crate) mod panics;
pub(crate) mod producer;
pub(crate) mod resets;
pub(crate) mod rude;
#[cfg(target_os = "linux")]
pub(crate) mod vanished;

use self::client::{Client, FloodReader};
use self::producer::{Answer, App, app, fed, flood, pushed, ticking};
use super::sse_driver::ErrorPolicy;
use super::sse_driver::sse_core::connection::{CloseEvent, CloseReason, Heartbeat};
use super::sse_driver::sse_core::event_name;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use socket2::{Domain, Socket, Type};
#[cfg(target_os = "linux")]
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// A server that can be started.
pub(crate) trait Framework {
    /// Starts a server whose every path answers GET, HEAD and POST with the answer of `app`.
    ///
    /// For the path [`OVERRIDDEN`] it changes the head, as the scenario of that path wants it, by its own means.
    fn start(app: App, listener: TcpListener, setup: Setup) -> Server;
}

/// How a server is set up, beyond what an example would do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// How long a write may be stuck.
    pub(crate) write_timeout: Duration,
    /// The framework's compression layer.
    pub(crate) compression: Compression,
}

/// What the framework's compression layer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// There is none.
    None,
    /// It is in front, as it comes.
    InFront,
    /// It was made to compress event streams, too, which it leaves alone by itself.
    Forced,
}

impl Default for Setup {
    fn default() -> Self {
        Self { write_timeout: Duration::from_secs(60), compression: Compression::None }
    }
}

/// A server that runs.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Shuts it down gracefully; ready when all connections are closed.
    pub(crate) stop: Pin<Box<dyn Future<Output = ()>>>,
}

/// A deadline that only a failed test reaches.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(30), future).await {
        Ok(output) => output,
        Err(_) => panic!("took longer than 30 s: {what}"),
    }
}

/// Says that a test cannot run here, where the test harness does not swallow it. With `CI=true` that is a failure.
#[cfg(target_os = "linux")]
#[allow(clippy::explicit_write, reason = "the test harness swallows what the macros print")]
pub(crate) fn skipped(test: &str, why: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {test}: {why}").unwrap();
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "SKIPPED with CI=true: {why}");
}

/// Listens with a small send buffer, which accepted sockets inherit, so that a client that does not read is soon felt.
pub(crate) fn listen() -> TcpListener {
    listen_at(Ipv4Addr::LOCALHOST)
}

/// Listens where another machine may connect.
pub(crate) fn listen_at(address: Ipv4Addr) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.listen(1024).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

/// Starts a server with these answers.
pub(crate) fn start<F: Framework>(
    answers: impl IntoIterator<Item = (&'static str, Answer)>,
    setup: Setup,
) -> Server {
    F::start(app(answers), listen(), setup)
}

/// Declares a test for each named scenario of a module.
macro_rules! scenarios {
    ($module:ident with $framework:ty: $($scenario:ident)*) => {$(
        #[tokio::test]
        async fn $scenario() {
            $module::$scenario::<$framework>().await;
        }
    )*};
}
pub(crate) use scenarios;

// Clients that leave.

pub(crate) async fn a_client_that_leaves_an_idle_stream_is_noticed_at_once<F: Framework>() {
    let (feed, answer, mut watch) = fed();
    // Without heartbeats nothing is written that could tell.
    let server = start::<F>([("/", answer.with(|options| options.with_heartbeat(None)))], Setup::default());
    let (_, mut client) = Client::get(server.address, "/").await;
    feed.send("hello");
    client.until("data: hello\n\n").await;
    drop(client);
    watch.expect_end(CloseReason::PeerGone).await;
    assert!(feed.is_closed());
}

pub(crate) async fn an_async_function_that_waits_is_dropped_when_its_client_leaves<F: Framework>() {
    let (answer, mut watch) = pushed(|mut events| async move {
        events.send("hello").await.unwrap();
        core::future::pending::<()>().await;
    });
    let server = start::<F>([("/", answer.with(|options| options.with_heartbeat(None)))], Setup::default());
    let (_, mut client) = Client::get(server.address, "/").await;
    client.until("data: hello\n\n").await;
    drop(client);
    watch.expect_end(CloseReason::PeerGone).await;
}

pub(crate) async fn a_client_that_leaves_a_busy_stream_is_noticed<F: Framework>() {
    let (answer, mut watch) = flood();
    let server = start::<F>([("/", answer)], Setup::default());
    let (_, mut client) = Client::get(server.address, "/").await;
    client.until("data: 100 ").await;
    drop(client);
    watch.expect_end(CloseReason::PeerGone).await;
}

// Clients that stall.

pub(crate) async fn a_reader_that_stops_costs_little_and_is_given_up<F: Framework>() {
    let (answer, mut watch) = flood();
    let setup = Setup { write_timeout: Duration::from_millis(500), ..Setup::default() };
    let server = start::<F>([("/", answer)], setup);
    let (_, client) = Client::get(server.address, "/").await;
    watch.expect_end(CloseReason::PeerGone).await;
    // What the sockets, the framework and one chunk hold; an always ready source would fill any memory in this time.
    assert!(watch.asked() * producer::FLOOD_EVENT_LEN < 2 * 1024 * 1024, "{} events", watch.asked());
    drop(client);
}

pub(crate) async fn an_idle_stream_outlives_the_write_timeout<F: Framework>() {
    let (feed, answer, mut watch) = fed();
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let setup = Setup { write_timeout: Duration::from_millis(200), ..Setup::default() };
    let server = start::<F>([("/", answer.with(|options| options.with_heartbeat(heartbeat)))], setup);
    let (_, mut client) = Client::get(server.address, "/").await;
    client.until(": heartbeat\n").await;
    feed.send("still here");
    client.until("data: still here\n\n").await;
    drop(feed);
    client.rest().await;
    watch.expect_end(CloseReason::SourceEnded).await;
}

// Sources.

pub(crate) async fn a_source_that_is_always_ready_starves_nobody<F: Framework>() {
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let (flood, flood_watch) = flood();
    let (_feed, idle, _idle_watch) = fed();
    let idle = idle.with(|options| options.with_heartbeat(heartbeat));
    let answers = [("/flood", flood), ("/idle", idle), ("/ticks", ticking(Duration::from_millis(10)))];
    let server = start::<F>(answers, Setup::default());
    // On a thread of its own, so that the server can always write.
    let reader = FloodReader::start(server.address, "/flood");
    let (_, mut idle) = Client::get(server.address, "/idle").await;
    let (_, mut ticks) = Client::get(server.address, "/ticks").await;
    within("the flood", async {
        while flood_watch.asked() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    ticks.until("data: 20\n\n").await;
    let asked = flood_watch.asked();
    idle.until(": heartbeat\n").await;
    ticks.until("data: 40\n\n").await;
    assert!(flood_watch.asked() > asked, "the flood went on meanwhile");
    drop(reader);
}

pub(crate) async fn an_event_right_before_a_failure_arrives_and_the_response_ends_well<F: Framework>() {
    let (feed, answer, mut watch) = fed();
    feed.send("last words");
    feed.fail("the database is gone");
    let (silent_feed, silent, mut silent_watch) = fed();
    silent_feed.send("last words");
    silent_feed.fail("the database is gone");
    let silent = silent.with(|options| options.on_error(ErrorPolicy::close()));
    let server = start::<F>([("/", answer), ("/silent", silent)], Setup::default());
    let (_, mut client) = Client::get(server.address, "/").await;
    let body = client.rest().await;
    assert_eq!(body, ":\ndata: last words\n\nevent: sse:error\ndata: Internal server error\n\n");
    watch.expect_end(CloseReason::SourceFailed).await;

    let (_, mut client) = Client::get(server.address, "/silent").await;
    assert_eq!(client.rest().await, ":\ndata: last words\n\n");
    silent_watch.expect_end(CloseReason::SourceFailed).await;
}

// What stands in front, and around.

pub(crate) async fn events_pass_a_compression_layer_one_by_one<F: Framework>() {
    let (feed, answer, _watch) = fed();
    let (forced_feed, forced_answer, _forced_watch) = fed();
    let setup = Setup { compression: Compression::InFront, ..Setup::default() };
    let server = start::<F>([("/", answer)], setup);
    let (head, mut client) = Client::open(server.address, "GET", "/", "accept-encoding: gzip\r\n").await;
    assert!(matches!(head.values("content-encoding")[..], [] | ["identity"]), "{head:?}");

    let setup = Setup { compression: Compression::Forced, ..Setup::default() };
    let server = start::<F>([("/", forced_answer)], setup);
    let (head, mut forced) = Client::open(server.address, "GET", "/", "accept-encoding: gzip\r\n").await;
    assert_eq!(head.values("content-encoding"), ["gzip"]);
    for number in 0..10 {
        // The next one is not sent before this one is here.
        let event = format!("number {number}");
        feed.send(&event);
        client.until(&event).await;
        forced_feed.send(&event);
        forced.until(&event).await;
    }
}

pub(crate) async fn a_graceful_shutdown_ends_open_streams<F: Framework>() {
    let (shut_down, is_shutting_down) = tokio::sync::watch::channel(false);
    let end = move |answer: Answer| {
        let mut is_shutting_down = is_shutting_down.clone();
        let until = async move {
            let _ended = is_shutting_down.wait_for(|is| *is).await;
        };
        let close_event = CloseEvent::new(event_name!("bye"));
        answer.with(|options| options.until(until).with_close_event(close_event))
    };
    let (_idle_feed, idle, mut idle_watch) = fed();
    let (flood, mut flood_watch) = flood();
    let server = start::<F>([("/idle", end(idle)), ("/flood", end(flood))], Setup::default());
    let (_, mut idle) = Client::get(server.address, "/idle").await;
    let (_, mut flood) = Client::get(server.address, "/flood").await;
    idle.until(":\n").await;
    flood.until("data: 100 ").await;

    shut_down.send_replace(true);
    let clients = async {
        assert!(idle.rest().await.contains("event: bye\n"));
        assert!(flood.rest().await.contains("event: bye\n"));
    };
    within("the shutdown", async { tokio::join!(server.stop, clients) }).await;
    idle_watch.expect_end(CloseReason::Shutdown).await;
    flood_watch.expect_end(CloseReason::Shutdown).await;
    // The server closed the connections, too: no client can ask for more there.
    idle.expect_closed().await;
    flood.expect_closed().await;
}

pub(crate) async fn a_shutdown_waits_for_a_stream_that_nothing_ends<F: Framework>() {
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let (_feed, answer, mut watch) = fed();
    let server =
        start::<F>([("/", answer.with(|options| options.with_heartbeat(heartbeat)))], Setup::default());
    let (_, mut client) = Client::get(server.address, "/").await;
    let mut stop = server.stop;
    tokio::select! {
        () = &mut stop => panic!("it cut the stream"),
        _ = client.until(": heartbeat\n") => {}
    }
    drop(client);
    within("the shutdown", stop).await;
    watch.expect_end(CloseReason::PeerGone).await;
}

pub(crate) async fn a_head_request_gets_the_head_alone_and_runs_nothing<F: Framework>() {
    let (_feed, head, mut head_watch) = fed();
    let (flood, mut flood_watch) = flood();
    let (_get_feed, get, _get_watch) = fed();
    let server = start::<F>([("/head", head), ("/flood", flood), ("/get", get)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let head = client.ask("HEAD", "/head", "").await;
    head_watch.expect_end(CloseReason::PeerGone).await;
    assert_eq!(head_watch.asked(), 0);
    client.ask("HEAD", "/flood", "").await;
    flood_watch.expect_end(CloseReason::PeerGone).await;
    assert_eq!(flood_watch.asked(), 0);

    // The connection goes on, so no body was sent; and the head was that of a GET.
    let get = client.ask("GET", "/get", "").await;
    assert_eq!(client.chunk().await.unwrap(), ":\n");
    assert_eq!(head.status, 200);
    assert_eq!(head.lasting_fields(), get.lasting_fields());
}

/// HTTP/1.0 knows no chunks: the end of the connection is the end of the stream, whatever the client asks for.
pub(crate) async fn over_http_1_0_the_body_is_plain_and_ends_with_its_connection<F: Framework>() {
    let hello = || pushed(|mut events| async move { events.send("hello").await.unwrap() }).0;
    let answers = ["/", "/kept", "/head", OVERRIDDEN].map(|path| (path, hello()));
    let server = start::<F>(answers, Setup::default());
    for (method, path, fields, status, expected) in [
        ("GET", "/", "", 200, ":\ndata: hello\n\n"),
        ("GET", "/kept", "connection: keep-alive\r\n", 200, ":\ndata: hello\n\n"),
        ("GET", OVERRIDDEN, "", 202, ":\ndata: hello\n\n"),
        ("HEAD", "/head", "", 200, ""),
    ] {
        let (head, body) = Client::whole_over_http_1_0(server.address, method, path, fields).await;
        assert_eq!(head.status, status);
        assert!(head.values("transfer-encoding").is_empty(), "{method} {path}: {head:?}");
        assert_eq!(body, expected, "{method} {path}");
    }
}

/// The path whose status, headers and cookies the framework changes.
pub(crate) const OVERRIDDEN: &str = "/overridden";

pub(crate) async fn status_headers_and_cookies_replace_those_of_the_stream<F: Framework>() {
    let (feed, answer, _watch) = fed();
    feed.send("hello");
    let server = start::<F>([(OVERRIDDEN, answer)], Setup::default());
    let (head, mut client) = Client::open(server.address, "POST", OVERRIDDEN, "content-length: 0\r\n").await;
    assert_eq!(head.status, 202);
    assert_eq!(head.values("content-type"), ["text/event-stream"]);
    assert_eq!(head.values("cache-control"), ["private"]);
    assert_eq!(head.values("x-stream"), ["1"]);
    assert_eq!(head.values("set-cookie"), ["a=1", "b=2"]);
    client.until("data: hello\n\n").await;
}
