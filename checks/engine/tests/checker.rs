//! The environment variables that a person sets: where traces go, and what to replay.

use cutpoint::rt::sync::Arc;
use cutpoint::rt::sync::atomic::{AtomicU32, Ordering::SeqCst};
use cutpoint::rt::thread::spawn;
use std::path::Path;
use std::process::{Command, Output};

/// Set for the process that checks; the one that looks at it does not have it.
const CHECKS: &str = "CUTPOINT_TEST_CHECKS";
const TEST: &str = "the_environment_says_where_traces_go_and_what_is_replayed";

fn racy() {
    let count = Arc::new(AtomicU32::new(0));
    let theirs = count.clone();
    let task = spawn("other", move || {
        theirs.store(theirs.load(SeqCst) + 1, SeqCst)
    });
    count.store(count.load(SeqCst) + 1, SeqCst);
    task.join();
    assert_eq!(count.load(SeqCst), 2);
}

fn run_test(name: &str, value: &Path) -> Output {
    let program = std::env::current_exe().expect("a test has a program");
    let mut command = Command::new(program);
    command
        .env_remove("CUTPOINT_TRACE_DIR")
        .env_remove("CUTPOINT_REPLAY");
    let command = command
        .args(["--exact", TEST])
        .env(CHECKS, "1")
        .env(name, value);
    command.output().expect("it runs")
}

#[test]
fn the_environment_says_where_traces_go_and_what_is_replayed() {
    if std::env::var_os(CHECKS).is_some() {
        return cutpoint::check("environment", racy);
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let failed = run_test("CUTPOINT_TRACE_DIR", directory.path());
    let file = directory.path().join("environment.trace.json");
    let text = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success(), "{text}");
    assert!(file.is_file(), "{text}");
    let command = format!(
        "replay: CUTPOINT_REPLAY='{}' cargo test {TEST}",
        file.display()
    );
    assert!(text.contains(&command), "{text}");

    let written = std::fs::read(&file).expect("it is there");
    let failed = run_test("CUTPOINT_REPLAY", &file);
    let text = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success(), "{text}");
    assert!(text.contains("environment: violates panic"), "{text}");
    assert_eq!(std::fs::read(&file).expect("it is there"), written);

    let failed = run_test("CUTPOINT_REPLAY", &directory.path().join("missing"));
    let text = String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success(), "{text}");
    assert!(text.contains("can not read the file"), "{text}");
}
