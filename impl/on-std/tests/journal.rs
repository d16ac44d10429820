//! The journal before other judges, and under real threads.
//!
//! e2fsck and debugfs replay what we wrote, and we replay what debugfs wrote; both must come to
//! the same blocks. A tool that is not installed is reported as `NotMeasured`, not as a pass.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use extfs_std::buffer::BufferCache;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::device::{Device, Durability};
use extfs_std::disk::geometry::SUPERBLOCK;
use extfs_std::disk::superblock::Superblock;
use extfs_std::journal::{
    CommitHooks, Journal, JournalLocation, JournalOptions, LogBlock, Recovered, recover,
};
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::units::{BLOCK_SIZE, Block, Pblk, Tid};

/// Blocks that no file has, from [`FIRST_FREE`] on: what the transactions of these tests change.
const FREE: u64 = 300;
/// The first block after the metadata, `/` and `/lost+found`.
const FIRST_FREE: u64 = 11;

struct NoHooks;

impl CommitHooks for NoHooks {
    fn freed(&self, _: Tid, _: &[Pblk]) {}
}

fn options() -> MkfsOptions {
    MkfsOptions {
        blocks: MkfsOptions::blocks_for(FREE, 16, 1024),
        ..Default::default()
    }
}

fn fresh() -> Image {
    let device = MemoryDevice::new(options().blocks);
    mkfs(&device, &options()).expect("the options are valid");
    device.snapshot()
}

/// mkfs puts the journal at the end.
fn location() -> JournalLocation {
    let journal = u64::from(options().journal_blocks);
    let start = Pblk(options().blocks - journal);
    JournalLocation::new([(start, options().journal_blocks)]).expect("the journal has blocks")
}

/// Sets or clears the feature that says that the journal must be replayed.
fn set_needs_recovery(device: &MemoryDevice, needs_recovery: bool) {
    let mut block = [0; BLOCK_SIZE];
    device
        .read(SUPERBLOCK, &mut block)
        .expect("the block is there");
    let mut superblock = Superblock::decode(&block, device.blocks()).expect("it is valid");
    superblock.needs_recovery = needs_recovery;
    superblock.encode_into(&mut block);
    device
        .write(SUPERBLOCK, &block, Durability::Fua)
        .expect("the block is there");
}

/// A block that differs for every seed; each seventh begins with the journal's magic number.
fn pattern(seed: u64) -> Block {
    let mut block: Block = std::array::from_fn(|at| (seed * 31 + at as u64 * 7) as u8);
    if seed.is_multiple_of(7) {
        block[..4].copy_from_slice(&0xc03b_3998u32.to_be_bytes());
    }
    block
}

/// A file system whose journal holds three transactions, across the end of the log: many blocks,
/// revocations and blocks journalled again, and a block of the inode table.
fn dirty() -> Image {
    let device = Arc::new(MemoryDevice::with_base(Arc::new(fresh())));
    set_needs_recovery(&device, true);
    let options = JournalOptions {
        head: Some(LogBlock(900)),
        log_blocks_max: None,
    };
    let hooks = Arc::new(NoHooks);
    let journal = Journal::open(device.clone(), location(), hooks, options).expect("clean");
    let cache = BufferCache::new(device.clone());
    let change = |blocks: &[u64], seed: u64| {
        let mut handle = journal.start(blocks.len() as u32).expect("there is room");
        for &block in blocks {
            let buffer = cache.get(Pblk(block)).expect("the device reads");
            let new = pattern(seed + block);
            handle
                .modify(&buffer, |content| *content = new)
                .expect("credits");
        }
    };
    let all: Vec<u64> = (FIRST_FREE..FIRST_FREE + 150).collect();
    change(&all, 0);
    journal.commit_once().expect("the device writes");
    let mut handle = journal.start(131).expect("there is room");
    for &block in &all[..130] {
        handle.revoke(Pblk(block)).expect("credits");
    }
    // A real inode-table block, as it is: the replay must not damage it.
    let table = cache.get(Pblk(5)).expect("the device reads");
    handle.modify(&table, |_| ()).expect("credits");
    handle.stop();
    journal.commit_once().expect("the device writes");
    change(&all[..20], 1000);
    journal.commit_once().expect("the device writes");
    device.snapshot()
}

/// Our recovery of an image, as a mount does it.
fn recovered(image: &Image) -> (Recovered, Image) {
    let device = MemoryDevice::with_base(Arc::new(image.clone()));
    let done = recover(&device, &location()).expect("the log is good");
    set_needs_recovery(&device, false);
    (done, device.snapshot())
}

