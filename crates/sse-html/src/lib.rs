//! HTML over Server-Sent Events: fragments for htmx, Datastar and Turbo, from one value.
//!
//! A [`Fragment`] is a piece of html and the [`Target`] in the page where it belongs. It is an item of a stream like any
//! other: give it to the `Sse` of your framework, or send it through a `Sender`.
//!
//! ```
//! use sse_core::{Encoder, IntoFrame};
//! use sse_html::{Fragment, target};
//!
//! let stats = Fragment::new(target!("stats"), "<p>7 visitors</p>");
//! assert_eq!(stats.into_frame(&Encoder::new())?.as_bytes(), b"event: stats\ndata: <p>7 visitors</p>\n\n");
//! # Ok::<(), sse_core::ItemError>(())
//! ```
//!
//! ```html
//! <div hx-ext="sse" sse-connect="/live">
//!   <div sse-swap="stats"></div>
//! </div>
//! ```
//!
//! Other libraries take the same fragment in their own [`Dialect`]. Anything that displays as html is a template;
//! engines that can fail (askama's and minijinja's `render`) go into [`Fragment::try_new`]. The examples `askama`,
//! `maud` and `minijinja` show each.
//!
//! # When rendering fails
//!
//! A fragment that cannot be rendered does not end its stream, and the next one renders again. What the client gets instead is
//! the response's error policy:
//!
//! | policy | at the client |
//! |---|---|
//! | `ErrorPolicy::notify()` (default) | the event `sse:error`, which says nothing of the error |
//! | `ErrorPolicy::skip()` | nothing |
//! | `ErrorPolicy::inline()`, for development | the error in the fragment's place, as below |
//!
//! ```html
//! <div class="sse-block-error" data-block="weight"><strong>TemplateError</strong>: the scale&#x27;s reading is missing</div>
//! ```
//!
//! The block goes where the fragment would have gone; for [`Swap::Outer`] it goes *into* the target, which the next
//! fragment needs. With htmx 2 the page decides: one that says `hx-swap="outerHTML"` loses the element to the block. The block is
//! made when a render fails, and no policy but this one sends it.
//!
//! [`Fragment::with_context`] tells apart what a template needs from the template: without the first the event is left out.
//!
//! # Features
//!
//! - `json` (default): `Signals`, for Datastar.
//!
//! # When not to use it
//!
//! For pages that render data by themselves: send JSON events. A fragment is trusted html: what users wrote has to be escaped by
//! the template, or by [`Escaped`].

mod dialect;
mod escape;
mod fragment;
mod render;
mod selector;
#[cfg(feature = "json")]
mod signals;
mod target;
mod write;

pub use dialect::{Dialect, Swap};
pub use escape::Escaped;
pub use fragment::{Fragment, Nothing};
pub use render::{Displayed, FragmentError, Render};
pub use selector::{InvalidSelector, Selector};
#[cfg(feature = "json")]
pub use signals::{Signals, SignalsError};
pub use target::{InvalidTarget, Target};
