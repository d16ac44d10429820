//! Plays a history on one file and on a byte array, and compares the two.

use super::op::{Fault, Op};
use extfs_std::device::Device;
use extfs_std::direct::read::direct_read;
use extfs_std::direct::{Submitted, direct_write_async, direct_write_from};
use extfs_std::error::FsError;
use extfs_std::extent::Status;
use extfs_std::fallocate::{SizeMode, fallocate};
use extfs_std::fault::{load, reclaim, store};
use extfs_std::fs::Filesystem;
use extfs_std::inode::Inode;
use extfs_std::invariants::quiescent;
use extfs_std::mount::MountOptions;
use extfs_std::protocol::Protocol;
use extfs_std::punch_hole::punch_hole;
use extfs_std::units::{BLOCK_SIZE, Lblk};
use extfs_std::write::buffered_write_from;
use extfs_std::zero_range::zero_range;
use extfs_std::{directory, fsync, read, setattr, writeback};
use std::ops::Range;
use std::sync::Arc;

const NAME: &[u8] = b"file";
/// Every block of a file.
const ALL: Range<Lblk> = Lblk(0)..Lblk(u32::MAX);
/// More bytes than a file has.
const MANY: usize = 1 << 20;

/// A file system with one file, and what that must hold.
pub struct Player<D: Device> {
    device: Arc<D>,
    options: MountOptions,
    protocol: Protocol<D>,
    fs: Filesystem<D>,
    inode: Arc<Inode>,
    /// Whether there may be too little space for the file.
    is_tight: bool,
    /// The reference.
    model: Vec<u8>,
}

/// The bytes that operation number `index` writes at `offset`: none of them zero, and others than
/// those of other operations and places.
fn data(index: usize, offset: u64, len: usize) -> Vec<u8> {
    let byte = |at: u64| 1 + ((index as u64 * 41 + at + at / 1024 * 13) % 255) as u8;
    (offset..offset + len as u64).map(byte).collect()
}

fn words(what: &str, error: FsError) -> String {
    format!("{what} fails: {error}")
}

impl<D: Device> Player<D> {
    /// Mounts a device that holds an empty file system, and makes the file, for which there may be
    /// too little space.
    ///
    /// # Errors
    /// Why that fails.
    pub fn mount(
        device: Arc<D>,
        options: MountOptions,
        protocol: Protocol<D>,
        is_tight: bool,
    ) -> Result<Player<D>, String> {
        let (fs, _) = Filesystem::mount_with_protocol(device.clone(), options, protocol)
            .map_err(|e| e.to_string())?;
        let inode = directory::create(&fs, NAME).map_err(|e| words("creating", e))?;
        let model = Vec::new();
        Ok(Player {
            device,
            options,
            protocol,
            fs,
            inode,
            is_tight,
            model,
        })
    }

    /// Plays operation number `index` on both, and compares.
    ///
    /// # Errors
    /// What differs, or an error that the operation may not have.
    pub fn play(&mut self, index: usize, op: &Op) -> Result<(), String> {
        if op.mixes_badly() {
            while self.fs.step_direct_io() {}
        }
        self.step(index, op)
            .and_then(|()| self.check_state())
            .map_err(|why| format!("operation {index}, {op:?}: {why}"))
    }

    fn step(&mut self, index: usize, op: &Op) -> Result<(), String> {
        let (fs, inode) = (&self.fs, &self.inode);
        let mode = |keep| match keep {
            true => SizeMode::Keep,
            false => SizeMode::Extend,
        };
        let outcome = match *op {
            Op::Write { offset, len, fault } => {
                let bytes = data(index, offset, len);
                let written = buffered_write_from(fs, inode, offset, &fault.buffer(&bytes));
                return self.after_write(offset, &bytes, fault, written);
            }
            Op::Direct { offset, len, fault } => {
                let bytes = data(index, offset, len);
                let written = direct_write_from(fs, inode, offset, &fault.buffer(&bytes));
                return self.after_write(offset, &bytes, fault, written);
            }
            Op::Async { offset, len } => return self.write_async(index, offset, len),
            Op::Store { offset, len } => return self.store(index, offset, len),
            Op::Load { offset, len } => return self.load(offset, len),
            Op::Read { offset, len } => return self.compare("read", offset, len),
            Op::DirectRead { offset, len } => return self.compare("direct read", offset, len),
            Op::Remount | Op::RemountDirty => return self.remount(op),
            Op::SetSize { size } => setattr::set_size(fs, inode, size),
            Op::Punch { offset, len } => punch_hole(fs, inode, offset, len),
            Op::ZeroRange { offset, len, keep } => zero_range(fs, inode, offset, len, mode(keep)),
            Op::Fallocate { offset, len, keep } => fallocate(fs, inode, offset, len, mode(keep)),
            Op::Fsync => fsync::fsync(fs, inode),
            Op::Writeback { wait } => writeback::writepages(fs, inode, ALL, wait),
            Op::Commit => fs.journal().commit_once().map(drop).map_err(FsError::from),
            Op::Reclaim => {
                reclaim(inode, ALL);
                Ok(())
            }
            Op::StepIo => {
                fs.step_io();
                Ok(())
            }
            Op::StepDirect => {
                fs.step_direct_io();
                Ok(())
            }
        };
        match outcome {
            Ok(()) => {
                self.apply(op);
                Ok(())
            }
            // What could not be allocated leaves sizes and contents as they were.
            Err(FsError::NoSpace) if matches!(op, Op::ZeroRange { .. } | Op::Fallocate { .. }) => {
                Ok(())
            }
            Err(error) => Err(words("it", error)),
        }
    }

