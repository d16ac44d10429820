//! The command line as a user meets it: exit codes, messages, and what goes where.

use cutpoint_traces::Trace;
use cutpoint_traces::format::{self, Event, Kind, Task, Tool, Violation};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the program; returns its exit code, its output and its errors.
fn cutpoint(args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The one message of a command that could not do what it was asked to.
fn refused(args: &[&str]) -> String {
    let (code, stdout, stderr) = cutpoint(args);
    assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// A trace with one step and a violation.
fn trace() -> Trace {
    Trace {
        magic: format::MAGIC.into(),
        version: format::VERSION,
        tool: Tool {
            name: "cutpoint".into(),
            version: "0.1.0".into(),
        },
        scenario: "writeback_vs_truncate".into(),
        variant: None,
        design: "im".into(),
        runtime: "shuttle".into(),
        engine: "dpor".into(),
        granularity: "lock".into(),
        crash_mode: "off".into(),
        seed: None,
        left_out: Vec::new(),
        tasks: vec![Task {
            name: "main".into(),
        }],
        objects: Vec::new(),
        events: vec![Event {
            task: 0,
            clock: vec![1],
            kind: Kind::Step {
                name: "look up".into(),
                args: Vec::new(),
            },
        }],
        choices: Vec::new(),
        crash: None,
        violation: Violation {
            invariant: "I3".into(),
            expected: "0 blocks".into(),
            observed: "2 blocks".into(),
            story: None,
        },
        image: None,
        replay_command: "cutpoint replay t.json".into(),
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_unknown_name_is_refused_with_what_there_is() {
    let message = refused(&["check", "no_such_scenario"]);
    assert!(message.contains("no_such_scenario") && message.contains("cutpoint list"));
    let message = refused(&["check", "writeback_vs_truncate", "--variant", "no_such"]);
    assert!(message.contains("no_such") && message.contains("wb_lookup_unlocked"));
    let message = refused(&["model", "check", "no_such"]);
    assert!(message.contains("writeback_truncate"));
    let message = refused(&["model", "check", "writeback_truncate", "--without", "No"]);
    assert!(message.contains("CheckCookieBeforeUse"));
}

#[test]
fn wrong_usage_is_refused() {
    refused(&["check"]);
    refused(&["minimise", "t.json"]);
    refused(&["show", "t.json", "--as", "img"]);
    refused(&["gate", "--shard", "0/2"]);
    refused(&["check", "writeback_vs_truncate", "--crash", "sometimes"]);
    let (code, _, help) = cutpoint(&[]);
    assert_eq!(code, 2);
    assert!(help.contains("Usage:"), "{help}");
    assert_eq!(cutpoint(&["--version"]).0, 0);
}

#[test]
fn the_order_of_locks_is_drawn_with_witnesses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("locks.dot");
    let check = [
        "check",
        "writeback_vs_truncate",
        "--executions",
        "3",
        "--json",
        "-",
    ];
    let file = path.to_str().unwrap();
    let (code, stdout, stderr) = cutpoint(&[&check[..], &["--lock-graph", file]].concat());
    assert_eq!(code, 3, "{stderr}");
    assert_eq!(json(&stdout)["unfinished"], true);
    assert!(json(&stdout)["controls_run"].as_u64().unwrap() >= 1);
    let graph = fs::read_to_string(&path).unwrap();
    assert!(graph.starts_with("digraph {"), "{graph}");
    let witnessed = |line: &&str| line.contains(" -> ") && line.contains(" in execution 1");
    assert!(graph.lines().filter(witnessed).count() > 1, "{graph}");
    let missing = directory.path().join("missing/locks.dot");
    refused(&[&check[..], &["--lock-graph", missing.to_str().unwrap()]].concat());
}

#[test]
fn what_is_no_trace_is_refused_with_one_clear_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_string();
    let whole = String::from_utf8(trace().to_vec().unwrap()).unwrap();
    let newer = whole.replacen("\"major\":1", "\"major\":9", 1);
    assert_ne!(newer, whole);
    let files = [
        (
            "truncated.json",
            &whole.as_bytes()[..whole.len() / 2],
            "ends in the middle",
        ),
        (
            "garbage.json",
            b"\xff\0not json at all".as_slice(),
            "not JSON",
        ),
        ("newer.json", newer.as_bytes(), "newer cutpoint"),
        ("empty.json", b"", "ends in the middle"),
        ("other.json", b"{\"a\": 1}", "not a cutpoint trace"),
    ];
    for (name, content, words) in files {
        fs::write(path(name), content).unwrap();
        for verb in ["replay", "show"] {
            let message = refused(&[verb, &path(name)]);
            assert!(
                message.contains(words) && message.contains(name),
                "{message}"
            );
        }
    }
    let message = refused(&["replay", &path("absent.json")]);
    assert!(message.contains("can not read"), "{message}");
}

#[test]
fn the_list_is_json_on_request() {
    let (code, text, _) = cutpoint(&["list", "--json"]);
    assert_eq!(code, 0);
    let list = json(&text);
    assert_eq!(list["schema"], "cutpoint-list/2");
    let names = |key: &str| -> Vec<String> {
        let items = list[key].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_string())
            .collect()
    };
    assert!(names("scenarios").contains(&"writeback_vs_truncate".into()));
    assert!(names("variants").contains(&"disksize_before_io".into()));
    let models = [
        "writeback_truncate",
        "short_write_punch",
        "dio_extension",
        "journal",
        "lock_order",
        "lock_order_bh",
    ];
    assert_eq!(names("models"), models);
    let (code, text, _) = cutpoint(&["list"]);
    assert!(code == 0 && text.contains("wb_lookup_unlocked") && !text.contains('\u{1b}'));
}

#[test]
fn a_trace_is_shown_in_every_form() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.json");
    trace().write(&file).unwrap();
    let file = file.to_str().unwrap();
    for form in ["text", "mermaid", "dot", "svg", "html", "itf", "chrome"] {
        let (code, text, stderr) = cutpoint(&["show", file, "--as", form]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{form}");
        assert!(!text.is_empty() && !text.contains('\u{1b}'), "{form}");
        let out = directory.path().join("out");
        let args = ["show", file, "--as", form, "-o", out.to_str().unwrap()];
        assert_eq!(cutpoint(&args), (0, String::new(), String::new()));
        assert_eq!(fs::read_to_string(&out).unwrap(), text, "{form}");
    }
    let image = directory.path().join("t.img");
    let message = refused(&["show", file, "--as", "img", "-o", image.to_str().unwrap()]);
    assert!(
        message.contains("needs no power cut") && !image.exists(),
        "{message}"
    );
    let nowhere = directory.path().join("no/such/out");
    let message = refused(&["show", file, "-o", nowhere.to_str().unwrap()]);
    assert!(message.contains("make the directory first"), "{message}");
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
    let mut child = command(&["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.as_mut().unwrap();
    drop(child.stdout.take());
    let code = child.wait().unwrap().code();
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_model_holds_with_its_rules_and_breaks_without_one() {
    let model = |args: &[&str]| {
        let args = [
            &["model", "check", "writeback_truncate", "--json", "-"],
            args,
        ]
        .concat();
        let (code, text, _) = cutpoint(&args);
        (code, json(&text))
    };
    let (code, holds) = model(&[]);
    assert_eq!((code, &holds["verdict"]), (0, &"Holds".into()));
    assert!(holds["states"].as_u64() > Some(1_000));
    let (code, violated) = model(&["--without", "ReleaseReservationOnRemove"]);
    assert_eq!((code, &violated["verdict"]), (1, &"Violated".into()));
    assert!(violated["invariant"].is_string());
    assert!(!violated["actions"].as_array().unwrap().is_empty());
}

#[test]
fn the_documents_have_exactly_the_documented_fields() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("JSON.md")).unwrap();
    let documented = |schema: &str| -> Vec<String> {
        let section = text.split(&format!("## `{schema}`")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut names: Vec<_> = rows
            .map(|row| row.split('`').next().unwrap().into())
            .collect();
        names.sort();
        names
    };
    let fields = |args: &[&str]| -> Vec<String> {
        let object = json(&cutpoint(args).1);
        let mut names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let check = [
        "check",
        "writeback_vs_truncate",
        "--executions",
        "2",
        "--json",
        "-",
    ];
    assert_eq!(fields(&check), documented("cutpoint-check/1"));
    let model = ["model", "check", "writeback_truncate", "--json", "-"];
    assert_eq!(fields(&model), documented("cutpoint-model/1"));
    let differential = ["differential", "--programs", "20", "--json", "-"];
    assert_eq!(fields(&differential), documented("cutpoint-differential/1"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.json");
    trace().write(&file).unwrap();
    let replay = ["replay", file.to_str().unwrap(), "--json", "-"];
    assert_eq!(fields(&replay), documented("cutpoint-replay/1"));
}

#[test]
fn a_budget_spent_is_not_a_bound_reached() {
    let args = [
        "check",
        "writeback_vs_truncate",
        "--executions",
        "2",
        "--json",
        "-",
    ];
    let (code, text, stderr) = cutpoint(&args);
    let check = json(&text);
    assert_eq!((code, stderr.as_str()), (3, ""));
    assert_eq!(check["verdict"], "WithinBounds");
    assert_eq!(check["unfinished"], true);
    assert!(check["why"].as_str().unwrap().contains("2 executions"));
}

#[test]
fn a_result_that_can_not_be_written_is_refused_and_nothing_is_left_behind() {
    let scenario = "writeback_vs_truncate";
    let message = refused(&["check", scenario, "--trace", "/no/such/t.json"]);
    assert!(message.contains("make the directory first"), "{message}");
    let message = refused(&["gate", "--certificate", "/no/such/c.json"]);
    assert!(message.contains("make the directory first"), "{message}");
    let args = [
        "check",
        scenario,
        "--variant",
        "map_without_cookie",
        "--trace",
        "/dev/full",
    ];
    let (code, stdout, stderr) = cutpoint(&args);
    assert_eq!(code, 2);
    assert!(
        stdout.contains("Violated of I8"),
        "the finding is shown all the same"
    );
    assert!(stderr.contains("free some space"), "{stderr}");
}

#[test]
fn a_counterexample_is_kept_replayed_and_gone_on_the_correct_protocol() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.json");
    let file = file.to_str().unwrap();
    let variant = ["--variant", "map_without_cookie"];
    let check = [
        &["check", "writeback_vs_truncate", "--trace", file],
        &variant[..],
    ]
    .concat();
    let (code, text, _) = cutpoint(&check);
    assert_eq!(code, 1);
    let last = text.lines().last().unwrap();
    assert!(last.ends_with(&format!("replay {file}")), "{last}");
    let (code, text, _) = cutpoint(&["replay", file]);
    assert!(code == 1 && text.contains("reproduces: I8"), "{text}");
    let (code, text, _) = cutpoint(&["replay", file, "--variant", "correct"]);
    assert!(code == 0 && text.contains("gone"), "{text}");
}
