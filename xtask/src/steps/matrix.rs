//! Released clients against the servers of all adapters.

use std::time::Duration;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::Workspace;

const DIR: &str = "tests/matrix";
const LIMIT: Duration = Duration::from_secs(580);

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("matrix", || drive(workspace));
}

/// The runner starts the servers; 0 is its only good exit code.
fn drive(workspace: &Workspace) -> StepResult {
    let root = &workspace.root;
    let script = format!("{DIR}/run.mjs");
    if !root.join(&script).is_file() {
        return Err(format!("{script} is missing"));
    }
    let mut missing = Vec::new();
    let mut ensured =
        |name, package| tools::program(name, package, root).map_err(|why| missing.push(why)).ok();
    let npm = ensured("npm", "npm");
    let chromium = ensured("chromium", "chromium");
    let firefox = ensured("firefox-esr", "firefox-esr");
    ensured("curl", "curl");
    let node = tools::node(root).map_err(|why| missing.push(why)).ok();
    let requirements = format!("{DIR}/requirements.txt");
    let python = tools::python_environment(&workspace.target.join("matrix-python"), &requirements, root);
    let python = python.map_err(|why| missing.push(why)).ok();
    if node.is_none() || npm.is_none() {
        return Ok(Outcome::Skipped(missing.join("; ")));
    }
    // What these leave out, the script says itself.
    for why in &missing {
        println!("{why}");
    }
    let server = tools::built("sse-matrix", root)?;
    Run::new("npm", root).args(["ci", "--no-audit", "--no-fund", "--prefix", DIR]).run()?;
    let programs = [("CHROMIUM", chromium), ("FIREFOX", firefox), ("SSE_MATRIX_PYTHON", python)];
    let found = programs.into_iter().filter_map(|(variable, program)| Some((variable, program?)));
    let script = Run::new("node", root).arg(&script).env("SSE_MATRIX", server);
    found
        .fold(script, |script, (variable, program)| script.env(variable, program))
        .counted_within(LIMIT)
        .map(Outcome::Counted)
}
