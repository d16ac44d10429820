//! Writeback: dirty folios become I/O. Each design has its own: [`iomap`] in IM, [`buffer_head`] in
//! BH. What they have in common is here: gathering contiguous blocks into one I/O, and making
//! delayed blocks real.
//!
//! # Source
//! linux v7.0 fs/ext4/inode.c `ext4_writepages`; fs/ext4/page-io.c `ext4_io_submit`;
//! fs/iomap/ioend.c `iomap_add_to_ioend`.

pub mod buffer_head;
pub mod iomap;

pub use buffer_head::{finish_inode_data_buffers, submit_inode_data_buffers};
pub use iomap::{map_is_valid, map_one_extent};

use crate::allocate::{self, Kind};
use crate::cache::{Folio, FolioGuard};
use crate::delalloc;
use crate::design::Design;
use crate::device::{Device, Durability};
use crate::error::FsError;
use crate::extent::Mapping;
use crate::extent::status::Cookie;
use crate::fs::Filesystem;
use crate::inode::{DataGuard, Inode};
use crate::ioend::Ioend;
use crate::journal::Handle;
use crate::trace;
use crate::trace::args;
use crate::units::{Lblk, Pblk};
use rt::sync::Arc;
use std::ops::Range;

/// Writes the dirty folios that touch `range`: submits the I/O and returns. With `wait`, folios
/// already under writeback are waited for, so that no dirty block is passed over.
///
/// # Locking
/// As [`iomap::writepages`] or [`buffer_head::writepages`].
///
/// # Crash
/// As [`iomap::writepages`] or [`buffer_head::writepages`].
///
/// # Errors
/// [`FsError::NoSpace`] if delayed blocks can not be allocated, which reservation should prevent;
/// [`FsError::Journal`], [`FsError::Device`].
pub fn writepages<D: Device>(
    fs: &Filesystem<D>,
    inode: &Arc<Inode>,
    range: Range<Lblk>,
    wait: bool,
) -> Result<(), FsError> {
    match fs.design() {
        Design::Im => iomap::writepages(fs, inode, range, wait),
        Design::Bh => buffer_head::writepages(fs, inode, range, wait),
    }
}

/// Gathers blocks that are contiguous in the file and on the device into one I/O.
struct Gather<'a, D: Device> {
    fs: &'a Filesystem<D>,
    inode: &'a Arc<Inode>,
    ioend: Option<Ioend>,
}

impl<'a, D: Device> Gather<'a, D> {
    fn new(fs: &'a Filesystem<D>, inode: &'a Arc<Inode>) -> Gather<'a, D> {
        Gather {
            fs,
            inode,
            ioend: None,
        }
    }

    /// Adds a block of a folio under writeback. `at` says where it goes, and whether that is
    /// unwritten; `size` is the file's size in bytes as sampled for this folio.
    fn add(
        &mut self,
        folio: &Arc<Folio>,
        guard: &FolioGuard<'_>,
        lblk: Lblk,
        at: (Pblk, bool),
        size: u64,
    ) {
        let (pblk, unwritten) = at;
        let continues = |ioend: &Ioend| ioend.continues_with(lblk, pblk, unwritten);
        if !self.ioend.as_ref().is_some_and(continues) {
            self.submit();
        }
        let ioend = self.ioend.get_or_insert_with(|| Ioend {
            inode: self.inode.clone(),
            blocks: lblk..lblk,
            pblk,
            unwritten,
            end: 0,
            data: Vec::new(),
            folios: Vec::new(),
            tickets: Vec::new(),
            is_bound: true,
            error: None,
        });
        ioend.blocks.end = Lblk(lblk.0 + 1);
        ioend.end = ioend.blocks.end.offset().min(size);
        ioend.data.push(Box::new(*guard.block(lblk)));
        let last = ioend.folios.last();
        if !last.is_some_and(|last| Arc::ptr_eq(last, folio)) {
            folio.begin_batch();
            ioend.folios.push(folio.clone());
        }
    }

    /// Hands the gathered I/O to the device. What the device refuses fails when it completes.
    fn submit(&mut self) {
        let Some(mut ioend) = self.ioend.take() else {
            return;
        };
        ioend.is_bound = (self.fs.protocol.binds_end_bio)(&ioend);
        trace::step("submit", || {
            args([
                ("", trace::range(&ioend.blocks)),
                ("at", ioend.pblk.0.into()),
                ("end", ioend.end.into()),
            ])
        });
        for (i, block) in ioend.data.iter().enumerate() {
            let pblk = Pblk(ioend.pblk.0 + i as u64);
            match self.fs.device().submit(pblk, block, Durability::Volatile) {
                Ok(ticket) => ioend.tickets.push(ticket),
                Err(error) => ioend.error = Some(error),
            }
        }
        ioend.data.clear();
        self.fs.in_flight().push(ioend);
    }
}

