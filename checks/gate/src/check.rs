//! `cutpoint check`: one scenario, one explorer, one verdict.

use crate::args::CheckArgs;
use crate::exit::{Exit, Failure};
use crate::json::{self, CheckJson};
use crate::numbers::{count, many, mebibytes, seconds};
use crate::output::{self, BAD, BOLD, COMMAND, FAINT, GOOD, HALF, styled};
use crate::show;
use crate::spinner::Spinner;
use crate::suite::{self, Report, Resume, Verdict};
use cutpoint_traces::view::Options;
use std::env;
use std::fmt::Write;

/// Runs the command.
///
/// # Errors
/// If the check can not be carried out, or its result can not be written.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let request = args.request()?;
    for path in args.json.iter().chain(&args.trace).chain(&args.lock_graph) {
        output::check_directory(path)?;
    }
    let mut spinner = Spinner::new();
    let resume = args.resume.as_ref().map(|directory| Resume {
        directory: directory.clone(),
        every: args.save_every,
    });
    let report = suite::check_from(&request, resume.as_ref(), &mut |progress| {
        spinner.tick(|| {
            let executions = many(progress.executions, "execution", "executions");
            let recoveries = many(progress.recoveries, "recovery", "recoveries");
            format!("{}: {executions}, {recoveries}", request.scenario)
        });
    });
    drop(spinner);
    let report = report?;

    let trace = json::counterexample(&report);
    let trace_file = trace.and(args.trace.as_deref());
    let mut kept = Ok(());
    if let (Some(trace), Some(path)) = (trace, trace_file) {
        kept = trace.write(path);
    }
    let trace_file = trace_file.filter(|_| kept.is_ok());
    let drawn = match &args.lock_graph {
        Some(path) => output::write_file(path, report.lock_graph.as_bytes()),
        None => Ok(()),
    };
    let document = CheckJson::new(&report, trace_file);
    if let Some(path) = &args.json {
        output::write_json(path, &document)?;
    }
    if !args.json.as_deref().is_some_and(output::is_stdout) {
        output::print(&text(&report, &document)?)?;
    }
    // What was found is worth more than where it could not be kept, so this comes last.
    kept?;
    drawn?;
    Ok(exit(&report))
}

/// What the verdict means to the caller.
fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Exhausted => Exit::Holds,
        Verdict::WithinBounds(_) if suite::is_unfinished(report) => Exit::Unfinished,
        Verdict::WithinBounds(_) => Exit::Holds,
        Verdict::Violated(_) => Exit::Violated,
        Verdict::NotMeasured(_) => Exit::Unfinished,
        Verdict::HarnessBroken(_) => Exit::Broken,
    }
}

/// The result for a person.
fn text(report: &Report, document: &CheckJson) -> Result<String, Failure> {
    let mut text = String::new();
    if let Some(trace) = json::counterexample(report) {
        text.push_str(&show::text(trace, &Options::default())?);
        text.push('\n');
    }
    summary(&mut text, document);
    explored(&mut text, document);
    if let Some(trace) = json::counterexample(report) {
        let invariant = output::plain(&trace.violation.invariant);
        let (what, command) = next(document);
        let command = styled(COMMAND, command);
        let _ = writeln!(text, "\nto {what} {invariant} violated again: {command}");
    }
    Ok(text)
}

/// What to do with a counterexample: the command that replays it, or else one that keeps it.
fn next(document: &CheckJson) -> (&'static str, String) {
    let mut words: Vec<String> = env::args().map(|word| output::quoted(&word)).collect();
    match &document.trace_file {
        Some(file) => {
            words.truncate(1);
            words.extend(["replay".into(), output::quoted(file)]);
            ("see", words.join(" "))
        }
        None => {
            words.extend(["--trace".into(), "t.json".into()]);
            ("keep the schedule that gets", words.join(" "))
        }
    }
}

/// What was checked, and the verdict.
pub fn summary(text: &mut String, document: &CheckJson) {
    let protocol = document.variant.as_deref().unwrap_or("correct protocol");
    let title = format!(
        "{}, {protocol}, {} design, {}",
        document.scenario, document.design, document.engine
    );
    let _ = writeln!(text, "{}", styled(BOLD, title));
    let style = match document.verdict.as_str() {
        "Exhausted" => GOOD,
        "WithinBounds" | "NotMeasured" => HALF,
        _ => BAD,
    };
    let about = match (&document.invariant, &document.why) {
        (Some(invariant), _) => format!(" of {}", output::plain(invariant)),
        (None, Some(why)) => format!(": {}", output::plain(why)),
        (None, None) => String::new(),
    };
    let _ = writeln!(text, "{}{about}", styled(style, &document.verdict));
    if document.unfinished {
        text.push_str("the search ended before it reached what was asked for\n");
    }
}

