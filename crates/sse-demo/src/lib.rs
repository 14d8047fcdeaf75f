//! The live demo: one page, and what the three example servers stream to it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | [`PAGE`] |
//! | `GET /about.json` | [`about_json`] |
//! | `GET /tokens?prompt=` | [`tokens::answer`], one event `token` each, [`tokens::PACE`] apart, then `done` |
//! | `GET /tokens.txt?prompt=` | the same answer in one piece |
//! | `GET /metrics` | [`metrics::Metrics::subscribe`] with the request's `Last-Event-ID` |
//! | `POST /cut` | [`metrics::Metrics::cut`] |
//! | `GET /inspect` | an event now and then, a heartbeat every second in between |
//! | `GET /hostile` | [`hostile::cases`], one event `hostile` each, then `done` |
//! | `GET /hostile.json` | [`hostile::cases_json`] |
//!
//! And others: [`chat`], [`pages`], and [`completions`], which has no page.

extern crate alloc;

pub mod chat;
pub mod completions;
pub mod hostile;
pub mod metrics;
pub mod pages;
pub mod streams;
pub mod tokens;

mod host;

/// The page served at `/`: one file, nothing to fetch but the streams.
pub const PAGE: &str = include_str!("page.html");

/// What `/about.json` says: the framework that serves the page, and its version.
#[must_use]
pub fn about_json(framework: &str, version: &str) -> String {
    serde_json::json!({ "framework": framework, "version": version }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_fetches_nothing_from_elsewhere() {
        for outside in ["http://", "https://", "//cdn", "@import", "src="] {
            let found = PAGE.match_indices(outside).find(|(at, _)| {
                // The SVG namespace is a name, never fetched.
                !PAGE[*at..].starts_with("http://www.w3.org/2000/svg")
            });
            assert_eq!(found, None, "{outside} in page.html");
        }
    }

    #[test]
    fn the_page_never_parses_received_text_as_markup() {
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!PAGE.contains(sink), "{sink} in page.html");
        }
    }

    #[test]
    fn about_escapes_what_it_is_given() {
        assert_eq!(about_json("a\"b", "1.0"), r#"{"framework":"a\"b","version":"1.0"}"#);
    }
}
