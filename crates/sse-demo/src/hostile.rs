//! Text that breaks careless encoders. Every case must reach the page as it was sent.

/// One text, and what a conforming client hands to the application for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What the text attacks.
    pub name: &'static str,
    /// What the server puts into `data`.
    pub text: String,
    /// What `event.data` must be: `text` with every CR and CRLF as LF, for the format has no other line end.
    pub expected: String,
}

impl Case {
    fn new(name: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        let expected = text.replace("\r\n", "\n").replace('\r', "\n");
        Self { name, text, expected }
    }
}

/// All cases, in the order in which they are streamed.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![
        Case::new("plain", "nothing special"),
        Case::new("empty", ""),
        Case::new("lines, LF", "one\ntwo\nthree"),
        Case::new("lines, CR", "one\rtwo\rthree"),
        Case::new("lines, CRLF", "one\r\ntwo\r\nthree"),
        Case::new("lines, all three kinds", "a\nb\rc\r\nd\n\re"),
        Case::new("blank lines inside", "one\n\n\ntwo"),
        Case::new("only newlines", "\n\n\n"),
        Case::new("only CRLF", "\r\n\r\n"),
        Case::new("leading newline", "\none"),
        Case::new("trailing newline", "one\n"),
        Case::new("trailing CR", "one\r"),
        Case::new("one leading space", " one"),
        Case::new("leading and trailing spaces", "   one   "),
        Case::new("only a space", " "),
        Case::new("tabs", "\tone\ttwo\t"),
        Case::new("leading colon", ": not a comment"),
        Case::new("injected event, LF", "a\n\nevent: admin\ndata: PWNED\n\n"),
        Case::new("injected event, CR", "a\r\revent: admin\rdata: PWNED\r\r"),
        Case::new("injected event, CRLF", "a\r\n\r\nevent: admin\r\ndata: PWNED\r\n\r\n"),
        Case::new("injected end of stream", "a\n\nevent: done\ndata: complete\n\n"),
        Case::new("field look-alikes", "data: x\nevent: admin\nid: 666\nretry: 1\n: comment\ndata"),
        Case::new("markup", "<script>alert(1)</script><img src=x onerror=alert(2)>"),
        Case::new("JSON", r#"{"a":"\n","b":[1,2,"\u0000"]}"#),
        Case::new("NUL", "before\0after"),
        Case::new("control characters", "bell\u{7} escape\u{1b}[31m vt\u{b} ff\u{c} del\u{7f}"),
        Case::new("other line separators", "nel\u{85}ls\u{2028}ps\u{2029}end"),
        Case::new("BOM first", "\u{feff}one"),
        Case::new("RTL override", "invoice\u{202e}fdp.exe"),
        Case::new("combining marks", "Z\u{351}\u{36b}a\u{34a}\u{36e}l\u{30d}\u{348}go"),
        Case::new("noncharacters", "\u{fffe}\u{ffff}\u{10ffff}"),
        Case::new("replacement character", "kept: \u{fffd}"),
        Case::new("joined emoji", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽"),
        // 25 bytes each: wherever the transport cuts 100 kB, it cuts inside a character sooner or later.
        Case::new("emoji split between chunks", "👩‍👩‍👧‍👦".repeat(4_000)),
        Case::new("64 KiB in one line", "0123456789abcdef".repeat(4_096)),
        Case::new("10 000 lines", "x\n".repeat(10_000)),
    ]
}

/// All cases as a JSON array of `{"name", "text", "expected"}`.
#[must_use]
pub fn cases_json() -> String {
    let cases: Vec<_> = cases()
        .into_iter()
        .map(|case| serde_json::json!({ "name": case.name, "text": case.text, "expected": case.expected }))
        .collect();
    serde_json::Value::Array(cases).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique() {
        let cases = cases();
        let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn only_line_ends_differ_between_text_and_expected() {
        for case in cases() {
            assert!(!case.expected.contains('\r'), "{}", case.name);
            if !case.text.contains('\r') {
                assert_eq!(case.text, case.expected, "{}", case.name);
            }
        }
    }

    #[test]
    fn each_kind_of_line_end_becomes_one_lf() {
        let cases = cases();
        let mixed = cases.iter().find(|case| case.name == "lines, all three kinds").unwrap();
        assert_eq!(mixed.expected, "a\nb\nc\nd\n\ne");
    }

    #[test]
    fn the_json_holds_every_case_unchanged() {
        let read: serde_json::Value = serde_json::from_str(&cases_json()).unwrap();
        for (read, case) in read.as_array().unwrap().iter().zip(cases()) {
            assert_eq!(read["name"], case.name);
            assert_eq!(read["text"], case.text);
            assert_eq!(read["expected"], case.expected);
        }
        assert_eq!(read.as_array().unwrap().len(), cases().len());
    }
}
