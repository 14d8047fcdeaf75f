//! The guide shows only code that is compiled: every page is a doc test of `sse-guide` and stands in the index.

use super::{File, Finding};

pub(crate) const FOLDER: &str = "docs/guide/";
pub(crate) const INDEX: &str = "docs/guide/README.md";
pub(crate) const LIB: &str = "crates/sse-guide/src/lib.rs";

/// The ways in which rustdoc takes a block of Rust that still say something about it.
const COMPILED: [&str; 4] = ["rust", "rust,no_run", "rust,should_panic", "rust,compile_fail"];

/// How lines begin that no other language of the guide has.
const RUST: [&str; 11] =
    ["fn ", "pub ", "async fn ", "impl ", "impl<", "trait ", "enum ", "let mut ", "#[", "#![", "use std::"];

/// Every page of the folder is in the crate and in the index.
pub(crate) fn pages(paths: &[&str], index: &File, lib: &File) -> Vec<Finding> {
    let pages: Vec<&str> = paths
        .iter()
        .filter(|path| **path != INDEX && path.ends_with(".md"))
        .filter_map(|path| path.strip_prefix(FOLDER))
        .collect();
    let mut findings = Vec::new();
    for page in &pages {
        let path = format!("{FOLDER}{page}");
        let included = format!("#[doc = include_str!(\"../../../{path}\")]");
        if !lib.text.lines().any(|line| line == included) {
            findings.push(Finding::of(&path, format!("is no doc test: include it in {LIB}")));
        }
        if !index.text.contains(&format!("({page})")) {
            findings.push(Finding::of(&path, format!("is not linked in {INDEX}")));
        }
    }
    findings
}

/// Every link to a file of the repository finds it, and the heading that it names.
pub(crate) fn links(page: &File, read: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(&page.text) {
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for link in links.map(|(link, _)| link).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { page.path.clone() } else { joined(file) };
            let message = match read(&path) {
                None => format!("{path} is not a file"),
                Some(text) if !heading.is_empty() && !has_heading(&text, heading) => {
                    format!("{link}: there is no such heading")
                }
                Some(_) => continue,
            };
            findings.push(Finding::at(&page.path, number, message));
        }
    }
    findings
}

/// Relative to the folder of the guide.
fn joined(link: &str) -> String {
    let mut parts: Vec<&str> = FOLDER.trim_end_matches('/').split('/').collect();
    for part in link.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// Whether one of the headings has this anchor: its words in lower case, joined by hyphens, without punctuation.
fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let mut anchors = headings.map(|heading| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "")
    });
    anchors.any(|found| found == anchor)
}

/// The lines outside of blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_block = false;
    text.lines().zip(1..).map(|(line, number)| (number, line)).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_block ^= is_fence;
        !is_block && !is_fence
    })
}

/// No block of Rust hides from the compiler, and none hides lines from readers: Markdown viewers show them.
pub(crate) fn blocks(page: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut open: Option<(&str, bool)> = None;
    for (number, line) in page.numbered_lines() {
        let trimmed = line.trim_start();
        let fence = ["```", "~~~"].into_iter().find(|fence| trimmed.starts_with(fence));
        let mut found = |message: String| findings.push(Finding::at(&page.path, number, message));
        match (open, fence) {
            (None, Some(fence)) => {
                let language = trimmed.trim_start_matches(['`', '~']).trim();
                let first = language.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let is_rust = matches!(first, "rust" | "rs");
                if language.is_empty() {
                    found("a block without a language, which rustdoc takes for Rust".to_owned());
                } else if is_rust && !COMPILED.contains(&language) {
                    found(format!(
                        "`{language}` is not compiled, or not as it stands: {}",
                        COMPILED.join(", ")
                    ));
                }
                open = Some((fence, is_rust));
            }
            (Some((opened, _)), Some(fence)) if fence == opened && trimmed.trim_end() == fence => open = None,
            (Some((_, true)), _) if trimmed == "#" || trimmed.starts_with("# ") => {
                found("a line that rustdoc hides and Markdown viewers show".to_owned());
            }
            (Some((_, false)), _) if RUST.iter().any(|begin| trimmed.starts_with(begin)) => {
                found("Rust in a block that is not compiled".to_owned());
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> usize {
        blocks(&File::new("docs/guide/page.md", text)).len()
    }

    #[test]
    fn compiled_rust_and_other_languages_are_fine() {
        for language in COMPILED {
            assert_eq!(
                check(&format!("```{language}\nlet mut a = 1;\n#[test]\nfn b() {{}}\n```\n")),
                0,
                "{language}"
            );
        }
        for other in [
            "```sh\n# a comment\ncargo add x\n```\n",
            "```js\nconst a = 1;\nlet b = 2;\n```\n",
            "```text\nid: 7\n```\n",
            "Prose: fn and pub.\n\n    indented\n",
        ] {
            assert_eq!(check(other), 0, "{other}");
        }
    }

    #[test]
    fn rust_that_no_test_compiles_is_found() {
        for bad in [
            "```rust,ignore\nlet a = 1;\n```\n",
            "```rust, ignore\nlet a = 1;\n```\n",
            "```rs\nlet a = 1;\n```\n",
            "```\nlet a = 1;\n```\n",
            "~~~\nlet a = 1;\n~~~\n",
            "```text\nasync fn handler() {\n```\n",
            "1. a list\n\n   ```text\n   pub struct A;\n   ```\n",
            "```text\nfine\n```\n\n```js\nfn a() {}\n```\n",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }

    #[test]
    fn lines_that_only_rustdoc_hides_are_found() {
        assert_eq!(check("```rust\n# let hidden = 1;\nlet a = 1;\n#\n```\n"), 2);
        assert_eq!(check("# A title\n\n```rust\nlet a = 1;\n```\n"), 0);
    }

    #[test]
    fn a_page_that_the_crate_or_the_index_leaves_out_is_found() {
        let lib = |text: &str| File::new(LIB, text);
        let index = |text: &str| File::new(INDEX, text);
        let paths = [INDEX, "docs/guide/a.md", "docs/guide/page.html", "docs/WIRE.md"];
        let included = "#[doc = include_str!(\"../../../docs/guide/a.md\")]";
        assert_eq!(pages(&paths, &index("[A](a.md), [wire](../WIRE.md)"), &lib(included)), []);
        for without in ["", &format!("// {included}")] {
            assert_eq!(pages(&paths, &index("[A](a.md)"), &lib(without)).len(), 1, "{without}");
        }
        assert_eq!(pages(&paths, &index("no link"), &lib(included)).len(), 1);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let check = |text: &str| {
            let read = |path: &str| match path {
                "docs/guide/a.md" => {
                    Some("# A\n\n## 5. The `x_y`, whole\n\n```sh\n# not one\n```\n".to_owned())
                }
                "docs/WIRE.md" => Some(String::new()),
                _ => None,
            };
            links(&File::new("docs/guide/a.md", text), read).len()
        };
        for good in [
            "[a](a.md)",
            "[x](a.md#5-the-x_y-whole)",
            "[x](#a)",
            "[w](../WIRE.md)",
            "[h](https://x.org/y.md#z)",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in
            ["[b](b.md)", "[x](a.md#6-the-x)", "[n](#not-one)", "[w](../WIRE.md#a), [v](../../VIRE.md)"]
        {
            assert_eq!(check(bad), bad.matches("](").count(), "{bad}");
        }
        assert_eq!(check("```text\n[b](b.md)\n```\n"), 0);
    }
}
