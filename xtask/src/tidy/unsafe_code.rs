//! Every package forbids `unsafe`, by the workspace's lints or by its own.

use super::layers::inherits_lints;
use super::{File, Finding};

/// A program without an operating system exports its entry point, and `no_mangle` counts as unsafe code: the lint is
/// denied there, and allowed where the entry point stands.
const ENTRY_POINT: &str = "tests/no-std/Cargo.toml";

/// The workspace's manifest.
const ROOT: &str = "Cargo.toml";

pub(crate) fn check(file: &File) -> Vec<Finding> {
    if file.name() != "Cargo.toml" {
        return Vec::new();
    }
    let level = if file.path == ENTRY_POINT { "deny" } else { "forbid" };
    let section = if file.path == ROOT { "[workspace.lints.rust]" } else { "[lints.rust]" };
    let says = format!("unsafe_code = \"{level}\"");
    let is_said = section_of(&file.text, section).any(|line| line == says);
    let is_inherited = file.path != ROOT && inherits_lints(&file.path, &file.text).is_empty();
    if is_said || is_inherited {
        return Vec::new();
    }
    vec![Finding::of(&file.path, format!("has no `{says}` in `{section}`, and does not inherit it"))]
}

fn section_of<'a>(manifest: &'a str, section: &str) -> impl Iterator<Item = &'a str> {
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != section);
    lines.skip(1).take_while(|line| !line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&File::new(path, text)).len()
    }

    #[test]
    fn a_package_that_does_not_forbid_unsafe_code_is_found() {
        let path = "fuzz/Cargo.toml";
        assert_eq!(count(path, "[package]\nname = \"x\"\n"), 1);
        assert_eq!(count(path, "[package]\n\n[lints.rust]\nunsafe_code = \"warn\"\n"), 1);
        assert_eq!(count(path, "[lints.rust]\n[dependencies]\nunsafe_code = \"forbid\"\n"), 1);
        assert_eq!(count(path, "[lints.rust]\nunreachable_pub = \"warn\"\nunsafe_code = \"forbid\"\n"), 0);
        assert_eq!(count("crates/x/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"), 0);
    }

    #[test]
    fn the_workspace_says_it_for_all_and_cannot_inherit() {
        assert_eq!(count(ROOT, "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"), 0);
        assert_eq!(count(ROOT, "[workspace.lints.rust]\nunsafe_code = \"deny\"\n"), 1);
        assert_eq!(count(ROOT, "[lints]\nworkspace = true\n"), 1);
    }

    #[test]
    fn where_the_entry_point_is_the_lint_is_denied() {
        assert_eq!(count(ENTRY_POINT, "[lints.rust]\nunsafe_code = \"deny\"\n"), 0);
        assert_eq!(count(ENTRY_POINT, "[package]\n"), 1);
    }
}
