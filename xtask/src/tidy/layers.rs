//! Dependencies point down only.

use super::Finding;
use crate::workspace::Package;

/// All that the core may ever depend on.
const CORE: [&str; 5] = ["bytes", "memchr", "thiserror", "serde", "serde_json"];

/// What a crate must not depend on: a name, or with `*` whatever begins so.
const FORBIDDEN: [(&str, &[&str]); 12] = [
    ("sse-driver", &["sse-*", "tower*", "hyper*", "axum*", "actix*"]),
    ("sse-hyper", &["sse-axum", "sse-actix", "axum*", "actix*"]),
    // axum-core is enough for a response, and does not tie users to one axum release.
    ("sse-axum", &["sse-actix", "actix*", "axum"]),
    ("sse-actix", &["sse-hyper", "sse-axum", "hyper*", "axum*"]),
    ("sse-broadcast", &["sse-hyper", "sse-axum", "sse-actix", "hyper*", "axum*", "actix*"]),
    ("sse-redis", &["sse-driver", "sse-hyper", "sse-axum", "sse-actix", "hyper*", "axum*", "actix*"]),
    ("sse-html", &["sse-hyper", "sse-axum", "sse-actix", "hyper*", "axum*", "actix*"]),
    ("sse-core", &["sse-*"]),
    ("sse-testkit", &["sse-hyper", "sse-axum", "sse-actix"]),
    ("sse-demo", &[]),
    ("sse-matrix", &[]),
    // Doc tests of the guide, for which it may use everything.
    ("sse-guide", &[]),
];

pub(crate) fn check(package: &Package) -> Vec<Finding> {
    let manifest = format!("{}/Cargo.toml", package.dir.display());
    let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == package.name) else {
        let message = "has no place among the layers: name it in xtask/src/tidy/layers.rs";
        return vec![Finding::of(&manifest, message.to_owned())];
    };
    let breaks = |dependency: &&String| {
        let foreign = package.name == "sse-core" && !CORE.contains(&dependency.as_str());
        let above = forbidden.iter().any(|pattern| matches(pattern, dependency));
        foreign || (above && *dependency != "sse-core")
    };
    package
        .dependencies
        .iter()
        .filter(breaks)
        .map(|dependency| Finding::of(&manifest, format!("must not depend on {dependency}")))
        .collect()
}

/// Every crate takes the lints of the workspace.
pub(crate) fn inherits_lints(manifest_path: &str, manifest: &str) -> Vec<Finding> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]");
    if lines.nth(1) == Some("workspace = true") {
        return Vec::new();
    }
    vec![Finding::of(manifest_path, "has no `[lints]` with `workspace = true`".to_owned())]
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn a_dependency_upwards_or_sideways_is_found() {
        for (name, dependency) in [
            ("sse-core", "futures-core"),
            ("sse-core", "sse-driver"),
            ("sse-driver", "hyper-util"),
            ("sse-driver", "sse-hyper"),
            ("sse-hyper", "sse-axum"),
            ("sse-axum", "axum"),
            ("sse-actix", "sse-hyper"),
            ("sse-broadcast", "sse-axum"),
            ("sse-new", "sse-core"),
        ] {
            assert_eq!(check(&package(name, &[dependency])).len(), 1, "{name} -> {dependency}");
        }
    }

    #[test]
    fn dependencies_downwards_are_fine() {
        for (name, dependencies) in [
            ("sse-core", &["bytes", "memchr", "thiserror", "serde", "serde_json"][..]),
            ("sse-driver", &["sse-core", "futures-core", "pin-project-lite"]),
            ("sse-hyper", &["sse-core", "sse-driver", "hyper", "http-body"]),
            ("sse-axum", &["sse-core", "sse-hyper", "axum-core"]),
            ("sse-actix", &["sse-core", "sse-driver", "actix-web"]),
        ] {
            assert_eq!(check(&package(name, dependencies)), [], "{name}");
        }
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_found() {
        assert_eq!(inherits_lints("x", "[package]\n\n[lints]\nworkspace = true\n"), []);
        assert_eq!(inherits_lints("x", "[package]\nname = \"x\"\n").len(), 1);
        assert_eq!(inherits_lints("x", "[lints]\n[dependencies]\n").len(), 1);
    }
}
