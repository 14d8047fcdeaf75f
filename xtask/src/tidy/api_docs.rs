//! Public items say what they are; in the crates that users see they show it, too.

use super::source::{code_only, is_test, without_items};
use super::{File, Finding};

/// Stands between doc comment and item, followed by a reason.
const NO_EXAMPLE: &str = "// tidy: no example:";

/// The crates whose pages users read.
const SHOWN: [&str; 13] = [
    "crates/sse-core/",
    "crates/sse-driver/",
    "crates/sse-hyper/",
    "crates/sse-axum/",
    "crates/sse-actix/",
    "crates/sse-broadcast/",
    "crates/sse-redis/",
    // Not the contract: its pages are for us.
    "crates/sse-testkit/src/actix",
    "crates/sse-testkit/src/collect",
    "crates/sse-testkit/src/conformance",
    "crates/sse-testkit/src/html",
    "crates/sse-testkit/src/tower",
    "crates/sse-testkit/src/url",
];

/// A `pub` item of a library, or a `macro_rules!` under `#[macro_export]`.
#[derive(Debug)]
struct Item<'a> {
    line: usize,
    kind: &'a str,
    name: String,
    /// A function that is not: types may stand within a macro or a module.
    is_method: bool,
    above: Above,
}

/// What stands above an item.
#[derive(Debug, Default)]
struct Above {
    docs: String,
    hidden: bool,
    exported: bool,
    no_example: Option<String>,
}

/// Every public function, type, trait and macro has a doc comment right above.
pub(crate) fn documented(file: &File) -> Vec<Finding> {
    items(file)
        .into_iter()
        .filter(|item| item.above.docs.trim().is_empty() && !item.above.hidden)
        .map(|item| {
            let message = format!("public {} `{}` has no doc comment", item.kind, item.name);
            Finding::at(&file.path, item.line, message)
        })
        .collect()
}

/// Every type, trait, macro and free function of the published crates has an example, or says why not.
pub(crate) fn shown(file: &File) -> Vec<Finding> {
    if !SHOWN.iter().any(|published| file.path.starts_with(published)) {
        return Vec::new();
    }
    items(file)
        .into_iter()
        .filter(|item| !item.is_method && !item.above.hidden)
        .filter_map(|item| {
            let Item { line, kind, name, above, .. } = item;
            let message = match (above.docs.contains("```"), above.no_example.as_deref()) {
                (true, None) => return None,
                (false, Some(reason)) if !reason.is_empty() => return None,
                (true, Some(_)) => format!("{kind} `{name}` has an example and a `{NO_EXAMPLE}`"),
                (false, Some(_)) => format!("`{NO_EXAMPLE}` of `{name}` gives no reason"),
                (false, None) => {
                    format!("public {kind} `{name}` has no example (or `{NO_EXAMPLE} reason`)")
                }
            };
            Some(Finding::at(&file.path, line, message))
        })
        .collect()
}

fn items(file: &File) -> Vec<Item<'static>> {
    if !file.is_library_source() || file.is_test_module() {
        return Vec::new();
    }
    let code = without_items(&file.text, &code_only(&file.text), is_test);
    let originals: Vec<&str> = file.text.lines().collect();
    code.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (kind, name) = declared(line)?;
            let above = above(&originals[..index]);
            (kind != "macro" || above.exported).then(|| Item {
                line: index + 1,
                kind,
                name,
                is_method: kind == "fn" && line.starts_with(char::is_whitespace),
                above,
            })
        })
        .collect()
}

fn declared(line: &str) -> Option<(&'static str, String)> {
    let line = line.trim_start();
    let kinds = ["fn", "struct", "enum", "trait"];
    let mut tokens = line.split_whitespace();
    let kind = match tokens.next()? {
        "macro_rules!" => "macro",
        "pub" => {
            let qualifies = |token: &&str| matches!(*token, "const" | "async" | "unsafe" | "extern");
            let keyword = tokens.find(|token| !qualifies(token))?;
            kinds.into_iter().find(|kind| *kind == keyword)?
        }
        _ => return None,
    };
    let name = tokens.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    Some((kind, name.to_owned()))
}

