//! The journal: a jbd2 log in the blocks of one inode.

pub mod superblock;
