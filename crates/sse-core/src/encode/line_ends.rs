//! Where the lines of a text end, if all of them end in LF: fast for many short lines.
//!
//! A search that starts anew behind each line end waits for the result of the last one before it can load a byte; with
//! lines of 80 bytes that is most of its time. Here the text is read in blocks, whatever is in them, and what is found in a
//! block is a mask from which the line ends are taken bit by bit. It is plain code, of a shape that compilers make vector
//! instructions of: a loop over 64 bytes without branches.

use memchr::memchr;

const BLOCK: usize = 64;

/// After so many blocks without a line end `memchr`, which is faster on long lines, looks for the next one.
const PATIENCE: usize = 4;

/// The offsets of the LF of a text, in order.
pub(super) struct LineFeeds<'a> {
    /// What is behind the current block.
    rest: &'a [u8],
    /// Where the current block ends.
    block_end: usize,
    /// The LF of the current block that are still to come: bit n is byte n.
    found: u64,
}

impl<'a> LineFeeds<'a> {
    /// Looks from `start` on.
    #[inline(always)]
    pub(super) fn from(text: &'a [u8], start: usize) -> Self {
        Self { rest: &text[start..], block_end: start, found: 0 }
    }

    /// Goes on to the next block that has any.
    #[inline(always)]
    fn advance(&mut self) -> Option<()> {
        loop {
            for _ in 0..PATIENCE {
                let marks = match self.rest.split_first_chunk() {
                    Some((block, rest)) => {
                        self.rest = rest;
                        marks(block)
                    }
                    None => marks(&padded(core::mem::take(&mut self.rest))?),
                };
                self.block_end += BLOCK;
                if marks != 0 {
                    self.found = in_order(marks);
                    return Some(());
                }
            }
            let quiet = memchr(b'\n', self.rest)?;
            self.block_end += quiet;
            self.rest = &self.rest[quiet..];
        }
    }
}

impl Iterator for LineFeeds<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.found == 0 {
            self.advance()?;
        }
        let at = self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(self.block_end - BLOCK + at)
    }
}

/// Counts the LF of a text.
pub(super) fn count_line_feeds(text: &[u8]) -> usize {
    // No run holds more than a byte can count.
    const RUN: usize = 192;
    let count = |run: &[u8]| run.iter().fold(0_u8, |count, byte| count + u8::from(*byte == b'\n'));
    let runs = text.chunks_exact(RUN);
    let rest = usize::from(count(runs.remainder()));
    runs.map(|run| usize::from(count(run))).fold(rest, |all, count| all + count)
}

/// The end of a text as a block.
#[cold]
fn padded(rest: &[u8]) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(rest).for_each(|(byte, of_text)| *byte = *of_text);
    (!rest.is_empty()).then_some(block)
}

/// The LF of a block: bit `8 * n + row` is byte `8 * row + n`.
///
/// Each row of eight bytes has a bit of its own, so that the rows can be laid one over the other.
#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> u64 {
    const BIT_OF_ROW: [u8; BLOCK] = {
        let mut bits = [0; BLOCK];
        let mut at = 0;
        while at < BLOCK {
            bits[at] = 1 << (at / 8);
            at += 1;
        }
        bits
    };
    let mut marked = [0; BLOCK];
    for at in 0..BLOCK {
        marked[at] = if block[at] == b'\n' { BIT_OF_ROW[at] } else { 0 };
    }
    marked
        .chunks_exact(8)
        .fold(0, |marks, row| marks | <[u8; 8]>::try_from(row).map_or(0, u64::from_le_bytes))
}

/// [`marks`], of which there is one at least, in the order of the text: bit n is byte n.
#[inline(always)]
const fn in_order(marks: u64) -> u64 {
    if marks.is_power_of_two() {
        // Just one: the two octal digits of its number change places.
        let bit = marks.trailing_zeros();
        return 1 << ((bit << 3 | bit >> 3) & 63);
    }
    // The transposition of eight by eight bits: squares of one, two and four bits change places with their mirror images.
    const fn swap(bits: u64, by: u32, which: u64) -> u64 {
        let differ = (bits ^ (bits >> by)) & which;
        bits ^ differ ^ (differ << by)
    }
    let marks = swap(marks, 7, 0x00AA_00AA_00AA_00AA);
    let marks = swap(marks, 14, 0x0000_CCCC_0000_CCCC);
    swap(marks, 28, 0x0000_0000_F0F0_F0F0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Compares with what is found byte by byte, from `start` on.
    fn check_from(text: &[u8], start: usize) {
        let expected: Vec<usize> = (start..text.len()).filter(|at| text[*at] == b'\n').collect();
        assert_eq!(LineFeeds::from(text, start).collect::<Vec<_>>(), expected, "{text:?} from {start}");
        assert_eq!(count_line_feeds(&text[start..]), expected.len(), "{text:?} from {start}");
    }

    fn with_line_feeds(len: usize, at: &[usize]) -> Vec<u8> {
        let mut text = vec![b'x'; len];
        at.iter().for_each(|at| text[*at] = b'\n');
        text
    }

    /// Two blocks and a bit; an interpreter takes minutes for what takes milliseconds.
    const LONGEST: usize = if cfg!(miri) { 70 } else { 2 * BLOCK + 8 };

    #[test]
    fn a_lone_line_feed_is_found_at_each_place() {
        for len in 0..=LONGEST {
            check_from(&with_line_feeds(len, &[]), 0);
            for at in 0..len {
                check_from(&with_line_feeds(len, &[at]), 0);
            }
        }
    }

    #[test]
    fn line_feeds_of_one_block_come_in_the_order_of_the_text() {
        for first in 0..BLOCK {
            for second in first + 1..BLOCK {
                check_from(&with_line_feeds(BLOCK, &[first, second]), 0);
            }
        }
        for step in 1..BLOCK {
            let every: Vec<usize> = (0..LONGEST).step_by(step).collect();
            check_from(&with_line_feeds(LONGEST, &every), 0);
        }
    }

    #[test]
    fn blocks_begin_wherever_the_search_begins() {
        let text = with_line_feeds(LONGEST, &[0, 1, 63, 64, 65, LONGEST - 1]);
        for start in 0..=LONGEST {
            check_from(&text, start);
        }
    }

    #[test]
    fn a_line_feed_behind_a_long_line_is_found_wherever_the_search_gives_up_on_blocks() {
        let quiet = PATIENCE * BLOCK;
        for at in (quiet - 2..quiet + 2).chain(2 * quiet - 2..2 * quiet + BLOCK + 2) {
            check_from(&with_line_feeds(3 * quiet, &[at]), 0);
            check_from(&with_line_feeds(3 * quiet, &[0, at, at + 1, 3 * quiet - 1]), 0);
            check_from(&with_line_feeds(at + 1, &[at]), 0);
            check_from(&with_line_feeds(at, &[]), 0);
        }
    }

    #[test]
    fn as_many_line_feeds_are_counted_as_there_are() {
        for len in [0, 1, 191, 192, 193, 255, 256, 257, 384, 385, 1000] {
            let text = vec![b'\n'; len];
            assert_eq!(count_line_feeds(&text), len);
        }
    }

    #[test]
    fn other_bytes_are_no_line_feeds() {
        let text: Vec<u8> = (0..=u8::MAX).collect();
        check_from(&text, 0);
    }
}
