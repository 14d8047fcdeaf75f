//! The public API of each library is the one that is written down: a change of it shows in the change that makes it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::{Package, Workspace};

/// Where the listings are.
const FOLDER: &str = "docs/api";

/// The form of rustdoc's JSON changes now and then, and each cargo-public-api reads one: they are raised together. A release,
/// not a nightly: its form stays what it is.
const TOOLCHAIN: &str = "1.95.0";
const TOOL: &str = "0.52.0";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    each(workspace, report, |file, api| {
        let written = fs::read_to_string(file).unwrap_or_default();
        let differences = differences(&written, api);
        for line in &differences {
            println!("{line}");
        }
        match differences.len() {
            0 => Ok(Outcome::Passed),
            count => {
                Err(format!("{count} lines differ: if they are meant so, `cargo xtask public-api --write`"))
            }
        }
    });
}

pub(crate) fn write(workspace: &Workspace, report: &mut Report) {
    each(workspace, report, |file, api| {
        fs::write(file, api).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Outcome::Passed)
    });
}

fn each(workspace: &Workspace, report: &mut Report, judge: impl Fn(&Path, &str) -> StepResult) {
    let root = &workspace.root;
    let installed =
        tools::cargo_subcommand_at("public-api", TOOL, root).and_then(|()| tools::toolchain(TOOLCHAIN, root));
    // The guide is doc tests, the demo is for the examples.
    let is_listed = |package: &&Package| !matches!(package.name.as_str(), "sse-guide" | "sse-demo");
    for package in workspace.libraries().filter(is_listed) {
        report.step(format!("public API of {}", package.name), || match &installed {
            Ok(()) => judge(&file(root, package), &listing(workspace, package)?),
            Err(why) => Ok(Outcome::Skipped(why.clone())),
        });
    }
}

fn file(root: &Path, package: &Package) -> PathBuf {
    root.join(FOLDER).join(&package.name).with_extension("txt")
}

/// With every feature, and without what the compiler or the standard library implements for every type.
fn listing(workspace: &Workspace, package: &Package) -> Result<String, String> {
    Run::cargo_of(TOOLCHAIN, &workspace.root)
        // The JSON is for nightly otherwise.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", workspace.target.join("public-api"))
        .args(["public-api", "-p", &package.name, "--all-features", "-ss"])
        .output()
}

/// What is only in the one, marked `-`, and what is only in the other, marked `+`.
fn differences(written: &str, api: &str) -> Vec<String> {
    let only_in = |one: &str, other: &str, mark| -> Vec<String> {
        let other: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(|line| format!("{mark} {line}")).collect()
    };
    let mut differences = only_in(written, api, '-');
    differences.extend(only_in(api, written, '+'));
    if differences.is_empty() && written != api {
        differences.push("the order or the count of the lines".to_owned());
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn what_came_and_what_went_is_told() {
        assert_eq!(
            differences("pub fn a()\npub fn b()\n", "pub fn b()\npub fn c()\n"),
            ["- pub fn a()", "+ pub fn c()"]
        );
        assert!(differences("pub fn a()\n", "pub fn a()\n").is_empty());
        assert_eq!(differences("a\nb\n", "b\na\n").len(), 1);
    }
}