/// Whether an I/O gets the file system's own end: each does. That it only overwrites, or lies
/// inside the file, says nothing about whether it will fail, and a failure must be seen to.
pub fn binds_end_bio(_ioend: &Ioend) -> bool {
    true
}

/// Whether writing back has failed for good: what stays dirty could not be written the next time
/// either, and would keep who waits for it waiting.
fn is_lasting(error: &FsError) -> bool {
    matches!(error, FsError::NoSpace | FsError::Journal(_))
}

/// Gives up dirty blocks of a locked folio that can not be mapped, from the first of `blocks` on:
/// what is reserved for them is released, and what was stored in them is lost. Who syncs the file
/// is told.
///
/// They leave the cache too, so that nobody goes on reading what will never be on disk. The iomap
/// path leaves them there; the buffer-head path drops whole folios, as here.
///
/// # Locking
/// Requires: the folio lock, which `guard` is, and that nothing of `blocks` is under I/O. Takes:
/// `i_data_sem`, exclusive.
///
/// # Source
/// linux v7.0 fs/ext4/inode.c `mpage_map_and_submit_extent`, `mpage_release_unused_pages`;
/// fs/xfs/xfs_aops.c `xfs_discard_folio`.
pub fn discard_folio<D: Device>(
    fs: &Filesystem<D>,
    inode: &Inode,
    guard: &mut FolioGuard<'_>,
    blocks: Range<Lblk>,
) {
    let range = guard.folio().range();
    let blocks = blocks.start.max(range.start)..blocks.end.min(range.end);
    trace::step("discard folio", || args([("", trace::range(&blocks))]));
    delalloc::punch_delalloc(fs, inode, blocks.clone());
    guard.write_protect();
    guard.invalidate(blocks);
}

/// Allocates a delayed mapping as unwritten, and claims the reservation of as many delayed blocks
/// as the new mapping overwrote.
///
/// # Locking
/// Requires: `i_data_sem`, which `data` is, and a handle.
///
/// # Errors
/// As [`map_one_extent`].
pub fn map_create_blocks<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    delayed: Mapping,
) -> Result<(Mapping, Cookie), FsError> {
    create_blocks(fs, handle, inode, data, delayed, Kind::Unwritten)
}

/// As [`map_create_blocks`], with blocks of either kind.
fn create_blocks<D: Device>(
    fs: &Filesystem<D>,
    handle: &mut Handle<'_>,
    inode: &Inode,
    data: &mut DataGuard<'_>,
    delayed: Mapping,
    kind: Kind,
) -> Result<(Mapping, Cookie), FsError> {
    let mapping = allocate::create(fs, handle, inode, data, delayed, kind)?;
    trace::step("allocate", || {
        let at = mapping.status.pblk().map_or(0, |pblk| pblk.0);
        args([
            ("", trace::range(&(mapping.start..mapping.end()))),
            ("blocks", mapping.len.into()),
            ("at", at.into()),
        ])
    });
    let claimed = data.insert_status(mapping);
    trace::step("claim", || {
        args([
            ("reserved blocks", claimed.into()),
            ("of", mapping.len.into()),
        ])
    });
    fs.space().claim(claimed);
    data.reserved -= claimed;
    data.quota_reserved -= u64::from(claimed);
    data.quota_used += u64::from(claimed);
    fs.mark_inode_dirty(handle, inode, data)?;
    Ok((mapping, data.cookie()))
}

fn dirty_range(dirty: &[Lblk]) -> Range<u64> {
    let start = dirty.first().map_or(0, |lblk| u64::from(lblk.0));
    start..dirty.last().map_or(start, |lblk| u64::from(lblk.0) + 1)
}
