//! rustfmt and clippy.

use super::SATELLITES;
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
            Run::cargo(root)
                .args(["fmt", "--check", "--manifest-path", manifest])
                .run()?;
        }
        Ok(Outcome::Passed)
    });
    let clippy = |args: &[&str]| {
        tools::component("clippy", "clippy", root)?;
        Run::cargo(root)
            .arg("clippy")
            .args(args)
            .args(["--", "-D", "warnings"])
            .run()?;
        Ok(Outcome::Passed)
    };
    report.step("clippy", || {
        clippy(&["--workspace", "--all-targets", "--all-features"])
    });
    // tests/no-std links for a bare target only; the no-std step compiles it.
    for manifest in ["fuzz/Cargo.toml", "benches/Cargo.toml"] {
        report.step(format!("clippy {manifest}"), || {
            clippy(&["--all-targets", "--manifest-path", manifest])
        });
    }
}
