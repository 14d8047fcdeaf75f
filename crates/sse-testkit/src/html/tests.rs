use super::*;
use crate::collect::{BoxError, Collector, Target};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

/// Emits events of these names.
struct Emits<'a>(&'a [&'a str]);

impl Target for Emits<'_> {
    type Body = Full<Bytes>;

    async fn respond(&self, _: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let wire: String = self.0.iter().map(|name| format!("event: {name}\ndata: x\n\n")).collect();
        Ok(Response::builder().header("content-type", "text/event-stream").body(wire.into())?)
    }
}

async fn problems(page: &str, emitted: &[&str]) -> Vec<String> {
    let collected = Collector::get("/live?room=1").collect(&Emits(emitted)).await.unwrap();
    let error = check_wiring(page, &collected).err();
    error.into_iter().flat_map(|error| error.problems).map(|problem| problem.to_string()).collect()
}

/// A page of htmx 2 whose parts fit together.
fn page(inside: &str) -> String {
    format!(
        "<!doctype html><body hx-ext=\"sse\"><main sse-connect=\"/live\" sse-close=\"done\">{inside}</main></body>"
    )
}

const NONE: [String; 0] = [];

#[tokio::test]
async fn m18_a_page_that_listens_to_what_is_emitted_is_wired() {
    let inside = "<p sse-swap='price'></p><p data-sse-swap='a, b'></p><p hx-get='/x' hx-trigger='click, sse:c delay:1s'></p>";
    assert_eq!(problems(&page(inside), &["price", "a", "b", "c", "done"]).await, NONE);
    assert_eq!(problems(&page(inside), &["price", "a", "b", "c"]).await, NONE, "the end need not be seen");
    assert_eq!(problems(&page(inside), &["sse:start", "price", "a", "b", "c", "sse:retry"]).await, NONE);
}

#[tokio::test]
async fn m18_a_name_that_is_not_emitted_is_found() {
    let found = problems(&page("<p sse-swap='price, count'></p>"), &["price"]).await;
    assert_eq!(found, ["the page listens to \"count\", which the stream does not emit"]);
    let found = problems(&page("<p hx-trigger='sse:count'></p>"), &[]).await;
    assert_eq!(found, ["the page listens to \"count\", which the stream does not emit"]);
}

#[tokio::test]
async fn m18_a_name_that_is_not_listened_to_is_found() {
    let found = problems(&page("<p sse-swap='price'></p>"), &["price", "count", "message"]).await;
    assert_eq!(
        found,
        [
            "the stream emits \"count\", which nothing in the page listens to",
            "the stream emits \"message\", which nothing in the page listens to"
        ]
    );
}

#[tokio::test]
async fn m18_a_forgotten_prefix_is_found_in_htmx_2_where_nothing_else_listens() {
    let inside = "<p hx-get='/x' hx-trigger='price delay:1s, load'></p>";
    let expected =
        "hx-trigger=\"price\" does not hear the event \"price\" of the stream: write \"sse:price\"";
    assert_eq!(problems(&page(inside), &["price"]).await, [expected]);
    assert_eq!(problems(&page(inside), &["done"]).await, NONE, "events of the page are none of the stream's");
    let both = format!("{inside}<p sse-swap='price'></p>");
    assert_eq!(problems(&page(&both), &["price"]).await, NONE);
    let found = problems(&page("<p hx-on:price='x()'></p>"), &["price"]).await;
    assert_eq!(found, ["the stream emits \"price\", which nothing in the page listens to"]);
    let htmx4 = format!("<main hx-sse:connect='/live'>{inside}</main>");
    assert_eq!(problems(&htmx4, &["price"]).await, NONE);
}

#[tokio::test]
async fn m18_a_part_of_a_page_may_begin_within_a_table() {
    for part in [
        "<tbody hx-ext='sse' sse-connect='/live'><tr sse-swap='price'></tr></tbody>",
        "\n<!-- row --> <tr hx-ext='sse' sse-connect='/live'><td sse-swap='price'></td></tr>",
        "<td hx-ext='sse' sse-connect='/live'><p sse-swap='price'></p></td>",
        "<TR hx-ext='sse' sse-connect='/live'><td sse-swap='price'>",
        "<table hx-ext='sse' sse-connect='/live'><tr><td sse-swap='price'></td></tr></table>",
        "<title>x</title><body hx-ext='sse'><p sse-connect='/live'><i sse-swap='price'></i></p>",
        "<li hx-ext='sse' sse-connect='/live'><i sse-swap='price'></i></li>",
    ] {
        assert_eq!(problems(part, &["price"]).await, NONE, "{part}");
        assert_eq!(problems(part, &["count", "price"]).await.len(), 1, "{part}");
    }
}

#[tokio::test]
async fn m18_a_swap_on_the_connecting_element_is_found() {
    let found = problems("<p hx-ext='sse' sse-connect='/live' sse-swap='price'></p>", &["price"]).await;
    assert_eq!(found, ["sse-swap=\"price\" stands on the element of sse-connect: put it on a child"]);
}

