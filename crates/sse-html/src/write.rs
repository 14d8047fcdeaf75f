//! Writers between a template and the wire: nothing is rendered twice or kept.

use core::fmt::{self, Write};

/// What HTML calls white space: a no-break space is visible, and stays.
const WHITE_SPACE: [char; 5] = [' ', '\t', '\n', '\x0C', '\r'];

/// Drops the white space at both ends.
pub(crate) struct Trimmed<'a, W> {
    out: &'a mut W,
    /// White space that is left out unless something follows.
    pending: String,
    is_empty: bool,
}

impl<'a, W: Write> Trimmed<'a, W> {
    pub(crate) fn new(out: &'a mut W) -> Self {
        Self { out, pending: String::new(), is_empty: true }
    }

    /// Says whether nothing but white space came.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }
}

impl<W: Write> Write for Trimmed<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let text = if self.is_empty { text.trim_start_matches(WHITE_SPACE) } else { text };
        let (text, white_space) = text.split_at(text.trim_end_matches(WHITE_SPACE).len());
        if !text.is_empty() {
            self.is_empty = false;
            self.out.write_str(&self.pending)?;
            self.pending.clear();
            self.out.write_str(text)?;
        }
        self.pending.push_str(white_space);
        Ok(())
    }
}

/// Begins each further line with a keyword. CR, LF and CRLF end one line each, also across writes.
pub(crate) struct Keyed<'a, W> {
    out: &'a mut W,
    keyword: &'static str,
    after_return: bool,
}

impl<'a, W: Write> Keyed<'a, W> {
    /// Writes the keyword of the first line.
    pub(crate) fn new(out: &'a mut W, keyword: &'static str) -> Result<Self, fmt::Error> {
        out.write_str(keyword)?;
        Ok(Self { out, keyword, after_return: false })
    }
}

impl<W: Write> Write for Keyed<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let mut text = match text.strip_prefix('\n') {
            Some(rest) if self.after_return => rest,
            _ => text,
        };
        self.after_return = text.ends_with('\r');
        while let Some(end) = text.find(['\r', '\n']) {
            let (line, rest) = text.split_at(end);
            self.out.write_str(line)?;
            self.out.write_char('\n')?;
            self.out.write_str(self.keyword)?;
            text = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\r', '\n'])).unwrap_or_default();
        }
        self.out.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(pieces: &[&str]) -> (String, bool) {
        let mut out = String::new();
        let mut writer = Trimmed::new(&mut out);
        for piece in pieces {
            writer.write_str(piece).unwrap();
        }
        let is_empty = writer.is_empty();
        (out, is_empty)
    }

    #[test]
    fn white_space_at_the_ends_is_dropped_however_it_comes() {
        for pieces in
            [&["  a \n b\t"][..], &[" ", " a ", "\n", " ", "b", "\t", ""], &["\r\n", "a", " \n ", "b "]]
        {
            assert_eq!(trimmed(pieces), ("a \n b".to_owned(), false), "{pieces:?}");
        }
        assert_eq!(trimmed(&["\u{A0}"]), ("\u{A0}".to_owned(), false), "it is visible");
        for pieces in [&[][..], &[""], &[" ", "\r\n\t\x0C"]] {
            assert_eq!(trimmed(pieces), (String::new(), true), "{pieces:?}");
        }
    }

    #[test]
    fn each_line_begins_with_the_keyword_however_it_comes() {
        for pieces in [
            &["a\r\nb\n\nc\rd"][..],
            &["a\r", "\nb", "\n", "\n", "c", "\r", "d"],
            &["a\r", "", "\nb\n\nc\r", "d"],
        ] {
            let mut out = String::new();
            let mut writer = Keyed::new(&mut out, "k ").unwrap();
            for piece in pieces {
                writer.write_str(piece).unwrap();
            }
            assert_eq!(out, "k a\nk b\nk \nk c\nk d", "{pieces:?}");
        }
    }
}
