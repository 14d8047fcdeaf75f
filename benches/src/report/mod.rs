//! The page `docs/BENCHMARKS.md`: what everything costs, in parts that can be measured apart.

mod losses;
mod machine;
mod page;
mod table;
mod targets;
mod timing;

use crate::callgrind::{Copies, Cost};
use crate::cases::{Case, Group, Part, Reference, costs, groups};
use crate::engines::Kind;
use crate::nodes::NODES;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use timing::Spread;

/// What the page is made of, in its order.
pub const PARTS: [&str; 5] = ["encode", "decode", "broadcast", LOAD, NODES];

const LOAD: &str = "load";

/// What the engines of one group cost.
struct Table {
    corpus: &'static str,
    references: &'static [Reference],
    rows: Vec<Row>,
    /// Those that have no figures, and why.
    left_out: Vec<(&'static str, String)>,
}

struct Row {
    engine: &'static str,
    kind: Kind,
    is_ours: bool,
    cost: Cost,
    nanoseconds: Option<Spread>,
}

impl Row {
    /// Somebody who does the work, and is not us.
    fn is_peer(&self) -> bool {
        !self.is_ours && self.kind != Kind::Floor
    }

    fn median(&self) -> Option<f64> {
        self.nanoseconds.map(|spread| spread.median)
    }
}

/// Measures, prints Markdown, and puts that into the page, part by part.
///
/// # Errors
///
/// When valgrind does not run, or the page cannot be written.
pub fn print(only: Option<&str>, page: Option<&Path>) -> io::Result<()> {
    for part in PARTS.into_iter().filter(|part| only.is_none_or(|only| only == *part)) {
        let start = machine::load();
        let body = match Part::ALL.into_iter().find(|known| known.name() == part) {
            Some(part) => measured_part(part)?,
            None => printed_by(part)?,
        };
        let text = format!("{}\n{}\n{body}", heading(part), machine::describe(&start));
        println!("{text}");
        if let Some(page) = page {
            page::put(page, part, &text)?;
        }
    }
    Ok(())
}

fn heading(part: &str) -> &'static str {
    match part {
        "encode" => "## Encoding\n",
        "decode" => "## Decoding\n",
        "broadcast" => "## Broadcast, without sockets\n",
        NODES => "## Nodes that share a log\n",
        _ => "## Servers under load\n",
    }
}

fn measured_part(part: Part) -> io::Result<String> {
    let tables = groups(part).iter().map(measure).collect::<io::Result<Vec<Table>>>()?;
    let mut text = String::new();
    for table in &tables {
        text += &table::markdown(table);
    }
    text += &losses::markdown(&tables);
    text += &targets::markdown(part, &tables);
    Ok(text)
}

fn measure(group: &Group) -> io::Result<Table> {
    eprintln!("{}: {}", group.part.name(), group.corpus);
    let (mut measured, mut left_out) = (Vec::new(), Vec::new());
    for case in &group.cases {
        match (case.check)() {
            Ok(()) => match timing::too_slow(case) {
                None => measured.push(case),
                Some(why) => left_out.push((case.engine, why)),
            },
            Err(why) if case.is_ours() => return Err(io::Error::other(format!("{}: {why}", case.engine))),
            Err(why) => left_out.push((case.engine, format!("does this corpus wrong: {why}"))),
        }
    }
    let costs = costs(&measured, Copies::AsEver)?;
    // What a delivery costs depends on what its rounds leave out, which a clock does not.
    let times = if group.part == Part::Broadcast { Vec::new() } else { timing::in_turns(&measured) };
    let mut times = times.into_iter();
    let row = |(case, cost): (&&Case, Cost)| Row {
        engine: case.engine,
        kind: case.kind,
        is_ours: case.is_ours(),
        cost,
        nanoseconds: times.next(),
    };
    let rows = measured.iter().zip(costs).map(row).collect();
    Ok(Table { corpus: group.corpus, references: group.references, rows, left_out })
}

/// What that command prints: it has tables of its own, and what it does to its process is no matter of ours.
fn printed_by(command: &str) -> io::Result<String> {
    let output = Command::new(std::env::current_exe()?).arg(command).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command}: {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
