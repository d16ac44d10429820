//! Power cut and recovery: scan, revoke, replay, flush, mark the log empty.

use super::device::{Content, Location};
use super::state::{Blocks, Map, Metadata, Power, State, Transaction};
use super::{Journal, Place};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps of the power supply and the mount that are possible.
pub(super) fn next(model: &Journal, state: &State, actions: &mut Vec<Action<Place>>) {
    let mut mount = |step| actions.push(Action::new(Actor::Mount, step));
    match state.power {
        Power::On | Power::Recovered => {}
        Power::Off => match state.device.undecided() {
            None => mount(Step::Replay),
            Some((location, writes)) => {
                let place = Place::Location(location);
                actions.push(Action::on(Actor::Device, Step::Lose, place));
                let keep = |nth| Place::Write(location, nth);
                let keep = |nth| Action::on(Actor::Device, Step::Keep, keep(nth));
                actions.extend((0..writes).map(keep));
            }
        },
        Power::Replayed if model.holds(Rule::FlushReplayBeforeReset) => mount(Step::FlushReplay),
        Power::Replayed | Power::Flushed => mount(Step::MarkLogEmpty),
    }
}

/// The step of the power supply, if the power may fail. It never has to.
pub(super) fn next_of_power(model: &Journal, state: &State) -> Option<Action<Place>> {
    let may_fail = state.crashes < model.config.crashes && state.power != Power::Off;
    may_fail.then(|| Action::new(Actor::Power, Step::Crash))
}

/// Takes one of the steps that the functions above give.
pub(super) fn apply(model: &Journal, state: &mut State, action: Action<Place>) {
    match (action.step, action.block) {
        (Step::Crash, _) => crash(state),
        (Step::Lose, Some(Place::Location(location))) => state.device.decide(location, None),
        (Step::Keep, Some(Place::Write(location, nth))) => {
            state.device.decide(location, Some(nth));
        }
        (Step::Replay, _) => replay(model, state),
        (Step::FlushReplay, _) => {
            state.device.flush();
            state.power = Power::Flushed;
        }
        (Step::MarkLogEmpty, _) => {
            let (_, end) = state.recovered_to.expect("the log was scanned");
            let tail = Content::Tail(end + 1);
            state.device.write_through(Location::LogSuperblock, tail);
            state.power = Power::Recovered;
        }
        (step, place) => unreachable!("neither power nor mount takes {step} at {place:?}"),
    }
}

/// Only the device survives. Everything else is set to one value, so that power cuts which leave
/// the same become one state.
fn crash(state: &mut State) {
    state.memory = Metadata {
        map: Map {
            tid: 0,
            owners: Vec::new(),
        },
        versions: Vec::new(),
    };
    state.handle = None;
    state.handles = 0;
    state.running = Transaction::new(0);
    state.locked = false;
    state.committing = None;
    state.checkpoints.clear();
    state.space_from = 0;
    state.log_failed = false;
    state.home_failed = false;
    state.aborted = false;
    state.crashes += 1;
    state.power = Power::Off;
    for write in &mut state.device.pending {
        write.in_flight = None;
    }
}

/// A transaction as the log has it.
struct Logged {
    tid: u8,
    slot: u8,
    tags: Blocks,
    revoked: Blocks,
    map: Map,
}

/// The transactions of the log, from its tail to the first one that is not complete.
fn scan(model: &Journal, state: &State) -> Vec<Logged> {
    let first = state.durable_tail();
    let mut found = Vec::new();
    for tid in first..first + model.config.slots {
        let slot = model.slot(tid);
        let is_expected = |read: u8| read == tid || !model.holds(Rule::CheckSequence);
        let descriptor = state.device.durable(Location::Descriptor(slot));
        let Content::Descriptor {
            tid: read,
            tags,
            revoked,
            map,
        } = descriptor
        else {
            break;
        };
        let commit_block = state.device.durable(Location::CommitBlock(slot));
        let is_committed = matches!(commit_block, Content::CommitBlock(tid) if is_expected(*tid));
        let must_be_committed = model.holds(Rule::ReplayCommittedOnly);
        if !is_expected(*read) || (must_be_committed && !is_committed) {
            break;
        }
        found.push(Logged {
            tid,
            slot,
            tags: *tags,
            revoked: *revoked,
            map: map.clone(),
        });
    }
    found
}

/// Copies what the log has to its home, oldest first, but for what was revoked since.
fn replay(model: &Journal, state: &mut State) {
    let logged = scan(model, state);
    let revoked_in = |block: u8| {
        let revoking = logged.iter().filter(|other| other.revoked.contains(block));
        revoking.map(|other| other.tid).max()
    };
    for transaction in &logged {
        let is_revoked = |block: u8| {
            let by_later = |tid| tid >= transaction.tid;
            let counts = |tid| by_later(tid) || !model.holds(Rule::ReplayCopiesAfterRevoke);
            model.holds(Rule::SkipRevokedCopies) && revoked_in(block).is_some_and(counts)
        };
        for block in transaction.tags.iter().filter(|block| !is_revoked(*block)) {
            let copy = Location::Copy(transaction.slot, block);
            let copy = state.device.durable(copy).clone();
            state.device.write_cached(Location::Home(block), copy);
        }
        let map = Content::Map(transaction.map.clone());
        state.device.write_cached(Location::HomeOfMap, map);
    }
    let before = state.durable_tail() - 1;
    let end = logged.last().map_or(before, |transaction| transaction.tid);
    let first = state.recovered_to.map_or(end, |(first, _)| first);
    state.recovered_to = Some((first, end));
    state.power = Power::Replayed;
}
