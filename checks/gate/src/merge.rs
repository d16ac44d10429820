//! `cutpoint merge`: what the parts of a gate, or of a check, say together.

use crate::args::MergeArgs;
use crate::check;
use crate::exit::{Exit, Failure};
use crate::gate::{self, CERTIFICATE_SCHEMA, Certificate};
use crate::json::{CHECK_SCHEMA, CheckJson};
use crate::{output, parts};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// What every document has.
#[derive(Deserialize)]
struct Document {
    schema: String,
}

/// Runs the command.
///
/// # Errors
/// If a file can not be understood, or the files are not those of all parts, each once.
pub fn run(args: &MergeArgs) -> Result<Exit, Failure> {
    for path in args.output.iter().chain(&args.junit) {
        output::check_directory(path)?;
    }
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut checks: Vec<CheckJson> = Vec::new();
    for path in &args.certificates {
        let bytes = fs::read(path).map_err(|error| problem(path, &error.to_string()))?;
        let document: Document = parse(path, &bytes)?;
        match document.schema.as_str() {
            CERTIFICATE_SCHEMA => certificates.push(parse(path, &bytes)?),
            CHECK_SCHEMA => checks.push(parse(path, &bytes)?),
            other => {
                let what = format!("schema '{other}' is not one that can be merged");
                return Err(problem(path, &what));
            }
        }
    }
    if checks.is_empty() {
        return gate::merge(&certificates, args);
    }
    if !certificates.is_empty() {
        let message = "certificates of gates and results of checks can not be merged";
        return Err(Failure::Other(message.into()));
    }
    let documents: Vec<&CheckJson> = checks.iter().collect();
    let whole = parts::union(&documents);
    let whole = whole.map_err(|error| Failure::Other(format!("can not merge: {error}")))?;
    if let Some(path) = &args.output {
        output::write_json(path, &whole)?;
    }
    if !args.output.as_deref().is_some_and(output::is_stdout) {
        let mut text = String::new();
        check::summary(&mut text, &whole);
        check::explored(&mut text, &whole);
        output::print(&text)?;
    }
    Ok(match whole.verdict.as_str() {
        "Violated" => Exit::Violated,
        "HarnessBroken" => Exit::Broken,
        "NotMeasured" => Exit::Unfinished,
        _ if whole.unfinished => Exit::Unfinished,
        _ => Exit::Holds,
    })
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, bytes: &[u8]) -> Result<T, Failure> {
    let parsed = serde_json::from_slice(bytes);
    parsed.map_err(|error| problem(path, &format!("not a document of cutpoint: {error}")))
}

fn problem(path: &Path, what: &str) -> Failure {
    Failure::Other(format!("{}: {what}", path.display()))
}
