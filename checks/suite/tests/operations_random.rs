//! Operations on one file by several tasks, under random schedules: two that change the file's size
//! or blocks, writeback, completion, commit with checkpoint, and removal of the name. Too much to
//! exhaust; the searches that can are those of the scenarios.
//!
//! What must hold: nobody waits for ever, no operation fails, the instant invariants hold whenever
//! their lock is free, and the quiescent ones in the end. What the file then holds depends on the
//! schedule, and is not judged here.
//!
//! `CUTPOINT_EXECUTIONS` sets the number of executions of each scheduler.

use cutpoint::explore::random::{Method, explore};
use cutpoint::explore::{Explored, Options, StoppedBy};
use cutpoint_suite::content::FILE_NAME;
use cutpoint_suite::on_shuttle::extfs::device::memory::{Image, MemoryDevice};
use cutpoint_suite::on_shuttle::extfs::error::FsError;
use cutpoint_suite::on_shuttle::extfs::fallocate::{SizeMode, fallocate};
use cutpoint_suite::on_shuttle::extfs::fs::{Background, Filesystem};
use cutpoint_suite::on_shuttle::extfs::inode::Inode;
use cutpoint_suite::on_shuttle::extfs::invariants::quiescent;
use cutpoint_suite::on_shuttle::extfs::mount::MountOptions;
use cutpoint_suite::on_shuttle::extfs::protocol::{Correct, Protocol};
use cutpoint_suite::on_shuttle::extfs::punch_hole::punch_hole;
use cutpoint_suite::on_shuttle::extfs::rt::{choose, finding, thread};
use cutpoint_suite::on_shuttle::extfs::setattr::set_size;
use cutpoint_suite::on_shuttle::extfs::units::Lblk;
use cutpoint_suite::on_shuttle::extfs::zero_range::zero_range;
use cutpoint_suite::on_shuttle::extfs::{directory, evict, fsync, read, unlink, write, writeback};
use cutpoint_suite::on_shuttle::scenarios::writeback_vs_truncate::base;
use cutpoint_suite::on_shuttle::variants::wb_lookup_unlocked::WbLookupUnlocked;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

type Fs<P> = Filesystem<MemoryDevice, P>;

/// Every block of the file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// An operation on the file, chosen by the schedule.
fn operate<P: Protocol>(fs: &Fs<P>, inode: &Arc<Inode>) -> Result<(), FsError> {
    match choose("operation", 9) {
        0 => write::buffered_write(fs, inode, 1_500, &[1; 2_000]),
        1 => write::synchronous_write(fs, inode, 3_900, &[2; 800]),
        2 => set_size(fs, inode, 1_300),
        3 => set_size(fs, inode, 5_000),
        4 => punch_hole(fs, inode, 700, 2_000),
        5 => zero_range(fs, inode, 1_000, 2_500, SizeMode::Keep),
        6 => fallocate(fs, inode, 2_048, 4_000, SizeMode::Extend),
        7 => read::read(fs, inode, 0, 6_000).map(drop),
        _ => fsync::fsync(fs, inode),
    }
}

/// Starts a task that works on the file system and must not fail.
fn spawn<P: Protocol>(
    name: &'static str,
    fs: &Arc<Fs<P>>,
    body: impl FnOnce(&Fs<P>) -> Result<(), FsError> + Send + 'static,
) -> thread::JoinHandle<()> {
    let fs = fs.clone();
    thread::spawn(name, move || {
        body(&fs).unwrap_or_else(|error| panic!("{name}: {error}"))
    })
}

/// One execution.
fn execution<P: Protocol>(base: &Arc<Image>) {
    let device = Arc::new(MemoryDevice::with_base(base.clone()));
    let options = MountOptions {
        background: Background::Threads,
        blocks_per_folio: [1, 2, 4][choose("blocks per folio", 3) as usize],
        ..MountOptions::default()
    };
    let mounted = Filesystem::<_, P>::mount_with_protocol(device, options);
    let fs = Arc::new(mounted.expect("the base image mounts").0);
    let inode = directory::lookup(&fs, FILE_NAME).expect("the base image holds the file");
    write::buffered_write(&fs, &inode, 0, &[9; 3_500]).expect("there is room");

    let worker = spawn("worker", &fs, |fs| {
        fs.io_worker();
        Ok(())
    });
    let operation = |inode: &Arc<Inode>| {
        let inode = inode.clone();
        move |fs: &Fs<P>| operate(fs, &inode)
    };
    let of_writeback = inode.clone();
    let tasks = [
        spawn("first", &fs, operation(&inode)),
        spawn("second", &fs, operation(&inode)),
        spawn("writeback", &fs, move |fs| {
            writeback::writepages(fs, &of_writeback, ALL, true)
        }),
        spawn("journal", &fs, |fs| {
            fs.journal().commit_once()?;
            Ok(fs.journal().checkpoint_all()?)
        }),
        spawn("name", &fs, |fs| match choose("unlink", 2) {
            0 => Ok(()),
            _ => unlink::unlink(fs, FILE_NAME),
        }),
    ];
    for task in tasks {
        task.join();
    }
    fs.in_flight().close();
    worker.join();
    check_quiescent(&fs);
    // Deletes the file, if it has no name any more.
    evict::iput(&fs, &inode).expect("memory does not fail");
    leave(&fs, &inode);
}

/// Writes back and unmounts, in the main task alone.
fn leave<P: Protocol>(fs: &Fs<P>, inode: &Arc<Inode>) {
    if inode.links() > 0 {
        writeback::writepages(fs, inode, ALL, true).expect("writeback does not fail");
        while fs.step_io() {}
    }
    fs.sync().expect("memory does not fail");
    check_quiescent(fs);
    fs.unmount().expect("memory does not fail");
}

fn check_quiescent<P: Protocol>(fs: &Fs<P>) {
    for found in quiescent::violations(fs).expect("the inodes can be read") {
        finding(found.invariant, || found.expected, || found.observed);
    }
}

/// Explores random executions until something is found.
fn explore_some<P: Protocol>(method: Method, executions: u64) -> Explored {
    let base = base();
    let options = Options {
        executions: Some(executions),
        ..Options::default()
    };
    let body = move || execution::<P>(&base);
    explore(method, &options, body, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn operations_of_several_tasks_hold_the_invariants() {
    let executions = match std::env::var("CUTPOINT_EXECUTIONS") {
        Ok(number) => number.parse().expect("CUTPOINT_EXECUTIONS is a number"),
        Err(_) => 1_000,
    };
    for method in [
        Method::Uniform { seed: 1 },
        Method::Pct { seed: 2, depth: 3 },
    ] {
        let explored = explore_some::<Correct>(method, executions);
        println!(
            "{method:?}: {} executions, {} steps",
            explored.executions, explored.steps
        );
        if let Some(found) = explored.finding {
            panic!("{method:?}: {:?}\n{:?}", found.findings, found.schedule);
        }
        assert_eq!(explored.stopped_by, StoppedBy::Executions);
    }
}

#[test]
fn a_race_between_them_is_found() {
    let method = Method::Uniform { seed: 1 };
    let explored = explore_some::<WbLookupUnlocked>(method, 10_000);
    println!("after {} executions", explored.executions);
    let findings = explored.finding.expect("a seeded race is found").findings;
    assert!(
        ["I1", "I3"].contains(&findings[0].invariant),
        "{findings:?}"
    );
}