/// Runs a tool with its configuration and language fixed; `None` if it is not installed.
fn run(tool: &str, arguments: &[&str], path: &Path) -> Option<(Output, String)> {
    let output = Command::new(tool)
        .args(arguments)
        .arg(path)
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("LC_ALL", "C")
        .output();
    match output {
        Ok(output) => {
            let said = [&output.stdout[..], &output.stderr[..]].concat();
            Some((output, String::from_utf8_lossy(&said).into_owned()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("NotMeasured: {tool} is not installed");
            None
        }
        Err(error) => panic!("{tool} can not be run: {error}"),
    }
}

/// Every block outside the journal and the superblock, which holds times and counters.
fn assert_same_blocks(ours: &Image, theirs: &Image, by: &str) {
    for block in 0..location().superblock().0 {
        if Pblk(block) != SUPERBLOCK {
            let (ours, theirs) = (ours.block(Pblk(block)), theirs.block(Pblk(block)));
            assert!(
                ours == theirs,
                "block {block} differs from what {by} replayed"
            );
        }
    }
}

fn assert_no_journal_complaint(said: &str) {
    for complaint in ["checksum error", "corrupted", "Invalid", "while recovering"] {
        assert!(!said.contains(complaint), "{said}");
    }
}

#[test]
fn our_recovery_replays_what_was_committed_last() {
    let (done, after) = recovered(&dirty());
    assert_eq!((done.transactions, done.last), (3, Some(Tid(3))));
    assert_eq!((done.copies_revoked, done.blocks_revoked), (130, 130));
    // Blocks that were only journalled first, the inode table's, and those journalled again.
    assert_eq!(done.blocks_replayed, 20 + 1 + 20);
    for block in FIRST_FREE..FIRST_FREE + 150 {
        let expected = match block - FIRST_FREE {
            0..20 => pattern(1000 + block),
            20..130 => [0; BLOCK_SIZE],
            _ => pattern(block),
        };
        assert!(after.block(Pblk(block)) == &expected, "block {block}");
    }
}

#[test]
fn e2fsck_replays_our_journal_to_the_same_blocks() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("image");
    let image = dirty();
    image.save(&path).expect("saving works");
    let replay = ["-y", "-E", "journal_only"];
    let Some((output, said)) = run("e2fsck", &replay, &path) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("recovering journal"), "{said}");
    assert_no_journal_complaint(&said);
    let theirs = Image::load(&path).expect("the image is there");
    assert_same_blocks(&recovered(&image).1, &theirs, "e2fsck");
    let (output, said) = run("e2fsck", &["-fn"], &path).expect("it was there before");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn e2fsck_finds_nothing_after_our_recovery() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("image");
    recovered(&dirty()).1.save(&path).expect("saving works");
    if let Some((output, said)) = run("e2fsck", &["-fn"], &path) {
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_no_journal_complaint(&said);
        assert!(!said.contains("recovering journal"), "{said}");
    }
}

#[test]
fn debugfs_discards_a_transaction_without_a_commit_block_as_we_do() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("image");
    let mut image = dirty();
    // The third transaction is the last in the log: a descriptor, 20 copies, a commit block.
    let last = (0..1024)
        .rev()
        .map(|at| location().pblk(LogBlock(at)))
        .find(|&at| {
            let block = image.block(at);
            block[..4] == 0xc03b_3998u32.to_be_bytes() && block[4..12] == [0, 0, 0, 2, 0, 0, 0, 3]
        });
    let last = last.expect("the commit block is in the log");
    image.set(last, &[0; BLOCK_SIZE]).expect("in range");
    image.save(&path).expect("saving works");
    let Some((_, said)) = run("debugfs", &["-w", "-R", "jr"], &path) else {
        return;
    };
    assert_no_journal_complaint(&said);
    let theirs = Image::load(&path).expect("the image is there");
    let (done, ours) = recovered(&image);
    assert_eq!(done.last, Some(Tid(2)));
    assert_same_blocks(&ours, &theirs, "debugfs");
}

