//! The front-end libraries that read the pages' streams.

use minijinja::{Value, context};
use sse_html::Dialect;

/// A library in the browser, by the name that the query parameter `client` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// htmx 2 with its SSE extension.
    Htmx2,
    /// htmx 4 with its SSE extension.
    Htmx4,
    /// Datastar 1.
    Datastar,
    /// Turbo 8.
    Turbo,
}

struct Script {
    src: &'static str,
    /// What the browser checks the file against.
    integrity: &'static str,
    is_module: bool,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Htmx2, Self::Htmx4, Self::Datastar, Self::Turbo];

    /// The client of that name; htmx 2 if there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|client| client.name() == name).unwrap_or(Self::Htmx2)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Htmx2 => "htmx2",
            Self::Htmx4 => "htmx4",
            Self::Datastar => "datastar",
            Self::Turbo => "turbo",
        }
    }

    /// How it wants its fragments.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Htmx2 => Dialect::Htmx2,
            Self::Htmx4 => Dialect::Htmx4,
            Self::Datastar => Dialect::Datastar,
            Self::Turbo => Dialect::Turbo,
        }
    }

    /// What the templates know of it.
    pub(super) fn to_value(self) -> Value {
        let scripts = self.scripts().iter().map(|script| {
            let Script { src, integrity, is_module } = *script;
            context! { src, integrity, is_module }
        });
        context! { name => self.name(), title => self.title(), scripts => scripts.collect::<Vec<_>>() }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Htmx2 => "htmx 2",
            Self::Htmx4 => "htmx 4",
            Self::Datastar => "Datastar",
            Self::Turbo => "Turbo",
        }
    }

    fn scripts(self) -> &'static [Script] {
        match self {
            Self::Htmx2 => &[
                Script {
                    src: "https://cdn.jsdelivr.net/npm/htmx.org@2.0.11/dist/htmx.min.js",
                    integrity: "sha384-2OatzQy1H+Zd/IIrjr1TcuDGqLXeHhbooAyJY1KdQMKnr4LZ22k31GBLdYKHmVjg",
                    is_module: false,
                },
                Script {
                    src: "https://cdn.jsdelivr.net/npm/htmx-ext-sse@2.2.4/dist/sse.min.js",
                    integrity: "sha384-A986SAtodyH8eg8x8irJnYUk7i9inVQqYigD6qZ9evobksGNIXfeFvDwLSHcp31N",
                    is_module: false,
                },
            ],
            Self::Htmx4 => &[
                Script {
                    src: "https://cdn.jsdelivr.net/npm/htmx.org@4.0.1/dist/htmx.min.js",
                    integrity: "sha384-Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn",
                    is_module: false,
                },
                Script {
                    src: "https://cdn.jsdelivr.net/npm/htmx.org@4.0.1/dist/ext/hx-sse.min.js",
                    integrity: "sha384-v8HvucQ+ohQhMg0arboXc5049yNR46QKMjphs7YDch+Wm7zpfK5XVS01f26mQDJV",
                    is_module: false,
                },
            ],
            Self::Datastar => &[Script {
                src: "https://cdn.jsdelivr.net/gh/starfederation/datastar@v1.0.2/bundles/datastar.js",
                integrity: "",
                is_module: true,
            }],
            Self::Turbo => &[Script {
                src: "https://cdn.jsdelivr.net/npm/@hotwired/turbo@8.0.23/dist/turbo.es2017-esm.js",
                integrity: "sha384-WTluvbYIlhW14A7J29od7iOv+SFs1XBKjEIBArVARW9ppIbzWZPq/MYZ2OatIIFC",
                is_module: true,
            }],
        }
    }
}
