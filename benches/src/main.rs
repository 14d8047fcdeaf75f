//! Runs one engine on one corpus, for a profiler, or all of them, for the report.

use sse_benches::callgrind::{Copies, Cost};
use sse_benches::cases::{Case, Part, costs, groups};
#[cfg(feature = "peers")]
use sse_benches::load;
use std::io;
use std::process::ExitCode;

const USAGE: &str = "\
usage: sse-benches encode|decode|broadcast [--engine NAME] [--corpus NAME] [--n TIMES]
       sse-benches report [--only PART] [--into FILE]
       sse-benches gate
       sse-benches load [MEASURE] [--engine NAME] [--runs TIMES] [--quick] [--keep FOLDER]
       sse-benches nodes [--quick]
       sse-benches scale [--clients N] [--events N] [--audience PART] [--nodes N] [--logs N]
       sse-benches serve --engine NAME [--ready N | --channel N] [--heartbeat SECONDS]

encode, decode and broadcast check and then run the engines named NAME (all, without), on the corpora named NAME:
TIMES events, streams, or rounds of publishing. report measures all of them, prints Markdown, and puts it into the
page FILE; PART is encode, decode, broadcast, load or nodes. gate counts what ours cost, for the regression gate. load measures
servers, in processes that run serve: instructions, idle, heartbeat, fan-out, tokens, stalled; all of them without MEASURE.
nodes measures nodes that share a log in Redis, which it starts. scale simulates such nodes: the table of docs/SCALE.md,
or the load that the options tell; PART is which part of the clients each event is for, 0 to 1.
--engine may be given more than once. --quick is to see that it works: few clients, one run. --keep leaves callgrind's
profiles there. Only encode, decode, broadcast and gate are there without the feature `peers`.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// `None` when the arguments make no command.
fn run(arguments: &[&str]) -> Option<io::Result<()>> {
    Some(match arguments {
        ["gate"] => gate(),
        #[cfg(feature = "peers")]
        ["report", options @ ..] => report(options)?,
        #[cfg(feature = "peers")]
        ["load", options @ ..] => load::run(&load::Options::parse(options)?, &mut io::stdout().lock()),
        #[cfg(feature = "peers")]
        ["nodes", options @ ..] => match options {
            [] => sse_benches::nodes::run(false).map(|text| print!("{text}")),
            ["--quick"] => sse_benches::nodes::run(true).map(|text| print!("{text}")),
            _ => return None,
        },
        #[cfg(feature = "peers")]
        ["scale", options @ ..] => sse_benches::nodes::scale::run(options).map(|text| {
            print!("{text}");
            Ok(())
        })?,
        #[cfg(feature = "peers")]
        ["serve", options @ ..] => load::serve(options)?,
        // What `report` and `gate` run under callgrind.
        ["count", part, options @ ..] => {
            Choice::parse(options)?.cases(part_named(part)?)?.iter().for_each(Case::count);
            Ok(())
        }
        [part, options @ ..] => {
            let choice = Choice::parse(options)?;
            choice.cases(part_named(part)?)?.iter().try_for_each(|case| {
                (case.check)().map_err(|why| io::Error::other(format!("{}: {why}", case.engine)))?;
                (case.run)(choice.times);
                Ok(())
            })
        }
        [] => return None,
    })
}

fn part_named(name: &str) -> Option<Part> {
    Part::ALL.into_iter().find(|part| part.name() == name)
}

#[derive(Default)]
struct Choice<'a> {
    engine: Option<&'a str>,
    corpus: Option<&'a str>,
    times: u64,
}

impl<'a> Choice<'a> {
    fn parse(options: &[&'a str]) -> Option<Self> {
        let mut choice = Self { times: 1, ..Self::default() };
        let mut options = options.iter().copied();
        while let Some(option) = options.next() {
            match option {
                "--engine" => choice.engine = Some(options.next()?),
                "--corpus" => choice.corpus = Some(options.next()?),
                "--n" => choice.times = options.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(choice)
    }

    /// `None` when there is no such engine or corpus: nothing at all would look as if it were fast.
    fn cases(&self, part: Part) -> Option<Vec<Case>> {
        let selects = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
        let groups = groups(part).into_iter().filter(|group| selects(self.corpus, group.corpus));
        let cases = groups.flat_map(|group| group.cases).filter(|case| selects(self.engine, case.engine));
        let cases: Vec<Case> = cases.collect();
        (!cases.is_empty()).then_some(cases)
    }
}

/// A line for each engine of ours: what it is, and its figures.
fn gate() -> io::Result<()> {
    let cases: Vec<Case> = Part::ALL.into_iter().flat_map(groups).flat_map(|group| group.cases).collect();
    let ours: Vec<&Case> = cases.iter().filter(|case| case.is_ours()).collect();
    for (case, cost) in ours.iter().zip(costs(&ours, Copies::WithVectors)?) {
        let Cost { instructions, allocations, reallocations } = cost;
        let name = format!("{} | {} | {}", case.part.name(), case.corpus, case.engine);
        println!("{name} | {instructions:.1} | {allocations:.3} | {reallocations:.3}");
    }
    Ok(())
}

#[cfg(feature = "peers")]
fn report(options: &[&str]) -> Option<io::Result<()>> {
    let (mut only, mut page) = (None, None);
    for option in options.chunks(2) {
        match *option {
            ["--only", part] if sse_benches::report::PARTS.contains(&part) => only = Some(part),
            ["--into", file] => page = Some(std::path::Path::new(file)),
            _ => return None,
        }
    }
    Some(sse_benches::report::print(only, page))
}
