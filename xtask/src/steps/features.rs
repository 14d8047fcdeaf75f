//! Every library compiles without warnings with no feature, with each single one, and with all; or with every set of them.

use std::collections::BTreeSet;

use crate::command::Run;
use crate::report::{Outcome, Report, StepResult};
use crate::tools;
use crate::workspace::{Package, Workspace};

/// Some features of a package.
type Set<'a> = BTreeSet<&'a str>;

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    each(workspace, report, few);
}

/// Takes minutes where `run` takes one.
pub(crate) fn powerset(workspace: &Workspace, report: &mut Report) {
    each(workspace, report, all);
}

fn each(workspace: &Workspace, report: &mut Report, sets: fn(&Package) -> BTreeSet<Set<'_>>) {
    for package in workspace.libraries() {
        let sets = sets(package);
        let name = format!("features of {} ({})", package.name, sets.len());
        report.step(name, || check(workspace, package, &sets));
    }
}

/// Each in a cargo call of its own: together, features would be unified and hide what is missing.
fn check(workspace: &Workspace, package: &Package, sets: &BTreeSet<Set<'_>>) -> StepResult {
    let root = &workspace.root;
    tools::component("clippy", "clippy", root)?;
    for set in sets {
        let set: Vec<&str> = set.iter().copied().collect();
        Run::cargo(root)
            .args(["clippy", "--quiet", "--lib", "--no-deps", "-p", &package.name])
            .args(["--no-default-features", "--features", &set.join(",")])
            .args(["--", "-D", "warnings"])
            .run()?;
    }
    Ok(Outcome::Passed)
}

fn few(package: &Package) -> BTreeSet<Set<'_>> {
    let single = features(package).map(|feature| closed(package, &Set::new(), feature));
    single.chain([Set::new(), features(package).collect()]).collect()
}

/// The powerset, less the sets that others are once each feature has brought those that it enables.
fn all(package: &Package) -> BTreeSet<Set<'_>> {
    let mut sets = BTreeSet::from([Set::new()]);
    for feature in features(package) {
        let with: Vec<_> = sets.iter().map(|set| closed(package, set, feature)).collect();
        sets.extend(with);
    }
    sets
}

fn features(package: &Package) -> impl Iterator<Item = &str> {
    package.features.iter().map(String::as_str).filter(|name| *name != "default")
}

/// `set` with `feature` and all that it enables.
fn closed<'a>(package: &'a Package, set: &Set<'a>, feature: &'a str) -> Set<'a> {
    let mut set = set.clone();
    if set.insert(feature) {
        for enabled in package.enabled_by(feature) {
            set = closed(package, &set, enabled);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIT: [(&str, &[&str]); 4] =
        [("collect", &[]), ("contract", &["url", "dep:tokio"]), ("default", &[]), ("url", &["collect"])];

    fn of(sets: fn(&Package) -> BTreeSet<Set<'_>>, features: &[(&str, &[&str])]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let package = Package {
            features: features.iter().map(|(name, _)| (*name).to_owned()).collect(),
            enables: features.iter().map(|(name, enabled)| ((*name).to_owned(), owned(enabled))).collect(),
            ..Package::default()
        };
        let sets = sets(&package);
        sets.iter().map(|set| set.iter().copied().collect::<Vec<_>>().join(",")).collect()
    }

    #[test]
    fn none_each_and_all() {
        assert_eq!(of(few, &[("a", &[]), ("b", &[]), ("c", &[])]), ["", "a", "a,b,c", "b", "c"]);
        assert_eq!(of(few, &KIT), ["", "collect", "collect,contract,url", "collect,url"]);
        assert_eq!(of(few, &[]), [""]);
    }

    #[test]
    fn each_set_of_features_is_there_once() {
        let sets = of(all, &[("default", &["std"]), ("json", &["dep:serde"]), ("std", &["bytes/std"])]);
        assert_eq!(sets, ["", "json", "json,std", "std"]);
        assert_eq!(of(all, &[]), [""]);
    }

    #[test]
    fn a_feature_brings_those_that_it_enables() {
        assert_eq!(of(all, &KIT), ["", "collect", "collect,contract,url", "collect,url"]);
    }
}
