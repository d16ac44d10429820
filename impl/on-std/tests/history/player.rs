//! Plays a history on a mounted file system and on the reference, and compares the two.

use super::model::{self, File, Model};
use super::op::{FILES, Op};
use extfs_std::design::Design;
use extfs_std::device::Device;
use extfs_std::direct::{self, AsyncWrite, Submitted};
use extfs_std::error::FsError;
use extfs_std::fallocate::{self, SizeMode};
use extfs_std::fs::Filesystem;
use extfs_std::fsync::Sync;
use extfs_std::inode::Inode;
use extfs_std::invariants::quiescent;
use extfs_std::mount::MountOptions;
use extfs_std::protocol::Protocol;
use extfs_std::units::{BLOCK_SIZE, Lblk};
use extfs_std::user::UserBuffer;
use extfs_std::{
    directory, evict, fault, fsync, punch_hole, read, setattr, truncate, unlink, write, writeback,
    zero_range,
};
use std::ops::Range;
use std::sync::Arc;

/// Every block of a file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);

/// A file system and what it must hold.
pub struct Player<D: Device> {
    device: Arc<D>,
    options: MountOptions,
    protocol: Protocol<D>,
    fs: Filesystem<D>,
    open: [Option<Arc<Inode>>; FILES],
    /// The reference.
    pub model: Model,
    /// The direct write that nobody has waited for, if there is one.
    queued: Option<Queued>,
    /// Whether every remount changes the design: then what one has left, the other finds.
    pub alternates: bool,
    /// Whether files are made without extents. Then what takes extents is refused.
    pub is_block_mapped: bool,
}

/// A direct write on its way. The reference holds its bytes already.
struct Queued {
    write: Arc<AsyncWrite>,
    file: usize,
    before: Option<File>,
    offset: u64,
    bytes: Vec<u8>,
}

/// The other design.
pub fn other(design: Design) -> Design {
    match design {
        Design::Im => Design::Bh,
        Design::Bh => Design::Im,
    }
}

/// The name of a file.
pub fn name(file: usize) -> Vec<u8> {
    format!("file {file}").into_bytes()
}

impl<D: Device> Player<D> {
    /// Mounts a device that holds what `model` says, and opens its files.
    ///
    /// # Errors
    /// Why it does not mount, or that other files are there.
    pub fn mount(
        device: Arc<D>,
        options: MountOptions,
        protocol: Protocol<D>,
        model: Model,
    ) -> Result<Player<D>, String> {
        let (fs, _) = Filesystem::mount_with_protocol(device.clone(), options, protocol)
            .map_err(|e| e.to_string())?;
        let open = Default::default();
        let mut player = Player {
            device,
            options,
            protocol,
            fs,
            open,
            model,
            queued: None,
            alternates: false,
            is_block_mapped: false,
        };
        player.open_files()?;
        Ok(player)
    }

    /// Plays operation number `index` on both, and compares sizes and invariants.
    ///
    /// # Errors
    /// What differs, or an error that the operation may not have.
    pub fn play(&mut self, index: usize, op: &Op) -> Result<(), String> {
        self.step(index, op)
            .and_then(|()| self.check_sizes())
            .and_then(|()| self.check_invariants())
            .map_err(|why| format!("operation {index}, {op:?}: {why}"))
    }

    fn step(&mut self, index: usize, op: &Op) -> Result<(), String> {
        if !op.goes_beside_direct() {
            self.end_queued()?;
        }
        let outcome = match *op {
            Op::Create { file } => return self.create(index, op, file),
            Op::Unlink { file } if !self.model.is_linked(file) => return Ok(()),
            Op::Unlink { file } => unlink::unlink(&self.fs, &name(file)),
            Op::Close { file } => return self.close(index, op, file),
            Op::Write { file, offset, len }
            | Op::SyncWrite { file, offset, len }
            | Op::Direct {
                file, offset, len, ..
            } => {
                return self.write(index, op, file, (offset, len));
            }
            Op::Store { file, offset, len } => {
                let len = self.mapped(file, offset, len);
                return self.write(index, op, file, (offset, len));
            }
            Op::Read { file, offset, len } => return self.check_content(file, offset, len),
            Op::Commit => self
                .fs
                .journal()
                .commit_once()
                .map(drop)
                .map_err(FsError::from),
            Op::Checkpoint => self.fs.journal().checkpoint_all().map_err(FsError::from),
            Op::StepIo => {
                self.fs.step_io();
                Ok(())
            }
            Op::Remount | Op::RemountDirty => return self.remount(index, op),
            _ => match op.file().and_then(|file| self.open[file].clone()) {
                Some(inode) => self.step_file(&inode, op),
                None => return Ok(()),
            },
        };
        match outcome {
            Ok(()) => self.model.apply(index, op),
            // What could not be allocated leaves sizes and contents as they were.
            Err(FsError::NoSpace) if op.allocates() => {}
            Err(FsError::NeedsExtents) if op.allocates() && self.is_block_mapped => {}
            Err(error) => return Err(format!("fails: {error}")),
        }
        Ok(())
    }

