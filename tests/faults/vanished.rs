//! Peers that vanish: no FIN, no RST, no answer any more.

use super::client::Client;
use super::elsewhere::Elsewhere;
use super::producer::{Answer, app, fed, flood};
use super::{Framework, Server, Setup, skipped, within};
use crate::sse_driver::sse_core::connection::{CloseReason, Heartbeat};
use core::time::Duration;

/// For how long what was sent may stay unacknowledged. A peer that is there acknowledges in microseconds.
const USER_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts a server that can be reached from elsewhere, and whose connections have `TCP_USER_TIMEOUT`.
///
/// Nothing else gives them up within the test's time: the write time-out is as long as by default.
pub(crate) fn start<F: Framework>(
    elsewhere: &Elsewhere,
    answers: impl IntoIterator<Item = (&'static str, Answer)>,
) -> Server {
    let listener = elsewhere.listen();
    let same = listener.try_clone().unwrap();
    let server = F::start(app(answers), listener, Setup::default());
    // The accepted sockets inherit it. Last, since a framework may set it, too.
    socket2::SockRef::from(&same).set_tcp_user_timeout(Some(USER_TIMEOUT)).unwrap();
    server
}

/// Returns the other machine, or says why it is left out.
pub(crate) fn elsewhere(test: &str) -> Option<Elsewhere> {
    Elsewhere::new().inspect_err(|why| skipped(test, why)).ok()
}

pub(crate) async fn a_peer_that_vanishes_from_an_idle_stream_is_noticed_by_the_heartbeats<F: Framework>() {
    let Some(elsewhere) = elsewhere("a peer that vanishes from an idle stream") else { return };
    let heartbeat = Heartbeat::idle(Duration::from_secs(1)).unwrap();
    let (feed, answer, mut watch) = fed();
    let server = start::<F>(&elsewhere, [("/", answer.with(|options| options.with_heartbeat(heartbeat)))]);
    let mut client = Client::over(elsewhere.connect(server.address).await);
    client.ask("GET", "/", "").await;
    client.until(": heartbeat\n").await;
    assert!(!feed.is_closed(), "a peer that answers is not given up");
    elsewhere.vanish();
    watch.expect_end(CloseReason::PeerGone).await;
    drop(client);
}

pub(crate) async fn a_peer_that_vanishes_from_a_busy_stream_is_noticed<F: Framework>() {
    let Some(elsewhere) = elsewhere("a peer that vanishes from a busy stream") else { return };
    let (answer, mut watch) = flood();
    let server = start::<F>(&elsewhere, [("/", answer)]);
    let mut client = Client::over(elsewhere.connect(server.address).await);
    client.ask("GET", "/", "").await;
    client.until("data: 100 ").await;
    // It would read for ever.
    let client = tokio::spawn(client.read_on());
    within("the events of a peer that reads", async {
        while watch.asked() < 10_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    elsewhere.vanish();
    watch.expect_end(CloseReason::PeerGone).await;
    client.abort();
}

/// The stream's end is behind what the peer does not take, so that the shutdown cannot reach it.
pub(crate) async fn a_shutdown_waits_for_a_peer_that_vanished_no_longer_than_to_notice_it<F: Framework>() {
    let Some(elsewhere) = elsewhere("a shutdown with a peer that vanished") else { return };
    let (shut_down, is_shutting_down) = tokio::sync::oneshot::channel::<()>();
    let (feed, answer, mut watch) = fed();
    let answer = answer.with(|options| options.until(async { drop(is_shutting_down.await) }));
    let server = start::<F>(&elsewhere, [("/", answer)]);
    let mut client = Client::over(elsewhere.connect(server.address).await);
    client.ask("GET", "/", "").await;
    client.until(":\n").await;
    let client = tokio::spawn(client.read_on());
    elsewhere.vanish();
    // More than the systems hold between the two.
    let asked = watch.asked();
    feed.send(&"x".repeat(8 * 1024 * 1024));
    within("the event's leaving", async {
        while watch.asked() == asked {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(shut_down);
    within("the shutdown", server.stop).await;
    // Without `vanish` it would be told as a shutdown.
    watch.expect_end(CloseReason::PeerGone).await;
    client.abort();
}
