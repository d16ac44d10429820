//! The happens-before order of some of the events, reduced to its immediate edges.
//!
//! The vector clocks hold the order already, so no graph search is needed: an event's candidates
//! are each other task's newest event that it knows of, and a candidate goes if another one knows
//! it too. What stays, with the order within each task, is the transitive reduction of the order
//! among the events that were picked.

use crate::format::Event;

/// The order among the picked events of a validated log.
pub(crate) struct Order<'a> {
    events: &'a [Event],
    /// For each task and each `n`, the newest picked event among the task's first `n`.
    newest: Vec<Vec<Option<usize>>>,
}

impl<'a> Order<'a> {
    /// The order among the events that `picked` accepts by index.
    pub(crate) fn new(
        events: &'a [Event],
        tasks: usize,
        picked: impl Fn(usize) -> bool,
    ) -> Order<'a> {
        let mut newest = vec![vec![None]; tasks];
        for (index, event) in events.iter().enumerate() {
            let of_task = &mut newest[event.task as usize];
            let before = of_task[of_task.len() - 1];
            of_task.push(if picked(index) { Some(index) } else { before });
        }
        Order { events, newest }
    }

    /// The newest picked event among the first `count` of `task`.
    pub(crate) fn newest(&self, task: usize, count: u32) -> Option<usize> {
        self.newest[task].get(count as usize).copied().flatten()
    }

    /// The last picked event of `task`.
    pub(crate) fn last(&self, task: usize) -> Option<usize> {
        self.newest[task].last().copied().flatten()
    }

    /// The newest picked event of the same task before the event at `index`.
    pub(crate) fn previous(&self, index: usize) -> Option<usize> {
        let event = &self.events[index];
        let task = event.task as usize;
        self.newest(task, event.clock[task] - 1)
    }

    /// The picked events of other tasks that immediately precede the event at `index`, which need
    /// not be picked itself. Ordered by task.
    pub(crate) fn other_tasks_before(&self, index: usize) -> Vec<usize> {
        let event = &self.events[index];
        let previous = self.previous(index).map(|p| &self.events[p].clock);
        let candidates: Vec<usize> = (0..event.clock.len())
            .filter(|&task| task != event.task as usize)
            .filter_map(|task| self.newest(task, event.clock[task]))
            .filter(|&from| previous.is_none_or(|clock| !self.knows(clock, from)))
            .collect();
        let implied = |from: usize| {
            let others = candidates.iter().filter(|&&other| other != from);
            others
                .copied()
                .any(|other| self.knows(&self.events[other].clock, from))
        };
        candidates
            .iter()
            .copied()
            .filter(|&from| !implied(from))
            .collect()
    }

    fn knows(&self, clock: &[u32], index: usize) -> bool {
        let task = self.events[index].task as usize;
        clock[task] >= self.events[index].clock[task]
    }
}
