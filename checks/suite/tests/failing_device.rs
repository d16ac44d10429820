//! Operations of several tasks on a device that fails, under random schedules, in both designs: the
//! schedule chooses which writes of file data, or of the log, or which flushes fail, and whether an
//! error of data aborts the journal.
//!
//! What must hold: nobody waits for ever; the order of locks and waits has no cycle (I34); an
//! operation fails only as it may; while the journal is not aborted the quiescent invariants hold,
//! and whoever has the file open is told of a failed write once (I24); and once it is aborted
//! nothing more is acknowledged.
//!
//! `CUTPOINT_EXECUTIONS` sets the number of executions of each scheduler.

use cutpoint::explore::random::{Method, explore};
use cutpoint::explore::{Options, StoppedBy};
use cutpoint::lockgraph::LockGraph;
use cutpoint_suite::content::FILE_NAME;
use cutpoint_suite::on_shuttle::extfs::delalloc::Delalloc;
use cutpoint_suite::on_shuttle::extfs::design::Design;
use cutpoint_suite::on_shuttle::extfs::device::faults::{Fault, Faults};
use cutpoint_suite::on_shuttle::extfs::device::memory::Image;
use cutpoint_suite::on_shuttle::extfs::device::recording::RecordingDevice;
use cutpoint_suite::on_shuttle::extfs::directory;
use cutpoint_suite::on_shuttle::extfs::error::FsError;
use cutpoint_suite::on_shuttle::extfs::errseq::OpenFile;
use cutpoint_suite::on_shuttle::extfs::fs::{Background, DataError, Filesystem};
use cutpoint_suite::on_shuttle::extfs::inode::Inode;
use cutpoint_suite::on_shuttle::extfs::invariants::quiescent;
use cutpoint_suite::on_shuttle::extfs::lock::class;
use cutpoint_suite::on_shuttle::extfs::mount::MountOptions;
use cutpoint_suite::on_shuttle::extfs::punch_hole::punch_hole;
use cutpoint_suite::on_shuttle::extfs::rt::{choose, finding, thread};
use cutpoint_suite::on_shuttle::extfs::setattr::set_size;
use cutpoint_suite::on_shuttle::extfs::units::{Lblk, Pblk};
use cutpoint_suite::on_shuttle::extfs::{fsync, write, writeback};
use cutpoint_suite::on_shuttle::scenarios::writeback_vs_truncate::base;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

type Fs = Filesystem<RecordingDevice>;

/// Every block of the file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// Blocks of the journal, which ends the device.
const JOURNAL_BLOCKS: u64 = 1024;

/// What fails in an execution.
fn faults(fs: &Fs) -> Faults {
    let journal = Pblk(fs.geometry().blocks - JOURNAL_BLOCKS);
    let log = journal..Pblk(fs.geometry().blocks);
    let data = Pblk(0)..journal;
    let (blocks, writes, flushes) = match choose("what fails", 3) {
        0 => (data, Fault::Chosen, Fault::Never),
        1 => (log, Fault::Chosen, Fault::Never),
        _ => (data, Fault::Never, Fault::Chosen),
    };
    Faults {
        blocks,
        writes,
        flushes,
        times_max: 1,
        ..Faults::default()
    }
}

/// An operation on the file, chosen by the schedule.
fn operate(fs: &Fs, inode: &Arc<Inode>) -> Result<(), FsError> {
    match choose("operation", 6) {
        0 => write::buffered_write(fs, inode, 1_500, &[1; 2_000]),
        1 => write::synchronous_write(fs, inode, 3_900, &[2; 800]),
        2 => set_size(fs, inode, 1_300),
        3 => set_size(fs, inode, 5_000),
        4 => punch_hole(fs, inode, 700, 2_000),
        _ => fsync::fsync(fs, inode),
    }
}

/// Starts a task whose operation may fail, but only because the device did.
fn spawn(
    name: &'static str,
    fs: &Arc<Fs>,
    body: impl FnOnce(&Fs) -> Result<(), FsError> + Send + 'static,
) -> thread::JoinHandle<()> {
    let fs = fs.clone();
    thread::spawn(name, move || match body(&fs) {
        Ok(()) | Err(FsError::Device(_) | FsError::Journal(_) | FsError::ReadOnly) => {}
        Err(error) => panic!("{name}: {error}"),
    })
}

