//! Commit: makes the running transaction happen.
//!
//! | state | what happens |
//! |---|---|
//! | locked | the barrier is closed; open handles finish |
//! | switch | contents are captured, the log's blocks are reserved, a new transaction runs |
//! | flush | ordered data is submitted |
//! | commit | revoke blocks, descriptors and logged blocks are submitted and waited for |
//! | dflush | all of it is made durable |
//! | jflush | the commit block is written |
//! | callback | freed blocks become allocatable |
//! | finished | the transaction's number is published |
//!
//! The free functions are the steps; [`JournalSteps`] lists them.
//!
//! # Crash
//! Until the commit block is durable, recovery does not see the transaction: the log ends before
//! it. The commit block is written only after a flush has made everything that it vouches for
//! durable, so it is never on the medium without them.
//!
//! # Source
//! linux v7.0 fs/jbd2/commit.c `jbd2_journal_commit_transaction`. Departures: contents are captured
//! by reference in *switch* instead of being frozen when a handle comes to change them, and the
//! flush is a request of its own before the commit block instead of a flag of its write.

use crate::buffer::Buffer;
use crate::device::{Device, DeviceError, Durability, Ticket};
use crate::journal::abort::Abort;
use crate::journal::circular::{LogBlock, LogRange};
use crate::journal::error::JournalError;
use crate::journal::format::descriptor::TAGS_MAX;
use crate::journal::format::revoke_block::RECORDS_MAX;
use crate::journal::format::{CommitRecord, Tag, descriptor, revoke_block};
use crate::journal::handle::arg;
use crate::journal::jinode::JournalInode;
use crate::journal::log::{self, Log};
use crate::journal::log_space;
use crate::journal::steps::JournalSteps;
use crate::journal::transaction::{Shared, Transaction, TransactionState};
use crate::units::{Block, Ino, Pblk, Tid};
use rt::Args;
use rt::sync::Arc;
use std::ops::Range;

/// What the file system does in the course of a commit.
///
/// # Locking
/// Called by whoever commits, holding the commit mutex and none of the file system's locks; for an
/// inode's data also its `JI_COMMIT_RUNNING`, so that the inode is in memory. An
/// implementation must not wait for a handle to be started: that may wait for this very commit.
pub trait CommitHooks: Send + Sync + 'static {
    /// Starts to write those of an inode's bytes in a range that are dirty and mapped. Where no
    /// data is ordered, as where it is always written to unwritten blocks first, nobody calls this.
    ///
    /// # Errors
    /// [`DeviceError`] if the transaction must not commit.
    fn submit_inode_data(&self, ino: Ino, bytes: Range<u64>) -> Result<(), DeviceError> {
        let _ = (ino, bytes);
        Ok(())
    }

    /// Waits until what is being written of an inode's bytes in a range has completed; it is made
    /// durable with the log blocks. What failed is reported to who waits for the data, not to who
    /// commits.
    fn wait_inode_data(&self, ino: Ino, bytes: Range<u64>) {
        let _ = (ino, bytes);
    }

    /// Whether data that can not be written aborts the journal.
    fn aborts_on_data_error(&self) -> bool {
        false
    }

    /// Transaction `tid` has committed, and these blocks, which it freed, may be used again.
    fn freed(&self, tid: Tid, blocks: &[Pblk]);
}

/// A buffer of a closed transaction.
#[derive(Debug)]
pub struct Captured {
    /// The buffer, which handles of the next transaction may be changing.
    pub buffer: Arc<Buffer>,
    /// Its content when the transaction was closed.
    pub image: Arc<Block>,
}

/// The committing transaction.
pub struct Commit<'j, D> {
    /// The log that it goes to.
    pub log: &'j Log<D>,
    hooks: &'j dyn CommitHooks,
    abort: &'j Abort,
    tid: Tid,
    captured: Vec<Captured>,
    revoked: Vec<Pblk>,
    freed: Vec<Pblk>,
    /// Inodes with ordered data.
    inodes: Vec<Arc<JournalInode>>,
    start: LogBlock,
    blocks: u32,
    range: LogRange,
    /// Log blocks submitted and not waited for yet.
    submitted: Vec<Ticket>,
}

/// Detaches the running transaction, so that a new one runs. `None` if it holds nothing.
///
/// # Locking
/// Requires: the commit mutex, and that the caller has no handle open.
/// Takes and drops: the transaction barrier, waiting until no handle is open.
pub(super) fn detach<'j, D: Device>(
    shared: &'j Shared,
    log: &'j Log<D>,
    hooks: &'j dyn CommitHooks,
) -> Option<Commit<'j, D>> {
    shared.barrier.close();
    shared.barrier.drain();
    let detached = shared.with(|running| {
        if running.transaction.is_empty() {
            return None;
        }
        let next = Transaction::new(running.transaction.tid.next());
        let closed = std::mem::replace(&mut running.transaction, next);
        let copies = closed.buffers.len() as u32;
        let blocks = log_space::blocks_needed(copies, closed.revoked.len() as u32);
        let start = running.space.head();
        Some((closed, start, blocks, running.space.reserve(blocks)))
    });
    let commit = detached.map(|(closed, start, blocks, range)| {
        let tid = closed.tid;
        assert_no_updates(&closed);
        let mut commit = Commit {
            log,
            hooks,
            abort: &shared.abort,
            tid,
            captured: Vec::new(),
            revoked: closed.revoked.into_iter().collect(),
            freed: closed.freed.into_iter().collect(),
            inodes: closed.inodes.into_values().collect(),
            start,
            blocks,
            range,
            submitted: Vec::new(),
        };
        commit.enter(TransactionState::Locked);
        commit.enter(TransactionState::Switch);
        commit.captured = closed.buffers.into_values().map(capture).collect();
        commit
    });
    shared.barrier.open();
    commit
}

