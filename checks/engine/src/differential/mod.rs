//! The explorer's own oracle: DPOR against explorers that are too simple to be wrong, and against
//! one that shares no code with it.
//!
//! A reduction that leaves too much out finds nothing and says so with confidence, and the mistakes
//! are subtle: two that lost traces in silence are kept as [`Mistake`]s. So programs are generated
//! over every primitive, and on each of them
//!
//! - DPOR's set of Mazurkiewicz traces must equal that of brute force ([`naive`]), and that of
//!   shuttle's own depth-first search where that finishes ([`against_enumeration`]);
//! - loom must see no trace that DPOR lacks ([`against_loom`]), on the programs that loom can run.
//!   At lock granularity there is no weak memory, and traces of both runtimes have the same hashes.
//!
//! McKeeman, *Differential testing for software* (Digital Technical Journal 10, 1998).

mod on_loom;
mod on_shuttle;
mod program;

pub use on_shuttle::body;
pub use program::{Instruction, Numbers, Program};

use crate::explore::dpor::{self, Mistake};
use crate::explore::random::{self, Method};
use crate::explore::{Execution, Explored, Options, StoppedBy, loom, naive};
use crate::trace_hash::TraceHasher;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

/// Which programs to compare on, and how.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where the generator starts.
    pub seed: u64,
    /// How many programs.
    pub programs: u64,
    /// The most interleavings of a program, by an upper estimate.
    pub interleavings_max: f64,
    /// The most executions of shuttle's depth-first search, or of loom, on one program.
    pub executions_max: u64,
    /// What is wrong with DPOR.
    pub mistake: Mistake,
}

impl Settings {
    /// So many programs with up to 1,000 interleavings each.
    pub fn new(programs: u64) -> Settings {
        Settings {
            seed: 1,
            programs,
            interleavings_max: 1_000.0,
            executions_max: 2_000,
            mistake: Mistake::None,
        }
    }
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Programs generated.
    pub programs: u64,
    /// Programs on which the judge had its say: shuttle's depth-first search came to its end, or
    /// loom could run the program.
    pub judged: u64,
    /// Programs that use plain shuttle types, so that DPOR runs every order of turns.
    pub plain: u64,
    /// Programs on which a task can wait for ever.
    pub deadlocks: u64,
    /// Distinct traces, by DPOR, of the programs that use no plain shuttle types.
    pub traces: u64,
    /// Executions of DPOR for those.
    pub executions: u64,
    /// Executions of those that it was compared with.
    pub judges_executions: u64,
}

/// A program on which two explorers disagree.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The program's number among the generated ones, counting from 0.
    pub number: u64,
    /// The program.
    pub program: Program,
    /// With whom DPOR disagrees.
    pub judge: &'static str,
    /// What they disagree on.
    pub why: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "program {}: DPOR and {} disagree: {}; {:?}",
            self.number, self.judge, self.why, self.program
        )
    }
}

