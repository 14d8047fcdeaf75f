//! What the crate pages and docs/ARCHITECTURE.md must name: features, crates, modules.

use super::{File, Finding};
use crate::workspace::Package;

pub(crate) const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Every feature stands in backticks on the crate's first page.
pub(crate) fn features(package: &Package, lib: &File) -> Vec<Finding> {
    let page = crate_page(&lib.text);
    let missing = |feature: &&String| *feature != "default" && !page.contains(&format!("`{feature}`"));
    package
        .features
        .iter()
        .filter(missing)
        .map(|feature| Finding::of(&lib.path, format!("feature `{feature}` is not on the crate page")))
        .collect()
}

/// The architecture page names every crate, and every module of the core.
pub(crate) fn architecture(crates: &[&str], core_modules: &[&str], page: &File) -> Vec<Finding> {
    let named = |name: &str| {
        [format!("`{name}`"), format!("{name}.rs"), format!("{name}/"), format!("::{name}")]
            .iter()
            .any(|form| page.text.contains(form.as_str()))
    };
    let crates = crates
        .iter()
        .filter(|name| !page.text.contains(**name))
        .map(|name| Finding::of(&page.path, format!("does not name the crate {name}")));
    let modules = core_modules
        .iter()
        .filter(|name| !named(name))
        .map(|name| Finding::of(&page.path, format!("does not name the module {name} of sse-core")));
    crates.chain(modules).collect()
}

/// The modules that the paths of `crates/sse-core/src` make, without `lib` and tests.
pub(crate) fn core_modules<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut modules: Vec<&str> = paths
        .filter_map(|path| path.strip_prefix("crates/sse-core/src/"))
        .filter_map(|path| path.split('/').next())
        .map(|first| first.strip_suffix(".rs").unwrap_or(first))
        .filter(|name| !matches!(*name, "lib" | "tests"))
        .collect();
    modules.sort_unstable();
    modules.dedup();
    modules
}

/// The `//!` text.
pub(crate) fn crate_page(lib: &str) -> String {
    lib.lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .fold(String::new(), |page, line| page + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_the_crate_page_leaves_out_is_found() {
        let package = Package {
            features: ["default", "json", "std"].map(str::to_owned).to_vec(),
            ..Package::default()
        };
        let lib = |text| File::new("crates/x/src/lib.rs", text);
        let found = features(&package, &lib("//! `std`: faster.\n// `json`\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("`json`"));
        assert_eq!(features(&package, &lib("//! `std`: faster.\n//! `json`: slower.\n")), []);
    }

    #[test]
    fn a_crate_or_module_that_the_architecture_leaves_out_is_found() {
        let page = File::new(ARCHITECTURE, "sse-core: field.rs, `event`, connection/, core::time\n");
        let modules = ["field", "event", "connection", "time"];
        assert_eq!(architecture(&["sse-core"], &modules, &page), []);
        assert_eq!(architecture(&["sse-core", "sse-html"], &["head"], &page).len(), 2);
    }

    #[test]
    fn modules_are_files_and_directories() {
        let paths = ["a/src/x.rs", "lib.rs", "field.rs", "connection/mod.rs", "connection/queue.rs"];
        let paths = paths.map(|path| format!("crates/sse-core/src/{path}"));
        let found = core_modules(paths[1..].iter().map(String::as_str));
        assert_eq!(found, ["connection", "field"]);
    }
}
