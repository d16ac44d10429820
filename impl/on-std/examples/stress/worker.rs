//! One thread of the stress: random operations on its parts of the files, and what it finds there
//! compared with what it put there.

use super::plan::{self, PRIVATE, PRIVATE_MAX, Part, Plan, Random, STRIPE, TAIL_MAX};
use super::stretch::{Change, Stretch};
use extfs_std::device::file::FileDevice;
use extfs_std::error::FsError;
use extfs_std::fallocate::SizeMode;
use extfs_std::fs::Filesystem;
use extfs_std::fsync::Sync;
use extfs_std::inode::Inode;
use extfs_std::user::UserBuffer;
use extfs_std::{
    direct, directory, evict, fallocate, fault, fsync, punch_hole, read, setattr, unlink, write,
    zero_range,
};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// The file system under stress.
pub type Fs = Filesystem<FileDevice>;

/// The longest write, in bytes.
const WRITE_MAX: u64 = 3_500;

/// The kinds of operations, as they are counted.
pub const KINDS: [&str; 14] = [
    "write",
    "synchronous write",
    "direct write",
    "synchronous direct write",
    "direct read",
    "store",
    "read",
    "punch",
    "zero range",
    "fallocate",
    "fsync",
    "set size",
    "create",
    "unlink",
];

/// What all threads share.
pub struct Shared {
    /// The file system.
    pub fs: Fs,
    /// What the run consists of.
    pub plan: Plan,
    /// The coordinated tails, by file.
    pub tails: Vec<Option<Mutex<Stretch>>>,
    /// Set when it is enough.
    pub stop: AtomicBool,
    /// Operations done, by kind.
    pub done: [AtomicU64; KINDS.len()],
}

/// A thread's own.
pub struct Worker {
    shared: Arc<Shared>,
    thread: usize,
    random: Random,
    files: Vec<Arc<Inode>>,
    /// Its parts of the shared files.
    own: Vec<Stretch>,
    /// Its private files, and, while they exist, their inodes.
    private: Vec<(Stretch, Option<Arc<Inode>>)>,
}

/// What is told of a failure.
type Outcome = Result<(), String>;

