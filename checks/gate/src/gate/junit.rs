//! The results as JUnit XML, which CI systems display.

use super::Row;
use super::jobs::Profile;
use super::judge::Fault;
use std::fmt::Write;

/// The document. Faults that belong to no row, as of a job that is missing, get a case of their
/// own.
pub fn of(profile: Profile, rows: &[Row<'_>], drift: &[Fault]) -> String {
    let cases: Vec<String> = rows.iter().map(|row| case(row, drift)).collect();
    let is_of_row = |fault: &&Fault| rows.iter().any(|row| row.job.name == fault.job);
    let strays = drift.iter().filter(|fault| !is_of_row(fault));
    let strays: Vec<String> = strays
        .map(|fault| test_case(&fault.job, 0.0, &[fault]))
        .collect();
    let is_failed = |case: &&String| case.contains("<failure");
    let failures = cases.iter().chain(&strays).filter(is_failed).count();
    let seconds: f64 = rows.iter().map(|row| row.finished.wall_s).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites>\n<testsuite name=\"cutpoint gate {}\" tests=\"{}\" failures=\"{failures}\" \
         errors=\"0\" time=\"{seconds:.3}\">",
        profile.name(),
        cases.len() + strays.len(),
    );
    for case in cases.iter().chain(&strays) {
        xml.push_str(case);
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

fn case(row: &Row<'_>, drift: &[Fault]) -> String {
    let of_row = drift.iter().filter(|fault| fault.job == row.job.name);
    let faults: Vec<&Fault> = row.faults.iter().chain(of_row).collect();
    test_case(&row.job.name, row.finished.wall_s, &faults)
}

fn test_case(name: &str, seconds: f64, faults: &[&Fault]) -> String {
    let (class, test) = name.split_once('/').unwrap_or(("gate", name));
    let mut xml = String::new();
    let _ = writeln!(
        xml,
        "<testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\">",
        escape(class),
        escape(test)
    );
    let reasons: Vec<_> = faults.iter().map(|fault| fault.reason.as_str()).collect();
    if !reasons.is_empty() {
        let reasons = escape(&reasons.join("; "));
        let _ = writeln!(xml, "<failure message=\"{reasons}\"/>");
    }
    xml.push_str("</testcase>\n");
    xml
}

/// Text for an attribute. Characters that XML can not represent are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", c as u32);
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::jobs::Expect;
    use crate::gate::judge::Severity;
    use crate::gate::judge::tests::{job, replay};
    use crate::gate::run::Finished;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a<b>&\"c\"\n"), "a&lt;b&gt;&amp;&quot;c&quot;&#10;");
        assert_eq!(escape("\u{1b}[31m\0é"), "\u{fffd}[31m\u{fffd}é");
    }

    #[test]
    fn a_fault_is_a_failure_of_its_case_and_a_missing_job_has_one_too() {
        let fault = |job: &str, reason: &str| Fault {
            job: job.into(),
            severity: Severity::Finding,
            reason: reason.into(),
        };
        let (good, bad) = (job(Expect::Gone), job(Expect::Gone));
        let bad = crate::gate::jobs::Job {
            name: "s/v/dpor".into(),
            ..bad
        };
        let row = |job, faults| Row {
            job,
            finished: Finished {
                outcome: replay("Gone"),
                wall_s: 0.25,
                is_resumed: false,
            },
            faults,
        };
        let rows = [
            row(&good, vec![]),
            row(&bad, vec![fault("s/v/dpor", "a < b")]),
        ];
        let drift = [fault("s/v/dpor", "worse"), fault("s/old/dpor", "missing")];
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <testsuites>\n\
            <testsuite name=\"cutpoint gate quick\" tests=\"3\" failures=\"2\" errors=\"0\" \
            time=\"0.500\">\n\
            <testcase classname=\"s\" name=\"correct/dpor\" time=\"0.250\">\n</testcase>\n\
            <testcase classname=\"s\" name=\"v/dpor\" time=\"0.250\">\n\
            <failure message=\"a &lt; b; worse\"/>\n</testcase>\n\
            <testcase classname=\"s\" name=\"old/dpor\" time=\"0.000\">\n\
            <failure message=\"missing\"/>\n</testcase>\n\
            </testsuite>\n</testsuites>\n";
        assert_eq!(of(Profile::Quick, &rows, &drift), expected);
    }
}
