//! Which tests show which rows: only what runs counts, and only where it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::ADAPTERS;
use crate::tidy::File;
use crate::tidy::source::{bracket_end, code_only, is_test, without_items, words};

const CONTRACT: &str = "crates/sse-testkit/src/contract";

/// What checks of a script are called by.
const CHECKS: [&str; 2] = ["check", "each"];

/// A test that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tidy) struct Shown {
    pub(in crate::tidy) name: String,
    pub(in crate::tidy) path: String,
    adapters: Vec<&'static str>,
}

impl Shown {
    pub(super) fn runs_on(&self, adapter: &str) -> bool {
        self.adapters.contains(&adapter)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}", self.name, self.path)?;
        let is_shared = self.path.starts_with(CONTRACT) || self.path.starts_with("tests/");
        if is_shared && self.adapters.len() < ADAPTERS.len() {
            write!(f, ", only on {}", self.adapters.join(", "))?;
        }
        f.write_str(")")
    }
}

/// All tests, of rows or not; of scripts those of rows.
pub(in crate::tidy) fn running(files: &[File]) -> Vec<Shown> {
    let sources: Vec<Source<'_>> = files.iter().filter_map(Source::of).collect();
    sources.iter().flat_map(|source| source.tests(&sources)).collect()
}

/// All tests that name rows, by row.
pub(super) fn tests_by_row(files: &[File]) -> BTreeMap<String, Vec<Shown>> {
    let mut tests: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for shown in running(files) {
        for row in rows_of(&shown.name) {
            tests.entry(row.to_owned()).or_default().push(shown.clone());
        }
    }
    for shown in tests.values_mut() {
        shown.sort();
        shown.dedup();
    }
    tests
}

/// A file that may hold tests, and its code without comments and literals.
struct Source<'a> {
    file: &'a File,
    code: String,
    /// Where its functions begin that are compiled without tests.
    shipped: BTreeSet<usize>,
}

impl<'a> Source<'a> {
    fn of(file: &'a File) -> Option<Self> {
        // The checks name rows themselves.
        if file.path.starts_with("xtask/") {
            return None;
        }
        let is_script = file.path.ends_with(".mjs");
        if !is_script && !file.is_rust() {
            return None;
        }
        let code = if is_script { String::new() } else { code_only(&file.text) };
        let shipped = if file.is_test_module() {
            BTreeSet::new()
        } else {
            let ships = without_items(&file.text, &code, is_test);
            functions(&ships).map(|function| function.at).collect()
        };
        Some(Self { file, code, shipped })
    }

    fn tests(&self, sources: &[Source<'_>]) -> Vec<Shown> {
        let path = &self.file.path;
        let shown = |name: String, adapters| Shown { name, path: path.clone(), adapters };
        if !self.file.is_rust() {
            // They run against all three servers.
            return checks(&self.file.text).map(|name| shown(name, ADAPTERS.to_vec())).collect();
        }
        let tests = functions(&self.code).filter_map(|function| {
            let adapters = self.adapters(&function, sources)?;
            Some(shown(function.name.to_owned(), adapters))
        });
        tests.collect()
    }

    /// Where the function runs as a test; `None` when it does nowhere.
    fn adapters(&self, function: &Function<'_>, sources: &[Source<'_>]) -> Option<Vec<&'static str>> {
        let path = &self.file.path;
        if path.starts_with(CONTRACT) && !function.is_test {
            let macros = ["contract_tests!", "broadcast_tests!"];
            let listed_by = macros.into_iter().find(|name| {
                let mut contract = sources.iter().filter(|source| source.file.path.starts_with(CONTRACT));
                contract.any(|source| lists(&source.code, name).any(|list| holds(list, function.name)))
            })?;
            return some(adapters(|adapter| {
                tests_of(adapter, sources).any(|source| source.code.contains(listed_by))
            }));
        }
        if path.starts_with("tests/") {
            return some(adapters(|adapter| {
                tests_of(adapter, sources).any(|source| {
                    source.includes(path) && (function.is_test || holds(&source.code, function.name))
                })
            }));
        }
        (function.is_test && !self.shipped.contains(&function.at))
            .then(|| adapters(|adapter| path.starts_with(&format!("crates/{adapter}/tests/"))))
    }

    /// Whether a `#[path]` of this file leads to `path`, or to the `mod.rs` beside it.
    fn includes(&self, path: &str) -> bool {
        let attributes = self.file.text.match_indices("#[path = \"");
        let included = attributes.filter(|(at, _)| self.code[*at..].starts_with("#[path"));
        let mut paths =
            included.filter_map(|(at, begin)| self.file.text[at + begin.len()..].split('"').next());
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        paths.any(|relative| {
            let relative = relative.trim_start_matches("../");
            relative == path || relative == format!("{folder}/mod.rs")
        })
    }
}

