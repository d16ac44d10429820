//! # Source
//! The review of ext4's direct I/O on iomap, v3: the record that the i_disksize test leaves is
//! deleted whatever the lock. Catalogue entry D35.
//!
//! # Breaks
//! I14: blocks beyond the end that nothing frees after a power cut.
//!
//! The end of an overwrite, which holds no lock, takes the file off the orphan list under somebody
//! who has just put it there.

use super::extfs::device::Device;
use super::extfs::direct::{self};
use super::extfs::orphan;
use super::extfs::protocol::Protocol;

/// Always deletes the orphan record.
pub fn seed<D: Device>(protocol: &mut Protocol<D>) {
    protocol.dio_write_end_io = |fs, dio| {
        direct::completion::write_end_io(fs, dio)?;
        let mut handle = fs.start_handle(orphan::CREDITS)?;
        orphan::del(fs, &mut handle, &dio.inode)
    };
}
