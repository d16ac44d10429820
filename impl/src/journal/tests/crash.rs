//! Power cuts at every request of a history, with every subset of the volatile cache, and again
//! inside the recovery: what is recovered is a prefix of the committed transactions, never less
//! than what was acknowledged.

use super::device::{Request, TraceDevice, crash_images};
use super::{FIRST_TID, Fixture, JOURNAL_BLOCKS, fill_bytes, homes, location};
use crate::device::memory::Image;
use crate::journal::{JournalOptions, JournalSteps, LogBlock, recovery};
use crate::units::{BLOCK_SIZE, Pblk};

/// What a history does next.
enum Step {
    /// One transaction, which fills blocks.
    Commit(&'static [(u64, u8)]),
    /// One transaction, which revokes a block.
    Revoke(u64),
    /// A checkpoint.
    Checkpoint,
}

/// A history: what was asked of the device, and which state was promised when.
struct History {
    base: Image,
    requests: Vec<Request>,
    /// The homes after each transaction; the first entry is before all of them.
    states: Vec<Vec<Option<u8>>>,
    /// For each transaction, the number of requests when its commit was acknowledged.
    acknowledged: Vec<usize>,
}

/// The number of images judged and of recoveries run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    images: usize,
    nested: usize,
}

fn run(script: &[Step], options: JournalOptions, steps: JournalSteps<TraceDevice>) -> History {
    let fixture = Fixture::open_with_steps(super::empty_image(FIRST_TID), options, steps);
    let mut filled: Vec<(u64, u8)> = Vec::new();
    let mut states = vec![homes(&filled)];
    let mut acknowledged = Vec::new();
    for step in script {
        match step {
            Step::Commit(changes) => {
                fixture.commit(changes);
                filled.extend_from_slice(changes);
            }
            Step::Revoke(home) => {
                let mut handle = fixture.journal.start(1).expect("there is room");
                handle.revoke(Pblk(*home)).expect("one credit");
                handle.stop();
                fixture.journal.commit_once().expect("the device writes");
            }
            Step::Checkpoint => {
                fixture.journal.checkpoint_all().expect("the device writes");
                continue;
            }
        }
        states.push(homes(&filled));
        acknowledged.push(fixture.device.len());
    }
    // One request more, so that the last acknowledgement, too, lies before a cut.
    let mut requests = fixture.device.requests();
    requests.push(Request::Flush);
    History {
        base: fixture.device.base().clone(),
        requests,
        states,
        acknowledged,
    }
}

/// Judges every crash of a history; `Err` names the first state that is not allowed.
fn judge(history: &History, steps: &JournalSteps<TraceDevice>) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for cut in 0..=history.requests.len() {
        let promised = history.acknowledged.iter().filter(|&&at| at < cut).count();
        for image in crash_images(&history.base, &history.requests, cut) {
            counts.images += 1;
            let device = TraceDevice::new(image);
            let recovered = recovery::recover_with_steps(&device, &location(), steps)
                .map_err(|error| format!("cut {cut}: {error}"))?;
            let after = device.snapshot();
            let state = fill_bytes(&after);
            let allowed = &history.states[promised..history.states.len().min(promised + 2)];
            if !allowed.contains(&state) {
                return Err(format!(
                    "cut {cut}: {promised} promised, {recovered:?}: {state:?}"
                ));
            }
            counts.nested += judge_nested(&device, &state, steps)?;
            reopen(after)?;
        }
    }
    Ok(counts)
}

/// Crashes inside the recovery that `device` recorded; a second recovery must end the same.
fn judge_nested(
    device: &TraceDevice,
    state: &[Option<u8>],
    steps: &JournalSteps<TraceDevice>,
) -> Result<usize, String> {
    let requests = device.requests();
    let mut recoveries = 0;
    for cut in 1..=requests.len() {
        for image in crash_images(device.base(), &requests, cut) {
            recoveries += 1;
            let second = TraceDevice::new(image);
            recovery::recover_with_steps(&second, &location(), steps)
                .map_err(|error| format!("nested cut {cut}: {error}"))?;
            let again = fill_bytes(&second.snapshot());
            if again != state {
                return Err(format!("nested cut {cut}: {again:?}, not {state:?}"));
            }
        }
    }
    Ok(recoveries)
}

