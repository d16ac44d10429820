//! Recovery of what a power cut has left, by the std build of the core under the same protocol
//! variant, and judgement of the result.

use super::extfs::design::Design;
use super::extfs::device::{Device, DeviceError, Durability, Ticket};
use super::extfs::directory;
use super::extfs::disk::geometry::FIRST_INO;
use super::extfs::error::FsError;
use super::extfs::extent::Status;
use super::extfs::fs::Filesystem;
use super::extfs::inode::Inode;
use super::extfs::invariants::quiescent;
use super::extfs::mount::{MountOptions, MountReport};
use super::extfs::protocol::Protocol;
use super::extfs::units::{BLOCK_SIZE, Block, Lblk, Pblk};
use super::variants;
use crate::conformance::{self, Kind};
use crate::content::{self, FILE_NAME, Found, PART_SIZE};
use crate::contract::{Contract, OtherFile};
use crate::e2fsck::{Condition, E2fsck, Judged};
use crate::oracle::{self, Promise};
use crate::request;
use cutpoint::crash::{CrashFinding, LazyDisk, Observations};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// What a recovery came to, and why e2fsck said nothing about it, if it did not.
pub type Recovery = Result<(Observations, Option<String>), CrashFinding>;

/// Recovers a disk and judges it by a contract and promises.
pub type Judge = Rc<dyn Fn(&LazyDisk, &Contract, &[Promise], &E2fsck) -> Recovery>;

/// The judge that recovers as the execution went: in its design, and by the protocol of its variant
/// or the correct one. `None` if there is no such variant.
pub fn judge(variant: Option<&str>, design: request::Design) -> Option<Judge> {
    let protocol = variants::protocol(variant)?;
    let design = match design {
        request::Design::Im => Design::Im,
        request::Design::Bh => Design::Bh,
    };
    Some(Rc::new(move |disk, contract, promises, e2fsck| {
        let (fs, report) = recover(disk, design, protocol)?;
        judge_recovered(&fs, &report, disk, contract, promises, e2fsck)
    }))
}

/// As [`judge`], by nothing but what the model may recover.
pub fn judge_by_model(variant: Option<&str>, design: request::Design) -> Option<Judge> {
    let protocol = variants::protocol(variant)?;
    let design = match design {
        request::Design::Im => Design::Im,
        request::Design::Bh => Design::Bh,
    };
    Some(Rc::new(move |disk, _, promises, _| {
        let (fs, report) = mount(disk, design, protocol)?;
        let file = directory::lookup(&fs, FILE_NAME).map_err(|error| unreadable(&error))?;
        oracle::judge_by_model(in_model(&file), promises)?;
        Ok((observe(&report), None))
    }))
}

/// A file, as far as the model knows it.
fn in_model(file: &Inode) -> conformance::Recovered {
    let kind = |lblk: usize| {
        let lblk = Lblk(lblk as u32);
        match file.query(lblk).0.status_at(lblk) {
            Some(Status::Written(_)) => Kind::Written,
            Some(Status::Unwritten(_)) => Kind::Unwritten,
            _ => Kind::Hole,
        }
    };
    conformance::Recovered {
        size: file.size.get(),
        kinds: std::array::from_fn(kind),
    }
}

/// Judges a mounted file system by the file's size and content, by the model, and by e2fsck's
/// opinion. Says why, if e2fsck had none.
fn judge_recovered(
    fs: &Recovered,
    report: &MountReport,
    disk: &LazyDisk,
    contract: &Contract,
    promises: &[Promise],
    e2fsck: &E2fsck,
) -> Recovery {
    let file = match directory::lookup(fs, FILE_NAME) {
        Ok(file) => Some(file),
        Err(FsError::NotFound) => None,
        Err(error) => return Err(unreadable(&error)),
    };
    oracle::judge_presence(file.is_some(), promises)?;
    if let Some(file) = file {
        judge_content(disk, &file, contract, promises)?;
        oracle::judge_by_model(in_model(&file), promises)?;
    }
    for other in contract.others {
        judge_other(fs, disk, other)?;
    }
    let unjudged = leave(fs, disk, e2fsck)?;
    Ok((observe(report), unjudged))
}

/// The crash engine's disk as a device of the core.
#[derive(Debug)]
pub struct LazyDevice(LazyDisk);

impl Device for LazyDevice {
    fn blocks(&self) -> u64 {
        self.0.blocks()
    }

    fn read(&self, block: Pblk, into: &mut Block) -> Result<(), DeviceError> {
        let data = self.0.read(block.0).map_err(|_| self.beyond_end(block))?;
        into.copy_from_slice(&data);
        Ok(())
    }

