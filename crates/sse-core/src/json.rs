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
/// Made by [`Event::json`]. A value of up to 512 bytes costs one allocation, of the frame's length; a longer one goes straight
/// to the wire, in a buffer that grows with it and is shrunk in the end. There is no intermediate text (but without the
/// feature `std`).
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
        let mut writer = Writer::new(encoder, &self.head);
        serialize(&mut writer, &self.value).map_err(JsonError)?;
        Ok(writer.into_frame())
    }
}

/// So long a value is put together on the stack.
const SHORT: usize = 512;

/// Where the serialiser writes to: many small pieces, and hardly ever a line end.
struct Writer<'a> {
    encoder: &'a Encoder,
    head: &'a Event<'a>,
    short: [u8; SHORT],
    len: usize,
    /// The wire, once the value is longer, and where in it the value begins.
    long: Option<(DataWriter, usize)>,
}

impl<'a> Writer<'a> {
    fn new(encoder: &'a Encoder, head: &'a Event<'a>) -> Self {
        Self { encoder, head, short: [0; SHORT], len: 0, long: None }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        if let Some((wire, _)) = &mut self.long {
            wire.raw().extend_from_slice(bytes);
        } else if let Some(room) = self.short.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        } else {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: &[u8]) {
        let mut wire = DataWriter::append_to(Vec::with_capacity(4 * SHORT), self.encoder, self.head);
        let raw = wire.raw();
        let start = raw.len();
        raw.extend_from_slice(&self.short[..self.len]);
        raw.extend_from_slice(bytes);
        self.long = Some((wire, start));
    }

    fn into_frame(self) -> Frame {
        match self.long {
            None => self.encoder.data_to_frame(self.head, &self.short[..self.len]),
            Some((mut wire, start)) => {
                wire.cut_lines(start);
                wire.into_frame()
            }
        }
    }
}

#[cfg(feature = "std")]
impl std::io::Write for Writer<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.push(bytes);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Without `std` the serialiser has no writer to write to: one copy more.
#[cfg(not(feature = "std"))]
fn serialize(writer: &mut Writer<'_>, value: &impl Serialize) -> Result<(), serde_json::Error> {
    writer.push(&serde_json::to_vec(value)?);
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
    use alloc::format;
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
    fn a_value_of_any_length_is_the_same_on_the_wire() {
        for len in [0, 1, SHORT - 3, SHORT - 2, SHORT - 1, SHORT, 3 * SHORT, 5 * SHORT] {
            for between in ["", "\n", "\r\n"] {
                let text = format!("[{between}\"{}\",{between}7]", "x".repeat(len));
                let raw = RawValue::from_string(text.clone()).unwrap();
                let event = Event::json(&raw).with_name(event_name!("n"));
                assert_eq!(
                    event.to_frame().unwrap(),
                    Event::new(text).with_name(event_name!("n")).to_frame()
                );
            }
            let list = ["y".repeat(len / 2), "z".repeat(len - len / 2)];
            let expected = Event::new(serde_json::to_string(&list).unwrap()).to_frame();
            assert_eq!(Event::json(&list).to_frame().unwrap(), expected, "{len} bytes in two pieces");
        }
    }

    #[test]
    fn a_value_that_cannot_be_json_is_a_typed_error() {
        let map = BTreeMap::from([((1, 2), 3)]);
        assert!(Event::json(&map).to_frame().is_err());
        assert!(matches!(Event::json(&map).into_frame(&Encoder::new()), Err(ItemError::Encode(_))));
    }
}
