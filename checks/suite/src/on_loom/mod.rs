//! The core on loom.

pub use extfs_loom as extfs;

#[path = "../runtime.rs"]
pub mod runtime;
#[path = "../scenarios/mod.rs"]
pub mod scenarios;
#[path = "../variants/mod.rs"]
pub mod variants;
