//! Encoded bytes: what connections, logs and broadcasters pass around.

use crate::close::CloseReason;
use crate::decode::Decoder;
use crate::encode::Encoder;
use crate::event::{Comment, Event};
use crate::field::EventId;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::fmt;

/// Encoded bytes that leave a client between two events: whole blocks, or comment lines.
///
/// Never empty. A frame can stand between any two others: it starts at the start of a line and leaves no field pending.
/// Cloning counts a reference; the bytes are shared by any number of connections.
///
/// ```
/// use sse_core::{Event, Frame};
///
/// let frame = Event::new("hello").to_frame();
/// let shared = frame.clone();
/// assert_eq!(shared.as_bytes(), b"data: hello\n\n");
/// assert_eq!(Frame::concat([&frame, &shared]).unwrap().len(), 26);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Frame(Bytes);

/// Foreign bytes are not a [`Frame`]: says why, and where.
///
/// ```
/// use sse_core::{Frame, NotAFrame};
///
/// assert_eq!(Frame::from_wire("data: half").unwrap_err(), NotAFrame::Unfinished { offset: 10 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFrame {
    /// There are no bytes.
    #[error("a frame must not be empty")]
    Empty,
    /// They begin with a byte order mark, which is none between two events.
    #[error("a frame must not begin with a byte order mark")]
    ByteOrderMark,
    /// They are not UTF-8.
    #[error("a frame must be UTF-8, which ends at offset {offset}")]
    InvalidUtf8 {
        /// Where the first bad byte stands.
        offset: usize,
    },
    /// They end within a line or an event.
    #[error("a frame must end between two events, not within one at offset {offset}")]
    Unfinished {
        /// Where the rest is missing: their length.
        offset: usize,
    },
}

impl Frame {
    /// Takes over bytes that somebody else encoded, once the decoder has found them whole: complete events or comment
    /// lines, in UTF-8.
    ///
    /// Reads them as UTF-8, then as a client; the frame keeps the bytes, uncopied. Data of several lines takes memory
    /// of its size while it is read.
    ///
    /// # Errors
    ///
    /// [`NotAFrame`]: what is wrong, and where.
    ///
    /// ```
    /// use sse_core::Frame;
    ///
    /// let frame = Frame::from_wire("event: a\ndata: b\n\n: comment\n")?;
    /// assert_eq!(frame.len(), 28);
    /// # Ok::<(), sse_core::NotAFrame>(())
    /// ```
    pub fn from_wire(wire: impl Into<Bytes>) -> Result<Self, NotAFrame> {
        let wire = wire.into();
        if wire.is_empty() {
            return Err(NotAFrame::Empty);
        }
        let text = core::str::from_utf8(&wire)
            .map_err(|error| NotAFrame::InvalidUtf8 { offset: error.valid_up_to() })?;
        if text.starts_with('\u{FEFF}') {
            return Err(NotAFrame::ByteOrderMark);
        }
        let mut decoder = Decoder::with_limit(usize::MAX);
        let mut feed = decoder.feed(&wire);
        while feed.next().is_some() {}
        if decoder.is_between_blocks() {
            Ok(Self(wire))
        } else {
            Err(NotAFrame::Unfinished { offset: wire.len() })
        }
    }

    /// Joins frames into one; `None` when there are none. One allocation, unless there is just one frame: that is
    /// shared.
    ///
    /// ```
    /// use sse_core::{Comment, Event, Frame};
    ///
    /// let frames = [Event::new("a").to_frame(), Comment::new("b").to_frame()];
    /// assert_eq!(Frame::concat(&frames).unwrap().as_bytes(), b"data: a\n\n: b\n");
    /// assert_eq!(Frame::concat([]), None);
    /// ```
    #[must_use]
    pub fn concat<'a>(frames: impl IntoIterator<Item = &'a Self, IntoIter: Clone>) -> Option<Self> {
        let frames = frames.into_iter();
        let mut rest = frames.clone();
        let first = rest.next()?;
        if rest.next().is_none() {
            return Some(first.clone());
        }
        let mut wire = BytesMut::with_capacity(frames.clone().map(Self::len).sum());
        for frame in frames {
            wire.extend_from_slice(&frame.0);
        }
        Some(Self(wire.freeze()))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the shared bytes, without copying.
    ///
    /// ```
    /// use sse_core::Event;
    ///
    /// let frame = Event::new("a").to_frame();
    /// assert_eq!(frame.clone().into_bytes().as_ptr(), frame.as_bytes().as_ptr());
    /// ```
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Returns the number of bytes, which is never zero.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// For the crate's own encoder, whose output is whole and not empty.
    pub(crate) fn from_encoded(wire: Bytes) -> Self {
        debug_assert!(!wire.is_empty());
        Self(wire)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:?})", self.0)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Event<'_>> for Frame {
    fn from(event: Event<'_>) -> Self {
        event.to_frame()
    }
}

