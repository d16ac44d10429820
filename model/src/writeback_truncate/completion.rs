//! Completion: the device finishes the data, the worker does what must wait for that.

use super::WritebackTruncate;
use super::state::State;
use crate::file::{Content, Extent, Folio, IoStage, Ioend};
use crate::rule::Rule;
use crate::step::{Action, Actor, Step};

/// The steps that the device and the worker can take next.
pub(super) fn next(model: &WritebackTruncate, state: &State, actions: &mut Vec<Action>) {
    let in_flight = state
        .ioends
        .iter()
        .filter(|ioend| ioend.stage == IoStage::InFlight);
    let at_once = if model.config.device_reorders {
        usize::MAX
    } else {
        1
    };
    let complete = |ioend: &Ioend| Action::on(Actor::Device, Step::CompleteIo, ioend.data.block);
    actions.extend(in_flight.take(at_once).map(complete));

    if let Some(ioend) = current(state) {
        offer(model, state, ioend, actions);
    }
    // Of an I/O of several blocks, all are converted before the writeback of the first ends.
    let at = |stage| state.ioends.iter().find(move |ioend| ioend.stage == stage);
    if model.config.as_code && at(IoStage::Converted).is_some() {
        let next = at(IoStage::Completed).into_iter();
        next.for_each(|ioend| offer(model, state, ioend, actions));
    }
}

/// Offers what the worker does next for an ioend, unless it must wait.
fn offer(model: &WritebackTruncate, state: &State, ioend: &Ioend, actions: &mut Vec<Action>) {
    let block = ioend.data.block;
    let step = match ioend.stage {
        IoStage::Completed if model.holds(Rule::ConvertBeforeEndWriteback) => {
            Step::ConvertAndRaiseSize
        }
        IoStage::Completed | IoStage::Converted => Step::EndWriteback,
        IoStage::EndedUnconverted => Step::ConvertAndRaiseSize,
        IoStage::InFlight => unreachable!("the worker looks at completed data only"),
    };
    // The flag is cleared without the folio lock, so that a truncate can wait for it under the
    // lock.
    let must_wait = step == Step::EndWriteback
        && !model.holds(Rule::CompleteWithoutFolioLock)
        && state.folio_lock(model.program(), block).is_some();
    if !must_wait {
        actions.push(Action::on(Actor::Worker, step, block));
    }
}

/// Takes one of the steps that [`next`] gives.
pub(super) fn apply(model: &WritebackTruncate, state: &mut State, action: Action) {
    match action.step {
        Step::CompleteIo => {
            let wanted = |ioend: &&mut Ioend| {
                ioend.stage == IoStage::InFlight && Some(ioend.data.block) == action.block
            };
            let ioend = state
                .ioends
                .iter_mut()
                .find(wanted)
                .expect("data is in flight");
            ioend.stage = IoStage::Completed;
            state.disk.medium[ioend.pblk.index()] = Content::Data(ioend.data);
        }
        Step::ConvertAndRaiseSize => {
            let ioend = chosen(
                state,
                action,
                [IoStage::EndedUnconverted, IoStage::Completed],
            );
            convert(state, &ioend);
            raise_size(model, state, &ioend);
            advance(state, ioend, IoStage::Converted);
        }
        Step::EndWriteback => {
            let ioend = chosen(state, action, [IoStage::Converted, IoStage::Completed]);
            end_writeback(state, &ioend);
            advance(state, ioend, IoStage::EndedUnconverted);
        }
        step => unreachable!("neither device nor worker takes the step {step}"),
    }
}

/// What the worker is at: what it has begun, or else the oldest completed data.
fn current(state: &State) -> Option<&Ioend> {
    let begun =
        |ioend: &&Ioend| matches!(ioend.stage, IoStage::Converted | IoStage::EndedUnconverted);
    let completed = |ioend: &&Ioend| ioend.stage == IoStage::Completed;
    state
        .ioends
        .iter()
        .find(begun)
        .or_else(|| state.ioends.iter().find(completed))
}

/// The data that a step of the worker is for: in the first of two stages, or else in the second.
fn chosen(state: &State, action: Action, stages: [IoStage; 2]) -> Ioend {
    let of_block = |ioend: &&Ioend| Some(ioend.data.block) == action.block;
    let mut found = stages.iter().filter_map(|stage| {
        let mut in_stage = state.ioends.iter().filter(|ioend| ioend.stage == *stage);
        in_stage.find(of_block)
    });
    *found.next().expect("the worker has data to look at")
}

/// Turns the range written, if it is unwritten; its data is on the device.
///
/// A conversion names blocks of the file and not of the disk, so it converts whatever extent it
/// finds. That this is the extent the data was written to is ensured by truncate, which waits for
/// writeback to end.
fn convert(state: &mut State, ioend: &Ioend) {
    let extent = &mut state.inode.extents[ioend.data.block.index()];
    if let Extent::Unwritten(pblk) = *extent {
        *extent = Extent::Written(pblk);
        state.inode.seq += 1;
    }
}

/// Raises the size on disk to the end of the data, never past the end of the file, and never
/// lowers it.
fn raise_size(model: &WritebackTruncate, state: &mut State, ioend: &Ioend) {
    let inode = &mut state.inode;
    let mut size = ioend.data.block.end();
    if model.holds(Rule::ClampRaiseToSize) {
        size = size.min(inode.i_size);
    }
    inode.i_disksize = inode.i_disksize.max(size);
}

/// Clears the writeback flag of the folio that the data came from, if it is still in the cache.
fn end_writeback(state: &mut State, ioend: &Ioend) {
    let folio = &mut state.folios[ioend.data.block.index()];
    if let Folio::Present {
        version, writeback, ..
    } = folio
        && *version == ioend.data.version
    {
        *writeback = false;
    }
}

/// Moves the ioend on to `stage`, or removes it if both steps of the worker are done.
fn advance(state: &mut State, ioend: Ioend, stage: IoStage) {
    let at = state.ioends.iter().position(|other| *other == ioend);
    let at = at.expect("the worker's ioend is on the list");
    if ioend.stage == IoStage::Completed {
        state.ioends[at].stage = stage;
    } else {
        state.ioends.remove(at);
    }
}
