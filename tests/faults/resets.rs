//! Connections that are reset, and clients that read next to nothing.

use super::client::Client;
use super::producer::{FLOOD_EVENT_LEN, fed, flood, ticking};
use super::{Framework, Setup, start, within};
use crate::sse_driver::sse_core::connection::CloseReason;
use core::time::Duration;

/// A client that resets its connection at any moment: nothing else is written that could tell.
pub(crate) async fn a_reset_ends_its_producer_at_once_wherever_the_stream_is<F: Framework>() {
    let (idle_feed, idle, mut idle_watch) = fed();
    let (large_feed, large, mut large_watch) = fed();
    let (unread_feed, unread, mut unread_watch) = fed();
    let (flood, mut flood_watch) = flood();
    let (later_feed, later, mut later_watch) = fed();
    let [idle, large, unread, later] =
        [idle, large, unread, later].map(|answer| answer.with(|options| options.with_heartbeat(None)));
    let answers =
        [("/idle", idle), ("/large", large), ("/unread", unread), ("/flood", flood), ("/later", later)];
    let server = start::<F>(answers, Setup::default());

    let (_, mut client) = Client::get(server.address, "/idle").await;
    client.until(":\n").await;
    client.reset();
    idle_watch.expect_end(CloseReason::PeerGone).await;
    assert!(idle_feed.is_closed());

    // Of an event of four megabytes the client has the beginning, and the server is in the middle of it.
    large_feed.send(&"x".repeat(4 * 1024 * 1024));
    let mut client = Client::connect(server.address).await;
    client.send(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    client.until_gone_or("data: xxx").await;
    client.reset();
    large_watch.expect_end(CloseReason::PeerGone).await;

    // It has not even read the head.
    let mut client = Client::connect(server.address).await;
    client.send(b"GET /unread HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    within("the request's arrival", async {
        while unread_watch.asked() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.reset();
    unread_watch.expect_end(CloseReason::PeerGone).await;
    assert!(unread_feed.is_closed());

    let (_, mut client) = Client::get(server.address, "/flood").await;
    client.until("data: 100 ").await;
    client.reset();
    flood_watch.expect_end(CloseReason::PeerGone).await;

    // A request that breaks off runs nothing.
    let mut client = Client::connect(server.address).await;
    client.send(b"GET /later HTTP/1.1\r\nhost: loc").await;
    client.reset();

    later_feed.send("still here");
    let (_, mut client) = Client::get(server.address, "/later").await;
    client.until("data: still here\n\n").await;
    drop(later_feed);
    client.rest().await;
    later_watch.expect_end(CloseReason::SourceEnded).await;
    drop(client);
    within("the shutdown", server.stop).await;
}

/// The time-out counts from the last byte that the client's system took, and it takes none while its buffer is full:
/// reading a byte now and then frees too little of it.
pub(crate) async fn a_reader_of_single_bytes_is_given_up_and_the_others_go_on<F: Framework>() {
    let (flood, mut watch) = flood();
    let answers = [("/flood", flood), ("/ticks", ticking(Duration::from_millis(10)))];
    let setup = Setup { write_timeout: Duration::from_secs(1), ..Setup::default() };
    let server = start::<F>(answers, setup);
    let (_, mut slow) = Client::get(server.address, "/flood").await;
    let (_, mut ticks) = Client::get(server.address, "/ticks").await;
    let trickle = async {
        loop {
            slow.byte().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let others = async {
        ticks.until("data: 20\n\n").await;
        watch.expect_end(CloseReason::PeerGone).await;
        ticks.until("data: 40\n\n").await;
    };
    tokio::select! {
        () = trickle => {}
        () = others => {}
    }
    let asked = watch.asked();
    // What the sockets, the framework and one chunk hold.
    assert!(asked * FLOOD_EVENT_LEN < 2 * 1024 * 1024, "{asked} events");
}
