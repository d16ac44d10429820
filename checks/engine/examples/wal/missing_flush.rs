//! Records are acknowledged while they are in the device's cache.
//!
//! # Source
//! Every storage engine's history; on Linux, an fsync that does not reach the disk because the
//! file system is mounted with `nobarrier`.
//!
//! # Breaks
//! `durable`: an acknowledged record is lost.

use super::device::Device;
use super::log::Protocol;
use std::io;

/// The log without its flush.
pub enum MissingFlush {}

impl Protocol for MissingFlush {
    fn flush_appended(_device: &impl Device) -> io::Result<()> {
        Ok(())
    }
}
