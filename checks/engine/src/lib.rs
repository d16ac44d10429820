//! cutpoint: a crash-consistency model checker.
//!
//! It runs real code under controlled schedulers, once for every interleaving that can make a
//! difference, and cuts the power wherever that can. Code is checked that does what it shares
//! through [`rt`]: locks, atomics, tasks, choices, and for storage a [`disk::Disk`].
//!
//! ```
//! use cutpoint::rt::sync::{Arc, atomic::{AtomicU32, Ordering::SeqCst}};
//!
//! cutpoint::check("two increments", || {
//!     let count = Arc::new(AtomicU32::new(0));
//!     let theirs = count.clone();
//!     let task = cutpoint::rt::thread::spawn("other", move || theirs.fetch_add(1, SeqCst));
//!     count.fetch_add(1, SeqCst);
//!     task.join();
//!     assert_eq!(count.load(SeqCst), 2);
//! });
//! ```
//!
//! In a `#[test]`, a violation is a panic with the race in columns, the path of a trace file, and
//! the command that replays it. [`Checker`] has the settings, and its [`run`](Checker::run) reports
//! instead of panicking. Here the update is torn into a read and a write:
//!
//! ```
//! use cutpoint::rt::sync::{Arc, atomic::{AtomicU32, Ordering::SeqCst}};
//!
//! # let directory = std::env::temp_dir().join("cutpoint-doctest");
//! let report = cutpoint::Checker::new("torn increments")
//! #   .traces_in(&directory)
//!     .run(|| {
//!         let count = Arc::new(AtomicU32::new(0));
//!         let theirs = count.clone();
//!         let add = |count: &AtomicU32| count.store(count.load(SeqCst) + 1, SeqCst);
//!         let task = cutpoint::rt::thread::spawn("other", move || add(&theirs));
//!         add(&count);
//!         task.join();
//!         assert_eq!(count.load(SeqCst), 2);
//!     });
//! assert!(report.verdict.is_violated());
//! assert!(report.to_string().contains("replay: CUTPOINT_REPLAY="));
//! ```
//!
//! Storage is checked by [`Checker::crash`]: the scenario writes to a disk and says what it has
//! acknowledged, and a closure recovers what every power cut may leave. Here a record is
//! acknowledged before it is flushed:
//!
//! ```
//! use cutpoint::crash::MemoryBase;
//! use cutpoint::disk::{Disk, Promise};
//! use cutpoint::rt::{Args, acknowledged};
//!
//! let recover = |disk: &Disk, promises: &[Promise]| {
//!     let record = disk.read(0).expect("the disk has a block")[0];
//!     match (promises.is_empty(), record) {
//!         (_, 7) | (true, 0) => Ok(()),
//!         (_, other) => Err(format!("the record reads {other}")),
//!     }
//! };
//! let checker = |name| cutpoint::Checker::new(name).crash(MemoryBase::zeroed(512, 1), recover);
//! let write = |disk: &Disk| disk.write(0, &[7; 512]).expect("the disk has a block");
//!
//! checker("flushed record").check(move |disk| {
//!     write(&disk);
//!     disk.flush().expect("the disk does not fail");
//!     acknowledged("record", Args::default);
//! });
//! # let directory = std::env::temp_dir().join("cutpoint-doctest");
//! # let checker = |name| {
//! #     let checker = cutpoint::Checker::new(name).traces_in(&directory);
//! #     checker.crash(MemoryBase::zeroed(512, 1), recover)
//! # };
//! let report = checker("record in the cache").run(move |disk| {
//!     write(&disk);
//!     acknowledged("record", Args::default);
//! });
//! assert!(report.to_string().contains("observed the record reads 0"));
//! ```
//!
//! # Parts
//!
//! - [`checker`]: checks for a `#[test]`; [`disk`]: what storage code is checked on.
//! - [`explore`]: runs a closure once per interleaving, by several search strategies.
//! - [`crash`]: what a power cut can leave of an execution, and whether recovery copes.
//! - [`oracle`]: which outcomes of concurrent calls, and of power cuts, are allowed.
//! - [`lockgraph`]: deadlocks that no execution ran into.
//! - [`data_race`]: memory that two tasks use in no order.
//! - [`clock`] and [`trace_hash`]: the partial order that an execution is.
//! - [`minimise`]: a smaller counterexample from a counterexample.
//! - [`differential`]: the explorer against others, on generated programs.
//! - [`state`]: files from which a killed search goes on.
//! - [`record`]: from an execution to a trace file.
//! - [`verdict`]: what a check may say.

pub mod checker;
pub mod clock;
pub mod crash;
pub mod data_race;
pub mod differential;
pub mod disk;
pub mod explore;
pub mod lockgraph;
pub mod minimise;
pub mod oracle;
pub mod record;
pub mod state;
pub mod trace_hash;
pub mod verdict;

pub use checker::{Checker, Report, check};
pub use rt_shuttle as rt;
