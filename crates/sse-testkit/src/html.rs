//! Whether a page of htmx listens to what a stream sends, and the other way round.
//!
//! A name that differs by a letter between page and server is an error that nobody reports: neither htmx nor the browser
//! says anything. [`assert_sse_wired`] does.
//!
//! | rule | htmx 2 (`sse-connect`) | htmx 4 (`hx-sse:connect`) |
//! |---|---|---|
//! | the page connects to the stream | by path | by path |
//! | what is listened to is emitted | `sse-swap`, `hx-trigger="sse:…"` | |
//! | what is emitted is listened to | and `sse-close` | named events by `hx-trigger`, `hx-on:…`, `hx-sse:close` |
//! | [`MissingPrefix`](WiringProblem::MissingPrefix) | `hx-trigger` hears what has the prefix `sse:` | |
//! | [`Orphan`](WiringProblem::Orphan) | `sse-swap` stands below `sse-connect` | |
//! | [`SelfSwap`](WiringProblem::SelfSwap) | not on the same element: see [`Wiring::with_self_swap`] | |
//! | [`MissingExtension`](WiringProblem::MissingExtension) | `hx-ext="sse"` on it or above | |
//! | [`InheritedTarget`](WiringProblem::InheritedTarget) | no `hx-target` from above | no `hx-target:inherited` from above |
//! | [`RemovedSwap`](WiringProblem::RemovedSwap) | | no `sse-swap`: htmx 4 has it no more |
//!
//! `sse:start` and `sse:retry`, by which broadcasters give the first id and the time to come back, need no listener.
//!
//! Which htmx a page means is told by its attribute. Attributes may be written `data-…`. What scripts listen to, and what
//! htmx's configuration changes, is not in the page: see [`Wiring`].

#[cfg(test)]
mod tests;

use crate::collect::Collected;
use core::error::Error;
use core::fmt;
use scraper::{ElementRef, Html};
use std::collections::BTreeSet;

/// Asserts that a page and a stream fit together, by the rules of the [module](self).
///
/// # Panics
///
/// When they do not, with all problems.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, Sse, event_name};
/// use sse_testkit::{collect::Collector, html::assert_sse_wired, tower::Tower};
///
/// let page = r#"
///   <main hx-ext="sse" sse-connect="/live" hx-disinherit="hx-target hx-swap">
///     <p sse-swap="price"></p>
///   </main>"#;
/// let live = || async { Sse::new(tokio_stream::iter([Event::new("<b>42</b>").with_name(event_name!("price"))])) };
/// let app = Tower::new(Router::new().route("/live", get(live)));
/// assert_sse_wired(page, &Collector::get("/live").collect(&app).await?);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[track_caller]
#[allow(clippy::panic, reason = "it asserts")]
pub fn assert_sse_wired(page: &str, collected: &Collected) {
    if let Err(error) = check_wiring(page, collected) {
        panic!("{error}");
    }
}

/// Checks that a page and a stream fit together, by the rules of the [module](self).
///
/// # Errors
///
/// When they do not, with all problems.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sse_testkit::collect::CollectError> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, Sse, event_name};
/// use sse_testkit::{collect::Collector, html::check_wiring, tower::Tower};
///
/// let page = r#"<main hx-ext="sse" sse-connect="/live"><p sse-swap="prices"></p></main>"#;
/// let live = || async { Sse::new(tokio_stream::iter([Event::new("<b>42</b>").with_name(event_name!("price"))])) };
/// let app = Tower::new(Router::new().route("/live", get(live)));
/// let error = check_wiring(page, &Collector::get("/live").collect(&app).await?).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the page and the stream do not fit together:\n\
///      - the page listens to \"prices\", which the stream does not emit\n\
///      - the stream emits \"price\", which nothing in the page listens to"
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
pub fn check_wiring(page: &str, collected: &Collected) -> Result<(), WiringError> {
    Wiring::new(page).check(collected)
}

/// A page to check, with what cannot be seen in it.
///
/// ```
/// # #[cfg(feature = "tower")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use axum::{Router, routing::get};
/// use sse_axum::{Event, Sse, event_name};
/// use sse_testkit::{collect::Collector, html::Wiring, tower::Tower};
///
/// let page = r#"<main hx-ext="sse" sse-connect="/live"><p sse-swap="alert"></p></main>"#;
/// let live = || async { Sse::new(tokio_stream::iter([Event::new("1").with_name(event_name!("count"))])) };
/// let app = Tower::new(Router::new().route("/live", get(live)));
/// let collected = Collector::get("/live").collect(&app).await?;
/// Wiring::new(page).with_rare_event("alert").with_script_listener("count").check(&collected)?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tower"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Wiring<'a> {
    page: &'a str,
    rare: BTreeSet<&'a str>,
    scripted: BTreeSet<&'a str>,
    may_swap_self: bool,
}

