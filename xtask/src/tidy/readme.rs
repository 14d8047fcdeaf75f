//! A README says what the manifests say, and shows only code that is tested.

use super::{File, Finding};

/// Stands right above a block of Rust.
const TESTED: &str = "<!-- tested: ";

/// Every Rust version that a page states is one of `versions`; `required` are all stated.
pub(crate) fn rust_versions(path: &str, page: &str, versions: &[&str], required: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut stated = Vec::new();
    for (index, line) in page.lines().enumerate() {
        for version in versions_in(line) {
            if !versions.contains(&version) {
                let of = versions.join(", ");
                let message = format!("says Rust {version}, the manifests say {of}");
                findings.push(Finding::at(path, index + 1, message));
            }
            stated.push(version);
        }
    }
    let unsaid = versions.iter().filter(|version| required && !stated.contains(version));
    findings.extend(unsaid.map(|version| Finding::of(path, format!("does not state Rust {version}"))));
    findings
}

/// `1.NN` behind "Rust ", and anywhere in a line about the MSRV or `rust-version`.
fn versions_in(line: &str) -> Vec<&str> {
    let about = ["MSRV", "rust-version", "minimum supported Rust"].iter().any(|w| line.contains(w));
    line.match_indices("1.")
        .filter(|&(at, _)| {
            let before = &line[..at];
            before.ends_with("Rust ")
                || (about && !before.ends_with(|c: char| c.is_alphanumeric() || c == '.'))
        })
        .filter_map(|(at, _)| {
            let rest = &line[at..];
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let version = rest[..end].trim_end_matches('.');
            (version.len() > "1.1".len()).then_some(version)
        })
        .collect()
}

/// Every block of Rust stands verbatim, whatever its indentation, in the file its marker names.
pub(crate) fn blocks(readme: &File, read: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lines: Vec<&str> = readme.text.lines().collect();
    let mut findings = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let Some(language) = lines[index].trim_start().strip_prefix("```") else {
            index += 1;
            continue;
        };
        let opened = index;
        let length = lines[opened + 1..].iter().take_while(|line| line.trim() != "```").count();
        index = opened + length + 2;
        if !language.starts_with("rust") && !language.starts_with("rs") {
            continue;
        }
        let block = &lines[opened + 1..opened + 1 + length];
        if let Err(message) = tested(&lines[..opened], block, &read) {
            findings.push(Finding::at(&readme.path, opened + 1, message));
        }
    }
    findings
}

fn tested(above: &[&str], block: &[&str], read: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let marker = above.iter().rev().find(|line| !line.trim().is_empty()).copied().unwrap_or_default();
    let path = marker
        .trim()
        .strip_prefix(TESTED)
        .and_then(|rest| rest.strip_suffix("-->"))
        .ok_or_else(|| format!("a block of Rust without `{TESTED}path -->` above it"))?
        .trim();
    let source = read(path).ok_or_else(|| format!("{path} is not a file"))?;
    if !["/examples/", "/tests/", "/src/"].iter().any(|dir| path.contains(dir)) {
        return Err(format!("{path} is compiled by no test"));
    }
    let source: Vec<&str> = source.lines().collect();
    let wanted = dedented(block);
    let stands = !block.is_empty() && source.windows(block.len()).any(|part| dedented(part) == wanted);
    if stands { Ok(()) } else { Err(format!("this block does not stand in {path}")) }
}

/// The lines without the indentation they have in common.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indentation = |line: &&&str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let common = filled.map(|line| indentation(&line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(common..).unwrap_or_default().trim_end()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "fn main() {\n    let a = 1;\n    if a > 0 {\n        b();\n    }\n}\n";

    fn check(text: &str) -> Vec<Finding> {
        let read = |path: &str| (path == "crates/x/examples/y.rs").then(|| EXAMPLE.to_owned());
        blocks(&File::new("README.md", text), read)
    }

    #[test]
    fn a_block_that_stands_in_its_file_is_fine_at_any_indentation() {
        for block in ["let a = 1;\nif a > 0 {\n    b();\n}", EXAMPLE.trim_end()] {
            let text = format!("Text\n\n<!-- tested: crates/x/examples/y.rs -->\n```rust\n{block}\n```\n");
            assert_eq!(check(&text), [], "{block}");
        }
        assert_eq!(check("```sh\ncargo add x\n```\n```\nplain\n```\n"), []);
    }

    #[test]
    fn a_block_that_differs_or_has_no_marker_or_no_file_is_found() {
        let marked = |path: &str, code: &str| format!("<!-- tested: {path} -->\n\n```rust\n{code}\n```\n");
        for bad in [
            marked("crates/x/examples/y.rs", "let a = 2;"),
            marked("crates/x/examples/y.rs", "let a = 1;\nif a > 0 {\nb();\n}"),
            marked("crates/x/examples/y.rs", ""),
            marked("crates/x/examples/z.rs", "let a = 1;"),
            "```rust\nlet a = 1;\n```\n".to_owned(),
            "```rust,ignore\nlet a = 1;\n```\n".to_owned(),
        ] {
            assert_eq!(check(&bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn versions_agree_with_the_manifests() {
        let check = |page: &str| rust_versions("README.md", page, &["1.85"], true);
        assert_eq!(check("Needs Rust 1.85."), []);
        assert_eq!(check("MSRV: 1.85 (with HTTP/1.1)").len(), 0);
        assert_eq!(check("MSRV 1.84, Rust 1.85").len(), 1);
        assert_eq!(check("Nothing said, HTTP/1.1 spoken").len(), 1);
        assert_eq!(check("badge rust-version-1.80 and Rust 1.85").len(), 1);
    }
}