#[test]
fn we_replay_what_debugfs_journals() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("image");
    let (data, script) = (
        directory.path().join("data"),
        directory.path().join("script"),
    );
    fresh().save(&path).expect("saving works");
    let blocks: Vec<String> = (20..120u64).map(|block| block.to_string()).collect();
    let content: Vec<u8> = (20..120u64).flat_map(pattern).collect();
    std::fs::write(&data, content).expect("the directory is writable");
    let commands = format!(
        "jo -c -v 3\njw -b {} {data}\njw -r 20,21\njw -b 21 {data}\njc\n",
        blocks.join(","),
        data = data.display(),
    );
    std::fs::write(&script, commands).expect("the directory is writable");
    let script = script.display().to_string();
    let Some((_, said)) = run("debugfs", &["-w", "-f", &script], &path) else {
        return;
    };
    let image = Image::load(&path).expect("the image is there");
    let (done, ours) = recovered(&image);
    assert_eq!((done.transactions, done.blocks_revoked), (3, 2), "{said}");
    assert_eq!(ours.block(Pblk(20)), &[0; BLOCK_SIZE]);
    assert_eq!(ours.block(Pblk(21)), &pattern(20));
    for block in 22..120 {
        assert!(ours.block(Pblk(block)) == &pattern(block), "block {block}");
    }
    run("debugfs", &["-w", "-R", "jr"], &path).expect("it was there before");
    let theirs = Image::load(&path).expect("the image is there");
    assert_same_blocks(&ours, &theirs, "debugfs");
}

const THREADS: usize = 4;
const ROUNDS: u32 = 2_000;

/// Each thread counts in a block of its own and in a block that all share, always both in one
/// handle. Whatever snapshot of the device is recovered, the two counts agree.
#[test]
fn threads_update_two_blocks_atomically() {
    let device = Arc::new(MemoryDevice::with_base(Arc::new(fresh())));
    let small = JournalOptions {
        head: Some(LogBlock(1000)),
        log_blocks_max: Some(128),
    };
    let journal = Journal::open(device.clone(), location(), Arc::new(NoHooks), small);
    let journal = Arc::new(journal.expect("the journal is clean"));
    let cache = Arc::new(BufferCache::new(device.clone()));
    let counted: Arc<[AtomicU32; THREADS]> = Arc::default();
    let done = Arc::new(AtomicBool::new(false));
    let committer = {
        let (journal, done) = (journal.clone(), done.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                journal.commit_once().expect("the device writes");
            }
        })
    };
    let writers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (journal, cache, counted) = (journal.clone(), cache.clone(), counted.clone());
            std::thread::spawn(move || count(&journal, &cache, thread, &counted[thread]))
        })
        .collect();
    let mut snapshots = 0;
    while !writers.iter().all(|writer| writer.is_finished()) {
        let promised: Vec<u32> = counted
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .collect();
        judge_counts(&device.snapshot(), &promised);
        snapshots += 1;
    }
    for writer in writers {
        writer.join().expect("no thread fails");
    }
    done.store(true, Ordering::Relaxed);
    committer.join().expect("the committer does not fail");
    judge_counts(&device.snapshot(), &[ROUNDS; THREADS]);
    journal.commit_once().expect("the device writes");
    journal.checkpoint_all().expect("the device writes");
    let (recovered, _) = recovered(&device.snapshot());
    assert_eq!((recovered.transactions, journal.updates()), (0, 0));
    assert!(snapshots > 0, "no snapshot was taken while threads ran");
}

/// One thread's part: counts, and every 100 counts waits until they are durable.
fn count(
    journal: &Journal<MemoryDevice>,
    cache: &BufferCache<MemoryDevice>,
    thread: usize,
    durable: &AtomicU32,
) {
    let own = cache
        .get(Pblk(FIRST_FREE + 1 + thread as u64))
        .expect("the device reads");
    let shared = cache.get(Pblk(FIRST_FREE)).expect("the device reads");
    for round in 1..=ROUNDS {
        let put = |at: usize| {
            move |block: &mut Block| block[at..at + 4].copy_from_slice(&round.to_le_bytes())
        };
        let mut handle = journal.start(2).expect("the journal is not aborted");
        handle.modify(&own, put(0)).expect("credits");
        handle.modify(&shared, put(4 * thread)).expect("credits");
        let tid = handle.tid();
        handle.stop();
        if round % 100 == 0 {
            journal.wait_commit(tid).expect("the device writes");
            durable.store(round, Ordering::SeqCst);
        }
    }
}

fn judge_counts(image: &Image, promised: &[u32]) {
    let (_, after) = recovered(image);
    let count = |block: u64, at: usize| {
        let block = after.block(Pblk(FIRST_FREE + block));
        u32::from_le_bytes(block[at..at + 4].try_into().expect("four bytes"))
    };
    for (thread, &promised) in promised.iter().enumerate() {
        let own = count(1 + thread as u64, 0);
        assert_eq!(own, count(0, 4 * thread), "thread {thread} is torn");
        assert!(
            own >= promised,
            "thread {thread}: {own} of {promised} survive"
        );
    }
}
