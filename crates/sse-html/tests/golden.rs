//! The bytes of every dialect, and what becomes of fragments that cannot be rendered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use core::fmt;
use sse_core::{Encoder, IntoFrame, ItemError, LineEnding, event_name};
use sse_html::{Dialect, Fragment, FragmentError, InvalidSelector, Render, Selector, Signals, Swap, target};

const DIALECTS: [Dialect; 4] = [Dialect::Htmx2, Dialect::Htmx4, Dialect::Datastar, Dialect::Turbo];

fn wire(item: impl IntoFrame) -> String {
    text(item.into_frame(&Encoder::new()).unwrap().as_bytes())
}

fn text(bytes: &[u8]) -> String {
    core::str::from_utf8(bytes).unwrap().to_owned()
}

/// What a developer sees in the place of a fragment that failed.
fn stand_in(fragment: Fragment<'_, impl Render>) -> String {
    match fragment.into_frame(&Encoder::new()).unwrap_err() {
        ItemError::Render(error) => text(error.stand_in().as_bytes()),
        other => panic!("{other}"),
    }
}

#[test]
fn m14_a_fragment_for_htmx_2_is_an_event_named_as_its_target() {
    for swap in [Swap::Inner, Swap::Outer, Swap::Append, Swap::Prepend, Swap::Before, Swap::After] {
        let fragment = Fragment::new(target!("stats"), "<p>7</p>").with_swap(swap);
        assert_eq!(wire(fragment), "event: stats\ndata: <p>7</p>\n\n", "the page says how: {swap:?}");
    }
    assert_eq!(wire(Fragment::remove(target!("stats"))), "event: stats\ndata: \n\n");
}

#[test]
fn m31_a_fragment_gets_the_streams_id_and_never_its_name() {
    let encoder = Encoder::new().with_default_name(event_name!("log")).with_default_id(7_u64);
    let wire = |item: Result<sse_core::Frame, ItemError>| text(item.unwrap().as_bytes());
    for dialect in DIALECTS {
        let fragment = || Fragment::new(target!("stats"), "<p>7</p>").in_dialect(dialect);
        let with_default = wire(fragment().into_frame(&encoder));
        let with_own = wire(fragment().with_id(7_u64).into_frame(&Encoder::new()));
        assert_eq!(with_default, with_own);
        let other = wire(fragment().with_id(8_u64).into_frame(&encoder));
        assert_eq!(other, with_own.replace("id: 7", "id: 8"));
    }
    let signals = Signals::new(std::collections::BTreeMap::from([("cpu", 42)]));
    let expected = "event: datastar-patch-signals\nid: 7\ndata: signals {\"cpu\":42}\n\n";
    assert_eq!(wire(signals.into_frame(&encoder)), expected);
}

#[test]
fn m14_a_fragment_for_htmx_4_is_a_partial_in_a_message() {
    for (swap, style) in [
        (Swap::Inner, "innerHTML"),
        (Swap::Outer, "outerHTML"),
        (Swap::Append, "beforeend"),
        (Swap::Prepend, "afterbegin"),
        (Swap::Before, "beforebegin"),
        (Swap::After, "afterend"),
    ] {
        let fragment = Fragment::new(target!("stats"), "<p>7</p>").with_swap(swap).in_dialect(Dialect::Htmx4);
        let partial = format!("<hx-partial hx-target=\"#stats\" hx-swap=\"{style}\"><p>7</p></hx-partial>");
        assert_eq!(wire(fragment), format!("data: {partial}\n\n"));
    }
    assert_eq!(
        wire(Fragment::remove(target!("stats")).in_dialect(Dialect::Htmx4)),
        "data: <hx-partial hx-target=\"#stats\" hx-swap=\"delete\"></hx-partial>\n\n"
    );
}

#[test]
fn m14_a_fragment_for_datastar_patches_elements() {
    for (swap, mode) in [
        (Swap::Inner, "inner"),
        (Swap::Outer, "outer"),
        (Swap::Append, "append"),
        (Swap::Prepend, "prepend"),
        (Swap::Before, "before"),
        (Swap::After, "after"),
    ] {
        let fragment =
            Fragment::new(target!("stats"), "<p>7</p>").with_swap(swap).in_dialect(Dialect::Datastar);
        assert_eq!(
            wire(fragment),
            format!(
                "event: datastar-patch-elements\ndata: selector #stats\ndata: mode {mode}\n\
                 data: elements <p>7</p>\n\n"
            )
        );
    }
    assert_eq!(
        wire(Fragment::remove(target!("stats")).in_dialect(Dialect::Datastar)),
        "event: datastar-patch-elements\ndata: selector #stats\ndata: mode remove\n\n"
    );
}

