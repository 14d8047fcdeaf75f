//! What the engines work on: fixed by seeds, the same in every run.

use serde::Serialize;
use std::sync::LazyLock;

/// An event to encode.
#[derive(Debug)]
pub struct Message {
    pub name: Option<&'static str>,
    pub id: Option<&'static str>,
    pub data: &'static str,
}

/// A value to send as JSON: what an API of language models answers with.
#[derive(Debug, Serialize)]
pub struct Document {
    id: &'static str,
    object: &'static str,
    created: u64,
    choices: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct Choice {
    delta: Delta,
    index: usize,
}

#[derive(Debug, Serialize)]
struct Delta {
    content: String,
}

/// One event, encoded again and again.
#[derive(Debug)]
pub struct EncodeCorpus<M> {
    pub name: &'static str,
    pub message: M,
    /// How often callgrind encodes it; the second run does it twice as often.
    pub events: u64,
}

/// A stream in the chunks it arrives in, which starts and ends between two events.
#[derive(Debug)]
pub struct DecodeCorpus {
    pub name: &'static str,
    pub chunks: Vec<&'static [u8]>,
    pub events: u64,
    /// What the figures are of: events, or comments where there are nearly no events.
    pub units: u64,
}

/// The events to encode.
pub static ENCODE: LazyLock<Vec<EncodeCorpus<Message>>> = LazyLock::new(|| {
    let corpus = |name, events, message| EncodeCorpus { name, message, events };
    let bare = |data: String| Message { name: None, id: None, data: data.leak() };
    let lines = (0..809).map(|number| format!("{number:04} {}\n", letters(75)));
    vec![
        corpus("20B", 2_000, bare(letters(20))),
        corpus(
            "200B",
            2_000,
            Message { name: Some("update"), id: Some("1234567890"), data: json(200).leak() },
        ),
        corpus("10KiB-html", 100, Message { name: Some("rows"), id: None, data: html(10 * 1024).leak() }),
        corpus("64KiB-lines", 20, bare(lines.collect::<String>().trim_end().to_owned())),
        corpus("1MiB-line", 16, bare(letters(1 << 20))),
    ]
});

/// The values to serialise and encode.
pub static JSON: LazyLock<Vec<EncodeCorpus<Document>>> = LazyLock::new(|| {
    let document = |choices| Document {
        id: "chatcmpl-8Zk3",
        object: "chat.completion.chunk",
        created: 1_700_000_000,
        choices: (0..choices)
            .map(|index| Choice {
                delta: Delta { content: format!("{index:03} \"{}\"\n", letters(60)) },
                index,
            })
            .collect(),
    };
    vec![
        EncodeCorpus { name: "json-190B", message: document(1), events: 2_000 },
        EncodeCorpus { name: "json-10KiB", message: document(96), events: 100 },
    ]
});

/// The streams to decode: short, so that few of the times are of one that was interrupted.
pub static DECODE: LazyLock<Vec<DecodeCorpus>> = LazyLock::new(|| {
    let stream = |events, event: &dyn Fn(u64) -> String| (0..events).map(event).collect::<String>();
    let corpus = |name, events, chunk_len: fn(&mut Random) -> usize, stream: String| DecodeCorpus {
        name,
        chunks: chunks(stream, chunk_len),
        events,
        units: events,
    };
    let one_to_four_kib = |random: &mut Random| 1024 + random.below(3 * 1024 + 1);
    let token = format!("data: {}\n\n", json(TOKEN_LEN - "data: \n\n".len()));
    let tokens = |events| stream(events, &|_| token.clone());
    let long_line = || stream(1, &|_| format!("data: {}\n\n", letters(1 << 20)));
    vec![
        corpus("tokens", 4_000, one_to_four_kib, tokens(4_000)),
        corpus("tokens, chunks of 64 KiB", 1_000, |_| 64 * 1024, tokens(1_000)),
        corpus("tokens, one a chunk", 4_000, |_| TOKEN_LEN, tokens(4_000)),
        corpus(
            "tokens with event and id",
            4_000,
            one_to_four_kib,
            stream(4_000, &|number| format!("event: content_block_delta\nid: {number:011}\n{token}")),
        ),
        corpus("tokens, byte by byte", 200, |_| 1, tokens(200)),
        corpus("20B", 5_000, |_| 4096, stream(5_000, &|number| format!("data: {number:012}\n\n"))),
        corpus(
            "64KiB-lines",
            16,
            |_| 16 * 1024,
            stream(16, &|_| format!("{}\n", format!("data: {}\n", letters(79)).repeat(762))),
        ),
        corpus("1MiB-line", 1, |_| 16 * 1024, long_line()),
        corpus("1MiB-line, chunks of 1460 B", 1, |_| 1460, long_line()),
        DecodeCorpus {
            // The event shows that a decoder has come to the end.
            units: 5_000,
            ..corpus(
                "keep-alive comments",
                1,
                |_| 1460,
                stream(5_000, &|_| ": keepalive\n\n".to_owned()) + "data: end\n\n",
            )
        },
    ]
});

/// On the wire.
const TOKEN_LEN: usize = 244;

fn chunks(stream: String, chunk_len: fn(&mut Random) -> usize) -> Vec<&'static [u8]> {
    let mut random = Random(42);
    let mut rest: &'static [u8] = stream.leak().as_bytes();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(chunk_len(&mut random).min(rest.len()));
        chunks.push(chunk);
        rest = tail;
    }
    chunks
}

fn letters(len: usize) -> String {
    ('a'..='z').cycle().take(len).collect()
}

/// The shape of a token from a language model, `len` bytes of it.
fn json(len: usize) -> String {
    let head = r#"{"id":"chatcmpl-8Zk3","object":"chat.completion.chunk","created":1700000000,"choices":[{"delta":{"content":""#;
    let tail = r#""},"index":0}]}"#;
    format!("{head}{}{tail}", letters(len - head.len() - tail.len()))
}

/// Rows of a table as a template renders them, in lines of 8 to 60 bytes; whole rows, at most `len` bytes.
fn html(len: usize) -> String {
    let mut html = "<tbody id=\"rows\">\n".to_owned();
    for number in 0.. {
        let name = letters(1 + number % 20);
        let row = format!(
            "  <tr id=\"row-{number}\">\n    <td class=\"name\">{name}</td>\n    \
             <td class=\"price\"><b>{number}.50</b> &euro;</td>\n  </tr>\n"
        );
        if html.len() + row.len() + "</tbody>".len() > len {
            break;
        }
        html += &row;
    }
    html + "</tbody>"
}

/// Xorshift: chunk lengths need no better.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corpora_have_the_size_that_they_are_named_by() {
        let len = |name: &str| ENCODE.iter().find(|corpus| corpus.name == name).unwrap().message.data.len();
        assert_eq!([len("20B"), len("200B"), len("1MiB-line")], [20, 200, 1 << 20]);
        assert!(
            (65_000..=65_536).contains(&len("64KiB-lines")) && (10_100..=10_240).contains(&len("10KiB-html"))
        );
        let json = JSON.iter().map(|corpus| serde_json::to_string(&corpus.message).unwrap().len());
        assert!(json.zip([190, 10_240]).all(|(len, named)| len.abs_diff(named) * 50 < named));
        let tokens = &DECODE[0];
        assert_eq!(tokens.chunks.concat().len() as u64, tokens.events * TOKEN_LEN as u64);
        assert!(tokens.chunks.iter().rev().skip(1).all(|chunk| (1024..=4096).contains(&chunk.len())));
    }
}
