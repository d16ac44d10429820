//! Which cuts of a log to visit, and what the device must and may have kept at each.
//!
//! The argument for visiting one cut per frontier is in the documentation of [`crate::crash`];
//! here it becomes code: [`Persistence`] knows, for every write, which *durability events* make it
//! durable, and [`Persistence::cuts`] hands out cuts.

use super::order::{Order, Position};
use cutpoint_event::{Log, What};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Which cuts to visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CutMode {
    /// None: no power cuts.
    Off,
    /// The largest cut of every durability frontier.
    #[default]
    Frontier,
    /// Every consistent cut that differs in anything but operations on synchronisation objects.
    /// Exponentially many; it exists to test the frontier argument.
    AllCuts,
}

/// A consistent cut of a log: the events that had happened when the power went.
///
/// Events are named by their index in [`Log::events`]; lists of them ascend.
#[derive(Clone, Debug)]
pub struct Cut {
    /// How many events of each task had happened.
    pub prefix: Vec<u32>,
    /// The frontier: the durability events in the cut.
    pub frontier: Vec<usize>,
    /// The writes that are durable at this cut.
    pub must: Vec<usize>,
    /// The writes that were submitted and may have reached the medium, or not.
    pub may: Vec<usize>,
    /// The acknowledgements given: promises that recovery must keep.
    pub acknowledged: Vec<usize>,
    positions: Arc<[Position]>,
}

impl Cut {
    /// Whether an event had happened. False for an index that the log does not have.
    pub fn contains(&self, event: usize) -> bool {
        let position = self.positions.get(event);
        position.is_some_and(|at| at.count <= self.prefix[at.task])
    }
}

/// A log that no device can have produced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A completion names no write, or one that had completed.
    #[error("event {event} completes request {request}, which is not in flight")]
    NotInFlight {
        /// The completion.
        event: usize,
        /// What it names.
        request: u64,
    },
    /// A request's number was used again while it was in flight.
    #[error("event {event} submits request {request}, which is in flight already")]
    InFlightTwice {
        /// The second submission.
        event: usize,
        /// Its number.
        request: u64,
    },
    /// A write is not one block long, or lies beyond the device's end.
    #[error("event {event} writes {bytes} bytes to block {block}: not a block of this device")]
    NotABlock {
        /// The submission.
        event: usize,
        /// The block written.
        block: u64,
        /// The length of its data.
        bytes: usize,
    },
}

/// A write in a log.
#[derive(Clone, Debug)]
pub struct WriteRecord {
    /// Its submission.
    pub event: usize,
    /// The device block.
    pub block: u64,
    /// What it writes.
    pub data: Arc<[u8]>,
    /// Its completion, if it has completed.
    pub completed: Option<usize>,
    /// The durability events each of which makes it durable, without those that another one
    /// happens before.
    pub durable_by: Vec<usize>,
}

/// What a log says about durability.
#[derive(Clone, Debug)]
pub struct Persistence {
    order: Order,
    positions: Arc<[Position]>,
    writes: Vec<WriteRecord>,
    durability: Vec<usize>,
    acknowledged: Vec<usize>,
    observable: Vec<usize>,
    /// Per durability event and task: how much of the task does not need the event.
    without: Vec<Vec<u32>>,
}

/// What the first pass over a log collects.
#[derive(Default)]
struct Requests {
    writes: Vec<WriteRecord>,
    fua: Vec<bool>,
    /// Whether each has completed successfully.
    succeeded: Vec<bool>,
    in_flight: BTreeMap<u64, usize>,
    flushed: Vec<usize>,
    failed_flushes: Vec<usize>,
}

