#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sse_fuzz::last_event_id(input));

#[cfg(not(fuzzing))]
fn main() {}
