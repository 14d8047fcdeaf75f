//! Finding the tools a step needs, and installing the ones that are missing by their ordinary client.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Run;

/// What the clients in our scripts ask for, undici most of all; Debian 12 has 18.
const NODE: [u32; 3] = [20, 18, 1];

/// Debian asks this program whether a package may start its services.
const POLICY: &str = "/usr/sbin/policy-rc.d";

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

/// Node, not too old.
pub(crate) fn node(root: &Path) -> Result<PathBuf, String> {
    let node = program("node", "nodejs", root)?;
    let said = Run::new(&node.to_string_lossy(), root).arg("--version").output()?;
    let [major, minor, patch] = NODE;
    if is_node(&said) {
        Ok(node)
    } else {
        Err(format!("{} is {}, but {major}.{minor}.{patch} or newer is needed", node.display(), said.trim()))
    }
}

/// Whether `v20.20.2` is new enough.
fn is_node(said: &str) -> bool {
    let numbers: Option<Vec<u32>> =
        said.trim().trim_start_matches('v').split('.').map(|number| number.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.as_slice() >= NODE.as_slice())
}

/// Builds the program of a package, and asks cargo where that is: profiles, targets and settings may move it.
pub(crate) fn built(package: &str, root: &Path) -> Result<PathBuf, String> {
    let build = || Run::cargo(root).args(["build", "-p", package]);
    build().run()?;
    let messages = build().arg("--message-format=json-render-diagnostics").output()?;
    executable(&messages, package).ok_or_else(|| format!("cargo names no program of {package}"))
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let named = messages.filter(|message| message["target"]["name"] == name);
    named.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back()
}

/// A virtual environment with what the file `requirements` names; gives its interpreter.
pub(crate) fn python_environment(dir: &Path, requirements: &str, root: &Path) -> Result<PathBuf, String> {
    let python = program("python3", "python3", root)?;
    let python = || Run::new(&python.to_string_lossy(), root);
    let installed = dir.join("bin/python");
    // An earlier run may have been cut short.
    let has_pip = || Run::new(&installed.to_string_lossy(), root).args(["-m", "pip", "--version"]).output();
    if has_pip().is_err() {
        // Debian keeps what `venv` needs in a package of its own.
        if python().args(["-c", "import ensurepip"]).output().is_err() {
            debian_package("python3-venv", "Python's venv", root)?;
        }
        python().args(["-m", "venv", "--clear"]).arg(dir).run()?;
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
    let _quiet = NoServices::from(Path::new(POLICY)).map_err(|error| format!("{POLICY}: {error}"))?;
    apt().args(["install", "-y", "-q", "--no-install-recommends", package]).run()
}

/// While it is there, packages do not start their services: a web server would take port 80.
struct NoServices<'a> {
    /// `None`: the machine has a policy of its own.
    policy: Option<&'a Path>,
}

impl<'a> NoServices<'a> {
    fn from(policy: &'a Path) -> io::Result<Self> {
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(policy) {
            // 101: forbidden.
            Ok(mut file) => file.write_all(b"#!/bin/sh\nexit 101\n").map(|()| Self { policy: Some(policy) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self { policy: None }),
            Err(error) => Err(error),
        }
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        if let Some(policy) = self.policy
            && let Err(error) = fs::remove_file(policy)
        {
            println!("{}: {error}", policy.display());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_may_not_be_too_old() {
        assert!(["v20.18.1\n", "v20.20.2", "v22.0.0", "v100.0.0"].iter().all(|said| is_node(said)));
        assert!(!["v18.19.0\n", "v20.18.0", "v20.9.9", "", "v22.x"].iter().any(|said| is_node(said)));
    }

    #[test]
    fn a_program_is_where_cargo_says() {
        let messages = "{\"target\":{\"name\":\"other\"},\"executable\":\"/t/other\"}\n\
                        {\"target\":{\"name\":\"server\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"server\"},\"executable\":\"/t/server\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages, "server"), Some(PathBuf::from("/t/server")));
        assert_eq!(executable(messages, "client"), None);
    }

    #[test]
    fn services_are_forbidden_for_a_while_unless_there_is_a_policy() {
        let policy = std::env::temp_dir().join(format!("xtask-policy-{}", std::process::id()));
        let asked = || Run::new(&policy.to_string_lossy(), Path::new(".")).run();
        let quiet = NoServices::from(&policy).unwrap();
        assert!(asked().unwrap_err().ends_with("101"));
        drop(NoServices::from(&policy).unwrap());
        assert!(policy.exists(), "it belongs to another");
        drop(quiet);
        assert!(!policy.exists());
    }
}
