//! A live dashboard and notifications as fragments of HTML, for whichever library reads them in the browser.
//!
//! | request | answer |
//! |---|---|
//! | `GET /?client=` | [`Pages::dashboard_page`] |
//! | `GET /dashboard/live?client=` | [`dashboard`] with [`Pages::options`] |
//! | `GET /notifications?client=` | [`Pages::notifications_page`] |
//! | `GET /notifications/live?client=` | [`notifications`] of [`Pages::subscribe`] with the request's last event id |
//! | `GET /streams.json` | [`Pages::streams_json`] |
//! | `POST /notify` | [`Pages::notify`] with the body, up to [`MAX_BODY`] |
//! | `POST /fail?block=`, `POST /heal` | [`Pages::fail`] with the body as the reason, [`Pages::heal`] |
//! | `POST /cut`, `POST /end` | [`Pages::cut`], [`Pages::end`] |
//! | `GET /about.json` | [`about_json`](crate::about_json) |
//!
//! The dashboard's fragments are rendered for each client; notifications are rendered when they are published, once for each
//! dialect, each a topic of one broadcaster. A page with notifications names the last one that it shows in its stream's URL
//! (`lastEventId`), so that nothing is missed between the page and the stream; from then on the header counts.
//!
//! How the libraries come back and stay away, as the test in `tests/browser` sees it:
//!
//! | | after a clean end | after a broken connection | told to stay away by |
//! |---|---|---|---|
//! | htmx 2.0.11, htmx-ext-sse 2.2.4 | comes back | comes back | `sse-close` |
//! | htmx 4.0.1 | comes back | comes back | `hx-sse:close` |
//! | Datastar 1.0.2 | with `retry: 'always'` only | comes back | removing its element, with `requestCancellation: 'cleanup'` |
//! | Turbo 8.0.23 | comes back | comes back | removing its element |
//!
//! All four send the last event id. Turbo acts at the next repaint: a stream that removes its element stays open until then.

mod client;
mod templates;

pub use client::Client;

use crate::host::Host;
use crate::streams::Stop;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::future::Future;
use core::time::Duration;
use minijinja::{Value, context};
use sse_broadcast::sse_core::connection::CloseEvent;
use sse_broadcast::sse_core::{Encoder, EventId, EventName, IntoFrame, ItemError, Retry, event_name};
use sse_broadcast::{Broadcaster, Delivery, Settings, Subscription};
use sse_driver::{ErrorPolicy, Options, PushError, Sender};
use sse_html::{Fragment, Swap, Target, target};
use std::sync::{Mutex, MutexGuard, PoisonError};
use templates::Templates;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_stream::StreamExt;

/// How large what is posted may be.
pub const MAX_BODY: usize = 16 * 1024;

/// How many notifications a page that is loaded shows.
pub const SHOWN: usize = 50;

/// How often the dashboard is renewed.
pub const PACE: Duration = Duration::from_millis(300);

const RETRY: Retry = Retry::from_millis(300);

/// How long a client may take to close its stream itself.
const GOODBYE: Duration = Duration::from_secs(5);

/// What can be made to fail.
const BREAKABLE: [&str; 4] = ["stats", "context", "viewers", "notification"];

/// The name of the event after which htmx closes its stream.
const CLOSE: EventName<'static> = event_name!("done");

/// The element that holds the stream.
const LIVE: Target<'static> = target!("live");

/// The pages and what they show. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Pages(Arc<State>);

#[derive(Debug)]
struct State {
    templates: Templates,
    hub: Broadcaster,
    /// Held while a notification is counted and published, and while a page is rendered that shows what was.
    alerts: Mutex<Alerts>,
    sample: watch::Sender<Sample>,
    /// Why a block fails.
    broken: Mutex<BTreeMap<&'static str, String>>,
    streams: Mutex<BTreeMap<String, Streams>>,
    cuts: watch::Sender<()>,
    ends: watch::Sender<()>,
    is_debug: bool,
    stop: Stop,
}

#[derive(Debug, Default)]
struct Alerts {
    count: u64,
    /// The blocks of the last ones.
    shown: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    tick: u64,
    cpu: f64,
    rss_kb: u64,
}

