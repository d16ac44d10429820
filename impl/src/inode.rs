//! An inode in memory: its locks, what each of them protects, and its copy on disk.

use crate::cache::PageCache;
use crate::design::Design;
use crate::disk;
use crate::disk::geometry::InodePosition;
use crate::error::FsError;
use crate::errseq::{MappingErrors, OpenFile};
use crate::extent::status::{Cookie, StatusTree};
use crate::extent::tree::ExtentTree;
use crate::extent::{Mapping, Status};
use crate::fsync::Sync;
use crate::ioend::Ioend;
use crate::journal::JournalInode;
use crate::lock::{Key, LocklessSize, Outstanding, ReadGuard, RwSem, SpinLock, WriteGuard, class};
use crate::units::{Ino, Lblk, Tid};
use rt::sync::Arc;
use std::ops::{Deref, DerefMut};

/// An inode in memory.
#[derive(Debug)]
pub struct Inode {
    /// Its number.
    pub ino: Ino,
    /// Where its copy on disk lies.
    pub position: InodePosition,
    /// The design of the file system that it belongs to.
    pub design: Design,
    /// Held exclusively by whoever changes the size or needs a write to be atomic.
    pub i_rwsem: RwSem<()>,
    /// Held exclusively by whoever removes folios and their blocks, shared by whoever adds folios
    /// without `i_rwsem`.
    pub invalidate_lock: RwSem<()>,
    /// The end of the file as callers see it. [writer: `i_rwsem` and a folio lock]
    pub size: LocklessSize,
    /// The end of the file that the next inode write puts on disk. Protected by `i_data_sem`.
    pub disksize: LocklessSize,
    data: RwSem<InodeData>,
    status: SpinLock<StatusTree>,
    /// Its ordered data.
    pub jinode: Arc<JournalInode>,
    /// Its folios.
    pub cache: PageCache,
    /// Direct I/O under way.
    pub dio_count: Outstanding,
    /// I/O that has completed and waits for the worker.
    pub completed: SpinLock<Vec<Ioend>>,
    /// What its writeback has failed with.
    pub errors: MappingErrors,
    /// The file as those have it open who brought it into memory: who syncs an inode and has no
    /// [`OpenFile`] of their own is told of errors through this one.
    pub opened: OpenFile,
    /// The transactions that changed it last, for fsync.
    last: SpinLock<LastTids>,
    /// Who has it open, and by what names. Together, so that of those who close it just one finds
    /// itself to be the last user of a file without a name.
    users: SpinLock<Users>,
    /// What the inode on disk holds besides. Changed only while the inode is new.
    attributes: disk::inode::Inode,
}

/// The last transactions that changed an inode. Each is a maximum, so that noting one commutes with
/// noting another.
#[derive(Debug, Default)]
struct LastTids {
    /// Anything of it: the kernel's `i_sync_tid`.
    sync: Option<Tid>,
    /// Its size or its blocks: `i_datasync_tid`.
    datasync: Option<Tid>,
}

/// Who holds a file, and the names that lead to it.
#[derive(Debug)]
struct Users {
    /// Who has it open.
    count: u32,
    /// Its names. Changed under `i_rwsem` too.
    links: u16,
}

/// What `i_data_sem` protects.
#[derive(Debug)]
pub struct InodeData {
    /// The extents on disk.
    pub tree: ExtentTree,
    /// Delayed blocks, for which space and quota are reserved.
    pub reserved: u32,
    /// Blocks charged to the owner: `i_blocks`.
    pub quota_used: u64,
    /// Blocks reserved for the owner.
    pub quota_reserved: u64,
}

impl InodeData {
    /// The data of an empty file.
    pub fn empty() -> InodeData {
        InodeData {
            tree: ExtentTree::new(),
            reserved: 0,
            quota_used: 0,
            quota_reserved: 0,
        }
    }
}

/// An exclusive hold on `i_data_sem`. In checked builds the instant invariants are evaluated when
/// it is released.
#[must_use = "the lock is released when the guard is dropped"]
pub struct DataGuard<'a> {
    inode: &'a Inode,
    /// The hold itself, but while [`DataGuard::unlocked`] has let go of it.
    data: Option<WriteGuard<'a, InodeData>>,
}

