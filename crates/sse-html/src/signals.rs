//! Values for Datastar's signals.

use crate::write::Keyed;
use core::fmt::Write;
use serde::Serialize;
use sse_core::{DataWriter, Encoder, Event, EventId, EventName, Frame, IntoFrame, ItemError, event_name};

const PATCH_SIGNALS: EventName<'static> = event_name!("datastar-patch-signals");

/// New values for [Datastar's signals](https://data-star.dev/reference/sse_events), serialised when they are encoded
/// (feature `json`).
///
/// The value has to be an object in JSON: a struct, a map. A signal that is `null` is removed, one that is not named stays.
/// Only Datastar has signals: the other libraries listen to no event of the name `datastar-patch-signals`.
///
/// ```
/// use serde::Serialize;
/// use sse_core::{Encoder, IntoFrame};
/// use sse_html::Signals;
///
/// #[derive(Serialize)]
/// struct Load {
///     cpu: u8,
/// }
///
/// let frame = Signals::new(Load { cpu: 42 }).into_frame(&Encoder::new())?;
/// assert_eq!(frame.as_bytes(), b"event: datastar-patch-signals\ndata: signals {\"cpu\":42}\n\n");
/// # Ok::<(), sse_core::ItemError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Signals<'a, T> {
    values: T,
    id: Option<EventId<'a>>,
    only_if_missing: bool,
}

/// Signals could not be encoded.
///
/// ```
/// use sse_html::{Signals, SignalsError};
///
/// assert!(matches!(Signals::new([1, 2]).into_event(), Err(SignalsError::NotAnObject)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalsError {
    /// The serialiser failed.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The value is no object in JSON: it names no signal.
    #[error("signals must be an object in JSON")]
    NotAnObject,
}

impl<'a, T: Serialize> Signals<'a, T> {
    /// Takes the values; nothing is serialised yet.
    #[must_use]
    pub fn new(values: T) -> Self {
        Self { values, id: None, only_if_missing: false }
    }

    /// Leaves signals as they are that the page has already.
    ///
    /// ```
    /// use sse_html::Signals;
    /// use std::collections::BTreeMap;
    ///
    /// let event = Signals::new(BTreeMap::from([("open", true)])).only_if_missing().into_event()?;
    /// assert_eq!(event.data(), Some("onlyIfMissing true\nsignals {\"open\":true}"));
    /// # Ok::<(), sse_html::SignalsError>(())
    /// ```
    #[must_use]
    pub fn only_if_missing(mut self) -> Self {
        self.only_if_missing = true;
        self
    }

    /// Sets the event's id: see [`Event::with_id`].
    #[must_use]
    pub fn with_id(mut self, id: impl Into<EventId<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Serialises now.
    ///
    /// # Errors
    ///
    /// [`SignalsError`] when the value cannot be serialised, or is no object.
    ///
    /// ```
    /// use sse_html::Signals;
    /// use std::collections::BTreeMap;
    ///
    /// let event = Signals::new(BTreeMap::from([("cpu", 42)])).with_id(7_u64).into_event()?;
    /// assert_eq!(event.name().unwrap().as_str(), "datastar-patch-signals");
    /// assert_eq!(event.data(), Some("signals {\"cpu\":42}"));
    /// # Ok::<(), sse_html::SignalsError>(())
    /// ```
    pub fn into_event(self) -> Result<Event<'a>, SignalsError> {
        let mut data = String::new();
        self.write(&mut data)?;
        let event = Event::new(data).with_name(PATCH_SIGNALS);
        Ok(match self.id {
            Some(id) => event.with_id(id),
            None => event,
        })
    }

    fn write(&self, data: &mut impl Write) -> Result<(), SignalsError> {
        let json = serde_json::to_string(&self.values)?;
        if !json.starts_with('{') {
            return Err(SignalsError::NotAnObject);
        }
        // Neither writer fails: one is a text, the other the wire.
        let _ = self.write_json(data, &json);
        Ok(())
    }

    /// Raw values may hold line ends.
    fn write_json(&self, data: &mut impl Write, json: &str) -> core::fmt::Result {
        if self.only_if_missing {
            data.write_str("onlyIfMissing true\n")?;
        }
        Keyed::new(data, "signals ")?.write_str(json)
    }
}

impl<T: Serialize> IntoFrame for Signals<'_, T> {
    const KIND: &'static str = "signals";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        let head = Event::new("").with_name(PATCH_SIGNALS);
        let head = match &self.id {
            Some(id) => head.with_id(id.clone()),
            None => head,
        };
        let mut wire = DataWriter::append_to(Vec::new(), encoder, &encoder.fill_id(head));
        match self.write(&mut wire) {
            Ok(()) => Ok(wire.into_frame()),
            Err(error) => Err(ItemError::Encode(Box::new(error))),
        }
    }
}
