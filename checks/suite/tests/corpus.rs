//! The recorded counterexamples: each reproduces on its variant and is gone from the correct
//! protocol.

use cutpoint_suite::catalogue::Catalogue;
use cutpoint_suite::minimise::minimise;
use cutpoint_suite::replay::replay;
use cutpoint_suite::report::Replayed;
use cutpoint_traces::Trace;
use cutpoint_traces::view::{Options, text};
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces/corpus")
}

fn trace(variant: &str) -> Trace {
    Trace::read(corpus().join(format!("{variant}.json"))).unwrap()
}

#[test]
fn every_variant_has_a_trace_and_every_trace_a_variant() {
    let mut files: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let variants: Vec<String> = Catalogue::get()
        .variants
        .keys()
        .map(|name| format!("{name}.json"))
        .collect();
    assert_eq!(files, variants);
}

#[test]
fn every_trace_reproduces_on_its_variant() {
    for (name, variant) in &Catalogue::get().variants {
        let trace = trace(name);
        assert_eq!(trace.violation.invariant, variant.invariant, "{name}");
        for time in 1..=20 {
            let replayed = replay(&trace, None).unwrap();
            assert!(
                matches!(replayed, Replayed::Reproduces { .. }),
                "{name}, time {time}: {replayed:?}"
            );
        }
    }
}

#[test]
fn no_trace_can_be_made_smaller() {
    for name in Catalogue::get().variants.keys() {
        let trace = trace(name);
        let minimised = minimise(&trace, None, &mut |_| {}).unwrap().unwrap();
        assert!(minimised.is_minimal, "{name}");
        assert_eq!(minimised.before, minimised.after, "{name}");
        assert!(minimised.trace == trace, "{name} comes out different");
    }
}

#[test]
fn every_trace_is_gone_from_the_correct_protocol() {
    for name in Catalogue::get().variants.keys() {
        let replayed = replay(&trace(name), Some(None)).unwrap();
        assert!(matches!(replayed, Replayed::Gone), "{name}: {replayed:?}");
    }
}

/// Lines that the text of two actors may have.
const LINES_MAX: usize = 40;

#[test]
fn the_text_of_two_actors_fits_a_screen() {
    for name in Catalogue::get().variants.keys() {
        let text = text::render(&trace(name), &Options::default()).unwrap();
        // Title, subtitle, nothing, then the names of who acts.
        let actors = text.lines().nth(3).unwrap().matches(" | ").count() + 1;
        let lines = text.lines().count();
        assert!(
            actors > 2 || lines <= LINES_MAX,
            "{name} has {lines} lines:\n{text}"
        );
    }
}
