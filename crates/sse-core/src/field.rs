//! The values of single fields: every value of these types is legal on the wire.
//!
//! Each type has one check, shared by all of its constructors. What passed it can be encoded without failure,
//! cannot end a line, and (for ids) comes back unchanged in a `Last-Event-ID` header.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

/// Which field refused a value.
///
/// ```
/// use sse_core::{EventId, field::Field};
///
/// assert_eq!(EventId::new("\0").unwrap_err().field(), Field::Id);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The `event` field: the event's name.
    Event,
    /// The `id` field.
    Id,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event => "event name",
            Self::Id => "event id",
        })
    }
}

/// A field value was refused: says which field, which byte, and where.
///
/// ```
/// use sse_core::{EventName, field::Field};
///
/// let refused = EventName::new("tick\ndata: forged").unwrap_err();
/// assert_eq!((refused.field(), refused.byte(), refused.offset()), (Field::Event, b'\n', 4));
/// assert_eq!(refused.to_string(), "event name must not hold byte 0x0A (at offset 4)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must not hold byte 0x{byte:02X} (at offset {offset})")]
pub struct InvalidField {
    field: Field,
    byte: u8,
    offset: usize,
}

impl InvalidField {
    /// Returns the field that refused the value.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// Returns the first byte that the field cannot hold.
    #[must_use]
    pub const fn byte(&self) -> u8 {
        self.byte
    }

    /// Returns the offset of that byte in the value, in bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// The name of an event: any text without CR, LF or NUL.
///
/// An empty name is legal and means what the standard says: the event is a `message`. The name `error` is legal too,
/// but an `EventSource` hands such an event to the handlers of its own connection errors: choose another.
///
/// Borrows or owns its text. See [the standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
///
/// ```
/// use sse_core::EventName;
///
/// const TICK: EventName<'static> = EventName::from_static("tick");
/// assert_eq!(TICK.as_str(), "tick");
/// assert!(EventName::new("user input\r\n").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName<'a>(Cow<'a, str>);

impl EventName<'static> {
    /// Makes a name from a literal; in a `const` (or through [`event_name!`](crate::event_name)) a bad literal does not compile.
    ///
    /// # Panics
    ///
    /// Outside of a `const`, when the text holds CR, LF or NUL. Use [`EventName::new`] for run-time values.
    ///
    /// ```
    /// use sse_core::EventName;
    ///
    /// const DONE: EventName<'static> = EventName::from_static("done");
    /// assert_eq!(DONE, EventName::new("done").unwrap());
    /// ```
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        match check_name(name) {
            Ok(()) => Self(Cow::Borrowed(name)),
            Err(_) => refuse("an event name must not hold CR, LF or NUL"),
        }
    }
}

impl<'a> EventName<'a> {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] for the first CR, LF or NUL.
    ///
    /// ```
    /// use sse_core::EventName;
    ///
    /// assert_eq!(EventName::new("übung").unwrap().as_str(), "übung");
    /// assert_eq!(EventName::new("a\0").unwrap_err().offset(), 1);
    /// ```
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, InvalidField> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self(name))
    }

    /// Makes a name by dropping every CR, LF and NUL; copies only when there is one.
    ///
    /// What is left may be empty, and then the event is a `message`.
    ///
    /// ```
    /// assert_eq!(sse_core::EventName::stripped("a\r\nb").as_str(), "ab");
    /// ```
    #[must_use]
    pub fn stripped(name: impl Into<Cow<'a, str>>) -> Self {
        Self(mend(name.into(), ends_name, None))
    }

    /// Makes a name by putting `_` in the place of every CR, LF and NUL; copies only when there is one.
    ///
    /// ```
    /// assert_eq!(sse_core::EventName::replaced("a\r\nb").as_str(), "a__b");
    /// ```
    #[must_use]
    pub fn replaced(name: impl Into<Cow<'a, str>>) -> Self {
        Self(mend(name.into(), ends_name, Some('_')))
    }

    /// Returns the name.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Detaches the name from what it borrows; copies when it borrowed, also from a literal.
    ///
    /// ```
    /// use sse_core::EventName;
    ///
    /// let room = String::from("room-7");
    /// let name: EventName<'static> = EventName::new(room.as_str())?.into_owned();
    /// drop(room);
    /// assert_eq!(name.as_str(), "room-7");
    /// # Ok::<(), sse_core::InvalidField>(())
    /// ```
    #[must_use]
    pub fn into_owned(self) -> EventName<'static> {
        EventName(Cow::Owned(self.0.into_owned()))
    }
}

