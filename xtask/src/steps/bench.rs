//! The benchmarks, and the page of their figures.

use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::tools;
use crate::workspace::Workspace;

pub(super) const MANIFEST: &str = "benches/Cargo.toml";

const PAGE: &str = "docs/BENCHMARKS.md";

/// All parts of the page, or the one that is named.
pub(crate) fn run(workspace: &Workspace, report: &mut Report, only: Option<&str>) {
    report.step("bench", || {
        let root = &workspace.root;
        workspace.of_manifest(MANIFEST)?;
        for (program, package) in [("valgrind", "valgrind"), ("redis-server", "redis-server")] {
            if let Err(why) = tools::program(program, package, root) {
                return Ok(Outcome::Skipped(why));
            }
        }
        let run = Run::cargo(root).args(["run", "--release", "--manifest-path", MANIFEST, "--", "report"]);
        let run = only.into_iter().fold(run, |run, part| run.args(["--only", part]));
        run.args(["--into", PAGE]).run()?;
        Ok(Outcome::Passed)
    });
}
