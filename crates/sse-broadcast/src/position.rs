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

/// A place in a broadcaster's log, as it stands in the ids of its events: `epoch-sequence`.
///
/// Sequence numbers count all events of a broadcaster, whatever their topic, from 1; 0 is before the first.
///
/// ```
/// use sse_broadcast::{Epoch, Position};
///
/// let position: Position = "k3f9-1842".parse().unwrap();
/// assert_eq!(position, Position { epoch: Epoch::new("k3f9").unwrap(), sequence: 1842 });
/// assert_eq!(position.to_id().as_str(), "k3f9-1842");
/// for forged in ["", "k3f9", "k3f9-", "k3f9-+1", "k3f9-01", "-1", "k3f9-99999999999999999999", "k3 f9-1"] {
///     assert!(forged.parse::<Position>().is_err(), "{forged}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The life of the log.
    pub epoch: Epoch,
    /// The number of the last event at or before this place.
    pub sequence: u64,
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
        let epoch = Epoch::new(epoch).ok_or(NotAPosition)?;
        let number: u64 = sequence.parse().map_err(|_| NotAPosition)?;
        // One text for one position: no sign, no leading zero.
        if EventId::from(number).as_str() != sequence {
            return Err(NotAPosition);
        }
        Ok(Self { epoch, sequence: number })
    }
}
