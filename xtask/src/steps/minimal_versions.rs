//! The lower bounds in the manifests are true: the libraries compile, and pass their tests, with the oldest versions of their
//! direct dependencies that these allow.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::{Package, Workspace};

/// The bounds of what is not for others, or for tests alone, do not count.
const NOT_FOR_USERS: [&str; 3] = ["sse-demo", "sse-guide", KIT];

/// The libraries whose tests need no framework: frameworks want newer versions than these libraries do.
const TESTED: [&str; 4] = ["sse-core", "sse-driver", "sse-broadcast", "sse-html"];

/// Of which they need what has no feature, and no dependency.
const KIT: &str = "sse-testkit";

/// Modules that the tests of several packages include.
const SHARED_TESTS: &str = "tests/properties";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("minimal versions", || check(workspace));
}

/// Takes minutes.
pub(crate) fn run_with_tests(workspace: &Workspace, report: &mut Report) {
    run(workspace, report);
    report.step("minimal versions, tests", || test(workspace));
}

/// Tests and examples stay behind: their dependencies would lift versions that users do not get lifted.
fn check(workspace: &Workspace) -> StepResult {
    let libraries = workspace.libraries().filter(|package| !NOT_FOR_USERS.contains(&package.name.as_str()));
    let copy = Copied::of(workspace, "minimal-versions", libraries, |_| Part::ForUsers)?;
    for features in ["--all-features", "--no-default-features"] {
        copy.cargo("check").args(["--lib", "--workspace", features]).run()?;
    }
    Ok(Outcome::Passed)
}

fn test(workspace: &Workspace) -> StepResult {
    let is_wanted = |package: &&Package| package.name == KIT || TESTED.contains(&package.name.as_str());
    let part = |name: &str| if name == KIT { Part::Bare } else { Part::Whole };
    let copy =
        Copied::of(workspace, "minimal-versions-tests", workspace.libraries().filter(is_wanted), part)?;
    let packages = TESTED.iter().flat_map(|name| ["-p", *name]);
    copy.cargo("test")
        .args(["--lib", "--tests", "--all-features"])
        .args(packages)
        .counted()
        .map(Outcome::Counted)
}

/// What of a package is copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    /// Without what is for tests and examples.
    ForUsers,
    /// Without features and dependencies, too.
    Bare,
}

/// Some packages of the workspace, with a lock file of the oldest versions.
struct Copied {
    folder: PathBuf,
}

impl Copied {
    fn of<'a>(
        workspace: &Workspace,
        name: &str,
        packages: impl Iterator<Item = &'a Package>,
        part: impl Fn(&str) -> Part,
    ) -> Result<Self, String> {
        let folder = workspace.target.join(name);
        let packages: Vec<_> = packages.map(|package| (package, part(&package.name))).collect();
        copied(&workspace.root, &packages, &folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        // An option that stable cargo has, but keeps for nightly.
        Run::cargo(&folder)
            .env("RUSTC_BOOTSTRAP", "1")
            .args(["generate-lockfile", "--quiet", "-Z", "direct-minimal-versions"])
            .run()?;
        Ok(Self { folder })
    }

    fn cargo(&self, command: &str) -> Run {
        Run::cargo(&self.folder).args([command, "--locked", "--target-dir"]).arg(self.folder.join("target"))
    }
}

fn copied(root: &Path, packages: &[(&Package, Part)], copy: &Path) -> std::io::Result<()> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let members: Vec<String> =
        packages.iter().map(|(package, _)| format!("\"{}\"", package.dir.display())).collect();
    fs::create_dir_all(copy)?;
    fs::write(copy.join("Cargo.toml"), with_members(&manifest, &members.join(", ")))?;
    for (package, part) in packages {
        let (from, to) = (root.join(&package.dir), copy.join(&package.dir));
        remove(&to)?;
        copy_folder(if *part == Part::Whole { "" } else { "src" }, &from, &to)?;
        let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
        fs::write(to.join("Cargo.toml"), of_part(&manifest, *part))?;
    }
    remove(&copy.join(SHARED_TESTS))?;
    if packages.iter().any(|(_, part)| *part == Part::Whole) {
        copy_folder(SHARED_TESTS, root, copy)?;
    }
    Ok(())
}

/// What an earlier run left.
fn remove(folder: &Path) -> std::io::Result<()> {
    if folder.exists() { fs::remove_dir_all(folder) } else { Ok(()) }
}

/// A folder within `from`, to the same place within `to`.
fn copy_folder(folder: &str, from: &Path, to: &Path) -> std::io::Result<()> {
    let (from, to) = (from.join(folder), to.join(folder));
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.file_name().to_string_lossy(), &from, &to)?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn with_members(manifest: &str, members: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some(("members", _)) => format!("members = [{members}]\n"),
        _ => format!("{line}\n"),
    };
    manifest.lines().map(line).collect()
}

fn of_part(manifest: &str, part: Part) -> String {
    let is_of_part = |section: &str| match part {
        Part::Whole => true,
        Part::ForUsers => !section.starts_with("[[") && !section.starts_with("[dev-dependencies"),
        Part::Bare => matches!(section, "[package]" | "[lints]"),
    };
    let mut is_kept = true;
    let kept = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            is_kept = is_of_part(line);
        }
        is_kept
    });
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_tests_and_examples_stays_behind() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n[dev-dependencies]\nb = \"2\"\n\
                        [dev-dependencies.c]\nversion = \"3\"\n[[test]]\nname = \"t\"\n[features]\nd = []\n";
        let left = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\n[features]\nd = []\n";
        assert_eq!(of_part(manifest, Part::ForUsers), left);
        assert_eq!(of_part(manifest, Part::Bare), "[package]\nname = \"x\"\n");
        assert_eq!(of_part(manifest, Part::Whole), manifest);
    }

    #[test]
    fn the_copy_has_members_of_its_own() {
        let manifest = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.dependencies]\na = \"1\"\n";
        let other = "[workspace]\nmembers = [\"crates/x\"]\n[workspace.dependencies]\na = \"1\"\n";
        assert_eq!(with_members(manifest, "\"crates/x\""), other);
    }
}
