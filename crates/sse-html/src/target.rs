//! Where a fragment belongs: a name that is legal in all places where it is written.

use core::fmt;
use sse_core::EventName;
use std::borrow::Cow;

/// Where a fragment belongs: the id of an element, and for htmx 2 the name of the event that `sse-swap` waits for.
///
/// A letter or `_`, then letters, digits, `_` and `-`, all of ASCII; at most [`Target::MAX_LEN`] bytes. So it needs no escaping
/// as an event name, in a CSS selector or in an attribute. `error` and `open` are refused: an `EventSource` has events of its
/// own with these names.
///
/// ```
/// use sse_html::{InvalidTarget, Target, target};
///
/// assert_eq!(target!("stats").as_str(), "stats");
/// assert_eq!(Target::new("a b").unwrap_err(), InvalidTarget::Byte { byte: b' ', offset: 1 });
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target<'a>(Cow<'a, str>);

/// A text cannot be a [`Target`]: says why, and where.
///
/// ```
/// use sse_html::Target;
///
/// let refused = Target::new("row-7\n").unwrap_err();
/// assert_eq!(refused.to_string(), "a target must not hold byte 0x0A (at offset 5)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// There is no text.
    #[error("a target must not be empty")]
    Empty,
    /// The text is longer than [`Target::MAX_LEN`].
    #[error("a target must not be longer than {max} bytes, and this has {len}", max = Target::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A byte that cannot stand there.
    #[error("a target must not hold byte 0x{byte:02X} (at offset {offset})")]
    Byte {
        /// The first one.
        byte: u8,
        /// Where it stands, in bytes.
        offset: usize,
    },
    /// `error` or `open`.
    #[error("a target must not be named as an event of EventSource itself: `error`, `open`")]
    Reserved,
}

impl Target<'static> {
    /// Makes a target from a literal; in a `const` (or through [`target!`](crate::target!)) a bad literal does not compile.
    ///
    /// # Panics
    ///
    /// Outside of a `const`, when [`Target::new`] would refuse the text. Use that for run-time values.
    ///
    /// ```
    /// use sse_html::Target;
    ///
    /// const STATS: Target<'static> = Target::from_static("stats");
    /// assert_eq!(STATS, Target::new("stats").unwrap());
    /// ```
    #[must_use]
    pub const fn from_static(target: &'static str) -> Self {
        match check(target.as_bytes()) {
            Ok(()) => Self(Cow::Borrowed(target)),
            Err(_) => refuse(),
        }
    }
}

impl<'a> Target<'a> {
    /// How long a target may be, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks a target.
    ///
    /// # Errors
    ///
    /// [`InvalidTarget`]: what is wrong, and where.
    ///
    /// ```
    /// use sse_html::{InvalidTarget, Target};
    ///
    /// assert_eq!(Target::new(format!("row-{}", 7))?.as_str(), "row-7");
    /// assert_eq!(Target::new("7-row"), Err(InvalidTarget::Byte { byte: b'7', offset: 0 }));
    /// assert_eq!(Target::new("error"), Err(InvalidTarget::Reserved));
    /// # Ok::<(), InvalidTarget>(())
    /// ```
    pub fn new(target: impl Into<Cow<'a, str>>) -> Result<Self, InvalidTarget> {
        let target = target.into();
        check(target.as_bytes())?;
        Ok(Self(target))
    }

    /// Returns the name, without `#`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Detaches the target from what it borrows; copies when it borrowed, also from a literal.
    ///
    /// ```
    /// use sse_html::Target;
    ///
    /// let row = String::from("row-7");
    /// let target: Target<'static> = Target::new(row.as_str())?.into_owned();
    /// drop(row);
    /// assert_eq!(target.as_str(), "row-7");
    /// # Ok::<(), sse_html::InvalidTarget>(())
    /// ```
    #[must_use]
    pub fn into_owned(self) -> Target<'static> {
        Target(Cow::Owned(self.0.into_owned()))
    }

    pub(crate) fn as_event_name(&self) -> EventName<'_> {
        EventName::stripped(self.as_str())
    }

    /// Every target is a name: there is nothing to strip.
    pub(crate) fn into_event_name(self) -> EventName<'a> {
        EventName::stripped(self.0)
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> TryFrom<&'a str> for Target<'a> {
    type Error = InvalidTarget;

    fn try_from(target: &'a str) -> Result<Self, InvalidTarget> {
        Self::new(target)
    }
}

/// Makes a [`Target`] from a literal or another constant, checked when it is compiled: see [`Target::from_static`].
///
/// ```
/// assert_eq!(sse_html::target!("stats").as_str(), "stats");
/// ```
///
/// ```compile_fail
/// let target = sse_html::target!("error");
/// ```
#[macro_export]
macro_rules! target {
    ($target:expr) => {
        const { $crate::Target::from_static($target) }
    };
}

const fn check(target: &[u8]) -> Result<(), InvalidTarget> {
    if target.is_empty() {
        return Err(InvalidTarget::Empty);
    }
    if target.len() > Target::MAX_LEN {
        return Err(InvalidTarget::TooLong { len: target.len() });
    }
    let mut offset = 0;
    let mut rest = target;
    while let [byte, tail @ ..] = rest {
        let is_legal = match *byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => true,
            b'0'..=b'9' | b'-' => offset > 0,
            _ => false,
        };
        if !is_legal {
            return Err(InvalidTarget::Byte { byte: *byte, offset });
        }
        rest = tail;
        offset += 1;
    }
    match target {
        b"error" | b"open" => Err(InvalidTarget::Reserved),
        _ => Ok(()),
    }
}

#[allow(clippy::panic, reason = "stops the compilation of a bad literal")]
const fn refuse() -> ! {
    panic!("a target is an ASCII letter or `_`, then letters, digits, `_`, `-`; not `error`, not `open`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_escaping_anywhere_is_a_target() {
        let longest = "x".repeat(Target::MAX_LEN);
        for name in ["a", "_", "stats", "row-7", "A_b-9", "message", "errors", &longest] {
            assert_eq!(Target::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        let byte = |byte, offset| InvalidTarget::Byte { byte, offset };
        let too_long = "x".repeat(Target::MAX_LEN + 1);
        for (text, refused) in [
            ("", InvalidTarget::Empty),
            ("-a", byte(b'-', 0)),
            ("9", byte(b'9', 0)),
            ("#a", byte(b'#', 0)),
            ("a\n", byte(b'\n', 1)),
            ("a\0", byte(0, 1)),
            ("a\"b", byte(b'"', 1)),
            ("ab.c", byte(b'.', 2)),
            ("aé", byte(0xC3, 1)),
            ("error", InvalidTarget::Reserved),
            ("open", InvalidTarget::Reserved),
            (&too_long, InvalidTarget::TooLong { len: Target::MAX_LEN + 1 }),
        ] {
            assert_eq!(Target::new(text), Err(refused), "{text:?}");
        }
    }
}