#[tokio::test]
async fn m18_a_swap_outside_of_any_connection_is_found() {
    let found = problems(&format!("<i sse-swap='x'></i>{}", page("<p sse-swap='a'></p>")), &["a"]).await;
    assert_eq!(found, ["sse-swap=\"x\" has no sse-connect above it"]);
}

#[tokio::test]
async fn m18_a_page_that_connects_elsewhere_is_found() {
    for (url, fits) in [
        ("/live", true),
        ("live", true),
        ("./live?room=2", true),
        ("https://example.org/live", true),
        ("/alive", false),
        ("alive", false),
        ("/live/", false),
        ("https://example.org", false),
    ] {
        let page = format!("<p hx-ext='sse' sse-connect='{url}'><i sse-swap='a'></i></p>");
        let found = problems(&page, &["a"]).await;
        let expected = if fits { vec![] } else { vec!["nothing in the page connects to \"/live?room=1\""] };
        assert_eq!(found, expected, "{url}");
    }
}

#[tokio::test]
async fn m18_of_several_streams_only_the_one_that_was_collected_counts() {
    let two = "<b hx-ext='sse'><p sse-connect='/live'><i sse-swap='a'></i></p>\
               <p sse-connect='/other'><i sse-swap='b'></i><i hx-trigger='sse:c'></i></p></b>";
    assert_eq!(problems(two, &["a"]).await, NONE);
}

#[tokio::test]
async fn m18_a_missing_extension_is_found() {
    let found = problems("<p sse-connect='/live'><i sse-swap='a'></i></p>", &["a"]).await;
    assert_eq!(found, ["sse-connect=\"/live\" has no hx-ext=\"sse\""]);
    for extensions in ["sse", "preload, sse"] {
        let page = format!("<p hx-ext='{extensions}' sse-connect='/live'><i sse-swap='a'></i></p>");
        assert_eq!(problems(&page, &["a"]).await, NONE);
    }
}

#[tokio::test]
async fn m18_a_target_from_above_is_found() {
    let found = "the swaps of \"a\" go to hx-target=\"#main\" from above: hx-disinherit it";
    for (above, connect, swap, expected) in [
        ("hx-target='#main'", "", "", Some(found)),
        ("", "hx-target='#main'", "", Some(found)),
        ("hx-target='#main'", "hx-disinherit='hx-target hx-swap'", "", None),
        ("hx-target='#main'", "hx-disinherit='*'", "", None),
        ("hx-target='#main' hx-disinherit='hx-target'", "", "", None),
        ("hx-target='#main'", "hx-disinherit='hx-swap'", "", Some(found)),
        ("hx-target='#main'", "", "hx-target='this'", None),
        ("hx-target='#main'", "hx-target='unset'", "", None),
    ] {
        let page = format!(
            "<main {above}><p hx-ext='sse' sse-connect='/live' {connect}><i sse-swap='a' {swap}></i></p></main>"
        );
        assert_eq!(problems(&page, &["a"]).await, Vec::from_iter(expected), "{page}");
    }
    let this = "<p hx-ext='sse' sse-connect='/live' hx-target='this'><i sse-swap='a'></i></p>";
    assert_eq!(problems(this, &["a"]).await.len(), 1, "`this` is the element above: its listeners would go");
}

#[tokio::test]
async fn m18_htmx_4_swaps_what_has_no_name_and_dispatches_what_has() {
    let page = "<p hx-sse:connect='/live' hx-sse:close='done' hx-on:count='x()'></p><i hx-get='/y' hx-trigger='price from:body'></i>";
    assert_eq!(problems(page, &["message", "count", "price", "done", "hx:release"]).await, NONE);
    assert_eq!(problems(page, &[]).await, NONE, "what an element would hear need not come");
    let found = problems(page, &["other"]).await;
    assert_eq!(found, ["the stream emits \"other\", which nothing in the page listens to"]);
}

#[tokio::test]
async fn m18_htmx_4_has_no_swap_and_inherits_only_what_says_so() {
    let page = "<main hx-target='#a'><p hx-sse:connect='/live'><i sse-swap='a'></i></p></main>";
    let found = problems(page, &["message"]).await;
    assert_eq!(found, ["sse-swap=\"a\" stands below hx-sse:connect: htmx 4 has no sse-swap"]);
    let page = "<main hx-target:inherited='#a'><p hx-sse:connect='/live'></p></main>";
    let found = problems(page, &["message"]).await;
    assert_eq!(found, ["the swaps of \"/live\" go to hx-target=\"#a\" from above: hx-disinherit it"]);
}

#[tokio::test]
#[should_panic(expected = "the page and the stream do not fit together:\n- nothing in the page connects")]
async fn m18_the_assertion_panics_with_the_problems() {
    let collected = Collector::get("/live").collect(&Emits(&["a"])).await.unwrap();
    assert_sse_wired("<p>hello</p>", &collected);
}
