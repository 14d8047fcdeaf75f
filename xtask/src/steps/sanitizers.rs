//! Tests under the sanitizers of the nightly compiler: data races with the threads, memory errors with the rest.

use super::NIGHTLY;
use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

const LINUX: &str = "x86_64-unknown-linux-gnu";

struct Sanitizer {
    name: &'static str,
    /// Package, and what of it runs. Left out: tests that time how fast the ordinary build is.
    runs: &'static [(&'static str, &'static [&'static str])],
    /// ThreadSanitizer has to see the locks of the standard library.
    builds_std: bool,
}

const SANITIZERS: [Sanitizer; 2] = [
    Sanitizer {
        name: "thread",
        runs: &[("sse-broadcast", &["--lib", "--test=threads", "--test=faults"])],
        builds_std: true,
    },
    Sanitizer {
        name: "address",
        runs: &[
            (
                "sse-core",
                &["--lib", "--test=vectors", "--test=decode_properties", "--test=encode_properties"],
            ),
            ("sse-broadcast", &["--lib", "--test=model", "--test=threads"]),
        ],
        builds_std: false,
    },
];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let installed = install(workspace);
    for sanitizer in &SANITIZERS {
        for (package, targets) in sanitizer.runs {
            report.step(format!("{} sanitizer, {package}", sanitizer.name), || match &installed {
                Ok(()) => sanitize(workspace, sanitizer, package, targets),
                Err(why) => Ok(Outcome::Skipped(why.clone())),
            });
        }
    }
}

fn install(workspace: &Workspace) -> Result<(), String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err(format!("the steps are written for {LINUX}"));
    }
    let root = &workspace.root;
    tools::toolchain(NIGHTLY, root)?;
    tools::component_of(NIGHTLY, "rust-src", root)
}

fn sanitize(workspace: &Workspace, sanitizer: &Sanitizer, package: &str, targets: &[&str]) -> StepResult {
    Run::cargo_of(NIGHTLY, &workspace.root)
        .args(["test", "-p", package])
        .args(targets)
        // With a target named, the flags are not for build scripts and macros.
        .args(["--target", LINUX, "--target-dir"])
        .arg(workspace.target.join("sanitizers"))
        .args(sanitizer.builds_std.then_some("-Zbuild-std"))
        .args(["--", "--skip", "time_is_linear"])
        .env("RUSTFLAGS", format!("-Zsanitizer={}", sanitizer.name))
        .counted()
        .map(Outcome::Counted)
}
