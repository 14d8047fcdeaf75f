//! Every library compiles with no feature, with each single one, and with all.

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::{Package, Workspace};

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    for package in workspace.libraries() {
        report.step(format!("features of {}", package.name), || check(workspace, package));
    }
}

/// Each in a cargo call of its own: together, features would be unified and hide what is missing.
fn check(workspace: &Workspace, package: &Package) -> StepResult {
    for variant in variants(&package.features) {
        let cargo = Run::cargo(&workspace.root).args(["check", "--lib", "-p", &package.name]);
        cargo.args(variant.split_whitespace()).run()?;
    }
    Ok(Outcome::Passed)
}

fn variants(features: &[String]) -> Vec<String> {
    let mut variants = vec!["--no-default-features".to_owned()];
    let single = features.iter().filter(|feature| *feature != "default");
    variants.extend(single.map(|feature| format!("--no-default-features --features {feature}")));
    if variants.len() > 1 {
        variants.push("--all-features".to_owned());
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::variants;

    #[test]
    fn none_each_and_all() {
        let features = ["default", "json", "std"].map(str::to_owned);
        assert_eq!(
            variants(&features),
            [
                "--no-default-features",
                "--no-default-features --features json",
                "--no-default-features --features std",
                "--all-features"
            ]
        );
        assert_eq!(variants(&[]), ["--no-default-features"]);
    }
}
