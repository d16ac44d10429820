//! What an execution records, and that the explorer sees which calls precede which.

use super::brute::{Call, Queue};
use crate::explore::{Options, dpor};
use crate::oracle::Recorder;
use cutpoint_event::What;
use rt_shuttle::thread::spawn;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// Explores two tasks that make a call each and share nothing else, and collects what `see` makes
/// of each execution.
fn explored<T: Ord + Send + 'static>(
    see: impl Fn(&Recorder<Queue>) -> T + Send + Sync + 'static,
) -> (BTreeSet<T>, u64) {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let theirs = seen.clone();
    let body = move || {
        let recorder = Recorder::new(Arc::new(Queue));
        let other = recorder.clone();
        let task = spawn("other", move || other.call(Call::Push(1), || None));
        recorder.call(Call::Push(2), || None);
        task.join();
        recorder.judge();
        theirs.lock().expect("nobody panics").insert(see(&recorder));
    };
    let explored = dpor::explore(
        &Options::default(),
        body,
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(
        explored.complete && explored.finding.is_none(),
        "{explored:?}"
    );
    let seen = std::mem::take(&mut *seen.lock().expect("nobody panics"));
    (seen, explored.executions)
}

#[test]
fn every_real_time_order_is_explored_once() {
    let order = |recorder: &Recorder<Queue>| {
        let history = recorder.history();
        let call = |task| history.calls().iter().position(|call| call.task == task);
        let (main, other) = (
            call("main").expect("a call"),
            call("other").expect("a call"),
        );
        (history.precedes(main, other), history.precedes(other, main))
    };
    let (orders, executions) = explored(order);
    // One first, the other first, or overlapping.
    assert_eq!(orders.len(), 3, "{orders:?}");
    assert_eq!(executions, 3);
}

#[test]
fn events_of_the_history_are_events_of_the_log() {
    let words = |recorder: &Recorder<Queue>| {
        let log = cutpoint_event::log::with(Clone::clone);
        let until = |at: usize| recorder.history_within(|event| event <= at).to_string();
        let named = log
            .events
            .iter()
            .enumerate()
            .filter_map(|(at, event)| match event.what {
                What::Step { name: "push", args } if event.task.0 == 0 => Some((
                    args.to_string(),
                    until(at).contains("main: Push(2) returned"),
                )),
                _ => None,
            });
        named.collect::<Vec<_>>()
    };
    let (words, _) = explored(words);
    let expected = [
        ("begins call=1".into(), false),
        ("returns call=1".into(), true),
    ];
    assert_eq!(Vec::from_iter(words), [expected]);
}

#[test]
fn a_sync_makes_durable_what_had_returned_before_it() {
    let recorder = Recorder::new(Arc::new(Queue));
    recorder.call(Call::Push(1), || None);
    let under_way = recorder.invoke(Call::Push(2));
    let failed: Result<(), &str> = recorder.sync(|| Err("it failed"));
    assert!(failed.is_err());
    let durable = || {
        let history = recorder.history();
        let calls = history.calls().iter();
        calls
            .map(|call| call.durable_at.is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(durable(), [false, false]);
    let synced: Result<(), &str> = recorder.sync(|| Ok(()));
    assert!(synced.is_ok());
    under_way.returned(None);
    recorder.invoke(Call::Push(3)).failed();
    let error = recorder.try_call_durably(Call::Push(4), || Err("it failed"));
    assert_eq!(error, Err("it failed"));
    recorder.call_durably(Call::Push(5), || None);
    assert_eq!(durable(), [true, false, false, false, true]);
}
