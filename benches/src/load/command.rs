//! What the command line says.

use super::measures::Measure;
use super::{Engine, Feed, Setup, process, servers};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// What is measured, and how often.
#[derive(Clone, Debug)]
pub struct Options {
    pub measures: Vec<Measure>,
    pub engines: Vec<Engine>,
    pub runs: usize,
    pub is_quick: bool,
    /// Where profiles are kept.
    pub keep: Option<PathBuf>,
}

impl Options {
    /// `None` where the words make no sense.
    #[must_use]
    pub fn parse(words: &[&str]) -> Option<Self> {
        let mut options =
            Self { measures: Vec::new(), engines: Vec::new(), runs: 5, is_quick: false, keep: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--engine" => options.engines.push(Engine::named(words.next()?)?),
                "--runs" => options.runs = words.next()?.parse().ok().filter(|runs| *runs > 0)?,
                "--quick" => options.is_quick = true,
                "--keep" => options.keep = Some(words.next()?.into()),
                measure => options.measures.push(Measure::named(measure)?),
            }
        }
        if options.measures.is_empty() {
            options.measures = Measure::ALL.to_vec();
        }
        if options.engines.is_empty() {
            options.engines = Engine::ALL.to_vec();
        }
        if options.is_quick {
            options.runs = 1;
        }
        Some(options)
    }
}

/// Measures and prints the tables as Markdown.
///
/// # Errors
///
/// When a server does not start, or a client lost an event, got one twice or waited too long.
pub fn run(options: &Options, out: &mut impl Write) -> io::Result<()> {
    let is_pinned = process::pin_this_to(1);
    let engines: Vec<Engine> = options.engines.iter().copied().filter(|engine| can_run(*engine)).collect();
    let pinned = if is_pinned { "server and generator pinned to a core each" } else { "nothing pinned" };
    writeln!(out, "The engines in turns, runs: {}; {pinned}. Median (least to most).\n", options.runs)?;
    for measure in &options.measures {
        measure.print(options, &engines, is_pinned, out)?;
    }
    Ok(())
}

fn can_run(engine: Engine) -> bool {
    match process::is_missing(engine, Feed::Events) {
        Some(why) => {
            eprintln!("SKIPPED: {}: {why}", engine.name());
            false
        }
        None => true,
    }
}

/// Runs a server as [`serve_arguments`] has it; `None` where the words make no sense.
pub fn serve(words: &[&str]) -> Option<io::Result<()>> {
    let [name, engine, rest @ ..] = words else { return None };
    let mut setup = (*name == "--engine").then(|| Engine::named(engine).map(Setup::new))??;
    for option in rest.chunks(2) {
        let [name, value] = option else { return None };
        let value = value.parse().ok()?;
        match *name {
            "--ready" => setup.feed = Feed::Ready(value),
            "--channel" => setup.feed = Feed::Channel(value),
            "--heartbeat" => setup.heartbeat = Some(Duration::from_secs(value)),
            _ => return None,
        }
    }
    Some(servers::serve(setup))
}

pub(super) fn serve_arguments(setup: Setup) -> Vec<String> {
    let mut words = vec!["serve".to_owned(), "--engine".to_owned(), setup.engine.name().to_owned()];
    let mut option = |name: &str, value: u64| words.extend([format!("--{name}"), value.to_string()]);
    match setup.feed {
        Feed::Events => {}
        Feed::Ready(count) => option("ready", count),
        Feed::Channel(count) => option("channel", count),
    }
    if let Some(every) = setup.heartbeat {
        option("heartbeat", every.as_secs());
    }
    words
}
