//! Operations on one file by several tasks, under random schedules, in both designs: two that
//! change the file's size or blocks or reach its bytes past the page cache, writeback, completion,
//! commit with checkpoint, and removal of the name. Too much to exhaust; the searches that can are
//! those of the scenarios.
//!
//! What must hold: nobody waits for ever, no operation fails, the instant invariants hold whenever
//! their lock is free, and the quiescent ones in the end; and the order in which locks and waits
//! were taken, over all executions of a design, has no cycle (I34). What the file then holds
//! depends on the schedule, and is not judged here.
//!
//! `CUTPOINT_EXECUTIONS` sets the number of executions of each scheduler.

use cutpoint::explore::random::{Method, explore};
use cutpoint::explore::{Explored, Options, StoppedBy};
use cutpoint::lockgraph::LockGraph;
use cutpoint_suite::content::FILE_NAME;
use cutpoint_suite::on_shuttle::extfs::delalloc::Delalloc;
use cutpoint_suite::on_shuttle::extfs::design::Design;
use cutpoint_suite::on_shuttle::extfs::device::memory::{Image, MemoryDevice};
use cutpoint_suite::on_shuttle::extfs::direct::direct_write;
use cutpoint_suite::on_shuttle::extfs::direct::read::direct_read;
use cutpoint_suite::on_shuttle::extfs::error::FsError;
use cutpoint_suite::on_shuttle::extfs::fallocate::{SizeMode, fallocate};
use cutpoint_suite::on_shuttle::extfs::fault::store;
use cutpoint_suite::on_shuttle::extfs::fs::{Background, Filesystem};
use cutpoint_suite::on_shuttle::extfs::inode::Inode;
use cutpoint_suite::on_shuttle::extfs::invariants::quiescent;
use cutpoint_suite::on_shuttle::extfs::lock::class;
use cutpoint_suite::on_shuttle::extfs::mount::MountOptions;
use cutpoint_suite::on_shuttle::extfs::protocol::Protocol;
use cutpoint_suite::on_shuttle::extfs::punch_hole::punch_hole;
use cutpoint_suite::on_shuttle::extfs::rt::{choose, finding, thread};
use cutpoint_suite::on_shuttle::extfs::setattr::set_size;
use cutpoint_suite::on_shuttle::extfs::units::Lblk;
use cutpoint_suite::on_shuttle::extfs::zero_range::zero_range;
use cutpoint_suite::on_shuttle::extfs::{directory, evict, fsync, read, unlink, write, writeback};
use cutpoint_suite::on_shuttle::scenarios::writeback_vs_truncate::base;
use cutpoint_suite::on_shuttle::variants;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

type Fs = Filesystem<MemoryDevice>;

/// What the file system does.
type Steps = Protocol<MemoryDevice>;

/// Every block of the file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// An operation on the file, chosen by the schedule.
fn operate(fs: &Fs, inode: &Arc<Inode>) -> Result<(), FsError> {
    match choose("operation", 13) {
        0 => write::buffered_write(fs, inode, 1_500, &[1; 2_000]),
        1 => write::synchronous_write(fs, inode, 3_900, &[2; 800]),
        2 => set_size(fs, inode, 1_300),
        3 => set_size(fs, inode, 5_000),
        4 => punch_hole(fs, inode, 700, 2_000),
        5 => zero_range(fs, inode, 1_000, 2_500, SizeMode::Keep),
        6 => fallocate(fs, inode, 2_048, 4_000, SizeMode::Extend),
        7 => read::read(fs, inode, 0, 6_000).map(drop),
        8 => unless_raced(direct_write(fs, inode, 1_024, &[3; 2_048])),
        9 => unless_raced(direct_write(fs, inode, 3_000, &[4; 2_000])),
        10 => unless_raced(direct_read(fs, inode, 0, 4_096)),
        11 => unless_raced(store(fs, inode, 1_100, &[5; 1_500])),
        _ => fsync::fsync(fs, inode),
    }
}

