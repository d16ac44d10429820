//! The core on shuttle, explored by DPOR and by shuttle's schedulers.

pub use extfs_shuttle as extfs;

#[path = "../runtime.rs"]
pub mod runtime;
#[path = "../scenarios/mod.rs"]
pub mod scenarios;
// The unit tests need none, and compiling them once more for these would take minutes.
#[cfg_attr(not(test), path = "../variants/mod.rs")]
#[cfg_attr(test, path = "../correct_only.rs")]
pub mod variants;
