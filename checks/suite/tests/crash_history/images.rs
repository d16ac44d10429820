//! Crash images of histories, whole, for judges that want a file.

use super::random;
use super::run::{Setting, Start};
use cutpoint::crash::{
    CrashChecker, CrashFinding, CrashOptions, Cut, LazyDisk, Observations, Recover,
};
use cutpoint_event::Log;
use cutpoint_suite::on_std::recovery::{observe, recover};
use extfs_std::design::Design;
use extfs_std::device::memory::Image;
use extfs_std::protocol::Protocol;
use extfs_std::units::Pblk;
use std::cell::RefCell;
use std::sync::Arc;

/// Images that are taken of one history.
const EACH: usize = 2;
/// Images of one crash case that are looked at.
const CASE_MAX: u64 = 4;

/// The first `count` images of the histories by seed, all of them dirty, with a name each.
///
/// # Panics
/// If a history can not be played, or its images not be recovered.
pub fn crash_images(count: usize) -> Vec<(String, Image)> {
    let start = Start::new();
    let mut images = Vec::new();
    for seed in 0.. {
        if images.len() >= count {
            break;
        }
        let found = start
            .images(&random::history(seed), Setting::of_seed(seed))
            .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        // From the middle of the history and from its end: at its beginning all are alike.
        let step = (found.len() / EACH).max(1);
        let named = found.into_iter().enumerate().skip(step - 1).step_by(step);
        images.extend(named.map(|(at, image)| (format!("seed {seed}, image {at}"), image)));
    }
    images.truncate(count);
    images
}

/// Keeps every crash image that recovery is run on.
struct Keep {
    base: Arc<Image>,
    design: Design,
    images: RefCell<Vec<Image>>,
}

impl Recover for Keep {
    type Promise = ();

    fn promises(&self, _log: &Log, _cut: &Cut) -> Vec<()> {
        Vec::new()
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        _promises: &[()],
        _depth: u32,
    ) -> Result<Observations, CrashFinding> {
        let (fs, report) = recover(disk, self.design, Protocol::correct())?;
        drop(fs);
        let mut image = (*self.base).clone();
        for (at, bytes) in disk.crash_image() {
            let block = bytes[..].try_into().expect("a block has the core's size");
            image.set(Pblk(at), block).expect("the disk is the image's");
        }
        if report.recovered.is_some() {
            self.images.borrow_mut().push(image);
        }
        Ok(observe(&report))
    }
}

impl Start {
    /// Plays a history, and gives distinguishable images that power cuts in it leave, and those of
    /// power cuts in their recoveries. Not all of them: at most [`CASE_MAX`] of one case.
    fn images(&self, ops: &[crate::history::Op], setting: Setting) -> Result<Vec<Image>, String> {
        let (log, _) = self.play(ops, setting)?;
        let options = CrashOptions {
            tear: setting.tear,
            recoveries_per_case_max: Some(CASE_MAX),
            ..CrashOptions::default()
        };
        let keep = Keep {
            base: self.image(),
            design: setting.design,
            images: RefCell::default(),
        };
        let mut checker = CrashChecker::new(options, self.base());
        let outcome = checker.check(&log, &keep);
        outcome.map_err(|failure| failure.to_string())?;
        Ok(keep.images.into_inner())
    }
}
