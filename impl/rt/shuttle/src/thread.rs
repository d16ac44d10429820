//! Tasks.
//!
//! Ends and joins are announced operations, so a join costs the explorer nothing: it is simply not
//! enabled before the joined task has ended.

use crate::switch::{self, Abandoned};
use crate::sync::LeafMutex;
use crate::{Class, Key, Object, Op};
use cutpoint_event::pending::{self, Pending};
use cutpoint_event::{TaskId, log};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

static TASK: Class = Class::new("task");
static TOKEN: Class = Class::new("wake-up token");

thread_local! {
    /// Tasks spawned and not yet joined in this execution.
    static UNJOINED: Cell<u32> = const { Cell::new(0) };
    /// Tasks spawned so far in this execution.
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
}

/// Whether the running task is the only one: all others have been joined, and none was started
/// behind the façade's back.
pub(crate) fn is_alone() -> bool {
    UNJOINED.get() == 0 && !switch::exists(TaskId(SPAWNED.get() + 1))
}

/// How a task ended.
type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// A spawned task.
#[derive(Debug)]
pub struct JoinHandle<T> {
    ended: Arc<Ended<T>>,
    // Kept so that shuttle counts the task as attached.
    _task: shuttle::thread::JoinHandle<()>,
}

#[derive(Debug)]
struct Ended<T> {
    object: Object,
    outcome: LeafMutex<Option<Outcome<T>>>,
    has_ended: std::sync::atomic::AtomicBool,
}

/// Starts a task with a name.
pub fn spawn<T, F>(name: &'static str, body: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    switch::unwind_if_abandoned();
    SPAWNED.set(SPAWNED.get() + 1);
    let ended = Arc::new(Ended {
        object: Object::new(&TASK, Key::One(u64::from(SPAWNED.get()))),
        outcome: LeafMutex::new(None),
        has_ended: std::sync::atomic::AtomicBool::new(false),
    });
    UNJOINED.set(UNJOINED.get() + 1);
    log::record(cutpoint_event::What::Op {
        op: Op::Spawn,
        object: ended.object.id(),
    });
    let theirs = ended.clone();
    let task = switch::local(|| {
        shuttle::thread::spawn(move || {
            let me = switch::running_task();
            log::set_current_task(me);
            log::name_task(me, name);
            run(&theirs, body);
            pending::set(me, Pending::Local);
        })
    });
    switch::unwind_if_abandoned();
    JoinHandle { ended, _task: task }
}

fn run<T>(ended: &Ended<T>, body: impl FnOnce() -> T) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        switch::unwind_if_abandoned();
        log::record(cutpoint_event::What::Op {
            op: Op::Begin,
            object: ended.object.id(),
        });
        let value = body();
        switch::always_op(&ended.object, Op::Exit, || true, || ());
        value
    }));
    if let Err(payload) = &outcome
        && !payload.is::<Abandoned>()
    {
        log::finding("panic", "no panic".into(), panic_text(payload.as_ref()));
        pending::abandon();
    }
    ended.outcome.with(|slot| *slot = Some(outcome));
    ended
        .has_ended
        .store(true, std::sync::atomic::Ordering::SeqCst);
}

/// What a panic said.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).into()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".into()
    }
}

impl<T> JoinHandle<T> {
    /// Waits until the task has ended.
    ///
    /// # Panics
    /// Where the task panicked, with its payload.
    pub fn join(self) -> T {
        let ended = &self.ended;
        let has_ended = || ended.has_ended.load(std::sync::atomic::Ordering::SeqCst);
        switch::always_op(&ended.object, Op::Join, has_ended, || ());
        UNJOINED.set(UNJOINED.get() - 1);
        match ended.outcome.with(Option::take) {
            Some(Ok(value)) => value,
            Some(Err(payload)) => std::panic::resume_unwind(payload),
            None => unreachable!("a join is enabled only when the task has ended"),
        }
    }
}

/// A handle to a task, to unpark it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread(TaskId);

/// The running task.
pub fn current() -> Thread {
    Thread(log::current_task())
}

/// Waits for the task's wake-up token and consumes it.
pub fn park() {
    if std::thread::panicking() {
        return;
    }
    let token = token(log::current_task());
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

/// Gives other tasks a chance. To the explorer it is nothing that anyone could notice.
pub fn yield_now() {
    switch::point(Pending::Local, &|| true);
}

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