/// Reads upwards over attributes, comments and doc comments.
fn above(lines: &[&str]) -> Above {
    let mut above = Above::default();
    let mut inside_attribute = false;
    for line in lines.iter().rev().map(|line| line.trim()) {
        if let Some(doc) = line.strip_prefix("///") {
            above.docs = format!("{doc}\n{}", above.docs);
        } else if let Some(reason) = line.strip_prefix(NO_EXAMPLE) {
            above.no_example = Some(reason.trim().to_owned());
        } else if line.starts_with("#[") {
            inside_attribute = false;
            above.hidden |= line.contains("doc(hidden)");
            above.exported |= line.contains("macro_export");
            if line.starts_with("#[doc = ") {
                above.docs = format!("{line}\n{}", above.docs);
            }
        } else if line.ends_with(")]") {
            inside_attribute = true;
        } else if !inside_attribute && !line.starts_with("//") {
            break;
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(text: &str) -> File {
        File::new("crates/sse-core/src/x.rs", text)
    }

    #[test]
    fn an_item_without_doc_comment_is_found() {
        for bad in [
            "pub fn f() {}",
            "pub const fn f() {}",
            "impl X {\n    pub fn f() {}\n}",
            "#[derive(Debug)]\npub struct S;",
            "// not a doc comment\npub enum E {}",
            "/// Docs of another.\n\npub trait T {}",
            "#[macro_export]\nmacro_rules! m { () => {} }",
        ] {
            assert_eq!(documented(&core(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn documented_hidden_private_and_test_items_are_fine() {
        for good in [
            "/// Docs.\npub fn f() {}",
            "/// Docs.\n#[derive(Debug)]\n#[must_use]\npub struct S;",
            "/// Docs.\n#[cfg_attr(\n    feature = \"std\",\n    derive(Debug)\n)]\npub struct S;",
            "/// Docs.\n// A reason.\npub fn f() {}",
            "#[doc(hidden)]\npub fn f() {}",
            "pub(crate) fn f() {}",
            "fn f() {}",
            "pub const X: u8 = 1;",
            "macro_rules! m { () => {} }",
            "#[cfg(test)]\nmod tests {\n    pub fn f() {}\n}",
        ] {
            assert_eq!(documented(&core(good)), [], "{good}");
        }
        assert_eq!(documented(&File::new("crates/sse-core/examples/x.rs", "pub fn f() {}")), []);
    }

    #[test]
    fn a_type_trait_macro_or_free_function_without_example_is_found() {
        assert_eq!(shown(&core("/// Docs.\npub struct S;")).len(), 1);
        assert_eq!(shown(&core("/// Docs.\npub fn f() {}")).len(), 1);
        assert_eq!(shown(&core("/// Docs.\npub trait T {\n    fn f();\n}")).len(), 1);
        assert_eq!(shown(&core("/// Docs.\n#[macro_export]\nmacro_rules! m { () => {} }")).len(), 1);
        assert_eq!(shown(&core("/// Docs.\n// tidy: no example:\npub fn f() {}")).len(), 1);
        assert_eq!(
            shown(&core("/// ```\n/// f();\n/// ```\n// tidy: no example: x\npub fn f() {}")).len(),
            1
        );
    }

    #[test]
    fn a_type_within_a_macro_or_a_module_needs_an_example() {
        for within in ["pin_project! {", "mod private {"] {
            let text = format!("{within}\n    /// Docs.\n    pub struct S {{\n        a: u8,\n    }}\n}}");
            assert_eq!(shown(&core(&text)).len(), 1, "{within}");
        }
    }

    #[test]
    fn every_published_crate_is_looked_at() {
        for name in ["core", "driver", "hyper", "axum", "actix"] {
            let file = File::new(&format!("crates/sse-{name}/src/lib.rs"), "/// Docs.\npub struct S;");
            assert_eq!(shown(&file).len(), 1, "{name}");
        }
    }

    #[test]
    fn an_example_a_reason_a_method_and_another_crate_are_fine() {
        for good in [
            "/// Docs.\n///\n/// ```\n/// f();\n/// ```\n#[must_use]\npub fn f() {}",
            "/// Docs.\n// tidy: no example: only ever returned\npub struct E;",
            "impl X {\n    /// Docs.\n    pub fn f() {}\n}",
            "/// Docs.\n#[doc(hidden)]\n#[macro_export]\nmacro_rules! m { () => {} }",
        ] {
            assert_eq!(shown(&core(good)), [], "{good}");
        }
        assert_eq!(shown(&File::new("crates/sse-demo/src/lib.rs", "/// Docs.\npub struct S;")), []);
    }
}
