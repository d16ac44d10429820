//! Plays histories on a recording device, and judges every power cut of each.

use super::oracle::{Played, Progress};
use super::random;
use super::seeded::Seeded;
use crate::history::player::name;
use crate::history::{Model, Op, Player};
use cutpoint::crash::{
    CrashChecker, CrashFailure, CrashFinding, CrashOptions, CrashStats, Cut, LazyDisk, MemoryBase,
    Observations, Recover, Tear,
};
use cutpoint_event::{Arg, Args, Log, What, log};
use cutpoint_suite::content;
use cutpoint_suite::e2fsck::E2fsck;
use cutpoint_suite::on_std::recovery::{
    LazyDevice, judge_blocks, leave, observe, recover, unreadable,
};
use extfs_std::delalloc::Delalloc;
use extfs_std::design::Design;
use extfs_std::device::Device;
use extfs_std::device::memory::{Image, MemoryDevice};
use extfs_std::device::recording::RecordingDevice;
use extfs_std::directory;
use extfs_std::error::FsError;
use extfs_std::fs::Filesystem;
use extfs_std::journal::JournalOptions;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::protocol::Protocol;
use extfs_std::units::BLOCK_SIZE;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Files that histories work on, and that exist from the start.
const FILES: usize = 2;

/// A log in which hardly two handles fit into one transaction: a transaction may take a quarter of
/// it, and deleting a file asks for all of that.
pub const SHORT_LOG: u32 = 64;

/// The image that histories start from, and what it holds.
pub struct Start {
    image: Arc<Image>,
    model: Model,
}

/// What was judged.
#[derive(Default)]
pub struct Summary {
    /// Histories played.
    pub histories: u64,
    /// The crash engine's counts.
    pub stats: CrashStats,
    /// Images judged by e2fsck, verdicts remembered included.
    pub e2fsck: u64,
    /// Of these, images that the history had not led to before.
    pub e2fsck_distinct: u64,
    /// Images that it could not judge, and why.
    pub not_measured: Option<String>,
}

impl Start {
    /// Two files, one of them with a part of a block at its end, and free blocks that hold what an
    /// earlier owner left.
    pub fn new() -> Start {
        let options = MkfsOptions {
            blocks: MkfsOptions::blocks_for(40, 16, 1024),
            ..MkfsOptions::default()
        };
        let device = Arc::new(MemoryDevice::new(options.blocks));
        mkfs(&*device, &options).unwrap();
        let ops = [
            Op::Create { file: 0 },
            Op::Create { file: 1 },
            Op::Write {
                file: 0,
                offset: 0,
                len: 2_500,
            },
        ];
        let mounted = Player::mount(
            device.clone(),
            MountOptions::default(),
            Protocol::correct(),
            Model::default(),
        );
        let mut player: Player<_> = mounted.unwrap();
        for (index, op) in ops.iter().enumerate() {
            player.play(100 + index, op).unwrap();
        }
        let model = player.model.clone();
        player.finish().unwrap();
        let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
        let (geometry, bitmap) = (*fs.geometry(), fs.space().peek_bitmap());
        fs.unmount().unwrap();
        let mut image = device.snapshot();
        for bit in (0..geometry.block_bits()).filter(|bit| !bitmap.test(*bit)) {
            let block = geometry.bit_block(bit);
            image.set(block, &content::garbage(block.0)).unwrap();
        }
        let image = Arc::new(image);
        Start { image, model }
    }

    /// Plays a history, each operation between two marks in the log.
    pub(super) fn play(&self, ops: &[Op], setting: Setting) -> Result<(Log, Played), String> {
        let options = MountOptions {
            design: setting.design,
            delalloc: setting.delalloc,
            blocks_per_folio: setting.blocks_per_folio,
            journal: JournalOptions {
                log_blocks_max: setting.log_blocks_max,
                ..JournalOptions::default()
            },
            ..MountOptions::default()
        };
        log::start();
        let played = self.play_recorded(ops, options, setting.protocol());
        let log = log::finish();
        if let Some(finding) = log.findings.first() {
            return Err(format!("{finding:?}"));
        }
        Ok((log, played?))
    }

