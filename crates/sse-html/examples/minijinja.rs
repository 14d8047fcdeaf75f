//! Fragments of minijinja templates, whose context may be missing: `cargo run -p sse-html --example minijinja`.

use minijinja::{Environment, UndefinedBehavior, context};
use sse_core::{BoxError, Encoder, Frame, IntoFrame, ItemError};
use sse_html::{Dialect, Fragment, Swap, Target};
use std::collections::BTreeMap;

/// The jobs that there are, and how far each is.
type Jobs = BTreeMap<u32, u32>;

/// The row of one job: left out when the job is gone, an error when the template fails.
fn row(templates: &Environment<'_>, jobs: &Jobs, id: u32) -> Result<Frame, ItemError> {
    let target = Target::new(format!("job-{id}")).map_err(|error| ItemError::Encode(error.into()))?;
    let find_job = || jobs.get(&id).ok_or_else(|| format!("there is no job {id}"));
    let render = |done| templates.get_template("job.html")?.render(context! { id, done });
    Fragment::with_context(target, find_job, render)
        .with_swap(Swap::Outer)
        .in_dialect(Dialect::Datastar)
        .into_frame(&Encoder::new())
}

fn main() -> Result<(), BoxError> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_template("job.html", "<tr id=\"job-{{ id }}\">\n  <td>{{ done }} %</td>\n</tr>\n")?;
    let jobs = Jobs::from([(7, 42)]);

    let frame = row(&templates, &jobs, 7)?;
    let wire = "event: datastar-patch-elements\n\
                data: selector #job-7\n\
                data: mode outer\n\
                data: elements <tr id=\"job-7\">\n\
                data: elements   <td>42 %</td>\n\
                data: elements </tr>\n\n";
    assert_eq!(core::str::from_utf8(frame.as_bytes())?, wire);

    // A job that is gone is no failure of the template: a stream leaves the event out.
    let Err(ItemError::Skip(error)) = row(&templates, &jobs, 8) else { return Err("not left out".into()) };
    assert_eq!(error.to_string(), "no context for `job-8`: there is no job 8");

    // A template that is wrong is one.
    templates.add_template("job.html", "<tr id=\"job-{{ id }}\"><td>{{ percent }}</td></tr>")?;
    let Err(ItemError::Render(error)) = row(&templates, &jobs, 7) else { return Err("rendered".into()) };
    let message = error.error().to_string();
    assert!(message.starts_with("undefined value"), "{message}");
    assert_eq!(error.target(), "job-7");
    Ok(())
}