    /// What an operation without data does to the reference.
    fn apply(&mut self, op: &Op) {
        let model = &mut self.model;
        let reach = |model: &mut Vec<u8>, end: u64| {
            model.resize(model.len().max(end as usize), 0);
        };
        match *op {
            Op::SetSize { size } => model.resize(size as usize, 0),
            Op::Fallocate {
                offset,
                len,
                keep: false,
            } if len > 0 => reach(model, offset + len),
            Op::ZeroRange { offset, len, keep } => {
                if !keep && len > 0 {
                    reach(model, offset + len);
                }
                zero(model, offset, len);
            }
            Op::Punch { offset, len } => zero(model, offset, len),
            _ => {}
        }
    }

    fn put(&mut self, offset: u64, bytes: &[u8]) {
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if !bytes.is_empty() {
            self.model.resize(self.model.len().max(end), 0);
            self.model[start..end].copy_from_slice(bytes);
        }
    }

    /// Takes note of what a write says that it has written.
    fn after_write(
        &mut self,
        offset: u64,
        bytes: &[u8],
        fault: Fault,
        written: Result<usize, FsError>,
    ) -> Result<(), String> {
        let readable = fault.readable(bytes.len());
        match written {
            Ok(written) if written == readable => {
                self.put(offset, &bytes[..written]);
                Ok(())
            }
            // Out of space before the end.
            Ok(written) if written < readable => {
                self.put(offset, &bytes[..written]);
                Ok(())
            }
            Err(FsError::BadAddress) if readable == 0 => Ok(()),
            Err(FsError::NoSpace) => self.accept_part(offset, bytes),
            outcome => Err(format!(
                "answers {outcome:?}; {readable} bytes are readable"
            )),
        }
    }

    /// A direct write that ran out of space may have overwritten some of what there was.
    fn accept_part(&mut self, offset: u64, bytes: &[u8]) -> Result<(), String> {
        while self.fs.step_direct_io() {}
        let found = self.content()?;
        if found.len() != self.model.len() {
            return Err("a write without space changes the size".into());
        }
        for (at, (byte, old)) in found.iter().zip(&self.model).enumerate() {
            let new = (at as u64).checked_sub(offset);
            let new = new.and_then(|at| bytes.get(at as usize));
            if byte != old && Some(byte) != new {
                return Err(format!("after a write without space, byte {at} is {byte}"));
            }
        }
        self.model = found;
        Ok(())
    }

    fn write_async(&mut self, index: usize, offset: u64, len: usize) -> Result<(), String> {
        let bytes = data(index, offset, len);
        let user = Fault::None.buffer(&bytes);
        match direct_write_async(&self.fs, &self.inode, offset, &user) {
            // Where it may run out of space, which is told at its end, it is waited for.
            Ok(Submitted::Queued(write)) if self.is_tight => {
                let written = self.fs.wait_direct_io(&write);
                self.after_write(offset, &bytes, Fault::None, written)
            }
            Ok(Submitted::Queued(_)) => {
                self.put(offset, &bytes);
                Ok(())
            }
            Ok(Submitted::Done(written)) => {
                self.after_write(offset, &bytes, Fault::None, Ok(written))
            }
            Err(error) => self.after_write(offset, &bytes, Fault::None, Err(error)),
        }
    }

    /// The first byte at or after `offset` that lies in a page beyond the end.
    fn first_unmapped(&self) -> u64 {
        let page = u64::from(self.options.blocks_per_folio) * BLOCK_SIZE as u64;
        (self.model.len() as u64).next_multiple_of(page)
    }

    fn store(&mut self, index: usize, offset: u64, len: usize) -> Result<(), String> {
        let bytes = data(index, offset, len);
        let end = (offset + len as u64).min(self.first_unmapped()).max(offset);
        let outcome = store(&self.fs, &self.inode, offset, &bytes);
        let inside = (self.model.len() as u64).clamp(offset, end) - offset;
        let all = end == offset + len as u64;
        match outcome {
            Ok(()) if all => {}
            Err(FsError::BeyondEnd) if !all => {}
            Err(FsError::NoSpace) => {
                let before = self.model.clone();
                return self
                    .accept_part(offset, &bytes[..inside as usize])
                    .map_err(|why| format!("{why}, of {} bytes", before.len()));
            }
            outcome => return Err(format!("answers {outcome:?}")),
        }
        self.put(offset, &bytes[..inside as usize]);
        Ok(())
    }