/// The id of an event: what a client sends back as `Last-Event-ID`.
///
/// Any text without control characters (but tabs) that neither begins nor ends with a space or tab: such a value
/// survives being an HTTP header. The empty id is [`EventId::RESET`]: it clears the client's last event id, which is
/// not the same as an event without id (that keeps it). Keep ids ASCII and short: several released clients never
/// reconnect after an id beyond Latin-1, and proxies bound header sizes.
///
/// An id made from a number does not allocate. See the standard on the [last event ID
/// string](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-last-event-id) and on
/// [the header](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header).
///
/// ```
/// use sse_core::EventId;
///
/// assert_eq!(EventId::from(42_u64).as_str(), "42");
/// assert!(EventId::RESET.is_reset());
/// assert!(EventId::new("7\0").is_err(), "the standard makes clients ignore an id that holds NUL");
/// assert!(EventId::new(" 7").is_err(), "HTTP would trim it");
/// ```
#[derive(Clone)]
pub struct EventId<'a>(IdText<'a>);

#[derive(Clone)]
enum IdText<'a> {
    Borrowed(&'a str),
    Owned(Box<str>),
    Inline(Decimal),
}

impl EventId<'static> {
    /// The empty id: the client forgets its last event id and reconnects [without the
    /// header](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header).
    ///
    /// ```
    /// use sse_core::{Event, EventId};
    ///
    /// let event = Event::new("start over").with_id(EventId::RESET);
    /// assert_eq!(event.to_frame().as_bytes(), b"id: \ndata: start over\n\n");
    /// ```
    pub const RESET: Self = Self(IdText::Borrowed(""));

    /// Makes an id from a literal; in a `const` (or through [`event_id!`](crate::event_id)) a bad literal does not compile.
    ///
    /// # Panics
    ///
    /// Outside of a `const`, when [`EventId::new`] would refuse the text. Use that for run-time values.
    ///
    /// ```
    /// const FIRST: sse_core::EventId<'static> = sse_core::EventId::from_static("a-1");
    /// assert_eq!(FIRST.as_str(), "a-1");
    /// ```
    #[must_use]
    pub const fn from_static(id: &'static str) -> Self {
        match check_id(id) {
            Ok(()) => Self(IdText::Borrowed(id)),
            Err(_) => refuse("an event id must survive being a header value"),
        }
    }
}

impl<'a> EventId<'a> {
    /// Checks an id; the empty text gives [`EventId::RESET`].
    ///
    /// Borrowed text stays borrowed. A `String` gives up its spare capacity, which may move it.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] for the first control character (tabs inside are legal), or for a space or tab at either end.
    ///
    /// ```
    /// use sse_core::EventId;
    ///
    /// assert_eq!(EventId::new("k3f9-1842").unwrap().as_str(), "k3f9-1842");
    /// assert_eq!(EventId::new("1\n2").unwrap_err().byte(), b'\n');
    /// ```
    pub fn new(id: impl Into<Cow<'a, str>>) -> Result<Self, InvalidField> {
        let id = id.into();
        check_id(&id)?;
        Ok(Self::unchecked(id))
    }