/// A program may be refused because of what it does at the same time itself.
fn unless_raced<R>(outcome: Result<R, FsError>) -> Result<(), FsError> {
    match outcome {
        Ok(_) | Err(FsError::RacedWithStore | FsError::BeyondEnd) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Starts a task that works on the file system and must not fail.
fn spawn(
    name: &'static str,
    fs: &Arc<Fs>,
    body: impl FnOnce(&Fs) -> Result<(), FsError> + Send + 'static,
) -> thread::JoinHandle<()> {
    let fs = fs.clone();
    thread::spawn(name, move || {
        body(&fs).unwrap_or_else(|error| panic!("{name}: {error}"))
    })
}

/// One execution.
fn execution(base: &Arc<Image>, design: Design, protocol: Steps) {
    let device = Arc::new(MemoryDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        delalloc: Delalloc::ALL[choose("allocation", 3) as usize],
        background: Background::Threads,
        blocks_per_folio: [1, 2, 4][choose("blocks per folio", 3) as usize],
        ..MountOptions::default()
    };
    let mounted = Filesystem::mount_with_protocol(device, options, protocol);
    let fs = Arc::new(mounted.expect("the base image mounts").0);
    let inode = directory::lookup(&fs, FILE_NAME).expect("the base image holds the file");
    write::buffered_write(&fs, &inode, 0, &[9; 3_500]).expect("there is room");

    let worker = spawn("worker", &fs, |fs| {
        fs.io_worker();
        Ok(())
    });
    let operation = |inode: &Arc<Inode>| {
        let inode = inode.clone();
        move |fs: &Fs| operate(fs, &inode)
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
    // Deletes the file, if it has no name any more.
    evict::iput(&fs, &inode).expect("memory does not fail");
    leave(&fs, &inode);
    fs.in_flight().close();
    worker.join();
}

/// Writes back and unmounts. The worker ends I/O to the last, as it always does: who ended its own
/// would seem to hold a folio's writeback while it locks other folios.
fn leave(fs: &Fs, inode: &Arc<Inode>) {
    if inode.links() > 0 {
        fsync::write_and_wait(fs, inode, ALL).expect("writeback does not fail");
    }
    check_quiescent(fs);
    fs.sync().expect("memory does not fail");
    check_quiescent(fs);
    fs.unmount().expect("memory does not fail");
}

fn check_quiescent(fs: &Fs) {
    for found in quiescent::violations(fs).expect("the inodes can be read") {
        finding(found.invariant, || found.expected, || found.observed);
    }
}

/// Explores random executions until something is found, and adds them to the order of locks.
fn explore_some(
    design: Design,
    protocol: Steps,
    method: Method,
    executions: u64,
    locks: &mut LockGraph,
) -> Explored {
    let base = base();
    let options = Options {
        executions: Some(executions),
        ..Options::default()
    };
    let body = move || execution(&base, design, protocol);
    let mut number = 0;
    explore(method, &options, body, &mut |execution| {
        locks.add(number, execution.log);
        number += 1;
        ControlFlow::Continue(())
    })
}

/// Explores the correct protocol in one design.
fn holds_in(design: Design) {
    let executions = match std::env::var("CUTPOINT_EXECUTIONS") {
        Ok(number) => number.parse().expect("CUTPOINT_EXECUTIONS is a number"),
        Err(_) => 1_000,
    };
    let fair = [&class::I_RWSEM, &class::INVALIDATE_LOCK, &class::I_DATA_SEM];
    let mut locks = LockGraph::with_fair(fair.map(|class| class.name));
    for method in [
        Method::Uniform { seed: 1 },
        Method::Pct { seed: 2, depth: 3 },
    ] {
        let explored = explore_some(design, Protocol::correct(), method, executions, &mut locks);
        println!(
            "{design}, {method:?}: {} executions, {} steps",
            explored.executions, explored.steps
        );
        if let Some(found) = explored.finding {
            panic!(
                "{design}, {method:?}: {:?}\n{:?}",
                found.findings, found.schedule
            );
        }
        assert_eq!(explored.stopped_by, StoppedBy::Executions);
    }
    let order = |held: &str, awaited: &str| {
        let mut edges = locks.edges();
        edges.any(|(edge, _)| edge.held.class == held && edge.awaited.class == awaited)
    };
    let (folio, transaction) = (class::FOLIO_LOCK.name, class::TRANSACTION.name);
    println!("{design}: {} orders of two locks", locks.edges().count());
    if let Some(cycle) = locks.cycles().first() {
        panic!("{design}: I34: {cycle}");
    }
    // Each design has its order, and not the other's.
    let (bh, im) = (order(transaction, folio), order(folio, transaction));
    assert_eq!((bh, im), (design == Design::Bh, design == Design::Im));
    let rank = |name: &str| {
        design
            .lock_order()
            .iter()
            .position(|class| class.name == name)
    };
    for (edge, witness) in locks.edges() {
        if let (Some(held), Some(awaited)) = (rank(edge.held.class), rank(edge.awaited.class)) {
            assert!(held <= awaited, "{design}: {edge:?}: {witness:?}");
        }
    }
}

#[test]
fn operations_of_several_tasks_hold_the_invariants_in_im() {
    holds_in(Design::Im);
}

#[test]
fn operations_of_several_tasks_hold_the_invariants_in_bh() {
    holds_in(Design::Bh);
}

#[test]
fn a_race_between_them_is_found() {
    let method = Method::Uniform { seed: 1 };
    let mut locks = LockGraph::new();
    let seeded = variants::protocol(Some("wb_lookup_unlocked")).expect("there is such a variant");
    let explored = explore_some(Design::Im, seeded, method, 10_000, &mut locks);
    println!("after {} executions", explored.executions);
    let findings = explored.finding.expect("a seeded race is found").findings;
    assert!(
        ["I1", "I3"].contains(&findings[0].invariant),
        "{findings:?}"
    );
}
