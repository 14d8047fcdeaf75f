//! Runs one engine on one corpus, for a profiler, or all of them, for the report.

use sse_benches::broadcast::Case;
use sse_benches::corpora;
use sse_benches::engines::{Decode, Encode};
use sse_benches::load;
use std::process::ExitCode;

const USAGE: &str = "\
usage: sse-benches encode|decode [--engine NAME] [--corpus NAME] [--n TIMES]
       sse-benches report
       sse-benches broadcast [--case NAME --n ROUNDS]

encode and decode check and then run the engines named NAME (all, without), on the corpora named NAME:
TIMES events, or TIMES streams. report measures all of them and prints Markdown. broadcast
counts what publishing and delivering costs, or does it, for a profiler.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["report"] => finish(sse_benches::report::print(&mut std::io::stdout().lock())),
        ["broadcast"] => finish(sse_benches::broadcast::print(&mut std::io::stdout().lock())),
        ["broadcast", "--case", name, "--n", rounds] => {
            let case = Case::ALL.iter().find(|case| case.name == *name);
            match (case, rounds.parse()) {
                (Some(case), Ok(rounds)) => case.run(rounds),
                _ => return usage(),
            }
            ExitCode::SUCCESS
        }
        ["load", options @ ..] => match load::Options::parse(options) {
            Some(options) => finish(load::run(&options, &mut std::io::stdout().lock())),
            None => usage(),
        },
        ["serve", options @ ..] => load::serve(options).map_or_else(usage, finish),
        [verb @ ("encode" | "decode"), options @ ..] => match Selection::parse(options) {
            Some(selection) => selection.run(verb),
            None => usage(),
        },
        _ => usage(),
    }
}

fn finish(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}{}", load::USAGE);
    ExitCode::FAILURE
}

struct Selection<'a> {
    engine: &'a str,
    corpus: &'a str,
    times: u64,
}

impl<'a> Selection<'a> {
    fn parse(options: &[&'a str]) -> Option<Self> {
        let mut selection = Self { engine: "", corpus: "", times: 1 };
        for option in options.chunks(2) {
            match *option {
                ["--engine", engine] => selection.engine = engine,
                ["--corpus", corpus] => selection.corpus = corpus,
                ["--n", times] => selection.times = times.parse().ok()?,
                _ => return None,
            }
        }
        Some(selection)
    }

    fn run(&self, verb: &str) -> ExitCode {
        let mut runs = 0;
        if verb == "encode" {
            for corpus in corpora::ENCODE.iter().filter(|corpus| selects(self.corpus, corpus.name)) {
                for engine in Encode::ALL.iter().filter(|engine| selects(self.engine, engine.name)) {
                    engine.check(&corpus.message);
                    engine.run(&corpus.message, self.times);
                    runs += 1;
                }
            }
        } else {
            for corpus in corpora::DECODE.iter().filter(|corpus| selects(self.corpus, corpus.name)) {
                for engine in Decode::ALL.iter().filter(|engine| selects(self.engine, engine.name)) {
                    engine.check(corpus);
                    engine.run(&corpus.chunks, self.times);
                    runs += 1;
                }
            }
        }
        if runs == 0 {
            eprintln!("no such engine or corpus");
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

fn selects(wanted: &str, name: &str) -> bool {
    wanted.is_empty() || wanted == name
}
