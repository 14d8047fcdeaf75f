//! What stands in an entry of the stream: see `docs/ENGINES.md`.

use crate::entry_id::EntryId;
use core::fmt;
use sse_broadcast::Message;
use sse_core::{Event, EventName, Frame, Retry};

/// The fields.
const TOPIC: &str = "topic";
const DATA: &str = "data";
const EVENT: &str = "event";
const KEY: &str = "key";
const RETRY: &str = "retry";
const COMMENT: &str = "comment";
const FRAME: &str = "frame";

/// An entry of the stream that is no event: it was left out.
///
/// ```
/// use sse_redis::{Malformed, MalformedEntry, Settings};
///
/// let settings = Settings::new("news").on_malformed(|entry: &MalformedEntry| match entry.reason {
///     Malformed::TooLarge { bytes, .. } => println!("{} has {bytes} bytes", entry.id),
///     _ => println!("{entry}"),
/// });
/// # let _ = settings;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {id}: {reason}")]
#[non_exhaustive]
pub struct MalformedEntry {
    /// Its id in the stream.
    pub id: String,
    /// What is wrong with it.
    pub reason: Malformed,
}

/// What is wrong with an entry.
///
/// ```
/// use sse_redis::Malformed;
///
/// assert_eq!(Malformed::Missing("topic").to_string(), "it has no field \"topic\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A field that it needs is not there.
    #[error("it has no field {0:?}")]
    Missing(&'static str),
    /// A field is there more than once.
    #[error("it has more than one field {0:?}")]
    Twice(&'static str),
    /// A field is not UTF-8.
    #[error("its field {0:?} is not UTF-8")]
    NotUtf8(&'static str),
    /// A field has a value that it cannot have.
    #[error("its field {field:?}: {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It is larger than an entry may be.
    #[error("it has {bytes} bytes, and {limit} are allowed")]
    TooLarge {
        /// Its fields and values.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// There are too many topics on this node for one more; who subscribes to it later is told of the loss.
    #[error("its topic is one too many: there are {limit}")]
    TooManyTopics {
        /// How many there may be.
        limit: usize,
    },
    /// The node's broadcaster was shut down. Such entries are not reported.
    #[error("the broadcaster is closed")]
    Closed,
    /// It cannot be published: a frame with an id of its own, or one that has no event.
    #[error("{0}")]
    Unpublishable(String),
    /// Its id is not above that of the entry before it.
    #[error("its id is not behind {0}")]
    NotBehind(String),
}

/// An event as an entry.
#[derive(Debug)]
pub(crate) struct Fields(Vec<(&'static str, Vec<u8>)>);

impl Fields {
    pub(crate) fn new(topic: &str, message: &Message<'_>) -> Self {
        let mut fields = vec![(TOPIC, topic.as_bytes().to_vec())];
        if let Some(key) = message.key() {
            fields.push((KEY, key.as_bytes().to_vec()));
        }
        if let Some(event) = message.event() {
            if let Some(name) = event.name() {
                fields.push((EVENT, name.as_str().as_bytes().to_vec()));
            }
            if let Some(retry) = event.retry() {
                fields.push((RETRY, retry.as_millis().to_string().into_bytes()));
            }
            if let Some(comment) = event.comment() {
                fields.push((COMMENT, comment.as_bytes().to_vec()));
            }
            fields.push((DATA, event.data().unwrap_or_default().as_bytes().to_vec()));
        } else if let Some(frame) = message.frame() {
            fields.push((FRAME, frame.as_bytes().to_vec()));
        }
        Self(fields)
    }

    /// Names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.0.iter().map(|(name, value)| (*name, value.as_slice()))
    }
}

/// An entry as it was read.
#[derive(Debug)]
pub(crate) struct RawEntry {
    pub(crate) id: EntryId,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What it says.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) topic: &'a str,
    pub(crate) message: Message<'a>,
}

impl RawEntry {
    pub(crate) fn malformed(&self, reason: Malformed) -> MalformedEntry {
        MalformedEntry { id: self.id.to_string(), reason }
    }

    /// Names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The event that it is. Fields that are not known are for others.
    pub(crate) fn parse(&self, limit: usize) -> Result<Parsed<'_>, Malformed> {
        let bytes = self.bytes();
        if bytes > limit {
            return Err(Malformed::TooLarge { bytes, limit });
        }
        let topic = self.text(TOPIC)?.ok_or(Malformed::Missing(TOPIC))?;
        let mut message = match (self.text(DATA)?, self.field(FRAME)?) {
            (Some(data), None) => Message::from(self.event(data)?),
            (None, Some(frame)) => {
                let frame = Frame::from_wire(frame.to_vec()).map_err(|error| invalid(FRAME, error))?;
                Message::from(frame)
            }
            (None, None) => return Err(Malformed::Missing(DATA)),
            (Some(_), Some(_)) => return Err(invalid(FRAME, "it has data, too")),
        };
        if let Some(key) = self.text(KEY)? {
            message = message.with_key(key);
        }
        Ok(Parsed { topic, message })
    }

    fn event<'a>(&'a self, data: &'a str) -> Result<Event<'a>, Malformed> {
        let mut event = Event::new(data);
        if let Some(name) = self.text(EVENT)? {
            event = event.with_name(EventName::new(name).map_err(|error| invalid(EVENT, error))?);
        }
        if let Some(retry) = self.text(RETRY)? {
            let millis = retry.parse::<u64>().map_err(|error| invalid(RETRY, error))?;
            event = event.with_retry(Retry::from_millis(millis));
        }
        if let Some(comment) = self.text(COMMENT)? {
            event = event.with_comment(comment);
        }
        Ok(event)
    }

    fn field(&self, field: &'static str) -> Result<Option<&[u8]>, Malformed> {
        let mut found = self.fields.iter().filter(|(name, _)| name == field.as_bytes());
        let value = found.next().map(|(_, value)| value.as_slice());
        if found.next().is_some() {
            return Err(Malformed::Twice(field));
        }
        Ok(value)
    }

    fn text(&self, field: &'static str) -> Result<Option<&str>, Malformed> {
        let value = self.field(field)?;
        value.map(|value| core::str::from_utf8(value).map_err(|_| Malformed::NotUtf8(field))).transpose()
    }
}

fn invalid(field: &'static str, why: impl fmt::Display) -> Malformed {
    Malformed::Invalid { field, why: why.to_string() }
}
