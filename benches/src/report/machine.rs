//! Where and when, and with what.

use std::fs;
use std::process::Command;

/// What the report may name, of what `Cargo.lock` holds.
const VERSIONS: [&str; 11] = [
    "actix-web",
    "actix-web-lab",
    "axum",
    "eventsource-stream",
    "hyper",
    "memchr",
    "russe",
    "sse-codec",
    "sse-parse",
    "sse-stream",
    "tokio",
];

/// How many wanted to run, in the last one, five and fifteen minutes.
pub(super) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

pub(super) fn describe(load_at_start: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Measured on {}: {}, {cores} cores, {}; load {load_at_start} at the start, {} at the end (1, 5, 15 minutes). {}, {}, {}. \
         Flags: those of `[profile.release]` in `benches/Cargo.toml` (`opt-level = 3`, fat LTO, one codegen unit, no `target-cpu`). \
         The tree: {}. Versions: sse-core (the peer) {}, {}.\n",
        said("date", &["-u", "+%Y-%m-%d"]),
        cpu(),
        said("uname", &["-sm"]),
        load(),
        env!("RUSTC_VERSION"),
        said("valgrind", &["--version"]),
        said("getconf", &["GNU_LIBC_VERSION"]),
        tree(),
        version(LOCK, "sse-core").unwrap_or("?"),
        VERSIONS.map(|name| format!("{name} {}", version(LOCK, name).unwrap_or("?"))).join(", "),
    )
}

/// The last commit of what is measured.
fn tree() -> String {
    let git = |arguments: &[&str]| {
        said("git", &[&["-c", "safe.directory=*"], arguments, &["--", ":/crates", ":/benches"]].concat())
    };
    let changes =
        if git(&["status", "--porcelain"]).is_empty() { "" } else { ", and what was changed since" };
    format!("{}{changes}", git(&["log", "-1", "--format=%h"]))
}

/// What this program was made of.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Of a package from the registry: ours have no source.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let package = lock.split("[[package]]").find(|package| {
        package.lines().any(|line| line == format!("name = \"{name}\"")) && package.contains("source = ")
    })?;
    package.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("?", |(_, model)| model).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_that_is_named_is_in_the_lock_file() {
        for name in VERSIONS.into_iter().chain(["sse-core"]) {
            assert!(version(LOCK, name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_package_without_a_source_is_ours() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"a\"\nversion = \"0.2.3\"\nsource = \"r\"\n";
        assert_eq!((version(lock, "a"), version(lock, "b")), (Some("0.2.3"), None));
    }
}
