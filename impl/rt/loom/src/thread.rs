//! Tasks.

use crate::switch;
use crate::{Class, Key, Object, Op};
use cutpoint_event::pending::{self, Pending};
use cutpoint_event::{TaskId, What, log};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

static TASK: Class = Class::new("task");
static TOKEN: Class = Class::new("wake-up token");

/// The stack of a task. loom counts it in words of 8 bytes.
const STACK_WORDS: usize = 0x10000;

thread_local! {
    /// Tasks spawned and not yet joined in this execution.
    static UNJOINED: Cell<u32> = const { Cell::new(0) };
    /// Tasks spawned so far.
    static SPAWNED: Cell<u16> = const { Cell::new(0) };
    /// Every task's wake-up token, by number.
    static TOKENS: RefCell<Vec<Option<Rc<Token>>>> = const { RefCell::new(Vec::new()) };
}

struct Token {
    object: Object,
    set: Cell<bool>,
}

/// Forgets the tasks of an earlier execution. Called by the explorer before each one.
pub fn reset() {
    UNJOINED.set(0);
    SPAWNED.set(0);
    TOKENS.with_borrow_mut(Vec::clear);
    switch::reset();
}

/// Whether the running task is the only one, all others having been joined.
pub(crate) fn is_alone() -> bool {
    UNJOINED.get() == 0
}

/// A spawned task.
#[derive(Debug)]
pub struct JoinHandle<T> {
    object: Arc<Object>,
    task: loom::thread::JoinHandle<T>,
}

/// Starts a task with a name.
///
/// # Panics
/// If there are more tasks than loom allows: five, the main task and ended ones included.
pub fn spawn<T, F>(name: &'static str, body: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let me = log::current_task();
    SPAWNED.set(SPAWNED.get() + 1);
    let theirs = TaskId(SPAWNED.get());
    log::name_task(theirs, name);
    let object = Arc::new(Object::new(&TASK, Key::One(u64::from(theirs.0))));
    UNJOINED.set(UNJOINED.get() + 1);
    log::record(What::Op {
        op: Op::Spawn,
        object: object.id(),
    });
    let ended = object.clone();
    let task = loom::thread::Builder::new()
        .name(name.into())
        .stack_size(STACK_WORDS)
        .spawn(move || {
            log::set_current_task(theirs);
            log::record(What::Op {
                op: Op::Begin,
                object: ended.id(),
            });
            let value = body();
            log::record(What::Op {
                op: Op::Exit,
                object: ended.id(),
            });
            value
        })
        .expect("loom has room for another task");
    log::set_current_task(me);
    JoinHandle { object, task }
}

impl<T> JoinHandle<T> {
    /// Waits until the task has ended.
    ///
    /// # Panics
    /// Where the task panicked.
    pub fn join(self) -> T {
        let me = log::current_task();
        pending::set(
            me,
            Pending::Op {
                op: Op::Join,
                object: self.object.id(),
            },
        );
        let value = self.task.join();
        log::set_current_task(me);
        pending::set(me, Pending::Local);
        log::record(What::Op {
            op: Op::Join,
            object: self.object.id(),
        });
        UNJOINED.set(UNJOINED.get() - 1);
        value.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}

/// A handle to a task, to unpark it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread(TaskId);

/// The running task.
pub fn current() -> Thread {
    let me = log::current_task();
    token(me);
    Thread(me)
}

/// Waits for the task's wake-up token and consumes it.
///
/// loom's own `park` is not used: its `unpark` wakes a task from whatever it waits for, a join
/// included, which loom then takes for an error of its own.
pub fn park() {
    if std::thread::panicking() {
        return;
    }
    let me = log::current_task();
    let token = token(me);
    switch::always_op(
        &token.object,
        Op::Park,
        || token.set.get(),
        || token.set.set(false),
    );
}

impl Thread {
    /// Hands the task its wake-up token.
    pub fn unpark(&self) {
        let token = token(self.0);
        switch::always_op(&token.object, Op::Unpark, || true, || token.set.set(true));
    }
}

/// Gives other tasks a chance.
pub fn yield_now() {
    let me = log::current_task();
    loom::thread::yield_now();
    log::set_current_task(me);
}

/// The token of a task. A task's own is made by the task itself, in [`current`], before anyone
/// else can hold its handle.
fn token(task: TaskId) -> Rc<Token> {
    TOKENS.with_borrow_mut(|tokens| {
        let index = usize::from(task.0);
        if tokens.len() <= index {
            tokens.resize_with(index + 1, || None);
        }
        let slot = &mut tokens[index];
        slot.get_or_insert_with(|| {
            let object = Object::new(&TOKEN, Key::One(u64::from(task.0)));
            Rc::new(Token {
                object,
                set: Cell::new(false),
            })
        })
        .clone()
    })
}
