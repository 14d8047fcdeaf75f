//! Every test there is.

use super::{browser, clients, matrix, proxies};
use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let cargo_test = |args: &[&str]| {
        Run::cargo(&workspace.root).arg("test").args(args).run()?;
        Ok(Outcome::Passed)
    };
    // Examples are compiled with them, doc tests run after them.
    report.step("tests", || cargo_test(&["--workspace"]));
    report.step("tests, all features", || cargo_test(&["--workspace", "--all-features"]));
    report.step("tests, core alone without features", || {
        cargo_test(&["-p", "sse-core", "--no-default-features"])
    });
    for (name, manifest) in
        [("fuzz corpus replay", "fuzz/Cargo.toml"), ("benches' checks", "benches/Cargo.toml")]
    {
        report.step(name, || {
            workspace.of_manifest(manifest)?;
            cargo_test(&["--manifest-path", manifest])
        });
    }
    browser::run(workspace, report);
    clients::run(workspace, report);
    matrix::run(workspace, report);
    proxies::run(workspace, report);
}
