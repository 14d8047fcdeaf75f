//! Code of users that panics: the stream that it belongs to ends, and nothing else does.

use super::client::Client;
use super::producer::{Answer, News, Watch, exploding, fed, pushed};
use super::{Framework, Server, Setup, start, within};
use crate::sse_driver::sse_core::connection::CloseReason;
use crate::sse_driver::{ErrorPolicy, Notice};
use core::fmt;

/// Where a producer panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fuse {
    /// When it is asked after its first event.
    Poll,
    /// When it is dropped.
    Drop,
    /// Both: the second while the first unwinds.
    PollAndDrop,
}

/// An error that cannot say what it is.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an error's text");
    }
}

impl core::error::Error for Unspeakable {}

/// Serves one stream that goes wrong and one that does not; only the first may end, and it ends in time.
async fn ends_alone<F: Framework>(answer: Answer, mut watch: Watch) -> (Vec<News>, Server) {
    let (feed, kept, mut kept_watch) = fed();
    let (_later_feed, later, _later_watch) = fed();
    let server = start::<F>([("/explosive", answer), ("/kept", kept), ("/later", later)], Setup::default());
    let (_, mut kept) = Client::get(server.address, "/kept").await;
    kept.until(":\n").await;
    let mut client = Client::connect(server.address).await;
    client.send(b"GET /explosive HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    // Whatever comes: the first event, a half of it, nothing. Then it leaves, for those that go wrong only then.
    client.until_gone_or("data: first").await;
    drop(client);
    let news = watch.news().await;
    feed.send("still here");
    kept.until("data: still here\n\n").await;
    let (_, mut later) = Client::get(server.address, "/later").await;
    later.until(":\n").await;
    drop(feed);
    kept.rest().await;
    kept_watch.expect_end(CloseReason::SourceEnded).await;
    (news, server)
}

pub(crate) async fn a_producer_that_panics_ends_its_own_stream_alone<F: Framework>() {
    for (fuse, reason) in [
        (Fuse::Poll, CloseReason::SourceFailed),
        (Fuse::Drop, CloseReason::PeerGone),
        (Fuse::PollAndDrop, CloseReason::SourceFailed),
    ] {
        let (answer, watch) = exploding(fuse);
        let (news, _) = ends_alone::<F>(answer, watch).await;
        assert_eq!(news, [News::Dropped, News::Closed(reason)], "{fuse:?}");
    }
    let (answer, watch) = pushed(|mut events| async move {
        events.send("first").await.unwrap();
        panic!("an async function");
    });
    let (news, server) = ends_alone::<F>(answer, watch).await;
    assert_eq!(news, [News::Dropped, News::Closed(CloseReason::SourceFailed)]);
    // For a graceful shutdown, too, its connection is over.
    within("the shutdown", server.stop).await;
}

/// Says of a notice whether it is the one to panic at.
type IsIt = fn(&Notice<'_>) -> bool;

pub(crate) async fn an_observer_that_panics_ends_its_own_stream_alone<F: Framework>() {
    let notices: [(&str, IsIt); 6] = [
        // As one does whose lock was poisoned: the first panic is followed by more while it unwinds.
        ("any notice", |_| true),
        ("start", |notice| matches!(notice, Notice::Start)),
        ("chunk", |notice| matches!(notice, Notice::Chunk { .. })),
        ("event", |notice| matches!(notice, Notice::Event { .. })),
        ("error", |notice| matches!(notice, Notice::Error { .. })),
        ("close", |notice| matches!(notice, Notice::Close { .. })),
    ];
    for (name, is_it) in notices {
        let (feed, answer, watch) = fed();
        feed.send("first");
        if name == "error" {
            feed.fail("broken");
        }
        let observer = move |notice: &Notice<'_>| assert!(!is_it(notice), "an observer");
        let answer = answer.with(|options| options.with_observer(observer));
        let (news, _) = ends_alone::<F>(answer, watch).await;
        // The peer is there but at the last notice, which is of its leaving.
        let reason = if name == "close" { CloseReason::PeerGone } else { CloseReason::SourceFailed };
        assert_eq!(news, [News::Dropped, News::Closed(reason)], "{name}");
    }
}

pub(crate) async fn hooks_policies_and_signals_that_panic_end_their_own_stream_alone<F: Framework>() {
    let (answer, watch) = exploding(Fuse::Poll);
    let hook = answer.with(|options| options.on_close(|_, _| panic!("a hook")));
    let (news, _) = ends_alone::<F>(hook, watch).await;
    assert_eq!(news, [News::Dropped]);

    let (feed, answer, watch) = fed();
    feed.send("first");
    let hook = answer.with(|options| options.on_close(|_, _| panic!("a hook")));
    let (news, _) = ends_alone::<F>(hook, watch).await;
    assert_eq!(news, [News::Dropped]);

    let (feed, answer, watch) = fed();
    feed.send("first");
    feed.fail_with(Unspeakable);
    let policy = ErrorPolicy::notify().with_details();
    let answer = answer.with(|options| options.on_error(policy));
    let (news, _) = ends_alone::<F>(answer, watch).await;
    assert_eq!(news, [News::Dropped, News::Closed(CloseReason::SourceFailed)]);

    let (feed, answer, watch) = fed();
    feed.send("first");
    feed.fail("broken");
    let policy = ErrorPolicy::custom(|_| panic!("a policy"));
    let answer = answer.with(|options| options.on_error(policy));
    let (news, _) = ends_alone::<F>(answer, watch).await;
    assert_eq!(news, [News::Dropped, News::Closed(CloseReason::SourceFailed)]);

    let (_feed, answer, watch) = fed();
    let answer = answer.with(|options| options.until(async { panic!("a signal") }));
    let (news, _) = ends_alone::<F>(answer, watch).await;
    assert_eq!(news, [News::Dropped, News::Closed(CloseReason::SourceFailed)]);
}
