//! Placeholder.

pub mod e2fsck;
