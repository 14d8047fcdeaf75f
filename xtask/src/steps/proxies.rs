//! The servers of the matrix behind real proxies.

use std::time::Duration;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

const SCRIPT: &str = "tests/matrix/proxies.mjs";
const LIMIT: Duration = Duration::from_secs(600);

/// Each has the name of its Debian package.
const NEEDED: [&str; 5] = ["curl", "openssl", "nginx", "haproxy", "caddy"];

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("proxies", || drive(workspace, &[]));
}

/// With what takes minutes, too.
pub(crate) fn deep(workspace: &Workspace, report: &mut Report) {
    report.step("proxies, deep", || drive(workspace, &["--deep"]));
}

/// The script starts the servers and the proxies; 0 is its only good exit code.
fn drive(workspace: &Workspace, args: &[&str]) -> StepResult {
    let root = &workspace.root;
    if !root.join(SCRIPT).is_file() {
        return Err(format!("{SCRIPT} is missing"));
    }
    let needed = NEEDED.iter().map(|name| tools::program(name, name, root));
    let missing: Vec<String> = needed.chain([tools::node(root)]).filter_map(Result::err).collect();
    if !missing.is_empty() {
        return Ok(Outcome::Skipped(missing.join("; ")));
    }
    let server = tools::built("sse-matrix", root)?;
    Run::new("node", root)
        .arg(SCRIPT)
        .args(args)
        .env("SSE_MATRIX", server)
        .counted_within(LIMIT)
        .map(Outcome::Counted)
}
