use core::fmt::{self, Write};

/// Text as HTML: what could be markup is escaped, for content and for quoted attributes.
///
/// For fragments that are written by hand; templates escape by themselves. Costs no allocation.
///
/// ```
/// use sse_html::{Escaped, Fragment, target};
///
/// let name = "<b>O'Neil</b>";
/// assert_eq!(Escaped(name).to_string(), "&lt;b&gt;O&#x27;Neil&lt;/b&gt;");
/// let row = Fragment::new(target!("user"), format!("<li>{}</li>", Escaped(name)));
/// # let _ = row;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<T>(
    /// What is written.
    pub T,
);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (plain, special) = rest.split_at(at);
            let mut special = special.chars();
            self.0.write_str(plain)?;
            self.0.write_str(match special.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                _ => "&#x27;",
            })?;
            rest = special.as_str();
        }
        self.0.write_str(rest)
    }
}
