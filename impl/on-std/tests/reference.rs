//! Reference histories in one thread: whatever is done to files, they hold what byte arrays would
//! that the same was done to, the invariants hold after every operation, and e2fsck finds nothing.
//!
//! `CUTPOINT_SEQUENCES=10000` plays 10,000 histories, which is the nightly size, instead of a few
//! hundred. A failing history is shrunk and printed as a test, to be pasted below.

mod history;

use cutpoint_event::log;
use extfs_std::delalloc::Delalloc;
use extfs_std::design::Design;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::protocol::Protocol;
use history::op::FILES;
use history::{Model, Op, Player, sequences};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Free blocks of the images: room for everything, and room for hardly anything.
const FREE_BLOCKS: [u64; 2] = [256, 24];
/// Histories are played with folios of this many blocks.
const BLOCKS_PER_FOLIO: [u32; 3] = [1, 2, 4];
/// The last byte that is written lies below this one and the longest write.
const OFFSET_MAX: u64 = 12 * 1024;
/// The longest write, in bytes.
const LEN_MAX: usize = 5 * 1024;

/// An empty file system whose free blocks hold an earlier owner's bytes.
fn base(free_blocks: u64) -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(free_blocks, 16, 1024),
        ..MkfsOptions::default()
    };
    let mut filled = Image::zeroed(options.blocks);
    for block in 0..options.blocks {
        filled
            .set(extfs_std::units::Pblk(block), &[0xee; 1024])
            .unwrap();
    }
    let device = MemoryDevice::with_base(Arc::new(filled));
    mkfs(&device, &options).unwrap();
    Arc::new(device.snapshot())
}

/// Plays a history and judges what is left.
fn check(
    base: &Arc<Image>,
    (designs, delalloc): Way,
    blocks_per_folio: u32,
    ops: &[Op],
    e2fsck: &E2fsck,
) -> Result<(), String> {
    let device = Arc::new(MemoryDevice::with_base(base.clone()));
    let options = MountOptions {
        design: designs.first(),
        delalloc,
        blocks_per_folio,
        ..MountOptions::default()
    };
    log::start();
    let outcome = Player::mount(
        device.clone(),
        options,
        Protocol::correct(),
        Model::default(),
    )
    .and_then(|mut player: Player<_>| {
        player.alternates = designs == Designs::Alternating;
        player.is_block_mapped = designs == Designs::BhBlockMapped;
        ops.iter()
            .enumerate()
            .try_for_each(|(index, op)| player.play(index, op))?;
        player.finish()
    });
    let found = log::finish().findings;
    outcome?;
    if let Some(finding) = found.first() {
        return Err(format!("{finding:?}"));
    }
    e2fsck.judge(&device.snapshot())
}

/// Which design a history is played in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Designs {
    Im,
    Bh,
    /// BH, and files are mapped by pointers.
    BhBlockMapped,
    /// IM first, and after every remount the other one.
    Alternating,
}

impl Designs {
    const ALL: [Designs; 4] = [
        Designs::Im,
        Designs::Bh,
        Designs::BhBlockMapped,
        Designs::Alternating,
    ];

    fn first(self) -> Design {
        match self {
            Designs::Im | Designs::Alternating => Design::Im,
            Designs::Bh | Designs::BhBlockMapped => Design::Bh,
        }
    }
}

/// How a history is played.
type Way = (Designs, Delalloc);

/// A history as the source of a test that plays it.
fn as_test(
    (designs, delalloc): Way,
    blocks_per_folio: u32,
    free_blocks: u64,
    ops: &[Op],
) -> String {
    let lines: String = ops
        .iter()
        .map(|op| format!("        Op::{op:?},\n"))
        .collect();
    format!(
        "#[test]\nfn a_history_that_failed() {{\n    replay((Designs::{designs:?}, \
         Delalloc::{delalloc:?}), {blocks_per_folio}, \
         {free_blocks}, &[\n{lines}    ]);\n}}\n"
    )
}

/// Plays one history: what a printed test calls.
fn replay((designs, delalloc): Way, blocks_per_folio: u32, free_blocks: u64, ops: &[Op]) {
    let e2fsck = E2fsck::find();
    check(
        &base(free_blocks),
        (designs, delalloc),
        blocks_per_folio,
        ops,
        &e2fsck,
    )
    .unwrap();
}

