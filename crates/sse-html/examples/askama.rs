//! Fragments of askama templates: `cargo run -p sse-html --example askama`.

use askama::Template;
use sse_core::{BoxError, Encoder, IntoFrame, ItemError};
use sse_html::{Fragment, target};

/// A template in the source, to have all in one file; `path = "presence.html"` reads one of the folder `templates`.
#[derive(Template)]
#[template(
    source = r#"
<ul>
  {%- for user in self.users()? %}
  <li>{{ user }}</li>
  {%- endfor %}
</ul>
"#,
    ext = "html"
)]
struct Presence {
    users: Option<Vec<&'static str>>,
}

impl Presence {
    /// A template may fail: askama's `?` ends it, and `render` says why.
    fn users(&self) -> Result<&[&str], BoxError> {
        self.users.as_deref().ok_or_else(|| "nobody has counted yet".into())
    }
}

fn main() -> Result<(), BoxError> {
    let encoder = Encoder::new();

    // What users wrote is escaped by askama, and each line of the html is a line of data.
    let presence = Presence { users: Some(vec!["Ada", "<script>"]) };
    let frame = Fragment::try_new(target!("presence"), || presence.render()).into_frame(&encoder)?;
    let wire = "event: presence\n\
                data: <ul>\n\
                data:   <li>Ada</li>\n\
                data:   <li>&#60;script&#62;</li>\n\
                data: </ul>\n\n";
    assert_eq!(core::str::from_utf8(frame.as_bytes())?, wire);

    // A template that cannot fail needs no function: it displays as its html.
    let same = Fragment::new(target!("presence"), &presence).into_frame(&encoder)?;
    assert_eq!(same, frame);

    // In a stream this would be an event `sse:error`, or the block below: as the error policy says.
    let presence = Presence { users: None };
    let fragment = Fragment::try_new(target!("presence"), || presence.render());
    let Err(ItemError::Render(error)) = fragment.into_frame(&encoder) else { return Err("rendered".into()) };
    assert_eq!(error.to_string(), "`presence` could not be rendered: nobody has counted yet");
    let block = "event: presence\n\
                 data: <div class=\"sse-block-error\" data-block=\"presence\"><strong>askama::Error</strong>: \
                 nobody has counted yet</div>\n\n";
    assert_eq!(core::str::from_utf8(error.stand_in().as_bytes())?, block);
    Ok(())
}
