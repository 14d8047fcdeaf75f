//! How the html of a fragment is made, and how that fails.

use core::fmt::{self, Display, Write};
use sse_core::BoxError;

/// What makes the html of a fragment.
///
/// [`Fragment::new`](crate::Fragment::new), [`try_new`](crate::Fragment::try_new) and
/// [`with_context`](crate::Fragment::with_context) make one of values and functions; implement it for a template engine that
/// writes to a [`fmt::Write`] and says what went wrong.
///
/// ```
/// use core::fmt::Write;
/// use sse_html::{Fragment, FragmentError, Render, target};
///
/// struct Row(Option<u32>);
///
/// impl Render for Row {
///     fn render(self, html: &mut dyn Write) -> Result<(), FragmentError> {
///         let number = self.0.ok_or_else(|| FragmentError::template("no number"))?;
///         write!(html, "<li>{number}</li>")?;
///         Ok(())
///     }
/// }
///
/// let row = Fragment::of(target!("row"), Row(Some(7)));
/// assert_eq!(row.into_event()?.data(), Some("<li>7</li>"));
/// # Ok::<(), FragmentError>(())
/// ```
pub trait Render {
    /// Writes the html; what was written before an error is not sent.
    ///
    /// # Errors
    ///
    /// [`FragmentError`]: why there is no html.
    fn render(self, html: &mut dyn Write) -> Result<(), FragmentError>;
}

/// Why a fragment was not rendered.
///
/// ```
/// use sse_html::{Fragment, FragmentError, target};
///
/// let blank = Fragment::new(target!("stats"), " \n ");
/// assert!(matches!(blank.into_event(), Err(FragmentError::Empty)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The template failed. Made by [`FragmentError::template`].
    #[error("{error}")]
    #[non_exhaustive]
    Template {
        /// What it said.
        #[source]
        error: BoxError,
        /// The name of the error's type, without its path.
        type_name: &'static str,
    },
    /// The template's [`Display`] failed, which cannot say why.
    #[error("the template's Display failed")]
    Display,
    /// Nothing but white space was rendered: sent, it would empty its target.
    #[error("nothing was rendered")]
    Empty,
    /// The context could not be built: the whole event is left out. Made by [`FragmentError::context`].
    #[error("no context for `{target}`: {error}")]
    #[non_exhaustive]
    Context {
        /// What the builder said.
        #[source]
        error: BoxError,
        /// The target of the fragment.
        target: Box<str>,
    },
}

impl FragmentError {
    /// Wraps the error of a template engine.
    ///
    /// ```
    /// use sse_html::FragmentError;
    ///
    /// let error = FragmentError::template(u8::try_from(256).unwrap_err());
    /// assert!(matches!(error, FragmentError::Template { type_name: "TryFromIntError", .. }));
    /// ```
    #[must_use]
    pub fn template<E: Into<BoxError>>(error: E) -> Self {
        Self::Template { error: error.into(), type_name: short_type_name::<E>() }
    }

    /// Wraps the error of what builds a template's context: the event is left out, not shown as failed.
    ///
    /// ```
    /// use core::fmt::Write;
    /// use sse_core::{Encoder, IntoFrame, ItemError};
    /// use sse_html::{Fragment, FragmentError, Render, target};
    ///
    /// struct Row;
    ///
    /// impl Render for Row {
    ///     fn render(self, _: &mut dyn Write) -> Result<(), FragmentError> {
    ///         Err(FragmentError::context("the row is gone"))
    ///     }
    /// }
    ///
    /// let left_out = Fragment::of(target!("row"), Row).into_frame(&Encoder::new()).unwrap_err();
    /// assert_eq!(left_out.to_string(), "a value was left out: no context for `row`: the row is gone");
    /// ```
    #[must_use]
    pub fn context(error: impl Into<BoxError>) -> Self {
        Self::Context { error: error.into(), target: Box::default() }
    }

    /// What a developer may read in front of the message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Template { type_name, .. } => type_name,
            Self::Display => "DisplayError",
            Self::Empty => "EmptyRender",
            Self::Context { .. } => "ContextError",
        }
    }
}

/// For implementations of [`Render`], whose writer itself never fails.
impl From<fmt::Error> for FragmentError {
    fn from(_: fmt::Error) -> Self {
        Self::Display
    }
}

/// The last name of a type's path; errors whose type says nothing have one name for all.
fn short_type_name<E>() -> &'static str {
    let name = core::any::type_name::<E>();
    match name.rsplit_once("::") {
        _ if name.contains(['<', '&', ' ']) || name.ends_with("::String") => "TemplateError",
        Some((_, last)) => last,
        None => name,
    }
}

/// A value that displays as html.
#[derive(Clone, Copy, Debug)]
pub struct Displayed<T>(pub(crate) T);

impl<T: Display> Render for Displayed<T> {
    fn render(self, html: &mut dyn Write) -> Result<(), FragmentError> {
        Ok(write!(html, "{}", self.0)?)
    }
}

/// A function that renders.
pub(crate) struct Tried<F>(pub(crate) F);

impl<F, D, E> Render for Tried<F>
where
    F: FnOnce() -> Result<D, E>,
    D: Display,
    E: Into<BoxError>,
{
    fn render(self, html: &mut dyn Write) -> Result<(), FragmentError> {
        let rendered = (self.0)().map_err(FragmentError::template)?;
        Displayed(rendered).render(html)
    }
}

/// A function that builds a context, and one that renders it.
pub(crate) struct InContext<B, R> {
    pub(crate) build: B,
    pub(crate) render: R,
}

impl<B, R, C, E, D, F> Render for InContext<B, R>
where
    B: FnOnce() -> Result<C, E>,
    E: Into<BoxError>,
    R: FnOnce(C) -> Result<D, F>,
    D: Display,
    F: Into<BoxError>,
{
    fn render(self, html: &mut dyn Write) -> Result<(), FragmentError> {
        let Self { build, render } = self;
        let context = build().map_err(FragmentError::context)?;
        Tried(|| render(context)).render(html)
    }
}
