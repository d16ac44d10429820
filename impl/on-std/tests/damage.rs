//! Damaged images: mounting says what is wrong, or gives a file system that is in order. It never
//! panics, and it never hands out metadata that its checksum does not vouch for.
//!
//! `CUTPOINT_MUTATIONS=100000` makes as many images, and as many logs, out of seeded bytes, and
//! most of them with checksums that are right; a fuzzer makes them with the same functions.

mod garbage;

use extfs_std::device::Device;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::fs::Filesystem;
use extfs_std::invariants::quiescent;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::units::{BLOCK_SIZE, Pblk};
use extfs_std::{directory, fsync, read, truncate, write};
use garbage::{Images, Outcome};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The content of the file.
fn content() -> Vec<u8> {
    (0..20_000_u32).map(|i| (i / 7) as u8).collect()
}

/// An image with a file in pieces; dirty, with a log to replay, or cleanly unmounted.
fn image(dirty: bool) -> Image {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(128, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).unwrap();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    let file = directory::create(&fs, b"file").unwrap();
    let other = directory::create(&fs, b"other").unwrap();
    for (i, part) in content().chunks(3_000).enumerate() {
        write::buffered_write(&fs, &file, i as u64 * 3_000, part).unwrap();
        write::buffered_write(&fs, &other, i as u64 * 3_000, part).unwrap();
        fsync::fsync(&fs, &file).unwrap();
        fsync::fsync(&fs, &other).unwrap();
    }
    truncate::truncate_down(&fs, &other, 5_000).unwrap();
    if dirty {
        fs.journal().commit_once().unwrap();
    } else {
        fs.unmount().unwrap();
    }
    device.snapshot()
}

/// A small generator, so that the places are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Changes one place: a bit, a byte, or a run of bytes. Only blocks that hold something are hit,
/// and every other time one of the first, where the metadata is: else most damage went unnoticed.
fn damage(image: &Image, random: &mut Random) -> Image {
    let blocks: Vec<Pblk> = image.blocks().map(|(at, _)| at).collect();
    let among = [blocks.len() as u64, 10][random.below(2) as usize];
    let at = blocks[random.below(among) as usize];
    let mut damaged = image.clone();
    let mut block = *image.block(at);
    let place = random.below(BLOCK_SIZE as u64) as usize;
    match random.below(3) {
        0 => block[place] ^= 1 << random.below(8),
        1 => block[place] = random.below(256) as u8,
        _ => block[place..]
            .iter_mut()
            .take(40)
            .for_each(|byte| *byte = random.below(256) as u8),
    }
    damaged.set(at, &block).unwrap();
    damaged
}

/// Mounts, looks at everything, unmounts. Returns the file's content if all of that worked.
fn use_image(image: Image) -> Option<Vec<u8>> {
    let device = Arc::new(MemoryDevice::with_base(Arc::new(image)));
    let blocks = device.blocks();
    let (fs, _) = Filesystem::mount(device, MountOptions::default()).ok()?;
    let file = directory::lookup(&fs, b"file").ok()?;
    let bytes = read::read(&fs, &file, 0, 1 << 20).ok()?;
    let violations = quiescent::violations(&fs).ok()?;
    assert_eq!(
        violations,
        [],
        "an image of {blocks} blocks that mounts must be in order"
    );
    fs.unmount().ok()?;
    Some(bytes)
}

fn survives(dirty: bool, seed: u64) {
    let image = image(dirty);
    assert_eq!(use_image(image.clone()), Some(content()), "undamaged");
    let mut random = Random(seed);
    let (mut refused, mut used) = (0, 0);
    for round in 0..1_000 {
        let damaged = damage(&image, &mut random);
        match catch_unwind(AssertUnwindSafe(|| use_image(damaged))) {
            Ok(None) => refused += 1,
            Ok(Some(bytes)) => {
                used += 1;
                // Damage in the log can look like its end: then the file is as an earlier fsync,
                // or its creation, left it.
                let whole = content().len();
                let is_earlier = dirty && bytes.len() % 3_000 == 0 && bytes.len() < whole;
                assert!(
                    bytes.len() == whole || is_earlier,
                    "round {round}: {}",
                    bytes.len()
                );
            }
            Err(_) => panic!("round {round} of seed {seed} panicked"),
        }
    }
    println!("{refused} of 1000 damaged images were refused, {used} could be used");
    assert!(
        refused > 100 && used > 100,
        "both outcomes must occur: {refused}, {used}"
    );
}

#[test]
fn a_clean_image_survives_damage_at_1000_places() {
    survives(false, 1);
}

#[test]
fn a_dirty_image_survives_damage_at_1000_places() {
    survives(true, 2);
}

/// Longer than any image takes, even on a machine that is busy with something else.
const HANG: Duration = Duration::from_secs(60);
/// Bytes that an input has at most.
const INPUT_MAX: u64 = 160;

/// How many inputs to make: what the environment variable says, or `default`.
fn mutations(default: u64) -> u64 {
    match std::env::var("CUTPOINT_MUTATIONS") {
        Ok(number) => number.parse().expect("CUTPOINT_MUTATIONS is a number"),
        Err(_) => default,
    }
}

/// The bytes of an input by number.
fn input(number: u64) -> Vec<u8> {
    let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let len = 4 + random.below(INPUT_MAX - 4);
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// The most memory that this process has had, in KiB, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Gives inputs to `body`, which may neither panic nor hang nor take much memory. Returns how often
/// it came to what.
fn survives_inputs(
    count: u64,
    body: impl Fn(&[u8]) -> Outcome + Send + 'static,
) -> BTreeMap<Outcome, u64> {
    let start = Instant::now();
    let (send, results) = channel();
    let worker = std::thread::spawn(move || {
        for number in 0..count {
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&input(number))));
            if send.send((number, outcome.ok())).is_err() {
                break;
            }
        }
    });
    let mut outcomes = BTreeMap::new();
    let mut expected = 0;
    loop {
        match results.recv_timeout(HANG) {
            Ok((_, Some(outcome))) => *outcomes.entry(outcome).or_insert(0) += 1,
            Ok((number, None)) => panic!("it panics on {:?}", input(number)),
            Err(RecvTimeoutError::Timeout) => panic!("it hangs on {:?}", input(expected)),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        expected += 1;
    }
    worker.join().unwrap();
    assert_eq!(expected, count);
    println!("{count} inputs in {:.1?}: {outcomes:?}", start.elapsed());
    match peak_memory_kib() {
        Some(kib) => {
            println!("at most {kib} KiB of memory");
            assert!(kib < 1 << 20, "{kib} KiB of memory");
        }
        None => println!("memory: NotMeasured, there is no /proc/self/status"),
    }
    outcomes
}

#[test]
fn every_image_that_is_damaged_is_used() {
    for image in Images::new().all() {
        assert_eq!(garbage::use_image(image.clone()), "used");
    }
}

#[test]
fn damaged_images_with_right_checksums_do_no_harm() {
    let images = Images::new();
    let outcomes = survives_inputs(mutations(3_000), move |data| {
        garbage::mount_and_use(&images, data)
    });
    for outcome in [
        "refused: format",
        "refused: counts",
        "mounted, then damage found",
        "used",
    ] {
        assert!(outcomes.contains_key(outcome), "no image is {outcome}");
    }
}

#[test]
fn logs_of_garbage_do_no_harm() {
    let outcomes = survives_inputs(mutations(10_000), garbage::decode_and_recover);
    for outcome in ["refused", "empty", "nothing to replay", "replayed"] {
        assert!(outcomes.contains_key(outcome), "no log is {outcome}");
    }
}
