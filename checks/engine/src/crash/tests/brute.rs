//! The definition of a crash state, enumerated without any of the engine's shortcuts.
//!
//! Every consistent cut of every event, every subset of the writes that may be there, every write
//! that can be the last of its sector. Happens-before is a transitive closure over pairs here, so
//! that the clocks are tested too.

use cutpoint_event::{Log, Op, What};
use std::collections::{BTreeMap, BTreeSet};

/// A crash image, as the content of the first blocks.
pub type Image = Vec<Vec<u8>>;

/// A crash image with the acknowledgements that were given.
pub type State = (Image, BTreeSet<usize>);

pub struct Brute<'a> {
    log: &'a Log,
    before: Vec<Vec<bool>>,
}

/// A write with what the definition needs of it.
struct Write {
    event: usize,
    block: u64,
    data: Vec<u8>,
    fua: bool,
    completed: Option<(usize, bool)>,
}

impl Brute<'_> {
    pub fn new(log: &Log) -> Brute<'_> {
        let events = &log.events;
        let mut before = vec![vec![false; events.len()]; events.len()];
        for b in 0..events.len() {
            for a in 0..b {
                before[a][b] = events[a].task == events[b].task
                    || ops_ordered(&events[a].what, &events[b].what)
                    || is_completion(&events[a].what, &events[b].what);
                // A write event belongs to the operation right before it.
                let previous = (0..a).rev().find(|&e| events[e].task == events[a].task);
                if let (What::Write { .. }, Some(op)) = (&events[a].what, previous) {
                    let is_write = |e: usize| {
                        matches!(
                            events[e].what,
                            What::Op {
                                op: Op::DeviceWrite,
                                ..
                            }
                        )
                    };
                    before[a][b] |= is_write(op) && ops_ordered(&events[op].what, &events[b].what);
                }
            }
        }
        for middle in 0..events.len() {
            for a in 0..middle {
                for b in middle + 1..events.len() {
                    before[a][b] |= before[a][middle] && before[middle][b];
                }
            }
        }
        Brute { log, before }
    }

    pub fn reaches(&self, a: usize, b: usize) -> bool {
        a == b || self.before[a][b]
    }

    /// All consistent cuts, as sets of events.
    pub fn cuts(&self) -> BTreeSet<Vec<bool>> {
        let events = self.log.events.len();
        let mut cuts = BTreeSet::from([vec![false; events]]);
        let mut open = vec![vec![false; events]];
        while let Some(cut) = open.pop() {
            for event in 0..events {
                let ready = !cut[event] && (0..event).all(|e| cut[e] || !self.before[e][event]);
                if ready {
                    let mut larger = cut.clone();
                    larger[event] = true;
                    if cuts.insert(larger.clone()) {
                        open.push(larger);
                    }
                }
            }
        }
        cuts
    }

    /// All images of one cut, of a disk that held `base` and tears at `unit`.
    pub fn images(&self, cut: &[bool], base: &Image, unit: usize) -> BTreeSet<Image> {
        let mut images = BTreeSet::from([Vec::new()]);
        for (block, before) in (0..).zip(base) {
            let contents = self.contents(cut, block, before);
            let mut parts = BTreeSet::from([Vec::new()]);
            for start in (0..before.len()).step_by(unit) {
                let choices: BTreeSet<&[u8]> = contents
                    .iter()
                    .map(|data| &data[start..start + unit])
                    .collect();
                parts = product(&parts, choices.iter().map(|part| part.to_vec()));
            }
            let next = |image: &Image| {
                let extended = parts
                    .iter()
                    .map(|data| [&image[..], std::slice::from_ref(data)].concat());
                extended.collect::<Vec<_>>()
            };
            images = images.iter().flat_map(next).collect();
        }
        images
    }

    pub fn acknowledged(&self, cut: &[bool]) -> BTreeSet<usize> {
        let events = self.log.events.iter().enumerate();
        let promised =
            events.filter(|(event, e)| cut[*event] && matches!(e.what, What::Acknowledged { .. }));
        promised.map(|(event, _)| event).collect()
    }

    /// What a block, or a unit of it, can hold: for every subset of the writes that may be there,
    /// with all that must, any that is last.
    fn contents(&self, cut: &[bool], block: u64, before: &[u8]) -> BTreeSet<Vec<u8>> {
        let mut writes = self.writes(cut);
        writes.retain(|write| write.block == block);
        let must: Vec<bool> = writes.iter().map(|write| self.must(cut, write)).collect();
        let mut contents = BTreeSet::new();
        for subset in 0..1u32 << writes.len() {
            let in_subset = |i: usize| subset >> i & 1 == 1;
            if (0..writes.len()).any(|i| must[i] && !in_subset(i)) {
                continue;
            }
            if subset == 0 {
                contents.insert(before.to_vec());
            }
            let kept: Vec<&Write> = (0..writes.len())
                .filter(|&i| in_subset(i))
                .map(|i| &writes[i])
                .collect();
            for write in &kept {
                let is_before = |later: &&Write| {
                    let completed = write.completed;
                    completed.is_some_and(|(completed, _)| self.before[completed][later.event])
                };
                if !kept.iter().any(is_before) {
                    contents.insert(write.data.clone());
                }
            }
        }
        contents
    }

    fn must(&self, cut: &[bool], write: &Write) -> bool {
        let Some((completed, true)) = write.completed else {
            return false;
        };
        let events = &self.log.events;
        let flush = |event: usize, ok: bool| events[event].what == What::Flushed { ok };
        let dropped = |f: usize| {
            let between = |g| self.reaches(completed, g) && self.reaches(g, f);
            (0..cut.len()).any(|g| flush(g, false) && between(g))
        };
        let durable_by =
            |f: usize| cut[f] && flush(f, true) && self.reaches(completed, f) && !dropped(f);
        (write.fua && cut[completed]) || (0..cut.len()).any(durable_by)
    }

    fn writes(&self, cut: &[bool]) -> Vec<Write> {
        let mut writes: BTreeMap<u64, Write> = BTreeMap::new();
        for (event, entry) in self.log.events.iter().enumerate() {
            match &entry.what {
                What::Write {
                    request,
                    block,
                    data,
                    fua,
                } if cut[event] => {
                    let write = Write {
                        event,
                        block: *block,
                        data: data.to_vec(),
                        fua: *fua,
                        completed: None,
                    };
                    writes.insert(*request, write);
                }
                What::Completed { request, ok } => {
                    if let Some(write) = writes.get_mut(request) {
                        write.completed = Some((event, *ok));
                    }
                }
                _ => {}
            }
        }
        writes.into_values().collect()
    }
}

fn product(
    prefixes: &BTreeSet<Vec<u8>>,
    parts: impl Iterator<Item = Vec<u8>> + Clone,
) -> BTreeSet<Vec<u8>> {
    let extend = |prefix: &Vec<u8>| {
        let prefix = prefix.clone();
        parts.clone().map(move |part| [&prefix[..], &part].concat())
    };
    prefixes.iter().flat_map(extend).collect()
}

fn ops_ordered(a: &What, b: &What) -> bool {
    match (a, b) {
        (What::Op { op: a, object: x }, What::Op { op: b, object: y }) => {
            x == y && b.predecessors() >> (*a as u32) & 1 == 1
        }
        _ => false,
    }
}

fn is_completion(a: &What, b: &What) -> bool {
    match (a, b) {
        (What::Write { request: a, .. }, What::Completed { request: b, .. }) => a == b,
        _ => false,
    }
}
