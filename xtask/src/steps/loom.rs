//! The models of what threads share, in every order that their steps can have.

use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// With these in the environment loom would end before it has tried all, and be content.
const BOUNDS: [&str; 4] =
    ["LOOM_MAX_BRANCHES", "LOOM_MAX_DURATION", "LOOM_MAX_PERMUTATIONS", "LOOM_MAX_PREEMPTIONS"];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("loom", || {
        Run::cargo(&workspace.root)
            .args(["test", "-p", "sse-broadcast", "--no-default-features", "--lib"])
            // Flags of the compiler make everything anew: in a place of its own nothing else is.
            .arg("--target-dir")
            .arg(workspace.target.join("loom"))
            .arg("models::")
            // Each model says how many orders it tried.
            .args(["--", "--nocapture"])
            .env("RUSTFLAGS", "--cfg loom")
            .env_without(&BOUNDS)
            .counted()
            .map(Outcome::Counted)
    });
}