/// e2fsck as a judge of unmounted images, or that there is none.
struct E2fsck {
    program: Option<&'static str>,
    directory: tempfile::TempDir,
    judged: Cell<u64>,
}

impl E2fsck {
    fn find() -> E2fsck {
        let runs = |program: &&str| Command::new(program).arg("-V").output().is_ok();
        E2fsck {
            program: ["e2fsck", "e2fsck.static"].into_iter().find(runs),
            directory: tempfile::tempdir().unwrap(),
            judged: Cell::new(0),
        }
    }

    fn judge(&self, image: &Image) -> Result<(), String> {
        let Some(program) = self.program else {
            return Ok(());
        };
        let path: &Path = &self.directory.path().join("image");
        image.save(path).map_err(|error| error.to_string())?;
        let output = Command::new(program)
            .args(["-fn"])
            .arg(path)
            .env("E2FSCK_CONFIG", "/dev/null")
            .env("LC_ALL", "C")
            .output()
            .map_err(|error| error.to_string())?;
        self.judged.set(self.judged.get() + 1);
        let text = String::from_utf8_lossy(&output.stdout);
        // Five passes and a line of totals: anything else is a complaint, whatever the exit code.
        let is_silent = text
            .lines()
            .all(|line| line.starts_with("Pass ") || line.contains(" files ("));
        match output.status.success() && is_silent {
            true => Ok(()),
            false => Err(format!("e2fsck: {text}")),
        }
    }
}

/// Leaves out every operation without which the history still fails. Shrinking by proptest stops
/// at the least length that histories are generated with.
fn without_needless(mut ops: Vec<Op>, fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut at = 0;
    while at < ops.len() {
        let mut fewer = ops.clone();
        fewer.remove(at);
        match fails(&fewer) {
            true => (ops, at) = (fewer, 0),
            false => at += 1,
        }
    }
    ops
}

fn operation() -> impl Strategy<Value = Op> {
    let file = 0..FILES;
    let offset = 0..OFFSET_MAX;
    // Lengths and offsets at block boundaries are rare among all bytes, so they get a part of
    // their own.
    let aligned = (0_u64..12).prop_map(|block| block * 1024);
    let offset = prop_oneof![3 => offset, 2 => aligned];
    let len = prop_oneof![2 => 0_usize..300, 2 => 1_usize..LEN_MAX, 1 => Just(1024_usize)];
    let size = prop_oneof![1 => Just(0_u64), 6 => offset.clone()];
    let write = (file.clone(), offset.clone(), len.clone());
    let range = (
        file.clone(),
        offset.clone(),
        len.clone().prop_map(|len| len as u64),
        any::<bool>(),
    );
    prop_oneof![
        3 => file.clone().prop_map(|file| Op::Create { file }),
        12 => write.clone().prop_map(|(file, offset, len)| Op::Write { file, offset, len }),
        2 => write.clone()
            .prop_map(|(file, offset, len)| Op::SyncWrite { file, offset, len }),
        4 => (write.clone(), any::<bool>(), any::<bool>()).prop_map(
            |((file, offset, len), sync, queued)| Op::Direct { file, offset, len, sync, queued }
        ),
        3 => write.prop_map(|(file, offset, len)| Op::Store { file, offset, len }),
        1 => file.clone().prop_map(|file| Op::Reclaim { file }),
        4 => (file.clone(), size).prop_map(|(file, size)| Op::Truncate { file, size }),
        3 => (file.clone(), offset.clone()).prop_map(|(file, size)| Op::Extend { file, size }),
        3 => range.clone().prop_map(|(file, offset, len, _)| Op::Punch { file, offset, len }),
        3 => range.clone().prop_map(|(file, offset, len, keep)| {
            Op::ZeroRange { file, offset, len, keep }
        }),
        3 => range.prop_map(|(file, offset, len, keep)| Op::Fallocate { file, offset, len, keep }),
        1 => file.clone().prop_map(|file| Op::Unlink { file }),
        1 => file.clone().prop_map(|file| Op::Close { file }),
        3 => (file.clone(), offset, len)
            .prop_map(|(file, offset, len)| Op::Read { file, offset, len }),
        2 => file.clone().prop_map(|file| Op::Fsync { file }),
        3 => (file, any::<bool>()).prop_map(|(file, wait)| Op::Writeback { file, wait }),
        2 => Just(Op::Commit),
        1 => Just(Op::Checkpoint),
        3 => Just(Op::StepIo),
        1 => Just(Op::Remount),
        1 => Just(Op::RemountDirty),
    ]
}

