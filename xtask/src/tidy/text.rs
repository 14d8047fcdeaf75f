//! What no file may hold.

use super::source::{code_only, line_of, words};
use super::{File, Finding};

/// Written in two halves, so that this file does not hold them.
const PLACES: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];
const OPEN_ENDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
const LEFT_OVER: [&str; 4] = ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"];

/// Absolute paths of somebody's machine.
pub(crate) fn machine_paths(file: &File) -> Vec<Finding> {
    // In a URL or a longer path a letter stands before it.
    let alone = |at: usize| {
        !file.text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '*'))
    };
    PLACES
        .iter()
        .flat_map(|place| file.text.match_indices(place))
        .filter(|&(at, _)| alone(at))
        .map(|(at, place)| {
            Finding::at(&file.path, line_of(&file.text, at), format!("a path of one machine: {place}"))
        })
        .collect()
}

/// Lock files name the public registries only.
pub(crate) fn registries(file: &File) -> Vec<Finding> {
    let (key, public) = match file.name() {
        "Cargo.lock" => ("source = \"", "registry+https://github.com/rust-lang/crates.io-index\""),
        "package-lock.json" => ("\"resolved\": \"", "https://registry.npmjs.org/"),
        _ => return Vec::new(),
    };
    file.numbered_lines()
        .filter_map(|(line, text)| Some((line, text.trim().strip_prefix(key)?)))
        .filter(|(_, from)| !from.starts_with(public))
        .map(|(line, _)| Finding::at(&file.path, line, "not from the public registry".to_owned()))
        .collect()
}

/// Work that somebody meant to come back to.
pub(crate) fn open_ends(file: &File) -> Vec<Finding> {
    if file.is_lock_file() {
        return Vec::new();
    }
    let in_text = OPEN_ENDS.iter().flat_map(|word| words(&file.text, word).map(move |at| (at, word)));
    let code = if file.is_rust() { code_only(&file.text) } else { String::new() };
    let in_code = LEFT_OVER.iter().flat_map(|word| words(&code, word).map(move |at| (at, word)));
    in_text
        .chain(in_code)
        .map(|(at, word)| Finding::at(&file.path, line_of(&file.text, at), format!("left over: {word}")))
        .collect()
}

/// The lint forbids it in the workspace; this also reaches the crates beside it.
pub(crate) fn no_unsafe(file: &File) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    let code = code_only(&file.text);
    words(&code, "unsafe")
        .map(|at| Finding::at(&file.path, line_of(&file.text, at), "`unsafe`".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File::new("crates/x/src/lib.rs", text)
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for place in PLACES {
            assert_eq!(machine_paths(&file(&format!("a\nsee \"{place}x\""))).len(), 1, "{place}");
            assert_eq!(machine_paths(&file(&format!("https://example.com{place}x"))), [], "{place}");
        }
    }

    #[test]
    fn a_lock_file_that_names_a_mirror_is_found() {
        let lock = |source: &str| File::new("Cargo.lock", &format!("source = \"{source}\"\n"));
        assert_eq!(registries(&lock("registry+https://github.com/rust-lang/crates.io-index")), []);
        assert_eq!(registries(&lock("registry+https://mirror.example/index")).len(), 1);
        let npm = |url: &str| File::new("t/package-lock.json", &format!("  \"resolved\": \"{url}\",\n"));
        assert_eq!(registries(&npm("https://registry.npmjs.org/ws/-/ws-8.0.0.tgz")), []);
        assert_eq!(registries(&npm("https://mirror.example/ws.tgz")).len(), 1);
    }

    #[test]
    fn left_over_work_is_found() {
        for word in OPEN_ENDS {
            assert_eq!(open_ends(&file(&format!("// {word}: later"))).len(), 1, "{word}");
        }
        for code in LEFT_OVER {
            assert_eq!(open_ends(&file(code)).len(), 1, "{code}");
            assert_eq!(open_ends(&file(&format!("// {code}"))), [], "{code}");
        }
        assert_eq!(open_ends(&File::new("run.sh", "mktemp -d x.XXXXXX")), []);
    }

    #[test]
    fn unsafe_is_found_in_code_only() {
        assert_eq!(no_unsafe(&file("unsafe { f() }")).len(), 1);
        assert_eq!(no_unsafe(&file("#![forbid(unsafe_code)] // no unsafe")), []);
        assert_eq!(no_unsafe(&File::new("README.md", "no unsafe")), []);
    }
}
