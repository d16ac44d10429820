//! Real threads on a real image: random operations on a few files, and then everything compared.
//!
//! ```text
//! cargo run --release -p extfs-std --example stress -- [--seconds S] [--seed N] [--threads N]
//!     [--files N] [--design im|bh] [--image PATH] [--kill]
//! ```
//!
//! After a run the quiescent invariants must hold, every byte must be what its last writer wrote
//! (in the free tails: what somebody wrote there, or zero), e2fsck must be silent, and the kernel
//! must read the same files.
//!
//! With `--kill` the run is a process of its own, which logs what it is about to do and what has
//! been promised to it, and is killed with SIGKILL in the middle. This core, the kernel and e2fsck
//! each recover a copy of the image. They must find the same files, and these must be allowed by
//! the logs; what was promised durable must be there.
//!
//! Exit codes: 0 all of it holds; 1 something does not; 2 usage; 3 it holds as far as it could be
//! measured, but the kernel or e2fsck is not available.

mod killed;
mod plan;
mod run;
mod stretch;
mod worker;

#[path = "../../tests/judges/mod.rs"]
mod judges;

use extfs_std::design::Design;
use extfs_std::device::file::FileDevice;
use judges::kernel::Access;
use judges::{E2fsprogs, Kernel, Tree};
use plan::Plan;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: stress [--seconds S] [--seed N] [--threads N] [--files N] \
                     [--design im|bh] [--image PATH] [--kill]";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    plan: Plan,
    time: Duration,
    /// Where the image is made and stays. By default it is a temporary file.
    image: Option<PathBuf>,
    kill: bool,
    /// The folder for the logs of a run that is going to be killed: this is that run.
    logs: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("stress: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let outcome = match (&options.logs, options.kill) {
        (Some(logs), _) => killed::victim(&options, logs),
        (None, true) => killed::kill_and_judge(&options),
        (None, false) => run_and_judge(&options),
    };
    match outcome {
        Ok(missing) if missing.is_empty() => ExitCode::SUCCESS,
        Ok(missing) => {
            missing
                .iter()
                .for_each(|why| println!("NotMeasured: {why}"));
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("stress: seed {}: {error}", options.plan.seed);
            ExitCode::from(1)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        plan: Plan {
            threads: 8,
            files: 4,
            seed: 1,
            design: Design::Im,
        },
        time: Duration::from_secs(60),
        image: None,
        kill: false,
        logs: None,
    };
    while let Some(name) = arguments.next() {
        if name == "--kill" {
            options.kill = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("{name} takes a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{name} takes a number"))
        };
        let small = || match number()? {
            count @ 1..=16 => Ok(count as usize),
            _ => Err(format!("{name} takes a number from 1 to 16")),
        };
        match name.as_str() {
            "--seconds" => options.time = Duration::from_secs(number()?),
            "--seed" => options.plan.seed = number()?,
            "--design" => {
                let named = Design::ALL
                    .into_iter()
                    .find(|design| design.name() == value);
                options.plan.design = named.ok_or("--design takes im or bh")?;
            }
            "--threads" => options.plan.threads = small()?,
            "--files" => options.plan.files = small()?,
            "--image" => options.image = Some(value.into()),
            "--logs" => options.logs = Some(value.into()),
            _ => return Err(format!("{name} is not an option")),
        }
    }
    Ok(options)
}

/// Runs, and compares what everybody finds. Gives the judges that are missing.
fn run_and_judge(options: &Options) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir()?;
    let image = options
        .image
        .clone()
        .unwrap_or_else(|| folder.path().join("stress.img"));
    let summary = run::run(options.plan, &image, options.time, None, || ())?;
    let total: u64 = summary.done.iter().sum();
    let seconds = summary.time.as_secs_f64();
    let Plan {
        threads,
        files,
        seed,
        design,
    } = options.plan;
    println!(
        "{threads} threads, {files} shared files, {design}, seed {seed}: {total} operations in \
         {seconds:.1} s, {:.0} a second",
        total as f64 / seconds
    );
    for (kind, count) in worker::KINDS.iter().zip(summary.done) {
        println!("  {kind:24} {count:9}");
    }
    let bytes: usize = summary.tree.values().map(Vec::len).sum();
    let parts = summary.stretches.len();
    println!("the quiescent invariants hold; {bytes} bytes compared, in {parts} parts");
    judge_clean(&image, &summary.tree)
}

/// What this core, e2fsck and the kernel find in a clean image must be `expected`. Gives the judges
/// that are missing.
///
/// # Errors
/// What one of them finds.
pub fn judge_clean(image: &Path, expected: &Tree) -> Result<Vec<String>, Error> {
    let mut missing = Vec::new();
    match E2fsprogs::find() {
        Ok(e2fsprogs) => {
            e2fsprogs.check(image)?;
            println!("e2fsck is silent");
        }
        Err(why) => missing.push(why),
    }
    match Kernel::find() {
        Ok(kernel) => {
            same(
                "the kernel",
                &kernel.read(image, Access::ReadOnly)?,
                expected,
            )?;
            println!("the kernel reads the same {} files", expected.len());
        }
        Err(why) => missing.push(why),
    }
    let ours = judges::recover(Arc::new(FileDevice::open(image)?))?;
    same("a remount", &ours, expected)?;
    Ok(missing)
}

/// Compares what somebody finds with what is expected.
///
/// # Errors
/// The first difference.
pub fn same(who: &str, found: &Tree, expected: &Tree) -> Result<(), Error> {
    match judges::difference([who, "this core"], [found, expected]) {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}