/// The counts, one line each.
pub fn explored(text: &mut String, document: &CheckJson) {
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<16}{value}");
    };
    line(
        "executions",
        format!(
            "{}: {}, {} given up as repetitions",
            count(document.executions),
            many(
                document.traces_distinct,
                "distinct trace",
                "distinct traces"
            ),
            count(document.sleep_blocked)
        ),
    );
    if document.bounds.crash == "off" {
        line("power cuts", "not looked at (--crash off)".into());
    } else {
        let cuts = many(document.crash_frontiers, "frontier", "frontiers");
        let cases = many(document.crash_cases, "distinct case", "distinct cases");
        line("power cuts", format!("{cuts}, {cases}"));
        let states = count(document.crash_states_covered);
        let recoveries = many(document.recoveries_run, "recovery", "recoveries");
        line("crash states", format!("{states}, covered by {recoveries}"));
        let mut controls = format!("{} of the harness hold", count(document.controls_run));
        if document.verdict == "HarnessBroken" {
            controls = format!("{} of the harness run", count(document.controls_run));
        }
        line("controls", controls);
        line("e2fsck", e2fsck(document));
    }
    let wall = seconds(document.wall_s.unwrap_or_default());
    let cpu = seconds(document.cpu_s.unwrap_or_default());
    let memory = mebibytes(document.peak_rss_bytes.unwrap_or_default());
    line(
        "cost",
        styled(
            FAINT,
            format!("{wall} s, {cpu} s of processor time, {memory}"),
        ),
    );
    if !document.reached.is_empty() {
        text.push_str("  reached\n");
    }
    for (state, reached) in &document.reached {
        let _ = writeln!(text, "    {:>12}  {state}", count(*reached));
    }
}

/// What e2fsck saw, or why it saw nothing.
fn e2fsck(document: &CheckJson) -> String {
    let e2fsck = &document.e2fsck;
    let judged = many(e2fsck.judged, "image", "images");
    let mut text = format!(
        "judged {judged}, and {} equal to these",
        count(e2fsck.cached)
    );
    if e2fsck.not_measured > 0 || e2fsck.why_not.is_some() {
        let why = output::plain(e2fsck.why_not.as_deref().unwrap_or("no reason given"));
        let images = many(e2fsck.not_measured, "image", "images");
        text = format!("{text}; {} {images}: {why}", styled(HALF, "NotMeasured"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Engine, Request};
    use cutpoint_suite::report::External;
    use std::time::Duration;

    fn report(verdict: Verdict, request: Request) -> Report {
        Report {
            request,
            verdict,
            executions: 100,
            traces_distinct: 99,
            sleep_blocked: 1,
            preemptions_covered: None,
            preemptions: None,
            crash: Default::default(),
            e2fsck: External {
                not_measured: 2,
                why_not: Some("e2fsck is not installed".into()),
                ..External::default()
            },
            reached: [("journal replayed", 7)].into(),
            lock_classes: 2,
            lock_edges: 1,
            lock_graph: "digraph {}".into(),
            part: None,
            wall_s: 3.0,
            cpu_s: 2.5,
            peak_rss_bytes: 3 << 20,
        }
    }

    fn bounded(engine: Engine, executions: Option<u64>, time_s: Option<u64>) -> Exit {
        let request = Request {
            engine,
            executions,
            time: time_s.map(Duration::from_secs),
            ..Request::new("s", None)
        };
        exit(&report(Verdict::WithinBounds("a bound".into()), request))
    }

    #[test]
    fn each_verdict_has_its_exit_code() {
        let exit = |verdict| exit(&report(verdict, Request::new("s", None)));
        assert_eq!(exit(Verdict::Exhausted), Exit::Holds);
        assert_eq!(exit(Verdict::NotMeasured("why".into())), Exit::Unfinished);
        assert_eq!(exit(Verdict::HarnessBroken("why".into())), Exit::Broken);
    }

    #[test]
    fn a_bound_reached_holds_and_a_budget_spent_does_not() {
        assert_eq!(bounded(Engine::Loom, None, None), Exit::Holds);
        assert_eq!(bounded(Engine::Loom, Some(101), Some(4)), Exit::Holds);
        assert_eq!(bounded(Engine::Dpor, None, None), Exit::Unfinished);
        for engine in [Engine::Dpor, Engine::Loom, Engine::Dfs] {
            assert_eq!(bounded(engine, Some(100), None), Exit::Unfinished);
            assert_eq!(bounded(engine, None, Some(3)), Exit::Unfinished);
        }
        for engine in [Engine::Random, Engine::Pct, Engine::Urw] {
            assert_eq!(bounded(engine, Some(100), Some(4)), Exit::Holds);
            assert_eq!(bounded(engine, None, Some(3)), Exit::Holds);
            assert_eq!(bounded(engine, Some(101), Some(3)), Exit::Unfinished);
        }
    }

    #[test]
    fn a_bound_on_preemptions_holds_once_all_within_it_is_covered() {
        let bounded = |covered| {
            let request = Request {
                preemptions: Some(2),
                ..Request::new("s", None)
            };
            exit(&Report {
                preemptions_covered: covered,
                ..report(Verdict::WithinBounds("a bound".into()), request)
            })
        };
        assert_eq!(bounded(Some(2)), Exit::Holds);
        assert_eq!(bounded(Some(1)), Exit::Unfinished);
        assert_eq!(bounded(None), Exit::Unfinished);
    }

    #[test]
    fn the_text_says_what_was_not_measured_and_what_was_reached() {
        let report = report(Verdict::Exhausted, Request::new("s", None));
        let text = text(&report, &CheckJson::new(&report, None)).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        for part in [
            "s, correct protocol, im design, dpor\nExhausted\n",
            "100: 99 distinct traces, 1 given up",
            "NotMeasured 2 images: e2fsck is not installed",
            "7  journal replayed",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
