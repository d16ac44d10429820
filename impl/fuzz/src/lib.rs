//! What the targets call: see README.md.

#[path = "../../on-std/tests/garbage/mod.rs"]
pub mod garbage;
