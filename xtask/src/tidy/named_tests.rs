//! Pages that say which test shows what: each test, check, file and command in a table's column `test` is there, and runs.

use std::collections::BTreeSet;

use super::parity::{Shown, running};
use super::{File, Finding};

/// Pages whose tables are looked at. The others may be missing, the first may not.
const PAGES: [&str; 2] = ["docs/THREATS.md", "docs/ASSURANCE.md"];

/// Where `cargo xtask` has its commands.
const COMMANDS: &str = "xtask/src/main.rs";

/// How a cell says that there is no test, and why.
const NONE: &str = "none: ";

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    if super::find(files, PAGES[0]).is_none() {
        return vec![super::missing(PAGES[0])];
    }
    let repository = Repository::of(files);
    let pages = PAGES.iter().filter_map(|path| super::find(files, path));
    pages.flat_map(|page| of_page(page, &repository)).collect()
}

/// What a cell may name.
struct Repository<'a> {
    files: &'a [File],
    tests: BTreeSet<Shown>,
}

impl<'a> Repository<'a> {
    fn of(files: &'a [File]) -> Self {
        Self { files, tests: running(files).into_iter().collect() }
    }

    /// What is wrong with a name, followed by `(place)` or not.
    fn objection(&self, name: &str, place: Option<&str>) -> Option<String> {
        let is_there = if let Some(command) = name.strip_prefix("cargo xtask ") {
            self.has_command(command)
        } else if name.contains(' ') {
            self.has_check(name)
        } else if name.contains('/') {
            self.files.iter().any(|file| lies_in(&file.path, name))
        } else {
            return self.objection_to_test(name, place);
        };
        (!is_there).then(|| format!("there is no `{name}`"))
    }

    fn objection_to_test(&self, name: &str, place: Option<&str>) -> Option<String> {
        let mut tests = self.tests.iter().filter(|test| test.name == name).peekable();
        if tests.peek().is_none() {
            return Some(format!("no test that runs is named `{name}`"));
        }
        let place = place?;
        let is_there =
            |test: &Shown| lies_in(&test.path, place) || lies_in(&test.path, &format!("crates/{place}"));
        (!tests.any(is_there)).then(|| format!("`{name}` is no test of {place}"))
    }

    fn has_command(&self, command: &str) -> bool {
        let mut words = command.split(' ');
        let quoted = format!("[\"{}\"", words.next().unwrap_or_default());
        let is_there = super::find(self.files, COMMANDS).is_some_and(|file| file.text.contains(&quoted));
        let target = (quoted == "[\"fuzz\"").then(|| words.next()).flatten();
        is_there
            && target.is_none_or(|target| {
                super::find(self.files, &format!("fuzz/fuzz_targets/{target}.rs")).is_some()
            })
    }

    /// The checks of scripts are sentences with spaces.
    fn has_check(&self, text: &str) -> bool {
        let is_script = |file: &&File| [".mjs", ".py"].iter().any(|end| file.path.ends_with(end));
        let mut scripts = self.files.iter().filter(is_script);
        // Some begin with the name of a server, `${name}: `.
        let begins = |file: &File, quote| {
            [quote, "}: "].iter().any(|begin| {
                let quoted = format!("{begin}{text}{quote}");
                file.text.match_indices(&quoted).any(|(at, _)| names_a_check(&file.text[..at]))
            })
        };
        scripts.any(|file| ["\"", "'", "`"].iter().any(|quote| begins(file, quote)))
    }
}

/// Whether what stands behind `before` is an argument of `check(` or `each(`, before the function that runs, or the value of `name:`.
fn names_a_check(before: &str) -> bool {
    let is_open = |begin: &str, ends: &[&str]| {
        let between = before.rsplit_once(begin).map(|(_, between)| between);
        between.is_some_and(|between| !ends.iter().any(|end| between.contains(end)))
    };
    ["check(", "each("].iter().any(|call| is_open(call, &["=>", ";", ")\n"]))
        || is_open("name: ", &[",", ";", "\n"])
}

