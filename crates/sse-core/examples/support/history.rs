//! A bounded log of frames: what was published last, to resume from.

use sse_core::{Event, EventId, Frame, event_name};
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

/// Each frame is encoded once; connections and log share its bytes.
#[derive(Debug)]
pub(crate) struct History {
    frames: VecDeque<Frame>,
    last_id: u64,
}

impl History {
    /// Enough for a client that was away for a moment.
    const LIMIT: usize = 256;

    /// Numbering starts at the wall clock: ids from before a restart lie before all of ours, so they are known as gone
    /// instead of being taken for ours. (It takes less than an event every microsecond.)
    #[allow(clippy::disallowed_methods, reason = "the core reads no clock, so that its drivers can")]
    pub(crate) fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let last_id = u64::try_from(since_1970.as_micros()).unwrap_or(0);
        Self { frames: VecDeque::with_capacity(Self::LIMIT), last_id }
    }

    pub(crate) fn publish(&mut self, message: &str) -> Frame {
        if self.frames.len() == Self::LIMIT {
            self.frames.pop_front();
        }
        self.last_id += 1;
        let frame = Event::new(message).with_name(event_name!("tick")).with_id(self.last_id).to_frame();
        self.frames.push_back(frame.clone());
        frame
    }

    /// Returns the frames that follow this id; `None` when the first of them is gone, or the id was never given.
    pub(crate) fn after(&self, id: u64) -> Option<impl Iterator<Item = &Frame>> {
        let missed = usize::try_from(self.last_id.checked_sub(id)?).ok()?;
        let start = self.frames.len().checked_sub(missed)?;
        Some(self.frames.range(start..))
    }

    /// Returns the id after which a client goes on, and what to tell it when it cannot go on where it was.
    pub(crate) fn resume(&self, last_event_id: Option<&EventId<'_>>) -> (u64, Option<Frame>) {
        let Some(id) = last_event_id else {
            return (self.last_id, None);
        };
        match id.as_str().parse() {
            Ok(id) if self.after(id).is_some() => (id, None),
            // Never a silent gap. The id is moved too, or the client would ask for the lost one again and again.
            _ => {
                let verdict = Event::new("events are missing").with_name(event_name!("sse:reset"));
                (self.last_id, Some(verdict.with_id(self.last_id).to_frame()))
            }
        }
    }
}