/// A recovered journal opens, and takes another transaction that survives.
fn reopen(image: Image) -> Result<(), String> {
    let fixture = Fixture::open(image, JournalOptions::default());
    fixture.commit(&[(60, 60)]);
    let image = fixture.device.snapshot();
    let device = TraceDevice::new(image);
    let recovered = recovery::recover(&device, &location()).map_err(|error| error.to_string())?;
    let home = fill_bytes(&device.snapshot())[60];
    if recovered.transactions != 1 || home != Some(60) {
        return Err(format!("after recovery: {recovered:?}, {home:?}"));
    }
    Ok(())
}

const HISTORY: &[Step] = &[
    Step::Commit(&[(1, 1), (2, 1)]),
    Step::Commit(&[(2, 2), (3, 2)]),
    Step::Checkpoint,
    Step::Commit(&[(1, 3)]),
    Step::Commit(&[(3, 4), (4, 4), (5, 4)]),
];

#[test]
fn every_crash_gives_a_prefix_of_the_committed_transactions() {
    let history = run(HISTORY, JournalOptions::default(), JournalSteps::correct());
    let counts = judge(&history, &JournalSteps::correct()).expect("every state is allowed");
    // Other counts mean that commit, checkpoint or recovery ask the device for something else.
    let expected = Counts {
        images: 138,
        nested: 1356,
    };
    assert_eq!(counts, expected);
}

#[test]
fn every_crash_of_a_log_that_wraps_around_gives_a_prefix() {
    for head in JOURNAL_BLOCKS - 9..JOURNAL_BLOCKS {
        let options = JournalOptions {
            head: Some(LogBlock(head)),
            log_blocks_max: Some(32),
        };
        let history = run(HISTORY, options, JournalSteps::correct());
        judge(&history, &JournalSteps::correct()).expect("every state is allowed");
    }
}

#[test]
fn a_revoked_block_may_hold_file_data() {
    let script = [Step::Commit(&[(1, 1), (2, 1)]), Step::Revoke(1)];
    let mut history = run(&script, JournalOptions::default(), JournalSteps::correct());
    // The block is file data from here on, written without the journal and made durable.
    let data = [9; BLOCK_SIZE].into();
    history.requests.push(Request::Write {
        block: Pblk(1),
        data,
        durability: crate::device::Durability::Fua,
    });
    history.requests.push(Request::Flush);
    let image = crash_images(&history.base, &history.requests, history.requests.len()).remove(0);
    let device = TraceDevice::new(image);
    recovery::recover(&device, &location()).expect("the log is good");
    assert_eq!(fill_bytes(&device.snapshot()), homes(&[(1, 9), (2, 1)]));
}

/// Steps done wrongly, to show that the tests above can fail.
#[test]
fn a_missing_or_late_flush_is_caught() {
    let verdict = |change: fn(&mut JournalSteps<TraceDevice>)| {
        let mut steps = JournalSteps::correct();
        change(&mut steps);
        let history = run(HISTORY, JournalOptions::default(), steps);
        judge(&history, &steps).map(drop)
    };
    assert_eq!(verdict(|_| ()), Ok(()));
    let caught = verdict(|steps| steps.preflush = |_| Ok(()));
    let caught = caught.expect_err("copies are not durable");
    assert!(caught.contains("is damaged"), "{caught}");
    let caught = verdict(|steps| {
        steps.advance_tail = |checkpoint| {
            checkpoint.write_tail()?;
            checkpoint.flush_home()
        }
    });
    let caught = caught.expect_err("homes are not durable");
    assert!(caught.contains("promised"), "{caught}");
    let caught = verdict(|steps| {
        steps.finish_recovery = |reset| {
            reset.mark_empty()?;
            reset.flush_homes()
        }
    });
    let caught = caught.expect_err("homes are not durable");
    assert!(caught.contains("nested"), "{caught}");
}
