//! The recorder of the current execution.
//!
//! A controlled execution runs on one OS thread, whatever the number of its tasks, so the recorder
//! is a thread-local. Where none is started, recording costs one thread-local read.

use crate::access::{Access, Memory, Use};
use crate::event::{Args, Event, TaskId, What};
use crate::object::{Class, Key, ObjectId, ObjectName};
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// Everything that one execution did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The events, in the order of this execution.
    pub events: Vec<Event>,
    /// The objects, indexed by [`ObjectId`].
    pub objects: Vec<ObjectName>,
    /// The tasks' names, indexed by [`TaskId`].
    pub tasks: Vec<String>,
    /// Accesses to memory, in the order of this execution.
    pub accesses: Vec<Access>,
    /// Invariants that the checked code itself found violated, in order.
    pub findings: Vec<Finding>,
}

/// A violated invariant, with what was expected and what was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's id, like "I3".
    pub invariant: &'static str,
    /// What the invariant demands here.
    pub expected: String,
    /// What there is.
    pub observed: String,
}

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(false) };
    /// Whether events and findings are still taken; cleared when the execution is abandoned.
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Log> = RefCell::new(Log::default());
    static TASK: Cell<TaskId> = const { Cell::new(TaskId(0)) };
}

/// Starts recording on this OS thread, dropping what an earlier recording left.
pub fn start() {
    CURRENT.with_borrow_mut(|log| {
        log.events.clear();
        log.objects.clear();
        log.tasks.clear();
        log.tasks.push("main".into());
        log.accesses.clear();
        log.findings.clear();
    });
    TASK.set(TaskId(0));
    RECORDING.set(true);
    OPEN.set(true);
}

/// Stops recording and hands out the log.
pub fn finish() -> Log {
    RECORDING.set(false);
    OPEN.set(false);
    CURRENT.take()
}

/// Takes no further event or finding: what tasks do while they unwind is not part of the execution.
pub fn seal() {
    OPEN.set(false);
}

/// Gives a log back, so that its memory serves the next execution.
pub fn recycle(log: Log) {
    if !RECORDING.get() {
        CURRENT.set(log);
    }
}

/// Whether an execution is being recorded on this OS thread.
pub fn is_recording() -> bool {
    RECORDING.get()
}

/// Lets `read` see the log so far.
pub fn with<R>(read: impl FnOnce(&Log) -> R) -> R {
    CURRENT.with_borrow(read)
}

/// The task that runs now.
pub fn current_task() -> TaskId {
    TASK.get()
}

/// Tells the recorder which task runs now. Called by the runtime after every switch.
pub fn set_current_task(task: TaskId) {
    TASK.set(task);
}

/// Gives a task its name.
pub fn name_task(task: TaskId, name: &str) {
    if !RECORDING.get() {
        return;
    }
    CURRENT.with_borrow_mut(|log| {
        let index = usize::from(task.0);
        while log.tasks.len() <= index {
            let number = log.tasks.len();
            log.tasks.push(format!("task {number}"));
        }
        log.tasks[index] = name.into();
    });
}

/// Adds an object to the log and returns its number.
pub fn register(class: &'static Class, key: Key) -> ObjectId {
    if !RECORDING.get() {
        return ObjectId(u32::MAX);
    }
    CURRENT.with_borrow_mut(|log| {
        let generation = log
            .objects
            .iter()
            .rev()
            .find(|name| std::ptr::eq(name.class, class) && name.key == key)
            .map_or(0, |name| name.generation + 1);
        log.objects.push(ObjectName {
            class,
            key,
            generation,
        });
        ObjectId(log.objects.len() as u32 - 1)
    })
}

/// Records an event of the running task.
pub fn record(what: What) {
    if OPEN.get() {
        let task = TASK.get();
        CURRENT.with_borrow_mut(|log| log.events.push(Event { task, what }));
    }
}

/// Records a named step of the protocol.
pub fn step(name: &'static str, args: Args) {
    record(What::Step { name, args });
}

/// Records that a call returned with a promise.
pub fn acknowledged(name: &'static str, args: Args) {
    record(What::Acknowledged { name, args });
}

/// Records that the running task uses some memory, in the midst of an operation or between two.
pub fn access(kind: Use, memory: Memory, bytes: Range<usize>, is_in_operation: bool) {
    if OPEN.get() {
        let task = TASK.get();
        CURRENT.with_borrow_mut(|log| {
            let events = log.events.len();
            log.accesses.push(Access {
                task,
                memory,
                bytes,
                kind,
                events,
                is_in_operation,
            });
        });
    }
}

/// Records that an invariant does not hold. The explorer ends the execution at its next
/// scheduling point.
pub fn finding(invariant: &'static str, expected: String, observed: String) {
    if OPEN.get() {
        CURRENT.with_borrow_mut(|log| {
            log.findings.push(Finding {
                invariant,
                expected,
                observed,
            });
        });
    }
}

/// Whether any finding was recorded so far.
pub fn has_finding() -> bool {
    CURRENT.with_borrow(|log| !log.findings.is_empty())
}
