//! Fuzzing with cargo-fuzz.

use std::{fs, thread};

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

const MANIFEST: &str = "fuzz/Cargo.toml";
const SMOKE_SECONDS: &str = "20";
/// Each keeps one core busy.
const AT_ONCE: usize = 2;

pub(crate) fn one(workspace: &Workspace, report: &mut Report, target: &str, seconds: &str) {
    report.step(format!("fuzz {target}"), || {
        let known = targets(workspace)?;
        if !known.iter().any(|name| name == target) {
            return Err(format!("no such target; there are {}", known.join(", ")));
        }
        fuzz(workspace, target, seconds)
    });
}

pub(crate) fn smoke(workspace: &Workspace, report: &mut Report) {
    all(workspace, report, SMOKE_SECONDS);
}

/// Each target for so long.
pub(crate) fn all(workspace: &Workspace, report: &mut Report, seconds: &str) {
    match targets(workspace) {
        Ok(targets) if !targets.is_empty() => {
            for targets in targets.chunks(AT_ONCE) {
                let name = format!("fuzz {}, {seconds} s", targets.join(", "));
                report.step(name, || side_by_side(workspace, targets, seconds));
            }
        }
        Ok(_) => report.step("fuzz", || Err(format!("{MANIFEST} has no targets"))),
        Err(why) => report.step("fuzz", || Err(why)),
    }
}

fn side_by_side(workspace: &Workspace, targets: &[String], seconds: &str) -> StepResult {
    let results: Vec<StepResult> = thread::scope(|scope| {
        let running: Vec<_> =
            targets.iter().map(|target| scope.spawn(move || fuzz(workspace, target, seconds))).collect();
        let died = |_| Err("the thread that ran it died".to_owned());
        running.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
    });
    let mut all = Tally::default();
    for result in results {
        match result? {
            Outcome::Counted(tally) => all = all.and(tally),
            other => return Ok(other),
        }
    }
    Ok(Outcome::Counted(all))
}

fn targets(workspace: &Workspace) -> Result<Vec<String>, String> {
    let packages = workspace.of_manifest(MANIFEST)?;
    Ok(packages.into_iter().flat_map(|package| package.bins).collect())
}

fn fuzz(workspace: &Workspace, target: &str, seconds: &str) -> StepResult {
    let root = &workspace.root;
    if let Err(why) = tools::cargo_subcommand("fuzz", root) {
        return Ok(Outcome::Skipped(why));
    }
    // New inputs land in the first directory: the committed corpus stays what somebody chose.
    let found = workspace.target.join("fuzz-found").join(target);
    fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let seeds = root.join("fuzz/corpus").join(target);
    let words = root.join("fuzz/dictionaries").join(target).with_extension("dict");
    // No sanitizer: the targets assert properties of code without unsafe. So it is fast, and stable Rust will do.
    Run::cargo(root)
        .args(["fuzz", "run", "--sanitizer", "none", target])
        .arg(found)
        .args(seeds.is_dir().then_some(&seeds))
        .args(["--", "-timeout=10", &format!("-max_total_time={seconds}")])
        .args(words.is_file().then(|| format!("-dict={}", words.display())))
        .counted()
        .map(Outcome::Counted)
}
