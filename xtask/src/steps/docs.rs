//! rustdoc.

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::Workspace;

const ALL: [&str; 6] = ["doc", "--workspace", "--exclude", "xtask", "--no-deps", "--all-features"];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    // Private items first: what is left in target/doc is then the public documentation.
    report.step("docs, private items", || rustdoc(workspace, &["--document-private-items"]));
    report.step("docs", || rustdoc(workspace, &[]));
}

pub(crate) fn open(workspace: &Workspace, report: &mut Report) {
    report.step("docs", || rustdoc(workspace, &["--open"]));
}

fn rustdoc(workspace: &Workspace, options: &[&str]) -> StepResult {
    let cargo = Run::cargo(&workspace.root).args(ALL).args(options);
    cargo.env("RUSTDOCFLAGS", "-Dwarnings").run()?;
    Ok(Outcome::Passed)
}
