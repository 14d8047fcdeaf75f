//! One publisher, many subscribers over loopback: what a delivery costs the server's process, how long it takes, and what
//! an idle connection weighs. See "Fan-out" in `docs/BENCHMARKING.md`.
//!
//! Every server is a process of its own, this program with `serve`. It ends when its input does. What it is told to
//! publish, it publishes; the generator is this thread, and checks that every client got every event once and in order.

mod floor;
mod generator;
mod process;
mod servers;
mod wire;

use generator::Generator;
use process::Server;
use std::io::{self, Write};
use std::time::Duration;

pub use servers::serve;

/// One way to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    OursOnHyper,
    OursOnAxum,
    Axum,
    Floor,
}

impl Engine {
    pub const ALL: [Self; 4] = [Self::OursOnHyper, Self::OursOnAxum, Self::Axum, Self::Floor];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OursOnHyper => "ours, hyper",
            Self::OursOnAxum => "ours, axum",
            Self::Axum => "axum Sse, tokio broadcast",
            Self::Floor => "floor",
        }
    }
}

/// How often how much is published.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: &'static str,
    subscribers: usize,
    wakes: u64,
    burst: u64,
    every: Duration,
}

/// Bounded in count, and slow enough that a server has slept before each wake.
const LOADS: [Load; 4] = [
    Load { name: "one", subscribers: 1_000, wakes: 200, burst: 1, every: Duration::from_millis(20) },
    Load { name: "16", subscribers: 1_000, wakes: 100, burst: 16, every: Duration::from_millis(40) },
    Load { name: "one", subscribers: 5_000, wakes: 40, burst: 1, every: Duration::from_millis(100) },
    Load { name: "16", subscribers: 5_000, wakes: 20, burst: 16, every: Duration::from_millis(200) },
];

/// What one run of one load showed.
#[derive(Clone, Copy, Debug)]
struct Figures {
    cpu_microseconds: f64,
    median_milliseconds: f64,
    p99_milliseconds: f64,
}

#[derive(Debug, Default)]
struct Measured {
    /// By load, then by run.
    figures: [Vec<Figures>; LOADS.len()],
    idle_kilobytes: [Vec<f64>; SUBSCRIBERS.len()],
}

const SUBSCRIBERS: [usize; 2] = [1_000, 5_000];

/// Runs the engines in turns and prints the tables as Markdown.
///
/// # Errors
///
/// When a server does not start, or a client lost an event, got one twice or waited too long.
pub fn print(runs: usize, engines: &[Engine], out: &mut impl Write) -> io::Result<()> {
    let is_pinned = process::pin_this_to(1);
    let mut measured: Vec<Measured> = engines.iter().map(|_| Measured::default()).collect();
    for run in 0..runs {
        for (engine, measured) in engines.iter().zip(&mut measured) {
            eprintln!("run {} of {runs}: {}", run + 1, engine.name());
            for (subscribers, idle) in SUBSCRIBERS.into_iter().zip(&mut measured.idle_kilobytes) {
                let server = Server::start(*engine, is_pinned)?;
                let before = server.resident_kilobytes()?;
                let mut generator = Generator::connect(server.address, subscribers)?;
                std::thread::sleep(Duration::from_millis(200));
                idle.push((server.resident_kilobytes()? - before) / subscribers as f64);
                for (load, figures) in LOADS.iter().zip(&mut measured.figures) {
                    if load.subscribers == subscribers {
                        figures.push(run_load(load, &server, &mut generator)?);
                    }
                }
            }
        }
    }
    let pinned = if is_pinned { "server and generator pinned to a core each" } else { "nothing pinned" };
    writeln!(out, "{runs} runs, the engines in turns; {pinned}. Median (least to most).\n")?;
    tables(engines, &measured, out)
}

fn run_load(load: &Load, server: &Server, generator: &mut Generator) -> io::Result<Figures> {
    let deliveries = load.wakes * load.burst * load.subscribers as u64;
    let before = server.cpu()?;
    server.publish(load.wakes, load.burst, load.every)?;
    let mut latencies = generator.receive(load.wakes * load.burst)?;
    let cpu = server.cpu()? - before;
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize] as f64 / 1e6;
    Ok(Figures {
        cpu_microseconds: cpu.as_secs_f64() * 1e6 / deliveries as f64,
        median_milliseconds: at(0.5),
        p99_milliseconds: at(0.99),
    })
}

/// What is measured, and how it is read.
type Quantity = (&'static str, fn(&Figures) -> f64);

fn tables(engines: &[Engine], measured: &[Measured], out: &mut impl Write) -> io::Result<()> {
    let quantities: [Quantity; 3] = [
        ("CPU of the server for one delivery, µs", |figures| figures.cpu_microseconds),
        ("from publishing to a client, median, ms", |figures| figures.median_milliseconds),
        ("from publishing to a client, 99th of 100, ms", |figures| figures.p99_milliseconds),
    ];
    for (quantity, of) in quantities {
        write!(out, "| {quantity} ")?;
        for load in &LOADS {
            write!(out, "| {} a wake, {} clients ", load.name, load.subscribers)?;
        }
        writeln!(out, "|\n|---{}|", "|--:".repeat(LOADS.len()))?;
        for (engine, measured) in engines.iter().zip(measured) {
            write!(out, "| {} ", engine.name())?;
            for figures in &measured.figures {
                write!(out, "| {} ", spread(figures.iter().map(of)))?;
            }
            writeln!(out, "|")?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "| resident memory of an idle connection, KB | 1000 clients | 5000 clients |\n|---|--:|--:|"
    )?;
    for (engine, measured) in engines.iter().zip(measured) {
        write!(out, "| {} ", engine.name())?;
        for idle in &measured.idle_kilobytes {
            write!(out, "| {} ", spread(idle.iter().copied()))?;
        }
        writeln!(out, "|")?;
    }
    writeln!(out)
}

fn spread(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.get(values.len() / 2), values.first(), values.last()) {
        (Some(median), Some(least), Some(most)) => format!("{median:.2} ({least:.2} to {most:.2})"),
        _ => "-".to_owned(),
    }
}

/// Nanoseconds on the clock that both processes have.
fn stamp() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The data of an event: when it was published, and what brings it to a hundred bytes.
fn data() -> String {
    format!("{:<100}", stamp()).replace("  ", " .")
}
