//! What to check, as asked for by a person or a program.

use crate::catalogue::Catalogue;
use cutpoint::crash::{CutMode, Tear};
use cutpoint::explore::Shard;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A check to run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The scenario's name.
    pub scenario: String,
    /// The seeded variant's name; `None` for the correct protocol.
    pub variant: Option<String>,
    /// Which explorer.
    pub engine: Engine,
    /// Which design.
    pub design: Design,
    /// The most preemptions in an execution, for engines that can bound them. DPOR gives way to the
    /// search that begins with the fewest and covers everything within the bound.
    pub preemptions: Option<usize>,
    /// The number of executions after which to stop.
    pub executions: Option<u64>,
    /// The time after which to stop.
    pub time: Option<Duration>,
    /// The processor time after which to stop, whatever else the machine does.
    pub cpu_time: Option<Duration>,
    /// Seed of the randomised engines.
    pub seed: u64,
    /// How finely operations are scheduled.
    pub granularity: Granularity,
    /// Which power cuts.
    pub crash: CutMode,
    /// How writes tear.
    pub tear: Tear,
    /// How often recovery itself is cut off.
    pub recovery_crashes: u32,
    /// Which part of the search.
    pub shard: Shard,
    /// Whether executions are followed in the model.
    pub conformance: Conformance,
}

impl Request {
    /// The usual check of a scenario: DPOR, every frontier, one crash inside recovery, in the
    /// design that the manifest says.
    pub fn new(scenario: &str, variant: Option<&str>) -> Request {
        Request {
            scenario: scenario.into(),
            variant: variant.map(Into::into),
            engine: Engine::Dpor,
            design: Catalogue::get()
                .design(scenario, variant)
                .unwrap_or(Design::Im),
            preemptions: None,
            executions: None,
            time: None,
            cpu_time: None,
            seed: 1,
            granularity: Granularity::Lock,
            crash: CutMode::Frontier,
            tear: Tear::Block,
            recovery_crashes: 1,
            shard: Shard::WHOLE,
            conformance: Conformance::On,
        }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$item_doc:meta])* $item:ident = $word:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$item),*];

            /// Its name on the command line and in files.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$item => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                $name::ALL.iter().copied().find(|item| item.name() == text).ok_or_else(|| {
                    let names: Vec<_> = $name::ALL.iter().map(|item| item.name()).collect();
                    format!("'{text}' is none of {}", names.join(", "))
                })
            }
        }
    };
}

named! {
    /// An explorer.
    Engine {
        /// Source-set dynamic partial-order reduction: exhaustive.
        Dpor = "dpor",
        /// loom, as an independent judge.
        Loom = "loom",
        /// shuttle's depth-first search: exhaustive, without reduction.
        Dfs = "dfs",
        /// shuttle's random scheduler.
        Random = "random",
        /// shuttle's probabilistic concurrency testing.
        Pct = "pct",
        /// shuttle's uniform random walk.
        Urw = "urw",
    }
}

named! {
    /// A design of the file system.
    Design {
        /// Folio before handle, always unwritten, size raised at I/O completion.
        Im = "im",
        /// Handle before folio, ordered data.
        Bh = "bh",
    }
}

named! {
    /// Whether executions are followed in the scenario's model, if it has one.
    Conformance {
        /// Those of the correct protocol are.
        On = "on",
        /// None is.
        Off = "off",
        /// All are, and nothing else is judged.
        Only = "only",
    }
}

named! {
    /// How finely operations are scheduled.
    Granularity {
        /// A lock acquisition is one operation.
        Lock = "lock",
        /// Every atomic access of the lock code is one.
        Atomic = "atomic",
    }
}

/// A request that can not be carried out, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no such scenario.
    #[error("there is no scenario '{name}'; 'cutpoint list' lists them")]
    UnknownScenario {
        /// The name asked for.
        name: String,
    },
    /// There is no such variant.
    #[error("there is no variant '{name}'; scenario '{scenario}' finds: {known}")]
    UnknownVariant {
        /// The scenario.
        scenario: String,
        /// The name asked for.
        name: String,
        /// The variants that it finds.
        known: String,
    },
    /// The combination is not supported.
    #[error("{0}")]
    Unsupported(String),
}
