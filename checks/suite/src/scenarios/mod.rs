//! The scenarios, generic over the protocol. Compiled once for each runtime.

pub mod setting;

pub mod append_vs_commit;
pub mod dio_extend_vs_delalloc_writeback;
pub mod direct_read_vs_truncate;
pub mod direct_vs_buffered_extension;
pub mod direct_write_pair;
pub mod direct_write_vs_mapped_store;
pub mod direct_write_vs_read;
pub mod dsync_direct_write;
pub mod dsync_direct_write_vs_append;
pub mod failed_commit;
pub mod failed_writeback;
pub mod fsync_vs_checkpoint;
pub mod growth_past_tail;
pub mod growth_vs_mapped_store;
pub mod ordered_write_vs_truncate;
pub mod punch_vs_mapped_store;
pub mod read_vs_truncate;
pub mod revoke_and_reuse;
pub mod short_write_punch_vs_mmap_fault;
pub mod short_write_punch_vs_writeback;
pub mod truncate_and_reuse;
pub mod truncate_vs_direct_write;
pub mod unlink_vs_completion;
pub mod write_into_block_mapped_hole;
pub mod write_vs_mapped_store;
pub mod write_vs_reclaim;
pub mod writeback_on_full_image;
pub mod writeback_vs_punch_hole;
pub mod writeback_vs_truncate;
