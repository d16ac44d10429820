//! redb, the published crate, unmodified, on the crash device.
//!
//! ```text
//! cargo run --release -p cutpoint --example redb -- [--variant correct|no-sync] [--block BYTES]
//!     [--steps N] [--recovery-crashes N] [--recoveries-per-case N] [--cuts frontier|all]
//! ```
//!
//! Runs a workload of mixed transactions, cuts the power at every durability frontier, and opens
//! the database on every image that redb can tell apart. Exit codes: 0 holds, 1 violated, 2 usage,
//! 3 a bound left images out, 4 the harness is broken.

#[path = "../common/device.rs"]
mod device;

mod backend;
mod oracle;
mod workload;

use cutpoint::crash::{
    CrashChecker, CrashFailure, CrashOptions, CrashStats, CrashViolation, CutMode, MemoryBase,
};
use device::Recorder;
use oracle::Redb;
use std::process::ExitCode;
use std::time::Instant;
use workload::{SCRIPT, Variant};

/// Bytes that the device holds, length and data. The workload needs less.
const DEVICE_BYTES: u64 = 16 << 20;

/// At most this many blocks of a counterexample are printed.
const KEPT_LINES_MAX: usize = 20;

const HOLDS: u8 = 0;
const VIOLATED: u8 = 1;
const USAGE: u8 = 2;
const BOUNDED: u8 = 3;
const BROKEN: u8 = 4;

/// What the command line asks for.
struct Arguments {
    variant: Variant,
    block_size: usize,
    steps: usize,
    options: CrashOptions,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(USAGE);
        }
    };
    ExitCode::from(check(&arguments))
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        variant: Variant::Correct,
        block_size: 4096,
        steps: SCRIPT.len(),
        options: CrashOptions::default(),
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{value} is no number"));
        match (word.as_str(), value.as_str()) {
            ("--variant", "correct") => arguments.variant = Variant::Correct,
            ("--variant", "no-sync") => arguments.variant = Variant::NoSync,
            ("--block", _) => arguments.block_size = number()? as usize,
            ("--steps", _) => arguments.steps = number()? as usize,
            ("--recovery-crashes", _) => arguments.options.recovery_crashes = number()? as u32,
            ("--recoveries-per-case", _) => {
                arguments.options.recoveries_per_case_max = Some(number()?);
            }
            ("--cuts", "frontier") => arguments.options.mode = CutMode::Frontier,
            ("--cuts", "all") => arguments.options.mode = CutMode::AllCuts,
            _ => {
                return Err(format!(
                    "{word} {value}: see the head of examples/redb/main.rs"
                ));
            }
        }
    }
    if !arguments.block_size.is_power_of_two() || !(8..=65536).contains(&arguments.block_size) {
        return Err("--block takes a power of two from 8 to 65536".into());
    }
    arguments.steps = arguments.steps.min(SCRIPT.len());
    Ok(arguments)
}

fn check(arguments: &Arguments) -> u8 {
    let (size, blocks) = (
        arguments.block_size,
        DEVICE_BYTES / arguments.block_size as u64,
    );
    let steps = &SCRIPT[..arguments.steps];
    let run = match workload::run(steps, &Recorder::new(size, blocks), arguments.variant) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("the workload fails: {error}");
            return BROKEN;
        }
    };
    println!(
        "{} transactions, {} of them committed; {} events; blocks of {size} bytes",
        run.transactions,
        run.states.len() - 1,
        run.log.events.len(),
    );
    let mut checker = CrashChecker::new(arguments.options, MemoryBase::zeroed(size, blocks));
    let oracle = Redb { states: run.states };
    let start = Instant::now();
    let result = checker.check(&run.log, &oracle);
    report(checker.stats(), start.elapsed().as_secs_f64());
    match result {
        Ok(()) if checker.stats().cases_bounded > 0 => {
            let cases = checker.stats().cases_bounded;
            println!("no violation within bounds, which left images of {cases} cases out");
            BOUNDED
        }
        Ok(()) => {
            println!("holds: every distinguishable image of every frontier");
            HOLDS
        }
        Err(CrashFailure::Violated(violation)) => {
            explain(&violation);
            VIOLATED
        }
        Err(CrashFailure::HarnessBroken(why)) => {
            eprintln!("the harness is broken: {why}");
            BROKEN
        }
    }
}

fn report(stats: &CrashStats, seconds: f64) {
    println!("cuts visited           {}", stats.crash_frontiers);
    println!("distinct crash cases   {}", stats.crash_cases);
    match stats.crash_states_covered {
        u128::MAX => println!("crash states covered   more than 2^128"),
        states => println!("crash states covered   {states}"),
    }
    println!("recoveries run         {}", stats.recoveries_run);
    println!("time                   {seconds:.1} s");
    for (name, count) in stats.observations.iter() {
        println!("  {name}: {count}");
    }
}

fn explain(violation: &CrashViolation) {
    let finding = &violation.finding;
    println!(
        "violated: {}: expected {}, observed {}",
        finding.invariant, finding.expected, finding.observed
    );
    println!(
        "  power cut after event {}, {} in recovery",
        violation.cut.prefix[0],
        violation.recovery_crashes.len()
    );
    let units = violation.kept.iter().flat_map(|(block, units)| {
        let numbered = units.iter().enumerate();
        numbered.map(move |(unit, kept)| (block, unit, kept))
    });
    let decided: Vec<_> = units
        .filter(|(.., kept)| kept.is_decided && kept.of > 1)
        .collect();
    for (block, unit, kept) in decided.iter().take(KEPT_LINES_MAX) {
        println!("  block {block}, unit {unit}: {:?}", kept.source);
    }
    let more = decided.len().saturating_sub(KEPT_LINES_MAX);
    println!("  and {more} blocks more that recovery looked at");
}
