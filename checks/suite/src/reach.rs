//! Reachability: that executions get where the races are. A correct protocol that "holds" because
//! nothing interesting ever happened has shown nothing.

use crate::content::BLOCK_SIZE;
use cutpoint::clock::clocks_of;
use cutpoint_event::{Args, Log, TaskId, Value, What};
use std::collections::BTreeMap;

/// A truncate removed a part of the delayed range that writeback had looked up and not yet
/// allocated.
pub const CUT_LOOKED_UP: &str = "truncate cut a range that writeback had looked up";
/// Writeback raised the size on disk while a direct write had the file on the orphan list.
pub const RAISED_UNDER_DIO: &str = "writeback raised the size under a direct write";
/// A direct write left something to the page cache.
pub const FELL_BACK: &str = "short direct write fell back to the page cache";
/// A program stored to the file between a write's reservation and its punch.
pub const STORED_BEFORE_PUNCH: &str = "store came between reservation and punch";
/// A short write gave blocks back.
pub const PUNCHED: &str = "short write gave reserved blocks back";
/// Memory pressure took a folio.
pub const RECLAIMED: &str = "folio was reclaimed";
/// A direct write looked at the file while another was in flight, which ended before it mapped.
pub const DIO_IN_FLIGHT: &str = "direct write began while another was in flight";
/// A direct write found, once its data was on the device, a block in the cache that had been read
/// meanwhile.
pub const READ_DROPPED: &str = "block was read between a direct write's start and end";
/// A checkpoint emptied the log between fsync's submission of data and their completion.
pub const TAIL_MOVED: &str = "log tail moved while fsync waited for its data";
/// A block of an extent tree was freed whose copy is in the log.
pub const REVOKED: &str = "metadata block was revoked";
/// Writeback allocated blocks between a write's reservation and its punch.
pub const ALLOCATED_BEFORE_PUNCH: &str = "writeback allocated before the punch";
/// A punch raised the size on disk, because it drops what would have.
pub const PUNCH_RAISED: &str = "punch raised the size on disk";
/// A punch began or ended within a block that has data.
pub const PUNCH_ZEROED: &str = "punch zeroed a part of a block";

/// A truncate or a punch wrote out what a transaction had promised to write.
pub const TRUNCATE_WROTE_OUT: &str = "truncate wrote out ordered data";
/// A copy stopped in a block beyond the end, which was cut off.
pub const CUT_OFF: &str = "short copy beyond the end was cut off";
/// A commit began between the submission of data and its completion.
pub const COMMIT_IN_FLIGHT: &str = "commit began while I/O was in flight";
/// What lay beyond the end was zeroed before the end moved.
pub const TAIL_ZEROED: &str = "end of the last block was zeroed";
/// The page of the old end was write-protected.
pub const END_PROTECTED: &str = "page was protected when the end moved";
/// A program made a page writable again that writeback had taken.
pub const STORED_AGAIN: &str = "page was stored to after writeback had taken it";
/// A direct write ended while a truncate was waiting for it.
pub const WAITED_FOR_DIO: &str = "truncate waited for a direct write";
/// Blocks were removed, and somebody got others before that had committed.
pub const ALLOCATED_BEFORE_COMMIT: &str = "blocks were allocated between a truncate and its commit";
/// I/O of a file without a name ended before the file was deleted.
pub const COMPLETED_UNLINKED: &str = "I/O completed between unlink and delete";

/// Writeback allocated, committed for want of space, and allocated more.
pub const FORCED_COMMIT: &str = "writeback committed to get at freed blocks";
/// A write ended within a block.
pub const FILLED_IN_PART: &str = "write filled its last block in part";

/// Data of a file could not be written.
pub const DATA_FAILED: &str = "device failed a write of data";
/// A direct read came to its end, and then its blocks went.
pub const READ_FIRST: &str = "blocks were removed after a direct read";
/// What was read was there, and what has been removed is what was read.
pub const READ_BEFORE: &str = "blocks were removed after a read";
/// What was read was gone.
pub const READ_AFTER: &str = "read came after blocks were removed";
/// What a write has filled was stored to before the write had ended.
pub const STORED_UNDER_WRITE: &str = "store came before the write had ended";
/// Something could not be written that the journal needs.
pub const ABORTED: &str = "journal was aborted";
/// A direct write that converted nothing forced a commit of what another had converted.
pub const DIO_SYNCED: &str = "overwrite forced a commit of an earlier conversion";

/// Whether an execution was in a state, by its log.
type IsIn = fn(&Log) -> bool;

