use core::fmt;
use std::borrow::Cow;

/// Which elements a fragment goes to, where that is not the one with the target's id: any CSS selector that the library in
/// the browser knows.
///
/// Not blank, and without control characters, so that it stays on its line; quotes and the like are escaped where it is
/// written. Whether it is a selector at all, the browser finds out.
///
/// ```
/// use sse_html::{InvalidSelector, Selector};
///
/// assert_eq!(Selector::new("ul.log > li:first-child")?.as_str(), "ul.log > li:first-child");
/// assert_eq!(Selector::new("#a\nmode remove"), Err(InvalidSelector::Byte { byte: b'\n', offset: 2 }));
/// # Ok::<(), InvalidSelector>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Selector<'a>(Cow<'a, str>);

/// A text cannot be a [`Selector`]: says why, and where.
///
/// ```
/// use sse_html::Selector;
///
/// assert_eq!(Selector::new(" ").unwrap_err().to_string(), "a selector must not be blank");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSelector {
    /// There is nothing but spaces.
    #[error("a selector must not be blank")]
    Blank,
    /// A control character.
    #[error("a selector must not hold byte 0x{byte:02X} (at offset {offset})")]
    Byte {
        /// The first one.
        byte: u8,
        /// Where it stands, in bytes.
        offset: usize,
    },
}

impl<'a> Selector<'a> {
    /// Checks a selector.
    ///
    /// # Errors
    ///
    /// [`InvalidSelector`]: what is wrong, and where.
    pub fn new(selector: impl Into<Cow<'a, str>>) -> Result<Self, InvalidSelector> {
        let selector = selector.into();
        if let Some((offset, byte)) = selector.bytes().enumerate().find(|(_, byte)| byte.is_ascii_control()) {
            return Err(InvalidSelector::Byte { byte, offset });
        }
        if selector.trim().is_empty() {
            return Err(InvalidSelector::Blank);
        }
        Ok(Self(selector))
    }

    /// Returns the selector.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Selector").field(&self.as_str()).finish()
    }
}
