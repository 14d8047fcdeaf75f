//! Hands the linker what std would: start-up code and memory layout for a bare target, else the C library.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        println!("cargo::rustc-link-arg-bins=-lc");
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::copy("memory.x", Path::new(&out).join("memory.x")).expect("OUT_DIR can be written to");
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    // The first section must not be moved up by a linker that aligns segments to pages.
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
