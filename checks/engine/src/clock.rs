//! Vector clocks over the events of one execution.
//!
//! Happens-before is the smallest partial order that contains every task's program order and, per
//! object, every pair of operations that [`Op::predecessors`] relates. Mattern, *Virtual time and
//! global states of distributed systems* (1989); Fidge, *Timestamps in message-passing systems*
//! (1988). Where those keep one clock per message, this keeps, per object and kind of operation,
//! the join of the clocks of all operations of that kind so far: an operation has to join only the
//! few kinds that may precede it, not all history.
//!
//! Everything lies in flat arrays that keep their memory from one execution to the next.

use cutpoint_event::{Log, ObjectId, Op, TaskId, What};

/// For every kind of operation, the kinds that happen before it on the same object, as bits.
pub type Precedence = [u64; Op::COUNT];

/// The declared precedence: that of [`Op::predecessors`].
pub const DECLARED: Precedence = {
    let mut table = [0; Op::COUNT];
    let mut kind = 0;
    while kind < Op::COUNT {
        table[kind] = Op::ALL[kind].predecessors();
        kind += 1;
    }
    table
};

const NO_SLOT: u32 = u32::MAX;

/// Computes happens-before while an execution unfolds, and remembers the clock of every event.
#[derive(Clone, Debug)]
pub struct Clocks {
    precedence: Precedence,
    /// The room of one clock, a power of two no smaller than the number of tasks.
    stride: usize,
    /// The clock of every task's last event; `stride` components each.
    tasks: Vec<u32>,
    /// The kinds seen on each object, as bits.
    seen: Vec<u64>,
    /// Per object and kind, the number of the join in `joins`; valid where `seen` has the bit.
    slots: Vec<u32>,
    /// The joins; `stride` components each.
    joins: Vec<u32>,
    /// The clock of every event; `stride` components each.
    events: Vec<u32>,
}

