//! A piece of html and where it belongs.

use crate::dialect::{Dialect, Swap};
use crate::escape::Escaped;
use crate::render::{Displayed, FragmentError, InContext, Render, Tried};
use crate::selector::Selector;
use crate::target::Target;
use crate::write::{Keyed, Trimmed};
use core::fmt::{Display, Write};
use sse_core::{
    BoxError, DataWriter, Encoder, Event, EventId, EventName, Frame, IntoFrame, ItemError, RenderError,
    event_name,
};

pub(crate) const PATCH_ELEMENTS: EventName<'static> = event_name!("datastar-patch-elements");

/// A piece of html for one place of a page, rendered when it is encoded.
///
/// White space at both ends is dropped. What renders to nothing is refused: it would empty its target. A render that fails
/// does not end a stream: see the [crate] for what becomes of it.
///
/// The html goes out as it is: escaping values is the template's part, and [`Escaped`] does it where there is none. Rendering
/// goes straight to the wire; multi-line html takes one `data` line for each of its lines.
///
/// ```
/// use sse_core::{Encoder, IntoFrame};
/// use sse_html::{Fragment, target};
///
/// let visitors = 7;
/// let stats = Fragment::new(target!("stats"), format!("\n<p>\n  {visitors}\n</p>\n")).with_id(1_u64);
/// let frame = stats.into_frame(&Encoder::new())?;
/// assert_eq!(frame.as_bytes(), b"event: stats\nid: 1\ndata: <p>\ndata:   7\ndata: </p>\n\n");
/// # Ok::<(), sse_core::ItemError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fragment<'a, R> {
    place: Place<'a>,
    id: Option<EventId<'a>>,
    render: R,
}

/// What removes a target: there is nothing to render.
#[derive(Clone, Copy, Debug)]
pub struct Nothing(());

impl Render for Nothing {
    fn render(self, _: &mut dyn Write) -> Result<(), FragmentError> {
        Err(FragmentError::Empty)
    }
}

impl<'a, T: Display> Fragment<'a, Displayed<T>> {
    /// Makes a fragment of anything that displays as html: text, maud's markup as a `String`, askama's templates.
    ///
    /// A [`Display`] that fails cannot say why: for templates that can fail use [`Fragment::try_new`].
    ///
    /// ```
    /// use sse_html::{Fragment, target};
    ///
    /// let event = Fragment::new(target!("stats"), "<p>7</p>").into_event()?;
    /// assert_eq!((event.name().unwrap().as_str(), event.data()), ("stats", Some("<p>7</p>")));
    /// # Ok::<(), sse_html::FragmentError>(())
    /// ```
    #[must_use]
    pub fn new(target: Target<'a>, template: T) -> Self {
        Self::of(target, Displayed(template))
    }
}

impl<'a> Fragment<'a, Nothing> {
    /// Makes a fragment that removes its target: see [`Swap::Remove`].
    ///
    /// ```
    /// use sse_core::{Encoder, IntoFrame};
    /// use sse_html::{Dialect, Fragment, target};
    ///
    /// let frame = Fragment::remove(target!("row-7")).in_dialect(Dialect::Datastar).into_frame(&Encoder::new())?;
    /// assert_eq!(
    ///     frame.as_bytes(),
    ///     b"event: datastar-patch-elements\ndata: selector #row-7\ndata: mode remove\n\n"
    /// );
    /// # Ok::<(), sse_core::ItemError>(())
    /// ```
    #[must_use]
    pub fn remove(target: Target<'a>) -> Self {
        Self::of(target, Nothing(())).with_swap(Swap::Remove)
    }
}

/// Constructors whose template is a function: it is called when the fragment is encoded, once.
impl<'a> Fragment<'a, ()> {
    /// Makes a fragment of a function that renders, or says why it cannot: `|| template.render()` with askama and minijinja.
    ///
    /// ```
    /// use sse_core::{Encoder, IntoFrame, ItemError};
    /// use sse_html::{Fragment, target};
    ///
    /// let reading: Option<f32> = None;
    /// let fragment = Fragment::try_new(target!("weight"), || {
    ///     reading.map(|kilos| format!("{kilos} kg")).ok_or("the scale is away")
    /// });
    /// let Err(ItemError::Render(error)) = fragment.into_frame(&Encoder::new()) else { panic!("rendered") };
    /// assert_eq!(error.to_string(), "`weight` could not be rendered: the scale is away");
    /// ```
    pub fn try_new<D, E>(
        target: Target<'a>,
        render: impl FnOnce() -> Result<D, E>,
    ) -> Fragment<'a, impl Render>
    where
        D: Display,
        E: Into<BoxError>,
    {
        Fragment::of(target, Tried(render))
    }

