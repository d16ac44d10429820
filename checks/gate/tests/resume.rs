//! Checks that are killed and gone on with, and states that can not be gone on with.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often the check is killed.
const KILLS: u32 = 20;
/// Enough executions to be killed in, few enough for a test.
const CHECK: [&str; 4] = ["check", "writeback_vs_truncate", "--executions", "1500"];

fn command(args: &[&str], resume: &Path, json: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    command
        .args(args)
        .args(["--save-every", "0.02", "--resume"]);
    command.arg(resume).arg("--json").arg(json);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    command
}

/// The document without what differs from run to run.
fn timeless(path: &Path) -> serde_json::Value {
    let mut document = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let serde_json::Value::Object(fields) = &mut document else {
        panic!("not an object");
    };
    for field in ["wall_s", "cpu_s", "peak_rss_bytes"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    document
}

/// Kills the process after so long. Answers whether it was still running.
fn kill_after(child: &mut Child, delay: Duration) -> bool {
    thread::sleep(delay);
    let is_running = child.try_wait().unwrap().is_none();
    // The very signal of `kill -9`. A process that has ended by itself can not be killed.
    let _ = child.kill();
    child.wait().unwrap();
    is_running
}

#[test]
fn a_check_that_was_killed_twenty_times_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let whole = command(&CHECK, &path("whole"), &path("whole.json"));
    let started = std::time::Instant::now();
    assert_eq!(
        { whole }.status().unwrap().code(),
        Some(3),
        "the budget is spent"
    );
    let took = started.elapsed();
    let (resume, json) = (path("killed"), path("killed.json"));
    let mut numbers = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    for _ in 0..KILLS {
        numbers ^= numbers << 13;
        numbers ^= numbers >> 7;
        numbers ^= numbers << 17;
        // Between none and an eighth of the time of the whole.
        let delay = took / 8 * (numbers % 1_000) as u32 / 1_000;
        let mut child = command(&CHECK, &resume, &json).spawn().unwrap();
        killed += u32::from(kill_after(&mut child, delay));
    }
    assert!(
        killed >= KILLS / 2,
        "only {killed} of {KILLS} were running: vacuous"
    );
    assert!(
        resume.join("check.state").exists(),
        "nothing was ever saved: vacuous"
    );
    let status = command(&CHECK, &resume, &json).status().unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(timeless(&json), timeless(&path("whole.json")));
}

/// Runs a check that is to be refused, and expects the state to stay as it is.
fn refused(args: &[&str], resume: &Path) -> String {
    let state = resume.join("check.state");
    let before = fs::read(&state).unwrap();
    let json = resume.join("result.json");
    let output = command(args, resume, &json).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    assert_eq!(fs::read(&state).unwrap(), before, "the state was changed");
    assert!(!json.exists());
    errors
}

#[test]
fn a_state_that_can_not_be_gone_on_with_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let resume = directory.path().join("state");
    let few = [
        "check",
        "writeback_vs_truncate",
        "--executions",
        "20",
        "--crash",
        "off",
    ];
    let json = directory.path().join("result.json");
    command(&few, &resume, &json).status().unwrap();
    let state = resume.join("check.state");
    let whole = fs::read(&state).unwrap();

    for other in [
        &["--variant", "wb_lookup_unlocked"][..],
        &["--seed", "2"],
        &["--shard", "1/2"],
    ] {
        let errors = refused(&[&few[..], other].concat(), &resume);
        assert!(errors.contains("of another run"), "{errors}");
    }
    let errors = refused(
        &["check", "writeback_vs_truncate", "--engine", "random"],
        &resume,
    );
    assert!(errors.contains("--engine dpor"), "{errors}");
    for (bytes, words) in [
        (&whole[..whole.len() / 2], "cut off"),
        (b"garbage\n\0\xff", "not a state file"),
        (b"", "not a state file"),
    ] {
        fs::write(&state, bytes).unwrap();
        let errors = refused(&few, &resume);
        assert!(
            errors.contains(words) && errors.contains("remove it"),
            "{errors}"
        );
    }
}

#[test]
fn a_spent_budget_can_be_raised() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let check = |executions, resume: &str, json: &str| {
        let args = [
            "check",
            "writeback_vs_truncate",
            "--crash",
            "off",
            "--executions",
            executions,
        ];
        command(&args, &path(resume), &path(json)).status().unwrap();
        let document = timeless(&path(json));
        (document["executions"].clone(), document["reached"].clone())
    };
    assert_eq!(check("30", "a", "a.json").0, 30);
    let raised = check("80", "a", "a.json");
    assert_eq!(raised, check("80", "b", "b.json"));
}
