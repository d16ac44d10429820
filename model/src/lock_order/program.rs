//! What each task locks and waits for, in order.

use super::{Config, Design, Lock, Task};
use crate::rule::Rule;

/// One thing that a task does. Only the first seven can have to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Begin the call.
    Begin,
    /// Take a lock, alone.
    Exclusive(Lock),
    /// Take a lock, with others that do the same.
    Shared(Lock),
    /// Join the running transaction.
    StartHandle,
    /// As before, with credits that were reserved earlier.
    StartReservedHandle,
    /// Wait until something is not the case.
    Wait(Condition),
    /// Take up what another task has submitted.
    Take(Work),
    /// Let go of a lock.
    Release(Lock),
    /// Leave the transaction.
    StopHandle,
    /// Mark the folio as being written.
    SetWriteback,
    /// Hand something over.
    Submit(Work),
    /// Mark the folio as written.
    EndWriteback,
    /// Count a direct I/O.
    BeginDio,
    /// Count one less.
    EndDio,
    /// Let no handle join the running transaction.
    LockTransaction,
    /// Let handles join the next one.
    SwitchTransaction,
}

/// What a task can wait for the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// A folio is under writeback.
    Writeback,
    /// A direct I/O is under way.
    Dio,
    /// A handle is open in the locked transaction.
    Handles,
    /// The commit has not finished.
    Commit,
    /// There are too many dirty pages: writeback has not finished.
    Dirty,
}

/// What one task hands over to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// The end of a folio's writeback.
    Ioend,
    /// The end of a direct I/O.
    Dio,
}

use Op::{Begin, EndDio, EndWriteback, Exclusive, Release, SetWriteback, Shared};
use Op::{BeginDio, LockTransaction, StartHandle, StartReservedHandle, StopHandle};
use Op::{Submit, SwitchTransaction, Take, Wait};

/// A change of the extent tree inside a handle.
const CHANGE: [Op; 4] = [
    StartHandle,
    Exclusive(Lock::DataSem),
    Release(Lock::DataSem),
    StopHandle,
];

/// Bringing in a page of the user's buffer, which may be a page of the same file.
const FAULT_IN: [Op; 6] = [
    Shared(Lock::Mmap),
    Shared(Lock::Invalidate),
    Exclusive(Lock::Folio),
    Release(Lock::Folio),
    Release(Lock::Invalidate),
    Release(Lock::Mmap),
];

/// The program of a task.
pub(super) fn of(config: &Config, task: Task) -> Vec<Op> {
    let mut program = vec![Begin];
    program.extend(match task {
        Task::Write => write(config),
        Task::Fault => fault(config),
        Task::Map => vec![Exclusive(Lock::Mmap), Release(Lock::Mmap)],
        Task::Writeback => writeback(config),
        Task::Completion => completion(config),
        Task::Truncate => truncate(config),
        Task::DirectWrite => direct_write(config),
        Task::DirectCompletion => direct_completion(),
        Task::Fallocate => fallocate(config),
        Task::Commit => commit(config),
    });
    program
}

fn write(config: &Config) -> Vec<Op> {
    let rules = &config.rules;
    let mut ops = vec![Exclusive(Lock::Inode)];
    let faults_in = rules.hold(Rule::FaultInBeforeFolioLock);
    if faults_in {
        ops.extend(FAULT_IN);
    }
    let copy: &[Op] = if faults_in { &[] } else { &FAULT_IN };
    let throttle = Wait(Condition::Dirty);
    let stops_first = rules.hold(Rule::StopHandleBeforeThrottle);
    let (under_handle, after_handle) = match stops_first {
        true => (None, Some(throttle)),
        false => (Some(throttle), None),
    };
    if handle_comes_first(config, rules.hold(Rule::OneOrderOfFolioAndHandle)) {
        ops.extend([StartHandle, Exclusive(Lock::Folio)]);
        ops.extend(copy);
        ops.extend([Exclusive(Lock::DataSem), Release(Lock::DataSem)]);
        ops.push(Release(Lock::Folio));
        ops.extend(under_handle);
        ops.push(StopHandle);
        ops.extend(after_handle);
    } else if config.design == Design::Iomap {
        // The handle is stopped before the folio is locked, so the two never nest.
        ops.extend(&CHANGE[..3]);
        ops.extend(under_handle);
        ops.push(StopHandle);
        ops.push(Exclusive(Lock::Folio));
        ops.extend(copy);
        ops.push(Release(Lock::Folio));
        ops.extend(after_handle);
    } else {
        ops.push(Exclusive(Lock::Folio));
        ops.extend(copy);
        ops.extend(CHANGE);
        ops.push(Release(Lock::Folio));
    }
    ops.push(Release(Lock::Inode));
    ops
}

/// Whether a path starts its handle before it locks the folio: the design's order, or the other
/// one if the path `obeys` not.
fn handle_comes_first(config: &Config, obeys: bool) -> bool {
    (config.design == Design::BufferHead) == obeys
}