    /// Makes a fragment of two functions: one fetches what the template needs, the other renders it.
    ///
    /// When there is nothing to render it with (a record that was deleted, say), the whole event is left out whatever the
    /// error policy: it is reported to the observer as [`ItemError::Skip`], and never sent. The next fragment renders again.
    ///
    /// ```
    /// use sse_core::{Encoder, IntoFrame, ItemError};
    /// use sse_html::{Fragment, target};
    ///
    /// let find_row = || None::<u32>.ok_or("row 7 was deleted");
    /// let row = Fragment::with_context(target!("row-7"), find_row, |row| {
    ///     Ok::<_, std::fmt::Error>(format!("<td>{row}</td>"))
    /// });
    /// assert!(matches!(row.into_frame(&Encoder::new()), Err(ItemError::Skip(_))));
    /// ```
    pub fn with_context<C, E, D, F>(
        target: Target<'a>,
        build: impl FnOnce() -> Result<C, E>,
        render: impl FnOnce(C) -> Result<D, F>,
    ) -> Fragment<'a, impl Render>
    where
        E: Into<BoxError>,
        D: Display,
        F: Into<BoxError>,
    {
        Fragment::of(target, InContext { build, render })
    }
}

impl<'a, R> Fragment<'a, R> {
    /// Makes a fragment of what renders itself: see [`Render`].
    #[must_use]
    pub fn of(target: Target<'a>, render: R) -> Self {
        let place = Place { target, selector: None, swap: Swap::default(), dialect: Dialect::default() };
        Self { place, id: None, render }
    }

    /// Sets what is done at the target; [`Swap::Inner`] unless set. With htmx 2 the page says it.
    #[must_use]
    pub fn with_swap(mut self, swap: Swap) -> Self {
        self.place.swap = swap;
        self
    }

    /// Sets which elements take the fragment; the one with the target's id unless set. With htmx 2 the page says it.
    ///
    /// ```
    /// use sse_html::{Dialect, Fragment, Selector, target};
    ///
    /// let title = Fragment::new(target!("title"), "7 new").with_selector(Selector::new("[data-role=\"title\"]")?);
    /// let event = title.in_dialect(Dialect::Turbo).into_event()?;
    /// assert!(event.data().unwrap().contains("targets=\"[data-role=&quot;title&quot;]\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_selector(mut self, selector: Selector<'a>) -> Self {
        self.place.selector = Some(selector);
        self
    }

    /// Sets the event's id: see [`Event::with_id`].
    ///
    /// ```
    /// use sse_html::{Fragment, target};
    ///
    /// let event = Fragment::new(target!("stats"), "7").with_id(9_u64).into_event()?;
    /// assert_eq!(event.to_frame().as_bytes(), b"event: stats\nid: 9\ndata: 7\n\n");
    /// # Ok::<(), sse_html::FragmentError>(())
    /// ```
    #[must_use]
    pub fn with_id(mut self, id: impl Into<EventId<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets which library takes the fragment; [`Dialect::Htmx2`] unless set.
    #[must_use]
    pub fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.place.dialect = dialect;
        self
    }

    /// Returns where the fragment belongs.
    #[must_use]
    pub fn target(&self) -> &Target<'a> {
        &self.place.target
    }
}

impl<'a, R: Render> Fragment<'a, R> {
    /// Renders now: for whoever needs the event itself, a broadcaster's message say.
    ///
    /// Costs a copy more than encoding the fragment. For htmx 4 and Turbo the event has no name and must get none: a stream's
    /// default name would keep those libraries from taking it.
    ///
    /// # Errors
    ///
    /// [`FragmentError`]: why it could not be rendered. There is no stand-in then.
    ///
    /// ```
    /// use sse_html::{Fragment, target};
    ///
    /// let event = Fragment::new(target!("stats"), " <p>7</p> ").into_event()?;
    /// assert_eq!(event.data(), Some("<p>7</p>"));
    /// # Ok::<(), sse_html::FragmentError>(())
    /// ```
    pub fn into_event(self) -> Result<Event<'a>, FragmentError> {
        let Self { place, id, render } = self;
        let mut data = String::new();
        place.write(&mut data, render).map_err(|error| place.locate(error))?;
        let event = Event::new(data);
        let event = match id {
            Some(id) => event.with_id(id),
            None => event,
        };
        Ok(match place.dialect {
            Dialect::Htmx2 => event.with_name(place.target.into_event_name()),
            Dialect::Datastar => event.with_name(PATCH_ELEMENTS),
            Dialect::Htmx4 | Dialect::Turbo => event,
        })
    }
}

impl<R: Render> IntoFrame for Fragment<'_, R> {
    const KIND: &'static str = "fragment";

    fn into_frame(self, encoder: &Encoder) -> Result<Frame, ItemError> {
        let Self { place, id, render } = self;
        let head = encoder.fill_id(place.head(id));
        match place.encode(&head, encoder, render) {
            Ok(frame) => Ok(frame),
            Err(error) => Err(place.item_error(error, &head, encoder)),
        }
    }
}