impl From<Comment<'_>> for Frame {
    fn from(comment: Comment<'_>) -> Self {
        comment.to_frame()
    }
}

/// An encoded event that lacks its id: for whoever knows the id only when nothing else may be done any more.
///
/// A log, say, that gives the next sequence number under its lock: everything is encoded before, and what is left to do is
/// to move the few bytes in front of the id and to write it. Made by [`Encoder::to_frame_awaiting_id`].
///
/// ```
/// use sse_core::{Encoder, Event, event_name};
///
/// let event = Event::new("hello").with_name(event_name!("chat"));
/// let frame = Encoder::new().to_frame_awaiting_id(&event).with_id(&42_u64.into());
/// assert_eq!(frame, event.with_id(42_u64).to_frame());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAwaitingId {
    /// [`ROOM`](Self::ROOM) free bytes, what precedes the id, what follows it.
    wire: Vec<u8>,
    /// Where the id belongs.
    at: usize,
}

impl FrameAwaitingId {
    /// An id of at most so many bytes is put in without allocating.
    pub const ROOM: usize = 48;

    /// Puts the id in.
    ///
    /// Costs a move of the bytes in front of it: comment and name. An id beyond [`FrameAwaitingId::ROOM`] costs an allocation.
    #[must_use]
    pub fn with_id(self, id: &EventId<'_>) -> Frame {
        let Self { mut wire, at } = self;
        let id = id.as_bytes();
        let Some(start) = Self::ROOM.checked_sub(id.len()) else {
            wire.splice(at..at, id.iter().copied());
            return Frame::from_encoded(Bytes::from(wire).slice(Self::ROOM..));
        };
        wire.copy_within(Self::ROOM..at, start);
        wire[at - id.len()..at].copy_from_slice(id);
        Frame::from_encoded(Bytes::from(wire).slice(start..))
    }

    /// Returns the number of bytes without the id.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.wire.len() - Self::ROOM
    }

    pub(crate) fn from_encoded(wire: Vec<u8>, at: usize) -> Self {
        Self { wire, at }
    }
}

/// What an error is made of when its type is not known: any [`Error`](core::error::Error), or text.
///
/// ```
/// use sse_core::BoxError;
///
/// let error = BoxError::from("the database is gone");
/// assert_eq!(error.to_string(), "the database is gone");
/// ```
pub type BoxError = Box<dyn core::error::Error + Send + Sync>;

