//! What is measured.

mod fan_out;
mod heartbeat;
mod idle;
mod instructions;
mod stalled;
mod tokens;

use super::Engine;
use super::command::Options;
use std::io::{self, Write};

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// What the server executes in user space for a delivery, a heartbeat, a token.
    Instructions,
    /// What a connection weighs that waits.
    Idle,
    /// What beating costs many idle connections.
    Heartbeat,
    /// What a delivery costs, and how long it takes.
    FanOut,
    /// How fast one connection is.
    Tokens,
    /// What clients that do not read do to the others.
    Stalled,
}

impl Measure {
    pub const ALL: [Self; 6] =
        [Self::Instructions, Self::Idle, Self::Heartbeat, Self::FanOut, Self::Tokens, Self::Stalled];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Idle => "idle",
            Self::Heartbeat => "heartbeat",
            Self::FanOut => "fan-out",
            Self::Tokens => "tokens",
            Self::Stalled => "stalled",
        }
    }

    pub(super) fn print(
        self,
        options: &Options,
        engines: &[Engine],
        is_pinned: bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let of = if self == Self::Idle { engines.to_vec() } else { talking(engines) };
        let place = Place { runs: options.runs, engines: &of, is_quick: options.is_quick, is_pinned };
        match self {
            Self::Instructions => instructions::print(&place, options.keep.as_deref(), out),
            Self::Idle => idle::print(&place, out),
            Self::Heartbeat => heartbeat::print(&place, out),
            Self::FanOut => fan_out::print(&place, out),
            Self::Tokens => tokens::print(&place, out),
            Self::Stalled => stalled::print(&place, out),
        }
    }
}

fn talking(engines: &[Engine]) -> Vec<Engine> {
    engines.iter().copied().filter(|engine| !engine.is_empty()).collect()
}

/// Where and how often it is measured.
struct Place<'a> {
    runs: usize,
    engines: &'a [Engine],
    is_quick: bool,
    is_pinned: bool,
}

impl Place<'_> {
    /// Lets the engines take turns.
    fn alternate(&self, mut measure: impl FnMut(Engine) -> io::Result<()>) -> io::Result<()> {
        for run in 1..=self.runs {
            for engine in self.engines {
                eprintln!("run {run} of {}: {}", self.runs, engine.name());
                measure(*engine)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", engine.name())))?;
            }
        }
        Ok(())
    }
}

/// The value in the middle, or another part of the way.
fn part_of(values: &mut [u64], part: f64) -> f64 {
    values.sort_unstable();
    let index = (values.len().saturating_sub(1)) as f64 * part;
    values.get(index as usize).map_or(0.0, |value| *value as f64)
}
