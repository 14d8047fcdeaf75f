use crate::frame::Frame;
use alloc::collections::VecDeque;

/// Frames that wait for the transport, and their size.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Queue {
    /// Appends a frame, or hands it back when it would exceed `limit`; a lone frame always fits.
    pub(super) fn push(&mut self, frame: Frame, limit: usize) -> Result<(), Frame> {
        if !self.frames.is_empty() && frame.len() > limit.saturating_sub(self.bytes) {
            return Err(frame);
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        Ok(())
    }

    /// Puts a frame back where it was taken from.
    pub(super) fn unpop(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_front(frame);
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Drops the frames and what held them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