/// Why an item of a stream gave no frame.
///
/// ```
/// use sse_core::{Encoder, IntoFrame, ItemError};
///
/// let item: Result<&str, &str> = Err("the database is gone");
/// assert!(matches!(item.into_frame(&Encoder::new()), Err(ItemError::Source(_))));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// The item was an error: its source failed.
    #[error("the source failed: {0}")]
    Source(#[source] BoxError),
    /// The item was a value that could not be encoded; its source may well go on.
    #[error("a value could not be encoded: {0}")]
    Encode(#[source] BoxError),
    /// A value could not be rendered, and brings what a developer may see in its place; its source may well go on.
    #[error(transparent)]
    Render(Box<RenderError>),
    /// The source leaves this value out, by its own decision: it is reported and never sent. No error policy is asked.
    #[error("a value was left out: {0}")]
    Skip(#[source] BoxError),
    /// Not a failure: the source ends the stream, for a reason of its own. No error policy is asked.
    #[error("the source ends the stream: {0}")]
    Close(CloseReason),
}

/// A value could not be rendered: says for which place it was, why, and what may stand there instead.
///
/// The stand-in tells the error itself. It is for developers: an error policy that is fit for users sends something else.
///
/// ```
/// use sse_core::{Event, ItemError, RenderError, event_name};
///
/// let stand_in = Event::new("<p>no field user</p>").with_name(event_name!("row")).to_frame();
/// let error = ItemError::from(RenderError::new("no field user", "row", stand_in));
/// assert_eq!(error.to_string(), "`row` could not be rendered: no field user");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("`{target}` could not be rendered: {error}")]
pub struct RenderError {
    #[source]
    error: BoxError,
    target: Box<str>,
    stand_in: Frame,
}

impl RenderError {
    /// Makes the error of a value that was to be shown at `target`; `stand_in` may be shown there instead.
    ///
    /// ```
    /// use sse_core::{Event, RenderError};
    ///
    /// let error = RenderError::new("no field user", "row", Event::new("!").to_frame());
    /// assert_eq!((error.target(), error.stand_in().as_bytes()), ("row", &b"data: !\n\n"[..]));
    /// ```
    #[must_use]
    pub fn new(error: impl Into<BoxError>, target: impl Into<Box<str>>, stand_in: Frame) -> Self {
        Self { error: error.into(), target: target.into(), stand_in }
    }

    /// Returns why the value could not be rendered.
    #[must_use]
    pub fn error(&self) -> &(dyn core::error::Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Returns the name of the place that the value was for.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns what may be sent in the value's place; it tells the error.
    #[must_use]
    pub fn stand_in(&self) -> &Frame {
        &self.stand_in
    }
}

impl From<RenderError> for ItemError {
    fn from(error: RenderError) -> Self {
        Self::Render(Box::new(error))
    }
}

/// What a stream may be made of: anything that becomes one frame.
///
/// Implemented for [`Event`], [`Comment`], [`Frame`], text (an event with that data), JSON with the feature `json`, and
/// for a [`Result`] of any of these.
///
/// ```
/// use sse_core::{Encoder, Event, Frame, IntoFrame, ItemError, event_name};
///
/// struct Reading(i32);
///
/// impl IntoFrame for Reading {
///     fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
///         Event::new(format!("{} °C", self.0)).with_name(event_name!("boiler")).into_frame(encoder)
///     }
/// }
///
/// let frame = Reading(72).into_frame(&Encoder::new())?;
/// assert_eq!(frame.as_bytes(), "event: boiler\ndata: 72 °C\n\n".as_bytes());
/// # Ok::<(), sse_core::ItemError>(())
/// ```
pub trait IntoFrame {
    /// What kind of value this is, in a word, for whoever observes a stream: `event`, `text`, `json`, `frame`, `comment`;
    /// `value` when its implementation does not say. Observers hear `error`, `opening` and `function` of what has no value:
    /// take other words.
    const KIND: &'static str = "value";

    /// Encodes the value, or hands over the frame that it is, as it is: whatever the encoder says.
    ///
    /// # Errors
    ///
    /// [`ItemError::Encode`] when the value cannot be encoded, [`ItemError::Render`] when it cannot be rendered,
    /// [`ItemError::Skip`] when it is not to be sent, [`ItemError::Source`] when it is an error itself.
    ///
    /// ```
    /// use sse_core::{Comment, Encoder, IntoFrame, LineEnding};
    ///
    /// let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
    /// assert_eq!("text".into_frame(&crlf)?.as_bytes(), b"data: text\r\n\r\n");
    /// assert_eq!(Comment::new("early").to_frame().into_frame(&crlf)?.as_bytes(), b": early\n");
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError>;
}

impl IntoFrame for Frame {
    const KIND: &'static str = "frame";

    fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
        Ok(self)
    }
}

impl IntoFrame for Event<'_> {
    const KIND: &'static str = "event";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Ok(encoder.item_to_frame(self))
    }
}

impl IntoFrame for Comment<'_> {
    const KIND: &'static str = "comment";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Ok(encoder.comment_to_frame(&self))
    }
}

impl IntoFrame for &str {
    const KIND: &'static str = "text";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Event::new(self).into_frame(encoder)
    }
}

impl IntoFrame for String {
    const KIND: &'static str = "text";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Event::new(self).into_frame(encoder)
    }
}

impl IntoFrame for Cow<'_, str> {
    const KIND: &'static str = "text";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        Event::new(self).into_frame(encoder)
    }
}

