//! The log's user, and what must and may be there after a power cut.
//!
//! The recovered records are a prefix of those appended, at least as long as the last
//! acknowledgement says. And the log still works: a record that is appended and synced after
//! recovery is there when the log is opened again, with nothing after it.

use super::device::Recorder;
use super::log::{Protocol, Wal};
use cutpoint::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, CrashStats, Cut, LazyDisk, MemoryBase,
    Observations, Recover, Tear,
};
use cutpoint_event::{Arg, Args, Log, What, log};
use std::io;
use std::marker::PhantomData;

/// Two sectors, so that a record can be torn.
const BLOCK_SIZE: usize = 1024;
const BLOCKS: u64 = 10;
/// How many records the user appends before each sync.
const BATCHES: [usize; 4] = [1, 3, 2, 3];
/// The payload of the record that is appended after recovery.
const AFTERWARDS: &[u8] = b"after recovery";

/// Checks the log with a protocol, on torn sectors and with power cuts in recovery.
pub fn check<P: Protocol>() -> (Result<(), CrashFailure>, CrashStats) {
    let options = CrashOptions {
        tear: Tear::Sector,
        ..CrashOptions::default()
    };
    let mut checker = CrashChecker::new(options, MemoryBase::zeroed(BLOCK_SIZE, BLOCKS));
    let result = match run::<P>() {
        Ok(log) => checker.check(&log, &Judge::<P>(PhantomData)),
        Err(error) => Err(CrashFailure::HarnessBroken(error.to_string())),
    };
    (result, checker.stats().clone())
}

/// The payload of record `number`: more than a sector of bytes that no other record has.
fn record(number: usize) -> Vec<u8> {
    vec![number as u8 + 1; 600 + number]
}

/// Appends all records and records what reaches the device.
fn run<P: Protocol>() -> io::Result<Log> {
    log::start();
    let mut wal = Wal::<_, P>::open_with_protocol(Recorder::new(BLOCK_SIZE, BLOCKS))?;
    for batch in BATCHES {
        for _ in 0..batch {
            let number = wal.records().len();
            let value = number.into();
            let args = Args::new(&[Arg {
                key: "record",
                value,
            }]);
            log::step("append", args);
            wal.append(&record(number))?;
        }
        wal.sync()?;
        let value = wal.records().len().into();
        let key = "records";
        log::acknowledged("synced", Args::new(&[Arg { key, value }]));
    }
    Ok(log::finish())
}

/// How many records must and may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Window {
    must: usize,
    may: usize,
}

/// Opens the log after a power cut, and judges what is there.
struct Judge<P>(PhantomData<P>);

impl<P: Protocol> Recover for Judge<P> {
    type Promise = Window;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Window> {
        let mut window = Window { must: 0, may: 0 };
        for (index, event) in log.events.iter().enumerate() {
            match event.what {
                What::Step { name: "append", .. } if cut.contains(index) => window.may += 1,
                What::Acknowledged { args, .. } if cut.contains(index) => {
                    let records = args.number("records");
                    window.must = records.map_or(window.must, |records| records as usize);
                }
                _ => {}
            }
        }
        vec![window]
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Window],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let window = promises[0];
        let mut seen = Observations::default();
        let opened = Wal::<_, P>::open_with_protocol(disk.clone());
        disk.seal();
        let mut wal = opened.map_err(failed)?;
        let found = wal.records().len();
        for (number, found) in wal.records().iter().enumerate() {
            if *found != record(number) {
                return Err(CrashFinding {
                    invariant: "records",
                    expected: format!("record {number} as it was appended"),
                    observed: format!("{} bytes, the last {:?}", found.len(), found.last()),
                });
            }
        }
        if !(window.must..=window.may).contains(&found) {
            return Err(CrashFinding {
                invariant: "durable",
                expected: format!("{} to {} records", window.must, window.may),
                observed: format!("{found}"),
            });
        }
        seen.saw(match found > window.must {
            true => "unacknowledged records recovered",
            false => "only acknowledged records recovered",
        });
        if (found as u64) < BLOCKS {
            wal.append(AFTERWARDS)
                .and_then(|()| wal.sync())
                .map_err(failed)?;
            let again = Wal::<_, P>::open_with_protocol(disk.clone()).map_err(failed)?;
            if again.records() != wal.records() {
                return Err(CrashFinding {
                    invariant: "usable",
                    expected: format!("{} records", wal.records().len()),
                    observed: format!("{}", again.records().len()),
                });
            }
        }
        Ok(seen)
    }

    fn control(&self, disk: &LazyDisk, _log: &Log) -> Result<(), String> {
        let wal = Wal::<_, P>::open_with_protocol(disk.clone());
        let wal = wal.map_err(|error| error.to_string())?;
        let appended: Vec<Vec<u8>> = (0..BATCHES.iter().sum()).map(record).collect();
        match wal.records() == appended {
            true => Ok(()),
            false => Err("without a power cut the log does not hold its records".into()),
        }
    }
}

fn failed(error: io::Error) -> CrashFinding {
    CrashFinding {
        invariant: "recovers",
        expected: "the log works".into(),
        observed: error.to_string(),
    }
}