/// A transaction is detached only when nobody can add to it any more.
fn assert_no_updates(closed: &Transaction) {
    if closed.updates != 0 {
        rt::finding(
            "I32",
            || "no open handle in a transaction that is being detached".into(),
            || {
                format!(
                    "{} open handles in transaction {}",
                    closed.updates, closed.tid
                )
            },
        );
    }
}

/// Takes a reference to a buffer's content. The next change of the buffer will copy it.
///
/// # Locking
/// Requires: the barrier closed and drained.
fn capture(buffer: Arc<Buffer>) -> Captured {
    let image = buffer.snapshot();
    Captured { buffer, image }
}

impl<D: Device> Commit<'_, D> {
    /// The transaction's number.
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// The first of its blocks in the log.
    pub(super) fn start(&self) -> LogBlock {
        self.start
    }

    /// How many blocks of the log it takes.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// The blocks that it revokes.
    pub(super) fn revoked(&self) -> &[Pblk] {
        &self.revoked
    }

    /// The contents that it logged, by home.
    pub(super) fn images(&self) -> impl Iterator<Item = (Pblk, Arc<Block>)> {
        let captured = self.captured.iter();
        captured.map(|captured| (captured.buffer.pblk(), Arc::clone(&captured.image)))
    }

    /// Says that it goes on to the next state.
    pub(super) fn enter(&self, state: TransactionState) {
        rt::step("commit", || {
            Args::new(&[arg("tid", self.tid.0), arg("state", state.name())])
        });
    }

    /// Starts to write the next block of the transaction.
    fn submit(&mut self, block: &Block) -> Result<(), DeviceError> {
        let at = self.range.take();
        self.submitted
            .push(self.log.submit(at, block, Durability::Volatile)?);
        Ok(())
    }
}

/// Writes a detached transaction to the log, up to and with its commit block.
///
/// # Errors
/// [`JournalError::Device`]; then the commit block may or may not be durable, and the journal must
/// be aborted. [`JournalError::Aborted`]: then it has not been written.
///
/// # Locking
/// Requires: the commit mutex.
pub(super) fn write<D: Device>(
    commit: &mut Commit<'_, D>,
    steps: &JournalSteps<D>,
) -> Result<(), JournalError> {
    let outcome = write_steps(commit, steps);
    // Whatever went wrong, nothing that was submitted stays in flight.
    outcome.and(wait_log(commit).map_err(JournalError::from))
}

fn write_steps<D: Device>(
    commit: &mut Commit<'_, D>,
    steps: &JournalSteps<D>,
) -> Result<(), JournalError> {
    commit.enter(TransactionState::Flush);
    (steps.submit_ordered_data)(commit)?;
    commit.enter(TransactionState::Commit);
    (steps.write_revoke_blocks)(commit)?;
    write_descriptors_and_metadata(commit, steps)?;
    (steps.wait_ordered_data)(commit)?;
    for inode in std::mem::take(&mut commit.inodes) {
        inode.refile();
    }
    (steps.wait_log)(commit)?;
    commit.enter(TransactionState::Dflush);
    (steps.preflush)(commit)?;
    commit.enter(TransactionState::Jflush);
    if (steps.is_aborted)(commit) {
        let reason = commit.abort.peek().unwrap_or_default();
        return Err(JournalError::Aborted { reason });
    }
    expect_i31(commit);
    Ok((steps.write_commit_block)(commit)?)
}

/// Whether the journal has been aborted while the transaction was being written: then no commit
/// block may follow. Looked at once, right before: an abort after that is an abort after this
/// commit.
///
/// # Source
/// linux v7.0 fs/jbd2/commit.c `journal_submit_commit_record`.
pub fn is_aborted<D: Device>(commit: &Commit<'_, D>) -> bool {
    let may_happen = may_abort(&*commit.log.device, commit.hooks);
    commit.abort.reason(may_happen).is_some()
}

/// Whether the journal may be aborted at any moment, by somebody who waits for nobody.
pub(super) fn may_abort<D: Device>(device: &D, hooks: &dyn CommitHooks) -> bool {
    !device.is_faultless() || hooks.aborts_on_data_error()
}

