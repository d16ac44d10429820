//! The names of the scenarios, once: whoever tells scenarios apart is handed this list.

/// Calls a macro with its arguments and the names of all scenarios.
macro_rules! with_names {
    ($call:ident!($($args:tt)*)) => {
        $call!($($args)*;
            append_vs_commit,
            dio_extend_vs_delalloc_writeback,
            direct_read_vs_truncate,
            direct_vs_buffered_extension,
            direct_write_pair,
            direct_write_vs_mapped_store,
            direct_write_vs_read,
            dsync_direct_write,
            dsync_direct_write_vs_append,
            failed_commit,
            failed_writeback,
            fsync_vs_checkpoint,
            growth_past_tail,
            growth_vs_mapped_store,
            ordered_write_vs_truncate,
            punch_vs_mapped_store,
            read_vs_truncate,
            revoke_and_reuse,
            short_write_punch_vs_mmap_fault,
            short_write_punch_vs_writeback,
            truncate_and_reuse,
            truncate_vs_direct_write,
            unlink_vs_completion,
            write_into_block_mapped_hole,
            write_vs_mapped_store,
            write_vs_reclaim,
            writeback_on_full_image,
            writeback_vs_punch_hole,
            writeback_vs_truncate,
        )
    };
}
pub(crate) use with_names;
