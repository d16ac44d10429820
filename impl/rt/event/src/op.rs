//! The kinds of operation, and which of them commute.
//!
//! Independence is declared here, by kind, for two operations on the *same* object; operations on
//! different objects always commute. Every declaration is a claim about the implementation of the
//! object (run both orders, reach the same state) and is tested where the object is implemented.

/// A kind of operation on a synchronisation object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// An operation that nobody announced: made directly through the underlying scheduler's
    /// types. Depends on every other such operation.
    Unannounced,
    /// Takes a lock in shared mode.
    AcquireShared,
    /// Takes a lock in exclusive mode.
    AcquireExclusive,
    /// Gives back a shared hold.
    ReleaseShared,
    /// Gives back an exclusive hold.
    ReleaseExclusive,
    /// Turns an exclusive hold into a shared one without letting go.
    Downgrade,
    /// Takes a lock in shared mode if it is free, else reports that it is not.
    TryAcquireShared,
    /// Takes a lock in exclusive mode if it is free, else reports that it is not.
    TryAcquireExclusive,
    /// Reads a value.
    Load,
    /// Overwrites a value.
    Store,
    /// Reads and changes a value in one step.
    Update,
    /// Changes a value in a way that commutes with every other `Merge`, result unused: adding to
    /// a counter, inserting into a set.
    Merge,
    /// Sets a flag that [`Op::FlagAwait`] waits out. The flag must be clear.
    FlagRaise,
    /// Clears a flag and lets its waiters go. The flag must be set: then the wait could not have
    /// gone first, which is why the two are ordered and do not race.
    FlagClear,
    /// Waits until a flag is clear.
    FlagAwait,
    /// Adds to a counter of things outstanding.
    CountUp,
    /// Takes from a counter of things outstanding.
    CountDown,
    /// Waits until a counter is zero.
    CountAwaitZero,
    /// Waits until a counter is not zero.
    CountAwaitSome,
    /// Passes an open gate; the holder is inside until [`Op::GateExit`].
    GateEnter,
    /// Leaves a gate.
    GateExit,
    /// Closes a gate to newcomers. Those inside stay inside.
    GateClose,
    /// Waits, after closing, until nobody is inside.
    GateDrain,
    /// Opens a gate again.
    GateOpen,
    /// Waits for a notification of a condition.
    ConditionAwait,
    /// Wakes one waiter of a condition, or all.
    ConditionNotify,
    /// Waits for the task's own wake-up token and consumes it.
    Park,
    /// Hands a task its wake-up token.
    Unpark,
    /// Creates a task.
    Spawn,
    /// The first operation of a task.
    Begin,
    /// The last operation of a task.
    Exit,
    /// Waits until a task has ended.
    Join,
    /// Submits a write of one device block.
    DeviceWrite,
    /// Reads one device block.
    DeviceRead,
}

/// How two operations on the same object relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They commute: neither order can be told from the other.
    Independent,
    /// The earlier one enables the later one (or they can not be pending at the same time), so the
    /// order carries information but can not be reversed.
    Ordered,
    /// Both orders are possible and may differ.
    Racing,
}

impl Op {
    /// The number of kinds; every kind's discriminant is smaller.
    pub const COUNT: usize = Op::DeviceRead as usize + 1;

    /// Every kind, in the order of their discriminants.
    pub const ALL: [Op; Op::COUNT] = {
        use Op::*;
        [
            Unannounced,
            AcquireShared,
            AcquireExclusive,
            ReleaseShared,
            ReleaseExclusive,
            Downgrade,
            TryAcquireShared,
            TryAcquireExclusive,
            Load,
            Store,
            Update,
            Merge,
            FlagRaise,
            FlagClear,
            FlagAwait,
            CountUp,
            CountDown,
            CountAwaitZero,
            CountAwaitSome,
            GateEnter,
            GateExit,
            GateClose,
            GateDrain,
            GateOpen,
            ConditionAwait,
            ConditionNotify,
            Park,
            Unpark,
            Spawn,
            Begin,
            Exit,
            Join,
            DeviceWrite,
            DeviceRead,
        ]
    };

    /// Whether the operation can be disabled, so that a task may have to wait for it. Of what
    /// nobody announced one has to assume so.
    pub const fn may_block(self) -> bool {
        use Op::*;
        matches!(
            self,
            Unannounced
                | AcquireShared
                | AcquireExclusive
                | FlagAwait
                | CountAwaitZero
                | CountAwaitSome
                | GateEnter
                | GateClose
                | GateDrain
                | ConditionAwait
                | Park
                | Join
        )
    }