/// Each named state with its question.
const STATES: [(&str, IsIn); 31] = [
    (CUT_LOOKED_UP, truncate_cut_a_looked_up_range),
    (RAISED_UNDER_DIO, |log| {
        let is_direct = happens(log, "check direct write");
        is_direct && happens_between(log, "orphan add", "raise i_disksize", "orphan del")
    }),
    (FELL_BACK, |log| happens(log, "fall back to buffered write")),
    (STORED_BEFORE_PUNCH, |log| {
        happens_between(log, "reserve", "store", "punch delayed blocks")
    }),
    (PUNCHED, |log| {
        let released = |args: &Args| args.number("reservations released").unwrap_or(0);
        steps(log).any(|(_, name, args)| name == "punch delayed blocks" && released(args) > 0)
    }),
    (RECLAIMED, |log| happens(log, "reclaim folio")),
    (DIO_IN_FLIGHT, |log| {
        happens_between(log, "check direct write", "direct I/O completes", "map")
    }),
    (READ_DROPPED, |log| {
        let mut after = steps(log).skip_while(|(_, name, _)| *name != "direct I/O completes");
        after.any(|(_, name, _)| name == "drop folio")
    }),
    (TAIL_MOVED, |log| {
        happens_between(log, "submit", "update log tail", "writeback done")
    }),
    (REVOKED, |log| happens(log, "revoke")),
    (ALLOCATED_BEFORE_PUNCH, |log| {
        happens_between(log, "reserve", "allocate", "punch delayed blocks")
    }),
    (PUNCH_RAISED, |log| {
        happens(log, "raise i_disksize before punch")
    }),
    (PUNCH_ZEROED, |log| happens(log, "zero part of block")),
    (TRUNCATE_WROTE_OUT, |log| {
        happens(log, "write out ordered data")
    }),
    (CUT_OFF, |log| happens(log, "truncate failed write")),
    (COMMIT_IN_FLIGHT, commits_in_flight),
    (TAIL_ZEROED, |log| {
        happens(log, "zero end of block") || happens(log, "zero part of block")
    }),
    (FORCED_COMMIT, commits_between_allocations),
    (FILLED_IN_PART, |log| {
        steps(log).any(|(_, name, args)| name == "write" && is_in_part(args))
    }),
    (DATA_FAILED, |log| happens(log, "note writeback error")),
    (READ_FIRST, |log| {
        in_order(log, &["direct read", "remove extents"])
    }),
    (READ_BEFORE, |log| happens(log, "reader was first")),
    (READ_AFTER, |log| happens(log, "reader was last")),
    (STORED_UNDER_WRITE, |log| {
        in_order(log, &["allocate", "store", "write"])
    }),
    (ABORTED, |log| happens(log, "journal abort")),
    (DIO_SYNCED, |log| {
        in_order(
            log,
            &["convert to written", "direct I/O completes", "commit"],
        )
    }),
    (END_PROTECTED, |log| happens(log, "protect old end of file")),
    (STORED_AGAIN, |log| {
        in_order(log, &["lock folio", "make page writable", "store"])
    }),
    (WAITED_FOR_DIO, |log| {
        in_order(log, &["direct I/O completes", "orphan add"])
    }),
    (ALLOCATED_BEFORE_COMMIT, |log| {
        in_order(log, &["remove extents", "allocate", "commit"])
    }),
    (COMPLETED_UNLINKED, |log| {
        in_order(log, &["unlink", "I/O completes", "delete inode"])
    }),
];

/// Named states of an execution, from its log.
pub fn of_execution(log: &Log) -> Vec<&'static str> {
    let reached = STATES.iter().filter(|(_, is_in)| is_in(log));
    reached.map(|(name, _)| *name).collect()
}

/// The steps of an execution, with who took them.
fn steps(log: &Log) -> impl Iterator<Item = (TaskId, &'static str, &Args)> {
    log.events.iter().filter_map(|event| match &event.what {
        What::Step { name, args } => Some((event.task, *name, args)),
        _ => None,
    })
}

/// Whether anybody took a step.
fn happens(log: &Log, step: &str) -> bool {
    steps(log).any(|(_, name, _)| name == step)
}

/// Whether these steps were taken in this order, by whomever.
fn in_order(log: &Log, names: &[&str]) -> bool {
    let mut rest = names.iter().peekable();
    for (_, name, _) in steps(log) {
        rest.next_if(|next| **next == name);
    }
    rest.peek().is_none()
}

/// Whether one task allocated, committed, and allocated.
fn commits_between_allocations(log: &Log) -> bool {
    const STEPS: [&str; 3] = ["allocate", "commit", "allocate"];
    let mut taken: BTreeMap<TaskId, usize> = BTreeMap::new();
    steps(log).any(|(task, name, _)| {
        let count = taken.entry(task).or_default();
        *count += usize::from(name == STEPS[*count]);
        *count == STEPS.len()
    })
}

