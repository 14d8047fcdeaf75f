//! The templates, compiled once: pages, and the blocks that are rendered into them and into fragments.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

const SOURCES: [(&str, &str); 6] = [
    ("layout.html", include_str!("layout.html")),
    ("dashboard.html", include_str!("dashboard.html")),
    ("notifications.html", include_str!("notifications.html")),
    ("stats.html", include_str!("stats.html")),
    ("viewers.html", include_str!("viewers.html")),
    ("alert.html", include_str!("alert.html")),
];

#[derive(Debug)]
pub(super) struct Templates(Environment<'static>);

impl Templates {
    /// A template that does not compile is missing, so that rendering it fails; a test renders them all.
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_function("give_up", give_up);
        for (name, source) in SOURCES {
            drop(environment.add_template(name, source));
        }
        Self(environment)
    }

    /// Renders a page or a block. Names end in `.html`, so what is put into it is escaped.
    pub(super) fn render(&self, name: &str, values: Value) -> Result<String, Error> {
        self.0.get_template(name)?.render(values)
    }
}

/// What a block that is to fail calls.
fn give_up(why: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, why))
}
