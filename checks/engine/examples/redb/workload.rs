//! The transactions, what they leave, and the run that records them.
//!
//! Every committed state differs from every other one, because values carry the number of the
//! transaction that wrote them; so what is recovered says exactly which transactions survived.

use super::backend::{BlockFile, NoSync};
use super::device::Recorder;
use cutpoint_event::{Arg, Args, Log, log};
use redb::{
    Builder, Database, Durability, MultimapTableDefinition, ReadTransaction, ReadableDatabase,
    ReadableMultimapTable, ReadableTable, TableDefinition, TableError, WriteTransaction,
};
use std::collections::{BTreeMap, BTreeSet};

const ITEMS: TableDefinition<u64, &[u8]> = TableDefinition::new("items");
const NAMES: TableDefinition<&str, u64> = TableDefinition::new("names");
const TAGS: MultimapTableDefinition<u64, &str> = MultimapTableDefinition::new("tags");

/// Any error of redb's, of which there are a dozen types.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The name of the log's step before a commit; its argument `state` is the state that it leads to.
pub const COMMIT: &str = "commit";
/// The name of the acknowledgement that a state is durable, with the same argument.
pub const DURABLE: &str = "durable";

/// What the user does next.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A transaction.
    Transaction(End, &'static [Change]),
    /// Closes the database and opens it again.
    Reopen,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Committed with `Durability::Immediate`.
    Durable,
    /// The same in two phases.
    TwoPhase,
    /// The same in two phases and with the allocator's state, so that no repair is needed.
    QuickRepair,
    /// Committed with `Durability::None`.
    NotDurable,
    /// Aborted.
    Abort,
}

/// A change within a transaction.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Inserts or replaces items `.0..=.1` by values of `.2` bytes.
    Put(u64, u64, usize),
    /// Removes items.
    Remove(u64, u64),
    /// Inserts or replaces a name.
    Name(&'static str),
    /// Removes a name.
    Unname(&'static str),
    /// Adds a tag to an item.
    Tag(u64, &'static str),
    /// Removes a tag from an item.
    Untag(u64, &'static str),
    /// Deletes the table of names.
    DropNames,
    /// Makes a persistent savepoint, before any other change of the transaction.
    Save,
    /// Goes back to the only savepoint, before any other change of the transaction.
    Restore,
    /// Deletes the only savepoint.
    DeleteSavepoint,
}

use Change::*;
use End::*;
use Step::*;

/// The whole workload. A prefix of it is a workload as well.
pub const SCRIPT: &[Step] = &[
    Transaction(Durable, &[Put(1, 3, 40), Name("a")]),
    Transaction(Durable, &[Put(2, 2, 60), Remove(1, 1), Tag(2, "red")]),
    Transaction(NotDurable, &[Put(4, 4, 100), Name("b")]),
    Transaction(Abort, &[Remove(0, 9), DropNames]),
    Transaction(NotDurable, &[Unname("a"), Tag(2, "blue")]),
    Transaction(Durable, &[Put(5, 5, 300)]),
    Transaction(TwoPhase, &[Put(5, 5, 20), Untag(2, "red")]),
    Transaction(Durable, &[Save, Put(6, 12, 200)]),
    Transaction(QuickRepair, &[Remove(3, 4), Name("c")]),
    Transaction(NotDurable, &[Put(7, 7, 50)]),
    Reopen,
    Transaction(Durable, &[Put(8, 9, 700), Name("d")]),
    Transaction(Abort, &[Put(1, 20, 900)]),
    Transaction(NotDurable, &[Put(10, 10, 10)]),
    Transaction(Durable, &[Restore, Put(3, 3, 11)]),
    Transaction(NotDurable, &[Put(2, 2, 12)]),
    Transaction(Durable, &[DeleteSavepoint, Remove(2, 2)]),
    Transaction(Durable, &[DropNames, Put(1, 1, 13)]),
    Transaction(NotDurable, &[Name("e")]),
    Transaction(NotDurable, &[Name("f"), Remove(5, 5)]),
    Transaction(TwoPhase, &[Put(5, 5, 14), Tag(5, "red")]),
    Reopen,
    Transaction(Durable, &[Put(100, 104, 2500)]),
    Transaction(NotDurable, &[Remove(100, 102)]),
    Transaction(Durable, &[Put(105, 105, 2500), Untag(5, "red")]),
    // One item a page, so the file grows; and shrinks once they are gone.
    Transaction(Durable, &[Put(200, 460, 2500)]),
    Transaction(Durable, &[Remove(200, 460), Put(1, 1, 18)]),
    Transaction(Durable, &[Put(1, 1, 15)]),
    Transaction(Durable, &[Put(1, 1, 16)]),
    Transaction(Durable, &[Put(1, 1, 17)]),
    Transaction(Durable, &[Put(200, 460, 2500)]),
];

/// What the tables hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    items: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<String, u64>,
    tags: BTreeMap<u64, BTreeSet<String>>,
}

/// A recorded run.
pub struct Run {
    /// What happened.
    pub log: Log,
    /// The state after creation, and after each committed transaction.
    pub states: Vec<Contents>,
    /// How many transactions there were, aborted ones included.
    pub transactions: usize,
}

/// Which backend the workload runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// One that syncs.
    Correct,
    /// One that does not.
    NoSync,
}

/// Opens a database on a device, creating it if the file is empty.
pub fn open(device: Recorder, variant: Variant) -> Result<Database, Error> {
    let file = BlockFile(device);
    let database = match variant {
        Variant::Correct => builder().create_with_backend(file),
        Variant::NoSync => builder().create_with_backend(NoSync(file)),
    };
    Ok(database?)
}

/// redb's builder with a cache that is small to set up.
pub fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(8 << 20);
    builder
}

