//! What holds for any html: it arrives as one event with the expected name, and nothing that it holds is a field.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../../../tests/properties/mod.rs"]
mod properties;

use properties::cases;
use proptest::prelude::*;
use sse_core::{Decoder, Encoder, IntoFrame, Item, LineEnding};
use sse_html::{Dialect, Escaped, Fragment, FragmentError, Render, Selector, Swap, Target};

/// Text made of what might break out of a field, a data line or a frame.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\0",
        " ",
        "\t",
        ":",
        "data: ",
        "event: admin",
        "id: 7",
        "retry: 1",
        "selector #other",
        "mode remove",
        "elements <p>",
        "<p>",
        "</p>",
        "&",
        "\"",
        "'",
        "ü",
        "\u{FEFF}",
        "\u{2028}",
        "\u{85}",
        "\u{A0}",
        "💩",
    ]);
    prop::collection::vec(prop_oneof![4 => parts.prop_map(str::to_owned), 1 => any::<String>()], 0..12)
        .prop_map(|parts| parts.concat())
}

/// Writes its text piece by piece, cut at any border of characters.
struct Pieces(String, usize);

impl Render for Pieces {
    fn render(self, html: &mut dyn core::fmt::Write) -> Result<(), FragmentError> {
        let characters: Vec<char> = self.0.chars().collect();
        for piece in characters.chunks(self.1) {
            html.write_str(&piece.iter().collect::<String>())?;
        }
        Ok(())
    }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::Htmx2, Dialect::Htmx4, Dialect::Datastar, Dialect::Turbo])
}

fn swaps() -> impl Strategy<Value = Swap> {
    use Swap::*;
    prop::sample::select(vec![Inner, Outer, Append, Prepend, Before, After])
}

/// The html as a client has it: trimmed, with LF for every line end.
fn received(html: &str) -> String {
    html.trim_matches([' ', '\t', '\n', '\x0C', '\r']).replace("\r\n", "\n").replace('\r', "\n")
}

/// What Datastar makes of an event's data: each keyword with its lines.
fn patch(data: &str) -> Vec<(String, String)> {
    let mut patch: Vec<(String, String)> = Vec::new();
    for line in data.split('\n') {
        let (keyword, value) = line.split_once(' ').unwrap();
        match patch.iter_mut().find(|(known, _)| known == keyword) {
            Some((_, lines)) => *lines = format!("{lines}\n{value}"),
            None => patch.push((keyword.to_owned(), value.to_owned())),
        }
    }
    patch
}

fn expected(html: &str, swap: Swap, dialect: Dialect) -> (&'static str, String) {
    let style = |styles: [&'static str; 6]| match swap {
        Swap::Inner => styles[0],
        Swap::Outer => styles[1],
        Swap::Append => styles[2],
        Swap::Prepend => styles[3],
        Swap::Before => styles[4],
        _ => styles[5],
    };
    match dialect {
        Dialect::Htmx4 => {
            let style =
                style(["innerHTML", "outerHTML", "beforeend", "afterbegin", "beforebegin", "afterend"]);
            ("message", format!("<hx-partial hx-target=\"#stats\" hx-swap=\"{style}\">{html}</hx-partial>"))
        }
        Dialect::Turbo => {
            let action = style(["update", "replace", "append", "prepend", "before", "after"]);
            let template = format!("<template>{html}</template>");
            (
                "message",
                format!("<turbo-stream action=\"{action}\" target=\"stats\">{template}</turbo-stream>"),
            )
        }
        _ => ("stats", html.to_owned()),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn m14_any_html_is_one_event_and_forges_nothing(
        html in hostile(),
        piece in 1_usize..5,
        swap in swaps(),
        dialect in dialects(),
        line_ending in prop::sample::select(vec![LineEnding::Lf, LineEnding::CrLf]),
    ) {
        let encoder = Encoder::new().with_line_ending(line_ending);
        let fragment = Fragment::of(Target::new("stats").unwrap(), Pieces(html.clone(), piece))
            .with_swap(swap)
            .in_dialect(dialect)
            .with_id(42_u64);
        let html = received(&html);
        let Ok(frame) = fragment.into_frame(&encoder) else {
            prop_assert_eq!(html, "");
            return Ok(());
        };
        let mut decoder = Decoder::new();
        let mut feed = decoder.feed(frame.as_bytes());
        let Some(Item::Event(event)) = feed.next() else { panic!("no event first") };
        prop_assert_eq!(event.last_event_id(), "42");
        if dialect == Dialect::Datastar {
            prop_assert_eq!(event.event_type(), "datastar-patch-elements");
            let patch = patch(event.data());
            let keywords: Vec<&str> = patch.iter().map(|(keyword, _)| keyword.as_str()).collect();
            prop_assert_eq!(keywords, ["selector", "mode", "elements"]);
            prop_assert_eq!(&patch[0].1, "#stats");
            prop_assert!(["inner", "outer", "append", "prepend", "before", "after"].contains(&&*patch[1].1));
            prop_assert_eq!(&patch[2].1, &html);
        } else {
            let (name, data) = expected(&html, swap, dialect);
            prop_assert_eq!(event.event_type(), name);
            prop_assert_eq!(event.data(), data);
        }
        prop_assert!(feed.next().is_none(), "one item");
        drop(feed);
        prop_assert_eq!(sse_core::Frame::from_wire(frame.clone().into_bytes()), Ok(frame), "whole");
    }

    #[test]
    fn m11_no_message_of_an_error_breaks_out_of_its_block(message in hostile(), dialect in dialects()) {
        let render = || Err::<&str, _>(message.clone());
        let fragment = Fragment::try_new(Target::new("stats").unwrap(), render).in_dialect(dialect);
        let Err(sse_core::ItemError::Render(error)) = fragment.into_frame(&Encoder::new()) else {
            panic!("rendered")
        };
        let mut decoder = Decoder::new();
        let mut feed = decoder.feed(error.stand_in().as_bytes());
        let Some(Item::Event(event)) = feed.next() else { panic!("no event first") };
        let data = event.data();
        let (_, shown) = data.split_once("<strong>TemplateError</strong>: ").unwrap();
        let (shown, _) = shown.rsplit_once("</div>").unwrap();
        prop_assert!(!shown.contains(['<', '>', '"', '\'']), "{}", shown);
        prop_assert!(feed.next().is_none(), "one item");
    }

    #[test]
    fn m14_no_selector_leaves_its_place(selector in hostile(), dialect in dialects()) {
        let Ok(selector) = Selector::new(selector) else { return Ok(()) };
        let fragment = Fragment::new(Target::new("stats").unwrap(), "7").in_dialect(dialect);
        let with_selector = fragment.clone().with_selector(selector.clone()).into_event().unwrap();
        let data = with_selector.data().unwrap();
        if dialect == Dialect::Datastar {
            prop_assert_eq!(&patch(data)[0].1, selector.as_str());
        }
        let mut written = selector.as_str().to_owned();
        if dialect != Dialect::Datastar {
            written = Escaped(written).to_string();
            prop_assert!(!written.contains(['"', '<', '>']));
        }
        let without = fragment.into_event().unwrap();
        let expected = match dialect {
            Dialect::Turbo => without.data().unwrap().replace("target=\"stats", &format!("targets=\"{written}")),
            _ => without.data().unwrap().replace("#stats", &written),
        };
        prop_assert_eq!(data, expected);
    }

    #[test]
    fn a_target_is_what_needs_no_escaping(text in hostile()) {
        if let Ok(target) = Target::new(text.as_str()) {
            prop_assert!(target.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            prop_assert_eq!(target.as_str(), &text);
        }
    }
}
