//! Requests.

/// What a request says, whatever the framework.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// The header `Last-Event-ID` as it came.
    pub(crate) raw_id: Option<String>,
}

impl Asked {
    /// A number of the query.
    pub(crate) fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.text(name).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }

    /// A text of the query.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}