    /// How `later`, executed after `self` by another task on the same object, relates to it.
    pub const fn before(self, later: Op) -> Relation {
        use Op::*;
        use Relation::*;
        match (self, later) {
            (Unannounced, Unannounced) => Racing,

            // Locks. Releases never race with acquisitions: the acquisition is not enabled before.
            (AcquireShared, AcquireShared) => Independent,
            (AcquireShared | AcquireExclusive, AcquireShared | AcquireExclusive) => Racing,
            (ReleaseExclusive, AcquireShared | AcquireExclusive) => Ordered,
            (ReleaseShared, AcquireExclusive) => Ordered,
            (Downgrade, AcquireShared | AcquireExclusive) => Ordered,
            // A try never waits, so it races with everything that changes its answer.
            (TryAcquireShared, TryAcquireShared | AcquireShared)
            | (AcquireShared, TryAcquireShared) => Independent,
            (TryAcquireShared, ReleaseShared) | (ReleaseShared, TryAcquireShared) => Independent,
            (
                TryAcquireShared | TryAcquireExclusive,
                AcquireShared | AcquireExclusive | ReleaseShared | ReleaseExclusive | Downgrade
                | TryAcquireShared | TryAcquireExclusive,
            ) => Racing,
            (
                AcquireShared | AcquireExclusive | ReleaseShared | ReleaseExclusive | Downgrade,
                TryAcquireShared | TryAcquireExclusive,
            ) => Racing,

            // Values.
            (Load, Load) | (Merge, Merge) => Independent,
            (Load | Store | Update | Merge, Load | Store | Update | Merge) => Racing,

            // Flags.
            (FlagRaise, FlagRaise) | (FlagClear, FlagClear) => Independent,
            (FlagRaise | FlagClear, FlagRaise | FlagClear) => Racing,
            (FlagRaise, FlagAwait) | (FlagAwait, FlagRaise) => Racing,
            (FlagClear, FlagAwait) => Ordered,
            (FlagRaise | FlagClear, Load) | (Load, FlagRaise | FlagClear) => Racing,

            // Counters.
            (CountUp, CountAwaitZero) | (CountAwaitZero, CountUp) => Racing,
            // Every taking pairs with an adding that races with the wait, so it need not race.
            (CountDown, CountAwaitZero) => Ordered,
            // Not so here: of several addings any one may be what lets the wait go on.
            (CountUp | CountDown, CountAwaitSome) | (CountAwaitSome, CountUp | CountDown) => Racing,
            (CountUp | CountDown, Load) | (Load, CountUp | CountDown) => Racing,

            // Gates. Entering and leaving commute; only closing shuts newcomers out.
            (GateEnter, GateClose) | (GateClose, GateEnter) => Racing,
            (GateClose, GateClose) => Racing,
            (GateOpen, GateEnter | GateClose) | (GateExit, GateDrain) => Ordered,

            // Conditions and parking.
            (ConditionAwait | ConditionNotify, ConditionAwait | ConditionNotify) => Racing,
            (Park | Unpark, Park | Unpark) => Racing,

            // Tasks.
            (Spawn, Begin) | (Exit, Join) => Ordered,

            // Device blocks.
            (DeviceRead, DeviceRead) => Independent,
            (DeviceRead | DeviceWrite, DeviceRead | DeviceWrite) => Racing,

            _ => Independent,
        }
    }

    /// The kinds that, executed earlier on the same object, happen before this one: a set of bits
    /// indexed by discriminant.
    pub const fn predecessors(self) -> u64 {
        PREDECESSORS[self as usize]
    }
}

const PREDECESSORS: [u64; Op::COUNT] = {
    let mut table = [0; Op::COUNT];
    let mut later = 0;
    while later < Op::COUNT {
        let mut earlier = 0;
        while earlier < Op::COUNT {
            let relation = Op::ALL[earlier].before(Op::ALL[later]);
            if !matches!(relation, Relation::Independent) {
                table[later] |= 1 << earlier;
            }
            earlier += 1;
        }
        later += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_kind_at_its_discriminant() {
        for (index, op) in Op::ALL.iter().enumerate() {
            assert_eq!(*op as usize, index);
        }
    }

    #[test]
    fn a_race_is_mutual_or_one_side_enables_the_other() {
        for a in Op::ALL {
            for b in Op::ALL {
                let (ab, ba) = (a.before(b), b.before(a));
                if ab == Relation::Racing {
                    assert_ne!(ba, Relation::Independent, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn readers_do_not_order_readers() {
        assert_eq!(
            Op::ReleaseShared.before(Op::AcquireShared),
            Relation::Independent
        );
        assert_eq!(
            Op::AcquireShared.before(Op::AcquireShared),
            Relation::Independent
        );
    }

    #[test]
    fn handle_starts_commute_and_a_commit_excludes_them() {
        assert_eq!(Op::GateEnter.before(Op::GateEnter), Relation::Independent);
        assert_eq!(Op::GateEnter.before(Op::GateClose), Relation::Racing);
    }
}
