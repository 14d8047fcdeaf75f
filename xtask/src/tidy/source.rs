//! A Rust file as rules want to see it: code without comments and literals, without gated items.

use std::ops::Range;

/// The text with every comment and literal blanked. Byte for byte as long, line for line the same.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        if let Some(end) = opaque_end(bytes, at) {
            code.push_str(&blank(&text[at..end]));
            at = end;
        } else {
            let end = char_end(bytes, at);
            code.push_str(&text[at..end]);
            at = end;
        }
    }
    code
}

/// `code` without the items that stand under a `#[cfg(..)]` of which `gate` is true.
pub(crate) fn without_items(text: &str, code: &str, gate: impl Fn(&str) -> bool) -> String {
    let mut rest = code.to_owned();
    let mut at = 0;
    while let Some(found) = rest[at..].find("#[cfg(") {
        let start = at + found;
        let attribute_end = bracket_end(&rest, start + 1);
        at = attribute_end;
        if gate(&text[start..attribute_end]) {
            at = item_end(&rest, attribute_end);
            let blanked = blank(&rest[start..at]);
            rest.replace_range(start..at, &blanked);
        }
    }
    rest
}

/// Is this `#[cfg(..)]` one of tests?
pub(crate) fn is_test(attribute: &str) -> bool {
    !attribute.contains("not(") && words(attribute, "test").next().is_some()
}

/// Does this `#[cfg(..)]` ask for the standard library?
pub(crate) fn is_std(attribute: &str) -> bool {
    let asks = attribute.contains("feature = \"std\"") || is_test(attribute);
    asks && !attribute.contains("not(") && !attribute.contains("any(")
}

/// Where `word` stands in `code` on its own, not as a part of a longer name.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let joins = |edge: Option<&u8>, beside: Option<&u8>| {
        edge.is_some_and(|&byte| is_name(byte)) && beside.is_some_and(|&byte| is_name(byte))
    };
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !joins(word.as_bytes().first(), before) && !joins(word.as_bytes().last(), bytes.get(at + word.len()))
    })
}

/// The line, from 1, in which byte `at` stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
}

/// The end of the comment or literal that starts at `at`, if one does.
fn opaque_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let fresh = at == 0 || !is_name(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => Some(at + position(rest, |window| window[0] == b'\n')),
        [b'/', b'*', ..] => Some(at + block_comment(rest)),
        [b'"', ..] => Some(at + quoted(rest, b'"')),
        [b'r', ..] if fresh => raw_string(rest, 1).map(|length| at + length),
        [b'b' | b'c', b'r', ..] if fresh => raw_string(rest, 2).map(|length| at + length),
        [b'\'', b'\\', ..] => Some(at + quoted(rest, b'\'')),
        [b'\'', _, ..] => {
            let end = char_end(bytes, at + 1);
            (bytes.get(end) == Some(&b'\'')).then_some(end + 1)
        }
        _ => None,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth.saturating_sub(1)),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8], prefix: usize) -> Option<usize> {
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let body = &rest[open + 1..];
    let closes = |window: &[u8]| {
        window[0] == b'"' && window[1..].iter().take(hashes).filter(|&&b| b == b'#').count() == hashes
    };
    Some((open + 1 + position(body, closes) + 1 + hashes).min(rest.len()))
}

/// How far it is to the first place where `found` holds of what follows, or the whole length.
fn position(bytes: &[u8], found: impl Fn(&[u8]) -> bool) -> usize {
    (0..bytes.len()).find(|&at| found(&bytes[at..])).unwrap_or(bytes.len())
}

/// The end of the bracketed group that opens at `open`.
pub(crate) fn bracket_end(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The end of the item, field or statement that follows an attribute: its `;` or `,`, or its closing brace.
fn item_end(code: &str, after_attribute: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = after_attribute;
    let mut angles = 0_usize;
    while at < bytes.len() {
        match bytes[at] {
            b'#' if bytes.get(at + 1) == Some(&b'[') => at = bracket_end(code, at + 1),
            b'{' => return bracket_end(code, at),
            b'[' | b'(' => at = bracket_end(code, at),
            b'-' | b'=' if bytes.get(at + 1) == Some(&b'>') => at += 2,
            b'<' => (at, angles) = (at + 1, angles + 1),
            b'>' => (at, angles) = (at + 1, angles.saturating_sub(1)),
            b';' => return at + 1,
            b',' if angles == 0 => return at + 1,
            b']' | b')' | b'}' => return at,
            _ => at += 1,
        }
    }
    at
}

fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

fn char_end(bytes: &[u8], at: usize) -> usize {
    let continues =
        |range: Range<usize>| bytes[range].iter().take_while(|&&byte| byte & 0xC0 == 0x80).count();
    at + 1 + continues((at + 1).min(bytes.len())..bytes.len())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_left(text: &str) -> Vec<String> {
        code_only(text).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        assert_eq!(words_left("a // std::\nb /* x /* y */ z */ c"), ["a", "b", "c"]);
        assert_eq!(words_left(r##"a "x \" y" b r#"x " y"# c b"x" d"##), ["a", "b", "c", "b", "d"]);
        assert_eq!(words_left(r"a '\'' b '}' c '€' d"), ["a", "b", "c", "d"]);
        assert_eq!(words_left("fn f<'a>(x: &'a str) // ö"), ["fn", "f<'a>(x:", "&'a", "str)"]);
        assert_eq!(words_left("r#type br#\"x\"# for"), ["r#type", "for"]);
    }

    #[test]
    fn nothing_moves_when_text_is_blanked() {
        for text in ["// ö\nlet s = \"é\n\";\n", "'", "\"open", "r#\"open", "/* open", "'\\", "b"] {
            let code = code_only(text);
            assert_eq!(code.len(), text.len());
            assert_eq!(code.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn a_gated_item_goes_as_a_whole() {
        for item in [
            "use std::io;",
            "impl<A, B> std::io::Write for X<A, B> {\n fn f(&self) -> std::io::Result<()> { {} }\n}",
            "#[derive(Debug)]\npub struct S { a: std::io::Error }",
            "pub mod tests;",
        ] {
            let text = format!("fn a() {{}}\n#[cfg(feature = \"std\")]\n{item}\nfn b() {{}}\n");
            let left = without_items(&text, &code_only(&text), is_std);
            assert_eq!(left.split_whitespace().collect::<String>(), "fna(){}fnb(){}", "{item}");
        }
    }

    #[test]
    fn a_gated_field_ends_at_its_comma() {
        let text = "struct S {\n#[cfg(feature = \"std\")]\na: Map<A, B>,\nb: std::io::Error }";
        let left = without_items(text, &code_only(text), is_std);
        assert!(left.contains("b: std::io::Error") && !left.contains("Map"), "{left}");
    }

    #[test]
    fn only_a_gate_that_demands_std_opens() {
        assert!(is_std("#[cfg(feature = \"std\")]"));
        assert!(is_std("#[cfg(all(feature = \"json\", feature = \"std\"))]"));
        assert!(is_std("#[cfg(test)]"));
        assert!(!is_std("#[cfg(not(feature = \"std\"))]"));
        assert!(!is_std("#[cfg(any(feature = \"std\", feature = \"json\"))]"));
        assert!(!is_std("#[cfg(feature = \"json\")]"));
    }

    #[test]
    fn words_stand_alone() {
        let found: Vec<usize> = words("hyper hyper_util xhyper (hyper)", "hyper").collect();
        assert_eq!(found, [0, 25]);
        assert_eq!(words("mystd::x ::std::y", "std::").count(), 1);
    }
}