    fn submit(
        &self,
        block: Pblk,
        data: &Block,
        durability: Durability,
    ) -> Result<Ticket, DeviceError> {
        let fua = durability == Durability::Fua;
        self.0
            .submit(block.0, data, fua)
            .map(Ticket)
            .map_err(|_| self.beyond_end(block))
    }

    fn complete(&self, ticket: Ticket) -> Result<(), DeviceError> {
        self.0.complete(ticket.0);
        Ok(())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.0.flush();
        Ok(())
    }
}

impl LazyDevice {
    fn beyond_end(&self, block: Pblk) -> DeviceError {
        DeviceError::BeyondEnd {
            block,
            blocks: self.0.blocks(),
        }
    }
}

/// A recovered file system.
pub type Recovered = Filesystem<LazyDevice>;

/// Mounts the disk.
///
/// # Errors
/// It does not mount.
fn mount(
    disk: &LazyDisk,
    design: Design,
    protocol: Protocol<LazyDevice>,
) -> Result<(Recovered, MountReport), CrashFinding> {
    let options = MountOptions {
        design,
        blocks_per_folio: 1,
        ..MountOptions::default()
    };
    let device = Arc::new(LazyDevice(disk.clone()));
    let mounted = Filesystem::mount_with_protocol(device, options, protocol);
    let mounted = mounted.map_err(|error| CrashFinding {
        invariant: "mount",
        expected: "the image mounts after any power cut".into(),
        observed: error.to_string(),
    })?;
    disk.seal();
    Ok(mounted)
}

/// Mounts the disk, and judges what needs no knowledge of what was written to it: that it mounts,
/// the core's invariants, and where the files' extents end.
///
/// # Errors
/// The first thing that is wrong.
pub fn recover(
    disk: &LazyDisk,
    design: Design,
    protocol: Protocol<LazyDevice>,
) -> Result<(Recovered, MountReport), CrashFinding> {
    let (fs, report) = mount(disk, design, protocol)?;
    let violations = quiescent::violations(&fs).map_err(|error| unreadable(&error))?;
    if let Some(first) = violations.into_iter().next() {
        let (invariant, expected, observed) = (first.invariant, first.expected, first.observed);
        return Err(CrashFinding {
            invariant,
            expected,
            observed,
        });
    }
    judge_orphans(&fs)?;
    judge_sizes(&fs)?;
    Ok((fs, report))
}

/// Unmounts what [`recover`] has mounted, and asks e2fsck. Says why, if e2fsck could not answer.
///
/// # Errors
/// It does not unmount, or e2fsck finds something wrong.
pub fn leave(
    fs: &Recovered,
    disk: &LazyDisk,
    e2fsck: &E2fsck,
) -> Result<Option<String>, CrashFinding> {
    fs.unmount().map_err(|error| unreadable(&error))?;
    ask_e2fsck(disk, e2fsck)
}

/// What a recovery did, by name.
pub fn observe(report: &MountReport) -> Observations {
    let mut observations = Observations::default();
    if report
        .recovered
        .as_ref()
        .is_some_and(|recovered| recovered.transactions > 0)
    {
        observations.saw("journal replayed");
    }
    if report.orphans_truncated > 0 {
        observations.saw("orphan cleaned up");
    }
    if report.orphans_deleted > 0 {
        observations.saw("orphan deleted");
    }
    observations
}

/// The finding that a recovered file system can not be used.
pub fn unreadable(error: &FsError) -> CrashFinding {
    CrashFinding {
        invariant: "I29",
        expected: "the recovered file system can be read and unmounted".into(),
        observed: error.to_string(),
    }
}

/// I18: recovery has dealt with every orphan: none is on the list, and no inode without a name is
/// in use.
fn judge_orphans(fs: &Recovered) -> Result<(), CrashFinding> {
    let finding = |expected: &str, observed| CrashFinding {
        invariant: "I18",
        expected: expected.into(),
        observed,
    };
    if let Some(ino) = fs.orphans().members().first() {
        let observed = format!("inode {ino} is on it");
        return Err(finding("the orphan list is empty after recovery", observed));
    }
    for ino in quiescent::inodes_in_use(fs)
        .into_iter()
        .filter(|ino| *ino >= FIRST_INO)
    {
        if fs.inode(ino).map_err(|error| unreadable(&error))?.links() == 0 {
            let observed = format!("inode {ino} has none, and is in use");
            return Err(finding("every inode in use has a name", observed));
        }
    }
    Ok(())
}

