//! What must hold of the journal, and what must be able to happen.

use super::device::{Content, Location};
use super::state::{Checkpoint, Homeward, Map, Metadata, Owner, Power, Stage, State};
use super::{Config, Journal};
use crate::invariants::{self, Invariant, always};
use stateright::Property;

/// The log goes round: a transaction takes the place of an older one.
pub const LOG_WRAPPED: &str = "a transaction took an older one's place in the log";
/// Recovery passed over a revoked copy.
pub const COPY_REVOKED: &str = "the log held a copy of a block that is data now";
/// Recovery had two transactions to replay.
pub const TWO_TO_REPLAY: &str = "a power cut left two transactions to replay";
/// A second power cut came in recovery, when a part of it had been done.
pub const RECOVERY_CUT: &str = "the power failed in mid-recovery";
/// A committed transaction in flight was overtaken by changes to the same block.
pub const CHANGED_WHILE_COMMITTING: &str = "a block changed while its older version was committed";

type Condition = invariants::Condition<Journal>;

/// The properties of a model with this configuration.
pub(super) fn properties(config: &Config) -> Vec<Property<Journal>> {
    let mut properties = always(CONDITIONS, config.only);
    if config.only.is_some() {
        return properties;
    }
    let mut sometimes = |is_possible: bool, name, condition: Condition| {
        properties.extend(is_possible.then(|| invariants::sometimes(name, condition)));
    };
    let commits = config.handles.min(config.transactions);
    let crashes = config.crashes;
    sometimes(commits > config.slots, LOG_WRAPPED, log_wrapped);
    sometimes(
        crashes > 0 && commits >= 3 && config.slots > 1,
        COPY_REVOKED,
        copy_revoked,
    );
    sometimes(
        crashes > 0 && commits >= 2 && config.slots > 1,
        TWO_TO_REPLAY,
        |_, state| {
            state
                .recovered_to
                .is_some_and(|(_, end)| end > state.durable_tail())
        },
    );
    sometimes(crashes > 1 && commits > 0, RECOVERY_CUT, |_, state| {
        let tail = state.durable_tail();
        state.power == Power::Off
            && state.crashes > 1
            && state.recovered_to.is_some_and(|(_, end)| end >= tail)
    });
    sometimes(commits > 1, CHANGED_WHILE_COMMITTING, |_, state| {
        let committing = state.committing.as_ref();
        committing.is_some_and(|c| c.transaction.modified.0 & state.running.modified.0 != 0)
    });
    properties
}

/// The invariants of this model, in the order of their ids.
pub fn invariants() -> impl Iterator<Item = Invariant> {
    CONDITIONS.iter().map(|(invariant, _)| *invariant)
}

const CONDITIONS: &[(Invariant, Condition)] = &[
    (Invariant::I16, |_, state| freed_is_not_reused(state)),
    (Invariant::I22, |_, state| {
        state.power != Power::Recovered || data_is_the_owners(state)
    }),
    (Invariant::I24, |_, state| error_aborts(state)),
    (Invariant::I25, commit_block_is_last),
    (Invariant::I26, |_, state| home_is_committed(state)),
    (Invariant::I27, |_, state| tail_is_at_home(state)),
    (Invariant::I28, |_, state| {
        state.recovered_to.is_none_or(|(first, last)| first == last)
    }),
    (Invariant::I29, |_, state| {
        state.power != Power::Recovered || is_a_prefix(state)
    }),
    (Invariant::I30, |_, state| {
        state.power != Power::Recovered || no_metadata_over_data(state)
    }),
    (Invariant::I32, |_, state| {
        let committing = state.committing.as_ref();
        let committing = committing.map(|commit| commit.transaction.tid);
        state
            .handle
            .is_none_or(|handle| committing != Some(handle.tid))
    }),
    (Invariant::Progress, |model, state| !is_stuck(model, state)),
];

/// I16: no block that a transaction has freed is in use again before that transaction's commit.
fn freed_is_not_reused(state: &State) -> bool {
    let owner = |block: u8| state.memory.map.owners[usize::from(block)];
    let handle = |block: u8| state.handle.filter(|handle| handle.block == block);
    // While the freeing handle is open the map has not changed yet.
    state
        .freed_uncommitted()
        .iter()
        .all(|block| match handle(block) {
            Some(handle) => handle.owner == Owner::Free,
            None => owner(block) == Owner::Free,
        })
}

/// The map that recovery left, and what each block holds.
fn recovered(state: &State) -> Option<&Map> {
    match state.device.read(Location::HomeOfMap) {
        Content::Map(map) => Some(map),
        _ => None,
    }
}

/// I22: after recovery a data block holds what its owner wrote.
fn data_is_the_owners(state: &State) -> bool {
    blocks_as(state, |owner, content| match owner {
        Owner::Data(tid) => *content == Content::Data(tid),
        _ => true,
    })
}

/// I30: after recovery no data block holds replayed metadata.
fn no_metadata_over_data(state: &State) -> bool {
    blocks_as(state, |owner, content| {
        !matches!((owner, content), (Owner::Data(_), Content::Metadata(_)))
    })
}

fn blocks_as(state: &State, judge: fn(Owner, &Content) -> bool) -> bool {
    let Some(map) = recovered(state) else {
        return true;
    };
    (0..).zip(&map.owners).all(|(block, owner)| {
        let content = state.device.read(Location::Home(block));
        judge(*owner, content)
    })
}

