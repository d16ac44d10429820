//! What must hold, by id: one free function for each, over the parts of a state in [`crate::file`].
//!
//! The functions know no model, so every model whose states have the parts can use them, and so
//! can a projection of running code. When an invariant must hold is the model's business:
//!
//! - *always*: in every state while the power is on, every `i_data_sem` section being one step;
//! - *committed*: of the committed transactions, at any time;
//! - *recovered*: after a crash, replay and orphan clean-up.
//!
//! Not checked here: that the sequence counter grows with every change (the second half of I8),
//! because it is a property of steps and not of states; it is built into the steps.

use stateright::{Expectation, Model, Property};
use std::fmt;

mod accounting;
mod content;
mod mapping;
mod orphan;
mod size;

pub use accounting::{i1_reserved_equals_delayed, i3_quota_equals_blocks};
pub use content::{i13_written_holds_data, i22_no_garbage_readable, i37_clean_equals_disk};
pub use mapping::{i8_map_is_true, i15_blocks_have_one_owner, i16_freed_not_reused};
pub use orphan::{i14_no_written_past_size, i18_no_orphan_left, i19_repair_has_its_orphan};
pub use size::{i9_disksize_within_size, i11_size_after_data, i23_no_unexplained_zeroes};

macro_rules! invariants {
    ($($name:ident $id:literal $statement:literal,)*) => {
        /// The id of an invariant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $(#[doc = concat!("`", $id, "`: ", $statement, ".")] $name,)*
        }

        impl Invariant {
            /// Every invariant, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The id as it is printed.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// What it says, in one sentence without a full stop.
            pub fn statement(self) -> &'static str {
                match self {
                    $(Self::$name => $statement,)*
                }
            }
        }
    };
}

invariants! {
    I1 "I1" "the reserved count equals the number of delayed blocks",
    I3 "I3" "quota used equals the allocated blocks, quota reserved the reserved count",
    I5 "I5" "every delayed block lies under a dirty folio when no call is in flight",
    I6 "I6" "no dirty folio lies over a hole",
    I8 "I8" "a map equals the true mapping at the moment of its use",
    I9 "I9" "i_disksize never exceeds i_size",
    I10 "I10" "without dirty data or I/O in flight the two sizes agree",
    I11 "I11" "a size is committed only after the data below it is durable",
    I13 "I13" "an extent is written only if the disk holds the file's data there",
    I14 "I14" "after recovery no written extent lies at or past the size",
    I15 "I15" "no disk block has two owners, and none is written to without an owner",
    I16 "I16" "a freed block is not reused before the freeing transaction has committed",
    I17 "I17" "no file is on the orphan list when no call is in flight",
    I18 "I18" "after recovery nothing is left on the orphan list",
    I19 "I19" "a committed state that needs repair has its orphan record",
    I20 "I20" "what a synchronous write promised is there after recovery",
    I21 "I21" "reads return the last write",
    I22 "I22" "no byte of an earlier owner is readable",
    I23 "I23" "after recovery the appended blocks hold data that was written",
    I24 "I24" "a failed write of the journal or of metadata stops the journal",
    I25 "I25" "a commit block is durable only after all that it commits",
    I26 "I26" "metadata goes home only after its transaction has committed",
    I27 "I27" "the log's tail passes a transaction only when it is durable at home",
    I28 "I28" "a second recovery finds what the first one found",
    I29 "I29" "recovered metadata is that of a prefix with every acknowledged commit",
    I30 "I30" "replay never overwrites a block that was revoked later",
    I32 "I32" "a transaction is closed only when no handle is open in it",
    I34 "I34" "no task waits for itself, through locks or through other waits",
    I35 "I35" "the orphan list is changed under i_rwsem",
    I37 "I37" "a clean folio equals the disk through the current mapping",
    Progress "PROGRESS" "no state without a next step has work left",
}

impl Invariant {
    /// The invariant with this id.
    pub fn with_id(id: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|invariant| invariant.id() == id)
    }
}

/// What an invariant means in a model.
pub(crate) type Condition<M> = fn(&M, &<M as Model>::State) -> bool;

/// The `always` properties of a model: every invariant with the condition it means there, or
/// `only` one of them.
pub(crate) fn always<M: Model>(
    conditions: &[(Invariant, Condition<M>)],
    only: Option<Invariant>,
) -> Vec<Property<M>> {
    let wanted = conditions
        .iter()
        .filter(|(id, _)| only.is_none_or(|only| only == *id));
    let property = |(invariant, condition): &(Invariant, Condition<M>)| Property {
        expectation: Expectation::Always,
        name: invariant.id(),
        condition: *condition,
    };
    wanted.map(property).collect()
}

/// A situation that a model must be able to reach.
pub(crate) fn sometimes<M: Model>(name: &'static str, condition: Condition<M>) -> Property<M> {
    Property {
        expectation: Expectation::Sometimes,
        name,
        condition,
    }
}

/// The properties of a model whose situations can be reached in every configuration: those of
/// [`always`], and the situations unless it is about one invariant only.
pub(crate) fn properties<M: Model>(
    conditions: &[(Invariant, Condition<M>)],
    situations: &[(&'static str, Condition<M>)],
    only: Option<Invariant>,
) -> Vec<Property<M>> {
    let mut properties = always(conditions, only);
    if only.is_none() {
        let situations = situations.iter();
        properties.extend(situations.map(|(name, condition)| sometimes(name, *condition)));
    }
    properties
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}