fn adapters(runs_on: impl Fn(&str) -> bool) -> Vec<&'static str> {
    ADAPTERS.into_iter().filter(|adapter| runs_on(adapter)).collect()
}

fn some(adapters: Vec<&'static str>) -> Option<Vec<&'static str>> {
    (!adapters.is_empty()).then_some(adapters)
}

fn tests_of<'a, 'b>(adapter: &str, sources: &'a [Source<'b>]) -> impl Iterator<Item = &'a Source<'b>> {
    let folder = format!("crates/{adapter}/tests/");
    sources.iter().filter(move |source| source.file.path.starts_with(&folder))
}

fn holds(code: &str, name: &str) -> bool {
    words(code, name).next().is_some()
}

/// What the macro gives to itself: `contract_tests!(@ $adapter: these)`.
fn lists<'a>(code: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let calls = code.split(name).skip(1);
    calls.filter_map(|rest| rest.strip_prefix("(@")?.split_once(')').map(|(list, _)| list))
}

struct Function<'a> {
    name: &'a str,
    at: usize,
    is_test: bool,
}

fn functions(code: &str) -> impl Iterator<Item = Function<'_>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    words(code, "fn").filter_map(move |at| {
        let rest = code[at..].strip_prefix("fn ")?;
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        // Attributes and qualifiers stand behind the end of what came before.
        let begin = code[..at].rfind([';', '{', '}']).map_or(0, |end| end + 1);
        Some(Function { name, at, is_test: is_a_test(&code[begin..at]) })
    })
}

/// `#[test]`, `#[tokio::test(…)]` and the like, and no `#[ignore]`.
fn is_a_test(before: &str) -> bool {
    let attributes = before.match_indices("#[").map(|(at, _)| &before[at..bracket_end(before, at + 1)]);
    let (mut has_test, mut is_ignored) = (false, false);
    for attribute in attributes {
        let path = attribute.trim_start_matches("#[").split(['(', ']']).next().unwrap_or_default();
        has_test |= path.trim().rsplit("::").next() == Some("test");
        is_ignored |= holds(attribute, "ignore");
    }
    has_test && !is_ignored
}

/// Checks of a script whose first argument has a text that begins with a row: `"m14_m15: they land"` is
/// `m14_m15_they_land`.
fn checks(script: &str) -> impl Iterator<Item = String> {
    let script = without_script_comments(script);
    let mut names = Vec::new();
    for at in CHECKS.iter().flat_map(|name| words(&script, name).map(move |at| at + name.len())) {
        let Some(arguments) = script[at..].strip_prefix('(') else { continue };
        names.extend(first_argument(arguments).filter_map(test_of));
    }
    names.into_iter()
}

fn test_of(text: &str) -> Option<String> {
    let (rows, text) = text.split_once(": ")?;
    if !rows.split('_').all(|row| rows_of(&format!("{row}_")).count() == 1) {
        return None;
    }
    let words = text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    Some(std::iter::once(rows).chain(words.split_whitespace()).collect::<Vec<_>>().join("_"))
}

