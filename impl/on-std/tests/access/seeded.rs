//! Protocols with one wrong step each, which histories must catch.

use crate::caught_after;
use extfs_std::allocate::Kind;
use extfs_std::cache::FolioGuard;
use extfs_std::completion::convert_unwritten;
use extfs_std::delalloc::{self, Iomap};
use extfs_std::device::Device;
use extfs_std::direct::{DirectIo, WriteChecks};
use extfs_std::error::FsError;
use extfs_std::fs::Filesystem;
use extfs_std::inode::Inode;
use extfs_std::journal::JournalSteps;
use extfs_std::protocol::Protocol;
use extfs_std::units::Lblk;
use std::ops::Range;

macro_rules! seeded {
    ($($(#[$doc:meta])* $name:ident { $($item:item)* })*) => {
        $(
            $(#[$doc])*
            pub enum $name {}
            impl JournalSteps for $name {}
            impl Protocol for $name { $($item)* }
        )*

        /// Each with a search for a history that catches it.
        pub fn all() -> Vec<(&'static str, fn(u32) -> Option<u32>)> {
            vec![$((stringify!($name), caught_after::<$name>)),*]
        }
    };
}

seeded! {
    /// D18: a writer does not know that it reserved the blocks itself.
    NewFlagMissing {
        fn buffered_write_begin<D: Device>(
            fs: &Filesystem<D, Self>,
            inode: &Inode,
            range: Range<Lblk>,
        ) -> Result<Iomap, FsError> {
            let iomap = delalloc::write_begin(fs, inode, range)?;
            Ok(Iomap { is_new: false, ..iomap })
        }
    }

    /// D19: what a short copy left is not given back.
    NoPunchAtAll {
        fn buffered_write_end<D: Device>(
            _: &Filesystem<D, Self>,
            _: &Inode,
            _: &Iomap,
            _: &Range<u64>,
            _: usize,
        ) {
        }
    }

    /// Taking a folio for I/O leaves it writable.
    WritableUnderWriteback {
        fn clear_dirty_for_io(guard: &mut FolioGuard<'_>) -> Vec<Lblk> {
            guard.clear_dirty()
        }
    }

    /// D63: a folio that is punched in part stays writable.
    PartialFolioStaysWritable {
        fn protect_partial_folio(_: &mut FolioGuard<'_>) {}
    }

    /// The page of the old end stays as stores have left it.
    OldEndStaysWritable {
        fn pagecache_isize_extended(_: &Inode, _: u64, _: u64) {}
    }

    /// Truncate and its like do not wait for direct I/O.
    DirectIoIsNotWaitedFor {
        fn inode_dio_wait<D: Device>(_: &Filesystem<D, Self>, _: &Inode) {}
    }

    /// D41, one side: an unaligned write does not wait for what is in flight.
    NoDrainBefore {
        fn dio_drain_before<D: Device>(_: &Filesystem<D, Self>, _: &Inode, _: &WriteChecks) {}
    }

    /// D40: extending and unaligned writes are not waited for.
    NobodyWaits {
        fn dio_must_wait(_: &WriteChecks) -> bool {
            false
        }
    }

    /// D44: new blocks inside the file are written before they hold data.
    WrittenInsideTheFile {
        fn dio_kind_of_new_blocks(_: &Inode, _: Lblk) -> Kind {
            Kind::Written
        }
    }

    /// D36: the end of the I/O goes by what was asked for, not by what was submitted.
    AskedIsNotSubmitted {
        fn dio_write_end_io<D: Device>(
            fs: &Filesystem<D, Self>,
            dio: &DirectIo,
        ) -> Result<(), FsError> {
            let end = dio.offset + dio.asked as u64;
            let blocks = Lblk::containing(dio.offset)..Lblk::round_up(end);
            let mut handle = fs.start_handle(extfs_std::allocate::CREDITS)?;
            convert_unwritten(fs, &mut handle, &dio.inode, blocks)?;
            handle.stop();
            Self::handle_inode_extension(fs, &dio.inode, end, true)
        }
    }

    /// D32: sizes change in memory only.
    SizesWithoutHandle {
        fn handle_inode_extension<D: Device>(
            _: &Filesystem<D, Self>,
            inode: &Inode,
            end: u64,
            _: bool,
        ) -> Result<(), FsError> {
            inode.size.set(inode.size.get().max(end));
            inode.disksize.set(inode.disksize.get().max(end));
            Ok(())
        }
    }

    /// D37: after a short or failed extending write nobody cleans up.
    NoCleanup {
        fn inode_extension_cleanup<D: Device>(
            _: &Filesystem<D, Self>,
            _: &Inode,
            _: bool,
        ) -> Result<(), FsError> {
            Ok(())
        }
    }
}
