//! The standard's [event stream algorithm], line by line, over the whole stream at once: slow, short, and what the
//! decoder is compared with.
//!
//! [event stream algorithm]: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

/// What a stream says, in the order of the lines that say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A dispatched event.
    Event {
        /// Its type.
        event_type: String,
        /// Its data.
        data: String,
        /// The last event ID string as of this event.
        last_event_id: String,
        /// Whether its block has an `id` field that counts.
        sets_id: bool,
    },
    /// The text of a comment line, without one leading space.
    Comment(String),
    /// A reconnection time in milliseconds.
    Retry(u64),
    /// A block without data, but with an `id` or `retry` field that counts.
    Block {
        /// The last event ID string as of this block.
        last_event_id: String,
        /// Whether the block has an `id` field that counts.
        sets_id: bool,
    },
}

/// A stream interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpretation {
    /// What the stream said.
    pub said: Vec<Said>,
    /// The last event ID string at the end.
    pub last_event_id: String,
}

/// Interprets a whole stream that resumes after `last_event_id`.
///
/// The standard starts each stream with an empty last event ID buffer; browsers, and this function, start it with the
/// last event ID string, so that an event without an id does not erase what a reconnection must send.
///
/// ```
/// use sse_testkit::oracle::{Said, interpret};
///
/// let stream = interpret(b"retry: 5\nid: 1\n\n: half\ndata: an event", "");
/// assert_eq!(stream.said[0], Said::Retry(5));
/// assert_eq!(stream.last_event_id, "1");
/// ```
#[must_use]
pub fn interpret(bytes: &[u8], last_event_id: &str) -> Interpretation {
    // 9.2.6 "Streams must be decoded using the UTF-8 decode algorithm", which also strips one byte order mark.
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut said = Vec::new();
    let mut last_event_id = last_event_id.to_owned();
    // "a data buffer, an event type buffer, and a last event ID buffer must be associated with it".
    let (mut data, mut event_type, mut id) = (String::new(), String::new(), last_event_id.clone());
    let (mut sets_id, mut sets_retry) = (false, false);
    // "Lines must be processed, in the order they are received"; a line ends with CRLF, LF or CR, and what does not end
    // is not a line: "Once the end of the file is reached, any pending data must be discarded".
    while let Some(end) = rest.find(['\r', '\n']) {
        let line = &rest[..end];
        rest = rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]);
        // "If the line starts with a U+003A COLON character (:), ignore the line."
        if let Some(comment) = line.strip_prefix(':') {
            said.push(Said::Comment(comment.strip_prefix(' ').unwrap_or(comment).to_owned()));
            continue;
        }
        if line.is_empty() {
            // "Dispatch the event": 1. "Set the last event ID string [...] to the value of the last event ID buffer."
            last_event_id.clone_from(&id);
            if let Some(data) = data.strip_suffix('\n') {
                // 3. "If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove" it.
                // 5. and 6. the type is "message" unless the event type buffer is not empty.
                let event_type =
                    if event_type.is_empty() { "message".to_owned() } else { event_type.clone() };
                said.push(Said::Event {
                    event_type,
                    data: data.to_owned(),
                    last_event_id: last_event_id.clone(),
                    sets_id,
                });
            } else if sets_id || sets_retry {
                // 2. "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty
                // string and return."
                said.push(Said::Block { last_event_id: last_event_id.clone(), sets_id });
            }
            // 7. "Set the data buffer and the event type buffer to the empty string."
            data.clear();
            event_type.clear();
            (sets_id, sets_retry) = (false, false);
            continue;
        }
        // "Collect the characters [...] before the first U+003A COLON character (:)"; "If value starts with a U+0020
        // SPACE character, remove it from value"; otherwise the whole line is the name and the value is empty.
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            // "Set the event type buffer to field value."
            "event" => value.clone_into(&mut event_type),
            // "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character".
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value."
            "id" if !value.contains('\0') => {
                value.clone_into(&mut id);
                sets_id = true;
            }
            // "If the field value consists of only ASCII digits, then interpret the field value as an integer in base
            // ten, and set the event stream's reconnection time to that integer." The empty string has no integer.
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                said.push(Said::Retry(value.parse().unwrap_or(u64::MAX)));
                sets_retry = true;
            }
            // "Otherwise: The field is ignored."
            _ => {}
        }
    }
    Interpretation { said, last_event_id }
}
