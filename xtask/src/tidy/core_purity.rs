//! sse-core knows no runtime, no clock, no HTTP crate, and std only behind its feature.

use super::source::{code_only, is_std, is_test, line_of, without_items, words};
use super::{File, Finding};

/// Each with what it comes from.
const FOREIGN: [(&str, &str); 12] = [
    ("tokio", "runtime"),
    ("futures", "runtime"),
    ("futures_core", "runtime"),
    ("async", "runtime"),
    ("Waker", "runtime"),
    ("Context<", "runtime"),
    ("Instant::now", "clock"),
    ("SystemTime", "clock"),
    ("hyper", "HTTP crate"),
    ("http", "HTTP crate"),
    ("axum", "HTTP crate"),
    ("actix_web", "HTTP crate"),
];

/// Tests are exempt: unit tests in the file, and files that are named `tests.rs`.
pub(crate) fn check(file: &File) -> Vec<Finding> {
    if !file.path.starts_with("crates/sse-core/src/") || file.is_test_module() {
        return Vec::new();
    }
    let code = without_items(&file.text, &code_only(&file.text), is_test);
    let foreign = FOREIGN.iter().flat_map(|&(word, what)| {
        let found = words(&code, word).collect::<Vec<_>>();
        found.into_iter().map(move |at| (at, format!("`{word}`: the core knows no {}", what)))
    });
    let ungated = without_items(&file.text, &code, is_std);
    let std = words(&ungated, "std::")
        .map(|at| (at, "`std::` outside an item under `#[cfg(feature = \"std\")]`".to_owned()))
        .collect::<Vec<_>>();
    foreign
        .chain(std)
        .map(|(at, message)| Finding::at(&file.path, line_of(&file.text, at), message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        check(&File::new("crates/sse-core/src/x.rs", text))
    }

    #[test]
    fn each_foreign_word_is_found_on_its_line() {
        for bad in [
            "use tokio::time;",
            "async fn f() {}",
            "let now = core::time::Instant::now();",
            "fn t(_: SystemTime) {}",
            "fn wake(w: Waker) {}",
            "use futures_core::Stream;",
            "use hyper::Body;",
            "fn p(cx: &mut Context<'_>) {}",
            "use std::collections::HashMap;",
            "fn f() -> ::std::string::String {}",
        ] {
            let found = findings(&format!("//! Good.\n\n{bad}\n"));
            assert!(!found.is_empty() && found.iter().all(|f| f.line == Some(3)), "{bad}: {found:?}");
        }
    }

    #[test]
    fn std_behind_its_feature_tests_comments_and_strings_are_fine() {
        let good = "//! Like `std::io`, unlike tokio.\n\
            use core::fmt;\n\
            use crate::time::Instant;\n\
            #[cfg(feature = \"std\")]\nextern crate std;\n\
            #[cfg(feature = \"std\")]\nimpl std::io::Write for W { fn f() -> std::io::Result<()> {} }\n\
            const HEAD: &str = \"http async\";\n\
            #[cfg(test)]\nmod tests {\n use std::vec::Vec;\n}\n";
        assert_eq!(findings(good), []);
    }

    #[test]
    fn a_gate_does_not_reach_the_next_item() {
        let found = findings("#[cfg(feature = \"std\")]\nuse std::io;\nuse std::vec;\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, Some(3));
    }

    #[test]
    fn even_behind_the_feature_there_is_no_clock() {
        assert_eq!(findings("#[cfg(feature = \"std\")]\nfn f() { std::time::Instant::now(); }").len(), 1);
    }

    #[test]
    fn other_crates_may_do_all_that() {
        assert_eq!(check(&File::new("crates/sse-hyper/src/lib.rs", "use tokio::time;")), []);
    }
}
