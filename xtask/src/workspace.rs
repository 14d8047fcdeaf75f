//! What `cargo metadata` says about the workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Run;

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the workspace root.
    pub(crate) dir: PathBuf,
    /// Empty when the manifest names none.
    pub(crate) rust_version: String,
    pub(crate) features: Vec<String>,
    /// What each feature enables, as the manifest says it.
    pub(crate) enables: BTreeMap<String, Vec<String>>,
    /// Normal and build dependencies, not those of tests.
    pub(crate) dependencies: Vec<String>,
    pub(crate) has_lib: bool,
    pub(crate) bins: Vec<String>,
}

impl Package {
    /// The features of its own that a feature enables; features of dependencies are not among them.
    pub(crate) fn enabled_by(&self, feature: &str) -> impl Iterator<Item = &str> {
        let enabled = self.enables.get(feature).into_iter().flatten();
        enabled.map(String::as_str).filter(|enabled| self.features.iter().any(|name| name == enabled))
    }
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, String> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or("start it as `cargo xtask`: CARGO_MANIFEST_DIR is not set")?;
        let root = Path::new(&here).parent().ok_or("xtask has no parent directory")?.to_owned();
        let metadata = metadata(&root, "Cargo.toml")?;
        let target = PathBuf::from(text(&metadata["target_directory"]));
        let packages = packages(&metadata, &root);
        Ok(Self { root, target, packages })
    }

    /// The crates of `crates/` that others can depend on.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.has_lib && package.dir.starts_with("crates"))
    }

    /// The packages of a workspace of its own (`fuzz`, `benches`), by the path of its manifest.
    pub(crate) fn of_manifest(&self, manifest: &str) -> Result<Vec<Package>, String> {
        if !self.root.join(manifest).is_file() {
            return Err(format!("{manifest} is missing"));
        }
        Ok(packages(&metadata(&self.root, manifest)?, &self.root))
    }
}

fn metadata(root: &Path, manifest: &str) -> Result<Value, String> {
    let json = Run::cargo(root)
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path", manifest])
        .output()?;
    serde_json::from_str(&json).map_err(|error| format!("cargo metadata: {error}"))
}

fn packages(metadata: &Value, root: &Path) -> Vec<Package> {
    list(&metadata["packages"]).iter().map(|value| package(value, root)).collect()
}

fn package(value: &Value, root: &Path) -> Package {
    let manifest = Path::new(text(&value["manifest_path"]));
    let dir = manifest.parent().unwrap_or(manifest);
    let targets_of = |kind: &str| {
        let of_kind = |target: &&Value| list(&target["kind"]).iter().any(|k| k == kind);
        list(&value["targets"])
            .iter()
            .filter(of_kind)
            .map(|target| text(&target["name"]).to_owned())
            .collect::<Vec<_>>()
    };
    Package {
        name: text(&value["name"]).to_owned(),
        dir: dir.strip_prefix(root).unwrap_or(dir).to_owned(),
        rust_version: text(&value["rust_version"]).to_owned(),
        features: value["features"]
            .as_object()
            .map(|features| features.keys().cloned().collect())
            .unwrap_or_default(),
        enables: value["features"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, enabled)| (name.clone(), list(enabled).iter().map(|e| text(e).to_owned()).collect()))
            .collect(),
        dependencies: list(&value["dependencies"])
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]).to_owned())
            .collect(),
        has_lib: !targets_of("lib").is_empty() || !targets_of("proc-macro").is_empty(),
        bins: targets_of("bin"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_cargo_metadata() {
        let value: Value = serde_json::from_str(
            r#"{
                "name": "sse-core", "manifest_path": "/r/crates/sse-core/Cargo.toml", "rust_version": "1.85",
                "features": {"default": ["std"], "std": []},
                "dependencies": [{"name": "bytes", "kind": null}, {"name": "proptest", "kind": "dev"}],
                "targets": [{"name": "sse_core", "kind": ["lib"]}, {"name": "t", "kind": ["test"]}]
            }"#,
        )
        .unwrap();
        let package = package(&value, Path::new("/r"));
        assert_eq!(package.name, "sse-core");
        assert_eq!(package.dir, Path::new("crates/sse-core"));
        assert_eq!(package.rust_version, "1.85");
        assert_eq!(package.features, ["default", "std"]);
        assert_eq!(package.enabled_by("default").collect::<Vec<_>>(), ["std"]);
        assert_eq!(package.dependencies, ["bytes"]);
        assert!(package.has_lib && package.bins.is_empty());
    }
}
