//! Every test there is.

use super::{browser, clients, matrix, proxies};
use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::tools;
use crate::workspace::Workspace;

/// For each property test, instead of some hundreds or thousands.
const DEEP_CASES: &str = "20000";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let cargo_test =
        |args: &[&str]| Run::cargo(&workspace.root).arg("test").args(args).counted().map(Outcome::Counted);
    // For the peers that vanish in a network namespace, and for the nodes that share a log; without them, the tests say that
    // they are skipped.
    for (program, package) in [("ip", "iproute2"), ("redis-server", "redis-server")] {
        if let Err(why) = tools::program(program, package, &workspace.root) {
            println!("{why}");
        }
    }
    // Examples are compiled with them, doc tests run after them.
    report.step("tests, all features", || cargo_test(&["--workspace", "--all-features"]));
    report.step("tests, default features, compiled", || {
        Run::cargo(&workspace.root).args(["check", "--workspace", "--all-targets"]).run()?;
        Ok(Outcome::Passed)
    });
    report.step("tests, core alone without features", || {
        cargo_test(&["-p", "sse-core", "--no-default-features"])
    });
    report.step("tests, core with json and without std", || {
        cargo_test(&["-p", "sse-core", "--no-default-features", "--features", "json", "--lib"])
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

/// More cases of each property, and more clients in the crowds; and what [`run`] only compiles.
pub(crate) fn deep(workspace: &Workspace, report: &mut Report) {
    report.step("tests, default features", || {
        Run::cargo(&workspace.root).args(["test", "--workspace"]).counted().map(Outcome::Counted)
    });
    report.step("tests, many more cases", || {
        Run::cargo(&workspace.root)
            .args(["test", "--workspace", "--all-features", "--tests"])
            .env("PROPTEST_CASES", DEEP_CASES)
            .env("SSE_DEEP", "1")
            .counted()
            .map(Outcome::Counted)
    });
}