#[test]
fn m14_a_fragment_for_turbo_is_a_stream_element_in_a_message() {
    for (swap, action) in [
        (Swap::Inner, "update"),
        (Swap::Outer, "replace"),
        (Swap::Append, "append"),
        (Swap::Prepend, "prepend"),
        (Swap::Before, "before"),
        (Swap::After, "after"),
    ] {
        let fragment = Fragment::new(target!("stats"), "<p>7</p>").with_swap(swap).in_dialect(Dialect::Turbo);
        let element = format!(
            "<turbo-stream action=\"{action}\" target=\"stats\"><template><p>7</p></template></turbo-stream>"
        );
        assert_eq!(wire(fragment), format!("data: {element}\n\n"));
    }
    assert_eq!(
        wire(Fragment::remove(target!("stats")).in_dialect(Dialect::Turbo)),
        "data: <turbo-stream action=\"remove\" target=\"stats\"></turbo-stream>\n\n"
    );
}

#[test]
fn m14_each_line_of_html_is_a_line_of_data_and_the_ends_are_trimmed() {
    let html = "\n  <ul>\r\n    <li>a</li>\r\r    <li>b</li>\n</ul>\n\n";
    let in_dialect = |dialect| wire(Fragment::new(target!("list"), html).with_id(9_u64).in_dialect(dialect));
    assert_eq!(
        in_dialect(Dialect::Htmx2),
        "event: list\nid: 9\ndata: <ul>\ndata:     <li>a</li>\ndata: \ndata:     <li>b</li>\ndata: </ul>\n\n"
    );
    assert_eq!(
        in_dialect(Dialect::Htmx4),
        "id: 9\ndata: <hx-partial hx-target=\"#list\" hx-swap=\"innerHTML\"><ul>\ndata:     <li>a</li>\ndata: \n\
         data:     <li>b</li>\ndata: </ul></hx-partial>\n\n"
    );
    assert_eq!(
        in_dialect(Dialect::Datastar),
        "event: datastar-patch-elements\nid: 9\ndata: selector #list\ndata: mode inner\ndata: elements <ul>\n\
         data: elements     <li>a</li>\ndata: elements \ndata: elements     <li>b</li>\ndata: elements </ul>\n\n"
    );
    assert_eq!(
        in_dialect(Dialect::Turbo),
        "id: 9\ndata: <turbo-stream action=\"update\" target=\"list\"><template><ul>\ndata:     <li>a</li>\n\
         data: \ndata:     <li>b</li>\ndata: </ul></template></turbo-stream>\n\n"
    );
}

#[test]
fn m14_a_selector_takes_the_place_of_the_target_and_is_escaped_where_it_is_an_attribute() {
    for (dialect, expected) in [
        (Dialect::Htmx2, "event: a\ndata: 1\n\n"),
        (
            Dialect::Htmx4,
            "data: <hx-partial hx-target=\"[x=&quot;&lt;&amp;&quot;]\" hx-swap=\"innerHTML\">1</hx-partial>\n\n",
        ),
        (
            Dialect::Datastar,
            "event: datastar-patch-elements\ndata: selector [x=\"<&\"]\ndata: mode inner\ndata: elements 1\n\n",
        ),
        (
            Dialect::Turbo,
            "data: <turbo-stream action=\"update\" targets=\"[x=&quot;&lt;&amp;&quot;]\"><template>1</template>\
             </turbo-stream>\n\n",
        ),
    ] {
        let selector = Selector::new("[x=\"<&\"]").unwrap();
        let fragment = Fragment::new(target!("a"), "1").with_selector(selector).in_dialect(dialect);
        assert_eq!(wire(fragment), expected);
    }
}

#[test]
fn a_selector_stays_on_its_line() {
    let byte = |byte, offset| InvalidSelector::Byte { byte, offset };
    for (text, refused) in [
        ("", InvalidSelector::Blank),
        ("  ", InvalidSelector::Blank),
        ("#a\nmode remove", byte(b'\n', 2)),
        ("\r", byte(b'\r', 0)),
        ("a\0", byte(0, 1)),
        ("é\x7F", byte(0x7F, 2)),
    ] {
        assert_eq!(Selector::new(text), Err(refused), "{text:?}");
    }
}

#[test]
fn the_encoder_says_how_lines_end() {
    let crlf = Encoder::new().with_line_ending(LineEnding::CrLf);
    let fragment = Fragment::new(target!("a"), "1\n2").in_dialect(Dialect::Datastar);
    assert_eq!(
        text(fragment.into_frame(&crlf).unwrap().as_bytes()),
        "event: datastar-patch-elements\r\ndata: selector #a\r\ndata: mode inner\r\ndata: elements 1\r\n\
         data: elements 2\r\n\r\n"
    );
}

#[test]
fn rendering_early_gives_the_same_event() {
    for dialect in DIALECTS {
        for swap in [Swap::Inner, Swap::Outer, Swap::Remove] {
            let fragment = Fragment::new(target!("a"), " <p>\r\n1</p>\r").with_id(7_u64);
            let fragment = fragment.with_swap(swap).in_dialect(dialect);
            let event = fragment.clone().into_event().unwrap();
            assert_eq!(wire(event), wire(fragment), "{dialect:?} {swap:?}");
        }
    }
}

