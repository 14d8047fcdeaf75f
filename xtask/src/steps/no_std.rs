//! sse-core on a machine without an operating system, linked into a program.

use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::tools;
use crate::workspace::Workspace;

/// A `#![no_std] #![no_main]` program around the core.
pub(crate) const PROOF: &str = "tests/no-std/Cargo.toml";
const BARE: &str = "thumbv7m-none-eabi";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let root = &workspace.root;
    let bare = tools::target(BARE, root);
    let onto_target: &[&str] = if bare.is_ok() { &["--target", BARE] } else { &[] };
    let outcome = || match &bare {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::FellBack(format!("no {BARE} ({why}): built for this machine")),
    };

    report.step("no-std, library", || {
        for features in ["", "json"] {
            Run::cargo(root)
                .args(["build", "--lib", "-p", "sse-core", "--no-default-features", "--features"])
                .arg(features)
                .args(onto_target)
                .run()?;
        }
        Ok(outcome())
    });
    report.step("no-std, linked program", || {
        let build = ["build", "--release", "--manifest-path", PROOF];
        Run::cargo(root).args(build).args(onto_target).run()?;
        Ok(outcome())
    });
    report.step("no-std, program run here", || {
        Run::cargo(root).args(["run", "--release", "--manifest-path", PROOF]).run()?;
        Ok(Outcome::Passed)
    });
}
