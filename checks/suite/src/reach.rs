//! Reachability: that executions get where the races are. A correct protocol that "holds" because
//! nothing interesting ever happened has shown nothing.

use cutpoint_event::{Log, Value, What};
use std::collections::BTreeMap;

/// A truncate removed a part of the delayed range that writeback had looked up and not yet
/// allocated.
pub const CUT_LOOKED_UP: &str = "truncate cut a range that writeback had looked up";

/// Named states of an execution, from its log.
pub fn of_execution(log: &Log) -> Vec<&'static str> {
    let mut reached = Vec::new();
    if truncate_cut_a_looked_up_range(log) {
        reached.push(CUT_LOOKED_UP);
    }
    reached
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
    use cutpoint_event::{Arg, Args, Event, TaskId};

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
}
