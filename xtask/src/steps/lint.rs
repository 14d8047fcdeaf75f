//! rustfmt and clippy.

use super::{SATELLITES, no_std};
use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let root = &workspace.root;
    report.step("format", || {
        tools::component("rustfmt", "fmt", root)?;
        Run::cargo(root).args(["fmt", "--all", "--check"]).run()?;
        for manifest in SATELLITES {
            Run::cargo(root).args(["fmt", "--check", "--manifest-path", manifest]).run()?;
        }
        Ok(Outcome::Passed)
    });
    let clippy = |args: &[&str]| {
        tools::component("clippy", "clippy", root)?;
        Run::cargo(root).arg("clippy").args(args).args(["--", "-D", "warnings"]).run()?;
        Ok(Outcome::Passed)
    };
    report.step("clippy", || clippy(&["--workspace", "--all-targets", "--all-features"]));
    for manifest in SATELLITES {
        // A program without std has no test harness.
        let targets = if manifest == no_std::PROOF { "--bins" } else { "--all-targets" };
        report.step(format!("clippy {manifest}"), || clippy(&[targets, "--manifest-path", manifest]));
    }
}