impl<'a> Wiring<'a> {
    /// Takes a page, or a part of one as a template has it: from its first tag on, rows and cells of a table too.
    pub fn new(page: &'a str) -> Self {
        Self { page, rare: BTreeSet::new(), scripted: BTreeSet::new(), may_swap_self: false }
    }

    /// Names an event that need not be among those that were collected.
    pub fn with_rare_event(mut self, name: &'a str) -> Self {
        self.rare.insert(name);
        self
    }

    /// Names an event that a script listens to.
    pub fn with_script_listener(mut self, name: &'a str) -> Self {
        self.scripted.insert(name);
        self
    }

    /// Allows `sse-swap` on the element of `sse-connect`.
    ///
    /// Guides forbid it, so a check reports it unless it is told not to. The extensions that were tried (of htmx 1.8.6 and
    /// 1.9.12, and 2.1.0 to 2.2.4) do swap there, after a reconnection too. An `outerHTML` swap takes the connection away
    /// with its element.
    ///
    /// ```
    /// # #[cfg(feature = "tower")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use sse_axum::Sse;
    /// use sse_testkit::{collect::Collector, html::{Wiring, check_wiring}, tower::Tower};
    ///
    /// let page = r#"<p hx-ext="sse" sse-connect="/live" sse-swap="message"></p>"#;
    /// let app = Tower::new(Router::new().route("/live", get(|| async { Sse::new(tokio_stream::iter(["a"])) })));
    /// let collected = Collector::get("/live").collect(&app).await?;
    /// assert!(check_wiring(page, &collected).is_err());
    /// Wiring::new(page).with_self_swap().check(&collected)?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tower"))]
    /// # fn main() {}
    /// ```
    pub fn with_self_swap(mut self) -> Self {
        self.may_swap_self = true;
        self
    }

    /// Checks that the page and a stream fit together.
    ///
    /// # Errors
    ///
    /// When they do not, with all problems.
    pub fn check(&self, collected: &Collected) -> Result<(), WiringError> {
        let page = parse(self.page);
        let mut found = Found::default();
        for element in page.tree.nodes().filter_map(ElementRef::wrap) {
            found.element(element, collected.uri());
        }
        if self.may_swap_self {
            found.problems.retain(|problem| !matches!(problem, WiringProblem::SelfSwap { .. }));
        }
        let Found { is_connected, is_htmx4, wanted, heard, unprefixed, dispatched, mut problems } = found;
        let emitted: BTreeSet<&str> = collected.events.iter().map(|event| event.name.as_str()).collect();
        if is_connected {
            let missing = wanted.iter().filter(|name| !emitted.contains(name.as_str()));
            let missing = missing.filter(|name| !self.rare.contains(name.as_str()));
            problems.extend(missing.map(|name| WiringProblem::NotEmitted { name: name.clone() }));
            let is_heard = |name: &str| {
                // They carry an id and a reconnection time, which every client takes.
                ["sse:start", "sse:retry"].contains(&name)
                    || wanted.contains(name)
                    || heard.contains(name)
                    || (is_htmx4 && (unprefixed.contains(name) || dispatched.contains(name)))
                    || self.scripted.contains(name)
                    // htmx 4 swaps what has no name, and has a name of its own.
                    || (is_htmx4 && ["message", "hx:release"].contains(&name))
            };
            let unheard = emitted.iter().filter(|name| !is_heard(name));
            problems.extend(unheard.map(|&name| {
                let (is_unprefixed, name) = (unprefixed.contains(name), name.to_owned());
                if is_unprefixed {
                    WiringProblem::MissingPrefix { name }
                } else {
                    WiringProblem::NotListenedTo { name }
                }
            }));
        } else {
            problems.push(WiringProblem::NotConnected { uri: collected.uri().to_owned() });
        }
        if problems.is_empty() { Ok(()) } else { Err(WiringError { problems }) }
    }
}

