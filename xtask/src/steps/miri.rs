//! Tests in Miri, an interpreter that sees undefined behaviour: our crates have no unsafe code, what is below them has.

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

const NIGHTLY: &str = "nightly";

/// It is slow: property tests try a few cases, and what is beyond it says so (`cfg_attr(miri, ignore = …)`).
const CASES: &str = "4";

/// Package, and what of it runs. Left out: tests that count allocations or go through sockets, and those that are about many
/// threads or much time; ThreadSanitizer has the threads.
const RUNS: [(&str, &[&str]); 3] = [
    (
        "sse-core",
        &[
            "--lib",
            "--test=vectors",
            "--test=decode_properties",
            "--test=encode_properties",
            "--test=connection_model",
            "--test=client_model",
        ],
    ),
    ("sse-broadcast", &["--lib", "--test=model"]),
    ("sse-driver", &["--lib", "--test=driver"]),
];

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
        .env("PROPTEST_CASES", CASES)
        // Clocks and the files of vectors are the machine's.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .run()?;
    Ok(Outcome::Passed)
}
