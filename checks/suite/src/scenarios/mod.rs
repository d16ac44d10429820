//! The scenarios, generic over the protocol. Compiled once for each runtime.

pub mod writeback_vs_truncate;
