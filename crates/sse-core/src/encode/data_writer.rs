use super::lines::{Lines, Repeated, Text};
use super::{Encoder, LineEnding};
use crate::event::Event;
use crate::frame::Frame;
use alloc::vec::Vec;
use core::fmt;

/// Writes the data of an event while it is produced, straight to the wire: no intermediate text.
///
/// A [`fmt::Write`], and with the feature `std` an [`io::Write`](std::io::Write); neither ever fails. Line ends are
/// recognised across writes: a CR at the end of one and an LF at the start of the next are one line end. Nothing leaves
/// the writer before [`DataWriter::into_frame`], so a producer that gives up half way leaves nothing behind.
///
/// Bytes written as `io::Write` ought to be UTF-8; clients replace what is not.
///
/// ```
/// use core::fmt::Write;
/// use sse_core::{DataWriter, Event, event_name};
///
/// let mut data = DataWriter::new(&Event::new("").with_name(event_name!("row")));
/// write!(data, "a\r")?;
/// write!(data, "\nb={}", 7)?;
/// assert_eq!(data.into_frame().as_bytes(), b"event: row\ndata: a\ndata: b=7\n\n");
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Debug)]
pub struct DataWriter {
    wire: Vec<u8>,
    /// Where this event starts in it.
    start: usize,
    line_ending: LineEnding,
    after_return: bool,
}

impl DataWriter {
    /// Starts with the fields of `event` and its data, to which the written data is added; lines end in LF.
    ///
    /// The result always has data: a block that has none gets what is written, or the empty text.
    ///
    /// ```
    /// use core::fmt::Write;
    /// use sse_core::{DataWriter, Event};
    ///
    /// let mut data = DataWriter::new(&Event::new("total: ").with_id(9_u64));
    /// write!(data, "{}", 40 + 2)?;
    /// assert_eq!(data.into_frame().as_bytes(), b"id: 9\ndata: total: 42\n\n");
    /// # Ok::<(), core::fmt::Error>(())
    /// ```
    #[must_use]
    pub fn new(event: &Event<'_>) -> Self {
        Self::append_to(Vec::new(), &Encoder::new(), event)
    }

    /// Starts behind what `wire` holds, with a chosen encoder.
    ///
    /// ```
    /// use sse_core::{DataWriter, Encoder, Event};
    ///
    /// let wire = b"data: first\n\n".to_vec();
    /// let second = DataWriter::append_to(wire, &Encoder::new(), &Event::new("second"));
    /// assert_eq!(second.into_vec(), b"data: first\n\ndata: second\n\n");
    /// ```
    #[must_use]
    pub fn append_to(wire: Vec<u8>, encoder: &Encoder, event: &Event<'_>) -> Self {
        let mut writer =
            Self { start: wire.len(), wire, line_ending: encoder.line_ending(), after_return: false };
        Lines::before_data(event).write(encoder.line_ending(), &mut writer.wire);
        writer.wire.extend_from_slice(Lines::DATA);
        writer.push(event.data().unwrap_or_default().as_bytes());
        writer
    }

    /// Ends the event; what [`DataWriter::append_to`] was given in front of it is left out. No larger than its bytes.
    ///
    /// ```
    /// use sse_core::{DataWriter, Event};
    ///
    /// assert_eq!(DataWriter::new(&Event::new("")).into_frame(), Event::new("").to_frame());
    /// ```
    #[must_use]
    pub fn into_frame(self) -> Frame {
        let start = self.start;
        let mut wire = self.into_vec();
        wire.drain(..start);
        Frame::from_encoded(wire.into_boxed_slice().into())
    }

    /// Ends the event and returns everything written, with what [`DataWriter::append_to`] was given in front.
    ///
    /// ```
    /// use core::fmt::Write;
    /// use sse_core::{DataWriter, Encoder, Event};
    ///
    /// let mut wire = Vec::new();
    /// for row in 1..=2 {
    ///     let mut data = DataWriter::append_to(wire, &Encoder::new(), &Event::new(""));
    ///     write!(data, "row {row}")?;
    ///     wire = data.into_vec();
    /// }
    /// assert_eq!(wire, b"data: row 1\n\ndata: row 2\n\n");
    /// # Ok::<(), core::fmt::Error>(())
    /// ```
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.line_ending.write_twice(&mut self.wire);
        self.wire
    }

    /// Lets `write` append to the wire itself, for writers that make many small pieces and hardly ever a line end.
    #[cfg(feature = "json")]
    pub(crate) fn append_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.wire.len();
        write(&mut self.wire)?;
        if memchr::memchr2(b'\r', b'\n', &self.wire[start..]).is_some() {
            let raw = self.wire.split_off(start);
            self.push(&raw);
        }
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else { return };
        let bytes = match bytes {
            [b'\n', rest @ ..] if self.after_return => rest,
            _ => bytes,
        };
        self.after_return = last == b'\r';
        Text::new(bytes).write(self.line_ending, Repeated::Data, &mut self.wire);
    }
}

impl fmt::Write for DataWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(feature = "std")]
impl std::io::Write for DataWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
