//! The lock classes. Their order is a matter of the design: `Design::lock_order`.
//!
//! Waits are locks too: starting a handle may wait for a commit, and truncate waits for writeback,
//! so both have a place in the order.
//!
//! # Source
//! linux v7.0 fs/ext4/super.c, the comment on lock ordering (BH); the ext4-on-iomap series v4
//! 09/23 reverses folio and transaction (IM).

use rt::Class;

/// Size changes and syscall-level write atomicity, per inode.
pub static I_RWSEM: Class = Class::new("i_rwsem");
/// Page-cache population against removal, per inode.
pub static INVALIDATE_LOCK: Class = Class::new("invalidate_lock");
/// A folio's flags and its association with the file.
pub static FOLIO_LOCK: Class = Class::new("folio lock").part_of("folio");
/// A folio's writeback flag, waited for by truncate and by writers.
pub static FOLIO_WRITEBACK: Class = Class::new("folio writeback").part_of("folio");
/// The folios of a file, looked up without a lock.
pub static PAGE_CACHE: Class = Class::new("page cache");
/// Starting a handle; closed while a commit gathers its transaction.
pub static TRANSACTION: Class = Class::new("transaction");
/// An inode's ordered data. The kernel has one lock for all inodes.
pub static J_LIST_LOCK: Class = Class::new("j_list_lock");
/// A commit's use of an inode's ordered data, waited for before the inode goes.
pub static COMMIT_RUNNING: Class = Class::new("JI_COMMIT_RUNNING");
/// Waiting for a commit to finish.
pub static COMMIT: Class = Class::new("commit");
/// The extent tree, the delayed extents and `i_disksize`, per inode.
pub static I_DATA_SEM: Class = Class::new("i_data_sem");
/// The extent status tree, per inode.
pub static I_ES_LOCK: Class = Class::new("i_es_lock");
/// The in-core size, per inode.
pub static I_SIZE: Class = Class::new("i_size");
/// The size that the next inode write puts on disk, per inode.
pub static I_DISKSIZE: Class = Class::new("i_disksize");
/// Who has a file open, and its names, per inode.
pub static I_COUNT: Class = Class::new("i_count");
/// The transactions that changed an inode last, per inode.
pub static SYNC_TID: Class = Class::new("i_sync_tid");
/// The inodes in memory.
pub static INODE_HASH: Class = Class::new("inode_hash_lock");
/// The orphan list.
pub static ORPHAN_LOCK: Class = Class::new("s_orphan_lock");
/// The block allocator of the group.
pub static GROUP_LOCK: Class = Class::new("group lock");
/// Free and promised space of the file system, and its quota.
pub static SPACE_LOCK: Class = Class::new("space counters");
/// I/O in flight, waiting for the device.
pub static IN_FLIGHT: Class = Class::new("bios in flight");
/// I/O that completed and waits for the worker.
pub static COMPLETED_IO: Class = Class::new("i_completed_io_lock");
/// Direct I/O under way, per inode: waited for under `i_rwsem` by whoever removes blocks.
pub static I_DIO_COUNT: Class = Class::new("i_dio_count");
/// Direct I/O submitted by callers that do not wait for it.
pub static DIRECT_IN_FLIGHT: Class = Class::new("direct I/O in flight");
/// The end of one such I/O, waited for by whoever submitted it.
pub static DIRECT_DONE: Class = Class::new("direct I/O done");
/// The directory's contents.
pub static DIRECTORY: Class = Class::new("directory lock");
/// What writeback of a file has failed with, per inode.
pub static MAPPING_ERRORS: Class = Class::new("writeback errors");
/// Why the journal was aborted.
pub static ABORT: Class = Class::new("journal abort");
/// Flushing a device that may fail to.
pub static DEVICE_CACHE: Class = Class::new("device cache");
