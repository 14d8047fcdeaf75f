//! The README's example for the core alone: an encoder, a decoder, and the life of one response.
#![allow(clippy::print_stdout, reason = "an example")]

use sse_core::connection::{CloseReason, Output};
use sse_core::{Config, Connection, Decoder, Event, Instant, Item, event_name};

fn main() -> Result<(), sse_core::connection::SendError> {
    let mut connection = Connection::start(Config::new(), Instant::EPOCH);
    connection.send(Event::new("two\nlines").with_name(event_name!("note")).with_id(7_u64))?;
    connection.close(CloseReason::SourceEnded);

    let mut decoder = Decoder::new();
    while let Output::Transmit(bytes) = connection.poll_output(Instant::EPOCH) {
        let mut feed = decoder.feed(&bytes); // write them to your socket here
        while let Some(item) = feed.next() {
            if let Item::Event(event) = item {
                println!("{}: {:?}, id {}", event.event_type(), event.data(), event.last_event_id());
            }
        }
    }
    Ok(())
}
