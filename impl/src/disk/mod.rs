//! The on-disk format: typed structures, each with a decoder that trusts nothing and an encoder
//! that writes fresh checksums.
//!
//! The format is the subset of ext4 that [`superblock`] names: 1 KiB blocks, one block group,
//! 256-byte inodes, extents, linear directories, checksums on all metadata. Whatever lies outside
//! that subset is refused at decoding and never half understood.
//!
//! **Invariant:** no bytes make a decoder panic. A value that a decoder returns is within the
//! ranges its type documents, so that later arithmetic on it can not overflow and every block
//! number in it lies on the device.
//!
//! **Invariant:** an encoder that rewrites a structure in place leaves the bytes that its type
//! does not model as they were.
//!
//! This module keeps no state and takes no lock.

pub(crate) mod bytes;
pub mod error;

pub mod checksum;
pub mod geometry;

pub mod superblock;

pub mod group;

pub mod bitmap;

pub mod inode;

pub mod extent;

pub mod indirect;

pub mod dir;

#[cfg(test)]
mod tests;