/// How a page and a stream do not fit together.
///
/// ```
/// use sse_testkit::html::WiringProblem;
///
/// let problem = WiringProblem::NotEmitted { name: "price".to_owned() };
/// assert_eq!(problem.to_string(), "the page listens to \"price\", which the stream does not emit");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WiringProblem {
    /// Nothing in the page connects to where the stream was collected.
    NotConnected {
        /// What was asked for.
        uri: String,
    },
    /// The page waits for what does not come.
    NotEmitted {
        /// The event's name.
        name: String,
    },
    /// The stream sends what nobody takes.
    NotListenedTo {
        /// The event's name.
        name: String,
    },
    /// The stream sends what an `hx-trigger` of htmx 2 names without the prefix `sse:`, and nothing else takes.
    MissingPrefix {
        /// The event's name.
        name: String,
    },
    /// `sse-swap` without `sse-connect` above it.
    Orphan {
        /// The value of `sse-swap`.
        names: String,
    },
    /// `sse-swap` on the element of `sse-connect`: see [`Wiring::with_self_swap`].
    SelfSwap {
        /// The value of `sse-swap`.
        names: String,
    },
    /// htmx 2 without `hx-ext="sse"`.
    MissingExtension {
        /// The value of `sse-connect`.
        url: String,
    },
    /// An element's swaps go to the target of an element above. `hx-disinherit="hx-target"` in between, or a target of
    /// its own, keeps them. `hx-target="this"` does so on the swapping element only: further up, `this` is that element,
    /// and the first swap replaces the listeners in it, so that the second event goes nowhere.
    InheritedTarget {
        /// The value of `sse-swap`, or of `hx-sse:connect`.
        of: String,
        /// The value of `hx-target`.
        target: String,
    },
    /// `sse-swap` below `hx-sse:connect`: htmx 4 swaps what has no name, and dispatches what has.
    RemovedSwap {
        /// The value of `sse-swap`.
        names: String,
    },
}

/// A page and a stream that do not fit together.
///
/// ```
/// use sse_testkit::html::{WiringError, WiringProblem};
///
/// fn misspelt(error: &WiringError) -> impl Iterator<Item = &str> {
///     error.problems.iter().filter_map(|problem| match problem {
///         WiringProblem::NotEmitted { name } => Some(name.as_str()),
///         _ => None,
///     })
/// }
/// # let _ = misspelt;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WiringError {
    /// All problems: those of the page, in its order, then those of names.
    pub problems: Vec<WiringProblem>,
}

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page and the stream do not fit together:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

impl Error for WiringError {}

impl fmt::Display for WiringProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected { uri } => write!(f, "nothing in the page connects to {uri:?}"),
            Self::NotEmitted { name } => {
                write!(f, "the page listens to {name:?}, which the stream does not emit")
            }
            Self::NotListenedTo { name } => {
                write!(f, "the stream emits {name:?}, which nothing in the page listens to")
            }
            Self::MissingPrefix { name } => {
                write!(
                    f,
                    "hx-trigger={name:?} does not hear the event {name:?} of the stream: write \"sse:{name}\""
                )
            }
            Self::Orphan { names } => write!(f, "sse-swap={names:?} has no sse-connect above it"),
            Self::SelfSwap { names } => {
                write!(f, "sse-swap={names:?} stands on the element of sse-connect: put it on a child")
            }
            Self::MissingExtension { url } => write!(f, "sse-connect={url:?} has no hx-ext=\"sse\""),
            Self::InheritedTarget { of, target } => {
                write!(f, "the swaps of {of:?} go to hx-target={target:?} from above: hx-disinherit it")
            }
            Self::RemovedSwap { names } => {
                write!(f, "sse-swap={names:?} stands below hx-sse:connect: htmx 4 has no sse-swap")
            }
        }
    }
}

/// What is found in a page.
#[derive(Default)]
struct Found {
    is_connected: bool,
    is_htmx4: bool,
    /// What elements wait for.
    wanted: BTreeSet<String>,
    /// What elements would hear.
    heard: BTreeSet<String>,
    /// What stands in `hx-trigger` without `sse:`: events of the page, among which htmx 4 counts those of its stream.
    unprefixed: BTreeSet<String>,
    /// What stands behind `hx-on:`: the same.
    dispatched: BTreeSet<String>,
    problems: Vec<WiringProblem>,
}

impl Found {
    fn element(&mut self, element: ElementRef<'_>, uri: &str) {
        if let Some(url) = attribute(element, "sse-connect").filter(|url| leads_to(url, uri)) {
            self.is_connected = true;
            self.heard.extend(attribute(element, "sse-close").map(str::to_owned));
            if !with_ancestors(element).any(is_extended) {
                self.problems.push(WiringProblem::MissingExtension { url: url.to_owned() });
            }
        }
        if let Some(url) = attribute(element, "hx-sse:connect").filter(|url| leads_to(url, uri)) {
            (self.is_connected, self.is_htmx4) = (true, true);
            self.heard.extend(attribute(element, "hx-sse:close").map(str::to_owned));
            self.target(element, url, "hx-target:inherited");
        }
        if let Some(names) = attribute(element, "sse-swap") {
            self.swap(element, names, uri);
        }
        for trigger in attribute(element, "hx-trigger").into_iter().flat_map(triggers) {
            match trigger.strip_prefix("sse:") {
                Some(name) if source(element).is_some_and(|url| leads_to(url, uri)) => {
                    self.wanted.insert(name.to_owned());
                }
                Some(_) => {}
                None => {
                    self.unprefixed.insert(trigger.to_owned());
                }
            }
        }
        let handlers = element.value().attrs().map(|(name, _)| name.strip_prefix("data-").unwrap_or(name));
        self.dispatched.extend(handlers.filter_map(|name| name.strip_prefix("hx-on:")).map(str::to_owned));
    }

