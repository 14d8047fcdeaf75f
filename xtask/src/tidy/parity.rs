//! docs/PARITY.md names every row, and the tests that show it: their names begin with the row's.

mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub(super) use self::shown::{Shown, running};
use self::shown::{is_row, tests_by_row};
use super::{File, Finding};

pub(crate) const PAGE: &str = "docs/PARITY.md";

/// The page says which rows there are; so many at least, so that none is lost with its tests.
const LEAST_ROWS: usize = 48;

/// Of more tests than this a reader wants the files.
const MOST_NAMES: usize = 8;

/// Rows that are about values, publishers or tools: no response is touched, so no framework need show them.
const NO_RESPONSE: [&str; 8] = ["m18", "m40", "m41", "m42", "m44", "b01", "b08", "b09"];

const ADAPTERS: [&str; 3] = ["sse-hyper", "sse-axum", "sse-actix"];

/// The page says what the tests say, every row has some, and no test names a row that there is not.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let Some(page) = super::find(files, PAGE) else { return vec![super::missing(PAGE)] };
    let tests = tests_by_row(files);
    let rows = rows(&page.text);
    let mut findings = Vec::new();
    if rows.len() < LEAST_ROWS {
        findings.push(Finding::of(PAGE, format!("has {} rows of {LEAST_ROWS}", rows.len())));
    }
    for row in &rows {
        let shown = tests.get(*row).map(Vec::as_slice).unwrap_or_default();
        if shown.is_empty() {
            findings.push(Finding::of(PAGE, format!("no test shows {row}")));
        } else if !NO_RESPONSE.contains(row) {
            let unshown = ADAPTERS.iter().filter(|adapter| !shown.iter().any(|test| test.runs_on(adapter)));
            findings.extend(
                unshown.map(|adapter| Finding::of(PAGE, format!("no test shows {row} on {adapter}"))),
            );
        }
    }
    for (row, shown) in tests.iter().filter(|(row, _)| !rows.contains(row.as_str())) {
        let of = |test: &Shown| Finding::of(&test.path, format!("{} names an unknown row {row}", test.name));
        findings.extend(shown.iter().map(of));
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
        match (row_of(line), cells.as_slice()) {
            (Some(row), [head, behaviour, _tests]) => {
                let shown = tests.get(row).map(Vec::as_slice).unwrap_or_default();
                let _infallible = writeln!(written, "{head} | {behaviour} | {} |", cell(shown));
            }
            _ => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    written
}

fn cell(shown: &[Shown]) -> String {
    let list: Vec<String> = match shown.len() {
        0 => vec!["none".to_owned()],
        1..=MOST_NAMES => shown.iter().map(Shown::to_string).collect(),
        _ => {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for test in shown {
                *counts.entry(&test.path).or_default() += 1;
            }
            let of = |(path, count)| format!("`{path}` ({count} test{})", if count == 1 { "" } else { "s" });
            counts.into_iter().map(of).collect()
        }
    };
    list.join("<br>")
}

fn rows(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(row_of).collect()
}

/// The row that a line of the table is about.
fn row_of(line: &str) -> Option<&str> {
    line.strip_prefix("| ")?.split_once(" |").map(|(row, _)| row).filter(|row| is_row(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Parity\n\n| row | here | tests |\n|---|---|---|\n| m01 | a head | none yet |\n";

    fn test(path: &str, name: &str) -> File {
        File::new(path, &format!("#[test]\nfn {name}() {{}}\n"))
    }

    #[test]
    fn the_page_gets_the_names_of_the_tests() {
        let files = [
            File::new(PAGE, TABLE),
            test("crates/sse-axum/tests/x.rs", "m01_m04_a_head"),
            File::new("tests/browser/a.mjs", "check(\"m01: it shows, too\", () => {});"),
        ];
        let row = "| m01 | a head | `m01_it_shows_too` (tests/browser/a.mjs)<br>\
                   `m01_m04_a_head` (crates/sse-axum/tests/x.rs) |\n";
        let written = write(&files).unwrap_or_default();
        assert!(written.ends_with(row), "{written}");
        let without = write(&files[..1]).unwrap_or_default();
        assert!(without.ends_with("| m01 | a head | none |\n"), "{without}");
    }

    #[test]
    fn of_more_than_eight_tests_the_page_gets_the_files() {
        let of = |count: usize| {
            let one = |n| format!("#[test]\nfn m01_number_{n}() {{}}\n");
            let many: String = (1..count).map(one).collect();
            let files = [
                File::new(PAGE, TABLE),
                File::new("crates/x/tests/a.rs", &many),
                test("crates/x/tests/b.rs", "m01_last"),
            ];
            write(&files).unwrap_or_default()
        };
        assert_eq!(of(8).matches("<br>").count(), 7);
        let nine = "| m01 | a head | `crates/x/tests/a.rs` (8 tests)<br>`crates/x/tests/b.rs` (1 test) |\n";
        assert!(of(9).ends_with(nine), "{}", of(9));
    }

    #[test]
    fn a_page_that_is_behind_or_has_lost_rows_a_row_without_tests_and_an_unknown_row_are_found() {
        let files = [
            File::new(PAGE, &format!("{TABLE}| m02 | a source | |\n")),
            test("crates/sse-axum/tests/x.rs", "m01_a_head"),
            test("crates/sse-core/tests/x.rs", "m99_nothing"),
        ];
        let found: Vec<String> = check(&files).into_iter().map(|finding| finding.message).collect();
        let expected = [
            format!("has 2 rows of {LEAST_ROWS}"),
            "no test shows m01 on sse-hyper".to_owned(),
            "no test shows m01 on sse-actix".to_owned(),
            "no test shows m02".to_owned(),
            "m99_nothing names an unknown row m99".to_owned(),
            "does not name the tests as they are: run `cargo xtask parity`".to_owned(),
        ];
        assert_eq!(found, expected);
    }
}
