//! Reference histories of one file in one thread, reached in every way: through the page cache,
//! directly, through mappings, from buffers that can not be read to their end. Whatever the order,
//! the file holds what a byte array would, the invariants hold after every operation, and the cache
//! hides nothing that is on disk.
//!
//! `CUTPOINT_NIGHTLY=1` plays 10,000 histories instead of a few hundred. A failing history is
//! shrunk and printed.

mod access;

use access::op::Fault;
use access::{Op, Player};
use cutpoint_event::log;
use extfs_std::delalloc::Delalloc;
use extfs_std::design::Design;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::protocol::Protocol;
use extfs_std::units::Pblk;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;

/// Free blocks of the images: room for everything, and room for hardly anything.
const FREE_BLOCKS: [u64; 2] = [128, 14];
/// Histories are played with folios of this many blocks.
const BLOCKS_PER_FOLIO: [u32; 3] = [1, 2, 4];
/// Writes begin below this byte.
const OFFSET_MAX: u64 = 10 * 1024;
/// The longest write, in bytes.
const LEN_MAX: usize = 4 * 1024;

/// An empty file system whose free blocks hold an earlier owner's bytes.
fn base(free_blocks: u64) -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(free_blocks, 16, 1024),
        ..MkfsOptions::default()
    };
    let mut filled = Image::zeroed(options.blocks);
    for block in 0..options.blocks {
        filled.set(Pblk(block), &[0xee; 1024]).unwrap();
    }
    let device = MemoryDevice::with_base(Arc::new(filled));
    mkfs(&device, &options).unwrap();
    Arc::new(device.snapshot())
}

/// Plays a history and judges what is left.
fn check(
    base: &Arc<Image>,
    (design, delalloc): Way,
    blocks_per_folio: u32,
    ops: &[Op],
    protocol: Protocol<MemoryDevice>,
) -> Result<Image, String> {
    let device = Arc::new(MemoryDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        delalloc,
        blocks_per_folio,
        ..MountOptions::default()
    };
    log::start();
    let is_tight = base.size() < MkfsOptions::blocks_for(FREE_BLOCKS[0], 16, 1024);
    let outcome =
        Player::mount(device.clone(), options, protocol, is_tight).and_then(|mut player| {
            ops.iter()
                .enumerate()
                .try_for_each(|(index, op)| player.play(index, op))?;
            player.finish()
        });
    let found = log::finish().findings;
    outcome?;
    match found.first() {
        Some(finding) => Err(format!("{finding:?}")),
        None => Ok(device.snapshot()),
    }
}

/// Plays one history in one way.
fn replay(way: Way, blocks_per_folio: u32, free_blocks: u64, ops: &[Op]) {
    check(
        &base(free_blocks),
        way,
        blocks_per_folio,
        ops,
        Protocol::correct(),
    )
    .unwrap();
}

/// What e2fsck finds on an unmounted image; nothing where it is not installed.
fn e2fsck(image: &Image) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = directory.path().join("image");
    image.save(&path).map_err(|error| error.to_string())?;
    let run = Command::new("e2fsck")
        .args(["-fn"])
        .arg(&path)
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("LC_ALL", "C")
        .output();
    match run {
        Ok(output) if !output.status.success() => {
            Err(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        _ => Ok(()),
    }
}

fn operation() -> impl Strategy<Value = Op> {
    let aligned = (0_u64..10).prop_map(|block| block * 1024);
    let offset = prop_oneof![2 => 0..OFFSET_MAX, 3 => aligned];
    let blocks = (1_usize..4).prop_map(|blocks| blocks * 1024);
    let len = prop_oneof![2 => 0_usize..300, 2 => 1_usize..LEN_MAX, 3 => blocks];
    let fault = prop_oneof![
        4 => Just(Fault::None),
        1 => (0..LEN_MAX).prop_map(Fault::BadFrom),
        1 => (0..LEN_MAX).prop_map(Fault::PagedOut),
    ];
    let bytes = (offset.clone(), len.clone());
    let faulty = (offset.clone(), len.clone(), fault);
    let range = (offset, len, any::<bool>());
    let range = range.prop_map(|(offset, len, keep)| (offset, len as u64, keep));
    prop_oneof![
        6 => faulty.clone().prop_map(|(offset, len, fault)| Op::Write { offset, len, fault }),
        6 => faulty.prop_map(|(offset, len, fault)| Op::Direct { offset, len, fault }),
        3 => bytes.clone().prop_map(|(offset, len)| Op::Async { offset, len }),
        2 => Just(Op::StepDirect),
        6 => bytes.clone().prop_map(|(offset, len)| Op::Store { offset, len }),
        2 => bytes.clone().prop_map(|(offset, len)| Op::Load { offset, len }),
        2 => bytes.clone().prop_map(|(offset, len)| Op::Read { offset, len }),
        2 => bytes.prop_map(|(offset, len)| Op::DirectRead { offset, len }),
        4 => (0..OFFSET_MAX).prop_map(|size| Op::SetSize { size }),
        2 => range.clone().prop_map(|(offset, len, _)| Op::Punch { offset, len }),
        2 => range.clone().prop_map(|(offset, len, keep)| Op::ZeroRange { offset, len, keep }),
        2 => range.prop_map(|(offset, len, keep)| Op::Fallocate { offset, len, keep }),
        1 => Just(Op::Reclaim),
        1 => Just(Op::Fsync),
        2 => any::<bool>().prop_map(|wait| Op::Writeback { wait }),
        2 => Just(Op::StepIo),
        1 => Just(Op::Commit),
        1 => Just(Op::Remount),
        1 => Just(Op::RemountDirty),
    ]
}

/// How a history is played.
type Way = (Design, Delalloc);

/// A history, with how it is played, the size of folios and the image that it is played with.
fn history() -> impl Strategy<Value = (Way, u32, usize, Vec<Op>)> {
    let design = proptest::sample::select(&Design::ALL[..]);
    let delalloc = proptest::sample::select(&Delalloc::ALL[..]);
    let folio = proptest::sample::select(&BLOCKS_PER_FOLIO[..]);
    let ops = proptest::collection::vec(operation(), 20..40);
    ((design, delalloc), folio, 0..FREE_BLOCKS.len(), ops)
}

#[test]
fn every_way_to_the_bytes_leads_to_the_same_bytes() {
    let nightly = std::env::var("CUTPOINT_NIGHTLY").is_ok_and(|value| value == "1");
    let config = Config {
        cases: if nightly { 10_000 } else { 250 },
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let bases = FREE_BLOCKS.map(base);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&history(), |(way, folio, free, ops)| {
        check(&bases[free], way, folio, &ops, Protocol::correct())
            .and_then(|image| e2fsck(&image))
            .map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, ((design, delalloc), folio, free, ops))) => {
            let ops: String = ops.iter().map(|op| format!("    Op::{op:?},\n")).collect();
            let free = FREE_BLOCKS[free];
            let way = format!("(Design::{design:?}, Delalloc::{delalloc:?})");
            panic!("{why}\nreplay({way}, {folio}, {free}, &[\n{ops}]);")
        }
        Err(error) => panic!("{error}"),
    }
}

