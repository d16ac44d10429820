//! `cutpoint model` as a user meets it: the table, the files, and the explorer.

use cutpoint_model::specs::SPECS;
use cutpoint_model::step::Step;
use cutpoint_traces::Trace;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn cutpoint(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutpoint"));
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn every_model_has_a_row_of_the_table() {
    let (code, table, _) = cutpoint(&["model", "check"]);
    assert_eq!(code, Some(0), "{table}");
    assert_eq!(table.lines().count(), 1 + SPECS.len(), "{table}");
    for (line, spec) in table.lines().skip(1).zip(SPECS) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[..3], [spec.name, "-", "Holds"], "{line}");
        assert_eq!(words.len(), 6, "{line}");
    }
}

#[test]
fn a_counterexample_is_exported_as_a_trace_and_as_itf() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let (trace, itf) = (file("t.json"), file("t.itf.json"));
    for spec in SPECS {
        let without = format!("--without={}", spec.rules[0]);
        let files = [trace.to_str().unwrap(), itf.to_str().unwrap()];
        let args = [
            "model", "check", spec.name, &without, "--trace", files[0], "--itf", files[1],
        ];
        let (code, text, _) = cutpoint(&args);
        assert_eq!(code, Some(1), "{text}");
        // `read` refuses what is not consistent with itself.
        let read = Trace::read(&trace).unwrap();
        assert!(text.contains(&format!("not {}", read.violation.invariant)));
        let document: Value = serde_json::from_slice(&fs::read(&itf).unwrap()).unwrap();
        let states = document["states"].as_array().unwrap();
        assert_eq!(states.len(), read.events.len() + 1, "{}", spec.name);
        let vars = document["vars"].as_array().unwrap();
        for state in states {
            assert!(
                vars.iter()
                    .all(|name| state[name.as_str().unwrap()].is_string())
            );
        }
        let (code, shown, _) = cutpoint(&["show", files[0], "--all"]);
        assert_eq!(code, Some(0));
        assert!(shown.contains(&read.violation.invariant), "{shown}");
    }
}

#[test]
fn files_of_a_counterexample_need_one() {
    let (code, _, message) = cutpoint(&["model", "check", "lock_order", "--itf", "/dev/null"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("--without"), "{message}");
    let (code, _, message) = cutpoint(&["model", "check", "--json", "-"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("name it"), "{message}");
}

/// What a model's step says that it covers is what the code announces.
#[test]
fn the_steps_of_the_code_are_named_in_the_code() {
    let mut source = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../impl/src");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                source += &fs::read_to_string(path).unwrap();
            }
        }
    }
    for name in Step::ALL.iter().flat_map(|step| step.covers()) {
        assert!(source.contains(&format!("step(\"{name}\"")), "{name}");
    }
}

/// An explorer that runs until it goes out of scope.
struct Explorer {
    child: Child,
    address: String,
}

impl Explorer {
    fn new(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cutpoint"))
            .args(["model", "explore", "--address", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap().to_string();
        Self { child, address }
    }

    /// The body of a page.
    fn get(&self, path: &str) -> String {
        let began = Instant::now();
        // The address is printed just before the explorer listens.
        let mut stream = loop {
            match TcpStream::connect(&self.address) {
                Ok(stream) => break stream,
                Err(_) if began.elapsed() < Duration::from_secs(20) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => panic!("{}: {error}", self.address),
            }
        };
        write!(stream, "GET {path} HTTP/1.0\r\nConnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{path}: {head}");
        body.to_string()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path)).unwrap()
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn the_explorer_shows_states_actions_and_a_drawing() {
    for spec in SPECS {
        let explorer = Explorer::new(&[spec.name]);
        assert!(explorer.get("/").contains("Stateright"));
        let first = explorer.json("/.states/");
        let initial = &first[0];
        assert!(
            initial["svg"].as_str().unwrap().contains("<rect "),
            "{initial}"
        );
        let steps = explorer.json("/.states/0");
        let step = &steps.as_array().unwrap()[0];
        assert!(step["action"].as_str().unwrap().contains(": "), "{step}");
        // A state is one named value to a line.
        assert!(
            step["state"].as_str().unwrap().lines().count() > 3,
            "{step}"
        );
        assert!(step["svg"].as_str().unwrap().starts_with("<svg "));
        let status = explorer.json("/.status");
        assert!(
            status["properties"].as_array().unwrap().len() > 2,
            "{status}"
        );
    }
}

#[test]
fn the_explorer_says_what_is_wrong_with_an_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, message) = cutpoint(&["model", "explore", "journal", "--address", &address]);
    assert_eq!(code, Some(2));
    assert!(
        message.contains("--address") && !message.contains("panicked"),
        "{message}"
    );
}

