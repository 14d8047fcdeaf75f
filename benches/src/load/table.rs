//! Tables of what was measured, as Markdown.

use super::Engine;
use std::io::{self, Write};

/// What each engine showed, for each column, in each run.
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    engines: Vec<Engine>,
    /// By engine, then by column.
    samples: Vec<Vec<Vec<f64>>>,
    decimals: usize,
}

/// That one engine is to cost so much of another, or of a number.
pub(super) struct Target {
    pub(super) column: usize,
    pub(super) engine: Engine,
    pub(super) than: Than,
    pub(super) at_most: f64,
}

pub(super) enum Than {
    /// The ratio of the medians counts.
    Engine(Engine),
    /// The difference of the medians counts.
    Above(Engine),
    Nothing,
}

impl Table {
    pub(super) fn new(title: &str, columns: Vec<String>, engines: &[Engine], decimals: usize) -> Self {
        Self {
            title: title.to_owned(),
            samples: engines.iter().map(|_| vec![Vec::new(); columns.len()]).collect(),
            columns,
            engines: engines.to_vec(),
            decimals,
        }
    }

    pub(super) fn push(&mut self, engine: Engine, column: usize, value: f64) {
        if let Some(row) = self.engines.iter().position(|known| *known == engine) {
            self.samples[row][column].push(value);
        }
    }

    /// Writes each median, and the least and the most where there was more than one run.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "| {} | {} |", self.title, self.columns.join(" | "))?;
        writeln!(out, "|---{}|", "|--:".repeat(self.columns.len()))?;
        for (engine, row) in self.engines.iter().zip(&self.samples) {
            let cells: Vec<String> = row.iter().map(|samples| spread(samples, self.decimals)).collect();
            writeln!(out, "| {} | {} |", engine.name(), cells.join(" | "))?;
        }
        writeln!(out)
    }

    /// Writes what became of targets whose engines were measured.
    pub(super) fn write_targets(&self, targets: &[Target], out: &mut impl Write) -> io::Result<()> {
        let measured: Vec<_> =
            targets.iter().filter_map(|target| Some((target, self.reached(target)?))).collect();
        if measured.is_empty() {
            return Ok(());
        }
        writeln!(out, "| target: {} | | reached | at most | |\n|---|---|--:|--:|---|", self.title)?;
        for (target, reached) in measured {
            let (column, engine) = (&self.columns[target.column], target.engine.name());
            let than = match &target.than {
                Than::Engine(peer) => format!(" ÷ {}", peer.name()),
                Than::Above(peer) => format!(" above {}", peer.name()),
                Than::Nothing => String::new(),
            };
            let verdict = if reached <= target.at_most { "met" } else { "missed" };
            writeln!(out, "| {engine}{than} | {column} | {reached:.2} | {} | {verdict} |", target.at_most)?;
        }
        writeln!(out)
    }

    fn reached(&self, target: &Target) -> Option<f64> {
        let ours = self.median(target.engine, target.column)?;
        Some(match target.than {
            Than::Engine(peer) => ours / self.median(peer, target.column)?,
            Than::Above(peer) => ours - self.median(peer, target.column)?,
            Than::Nothing => ours,
        })
    }

    fn median(&self, engine: Engine, column: usize) -> Option<f64> {
        let row = self.engines.iter().position(|known| *known == engine)?;
        let mut samples = self.samples[row][column].clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }
}

fn spread(samples: &[f64], decimals: usize) -> String {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    match &*samples {
        [] => "-".to_owned(),
        [one] => format!("{one:.decimals$}"),
        [least, .., most] => {
            let median = samples[samples.len() / 2];
            format!("{median:.decimals$} ({least:.decimals$} to {most:.decimals$})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_spread_and_targets_are_written() {
        let engines = [Engine::OursOnHyper, Engine::Bare, Engine::Floor];
        let mut table = Table::new("µs", vec!["one".to_owned()], &engines, 1);
        for value in [3.0, 1.0, 2.0] {
            table.push(Engine::OursOnHyper, 0, value);
        }
        table.push(Engine::Bare, 0, 1.0);
        let target = |engine, than, at_most| Target { column: 0, engine, than, at_most };
        let targets = [
            target(Engine::OursOnHyper, Than::Engine(Engine::Bare), 1.5),
            target(Engine::OursOnHyper, Than::Above(Engine::Bare), 1.0),
            target(Engine::OursOnHyper, Than::Engine(Engine::Floor), 1.0),
        ];
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        table.write_targets(&targets, &mut out).unwrap();
        let expected = "| µs | one |\n|---|--:|\n| ours, hyper | 2.0 (1.0 to 3.0) |\n| hyper by hand | 1.0 |\n| floor | - |\n\n\
                        | target: µs | | reached | at most | |\n|---|---|--:|--:|---|\n\
                        | ours, hyper ÷ hyper by hand | one | 2.00 | 1.5 | missed |\n\
                        | ours, hyper above hyper by hand | one | 1.00 | 1 | met |\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
