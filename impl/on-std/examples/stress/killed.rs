//! A run that is killed in the middle, and what its image holds after recovery.

use super::plan::Plan;
use super::stretch::Stretch;
use super::{Error, Options, judge_clean, same};
use crate::judges::kernel::Access;
use crate::judges::{self, E2fsprogs, Kernel};
use crate::run;
use extfs_std::device::file::FileDevice;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// What the victim prints when the work begins.
const READY: &str = "running";
/// Longer than anybody waits before it kills.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The run that is going to be killed.
///
/// # Errors
/// Whatever ends it before.
pub fn victim(options: &Options, logs: &Path) -> Result<Vec<String>, Error> {
    let image = options
        .image
        .as_deref()
        .ok_or("the victim is told its image")?;
    run::run(options.plan, image, FOREVER, Some(logs), || {
        println!("{READY}")
    })?;
    Err("nobody has killed it".into())
}

/// Starts the run, kills it, and judges what it leaves. Gives the judges that are missing.
///
/// # Errors
/// What may not be.
pub fn kill_and_judge(options: &Options) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir()?;
    let default = folder.path().join("stress.img");
    let image = options.image.as_deref().unwrap_or(&default);
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs)?;
    let mut victim = start(options, image, &logs)?;
    std::thread::sleep(options.time);
    if let Some(status) = victim.try_wait()? {
        return Err(format!("the run ended before it was killed: {status}").into());
    }
    // SIGKILL, which nothing in the process learns of.
    victim.kill()?;
    victim.wait()?;
    judge(&options.plan, image, &logs, folder.path())
}

fn start(options: &Options, image: &Path, logs: &Path) -> Result<Child, Error> {
    let Plan {
        threads,
        files,
        seed,
        design,
    } = options.plan;
    let mut victim = Command::new(std::env::current_exe()?)
        .args([
            "--threads",
            &threads.to_string(),
            "--files",
            &files.to_string(),
        ])
        .args(["--seed", &seed.to_string()])
        .args(["--design", design.name()])
        .arg("--image")
        .arg(image)
        .arg("--logs")
        .arg(logs)
        .stdout(Stdio::piped())
        .spawn()?;
    let output = victim.stdout.take().ok_or("the victim has an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    match line.trim() {
        READY => Ok(victim),
        other => {
            victim.kill()?;
            victim.wait()?;
            Err(format!("the victim said {other:?}").into())
        }
    }
}

fn judge(plan: &Plan, image: &Path, logs: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let copy = |name: &str| -> Result<_, Error> {
        let to = folder.join(name);
        std::fs::copy(image, &to)?;
        Ok(to)
    };
    let ours = copy("ours.img")?;
    let tree = judges::recover(Arc::new(FileDevice::open(&ours)?))?;
    let stretches: Result<Vec<_>, String> = plan
        .parts()
        .into_iter()
        .map(|part| Stretch::replay(part, logs))
        .collect();
    let stretches = stretches?;
    run::judge(plan, &stretches, &tree)?;
    let changes: u64 = stretches.iter().map(Stretch::changes).sum();
    let promises: u64 = stretches.iter().map(Stretch::promises).sum();
    println!(
        "killed after {changes} logged changes; recovered: {} files, allowed by the logs, with \
         {promises} promises of durability",
        tree.len()
    );
    let mut missing = judge_clean(&ours, &tree)?;
    match E2fsprogs::find() {
        Ok(e2fsprogs) => {
            let theirs = copy("e2fsck.img")?;
            e2fsprogs.recover(&theirs)?;
            same("e2fsck", &e2fsprogs.read(&theirs)?, &tree)?;
            println!("e2fsck recovers the same {} files", tree.len());
            if let Ok(kernel) = Kernel::find() {
                let theirs = copy("kernel.img")?;
                same("the kernel", &kernel.read(&theirs, Access::Recover)?, &tree)?;
                println!("the kernel recovers the same {} files", tree.len());
                e2fsprogs.check(&theirs)?;
            }
        }
        // What e2fsck has not accepted is not given to the kernel.
        Err(why) => missing.push(why),
    }
    Ok(missing)
}
