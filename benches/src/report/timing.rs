//! Wall time. The engines take turns, which the usual harnesses cannot: what disturbs one disturbs all.

use crate::cases::Case;
use std::time::{Duration, Instant};

/// Short, so that on a busy machine most rounds are not interrupted, and the median is of those.
const ROUND: Duration = Duration::from_micros(500);
const ROUNDS: usize = 101;

/// What takes long takes fewer rounds: when so much time has gone, and at least so many.
const ENOUGH: Duration = Duration::from_secs(10);
const FEW: usize = 15;

/// What the rounds showed, in nanoseconds for each unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `rounds` is not empty.
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], least: rounds[0], most: rounds[rounds.len() - 1] }
    }
}

/// Why it would take callgrind, which is fifty times slower, minutes.
pub(super) fn too_slow(case: &Case) -> Option<String> {
    const MOST: Duration = Duration::from_millis(250);
    let repetition = || timed(case, 1);
    let least = repetition();
    // Others may be what took it so long.
    let least = if least > MOST { least.min(repetition()).min(repetition()) } else { least };
    let milliseconds = least.as_secs_f64() * 1e3 / case.units;
    (least > MOST && !case.is_ours()).then(|| format!("takes {milliseconds:.1} ms for one"))
}

fn timed(case: &Case, times: u64) -> Duration {
    let start = Instant::now();
    (case.run)(times);
    start.elapsed()
}

pub(super) fn in_turns(cases: &[&Case]) -> Vec<Spread> {
    let times = cases.iter().map(|case| {
        let mut times = 1;
        while timed(case, times) < ROUND {
            times *= 2;
        }
        times
    });
    let times: Vec<u64> = times.collect();
    let mut rounds = vec![Vec::new(); cases.len()];
    let start = Instant::now();
    for round in 0..ROUNDS {
        if round >= FEW && start.elapsed() > ENOUGH {
            break;
        }
        for ((case, times), rounds) in cases.iter().zip(&times).zip(&mut rounds) {
            rounds.push(timed(case, *times).as_nanos() as f64 / (*times as f64 * case.units));
        }
    }
    rounds.into_iter().map(Spread::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(Spread::of(vec![9.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 9.0 });
    }
}