/// How many streams a client opened, and how many it has.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Streams {
    opened: u64,
    open: u64,
}

/// A block of the dashboard: a template, and the place that it is for.
#[derive(Clone, Copy, Debug)]
enum Block {
    Stats,
    Viewers,
}

impl Pages {
    /// Makes the pages; in debug mode a block that fails shows why, in its place.
    #[must_use]
    pub fn new(is_debug: bool, stop: Stop) -> Self {
        let hub = Broadcaster::new(Settings::new());
        // What the dialects name the events of a notification; those of htmx 4 and Turbo have no name.
        hub.register_event(event_name!("notification"));
        hub.register_event(event_name!("datastar-patch-elements"));
        Self(Arc::new(State {
            templates: Templates::new(),
            hub,
            alerts: Mutex::default(),
            sample: watch::Sender::default(),
            broken: Mutex::default(),
            streams: Mutex::default(),
            cuts: watch::Sender::new(()),
            ends: watch::Sender::new(()),
            is_debug,
            stop,
        }))
    }

    /// The same, in debug mode when the environment variable `SSE_DEBUG` is `1`.
    #[must_use]
    pub fn from_env(stop: Stop) -> Self {
        Self::new(std::env::var_os("SSE_DEBUG").is_some_and(|value| value == "1"), stop)
    }