    fn play_recorded(
        &self,
        ops: &[Op],
        options: MountOptions,
        protocol: Protocol<RecordingDevice>,
    ) -> Result<Played, String> {
        let device = Arc::new(RecordingDevice::with_base(self.image.clone()));
        let mut player = Player::mount(device, options, protocol, self.model.clone())?;
        let mut models = vec![self.model.clone()];
        for (index, op) in ops.iter().enumerate() {
            let number = || {
                Args::new(&[Arg {
                    key: "op",
                    value: (index as u64 + 1).into(),
                }])
            };
            log::step("operation begins", number());
            player.play(index, op)?;
            log::acknowledged("operation returns", number());
            models.push(player.model.clone());
        }
        Ok(Played {
            design: options.design,
            ops: ops.to_vec(),
            models,
        })
    }

    pub(super) fn image(&self) -> Arc<Image> {
        self.image.clone()
    }

    pub(super) fn base(&self) -> MemoryBase {
        let base = MemoryBase::zeroed(BLOCK_SIZE, self.image.size());
        self.image
            .blocks()
            .fold(base, |base, (at, block)| base.with(at.0, &block[..]))
    }

    /// Plays and judges one history.
    pub fn check(&self, ops: &[Op], setting: Setting, summary: &mut Summary) -> Result<(), String> {
        let (log, played) = self.play(ops, setting)?;
        let options = CrashOptions {
            tear: setting.tear,
            ..CrashOptions::default()
        };
        let mut checker = CrashChecker::new(options, self.base());
        let judge = Judge {
            protocol: setting.protocol(),
            played,
            e2fsck: E2fsck::find(BLOCK_SIZE),
            not_measured: RefCell::default(),
            asked: Cell::new(0),
        };
        let outcome = checker.check(&log, &judge);
        summary.add(checker.stats(), &judge);
        outcome.map_err(|failure| match failure {
            CrashFailure::Violated(violation) => {
                let progress = progress(&log, &violation.cut);
                let (finding, depth) = (&violation.finding, violation.recovery_crashes.len());
                format!("{progress:?}, {depth} crashes in recovery: {finding:?}")
            }
            other => other.to_string(),
        })
    }
}

/// How a history is played and cut.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The design.
    pub design: Design,
    /// Whether allocation waits for writeback.
    pub delalloc: Delalloc,
    /// Blocks in a folio.
    pub blocks_per_folio: u32,
    /// The most blocks of the log in use at a time. With a short log, operations of several handles
    /// have commits between them.
    pub log_blocks_max: Option<u32>,
    /// What a write is torn into.
    pub tear: Tear,
    /// The seeded bug, if any.
    pub seeded: Option<Seeded>,
}

impl Setting {
    /// The protocol that is followed.
    pub fn protocol<D: Device>(self) -> Protocol<D> {
        self.seeded.map_or(Protocol::correct(), Seeded::protocol)
    }
}

impl Setting {
    /// The setting of a seed: folios of every size come up, in both designs. Writes of a block are
    /// whole or not there: see the limit that `tests/every_crash.rs` pins.
    pub fn of_seed(seed: u64) -> Setting {
        Setting {
            design: Design::ALL[(seed / 6 % 2) as usize],
            delalloc: Delalloc::ALL[(seed / 12 % 3) as usize],
            blocks_per_folio: [1, 2, 4][(seed % 3) as usize],
            log_blocks_max: [None, Some(SHORT_LOG)][(seed / 3 % 2) as usize],
            tear: Tear::Block,
            seeded: None,
        }
    }
}

impl Summary {
    fn add(&mut self, stats: &CrashStats, judge: &Judge) {
        self.histories += 1;
        let all = &mut self.stats;
        all.crash_frontiers += stats.crash_frontiers;
        all.crash_cases += stats.crash_cases;
        all.recoveries_run += stats.recoveries_run;
        all.crash_states_covered = all
            .crash_states_covered
            .saturating_add(stats.crash_states_covered);
        all.cases_bounded += stats.cases_bounded;
        for (name, count) in stats.observations.iter() {
            (0..count).for_each(|_| all.observations.saw(name));
        }
        self.e2fsck += judge.asked.get();
        self.e2fsck_distinct += judge.e2fsck.judged();
        if let Some(why) = judge.not_measured.borrow().clone() {
            self.not_measured = Some(why);
        }
    }
}

