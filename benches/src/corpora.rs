//! What the engines work on: fixed by seeds, the same in every run.

use std::sync::LazyLock;

/// An event to encode.
#[derive(Debug)]
pub struct Message {
    pub name: Option<&'static str>,
    pub id: Option<&'static str>,
    pub data: &'static str,
}

/// One event, encoded again and again.
#[derive(Debug)]
pub struct EncodeCorpus {
    pub name: &'static str,
    pub message: Message,
    /// How often callgrind encodes it; the second run does it twice as often.
    pub events: u64,
}

/// A stream in the chunks it arrives in, which starts and ends between two events.
#[derive(Debug)]
pub struct DecodeCorpus {
    pub name: &'static str,
    pub chunks: Vec<Vec<u8>>,
    pub events: u64,
}

/// The events to encode.
pub static ENCODE: LazyLock<Vec<EncodeCorpus>> = LazyLock::new(|| {
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
        corpus("64KiB-lines", 20, bare(lines.collect::<String>().trim_end().to_owned())),
        corpus("1MiB-line", 4, bare(letters(1 << 20))),
    ]
});

/// The streams to decode.
pub static DECODE: LazyLock<Vec<DecodeCorpus>> = LazyLock::new(|| {
    let stream = |events, event: &dyn Fn(u64) -> String| (0..events).map(event).collect::<String>();
    let corpus = |name, events, chunk_len: fn(&mut Random) -> usize, stream: String| {
        let mut random = Random(42);
        let mut rest = stream.as_bytes();
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(chunk_len(&mut random).min(rest.len()));
            chunks.push(chunk.to_vec());
            rest = tail;
        }
        DecodeCorpus { name, chunks, events }
    };
    let one_to_four_kib = |random: &mut Random| 1024 + random.below(3 * 1024 + 1);
    let token = json(237);
    vec![
        corpus("245B", 4_000, one_to_four_kib, stream(4_000, &|_| format!("data: {token}\n\n"))),
        corpus(
            "245B-named",
            4_000,
            one_to_four_kib,
            stream(4_000, &|number| format!("event: delta\nid: {number:010}\ndata: {token}\n\n")),
        ),
        corpus("20B", 20_000, |_| 4096, stream(20_000, &|number| format!("data: {number:012}\n\n"))),
        corpus(
            "64KiB-lines",
            16,
            |_| 16 * 1024,
            stream(16, &|_| format!("{}\n", format!("data: {}\n", letters(79)).repeat(762))),
        ),
    ]
});

fn letters(len: usize) -> String {
    ('a'..='z').cycle().take(len).collect()
}

/// The shape of a token from a language model, `len` bytes of it.
fn json(len: usize) -> String {
    let head = r#"{"id":"chatcmpl-8Zk3","object":"chat.completion.chunk","created":1700000000,"choices":[{"delta":{"content":""#;
    let tail = r#""},"index":0}]}"#;
    format!("{head}{}{tail}", letters(len - head.len() - tail.len()))
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
