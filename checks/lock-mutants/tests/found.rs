//! Every memory ordering of the locks is needed, and every wake-up: weakened, or left out, some
//! check fails under loom.

#[path = "../../suite/tests/lock_bodies/mod.rs"]
mod lock_bodies;

use cutpoint::explore::{Execution, Options, loom};
use cutpoint_event::pending::Granularity;
use std::ops::ControlFlow;
use std::time::Duration;

/// Preemptions in an execution: what is wrong here shows with few, and is looked for with fewest
/// first.
const PREEMPTIONS: [usize; 2] = [2, 3];

/// Changes that no check notices, and why they may stay as they are.
const UNNOTICED: [(&str, &str, &str); 0] = [];

/// A changed copy of the locks, with the checks on it.
struct Mutant {
    file: &'static str,
    line: u32,
    change: &'static str,
    bodies: &'static [(&'static str, fn())],
}

macro_rules! stamp {
    ($(($file:literal, $line:literal, $change:literal, $name:ident),)*) => {
        $(mod $name {
            #![allow(unreachable_pub)]
            use cutpoint_lock_mutants::$name as mutant;
            super::lock_bodies::lock_bodies!(mutant);
        })*

        fn mutants() -> Vec<Mutant> {
            vec![$(Mutant {
                file: $file,
                line: $line,
                change: $change,
                bodies: &$name::ALL,
            }),*]
        }
    };
}
cutpoint_lock_mutants::for_each_mutant!(stamp);

/// The first check that fails with so many preemptions.
fn found(mutant: &Mutant, preemptions: usize) -> Option<&'static str> {
    let fails = |body: fn()| {
        let options = Options {
            granularity: Granularity::Atomic,
            time: Some(Duration::from_secs(60)),
            ..Options::default()
        };
        let go_on = &mut |_: &Execution<'_>| ControlFlow::Continue(());
        let explored = loom::explore(Some(preemptions), &options, body, go_on);
        explored.finding.is_some()
    };
    let mut bodies = mutant.bodies.iter();
    bodies.find(|(_, body)| fails(*body)).map(|(name, _)| *name)
}

#[test]
fn every_ordering_and_every_wake_up_is_needed() {
    let mutants = mutants();
    assert!(mutants.len() > 20, "the sources were not understood");
    let mut unnoticed = Vec::new();
    for mutant in &mutants {
        let (file, line, change) = (mutant.file, mutant.line, mutant.change);
        match PREEMPTIONS.iter().find_map(|bound| found(mutant, *bound)) {
            Some(check) => println!("{file}:{line} {change}: {check}"),
            None => {
                println!("{file}:{line} {change}: no check notices it");
                unnoticed.push((file, change));
            }
        }
    }
    let justified: Vec<_> = UNNOTICED
        .iter()
        .map(|(file, change, _)| (*file, *change))
        .collect();
    assert_eq!(unnoticed, justified, "of {} changes", mutants.len());
}
