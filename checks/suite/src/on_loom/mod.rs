//! The core on loom.
//!
//! Each variant is the whole core compiled once more, and loom is here to cross-check the explorer
//! on the correct protocols. So variants are on loom only with the feature `loom-variants`.

pub use extfs_loom as extfs;

#[path = "../runtime.rs"]
pub mod runtime;
#[path = "../scenarios/mod.rs"]
pub mod scenarios;
#[cfg_attr(feature = "loom-variants", path = "../variants/mod.rs")]
#[cfg_attr(not(feature = "loom-variants"), path = "../correct_only.rs")]
pub mod variants;
