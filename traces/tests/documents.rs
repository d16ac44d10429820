//! Writing and reading back, and every way to refuse a document.

mod common;

use cutpoint_traces::format::*;
use cutpoint_traces::{ReadErrorKind, Trace, WriteErrorKind};
use std::fs;

/// The trace as JSON that can be changed at will.
fn json(trace: &Trace) -> serde_json::Value {
    serde_json::from_slice(&trace.to_vec().unwrap()).unwrap()
}

fn refusal(document: &serde_json::Value) -> cutpoint_traces::ReadError {
    Trace::from_slice(document.to_string().as_bytes()).unwrap_err()
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.json");
    for trace in common::all() {
        // The second write replaces the first.
        trace.write(&path).unwrap();
        trace.write(&path).unwrap();
        assert_eq!(Trace::read(&path).unwrap(), trace);
        assert_eq!(fs::read(&path).unwrap(), trace.to_vec().unwrap());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn every_kind_of_value_survives() {
    let values = [
        (Value::None, "null"),
        (Value::Bool(true), "true"),
        (Value::Number(i64::MIN), "-9223372036854775808"),
        (Value::Range(0, u64::MAX), "[0,18446744073709551615]"),
        (Value::Word("true".into()), "\"true\""),
    ];
    for (value, text) in values {
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
    }
}

#[test]
fn an_event_is_one_line() {
    let text = String::from_utf8(common::wb_lookup_unlocked().to_vec().unwrap()).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("drop_folios"))
        .unwrap();
    insta::assert_snapshot!(line.trim(), @r#"
    {"task":2,"clock":[7,0,5],"kind":{"step":{"name":"drop_folios","args":[{"value":[1,3]}]}}},
    "#);
    assert!(
        text.lines()
            .all(|line| line.matches("\"clock\"").count() <= 1)
    );
}

#[test]
fn unknown_fields_are_skipped_and_minor_versions_accepted() {
    let trace = common::disksize_before_io();
    let mut document = json(&trace);
    document["version"]["minor"] = 999.into();
    document["weather"] = "rain".into();
    document["events"][0]["mood"] = serde_json::json!([1, {"a": 2}]);
    let read = Trace::from_slice(document.to_string().as_bytes()).unwrap();
    assert_eq!(read.events, trace.events);
    assert_eq!(read.version.minor, 999);
}

#[test]
fn a_missing_file_and_a_directory_are_unreadable() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        directory.path().join("none.json"),
        directory.path().to_path_buf(),
    ] {
        let error = Trace::read(&path).unwrap_err();
        assert!(
            matches!(error.kind(), ReadErrorKind::Unreadable(_)),
            "{error}"
        );
        assert_eq!(error.path(), Some(path.as_path()));
        assert!(error.to_string().starts_with(&path.display().to_string()));
    }
}

#[test]
fn a_huge_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("huge.json");
    fs::File::create(&path)
        .unwrap()
        .set_len(Trace::FILE_BYTES_MAX + 1)
        .unwrap();
    let error = Trace::read(&path).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::TooLarge));
    assert!(error.to_string().contains("64 MiB"), "{error}");
}

#[test]
fn every_truncation_is_told_as_one() {
    let bytes = common::disksize_before_io().to_vec().unwrap();
    let end = bytes.len() - 1;
    for length in 0..end {
        let error = Trace::from_slice(&bytes[..length]).unwrap_err();
        assert!(
            matches!(error.kind(), ReadErrorKind::Truncated { .. }),
            "{length}: {error}"
        );
    }
    assert!(Trace::from_slice(&bytes[..end]).is_ok());
}

#[test]
fn garbage_is_not_json_and_json_is_not_yet_a_trace() {
    for garbage in [
        &b"\x7fELF\x02"[..],
        b"not json",
        b"{\"magic\": \xff",
        b"{} {}",
    ] {
        let error = Trace::from_slice(garbage).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::NotJson(_)), "{error}");
    }
    for other in [
        "{}",
        "[1, 2]",
        "null",
        "{\"magic\": 7}",
        "{\"magic\": \"loom\"}",
    ] {
        let error = Trace::from_slice(other.as_bytes()).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::NotATrace), "{error}");
    }
}

