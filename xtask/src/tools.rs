//! Finding the tools a step needs, and installing the ones that are missing by their ordinary client.

use std::path::{Path, PathBuf};

use crate::command::Run;

/// Where `program` is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// `Err` says why there is no such toolchain.
pub(crate) fn toolchain(version: &str, root: &Path) -> Result<(), String> {
    if has_toolchain(version, root) {
        return Ok(());
    }
    let install = ["toolchain", "install", version, "--profile", "minimal"];
    rustup(root)?.args(install).run()?;
    if has_toolchain(version, root) { Ok(()) } else { Err(format!("rustup has no {version}")) }
}

/// A component (`rustfmt`, `clippy`) of the toolchain in use.
pub(crate) fn component(name: &str, program: &str, root: &Path) -> Result<(), String> {
    if Run::cargo(root).args([program, "--version"]).output().is_ok() {
        return Ok(());
    }
    rustup(root)?.args(["component", "add", name]).run()
}

/// A component (`miri`, `rust-src`) of another toolchain.
pub(crate) fn component_of(toolchain: &str, name: &str, root: &Path) -> Result<(), String> {
    let list = ["component", "list", "--installed", "--toolchain", toolchain];
    let installed = rustup(root)?.args(list).output()?;
    if installed.lines().any(|line| line.trim().starts_with(name)) {
        return Ok(());
    }
    rustup(root)?.args(["component", "add", name, "--toolchain", toolchain]).run()
}

/// The standard library of another target, for the toolchain in use.
pub(crate) fn target(triple: &str, root: &Path) -> Result<(), String> {
    let installed = rustup(root)?.args(["target", "list", "--installed"]).output()?;
    if installed.lines().any(|line| line.trim() == triple) {
        return Ok(());
    }
    rustup(root)?.args(["target", "add", triple]).run()
}

/// A cargo subcommand from crates.io.
pub(crate) fn cargo_subcommand(name: &str, root: &Path) -> Result<(), String> {
    if find(&format!("cargo-{name}")).is_some() {
        return Ok(());
    }
    Run::cargo(root).args(["install", "--locked", &format!("cargo-{name}")]).run()
}

/// A cargo subcommand from crates.io, of exactly this version.
pub(crate) fn cargo_subcommand_at(name: &str, version: &str, root: &Path) -> Result<(), String> {
    let has_version = |said: String| said.split_whitespace().last() == Some(version);
    if Run::cargo(root).args([name, "--version"]).output().is_ok_and(has_version) {
        return Ok(());
    }
    let install = ["install", "--locked", "--version", version];
    Run::cargo(root).args(install).arg(format!("cargo-{name}")).run()
}

/// A program, from its Debian package where we may install that.
pub(crate) fn program(name: &str, package: &str, root: &Path) -> Result<PathBuf, String> {
    if let Some(found) = find(name) {
        return Ok(found);
    }
    debian_package(package, name, root)?;
    find(name).ok_or_else(|| format!("the package {package} brought no program {name}"))
}

/// A virtual environment with what the file `requirements` names; gives its interpreter.
pub(crate) fn python_environment(dir: &Path, requirements: &str, root: &Path) -> Result<PathBuf, String> {
    let python = program("python3", "python3", root)?;
    let python = || Run::new(&python.to_string_lossy(), root);
    let installed = dir.join("bin/python");
    if !installed.is_file() {
        // Debian keeps what `venv` needs in a package of its own.
        if python().args(["-c", "import ensurepip"]).output().is_err() {
            debian_package("python3-venv", "Python's venv", root)?;
        }
        python().args(["-m", "venv"]).arg(dir).run()?;
    }
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
    Run::new(&installed.to_string_lossy(), root).args(pip).run()?;
    Ok(installed)
}

/// Installs a package for what is missing.
fn debian_package(package: &str, missing: &str, root: &Path) -> Result<(), String> {
    let uid = Run::new("id", root).arg("-u").output().unwrap_or_default();
    if find("apt-get").is_none() || uid.trim() != "0" {
        return Err(format!("{missing} is not installed, and only root with apt-get can install it"));
    }
    let apt = || Run::new("apt-get", root).env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "-q"]).run()?;
    apt().args(["install", "-y", "-q", "--no-install-recommends", package]).run()
}

fn has_toolchain(version: &str, root: &Path) -> bool {
    Run::cargo_of(version, root).arg("--version").output().is_ok()
}

fn rustup(root: &Path) -> Result<Run, String> {
    match find("rustup") {
        Some(_) => Ok(Run::new("rustup", root)),
        None => Err("rustup is not installed".to_owned()),
    }
}
