//! What the libraries in the browser expect.

/// Which library in the browser a fragment is for; the same fragment can be sent to any.
///
/// A server that serves several chooses by request: htmx sends `HX-Request`, Datastar `Datastar-Request`.
///
/// ```
/// use sse_core::{Encoder, IntoFrame};
/// use sse_html::{Dialect, Fragment, target};
///
/// let wire = |dialect| {
///     let frame = Fragment::new(target!("stats"), "<p>7</p>").in_dialect(dialect).into_frame(&Encoder::new());
///     String::from_utf8(frame.unwrap().as_bytes().to_vec()).unwrap()
/// };
/// assert_eq!(wire(Dialect::Htmx2), "event: stats\ndata: <p>7</p>\n\n");
/// assert_eq!(
///     wire(Dialect::Htmx4),
///     "data: <hx-partial hx-target=\"#stats\" hx-swap=\"innerHTML\"><p>7</p></hx-partial>\n\n"
/// );
/// assert_eq!(
///     wire(Dialect::Datastar),
///     "event: datastar-patch-elements\ndata: selector #stats\ndata: mode inner\ndata: elements <p>7</p>\n\n"
/// );
/// assert_eq!(
///     wire(Dialect::Turbo),
///     "data: <turbo-stream action=\"update\" target=\"stats\"><template><p>7</p></template></turbo-stream>\n\n"
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// htmx 1 and 2 with the extension `sse`: an event named as the target, the html as its data. The page says with
    /// `sse-swap` which element takes it and with `hx-swap` how; the fragment's [`Swap`] is not sent. The default.
    ///
    /// `sse-swap` belongs on a child of the element with `sse-connect`.
    #[default]
    Htmx2,
    /// htmx 4 with the extension `hx-sse`: a message without a name that holds an `<hx-partial>`.
    Htmx4,
    /// [Datastar](https://data-star.dev/reference/sse_events) 1: the event `datastar-patch-elements`.
    Datastar,
    /// [Turbo](https://turbo.hotwired.dev/handbook/streams) 7.2 and later, whose `<turbo-stream-source>` takes messages
    /// without a name: a `<turbo-stream>`.
    Turbo,
}

/// What is done with a fragment at its target.
///
/// | | htmx 2 | htmx 4 | Datastar | Turbo |
/// |---|---|---|---|---|
/// | [`Inner`](Self::Inner) (default) | as the page says | `innerHTML` | `inner` | `update` |
/// | [`Outer`](Self::Outer) | as the page says | `outerHTML` | `outer` | `replace` |
/// | [`Append`](Self::Append) | as the page says | `beforeend` | `append` | `append` |
/// | [`Prepend`](Self::Prepend) | as the page says | `afterbegin` | `prepend` | `prepend` |
/// | [`Before`](Self::Before) | as the page says | `beforebegin` | `before` | `before` |
/// | [`After`](Self::After) | as the page says | `afterend` | `after` | `after` |
/// | [`Remove`](Self::Remove) | empty data | `delete` | `remove` | `remove` |
///
/// ```
/// use sse_core::{Encoder, IntoFrame};
/// use sse_html::{Dialect, Fragment, Swap, target};
///
/// let row = Fragment::new(target!("log"), "<li>7</li>").with_swap(Swap::Append).in_dialect(Dialect::Turbo);
/// let frame = row.into_frame(&Encoder::new())?;
/// assert!(frame.as_bytes().starts_with(b"data: <turbo-stream action=\"append\" target=\"log\">"));
/// # Ok::<(), sse_core::ItemError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Swap {
    /// It becomes the content of the target. The default.
    #[default]
    Inner,
    /// It replaces the target: it needs the target's id itself, or the next fragment finds no place.
    Outer,
    /// It becomes the last of the target's content.
    Append,
    /// It becomes the first of the target's content.
    Prepend,
    /// It comes to stand in front of the target.
    Before,
    /// It comes to stand behind the target.
    After,
    /// The target is removed; nothing is rendered. For htmx 2 an event with empty data, which removes the target where the
    /// page says `hx-swap="delete"`, and else empties it.
    Remove,
}

impl Swap {
    pub(crate) const fn in_htmx4(self) -> &'static str {
        match self {
            Self::Inner => "innerHTML",
            Self::Outer => "outerHTML",
            Self::Append => "beforeend",
            Self::Prepend => "afterbegin",
            Self::Before => "beforebegin",
            Self::After => "afterend",
            Self::Remove => "delete",
        }
    }

    pub(crate) const fn in_datastar(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Outer => "outer",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::Before => "before",
            Self::After => "after",
            Self::Remove => "remove",
        }
    }

    pub(crate) const fn in_turbo(self) -> &'static str {
        match self {
            Self::Inner => "update",
            Self::Outer => "replace",
            Self::Append => "append",
            Self::Prepend => "prepend",
            Self::Before => "before",
            Self::After => "after",
            Self::Remove => "remove",
        }
    }
}
