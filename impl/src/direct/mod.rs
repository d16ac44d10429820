//! Direct I/O: past the page cache, between the caller's buffer and the device.
//!
//! # Locking
//! ```text
//! write   i_rwsem(r, or w where `checks` says so) → folio lock, writeback; then i_dio_count up,
//!         transaction → i_data_sem; submit. Whoever waits goes on with the completion.
//! ending  transaction → i_data_sem (→ s_orphan_lock); folio lock; i_dio_count down
//! ```
//! A truncate and its like hold `i_rwsem` exclusively and wait for the count, so mappings stay put
//! from lookup to completion, also when the submitter has let go of `i_rwsem`. Stores through
//! mappings of the file take neither: the page cache is written back and dropped before the I/O
//! and dropped again after it, and what is stored in between is the caller's own race.
//!
//! # Source
//! linux v7.0 fs/ext4/file.c `ext4_dio_write_iter`, `ext4_dio_read_iter`; fs/ext4/inode.c
//! `ext4_iomap_begin`, `ext4_iomap_alloc`; fs/iomap/direct-io.c. The device reads and writes whole
//! blocks, so the block is also the sector: I/O to a part of a block reads, changes and writes it,
//! and unaligned writes are therefore exclusive even where they overwrite.

pub mod checks;
pub mod completion;
pub mod extension;
pub mod invalidate;
pub mod map;
pub mod read;
pub mod submit;
pub mod write;

pub use checks::WriteChecks;
pub use completion::AsyncWrite;
pub use submit::DirectIo;
pub use write::{
    Submitted, direct_write, direct_write_async, direct_write_from, direct_write_sync,
    direct_write_sync_async,
};

use crate::device::Device;
use crate::fs::{Background, Filesystem};
use crate::inode::Inode;

/// Waits until no direct I/O to a file is under way.
///
/// # Locking
/// Requires: `i_rwsem`, exclusive, so that none begins. Takes, where there are no background
/// threads: what ending direct I/O takes.
pub fn inode_dio_wait<D: Device>(fs: &Filesystem<D>, inode: &Inode) {
    if fs.background == Background::Stepped {
        while inode.dio_count.peek() > 0 && fs.step_direct_io() {}
    }
    inode.dio_count.wait_none();
}