/// Whether a write has written less than the blocks that it was asked for.
fn is_in_part(args: &Args) -> bool {
    let blocks = args.range("").map_or(0, |(from, to)| to - from);
    let bytes = args.number("bytes").unwrap_or(0) as u64;
    !bytes.is_multiple_of(BLOCK_SIZE as u64) && bytes < blocks * BLOCK_SIZE as u64
}

/// Whether a task took one step, then another task took a second, and then the first took a third.
fn happens_between(log: &Log, first: &str, between: &str, last: &str) -> bool {
    let mut begun: BTreeMap<TaskId, bool> = BTreeMap::new();
    for (task, name, _) in steps(log) {
        if name == between {
            let others = begun.iter_mut().filter(|(of, _)| **of != task);
            others.for_each(|(_, has_happened)| *has_happened = true);
        } else if name == last && begun.remove(&task) == Some(true) {
            return true;
        }
        if name == first {
            begun.entry(task).or_default();
        }
    }
    false
}

/// Whether a commit may have gone on between the submission of data and its completion: nothing
/// orders it before the one or after the other. Asked of the order of events and not of the order
/// in which they were scheduled, the answer is the same for all executions of a trace.
fn commits_in_flight(log: &Log) -> bool {
    const STEPS: [&str; 3] = ["submit", "commit", "I/O completes"];
    // The order in which they were scheduled is one of those that the order of events allows.
    if in_order(log, &STEPS) {
        return true;
    }
    if !STEPS.iter().all(|step| happens(log, step)) {
        return false;
    }
    let clocks = clocks_of(log);
    let named = |wanted: &'static str| {
        let events = log.events.iter().enumerate();
        events.filter_map(move |(index, event)| match &event.what {
            What::Step { name, .. } if *name == wanted => Some(index),
            _ => None,
        })
    };
    named("submit").any(|submit| {
        let completes = named("I/O completes").filter(|at| clocks.happens_before(submit, *at));
        let may_be_during = |completed: usize, commit: usize| {
            !clocks.happens_before(commit, submit) && !clocks.happens_before(completed, commit)
        };
        completes
            .into_iter()
            .any(|completed| named("commit").any(|commit| may_be_during(completed, commit)))
    })
}

fn truncate_cut_a_looked_up_range(log: &Log) -> bool {
    let mut looked_up: Option<(u64, u64)> = None;
    for event in &log.events {
        let What::Step { name, args } = &event.what else {
            continue;
        };
        match *name {
            "look up" => {
                let delayed = args
                    .as_slice()
                    .iter()
                    .any(|a| a.value == Value::Word("delayed"));
                looked_up = args.range("").filter(|_| delayed);
            }
            "look up again" | "allocate" => looked_up = None,
            "remove extents" => {
                if let (Some((_, end)), Some((from, _))) = (looked_up, args.range(""))
                    && from < end
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Adds counts by name.
pub fn add(counts: &mut BTreeMap<&'static str, u64>, reached: &[&'static str]) {
    for name in reached {
        *counts.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutpoint_event::{Arg, Event};

    fn step(name: &'static str, range: std::ops::Range<u64>, word: &'static str) -> Event {
        let arg = |value| Arg { key: "", value };
        let args = Args::new(&[arg(range.into()), arg(word.into())]);
        Event {
            task: TaskId(1),
            what: What::Step { name, args },
        }
    }

    #[test]
    fn the_cut_counts_only_between_lookup_and_allocation() {
        let log = |events: &[Event]| Log {
            events: events.to_vec(),
            ..Log::default()
        };
        let look = step("look up", 0..3, "delayed");
        let cut = step("remove extents", 1..3, "");
        let again = step("look up again", 0..1, "delayed");
        assert!(truncate_cut_a_looked_up_range(&log(&[
            look.clone(),
            cut.clone(),
            again.clone()
        ])));
        assert!(!truncate_cut_a_looked_up_range(&log(&[
            look.clone(),
            again,
            cut.clone()
        ])));
        assert!(!truncate_cut_a_looked_up_range(&log(&[cut, look])));
    }
    #[test]
    fn between_is_another_task_between_two_steps_of_one() {
        let by = |task, name| Event {
            task: TaskId(task),
            ..step(name, 0..1, "")
        };
        let log = |events: &[Event]| Log {
            events: events.to_vec(),
            ..Log::default()
        };
        let [a, b, c] = ["reserve", "store", "punch delayed blocks"];
        let reaches = |events: &[Event]| of_execution(&log(events)).contains(&STORED_BEFORE_PUNCH);
        assert!(reaches(&[by(1, a), by(2, b), by(1, c)]));
        assert!(!reaches(&[by(1, a), by(1, b), by(1, c)]));
        assert!(!reaches(&[by(2, b), by(1, a), by(1, c)]));
        assert!(!reaches(&[by(1, a), by(2, b), by(2, c)]));
    }
}