impl Inode {
    /// The inode as read from disk.
    pub fn new(
        position: InodePosition,
        attributes: disk::inode::Inode,
        tree: ExtentTree,
        design: Design,
        blocks_per_folio: u32,
    ) -> Inode {
        let ino = position.ino();
        let key = Key::One(u64::from(ino.0));
        let data = InodeData {
            quota_used: u64::from(attributes.blocks_512) / 2,
            tree,
            reserved: 0,
            quota_reserved: 0,
        };
        let users = Users {
            count: 0,
            links: attributes.links,
        };
        let errors = MappingErrors::new(ino.0);
        Inode {
            ino,
            position,
            design,
            i_rwsem: RwSem::new(&class::I_RWSEM, key, ()),
            invalidate_lock: RwSem::new(&class::INVALIDATE_LOCK, key, ()),
            size: LocklessSize::new(&class::I_SIZE, key, attributes.size),
            disksize: LocklessSize::new(&class::I_DISKSIZE, key, attributes.size),
            data: RwSem::new(&class::I_DATA_SEM, key, data),
            status: SpinLock::new(&class::I_ES_LOCK, key, StatusTree::new()),
            jinode: Arc::new(JournalInode::new(ino)),
            cache: PageCache::new(ino, blocks_per_folio),
            dio_count: Outstanding::new(&class::I_DIO_COUNT, key),
            completed: SpinLock::new(&class::COMPLETED_IO, key, Vec::new()),
            opened: OpenFile::at(errors.sample()),
            errors,
            last: SpinLock::new(&class::SYNC_TID, key, LastTids::default()),
            users: SpinLock::new(&class::I_COUNT, key, users),
            attributes,
        }
    }

    /// Locks the mapping for changing it.
    ///
    /// # Locking
    /// Takes: `i_data_sem`, exclusive.
    pub fn lock_data(&self) -> DataGuard<'_> {
        DataGuard {
            inode: self,
            data: Some(self.data.write()),
        }
    }

    /// Locks the mapping for reading it.
    ///
    /// # Locking
    /// Takes: `i_data_sem`, shared.
    pub fn read_data(&self) -> ReadGuard<'_, InodeData> {
        self.data.read()
    }

    /// What the extent status tree knows about a block, with the cookie that says how long it
    /// stays true.
    ///
    /// # Locking
    /// Takes: `i_es_lock`. With `i_data_sem` held the answer stays true while it is.
    pub fn lookup_status(&self, lblk: Lblk) -> (Option<Mapping>, Cookie) {
        self.status.read(|tree| (tree.lookup(lblk), tree.cookie()))
    }

    /// Whether nothing has changed in the mapping since a cookie was taken.
    ///
    /// # Locking
    /// Takes: `i_es_lock`. The answer stays true while the folio lock is held on the blocks that
    /// the mapping is used for.
    pub fn is_current(&self, cookie: Cookie) -> bool {
        self.status.read(|tree| tree.cookie() == cookie)
    }

    /// Looks a block up in the extent status tree, and where that knows nothing in the extent
    /// tree, whose answer is cached.
    ///
    /// # Locking
    /// Takes: `i_es_lock`, and on a miss `i_data_sem`, shared.
    pub fn query(&self, lblk: Lblk) -> (Mapping, Cookie) {
        if let (Some(mapping), cookie) = self.lookup_status(lblk) {
            return (mapping, cookie);
        }
        let data = self.read_data();
        self.query_locked(&data, lblk)
    }

    /// As [`Inode::query`], for holders of `i_data_sem`.
    ///
    /// # Locking
    /// Requires: `i_data_sem`, which `data` comes from. Takes: `i_es_lock`.
    pub fn query_locked(&self, data: &InodeData, lblk: Lblk) -> (Mapping, Cookie) {
        self.status.write(|status| {
            let mapping = status.lookup(lblk).unwrap_or_else(|| {
                let mut mapping = data.tree.lookup(lblk);
                if let Some(known) = status.next_known(lblk) {
                    mapping.len = mapping.len.min(known.0 - lblk.0);
                }
                status.cache(mapping);
                mapping
            });
            (mapping, status.cookie())
        })
    }

    /// Waits for nothing and changes nothing: the block's true mapping, for invariants.
    pub fn peek_status(&self, lblk: Lblk) -> Option<Status> {
        self.status.peek(|tree| {
            tree.lookup(lblk)
                .and_then(|mapping| mapping.status_at(lblk))
        })
    }

    /// The delayed extents, for invariants: not an operation.
    pub fn peek_delayed(&self) -> Vec<Mapping> {
        self.status.peek(|tree| {
            tree.iter()
                .filter(|m| m.status == Status::Delayed)
                .collect()
        })
    }

    /// Counts one more user. Requires: that the inode has a name, or a user.
    pub fn iget(&self) {
        self.users.write(|users| users.count += 1);
    }

    /// Counts one user less; says whether that was the last one of an inode without a name, so
    /// that nobody will ever find it again. Who never counted itself, like a reader of a file that
    /// stays, has nothing to take back.
    ///
    /// # Source
    /// linux v7.0 fs/inode.c `iput`, `iput_final`: both questions are asked under `i_lock`.
    pub(crate) fn put(&self) -> bool {
        self.users.write(|users| {
            users.count = users.count.saturating_sub(1);
            users.count == 0 && users.links == 0
        })
    }

    /// How many names lead to it: not an operation, because a lock orders it.
    ///
    /// # Locking
    /// Requires: `i_rwsem`, exclusive; or that nobody else can find the inode, or use it.
    pub fn links(&self) -> u16 {
        self.users.peek(|users| users.links)
    }

    /// Sets how many names lead to it.
    ///
    /// # Locking
    /// Requires: `i_rwsem`, exclusive.
    pub(crate) fn set_links(&self, to: u16) {
        self.users.write(|users| users.links = to);
    }

    /// Notes that a transaction changes the inode, and with [`Sync::Data`] what is needed to read
    /// its data.
    pub fn note_tid(&self, tid: Tid, changes: Sync) {
        let note = |last: &mut Option<Tid>| {
            if last.is_none_or(|last| tid.is_after(last)) {
                *last = Some(tid);
            }
        };
        self.last.merge(|last| {
            note(&mut last.sync);
            if changes == Sync::Data {
                note(&mut last.datasync);
            }
        });
    }

    /// The last transaction that changed the inode, or what is needed to read its data, if one has
    /// since it was read from disk.
    pub fn sync_tid(&self, sync: Sync) -> Option<Tid> {
        self.last.read(|last| match sync {
            Sync::All => last.sync,
            Sync::Data => last.datasync,
        })
    }

    /// The inode as it belongs on disk. The orphan link is not part of it: the copy on disk is
    /// where that lives.
    pub fn to_disk(&self, data: &InodeData) -> disk::inode::Inode {
        disk::inode::Inode {
            size: self.disksize.peek(),
            blocks_512: (data.quota_used * 2) as u32,
            ..self.attributes.clone()
        }
    }

    /// Whether its blocks are mapped by pointers instead of extents. It stays so.
    pub fn is_block_mapped(&self) -> bool {
        self.attributes.flags & disk::inode::FLAG_EXTENTS == 0
    }

    /// The largest that it can become, in bytes.
    pub fn size_max(&self) -> u64 {
        match self.is_block_mapped() {
            true => Lblk(disk::indirect::BLOCKS_MAX).offset(),
            false => disk::inode::FILE_SIZE_MAX,
        }
    }

    /// Refuses what takes extents, which may be unwritten.
    ///
    /// # Errors
    /// [`FsError::NeedsExtents`].
    pub fn expect_extents(&self) -> Result<(), FsError> {
        match self.is_block_mapped() {
            true => Err(FsError::NeedsExtents),
            false => Ok(()),
        }
    }

    /// What is on disk besides size, blocks and extents.
    pub fn attributes(&self) -> &disk::inode::Inode {
        &self.attributes
    }
}

