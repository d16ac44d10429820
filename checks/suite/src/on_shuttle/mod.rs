//! The core on shuttle, explored by DPOR and by shuttle's schedulers.

pub use extfs_shuttle as extfs;

#[path = "../runtime.rs"]
pub mod runtime;
#[path = "../scenarios/mod.rs"]
pub mod scenarios;
#[path = "../variants/mod.rs"]
pub mod variants;
