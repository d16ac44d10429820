//! The recorded counterexamples: each reproduces on its variant and is gone from the correct
//! protocol.

use cutpoint_suite::catalogue::Catalogue;
use cutpoint_suite::minimise::minimise;
use cutpoint_suite::replay::replay;
use cutpoint_suite::report::Replayed;
use cutpoint_traces::Trace;
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
        let expected = [variant.invariant.as_str(), variant.unbounded()];
        let found = trace.violation.invariant.as_str();
        assert!(expected.contains(&found), "{name}: {found}");
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
