use super::LineEnding;
use super::lines::Lines;
use bytes::Buf;

/// The bytes of one event, lent piece by piece: static prefixes and the event's own slices.
///
/// An iterator over slices that are never empty, and a [`Buf`] for writers that gather. Does not allocate or copy. Made
/// by [`Event::chunks`](crate::Event::chunks) and [`Encoder::chunks`](crate::Encoder::chunks).
///
/// ```
/// use bytes::Buf;
///
/// let event = sse_core::Event::new("one line").with_id(1_u64);
/// let pieces: Vec<_> = event.chunks().collect();
/// assert_eq!(pieces, [&b"id: "[..], b"1", b"\n", b"data: ", b"one line", b"\n", b"\n"]);
///
/// let mut chunks = event.chunks();
/// assert_eq!(chunks.remaining(), event.encoded_len());
/// chunks.advance(6);
/// assert_eq!(chunks.chunk(), b"data: ");
/// ```
#[derive(Debug)]
pub struct Chunks<'a> {
    lines: Lines<'a>,
    eol: &'static [u8],
    /// What is left of the current line, its prefix first.
    pieces: [&'a [u8]; 3],
    remaining: usize,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(lines: Lines<'a>, line_ending: LineEnding) -> Self {
        let eol = line_ending.as_bytes();
        let remaining = lines.encoded_len(line_ending) + eol.len();
        let mut chunks = Self { lines, eol, pieces: [&[]; 3], remaining };
        chunks.refill();
        chunks
    }

    /// Keeps the first piece non-empty while any bytes remain.
    #[inline]
    fn refill(&mut self) {
        while self.pieces[0].is_empty() {
            let [_, second, third] = self.pieces;
            if second.is_empty() && third.is_empty() {
                if self.remaining == 0 {
                    return;
                }
                self.next_line();
            } else {
                self.pieces = [second, third, &[]];
            }
        }
    }

    fn next_line(&mut self) {
        self.pieces = match self.lines.next() {
            Some((prefix, value)) => [prefix, value, self.eol],
            // The blank line.
            None => [self.eol, &[], &[]],
        };
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let [piece, second, third] = self.pieces;
        if piece.is_empty() {
            return None;
        }
        self.remaining -= piece.len();
        self.pieces = [second, third, &[]];
        self.refill();
        Some(piece)
    }
}

/// `advance` goes no further than the end.
impl Buf for Chunks<'_> {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.pieces[0]
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 && self.remaining > 0 {
            let step = count.min(self.pieces[0].len());
            self.pieces[0] = &self.pieces[0][step..];
            self.remaining -= step;
            count -= step;
            self.refill();
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'b>(&'b self, dst: &mut [std::io::IoSlice<'b>]) -> usize {
        let pieces = self.pieces.iter().filter(|piece| !piece.is_empty());
        let mut filled = 0;
        for (slot, piece) in dst.iter_mut().zip(pieces) {
            *slot = std::io::IoSlice::new(piece);
            filled += 1;
        }
        filled
    }
}
