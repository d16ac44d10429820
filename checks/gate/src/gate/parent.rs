//! Jobs that do not outlive their gate, however that ends.
//!
//! A gate that is killed can not end its jobs, and jobs that go on would keep what they work on
//! from the gate that is to go on. So a job's standard input is a pipe of which only the gate has
//! the other end: the system closes it when the gate ends, even by `kill -9`, and a job that reads
//! the end of its input ends itself. It may be a moment late; whoever goes on waits for the locks
//! of the directories of `--resume` as long as that.

use crate::exit::Exit;
use std::process::{Command, Stdio};
use std::{env, io, process, thread};

/// Set for a process that is a job.
const JOB: &str = "CUTPOINT_JOB";

/// Lets the process that the command starts end with this one. It must be this program, and the
/// pipe lives as long as its `Child`.
pub fn bind(command: &mut Command) -> &mut Command {
    command.env(JOB, "1").stdin(Stdio::piped())
}

/// If this process is a job, ends it when the process that started it has ended.
pub fn end_with_it() {
    if env::var_os(JOB).is_none() {
        return;
    }
    let watch = || {
        // Nothing is ever written; an error tells as well as the end that nobody is there.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(Exit::Broken as i32);
    };
    let spawned = thread::Builder::new().name("parent".into()).spawn(watch);
    // A job is good without it, but for whoever kills its gate.
    drop(spawned);
}