fn fault(config: &Config) -> Vec<Op> {
    let mut ops = vec![Shared(Lock::Mmap)];
    let inode = !config.rules.hold(Rule::FaultWithoutInodeLock);
    ops.extend(inode.then_some(Exclusive(Lock::Inode)));
    ops.push(Shared(Lock::Invalidate));
    let data_sem = [Exclusive(Lock::DataSem), Release(Lock::DataSem)];
    match config.design {
        Design::Iomap => {
            ops.push(Exclusive(Lock::Folio));
            if config.rules.hold(Rule::HandleBeforeDataSem) {
                ops.extend(CHANGE);
            } else {
                let lock = Exclusive(Lock::DataSem);
                ops.extend([lock, StartHandle, StopHandle, Release(Lock::DataSem)]);
            }
            ops.push(Release(Lock::Folio));
        }
        Design::BufferHead => {
            ops.extend([StartHandle, Exclusive(Lock::Folio)]);
            ops.extend(data_sem);
            ops.extend([Release(Lock::Folio), StopHandle]);
        }
    }
    ops.push(Release(Lock::Invalidate));
    ops.extend(inode.then_some(Release(Lock::Inode)));
    ops.push(Release(Lock::Mmap));
    ops
}

fn writeback(config: &Config) -> Vec<Op> {
    let folio = [
        Exclusive(Lock::Folio),
        Wait(Condition::Writeback),
        SetWriteback,
    ];
    let end = [Submit(Work::Ioend), Release(Lock::Folio)];
    match config.design {
        Design::Iomap => [&folio[..], &CHANGE, &end].concat(),
        Design::BufferHead => {
            let data_sem = [Exclusive(Lock::DataSem), Release(Lock::DataSem)];
            let mut ops = vec![StartHandle];
            ops.extend(folio);
            ops.extend(data_sem);
            if config.rules.hold(Rule::SubmitBeforeNextHandle) {
                ops.extend(end);
                ops.push(StopHandle);
                ops.extend(CHANGE);
            } else {
                ops.extend([Release(Lock::Folio), StopHandle]);
                ops.extend(CHANGE);
                ops.push(Submit(Work::Ioend));
            }
            ops
        }
    }
}

fn completion(config: &Config) -> Vec<Op> {
    let wants_folio = !config.rules.hold(Rule::CompleteWithoutFolioLock);
    let is_reserved =
        config.design == Design::BufferHead && config.rules.hold(Rule::ReserveHandleForCompletion);
    let mut ops = vec![Take(Work::Ioend)];
    ops.extend(wants_folio.then_some(Exclusive(Lock::Folio)));
    ops.push(if is_reserved {
        StartReservedHandle
    } else {
        StartHandle
    });
    ops.extend(&CHANGE[1..]);
    ops.push(EndWriteback);
    ops.extend(wants_folio.then_some(Release(Lock::Folio)));
    ops
}

fn truncate(config: &Config) -> Vec<Op> {
    let rules = &config.rules;
    let mut ops = vec![Exclusive(Lock::Inode)];
    let locks = [Wait(Condition::Dio), Exclusive(Lock::Invalidate)];
    if rules.hold(Rule::InvalidateLockBeforeHandle) {
        ops.extend(locks);
        ops.push(StartHandle);
    } else {
        ops.push(StartHandle);
        ops.extend(locks);
    }
    ops.extend(&CHANGE[1..]);
    let drop_folio = [
        Exclusive(Lock::Folio),
        Wait(Condition::Writeback),
        Release(Lock::Folio),
    ];
    ops.extend(drop_folio);
    let zero = [Exclusive(Lock::Folio), Release(Lock::Folio)];
    let under_handle = config.design == Design::BufferHead || !rules.hold(Rule::ZeroOutsideHandle);
    if under_handle {
        ops.push(StartHandle);
        ops.extend(zero);
        ops.push(StopHandle);
    } else {
        ops.extend(zero);
    }
    ops.extend(CHANGE);
    ops.extend([Release(Lock::Invalidate), Release(Lock::Inode)]);
    ops
}

fn direct_write(config: &Config) -> Vec<Op> {
    let mut ops = vec![Shared(Lock::Inode), BeginDio];
    ops.extend(FAULT_IN);
    // A synchronous one waits for its own I/O.
    if config.rules.hold(Rule::WaitForDirectIoWithoutHandle) {
        ops.extend(CHANGE);
        ops.extend([Submit(Work::Dio), Wait(Condition::Dio)]);
    } else {
        ops.extend(&CHANGE[..3]);
        ops.extend([Submit(Work::Dio), Wait(Condition::Dio), StopHandle]);
    }
    ops.push(Release(Lock::Inode));
    ops
}

fn direct_completion() -> Vec<Op> {
    [&[Take(Work::Dio)][..], &CHANGE, &[EndDio]].concat()
}

/// An allocation that found no space, forces a commit to have freed blocks back, and tries again.
fn fallocate(config: &Config) -> Vec<Op> {
    let mut ops = vec![Exclusive(Lock::Inode)];
    ops.extend(&CHANGE[..3]);
    if config.rules.hold(Rule::ForceCommitWithoutHandle) {
        ops.extend([StopHandle, Wait(Condition::Commit)]);
    } else {
        ops.extend([Wait(Condition::Commit), StopHandle]);
    }
    ops.extend(CHANGE);
    ops.push(Release(Lock::Inode));
    ops
}

fn commit(config: &Config) -> Vec<Op> {
    let mut ops = vec![LockTransaction, Wait(Condition::Handles), SwitchTransaction];
    let ordered = config.design == Design::BufferHead
        || !config.rules.hold(Rule::NoOrderedDataUnderFolioLock);
    if ordered {
        ops.push(Exclusive(Lock::Folio));
        if !config.rules.hold(Rule::OrderedDataNeedsNoHandle) {
            ops.extend([StartHandle, StopHandle]);
        }
        ops.extend([Release(Lock::Folio), Wait(Condition::Writeback)]);
    }
    ops
}
