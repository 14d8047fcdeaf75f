//! Fragments of maud markup: `cargo run -p sse-html --example maud`.

use maud::{Markup, html};
use sse_core::{BoxError, Encoder, IntoFrame};
use sse_html::{Dialect, Fragment, Swap, target};

/// maud checks the markup when it is compiled, and escapes values.
fn message(author: &str, text: &str) -> Markup {
    html! {
        li { strong { (author) } ": " (text) }
    }
}

fn main() -> Result<(), BoxError> {
    // Markup cannot fail, and its text is the fragment.
    let markup = message("Ada", "1 < 2");
    let frame = Fragment::new(target!("log"), markup.into_string())
        .with_swap(Swap::Append)
        .in_dialect(Dialect::Htmx4)
        .with_id(7_u64)
        .into_frame(&Encoder::new())?;
    let wire = "id: 7\n\
                data: <hx-partial hx-target=\"#log\" hx-swap=\"beforeend\">\
                <li><strong>Ada</strong>: 1 &lt; 2</li></hx-partial>\n\n";
    assert_eq!(core::str::from_utf8(frame.as_bytes())?, wire);
    Ok(())
}