impl Persistence {
    /// Reads a log.
    ///
    /// # Errors
    /// If requests and completions do not match.
    pub fn of(log: &Log) -> Result<Persistence, LogError> {
        let order = Order::of(log);
        let mut requests = Requests::default();
        let (mut acknowledged, mut observable) = (Vec::new(), Vec::new());
        for (index, event) in log.events.iter().enumerate() {
            requests.add(index, &event.what)?;
            if matches!(event.what, What::Acknowledged { .. }) {
                acknowledged.push(index);
            }
            if !matches!(event.what, What::Op { .. } | What::Chosen { .. }) {
                observable.push(index);
            }
        }
        let durability = requests.durability(&order);
        let by_task = events_by_task(&order);
        let without = durability
            .iter()
            .map(|&event| counts_without(&order, &by_task, event))
            .collect();
        Ok(Persistence {
            positions: order.positions().into(),
            order,
            writes: requests.writes,
            durability,
            acknowledged,
            observable,
            without,
        })
    }

    /// The writes, in the order of the log.
    pub fn writes(&self) -> &[WriteRecord] {
        &self.writes
    }

    /// The durability events: successful flushes, and successful completions of FUA writes, that
    /// make a write durable which was not before.
    pub fn durability_events(&self) -> &[usize] {
        &self.durability
    }

    /// Whether event `a` happens before event `b` or is `b`.
    pub fn reaches(&self, a: usize, b: usize) -> bool {
        self.order.reaches(a, b)
    }

    /// Hands the cuts of `mode` to `visit`, each once, until it breaks. A cut comes before the cuts
    /// that contain it.
    pub fn cuts(
        &self,
        mode: CutMode,
        mut visit: impl FnMut(Cut) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match mode {
            CutMode::Off => ControlFlow::Continue(()),
            CutMode::Frontier => self.down_sets(&self.durability, &mut |inside| {
                visit(self.cut(self.largest_without(inside)))
            }),
            CutMode::AllCuts => self.down_sets(&self.observable, &mut |inside| {
                visit(self.cut(self.smallest_with(inside)))
            }),
        }
    }

    /// The cut with all of the log in it.
    pub fn everything(&self) -> Cut {
        self.cut(self.largest_without(&vec![true; self.durability.len()]))
    }

    /// The events that tell cuts apart: all but operations on synchronisation objects and choices.
    pub(super) fn observable(&self) -> &[usize] {
        &self.observable
    }

    /// The smallest cut with these of [`Persistence::observable`].
    pub(super) fn smallest_cut(&self, inside: &[bool]) -> Cut {
        self.cut(self.smallest_with(inside))
    }

    /// The counts of the largest cut without the durability events that are not `inside`.
    fn largest_without(&self, inside: &[bool]) -> Vec<u32> {
        let mut prefix = vec![u32::MAX; self.order.tasks()];
        for (limits, inside) in self.without.iter().zip(inside) {
            if !inside {
                for (prefix, limit) in prefix.iter_mut().zip(limits) {
                    *prefix = (*prefix).min(*limit);
                }
            }
        }
        // Where nothing limits a task, all its events are in the cut.
        let mut totals = vec![0; self.order.tasks()];
        for position in self.positions.iter() {
            totals[position.task] = position.count;
        }
        for (prefix, total) in prefix.iter_mut().zip(totals) {
            *prefix = (*prefix).min(total);
        }
        prefix
    }

    /// The counts of the smallest cut with the observable events that are `inside`.
    fn smallest_with(&self, inside: &[bool]) -> Vec<u32> {
        let mut prefix = vec![0; self.order.tasks()];
        for (event, inside) in self.observable.iter().zip(inside) {
            if *inside {
                for (prefix, count) in prefix.iter_mut().zip(self.order.clock(*event)) {
                    *prefix = (*prefix).max(*count);
                }
            }
        }
        prefix
    }

    fn cut(&self, prefix: Vec<u32>) -> Cut {
        let mut cut = Cut {
            prefix,
            frontier: Vec::new(),
            must: Vec::new(),
            may: Vec::new(),
            acknowledged: Vec::new(),
            positions: self.positions.clone(),
        };
        let inside = |list: &[usize]| -> Vec<usize> {
            let events = list.iter().copied();
            events.filter(|&event| cut.contains(event)).collect()
        };
        let (frontier, acknowledged) = (inside(&self.durability), inside(&self.acknowledged));
        let (mut must, mut may) = (Vec::new(), Vec::new());
        for write in &self.writes {
            if !cut.contains(write.event) {
                continue;
            }
            if write.durable_by.iter().any(|&event| cut.contains(event)) {
                must.push(write.event);
            } else {
                may.push(write.event);
            }
        }
        (cut.frontier, cut.acknowledged) = (frontier, acknowledged);
        (cut.must, cut.may) = (must, may);
        cut
    }