/// I29: after recovery the metadata is that of some prefix of the committed transactions, with
/// every acknowledged one.
fn is_a_prefix(state: &State) -> bool {
    let Some(map) = recovered(state) else {
        return false;
    };
    let Some(whole) = state.history.get(usize::from(map.tid)) else {
        return false;
    };
    map.tid >= state.acknowledged && *map == whole.map && versions_are_home(state, whole)
}

fn versions_are_home(state: &State, whole: &Metadata) -> bool {
    (0..).zip(&whole.map.owners).all(|(block, owner)| {
        let version = whole.versions[usize::from(block)];
        *owner != Owner::Metadata
            || *state.device.read(Location::Home(block)) == Content::Metadata(version)
    })
}

/// I25: when a commit block is durable, so are the descriptor and the copies of its transaction,
/// and so is its ordered data.
///
/// Judged of the newest transaction, as long as no later one has begun to use what it freed.
fn commit_block_is_last(model: &Journal, state: &State) -> bool {
    let tid = state.acknowledged;
    if state.power != Power::On || tid == 0 || state.durable_tail() > tid {
        return true;
    }
    let slot = model.slot(tid);
    let device = &state.device;
    if *device.durable(Location::CommitBlock(slot)) != Content::CommitBlock(tid) {
        return true;
    }
    // The slot may be in use again when the tail has passed it in memory only.
    let Content::Descriptor {
        tid: described,
        tags,
        ..
    } = device.durable(Location::Descriptor(slot))
    else {
        return false;
    };
    let whole = &state.history[usize::from(tid)];
    let copies = tags.iter().all(|block| {
        let copy = device.durable(Location::Copy(slot, block));
        *copy == Content::Metadata(whole.versions[usize::from(block)])
    });
    let ordered = (0..).zip(&whole.map.owners).all(|(block, owner)| {
        *owner != Owner::Data(tid)
            || state.memory.map.owners[usize::from(block)] != *owner
            || *device.durable(Location::Home(block)) == Content::Data(tid)
    });
    *described == tid && copies && ordered
}

/// I26: what is at home, or on its way there, is committed.
fn home_is_committed(state: &State) -> bool {
    let is_committed = |content: &Content| match content {
        Content::Metadata(tid) => *tid <= state.acknowledged,
        Content::Map(map) => map.tid <= state.acknowledged,
        _ => true,
    };
    let is_home = |location| matches!(location, Location::Home(_) | Location::HomeOfMap);
    let device = &state.device;
    let medium = device.medium.iter().map(|(l, content)| (*l, content));
    let pending = device.pending.iter().map(|w| (w.location, &w.content));
    state.power != Power::On
        || medium
            .chain(pending)
            .all(|(location, content)| !is_home(location) || is_committed(content))
}

/// I27: what the tail has passed is durable at home.
fn tail_is_at_home(state: &State) -> bool {
    let tail = state.durable_tail();
    let newest = &state.history[usize::from(state.acknowledged)];
    let is_home = |block: u8, owner: Owner| {
        let version = newest.versions[usize::from(block)];
        let durable = state.device.durable(Location::Home(block));
        owner != Owner::Metadata || version >= tail || *durable == Content::Metadata(version)
    };
    let map = Content::Map(newest.map.clone());
    let map_is_home = newest.map.tid >= tail || *state.device.durable(Location::HomeOfMap) == map;
    let mut blocks = (0..).zip(&newest.map.owners);
    state.power != Power::On || (map_is_home && blocks.all(|(b, owner)| is_home(b, *owner)))
}

/// I24: nothing goes on after a failed write of log blocks or to a home location.
fn error_aborts(state: &State) -> bool {
    let committing = state.committing.as_ref();
    let past = [Stage::Preflush, Stage::WriteCommitBlock];
    let commits = committing.is_some_and(|commit| past.contains(&commit.stage));
    let mut checkpoints = state.checkpoints.iter();
    let passes = checkpoints.any(|checkpoint| checkpoint.homeward == Homeward::Durable);
    !(state.log_failed && commits || state.home_failed && passes)
}

/// Whether something is left to do although nobody can take a step.
fn is_stuck(model: &Journal, state: &State) -> bool {
    let mut actions = Vec::new();
    model.work(state, &mut actions);
    let has_work = match state.power {
        Power::On => {
            let undone = |c: &Checkpoint| c.homeward != Homeward::Durable;
            !state.aborted
                && (state.committing.is_some()
                    || state.locked
                    || state.handle.is_some()
                    || state.checkpoints.iter().any(undone))
        }
        Power::Off | Power::Replayed | Power::Flushed => true,
        Power::Recovered => false,
    };
    actions.is_empty() && has_work
}

fn log_wrapped(model: &Journal, state: &State) -> bool {
    let slots = model.config.slots;
    state.acknowledged > slots
}

fn copy_revoked(_: &Journal, state: &State) -> bool {
    let Some(map) = recovered(state) else {
        return false;
    };
    let is_data = |block: u8| matches!(map.owners[usize::from(block)], Owner::Data(_));
    let tail = state.durable_tail();
    let mut medium = state.device.medium.iter();
    state.power == Power::Replayed
        && medium.any(|(location, content)| match (location, content) {
            (Location::Copy(_, block), Content::Metadata(tid)) => *tid >= tail && is_data(*block),
            _ => false,
        })
}