/// Runs `steps` on an empty device and records what reaches it.
///
/// # Errors
/// Any error of redb's, none of which is expected.
pub fn run(steps: &[Step], device: &Recorder, variant: Variant) -> Result<Run, Error> {
    log::start();
    let mut user = User {
        database: Some(open(device.clone(), variant)?),
        states: vec![Contents::default()],
        savepoint: None,
        number: 0,
    };
    log::acknowledged(DURABLE, state_args(0));
    for &step in steps {
        match step {
            Transaction(end, changes) => user.transaction(end, changes)?,
            Reopen => {
                user.database = None;
                user.database = Some(open(device.clone(), variant)?);
            }
        }
    }
    drop(user.database);
    Ok(Run {
        log: log::finish(),
        states: user.states,
        transactions: user.number as usize,
    })
}

fn state_args(state: usize) -> Args {
    let value = state.into();
    Args::new(&[Arg {
        key: "state",
        value,
    }])
}

/// The one user of the database, with the model of what it should hold.
struct User {
    database: Option<Database>,
    states: Vec<Contents>,
    /// The persistent savepoint and what it saved.
    savepoint: Option<(u64, Contents)>,
    /// The number of the running transaction, from 1.
    number: u64,
}

impl User {
    fn transaction(&mut self, end: End, changes: &[Change]) -> Result<(), Error> {
        self.number += 1;
        let database = self.database.as_ref().expect("open between transactions");
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(end == TwoPhase);
        transaction.set_quick_repair(end == QuickRepair);
        if end == NotDurable {
            transaction.set_durability(Durability::None)?;
        }
        let mut contents = self.states.last().expect("the first state").clone();
        for &change in changes {
            match change {
                Save => {
                    let id = transaction.persistent_savepoint()?;
                    self.savepoint = Some((id, contents.clone()));
                }
                Restore => {
                    let (id, saved) = self.savepoint.as_ref().expect("a savepoint");
                    let savepoint = transaction.get_persistent_savepoint(*id)?;
                    transaction.restore_savepoint(&savepoint)?;
                    contents = saved.clone();
                }
                DeleteSavepoint => {
                    let (id, _) = self.savepoint.take().expect("a savepoint");
                    transaction.delete_persistent_savepoint(id)?;
                }
                _ => {
                    change_database(&transaction, change, self.number)?;
                    contents.change(change, self.number);
                }
            }
        }
        if end == Abort {
            return Ok(transaction.abort()?);
        }
        let is_new = !self.states.contains(&contents);
        assert!(is_new, "transaction {} leaves a known state", self.number);
        self.states.push(contents);
        let state = state_args(self.states.len() - 1);
        log::step(COMMIT, state);
        transaction.commit()?;
        if end != NotDurable {
            log::acknowledged(DURABLE, state);
        }
        Ok(())
    }
}

