//! The tables of `docs/BENCHMARKING.md`.

use crate::callgrind::{self, Cost};
use crate::corpora;
use crate::engines::{AXUM, BASELINE, Decode, Encode, PEER_DECODER};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often each engine is timed, in turns with the others, so that what disturbs one disturbs all.
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(8);

struct Row {
    name: &'static str,
    cost: Cost,
    nanoseconds: f64,
}

/// Measures everything and prints it as Markdown.
pub fn print(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Machine: {}. Flags: as in `benches/Cargo.toml`, where the environment says nothing else.\n",
        cpu()
    )?;
    writeln!(out, "## Encoding\n")?;
    for corpus in &*corpora::ENCODE {
        let rows = Encode::ALL.iter().map(|engine| {
            engine.check(&corpus.message);
            let arguments = ["encode", "--engine", engine.name, "--corpus", corpus.name];
            Ok((engine.name, callgrind::per_event(&arguments, corpus.events, corpus.events)?))
        });
        let rows = rows.collect::<io::Result<Vec<_>>>()?;
        let times = time(Encode::ALL, |engine, times| engine.run(&corpus.message, times));
        table(out, corpus.name, join(rows, times), [BASELINE, AXUM])?;
    }
    writeln!(out, "## Decoding\n")?;
    for corpus in &*corpora::DECODE {
        let rows = Decode::ALL.iter().map(|engine| {
            engine.check(corpus);
            let arguments = ["decode", "--engine", engine.name, "--corpus", corpus.name];
            Ok((engine.name, callgrind::per_event(&arguments, 1, corpus.events)?))
        });
        let rows = rows.collect::<io::Result<Vec<_>>>()?;
        let mut times = time(Decode::ALL, |engine, times| engine.run(&corpus.chunks, times));
        times.iter_mut().for_each(|time| *time /= corpus.events as f64);
        table(out, corpus.name, join(rows, times), [PEER_DECODER])?;
    }
    Ok(())
}

fn join(costs: Vec<(&'static str, Cost)>, times: Vec<f64>) -> Vec<Row> {
    let rows = costs.into_iter().zip(times);
    rows.map(|((name, cost), nanoseconds)| Row { name, cost, nanoseconds }).collect()
}

fn table<const N: usize>(
    out: &mut impl Write,
    corpus: &str,
    rows: Vec<Row>,
    references: [&str; N],
) -> io::Result<()> {
    write!(out, "| {corpus} | instructions ")?;
    references.iter().try_for_each(|name| write!(out, "| ÷ {name} "))?;
    write!(out, "| allocations + reallocations | ns ")?;
    references.iter().try_for_each(|name| write!(out, "| ÷ {name} "))?;
    writeln!(out, "|\n|---{}|", "|--:".repeat(3 + 2 * N))?;
    let references = references.map(|name| rows.iter().find(|row| row.name == name));
    for row in &rows {
        write!(out, "| {} | {:.0} ", row.name, row.cost.instructions)?;
        for reference in references.iter().flatten() {
            write!(out, "| {:.2} ", row.cost.instructions / reference.cost.instructions)?;
        }
        let Cost { allocations, reallocations, .. } = row.cost;
        write!(out, "| {} + {} | {:.1} ", rounded(allocations), rounded(reallocations), row.nanoseconds)?;
        for reference in references.iter().flatten() {
            write!(out, "| {:.2} ", row.nanoseconds / reference.nanoseconds)?;
        }
        writeln!(out, "|")?;
    }
    writeln!(out)
}

fn rounded(count: f64) -> f64 {
    (count * 100.0).round() / 100.0
}

/// The median time of one repetition, for each engine.
fn time<E>(engines: &[E], run: impl Fn(&E, u64)) -> Vec<f64> {
    let timed = |engine: &E, times: u64| {
        let start = Instant::now();
        run(engine, times);
        start.elapsed()
    };
    let times = engines.iter().map(|engine| {
        let mut times = 1;
        while timed(engine, times) < ROUND {
            times *= 2;
        }
        times
    });
    let times: Vec<u64> = times.collect();
    let mut rounds = vec![Vec::new(); engines.len()];
    for _ in 0..ROUNDS {
        for ((engine, times), rounds) in engines.iter().zip(&times).zip(&mut rounds) {
            rounds.push(timed(engine, *times).as_nanos() as f64 / *times as f64);
        }
    }
    let median = |mut rounds: Vec<f64>| {
        rounds.sort_by(f64::total_cmp);
        rounds[ROUNDS / 2]
    };
    rounds.into_iter().map(median).collect()
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, model)| model).to_owned()
}
