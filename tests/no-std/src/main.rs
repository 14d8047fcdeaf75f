//! Links the core into a program without std, operating system or C library, and takes one event through all of it.
#![no_std]
#![no_main]

extern crate alloc;

use panic_halt as _;
use sse_core::connection::Output;
use sse_core::{CloseReason, Config, Connection, Decoder, Event, EventId, Instant, Item};

#[global_allocator]
static HEAP: emballoc::Allocator<32768> = emballoc::Allocator::new();

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn start() -> ! {
    core::hint::black_box(round_trip(core::hint::black_box(42)));
    loop {
        core::hint::spin_loop();
    }
}

/// On a machine with an operating system its C start-up code calls us, so that the program can be run.
#[cfg(not(target_os = "none"))]
#[allow(unsafe_code, reason = "`no_mangle`: nothing in it is unsafe")]
#[no_mangle]
extern "C" fn main() -> i32 {
    i32::from(!round_trip(42))
}

/// Sends two events, decodes what came out, and says whether it is what was sent.
fn round_trip(number: u32) -> bool {
    let now = Instant::EPOCH;
    let mut connection = Connection::start(Config::default(), now);
    let text = Event::new("two\nlines").with_id(EventId::from_static("1")).to_frame();
    let Ok(json) = Event::json([number]).to_frame() else { return false };
    if connection.send(text).is_err() || connection.send(json).is_err() {
        return false;
    }
    connection.close(CloseReason::SourceEnded);

    let mut decoder = Decoder::new();
    let mut seen = alloc::vec::Vec::new();
    while let Output::Transmit(bytes) = connection.poll_output(now) {
        let mut feed = decoder.feed(&bytes);
        while let Some(item) = feed.next() {
            if let Item::Event(event) = item {
                seen.push(alloc::string::String::from(event.data()));
            }
        }
    }
    seen == ["two\nlines", "[42]"] && decoder.last_event_id() == "1"
}
