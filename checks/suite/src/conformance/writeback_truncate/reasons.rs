//! Why the code does not take some edges of the model's graph.
//!
//! Most of them come from one abstraction: the model sends each block off by itself, unseen, where
//! the code gathers blocks that follow one another and sends them when it comes to one that does
//! not, or at the end of its pass.

use super::super::edges::Reason;
use super::Model;
use cutpoint_model::file::{Content, Extent, Folio, IoStage, Ioend, Lblk};
use cutpoint_model::step::{Action, Actor, Step};
use cutpoint_model::writeback_truncate::state::WritebackAt;

/// How many steps the truncating task has taken: it has set the sizes; it has truncated; it has
/// reserved for the append; it has appended.
const SIZES_SET: usize = 3;
const TRUNCATED: usize = 14;
const RESERVED: usize = 15;
const APPENDED: usize = 16;

/// The block that is appended.
const BLOCK: usize = 1;

/// In the order of the table.
pub(super) const REASONS: &[Reason<Model>] = &[
    Reason {
        what: "the I/O is gathered still: the pass has more to look at",
        holds: |s, a| is(a, Actor::Device, Step::CompleteIo) && is_gathered(s, a),
    },
    Reason {
        what: "one worker completes I/O: it ends the one before it looks at the other",
        holds: worker_is_busy,
    },
    Reason {
        what: "the I/O is gathered still: the appended block follows on disk, unless it was freed \
               by a commit that has not ended",
        holds: follows_on_disk,
    },
    Reason {
        what: "the I/O is gathered still: the pass has begun after the append has reserved, and \
               waits for its folio",
        holds: waits_for_append,
    },
    Reason {
        what: "no append begins once the file is being settled",
        holds: |s, a| {
            let reserves = is(a, Actor::Truncate, Step::InsertDelayed) && s.truncate == TRUNCATED;
            let passes =
                s.writeback.passes_left == 0 || (in_last(s) && s.writeback.next == Lblk(2));
            let skips = is(a, Actor::Writeback, Step::SkipFolio) && s.truncate == RESERVED;
            (reserves && passes) || (skips && in_last(s))
        },
    },
    Reason {
        what: "the last commit comes when everything is written back",
        holds: |s, a| commits_at_last(s, a) && s.folios.iter().any(|folio| folio.is_dirty()),
    },
    Reason {
        what: "a pass that has sent off what it gathered is over, and takes no further folio",
        holds: |s, a| {
            let goes_on = s.writeback.passes_left == 2 && s.writeback.next > Lblk(0);
            is(a, Actor::Writeback, Step::LockFolio) && goes_on && has_completed(s)
        },
    },
    Reason {
        what: "the append holds its folio from the comparison of its map to the copy, so that no \
               pass that maps in between can end",
        holds: copies_late,
    },
    Reason {
        what: "an append that found its block mapped has nothing to give back, and shows nothing",
        holds: |s, a| {
            let is_mapped = s.inode.extents[BLOCK].pblk().is_some();
            let converted = matches!(s.inode.extents[0], Extent::Written(_));
            is(a, Actor::Truncate, Step::PunchDelayed) && is_mapped && converted && age(s) == 1
        },
    },
    Reason {
        what: "writeback holds i_data_sem until it has announced what it allocated",
        holds: |s, a| {
            let changes = matches!(
                a.step,
                Step::PunchDelayed | Step::InsertDelayed | Step::RemoveExtents | Step::SetSizes
            );
            a.actor == Actor::Truncate && changes && s.writeback.at == WritebackAt::Allocated
        },
    },
    Reason {
        what: "the truncate holds i_data_sem when it sets the sizes",
        holds: |s, a| {
            let maps = is(a, Actor::Writeback, Step::LookUpAndAllocate)
                || is(a, Actor::Worker, Step::ConvertAndRaiseSize);
            maps && s.truncate == SIZES_SET && !matches!(s.inode.extents[0], Extent::Written(_))
        },
    },
    Reason {
        what: "an append that gave its reservation back begins again before the file is settled",
        holds: |s, a| {
            let skips = is(a, Actor::Writeback, Step::SkipFolio) && s.writeback.next == Lblk(1);
            gave_back(s) && in_last(s) && (skips || commits_at_last(s, a))
        },
    },
];

fn is(action: &Action, actor: Actor, step: Step) -> bool {
    (action.actor, action.step) == (actor, step)
}

/// Whether it is time for the last pass, or it is under way.
fn in_last(state: &Model) -> bool {
    state.writeback.passes_left == 1
}

/// How often the mapping has changed since the append has reserved.
fn age(state: &Model) -> u8 {
    state.inode.seq - state.append_cookie
}

fn has_completed(state: &Model) -> bool {
    let mut ioends = state.ioends.iter();
    ioends.any(|ioend| ioend.stage != IoStage::InFlight)
}

/// Whether a block is in the last run of blocks in flight that follow one another.
fn is_in_last_run(state: &Model, action: &Action) -> bool {
    let mut later: Option<&Ioend> = None;
    for ioend in state.ioends.iter().rev() {
        let follows = later.is_none_or(|later| continues(ioend, later));
        if ioend.stage != IoStage::InFlight || !follows {
            return false;
        }
        if Some(ioend.data.block) == action.block {
            return true;
        }
        later = Some(ioend);
    }
    false
}

