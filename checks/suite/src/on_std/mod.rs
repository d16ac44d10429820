//! The core on std, for recovery.

pub use extfs_std as extfs;

pub mod recovery;
// The unit tests need none, and compiling them once more for these would take minutes.
#[cfg_attr(not(test), path = "../variants/mod.rs")]
#[cfg_attr(test, path = "../correct_only.rs")]
pub mod variants;
