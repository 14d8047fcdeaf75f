//! Spreading what would otherwise happen to everybody at once.

use core::time::Duration;

/// One step of SplitMix64 (Steele, Lea, Flood 2014): spreads any seed over all bits.
pub(crate) const fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns a part of `whole`, from nothing to all of it, that `random`, any random number, picks.
///
/// ```
/// use core::time::Duration;
/// use sse_core::random::part_of;
///
/// let spread = Duration::from_secs(4);
/// assert_eq!(part_of(spread, 0), Duration::ZERO);
/// assert_eq!(part_of(spread, 1 << 63), Duration::from_secs(2));
/// ```
#[must_use]
pub const fn part_of(whole: Duration, random: u64) -> Duration {
    const NANOS: u128 = 1_000_000_000;
    // 94 bits of nanoseconds and 32 of a fraction fit.
    let nanos = (whole.as_nanos() * (random >> 32) as u128) >> 32;
    Duration::new((nanos / NANOS) as u64, (nanos % NANOS) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_splitmix64() {
        // The first numbers of the published generator, seeded with 1234567.
        let states = (1..=5)
            .map(|step: u64| 1_234_567_u64.wrapping_add((step - 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert!(states.map(splitmix64).eq(expected));
    }

    #[test]
    fn a_part_lies_within_the_whole() {
        for whole in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3), Duration::MAX] {
            assert_eq!(part_of(whole, 0), Duration::ZERO);
            assert!(part_of(whole, u64::MAX) <= whole);
        }
        assert_eq!(part_of(Duration::from_secs(3), 1 << 63), Duration::from_millis(1_500));
    }
}