/// Recovers by mounting, and judges by the history.
struct Judge {
    protocol: Protocol<LazyDevice>,
    played: Played,
    e2fsck: E2fsck,
    not_measured: RefCell<Option<String>>,
    asked: Cell<u64>,
}

impl Recover for Judge {
    type Promise = Progress;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<Progress> {
        vec![progress(log, cut)]
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[Progress],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let (fs, report) = recover(disk, self.played.design, self.protocol)?;
        for file in 0..FILES {
            self.judge_file(disk, &fs, promises[0], file)?;
        }
        match leave(&fs, disk, &self.e2fsck)? {
            None => self.asked.set(self.asked.get() + 1),
            Some(why) => *self.not_measured.borrow_mut() = Some(why),
        }
        Ok(observe(&report))
    }
}

impl Judge {
    fn judge_file(
        &self,
        disk: &LazyDisk,
        fs: &cutpoint_suite::on_std::recovery::Recovered,
        progress: Progress,
        file: usize,
    ) -> Result<(), CrashFinding> {
        let inode = match directory::lookup(fs, &name(file)) {
            Ok(inode) => inode,
            Err(FsError::NotFound) => return self.played.judge_absence(progress, file),
            Err(error) => return Err(unreadable(&error)),
        };
        let size = inode.size.get();
        let version = self.played.judge_size(progress, file, size)?;
        judge_blocks(disk, &inode, |lblk, from, bytes| {
            let offset = u64::from(lblk) * BLOCK_SIZE as u64 + from as u64;
            self.played
                .judge_part(progress, version, file, (offset, size), bytes)
        })
    }
}

/// How far the history had come at a cut.
fn progress(log: &Log, cut: &Cut) -> Progress {
    let events = log.events.iter().enumerate();
    let inside = events.filter(|(index, _)| cut.contains(*index));
    inside.fold(
        Progress {
            begun: 0,
            returned: 0,
        },
        |so_far, (_, event)| match &event.what {
            What::Step {
                name: "operation begins",
                args,
            } => Progress {
                begun: args.number("op").unwrap_or(0) as usize,
                ..so_far
            },
            What::Acknowledged {
                name: "operation returns",
                args,
            } => Progress {
                returned: args.number("op").unwrap_or(0) as usize,
                ..so_far
            },
            _ => so_far,
        },
    )
}

/// Plays and judges the histories of some seeds. A history that fails is stripped of what it does
/// not need, and printed as a test.
pub fn check_seeds(seeds: std::ops::Range<u64>) -> Summary {
    let start = Start::new();
    let mut summary = Summary::default();
    for seed in seeds {
        let setting = Setting::of_seed(seed);
        let ops = random::history(seed);
        if let Err(why) = start.check(&ops, setting, &mut summary) {
            let ops = stripped(&start, ops, setting);
            let why = match start.check(&ops, setting, &mut Summary::default()) {
                Err(why) => why,
                Ok(()) => why,
            };
            panic!("seed {seed}: {why}\n{}", as_test(setting, &ops));
        }
    }
    summary
}

fn stripped(start: &Start, mut ops: Vec<Op>, setting: Setting) -> Vec<Op> {
    let mut at = 0;
    while at < ops.len() {
        let mut fewer = ops.clone();
        fewer.remove(at);
        match start.check(&fewer, setting, &mut Summary::default()) {
            Err(_) => (ops, at) = (fewer, 0),
            Ok(()) => at += 1,
        }
    }
    ops
}

fn as_test(setting: Setting, ops: &[Op]) -> String {
    let way = format!(
        "Design::{:?}, Delalloc::{:?}",
        setting.design, setting.delalloc
    );
    let lines: String = ops
        .iter()
        .map(|op| format!("        Op::{op:?},\n"))
        .collect();
    let (folio, log, tear) = (
        setting.blocks_per_folio,
        setting.log_blocks_max,
        setting.tear,
    );
    format!(
        "#[test]\nfn a_crash_that_failed() {{\n    replay(({way}), {folio}, {log:?}, \
         Tear::{tear:?}, &[\n{lines}    ]);\n}}\n"
    )
}
