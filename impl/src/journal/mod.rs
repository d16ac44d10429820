//! The journal: a jbd2 log in the blocks of one inode.
//!
//! A [`Handle`] is one atomic update. Handles join the *running* transaction; [`commit`] makes it
//! happen by writing it to the log; [`checkpoint`] later writes the blocks to their homes;
//! [`recovery`] does so after a crash.
//!
//! Layers, from the bottom: where the blocks are ([`location`], [`circular`]), what they hold
//! ([`mod@format`], [`superblock`]), the log on its device ([`log`], [`log_space`], [`tail`]), what
//! handles gather ([`transaction`], [`handle`], [`jinode`]), and the three procedures that move it.
//!
//! # Locking
//! The commit mutex comes before the transaction barrier: who commits takes the mutex, then closes
//! the barrier. Who has a handle open takes neither again. Visible operations are few: one to enter
//! the barrier at a handle's start, one to leave it at its stop; a commit takes the mutex, closes,
//! drains and opens the barrier, and publishes its number.
//!
//! # Source
//! linux v7.0 fs/jbd2.

pub mod superblock;

pub mod circular;

pub mod location;

pub mod format;

pub mod log;

pub mod log_space;

pub mod tail;

pub mod error;

pub mod abort;

pub mod transaction;

pub mod handle;

pub mod jinode;

pub mod commit;

pub mod checkpoint;

pub mod published;

pub mod recovery;

pub mod steps;

#[cfg(test)]
mod tests;

pub use circular::LogBlock;
pub use commit::CommitHooks;
pub use error::JournalError;
pub use handle::Handle;
pub use jinode::{JournalInode, Ordered};
pub use location::JournalLocation;
pub use recovery::{Recovered, RecoveryError, clear_recorded_error, recorded_error, recover};
pub use steps::JournalSteps;

use crate::device::Device;
use crate::lock::{Key, Mutex, class};
use crate::units::{BLOCK_SIZE, Tid};
use checkpoint::{Checkpoint, CheckpointList};
use circular::Circular;
use commit::Commit;
use handle::Join;
use log::{DeviceCache, Log};
use log_space::LogSpace;
use published::CommittedTid;
use rt::Args;
use rt::sync::Arc;
use superblock::JournalSuperblock;
use tail::LogTail;
use transaction::{Refusal, Shared, TransactionState};

/// The fewest log blocks that the journal can work with.
const LOG_BLOCKS_MIN: u32 = 8;

/// Where to begin in the log and how much of it to use. The default is all of it, from its first
/// block on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalOptions {
    /// Where the first transaction begins.
    pub head: Option<LogBlock>,
    /// The most log blocks in use at a time, at least 8. With a cap, what handles do to the running
    /// transaction is visible to the explorer, so that the order in which they are refused is
    /// explored; without one it is not, which costs far fewer executions.
    pub log_blocks_max: Option<u32>,
}

/// A journal.
pub struct Journal<D: Device> {
    log: Log<D>,
    shared: Shared,
    /// Serialises commits and checkpoints.
    committer: Mutex<Committer>,
    committed: CommittedTid,
    hooks: Arc<dyn CommitHooks>,
    steps: JournalSteps<D>,
}

/// What commits and checkpoints work on.
#[derive(Debug)]
struct Committer {
    tail: LogTail,
    checkpoint: CheckpointList,
    /// The transaction that will commit next.
    next: Tid,
    /// Whether the journal's superblock says that the journal has been aborted, or can not be made
    /// to.
    is_errno_recorded: bool,
}

impl<D: Device> Journal<D> {
    /// Opens a clean journal: one just made, or one just recovered.
    ///
    /// # Errors
    /// [`JournalError::NeedsRecovery`], [`JournalError::RecordedError`],
    /// [`JournalError::Options`], [`JournalError::Format`], [`JournalError::Device`].
    pub fn open(
        device: Arc<D>,
        location: JournalLocation,
        hooks: Arc<dyn CommitHooks>,
        options: JournalOptions,
    ) -> Result<Journal<D>, JournalError> {
        Journal::open_with_steps(device, location, hooks, options, JournalSteps::correct())
    }