    /// Renews the dashboard, for as long as it is polled.
    pub async fn measure(&self) {
        let mut host = Host::default();
        let mut turns = interval(PACE);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let figures = host.read();
            self.0.sample.send_modify(|sample| {
                *sample = Sample { tick: sample.tick + 1, cpu: figures.cpu, rss_kb: figures.rss_kb };
            });
        }
    }

    /// The dashboard, with the figures of now in it.
    ///
    /// # Errors
    ///
    /// What the template says.
    pub fn dashboard_page(&self, client: Client) -> Result<String, minijinja::Error> {
        let sample = *self.0.sample.borrow();
        // A block that fails leaves its place empty: the stream tells what there is to tell.
        let block = |block| Value::from_safe_string(self.render(block, &sample).unwrap_or_default());
        let page = context! {
            title => "Dashboard", path => "/", other_page => "/notifications", other_title => "Notifications",
            breakable => ["stats", "context", "viewers"],
            stream => format!("/dashboard/live?client={}", client.name()),
            stats => block(Block::Stats), viewers => block(Block::Viewers),
        };
        self.page("dashboard.html", client, page)
    }

    /// The notifications so far, and the stream that goes on behind the last of them.
    ///
    /// # Errors
    ///
    /// What the template says.
    pub fn notifications_page(&self, client: Client) -> Result<String, minijinja::Error> {
        let (position, alerts) = {
            let alerts = lock(&self.0.alerts);
            (self.0.hub.position().to_id(), alerts.shown.iter().map(String::as_str).collect::<String>())
        };
        let page = context! {
            title => "Notifications", path => "/notifications", other_page => "/", other_title => "Dashboard",
            breakable => ["notification"],
            stream => format!("/notifications/live?client={}&lastEventId={position}", client.name()),
            alerts => Value::from_safe_string(alerts),
        };
        self.page("notifications.html", client, page)
    }

    /// The notifications for a client, from the last one that it saw on; see [`notifications`].
    pub fn subscribe(&self, client: Client, last_event_id: Option<&EventId<'_>>) -> Subscription {
        self.0.hub.subscribe_or_refuse([topic(client)], last_event_id)
    }

    /// What both streams are told: how to come back, what becomes of a block that fails, and how they end.
    pub fn options(&self) -> Options {
        let policy = if self.0.is_debug { ErrorPolicy::inline() } else { ErrorPolicy::notify() };
        Options::new()
            .with_retry(RETRY)
            .on_error(policy)
            // A client shall come back after a cut, and to a server that starts again.
            .with_close_event(CloseEvent::new(CLOSE).not_on_shutdown())
            .until(self.is_cut())
    }

    /// Notifies everybody. Says whether there was anything to show.
    #[must_use]
    pub fn notify(&self, text: &str) -> bool {
        let mut alerts = lock(&self.0.alerts);
        let number = alerts.count + 1;
        let render = || {
            let broken = self.why_broken("notification");
            let alert = context! { number, text };
            self.0.templates.render("alert.html", context! { broken, alert })
        };
        for client in Client::ALL {
            let fragment = Fragment::try_new(target!("notification"), render).with_swap(Swap::Append);
            let frame = match fragment.in_dialect(client.dialect()).into_frame(&Encoder::new()) {
                Ok(frame) => frame,
                Err(ItemError::Render(error)) if self.0.is_debug => error.stand_in().clone(),
                Err(_) => continue,
            };
            // Refused when the server stops: there is nobody left to tell.
            drop(self.0.hub.publish(&topic(client), frame));
        }
        let Ok(block) = render() else { return false };
        alerts.count = number;
        alerts.shown.push_back(block);
        if alerts.shown.len() > SHOWN {
            alerts.shown.pop_front();
        }
        true
    }

    /// Lets a block fail from now on: `stats`, `viewers`, `notification`, or `context`, which the block `stats` needs.
    /// Nothing else can.
    pub fn fail(&self, block: &str, why: &str) {
        if let Some(block) = BREAKABLE.into_iter().find(|known| *known == block) {
            lock(&self.0.broken).insert(block, why.to_owned());
        }
    }

    /// Lets no block fail any more.
    pub fn heal(&self) {
        lock(&self.0.broken).clear();
    }

    /// Cuts every stream without a word, as a server does that goes away.
    pub fn cut(&self) {
        self.0.cuts.send_replace(());
    }

    /// Ends every stream for good: clients stay away.
    pub fn end(&self) {
        self.0.ends.send_replace(());
    }

    /// How many streams each client opened on each page, and how many are open.
    #[must_use]
    pub fn streams_json(&self) -> String {
        serde_json::to_string(&*lock(&self.0.streams)).unwrap_or_default()
    }

    fn is_cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut cuts, stopped) = (self.0.cuts.subscribe(), self.0.stop.clone().pressed());
        async move {
            tokio::select! {
                _ = cuts.changed() => {}
                () = stopped => {}
            }
        }
    }

    fn page(&self, name: &str, client: Client, page: Value) -> Result<String, minijinja::Error> {
        let clients = Client::ALL.map(Client::to_value).to_vec();
        let shared = context! { close => CLOSE.as_str(), is_debug => self.0.is_debug, client => client.to_value(), clients };
        self.0.templates.render(name, context! { ..page, ..shared })
    }

    /// A block of the dashboard as a fragment, for any dialect.
    fn fragment(&self, block: Block, sample: Sample, client: Client) -> impl IntoFrame + use<'_> {
        let build = move || match self.why_broken("context") {
            Some(why) if matches!(block, Block::Stats) => Err(why),
            _ => Ok(sample),
        };
        Fragment::with_context(block.target(), build, move |sample| self.render(block, &sample))
            .in_dialect(client.dialect())
    }

    fn render(&self, block: Block, sample: &Sample) -> Result<String, minijinja::Error> {
        let Sample { tick, cpu, rss_kb } = *sample;
        let stats = context! { tick, cpu => (cpu * 100.0).round(), memory => rss_kb / 1_000 };
        let viewers = lock(&self.0.streams)
            .iter()
            .filter(|(name, _)| name.starts_with("dashboard/"))
            .map(|(_, streams)| streams.open)
            .sum::<u64>();
        let broken = self.why_broken(block.name());
        self.0.templates.render(block.template(), context! { broken, stats, viewers })
    }

    fn why_broken(&self, block: &str) -> Option<String> {
        lock(&self.0.broken).get(block).cloned()
    }

    fn count(&self, page: &str, client: Client) -> Counted {
        let name = format!("{page}/{}", client.name());
        let mut streams = lock(&self.0.streams);
        let of_client = streams.entry(name.clone()).or_default();
        of_client.opened += 1;
        of_client.open += 1;
        Counted { pages: self.clone(), name }
    }
}

impl Block {
    const ALL: [Self; 2] = [Self::Stats, Self::Viewers];

    fn name(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Viewers => "viewers",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Stats => "stats.html",
            Self::Viewers => "viewers.html",
        }
    }

    /// The element that shows it and, for htmx 2, the event that brings it.
    fn target(self) -> Target<'static> {
        match self {
            Self::Stats => target!("stats-update"),
            Self::Viewers => target!("viewers-update"),
        }
    }
}