/// How many histories it takes until a seeded bug shows: as a difference, a violated invariant, or
/// an assertion.
fn caught_after(histories: u32, seed: access::seeded::Seed) -> Option<u32> {
    let mut protocol = Protocol::correct();
    seed(&mut protocol);
    let bases = FREE_BLOCKS.map(base);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (1..=histories).find(|_| {
        let (way, folio, free, ops) = history().new_tree(&mut runner).unwrap().current();
        let play = || check(&bases[free], way, folio, &ops, protocol);
        let outcome = catch_unwind(AssertUnwindSafe(play));
        if outcome.is_err() {
            // What the unwound history has recorded.
            log::finish();
        }
        !matches!(outcome, Ok(Ok(_)))
    })
}

/// Each step that a history in one thread and without power cuts can miss is missed by some.
#[test]
fn histories_catch_a_step_that_is_left_out() {
    let mut missed = Vec::new();
    for (name, seed) in access::seeded::ALL {
        match caught_after(5_000, *seed) {
            Some(histories) => println!("{name}: caught by history {histories}"),
            None => missed.push(*name),
        }
    }
    assert_eq!(missed, [""; 0]);
}

/// An unaligned direct write waits for an aligned one to the same block that is in flight.
#[test]
fn an_unaligned_write_keeps_what_is_in_flight_around_it() {
    let fault = Fault::None;
    let ops = [
        Op::Fallocate {
            offset: 0,
            len: 2_048,
            keep: false,
        },
        Op::Async {
            offset: 0,
            len: 2_048,
        },
        Op::Direct {
            offset: 100,
            len: 300,
            fault,
        },
    ];
    for design in Design::ALL {
        replay((design, Delalloc::Always), 1, 128, &ops);
    }
}

/// Found by such a history: what a direct write leaves to the page cache is less than a block, and
/// another one to that block is in flight.
#[test]
fn a_rest_keeps_what_is_in_flight_around_it() {
    let ops = [
        Op::ZeroRange {
            offset: 4_096,
            len: 3_072,
            keep: false,
        },
        Op::Async {
            offset: 5_120,
            len: 2_048,
        },
        Op::Direct {
            offset: 4_096,
            len: 2_048,
            fault: Fault::BadFrom(1_025),
        },
    ];
    for design in Design::ALL {
        replay((design, Delalloc::Always), 1, 128, &ops);
    }
}

/// Found by such a history: what a store had left beyond the end, in a block over a hole, became
/// content when the end moved into that block and then past it.
#[test]
fn a_store_beyond_the_end_over_a_hole_never_becomes_content() {
    let fault = Fault::None;
    let ops = [
        Op::SetSize { size: 4_097 },
        Op::Store {
            offset: 4_096,
            len: 1_060,
        },
        Op::SetSize { size: 5_121 },
        Op::Write {
            offset: 6_144,
            len: 1,
            fault,
        },
    ];
    for design in Design::ALL {
        replay((design, Delalloc::Always), 2, 128, &ops);
    }
}
