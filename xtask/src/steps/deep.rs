//! What takes longer than CI has: minutes for most steps, hours in all.

use super::{
    deny, features, fuzz, loom, minimal_versions, miri, mutants, proxies, public_api, sanitizers, test,
};
use crate::report::Report;
use crate::workspace::Workspace;

/// For each target, where CI has 20.
const FUZZ_SECONDS: &str = "600";

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    test::run(workspace, report);
    test::deep(workspace, report);
    proxies::deep(workspace, report);
    loom::run(workspace, report);
    miri::run(workspace, report);
    sanitizers::run(workspace, report);
    features::powerset(workspace, report);
    minimal_versions::run_with_tests(workspace, report);
    public_api::run(workspace, report);
    deny::run(workspace, report);
    fuzz::all(workspace, report, FUZZ_SECONDS);
    mutants::run(workspace, report, &[]);
}
