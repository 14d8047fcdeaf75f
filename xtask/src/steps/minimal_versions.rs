//! The lower bounds in the manifests are true: the libraries compile with the oldest versions that these allow.

use std::fs;
use std::path::Path;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::{Package, Workspace};

/// The bounds of what is not for others, or for tests alone, do not count.
const NOT_FOR_USERS: [&str; 3] = ["sse-demo", "sse-guide", "sse-testkit"];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("minimal versions", || check(workspace));
}

/// In a copy, with a lock file of its own. Tests and examples stay behind: their dependencies would lift versions that
/// users do not get lifted.
fn check(workspace: &Workspace) -> StepResult {
    let copy = workspace.target.join("minimal-versions");
    let libraries: Vec<&Package> =
        workspace.libraries().filter(|package| !NOT_FOR_USERS.contains(&package.name.as_str())).collect();
    copied(workspace, &libraries, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
    // An option that stable cargo has, but keeps for nightly.
    Run::cargo(&copy)
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["generate-lockfile", "--quiet", "-Z", "direct-minimal-versions"])
        .run()?;
    for features in ["--all-features", "--no-default-features"] {
        Run::cargo(&copy)
            .args(["check", "--locked", "--lib", "--workspace", features, "--target-dir"])
            .arg(copy.join("target"))
            .run()?;
    }
    Ok(Outcome::Passed)
}

fn copied(workspace: &Workspace, libraries: &[&Package], copy: &Path) -> std::io::Result<()> {
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    let members: Vec<String> =
        libraries.iter().map(|package| format!("\"{}\"", package.dir.display())).collect();
    fs::create_dir_all(copy)?;
    fs::write(copy.join("Cargo.toml"), with_members(&manifest, &members.join(", ")))?;
    for package in libraries {
        let (from, to) = (workspace.root.join(&package.dir), copy.join(&package.dir));
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        copy_folder(&from.join("src"), &to.join("src"))?;
        let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
        fs::write(to.join("Cargo.toml"), for_users(&manifest))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
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

/// Without what is for tests and examples.
fn for_users(manifest: &str) -> String {
    let mut is_kept = true;
    let kept = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            is_kept = !line.starts_with("[[") && !line.starts_with("[dev-dependencies");
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
        assert_eq!(for_users(manifest), left);
    }

    #[test]
    fn the_copy_has_members_of_its_own() {
        let manifest = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.dependencies]\na = \"1\"\n";
        let other = "[workspace]\nmembers = [\"crates/x\"]\n[workspace.dependencies]\na = \"1\"\n";
        assert_eq!(with_members(manifest, "\"crates/x\""), other);
    }
}
