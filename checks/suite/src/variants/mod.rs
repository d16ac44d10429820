//! Seeded bugs: each changes one step of the protocol. Compiled once for each runtime.

use super::extfs;
use extfs::device::Device;
use extfs::protocol::Protocol;

/// Declares the variants, and the function that finds one by its name.
macro_rules! variants {
    ($($name:ident,)*) => {
        $(pub mod $name;)*

        /// The protocol of a variant, or the correct one. `None` if there is no such variant.
        pub fn protocol<D: Device>(variant: Option<&str>) -> Option<Protocol<D>> {
            let mut protocol = Protocol::correct();
            match variant {
                None => {}
                $(Some(stringify!($name)) => $name::seed(&mut protocol),)*
                Some(_) => return None,
            }
            Some(protocol)
        }
    };
}

variants! {
    add_wait_for_add_write,
    allocated_as_written,
    async_extension,
    cache_truncated_before_punch,
    commit_after_abort,
    commit_before_log,
    commit_without_preflush,
    cookie_taken_late,
    dio_extends_by_i_size,
    dio_size_without_handle,
    dio_tail_not_zeroed,
    dio_without_drain,
    dio_without_orphan,
    dirty_folio_skipped_whole,
    disksize_before_io,
    disksize_not_clipped,
    disksize_set_unlocked,
    dsync_trusts_map,
    early_downgrade,
    end_bio_not_bound,
    end_io_judges_by_submitted,
    failed_dio_not_trimmed,
    failed_io_converted,
    failed_write_not_truncated,
    fallback_flushed_short,
    fallback_not_flushed,
    fault_punches,
    folio_before_handle,
    freed_block_reused_at_once,
    frozen_copy_missing,
    fsync_trusts_commit,
    hole_filled_as_written,
    map_without_cookie,
    new_block_read_from_disk,
    new_flag_missing,
    no_punch_at_all,
    old_end_left_writable,
    ordered_data_not_submitted,
    ordered_data_not_waited_for,
    orphan_del_by_end_io,
    orphan_left_by_delete,
    orphan_left_by_disksize_test,
    overwrite_judged_by_size,
    partial_folio_left_writable,
    punch_dirty_blind,
    punch_drops_ordered,
    punch_end_rounded_down,
    punch_in_two_sections,
    punch_keeps_disksize,
    punch_keeps_folios,
    punch_not_ours,
    punch_only_below_eof,
    punch_rounded_down,
    punch_without_invalidate_lock,
    read_cache_kept,
    recovery_reset_before_flush,
    reservation_not_trimmed,
    reserve_without_second_look,
    revoke_ignored,
    revoke_not_written,
    short_dio_keeps_blocks,
    stale_iomap_write,
    stale_status_kept,
    store_beyond_end_kept,
    tail_before_flush,
    tail_not_ordered,
    tail_zeroed_in_cache,
    throttled_under_handle,
    truncate_drops_ordered,
    truncate_passes_direct_io,
    truncate_passes_writeback,
    truncate_under_handle,
    truncate_without_orphan,
    unlink_without_orphan,
    wb_lookup_unlocked,
    writeback_error_not_told,
    writeback_leaves_writable,
    writeback_orders_nothing,
    zeroed_under_handle,
}