/// I31: no commit block is written once the journal is known to be aborted.
fn expect_i31<D: Device>(commit: &Commit<'_, D>) {
    if let Some(reason) = commit.abort.peek() {
        rt::finding(
            "I31",
            || "no commit block after the journal has been aborted".into(),
            || format!("transaction {} commits: {reason}", commit.tid),
        );
    }
}

/// What the log gets of a block: its content when the transaction was closed.
pub fn frozen_image(captured: &Captured) -> Arc<Block> {
    Arc::clone(&captured.image)
}

/// The block as the log must hold it, if it can not be logged as it is.
pub fn escape(image: &Block) -> Option<Block> {
    crate::journal::format::escape::escape(image)
}

/// Submits the revoke blocks.
///
/// # Errors
/// [`DeviceError`].
pub fn write_revoke_blocks<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    let revoked = std::mem::take(&mut commit.revoked);
    let outcome = revoked.chunks(RECORDS_MAX).try_for_each(|records| {
        let block = revoke_block::encode(commit.tid, records, commit.log.seed);
        commit.submit(&block)
    });
    commit.revoked = revoked;
    outcome
}

/// Submits every captured block, each run of them after its descriptor.
///
/// # Errors
/// [`DeviceError`].
fn write_descriptors_and_metadata<D: Device>(
    commit: &mut Commit<'_, D>,
    steps: &JournalSteps<D>,
) -> Result<(), DeviceError> {
    let captured = std::mem::take(&mut commit.captured);
    let outcome = captured
        .chunks(TAGS_MAX)
        .try_for_each(|run| write_run(commit, run, steps));
    commit.captured = captured;
    outcome
}

fn write_run<D: Device>(
    commit: &mut Commit<'_, D>,
    run: &[Captured],
    steps: &JournalSteps<D>,
) -> Result<(), DeviceError> {
    let log = commit.log;
    let mut tags = Vec::with_capacity(run.len());
    for captured in run {
        let image = (steps.frozen_image)(captured);
        let escaped = (steps.escape)(&image);
        let logged = escaped.as_ref().unwrap_or(&image);
        tags.push(Tag {
            home: captured.buffer.pblk(),
            escaped: escaped.is_some(),
            checksum: log.seed.logged_block(commit.tid, logged),
        });
    }
    commit.submit(&descriptor::encode(commit.tid, &tags, log.seed, &log.uuid))?;
    for captured in run {
        let image = (steps.frozen_image)(captured);
        let escaped = (steps.escape)(&image);
        commit.submit(escaped.as_ref().unwrap_or(&image))?;
    }
    Ok(())
}

/// Starts to write the ordered data that nobody has submitted.
///
/// # Errors
/// [`DeviceError`].
///
/// # Locking
/// Requires: the commit mutex. Takes, one inode at a time: `JI_COMMIT_RUNNING`, and under it
/// `j_list_lock` and what [`CommitHooks::submit_inode_data`] takes: folio locks, and no handle.
pub fn submit_ordered_data<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    for inode in &commit.inodes {
        let _running = inode.start_commit();
        if let Some(bytes) = inode.to_submit() {
            commit.hooks.submit_inode_data(inode.ino(), bytes)?;
        }
    }
    Ok(())
}

/// Waits until ordered data has completed.
///
/// # Errors
/// [`DeviceError`]. That data could not be written is none: the kernel warns about it only.
///
/// # Locking
/// As [`submit_ordered_data`], with [`CommitHooks::wait_inode_data`].
pub fn wait_ordered_data<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    for inode in &commit.inodes {
        let _running = inode.start_commit();
        if let Some(bytes) = inode.to_wait_for() {
            commit.hooks.wait_inode_data(inode.ino(), bytes);
        }
    }
    Ok(())
}

/// Waits until every log block that was submitted has completed.
///
/// # Errors
/// The first [`DeviceError`] among them.
pub fn wait_log<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    log::complete_all(&*commit.log.device, commit.submitted.drain(..))
}

/// Makes what has completed durable: the log blocks, and ordered data.
///
/// # Errors
/// [`DeviceError`].
pub fn preflush<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    commit.log.flush()
}

/// Writes the commit block and waits until it is durable.
///
/// The commit time is the transaction's number: the journal reads no clock.
///
/// # Errors
/// [`DeviceError`].
///
/// # Crash
/// From its submission on the transaction may have happened; from its completion on it has.
pub fn write_commit_block<D: Device>(commit: &mut Commit<'_, D>) -> Result<(), DeviceError> {
    let record = CommitRecord {
        tid: commit.tid,
        seconds: u64::from(commit.tid.0),
    };
    let at = commit.range.take();
    let block = record.encode(commit.log.seed);
    let ticket = commit.log.submit(at, &block, Durability::Fua)?;
    commit.log.device.complete(ticket)
}

/// Lets the blocks that the transaction freed be allocated again.
pub fn release_freed<D: Device>(commit: &mut Commit<'_, D>) {
    let freed = std::mem::take(&mut commit.freed);
    if !freed.is_empty() {
        commit.hooks.freed(commit.tid, &freed);
    }
}
