use core::fmt;
use core::str::FromStr;
use sse_broadcast::Sequence;

/// The id of an entry of a stream: milliseconds of the server's clock, and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryId {
    pub(crate) millis: u64,
    pub(crate) number: u64,
}

impl EntryId {
    /// Before the first one.
    pub(crate) const ZERO: Self = Self { millis: 0, number: 0 };

    /// The one before it, whether there was one or not.
    pub(crate) fn previous(self) -> Self {
        match (self.number.checked_sub(1), self.millis.checked_sub(1)) {
            (Some(number), _) => Self { number, ..self },
            (None, Some(millis)) => Self { millis, number: u64::MAX },
            (None, None) => self,
        }
    }

    pub(crate) fn sequence(self) -> Sequence {
        Sequence::of_parts(self.millis, self.number)
    }
}

/// As Redis writes it.
impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (millis, number) = text.split_once('-').ok_or(())?;
        let number_of = |text: &str| text.parse().map_err(drop);
        Ok(Self { millis: number_of(millis)?, number: number_of(number)? })
    }
}
