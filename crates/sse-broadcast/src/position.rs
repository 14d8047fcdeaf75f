use core::fmt;
use sse_core::EventId;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// One life of a broadcaster's log: sequence numbers mean something within it only.
///
/// Ten letters and digits, new for every broadcaster, so that ids from before a restart, or of another broadcaster, are
/// recognised as such.
///
/// ```
/// use sse_broadcast::Epoch;
///
/// assert_ne!(Epoch::random(), Epoch::random());
/// assert_eq!(Epoch::new("blue7").unwrap().as_str(), "blue7");
/// assert_eq!(Epoch::new("a-b"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    letters: [u8; Self::MAX],
    len: u8,
}

impl Epoch {
    const MAX: usize = 16;

    /// Makes an epoch of 1 to 16 ASCII letters and digits; `None` for anything else.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut letters = [0; Self::MAX];
        letters[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { letters, len: text.len() as u8 })
    }

    /// Makes a new epoch, of the time and the standard library's randomness.
    #[must_use]
    pub fn random() -> Self {
        const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut hasher = RandomState::new().build_hasher();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        hasher.write_u128(since.as_nanos());
        let mut number = hasher.finish();
        let mut letters = [0; Self::MAX];
        for letter in &mut letters[..10] {
            *letter = LETTERS[(number % 36) as usize];
            number /= 36;
        }
        Self { letters, len: 10 }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.letters[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.as_str())
    }
}

/// The number of an event in a broadcaster's log.
///
/// A broadcaster that is its own log counts 1, 2, 3, whatever the topic, and 0 is before the first. One that is
/// [fed](crate::Feed) takes over the numbers of the log that it is fed from: two numbers of 64 bits, of which the first one
/// counts for more, as the ids of Redis Streams are. They are written with a hyphen, and the first one only if it is not 0.
///
/// ```
/// use sse_broadcast::Sequence;
///
/// let entry = Sequence::of_parts(1_764_000_000_123, 7);
/// assert_eq!(entry.to_string(), "1764000000123-7");
/// assert_eq!("1764000000123-7".parse(), Ok(entry));
/// assert!(Sequence::from(u64::MAX) < Sequence::of_parts(1, 0));
/// assert_eq!(Sequence::from(1842).to_string(), "1842");
/// assert_eq!(Sequence::from(1842), 1842);
/// assert_eq!(Sequence::from(u64::MAX).next().previous(), u64::MAX);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence {
    // Not one number of 128 bits, which would be aligned to 16 bytes wherever it stands.
    high: u64,
    low: u64,
}

impl Sequence {
    /// Before the first event.
    pub const ZERO: Self = Self { high: 0, low: 0 };

    /// Makes a number of two, of which the first one counts for more.
    #[must_use]
    pub const fn of_parts(high: u64, low: u64) -> Self {
        Self { high, low }
    }

    /// Returns its two numbers.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        (self.high, self.low)
    }

    /// Returns the next number; of the last one, itself.
    #[must_use]
    pub const fn next(self) -> Self {
        match (self.low.checked_add(1), self.high.checked_add(1)) {
            (Some(low), _) => Self { low, ..self },
            (None, Some(high)) => Self { high, low: 0 },
            (None, None) => self,
        }
    }

    /// Returns the number before it; of [`Sequence::ZERO`], itself.
    #[must_use]
    pub const fn previous(self) -> Self {
        match (self.low.checked_sub(1), self.high.checked_sub(1)) {
            (Some(low), _) => Self { low, ..self },
            (None, Some(high)) => Self { high, low: u64::MAX },
            (None, None) => self,
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (0, low) => write!(f, "{low}"),
            (high, low) => write!(f, "{high}-{low}"),
        }
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<u64> for Sequence {
    fn from(number: u64) -> Self {
        Self { high: 0, low: number }
    }
}

impl PartialEq<u64> for Sequence {
    fn eq(&self, number: &u64) -> bool {
        *self == Self::from(*number)
    }
}

impl core::str::FromStr for Sequence {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        match text.split_once('-') {
            None => Ok(Self::from(number(text)?)),
            Some((high, low)) => match (number(high)?, number(low)?) {
                // Which is written without it.
                (0, _) => Err(NotAPosition),
                (high, low) => Ok(Self::of_parts(high, low)),
            },
        }
    }
}

/// One text for one number: no sign, no leading zero.
fn number(text: &str) -> Result<u64, NotAPosition> {
    let number: u64 = text.parse().map_err(|_| NotAPosition)?;
    if EventId::from(number).as_str() == text { Ok(number) } else { Err(NotAPosition) }
}

/// A place in a broadcaster's log, as it stands in the ids of its events: `epoch-sequence`.
///
/// ```
/// use sse_broadcast::{Epoch, Position, Sequence};
///
/// let position: Position = "k3f9-1842".parse().unwrap();
/// assert_eq!(position, Position { epoch: Epoch::new("k3f9").unwrap(), sequence: Sequence::from(1842) });
/// assert_eq!(position.to_id().as_str(), "k3f9-1842");
/// for forged in ["", "k3f9", "k3f9-", "k3f9-+1", "k3f9-01", "-1", "k3f9-99999999999999999999", "k3 f9-1", "k3f9-0-1"] {
///     assert!(forged.parse::<Position>().is_err(), "{forged}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The life of the log.
    pub epoch: Epoch,
    /// The number of the last event at or before this place.
    pub sequence: Sequence,
}

/// A text is not the id of a [`Position`].
///
/// ```
/// use sse_broadcast::{NotAPosition, Position};
///
/// assert_eq!("17".parse::<Position>(), Err(NotAPosition));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form epoch-sequence")]
pub struct NotAPosition;

impl Position {
    /// Returns the id that stands for this place.
    #[must_use]
    pub fn to_id(self) -> EventId<'static> {
        EventId::stripped(self.to_string())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch.as_str(), self.sequence)
    }
}

impl core::str::FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (epoch, sequence) = text.split_once('-').ok_or(NotAPosition)?;
        Ok(Self { epoch: Epoch::new(epoch).ok_or(NotAPosition)?, sequence: sequence.parse()? })
    }
}
