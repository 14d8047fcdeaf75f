//! Tests in Miri, an interpreter that sees undefined behaviour: our crates have no unsafe code, what is below them has.

use super::NIGHTLY;
use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

/// Package, and what of it runs. Left out is what takes minutes a test: property tests, where two cases do, and tests of much memory,
/// time or many threads. Those that run try less there (`cfg!(miri)`).
const RUNS: [(&str, &[&str]); 2] =
    [("sse-core", &["--lib", "--test=vectors"]), ("sse-broadcast", &["--lib"])];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let installed = install(workspace);
    for (package, targets) in RUNS {
        report.step(format!("miri {package}"), || match &installed {
            Ok(()) => interpret(workspace, package, targets),
            Err(why) => Ok(Outcome::Skipped(why.clone())),
        });
    }
}

fn install(workspace: &Workspace) -> Result<(), String> {
    let root = &workspace.root;
    tools::toolchain(NIGHTLY, root)?;
    tools::component_of(NIGHTLY, "miri", root)?;
    tools::component_of(NIGHTLY, "rust-src", root)
}

fn interpret(workspace: &Workspace, package: &str, targets: &[&str]) -> StepResult {
    Run::cargo_of(NIGHTLY, &workspace.root)
        .args(["miri", "test", "-p", package])
        .args(targets)
        // Clocks and the files of vectors are the machine's.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .counted()
        .map(Outcome::Counted)
}