    /// As [`Journal::open`], with other steps.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with_steps(
        device: Arc<D>,
        location: JournalLocation,
        hooks: Arc<dyn CommitHooks>,
        options: JournalOptions,
        steps: JournalSteps<D>,
    ) -> Result<Journal<D>, JournalError> {
        let at = location.superblock();
        let mut image = [0; BLOCK_SIZE];
        device.read(at, &mut image)?;
        let superblock = JournalSuperblock::decode(&image, at, location.blocks())?;
        if superblock.start != 0 {
            return Err(JournalError::NeedsRecovery);
        }
        if superblock.errno != 0 {
            let errno = superblock.errno;
            return Err(JournalError::RecordedError { errno });
        }
        let circular = Circular::new(superblock.first, superblock.maxlen);
        let space = log_space(circular, options)?;
        let log = Log {
            device,
            location,
            circular,
            uuid: superblock.uuid,
            seed: superblock.seed(),
            cache: DeviceCache::new(),
        };
        let next = superblock.sequence;
        let committer = Committer {
            tail: LogTail::new(superblock, image),
            checkpoint: CheckpointList::default(),
            next,
            is_errno_recorded: false,
        };
        Ok(Journal {
            log,
            shared: Shared::new(next, space, options.log_blocks_max.is_some()),
            committer: Mutex::new(&class::COMMIT, Key::Only, committer),
            committed: CommittedTid::new(Tid(next.0.wrapping_sub(1))),
            hooks,
            steps,
        })
    }

    /// Starts a handle that may change up to `credits` blocks.
    ///
    /// # Errors
    /// [`JournalError::Aborted`], [`JournalError::TooLarge`]; and whatever fails in the commit or
    /// the checkpoint that makes room where there is none.
    ///
    /// # Locking
    /// Requires: that the caller has no handle open.
    /// Takes: a place in the running transaction, until the handle stops. Waits while a commit
    /// detaches the transaction. Where the log is short of room: takes and drops the commit mutex.
    pub fn start(&self, credits: u32) -> Result<Handle<'_>, JournalError> {
        let tid = self.join(credits)?;
        Ok(Handle::new(&self.shared, self, tid, credits))
    }

    /// The last transaction known to be committed.
    pub fn committed(&self) -> Tid {
        self.committed.load()
    }

    /// The last transaction known to be committed, for invariants: not an operation.
    pub fn peek_committed(&self) -> Tid {
        self.committed.peek()
    }

    /// Commits the running transaction, if it holds anything, and returns its number.
    ///
    /// # Errors
    /// [`JournalError::Aborted`]; [`JournalError::Device`], which aborts the journal.
    ///
    /// # Locking
    /// Requires: that the caller has no handle open, and holds no lock that somebody who has one
    /// open waits for.
    /// Takes and drops: the commit mutex, then the transaction barrier.
    ///
    /// # Crash
    /// See [`commit`].
    pub fn commit_once(&self) -> Result<Option<Tid>, JournalError> {
        self.commit_locked(&mut self.committer.lock())
    }

    /// Returns once transaction `tid` has committed; commits it if nobody has. A transaction that
    /// holds nothing counts as committed.
    ///
    /// Says whether this call committed anything, and so flushed the device: then everything that
    /// had completed before the call is durable too. If not, what else the caller wants durable,
    /// like data written in place, takes a flush of its own, because somebody else's commit may
    /// have flushed before that data completed.
    ///
    /// # Errors
    /// As [`Journal::commit_once`].
    ///
    /// # Locking
    /// As [`Journal::commit_once`].
    pub fn wait_commit(&self, tid: Tid) -> Result<bool, JournalError> {
        let mut has_flushed = false;
        if self.committed().is_at_or_after(tid) {
            return Ok(has_flushed);
        }
        let mut committer = self.committer.lock();
        while !committer.next.is_after(tid) {
            if self.commit_locked(&mut committer)?.is_none() {
                break;
            }
            has_flushed = true;
        }
        Ok(has_flushed)
    }

    /// Writes every committed transaction to its home and empties the log.
    ///
    /// The running transaction is not part of it. To leave a clean journal, stop all handles,
    /// commit, then checkpoint.
    ///
    /// # Errors
    /// [`JournalError::Aborted`]; [`JournalError::Device`], which aborts the journal.
    ///
    /// # Locking
    /// Takes and drops: the commit mutex.
    ///
    /// # Crash
    /// See [`checkpoint`].
    pub fn checkpoint_all(&self) -> Result<(), JournalError> {
        self.checkpoint_locked(&mut self.committer.lock())
    }

    /// Aborts the journal: no handle starts any more, and no transaction commits. The log stays as
    /// it is, to be recovered at the next mount.
    ///
    /// # Locking
    /// Requires: that the caller has no handle open.
    /// Takes and drops: the commit mutex, then the transaction barrier. So a commit under way ends
    /// first, and none follows.
    pub fn abort(&self, reason: impl Into<String>) {
        self.abort_locked(&mut self.committer.lock(), reason.into());
    }

    /// As [`Journal::abort`], for those whom a commit may be waiting for. A commit under way writes
    /// its commit block only if it has looked at the flag before. That the journal was aborted is
    /// recorded by who next commits, or wants to.
    ///
    /// # Locking
    /// Takes nothing and waits for nothing.
    pub fn mark_aborted(&self, reason: impl Into<String>) {
        self.shared.abort.set(reason.into());
    }

    /// Why the journal was aborted, if it was.
    pub fn aborted(&self) -> Option<String> {
        let may_happen = commit::may_abort(&*self.log.device, &*self.hooks);
        self.shared.abort.reason(may_happen)
    }

    /// Why the journal was aborted, if it was, for invariants: not an operation.
    pub fn peek_aborted(&self) -> Option<String> {
        self.shared.abort.peek()
    }

    /// Flushes the device. Once that has failed, it is not known what of all that had been written
    /// by then is on the medium, and no flush will tell; so every later one fails too, a commit's
    /// included.
    ///
    /// # Locking
    /// Takes, where the device may fail: the lock of its cache, so that no flush that began after
    /// one that failed passes for good.
    ///
    /// # Errors
    /// [`JournalError::Device`].
    pub fn flush_device(&self) -> Result<(), JournalError> {
        Ok(self.log.flush()?)
    }

    /// How many handles are open. Exact only where none can start or stop.
    pub fn updates(&self) -> u32 {
        self.shared.peek(|running| running.transaction.updates)
    }

    /// How many blocks the log has left.
    pub fn log_blocks_free(&self) -> u32 {
        self.shared.peek(|running| running.space.free_blocks())
    }

    /// Makes what a handle was refused for: room in the transaction or in the log.
    fn make_room(&self, refusal: Refusal) -> Result<(), JournalError> {
        rt::step("wait for log space", Args::default);
        let mut committer = self.committer.lock();
        match refusal {
            Refusal::Failed(error) => return Err(error),
            Refusal::TransactionFull => {
                self.commit_locked(&mut committer)?;
            }
            Refusal::LogFull => {
                self.commit_locked(&mut committer)?;
                self.checkpoint_locked(&mut committer)?;
            }
        }
        Ok(())
    }

    fn commit_locked(&self, committer: &mut Committer) -> Result<Option<Tid>, JournalError> {
        self.refuse_if_aborted(committer)?;
        let detached = commit::detach(&self.shared, &self.log, &*self.hooks);
        let Some(mut commit) = detached else {
            return Ok(None);
        };
        let tid = commit.tid();
        debug_assert_eq!(tid, committer.next, "transactions commit in their order");
        if let Err(error) = self.write(&mut commit, committer) {
            self.abort_locked(
                committer,
                format!("transaction {tid} did not commit: {error}"),
            );
            return Err(error);
        }
        commit.enter(TransactionState::Callback);
        committer.checkpoint.add(&commit);
        committer.next = tid.next();
        (self.steps.release_freed)(&mut commit);
        commit.enter(TransactionState::Finished);
        self.committed.store(tid);
        Ok(Some(tid))
    }

    /// Writes a transaction, after making recovery look where it begins if the log was empty.
    fn write(
        &self,
        commit: &mut Commit<'_, D>,
        committer: &mut Committer,
    ) -> Result<(), JournalError> {
        if committer.tail.is_empty() {
            committer
                .tail
                .move_to(&self.log, commit.tid(), commit.start())?;
        }
        commit::write(commit, &self.steps)
    }

    fn checkpoint_locked(&self, committer: &mut Committer) -> Result<(), JournalError> {
        self.refuse_if_aborted(committer)?;
        if committer.tail.is_empty() {
            return Ok(());
        }
        let Committer {
            tail,
            checkpoint: list,
            next,
            ..
        } = committer;
        let mut checkpoint = Checkpoint::new(&self.log, tail, list, *next);
        let outcome = (self.steps.write_home)(&mut checkpoint)
            .and_then(|()| (self.steps.advance_tail)(&mut checkpoint));
        if let Err(error) = outcome {
            self.abort_locked(committer, format!("checkpoint: {error}"));
            return Err(error.into());
        }
        let released = committer.checkpoint.log_blocks();
        committer.checkpoint.clear();
        self.shared.with(|running| running.space.release(released));
        Ok(())
    }

    /// Aborts. The barrier is closed so that handles start before the abort or learn of it.
    fn abort_locked(&self, committer: &mut Committer, reason: String) {
        if self.aborted().is_none() {
            self.shared.barrier.close();
            self.shared.abort.set(reason);
            self.shared.barrier.open();
        }
        self.record_errno(committer);
    }

    /// Lets the journal's superblock say that the journal has been aborted, for the next mount. If
    /// that fails too, so be it: nothing relies on it.
    fn record_errno(&self, committer: &mut Committer) {
        if !committer.is_errno_recorded {
            committer.is_errno_recorded = true;
            let _ = committer.tail.record_errno(&self.log, abort::EIO);
        }
    }

    fn refuse_if_aborted(&self, committer: &mut Committer) -> Result<(), JournalError> {
        match self.aborted() {
            Some(reason) => {
                self.record_errno(committer);
                Err(JournalError::Aborted { reason })
            }
            None => Ok(()),
        }
    }
}

impl<D: Device> Join for Journal<D> {
    fn join(&self, credits: u32) -> Result<Tid, JournalError> {
        loop {
            self.shared.barrier.enter();
            if let Some(reason) = self.aborted() {
                self.shared.barrier.exit();
                return Err(JournalError::Aborted { reason });
            }
            match self.shared.with(|running| running.admit(credits)) {
                Ok(tid) => return Ok(tid),
                Err(refusal) => {
                    self.shared.barrier.exit();
                    self.make_room(refusal)?;
                }
            }
        }
    }
}

/// The room in an empty log.
fn log_space(circular: Circular, options: JournalOptions) -> Result<LogSpace, JournalError> {
    let head = options.head.unwrap_or(circular.first());
    // One block stays unused, so that a full log can be told from an empty one.
    let usable = circular.blocks() - 1;
    let usable = options.log_blocks_max.map_or(usable, |max| max.min(usable));
    if !circular.contains(head) || usable < LOG_BLOCKS_MIN {
        return Err(JournalError::Options {
            first: circular.first().0,
            blocks: circular.blocks(),
        });
    }
    Ok(LogSpace::new(circular, head, usable))
}
