//! A run: makes an image, lets the threads and the background work loose on it, and, unless it is
//! killed, compares everything when they have ended.

use super::plan::{self, Part, Plan, TAIL_MAX};
use super::stretch::{Change, Stretch};
use super::worker::{self, Fs, KINDS, Shared, Worker};
use crate::judges::{self, Tree};
use extfs_std::device::file::FileDevice;
use extfs_std::invariants::quiescent;
use extfs_std::journal::JournalOptions;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::units::Lblk;
use extfs_std::{directory, evict, fsync, write, writeback};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Inodes of the image: enough for every file at a time.
const INODES: u32 = 64;
/// Free blocks of the image.
const BLOCKS_FREE: u64 = 3_000;
/// Threads that complete I/O.
const IO_WORKERS: usize = 2;
/// The log that may be used, in blocks: little, so that it is often full.
const LOG_BLOCKS_MAX: u32 = 256;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a run did and found.
#[derive(Debug)]
pub struct Summary {
    /// How long the threads worked.
    pub time: Duration,
    /// Operations done, by kind.
    pub done: [u64; KINDS.len()],
    /// Every part, with what it must hold.
    pub stretches: Vec<Stretch>,
    /// The files at the end.
    pub tree: Tree,
}

/// Runs on a new image at `image` for some time, and leaves it unmounted. With a folder for logs
/// every change is logged there before it is made. `ready` is called when the work begins.
///
/// # Errors
/// What an operation failed with, or what differs from what must be there.
pub fn run(
    plan: Plan,
    image: &Path,
    time: Duration,
    logs: Option<&Path>,
    ready: impl FnOnce(),
) -> Result<Summary, Error> {
    let (shared, workers) = set_up(plan, image, logs)?;
    let background = Background::start(&shared);
    let start = Instant::now();
    let threads: Vec<_> = workers
        .into_iter()
        .map(|worker| thread::spawn(|| worker.work()))
        .collect();
    ready();
    while start.elapsed() < time && !shared.stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
    }
    shared.stop.store(true, Ordering::Relaxed);
    let outcomes: Vec<_> = threads
        .into_iter()
        .map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked".into()))
        })
        .collect();
    let time = start.elapsed();
    background.end()?;
    let mut stretches = Vec::new();
    for outcome in outcomes {
        stretches.extend(outcome?);
    }
    let shared = Arc::into_inner(shared).ok_or("the file system is still in use")?;
    let Shared {
        fs, tails, done, ..
    } = shared;
    stretches.extend(tails.into_iter().flatten().map(worker::take_tail));
    let violations = quiescent::violations(&fs)?;
    if !violations.is_empty() {
        return Err(format!("invariants are violated: {violations:?}").into());
    }
    stretches.iter_mut().for_each(Stretch::durable);
    let tree = judges::tree(&fs)?;
    judge(&plan, &stretches, &tree)?;
    fs.unmount()?;
    Ok(Summary {
        time,
        done: done.map(|count| count.into_inner()),
        stretches,
        tree,
    })
}

/// Judges all files by what is known of them.
///
/// # Errors
/// What may not be.
pub fn judge(plan: &Plan, stretches: &[Stretch], tree: &Tree) -> Result<(), String> {
    for stretch in stretches {
        let name = stretch.part.file_name();
        stretch.judge(plan, tree.get(name.as_bytes()).map(Vec::as_slice))?;
    }
    let base = plan.base();
    for file in (0..plan.files).filter(|file| !plan.is_coordinated(*file)) {
        let name = plan::shared_name(file);
        let found = tree
            .get(name.as_bytes())
            .ok_or(format!("{name} is missing"))?;
        if !(base..=base + TAIL_MAX).contains(&(found.len() as u64)) {
            return Err(format!("{name} has {} bytes", found.len()));
        }
        worker::judge_free_tail(file, base, &found[base as usize..])?;
    }
    let known = plan.parts();
    let is_known = |name: &&Vec<u8>| {
        let is_shared = (0..plan.files).any(|file| plan::shared_name(file).as_bytes() == **name);
        is_shared
            || known
                .iter()
                .any(|part| part.file_name().as_bytes() == **name)
    };
    match tree.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(format!("{:?} is nobody's", String::from_utf8_lossy(name))),
    }
}

