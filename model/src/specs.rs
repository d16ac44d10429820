//! The models by name, for those who know none of them: a command line, a gate, an exporter.
//!
//! A model's states and actions are types of its own. Here they become named values and texts, so
//! that one program can check, print and export every model.

use crate::check::{self, Outcome, Progress, Representative, Specification, Verdict};
use crate::dio_extension::{self, DioExtension};
use crate::invariants::Invariant;
use crate::journal::{self, Journal};
use crate::lock_order::{self, Design, LockOrder};
use crate::readable::Readable;
use crate::rule::{Rule, Rules};
use crate::short_write_punch::{self, ShortWritePunch};
use crate::step::Named;
use crate::writeback_truncate::{self, WritebackTruncate};
use stateright::Model;
use std::fmt::{Debug, Display};
use std::net::SocketAddr;

/// How large a configuration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// Seconds. Searched breadth first.
    #[default]
    Default,
    /// More than a million states, minutes. Searched depth first, with symmetry where the model
    /// has one.
    Wide,
}

impl Size {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Wide => "wide",
        }
    }
}

/// What to check.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The rules to switch off. Without any, all are in force.
    pub without: Vec<Rule>,
    /// The size of the configuration.
    pub size: Size,
}

impl Request {
    fn rules(&self) -> Rules {
        Rules::without(self.without.iter().copied())
    }
}

/// A state as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its named values.
    pub variables: Vec<(&'static str, String)>,
}

/// A step of a counterexample as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Who took it.
    pub actor: String,
    /// Its name.
    pub step: &'static str,
    /// The place that it concerned, if it concerned one.
    pub place: Option<String>,
    /// All of that in one line.
    pub text: String,
    /// The state after it.
    pub after: Shown,
}

/// A counterexample as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The violated invariant.
    pub invariant: Invariant,
    /// The state before the first step.
    pub before: Shown,
    /// The steps.
    pub steps: Vec<Taken>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The shortest counterexample, if an invariant is violated.
    pub violated: Option<Found>,
    /// Situations that were never reached, if none is violated.
    pub unreached: Vec<&'static str>,
    /// The size of the search.
    pub explored: Progress,
}

type Check = fn(&Request, &mut dyn FnMut(Progress)) -> Report;

/// A model.
pub struct Spec {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// The rules that it needs.
    pub rules: &'static [Rule],
    check: Check,
    explore: fn(&Request, SocketAddr),
}

impl Spec {
    /// Checks the model. `progress` is called now and then.
    pub fn check(&self, request: &Request, progress: &mut dyn FnMut(Progress)) -> Report {
        (self.check)(request, progress)
    }

    /// Serves stateright's explorer of the model at `address`, for ever.
    ///
    /// # Panics
    ///
    /// If nothing can be served at that address.
    pub fn explore(&self, request: &Request, address: SocketAddr) {
        (self.explore)(request, address);
    }
}

/// The models.
pub static SPECS: &[Spec] = &[
    Spec {
        name: "writeback_truncate",
        about: "writeback of delayed blocks against truncate and append, with commits, a power cut \
                and recovery",
        rules: writeback_truncate::RULES,
        check: |request, progress| check(&writeback_truncate(request), request, None, progress),
        explore: |request, address| explore(writeback_truncate(request), address),
    },
    Spec {
        name: "short_write_punch",
        about: "a write that copies less than it reserved for against a page fault, writeback and \
                reclaim",
        rules: short_write_punch::RULES,
        check: |request, progress| check(&short_write_punch(request), request, None, progress),
        explore: |request, address| explore(short_write_punch(request), address),
    },
    Spec {
        name: "dio_extension",
        about: "direct writes that extend a file against writeback, truncate and each other, with \
                commits, a power cut and recovery",
        rules: dio_extension::RULES,
        check: |request, progress| check(&dio_extension(request), request, None, progress),
        explore: |request, address| explore(dio_extension(request), address),
    },
    Spec {
        name: "journal",
        about: "handles, commit, checkpoint, revoke, and recovery with power cuts inside it, on a \
                device with a volatile cache",
        rules: journal::RULES,
        check: |request, progress| {
            let symmetry: Representative<_> = journal::representative;
            check(&journal(request), request, Some(symmetry), progress)
        },
        explore: |request, address| explore(journal(request), address),
    },
    Spec {
        name: "lock_order",
        about: "what each path locks and waits for, in the iomap design",
        rules: lock_order::RULES,
        check: |request, progress| {
            let model = lock_order(Design::Iomap, request);
            check(&model, request, None, progress)
        },
        explore: |request, address| explore(lock_order(Design::Iomap, request), address),
    },
    Spec {
        name: "lock_order_bh",
        about: "what each path locks and waits for, in the buffer_head design",
        rules: lock_order::BUFFER_HEAD_RULES,
        check: |request, progress| {
            let model = lock_order(Design::BufferHead, request);
            check(&model, request, None, progress)
        },
        explore: |request, address| explore(lock_order(Design::BufferHead, request), address),
    },
];

