//! Free space: the block bitmap, what is promised to delayed blocks, and quota.
//!
//! A block freed by a transaction is not handed out again before that transaction has committed:
//! until then a crash brings the old owner back (invariant I16).
//!
//! # Source
//! linux v7.0 fs/ext4/mballoc.c, fs/ext4/balloc.c `ext4_claim_free_clusters`; fs/ext4/inode.c
//! `ext4_da_reserve_space`, `ext4_da_update_reserve_space`, `ext4_da_release_space`. The allocator
//! is a first fit from a goal: there is one group.

use crate::buffer::Buffer;
use crate::disk::bitmap::Bitmap;
use crate::disk::checksum::Seed;
use crate::disk::geometry::Geometry;
use crate::disk::group::GroupDescriptor;
use crate::error::FsError;
use crate::journal::Handle;
use crate::lock::{Key, SpinLock, class};
use crate::units::{Ino, Pblk};
use rt::sync::Arc;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

/// The free space of a file system.
#[derive(Debug)]
pub struct Space {
    geometry: Geometry,
    counters: SpinLock<Counters>,
    group: SpinLock<Group>,
    /// The metadata blocks that the group is written to.
    buffers: GroupBuffers,
}

/// Counters of the whole file system, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks that no file owns.
    pub free: u64,
    /// Of the free blocks, those that are promised to delayed blocks.
    pub dirty: u64,
    /// Of the free blocks, those that are promised to extent trees.
    pub metadata: u64,
    /// Blocks charged to the owner.
    pub quota_used: u64,
    /// Blocks reserved for the owner.
    pub quota_reserved: u64,
}

#[derive(Debug)]
struct Group {
    blocks: Bitmap,
    inodes: Bitmap,
    descriptor: GroupDescriptor,
    /// Blocks that are free in the bitmap and may not be handed out yet: the transaction that freed
    /// them has not committed.
    freed: BTreeSet<Pblk>,
}

/// The buffers of the group's metadata.
#[derive(Clone, Debug)]
pub struct GroupBuffers {
    /// The block bitmap's.
    pub blocks: Arc<Buffer>,
    /// The inode bitmap's.
    pub inodes: Arc<Buffer>,
    /// The group descriptor's.
    pub descriptor: Arc<Buffer>,
}

impl Space {
    /// The free space as read from disk, with nothing charged to anyone yet.
    pub fn new(
        geometry: Geometry,
        blocks: Bitmap,
        inodes: Bitmap,
        descriptor: GroupDescriptor,
        buffers: GroupBuffers,
    ) -> Space {
        let counters = Counters {
            free: u64::from(blocks.count_clear()),
            ..Counters::default()
        };
        let group = Group {
            blocks,
            inodes,
            descriptor,
            freed: BTreeSet::new(),
        };
        Space {
            geometry,
            counters: SpinLock::new(&class::SPACE_LOCK, Key::Only, counters),
            group: SpinLock::new(&class::GROUP_LOCK, Key::Only, group),
            buffers,
        }
    }

    /// Promises `blocks` free blocks, and quota, to delayed blocks.
    ///
    /// # Errors
    /// [`FsError::NoSpace`] if they are promised already; then nothing has changed.
    pub fn reserve(&self, blocks: u32) -> Result<(), FsError> {
        self.counters.write(|counters| {
            counters.expect_free(u64::from(blocks))?;
            counters.dirty += u64::from(blocks);
            counters.quota_reserved += u64::from(blocks);
            Ok(())
        })
    }

    /// Takes back a promise that was not used.
    pub fn release(&self, blocks: u32) {
        self.counters.write(|counters| {
            counters.dirty -= u64::from(blocks);
            counters.quota_reserved -= u64::from(blocks);
        });
    }

    /// Turns a promise into ownership: the blocks have been allocated on its account.
    pub fn claim(&self, blocks: u32) {
        self.counters.write(|counters| {
            counters.dirty -= u64::from(blocks);
            counters.quota_reserved -= u64::from(blocks);
            counters.quota_used += u64::from(blocks);
        });
    }

    /// Promises free blocks to the extent tree of a file that is being made, so that what was
    /// promised to delayed blocks can be kept whatever the file's fragments come to. Linux keeps a
    /// share of the file system back instead, which can run out.
    ///
    /// # Errors
    /// [`FsError::NoSpace`] if they are promised already; then nothing has changed.
    pub fn reserve_metadata(&self, blocks: u32) -> Result<(), FsError> {
        self.counters.write(|counters| {
            counters.expect_free(u64::from(blocks))?;
            counters.metadata += u64::from(blocks);
            Ok(())
        })
    }