/// Makes the image and its shared files, whose bases are written and durable.
fn set_up(
    plan: Plan,
    image: &Path,
    logs: Option<&Path>,
) -> Result<(Arc<Shared>, Vec<Worker>), Error> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(BLOCKS_FREE, INODES, 1024),
        inodes: INODES,
        ..MkfsOptions::default()
    };
    let device = Arc::new(FileDevice::create_new(image, options.blocks)?);
    mkfs(&*device, &options)?;
    let mount = MountOptions {
        design: plan.design,
        background: extfs_std::fs::Background::Threads,
        journal: JournalOptions {
            log_blocks_max: Some(LOG_BLOCKS_MAX),
            ..JournalOptions::default()
        },
        ..MountOptions::default()
    };
    let fs = Fs::mount(device, mount)?.0;
    let (own, mut tails) = completing(&fs, |fs| set_up_files(&plan, fs, logs))?;
    let shared = Arc::new(Shared {
        fs,
        plan,
        tails: (0..plan.files)
            .map(|file| {
                let at = tails
                    .iter()
                    .position(|tail| tail.part == Part::Tail { file });
                at.map(|at| Mutex::new(tails.swap_remove(at)))
            })
            .collect(),
        stop: AtomicBool::new(false),
        done: Default::default(),
    });
    let mut workers = Vec::new();
    for (thread, own) in own.into_iter().enumerate() {
        let (_, private) = worker::parts_of(&plan, thread);
        let private: Result<_, _> = private
            .into_iter()
            .map(|part| Stretch::new(part, logs))
            .collect();
        workers.push(Worker::new(shared.clone(), thread, own, private?));
    }
    Ok((shared, workers))
}

/// Runs something while another thread completes I/O.
fn completing<R>(fs: &Fs, body: impl FnOnce(&Fs) -> R) -> R {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                while fs.step_io() {}
                thread::sleep(Duration::from_micros(100));
            }
        });
        let result = body(fs);
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Writes the bases. Gives the parts of each thread, and the tails.
fn set_up_files(
    plan: &Plan,
    fs: &Fs,
    logs: Option<&Path>,
) -> Result<(Vec<Vec<Stretch>>, Vec<Stretch>), Error> {
    let mut own: Vec<Vec<Stretch>> = (0..plan.threads).map(|_| Vec::new()).collect();
    let mut tails = Vec::new();
    for file in 0..plan.files {
        let inode = directory::create(fs, plan::shared_name(file).as_bytes())?;
        let size = Change::Size(plan.base());
        let mut parts: Vec<_> = (0..plan.threads)
            .map(|thread| Part::Own { thread, file })
            .collect();
        parts.extend(plan.is_coordinated(file).then_some(Part::Tail { file }));
        let mut stretches = Vec::new();
        for part in parts {
            let mut stretch = Stretch::new(part, logs)?;
            stretch.change(Change::Create);
            stretch.change(size.clone());
            stretches.push(stretch);
        }
        for (thread, stretch) in stretches.iter_mut().take(plan.threads).enumerate() {
            for range in plan.stripes(thread) {
                let bytes = stretch.write(range.clone());
                write::buffered_write(fs, &inode, range.start, &bytes)?;
            }
        }
        fsync::fsync(fs, &inode)?;
        evict::iput(fs, &inode)?;
        for mut stretch in stretches {
            stretch.durable();
            match stretch.part {
                Part::Own { thread, .. } => own[thread].push(stretch),
                _ => tails.push(stretch),
            }
        }
    }
    Ok((own, tails))
}

/// The threads that do not belong to anybody.
struct Background {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    io: Vec<JoinHandle<()>>,
    rest: Vec<JoinHandle<Result<(), String>>>,
}

impl Background {
    /// Starts I/O completion, the journal's thread and writeback.
    fn start(shared: &Arc<Shared>) -> Background {
        let stop = Arc::new(AtomicBool::new(false));
        let io = (0..IO_WORKERS).map(|_| {
            let shared = shared.clone();
            thread::spawn(move || shared.fs.io_worker())
        });
        let io = io.collect();
        let every = |pause: u64, work: fn(&Shared) -> Result<(), Error>| {
            let (shared, stop) = (shared.clone(), stop.clone());
            thread::spawn(move || -> Result<(), String> {
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = work(&shared) {
                        shared.stop.store(true, Ordering::Relaxed);
                        return Err(error.to_string());
                    }
                    thread::sleep(Duration::from_millis(pause));
                }
                Ok(())
            })
        };
        let commit = every(7, |shared| {
            Ok(shared.fs.journal().commit_once().map(drop)?)
        });
        let checkpoint = every(50, |shared| Ok(shared.fs.journal().checkpoint_all()?));
        let writeback = every(3, write_back);
        Background {
            shared: shared.clone(),
            stop,
            io,
            rest: vec![commit, checkpoint, writeback],
        }
    }

    /// Stops them, once everything is durable.
    fn end(self) -> Result<(), Error> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.rest {
            thread
                .join()
                .map_err(|_| "a background thread panicked")??;
        }
        self.shared.fs.sync()?;
        self.shared.fs.in_flight().close();
        for thread in self.io {
            thread.join().map_err(|_| "an I/O worker panicked")?;
        }
        Ok(())
    }
}

/// Starts to write everything that is dirty in the shared files.
fn write_back(shared: &Shared) -> Result<(), Error> {
    for file in 0..shared.plan.files {
        let inode = directory::lookup(&shared.fs, plan::shared_name(file).as_bytes())?;
        writeback::writepages(&shared.fs, &inode, Lblk(0)..Lblk(u32::MAX), false)?;
        evict::iput(&shared.fs, &inode)?;
    }
    Ok(())
}