/// A history, with how it is played: the designs and the allocation, the size of folios and of the
/// image that it is played with. Files exist from the start, so that not every history begins with
/// failures.
fn history() -> impl Strategy<Value = (Way, u32, usize, Vec<Op>)> {
    let designs = proptest::sample::select(&Designs::ALL[..]);
    let delalloc = proptest::sample::select(&Delalloc::ALL[..]);
    let folio = proptest::sample::select(&BLOCKS_PER_FOLIO[..]);
    let ops = proptest::collection::vec(operation(), 20..40).prop_map(|ops| {
        let create = (0..2).map(|file| Op::Create { file });
        create.chain(ops).collect()
    });
    ((designs, delalloc), folio, 0..FREE_BLOCKS.len(), ops)
}

#[test]
fn every_history_leaves_what_byte_arrays_would_hold() {
    let config = Config {
        cases: sequences(300),
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let cases = config.cases;
    let bases = FREE_BLOCKS.map(base);
    let e2fsck = E2fsck::find();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&history(), |(way, folio, free, ops)| {
        check(&bases[free], way, folio, &ops, &e2fsck).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) if e2fsck.program.is_some() => {
            println!(
                "{cases} histories, {} images judged by e2fsck",
                e2fsck.judged.get()
            );
        }
        Ok(()) => println!("{cases} histories; e2fsck: NotMeasured, it is not installed"),
        Err(TestError::Fail(why, (way, folio, free, ops))) => {
            let fails = |ops: &[Op]| check(&bases[free], way, folio, ops, &e2fsck).is_err();
            let ops = without_needless(ops, fails);
            let test = as_test(way, folio, FREE_BLOCKS[free], &ops);
            panic!("{why}\n{test}")
        }
        Err(error) => panic!("{error}"),
    }
}

/// Found by such a history: writeback of blocks that the reservation had promised ran out of space,
/// because leaves of the extent trees had taken it. They have a promise of their own now.
#[test]
fn leaves_of_extent_trees_do_not_take_what_was_promised_to_data() {
    let write = |file, offset, len| Op::Write { file, offset, len };
    let mut ops: Vec<Op> = (0..FILES).map(|file| Op::Create { file }).collect();
    ops.extend([write(2, 7_168, 1), write(2, 0, 1), Op::Fsync { file: 2 }]);
    ops.extend([
        write(0, 2_048, 3_073),
        write(0, 5_269, 4_972),
        write(1, 926, 99),
    ]);
    ops.extend([
        write(2, 11_264, 1),
        write(1, 2_644, 1_453),
        write(1, 4_911, 210),
    ]);
    ops.extend([
        write(2, 8_082, 111),
        write(2, 0, 1_025),
        write(2, 2_048, 3_073),
    ]);
    for designs in Designs::ALL {
        replay((designs, Delalloc::Always), 1, 24, &ops);
    }
}

/// Reading a hole caches zeroes. Truncating into it used to make that block dirty, with nowhere to
/// be written to (I6).
#[test]
fn truncating_into_a_hole_that_was_read_makes_nothing_dirty() {
    let ops = [
        Op::Create { file: 0 },
        Op::Write {
            file: 0,
            offset: 3_000,
            len: 10,
        },
        Op::Read {
            file: 0,
            offset: 0,
            len: 4_000,
        },
        Op::Truncate { file: 0, size: 500 },
        Op::Fsync { file: 0 },
    ];
    for designs in Designs::ALL {
        replay((designs, Delalloc::Always), 2, 64, &ops);
    }
}

/// A write of no bytes used to raise the size up to where it would have begun.
#[test]
fn writing_nothing_changes_nothing() {
    let nothing = Op::Write {
        file: 0,
        offset: 500,
        len: 0,
    };
    for designs in Designs::ALL {
        let ops = [Op::Create { file: 0 }, nothing.clone(), Op::Remount];
        replay((designs, Delalloc::Always), 1, 64, &ops);
    }
}
