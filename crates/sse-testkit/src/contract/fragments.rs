//! Fragments of HTML, and the error boundary round their rendering.

use super::client::get;
use super::{Adapter, Answer, App, BoxSource, Client, Recording};
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use sse_driver::sse_core::connection::CloseEvent;
use sse_driver::sse_core::{Comment, Encoder, Event, Frame, IntoFrame, ItemError, event_name};
use sse_driver::{ErrorAction, ErrorPolicy, Notice, Options, Push, PushError, Sender};
use sse_html::{Dialect, Fragment, Render, Swap, target};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::sleep;

/// What must not reach users.
const SECRET: &str = "no table 'users' at <10.0.0.7>";

/// What developers see of it.
const BLOCK: &str = "<div class=\"sse-block-error\" data-block=\"stats\"><strong>TemplateError</strong>: \
                     no table &#x27;users&#x27; at &lt;10.0.0.7&gt;</div>";

fn rendered(html: &str) -> Fragment<'static, impl Render + use<>> {
    let html = html.to_owned();
    Fragment::try_new(target!("stats"), || Ok::<_, &str>(html))
}

fn failing() -> Fragment<'static, impl Render> {
    Fragment::try_new(target!("stats"), || Err::<&str, _>(SECRET))
}

fn without_context() -> Fragment<'static, impl Render> {
    Fragment::with_context(target!("stats"), || Err::<u8, _>(SECRET), Ok::<_, &str>)
}

/// A value that is no fragment and cannot be encoded.
struct Unencodable;

impl IntoFrame for Unencodable {
    fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
        Err(ItemError::Encode(SECRET.into()))
    }
}

/// A stream of different items, all ready.
#[derive(Default)]
struct Items(VecDeque<Item>);

struct Item(Box<Encode>);

type Encode = dyn FnOnce(&Encoder) -> Result<Frame, ItemError> + Send;

impl Items {
    fn then(mut self, item: impl IntoFrame + Send + 'static) -> Self {
        self.0.push_back(Item(Box::new(|encoder| item.into_frame(encoder))));
        self
    }
}

impl Stream for Items {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        Poll::Ready(self.0.pop_front())
    }
}

impl IntoFrame for Item {
    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        (self.0)(encoder)
    }
}

async fn recorded<A: Adapter>(
    items: impl Fn() -> Items + Send + Sync + 'static,
    policy: &ErrorPolicy,
) -> Recording {
    let policy = policy.clone();
    let app = App::new(move |_| Answer {
        source: BoxSource::new(items()),
        options: Options::new().on_error(policy.clone()),
    });
    Client::connect::<A>(app).await.record(9_000).await
}

/// A stream may be made of fragments and of anything else.
pub async fn m09_a_stream_may_be_made_of_fragments_and_of_anything_else<A: Adapter>() {
    let items = || {
        Items::default()
            .then(Fragment::new(target!("stats"), "\n<p>7</p>\n").with_id(1_u64))
            .then("text")
            .then(Event::new("b").with_name(event_name!("named")))
            .then(Comment::new("why"))
            .then(Fragment::remove(target!("stats")).in_dialect(Dialect::Turbo))
    };
    let text = ":\nevent: stats\nid: 1\ndata: <p>7</p>\n\ndata: text\n\nevent: named\ndata: b\n\n: why\n\
                data: <turbo-stream action=\"remove\" target=\"stats\"></turbo-stream>\n\n";
    recorded::<A>(items, &ErrorPolicy::default()).await.expect(&[(0, text)], Some(0));
}

/// A failed render is told without its error, and the stream goes on.
pub async fn m11_a_failed_render_is_told_without_its_error_and_the_stream_goes_on<A: Adapter>() {
    let items = || Items::default().then(rendered("1")).then(failing()).then(rendered("2"));
    let text = ":\nevent: stats\ndata: 1\n\nevent: sse:error\ndata: Event rendering failed\n\n\
                event: stats\ndata: 2\n\n";
    recorded::<A>(items, &ErrorPolicy::default()).await.expect(&[(0, text)], Some(0));
}

/// A failed render is shown in its place, in development.
pub async fn m11_a_failed_render_is_shown_in_its_place_in_development<A: Adapter>() {
    let items = || {
        Items::default()
            .then(failing())
            .then(failing().with_swap(Swap::Append).in_dialect(Dialect::Htmx4))
            .then(Unencodable)
            .then(rendered("2"))
    };
    let text = format!(
        ":\nevent: stats\ndata: {BLOCK}\n\n\
         data: <hx-partial hx-target=\"#stats\" hx-swap=\"beforeend\">{BLOCK}</hx-partial>\n\n\
         event: sse:error\ndata: a value could not be encoded: {SECRET}\n\n\
         event: stats\ndata: 2\n\n"
    );
    recorded::<A>(items, &ErrorPolicy::inline()).await.expect(&[(0, &text)], Some(0));
}

/// A failed render is skipped in silence, and the next one renders again.
pub async fn m12_a_failed_render_is_skipped_in_silence_and_the_next_one_renders_again<A: Adapter>() {
    let items = || Items::default().then(rendered("1")).then(failing()).then(rendered("2"));
    let text = ":\nevent: stats\ndata: 1\n\nevent: stats\ndata: 2\n\n";
    recorded::<A>(items, &ErrorPolicy::skip()).await.expect(&[(0, text)], Some(0));
}

