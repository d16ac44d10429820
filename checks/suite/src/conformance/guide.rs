//! A counterexample of a model as a schedule of the code.
//!
//! Each step of the model becomes the operation by which the code takes it, if there is one that
//! others can tell: a lock that is taken, a size that is stored, a handle that starts. The replay
//! by events then lets, at each turn, that task go on which brings the next of these operations
//! closer; what lies between runs as it comes. So the code is led through the race, and what it
//! does there is its own.

use cutpoint::explore::replay::ReplayEvent;
use cutpoint_model::step::{Action, Actor, Step};

/// The file of the scenarios, as objects name it.
const INO: u32 = 12;

/// What is to be replayed: operations, and the scenario's choices.
pub type Guide = (Vec<ReplayEvent>, Vec<(String, u64)>);

/// The operation by which a step of the model shows in the code: its kind and its object.
fn operation(action: &Action, blocks_per_folio: u32) -> Option<(&'static str, String)> {
    let block = action.block.map_or(0, |block| u32::from(block.0));
    let folio = block / blocks_per_folio;
    let of_inode = |class: &str| format!("{class} {INO}");
    let of_folio = |class: &str| format!("{class} {INO}:{folio}");
    Some(match (action.actor, action.step) {
        (_, Step::LockFolio) => ("AcquireExclusive", of_folio("folio lock")),
        (_, Step::UnlockFolio) => ("ReleaseExclusive", of_folio("folio lock")),
        (_, Step::ScanFolio) => ("AcquireExclusive", of_folio("folio lock")),
        (_, Step::QueryMap | Step::ReuseMap | Step::DropMap) => ("Load", of_inode("i_es_lock")),
        (_, Step::StartHandle) => ("GateEnter", "transaction".into()),
        (_, Step::StopHandle) => ("GateExit", "transaction".into()),
        (_, Step::LookUpAndAllocate | Step::Allocate | Step::RemoveExtents) => {
            ("AcquireExclusive", of_inode("i_data_sem"))
        }
        (_, Step::InsertDelayed | Step::PunchDelayed) => {
            ("AcquireExclusive", of_inode("i_data_sem"))
        }
        (_, Step::LookUp) => ("Load", of_inode("i_es_lock")),
        (_, Step::OrphanAdd | Step::OrphanDel) => ("AcquireExclusive", "s_orphan_lock".into()),
        (Actor::Truncate, Step::SetSizes | Step::CopyIn) => ("Store", of_inode("i_size")),
        (_, Step::WaitWriteback) => ("FlagAwait", of_folio("folio writeback")),
        (_, Step::DropFolio) => ("Update", of_inode("page cache")),
        (Actor::Worker, Step::ConvertAndRaiseSize | Step::Convert) => {
            ("AcquireExclusive", of_inode("i_data_sem"))
        }
        (_, Step::RaiseDisksize) => ("Store", of_inode("i_disksize")),
        (_, Step::EndWriteback) => ("FlagClear", of_folio("folio writeback")),
        (_, Step::Commit) => ("GateClose", "transaction".into()),
        (_, Step::LockShared) => ("AcquireShared", of_inode("i_rwsem")),
        (_, Step::LockExclusive) => ("AcquireExclusive", of_inode("i_rwsem")),
        (_, Step::CheckDirectWrite) => ("Load", of_inode("i_disksize")),
        (_, Step::ExtendInode | Step::RaiseSizes) => ("Store", of_inode("i_disksize")),
        (Actor::Fault, Step::LockInvalidate) => ("AcquireShared", of_inode("invalidate_lock")),
        (_, Step::LockInvalidate) => ("AcquireExclusive", of_inode("invalidate_lock")),
        (Actor::Fault, Step::Store) => ("ReleaseExclusive", of_folio("folio lock")),
        _ => return None,
    })
}

/// Leads a scenario through a counterexample. `task` names the task that is an actor, `choices` are
/// the scenario's.
pub fn of(
    actions: &[Action],
    blocks_per_folio: u32,
    task: impl Fn(Actor) -> Option<&'static str>,
    choices: &[(&str, u64)],
) -> Guide {
    let mut events: Vec<ReplayEvent> = Vec::new();
    for action in actions {
        let Some(task) = task(action.actor) else {
            continue;
        };
        let Some((op, object)) = operation(action, blocks_per_folio) else {
            continue;
        };
        events.push(ReplayEvent {
            task: task.into(),
            op: op.into(),
            object,
        });
    }
    let choices = choices.iter().map(|(name, value)| ((*name).into(), *value));
    (events, choices.collect())
}
