use crate::frame::Frame;
use bytes::{Bytes, BytesMut};

/// Frames joined into one chunk; a lone frame is not copied.
#[derive(Debug)]
pub(super) struct Chunk {
    limit: usize,
    joined: Joined,
}

#[derive(Debug)]
enum Joined {
    Nothing,
    One(Frame),
    Many(BytesMut),
}

impl Chunk {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, joined: Joined::Nothing }
    }

    /// Adds a frame, or hands it back when it does not fit behind what is there.
    pub(super) fn push(&mut self, frame: Frame) -> Result<(), Frame> {
        if self.len() > 0 && frame.len() > self.limit.saturating_sub(self.len()) {
            return Err(frame);
        }
        match &mut self.joined {
            Joined::Nothing => self.joined = Joined::One(frame),
            Joined::One(first) => {
                let mut joined = BytesMut::with_capacity(
                    first.len().saturating_add(frame.len()).saturating_mul(2).min(self.limit),
                );
                joined.extend_from_slice(first.as_bytes());
                joined.extend_from_slice(frame.as_bytes());
                self.joined = Joined::Many(joined);
            }
            Joined::Many(joined) => joined.extend_from_slice(frame.as_bytes()),
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() > 0 && self.len() >= self.limit
    }

    pub(super) fn into_bytes(self) -> Option<Bytes> {
        match self.joined {
            Joined::Nothing => None,
            Joined::One(frame) => Some(frame.into_bytes()),
            Joined::Many(joined) => Some(joined.freeze()),
        }
    }

    fn len(&self) -> usize {
        match &self.joined {
            Joined::Nothing => 0,
            Joined::One(frame) => frame.len(),
            Joined::Many(joined) => joined.len(),
        }
    }
}
