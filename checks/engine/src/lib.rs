//! Placeholder.

pub mod crash;
