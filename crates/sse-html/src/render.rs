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
        /// The name of the error's type, with its path.
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
    /// assert_eq!(error.to_string(), "out of range integral type conversion attempted");
    /// ```
    #[must_use]
    pub fn template<E: Into<BoxError>>(error: E) -> Self {
        Self::Template { error: error.into(), type_name: core::any::type_name::<E>() }
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
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Template { type_name, .. } => short(type_name),
            Self::Display => "DisplayError".to_owned(),
            Self::Empty => "EmptyRender".to_owned(),
            Self::Context { .. } => "ContextError".to_owned(),
        }
    }
}

/// For implementations of [`Render`], whose writer itself never fails.
impl From<fmt::Error> for FragmentError {
    fn from(_: fmt::Error) -> Self {
        Self::Display
    }
}

/// A type's name without its path; with its crate where it is just `Error`. Texts and boxes say nothing of the error.
fn short(type_name: &str) -> String {
    if type_name.contains(['<', '&', ' ']) || type_name.ends_with("::String") {
        return "TemplateError".to_owned();
    }
    let mut path = type_name.split("::");
    match (path.next(), path.last()) {
        (Some(origin), Some("Error")) => format!("{origin}::Error"),
        (_, Some(name)) => name.to_owned(),
        _ => type_name.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_as_a_developer_knows_it() {
        for (type_name, name) in [
            ("minijinja::error::Error", "minijinja::Error"),
            ("core::num::error::TryFromIntError", "TryFromIntError"),
            ("shop::UndefinedError", "UndefinedError"),
            ("u8", "u8"),
            ("&str", "TemplateError"),
            ("alloc::string::String", "TemplateError"),
            (core::any::type_name::<BoxError>(), "TemplateError"),
        ] {
            assert_eq!(short(type_name), name);
        }
    }
}