/// Compares with brute force, and with shuttle's depth-first search as far as that finishes.
///
/// # Errors
/// The first program on which they disagree.
pub fn against_enumeration(settings: &Settings) -> Result<Tally, Box<Disagreement>> {
    let mut tally = Tally::default();
    for_each(settings, |number, program| {
        let (dpor, reduced) = dpor_traces(settings.mistake, program);
        let (naive, all) = naive_traces(program);
        let disagreement = |judge, why| disagreement(number, program, judge, why);
        tally.count(&dpor);
        tally.judges_executions += naive.executions;
        if let Some(why) = difference(&all, &reduced) {
            return Err(disagreement("brute force", why));
        }
        let claims = (dpor.complete, dpor.traces_distinct, dpor.finding.is_some());
        let facts = (true, Some(all.len() as u64), naive.finding.is_some());
        if claims != facts || !naive.complete {
            let why = format!("it claims {claims:?}, and {facts:?} is the case");
            return Err(disagreement("brute force", why));
        }
        let (searched, found) = depth_first_traces(settings.executions_max, program);
        tally.judges_executions += searched.executions;
        match searched.stopped_by {
            StoppedBy::Exhaustion => {
                tally.judged += 1;
                match difference(&found, &reduced) {
                    Some(why) => Err(disagreement("shuttle's depth-first search", why)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    })?;
    Ok(tally)
}

/// Compares with loom, on the programs that it can run and that no task waits for ever in. All of
/// DPOR's work is done before loom's: shuttle must have run before loom in one process.
///
/// # Errors
/// The first program on which they disagree.
pub fn against_loom(settings: &Settings) -> Result<Tally, Box<Disagreement>> {
    let mut tally = Tally::default();
    let mut judged = Vec::new();
    for_each(settings, |number, program| {
        if program.is_for_loom() {
            let (dpor, reduced) = dpor_traces(settings.mistake, program);
            tally.count(&dpor);
            if dpor.finding.is_none() {
                judged.push((number, program.clone(), reduced));
            }
        } else {
            tally.programs += 1;
        }
        Ok(())
    })?;
    tally.judged = judged.len() as u64;
    for (number, program, reduced) in judged {
        let (explored, found) = loom_traces(settings.executions_max, &program);
        tally.judges_executions += explored.executions;
        let why = match explored.finding {
            Some(found) => Some(format!("it finds {:?}", found.findings)),
            None if explored.complete => difference(&found, &reduced),
            None => (!found.is_subset(&reduced)).then(|| "it sees more traces".into()),
        };
        if let Some(why) = why {
            return Err(disagreement(number, &program, "loom", why));
        }
    }
    Ok(tally)
}

/// Generates the programs of the settings, one after another.
fn for_each(
    settings: &Settings,
    mut compare: impl FnMut(u64, &Program) -> Result<(), Box<Disagreement>>,
) -> Result<(), Box<Disagreement>> {
    let mut numbers = Numbers(settings.seed);
    for number in 0..settings.programs {
        let program = Program::generate(&mut numbers, settings.interleavings_max);
        compare(number, &program)?;
    }
    Ok(())
}

fn disagreement(
    number: u64,
    program: &Program,
    judge: &'static str,
    why: String,
) -> Box<Disagreement> {
    Box::new(Disagreement {
        number,
        program: program.clone(),
        judge,
        why,
    })
}

impl Tally {
    fn count(&mut self, dpor: &Explored) {
        self.programs += 1;
        self.deadlocks += u64::from(dpor.finding.is_some());
        if dpor.plain_types {
            self.plain += 1;
        } else {
            self.traces += dpor.traces_distinct.unwrap_or(0);
            self.executions += dpor.executions;
        }
    }
}

/// How a judge's set of traces differs from DPOR's, if it does.
fn difference(judge: &BTreeSet<u128>, dpor: &BTreeSet<u128>) -> Option<String> {
    let missing = judge.difference(dpor).count();
    let invented = dpor.difference(judge).count();
    (missing + invented > 0).then(|| {
        let all = judge.len();
        format!("of {all} traces DPOR lacks {missing}, and it has {invented} others")
    })
}

fn options(executions: Option<u64>) -> Options {
    Options {
        executions,
        past_findings: true,
        ..Options::default()
    }
}

/// The traces that an explorer shows to its observer.
fn gather(
    explore: impl FnOnce(&mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>) -> Explored,
) -> (Explored, BTreeSet<u128>) {
    let mut traces = BTreeSet::new();
    let mut hasher = TraceHasher::default();
    let explored = explore(&mut |execution| {
        traces.insert(hasher.hash(execution.log));
        ControlFlow::Continue(())
    });
    (explored, traces)
}

/// The traces of a program by DPOR, perhaps with a mistake; those that end in a deadlock, too.
pub fn dpor_traces(mistake: Mistake, program: &Program) -> (Explored, BTreeSet<u128>) {
    let body = on_shuttle::body(program);
    gather(|observe| dpor::explore_with(mistake, &options(None), move || body(), observe))
}

/// The traces of a program by brute force; those that end in a deadlock, too.
pub fn naive_traces(program: &Program) -> (Explored, BTreeSet<u128>) {
    let body = on_shuttle::body(program);
    gather(|observe| naive::explore(&options(None), move || body(), observe))
}

fn depth_first_traces(executions: u64, program: &Program) -> (Explored, BTreeSet<u128>) {
    let body = on_shuttle::body(program);
    let options = options(Some(executions));
    let method = Method::DepthFirst;
    gather(|observe| random::explore(method, &options, move || body(), observe))
}

fn loom_traces(executions: u64, program: &Program) -> (Explored, BTreeSet<u128>) {
    let body = on_loom::body(program);
    let options = options(Some(executions));
    gather(|observe| loom::explore(None, &options, move || body(), observe))
}