impl<T: IntoFrame, E: Into<BoxError>> IntoFrame for Result<T, E> {
    const KIND: &'static str = T::KIND;

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        match self {
            Ok(value) => value.into_frame(encoder),
            Err(error) => Err(ItemError::Source(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Retry;
    use alloc::string::ToString;

    #[test]
    fn foreign_bytes_are_taken_over_when_they_are_whole() {
        for wire in ["data: a\n\n", ":\n", "\n", "data: a\r\r", "id: 1\r\n\r\n: c\r\n", "unknown\ndata\n\n\n"]
        {
            assert_eq!(Frame::from_wire(wire).unwrap().as_bytes(), wire.as_bytes(), "{wire:?}");
        }
    }

    #[test]
    fn foreign_bytes_that_would_spoil_their_neighbours_are_refused() {
        for (wire, refused) in [
            (&b""[..], NotAFrame::Empty),
            (b"\xEF\xBB\xBFdata: a\n\n", NotAFrame::ByteOrderMark),
            (b"data: \xFF\n\n", NotAFrame::InvalidUtf8 { offset: 6 }),
            (b"data: a\n", NotAFrame::Unfinished { offset: 8 }),
            (b"data: a", NotAFrame::Unfinished { offset: 7 }),
            (b"data: a\n\nid: 7\n", NotAFrame::Unfinished { offset: 15 }),
            (b": comment", NotAFrame::Unfinished { offset: 9 }),
            (b"retry: 5\n", NotAFrame::Unfinished { offset: 9 }),
        ] {
            assert_eq!(Frame::from_wire(Bytes::from_static(wire)).unwrap_err(), refused, "{wire:?}");
        }
    }

    #[test]
    fn what_the_encoder_makes_is_a_frame() {
        let event = Event::new("a\nb").with_retry(Retry::from_millis(1)).with_comment("c");
        for frame in [event.to_frame(), Comment::new("").to_frame(), Event::bare_id(7_u64).to_frame()] {
            assert_eq!(Frame::from_wire(frame.clone().into_bytes()), Ok(frame));
        }
    }

    #[test]
    fn an_id_that_comes_late_stands_where_it_belongs() {
        let long = "x".repeat(FrameAwaitingId::ROOM + 3);
        for id in ["", "7", "k3f9-1842", &long[..FrameAwaitingId::ROOM], &long] {
            let id = EventId::new(id).unwrap();
            for event in [
                Event::new("a\r\nb"),
                Event::new("").with_comment("c\nd").with_name(crate::event_name!("n")),
                Event::new("a").with_retry(Retry::from_millis(5)),
                Event::bare_retry(Retry::from_millis(5)),
            ] {
                for encoder in [Encoder::new(), Encoder::new().with_line_ending(crate::LineEnding::CrLf)] {
                    let awaiting = encoder.to_frame_awaiting_id(&event);
                    let len = awaiting.len();
                    let late = awaiting.with_id(&id);
                    assert_eq!(late.len(), len + id.as_str().len());
                    assert_eq!(late, encoder.to_frame(&event.clone().with_id(id.clone())));
                }
            }
        }
    }

    #[test]
    fn a_result_keeps_what_its_value_has_to_say() {
        struct Failing;
        impl IntoFrame for Failing {
            fn into_frame(self, _: &Encoder) -> Result<Frame, ItemError> {
                Err(RenderError::new("why", "row", Event::new("!").to_frame()).into())
            }
        }
        let item: Result<Failing, &str> = Ok(Failing);
        let Err(ItemError::Render(error)) = item.into_frame(&Encoder::new()) else { panic!("rendered") };
        assert_eq!((error.target(), error.error().to_string().as_str()), ("row", "why"));
        assert_eq!(error.stand_in().as_bytes(), b"data: !\n\n");
    }

    #[test]
    fn an_item_is_no_larger_for_what_it_could_have_to_say() {
        assert!(size_of::<ItemError>() <= 3 * size_of::<usize>());
        assert!(size_of::<Result<Frame, ItemError>>() <= size_of::<Frame>() + size_of::<usize>());
    }

    #[test]
    fn a_frame_is_its_bytes() {
        let frame = Event::new("a").to_frame();
        assert_eq!((frame.as_ref(), frame.len()), (&b"data: a\n\n"[..], 9));
        assert_eq!(alloc::format!("{frame:?}"), r#"Frame(b"data: a\n\n")"#);
    }

    #[test]
    fn joining_frames_keeps_their_bytes_and_their_order() {
        let [a, b] = [Event::new("a").to_frame(), Comment::new("b").to_frame()];
        assert_eq!(Frame::concat([]), None);
        assert_eq!(Frame::concat([&a]).unwrap().as_bytes().as_ptr(), a.as_bytes().as_ptr());
        assert_eq!(Frame::concat([&a, &b, &a]).unwrap().as_bytes(), b"data: a\n\n: b\ndata: a\n\n");
    }
}