#[test]
fn another_major_version_is_told_with_what_to_do() {
    let mut document = serde_json::json!({"magic": MAGIC, "version": {"major": 7, "minor": 2}});
    let newer = refusal(&document);
    assert!(matches!(newer.kind(), ReadErrorKind::Newer { found } if found.major == 7));
    assert_eq!(
        newer.to_string(),
        "written by a newer cutpoint (format 7.2, this one reads up to 1.1): use that version, or \
         record the trace again"
    );
    document["version"]["major"] = 0.into();
    let older = refusal(&document);
    assert!(matches!(older.kind(), ReadErrorKind::Older { .. }));
    assert_eq!(
        older.to_string(),
        "written by an older cutpoint (format 0.2, this one reads 1.x): use that version, or \
         record the trace again"
    );
}

#[test]
fn a_field_of_the_wrong_type_is_damage() {
    let mut document = json(&common::wb_lookup_unlocked());
    document["events"][3]["clock"] = "late".into();
    let error = refusal(&document);
    assert!(
        matches!(error.kind(), ReadErrorKind::Malformed(_)),
        "{error}"
    );
    let mut document = json(&common::disksize_before_io());
    document["image"]["content"][0]["base64"] = "!".into();
    assert!(matches!(
        refusal(&document).kind(),
        ReadErrorKind::Malformed(_)
    ));
}