/// The figures as they are taken, in the client's dialect, until the streams end.
///
/// # Errors
///
/// [`PushError`] when the client leaves.
pub async fn dashboard(mut events: Sender, pages: Pages, client: Client) -> Result<(), PushError> {
    let _counted = pages.count("dashboard", client);
    let (mut sample, mut ends) = (pages.0.sample.subscribe(), pages.0.ends.subscribe());
    sample.mark_changed();
    loop {
        tokio::select! {
            _ = ends.changed() => return say_goodbye(&mut events, client).await,
            _ = sample.changed() => {}
        }
        let now = *sample.borrow_and_update();
        for block in Block::ALL {
            // One that cannot be rendered is the error policy's; the others go on.
            events.send(pages.fragment(block, now, client)).await?;
        }
    }
}

/// What is published, until the streams end.
///
/// # Errors
///
/// [`PushError`] when the client leaves.
pub async fn notifications(
    mut events: Sender,
    pages: Pages,
    client: Client,
    mut published: Subscription,
) -> Result<(), PushError> {
    let _counted = pages.count("notifications", client);
    let mut ends = pages.0.ends.subscribe();
    loop {
        let delivery = tokio::select! {
            _ = ends.changed() => None,
            delivery = published.next() => delivery,
        };
        match delivery {
            Some(Delivery::Frame(frame)) => events.send(frame).await?,
            _ => return say_goodbye(&mut events, client).await,
        }
    }
}

/// htmx knows a close event. The others have none: they close their stream when the element that holds it is removed.
async fn say_goodbye(events: &mut Sender, client: Client) -> Result<(), PushError> {
    if matches!(client, Client::Datastar | Client::Turbo) {
        events.send(Fragment::remove(LIVE).in_dialect(client.dialect())).await?;
        // Turbo acts at the next repaint. If the stream ended before, its EventSource might ask once more.
        sleep(GOODBYE).await;
    }
    Ok(())
}

/// A stream that is counted until it is dropped.
struct Counted {
    pages: Pages,
    name: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(streams) = lock(&self.pages.0.streams).get_mut(&self.name) {
            streams.open = streams.open.saturating_sub(1);
        }
    }
}

fn topic(client: Client) -> String {
    format!("notifications/{}", client.name())
}

