//! The table of cases: what is sent, and what a client that keeps to the standard must see.
//!
//! What must be seen comes from what is sent, by a rule of its own for line breaks; no encoder is asked.

use serde::Serialize;
use sse_driver::sse_core::{
    Comment, Encoder, Event, EventId, EventName, Frame, IntoFrame, InvalidField, ItemError, Retry,
};

/// The name of the event behind the last one of a case.
pub(crate) const END: &str = "matrix:end";

const MIB: usize = 1024 * 1024;

/// One stream of the table.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    items: Vec<Item>,
}

/// What a case sends.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Event { name: Option<String>, id: Option<String>, retry: Option<u64>, data: String },
    Comment(String),
}

/// What a client must see of an event.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    r#type: String,
    data: String,
    id: String,
    /// Whether the id stands at this event, not at one before.
    is_own_id: bool,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    events: Vec<Seen>,
}

impl Case {
    fn new(name: &'static str, items: impl IntoIterator<Item = Item>) -> Self {
        Self { name, items: items.into_iter().collect() }
    }

    /// A case of unnamed events.
    fn of(name: &'static str, texts: impl IntoIterator<Item: Into<String>>) -> Self {
        Self::new(name, texts.into_iter().map(data))
    }

    /// What is sent, with the event [`END`] behind it.
    pub(crate) fn into_items(self) -> impl Iterator<Item = Item> {
        self.items.into_iter().chain([named(END, self.name)])
    }

    /// What must be seen, without the event [`END`].
    fn seen(&self) -> Vec<Seen> {
        let mut last_id = "";
        let mut seen = Vec::new();
        for item in &self.items {
            let Item::Event { name, id, data, .. } = item else { continue };
            last_id = id.as_deref().unwrap_or(last_id);
            let r#type = name.as_deref().unwrap_or("message").to_owned();
            let data = with_line_feeds(data);
            seen.push(Seen { r#type, data, id: last_id.to_owned(), is_own_id: id.is_some() });
        }
        seen
    }
}

impl IntoFrame for Item {
    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        match self {
            Self::Comment(text) => Comment::new(text).into_frame(encoder),
            Self::Event { name, id, retry, data } => {
                let mut event = Event::new(data);
                if let Some(name) = name {
                    event = event.with_name(EventName::new(name).map_err(invalid)?);
                }
                if let Some(id) = id {
                    event = event.with_id(EventId::new(id).map_err(invalid)?);
                }
                if let Some(retry) = retry {
                    event = event.with_retry(Retry::from_millis(retry));
                }
                event.into_frame(encoder)
            }
        }
    }
}

fn invalid(field: InvalidField) -> ItemError {
    ItemError::Encode(field.into())
}

/// The table as JSON.
pub(crate) fn to_json(cases: &[Case]) -> String {
    let rows: Vec<Row> = cases.iter().map(|case| Row { name: case.name, events: case.seen() }).collect();
    // Text alone: it can always be written.
    serde_json::to_string(&rows).unwrap_or_default()
}

/// The naive rule: CRLF is one break, then each CR is one.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn data(text: impl Into<String>) -> Item {
    Item::Event { name: None, id: None, retry: None, data: text.into() }
}

fn named(name: &str, text: &str) -> Item {
    Item::Event { name: Some(name.to_owned()), id: None, retry: None, data: text.to_owned() }
}

fn with_id(id: &str, text: &str) -> Item {
    Item::Event { name: None, id: Some(id.to_owned()), retry: None, data: text.to_owned() }
}

fn comment(text: &str) -> Item {
    Item::Comment(text.to_owned())
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(fields());
    cases.extend(large());
    cases
}

