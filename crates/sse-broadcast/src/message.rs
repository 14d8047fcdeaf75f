use crate::hub::PublishError;
use sse_core::{Decoder, Encoder, Event, EventId, EventName, Frame, FrameAwaitingId, Item};
use std::sync::Arc;

/// What can be published: an event, text, or a frame that is encoded already; with a key where the newest of a key counts.
///
/// Its id is the broadcaster's: an event or frame with an id of its own is refused. A frame of several events has the id at
/// its last: whoever has seen only some of them gets all of them again.
///
/// ```
/// use sse_broadcast::{Broadcaster, Message, Settings};
/// use sse_core::{Event, event_name};
///
/// let hub = Broadcaster::new(Settings::new());
/// hub.register_event(event_name!("load"));
/// hub.publish("machines", "text is an event without a name")?;
/// let load = Event::new("0.4").with_name(event_name!("load"));
/// hub.publish("machines", Message::from(load).with_key("web-1"))?;
/// # Ok::<(), sse_broadcast::PublishError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Message<'a> {
    body: Body<'a>,
    key: Option<Arc<str>>,
    /// Its name is that of its type, and needs no registration.
    is_typed: bool,
}

#[derive(Clone, Debug)]
enum Body<'a> {
    Event(Event<'a>),
    Frame(Frame),
}

/// A type whose values are events of one name, their data in JSON: no other name can be published by mistake.
///
/// ```
/// use sse_broadcast::{Broadcaster, Message, Settings, TypedEvent};
/// use sse_core::{EventName, event_name};
///
/// #[derive(serde::Serialize)]
/// struct Joined<'a> {
///     user: &'a str,
/// }
///
/// impl TypedEvent for Joined<'_> {
///     const NAME: EventName<'static> = event_name!("joined");
/// }
///
/// let hub = Broadcaster::new(Settings::new());
/// hub.publish("lobby", Message::typed(&Joined { user: "ada" }).unwrap())?;
/// # Ok::<(), sse_broadcast::PublishError>(())
/// ```
#[cfg(feature = "json")]
pub trait TypedEvent: serde::Serialize {
    /// The name of these events.
    const NAME: EventName<'static>;
}

