//! Parts of a check, put together: the script, and the counts of the whole.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Runs the script.
fn shards(args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/shards.sh");
    let mut command = Command::new("sh");
    command.arg(script).args(args);
    command.env("CUTPOINT", env!("CARGO_BIN_EXE_cutpoint"));
    command.output().unwrap()
}

/// What must be the same, however the check is run.
const SAME: [&str; 12] = [
    "verdict",
    "invariant",
    "why",
    "unfinished",
    "bounds",
    "traces_distinct",
    "crash_frontiers",
    "crash_cases",
    "crash_states_covered",
    "recoveries_run",
    "e2fsck",
    "reached",
];

#[test]
fn the_script_says_of_the_parts_what_one_process_says_of_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.json");
    let check = ["check", "writeback_vs_truncate"];
    let status = Command::new(env!("CARGO_BIN_EXE_cutpoint"))
        .args(check)
        .arg("--json")
        .arg(&whole)
        .output()
        .unwrap();
    assert_eq!(status.status.code(), Some(0));
    let parts = directory.path().join("parts");
    let args = [&["2", parts.to_str().unwrap()][..], &check].concat();
    let output = shards(&args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let (whole, merged) = (json(&whole), json(&parts.join("merged.json")));
    for field in SAME {
        assert_eq!(merged[field], whole[field], "{field}");
    }
    let count = |field: &str| merged[field].as_u64().unwrap();
    let overhead = count("executions") - count("traces_distinct");
    assert!(
        overhead * 20 <= count("executions"),
        "{overhead} executions more"
    );
    for part in ["1.json", "2.json"] {
        assert_eq!(json(&parts.join(part))["verdict"], "WithinBounds", "{part}");
    }
}

#[test]
fn the_script_exits_with_the_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_string();
    let variant = [
        "check",
        "writeback_vs_truncate",
        "--variant",
        "wb_lookup_unlocked",
    ];
    let violated = shards(&[&["2", &path("violated")][..], &variant].concat());
    assert_eq!(violated.status.code(), Some(1), "{violated:?}");
    assert!(String::from_utf8_lossy(&violated.stdout).contains("I3"));
    let unknown = shards(&["2", &path("unknown"), "check", "no_such_scenario"]);
    assert_eq!(unknown.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&unknown.stderr);
    assert!(
        errors.contains("no result") && errors.contains("no_such_scenario"),
        "{errors}"
    );
    for wrong in [
        &["0", "d", "gate"][..],
        &["2", "d", "show"],
        &["x", "d", "gate"],
        &["2"],
    ] {
        let output = shards(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage"));
    }
}

#[test]
fn what_can_not_be_merged_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let merge = |names: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
        command
            .arg("merge")
            .args(names.iter().map(|name| path(name)));
        let output = command
            .arg("--output")
            .arg(path("merged.json"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!path("merged.json").exists());
        String::from_utf8(output.stderr).unwrap()
    };
    for (name, shard) in [("1.json", "1/2"), ("of3.json", "2/3")] {
        let part = Command::new(env!("CARGO_BIN_EXE_cutpoint"))
            .args([
                "check",
                "writeback_vs_truncate",
                "--crash",
                "off",
                "--executions",
                "300",
            ])
            .args(["--shard", shard, "--json"])
            .arg(path(name))
            .output()
            .unwrap();
        assert_eq!(part.status.code(), Some(3), "{part:?}");
    }
    assert!(merge(&["1.json"]).contains("part 2/2 is missing"));
    assert!(merge(&["1.json", "1.json"]).contains("there twice"));
    assert!(merge(&["1.json", "of3.json"]).contains("different searches"));
    assert!(merge(&["absent.json"]).contains("absent.json"));
    for garbage in [
        &b""[..],
        b"{",
        b"\xff\0",
        b"{\"schema\": \"other/1\"}",
        b"[1, 2]",
    ] {
        fs::write(path("garbage.json"), garbage).unwrap();
        let errors = merge(&["garbage.json"]);
        assert!(
            errors.contains("garbage.json") && !errors.contains("panicked"),
            "{errors}"
        );
    }
}