/// One execution.
fn execution(base: &Arc<Image>, design: Design) {
    let device = Arc::new(RecordingDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        delalloc: Delalloc::ALL[choose("allocation", 3) as usize],
        data_error: [DataError::Report, DataError::Abort][choose("data error", 2) as usize],
        background: Background::Threads,
        blocks_per_folio: [1, 2][choose("blocks per folio", 2) as usize],
        ..MountOptions::default()
    };
    let mounted = Filesystem::mount(device, options);
    let fs = Arc::new(mounted.expect("the base image mounts").0);
    let inode = directory::lookup(&fs, FILE_NAME).expect("the base image holds the file");
    write::buffered_write(&fs, &inode, 0, &[9; 3_500]).expect("there is room");
    fs.device().set_faults(faults(&fs));
    let file = OpenFile::new(&inode);

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
            Ok(fs.journal().commit_once().map(drop)?)
        }),
    ];
    for task in tasks {
        task.join();
    }
    judge(&fs, &inode, &file);
    fs.in_flight().close();
    worker.join();
}

/// What holds in the end.
fn judge(fs: &Fs, inode: &Arc<Inode>, file: &OpenFile) {
    let may_be_told = fsync::fsync_file(fs, inode, file);
    let failed = fs.device().peek_failed_writes();
    if fs.journal().peek_aborted().is_some() {
        let again = fsync::fsync_file(fs, inode, file);
        expect(
            "I31",
            again.is_err(),
            "fsync fails once the journal is aborted",
        );
        return;
    }
    if failed > 0 {
        expect("I24", may_be_told.is_err(), "a failed write is told");
    }
    // From here on nothing fails anew.
    fs.device().set_faults(Faults::default());
    let again = fsync::fsync_file(fs, inode, file);
    // A flush that failed is no error of the file's, and is told for good.
    let is_flush = may_be_told.is_err() && failed == 0;
    expect("I24", again.is_ok() || is_flush, "and it is told once");
    for found in quiescent::violations(fs).expect("the inodes can be read") {
        finding(found.invariant, || found.expected, || found.observed);
    }
}

fn expect(invariant: &'static str, holds: bool, what: &'static str) {
    if !holds {
        finding(invariant, || what.into(), || "it does not".into());
    }
}

fn holds_in(design: Design) {
    let executions = match std::env::var("CUTPOINT_EXECUTIONS") {
        Ok(number) => number.parse().expect("CUTPOINT_EXECUTIONS is a number"),
        Err(_) => 500,
    };
    let fair = [&class::I_RWSEM, &class::INVALIDATE_LOCK, &class::I_DATA_SEM];
    let mut locks = LockGraph::with_fair(fair.map(|class| class.name));
    for method in [
        Method::Uniform { seed: 3 },
        Method::Pct { seed: 4, depth: 3 },
    ] {
        let base = base();
        let options = Options {
            executions: Some(executions),
            ..Options::default()
        };
        let mut number = 0;
        let body = move || execution(&base, design);
        let explored = explore(method, &options, body, &mut |execution| {
            locks.add(number, execution.log);
            number += 1;
            ControlFlow::Continue(())
        });
        println!("{design}, {method:?}: {} executions", explored.executions);
        if let Some(found) = explored.finding {
            panic!("{design}, {method:?}: {:?}", found.findings);
        }
        assert_eq!(explored.stopped_by, StoppedBy::Executions);
    }
    if let Some(cycle) = locks.cycles().first() {
        panic!("{design}: I34: {cycle}");
    }
    let rank = |name: &str| {
        let order = design.lock_order();
        order.iter().position(|class| class.name == name)
    };
    for (edge, witness) in locks.edges() {
        if let (Some(held), Some(awaited)) = (rank(edge.held.class), rank(edge.awaited.class)) {
            assert!(held <= awaited, "{design}: {edge:?}: {witness:?}");
        }
    }
}

#[test]
fn a_failing_device_stops_nobody_in_im() {
    holds_in(Design::Im);
}

#[test]
fn a_failing_device_stops_nobody_in_bh() {
    holds_in(Design::Bh);
}