/// Where a fragment belongs, and for whom.
#[derive(Clone, Debug)]
struct Place<'a> {
    target: Target<'a>,
    selector: Option<Selector<'a>>,
    swap: Swap,
    dialect: Dialect,
}

impl Place<'_> {
    /// The event without its data. The target is borrowed: nothing is copied for it.
    fn head<'a>(&'a self, id: Option<EventId<'a>>) -> Event<'a> {
        let head = Event::new("");
        let head = match id {
            Some(id) => head.with_id(id),
            None => head,
        };
        match self.dialect {
            Dialect::Htmx2 => head.with_name(self.target.as_event_name()),
            Dialect::Datastar => head.with_name(PATCH_ELEMENTS),
            Dialect::Htmx4 | Dialect::Turbo => head,
        }
    }

    fn encode(
        &self,
        head: &Event<'_>,
        encoder: &Encoder,
        render: impl Render,
    ) -> Result<Frame, FragmentError> {
        const TYPICAL_LEN: usize = 512;
        let mut wire = DataWriter::append_to(Vec::with_capacity(TYPICAL_LEN), encoder, head);
        self.write(&mut wire, render)?;
        Ok(wire.into_frame())
    }

    /// Writes the data. A target needs no escaping anywhere.
    fn write(&self, data: &mut impl Write, render: impl Render) -> Result<(), FragmentError> {
        let Self { target, selector, swap, dialect } = self;
        match dialect {
            Dialect::Htmx2 => {
                if *swap != Swap::Remove {
                    trimmed(data, render)?;
                }
            }
            Dialect::Htmx4 => {
                data.write_str("<hx-partial hx-target=\"")?;
                match selector {
                    Some(selector) => write!(data, "{}", Escaped(selector.as_str()))?,
                    None => write!(data, "#{target}")?,
                }
                write!(data, "\" hx-swap=\"{}\">", swap.in_htmx4())?;
                if *swap != Swap::Remove {
                    trimmed(data, render)?;
                }
                data.write_str("</hx-partial>")?;
            }
            Dialect::Datastar => {
                match selector {
                    Some(selector) => write!(data, "selector {}", selector.as_str())?,
                    None => write!(data, "selector #{target}")?,
                }
                write!(data, "\nmode {}", swap.in_datastar())?;
                if *swap != Swap::Remove {
                    data.write_char('\n')?;
                    trimmed(&mut Keyed::new(data, "elements ")?, render)?;
                }
            }
            Dialect::Turbo => {
                write!(data, "<turbo-stream action=\"{}\" ", swap.in_turbo())?;
                match selector {
                    Some(selector) => write!(data, "targets=\"{}\">", Escaped(selector.as_str()))?,
                    None => write!(data, "target=\"{target}\">")?,
                }
                if *swap != Swap::Remove {
                    data.write_str("<template>")?;
                    trimmed(data, render)?;
                    data.write_str("</template>")?;
                }
                data.write_str("</turbo-stream>")?;
            }
        }
        Ok(())
    }

    fn item_error(&self, error: FragmentError, head: &Event<'_>, encoder: &Encoder) -> ItemError {
        if let FragmentError::Context { .. } = error {
            return ItemError::Skip(Box::new(self.locate(error)));
        }
        match self.stand_in(&error, head, encoder) {
            Ok(stand_in) => RenderError::new(error, self.target.as_str(), stand_in).into(),
            // An error whose own Display fails has nothing to show.
            Err(_) => ItemError::Encode(Box::new(error)),
        }
    }

    /// What a developer sees at the target. It must leave the target where the next fragment looks for it.
    fn stand_in(
        &self,
        error: &FragmentError,
        head: &Event<'_>,
        encoder: &Encoder,
    ) -> Result<Frame, FragmentError> {
        let mut html = String::new();
        write!(
            html,
            "<div class=\"sse-block-error\" data-block=\"{}\"><strong>{}</strong>: {}</div>",
            self.target,
            Escaped(error.kind()),
            Escaped(error),
        )?;
        let swap = if self.swap == Swap::Outer { Swap::Inner } else { self.swap };
        Self { swap, ..self.clone() }.encode(head, encoder, Displayed(html))
    }

    /// Tells a context's error where it was.
    fn locate(&self, mut error: FragmentError) -> FragmentError {
        if let FragmentError::Context { target, .. } = &mut error {
            *target = self.target.as_str().into();
        }
        error
    }
}

fn trimmed(data: &mut impl Write, render: impl Render) -> Result<(), FragmentError> {
    let mut html = Trimmed::new(data);
    render.render(&mut html)?;
    if html.is_empty() { Err(FragmentError::Empty) } else { Ok(()) }
}
