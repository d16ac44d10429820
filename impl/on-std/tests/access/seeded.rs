//! Protocols with one wrong step each, which histories must catch.

use extfs_std::allocate::{self, Kind};
use extfs_std::completion::convert_unwritten;
use extfs_std::delalloc::{self, Iomap};
use extfs_std::device::memory::MemoryDevice;
use extfs_std::protocol::Protocol;
use extfs_std::units::Lblk;

/// A change of the protocol.
pub type Seed = fn(&mut Protocol<MemoryDevice>);

/// Each change with its name.
pub const ALL: &[(&str, Seed)] = &[
    // D18: a writer does not know that it reserved the blocks itself.
    ("NewFlagMissing", |protocol| {
        protocol.buffered_write_begin = |fs, inode, range| {
            let iomap = delalloc::write_begin(fs, inode, range)?;
            Ok(Iomap {
                is_new: false,
                ..iomap
            })
        };
    }),
    // D19: what a short copy left is not given back.
    ("NoPunchAtAll", |protocol| {
        protocol.buffered_write_end = |_, _, _, _, _| {};
    }),
    // Taking a folio for I/O leaves it writable.
    ("WritableUnderWriteback", |protocol| {
        protocol.clear_dirty_for_io = |guard| guard.clear_dirty();
    }),
    // D63: a folio that is punched in part stays writable.
    ("PartialFolioStaysWritable", |protocol| {
        protocol.protect_partial_folio = |_| {};
    }),
    // The page of the old end stays as stores have left it.
    ("OldEndStaysWritable", |protocol| {
        protocol.pagecache_isize_extended = |_, _, _| {};
    }),
    // Truncate and its like do not wait for direct I/O.
    ("DirectIoIsNotWaitedFor", |protocol| {
        protocol.inode_dio_wait = |_, _| {};
    }),
    // D41, one side: an unaligned write does not wait for what is in flight.
    ("NoDrainBefore", |protocol| {
        protocol.dio_drain_before = |_, _, _| {};
    }),
    // D40: extending and unaligned writes are not waited for.
    ("NobodyWaits", |protocol| {
        protocol.dio_must_wait = |_| false;
    }),
    // D44: new blocks inside the file are written before they hold data.
    ("WrittenInsideTheFile", |protocol| {
        protocol.dio_kind_of_new_blocks = |_, _| Kind::Written;
    }),
    // D36: the end of the I/O goes by what was asked for, not by what was submitted.
    ("AskedIsNotSubmitted", |protocol| {
        protocol.dio_write_end_io = |fs, dio| {
            let end = dio.offset + dio.asked as u64;
            let blocks = Lblk::containing(dio.offset)..Lblk::round_up(end);
            let mut handle = fs.start_handle(allocate::CREDITS)?;
            convert_unwritten(fs, &mut handle, &dio.inode, blocks)?;
            handle.stop();
            (fs.protocol().handle_inode_extension)(fs, &dio.inode, end, true)
        };
    }),
    // D32: sizes change in memory only.
    ("SizesWithoutHandle", |protocol| {
        protocol.handle_inode_extension = |_, inode, end, _| {
            inode.size.set(inode.size.get().max(end));
            inode.disksize.set(inode.disksize.get().max(end));
            Ok(())
        };
    }),
    // D37: after a short or failed extending write nobody cleans up.
    ("NoCleanup", |protocol| {
        protocol.inode_extension_cleanup = |_, _, _| Ok(());
    }),
];
