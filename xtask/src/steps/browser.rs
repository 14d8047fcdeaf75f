//! The live examples, read by a real browser.

use std::time::Duration;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tally::Tally;
use crate::tools;
use crate::workspace::Workspace;

const DIR: &str = "tests/browser";
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("browser", || drive(workspace));
}

/// The scripts start the example servers; 0 is their only good exit code.
fn drive(workspace: &Workspace) -> StepResult {
    let root = &workspace.root;
    let scripts = ["run.mjs", "chat.mjs", "html.mjs", "nodes.mjs"].map(|script| format!("{DIR}/{script}"));
    if let Some(missing) = scripts.iter().find(|script| !root.join(script).is_file()) {
        return Err(format!("{missing} is missing"));
    }
    let mut missing = Vec::new();
    let mut ensured =
        |name, package| tools::program(name, package, root).map_err(|why| missing.push(why)).ok();
    let npm = ensured("npm", "npm");
    let chromium = ensured("chromium", "chromium");
    let node = tools::node(root).map_err(|why| missing.push(why)).ok();
    let (Some(_), Some(_), Some(chromium)) = (node, npm, chromium) else {
        return Ok(Outcome::Skipped(missing.join("; ")));
    };
    // One by one, as the scripts start them: together their features would be unified, and all is compiled again.
    for adapter in ["sse-axum", "sse-hyper", "sse-actix"] {
        Run::cargo(root).args(["build", "-p", adapter, "--example", "live"]).run()?;
        let chat = ["build", "-p", adapter, "--features", "broadcast", "--example", "chat"];
        Run::cargo(root).args(chat).run()?;
        let dashboard = ["build", "-p", adapter, "--features", "broadcast,html", "--example", "dashboard"];
        Run::cargo(root).args(dashboard).run()?;
    }
    Run::new("npm", root).args(["ci", "--no-audit", "--no-fund", "--prefix", DIR]).run()?;
    let mut tally = Tally::default();
    for script in &scripts {
        tally =
            tally.and(Run::new("node", root).arg(script).env("CHROMIUM", &chromium).counted_within(LIMIT)?);
    }
    Ok(Outcome::Counted(tally))
}