/// I14: no written extent at or beyond the end of a file. Unwritten residue is legal.
fn judge_sizes(fs: &Recovered) -> Result<(), CrashFinding> {
    for ino in quiescent::inodes_in_use(fs) {
        let inode = fs.inode(ino).map_err(|error| unreadable(&error))?;
        let end = Lblk::round_up(inode.disksize.get());
        let data = inode.read_data();
        let beyond = data
            .tree
            .extents()
            .iter()
            .find(|e| !e.unwritten && e.end() > end);
        if let Some(extent) = beyond {
            return Err(CrashFinding {
                invariant: "I14",
                expected: format!("inode {ino}: no written block from block {end} on, its end"),
                observed: format!("blocks [{},{}) are written", extent.lblk, extent.end()),
            });
        }
    }
    Ok(())
}

/// Judges every part of another file, which nobody removes.
fn judge_other(fs: &Recovered, disk: &LazyDisk, other: &OtherFile) -> Result<(), CrashFinding> {
    let file = directory::lookup(fs, other.name).map_err(|error| unreadable(&error))?;
    judge_parts(disk, &file, |part, found| {
        oracle::judge_part_of_other(other, part, found)
    })
}

/// Judges the file's size and every part below it.
fn judge_content(
    disk: &LazyDisk,
    file: &Inode,
    contract: &Contract,
    promises: &[Promise],
) -> Result<(), CrashFinding> {
    oracle::judge_size(file.size.get(), promises)?;
    judge_parts(disk, file, |part, found| {
        oracle::judge_part(contract, part, found, promises)
    })
}

/// Hands every part of a file below its size to an oracle. Data blocks are judged candidate by
/// candidate, so that none of them forks the recovery.
fn judge_parts(
    disk: &LazyDisk,
    file: &Inode,
    judge: impl Fn(Range<u64>, Found) -> Result<(), CrashFinding>,
) -> Result<(), CrashFinding> {
    let size = file.size.get();
    judge_blocks(disk, file, |lblk, within, bytes| {
        let mut at = Lblk(lblk).offset() + within as u64;
        for part in bytes.chunks(PART_SIZE) {
            let end = size.min(at + part.len() as u64);
            if at < end {
                let found = content::find(&part[..(end - at) as usize]);
                judge(at..end, found)?;
            }
            at += part.len() as u64;
        }
        Ok(())
    })
}

/// Hands every content that a file's blocks may have to an oracle: the block's number, where in the
/// block the bytes begin, and the bytes, which are a whole block or, where writes tear, a sector.
/// What has no block on disk, or an unwritten one, is zeroes. Nothing is decided by it.
///
/// # Errors
/// What `judge` says first; that content is pinned, so that the finding's image holds it.
pub fn judge_blocks(
    disk: &LazyDisk,
    file: &Inode,
    judge: impl Fn(u32, usize, &[u8]) -> Result<(), CrashFinding>,
) -> Result<(), CrashFinding> {
    for lblk in 0..Lblk::round_up(file.size.get()).0 {
        let (mapping, _) = file.query(Lblk(lblk));
        let Some(Status::Written(pblk)) = mapping.status_at(Lblk(lblk)) else {
            judge(lblk, 0, &[0; BLOCK_SIZE])?;
            continue;
        };
        let units = disk.candidates(pblk.0).map_err(|error| CrashFinding {
            invariant: "I15",
            expected: "a file's blocks lie on the device".into(),
            observed: error.to_string(),
        })?;
        for (unit, candidates) in units.iter().enumerate() {
            for (choice, bytes) in candidates.contents().enumerate() {
                let verdict = judge(lblk, candidates.range.start, bytes);
                if verdict.is_err() {
                    disk.pin(pblk.0, unit, choice);
                    return verdict;
                }
            }
        }
    }
    Ok(())
}

/// Asks e2fsck about the recovered, unmounted image. Says why, if it could not answer.
fn ask_e2fsck(disk: &LazyDisk, e2fsck: &E2fsck) -> Result<Option<String>, CrashFinding> {
    let image = disk.materialise();
    let blocks = image.iter().map(|(at, data)| (*at, &data[..]));
    match e2fsck.judge(blocks, disk.blocks(), Condition::Recovered) {
        Judged::Clean => Ok(None),
        Judged::NotMeasured(why) => Ok(Some(why)),
        Judged::Bad { codes, output } => Err(CrashFinding {
            invariant: "e2fsck",
            expected: "e2fsck finds nothing wrong with the recovered image".into(),
            observed: format!("problems {}: {}", codes.join(", "), output.trim()),
        }),
    }
}
