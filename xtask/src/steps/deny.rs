//! cargo-deny: licences, duplicates and origins of all dependencies, and what is known against them.

use super::SATELLITES;
use crate::command::Run;
use crate::report::{Outcome, Report};
use crate::tools;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    let root = &workspace.root;
    let installed = tools::cargo_subcommand("deny", root);
    for manifest in ["Cargo.toml"].into_iter().chain(SATELLITES) {
        report.step(format!("deny {manifest}"), || match &installed {
            Ok(()) => {
                deny(workspace, manifest)
                    .args(["check", "--hide-inclusion-graph"])
                    .args(levels(manifest))
                    .args(["bans", "licenses", "sources"])
                    .run()?;
                Ok(Outcome::Passed)
            }
            Err(why) => Ok(Outcome::Skipped(why.clone())),
        });
    }
    report.step("deny, advisories", || {
        if let Err(why) = &installed {
            return Ok(Outcome::Skipped(why.clone()));
        }
        // Its database is a repository of git.
        if let Err(why) = deny(workspace, "Cargo.toml").args(["fetch", "db"]).run() {
            return Ok(Outcome::Skipped(format!("the advisory database could not be fetched: {why}")));
        }
        for manifest in ["Cargo.toml"].into_iter().chain(SATELLITES) {
            deny(workspace, manifest).args(["check", "--disable-fetch", "advisories"]).run()?;
        }
        Ok(Outcome::Passed)
    });
}

/// What the workspace needs stands in `deny.toml`; those beside it need less, and the benchmarks have their peers.
fn levels(manifest: &str) -> &'static [&'static str] {
    const STALE: [&str; 2] = ["unmatched-skip", "license-exception-not-encountered"];
    match manifest {
        "Cargo.toml" => &["-D", STALE[0], "-D", STALE[1]],
        "benches/Cargo.toml" => {
            &["-A", STALE[0], "-A", STALE[1], "-A", "license-not-encountered", "-A", "duplicate"]
        }
        _ => &["-A", STALE[0], "-A", STALE[1], "-A", "license-not-encountered"],
    }
}

fn deny(workspace: &Workspace, manifest: &str) -> Run {
    let config = workspace.root.join("deny.toml");
    Run::cargo(&workspace.root)
        .args(["deny", "--manifest-path", manifest, "--all-features", "--locked", "--config"])
        .arg(config)
}
