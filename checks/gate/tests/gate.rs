//! The gate in parts, and killed: whatever way it took, its certificate is the same.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often the gate is killed.
const KILLS: u32 = 6;
/// How long a killed gate may run, in milliseconds.
const LIFE_MAX: u64 = 1_500;
/// How long jobs may take to notice that their gate is gone.
const NOTICE: Duration = Duration::from_secs(5);

fn gate(args: &[&str], certificate: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    command.arg("gate").args(args);
    command.arg("--certificate").arg(certificate);
    // Nothing is to be written back to the source tree.
    command.env("CI", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Whether somebody holds the lock of one of the directories in which jobs keep their searches.
fn is_searched(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).unwrap();
    let locks = entries.map(|entry| entry.unwrap().path().join("lock"));
    locks
        .filter_map(|lock| File::open(lock).ok())
        .any(|lock| lock.try_lock().is_err())
}

#[test]
fn a_gate_that_was_killed_certifies_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let part = [
        "--shard",
        "1/8",
        "--only",
        "writeback_vs_",
        "--only",
        "truncate_",
    ];
    let expected = gate(&part, &path("plain.json")).status().unwrap().code();
    let state = path("state");
    let resume = [&part[..], &["--resume", state.to_str().unwrap()]].concat();
    let mut numbers = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut killed, mut interrupted) = (0, 0);
    for _ in 0..KILLS {
        numbers ^= numbers << 13;
        numbers ^= numbers >> 7;
        numbers ^= numbers << 17;
        let mut child = gate(&resume, &path("killed.json")).spawn().unwrap();
        thread::sleep(Duration::from_millis(numbers % LIFE_MAX));
        killed += u32::from(child.try_wait().unwrap().is_none());
        interrupted += u32::from(state.exists() && is_searched(&state));
        // The very signal of `kill -9`, and for the gate alone.
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(killed >= KILLS / 2, "only {killed} were running: vacuous");
    assert!(interrupted > 0, "no search was under way: vacuous");
    // At once: the jobs of the last gate may still be about to notice.
    let resumed = gate(&resume, &path("killed.json")).status().unwrap();
    assert_eq!(resumed.code(), expected);
    let (plain, killed) = (json(&path("plain.json")), json(&path("killed.json")));
    assert_eq!(killed["certified"], plain["certified"]);
    assert_eq!(killed["digest"], plain["digest"]);
}

#[test]
fn jobs_end_with_their_gate() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let only = ["--only", "writeback_vs_truncate/correct"];
    let resume = [&only[..], &["--resume", state.to_str().unwrap()]].concat();
    let certificate = directory.path().join("certificate.json");
    let mut child = gate(&resume, &certificate).spawn().unwrap();
    while !(state.exists() && is_searched(&state)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended: vacuous");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    while is_searched(&state) {
        assert!(killed.elapsed() < NOTICE, "a job goes on without its gate");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_parts_of_a_gate_are_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // Jobs that are split, jobs that are dealt out, and searches that are bounded.
    let only = [
        "--only",
        "writeback_vs_",
        "--only",
        "replay/a",
        "--only",
        "model/lock_order",
    ];
    let whole = gate(&only, &path("whole.json")).status().unwrap();
    for (shard, name) in [("1/2", "1.json"), ("2/2", "2.json")] {
        let part = [&only[..], &["--shard", shard]].concat();
        gate(&part, &path(name)).status().unwrap();
    }
    let merged = Command::new(env!("CARGO_BIN_EXE_cutpoint"))
        .args(["merge", "--output"])
        .args(["merged.json", "1.json", "2.json"].map(path))
        .env("CI", "1")
        .output()
        .unwrap();
    assert_eq!(merged.status.code(), whole.code(), "{merged:?}");
    let certified = |name: &str| {
        let mut certified = json(&path(name))["certified"].take();
        for job in certified["jobs"].as_array_mut().unwrap() {
            // What splitting costs.
            for cost in ["executions", "sleep_blocked", "controls_run"] {
                job["outcome"]["check"]
                    .as_object_mut()
                    .map(|check| check.remove(cost));
            }
        }
        certified
    };
    let (merged, whole) = (certified("merged.json"), certified("whole.json"));
    assert_eq!(merged, whole);
    let jobs = whole["jobs"].as_array().unwrap();
    let has = |name: &str| jobs.iter().any(|job| job["name"] == name);
    assert!(has("writeback_vs_truncate/correct/dpor") && has("model/lock_order"));
}