    fn swap(&mut self, element: ElementRef<'_>, names: &str, uri: &str) {
        let value = names.to_owned();
        if let Some(url) = source(element) {
            if !leads_to(url, uri) {
                return;
            }
            if attribute(element, "sse-connect").is_some() {
                self.problems.push(WiringProblem::SelfSwap { names: value });
            }
            self.target(element, names, "hx-target");
        } else if with_ancestors(element).any(|above| attribute(above, "hx-sse:connect").is_some()) {
            self.problems.push(WiringProblem::RemovedSwap { names: value });
            return;
        } else {
            self.problems.push(WiringProblem::Orphan { names: value });
            return;
        }
        self.wanted
            .extend(names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
    }

    /// Looks for a target that is inherited, as htmx does.
    fn target(&mut self, element: ElementRef<'_>, of: &str, inherited: &str) {
        if attribute(element, "hx-target").is_some() {
            return;
        }
        for above in element.ancestors().filter_map(ElementRef::wrap) {
            let kept = attribute(above, "hx-disinherit").unwrap_or_default();
            if kept.split_whitespace().any(|name| name == "*" || name == "hx-target") {
                return;
            }
            if let Some(target) = attribute(above, inherited) {
                if target != "unset" {
                    let (of, target) = (of.to_owned(), target.to_owned());
                    self.problems.push(WiringProblem::InheritedTarget { of, target });
                }
                return;
            }
        }
    }
}

/// What parsers drop unless it stands in a table.
const TABLE_PARTS: [&str; 9] = ["caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th"];

/// Parses as browsers do: a page as a document, what begins within a table as the content of a template.
fn parse(page: &str) -> Html {
    let mut rest = page.trim_start();
    while let Some((_, behind)) = rest.strip_prefix("<!--").and_then(|comment| comment.split_once("-->")) {
        rest = behind.trim_start();
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if TABLE_PARTS.iter().any(|part| name.eq_ignore_ascii_case(part)) {
        Html::parse_fragment(&format!("<template>{page}</template>"))
    } else {
        Html::parse_document(page)
    }
}

/// The URL of the closest `sse-connect`.
fn source(element: ElementRef<'_>) -> Option<&str> {
    with_ancestors(element).find_map(|element| attribute(element, "sse-connect"))
}

fn with_ancestors(element: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    core::iter::once(element).chain(element.ancestors().filter_map(ElementRef::wrap))
}

fn attribute<'a>(element: ElementRef<'a>, name: &str) -> Option<&'a str> {
    element.value().attr(name).or_else(|| element.value().attr(&format!("data-{name}")))
}

fn is_extended(element: ElementRef<'_>) -> bool {
    let extensions = attribute(element, "hx-ext").unwrap_or_default();
    extensions.split(',').any(|extension| extension.trim() == "sse")
}

/// The events of an `hx-trigger`: the first word of each part, without its filter.
fn triggers(value: &str) -> impl Iterator<Item = &str> {
    let first = |part| str::split(part, |c: char| c.is_whitespace() || c == '[').next();
    value.split(',').map(str::trim).filter_map(first).filter(|name| !name.is_empty())
}

/// Whether an attribute's URL leads to where a stream was collected: by path. The address of the page is not known, so
/// a relative URL may begin anywhere.
fn leads_to(url: &str, uri: &str) -> bool {
    let (url, uri) = (path(url), path(uri));
    if url.starts_with('/') {
        return url == uri;
    }
    let mut rest = url;
    while let Some(inner) = rest.strip_prefix("./").or_else(|| rest.strip_prefix("../")) {
        rest = inner;
    }
    rest.is_empty() || uri.strip_suffix(rest).is_some_and(|before| before.ends_with('/'))
}

fn path(url: &str) -> &str {
    let url = url.trim().split(['?', '#']).next().unwrap_or_default();
    let Some((_, behind)) = url.split_once("://") else { return url };
    behind.find('/').and_then(|at| behind.get(at..)).unwrap_or("/")
}
