//! The scenarios, generic over the protocol. Compiled once for each runtime.

pub mod setting;

pub mod dio_extend_vs_delalloc_writeback;
pub mod direct_write_pair;
pub mod direct_write_vs_read;
pub mod fsync_vs_checkpoint;
pub mod revoke_and_reuse;
pub mod short_write_punch_vs_mmap_fault;
pub mod short_write_punch_vs_writeback;
pub mod writeback_vs_punch_hole;
pub mod writeback_vs_truncate;
