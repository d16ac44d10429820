//! cutpoint: a crash-consistency model checker.
//!
//! It runs real code, written on the façade of the `rt` crates, under controlled schedulers, and
//! cuts the power wherever that can make a difference.
//!
//! - [`explore`]: runs a closure once per interleaving, by several search strategies.
//! - [`crash`]: what a power cut can leave of an execution, and whether recovery copes.
//! - [`lockgraph`]: deadlocks that no execution ran into.
//! - [`clock`] and [`trace_hash`]: the partial order that an execution is.
//! - [`verdict`]: what a check may say.

pub mod clock;
pub mod crash;
pub mod explore;
pub mod lockgraph;
pub mod trace_hash;
pub mod verdict;
