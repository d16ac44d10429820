//! The scenarios, generic over the protocol. Compiled once for each runtime.

pub mod setting;

pub mod dio_extend_vs_delalloc_writeback;
pub mod short_write_punch_vs_mmap_fault;
pub mod writeback_vs_truncate;
