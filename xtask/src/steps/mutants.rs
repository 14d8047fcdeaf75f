//! Mutation testing of the core with cargo-mutants: a change of its code that no test notices is a failure.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, thread};

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "sse-core";

/// The mutants that are left out, and why.
const CONFIG: &str = ".cargo/mutants.toml";

/// A mutant may collect without end; it is to fail, not the machine. In KiB of address space, which rustc needs, too.
const MEMORY: &str = "12000000";

/// `args` are cargo-mutants' own, such as `--file` and `--re`, which choose mutants.
pub(crate) fn run(workspace: &Workspace, report: &mut Report, args: &[&str]) {
    report.step("mutants", || mutants(workspace, args));
}

fn mutants(workspace: &Workspace, args: &[&str]) -> StepResult {
    if let Err(why) = tools::cargo_subcommand("mutants", &workspace.root) {
        return Ok(Outcome::Skipped(why));
    }
    let output = workspace.target.join("mutants");
    let found = output.join("mutants.out");
    if found.exists() {
        fs::remove_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    }
    fs::create_dir_all(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let stale = stale(workspace)?;
    if !stale.is_empty() {
        return Err(format!("{CONFIG} excludes what is no mutant: {}", stale.join("; ")));
    }
    let mut verdicts = Verdicts::default();
    for (tests, stage) in stages(workspace)? {
        println!("mutants against {tests}");
        match cargo_mutants(workspace, &output).args(stage).args(args).run() {
            Err(why) if !has_judged(&why) => return Err(why),
            _ => {}
        }
        verdicts.read(&found)?;
        if verdicts.missed.is_empty() && verdicts.timeout.is_empty() {
            break;
        }
    }
    verdicts.judge()
}

/// Whether cargo-mutants ran to its end: 2 says that it missed some, which the next stage may catch, 3 that some ran without
/// end. Anything else is a failure of the tool, of the arguments, or of the tests without any change.
fn has_judged(why: &str) -> bool {
    ["exit status: 2", "exit status: 3"].iter().any(|status| why.ends_with(status))
}

/// The exclusions that no mutant has the name of: the code that they were for has changed.
fn stale(workspace: &Workspace) -> Result<Vec<String>, String> {
    let file = workspace.root.join(CONFIG);
    let config = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let list = ["mutants", "--list", "--no-config", "--package", PACKAGE, "--all-features"];
    let list = || Run::cargo(&workspace.root).args(list);
    let all = list().output()?;
    let mut stale = Vec::new();
    for excluded in exclusions(&config) {
        // Not `--re`, which leaves some mutants in whatever it is.
        if list().args(["--exclude-re", excluded]).output()? == all {
            stale.push(excluded.to_owned());
        }
    }
    Ok(stale)
}

/// Each is a literal string on a line of its own.
fn exclusions(config: &str) -> impl Iterator<Item = &str> {
    config.lines().filter_map(|line| line.trim().strip_prefix('\'')?.rsplit_once('\'').map(|(re, _)| re))
}

/// The tests by what they cost, as arguments: each stage sees what the ones before it did not catch. A busy machine can be what
/// a test ran out of time on, so that such a mutant is not caught until the last stage, which has the tests of the first one, too,
/// and the most time.
fn stages(workspace: &Workspace) -> Result<[(&'static str, Vec<String>); 3], String> {
    let dir = workspace.root.join("crates").join(PACKAGE).join("tests");
    let entries = fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut properties: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        // They wait for real sockets, for long where a mutant does not answer.
        .filter(|name| !name.starts_with("example_"))
        .map(|name| format!("--cargo-arg=--test={name}"))
        .collect();
    properties.sort();
    properties.extend(["--cargo-arg=--lib", "--minimum-test-timeout=120"].map(str::to_owned));
    let given = |args: [&str; 2]| args.map(str::to_owned).to_vec();
    Ok([
        ("unit tests", given(["--cargo-arg=--lib", "--minimum-test-timeout=20"])),
        ("doc tests", given(["--cargo-test-arg=--doc", "--minimum-test-timeout=60"])),
        ("unit tests, models and properties", properties),
    ])
}

fn cargo_mutants(workspace: &Workspace, output: &Path) -> Run {
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let limited = format!("ulimit -v {MEMORY}; exec \"$@\"");
    Run::new("sh", &workspace.root)
        // Each job has a copy of the workspace, and what it builds in there.
        .env("CARGO_TARGET_DIR", "target")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "1")
        .args(["-c", &limited, "sh", "cargo", "mutants", "--package", PACKAGE, "--all-features"])
        .args(["--iterate", "--build-timeout=600", "--timeout-multiplier=5", "--no-shuffle"])
        .args([format!("--jobs={jobs}"), format!("--output={}", output.display())])
}

/// What became of the mutants, by name.
#[derive(Debug, Default)]
struct Verdicts {
    caught: BTreeSet<String>,
    timeout: BTreeSet<String>,
    unviable: BTreeSet<String>,
    missed: BTreeSet<String>,
}

impl Verdicts {
    /// Takes in what a stage wrote down, which `--iterate` leaves to the next one: caught and unviable ones are out of it.
    fn read(&mut self, found: &Path) -> Result<(), String> {
        let list = |name: &str| {
            let file = found.join(name);
            let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok::<_, String>(text.lines().map(str::to_owned).collect::<BTreeSet<_>>())
        };
        self.caught.extend(list("caught.txt")?);
        self.unviable.extend(list("unviable.txt")?);
        self.timeout = list("timeout.txt")?;
        self.missed = list("missed.txt")?;
        Ok(())
    }

    /// Nothing that was tested is no proof.
    fn judge(&self) -> StepResult {
        let [caught, missed, timeout, unviable] =
            [&self.caught, &self.missed, &self.timeout, &self.unviable].map(BTreeSet::len);
        for mutant in &self.timeout {
            println!("without end: {mutant}");
        }
        for mutant in &self.missed {
            println!("missed: {mutant}");
        }
        let line = format!("{caught} caught, {missed} missed, {timeout} timeouts, {unviable} unviable");
        println!("{line}");
        if missed > 0 || caught == 0 {
            return Err(line);
        }
        let cases = (caught + timeout) as u64;
        Ok(Outcome::Counted(Tally { cases, ..Tally::default() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(dir: &Path, lists: [&str; 4]) -> Verdicts {
        let mut verdicts = Verdicts::default();
        fs::create_dir_all(dir).unwrap();
        for (name, text) in ["caught.txt", "missed.txt", "timeout.txt", "unviable.txt"].iter().zip(lists) {
            fs::write(dir.join(name), text).unwrap();
        }
        verdicts.read(dir).unwrap();
        verdicts
    }

    #[test]
    fn a_mutant_that_the_last_stage_missed_is_a_failure() {
        let dir = std::env::temp_dir().join(format!("xtask-mutants-{}", std::process::id()));
        let mut first = verdicts(&dir, ["a\n", "b\nc\n", "d\nf\n", "e\n"]);
        assert_eq!(first.judge(), Err("1 caught, 2 missed, 2 timeouts, 1 unviable".to_owned()));

        // Out of time in one stage, missed in the next.
        let _second = verdicts(&dir, ["b\nc\n", "f\n", "d\n", ""]);
        first.read(&dir).unwrap();
        assert_eq!(first.judge(), Err("3 caught, 1 missed, 1 timeouts, 1 unviable".to_owned()));

        let _third = verdicts(&dir, ["f\n", "", "d\n", ""]);
        first.read(&dir).unwrap();
        assert_eq!(first.judge(), Ok(Outcome::Counted(Tally { cases: 5, ..Tally::default() })));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn exclusions_are_read_from_the_configuration() {
        let config = "# 'no'\nexclude_re = [\n    # Why.\n    'a \\* it',\n    'b'\n]\n";
        assert_eq!(exclusions(config).collect::<Vec<_>>(), ["a \\* it", "b"]);
        let workspace = Workspace::load().unwrap();
        let config = fs::read_to_string(workspace.root.join(CONFIG)).unwrap();
        let strings = config.lines().filter(|line| !line.trim().starts_with('#') && line.contains('\''));
        assert_eq!(exclusions(&config).count(), strings.count());
    }

    #[test]
    fn every_test_of_the_core_but_the_examples_is_in_a_stage() {
        let [_, _, (_, properties)] = stages(&Workspace::load().unwrap()).unwrap();
        assert!(properties.contains(&"--cargo-arg=--test=connection_model".to_owned()), "{properties:?}");
        assert!(!properties.iter().any(|name| name.contains("example")), "{properties:?}");
    }

    #[test]
    fn only_what_came_to_its_end_is_judged() {
        let ended = |code: u8| Run::new("sh", Path::new(".")).args(["-c", &format!("exit {code}")]).run();
        assert!([2, 3].iter().all(|code| has_judged(&ended(*code).unwrap_err())));
        assert!(![1, 4, 20, 70, 130].iter().any(|code| has_judged(&ended(*code).unwrap_err())));
    }

    #[test]
    fn no_mutants_are_a_failure() {
        assert!(Verdicts::default().judge().is_err());
    }
}
