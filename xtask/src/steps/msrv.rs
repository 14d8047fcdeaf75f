//! Every library compiles with the Rust version its manifest names.

use std::collections::BTreeMap;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let mut by_version: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in workspace.libraries() {
        by_version.entry(&package.rust_version).or_default().push(&package.name);
    }
    for (version, names) in by_version {
        report.step(format!("msrv {version}"), || check(workspace, version, &names));
    }
}

fn check(workspace: &Workspace, version: &str, names: &[&str]) -> StepResult {
    if version.is_empty() {
        return Err(format!("no rust-version in {}", names.join(", ")));
    }
    let root = &workspace.root;
    let packages = names.iter().flat_map(|name| ["-p", *name]);
    let toolchain = full_version(version);
    let Err(why) = tools::toolchain(&toolchain, root) else {
        // A target directory of its own, or the two compilers evict each other's work.
        Run::cargo_of(&toolchain, root)
            .args(["check", "--lib", "--all-features", "--target-dir"])
            .arg(workspace.target.join("msrv"))
            .args(packages)
            .run()?;
        return Ok(Outcome::Passed);
    };
    let lint = ["--", "-D", "clippy::incompatible_msrv"];
    let clippy = Run::cargo(root).args(["clippy", "--lib", "--all-features"]);
    clippy.args(packages).args(lint).run()?;
    Ok(Outcome::FellBack(format!("no Rust {toolchain} ({why}): clippy's incompatible_msrv instead")))
}

/// A manifest may leave the patch number out, rustup would take the newest one then.
fn full_version(version: &str) -> String {
    if version.matches('.').count() == 1 { format!("{version}.0") } else { version.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::full_version;

    #[test]
    fn a_version_without_patch_means_the_first_release() {
        assert_eq!(full_version("1.85"), "1.85.0");
        assert_eq!(full_version("1.85.1"), "1.85.1");
    }
}
