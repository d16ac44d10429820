//! The core's locks at atomic granularity under the explorer: every interleaving of their atomics,
//! sequentially consistent.

mod lock_bodies;

use cutpoint::explore::{Options, dpor};
use cutpoint_event::pending::Granularity;
use std::ops::ControlFlow;

mod bodies {
    super::lock_bodies::lock_bodies!(extfs_shuttle);
}

#[test]
fn the_locks_hold_in_every_interleaving_of_their_atomics() {
    for (name, body) in bodies::ALL {
        for granularity in [Granularity::Lock, Granularity::Atomic] {
            let options = Options {
                granularity,
                executions: Some(200_000),
                ..Options::default()
            };
            let explored = dpor::explore(&options, body, &mut |_| ControlFlow::Continue(()));
            let (n, traces) = (explored.executions, explored.traces_distinct);
            println!("{name}, {granularity:?}: {n} executions, {traces:?} traces");
            assert!(
                explored.finding.is_none(),
                "{name}: {:?}",
                explored.finding.unwrap().findings
            );
            assert!(
                explored.complete,
                "{name}, {granularity:?}: {:?}",
                explored.stopped_by
            );
        }
    }
}