/// Whether the blocks of two I/Os follow one another in the file and on disk.
fn continues(ioend: &Ioend, later: &Ioend) -> bool {
    ioend.data.block.end() == later.data.block.0 && ioend.pblk.0 + 1 == later.pblk.0
}

/// Whether writeback is at the appended block, which it has mapped.
fn maps_append(state: &Model) -> bool {
    let at = matches!(
        state.writeback.at,
        WritebackAt::Mapped | WritebackAt::Submitted
    );
    at && state.truncate == APPENDED && state.writeback.next.index() == BLOCK
}

fn is_gathered(state: &Model, action: &Action) -> bool {
    if !is_in_last_run(state, action) {
        return false;
    }
    let next = state.writeback.next.index();
    match state.writeback.at {
        WritebackAt::Done => false,
        WritebackAt::Between => {
            let is_dirty = |folio: &Folio| folio.is_dirty();
            let has_more = next > 0 && state.folios[next..].iter().any(is_dirty);
            has_more && state.truncate != APPENDED
        }
        _ => !(maps_append(state) && action.block == Some(Lblk(0))),
    }
}

/// Blocks of one I/O complete together and are converted after that.
fn worker_is_busy(state: &Model, action: &Action) -> bool {
    let of_block = |ioend: &&Ioend| Some(ioend.data.block) == action.block;
    let mut ioends = state.ioends.iter();
    let mine = ioends.find(|io| of_block(io) && io.stage == IoStage::InFlight);
    let Some(mine) = mine.filter(|_| is(action, Actor::Device, Step::CompleteIo)) else {
        return false;
    };
    let is_apart = |other: &Ioend| {
        let (block, pblk) = (i16::from(other.data.block.0), i16::from(other.pblk.0));
        pblk - block != i16::from(mine.pblk.0) - i16::from(mine.data.block.0)
    };
    state.ioends.iter().any(|other| match other.stage {
        IoStage::Converted => true,
        IoStage::Completed => is_apart(other),
        _ => false,
    })
}

/// A commit makes what it freed free for the model when it begins, and for the code when it ends.
fn follows_on_disk(state: &Model, action: &Action) -> bool {
    let pblk = |block: usize| state.inode.extents[block].pblk();
    let follows = matches!((pblk(0), pblk(BLOCK)), (Some(a), Some(b)) if a.0 + 1 == b.0);
    let committed = &state.disk.committed;
    let kept = committed.extents[0].pblk().is_some() && committed.extents[BLOCK] == Extent::Hole;
    let map = state.writeback.map.as_ref();
    let is_first = map.is_some_and(|map| map.first.index() == BLOCK && map.cookie == 4);
    let may_be_apart = kept && is_first && committed.size == 1 && !committed.orphan;
    is(action, Actor::Device, Step::CompleteIo)
        && action.block == Some(Lblk(0))
        && maps_append(state)
        && is_in_last_run(state, action)
        && follows
        && !may_be_apart
}

fn waits_for_append(state: &Model, action: &Action) -> bool {
    let writeback = &state.writeback;
    let map = writeback.map.as_ref();
    let is_before = writeback.at == WritebackAt::Between
        && writeback.next.index() == BLOCK
        && writeback.passes_left == 2;
    is(action, Actor::Device, Step::CompleteIo)
        && state.truncate == APPENDED
        && is_before
        && state.inode.extents[BLOCK] == Extent::Delayed
        && map.is_some_and(|map| map.cookie == state.inode.seq)
}

/// Whether it is a second commit, while nothing goes on.
fn commits_at_last(state: &Model, action: &Action) -> bool {
    let writeback = &state.writeback;
    let rests = writeback.at == WritebackAt::Between && writeback.next == Lblk(0);
    let is_done = matches!(state.truncate, TRUNCATED | APPENDED) && state.ioends.is_empty();
    action.step == Step::Commit && state.commits == 1 && rests && is_done
}

fn copies_late(state: &Model, action: &Action) -> bool {
    let writeback = &state.writeback;
    let has_passed = writeback.next == Lblk(2) || in_last(state);
    let mapped_since = matches!(state.inode.extents[0], Extent::Unwritten(_))
        && (has_completed(state) || has_passed);
    let is_late = age(state) >= 2 || (age(state) == 1 && mapped_since);
    is(action, Actor::Truncate, Step::CopyIn) && is_late
}

/// Whether the append has begun and given its reservation back: the block was allocated meanwhile,
/// or the mapping has changed more often than by an allocation, the truncate and conversions.
fn gave_back(state: &Model) -> bool {
    let medium = state.disk.medium.iter();
    let written = medium.filter(|content| matches!(content, Content::Data(_)));
    let others = 2 + written.count();
    let is_mapped = state.inode.extents[BLOCK] != Extent::Hole;
    state.truncate == TRUNCATED && (is_mapped || usize::from(state.inode.seq) > others)
}