impl<'a> Message<'a> {
    /// Sets the key: of the messages of a topic with the same key, [`Lag::LatestPerKey`](crate::Lag::LatestPerKey) keeps the
    /// newest.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Makes a message of a name and a value in JSON.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialised.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(
        name: EventName<'a>,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Event::new(serde_json::to_string(value)?).with_name(name).into())
    }

    /// Makes a message of a typed event; its name needs no registration.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialised.
    #[cfg(feature = "json")]
    pub fn typed<T: TypedEvent + ?Sized>(event: &T) -> Result<Self, serde_json::Error> {
        let message = Self::json(T::NAME, event)?;
        Ok(Self { is_typed: true, ..message })
    }

    /// Returns the key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns the event, unless it is a frame.
    #[must_use]
    pub fn event(&self) -> Option<&Event<'a>> {
        match &self.body {
            Body::Event(event) => Some(event),
            Body::Frame(_) => None,
        }
    }

    /// Returns the frame, if it is one.
    #[must_use]
    pub fn frame(&self) -> Option<&Frame> {
        match &self.body {
            Body::Event(_) => None,
            Body::Frame(frame) => Some(frame),
        }
    }

    /// Whether it can be published: what is in it, and whether its names are known.
    pub(crate) fn check(&self, is_known: impl Fn(&EventName<'_>) -> bool) -> Result<Contents, PublishError> {
        let check = |name: &EventName<'_>| {
            if self.is_typed || is_known(name) {
                return Ok(());
            }
            Err(PublishError::Unregistered { name: name.clone().into_owned(), registered: Vec::new() })
        };
        match &self.body {
            Body::Event(event) => {
                if event.id().is_some() {
                    return Err(PublishError::HasId);
                }
                if event.data().is_none() {
                    return Err(PublishError::NoEvent);
                }
                event.name().map_or(Ok(()), check)?;
                let name = event.name().map(|name| Arc::from(name.as_str()));
                Ok(Contents { name, start_of_last: 0 })
            }
            Body::Frame(frame) => {
                let (mut first_name, mut start_of_last) = (None, 0);
                let mut decoder = Decoder::with_limit(usize::MAX);
                for (start, block) in blocks(frame.as_bytes()) {
                    let mut feed = decoder.feed(block);
                    while let Some(item) = feed.next() {
                        match item {
                            Item::Event(event) if event.sets_id() => return Err(PublishError::HasId),
                            Item::Block { sets_id: true, .. } => return Err(PublishError::HasId),
                            Item::Event(event) => {
                                let name = EventName::stripped(event.event_type());
                                if name.as_str() != "message" {
                                    check(&name)?;
                                }
                                first_name.get_or_insert_with(|| Arc::from(name.as_str()));
                                start_of_last = start;
                            }
                            _ => {}
                        }
                    }
                }
                if first_name.is_none() {
                    return Err(PublishError::NoEvent);
                }
                Ok(Contents { name: first_name, start_of_last })
            }
        }
    }

    /// Encodes the message, checks its names, and leaves only the id to be put in.
    pub(crate) fn prepare(self, is_known: impl Fn(&EventName<'_>) -> bool) -> Result<Prepared, PublishError> {
        let Contents { name, start_of_last } = self.check(is_known)?;
        let encoder = Encoder::new();
        let (before, frame) = match self.body {
            Body::Event(event) => (None, encoder.to_frame_awaiting_id(&event)),
            Body::Frame(frame) if start_of_last > 0 => {
                let (before, last) = frame.as_bytes().split_at(start_of_last);
                match (Frame::from_wire(before.to_vec()), Frame::from_wire(last.to_vec())) {
                    (Ok(before), Ok(last)) => (Some(before), encoder.put_id_before(&last)),
                    _ => (None, encoder.put_id_before(&frame)),
                }
            }
            Body::Frame(frame) => (None, encoder.put_id_before(&frame)),
        };
        Ok(Prepared { before, frame, name, key: self.key })
    }
}

/// What is in a message.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The name of its first event.
    name: Option<Arc<str>>,
    /// Where the last event begins, of a frame.
    start_of_last: usize,
}

/// Cuts a frame behind each blank line; where each part starts, and the part.
fn blocks(wire: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let (mut start, mut line_start) = (0, 0);
    let mut ends = Vec::new();
    while let Some(len) = wire[line_start..].iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let line_end = line_start + len;
        let is_crlf = wire[line_end..].starts_with(b"\r\n");
        line_start = line_end + if is_crlf { 2 } else { 1 };
        if len == 0 {
            ends.push(line_start);
        }
    }
    ends.push(wire.len());
    ends.into_iter().map(move |end| {
        let block = (start, &wire[start..end]);
        start = end;
        block
    })
}

/// Encoded, but for its id.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// All but the last event of a frame. The id belongs to the last: a client that is cut before it has not seen the rest.
    before: Option<Frame>,
    frame: FrameAwaitingId,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) key: Option<Arc<str>>,
}

impl Prepared {
    pub(crate) fn with_id(self, id: &EventId<'_>) -> Frame {
        let last = self.frame.with_id(id);
        let before = self.before;
        before.and_then(|before| Frame::concat([&before, &last])).unwrap_or(last)
    }
}

impl<'a> From<Event<'a>> for Message<'a> {
    fn from(event: Event<'a>) -> Self {
        Self { body: Body::Event(event), key: None, is_typed: false }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(data: &'a str) -> Self {
        Event::new(data).into()
    }
}

impl From<String> for Message<'_> {
    fn from(data: String) -> Self {
        Event::new(data).into()
    }
}

impl From<Frame> for Message<'_> {
    fn from(frame: Frame) -> Self {
        Self { body: Body::Frame(frame), key: None, is_typed: false }
    }
}
