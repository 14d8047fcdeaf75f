//! A page of the guide that shows `[dependencies]` shows all that its Rust needs, and nothing else.

use std::collections::BTreeSet;

use super::source::{code_only, words};
use super::{File, Finding};

/// What a path may begin with that is no crate to depend on.
const NOT_CRATES: [&str; 23] = [
    "std", "core", "alloc", "self", "super", "crate", "Self", "str", "char", "bool", "u8", "u16", "u32",
    "u64", "u128", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64",
];

/// Pages that only add to a manifest show `[dev-dependencies]` alone, and are left out.
pub(crate) fn check(page: &File) -> Vec<Finding> {
    let manifest: String = blocks(&page.text, "toml").collect();
    if !manifest.lines().any(|line| line.trim() == "[dependencies]") {
        return Vec::new();
    }
    let named: BTreeSet<String> = dependencies(&manifest).map(|name| name.replace('-', "_")).collect();
    let used: BTreeSet<String> =
        blocks(&page.text, "rust").flat_map(|block| crates(&code_only(&block))).collect();
    let unnamed = used.difference(&named).map(|name| format!("its manifest lacks {name}"));
    let unused =
        named.difference(&used).map(|name| format!("its manifest names {name}, which no block uses"));
    unnamed.chain(unused).map(|message| Finding::of(&page.path, message)).collect()
}

/// The blocks whose language begins so.
fn blocks(text: &str, language: &str) -> impl Iterator<Item = String> {
    let mut lines = text.lines();
    core::iter::from_fn(move || {
        loop {
            let opened = lines.find_map(|line| line.trim_start().strip_prefix("```"))?;
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let block = inside.fold(String::new(), |block, line| block + line + "\n");
            if opened.split(',').next() == Some(language) {
                return Some(block);
            }
        }
    })
}

/// The names in the sections of dependencies.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    manifest.lines().filter_map(move |line| {
        if let Some(section) = line.trim().strip_prefix('[') {
            is_inside = section.trim_end_matches(']').ends_with("dependencies");
            return None;
        }
        let (name, _) = line.split_once('=')?;
        is_inside.then_some(name.trim())
    })
}

/// The crates that the paths of a block begin with.
fn crates(code: &str) -> BTreeSet<String> {
    let imports: Vec<&str> = words(code, "use").filter_map(|at| code[at..].split(';').next()).collect();
    let is_imported = |name: &str| {
        imports.iter().any(|import| words(import, name).any(|at| !import[..at].ends_with("use ")))
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let heads = code.match_indices("::").filter_map(|(at, _)| {
        let begin = code[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
        // Behind another `::` stands no head; in front of a bare one stands nothing.
        (begin < at && !code[..begin].ends_with("::")).then_some((begin, &code[begin..at]))
    });
    heads
        .filter(|(begin, head)| code[..*begin].ends_with("use ") || !is_imported(head))
        .map(|(_, head)| head)
        .filter(|head| head.starts_with(|c: char| c.is_ascii_lowercase()) && !NOT_CRATES.contains(head))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &str = "```rust\nuse axum::{Router, routing::get};\nuse std::pin::pin;\n\n#[tokio::main]\n\
                        async fn main() {\n    let a = get(tokio_stream::iter([u64::from(1_u8)])); // hyper::body\n    \
                        routing::post(\"serde::x\"); Vec::<u8>::new();\n}\n```\n";

    fn found(manifest: &str, rust: &str) -> Vec<String> {
        let page = File::new("docs/guide/a.md", &format!("# A\n\n```toml\n{manifest}```\n\nText.\n\n{rust}"));
        check(&page).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_manifest_with_every_crate_is_fine() {
        let whole =
            "[dependencies]\naxum = \"0.8\"\ntokio-stream = \"0.1\"\n\n[dev-dependencies]\ntokio = \"1\"\n";
        assert_eq!(found(whole, RUST), Vec::<String>::new());
    }

    #[test]
    fn a_crate_that_the_manifest_lacks_is_found_however_it_is_used() {
        let lacks = |manifest: &str| found(manifest, RUST);
        assert_eq!(
            lacks("[dependencies]\naxum = \"0.8\"\ntokio = \"1\"\n"),
            ["its manifest lacks tokio_stream"]
        );
        assert_eq!(
            lacks("[dependencies]\naxum = \"0.8\"\ntokio-stream = \"1\"\n"),
            ["its manifest lacks tokio"]
        );
        assert_eq!(
            lacks("[dependencies]\ntokio = \"0.8\"\ntokio-stream = \"1\"\n"),
            ["its manifest lacks axum"]
        );
        let elsewhere = "[dependencies]\naxum = \"0.8\"\ntokio = \"1\"\n\n[features]\ntokio-stream = []\n";
        assert_eq!(lacks(elsewhere), ["its manifest lacks tokio_stream"]);
    }

    #[test]
    fn a_crate_that_no_block_uses_is_found() {
        let more = "[dependencies]\naxum = \"0.8\"\nserde = \"1\"\ntokio-stream = \"0.1\"\ntokio = \"1\"\n";
        assert_eq!(found(more, RUST), ["its manifest names serde, which no block uses"]);
        assert_eq!(found(more, "```text\nserde::x\n```\n").len(), 4);
    }

    #[test]
    fn a_page_that_only_adds_to_a_manifest_is_left_out() {
        assert_eq!(found("[dev-dependencies]\nserde = \"1\"\n", RUST), Vec::<String>::new());
    }
}