    /// Takes back a promise to an extent tree: the file is gone.
    pub fn release_metadata(&self, blocks: u32) {
        self.counters.write(|counters| {
            counters.metadata = counters.metadata.saturating_sub(u64::from(blocks));
        });
    }

    /// Turns a promise to an extent tree into ownership: a leaf has been allocated on its account.
    pub fn claim_metadata(&self, blocks: u32) {
        self.counters.write(|counters| {
            // An image that was full before it was mounted has more promises than free blocks.
            counters.metadata = counters.metadata.saturating_sub(u64::from(blocks));
            counters.quota_used += u64::from(blocks);
        });
    }

    /// Takes note of what files on disk own, and promises their trees what they may still need.
    pub fn charge(&self, owned: u32, metadata: u32) {
        self.counters.write(|counters| {
            counters.quota_used += u64::from(owned);
            counters.metadata += u64::from(metadata);
        });
    }

    /// Allocates up to `len_max` consecutive blocks, near `goal` if possible.
    ///
    /// # Errors
    /// [`FsError::NoSpace`] if no block may be handed out now (a commit may help, if
    /// [`Space::awaits_commit`]); [`FsError::Journal`].
    pub fn allocate(
        &self,
        handle: &mut Handle<'_>,
        goal: Pblk,
        len_max: u32,
    ) -> Result<Range<Pblk>, FsError> {
        let range = self.group.write(|group| {
            let found = group.find_run(&self.geometry, goal, len_max);
            let range = found.ok_or(FsError::NoSpace)?;
            for block in range.start.0..range.end.0 {
                let was_free = group.blocks.set(self.geometry.block_bit(Pblk(block)));
                expect_i15(was_free, "block", block, "free before it is allocated");
            }
            group.descriptor.free_blocks -= (range.end.0 - range.start.0) as u32;
            group.log_blocks(handle, &self.buffers, self.geometry.seed)?;
            Ok::<_, FsError>(range)
        })?;
        self.counters
            .write(|counters| counters.free -= range.end.0 - range.start.0);
        Ok(range)
    }

    /// Frees blocks that a file owned. They can be allocated again once the handle's transaction
    /// has committed, which [`Space::committed`] is told.
    ///
    /// # Errors
    /// [`FsError::Journal`].
    pub fn free(&self, handle: &mut Handle<'_>, range: Range<Pblk>) -> Result<(), FsError> {
        let len = range.end.0 - range.start.0;
        self.give_back(handle, range)?;
        self.counters.write(|counters| {
            counters.quota_used = counters.quota_used.saturating_sub(len);
        });
        Ok(())
    }

    /// Frees a leaf of an extent tree, and promises its block to that tree again.
    ///
    /// # Errors
    /// [`FsError::Journal`].
    pub fn free_leaf(&self, handle: &mut Handle<'_>, leaf: Pblk) -> Result<(), FsError> {
        self.give_back(handle, leaf..Pblk(leaf.0 + 1))?;
        self.counters.write(|counters| {
            counters.quota_used = counters.quota_used.saturating_sub(1);
            counters.metadata += 1;
        });
        Ok(())
    }

    /// Frees blocks that nobody has been charged for: an allocation is undone.
    ///
    /// # Errors
    /// [`FsError::Journal`].
    pub fn give_back(&self, handle: &mut Handle<'_>, range: Range<Pblk>) -> Result<(), FsError> {
        let len = range.end.0 - range.start.0;
        self.group.write(|group| {
            for block in range.start.0..range.end.0 {
                let was_used = group.blocks.clear(self.geometry.block_bit(Pblk(block)));
                expect_i15(was_used, "block", block, "in use before it is freed");
                group.freed.insert(Pblk(block));
            }
            group.descriptor.free_blocks += len as u32;
            group.log_blocks(handle, &self.buffers, self.geometry.seed)
        })?;
        handle.free_on_commit((range.start.0..range.end.0).map(Pblk));
        self.counters.write(|counters| counters.free += len);
        Ok(())
    }

    /// The transaction that freed these blocks has committed: they may be handed out from now on.
    pub fn committed(&self, blocks: &BTreeSet<Pblk>) {
        self.group
            .write(|group| group.freed.retain(|block| !blocks.contains(block)));
    }

    /// Whether so much of the free space is promised that it should be given out at once, while it
    /// is known to be there.
    ///
    /// # Source
    /// linux v7.0 fs/ext4/inode.c `ext4_nonda_switch`, without its watermark: the counters here are
    /// exact.
    pub fn is_nearly_promised(&self) -> bool {
        self.counters
            .read(|counters| 2 * counters.free < 3 * (counters.dirty + counters.metadata))
    }

    /// Whether blocks are free that only a commit makes available.
    pub fn awaits_commit(&self) -> bool {
        self.group.read(|group| !group.freed.is_empty())
    }