impl DataGuard<'_> {
    /// Lets go of the lock, runs `section`, and takes the lock again.
    ///
    /// # Locking
    /// Drops and retakes: `i_data_sem`, exclusive. What had been found out under it has to be found
    /// out again.
    pub fn unlocked<R>(&mut self, section: impl FnOnce() -> R) -> R {
        self.check();
        self.data = None;
        let result = section();
        self.data = Some(self.inode.data.write());
        result
    }

    fn check(&self) {
        if rt::CHECKED {
            crate::invariants::instant::check(self.inode, self);
        }
    }

    /// Puts a mapping into the extent status tree. Returns how many delayed blocks it overwrote.
    ///
    /// # Locking
    /// Takes: `i_es_lock`.
    pub fn insert_status(&mut self, mapping: Mapping) -> u32 {
        self.inode.status.write(|status| status.insert(mapping))
    }

    /// Removes a range from the extent status tree. Returns how many delayed blocks there were.
    ///
    /// # Locking
    /// Takes: `i_es_lock`.
    pub fn remove_status(&mut self, range: std::ops::Range<Lblk>) -> u32 {
        self.inode.status.write(|status| status.remove(range))
    }

    /// The cookie of the mapping as it is now.
    ///
    /// # Locking
    /// Takes: `i_es_lock`.
    pub fn cookie(&self) -> Cookie {
        self.inode.status.read(StatusTree::cookie)
    }

    /// The extent status tree, for invariants: not an operation.
    pub fn peek_status_tree<R>(&self, section: impl FnOnce(&StatusTree) -> R) -> R {
        self.inode.status.peek(section)
    }
}

impl Deref for DataGuard<'_> {
    type Target = InodeData;

    fn deref(&self) -> &InodeData {
        self.data.as_ref().expect(HELD)
    }
}

impl DerefMut for DataGuard<'_> {
    fn deref_mut(&mut self) -> &mut InodeData {
        self.data.as_mut().expect(HELD)
    }
}

impl Drop for DataGuard<'_> {
    fn drop(&mut self) {
        if self.data.is_some() {
            self.check();
        }
    }
}

/// Only [`DataGuard::unlocked`] lets go, and borrows the guard while it has.
const HELD: &str = "a guard holds its lock";