    /// Makes an id by dropping what cannot be in one, and the spaces and tabs around the rest.
    ///
    /// What is left may be empty, and then the id is [`EventId::RESET`]. Legal borrowed text stays borrowed; owned text
    /// is copied.
    ///
    /// ```
    /// use sse_core::EventId;
    ///
    /// assert_eq!(EventId::stripped(" 1\n2 ").as_str(), "12");
    /// assert!(EventId::stripped("\n").is_reset());
    /// ```
    #[must_use]
    pub fn stripped(id: impl Into<Cow<'a, str>>) -> Self {
        let text = mend(id.into(), ends_id, None);
        match text {
            Cow::Borrowed(text) => Self::unchecked(Cow::Borrowed(text.trim_matches([' ', '\t']))),
            Cow::Owned(text) => Self::unchecked(Cow::Owned(text.trim_matches([' ', '\t']).to_owned())),
        }
    }

    /// Makes an id by putting `_` in the place of what cannot be in one; spaces and tabs around the rest are dropped.
    ///
    /// Costs what [`EventId::stripped`] costs, and a copy more where there is something to replace.
    ///
    /// ```
    /// assert_eq!(sse_core::EventId::replaced("1\n2").as_str(), "1_2");
    /// ```
    #[must_use]
    pub fn replaced(id: impl Into<Cow<'a, str>>) -> Self {
        Self::stripped(mend(id.into(), ends_id, Some('_')))
    }

    /// Returns the id.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            IdText::Borrowed(text) => text,
            IdText::Owned(text) => text,
            IdText::Inline(digits) => digits.as_str(),
        }
    }

    /// The bytes of [`EventId::as_str`], without proving once more that digits are text.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            IdText::Inline(digits) => digits.as_bytes(),
            IdText::Borrowed(text) => text.as_bytes(),
            IdText::Owned(text) => text.as_bytes(),
        }
    }

    /// Returns the number that the id was made from: the exact inverse of [`EventId::from`].
    ///
    /// `None` for everything else, also for `+7` and `007`: ids come from clients.
    ///
    /// ```
    /// use sse_core::EventId;
    ///
    /// assert_eq!(EventId::from(7_u64).as_u64(), Some(7));
    /// assert_eq!(EventId::new("18446744073709551615")?.as_u64(), Some(u64::MAX));
    /// assert_eq!(EventId::new("007")?.as_u64(), None);
    /// # Ok::<(), sse_core::InvalidField>(())
    /// ```
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        let number = self.as_str().parse().ok()?;
        (Decimal::new(number).as_str() == self.as_str()).then_some(number)
    }

    /// Says whether this is the empty id, which clears the client's last event id.
    ///
    /// ```
    /// use sse_core::EventId;
    ///
    /// assert!(EventId::new("")?.is_reset());
    /// assert!(!EventId::from(0_u64).is_reset());
    /// # Ok::<(), sse_core::InvalidField>(())
    /// ```
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.as_str().is_empty()
    }

    /// Detaches the id from what it borrows; copies when it borrowed, also from a literal. A number is never copied.
    ///
    /// ```
    /// use sse_core::EventId;
    ///
    /// let cursor = String::from("k3f9-1842");
    /// let id: EventId<'static> = EventId::new(cursor.as_str())?.into_owned();
    /// drop(cursor);
    /// assert_eq!(id.as_str(), "k3f9-1842");
    /// # Ok::<(), sse_core::InvalidField>(())
    /// ```
    #[must_use]
    pub fn into_owned(self) -> EventId<'static> {
        EventId(match self.0 {
            IdText::Borrowed(text) => IdText::Owned(text.into()),
            IdText::Owned(text) => IdText::Owned(text),
            IdText::Inline(digits) => IdText::Inline(digits),
        })
    }

    #[inline]
    fn unchecked(id: Cow<'a, str>) -> Self {
        Self(match id {
            Cow::Borrowed(text) => IdText::Borrowed(text),
            Cow::Owned(text) => IdText::Owned(text.into_boxed_str()),
        })
    }
}

/// A number as id: cannot fail and does not allocate.
impl From<u64> for EventId<'_> {
    fn from(number: u64) -> Self {
        Self(IdText::Inline(Decimal::new(number)))
    }
}

/// A number as id: cannot fail and does not allocate.
impl From<u32> for EventId<'_> {
    fn from(number: u32) -> Self {
        Self::from(u64::from(number))
    }
}

impl PartialEq for EventId<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventId<'_> {}

