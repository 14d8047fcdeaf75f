//! docs/PARITY.md names every row, and the tests that show it: their names begin with the row's.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{File, Finding};

pub(crate) const PAGE: &str = "docs/PARITY.md";

/// The rows that must have tests: first and last of each run.
const ROWS: [(&str, &[(u32, u32)]); 2] =
    [("m", &[(1, 18), (20, 23), (30, 38), (40, 48)]), ("b", &[(1, 6), (8, 9)])];

/// Rows that are about values, publishers or tools: no response is touched, so no framework need show them.
const NO_RESPONSE: [&str; 8] = ["m18", "m40", "m41", "m42", "m44", "b01", "b08", "b09"];

const ADAPTERS: [&str; 3] = ["sse-hyper", "sse-axum", "sse-actix"];

/// A test whose name begins with rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shown {
    name: String,
    path: String,
}

/// The page says what the tests say, every row has some, and no test names a row that there is not.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let Some(page) = super::find(files, PAGE) else { return vec![super::missing(PAGE)] };
    let tests = tests_by_row(files);
    let mut findings = Vec::new();
    for row in rows() {
        let shown = tests.get(&row).map(Vec::as_slice).unwrap_or_default();
        if !page.text.contains(&format!("\n| {row} |")) {
            findings.push(Finding::of(PAGE, format!("has no row {row}")));
        }
        if shown.is_empty() {
            findings.push(Finding::of(PAGE, format!("no test shows {row}")));
        } else if !NO_RESPONSE.contains(&row.as_str()) {
            let unshown = ADAPTERS.iter().filter(|adapter| !shown.iter().any(|test| test.runs_on(adapter)));
            findings.extend(
                unshown.map(|adapter| Finding::of(PAGE, format!("no test shows {row} on {adapter}"))),
            );
        }
    }
    for (row, shown) in &tests {
        if !rows().any(|known| known == *row) {
            let of =
                |test: &Shown| Finding::of(&test.path, format!("{} names an unknown row {row}", test.name));
            findings.extend(shown.iter().map(of));
        }
    }
    if written(&page.text, &tests) != page.text {
        let message = "does not name the tests as they are: run `cargo xtask parity`";
        findings.push(Finding::of(PAGE, message.to_owned()));
    }
    findings
}

/// The page with the tests as they are.
pub(crate) fn write(files: &[File]) -> Option<String> {
    super::find(files, PAGE).map(|page| written(&page.text, &tests_by_row(files)))
}

fn written(page: &str, tests: &BTreeMap<String, Vec<Shown>>) -> String {
    let mut written = String::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let row = line.strip_prefix("| ").and_then(|rest| rest.get(..3)).unwrap_or_default();
        match (cells.as_slice(), tests.get(row)) {
            ([head, behaviour, _tests], Some(shown)) => {
                let list: Vec<String> = shown.iter().map(Shown::to_string).collect();
                let _infallible = writeln!(written, "{head} | {behaviour} | {} |", list.join("<br>"));
            }
            _ => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    written
}

fn rows() -> impl Iterator<Item = String> {
    ROWS.iter().flat_map(|(letter, runs)| {
        runs.iter().flat_map(move |(first, last)| (*first..=*last).map(move |n| format!("{letter}{n:02}")))
    })
}

fn tests_by_row(files: &[File]) -> BTreeMap<String, Vec<Shown>> {
    let mut tests: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") || file.path.ends_with(".mjs")) {
        if file.path.starts_with("xtask/") {
            continue;
        }
        let names = if file.is_rust() { functions(file) } else { checks(file) };
        for name in names {
            for row in rows_of(&name) {
                let shown = tests.entry(row.to_owned()).or_default();
                let test = Shown { name: name.clone(), path: file.path.clone() };
                if !shown.contains(&test) {
                    shown.push(test);
                }
            }
        }
    }
    for shown in tests.values_mut() {
        shown.sort();
    }
    tests
}

/// Functions that begin with a row.
fn functions(file: &File) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let definitions = file.text.match_indices("fn ").map(|(at, found)| &file.text[at + found.len()..]);
    let names = definitions.map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]);
    names.filter(|name| rows_of(name).next().is_some()).map(str::to_owned).collect()
}

/// Checks of a script, whose texts begin with a row: `"m14_m15: they land"` is `m14_m15_they_land`.
fn checks(file: &File) -> Vec<String> {
    let texts = file.text.split('"').filter_map(|text| text.split_once(": "));
    let of_rows =
        texts.filter(|(rows, _)| rows.split('_').all(|row| rows_of(&format!("{row}_")).count() == 1));
    let words = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    let name = |(rows, text): (&str, &str)| {
        core::iter::once(rows).chain(words(text).split_whitespace()).collect::<Vec<_>>().join("_")
    };
    of_rows.map(name).collect()
}

/// `m08_m34_heads` has two.
fn rows_of(name: &str) -> impl Iterator<Item = &str> {
    let is_row = |part: &&str| {
        let (letter, number) = part.split_at_checked(1).unwrap_or_default();
        matches!(letter, "m" | "b") && number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let count = name.split('_').count();
    // A row alone is no name of a test.
    name.split('_').take(count - 1).take_while(is_row)
}

impl Shown {
    /// A scenario of the contract runs on every adapter; so do the scripts, and what all of them include.
    fn runs_on(&self, adapter: &str) -> bool {
        self.runs_everywhere() || self.path.starts_with(&format!("crates/{adapter}/tests/"))
    }

    fn runs_everywhere(&self) -> bool {
        ["crates/sse-testkit/src/contract/", "tests/browser/", "tests/clients/", "tests/faults/"]
            .iter()
            .any(|shared| self.path.starts_with(shared))
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ({})", self.name, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Parity\n\n| row | here | tests |\n|---|---|---|\n| m01 | a head | none yet |\n";

    fn found(files: &[File]) -> Vec<String> {
        check(files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn the_page_gets_the_names_of_the_tests() {
        let files = [
            File::new(PAGE, TABLE),
            File::new(
                "crates/sse-testkit/src/contract/x.rs",
                "pub async fn m01_m04_a_head<A>() {}\nfn other() {}\nfn m99() {}\n// fn\nlet am01_x = 1;",
            ),
            File::new("tests/browser/a.mjs", "check(\"m01: it shows, too\", () => {}); say(\"m1: no\");"),
        ];
        let written = write(&files).unwrap_or_default();
        let row = "| m01 | a head | `m01_it_shows_too` (tests/browser/a.mjs)<br>\
                   `m01_m04_a_head` (crates/sse-testkit/src/contract/x.rs) |\n";
        assert!(written.ends_with(row), "{written}");
    }

    #[test]
    fn a_page_that_is_behind_a_row_without_tests_and_an_unknown_row_are_found() {
        let test = |path: &str, name: &str| File::new(path, &format!("fn {name}() {{}}"));
        let files = [
            File::new(PAGE, TABLE),
            test("crates/sse-axum/tests/x.rs", "m01_a_head"),
            test("crates/sse-core/tests/x.rs", "m99_nothing"),
        ];
        let found = found(&files);
        for message in [
            "no test shows m01 on sse-hyper",
            "no test shows m01 on sse-actix",
            "no test shows m02",
            "has no row m02",
            "m99_nothing names an unknown row m99",
            "does not name the tests as they are: run `cargo xtask parity`",
        ] {
            assert!(found.iter().any(|finding| finding == message), "{message}: {found:?}");
        }
        assert!(!found.iter().any(|finding| finding == "no test shows m01 on sse-axum"));
    }
}