/// The configuration that needs the first rule which is switched off, or the one of the size that
/// was asked for if there is none.
fn sized<C>(request: &Request, default: C, wide: C, without: impl Fn(Rule) -> C) -> C {
    match (request.size, request.without.first()) {
        (Size::Wide, _) => wide,
        (Size::Default, Some(rule)) => without(*rule),
        (Size::Default, None) => default,
    }
}

fn writeback_truncate(request: &Request) -> WritebackTruncate {
    use writeback_truncate::Config;
    let config = sized(request, Config::default(), Config::wide(), |_| {
        Config::default()
    });
    WritebackTruncate::new(Config {
        rules: request.rules(),
        ..config
    })
}

fn short_write_punch(request: &Request) -> ShortWritePunch {
    use short_write_punch::Config;
    let config = sized(request, Config::default(), Config::wide(), Config::without);
    ShortWritePunch::new(Config {
        rules: request.rules(),
        ..config
    })
}

fn dio_extension(request: &Request) -> DioExtension {
    use dio_extension::Config;
    let config = sized(request, Config::default(), Config::wide(), Config::without);
    DioExtension::new(Config {
        rules: request.rules(),
        ..config
    })
}

fn journal(request: &Request) -> Journal {
    use journal::Config;
    let config = sized(request, Config::default(), Config::wide(), Config::without);
    Journal::new(Config {
        rules: request.rules(),
        ..config
    })
}

fn lock_order(design: Design, request: &Request) -> LockOrder {
    use lock_order::Config;
    let without = |rule| Config::without(design, rule);
    let config = sized(request, Config::of(design), Config::wide(design), without);
    LockOrder::new(Config {
        rules: request.rules(),
        ..config
    })
}

fn check<M>(
    model: &M,
    request: &Request,
    symmetry: Option<Representative<M::State>>,
    progress: &mut dyn FnMut(Progress),
) -> Report
where
    M: Specification,
    M::State: Readable,
    M::Action: Named + Display,
{
    let outcome = match request.size {
        Size::Default => check::check(model, progress),
        Size::Wide => check::check_large(model, symmetry, progress),
    };
    report(outcome)
}

fn explore<M>(model: M, address: SocketAddr)
where
    M: Model + Send + Sync + 'static,
    M::State: Debug + Clone + PartialEq + std::hash::Hash + Send + Sync,
    M::Action: Debug + Clone + PartialEq + Send + Sync,
{
    model.checker().serve(address);
}

fn report<S: Readable, A: Named + Display>(outcome: Outcome<S, A>) -> Report {
    let explored = outcome.explored;
    let (violated, unreached) = match outcome.verdict {
        Verdict::Holds => (None, Vec::new()),
        Verdict::Vacuous { unreached } => (None, unreached),
        Verdict::Violated(found) => {
            let mut states = found.states.iter().map(|state| Shown {
                variables: state.variables(),
            });
            let before = states.next().expect("there is an initial state");
            let steps = found.actions.iter().zip(states);
            let steps = steps.map(|(action, after)| Taken {
                actor: action.actor(),
                step: action.step(),
                place: action.place(),
                text: action.to_string(),
                after,
            });
            let invariant = Invariant::with_id(found.property);
            let found = Found {
                invariant: invariant.expect("every `always` property is an invariant"),
                before,
                steps: steps.collect(),
            };
            (Some(found), Vec::new())
        }
    };
    Report {
        violated,
        unreached,
        explored,
    }
}
