//! Data races: memory that two tasks use in no order.
//!
//! What a lock protects is used between two operations, where no task is ever interrupted, so an
//! execution in which the lock is missing looks like any other. But if one of two tasks changes
//! what the other uses, something must order them; and where nothing does, happens-before has no
//! edge between them, whoever came first. That is what FastTrack and its like look for (Flanagan
//! and Freund, *FastTrack: efficient and precise dynamic race detection*, 2009), here over what the
//! checked code says that it uses ([`Access`]). An execution in which something else happens to
//! order the two shows nothing.

use crate::clock::clocks_of;
use cutpoint_event::access::{Access, Use};
use cutpoint_event::{Log, TaskId, What};

/// Two accesses that conflict, and that nothing orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRace {
    /// The one that this execution had first.
    pub first: Access,
    /// The other.
    pub second: Access,
}

/// The first data race of an execution at lock granularity, if it has one.
pub fn data_race(log: &Log) -> Option<DataRace> {
    let mut conflicts = conflicts(&log.accesses).peekable();
    conflicts.peek()?;
    let clocks = clocks_of(log);
    // The event whose clock an access has; before its first event, a task knows of nothing.
    let event = |access: &Access| {
        let is_own = |index: &usize| log.events[*index].task == access.task;
        if access.is_in_operation {
            let is_operation = |index: &usize| matches!(log.events[*index].what, What::Op { .. });
            let mut later = access.events..log.events.len();
            return later.find(|index| is_own(index) && is_operation(index));
        }
        (0..access.events).rev().find(is_own)
    };
    let is_before = |first: &Access, second: &Access| {
        let Some(second) = event(second) else {
            return false;
        };
        let seen = clocks.of(second)[usize::from(first.task.0)];
        match event(first) {
            Some(event) if first.is_in_operation => clocks.index(event) <= seen,
            // It ends before its task's next event.
            Some(event) => clocks.index(event) < seen,
            None => seen > 0,
        }
    };
    conflicts
        .find(|(first, second)| !is_before(first, second))
        .map(|(first, second)| DataRace {
            first: first.clone(),
            second: second.clone(),
        })
}

/// Pairs of accesses that conflict, by the second of them.
fn conflicts(accesses: &[Access]) -> impl Iterator<Item = (&Access, &Access)> {
    accesses.iter().enumerate().flat_map(|(number, second)| {
        let earlier = accesses[..number].iter();
        let first = earlier.filter(move |first| first.conflicts(second));
        first.map(move |first| (first, second))
    })
}

impl DataRace {
    /// What happened, with the names of tasks.
    pub fn in_words(&self, tasks: &[String]) -> String {
        let DataRace { first, second } = self;
        let of_both =
            first.bytes.start.max(second.bytes.start)..first.bytes.end.min(second.bytes.end);
        let done = |access: &Access| {
            let TaskId(number) = access.task;
            let task = tasks.get(usize::from(number)).map_or("?", String::as_str);
            match access.kind {
                Use::Read => format!("'{task}' reads"),
                Use::Change => format!("'{task}' changes"),
            }
        };
        format!(
            "{}, {}, bytes {} to {} of {}, and nothing orders them",
            done(first),
            done(second),
            of_both.start,
            of_both.end,
            first.memory
        )
    }
}
