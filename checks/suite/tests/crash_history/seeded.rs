//! Protocols with one wrong step each, to show that neither the histories nor the steps are
//! decoration.

use cutpoint_suite::on_std::extfs::device::Device;
use cutpoint_suite::on_std::extfs::protocol::Protocol;
use cutpoint_suite::on_std::extfs::units::Lblk;
use cutpoint_suite::on_std::extfs::writeback::buffer_head;
use cutpoint_suite::on_std::variants;

/// A protocol with a wrong step.
#[derive(Clone, Copy, Debug)]
pub enum Seeded {
    /// A variant of the suite.
    Variant(&'static str),
    /// Zeroes the end of the last block in the cache, and does not write it before the size
    /// changes.
    TailZeroedInCacheOnly,
    /// Leaves the parts of blocks at the ends of a range as they are.
    PartsKept,
    /// Removes blocks below folios that stay.
    FoliosKept,
    /// Takes nothing from a file that is truncated.
    SpaceKept,
    /// Drops dirty folios whose I/O would have raised the size on disk, and does not raise it
    /// instead.
    SizeNotRaisedBeforePunch,
    /// BH: new blocks do not make the commit wait for their data.
    DataNotOrdered,
    /// BH: the zeroed end of a block does not make the commit write it.
    TailNotOrdered,
    /// BH: the zeroed end of a block makes the commit wait for it, and nobody submits it. Catalogue
    /// entry D66.
    TailOnlyWaitedFor,
    /// BH: the commit does not wait for ordered data. Catalogue entry D66.
    CommitDoesNotWait,
    /// BH: nobody raises the size on disk where a write ends in a block that is on disk already.
    EndInsideBlockForgotten,
    /// Leaves a file on the orphan list after its truncate.
    OrphanLeft,
}

impl Seeded {
    /// The protocol with its wrong step.
    pub fn protocol<D: Device>(self) -> Protocol<D> {
        let mut protocol = Protocol::correct();
        match self {
            Seeded::Variant(name) => {
                protocol = variants::protocol(Some(name)).expect("there is such a variant");
            }
            Seeded::TailZeroedInCacheOnly => {
                protocol.zero_eof = |fs, inode, size, _end| {
                    (fs.protocol().zero_partial_blocks)(
                        fs,
                        inode,
                        size..Lblk::round_up(size).offset(),
                    )
                };
            }
            Seeded::PartsKept => {
                protocol.zero_partial_blocks = |_fs, _inode, _range| Ok(());
            }
            Seeded::FoliosKept => {
                protocol.truncate_pagecache_range = |_fs, _inode, _blocks| {};
            }
            Seeded::SpaceKept => {
                protocol.remove_space = |_fs, _handle, _inode, _data, _range| Ok(());
            }
            Seeded::SizeNotRaisedBeforePunch => {
                protocol.update_disksize_before_punch = |_fs, _inode, _end| Ok(());
            }
            Seeded::DataNotOrdered => {
                protocol.inode_add_wait = |_, _, _| {};
            }
            Seeded::TailNotOrdered => {
                protocol.inode_add_write = |_, _, _| {};
            }
            Seeded::TailOnlyWaitedFor => {
                protocol.inode_add_write = |handle, inode, bytes| {
                    buffer_head::inode_add_wait(handle, inode, bytes);
                };
            }
            Seeded::CommitDoesNotWait => {
                protocol.journal.wait_ordered_data = |_| Ok(());
            }
            Seeded::EndInsideBlockForgotten => {
                protocol.da_should_update_i_disksize = |_, _| false;
            }
            Seeded::OrphanLeft => {
                protocol.orphan_del = |_fs, _handle, _inode| Ok(());
            }
        }
        protocol
    }
}
