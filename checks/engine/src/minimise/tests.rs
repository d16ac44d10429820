//! Counterexamples with needless parts, preemptions and faults, made smaller.

use super::{Cost, Minimised, Ran, Schedule, minimise, run};
use crate::explore::replay::recording;
use crate::explore::{Options, dpor};
use rt_shuttle::sync::{Arc, Mutex};
use rt_shuttle::thread::spawn;
use rt_shuttle::{choose, finding, part};
use std::ops::ControlFlow;

/// Two tasks of which each adds to a count in two steps, so that one addition may be lost; a third
/// that only gets in the way, in two parts; and two choices, of which the second matters: without
/// it, each adds in one step.
fn torn_additions() {
    let counts = Arc::new((Mutex::new(0), Mutex::new(0)));
    let noise = choose("noise", 3);
    let torn = choose("torn", 3);
    let add = move |counts: &(Mutex<u64>, Mutex<u64>)| {
        *counts.1.lock() += noise;
        match torn {
            0 => *counts.0.lock() += 1,
            _ => {
                let before = *counts.0.lock();
                *counts.1.lock() += 1;
                *counts.0.lock() = before + 1;
            }
        }
    };
    let theirs = counts.clone();
    let other = spawn("other", move || add(&theirs));
    let bystander = part("bystander").then(|| {
        let theirs = counts.clone();
        spawn("bystander", move || {
            *theirs.1.lock() += 1;
            if part("more") {
                *theirs.1.lock() += 1;
            }
        })
    });
    add(&counts);
    other.join();
    bystander.into_iter().for_each(|task| task.join());
    let count = *counts.0.lock();
    if count != 2 {
        finding("lost", || "2".into(), || count.to_string());
    }
}

/// Runs a schedule of [`torn_additions`]; what happened if an addition is lost.
fn attempt(schedule: &Schedule) -> Option<Ran> {
    let options = Options::default();
    let (explored, _, ran) = run(schedule, &options, torn_additions, &mut |_| {
        ControlFlow::Continue(())
    });
    let found = explored.finding?;
    ran.filter(|_| found.findings[0].invariant == "lost")
}

/// The schedules of all executions that lose an addition.
fn all() -> Vec<Schedule> {
    let options = Options {
        past_findings: true,
        ..Options::default()
    };
    let mut all = Vec::new();
    dpor::explore(&options, torn_additions, &mut |execution| {
        let loses = execution.log.findings.iter();
        if loses.clone().any(|finding| finding.invariant == "lost") {
            let (events, choices) = recording(execution.log);
            all.push(Schedule {
                left_out: Vec::new(),
                events,
                choices,
            });
        }
        ControlFlow::Continue(())
    });
    all
}

fn smallest(schedule: &Schedule, attempts_max: Option<u64>) -> Minimised {
    let found = minimise(schedule, attempts_max, &mut |schedule, _| attempt(schedule));
    found.expect("the schedule loses an addition")
}

#[test]
fn what_is_not_needed_is_gone_whatever_the_counterexample() {
    let all = all();
    assert!(all.len() > 100, "{} counterexamples", all.len());
    for schedule in all.iter().step_by(7) {
        let found = smallest(schedule, None);
        assert!(found.is_minimal);
        let cost = found.ran.cost();
        assert!(cost <= found.before);
        // "bystander" with all of its parts is gone; tearing is needed, at its least; and one task
        // is interrupted between its two steps. Where that is the one that is created, its creator
        // was left for it, too, and no single change turns the two around.
        assert_eq!((cost.parts, cost.faults), (0, 1));
        assert!((1..=2).contains(&cost.preemptions), "{cost:?}");
        assert_eq!(found.ran.schedule.left_out, ["bystander"]);
        let torn = ("torn".to_string(), 1);
        assert!(found.ran.schedule.choices.contains(&torn));
    }
}

#[test]
fn the_smallest_reproduces_and_can_not_be_made_smaller() {
    let all = all();
    let found = smallest(&all[all.len() / 2], None);
    let again = smallest(&found.ran.schedule, None);
    assert_eq!(again.ran.schedule, found.ran.schedule);
    assert_eq!(again.before, again.ran.cost());
    assert_eq!(again.ran.cost(), found.ran.cost());
}

#[test]
fn a_budget_ends_the_search_and_says_so() {
    let all = all();
    let found = smallest(&all[all.len() - 1], Some(2));
    assert_eq!((found.attempts, found.is_minimal), (2, false));
}

#[test]
fn what_does_not_fail_is_not_made_smaller() {
    let nothing = Schedule::default();
    let found = minimise(&nothing, None, &mut |schedule, _: Option<Cost>| {
        attempt(schedule)
    });
    assert!(found.is_none());
}