/// A failed render ends no async function: the policy is asked, in the order of the events.
pub async fn m12_a_failed_render_ends_no_async_function<A: Adapter>() {
    for (policy, told) in [
        (ErrorPolicy::notify(), "event: sse:error\ndata: Event rendering failed\n\n"),
        (ErrorPolicy::skip(), ""),
        (ErrorPolicy::inline(), &*format!("event: stats\ndata: {BLOCK}\n\n")),
    ] {
        let app = App::new(move |_| {
            let function = async |mut events: Sender| {
                events.send(rendered("1")).await?;
                events.send(failing()).await?;
                events.send(without_context()).await?;
                events.try_send(failing())?;
                events.send(rendered("2")).await?;
                sleep(Duration::from_millis(100)).await;
                events.send(rendered("3")).await
            };
            let function = move |events| -> Pin<Box<dyn Future<Output = Result<(), PushError>> + Send>> {
                Box::pin(function(events))
            };
            let options = Options::new().on_error(policy.clone());
            Answer { source: BoxSource::new(Push::new(function)), options }
        });
        let at_once = format!(":\nevent: stats\ndata: 1\n\n{told}{told}event: stats\ndata: 2\n\n");
        let recording = Client::connect::<A>(app).await.record(9_000).await;
        recording.expect(&[(0, &at_once), (100, "event: stats\ndata: 3\n\n")], Some(100));
    }
}

/// An event without its context is left out whatever the policy, and reported.
pub async fn m12_an_event_without_its_context_is_left_out_whatever_the_policy<A: Adapter>() {
    for policy in [
        ErrorPolicy::notify().with_details(),
        ErrorPolicy::inline(),
        ErrorPolicy::skip(),
        ErrorPolicy::close(),
        ErrorPolicy::custom(|_| ErrorAction::Close),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let app = App::new(move |_| {
            let listener = Arc::clone(&listener);
            let observer = move |notice: &Notice<'_>| {
                if let Notice::Error { error, .. } = notice {
                    listener.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
                }
            };
            let items = Items::default().then(rendered("1")).then(without_context()).then(rendered("2"));
            let options = Options::new().on_error(policy.clone()).with_observer(observer);
            Answer { source: BoxSource::new(items), options }
        });
        let recording = Client::connect::<A>(app).await.record(9_000).await;
        recording.expect(&[(0, ":\nevent: stats\ndata: 1\n\nevent: stats\ndata: 2\n\n")], Some(0));
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert_eq!(heard, [format!("a value was left out: no context for `stats`: {SECRET}")]);
    }
}

/// An endless row of left out events lets others run.
pub async fn m12_an_endless_row_of_left_out_events_lets_others_run<A: Adapter>() {
    /// As good as endless: a driver that never yields fails the test instead of hanging it.
    struct Endless(Arc<AtomicU32>);
    impl Stream for Endless {
        type Item = Item;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
            let given = self.0.fetch_add(1, Ordering::Relaxed);
            let item = || Item(Box::new(|encoder| without_context().into_frame(encoder)));
            Poll::Ready((given < ENOUGH).then(item))
        }
    }
    const ENOUGH: u32 = 100_000;
    let given = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&given);
    let app = App::new(move |_| Answer {
        source: BoxSource::new(Endless(Arc::clone(&counter))),
        options: Options::new(),
    });
    let mut client = Client::connect::<A>(app).await;
    let response = client.request(get()).await;
    assert_eq!(response.status(), 200);
    let given = given.load(Ordering::Relaxed);
    assert!(given < ENOUGH, "the response is served beside the stream that never waits");
    client.leave();
}

/// A failed producer is told without its error; then the close event, then the end.
pub async fn m13_a_failed_producer_is_told_without_its_error_then_the_close_event_then_the_end<A: Adapter>() {
    for (policy, told) in [
        (ErrorPolicy::notify(), "Internal server error"),
        (ErrorPolicy::inline(), &*format!("the source failed: {SECRET}")),
    ] {
        let app = App::new(move |_| {
            let items =
                Items::default().then(rendered("1")).then(Err::<&str, _>(SECRET)).then(rendered("never"));
            let close_event = CloseEvent::new(event_name!("done")).with_reason();
            let options = Options::new().on_error(policy.clone()).with_close_event(close_event);
            Answer { source: BoxSource::new(items), options }
        });
        let text = format!(
            ":\nevent: stats\ndata: 1\n\nevent: sse:error\ndata: {told}\n\nevent: done\ndata: source-failed\n\n"
        );
        Client::connect::<A>(app).await.record(9_000).await.expect(&[(0, &text)], Some(0));
    }
}

/// A fragment arrives in the dialect of its client.
pub async fn m14_a_fragment_arrives_in_the_dialect_of_its_client<A: Adapter>() {
    for (dialect, wire) in [
        (Dialect::Htmx2, "event: log\nid: 9\ndata: <li>\ndata: 7</li>\n\n"),
        (
            Dialect::Htmx4,
            "id: 9\ndata: <hx-partial hx-target=\"#log\" hx-swap=\"beforeend\"><li>\ndata: 7</li></hx-partial>\n\n",
        ),
        (
            Dialect::Datastar,
            "event: datastar-patch-elements\nid: 9\ndata: selector #log\ndata: mode append\n\
             data: elements <li>\ndata: elements 7</li>\n\n",
        ),
        (
            Dialect::Turbo,
            "id: 9\ndata: <turbo-stream action=\"append\" target=\"log\"><template><li>\n\
             data: 7</li></template></turbo-stream>\n\n",
        ),
    ] {
        let items = move || {
            let row = Fragment::new(target!("log"), "<li>\n7</li>\n");
            Items::default().then(row.with_swap(Swap::Append).with_id(9_u64).in_dialect(dialect))
        };
        let text = format!(":\n{wire}");
        recorded::<A>(items, &ErrorPolicy::default()).await.expect(&[(0, &text)], Some(0));
    }
}