/// An item's value: the transaction's number, the key, and zeroes.
fn value(number: u64, key: u64, bytes: usize) -> Vec<u8> {
    let mut value = vec![0; bytes];
    value[0] = number as u8;
    value[1] = key as u8;
    value[bytes - 1] = number as u8;
    value
}

fn change_database(to: &WriteTransaction, change: Change, number: u64) -> Result<(), Error> {
    match change {
        Put(first, last, bytes) => {
            let mut items = to.open_table(ITEMS)?;
            for key in first..=last {
                items.insert(key, &value(number, key, bytes)[..])?;
            }
        }
        Remove(first, last) => {
            let mut items = to.open_table(ITEMS)?;
            for key in first..=last {
                items.remove(key)?;
            }
        }
        Name(name) => drop(to.open_table(NAMES)?.insert(name, number)?),
        Unname(name) => drop(to.open_table(NAMES)?.remove(name)?),
        Tag(key, tag) => drop(to.open_multimap_table(TAGS)?.insert(key, tag)?),
        Untag(key, tag) => drop(to.open_multimap_table(TAGS)?.remove(key, tag)?),
        DropNames => drop(to.delete_table(NAMES)?),
        Save | Restore | DeleteSavepoint => unreachable!("no change of a table"),
    }
    Ok(())
}

impl Contents {
    /// What the tables of a database hold.
    ///
    /// # Errors
    /// Any error of redb's.
    pub fn read(from: &Database) -> Result<Contents, Error> {
        let from = from.begin_read()?;
        let mut contents = Contents::default();
        if let Some(items) = existing(from.open_table(ITEMS))? {
            for item in items.iter()? {
                let (key, value) = item?;
                contents.items.insert(key.value(), value.value().to_vec());
            }
        }
        if let Some(names) = existing(from.open_table(NAMES))? {
            for name in names.iter()? {
                let (key, value) = name?;
                contents.names.insert(key.value().into(), value.value());
            }
        }
        contents.read_tags(&from)?;
        Ok(contents)
    }

    fn read_tags(&mut self, from: &ReadTransaction) -> Result<(), Error> {
        if let Some(tags) = existing(from.open_multimap_table(TAGS))? {
            for entry in tags.iter()? {
                let (key, values) = entry?;
                let set = self.tags.entry(key.value()).or_default();
                for tag in values {
                    set.insert(tag?.value().into());
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change, number: u64) {
        match change {
            Put(first, last, bytes) => {
                let items = (first..=last).map(|key| (key, value(number, key, bytes)));
                self.items.extend(items);
            }
            Remove(first, last) => self.items.retain(|key, _| !(first..=last).contains(key)),
            Name(name) => drop(self.names.insert(name.into(), number)),
            Unname(name) => drop(self.names.remove(name)),
            Tag(key, tag) => drop(self.tags.entry(key).or_default().insert(tag.into())),
            Untag(key, tag) => {
                let tags = self.tags.entry(key).or_default();
                tags.remove(tag);
                if tags.is_empty() {
                    self.tags.remove(&key);
                }
            }
            DropNames => self.names.clear(),
            Save | Restore | DeleteSavepoint => unreachable!("no change of a table"),
        }
    }

    /// How many entries there are, for messages.
    pub fn entries(&self) -> usize {
        self.items.len() + self.names.len() + self.tags.values().map(BTreeSet::len).sum::<usize>()
    }
}

/// The table, or `None` before it was first made.
fn existing<T>(table: Result<T, TableError>) -> Result<Option<T>, TableError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