/// A change that makes a trace contradict itself, and what the refusal must speak of.
type Damage = (&'static str, fn(&mut Trace));

const DAMAGE: &[Damage] = &[
    ("tasks", |t| t.tasks.clear()),
    ("tasks[1]: the name", |t| t.tasks[1].name = "n".repeat(257)),
    ("objects[0]: the name", |t| {
        t.objects[0].name = "n".repeat(257)
    }),
    ("events[2]: task", |t| t.events[2].task = 3),
    ("events[2]: the clock has", |t| {
        t.events[2].clock.truncate(1)
    }),
    ("events[2]: is number", |t| t.events[2].clock[0] = 9),
    ("events[2]: knows 5", |t| t.events[2].clock[1] = 5),
    ("events[14]: the clock misses", |t| {
        t.events[14].clock[0] = 0
    }),
    ("events[3]: object", |t| {
        t.events[3].kind = Kind::Op {
            op: "Join".into(),
            object: 99,
        };
    }),
    ("events[1]: request 99", |t| {
        t.events[1].kind = Kind::Completed {
            request: 99,
            ok: true,
        }
    }),
    ("events[13]: request 2", |t| {
        t.events[13].kind = common::write(2, 41)
    }),
    ("events[12]: the hash", |t| {
        t.events[12].kind = Kind::Write {
            request: 2,
            block: 40,
            bytes: 1,
            hash: "xyz".into(),
            fua: true,
        };
    }),
    ("choices[0]", |t| {
        t.choices.push(Choice {
            name: "copy".into(),
            of: 2,
            value: 2,
        });
    }),
    ("crash.after: has 1", |t| crash(t).after.truncate(1)),
    ("crash.after: task 1 has", |t| crash(t).after[1] = 99),
    ("crash.after: events[14] happened", |t| {
        crash(t).after[1] = 2
    }),
    ("crash.frontier[0]: event 999", |t| {
        crash(t).frontier[0] = 999
    }),
    ("crash.frontier[0]: event 25", |t| crash(t).frontier[0] = 25),
    ("crash.durable[0]: request 77", |t| crash(t).durable[0] = 77),
    ("crash.survivors[0]: request 77", |t| {
        crash(t).survivors[0].version = BlockVersion::Request(77);
    }),
    ("crash.survivors[0]: request 3 wrote another", |t| {
        crash(t).survivors[0].version = BlockVersion::Request(3);
    }),
    ("crash.survivors[1]: block 40 is listed twice", |t| {
        crash(t).survivors[1].block = 40
    }),
    ("crash.survivors[1]: a torn block", |t| {
        crash(t).survivors[1].version = BlockVersion::Torn { sectors: vec![] };
    }),
    ("crash.recovery[1]: is number", |t| {
        crash(t).recovery[1].clock[0] = 5
    }),
    ("crash.recovery[0]: task 1", |t| {
        crash(t).recovery[0].task = 1
    }),
    ("crash.after: task 0 has", |t| {
        crash(t).nested.as_mut().unwrap().after[0] = 9
    }),
    ("image.block_size", |t| image(t).block_size = 1000),
    ("image.blocks", |t| image(t).blocks = u64::MAX),
    ("image.content[1]: has 3", |t| {
        image(t).content[1].data.truncate(3)
    }),
    ("image.content[1]: block 6 of 6", |t| image(t).blocks = 6),
    ("image.content[1]: block 0 is not", |t| {
        image(t).content[1].block = 0
    }),
    ("magic", |t| t.magic.clear()),
];

fn crash(trace: &mut Trace) -> &mut Crash {
    trace.crash.as_mut().unwrap()
}

fn image(trace: &mut Trace) -> &mut Image {
    trace.image.as_mut().unwrap()
}

#[test]
fn every_contradiction_is_found_and_placed() {
    for (words, damage) in DAMAGE {
        let mut trace = common::disksize_before_io();
        damage(&mut trace);
        let found = trace.validate().expect_err(words).to_string();
        assert!(found.contains(words), "expected {words:?}, got {found:?}");
        let error = trace.to_vec().unwrap_err();
        assert!(
            matches!(error.kind(), WriteErrorKind::Inconsistent(_)),
            "{error}"
        );
    }
}

#[test]
fn a_contradiction_in_a_file_is_refused() {
    let mut document = json(&common::wb_lookup_unlocked());
    document["events"][3]["task"] = 7.into();
    let error = refusal(&document);
    assert!(
        matches!(error.kind(), ReadErrorKind::Inconsistent(_)),
        "{error}"
    );
    insta::assert_snapshot!(error, @r#"
    the trace contradicts itself: events[3]: task 7 of 3: record the trace again
    "#);
}

#[test]
fn crashes_nest_only_so_deep() {
    let mut trace = common::disksize_before_io();
    let inner = crash(&mut trace).nested.take().unwrap();
    for _ in 0..Trace::CRASHES_MAX {
        let outer = Crash {
            after: vec![0],
            survivors: vec![],
            ..(*inner).clone()
        };
        let nested = crash(&mut trace).nested.replace(Box::new(outer));
        crash(&mut trace).nested.as_mut().unwrap().nested = nested;
    }
    let found = trace.validate().unwrap_err();
    assert_eq!(found.place(), "crash");
    assert!(found.what().contains("nested"), "{found}");
}

#[test]
fn a_failed_write_says_what_to_do() {
    let trace = common::wb_lookup_unlocked();
    let directory = tempfile::tempdir().unwrap();
    let error = trace
        .write(directory.path().join("none/t.json"))
        .unwrap_err();
    assert!(matches!(error.kind(), WriteErrorKind::Io(_)));
    assert!(
        error.to_string().contains("make the directory first"),
        "{error}"
    );
    let error = trace.write("/dev/full").unwrap_err();
    assert!(error.to_string().contains("free some space"), "{error}");
}

#[test]
fn a_trace_that_no_one_could_read_is_not_written() {
    let mut trace = common::wb_lookup_unlocked();
    trace.replay_command = "x".repeat(Trace::FILE_BYTES_MAX as usize);
    let error = trace.to_vec().unwrap_err();
    assert!(
        matches!(error.kind(), WriteErrorKind::TooLarge { .. }),
        "{error}"
    );
}
