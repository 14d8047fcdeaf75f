//! HTTP/2, frame by frame: what no client library would send.

use crate::scenarios::client::Client;
use crate::scenarios::producer::{Census, FLOOD_EVENT_LEN, app_of, counted, fed, flood};
use crate::scenarios::{Framework, Setup, listen, start, within};
use crate::sse_driver::sse_core::Event;
use crate::sse_driver::sse_core::connection::CloseReason;
use core::time::Duration;
use std::net::SocketAddr;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM_AND_HEADERS: u8 = 5;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A GET, its fields by their numbers in HPACK's table, the path and the host as literals.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    fields.extend(path.bytes());
    fields.extend([0x01, 9]);
    fields.extend(b"localhost");
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, &fields)
}

/// Connects with this initial window for each stream.
async fn connect(address: SocketAddr, window: u32) -> Client {
    let mut client = Client::connect(address).await;
    let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &setting)].concat();
    client.send(&preface).await;
    client
}

pub(crate) async fn over_h2_a_window_that_never_opens_costs_little<F: Framework>() {
    let (flood, mut watch) = flood();
    let (feed, kept, _kept_watch) = fed();
    let server = start::<F>([("/flood", flood), ("/kept", kept)], Setup::default());
    let mut client = connect(server.address, 0).await;
    client.send(&get(1, "/flood")).await;
    let (_, mut kept) = Client::get(server.address, "/kept").await;
    let (mut asked, mut rounds) = (0, 0);
    within("the end of asking", async {
        while rounds < 20 {
            feed.send("still here");
            kept.until("data: still here\n\n").await;
            rounds = if asked > 0 && watch.asked() == asked { rounds + 1 } else { 0 };
            asked = watch.asked();
        }
    })
    .await;
    assert!(asked * FLOOD_EVENT_LEN < 1024 * 1024, "{asked} events");
    // Opened by a byte, it lets a byte through; and it ends as soon as the client says so.
    client.send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])).await;
    client.send(&frame(RST_STREAM, 0, 1, &CANCEL)).await;
    watch.expect_end(CloseReason::PeerGone).await;
    drop(client);
}

pub(crate) async fn over_h2_a_client_that_says_goaway_keeps_its_open_streams<F: Framework>() {
    let (feed, answer, mut watch) = fed();
    let server = start::<F>([("/", answer)], Setup::default());
    let mut client = connect(server.address, 65_535).await;
    client.send(&get(1, "/")).await;
    client.until_gone_or(":\n").await;
    client.send(&frame(GOAWAY, 0, 0, &[0; 8])).await;
    feed.send("still here");
    let text = client.until_gone_or("data: still here\n\n").await;
    assert!(text.contains("data: still here\n\n"), "{text:?}");
    drop(feed);
    watch.expect_end(CloseReason::SourceEnded).await;
    drop(client);
    within("the shutdown", server.stop).await;
}

pub(crate) async fn over_h2_garbage_ends_the_streams_of_its_connection_and_no_other<F: Framework>() {
    let (_feed, answer, mut watch) = fed();
    let (kept_feed, kept, mut kept_watch) = fed();
    let (_half_feed, half, mut half_watch) = fed();
    let [answer, half] = [answer, half].map(|answer| answer.with(|options| options.with_heartbeat(None)));
    let server = start::<F>([("/", answer), ("/kept", kept), ("/half", half)], Setup::default());
    let mut kept = connect(server.address, 65_535).await;
    kept.send(&get(1, "/kept")).await;
    kept.until_gone_or(":\n").await;

    let mut client = connect(server.address, 65_535).await;
    client.send(&get(1, "/")).await;
    client.until_gone_or(":\n").await;
    // A window that grows by nothing, on the connection: an error of the protocol.
    client.send(&frame(WINDOW_UPDATE, 0, 0, &[0; 4])).await;
    watch.expect_end(CloseReason::PeerGone).await;

    let mut client = connect(server.address, 65_535).await;
    client.send(&get(1, "/half")).await;
    client.until_gone_or(":\n").await;
    client.send(&frame(SETTINGS, 0, 0, &[0; 60])[..20]).await;
    client.reset();
    half_watch.expect_end(CloseReason::PeerGone).await;

    kept_feed.send("still here");
    let text = kept.until_gone_or("data: still here\n\n").await;
    assert!(text.contains("data: still here\n\n"), "{text:?}");
    drop(kept_feed);
    kept_watch.expect_end(CloseReason::SourceEnded).await;
}

pub(crate) async fn over_h2_streams_that_are_cancelled_leave_nothing_behind<F: Framework>() {
    const ROUNDS: u32 = 20;
    const STREAMS: u32 = 100;
    let census = Census::default();
    let app = app_of({
        let census = census.clone();
        move |_| counted(tokio_stream::pending::<Event<'static>>(), &census)
    });
    let server = F::start(app, listen(), Setup::default());
    let open = async |streams: usize| {
        let reached = async {
            while census.count().0 != streams {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within("the streams", reached).await;
    };
    let mut client = connect(server.address, 65_535).await;
    for round in 0..ROUNDS {
        let streams = (0..STREAMS).map(|number| 2 * (round * STREAMS + number) + 1);
        let (gets, cancels): (Vec<_>, Vec<_>) =
            streams.map(|stream| (get(stream, "/"), frame(RST_STREAM, 0, stream, &CANCEL))).unzip();
        client.send(&gets.concat()).await;
        open(STREAMS as usize).await;
        client.send(&cancels.concat()).await;
        open(0).await;
    }
    // In the same breath: the server may have enough of it and close the connection.
    let first = 2 * ROUNDS * STREAMS + 1;
    let streams = (0..STREAMS).map(|number| first + 2 * number);
    let both = streams.map(|stream| [get(stream, "/"), frame(RST_STREAM, 0, stream, &CANCEL)].concat());
    client.send(&both.collect::<Vec<_>>().concat()).await;
    drop(client);
    within("the shutdown", server.stop).await;
    let (open, ended) = census.count();
    assert_eq!(open, 0);
    assert!(ended >= (ROUNDS * STREAMS) as usize, "{ended}");
}

/// The server's write time-out does not end it, since the connection is not stuck: a server limits its shutdown by itself.
pub(crate) async fn over_h2_a_shutdown_waits_for_a_window_that_stays_closed<F: Framework>() {
    let (shut_down, is_shutting_down) = tokio::sync::oneshot::channel::<()>();
    let (flood, mut watch) = flood();
    let answer = flood.with(|options| options.until(async { drop(is_shutting_down.await) }));
    let setup = Setup { write_timeout: Duration::from_millis(200), ..Setup::default() };
    let server = start::<F>([("/", answer)], setup);
    let mut client = connect(server.address, 0).await;
    client.send(&get(1, "/")).await;
    within("the request's arrival", async {
        while watch.asked() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    drop(shut_down);
    let mut stop = server.stop;
    let limit = tokio::time::timeout(Duration::from_secs(1), &mut stop).await;
    assert!(limit.is_err(), "the end cannot be sent");
    client.reset();
    within("the shutdown", stop).await;
    assert_eq!(watch.news().await.len(), 2);
}