/// Nothing is left half done by a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pages(is_debug: bool) -> Pages {
        let pages = Pages::new(is_debug, Stop::on_ctrl_c());
        pages.0.sample.send_replace(Sample { tick: 7, cpu: 0.5, rss_kb: 9_000 });
        pages
    }

    fn wire(item: impl IntoFrame) -> Result<String, ItemError> {
        let frame = item.into_frame(&Encoder::new())?;
        Ok(core::str::from_utf8(frame.as_bytes()).unwrap().to_owned())
    }

    async fn next(stream: &mut Subscription) -> String {
        match stream.next().await {
            Some(Delivery::Frame(frame)) => core::str::from_utf8(frame.as_bytes()).unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn every_page_renders_whole_for_every_client() {
        let pages = pages(false).await;
        assert!(pages.notify("a <b> & \"c\""));
        for client in Client::ALL {
            let dashboard = pages.dashboard_page(client).unwrap();
            assert_eq!(dashboard.matches("<dl data-tick=\"7\">").count(), 2, "{dashboard}");
            let notifications = pages.notifications_page(client).unwrap();
            assert!(
                notifications.contains("<li data-number=\"1\">a &lt;b&gt; &amp; &quot;c&quot;</li>"),
                "{notifications}"
            );
            for (page, stream) in
                [(dashboard, "/dashboard/live?client="), (notifications, "/notifications/live?client=")]
            {
                // As an attribute: `/` is escaped.
                let stream = format!("{stream}{}", client.name()).replace('/', "&#x2f;");
                assert_eq!(page.matches(&stream).count(), 1, "{page}");
                assert_eq!(page.matches("id=\"live\"").count(), 1, "{page}");
            }
        }
    }

    #[tokio::test]
    async fn pages_name_exact_versions_and_put_nothing_in_as_markup() {
        let pages = pages(false).await;
        for client in Client::ALL {
            let page = pages.dashboard_page(client).unwrap();
            let sources: Vec<_> = page
                .split("<script")
                .filter_map(|tag| tag.split_once("src=\"")?.1.split('"').next())
                .collect();
            assert!(!sources.is_empty());
            for source in sources {
                let version = source.split('@').next_back().unwrap_or_default();
                assert!(
                    version.contains(|c: char| c.is_ascii_digit()) && version.matches('.').count() >= 3,
                    "{source}"
                );
            }
            for sink in ["innerHTML =", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!page.contains(sink), "{sink}");
            }
        }
    }

    #[tokio::test]
    async fn m12_a_block_that_fails_fails_alone_and_heals() {
        let pages = pages(false).await;
        let sample = *pages.0.sample.borrow();
        pages.fail("stats", "no <table>");
        pages.fail("anything", "is not a block");
        assert_eq!(lock(&pages.0.broken).len(), 1);
        for client in Client::ALL {
            let Err(ItemError::Render(error)) = wire(pages.fragment(Block::Stats, sample, client)) else {
                panic!("rendered")
            };
            let stand_in = core::str::from_utf8(error.stand_in().as_bytes()).unwrap();
            assert!(stand_in.contains("no &lt;table&gt;") && !stand_in.contains("no <table>"), "{stand_in}");
            assert!(wire(pages.fragment(Block::Viewers, sample, client)).is_ok());
        }
        pages.heal();
        pages.fail("context", "no row");
        let left_out = wire(pages.fragment(Block::Stats, sample, Client::Htmx2));
        assert!(matches!(left_out, Err(ItemError::Skip(_))), "{left_out:?}");
        pages.heal();
        assert!(
            wire(pages.fragment(Block::Stats, sample, Client::Htmx2))
                .unwrap()
                .starts_with("event: stats-update\n")
        );
    }

    #[tokio::test]
    async fn m14_a_notification_reaches_each_client_in_its_dialect_and_resumes() {
        let pages = pages(false).await;
        let mut streams = Client::ALL.map(|client| pages.subscribe(client, None));
        for stream in &mut streams {
            assert!(next(stream).await.starts_with("event: sse:start\n"));
        }
        assert!(pages.notify("one"));
        let parts = [
            "event: notification\n",
            "data: <hx-partial hx-target=\"#notification\" hx-swap=\"beforeend\">",
            "event: datastar-patch-elements\n",
            "data: <turbo-stream action=\"append\" target=\"notification\">",
        ];
        for ((stream, client), part) in streams.iter_mut().zip(Client::ALL).zip(parts) {
            let one = next(stream).await;
            assert!(one.contains(part) && one.contains("<li data-number=\"1\">one</li>"), "{one}");
            let seen = stream.position().to_id();
            assert!(pages.notify("missed"));
            let mut back = pages.subscribe(client, Some(&seen));
            let missed = next(&mut back).await;
            assert!(missed.contains(">missed</li>") && !missed.contains(">one</li>"), "{missed}");
        }
    }

    #[tokio::test]
    async fn m11_a_notification_that_fails_is_shown_to_developers_only_and_not_counted() {
        for is_debug in [false, true] {
            let pages = pages(is_debug).await;
            let mut stream = pages.subscribe(Client::Htmx2, None);
            next(&mut stream).await;
            pages.fail("notification", "no <table>");
            assert!(!pages.notify("lost"));
            pages.heal();
            assert!(pages.notify("found"));
            let sent = next(&mut stream).await;
            assert_eq!(sent.contains("sse-block-error"), is_debug, "{sent}");
            assert_eq!(sent.contains("no &lt;table&gt;"), is_debug, "{sent}");
            assert!(sent.contains("<li data-number=\"1\">found</li>"), "{sent}");
        }
    }

    #[tokio::test]
    async fn a_stream_counts_while_it_is_there() {
        let pages = pages(false).await;
        let counted = pages.count("dashboard", Client::Turbo);
        assert_eq!(pages.streams_json(), r#"{"dashboard/turbo":{"opened":1,"open":1}}"#);
        drop(counted);
        assert_eq!(pages.streams_json(), r#"{"dashboard/turbo":{"opened":1,"open":0}}"#);
    }
}
