//! The example servers, asked by the released clients of the APIs that they speak.

use std::time::Duration;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

const DIR: &str = "tests/clients";
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("clients", || drive(workspace));
}

/// The scripts start the example servers; 0 is their only good exit code.
fn drive(workspace: &Workspace) -> StepResult {
    let root = &workspace.root;
    let scripts = ["completions.mjs", "mcp.mjs"].map(|script| format!("{DIR}/{script}"));
    if let Some(missing) = scripts.iter().find(|script| !root.join(script).is_file()) {
        return Err(format!("{missing} is missing"));
    }
    let needed = [tools::node(root), tools::program("npm", "npm", root)];
    let missing: Vec<String> = needed.into_iter().filter_map(Result::err).collect();
    if !missing.is_empty() {
        return Ok(Outcome::Skipped(missing.join("; ")));
    }
    // One by one, as the scripts start them: together their features would be unified, and all is compiled again.
    let completions = ["sse-axum", "sse-hyper", "sse-actix"].map(|adapter| (adapter, "completions"));
    for (adapter, example) in completions.into_iter().chain([("sse-axum", "mcp")]) {
        Run::cargo(root).args(["build", "-p", adapter, "--example", example]).run()?;
    }
    Run::new("npm", root).args(["ci", "--no-audit", "--no-fund", "--prefix", DIR]).run()?;
    let mut tally = Tally::default();
    for script in &scripts {
        tally = tally.and(Run::new("node", root).arg(script).counted_within(LIMIT)?);
    }
    Ok(Outcome::Counted(tally))
}
