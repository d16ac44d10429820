//! The rules of direct writes that extend a file.

use crate::rule::rules;

rules! {
    /// A direct write extends the file if it ends past `i_disksize`, even inside `i_size`. Without
    /// the rule nobody raises the size on disk over data that was promised to be durable.
    ///
    /// # Source
    ///
    /// "extension of i_disksize is what actually matters" (linux-ext4, October 2019);
    /// fs/ext4/file.c `ext4_extending_io`.
    ExtendTestsDisksize,
    /// A direct write that extends the file holds `i_rwsem` exclusively. Without the rule two of
    /// them share one orphan record, and the first to end deletes it.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_checks`.
    ExclusiveForExtension,
    /// A direct write lets go of the shared lock before it takes it exclusively. Without the rule
    /// two of them wait for each other.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_checks`: `inode_unlock_shared`, then `inode_lock`.
    UnlockBeforeRelock,
    /// A direct write that had to take the lock again repeats its checks. Without the rule it acts
    /// on a file that a truncate has changed.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_checks`: `goto restart`.
    RecheckAfterRelock,
    /// The orphan record is written before a block past the end is allocated. Without the rule a
    /// crash leaves a block past the end, and nothing says so.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_iter`: `ext4_orphan_add`.
    OrphanBeforeAllocation,
    /// A direct write that extends the file is waited for under the lock, so that its completion
    /// changes the orphan list under it.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_iter`: `IOMAP_DIO_FORCE_WAIT`.
    WaitForExtendingDio,
    /// Whether a direct write extends the file is decided once, when it begins. Without the rule
    /// writeback raises the size meanwhile, the completion thinks that there is nothing to do, and
    /// the file stays on the orphan list.
    ///
    /// # Source
    ///
    /// The race table in the same discussion: CPU1 buffered, CPU2 direct.
    DecideExtensionOnce,
    /// A block inside the file is allocated unwritten. Without the rule the bytes of an earlier
    /// owner can be read after a crash.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_iomap_alloc`: `EXT4_GET_BLOCKS_IO_CREATE_EXT`.
    UnwrittenInsideSize,
    /// A direct write raises the sizes when its data has reached the device.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_handle_inode_extension`, called after the I/O.
    RaiseSizesAfterIo,
    /// It only ever raises them. Without the rule it takes back what writeback has raised.
    ///
    /// # Source
    ///
    /// fs/ext4/ext4.h `ext4_update_inode_size`: `if (newsize > ...)`.
    RaiseOnly,
    /// The orphan record is deleted in the handle that raises the sizes.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_handle_inode_extension`: one handle for both.
    OrphanDelWithSizes,
    /// A direct write that failed removes what it allocated past the end, and its orphan record.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_inode_extension_cleanup`.
    CleanUpFailedExtension,
    /// A truncate waits for direct I/O. Without the rule it frees blocks that the device is about
    /// to write.
    ///
    /// # Source
    ///
    /// fs/ext4/inode.c `ext4_setattr`: `inode_dio_wait`.
    TruncateWaitsForDio,
    /// A direct write invalidates the page cache after the I/O too. Without the rule a reader that
    /// came in between keeps the old content.
    ///
    /// # Source
    ///
    /// fs/iomap/direct-io.c `iomap_dio_complete`: `kiocb_invalidate_post_direct_write`.
    InvalidateAfterIo,
    /// What a direct write leaves to the page cache is written back, and leaves the cache, before
    /// the call returns. Without the rule a direct write has returned and its data is nowhere but
    /// in memory, also if the file was opened with `O_DSYNC`.
    ///
    /// # Source
    ///
    /// fs/ext4/file.c `ext4_dio_write_iter`: `filemap_write_and_wait_range`, then
    /// `invalidate_mapping_pages`.
    FlushFallback,
    /// A synchronous write forces the journal after the sizes are raised, and returns after that.
    ///
    /// # Source
    ///
    /// fs/iomap/direct-io.c `iomap_dio_complete`: `generic_write_sync` comes after `end_io`.
    SyncAfterSizeUpdate,
}