/// The texts in double quotes up to the comma or parenthesis that ends the argument.
fn first_argument(arguments: &str) -> impl Iterator<Item = &str> {
    let mut is_over = false;
    arguments
        .split('"')
        .enumerate()
        .map_while(move |(index, part)| {
            let is_text = index % 2 == 1;
            if is_over {
                return None;
            }
            is_over = !is_text && part.contains([',', ')']);
            Some(is_text.then_some(part))
        })
        .flatten()
}

/// Every comment blanked; what is quoted stays.
fn without_script_comments(script: &str) -> String {
    let mut kept = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").map_or(rest.len(), |end| end + 2)..];
                continue;
            }
            '"' | '\'' | '`' => quoted(rest, first),
            _ => first.len_utf8(),
        };
        kept.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    kept
}

/// The length of the literal that `text` begins with. One in `"` or `'` ends with its line.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\n' if quote != '`' => return at,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// `m08_m34_heads` has two.
pub(super) fn rows_of(name: &str) -> impl Iterator<Item = &str> {
    let count = name.split('_').count();
    // A row alone is no name of a test.
    name.split('_').take(count - 1).take_while(|part| is_row(part))
}

pub(super) fn is_row(part: &str) -> bool {
    let (letter, number) = part.split_at_checked(1).unwrap_or_default();
    matches!(letter, "m" | "b") && number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT_FILE: &str = "crates/sse-testkit/src/contract/x.rs";

    fn all(files: &[(&str, &str)]) -> Vec<Shown> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        let mut all: Vec<Shown> = tests_by_row(&files).into_values().flatten().collect();
        all.dedup();
        all
    }

    fn names(path: &str, text: &str) -> Vec<String> {
        all(&[(path, text)]).into_iter().map(|shown| shown.name).collect()
    }

    #[test]
    fn functions_with_the_attribute_of_a_test_count() {
        for test in [
            "#[test]\nfn m01_a() {}",
            "/// Text.\n#[test]\n#[should_panic(expected = \"a\")]\nfn m01_a() {}",
            "#[tokio::test(flavor = \"current_thread\", start_paused = true)]\nasync fn m01_a() {}",
            "#[actix_web::test]\nasync fn m01_a() {}",
            "proptest! {\n#![proptest_config(Config { cases: 9, ..base() })]\n#[test]\nfn m01_a(x in any()) {}\n}",
        ] {
            assert_eq!(names("crates/x/tests/y.rs", test), ["m01_a"], "{test}");
            assert_eq!(names("crates/x/src/y/tests.rs", test), ["m01_a"], "{test}");
            let module = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{test}\n}}");
            assert_eq!(names("crates/x/src/y.rs", &module), ["m01_a"], "{test}");
            assert!(names("crates/x/src/y.rs", test).is_empty(), "outside of tests: {test}");
        }
    }

    #[test]
    fn what_does_not_run_does_not_count() {
        for other in [
            "fn m01_a() {}",
            "#[cfg(test)]\nfn m01_a() {}",
            "#[test]\nfn other() {}\nfn m01_a() {}",
            "#[test]\n#[ignore]\nfn m01_a() {}",
            "#[ignore = \"slow\"]\n#[test]\nfn m01_a() {}",
            "#[test]\n#[cfg_attr(miri, ignore)]\nfn m01_a() {}",
            "// #[test]\n// fn m01_a() {}",
            "/* #[test]\nfn m01_a() {} */",
            "const A: &str = \"#[test] fn m01_a() {}\";",
            "// #[test]\nfn m01_a() {}",
            "#[contest]\nfn m01_a() {}",
            "#[test]\nfn m01() {}",
            "#[test]\nfn am01_x() {}",
        ] {
            assert!(names("crates/x/tests/y.rs", other).is_empty(), "{other}");
        }
        assert!(names("xtask/src/tidy/x/tests.rs", "#[test]\nfn m01_a() {}").is_empty());
    }

    #[test]
    fn a_scenario_of_the_contract_counts_where_a_macro_that_lists_it_is_called() {
        let scenario = (CONTRACT_FILE, "pub async fn m01_a<A>() {}\n");
        let listed = (
            "crates/sse-testkit/src/contract.rs",
            "macro_rules! contract_tests { () => { $crate::contract_tests!(@ $adapter:\n m01_a\n // m02_b\n ); } }",
        );
        let called = ("crates/sse-axum/tests/contract.rs", "sse_testkit::contract_tests!(http1, Http1);");
        let other = ("crates/sse-axum/tests/x.rs", "sse_testkit::broadcast_tests!(http1, Http1);");
        let shown = all(&[scenario, listed, called]);
        assert_eq!((shown[0].name.as_str(), shown[0].adapters.as_slice()), ("m01_a", &["sse-axum"][..]));
        assert_eq!(all(&[scenario, called]), [], "no macro lists it");
        assert_eq!(all(&[scenario, listed]), [], "nobody calls the macro");
        assert_eq!(all(&[scenario, listed, other]), [], "nobody calls this macro");
        let hidden = (CONTRACT_FILE, "pub async fn m02_b<A>() {}\n");
        assert_eq!(all(&[hidden, listed, called]), [], "its line is a comment");
    }

    #[test]
    fn a_shared_file_counts_where_it_is_included_and_the_scenario_is_named() {
        let scenario = ("tests/faults/mod.rs", "pub(crate) async fn m01_a<F>() {}\n");
        let beside = ("tests/faults/h2.rs", "#[tokio::test]\nasync fn m02_b() {}\n");
        let including = |path, name| {
            format!("#[path = \"../../../{path}\"]\nmod faults;\nfaults::scenarios! {{ Axum: {name} }}\n")
        };
        let path = "crates/sse-axum/tests/faults.rs";
        let on = |files: &[(&str, &str)]| -> Vec<Vec<&str>> {
            all(files).into_iter().map(|shown| shown.adapters).collect()
        };
        assert_eq!(on(&[scenario, (path, &including("tests/faults/mod.rs", "m01_a"))]), [["sse-axum"]]);
        assert_eq!(on(&[beside, (path, &including("tests/faults/h2.rs", ""))]), [["sse-axum"]]);
        let one = including("tests/faults/mod.rs", "m01_a");
        let shown = all(&[scenario, (path, &one)])[0].to_string();
        assert_eq!(shown, "`m01_a` (tests/faults/mod.rs, only on sse-axum)");
        let hyper = "crates/sse-hyper/tests/faults.rs";
        let both = including("tests/faults/mod.rs", "m01_a");
        assert_eq!(on(&[scenario, (path, &both), (hyper, &both)]), [["sse-hyper", "sse-axum"]]);
        for nowhere in [
            including("tests/faults/mod.rs", "m01_other"),
            including("tests/others/mod.rs", "m01_a"),
            including("tests/faults/mod.rs", "/* m01_a */"),
            format!("// {}\nm01_a", including("tests/faults/mod.rs", "").replace('\n', " ")),
        ] {
            assert!(on(&[scenario, (path, &nowhere)]).is_empty(), "{nowhere}");
        }
    }

    #[test]
    fn texts_of_checks_count_where_they_are_the_first_argument() {
        let script = |text: &str| names("tests/browser/a.mjs", text);
        assert_eq!(script("await check(\"m01: it shows, too\", () => {});"), ["m01_it_shows_too"]);
        assert_eq!(script("each(isDebug ? \"m02_m01: a, b\" : \"m03: c\", run);"), ["m02_m01_a_b", "m03_c"]);
        for other in [
            "say(\"m01: no\");",
            "const text = \"m01: no\";",
            "check(\"a name\", \"m01: no\");",
            "check(name, () => \"m01: no\");",
            "// check(\"m01: no\", run);",
            "/* check(\"m01: no\", run); */",
            "const a = 'it''s'; // check(\"m01: no\", run);",
            "precheck(\"m01: no\", run);",
            "check(\"m1: no\", run);",
        ] {
            assert!(script(other).is_empty(), "{other}");
        }
        let behind =
            "const a = \"https://a\"; check(\"m01: yes\", run); const r = /\"/;\ncheck(\"m02: yes\", run);";
        assert_eq!(script(behind), ["m01_yes", "m02_yes"]);
    }
}
