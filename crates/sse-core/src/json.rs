//! Events whose data is JSON, serialised straight to the wire.

use crate::encode::{DataWriter, Encoder};
use crate::event::Event;
use crate::field::{EventId, EventName, Retry};
use crate::frame::{Frame, IntoFrame, ItemError};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use serde::Serialize;
#[cfg(feature = "std")]
use serde_json::to_writer as serialize;

/// A value could not be serialised; nothing was written. Says what the serialiser said.
///
/// ```
/// let no_text_as_key = std::collections::BTreeMap::from([([1], 2)]);
/// assert!(sse_core::Event::json(no_text_as_key).to_frame().is_err());
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(serde_json::Error);

/// An event whose data is a value in JSON, serialised when the event is encoded.
///
/// Made by [`Event::json`]. The value goes straight to the wire: one buffer, which starts at 256 bytes, grows with it and is
/// shrunk in the end, and no intermediate text (but without the feature `std`).
///
/// ```
/// use sse_core::{Event, event_name};
///
/// let event = Event::json([1, 2]).with_name(event_name!("pair"));
/// assert_eq!(event.to_frame()?.as_bytes(), b"event: pair\ndata: [1,2]\n\n");
/// # Ok::<(), sse_core::JsonError>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonEvent<'a, T> {
    head: Event<'a>,
    value: T,
}

impl<'a> Event<'a> {
    /// Makes an event whose data is `value` in JSON (feature `json`); nothing is serialised yet.
    ///
    /// A reference is a value, too.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let list = vec!["a\nb"];
    /// let frame = Event::json(&list).to_frame()?;
    /// assert_eq!(frame.as_bytes(), b"data: [\"a\\nb\"]\n\n");
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    #[must_use]
    pub fn json<T: Serialize>(value: T) -> JsonEvent<'a, T> {
        JsonEvent { head: Self::empty(), value }
    }
}

impl<'a, T: Serialize> JsonEvent<'a, T> {
    /// Sets the name: see [`Event::with_name`].
    ///
    /// ```
    /// use sse_core::{Event, event_name};
    ///
    /// let event = Event::json(0.42).with_name(event_name!("load"));
    /// assert_eq!(event.to_frame()?.as_bytes(), b"event: load\ndata: 0.42\n\n");
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    #[must_use]
    pub fn with_name(mut self, name: EventName<'a>) -> Self {
        self.head = self.head.with_name(name);
        self
    }

    /// Sets the id: see [`Event::with_id`].
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let event = Event::json(true).with_id(7_u64);
    /// assert_eq!(event.to_frame()?.as_bytes(), b"id: 7\ndata: true\n\n");
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    #[must_use]
    pub fn with_id(mut self, id: impl Into<EventId<'a>>) -> Self {
        self.head = self.head.with_id(id);
        self
    }

    /// Sets the reconnection time: see [`Event::with_retry`].
    ///
    /// ```
    /// use sse_core::{Event, Retry};
    ///
    /// let event = Event::json(()).with_retry(Retry::from_millis(500));
    /// assert_eq!(event.to_frame()?.as_bytes(), b"retry: 500\ndata: null\n\n");
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    #[must_use]
    pub fn with_retry(mut self, retry: impl Into<Retry>) -> Self {
        self.head = self.head.with_retry(retry);
        self
    }

    /// Sets a comment: see [`Event::with_comment`].
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let event = Event::json([1]).with_comment("v2");
    /// assert_eq!(event.to_frame()?.as_bytes(), b": v2\ndata: [1]\n\n");
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<Cow<'a, str>>) -> Self {
        self.head = self.head.with_comment(comment);
        self
    }

    /// Serialises and encodes the event, with lines that end in LF; the value can be encoded again.
    ///
    /// # Errors
    ///
    /// [`JsonError`] when the value cannot be serialised (a map with keys that are no text, an error of its own).
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let event = Event::json([1, 2]);
    /// assert_eq!(event.to_frame()?.as_bytes(), b"data: [1,2]\n\n");
    /// assert_eq!(event.to_frame()?, event.to_frame()?);
    /// # Ok::<(), sse_core::JsonError>(())
    /// ```
    pub fn to_frame(&self) -> Result<Frame, JsonError> {
        self.to_frame_with(&Encoder::new())
    }

    fn to_frame_with(&self, encoder: &Encoder) -> Result<Frame, JsonError> {
        const TYPICAL_LEN: usize = 256;
        let mut wire = DataWriter::append_to(Vec::with_capacity(TYPICAL_LEN), encoder, &self.head);
        wire.append_with(|wire| serialize(wire, &self.value)).map_err(JsonError)?;
        Ok(wire.into_frame())
    }
}

/// Without `std` the serialiser has no writer to write to: one copy more.
#[cfg(not(feature = "std"))]
fn serialize(wire: &mut Vec<u8>, value: &impl Serialize) -> Result<(), serde_json::Error> {
    wire.extend_from_slice(&serde_json::to_vec(value)?);
    Ok(())
}

impl<T: Serialize> IntoFrame for JsonEvent<'_, T> {
    const KIND: &'static str = "json";

    fn into_frame(mut self, encoder: &Encoder) -> Result<Frame, ItemError> {
        self.head = encoder.fill_head(self.head);
        self.to_frame_with(encoder).map_err(|error| ItemError::Encode(Box::new(error)))
    }
}

/// A JSON document as the data of an event without a name.
impl IntoFrame for serde_json::Value {
    const KIND: &'static str = "json";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Event::json(self).into_frame(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::LineEnding;
    use crate::{event_id, event_name};
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use serde_json::value::RawValue;

    #[test]
    fn json_is_the_same_on_every_way_out() {
        let value = serde_json::json!({"text": "a\r\nb", "list": [1, 2.5, null]});
        let text = serde_json::to_string(&value).unwrap();
        let expected = Event::new(text).with_name(event_name!("n")).with_id(event_id!("i")).to_frame();
        let event = Event::json(&value).with_name(event_name!("n")).with_id(event_id!("i"));
        assert_eq!(event.to_frame().unwrap(), expected);
        assert_eq!(event.into_frame(&Encoder::new()).unwrap(), expected);
    }

    #[test]
    fn a_raw_value_with_line_ends_cannot_break_the_event() {
        let raw = RawValue::from_string(String::from("{\r\n  \"a\":\n\n1}")).unwrap();
        let frame = Event::json(&raw).to_frame().unwrap();
        assert_eq!(frame.as_bytes(), b"data: {\ndata:   \"a\":\ndata: \ndata: 1}\n\n");
        let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
        let frame = Event::json(&raw).into_frame(&crlf).unwrap();
        assert_eq!(frame.as_bytes(), b"data: {\r\ndata:   \"a\":\r\ndata: \r\ndata: 1}\r\n\r\n");
    }

    #[test]
    fn a_value_that_cannot_be_json_is_a_typed_error() {
        let map = BTreeMap::from([((1, 2), 3)]);
        assert!(Event::json(&map).to_frame().is_err());
        assert!(matches!(Event::json(&map).into_frame(&Encoder::new()), Err(ItemError::Encode(_))));
    }
}