    /// The operations on one file of which the outcome says everything.
    fn step_file(&self, inode: &Arc<Inode>, op: &Op) -> Result<(), FsError> {
        let mode = |keep| {
            if keep {
                SizeMode::Keep
            } else {
                SizeMode::Extend
            }
        };
        match *op {
            Op::Truncate { size, .. } => truncate::truncate_down(&self.fs, inode, size),
            Op::Extend { size, .. } => setattr::truncate_up(&self.fs, inode, size),
            Op::Punch { offset, len, .. } => punch_hole::punch_hole(&self.fs, inode, offset, len),
            Op::ZeroRange {
                offset, len, keep, ..
            } => zero_range::zero_range(&self.fs, inode, offset, len, mode(keep)),
            Op::Fallocate {
                offset, len, keep, ..
            } => fallocate::fallocate(&self.fs, inode, offset, len, mode(keep)),
            Op::Fsync { .. } => fsync::fsync(&self.fs, inode),
            Op::Writeback { wait, .. } => writeback::writepages(&self.fs, inode, ALL, wait),
            Op::Reclaim { .. } => {
                fault::reclaim(inode, ALL);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn remount(&mut self, index: usize, op: &Op) -> Result<(), String> {
        let outcome = match op {
            Op::Remount => self.fs.unmount(),
            _ => self.fs.sync(),
        };
        outcome.map_err(|error| format!("fails: {error}"))?;
        self.model.apply(index, op);
        self.mount_again()
    }

    fn close(&mut self, index: usize, op: &Op, file: usize) -> Result<(), String> {
        let Some(inode) = self.open[file].take() else {
            return Ok(());
        };
        let failed = |error: FsError| format!("closing fails: {error}");
        evict::iput(&self.fs, &inode).map_err(failed)?;
        self.model.apply(index, op);
        if self.model.is_linked(file) {
            self.open[file] = Some(directory::lookup(&self.fs, &name(file)).map_err(failed)?);
        }
        Ok(())
    }

    fn create(&mut self, index: usize, op: &Op, file: usize) -> Result<(), String> {
        let exists = self.model.is_linked(file);
        if !exists {
            // An unlinked file of that number makes room for the new one.
            self.close(index, &Op::Close { file }, file)?;
        }
        let created = match self.is_block_mapped {
            true => directory::create_block_mapped(&self.fs, &name(file)),
            false => directory::create(&self.fs, &name(file)),
        };
        match created {
            Ok(inode) if !exists => {
                self.open[file] = Some(inode);
                self.model.apply(index, op);
                Ok(())
            }
            Err(FsError::Exists) if exists => Ok(()),
            Err(FsError::NoSpace) if !exists => Ok(()),
            outcome => Err(format!("answers {:?}", outcome.map(|inode| inode.ino))),
        }
    }

    fn write(
        &mut self,
        index: usize,
        op: &Op,
        file: usize,
        (offset, len): (u64, usize),
    ) -> Result<(), String> {
        let Some(inode) = &self.open[file].clone() else {
            return Ok(());
        };
        let bytes = model::data(index, offset, len);
        let outcome = match *op {
            Op::SyncWrite { .. } => write::synchronous_write(&self.fs, inode, offset, &bytes),
            Op::Direct { sync, queued, .. } => {
                let sync = sync.then_some(Sync::Data);
                self.direct(inode, (file, offset), &bytes, sync, queued)
            }
            Op::Store { .. } => fault::store(&self.fs, inode, offset, &bytes),
            _ => write::buffered_write(&self.fs, inode, offset, &bytes),
        };
        match outcome {
            Ok(()) => {
                self.model.apply(index, op);
                Ok(())
            }
            Err(FsError::NoSpace) => {
                let size = self.model.content(file).map_or(0, <[u8]>::len);
                let inside = size.saturating_sub(offset as usize).min(len);
                match op {
                    // What is stored beyond the end is no part of the file.
                    Op::Store { .. } => self.accept_short_write(file, offset, &bytes[..inside]),
                    Op::Direct { .. } => self
                        .accept_short_write(file, offset, &bytes)
                        .or_else(|_| self.accept_parts(file, offset, &bytes[..inside])),
                    _ => self.accept_short_write(file, offset, &bytes),
                }
            }
            Err(error) => Err(format!("fails: {error}")),
        }
    }

    /// Writes directly. Where it is not whole there was no space for the rest.
    fn direct(
        &mut self,
        inode: &Arc<Inode>,
        (file, offset): (usize, u64),
        bytes: &[u8],
        sync: Option<Sync>,
        queued: bool,
    ) -> Result<(), FsError> {
        let (fs, user) = (&self.fs, UserBuffer::new(bytes));
        let submitted = match (sync, queued) {
            (None, false) => Submitted::Done(direct::direct_write_from(fs, inode, offset, &user)?),
            (Some(sync), false) => {
                Submitted::Done(direct::direct_write_sync(fs, inode, offset, &user, sync)?)
            }
            (None, true) => direct::direct_write_async(fs, inode, offset, &user)?,
            (Some(sync), true) => direct::direct_write_sync_async(fs, inode, offset, &user, sync)?,
        };
        match submitted {
            Submitted::Done(written) if written < bytes.len() => return Err(FsError::NoSpace),
            Submitted::Done(_) => {}
            Submitted::Queued(write) => {
                self.queued = Some(Queued {
                    write,
                    file,
                    before: self.model.files[file].clone(),
                    offset,
                    bytes: bytes.to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Ends the direct write that nobody has waited for.
    fn end_queued(&mut self) -> Result<(), String> {
        let Some(queued) = self.queued.take() else {
            return Ok(());
        };
        match self.fs.wait_direct_io(&queued.write) {
            Ok(written) if written == queued.bytes.len() => Ok(()),
            // Nothing has changed the file since.
            Ok(_) | Err(FsError::NoSpace) => {
                self.model.files[queued.file] = queued.before;
                let size = self.model.content(queued.file).map_or(0, <[u8]>::len);
                let inside = size.saturating_sub(queued.offset as usize);
                let inside = &queued.bytes[..inside.min(queued.bytes.len())];
                self.accept_parts(queued.file, queued.offset, inside)
            }
            Err(error) => Err(format!("a direct write fails: {error}")),
        }
    }

    /// How much of a store lies in pages of which a part belongs to the file.
    fn mapped(&self, file: usize, offset: u64, len: usize) -> usize {
        let size = self.model.content(file).map_or(0, <[u8]>::len);
        let page = self.options.blocks_per_folio as usize * BLOCK_SIZE;
        let end = size.next_multiple_of(page);
        end.saturating_sub(offset as usize).min(len)
    }

    /// A write that ran out of space has written some of its first blocks, and nothing else.
    fn accept_short_write(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let found = self.content(file)?;
        let first = BLOCK_SIZE - offset as usize % BLOCK_SIZE;
        let ends = (first..bytes.len()).step_by(BLOCK_SIZE);
        let ends = [0].into_iter().chain(ends);
        for end in ends {
            let mut expected = self.model.files[file].clone().unwrap_or_default();
            model::write(&mut expected.bytes, offset, &bytes[..end]);
            if expected.bytes == found {
                self.model.files[file] = Some(expected);
                return Ok(());
            }
        }
        Err("after a write without space the file holds neither the old nor a part of it".into())
    }

    /// A direct write that ran out of space may leave, inside the file, what had been submitted and
    /// was there to be overwritten: block by block, either.
    fn accept_parts(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let found = self.content(file)?;
        let old = self.model.files[file].clone().unwrap_or_default();
        let mut new = old.clone();
        model::write(&mut new.bytes, offset, bytes);
        let parts = |file: &[u8]| {
            file.chunks(BLOCK_SIZE)
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        };
        let (old_parts, new_parts) = (parts(&old.bytes), parts(&new.bytes));
        let mut both = old_parts.iter().zip(&new_parts).zip(parts(&found));
        let is_either = both.all(|((old, new), found)| found == *old || found == *new);
        if found.len() != old.bytes.len() || !is_either {
            return Err("a direct write without space has left what is neither old nor new".into());
        }
        let bytes = found;
        self.model.files[file] = Some(File { bytes, ..old });
        Ok(())
    }

    fn mount_again(&mut self) -> Result<(), String> {
        self.open = Default::default();
        if self.alternates {
            self.options.design = other(self.options.design);
        }
        let (fs, _) =
            Filesystem::mount_with_protocol(self.device.clone(), self.options, self.protocol)
                .map_err(|error| format!("mounting again fails: {error}"))?;
        self.fs = fs;
        self.open_files()
    }

    fn open_files(&mut self) -> Result<(), String> {
        for file in 0..FILES {
            self.open[file] = match directory::lookup(&self.fs, &name(file)) {
                Ok(inode) => Some(inode),
                Err(FsError::NotFound) => None,
                Err(error) => return Err(format!("looking file {file} up fails: {error}")),
            };
            if self.open[file].is_some() != self.model.files[file].is_some() {
                return Err(format!("file {file} should exist, or should not"));
            }
        }
        Ok(())
    }

    fn content(&self, file: usize) -> Result<Vec<u8>, String> {
        let Some(inode) = &self.open[file] else {
            return Ok(Vec::new());
        };
        read::read(&self.fs, inode, 0, 1 << 20).map_err(|error| format!("reading fails: {error}"))
    }

    fn check_sizes(&self) -> Result<(), String> {
        for file in 0..FILES {
            let expected = self.model.content(file).map(|bytes| bytes.len() as u64);
            let found = self.open[file].as_ref().map(|inode| inode.size.get());
            if expected != found {
                return Err(format!(
                    "file {file}: {expected:?} bytes expected, {found:?} found"
                ));
            }
        }
        Ok(())
    }

    fn check_invariants(&self) -> Result<(), String> {
        let violations = quiescent::violations(&self.fs);
        let violations = violations.map_err(|error| format!("an inode is unreadable: {error}"))?;
        match violations.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{}: expected {}, observed {}",
                first.invariant, first.expected, first.observed
            )),
        }
    }

    fn check_content(&self, file: usize, offset: u64, len: usize) -> Result<(), String> {
        let (Some(inode), Some(expected)) = (&self.open[file], self.model.content(file)) else {
            return Ok(());
        };
        let found = read::read(&self.fs, inode, offset, len)
            .map_err(|error| format!("reading fails: {error}"))?;
        let start = expected.len().min(offset as usize);
        let end = expected.len().min(start + len);
        if found == expected[start..end] {
            return Ok(());
        }
        let same = found
            .iter()
            .zip(&expected[start..end])
            .take_while(|(a, b)| a == b);
        let at = same.count();
        Err(format!(
            "file {file} at byte {}: {:?} expected, {:?} found",
            start + at,
            expected[start..end].get(at),
            found.get(at)
        ))
    }

    /// Compares every byte of every file.
    ///
    /// # Errors
    /// The first difference.
    pub fn check_contents(&self) -> Result<(), String> {
        (0..FILES).try_for_each(|file| self.check_content(file, 0, 1 << 20))
    }

    /// Ends a history: compares everything, and unmounts.
    ///
    /// # Errors
    /// The first difference, or why it does not unmount.
    pub fn finish(mut self) -> Result<(), String> {
        self.end_queued()?;
        self.check_contents()?;
        self.check_invariants()?;
        self.fs
            .unmount()
            .map_err(|error| format!("unmounting fails: {error}"))?;
        self.model.apply(usize::MAX, &Op::Remount);
        let again = Player::mount(self.device, self.options, self.protocol, self.model)?;
        again.check_contents()?;
        again
            .fs
            .unmount()
            .map_err(|error| format!("unmounting again fails: {error}"))
    }
}
