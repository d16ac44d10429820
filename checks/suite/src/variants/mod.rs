//! Seeded bugs: each changes one step of the protocol. Compiled once for each runtime.

use super::extfs;
use extfs::device::Device;
use extfs::protocol::Protocol;

pub mod add_wait_for_add_write;
pub mod allocated_as_written;
pub mod async_extension;
pub mod block_mapped_hole_filled;
pub mod cache_truncated_before_punch;
pub mod commit_after_abort;
pub mod commit_before_log;
pub mod commit_without_preflush;
pub mod cookie_taken_late;
pub mod detached_folio_written;
pub mod dio_extends_by_i_size;
pub mod dio_size_without_handle;
pub mod dio_tail_not_zeroed;
pub mod dio_without_drain;
pub mod dio_without_orphan;
pub mod direct_read_unlocked;
pub mod dirty_folio_skipped_whole;
pub mod disksize_before_io;
pub mod disksize_not_clipped;
pub mod disksize_set_unlocked;
pub mod dsync_state_unlocked;
pub mod dsync_trusts_map;
pub mod early_downgrade;
pub mod end_bio_not_bound;
pub mod end_io_judges_by_submitted;
pub mod failed_dio_not_trimmed;
pub mod failed_io_converted;
pub mod failed_write_not_truncated;
pub mod fallback_flushed_short;
pub mod fallback_not_flushed;
pub mod fault_punches;
pub mod folio_before_handle;
pub mod freed_block_reused_at_once;
pub mod frozen_copy_missing;
pub mod fsync_trusts_commit;
pub mod hole_filled_as_written;
pub mod home_error_ignored;
pub mod inode_not_released;
pub mod leftover_block_kept;
pub mod log_error_ignored;
pub mod map_without_cookie;
pub mod new_block_read_from_disk;
pub mod new_flag_missing;
pub mod no_punch_at_all;
pub mod old_end_left_writable;
pub mod ordered_data_in_iomap;
pub mod ordered_data_not_submitted;
pub mod ordered_data_not_waited_for;
pub mod orphan_del_by_end_io;
pub mod orphan_left_by_delete;
pub mod orphan_left_by_disksize_test;
pub mod overwrite_judged_by_size;
pub mod page_filled_unlocked;
pub mod partial_folio_left_writable;
pub mod partial_folio_not_submitted;
pub mod punch_dirty_blind;
pub mod punch_drops_ordered;
pub mod punch_end_rounded_down;
pub mod punch_in_two_sections;
pub mod punch_keeps_disksize;
pub mod punch_keeps_folios;
pub mod punch_not_ours;
pub mod punch_only_below_eof;
pub mod punch_rounded_down;
pub mod punch_without_invalidate_lock;
pub mod read_cache_kept;
pub mod recovery_reset_before_flush;
pub mod reservation_lowered_first;
pub mod reservation_not_trimmed;
pub mod reserve_without_second_look;
pub mod retry_without_commit;
pub mod revoke_ignored;
pub mod revoke_not_written;
pub mod short_dio_keeps_blocks;
pub mod stale_iomap_write;
pub mod stale_status_kept;
pub mod store_beyond_end_kept;
pub mod tail_before_flush;
pub mod tail_not_ordered;
pub mod tail_zeroed_in_cache;
pub mod throttled_under_handle;
pub mod truncate_drops_ordered;
pub mod truncate_passes_direct_io;
pub mod truncate_passes_writeback;
pub mod truncate_under_handle;
pub mod truncate_without_orphan;
pub mod unaligned_not_waited_for;
pub mod unlink_without_orphan;
pub mod wb_lookup_unlocked;
pub mod writeback_error_not_told;
pub mod writeback_leaves_writable;
pub mod writeback_orders_nothing;
pub mod zeroed_under_handle;

/// Defines the function that finds a variant by its name.
macro_rules! variants {
    ($($name:ident,)*) => {
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
    block_mapped_hole_filled,
    cache_truncated_before_punch,
    commit_after_abort,
    commit_before_log,
    commit_without_preflush,
    cookie_taken_late,
    detached_folio_written,
    dio_extends_by_i_size,
    dio_size_without_handle,
    dio_tail_not_zeroed,
    dio_without_drain,
    dio_without_orphan,
    direct_read_unlocked,
    dirty_folio_skipped_whole,
    disksize_before_io,
    disksize_not_clipped,
    disksize_set_unlocked,
    dsync_state_unlocked,
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
    home_error_ignored,
    inode_not_released,
    leftover_block_kept,
    log_error_ignored,
    map_without_cookie,
    new_block_read_from_disk,
    new_flag_missing,
    no_punch_at_all,
    old_end_left_writable,
    ordered_data_in_iomap,
    ordered_data_not_submitted,
    ordered_data_not_waited_for,
    orphan_del_by_end_io,
    orphan_left_by_delete,
    orphan_left_by_disksize_test,
    overwrite_judged_by_size,
    page_filled_unlocked,
    partial_folio_left_writable,
    partial_folio_not_submitted,
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
    reservation_lowered_first,
    reservation_not_trimmed,
    reserve_without_second_look,
    retry_without_commit,
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
    unaligned_not_waited_for,
    unlink_without_orphan,
    wb_lookup_unlocked,
    writeback_error_not_told,
    writeback_leaves_writable,
    writeback_orders_nothing,
    zeroed_under_handle,
}