    /// Hands every down-set of `events` (which ascend) to `visit`, each once.
    fn down_sets(
        &self,
        events: &[usize],
        visit: &mut dyn FnMut(&[bool]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut inside = vec![false; events.len()];
        let mut next = 0;
        // A binary counter over the events in log order, which extends happens-before: leave an
        // event out first, then take it in where nothing that it needs is out.
        loop {
            while next < events.len() {
                inside[next] = false;
                next += 1;
            }
            visit(&inside)?;
            loop {
                if next == 0 {
                    return ControlFlow::Continue(());
                }
                next -= 1;
                let needs_missing = || {
                    let earlier = events[..next].iter().zip(&inside);
                    let mut missing = earlier.filter(|(_, inside)| !**inside);
                    missing.any(|(&event, _)| self.order.reaches(event, events[next]))
                };
                if !inside[next] && !needs_missing() {
                    inside[next] = true;
                    next += 1;
                    break;
                }
            }
        }
    }
}

impl Requests {
    fn add(&mut self, event: usize, what: &What) -> Result<(), LogError> {
        match what {
            What::Write {
                request,
                block,
                data,
                fua,
            } => {
                let request = *request;
                if self.in_flight.insert(request, self.writes.len()).is_some() {
                    return Err(LogError::InFlightTwice { event, request });
                }
                self.writes.push(WriteRecord {
                    event,
                    block: *block,
                    data: data.clone(),
                    completed: None,
                    durable_by: Vec::new(),
                });
                self.fua.push(*fua);
                self.succeeded.push(false);
            }
            What::Completed { request, ok } => {
                let request = *request;
                let Some(index) = self.in_flight.remove(&request) else {
                    return Err(LogError::NotInFlight { event, request });
                };
                self.writes[index].completed = Some(event);
                self.succeeded[index] = *ok;
            }
            What::Flushed { ok: true } => self.flushed.push(event),
            What::Flushed { ok: false } => self.failed_flushes.push(event),
            _ => {}
        }
        Ok(())
    }

    /// Fills in what makes each write durable, and returns all durability events.
    fn durability(&mut self, order: &Order) -> Vec<usize> {
        let mut all = Vec::new();
        for (index, write) in self.writes.iter_mut().enumerate() {
            // A write that failed or never completed is not promised by anybody.
            let Some(completed) = write.completed.filter(|_| self.succeeded[index]) else {
                continue;
            };
            let mut makers = Vec::new();
            if self.fua[index] {
                makers.push(completed);
            }
            for &flush in &self.flushed {
                // An event that another one of the list happens before adds nothing. Flushes come
                // in the order of the log, which extends happens-before, so the others are known.
                if !order.reaches(completed, flush)
                    || makers.iter().any(|&maker| order.reaches(maker, flush))
                {
                    continue;
                }
                // What a failed flush found in the cache may be gone, so that a later flush that
                // succeeds has nothing left to make durable.
                let mut failures = self.failed_flushes.iter();
                let dropped = failures.any(|&failed| {
                    order.reaches(completed, failed) && order.reaches(failed, flush)
                });
                if !dropped {
                    makers.push(flush);
                }
            }
            write.durable_by = makers;
            all.extend_from_slice(&write.durable_by);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The events of each task, in order.
fn events_by_task(order: &Order) -> Vec<Vec<usize>> {
    let mut by_task = vec![Vec::new(); order.tasks()];
    for (event, position) in order.positions().iter().enumerate() {
        by_task[position.task].push(event);
    }
    by_task
}

/// Per task, how many of its events come before the first that needs `event`.
fn counts_without(order: &Order, by_task: &[Vec<usize>], event: usize) -> Vec<u32> {
    let count = |events: &Vec<usize>| events.partition_point(|&e| !order.reaches(event, e)) as u32;
    by_task.iter().map(count).collect()
}
