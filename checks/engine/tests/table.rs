//! Exact numbers of executions on lock programs whose numbers of traces are known: by counting
//! (multinomial coefficients for one mutex) or from independent enumerations.

mod common;

use common::{exhaust, mix, mutex};

/// Explores and compares: distinct traces, and executions at most 5 % above.
fn check(body: impl Fn() + Send + Sync + 'static, traces: u64) {
    let (explored, hashes) = exhaust(body);
    assert_eq!(hashes.len() as u64, traces);
    assert_eq!(explored.traces_distinct, Some(traces));
    assert_eq!(explored.executions - explored.sleep_blocked, traces);
    let executions = explored.executions;
    assert!(
        executions * 100 <= traces * 105,
        "{executions} executions for {traces} traces"
    );
}

#[test]
fn one_mutex_has_as_many_traces_as_orders_of_sections() {
    check(mutex(2, 3), 20);
    check(mutex(2, 5), 252);
    check(mutex(3, 2), 90);
    check(mutex(3, 3), 1680);
    check(mutex(4, 2), 2520);
}

#[test]
fn a_mix_of_locks_has_the_traces_that_enumeration_finds() {
    check(mix(2, 5), 17);
    check(mix(2, 10), 1421);
    check(mix(3, 4), 354);
    check(mix(3, 5), 2675);
}
