//! Writeback that may find no space at any allocation, beside a truncate and the worker, in every
//! interleaving: the explorer takes both ways at each. What could not be allocated is given up as a
//! whole, with its reservation, and somebody is told; what could is in the file.

use cutpoint::explore::{Execution, Explored, Options, dpor};
use cutpoint_event::What;
use extfs_shuttle::delalloc::Delalloc;
use extfs_shuttle::design::Design;
use extfs_shuttle::device::memory::{Image, MemoryDevice};
use extfs_shuttle::device::recording::RecordingDevice;
use extfs_shuttle::error::FsError;
use extfs_shuttle::fs::{Background, Filesystem};
use extfs_shuttle::inode::Inode;
use extfs_shuttle::invariants::quiescent;
use extfs_shuttle::mkfs::{MkfsOptions, mkfs};
use extfs_shuttle::mount::MountOptions;
use extfs_shuttle::protocol::Protocol;
use extfs_shuttle::rt::{choose, finding, thread};
use extfs_shuttle::units::Lblk;
use extfs_shuttle::{directory, fsync, read, truncate, write, writeback};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

const BLOCK: u64 = 1024;
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

type Fs = Filesystem<RecordingDevice>;
type Steps = Protocol<RecordingDevice>;

/// Whether there is space this time.
fn expect_space() -> Result<(), FsError> {
    match choose("allocation fails", 2) {
        0 => Ok(()),
        _ => Err(FsError::NoSpace),
    }
}

/// The correct protocol on a disk that has no space whenever the explorer says so.
fn short_of_space() -> Steps {
    Protocol {
        map_one_extent: |fs, inode, range| {
            expect_space().and_then(|()| writeback::map_one_extent(fs, inode, range))
        },
        mpage_map_one_extent: |fs, handle, inode, range| {
            expect_space()?;
            writeback::buffer_head::mpage_map_one_extent(fs, handle, inode, range)
        },
        ..Protocol::correct()
    }
}

/// A file system with one empty file.
fn base() -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(32, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).unwrap();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    directory::create(&fs, b"file").unwrap();
    fs.unmount().unwrap();
    Arc::new(device.snapshot())
}

/// Starts a task on the file.
fn spawn<R: Send + 'static>(
    name: &'static str,
    (fs, inode): (&Arc<Fs>, &Arc<Inode>),
    body: impl FnOnce(&Fs, &Arc<Inode>) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    let (fs, inode) = (fs.clone(), inode.clone());
    thread::spawn(name, move || body(&fs, &inode))
}

/// Writeback of two delayed blocks against a truncate to one.
fn race(base: &Arc<Image>, design: Design, protocol: Steps) {
    let device = Arc::new(RecordingDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        delalloc: Delalloc::Always,
        blocks_per_folio: 1,
        background: Background::Threads,
        ..MountOptions::default()
    };
    let (fs, _) = Filesystem::mount_with_protocol(device, options, protocol).unwrap();
    let fs = Arc::new(fs);
    let inode = directory::lookup(&fs, b"file").unwrap();
    write::buffered_write(&fs, &inode, 0, &[1; 2048]).unwrap();

    let writer = spawn("writeback", (&fs, &inode), |fs, inode| {
        writeback::writepages(fs, inode, ALL, true)
    });
    let cut = spawn("truncate", (&fs, &inode), |fs, inode| {
        truncate::truncate_down(fs, inode, BLOCK).unwrap();
    });
    let worker = spawn("worker", (&fs, &inode), |fs, _| fs.io_worker());
    let outcome = writer.join();
    cut.join();
    fs.in_flight().close();
    worker.join();
    judge(&fs, &inode, outcome);
}

/// Nothing is dirty any more, so what the file holds is what it will ever hold: data, or zeroes of
/// which somebody has been told.
fn judge(fs: &Fs, inode: &Arc<Inode>, outcome: Result<(), FsError>) {
    let told = match (outcome, fsync::fsync(fs, inode)) {
        (Ok(()), Ok(())) => false,
        (Ok(()), Err(FsError::NoSpace)) | (Err(FsError::NoSpace), _) => true,
        other => panic!("failed with something else: {other:?}"),
    };
    for found in quiescent::violations(fs).unwrap() {
        finding(found.invariant, || found.expected, || found.observed);
    }
    let content = read::read(fs, inode, 0, 1 << 20).unwrap();
    let is_data = content == [1; BLOCK as usize];
    let is_lost = content == [0; BLOCK as usize];
    if !(is_data || is_lost && told) {
        finding(
            "I24",
            || "data, or zeroes of which somebody has been told".into(),
            || {
                format!(
                    "{:?}, told: {told}",
                    content.iter().step_by(512).collect::<Vec<_>>()
                )
            },
        );
    }
}

/// What executions came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// An allocation failed, and the next attempt did not.
    retried: bool,
    /// Blocks were given up.
    given_up: bool,
    /// Every allocation worked.
    smooth: bool,
}

impl Seen {
    fn note(&mut self, execution: &Execution<'_>) {
        let events = || execution.log.events.iter().map(|event| &event.what);
        let failed = events().any(|what| matches!(what, What::Chosen { value: 1, .. }));
        let given_up = events().any(|what| {
            matches!(
                what,
                What::Step {
                    name: "discard folio",
                    ..
                }
            )
        });
        self.smooth |= !failed;
        self.given_up |= given_up;
        self.retried |= failed && !given_up;
    }
}

fn explore(design: Design, protocol: Steps) -> (Explored, Seen) {
    let base = base();
    let mut seen = Seen::default();
    let options = Options {
        executions: Some(200_000),
        ..Options::default()
    };
    let note = &mut |execution: &Execution<'_>| {
        seen.note(execution);
        ControlFlow::Continue(())
    };
    let explored = dpor::explore(&options, move || race(&base, design, protocol), note);
    (explored, seen)
}

#[test]
fn what_finds_no_space_is_given_up_and_told() {
    for design in Design::ALL {
        let (explored, seen) = explore(design, short_of_space());
        println!("{design}: {} executions, {seen:?}", explored.executions);
        let found = explored.finding.as_ref().map(|finding| &finding.findings);
        assert!(found.is_none(), "{design}: {found:?}");
        assert!(explored.complete, "{design}: {:?}", explored.stopped_by);
        let all = Seen {
            retried: true,
            given_up: true,
            smooth: true,
        };
        assert_eq!(seen, all, "{design}");
    }
}

/// Gives up what is dirty, and keeps its reservation.
#[test]
fn a_reservation_that_is_kept_is_caught() {
    for design in Design::ALL {
        let protocol = Protocol {
            discard_folio: |_, _, guard, blocks| guard.invalidate(blocks),
            ..short_of_space()
        };
        let (explored, _) = explore(design, protocol);
        let finding = explored.finding.expect("it is caught");
        println!("{design}: {:?}", finding.findings);
        let first = finding.findings.first().map(|first| first.invariant);
        assert_eq!(first, Some("I5"), "{design}");
    }
}
