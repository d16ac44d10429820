//! The core's locks at atomic granularity under loom: every interleaving and every outcome that
//! the C11 memory model allows. Four of the bodies have too many of them: these are played with at
//! most two or three preemptions.

mod lock_bodies;

use cutpoint::explore::{Execution, Options, StoppedBy, loom};
use cutpoint_event::pending::Granularity;
use std::ops::ControlFlow;

mod bodies {
    super::lock_bodies::lock_bodies!(extfs_loom);
}

#[test]
fn the_locks_hold_under_the_c11_memory_model() {
    for (name, body) in bodies::ALL {
        let options = Options {
            granularity: Granularity::Atomic,
            ..Options::default()
        };
        // The work list is a mutex, a counter and a wait queue: unbounded, loom does not finish.
        // Two primitives in one body, or three tasks at one, are too many as well.
        let preemptions = match name {
            "a_worker_takes_all_work" | "a_downgrade_lets_queued_readers_in" => Some(3),
            "a_writer_comes_after_all_readers" | "every_worker_hears_of_the_end" => Some(2),
            _ => None,
        };
        let go_on = &mut |_: &Execution<'_>| ControlFlow::Continue(());
        let explored = loom::explore(preemptions, &options, body, go_on);
        println!(
            "{name}: {} executions, {:?}",
            explored.executions, explored.stopped_by
        );
        assert!(
            explored.finding.is_none(),
            "{name}: {:?}",
            explored.finding.unwrap().findings
        );
        assert_eq!(explored.stopped_by, StoppedBy::Exhaustion, "{name}");
        assert_eq!(explored.complete, preemptions.is_none(), "{name}");
    }
}
