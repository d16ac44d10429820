//! A write-ahead log of one transaction, to check, with every mistake such a log can make.
//!
//! Block 0 is the commit record, block 1 the log's copy of the new content, block 2 the home
//! block. The record says in its first sector that there is a transaction and in its second what
//! byte the content is made of, so that a torn record means something else.

use super::build::Builder;
use crate::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, CrashStats, Cut, LazyDisk, MemoryBase,
    Observations, Recover,
};
use cutpoint_event::{Log, What};

const SIZE: usize = 1024;
const RECORD: u64 = 0;
const COPY: u64 = 1;
const HOME: u64 = 2;
const OLD: u8 = 3;
const NEW: u8 = 7;

/// What is wrong with the log or its recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    Nothing,
    /// The copy is not flushed before the record is written.
    NoFlush,
    /// The record is written before the copy.
    RecordFirst,
    /// The record is neither FUA nor flushed.
    NoFua,
    /// The flush of the copy fails, and nobody cares.
    FailedFlushIgnored,
    /// The flush of the copy fails; it is repeated and succeeds.
    FailedFlushRepeated,
    /// The flush of the copy fails; the copy is written and flushed again. Correct.
    FailedFlushRewritten,
    /// The flush of the copy fails; the transaction is given up. Correct.
    FailedFlushHeeded,
    /// The record has no checksum.
    NoChecksum,
    /// Recovery clears the record before the home block is durable.
    RecoveryClearsFirst,
    /// Recovery panics when it finds a transaction.
    RecoveryPanics,
    /// The control finds fault with every image.
    ControlFails,
}

/// The execution: one transaction and its checkpoint.
pub fn execution(mistake: Mistake) -> Log {
    let mut log = Builder::default();
    let (copy, record) = ([NEW; SIZE], record_of(NEW));
    let fua = mistake != Mistake::NoFua;
    if mistake == Mistake::RecordFirst {
        log.write(0, RECORD, &record, fua);
    }
    log.write(0, COPY, &copy, false);
    match mistake {
        Mistake::NoFlush => {}
        Mistake::FailedFlushIgnored => log.fail_flush(0),
        Mistake::FailedFlushRepeated => {
            log.fail_flush(0);
            log.flush(0);
        }
        Mistake::FailedFlushRewritten => {
            log.fail_flush(0);
            log.write(0, COPY, &copy, false);
            log.flush(0);
        }
        Mistake::FailedFlushHeeded => {
            log.fail_flush(0);
            return log.finish();
        }
        _ => log.flush(0),
    }
    if mistake != Mistake::RecordFirst {
        log.write(0, RECORD, &record, fua);
    }
    log.acknowledge(0, "commit");
    log.write(0, HOME, &copy, false);
    log.flush(0);
    log.write(0, RECORD, &[0; SIZE], true);
    log.finish()
}

/// The journal's recovery and its oracle.
pub struct Journal(pub Mistake);

impl Recover for Journal {
    type Promise = &'static str;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<&'static str> {
        let promised = cut
            .acknowledged
            .iter()
            .map(|&event| match log.events[event].what {
                What::Acknowledged { name, .. } => name,
                _ => unreachable!("an acknowledgement"),
            });
        promised.collect()
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[&'static str],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let mut seen = Observations::default();
        recover(disk, self.0, &mut seen);
        disk.seal();
        let allowed: &[u8] = match promises {
            [] => &[OLD, NEW],
            _ => &[NEW],
        };
        // Block by block: no fork for a home block that may be one or the other.
        for (unit, candidates) in disk.candidates(HOME).expect("a block").iter().enumerate() {
            for (number, content) in candidates.contents().enumerate() {
                let byte = content[0];
                if !allowed.contains(&byte) {
                    disk.pin(HOME, unit, number);
                    return Err(CrashFinding {
                        invariant: if promises.is_empty() {
                            "old-or-new"
                        } else {
                            "durable"
                        },
                        expected: format!("one of {allowed:?}"),
                        observed: format!("{byte}"),
                    });
                }
            }
        }
        Ok(seen)
    }

    fn control(&self, disk: &LazyDisk, _log: &Log) -> Result<(), String> {
        match self.0 {
            Mistake::ControlFails => Err("it always does".into()),
            _ if disk.blocks() == 3 => Ok(()),
            _ => Err("the disk has another size".into()),
        }
    }
}

fn recover(disk: &LazyDisk, mistake: Mistake, seen: &mut Observations) {
    let record = disk.read(RECORD).expect("a block of the disk");
    let is_whole = record[1] == checksum(&record) || mistake == Mistake::NoChecksum;
    if record[0] == 0 || !is_whole {
        return;
    }
    assert!(
        mistake != Mistake::RecoveryPanics,
        "a transaction was found"
    );
    seen.saw("journal replayed");
    let mut copy = disk.read(COPY).expect("a block of the disk").to_vec();
    // The record's word counts where it differs: the copy is escaped, as it were.
    if record[512] != NEW {
        copy.fill(record[512]);
    }
    if mistake == Mistake::RecoveryClearsFirst {
        disk.write(RECORD, &[0; SIZE], true).expect("a block");
    }
    disk.write(HOME, &copy, false).expect("a block");
    disk.flush();
    disk.write(RECORD, &[0; SIZE], true).expect("a block");
}

fn record_of(byte: u8) -> [u8; SIZE] {
    let mut record = [0; SIZE];
    record[0] = 1;
    record[512] = byte;
    record[1] = checksum(&record);
    record
}

fn checksum(record: &[u8]) -> u8 {
    record[0] ^ record[512] ^ 0x5a
}

/// A checker of executions.
pub fn checker(options: CrashOptions) -> CrashChecker {
    let base = MemoryBase::zeroed(SIZE, 3).with(HOME, &[OLD; SIZE]);
    CrashChecker::new(options, base)
}

/// Checks the execution with `mistake`.
pub fn check(mistake: Mistake, options: CrashOptions) -> (Result<(), CrashFailure>, CrashStats) {
    let mut checker = checker(options);
    let result = checker.check(&execution(mistake), &Journal(mistake));
    (result, checker.stats().clone())
}