impl Shared {
    fn count(&self, kind: &str) {
        if let Some(at) = KINDS.iter().position(|known| *known == kind) {
            self.done[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does an operation, counts it, and says which it was if it fails.
    fn run<T>(
        &self,
        kind: &str,
        operation: impl FnOnce() -> Result<T, FsError>,
    ) -> Result<T, String> {
        let result = operation().map_err(|error| format!("{kind}: {error}"))?;
        self.count(kind);
        Ok(result)
    }

    /// Compares a part of a file with what it must hold.
    fn compare(&self, inode: &Arc<Inode>, range: Range<u64>, expected: &[u8]) -> Outcome {
        let len = (range.end - range.start) as usize;
        let found = self.run("read", || read::read(&self.fs, inode, range.start, len))?;
        let same = found.iter().zip(expected).take_while(|(a, b)| a == b);
        let same = same.count();
        // A read of stripes may go on beyond what is compared, but never ends before it.
        match same == expected.len() && same == found.len() {
            true => Ok(()),
            false => Err(format!(
                "inode {} at byte {}: {:?} expected, {:?} found",
                inode.ino,
                range.start + same as u64,
                expected.get(same),
                found.get(same)
            )),
        }
    }
}

impl Worker {
    /// The worker of a thread: its files exist, and hold what its parts say.
    pub fn new(
        shared: Arc<Shared>,
        thread: usize,
        own: Vec<Stretch>,
        private: Vec<Stretch>,
    ) -> Worker {
        let open = |file| {
            let name = plan::shared_name(file);
            directory::lookup(&shared.fs, name.as_bytes()).expect("the shared files exist")
        };
        let files = (0..shared.plan.files).map(open).collect();
        let random = Random::new(shared.plan.seed, thread);
        let private = private.into_iter().map(|stretch| (stretch, None)).collect();
        Worker {
            shared,
            thread,
            random,
            files,
            own,
            private,
        }
    }

    /// Works until it is told to stop, closes its files, and gives its parts back.
    ///
    /// # Errors
    /// What went wrong, or what was found where something else should be.
    pub fn work(mut self) -> Result<Vec<Stretch>, String> {
        while !self.shared.stop.load(Ordering::Relaxed) {
            let outcome = match self.random.below(100) {
                0..62 => self.own(),
                62..84 => self.tail(),
                _ => self.private(),
            };
            if let Err(why) = outcome {
                // The others have nothing to prove any more.
                self.shared.stop.store(true, Ordering::Relaxed);
                return Err(format!("thread {}: {why}", self.thread));
            }
        }
        let open = self
            .files
            .iter()
            .chain(self.private.iter().flat_map(|(_, inode)| inode));
        for inode in open {
            evict::iput(&self.shared.fs, inode).map_err(|error| error.to_string())?;
        }
        let private = self.private.into_iter().map(|(stretch, _)| stretch);
        Ok(self.own.into_iter().chain(private).collect())
    }

    /// An operation on one of the thread's stripes.
    fn own(&mut self) -> Outcome {
        let shared = self.shared.clone();
        let fs = &shared.fs;
        let file = self.random.below(shared.plan.files as u64) as usize;
        let (inode, stretch) = (&self.files[file], &mut self.own[file]);
        let stripe = shared.plan.stripe(self.thread, self.random.below(STRIPE));
        let range = self.random.within(stripe, STRIPE);
        let (at, len) = (range.start, range.end - range.start);
        match self.random.below(100) {
            0..25 => {
                let bytes = stretch.write(range);
                shared.run("write", || write::buffered_write(fs, inode, at, &bytes))
            }
            25..45 => own_beside_cache(&shared, file, inode, stretch, range),
            45..50 => {
                let bytes = stretch.write(range.clone());
                shared.run("synchronous write", || {
                    write::synchronous_write(fs, inode, at, &bytes)
                })?;
                stretch.range_durable(range);
                Ok(())
            }
            50..58 => {
                stretch.change(Change::Zero(range));
                shared.run("punch", || punch_hole::punch_hole(fs, inode, at, len))
            }
            58..64 => {
                stretch.change(Change::Zero(range));
                let keep = SizeMode::Keep;
                shared.run("zero range", || {
                    zero_range::zero_range(fs, inode, at, len, keep)
                })
            }
            64..70 => {
                let extend = SizeMode::Extend;
                shared.run("fallocate", || {
                    fallocate::fallocate(fs, inode, at, len, extend)
                })
            }
            70..74 => {
                shared.run("fsync", || fsync::fsync(fs, inode))?;
                stretch.durable();
                Ok(())
            }
            _ => shared.compare(inode, range.clone(), stretch.content(range)),
        }
    }

    /// An operation behind the base of a file. Where that takes a lock, and another thread has it,
    /// this one goes on with something else.
    fn tail(&mut self) -> Outcome {
        let shared = self.shared.clone();
        let file = self.random.below(shared.plan.files as u64) as usize;
        let Some(tail) = &shared.tails[file] else {
            return self.free_tail(file);
        };
        match tail.try_lock() {
            Ok(mut tail) => self.coordinated_tail(file, &mut tail),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.coordinated_tail(file, &mut poisoned.into_inner())
            }
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    fn coordinated_tail(&mut self, file: usize, tail: &mut Stretch) -> Outcome {
        let shared = self.shared.clone();
        let (fs, inode) = (&shared.fs, &self.files[file]);
        let base = shared.plan.base();
        let whole = base..base + TAIL_MAX;
        let range = self.random.within(whole.clone(), WRITE_MAX);
        let (at, len) = (range.start, range.end - range.start);
        let mode = [SizeMode::Keep, SizeMode::Extend][self.random.below(2) as usize];
        let extended = Change::Size(tail.size().max(range.end));
        match self.random.below(100) {
            0..15 => {
                let bytes = tail.write(range);
                shared.run("write", || write::buffered_write(fs, inode, at, &bytes))
            }
            15..30 => {
                let bytes = tail.write(range);
                shared.run("direct write", || {
                    direct::direct_write(fs, inode, at, &bytes)
                        .and_then(|written| expect_whole(written, len))
                })
            }
            30..60 => {
                tail.change(Change::Size(at));
                shared.run("set size", || setattr::set_size(fs, inode, at))
            }
            60..68 => {
                tail.change(Change::Zero(range));
                shared.run("punch", || punch_hole::punch_hole(fs, inode, at, len))
            }
            68..74 => {
                if mode == SizeMode::Extend {
                    tail.change(extended);
                }
                tail.change(Change::Zero(range));
                shared.run("zero range", || {
                    zero_range::zero_range(fs, inode, at, len, mode)
                })
            }
            74..80 => {
                if mode == SizeMode::Extend {
                    tail.change(extended);
                }
                shared.run("fallocate", || {
                    fallocate::fallocate(fs, inode, at, len, mode)
                })
            }
            80..85 => {
                shared.run("fsync", || fsync::fsync(fs, inode))?;
                tail.durable();
                Ok(())
            }
            _ => shared.compare(inode, whole.clone(), tail.content(whole)),
        }
    }

    /// As [`Worker::coordinated_tail`], while others do what they want.
    fn free_tail(&mut self, file: usize) -> Outcome {
        let shared = self.shared.clone();
        let (fs, inode) = (&shared.fs, &self.files[file]);
        let base = shared.plan.base();
        let range = self.random.within(base..base + TAIL_MAX, WRITE_MAX);
        let (at, len) = (range.start, range.end - range.start);
        let mode = [SizeMode::Keep, SizeMode::Extend][self.random.below(2) as usize];
        match self.random.below(100) {
            0..35 => {
                let bytes: Vec<u8> = range.map(|at| plan::free_byte(file, at)).collect();
                shared.run("write", || write::buffered_write(fs, inode, at, &bytes))
            }
            35..65 => shared.run("set size", || setattr::set_size(fs, inode, at)),
            65..74 => shared.run("punch", || punch_hole::punch_hole(fs, inode, at, len)),
            74..80 => shared.run("zero range", || {
                zero_range::zero_range(fs, inode, at, len, mode)
            }),
            80..86 => shared.run("fallocate", || {
                fallocate::fallocate(fs, inode, at, len, mode)
            }),
            86..90 => shared.run("fsync", || fsync::fsync(fs, inode)),
            _ => {
                let found =
                    shared.run("read", || read::read(fs, inode, base, TAIL_MAX as usize))?;
                judge_free_tail(file, base, &found)
            }
        }
    }

    /// An operation on a file that only this thread uses.
    fn private(&mut self) -> Outcome {
        let shared = self.shared.clone();
        let fs = &shared.fs;
        let (stretch, open) = &mut self.private[self.random.below(PRIVATE as u64) as usize];
        let name = stretch.part.file_name();
        let Some(inode) = open else {
            stretch.change(Change::Create);
            let create = || directory::create(fs, name.as_bytes());
            *open = Some(shared.run("create", create)?);
            return Ok(());
        };
        let range = self.random.within(0..PRIVATE_MAX, WRITE_MAX);
        match self.random.below(100) {
            0..45 => {
                let bytes = stretch.write(range.clone());
                shared.run("write", || {
                    write::buffered_write(fs, inode, range.start, &bytes)
                })
            }
            45..55 => {
                stretch.change(Change::Size(range.start));
                shared.run("set size", || setattr::set_size(fs, inode, range.start))
            }
            55..70 => shared.compare(inode, 0..PRIVATE_MAX, stretch.content(0..PRIVATE_MAX)),
            70..80 => {
                shared.run("fsync", || fsync::fsync(fs, inode))?;
                stretch.durable();
                Ok(())
            }
            _ => {
                let content = stretch.content(0..PRIVATE_MAX).to_vec();
                stretch.change(Change::Unlink);
                shared.run("unlink", || unlink::unlink(fs, name.as_bytes()))?;
                // Without a name it is still there for who has it open.
                shared.compare(inode, 0..PRIVATE_MAX, &content)?;
                evict::iput(fs, inode).map_err(|error| format!("closing: {error}"))?;
                *open = None;
                Ok(())
            }
        }
    }
}

/// An operation on a stripe that the page cache is not asked for: direct I/O in some files, a store
/// through a mapping in the others.
fn own_beside_cache(
    shared: &Shared,
    file: usize,
    inode: &Arc<Inode>,
    stretch: &mut Stretch,
    range: Range<u64>,
) -> Outcome {
    let fs = &shared.fs;
    let (at, len) = (range.start, range.end - range.start);
    if !shared.plan.is_direct(file) {
        let bytes = stretch.write(range);
        return shared.run("store", || fault::store(fs, inode, at, &bytes));
    }
    match at % 4 {
        0 => {
            let read = || direct::read::direct_read(fs, inode, at, len as usize);
            match shared.run("direct read", read)? == stretch.content(range) {
                true => Ok(()),
                false => Err(format!(
                    "inode {}: a direct read differs at {at}",
                    inode.ino
                )),
            }
        }
        1 => {
            let bytes = stretch.write(range.clone());
            let user = UserBuffer::new(&bytes);
            shared.run("synchronous direct write", || {
                direct::direct_write_sync(fs, inode, at, &user, Sync::Data)
                    .and_then(|written| expect_whole(written, len))
            })?;
            stretch.range_durable(range);
            Ok(())
        }
        _ => {
            let bytes = stretch.write(range);
            shared.run("direct write", || {
                direct::direct_write(fs, inode, at, &bytes)
                    .and_then(|written| expect_whole(written, len))
            })
        }
    }
}

/// A direct write that is short has found no space for the rest.
fn expect_whole(written: usize, len: u64) -> Result<(), FsError> {
    match written as u64 == len {
        true => Ok(()),
        false => Err(FsError::NoSpace),
    }
}

/// Judges what lies behind the base of a file where anybody writes at any time.
///
/// # Errors
/// A byte that nobody wrote there.
pub fn judge_free_tail(file: usize, base: u64, found: &[u8]) -> Outcome {
    for (offset, byte) in (base..).zip(found) {
        if *byte != 0 && *byte != plan::free_byte(file, offset) {
            let name = plan::shared_name(file);
            return Err(format!(
                "{name} holds {byte} at byte {offset}, which nobody wrote"
            ));
        }
    }
    Ok(())
}

/// Takes a tail out of its lock.
pub fn take_tail(tail: Mutex<Stretch>) -> Stretch {
    tail.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The parts of a thread.
pub fn parts_of(plan: &Plan, thread: usize) -> (Vec<Part>, Vec<Part>) {
    let own = (0..plan.files).map(|file| Part::Own { thread, file });
    let private = (0..PRIVATE).map(|slot| Part::Private { thread, slot });
    (own.collect(), private.collect())
}
