//! cutpoint: a crash-consistency model checker.
//!
//! It runs real code, written on the façade of the `rt` crates, under controlled schedulers.
//!
//! - [`explore`]: runs a closure once per interleaving, by several search strategies.
//! - [`clock`] and [`trace_hash`]: the partial order that an execution is.
//! - [`verdict`]: what a check may say.

pub mod clock;
pub mod explore;
pub mod trace_hash;
pub mod verdict;
