//! The benchmarks.

use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

const MANIFEST: &str = "benches/Cargo.toml";

pub(crate) fn run(workspace: &Workspace, report: &mut Report, args: &[&str]) {
    report.step("bench", || {
        workspace.of_manifest(MANIFEST)?;
        let run = ["run", "--release", "--manifest-path", MANIFEST, "--"];
        Run::cargo(&workspace.root).args(run).args(args).run()?;
        Ok(Outcome::Passed)
    });
}
