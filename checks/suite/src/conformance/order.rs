//! What an execution shows of the model, as a partial order.
//!
//! Executions of one Mazurkiewicz trace differ in the order of turns that commute. What they show
//! of the model is ordered as far as the turns are that show it: a turn is an operation, with what
//! its task does until its next one. Every order of turns that respects happens-before is an
//! execution of the code, and has a schedule. What the main task does before it starts another is
//! a turn too, though nobody decided it.

use super::Labels;
use cutpoint::clock::clocks_of;
use cutpoint::explore::Decision;
use cutpoint_event::{Log, Op, TaskId, What};

/// The most tasks of a scenario, and the most that one task may show.
const TASKS_MAX: usize = 8;
const SHOWN_MAX: usize = 255;

/// Something that a task shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    /// The number of the label.
    pub label: u32,
    /// Whether it is the first that its turn shows: others may come before, but not between it and
    /// the rest of its turn.
    pub begins: bool,
    /// How much of what each task shows must come before.
    needs: Vec<u8>,
}

/// What the tasks show, in order, and what of it comes before what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    tasks: Vec<Vec<Shown>>,
}

/// How much each task has shown: a byte for each.
pub(super) type Cut = u64;

impl Order {
    /// What comes next after a cut: the tasks that may go on, and what they show.
    pub fn next(&self, cut: Cut) -> impl Iterator<Item = (usize, &Shown)> {
        let next = move |task: usize| Some((task, self.tasks[task].get(count(cut, task))?));
        let all = move || (0..self.tasks.len()).filter_map(next);
        let within = all().find(|(_, shown)| !shown.begins).map(|(task, _)| task);
        all().filter(move |(task, shown)| match within {
            Some(within) => *task == within,
            None => {
                let mut needs = shown.needs.iter().enumerate();
                needs.all(|(of, needed)| usize::from(*needed) <= count(cut, of))
            }
        })
    }

    /// Whether a turn has ended with a cut, so that others than before may go on.
    pub fn is_at_rest(&self, cut: Cut) -> bool {
        let next = (0..self.tasks.len()).filter_map(|task| self.tasks[task].get(count(cut, task)));
        let mut next = next.peekable();
        next.peek().is_some() && next.all(|shown| shown.begins)
    }

    /// The label that a task shows next after a cut.
    pub fn label(&self, cut: Cut, task: usize) -> u32 {
        self.tasks[task][count(cut, task)].label
    }

    /// Whether what a task shows next after a cut begins a turn.
    pub fn begins(&self, cut: Cut, task: usize) -> bool {
        self.tasks[task][count(cut, task)].begins
    }
}

/// The cut after a task has gone on.
pub(super) fn after(cut: Cut, task: usize) -> Cut {
    cut + (1 << (8 * task))
}

fn count(cut: Cut, task: usize) -> usize {
    usize::from(cut.to_le_bytes()[task])
}

/// A turn of a recorded execution.
struct Turn {
    task: usize,
    /// How many events of each task happen before it.
    before: Vec<u32>,
    /// The number of its first event among its task's.
    index: u32,
    /// What was chosen in it.
    choices: Vec<Decision>,
    /// Whether it shows something.
    shows: bool,
}

/// A recorded execution, to be run again in another order.
pub(super) struct Recorded {
    turns: Vec<Turn>,
}

impl Recorded {
    /// Reads an execution.
    ///
    /// # Panics
    /// If the schedule is not that of the log, or the scenario is larger than scenarios are.
    pub fn of(log: &Log, schedule: &[Decision], labels: &Labels) -> (Order, Recorded) {
        assert!(log.tasks.len() <= TASKS_MAX, "a scenario has few tasks");
        let clocks = clocks_of(log);
        let clock_of = |at: usize| clocks.of(at).iter().copied().take(log.tasks.len());
        let mut turns: Vec<Turn> = Vec::new();
        // The turn of each task so far, and of each event.
        let mut current: Vec<Option<usize>> = vec![None; log.tasks.len()];
        let mut of_event = Vec::with_capacity(log.events.len());
        let begins = begins(log);
        for (at, event) in log.events.iter().enumerate() {
            let task = usize::from(event.task.0);
            if begins[at] {
                current[task] = Some(turns.len());
                turns.push(Turn {
                    task,
                    before: clock_of(at).collect(),
                    index: clocks.index(at),
                    choices: Vec::new(),
                    shows: false,
                });
            }
            of_event.push(current[task]);
        }
        add_choices(&mut turns, schedule);
        let order = order(&mut turns, &of_event, labels, log.tasks.len());
        (order, Recorded { turns })
    }