impl Clocks {
    /// Clocks of an execution in which nothing has happened.
    pub fn new(precedence: Precedence) -> Clocks {
        Clocks {
            precedence,
            stride: 4,
            tasks: Vec::new(),
            seen: Vec::new(),
            slots: Vec::new(),
            joins: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        self.tasks.clear();
        self.seen.clear();
        self.slots.clear();
        self.joins.clear();
        self.events.clear();
    }

    /// The number of events so far.
    pub fn len(&self) -> usize {
        self.events.len() / self.stride
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Makes room for a task, and lets it start where `parent` is now.
    pub fn inherit(&mut self, child: TaskId, parent: TaskId) {
        self.make_room(child);
        self.make_room(parent);
        let (child, parent) = (self.row(child), self.row(parent));
        join(&mut self.tasks, child, parent, self.stride);
    }

    /// An event that orders nothing: it takes its task's clock, advanced by itself. Returns the
    /// event's place in its task, counting from 1.
    pub fn event(&mut self, task: TaskId) -> u32 {
        self.make_room(task);
        let row = self.row(task);
        let own = row + usize::from(task.0);
        self.tasks[own] += 1;
        self.events
            .extend_from_slice(&self.tasks[row..row + self.stride]);
        self.tasks[own]
    }

    /// An operation. Returns the event's place in its task, counting from 1.
    pub fn operation(&mut self, task: TaskId, op: Op, object: ObjectId) -> u32 {
        self.make_room(task);
        let object = place(object);
        if object >= self.seen.len() {
            self.seen.resize(object + 1, 0);
            self.slots.resize((object + 1) * Op::COUNT, NO_SLOT);
        }
        let row = self.row(task);
        let mut before = self.seen[object] & self.precedence[op as usize];
        while before != 0 {
            let kind = before.trailing_zeros() as usize;
            before &= before - 1;
            let slot = self.slots[object * Op::COUNT + kind] as usize * self.stride;
            for component in 0..self.stride {
                let theirs = self.joins[slot + component];
                let ours = &mut self.tasks[row + component];
                *ours = theirs.max(*ours);
            }
        }
        let index = self.event(task);
        self.note(object, op, row);
        index
    }

    /// The clock of a task's last event. Components beyond its length are 0.
    pub fn now(&self, task: TaskId) -> &[u32] {
        let row = self.row(task);
        self.tasks.get(row..row + self.stride).unwrap_or(&[])
    }

    /// The clock of the event with this number, counting all tasks' events from 0.
    ///
    /// # Panics
    /// If there is no such event.
    #[inline]
    pub fn of(&self, event: usize) -> &[u32] {
        &self.events[event * self.stride..(event + 1) * self.stride]
    }

    fn row(&self, task: TaskId) -> usize {
        usize::from(task.0) * self.stride
    }

    /// Adds the task's clock to the join of `op` on `object`.
    fn note(&mut self, object: usize, op: Op, row: usize) {
        let slot = object * Op::COUNT + op as usize;
        if self.seen[object] & (1 << op as usize) == 0 {
            self.seen[object] |= 1 << op as usize;
            self.slots[slot] = (self.joins.len() / self.stride) as u32;
            self.joins
                .extend_from_slice(&self.tasks[row..row + self.stride]);
            return;
        }
        let at = self.slots[slot] as usize * self.stride;
        for component in 0..self.stride {
            let join = &mut self.joins[at + component];
            *join = self.tasks[row + component].max(*join);
        }
    }

    fn make_room(&mut self, task: TaskId) {
        let task = usize::from(task.0);
        if task >= self.stride {
            let stride = (task + 1).next_power_of_two();
            for array in [&mut self.tasks, &mut self.joins, &mut self.events] {
                *array = widened(array, self.stride, stride);
            }
            self.stride = stride;
        }
        if self.tasks.len() < (task + 1) * self.stride {
            self.tasks.resize((task + 1) * self.stride, 0);
        }
    }
}

/// Where an object's arrays begin. Objects that were created while nothing was recorded all have
/// the largest number; they share the first place.
pub(crate) fn place(object: ObjectId) -> usize {
    object.0.wrapping_add(1) as usize
}

/// Joins the clock at `from` into the one at `into`.
fn join(clocks: &mut [u32], into: usize, from: usize, stride: usize) {
    for component in 0..stride {
        let theirs = clocks[from + component];
        let ours = &mut clocks[into + component];
        *ours = theirs.max(*ours);
    }
}

fn widened(clocks: &[u32], from: usize, to: usize) -> Vec<u32> {
    let mut wide = vec![0; clocks.len() / from * to];
    for (old, new) in clocks.chunks(from).zip(wide.chunks_mut(to)) {
        new[..from].copy_from_slice(old);
    }
    wide
}

/// The clocks of every event of a finished execution.
#[derive(Clone, Debug)]
pub struct EventClocks {
    clocks: Clocks,
    tasks: Vec<TaskId>,
}

/// The clocks of every event of a log: operations, and the steps and device events between them,
/// which take their task's clock and order nothing.
pub fn clocks_of(log: &Log) -> EventClocks {
    let mut clocks = Clocks::new(DECLARED);
    for event in &log.events {
        match event.what {
            What::Op { op, object } => clocks.operation(event.task, op, object),
            _ => clocks.event(event.task),
        };
    }
    EventClocks {
        clocks,
        tasks: log.events.iter().map(|event| event.task).collect(),
    }
}

impl EventClocks {
    /// The clock of an event: how many events of each task happened before it, itself included.
    ///
    /// # Panics
    /// If the log has no such event.
    pub fn of(&self, event: usize) -> &[u32] {
        self.clocks.of(event)
    }

    /// The event's place among the events of its task, counting from 1.
    ///
    /// # Panics
    /// If the log has no such event.
    pub fn index(&self, event: usize) -> u32 {
        self.of(event)[usize::from(self.tasks[event].0)]
    }

    /// Whether event `a` happens before event `b`. No event happens before itself.
    ///
    /// # Panics
    /// If the log lacks one of them.
    pub fn happens_before(&self, a: usize, b: usize) -> bool {
        a != b && self.of(b)[usize::from(self.tasks[a].0)] >= self.index(a)
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether the log has no event.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
