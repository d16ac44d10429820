//! A write-ahead log of our own on the crash device, with torn sectors.
//!
//! ```text
//! cargo run --release -p cutpoint --example wal -- [correct|missing-flush|torn-record]
//! ```
//!
//! Exit codes: 0 holds, 1 violated, 2 usage, 4 the harness is broken.

#[path = "../common/device.rs"]
mod device;

mod log;

mod check;

mod missing_flush;
mod torn_record;

use check::check;
use cutpoint::crash::CrashFailure;
use std::process::ExitCode;

const HOLDS: u8 = 0;
const VIOLATED: u8 = 1;
const USAGE: u8 = 2;
const BROKEN: u8 = 4;

fn main() -> ExitCode {
    let variant = std::env::args().nth(1);
    let (result, stats) = match variant.as_deref() {
        None | Some("correct") => check::<log::Correct>(),
        Some("missing-flush") => check::<missing_flush::MissingFlush>(),
        Some("torn-record") => check::<torn_record::TornRecord>(),
        Some(other) => {
            eprintln!("{other}: the variants are correct, missing-flush and torn-record");
            return ExitCode::from(USAGE);
        }
    };
    println!(
        "{} cuts, {} crash cases, {} crash states covered, {} recoveries",
        stats.crash_frontiers, stats.crash_cases, stats.crash_states_covered, stats.recoveries_run
    );
    for (name, count) in stats.observations.iter() {
        println!("  {name}: {count}");
    }
    ExitCode::from(match result {
        Ok(()) => {
            println!("holds");
            HOLDS
        }
        Err(failure) => {
            println!("{failure}");
            match failure {
                CrashFailure::Violated(_) => VIOLATED,
                CrashFailure::HarnessBroken(_) => BROKEN,
            }
        }
    })
}
