//! The example `dashboard`: its pages listen to what its streams send.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "all but its main")]
#[path = "../examples/dashboard.rs"]
mod example;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use core::time::Duration;
use sse_demo::pages::{Client, Pages};
use sse_demo::streams::Stop;
use sse_testkit::collect::{Collected, Collector, End};
use sse_testkit::html::{assert_sse_wired, check_wiring};
use sse_testkit::tower::Tower;
use std::collections::BTreeSet;
use tower::ServiceExt;

/// A page, and the whole of its stream: what is sent of its own accord, a notification, the end.
async fn page_and_stream(page: &str, stream: &str, client: Client) -> (String, Collected) {
    let pages = Pages::new(false, Stop::on_ctrl_c());
    let app = example::app(pages.clone());
    let request = Request::get(format!("{page}?client={}", client.name())).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let page = to_bytes(response.into_body(), usize::MAX).await.unwrap();

    let uri = format!("{stream}?client={}", client.name());
    let mut live = Collector::get(uri).open(&Tower::new(app)).await.unwrap();
    live.next_event().await.unwrap();
    assert!(pages.notify("hello"));
    assert_eq!(live.read_for(Duration::from_secs(1)).await, End::Deadline);
    pages.end();
    assert_eq!(live.read_for(Duration::from_secs(1)).await, End::Ended);
    (String::from_utf8(page.into()).unwrap(), live.leave())
}

fn names(collected: &Collected) -> BTreeSet<&str> {
    collected.events.iter().map(|event| event.name.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn m18_the_dashboard_listens_to_its_stream_in_htmx_2() {
    let (page, seen) = page_and_stream("/", "/dashboard/live", Client::Htmx2).await;
    assert_eq!(names(&seen), ["done", "stats-update", "viewers-update"].into());
    assert_sse_wired(&page, &seen);
    let misspelt = page.replace("sse-swap=\"stats-update\"", "sse-swap=\"stat-update\"");
    assert_eq!(
        check_wiring(&misspelt, &seen).unwrap_err().problems.len(),
        2,
        "it is this page that is looked at"
    );
}

#[tokio::test(start_paused = true)]
async fn m18_the_dashboard_listens_to_its_stream_in_htmx_4() {
    let (page, seen) = page_and_stream("/", "/dashboard/live", Client::Htmx4).await;
    assert_eq!(names(&seen), ["done", "message"].into());
    assert_sse_wired(&page, &seen);
    let deaf = page.replace("hx-sse:close=\"done\"", "");
    assert_eq!(
        check_wiring(&deaf, &seen).unwrap_err().problems.len(),
        1,
        "it is this page that is looked at"
    );
}

#[tokio::test(start_paused = true)]
async fn m18_the_notifications_listen_to_their_stream_in_htmx_2() {
    let (page, seen) = page_and_stream("/notifications", "/notifications/live", Client::Htmx2).await;
    assert_eq!(names(&seen), ["done", "notification", "sse:start"].into());
    assert_sse_wired(&page, &seen);
}

#[tokio::test(start_paused = true)]
async fn m18_the_notifications_listen_to_their_stream_in_htmx_4() {
    let (page, seen) = page_and_stream("/notifications", "/notifications/live", Client::Htmx4).await;
    assert_eq!(names(&seen), ["done", "message", "sse:start"].into());
    assert_sse_wired(&page, &seen);
}
