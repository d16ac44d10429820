//! The core on std, for recovery.

pub use extfs_std as extfs;

pub mod recovery;
#[path = "../variants/mod.rs"]
pub mod variants;