/// A file that is `place`, or in that folder.
fn lies_in(path: &str, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn of_page(page: &File, repository: &Repository<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut column = None;
    let mut has_column = false;
    for (number, line) in page.numbered_lines() {
        let Some(cells) = cells(line) else {
            column = None;
            continue;
        };
        let Some(at) = column else {
            // The first line of a table is its head; without the column nothing of it is looked at.
            column =
                Some(cells.iter().position(|cell| matches!(*cell, "test" | "tests")).unwrap_or(usize::MAX));
            has_column |= column != Some(usize::MAX);
            continue;
        };
        let Some(cell) = cells.get(at).filter(|cell| !cell.starts_with("---")) else { continue };
        let named: Vec<_> = names(cell).collect();
        if named.is_empty() && !cell.starts_with(NONE) {
            findings.push(Finding::at(&page.path, number, "names no test, and does not say why".to_owned()));
        }
        let objections = named.iter().filter_map(|(name, place)| repository.objection(name, *place));
        findings.extend(objections.map(|message| Finding::at(&page.path, number, message)));
    }
    if !has_column {
        findings.push(Finding::of(&page.path, "has no table with a column `test`".to_owned()));
    }
    findings
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// What stands in backticks, and in parentheses behind it.
fn names(cell: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let parts: Vec<&str> = cell.split('`').collect();
    (1..parts.len()).step_by(2).map(move |at| {
        let place = parts.get(at + 1).and_then(|behind| behind.trim_start().strip_prefix('('));
        (parts[at], place.and_then(|place| place.split([')', ',']).next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "#[test]\nfn it_holds() {}\n#[test]\n#[ignore]\nfn it_sleeps() {}\n";

    fn found(cell: &str) -> Vec<String> {
        let page =
            format!("# A\n\n| claim | test | more |\n|---|---|---|\n| a | {cell} | `x` |\n\nText `y`.\n");
        let files = [
            File::new(PAGES[0], &page),
            File::new("crates/sse-core/tests/x.rs", TEST),
            File::new(
                "tests/browser/run.mjs",
                "check(\"the page is whole\", () => said(\"in a check\")); check(`${name}: it ends`);\n\
                 const checks = [{ name: \"it is listed\", run: \"by a value\" }];\nsay(\"no check at all\");",
            ),
            File::new("fuzz/fuzz_targets/decode.rs", ""),
            File::new(COMMANDS, "[\"tidy\"] => a, [\"fuzz\", target] => b"),
        ];
        check(&files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn what_is_there_may_be_named() {
        for cell in [
            "`it_holds`",
            "`it_holds` (sse-core)",
            "`it_holds` (crates/sse-core/tests/x.rs), `the page is whole`, `it ends`, `it is listed`",
            "`tests/browser/run.mjs`, `tests/browser`",
            "`cargo xtask tidy`<br>`cargo xtask fuzz decode`",
            "none: nothing to show",
        ] {
            assert_eq!(found(cell), Vec::<String>::new(), "{cell}");
        }
    }

    #[test]
    fn what_is_not_there_is_found() {
        for (cell, message) in [
            ("`it_held`", "no test that runs is named `it_held`"),
            ("`it_sleeps`", "no test that runs is named `it_sleeps`"),
            ("`it_holds` (sse-html)", "`it_holds` is no test of sse-html"),
            ("`it_holds` (sse-core/tests/y.rs)", "`it_holds` is no test of sse-core/tests/y.rs"),
            ("`the page is empty`", "there is no `the page is empty`"),
            ("`in a check`", "there is no `in a check`"),
            ("`by a value`", "there is no `by a value`"),
            ("`no check at all`", "there is no `no check at all`"),
            ("`tests/brow`", "there is no `tests/brow`"),
            ("`cargo xtask dirty`", "there is no `cargo xtask dirty`"),
            ("`cargo xtask fuzz encode`", "there is no `cargo xtask fuzz encode`"),
            ("yes", "names no test, and does not say why"),
            ("none", "names no test, and does not say why"),
        ] {
            assert_eq!(found(cell), [message], "{cell}");
        }
    }

    #[test]
    fn a_page_without_the_column_is_found_and_a_table_without_it_is_left_alone() {
        let found = |page: &str| check(&[File::new(PAGES[0], page)]).len();
        assert_eq!(found("# A\n\nText.\n"), 1);
        assert_eq!(found("| a | b |\n|---|---|\n| c | `d` |\n"), 1);
        assert_eq!(
            found("| a | tests |\n|---|---|\n| c | none: e |\n\n| a | b |\n|---|---|\n| c | `d` |\n"),
            0
        );
        assert_eq!(check(&[]).len(), 1, "the page is not there");
        let both = [File::new(PAGES[0], "| a | test |\n| b | none: c |\n"), File::new(PAGES[1], "# B\n")];
        assert_eq!(check(&both).len(), 1, "the other is looked at, too");
    }
}
