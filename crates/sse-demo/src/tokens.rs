//! A scripted answer, cut the way a language model's tokenizer cuts text.

use core::time::Duration;

/// The time between two tokens.
pub const PACE: Duration = Duration::from_millis(25);

/// The answer to `prompt`, as tokens: concatenated they are the text.
///
/// The prompt is repeated as it came, but for its line ends: CR and CRLF become LF, for a CR cannot pass in `data`.
/// The first token is empty, as the first delta of real model streams is.
#[must_use]
pub fn answer(prompt: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let text = text(&prompt.replace("\r\n", "\n").replace('\r', "\n"));
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_len(rest));
        tokens.push(token.to_owned());
        rest = after;
    }
    tokens
}

fn text(prompt: &str) -> String {
    format!(
        "You asked:\n\
         \n\
         > {prompt}\n\
         \n\
         This is a scripted answer; **no model is behind it**. What is real is the way it came to you: \
         every token is one Server-Sent Event, sent when it was \"thought of\" and shown when it arrived.\n\
         \n\
         - Spaces in front of a word survive:   three here.\n\
         - So do line breaks, empty tokens and characters of several bytes: \
         naïve café, Größe, привет, 你好, 🦀 and 👩‍🚀.\n\
         - Your prompt stands above as you typed it, whatever is in it.\n\
         \n\
         ```js\n\
         source.addEventListener(\"token\", (event) => {{\n\
         \x20   answer.append(event.data);\n\
         }});\n\
         ```\n\
         \n\
         The last event is named `done`. The page closes its EventSource there, \
         for otherwise the browser would come back and ask again. 🏁\n"
    )
}

/// The length of the token at the start of `rest`, never zero: a run of spaces or of line breaks but for the space that
/// leads a word, up to nine letters with that space, or one other character.
fn token_len(rest: &str) -> usize {
    const LETTERS: usize = 9;
    let run = |of: char| rest.len() - rest.trim_start_matches(of).len();
    let breaks = run('\n');
    if breaks > 0 {
        return breaks;
    }
    let spaces = run(' ');
    let word = &rest[spaces..];
    if spaces > 1 || (spaces == 1 && word.is_empty()) {
        return if word.is_empty() { spaces } else { spaces - 1 };
    }
    let letters: usize =
        word.chars().take(LETTERS).take_while(|c| c.is_alphanumeric()).map(char::len_utf8).sum();
    if letters > 0 { spaces + letters } else { spaces + word.chars().next().map_or(0, char::len_utf8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_are_the_text() {
        for prompt in
            ["", " ", "  two  spaces  ", "a\n\nevent: admin\ndata: PWNED", "<b>&amp;</b>", "\0", "👩‍👩‍👧‍👦"]
        {
            assert_eq!(answer(prompt).concat(), text(prompt), "{prompt:?}");
            assert!(answer(prompt).concat().contains(prompt), "{prompt:?}");
        }
    }

    #[test]
    fn only_the_first_token_is_empty() {
        let tokens = answer("why?");
        assert_eq!(tokens.iter().position(String::is_empty), Some(0));
        assert_eq!(tokens.iter().filter(|token| token.is_empty()).count(), 1);
    }

    #[test]
    fn tokens_are_short_and_words_carry_their_leading_space() {
        let tokens = answer("Say something extraordinary");
        assert!(tokens.iter().all(|token| token.chars().count() <= 10), "{tokens:?}");
        for expected in [" something", " extraordi", "nary", "\n\n", "   ", " 🦀"] {
            assert!(tokens.iter().any(|token| token == expected), "{expected:?} in {tokens:?}");
        }
    }

    #[test]
    fn a_cr_in_the_prompt_becomes_the_line_end_that_the_format_can_carry() {
        assert_eq!(answer("a\r\nb\rc").concat(), answer("a\nb\nc").concat());
    }

    #[test]
    fn the_same_prompt_gets_the_same_answer() {
        assert_eq!(answer("again"), answer("again"));
    }
}