impl core::hash::Hash for EventId<'_> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// The reconnection time: how long a client waits before it reconnects, in whole milliseconds.
///
/// At most [`Retry::MAX`], about 24.8 days: released clients hand the number to timers that turn anything larger into
/// one millisecond. See [the standard](https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time).
///
/// ```
/// use core::time::Duration;
/// use sse_core::Retry;
///
/// assert_eq!(Retry::from(Duration::from_micros(1_999)).as_millis(), 1);
/// assert_eq!(Retry::from(Duration::MAX), Retry::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retry {
    digits: Decimal,
    millis: u32,
}

impl Retry {
    /// The longest reconnection time, 2³¹ − 1 ms: what a signed timer of 32 bits can wait.
    pub const MAX: Self = Self::from_millis(i32::MAX as u64);

    /// Makes a reconnection time; saturates at [`Retry::MAX`].
    ///
    /// ```
    /// use sse_core::Retry;
    ///
    /// const RETRY: Retry = Retry::from_millis(2_000);
    /// assert_eq!(RETRY.as_millis(), 2_000);
    /// assert_eq!(Retry::from_millis(u64::MAX), Retry::MAX);
    /// ```
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        let millis = if millis > i32::MAX as u64 { i32::MAX as u64 } else { millis };
        Self { digits: Decimal::new(millis), millis: millis as u32 }
    }

    /// Returns the time in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.millis
    }

    /// Returns the time as a duration.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sse_core::Retry;
    ///
    /// assert_eq!(Retry::from_millis(1_500).as_duration(), Duration::from_millis(1_500));
    /// ```
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.millis as u64)
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.as_bytes()
    }
}

/// Whole milliseconds, rounded down; saturates at [`Retry::MAX`].
impl From<Duration> for Retry {
    fn from(duration: Duration) -> Self {
        Self::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Retry({} ms)", self.millis)
    }
}

macro_rules! text_traits {
    ($type:ident) => {
        impl fmt::Debug for $type<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($type)).field(&self.as_str()).finish()
            }
        }

        impl fmt::Display for $type<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl AsRef<str> for $type<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl<'a> TryFrom<&'a str> for $type<'a> {
            type Error = InvalidField;

            fn try_from(text: &'a str) -> Result<Self, InvalidField> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type<'_> {
            type Error = InvalidField;

            fn try_from(text: String) -> Result<Self, InvalidField> {
                Self::new(text)
            }
        }
    };
}

text_traits!(EventName);
text_traits!(EventId);

/// Makes an [`EventName`] from a literal or another constant, checked when it is compiled: see
/// [`EventName::from_static`].
///
/// ```
/// assert_eq!(sse_core::event_name!("tick").as_str(), "tick");
/// ```
///
/// ```compile_fail
/// let name = sse_core::event_name!("tick\n");
/// ```
#[macro_export]
macro_rules! event_name {
    ($name:expr) => {
        const { $crate::EventName::from_static($name) }
    };
}

/// Makes an [`EventId`] from a literal or another constant, checked when it is compiled: see [`EventId::from_static`].
///
/// ```
/// assert_eq!(sse_core::event_id!("a-1").as_str(), "a-1");
/// ```
///
/// ```compile_fail
/// let id = sse_core::event_id!("a\0");
/// ```
#[macro_export]
macro_rules! event_id {
    ($id:expr) => {
        const { $crate::EventId::from_static($id) }
    };
}

#[inline]
const fn check_name(name: &str) -> Result<(), InvalidField> {
    let bytes = name.as_bytes();
    let mut offset = 0;
    while offset < bytes.len() {
        if ends_name(bytes[offset]) {
            return Err(InvalidField { field: Field::Event, byte: bytes[offset], offset });
        }
        offset += 1;
    }
    Ok(())
}