#[test]
fn m11_the_stand_in_is_escaped_and_lies_where_the_fragment_belongs() {
    let block = "<div class=\"sse-block-error\" data-block=\"presence\"><strong>TemplateError</strong>: \
                 &#x27;users&#x27; is &lt;undefined&gt; &amp; &quot;gone&quot;</div>";
    let failing = |swap, dialect| {
        let render = || Err::<&str, _>("'users' is <undefined> & \"gone\"");
        stand_in(
            Fragment::try_new(target!("presence"), render).with_swap(swap).in_dialect(dialect).with_id(3_u64),
        )
    };
    assert_eq!(failing(Swap::Inner, Dialect::Htmx2), format!("event: presence\nid: 3\ndata: {block}\n\n"));
    assert_eq!(
        failing(Swap::Append, Dialect::Htmx4),
        format!(
            "id: 3\ndata: <hx-partial hx-target=\"#presence\" hx-swap=\"beforeend\">{block}</hx-partial>\n\n"
        )
    );
    let patch = "event: datastar-patch-elements\nid: 3\ndata: selector #presence\ndata: mode";
    assert_eq!(
        failing(Swap::Before, Dialect::Datastar),
        format!("{patch} before\ndata: elements {block}\n\n")
    );
    assert_eq!(
        failing(Swap::Outer, Dialect::Datastar),
        format!("{patch} inner\ndata: elements {block}\n\n"),
        "the next fragment needs the target"
    );
    assert_eq!(
        failing(Swap::Outer, Dialect::Turbo),
        format!(
            "id: 3\ndata: <turbo-stream action=\"update\" target=\"presence\"><template>{block}</template>\
             </turbo-stream>\n\n"
        )
    );
}

/// Writes something and fails then.
struct Breaking;

impl fmt::Display for Breaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<p>half")?;
        Err(fmt::Error)
    }
}

#[test]
fn m12_m14_what_cannot_be_displayed_or_is_empty_is_a_typed_error() {
    for dialect in DIALECTS {
        let breaking = || Fragment::new(target!("a"), Breaking).in_dialect(dialect);
        assert!(matches!(breaking().into_event(), Err(FragmentError::Display)));
        let shown = stand_in(breaking());
        assert!(
            shown.contains("<strong>DisplayError</strong>: the template&#x27;s Display failed"),
            "{shown}"
        );
        assert!(!shown.contains("half"), "{shown}");
        for blank in ["", " ", "\r\n\t \n"] {
            let blank = || Fragment::new(target!("a"), blank).in_dialect(dialect);
            assert!(matches!(blank().into_event(), Err(FragmentError::Empty)));
            let shown = stand_in(blank());
            assert!(shown.contains("<strong>EmptyRender</strong>: nothing was rendered"), "{shown}");
        }
    }
}

#[test]
fn m12_a_context_that_cannot_be_built_leaves_the_event_out_unrendered() {
    for dialect in DIALECTS {
        let render = |(): ()| -> Result<&str, &str> { panic!("there is nothing to render it with") };
        let build = || Err::<(), _>("the row is gone");
        let fragment = Fragment::with_context(target!("row"), build, render).in_dialect(dialect);
        let error = fragment.into_frame(&Encoder::new()).unwrap_err();
        assert!(matches!(error, ItemError::Skip(_)));
        assert_eq!(error.to_string(), "a value was left out: no context for `row`: the row is gone");
    }
    let fragment = Fragment::with_context(target!("row"), || Ok::<_, &str>(7), |row| Ok::<_, &str>(row + 1));
    assert_eq!(wire(fragment), "event: row\ndata: 8\n\n");
    let fragment = Fragment::with_context(target!("row"), || Ok::<_, &str>(7), |_| Err::<&str, _>("no"));
    assert!(stand_in(fragment).contains("<strong>TemplateError</strong>: no</div>"));
}

#[cfg(feature = "json")]
#[test]
fn signals_are_an_object_on_lines_of_their_own() {
    use sse_html::{Signals, SignalsError};
    use std::collections::BTreeMap;

    let signals = Signals::new(BTreeMap::from([("a", Some("x\ny")), ("b", None)]));
    assert_eq!(
        wire(signals.clone()),
        "event: datastar-patch-signals\ndata: signals {\"a\":\"x\\ny\",\"b\":null}\n\n"
    );
    assert_eq!(
        wire(signals.only_if_missing().with_id(7_u64)),
        "event: datastar-patch-signals\nid: 7\ndata: onlyIfMissing true\n\
         data: signals {\"a\":\"x\\ny\",\"b\":null}\n\n"
    );
    for refused in [Signals::new("{").into_event(), Signals::new("x").into_event()] {
        assert!(matches!(refused, Err(SignalsError::NotAnObject)));
    }
    let no_text_as_key = Signals::new(BTreeMap::from([([1], 2)]));
    assert!(matches!(no_text_as_key.into_frame(&Encoder::new()), Err(ItemError::Encode(_))));
}