    /// Allocates an inode number.
    ///
    /// # Errors
    /// [`FsError::NoInodes`], [`FsError::Journal`].
    pub fn allocate_inode(&self, handle: &mut Handle<'_>) -> Result<Ino, FsError> {
        self.group.write(|group| {
            let bit = group.inodes.find_clear(0).ok_or(FsError::NoInodes)?;
            // `find_clear` found the bit clear under this very lock.
            let _ = group.inodes.set(bit);
            group.descriptor.free_inodes -= 1;
            // The descriptor's count of never-used inodes covers the end of the table.
            let unused = group.inodes.bits() - (bit + 1);
            group.descriptor.unused_inodes = group.descriptor.unused_inodes.min(unused);
            group.log_inodes(handle, &self.buffers, self.geometry.seed)?;
            Ok(Ino(bit + 1))
        })
    }

    /// Frees an inode number.
    ///
    /// # Errors
    /// [`FsError::Journal`].
    pub fn free_inode(&self, handle: &mut Handle<'_>, ino: Ino) -> Result<(), FsError> {
        self.group.write(|group| {
            let was_used = group.inodes.clear(ino.0 - 1);
            expect_i15(was_used, "inode", ino.0, "in use before it is freed");
            group.descriptor.free_inodes += u32::from(was_used);
            group.log_inodes(handle, &self.buffers, self.geometry.seed)
        })
    }

    /// The counters, for invariants and reports: not an operation.
    pub fn peek_counters(&self) -> Counters {
        self.counters.peek(|counters| *counters)
    }

    /// The block bitmap, for invariants: not an operation.
    pub fn peek_bitmap(&self) -> Bitmap {
        self.group.peek(|group| group.blocks.clone())
    }

    /// Whether an inode number is in use, for invariants: not an operation.
    pub fn peek_inode_in_use(&self, ino: Ino) -> bool {
        self.group.peek(|group| group.inodes.test(ino.0 - 1))
    }

    /// Free inodes, for the superblock: not an operation.
    pub fn peek_free_inodes(&self) -> u32 {
        self.group.peek(|group| group.descriptor.free_inodes)
    }
}

impl Counters {
    fn expect_free(&self, blocks: u64) -> Result<(), FsError> {
        match self.free < self.dirty + self.metadata + blocks {
            true => Err(FsError::NoSpace),
            false => Ok(()),
        }
    }
}

/// Reports a block or an inode whose bit was not as its owner must have left it.
fn expect_i15(holds: bool, what: &str, number: impl Display, demand: &str) {
    if !holds {
        rt::finding(
            "I15",
            || format!("{what} {number} is {demand}"),
            || "it is not".into(),
        );
    }
}

impl Group {
    /// Finds a run of blocks that are free and may be handed out: the first from the goal on, or if
    /// there is none, the first of all.
    fn find_run(&self, geometry: &Geometry, goal: Pblk, len_max: u32) -> Option<Range<Pblk>> {
        let goal = if goal.0 < geometry.blocks && goal.0 > 0 {
            geometry.block_bit(goal)
        } else {
            0
        };
        for from in [goal, 0] {
            let mut at = from;
            while let Some(run) = self.blocks.find_run(at, len_max) {
                let is_free = |bit: &u32| !self.freed.contains(&geometry.bit_block(*bit));
                let start = run.clone().find(is_free);
                if let Some(start) = start {
                    let end = (start..run.end)
                        .find(|bit| !is_free(bit))
                        .unwrap_or(run.end);
                    return Some(geometry.bit_block(start)..geometry.bit_block(end));
                }
                at = run.end;
            }
        }
        None
    }

    fn log_inodes(
        &mut self,
        handle: &mut Handle<'_>,
        buffers: &GroupBuffers,
        seed: Seed,
    ) -> Result<(), FsError> {
        self.descriptor.inode_bitmap_checksum = self.inodes.inodes_checksum(seed);
        handle.modify(&buffers.inodes, |block| *block = self.inodes.encode())?;
        handle.modify(&buffers.descriptor, |block| {
            self.descriptor.encode_into(block, seed)
        })?;
        Ok(())
    }

    fn log_blocks(
        &mut self,
        handle: &mut Handle<'_>,
        buffers: &GroupBuffers,
        seed: Seed,
    ) -> Result<(), FsError> {
        self.descriptor.block_bitmap_checksum = self.blocks.blocks_checksum(seed);
        handle.modify(&buffers.blocks, |block| *block = self.blocks.encode())?;
        handle.modify(&buffers.descriptor, |block| {
            self.descriptor.encode_into(block, seed)
        })?;
        Ok(())
    }
}