#[inline]
const fn check_id(id: &str) -> Result<(), InvalidField> {
    let bytes = id.as_bytes();
    if let [byte @ (b' ' | b'\t'), ..] = *bytes {
        return Err(InvalidField { field: Field::Id, byte, offset: 0 });
    }
    let mut offset = 0;
    while offset < bytes.len() {
        if ends_id(bytes[offset]) {
            return Err(InvalidField { field: Field::Id, byte: bytes[offset], offset });
        }
        offset += 1;
    }
    if let [.., byte @ (b' ' | b'\t')] = *bytes {
        return Err(InvalidField { field: Field::Id, byte, offset: offset - 1 });
    }
    Ok(())
}

const fn ends_name(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// RFC 9110 §5.5: a field value holds visible characters, spaces, tabs and bytes above ASCII.
const fn ends_id(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7F
}

/// Stops the compilation of a `const` that was given a bad literal.
#[allow(clippy::panic, reason = "the only callers are the constructors for literals")]
const fn refuse(why: &'static str) -> ! {
    panic!("{}", why)
}

fn mend(text: Cow<'_, str>, bad: fn(u8) -> bool, with: Option<char>) -> Cow<'_, str> {
    if text.bytes().any(bad) {
        let is_bad = |c: char| u8::try_from(c).is_ok_and(|byte| byte.is_ascii() && bad(byte));
        Cow::Owned(text.chars().filter_map(|c| if is_bad(c) { with } else { Some(c) }).collect())
    } else {
        text
    }
}

/// A number in decimal digits, at the end of its buffer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Decimal {
    start: u8,
    digits: [u8; Self::DIGITS],
}

impl Decimal {
    /// As many as `u64::MAX` has.
    const DIGITS: usize = 20;

    const fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; Self::DIGITS];
        let mut start = Self::DIGITS - 1;
        loop {
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { start: start as u8, digits };
            }
            start -= 1;
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        &self.digits[usize::from(self.start)..]
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn an_event_name_refuses_exactly_cr_lf_and_nul() {
        for byte in 0..=0x7F_u8 {
            let text = alloc::format!("ab{}c", char::from(byte));
            let made = EventName::new(text.as_str());
            if matches!(byte, b'\r' | b'\n' | 0) {
                let refused = made.unwrap_err();
                assert_eq!((refused.field(), refused.byte(), refused.offset()), (Field::Event, byte, 2));
            } else {
                assert_eq!(made.unwrap().as_str(), text);
            }
        }
    }

    #[test]
    fn an_event_id_refuses_what_a_header_value_cannot_hold() {
        for byte in 0..=0x7F_u8 {
            let text = alloc::format!("ab{}c", char::from(byte));
            let made = EventId::new(text.as_str());
            if (byte < 0x20 && byte != b'\t') || byte == 0x7F {
                let refused = made.unwrap_err();
                assert_eq!((refused.field(), refused.byte(), refused.offset()), (Field::Id, byte, 2));
            } else {
                assert_eq!(made.unwrap().as_str(), text);
            }
        }
    }

    #[test]
    fn an_event_id_refuses_what_http_trims() {
        for (text, offset) in [(" a", 0), ("\ta", 0), ("a ", 1), ("a\t", 1), (" ", 0)] {
            assert_eq!(EventId::new(text).unwrap_err().offset(), offset, "{text:?}");
        }
        assert_eq!(EventId::new("a b").unwrap().as_str(), "a b");
        assert_eq!(EventId::new("…").unwrap().as_str(), "…");
    }

    #[test]
    fn a_number_is_an_id() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(EventId::from(number).as_str(), number.to_string());
            assert_eq!(EventId::from(number), EventId::new(number.to_string()).unwrap());
        }
    }

    #[test]
    fn the_reset_id_is_the_empty_one() {
        assert!(EventId::RESET.is_reset());
        assert_eq!(EventId::new("").unwrap(), EventId::RESET);
        assert!(!EventId::from(0_u64).is_reset());
    }

    #[test]
    fn lossy_constructors_give_legal_values_and_keep_legal_ones() {
        for text in ["", "a", " a ", "\t\n \r", "\0", "x\u{7F}y", "ü\n…", "\n \n"] {
            for id in [EventId::stripped(text), EventId::replaced(text)] {
                assert!(EventId::new(id.as_str()).is_ok(), "{text:?} -> {id:?}");
            }
            for name in [EventName::stripped(text), EventName::replaced(text)] {
                assert!(EventName::new(name.as_str()).is_ok(), "{text:?} -> {name:?}");
            }
        }
        assert_eq!(EventName::stripped("übung").as_str(), "übung");
        assert_eq!(EventName::stripped("ü\r\nb").as_str(), "üb");
        assert_eq!(EventName::replaced("ü\r\nb").as_str(), "ü__b");
        assert_eq!(EventId::stripped(" 1\n\u{85}2 ").as_str(), "1\u{85}2");
        assert_eq!(EventId::replaced("ü\n…").as_str(), "ü_…");
    }

    #[test]
    fn retry_saturates_and_rounds_down() {
        assert_eq!(Retry::from_millis(u64::MAX), Retry::MAX);
        assert_eq!(Retry::MAX.as_millis(), 2_147_483_647);
        assert_eq!(Retry::from(Duration::from_nanos(999_999)).as_millis(), 0);
        assert_eq!(Retry::from_millis(0).as_bytes(), b"0");
        assert_eq!(Retry::from_millis(2_147_483_647).as_bytes(), b"2147483647");
    }

    #[test]
    fn values_can_be_read_and_compared() {
        let (name, id) = (EventName::from_static("tick"), EventId::from_static("k-7"));
        assert_eq!(
            alloc::format!("{name} {name:?} {id} {id:?}"),
            "tick EventName(\"tick\") k-7 EventId(\"k-7\")"
        );
        assert_eq!((name.as_ref(), id.as_ref()), ("tick", "k-7"));
        assert_eq!(EventName::try_from("tick"), Ok(name.clone()));
        assert_eq!(EventName::try_from(String::from("tick")), Ok(name));
        assert_eq!(EventId::try_from("k-7"), Ok(id.clone()));
        assert_eq!(EventId::try_from(String::from("k-7")), Ok(id.clone()));
        assert_ne!(id, EventId::from_static("k-8"));
        assert_eq!(alloc::format!("{:?}", Retry::from_millis(5)), "Retry(5 ms)");
        assert_eq!(Retry::from_millis(1_500).as_duration(), Duration::from_millis(1_500));
    }

    #[test]
    fn a_refusal_says_which_field_which_byte_and_where() {
        let name = EventName::new("tick\n").unwrap_err();
        assert_eq!(name.to_string(), "event name must not hold byte 0x0A (at offset 4)");
        let id = EventId::new("a ").unwrap_err();
        assert_eq!(id.to_string(), "event id must not hold byte 0x20 (at offset 1)");
    }

    #[test]
    fn equal_ids_have_equal_hashes() {
        use alloc::vec::Vec;
        /// Keeps what is hashed.
        #[derive(Default)]
        struct Seen(Vec<u8>);
        impl core::hash::Hasher for Seen {
            fn write(&mut self, bytes: &[u8]) {
                self.0.extend_from_slice(bytes);
            }
            fn finish(&self) -> u64 {
                0
            }
        }
        let hashed = |id: &EventId<'_>| {
            let mut seen = Seen::default();
            core::hash::Hash::hash(id, &mut seen);
            seen.0
        };
        let [number, text] = [EventId::from(7_u64), EventId::from_static("7")];
        assert_eq!(hashed(&number), hashed(&text));
        assert_ne!(hashed(&number), hashed(&EventId::from(8_u64)));
    }

    #[test]
    fn an_id_is_a_number_only_if_one_gives_it() {
        for (text, number) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("007", None),
            ("+7", None),
            ("-7", None),
            ("7a", None),
            ("", None),
        ] {
            assert_eq!(EventId::new(text).unwrap().as_u64(), number, "{text:?}");
        }
        assert_eq!(EventId::from(7_u32).as_u64(), Some(7));
    }

    #[test]
    fn an_id_is_three_words() {
        assert_eq!(size_of::<EventId<'_>>(), 24);
        assert_eq!(size_of::<Option<EventId<'_>>>(), 24);
    }
}
