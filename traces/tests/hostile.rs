//! No bytes make reading, checking or showing panic.

mod common;

use cutpoint_traces::format::*;
use cutpoint_traces::view::{Form, Options, render, text};
use cutpoint_traces::{ReadErrorKind, Trace};
use proptest::prelude::*;

/// Shows a trace in every form. Views of a checked trace succeed; of another, they refuse.
fn show_all(trace: &Trace) {
    let valid = trace.validate().is_ok();
    for all in [false, true] {
        for width in [0, 40, 100, usize::MAX] {
            let shown = text::render(trace, &Options { all, width });
            assert_eq!(shown.is_ok(), valid);
        }
        for form in Form::ALL {
            let options = Options {
                all,
                ..Options::default()
            };
            assert_eq!(render(trace, form, &options).is_ok(), valid, "{form}");
        }
    }
}

fn read_and_show(bytes: &[u8]) {
    match Trace::from_slice(bytes) {
        Ok(trace) => show_all(&trace),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Replaces one number, word or list somewhere in a JSON document.
fn mutate(value: &mut serde_json::Value, path: &[usize], with: &serde_json::Value) {
    use serde_json::Value::{Array, Object};
    let Some((&first, rest)) = path.split_first() else {
        *value = with.clone();
        return;
    };
    match value {
        Array(items) if !items.is_empty() => {
            let index = first % items.len();
            mutate(&mut items[index], rest, with);
        }
        Object(fields) if !fields.is_empty() => {
            let index = first % fields.len();
            if let Some((_, field)) = fields.iter_mut().nth(index) {
                mutate(field, rest, with);
            }
        }
        _ => *value = with.clone(),
    }
}

fn replacement() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        (-2i64..60).prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        Just(serde_json::Value::Null),
        Just(serde_json::json!([])),
        Just(serde_json::json!("base")),
        Just(serde_json::json!({"request": 3})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Trace::from_slice(&bytes).is_err());
    }

    #[test]
    fn arbitrary_text_between_braces(text in "\\{\"(magic|version)\":.*\\}") {
        prop_assert!(Trace::from_slice(text.as_bytes()).is_err());
    }

    #[test]
    fn flipped_bytes(
        which in 0..3usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = common::all()[which].to_vec().unwrap();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_and_show(&bytes);
    }

    #[test]
    fn mutated_documents(
        which in 0..3usize,
        path in prop::collection::vec(0..64usize, 1..7),
        with in replacement(),
    ) {
        let bytes = common::all()[which].to_vec().unwrap();
        let mut document = serde_json::from_slice(&bytes).unwrap();
        mutate(&mut document, &path, &with);
        read_and_show(document.to_string().as_bytes());
    }

    #[test]
    fn names_and_words_of_every_kind(name in "\\PC{0,60}|.{0,60}", word in ".{0,60}") {
        let mut trace = common::disksize_before_io();
        trace.tasks[1].name = name.clone();
        trace.objects[0].name = word.clone();
        trace.scenario = name.clone();
        trace.violation.observed = word.clone();
        trace.violation.story = Some(name.clone());
        let arg = common::arg(&word, Value::Word(name.clone()));
        trace.events[11].kind = common::step(&name, &[arg]);
        show_all(&trace);
        prop_assert_eq!(Trace::from_slice(&trace.to_vec().unwrap()).unwrap(), trace);
    }
}

#[test]
fn a_trace_built_by_hand_is_checked_before_it_is_shown() {
    let mut trace = common::disksize_before_io();
    trace.crash.as_mut().unwrap().after.clear();
    show_all(&trace);
    trace = common::wb_lookup_unlocked();
    trace.events[0].task = u32::MAX;
    show_all(&trace);
}

#[test]
fn a_trace_without_events_is_shown() {
    let mut trace = common::wb_lookup_unlocked();
    trace.events.clear();
    show_all(&trace);
    trace.crash = common::disksize_before_io().crash;
    let crash = trace.crash.as_mut().unwrap();
    crash.after = vec![0; 3];
    (crash.frontier, crash.durable, crash.survivors) = Default::default();
    trace.validate().unwrap();
    show_all(&trace);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = 1 << 20;
    let open = format!("{{\"magic\": {}", "[".repeat(deep));
    let error = Trace::from_slice(open.as_bytes()).unwrap_err();
    assert!(
        matches!(error.kind(), ReadErrorKind::Truncated { .. }),
        "{error}"
    );
    let closed = format!("{open}{}}}", "]".repeat(deep));
    let error = Trace::from_slice(closed.as_bytes()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::NotATrace), "{error}");
    let (nested, ends) = ("{\"after\":[0],\"nested\":".repeat(deep), "}".repeat(deep));
    let mut document = String::from_utf8(common::many_tasks().to_vec().unwrap()).unwrap();
    document.truncate(document.trim_end().len() - 1);
    document.push_str(&format!(",\"crash\":{nested}null{ends}}}"));
    let error = Trace::from_slice(document.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}