/// What may stand in `data`.
fn texts() -> Vec<Case> {
    let controls: String = ('\u{1}'..=' ').chain('\u{7f}'..='\u{9f}').collect();
    vec![
        Case::of("plain", ["hello", "world"]),
        Case::of("empty-data", ["", "between", "", ""]),
        Case::of("spaces", [" one", "  two", "   ", "trailing  ", "\ttab\t", ": colon", ":"]),
        Case::of("blank-lines", ["\n", "\n\n\n", "\na", "a\n", "a\n\nb", "\n\na\n\n"]),
        Case::of("lf", ["a\nb\nc", "a\n b"]),
        Case::of("cr", ["a\rb\rc", "a\r", "\ra", "\r\r"]),
        Case::of("crlf", ["a\r\nb\r\nc", "a\r\n", "\r\na", "\r\n\r\n"]),
        Case::of("mixed-breaks", ["a\r\n\rb\n\rc\r\r\nd\n\n\re", "\n\r", "\r\n\n", "\r\r\n"]),
        Case::of(
            "field-lookalikes",
            [
                "data: x\n\nevent: forged\nid: 1",
                "x\n\nevent: forged\ndata: y\n\n",
                "x\r\revent: forged\rdata: y\r\r",
                "x\r\n\r\nevent: forged\r\ndata: y\r\n\r\n",
                "id: 666\nretry: 1\nevent: forged\n: comment",
                "data",
                "data:",
                "\ndata: x",
            ],
        ),
        Case::of("nul", ["before\0after", "\0", "a\0\nb\0"]),
        Case::of(
            "controls",
            [format!("<{}>", controls.replace(['\n', '\r'], "")), "\u{1b}[31m\u{7}\u{8}".to_owned()],
        ),
        Case::of("other-breaks", ["nel\u{85}ls\u{2028}ps\u{2029}vt\u{b}ff\u{c}end", "\u{2028}", "\u{85}"]),
        Case::of("bom", ["\u{feff}", "\u{feff}at the start", "in the \u{feff} middle", "a\n\u{feff}b"]),
        Case::of(
            "unicode",
            [
                "äöü ß ñ ø",
                "日本語 한국어 العربية עברית हिन्दी",
                "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 😀",
                "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
                "\u{202e}rtl\u{202c} e\u{301} \u{fffd} \u{ffff} \u{10ffff}",
            ],
        ),
        Case::of(
            "hostile",
            [
                "<script>alert(1)</script>",
                "</script><img src=x onerror=alert(2)>",
                "<!-- -->]]>&lt;&#10;&quot;",
                "';DROP TABLE events;--",
                "\\n\\r\\u0000 %0a%0d ${x} {{x}}",
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                "0\r\n\r\n",
            ],
        ),
        Case::of(
            "json",
            [r#"{"a":"b\nc","d":[1,2.5,null,true],"e":{"é":"😀"}}"#, "{\n  \"a\": 1\n}", "null"],
        ),
    ]
}

/// What stands beside `data`.
fn fields() -> Vec<Case> {
    let names =
        ["greeting", "a b", " led by a space", "ünïcödé", "a:b", "data", "message", "sse:x", "0", "日本"];
    let between = |text| [comment(text), data("between")];
    let injections = [
        "x\n\nevent: forged\ndata: y\n\n",
        "x\rdata: forged\r\r",
        "x\r\ndata: forged\r\n\r\n",
        "data: forged",
        "\n\n",
        "",
        "\0",
    ];
    let retry =
        |millis, text: &str| Item::Event { name: None, id: None, retry: Some(millis), data: text.to_owned() };
    vec![
        Case::new("names", names.iter().map(|name| named(name, name))),
        Case::new("empty-data-named", [named("greeting", ""), data(""), named("greeting", "x")]),
        Case::new(
            "ids",
            [
                with_id("1", "one"),
                data("keeps 1"),
                with_id("a b:c", "text"),
                named("greeting", "keeps"),
                with_id("~!*'();:@&=+$,/?#[]", ""),
            ],
        ),
        Case::new(
            "ids-reset",
            [with_id("1", "one"), with_id("", "none"), data("still none"), with_id("2", "two")],
        ),
        Case::new("ids-unicode", [with_id("é", "latin"), with_id("日本-😀", "wide"), data("keeps")]),
        Case::new("retry", [retry(3_000, "next to data"), retry(2_000, ""), data("after")]),
        Case::new("comments", injections.iter().flat_map(|text| between(text))),
    ]
}

/// What is long.
fn large() -> Vec<Case> {
    let pattern = "0123456789abcdef";
    let line = pattern.repeat(MIB / pattern.len());
    let lines: Vec<&str> =
        line.as_bytes().chunks(64).filter_map(|line| core::str::from_utf8(line).ok()).collect();
    let wide = "日本語😀é".repeat(MIB / "日本語😀é".len());
    vec![
        Case::of("mib-line", [line.clone()]),
        Case::of("mib-lines", [lines.join("\n")]),
        Case::of("mib-unicode", [wide]),
        Case::of("thousand", (0..1_000).map(|number| number.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_sent_and_no_two_have_a_name() {
        let mut names = Vec::new();
        for case in all() {
            names.push(case.name);
            for item in case.into_items() {
                assert!(item.into_frame(&Encoder::new()).is_ok(), "{}", names.join(", "));
            }
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_break_is_one_line_feed_however_it_is_written() {
        assert_eq!(with_line_feeds("a\r\nb\rc\nd\r\r\n\n"), "a\nb\nc\nd\n\n\n");
    }

    #[test]
    fn an_id_stays_until_the_next() {
        let case =
            Case::new("x", [data("a"), with_id("1", "b"), comment("c"), named("n", "d"), with_id("", "e")]);
        let ids: Vec<String> = case.seen().into_iter().map(|seen| seen.id).collect();
        assert_eq!(ids, ["", "1", "1", ""]);
    }
}
