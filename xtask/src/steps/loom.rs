//! The models of what threads share, in every order that their steps can have.

use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("loom", || {
        Run::cargo(&workspace.root)
            .args(["test", "-p", "sse-broadcast", "--no-default-features", "--lib"])
            // Flags of the compiler make everything anew: in a place of its own nothing else is.
            .arg("--target-dir")
            .arg(workspace.target.join("loom"))
            .arg("models::")
            .env("RUSTFLAGS", "--cfg loom")
            .counted()
            .map(Outcome::Counted)
    });
}
