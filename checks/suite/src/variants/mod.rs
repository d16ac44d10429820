//! Seeded bugs: each a protocol with one wrong step. Compiled once for each runtime, and only with
//! the scenario that finds it.

use super::extfs;

pub mod async_extension;
pub mod cache_truncated_before_punch;
pub mod commit_before_log;
pub mod commit_without_preflush;
pub mod cookie_taken_late;
pub mod dio_extends_by_i_size;
pub mod dio_size_without_handle;
pub mod dio_without_drain;
pub mod dio_without_orphan;
pub mod dirty_folio_skipped_whole;
pub mod disksize_before_io;
pub mod disksize_set_unlocked;
pub mod early_downgrade;
pub mod end_io_judges_by_submitted;
pub mod failed_dio_not_trimmed;
pub mod fallback_not_flushed;
pub mod fault_punches;
pub mod frozen_copy_missing;
pub mod fsync_trusts_commit;
pub mod hole_filled_as_written;
pub mod map_without_cookie;
pub mod new_flag_missing;
pub mod no_punch_at_all;
pub mod orphan_del_by_end_io;
pub mod orphan_left_by_disksize_test;
pub mod punch_dirty_blind;
pub mod punch_end_rounded_down;
pub mod punch_in_two_sections;
pub mod punch_keeps_folios;
pub mod punch_not_ours;
pub mod punch_only_below_eof;
pub mod punch_rounded_down;
pub mod punch_without_invalidate_lock;
pub mod read_cache_kept;
pub mod recovery_reset_before_flush;
pub mod reserve_without_second_look;
pub mod revoke_ignored;
pub mod revoke_not_written;
pub mod short_dio_keeps_blocks;
pub mod stale_iomap_write;
pub mod tail_before_flush;
pub mod truncate_passes_writeback;
pub mod truncate_under_handle;
pub mod truncate_without_orphan;
pub mod wb_lookup_unlocked;

/// Evaluates `$call` with the type `$protocol` standing for the variant of that name of a scenario,
/// or for the correct protocol. The value is an `Option`: `None` if the scenario has no such
/// variant.
macro_rules! with_protocol {
    (dio_extend_vs_delalloc_writeback, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            async_extension::AsyncExtension,
            dio_extends_by_i_size::DioExtendsByISize,
            dio_size_without_handle::DioSizeWithoutHandle,
            dio_without_orphan::DioWithoutOrphan,
            disksize_set_unlocked::DisksizeSetUnlocked,
            early_downgrade::EarlyDowngrade,
            end_io_judges_by_submitted::EndIoJudgesBySubmitted,
            failed_dio_not_trimmed::FailedDioNotTrimmed,
            fallback_not_flushed::FallbackNotFlushed,
            orphan_left_by_disksize_test::OrphanLeftByDisksizeTest,
            short_dio_keeps_blocks::ShortDioKeepsBlocks,
        )
    };
    (direct_write_pair, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            dio_without_drain::DioWithoutDrain,
            hole_filled_as_written::HoleFilledAsWritten,
            orphan_del_by_end_io::OrphanDelByEndIo,
        )
    };
    (direct_write_vs_read, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            read_cache_kept::ReadCacheKept,
        )
    };
    (fsync_vs_checkpoint, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            commit_before_log::CommitBeforeLog,
            commit_without_preflush::CommitWithoutPreflush,
            fsync_trusts_commit::FsyncTrustsCommit,
            recovery_reset_before_flush::RecoveryResetBeforeFlush,
            tail_before_flush::TailBeforeFlush,
        )
    };
    (revoke_and_reuse, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            revoke_ignored::RevokeIgnored,
            revoke_not_written::RevokeNotWritten,
        )
    };
    (short_write_punch_vs_mmap_fault, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            cache_truncated_before_punch::CacheTruncatedBeforePunch,
            dirty_folio_skipped_whole::DirtyFolioSkippedWhole,
            fault_punches::FaultPunches,
            new_flag_missing::NewFlagMissing,
            no_punch_at_all::NoPunchAtAll,
            punch_dirty_blind::PunchDirtyBlind,
            punch_end_rounded_down::PunchEndRoundedDown,
            punch_not_ours::PunchNotOurs,
            punch_rounded_down::PunchRoundedDown,
            punch_without_invalidate_lock::PunchWithoutInvalidateLock,
            reserve_without_second_look::ReserveWithoutSecondLook,
            stale_iomap_write::StaleIomapWrite,
        )
    };
    (short_write_punch_vs_writeback, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            punch_in_two_sections::PunchInTwoSections,
            punch_only_below_eof::PunchOnlyBelowEof,
        )
    };
    (writeback_vs_punch_hole, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            punch_keeps_folios::PunchKeepsFolios,
        )
    };
    (writeback_vs_truncate, $variant:expr, $protocol:ident => $call:expr) => {
        with_protocol!(@match $variant, $protocol => $call;
            cookie_taken_late::CookieTakenLate,
            disksize_before_io::DisksizeBeforeIo,
            frozen_copy_missing::FrozenCopyMissing,
            map_without_cookie::MapWithoutCookie,
            truncate_passes_writeback::TruncatePassesWriteback,
            truncate_under_handle::TruncateUnderHandle,
            truncate_without_orphan::TruncateWithoutOrphan,
            wb_lookup_unlocked::WbLookupUnlocked,
        )
    };
    (@match $variant:expr, $protocol:ident => $call:expr; $($name:ident::$ty:ident,)*) => {
        match $variant {
            None => {
                type $protocol = super::extfs::protocol::Correct;
                Some($call)
            }
            $(Some(stringify!($name)) => {
                type $protocol = super::variants::$name::$ty;
                Some($call)
            })*
            Some(_) => None,
        }
    };
}
pub(crate) use with_protocol;
