//! The names of the scenarios, once: whoever tells scenarios apart is handed this list.

/// Calls a macro with its arguments and the names of all scenarios.
macro_rules! with_names {
    ($call:ident!($($args:tt)*)) => {
        $call!($($args)*;
            dio_extend_vs_delalloc_writeback,
            direct_write_pair,
            direct_write_vs_read,
            fsync_vs_checkpoint,
            revoke_and_reuse,
            short_write_punch_vs_mmap_fault,
            short_write_punch_vs_writeback,
            writeback_vs_punch_hole,
            writeback_vs_truncate,
        )
    };
}
pub(crate) use with_names;
