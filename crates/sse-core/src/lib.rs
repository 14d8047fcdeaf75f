//! The Server-Sent Events protocol, sans-IO.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;