/// The first browser of the Chromium family on the path.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| {
        let candidates = names.iter().map(|name| folder.join(name));
        candidates.into_iter().find(|candidate| candidate.is_file())
    })
}

/// A text as it stands in a page.
fn in_page(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

/// Has Chromium load a page of the explorer, and do `what` with it. Answers what it prints.
fn browse(chromium: &Path, explorer: &Explorer, page: &str, what: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args(["--virtual-time-budget=5000", "--window-size=1400,900"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(what)
        .arg(format!("http://{}/#/steps/{page}", explorer.address))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// In a real browser: the page has the state, its drawing, the steps from it and the properties, as
/// the explorer gives them, at the beginning and after a step. Without a browser this is not
/// measured, and says so.
#[test]
fn the_explorer_works_in_a_browser() {
    let Some(chromium) = chromium() else {
        eprintln!("NotMeasured: there is no Chromium on the PATH to look at the explorer with");
        return;
    };
    for spec in SPECS {
        let explorer = Explorer::new(&[spec.name]);
        let status = explorer.json("/.status");
        for at in ["0", "0/0"] {
            let page = browse(&chromium, &explorer, at, "--dump-dom");
            let has = |text: &str| page.contains(&in_page(text));
            let steps = explorer.json(&format!("/.states/{at}"));
            for step in steps.as_array().unwrap() {
                let action = step["action"].as_str().unwrap();
                assert!(has(action), "{} {at}: no step {action}:\n{page}", spec.name);
            }
            for property in status["properties"].as_array().unwrap() {
                let name = property[1].as_str().unwrap();
                assert!(has(name), "{} {at}: no property {name}:\n{page}", spec.name);
            }
            // The state is among those of the page before it.
            let (before, number) = at.rsplit_once('/').unwrap_or(("", at));
            let states = explorer.json(&format!("/.states/{before}"));
            let state = &states[number.parse::<usize>().unwrap()];
            for line in state["state"].as_str().unwrap().lines() {
                assert!(has(line), "{} {at}: no line {line}:\n{page}", spec.name);
            }
            let boxes = |text: &str| text.matches("<rect ").count();
            let drawn = boxes(state["svg"].as_str().unwrap());
            assert!(drawn > 1, "{} {at}: nothing is drawn", spec.name);
            assert_eq!(boxes(&page), drawn, "{} {at}:\n{page}", spec.name);
        }
    }
}

/// What the browser shows, as a picture of the size that was asked for, left for people to see.
#[test]
fn the_explorer_is_photographed_in_a_browser() {
    let Some(chromium) = chromium() else {
        eprintln!("NotMeasured: there is no Chromium on the PATH to look at the explorer with");
        return;
    };
    let explorer = Explorer::new(&["writeback_truncate"]);
    explorer.get("/");
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("explorer.png");
    let _ = fs::remove_file(&picture);
    let what = format!("--screenshot={}", picture.display());
    browse(&chromium, &explorer, "0/0", &what);
    let bytes = fs::read(&picture).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (1400, 900));
    // An empty page of that size takes about five thousand bytes.
    assert!(bytes.len() > 30_000, "{} bytes", bytes.len());
    println!("{}", picture.display());
}

/// A bounded exploration gives no verdict, and a model that no executions are read as paths of has
/// none to give.
#[test]
fn coverage_is_of_models_with_a_projection() {
    let args = [
        "model",
        "cover",
        "dio_extension",
        "--executions",
        "20",
        "--json",
        "-",
    ];
    let (code, text, message) = cutpoint(&args);
    assert_eq!(code, Some(3), "{message}");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "cutpoint-cover/1");
    assert_eq!(document["verdict"], "WithinBounds");
    assert_eq!(document["executions"], 20);
    for spec in ["journal", "lock_order"] {
        let (code, _, message) = cutpoint(&["model", "cover", spec]);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("short_write_punch"), "{message}");
    }
}
