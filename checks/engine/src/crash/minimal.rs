//! The smallest power cut that shows a violation.
//!
//! A frontier's cut is the largest with its guarantees, and where nobody looked a block holds its
//! newest version. That is right for finding violations and says more than a reader needs. Here one
//! violation of one execution is made smaller, in this order: fewer power cuts in recoveries;
//! writes that do not tear; fewer events before the cut; fewer torn blocks; fewer writes that
//! survived. The result is 1-minimal in the last three: no single event, tear or surviving write
//! can be taken away. Everything is tried in a fixed order, so the result is deterministic.

use super::candidates::{CrashCase, Tear};
use super::check::{CrashChecker, Recover, Visit, run, violation};
use super::frontier::{Cut, CutMode, Persistence};
use super::lazy::LazyDisk;
use super::outcome::{CrashFailure, CrashFinding, CrashViolation, Observations};
use cutpoint_event::Log;
use std::collections::BTreeMap;
use std::sync::Arc;

impl CrashChecker {
    /// The smallest power cut in an execution that violates `invariant`. `None` if there is none.
    ///
    /// # Errors
    /// If the harness is broken.
    pub fn minimal<R: Recover>(
        &self,
        log: &Log,
        recover: &R,
        invariant: &str,
    ) -> Result<Option<CrashViolation>, CrashFailure> {
        let only = Only { recover, invariant };
        let tears: &[Tear] = match self.options().tear {
            Tear::Block => &[Tear::Block],
            Tear::Sector => &[Tear::Block, Tear::Sector],
        };
        for recovery_crashes in 0..=self.options().recovery_crashes {
            for &tear in tears {
                let mut options = *self.options();
                options.mode = CutMode::Frontier;
                (options.recovery_crashes, options.tear) = (recovery_crashes, tear);
                let mut checker = self.anew(options);
                match of_invariant(checker.check(log, &only), invariant)? {
                    None => {}
                    Some(first) => {
                        let mut cut = SmallestCut {
                            checker: &mut checker,
                            persistence: &Persistence::of(log)?,
                            log,
                            only: &only,
                        };
                        let least = cut.search(first)?;
                        return Ok(Some(fewest_survivors(least, log, &only)));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Judges one invariant and lets every other pass.
struct Only<'a, R> {
    recover: &'a R,
    invariant: &'a str,
}

impl<R: Recover> Recover for Only<'_, R> {
    type Promise = R::Promise;

    fn promises(&self, log: &Log, cut: &Cut) -> Vec<R::Promise> {
        self.recover.promises(log, cut)
    }

    fn recover_and_judge(
        &self,
        disk: &LazyDisk,
        promises: &[R::Promise],
        depth: u32,
    ) -> Result<Observations, CrashFinding> {
        match self.recover.recover_and_judge(disk, promises, depth) {
            Err(finding) if finding.invariant != self.invariant => Ok(Observations::default()),
            result => result,
        }
    }
}

/// The violation of a check, if it is of the invariant: a recovery that panics is reported whatever
/// was asked for.
fn of_invariant(
    result: Result<(), CrashFailure>,
    invariant: &str,
) -> Result<Option<CrashViolation>, CrashFailure> {
    match result {
        Ok(()) => Ok(None),
        Err(CrashFailure::Violated(violation)) => {
            Ok(Some(*violation).filter(|found| found.finding.invariant == invariant))
        }
        Err(broken) => Err(broken),
    }
}

struct SmallestCut<'a, R> {
    checker: &'a mut CrashChecker,
    persistence: &'a Persistence,
    log: &'a Log,
    only: &'a Only<'a, R>,
}

impl<R: Recover> SmallestCut<'_, R> {
    /// Takes events away, the latest first, as long as the rest violates.
    fn search(&mut self, first: CrashViolation) -> Result<CrashViolation, CrashFailure> {
        let events = self.persistence.observable().to_vec();
        let mut inside: Vec<bool> = events.iter().map(|e| first.cut.contains(*e)).collect();
        let mut best = first;
        loop {
            let mut is_smaller = false;
            for index in (0..events.len()).rev() {
                let later = events[index + 1..].iter().zip(&inside[index + 1..]);
                let mut needing = later.filter(|(_, inside)| **inside);
                let is_needed = needing.any(|(e, _)| self.persistence.reaches(events[index], *e));
                if !inside[index] || is_needed {
                    continue;
                }
                inside[index] = false;
                match self.violated(&inside)? {
                    Some(violation) => (best, is_smaller) = (violation, true),
                    None => inside[index] = true,
                }
            }
            if !is_smaller {
                return Ok(best);
            }
        }
    }

    fn violated(&mut self, inside: &[bool]) -> Result<Option<CrashViolation>, CrashFailure> {
        let cut = self.persistence.smallest_cut(inside);
        let promises = self.only.promises(self.log, &cut);
        let visit = Visit {
            case: Arc::new(self.checker.case_after(self.persistence, &cut)?),
            promises: &promises,
            cut: &cut,
        };
        let result = self.checker.judge_alone(&visit, self.only);
        of_invariant(result, self.only.invariant)
    }
}

/// Which candidate each unit of each block of a case holds.
type Choices = BTreeMap<u64, Vec<usize>>;

/// Takes tears and surviving writes away as long as recovery from the rest violates.
fn fewest_survivors<R: Recover>(
    found: CrashViolation,
    log: &Log,
    only: &Only<'_, R>,
) -> CrashViolation {
    let promises = only.promises(log, &found.cut);
    let mut best = found;
    let mut choices = first_choices(&best);
    // Where nobody looked, any candidate will do; if that is not so, the disk as found is best.
    let Some(mut least) = violated_by(&best, &choices, &promises, only) else {
        return best;
    };
    loop {
        let smaller = smaller_choices(&best.case, &choices);
        let found = smaller.into_iter().find_map(|smaller| {
            let violation = violated_by(&least, &smaller, &promises, only)?;
            Some((smaller, violation))
        });
        match found {
            Some((smaller, violation)) => (choices, least) = (smaller, violation),
            None => break,
        }
    }
    best.finding = least.finding;
    (best.kept, best.image, best.recovery) = (least.kept, least.image, least.recovery);
    best
}

fn violated_by<R: Recover>(
    of: &CrashViolation,
    choices: &Choices,
    promises: &[R::Promise],
    only: &Only<'_, R>,
) -> Option<CrashViolation> {
    let disk = LazyDisk::pinned(of.case.clone(), choices);
    let depth = of.recovery_crashes.len() as u32;
    let finding = run(only, &disk, promises, depth).err()?;
    let visit = Visit {
        case: of.case.clone(),
        promises,
        cut: &of.cut,
    };
    let found = violation(finding, &visit, &disk, &of.recovery_crashes);
    Some(*found).filter(|found| found.finding.invariant == only.invariant)
}

/// The candidates that the crash image had, the oldest where nobody looked.
fn first_choices(violation: &CrashViolation) -> Choices {
    let choice = |block: u64, unit: usize| {
        let kept = &violation.kept[&block][unit];
        let versions = violation.case.unit(block, unit);
        let at = versions.iter().position(|v| v.source == kept.source);
        at.filter(|_| kept.is_decided).unwrap_or(0)
    };
    let blocks = violation.case.blocks().iter();
    blocks
        .map(|(&block, units)| (block, (0..units.len()).map(|u| choice(block, u)).collect()))
        .collect()
}

/// Choices that are smaller by one change: a block that is not torn any more or is older, or one of
/// its units that is older.
fn smaller_choices(case: &CrashCase, choices: &Choices) -> Vec<Choices> {
    let size = |block: u64, units: &[usize]| {
        let source = |(unit, &choice): (usize, &usize)| case.unit(block, unit)[choice].source;
        let sources: Vec<_> = units.iter().enumerate().map(source).collect();
        let is_torn = sources.windows(2).any(|pair| pair[0] != pair[1]);
        (is_torn, units.iter().sum::<usize>())
    };
    let mut smaller = Vec::new();
    for (&block, units) in choices {
        let last = |unit: usize| case.unit(block, unit).len() - 1;
        let ranks = 0..=(0..units.len()).map(last).max().unwrap_or(0);
        let whole = ranks.map(|rank| (0..units.len()).map(|u| rank.min(last(u))).collect());
        let part = (0..units.len())
            .filter(|&unit| units[unit] > 0)
            .map(|unit| {
                let mut part = units.clone();
                part[unit] -= 1;
                part
            });
        let options: Vec<Vec<usize>> = whole.chain(part).collect();
        for option in options {
            if size(block, &option) < size(block, units) {
                let mut changed = choices.clone();
                changed.insert(block, option);
                smaller.push(changed);
            }
        }
    }
    smaller
}
