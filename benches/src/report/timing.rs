//! Wall time. The engines take turns, which the usual harnesses cannot: what disturbs one disturbs all.

use crate::cases::Case;
use std::fs;
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

#[derive(Clone, Copy, Debug)]
struct Round {
    nanoseconds: f64,
    interrupted: bool,
}

impl Spread {
    /// Of the rounds in which nobody else got the core, if they are not too few. `rounds` is not empty.
    fn of(rounds: &[Round]) -> Self {
        let whole = rounds.iter().filter(|round| !round.interrupted);
        let mut rounds: Vec<f64> = if whole.clone().count() < FEW {
            rounds.iter().map(|round| round.nanoseconds).collect()
        } else {
            whole.map(|round| round.nanoseconds).collect()
        };
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], least: rounds[0], most: rounds[rounds.len() - 1] }
    }
}

/// Why it would take callgrind, which is fifty times slower, minutes.
pub(super) fn too_slow(case: &Case) -> Option<String> {
    const MOST: Duration = Duration::from_millis(250);
    let before = Scheduled::now();
    let wall = timed(case, 1);
    // Where the kernel does not tell, it was on a core all the time.
    let took = before
        .zip(Scheduled::now())
        .map_or(wall, |(before, after)| after.on_a_core.saturating_sub(before.on_a_core));
    let milliseconds = took.as_secs_f64() * 1e3 / case.units;
    (took > MOST && !case.is_ours()).then(|| format!("takes {milliseconds:.0} ms for one"))
}

/// What the kernel says of this thread.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scheduled {
    on_a_core: Duration,
    /// How often it was put there.
    times: u64,
}

impl Scheduled {
    fn now() -> Option<Self> {
        Self::read(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    fn read(schedstat: &str) -> Option<Self> {
        let fields = schedstat.split_whitespace().map(|field| field.parse().ok());
        let [on_a_core, _waited, times] = fields.collect::<Option<Vec<u64>>>()?.try_into().ok()?;
        Some(Self { on_a_core: Duration::from_nanos(on_a_core), times })
    }
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
            let before = Scheduled::now();
            let nanoseconds = timed(case, *times).as_nanos() as f64 / (*times as f64 * case.units);
            let interrupted = before.map(|before| before.times) != Scheduled::now().map(|after| after.times);
            rounds.push(Round { nanoseconds, interrupted });
        }
    }
    rounds.iter().map(|rounds| Spread::of(rounds)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(nanoseconds: &[f64], interrupted: bool) -> Vec<Round> {
        nanoseconds.iter().map(|nanoseconds| Round { nanoseconds: *nanoseconds, interrupted }).collect()
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(
            Spread::of(&rounds(&[9.0, 1.0, 2.0], true)),
            Spread { median: 2.0, least: 1.0, most: 9.0 }
        );
    }

    #[test]
    fn rounds_that_were_interrupted_do_not_count_where_there_are_others() {
        let whole = rounds(&[3.0; FEW], false);
        let interrupted = rounds(&[900.0; 2 * FEW], true);
        assert_eq!(Spread::of(&[whole.clone(), interrupted.clone()].concat()).most, 3.0);
        assert_eq!(Spread::of(&[&whole[1..], &interrupted].concat()).median, 900.0);
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        let expected = Scheduled { on_a_core: Duration::from_nanos(1_234), times: 7 };
        assert_eq!(Scheduled::read("1234 99 7\n"), Some(expected));
        assert_eq!([Scheduled::read(""), Scheduled::read("1 2"), Scheduled::read("a b c")], [None; 3]);
    }
}
