//! The journal on a small device: homes in the first blocks, the journal behind them.

mod commit;
mod crash;
mod device;
mod format;
mod frozen;
mod hostile;
mod recovery;
mod space;

use crate::buffer::BufferCache;
use crate::device::memory::Image;
use crate::journal::superblock::JournalSuperblock;
use crate::journal::{
    CommitHooks, Journal, JournalLocation, JournalOptions, JournalSteps, LogBlock,
};
use crate::units::{BLOCK_SIZE, Block, Pblk, Tid};
use device::TraceDevice;
use rt::sync::{Arc, LeafMutex};

/// Blocks 0..HOMES are homes.
const HOMES: u64 = 64;
/// Where the journal begins.
const JOURNAL: Pblk = Pblk(HOMES);
/// Length of the journal: the shortest that its superblock allows.
const JOURNAL_BLOCKS: u32 = 1024;
/// The number of the first transaction.
const FIRST_TID: Tid = Tid(1);
const UUID: [u8; 16] = *b"journal of tests";

fn location() -> JournalLocation {
    JournalLocation::new([(JOURNAL, JOURNAL_BLOCKS)]).expect("the journal has blocks")
}

/// The device block of a journal block.
fn log_pblk(block: u32) -> Pblk {
    location().pblk(LogBlock(block))
}

fn superblock(sequence: Tid, start: u32) -> JournalSuperblock {
    JournalSuperblock {
        maxlen: JOURNAL_BLOCKS,
        first: 1,
        sequence,
        start,
        errno: 0,
        uuid: UUID,
        users: 1,
    }
}

fn encoded(superblock: &JournalSuperblock) -> Block {
    let mut block = [0; BLOCK_SIZE];
    superblock.encode_into(&mut block);
    block
}

/// A device with zeroed homes and an empty journal whose next transaction is `sequence`.
fn empty_image(sequence: Tid) -> Image {
    let mut image = Image::zeroed(HOMES + u64::from(JOURNAL_BLOCKS));
    let block = encoded(&superblock(sequence, 0));
    image
        .set(JOURNAL, &block)
        .expect("the journal is on the device");
    image
}

/// Remembers what was freed, by transaction.
#[derive(Debug, Default)]
struct Freed(LeafMutex<Vec<(Tid, Vec<Pblk>)>>);

impl CommitHooks for Freed {
    fn freed(&self, tid: Tid, blocks: &[Pblk]) {
        self.0.with(|freed| freed.push((tid, blocks.to_vec())));
    }
}

/// An open journal with its device and buffers.
struct Fixture {
    device: Arc<TraceDevice>,
    journal: Journal<TraceDevice>,
    cache: BufferCache<TraceDevice>,
    freed: Arc<Freed>,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::with_options(JournalOptions::default())
    }

    fn with_options(options: JournalOptions) -> Fixture {
        Fixture::open(empty_image(FIRST_TID), options)
    }

    fn open(image: Image, options: JournalOptions) -> Fixture {
        Fixture::open_with_steps(image, options, JournalSteps::correct())
    }

    fn open_with_steps(
        image: Image,
        options: JournalOptions,
        steps: JournalSteps<TraceDevice>,
    ) -> Fixture {
        let device = Arc::new(TraceDevice::new(image));
        let freed = Arc::new(Freed::default());
        let journal = Journal::open_with_steps(
            Arc::clone(&device),
            location(),
            freed.clone(),
            options,
            steps,
        )
        .expect("the journal is clean");
        Fixture {
            cache: BufferCache::new(Arc::clone(&device)),
            device,
            journal,
            freed,
        }
    }

    /// Fills blocks with bytes in one handle.
    fn update(&self, changes: &[(u64, u8)]) -> Tid {
        let mut handle = self
            .journal
            .start(changes.len() as u32)
            .expect("there is room");
        for &(home, byte) in changes {
            let buffer = self.cache.get(Pblk(home)).expect("the device reads");
            handle
                .modify(&buffer, |block| block.fill(byte))
                .expect("the credits suffice");
        }
        let tid = handle.tid();
        handle.stop();
        tid
    }

    /// Fills blocks with bytes in one transaction and commits it.
    fn commit(&self, changes: &[(u64, u8)]) -> Tid {
        self.update(changes);
        self.journal
            .commit_once()
            .expect("the device writes")
            .expect("there is something to commit")
    }
}

/// What each home is filled with; `None` for one that is not filled with one byte.
fn fill_bytes(image: &Image) -> Vec<Option<u8>> {
    (0..HOMES)
        .map(|home| {
            let block = image.block(Pblk(home));
            let first = block[0];
            block.iter().all(|&byte| byte == first).then_some(first)
        })
        .collect()
}

/// The homes filled as given, the others zero.
fn homes(filled: &[(u64, u8)]) -> Vec<Option<u8>> {
    let mut homes = vec![Some(0); HOMES as usize];
    for &(home, byte) in filled {
        homes[home as usize] = Some(byte);
    }
    homes
}