    fn load(&self, offset: u64, len: usize) -> Result<(), String> {
        let is_mapped = len == 0 || offset + len as u64 <= self.first_unmapped();
        match load(&self.fs, &self.inode, offset, len) {
            Ok(bytes) if is_mapped => {
                let start = self.model.len().min(offset as usize);
                let expected = &self.model[start..self.model.len().min(start + len)];
                // Beyond the end there may be anything.
                same("load", start, expected, &bytes[..expected.len()])
            }
            Err(FsError::BeyondEnd) if !is_mapped => Ok(()),
            outcome => Err(format!("answers {:?}", outcome.map(|bytes| bytes.len()))),
        }
    }

    fn compare(&self, how: &str, offset: u64, len: usize) -> Result<(), String> {
        let found = match how {
            "read" => read::read(&self.fs, &self.inode, offset, len),
            _ => direct_read(&self.fs, &self.inode, offset, len),
        };
        let found = found.map_err(|error| words(how, error))?;
        let start = self.model.len().min(offset as usize);
        let expected = &self.model[start..self.model.len().min(start + len)];
        same(how, start, expected, &found)
    }

    fn content(&self) -> Result<Vec<u8>, String> {
        read::read(&self.fs, &self.inode, 0, MANY).map_err(|error| words("reading", error))
    }

    fn remount(&mut self, op: &Op) -> Result<(), String> {
        let outcome = match op {
            Op::Remount => self.fs.unmount(),
            _ => self.fs.sync(),
        };
        outcome.map_err(|error| words("leaving", error))?;
        let (fs, _) =
            Filesystem::mount_with_protocol(self.device.clone(), self.options, self.protocol)
                .map_err(|error| format!("mounting again fails: {error}"))?;
        self.inode = directory::lookup(&fs, NAME).map_err(|error| words("finding it", error))?;
        self.fs = fs;
        Ok(())
    }

    fn check_state(&self) -> Result<(), String> {
        let size = self.inode.size.get();
        if size != self.model.len() as u64 {
            return Err(format!("{} bytes expected, {size} found", self.model.len()));
        }
        let violations = quiescent::violations(&self.fs);
        let violations = violations.map_err(|error| words("reading an inode", error))?;
        if let Some(first) = violations.first() {
            return Err(format!(
                "{}: expected {}, observed {}",
                first.invariant, first.expected, first.observed
            ));
        }
        match self.inode.dio_count.peek() {
            0 => self.check_cache(),
            _ => Ok(()),
        }
    }

    /// I37: a clean block of the cache holds what the disk holds.
    fn check_cache(&self) -> Result<(), String> {
        let size = self.inode.size.get();
        for folio in self.inode.cache.peek() {
            if folio.peek_writeback() {
                continue;
            }
            let guard = folio.lock();
            for block in folio.range().start.0..folio.range().end.0 {
                let lblk = Lblk(block);
                if lblk.offset() >= size || guard.is_dirty(lblk) || !guard.is_uptodate(lblk) {
                    continue;
                }
                let mapping = self.inode.query(lblk).0;
                let on_disk = read::read_block(&self.fs, mapping, lblk)
                    .map_err(|error| words("reading the disk", error))?;
                let inside = BLOCK_SIZE.min((size - lblk.offset()) as usize);
                if guard.block(lblk)[..inside] != on_disk[..inside] {
                    let status = mapping.status_at(lblk).unwrap_or(Status::Hole);
                    return Err(format!("I37: clean block {block}, {status:?}, is stale"));
                }
            }
        }
        Ok(())
    }

    /// Ends a history: compares everything, before and after a remount.
    ///
    /// # Errors
    /// The first difference.
    pub fn finish(mut self) -> Result<(), String> {
        while self.fs.step_direct_io() {}
        self.check_state()?;
        self.compare("read", 0, MANY)?;
        self.remount(&Op::Remount)?;
        self.compare("direct read", 0, MANY)?;
        self.compare("read", 0, MANY)?;
        self.fs
            .unmount()
            .map_err(|error| words("unmounting", error))
    }
}

fn same(how: &str, start: usize, expected: &[u8], found: &[u8]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let equal = expected
        .iter()
        .zip(found)
        .take_while(|(a, b)| a == b)
        .count();
    Err(format!(
        "{how} at byte {}: {:?} expected, {:?} found",
        start + equal,
        expected.get(equal),
        found.get(equal)
    ))
}

fn zero(file: &mut [u8], offset: u64, len: u64) {
    let start = file.len().min(offset as usize);
    let end = file.len().min((offset + len) as usize);
    file[start..end].fill(0);
}