    /// The schedule in which turns that show something come in this order of their tasks. Others
    /// come as late as they may.
    ///
    /// # Panics
    /// If the order is not one of this execution.
    pub fn schedule(&self, tasks: &[usize]) -> Vec<Decision> {
        let mut schedule = Vec::new();
        let mut is_done = vec![false; self.turns.len()];
        let mut take = |at: usize, is_done: &mut Vec<bool>| {
            let turn = &self.turns[at];
            is_done[at] = true;
            if at > 0 {
                schedule.push(Decision::Task(TaskId(turn.task as u16)));
            }
            schedule.extend(turn.choices.iter().copied());
        };
        for task in tasks {
            let shows = |at: &usize| {
                let turn = &self.turns[*at];
                turn.task == *task && turn.shows && !is_done[*at]
            };
            let wanted = (0..self.turns.len()).find(shows);
            let wanted = wanted.expect("the task shows something more");
            let before = &self.turns[wanted].before;
            for at in 0..=wanted {
                let turn = &self.turns[at];
                if !is_done[at] && turn.index <= before[turn.task] {
                    assert!(at == wanted || !turn.shows, "the order is one of this");
                    take(at, &mut is_done);
                }
            }
        }
        for at in 0..self.turns.len() {
            if !is_done[at] {
                take(at, &mut is_done);
            }
        }
        schedule
    }
}

/// For each event of a log, whether a turn begins with it: the first one, and operations that the
/// scheduler decided. It decides none while there is one task only, nor that a task begins.
fn begins(log: &Log) -> Vec<bool> {
    let mut running = 0_u32;
    let mut begins = Vec::with_capacity(log.events.len());
    for event in &log.events {
        let op = match event.what {
            What::Op { op, .. } => Some(op),
            _ => None,
        };
        let is_decided = running > 0 && !matches!(op, None | Some(Op::Spawn | Op::Begin));
        begins.push(begins.is_empty() || is_decided);
        match op {
            Some(Op::Spawn) => running += 1,
            Some(Op::Join) => running -= 1,
            _ => {}
        }
    }
    begins
}

/// For what each label shows, whether somebody else could have gone on before it. After the last
/// one nobody is left.
pub(super) fn rests(log: &Log, labels: &Labels) -> Vec<bool> {
    let begins = begins(log);
    let mut from = 0;
    let rests = labels.iter().map(|(event, _)| {
        let since = from..=*event;
        from = event + 1;
        begins[since].iter().any(|begins| *begins)
    });
    rests.collect()
}

/// Gives each turn what was chosen in it.
fn add_choices(turns: &mut [Turn], schedule: &[Decision]) {
    let mut number = 0;
    for decision in schedule {
        match decision {
            Decision::Task(task) => {
                number += 1;
                let turn = turns.get(number).map(|turn| turn.task);
                assert_eq!(turn, Some(usize::from(task.0)), "turn {number} is decided");
            }
            Decision::Choice { .. } => turns[number].choices.push(*decision),
        }
    }
    assert_eq!(number + 1, turns.len(), "each turn was decided");
}

/// The order of what is shown.
fn order(turns: &mut [Turn], of_event: &[Option<usize>], labels: &Labels, tasks: usize) -> Order {
    let mut order = Order {
        tasks: vec![Vec::new(); tasks],
    };
    // For each task, the first events of the turns of what it has shown.
    let mut indices: Vec<Vec<u32>> = vec![Vec::new(); tasks];
    for (event, label) in labels {
        let turn = of_event[*event].expect("a task shows nothing before its first turn");
        let turn = &mut turns[turn];
        let begins = !std::mem::replace(&mut turn.shows, true);
        let mut needs = vec![0; tasks];
        if begins {
            for (of, needed) in needs.iter_mut().enumerate() {
                let is_before = |index: &&u32| **index <= turn.before[of];
                let number = indices[of].iter().filter(is_before).count();
                *needed = u8::try_from(number).expect("a task shows little");
            }
        }
        let shown = &mut order.tasks[turn.task];
        assert!(shown.len() < SHOWN_MAX, "a task shows little");
        shown.push(Shown {
            label: *label,
            begins,
            needs,
        });
        indices[turn.task].push(turn.index);
    }
    order
}
