//! Clients that send what nobody asked for, and sources that keep the server busy with nothing.

use super::client::{Client, Taken};
use super::producer::{fed, restless, ticking};
use super::{Framework, Setup, start, within};
use crate::sse_driver::sse_core::connection::{CloseReason, Heartbeat};
use core::time::Duration;

fn beating() -> Heartbeat {
    Heartbeat::idle(Duration::from_secs(1)).unwrap()
}

pub(crate) async fn garbage_behind_a_request_reaches_no_handler_and_hides_no_leaving<F: Framework>() {
    let (feed, answer, mut watch) = fed();
    let (_later_feed, later, _later_watch) = fed();
    let answer = answer.with(|options| options.with_heartbeat(beating()));
    let server = start::<F>([("/", answer), ("/later", later)], Setup::default());
    let mut client = Client::connect(server.address).await;
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n\0\x16\x03\x01 no request\r\n\r\n").await;
    client.until_gone_or(":\n").await;
    // The stream may end for it, or go on; in either case it ends when the client leaves.
    feed.send("hello");
    client.until_gone_or("data: hello\n\n").await;
    drop(client);
    let news = watch.news().await;
    assert_eq!(news.len(), 2, "{news:?}");
    let (_, mut later) = Client::get(server.address, "/later").await;
    later.until(":\n").await;
    drop(later);
    within("the shutdown", server.stop).await;
}

pub(crate) async fn a_request_behind_another_waits_for_the_end_of_the_first<F: Framework>() {
    let (first_feed, first, mut first_watch) = fed();
    let (second_feed, second, second_watch) = fed();
    let server = start::<F>([("/first", first), ("/second", second)], Setup::default());
    let mut client = Client::connect(server.address).await;
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.send((request("/first") + &request("/second")).as_bytes()).await;
    client.head().await;
    first_feed.send("hello");
    client.until("data: hello\n\n").await;
    assert_eq!(second_watch.asked(), 0, "one at a time");
    drop(first_feed);
    assert_eq!(client.rest().await, "");
    first_watch.expect_end(CloseReason::SourceEnded).await;
    second_feed.send("hello, too");
    assert_eq!(client.head().await.status, 200);
    client.until("data: hello, too\n\n").await;
}

/// Floods the server while its own stream goes on: the server stops reading, or ends the connection.
pub(crate) async fn a_client_that_never_stops_sending_is_not_read_without_end<F: Framework>() {
    // More than the systems hold between the two.
    const LIMIT: usize = 64 * 1024 * 1024;
    let (_feed, answer, mut watch) = fed();
    let answer = answer.with(|options| options.with_heartbeat(beating()));
    let server =
        start::<F>([("/", answer), ("/ticks", ticking(Duration::from_millis(10)))], Setup::default());
    let mut client = Client::connect(server.address).await;
    client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    client.until_gone_or(":\n").await;
    let (_, mut ticks) = Client::get(server.address, "/ticks").await;
    let taken = client.send_garbage(LIMIT).await;
    ticks.until("data: 20\n\n").await;
    match taken {
        Taken::All => panic!("{LIMIT} bytes were taken"),
        // Not by its leaving.
        Taken::UntilTheEnd => {}
        Taken::UntilItIsStuck => {
            let body = client.until_gone_or(": heartbeat\n").await;
            assert!(body.contains(": heartbeat\n"), "its own stream goes on: {body:?}");
            drop(client);
        }
    }
    let news = watch.news().await;
    assert_eq!(news.len(), 2, "{news:?}");
}

pub(crate) async fn a_source_that_only_wakes_itself_starves_nobody<F: Framework>() {
    let (restless, mut watch) = restless();
    let answers = [("/restless", restless), ("/ticks", ticking(Duration::from_millis(10)))];
    let server = start::<F>(answers, Setup::default());
    let (_, mut client) = Client::get(server.address, "/restless").await;
    client.until(":\n").await;
    let (_, mut ticks) = Client::get(server.address, "/ticks").await;
    ticks.until("data: 20\n\n").await;
    assert!(watch.asked() > 20, "it was restless: {}", watch.asked());
    drop(client);
    watch.expect_end(CloseReason::PeerGone).await;
}
