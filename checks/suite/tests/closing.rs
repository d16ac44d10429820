//! What those who have one file open decide among themselves, in every interleaving: who deletes it
//! when it loses its name, and who is told of an error; and what those decide who make files.

use cutpoint::data_race::data_race;
use cutpoint::explore::{Execution, Options, dpor};
use extfs_shuttle::design::Design;
use extfs_shuttle::device::memory::{Image, MemoryDevice};
use extfs_shuttle::device::recording::RecordingDevice;
use extfs_shuttle::error::FsError;
use extfs_shuttle::fs::{Background, Filesystem};
use extfs_shuttle::inode::Inode;
use extfs_shuttle::invariants::quiescent;
use extfs_shuttle::mkfs::{MkfsOptions, mkfs};
use extfs_shuttle::mount::MountOptions;
use extfs_shuttle::rt::{finding, thread};
use extfs_shuttle::{directory, evict, fsync, unlink, write};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

const NAME: &[u8] = b"file";

type Fs = Filesystem<RecordingDevice>;

/// A file system with one file of one block.
fn base() -> Arc<Image> {
    let options = MkfsOptions {
        blocks: MkfsOptions::blocks_for(32, 16, 1024),
        ..MkfsOptions::default()
    };
    let device = Arc::new(MemoryDevice::new(options.blocks));
    mkfs(&*device, &options).unwrap();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    let inode = directory::create(&fs, NAME).unwrap();
    write::buffered_write(&fs, &inode, 0, &[1; 1024]).unwrap();
    fs.unmount().unwrap();
    Arc::new(device.snapshot())
}

fn mounted(base: &Arc<Image>, design: Design) -> (Arc<Fs>, Arc<Inode>) {
    let device = Arc::new(RecordingDevice::with_base(base.clone()));
    let options = MountOptions {
        design,
        background: Background::Threads,
        ..MountOptions::default()
    };
    let (fs, _) = Filesystem::mount(device, options).unwrap();
    let inode = directory::lookup(&fs, NAME).unwrap();
    (Arc::new(fs), inode)
}

fn spawn<R: Send + 'static>(
    name: &'static str,
    fs: &Arc<Fs>,
    body: impl FnOnce(&Fs) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    let fs = fs.clone();
    thread::spawn(name, move || body(&fs))
}

/// Reports what does not hold once all have returned.
fn report_violations(fs: &Fs) {
    for found in quiescent::violations(fs).unwrap() {
        finding(found.invariant, || found.expected, || found.observed);
    }
}

/// One closes the file, one removes its name, and a commit comes at any moment.
fn close_and_unlink(base: &Arc<Image>, design: Design) {
    let (fs, inode) = mounted(base, design);
    let before = fs.space().peek_free_inodes();
    let closed = inode.clone();
    let close = spawn("close", &fs, move |fs| evict::iput(fs, &closed).unwrap());
    let name = spawn("unlink", &fs, |fs| unlink::unlink(fs, NAME).unwrap());
    let commit = spawn("commit", &fs, |fs| fs.journal().commit_once().unwrap());
    close.join();
    name.join();
    commit.join();
    report_violations(&fs);
    let freed = fs.space().peek_free_inodes() - before;
    let is_kept = fs
        .inodes_in_memory()
        .iter()
        .any(|kept| kept.ino == inode.ino);
    if freed != 1 || is_kept {
        finding(
            "I18",
            || "the inode is deleted, once".into(),
            || format!("{freed} inodes were freed; it is kept in memory: {is_kept}"),
        );
    }
}

/// Two sync the file on behalf of one who has it open, after an error.
fn two_ask_after_an_error(base: &Arc<Image>, design: Design) {
    let (fs, inode) = mounted(base, design);
    inode.errors.set(FsError::NoSpace);
    let ask = |name| {
        let inode = inode.clone();
        spawn(name, &fs, move |fs| fsync::fsync(fs, &inode).is_err())
    };
    let asked = [ask("one"), ask("other")];
    let told = asked.map(thread::JoinHandle::join);
    if told[0] == told[1] {
        finding(
            "I24",
            || "an open file is told of an error once".into(),
            || format!("{told:?}"),
        );
    }
}

/// Two make files at once, each of the first of its names that is not taken.
fn make_two(base: &Arc<Image>, design: Design, names: [&'static [&'static [u8]]; 2]) {
    let (fs, _) = mounted(base, design);
    let make = |task, names: &'static [&'static [u8]]| {
        let tried = |fs: &Fs, name| Some((name, directory::create(fs, name).ok()?.ino));
        let body = move |fs: &Fs| names.iter().find_map(|name| tried(fs, *name));
        spawn(task, &fs, body)
    };
    let tasks = [make("one", names[0]), make("other", names[1])];
    let made = tasks.map(thread::JoinHandle::join);
    let is_found = |(name, ino)| directory::lookup(&fs, name).is_ok_and(|found| found.ino == ino);
    if !made.iter().all(|made| made.is_some_and(is_found)) {
        finding(
            "I21",
            || "each file is found by the name it was made with".into(),
            || format!("{made:?}"),
        );
    }
    report_violations(&fs);
}

/// One removes the name of a file, and one makes another.
fn unlink_and_make(base: &Arc<Image>, design: Design) {
    let (fs, inode) = mounted(base, design);
    evict::iput(&fs, &inode).unwrap();
    let remove = spawn("unlink", &fs, |fs| unlink::unlink(fs, NAME).unwrap());
    let make = spawn("create", &fs, |fs| {
        directory::create(fs, b"other").unwrap().ino
    });
    remove.join();
    let made = make.join();
    let kept = directory::lookup(&fs, b"other").map(|found| found.ino);
    let removed = directory::lookup(&fs, NAME).map(|found| found.ino);
    if kept != Ok(made) || removed != Err(FsError::NotFound) {
        finding(
            "I21",
            || "the one name is there, and the other is not".into(),
            || format!("inode {made} is made, {kept:?}; {removed:?}"),
        );
    }
    report_violations(&fs);
}

/// Explores all of it. Returns how many executions that took, and the orders in which tasks ended.
fn holds(body: fn(&Arc<Image>, Design), design: Design) -> (u64, usize) {
    let base = base();
    let mut orders = BTreeSet::new();
    let note = &mut |execution: &Execution<'_>| {
        let mut order = Vec::new();
        for event in &execution.log.events {
            order.retain(|task| *task != event.task);
            order.push(event.task);
        }
        orders.insert(order);
        let race = data_race(execution.log);
        let race = race.map(|race| race.in_words(&execution.log.tasks));
        assert_eq!(race, None, "{design}: execution {}", execution.number);
        ControlFlow::Continue(())
    };
    let explored = dpor::explore(&Options::default(), move || body(&base, design), note);
    let found = explored.finding.as_ref().map(|finding| &finding.findings);
    assert!(found.is_none(), "{design}: {found:?}");
    assert!(explored.complete, "{design}: {:?}", explored.stopped_by);
    (explored.executions, orders.len())
}

#[test]
fn of_those_who_close_a_file_without_a_name_one_deletes_it() {
    for design in Design::ALL {
        let (executions, orders) = holds(close_and_unlink, design);
        println!("{design}: {executions} executions, {orders} orders");
        assert!(
            orders > 1,
            "{design}: one comes before the other, and after"
        );
    }
}

#[test]
fn of_those_who_share_an_open_file_one_is_told_of_an_error() {
    for design in Design::ALL {
        let (executions, orders) = holds(two_ask_after_an_error, design);
        println!("{design}: {executions} executions, {orders} orders");
        assert!(orders > 1, "{design}: either may be told");
    }
}

#[test]
fn files_that_are_made_at_once_are_all_there() {
    for design in Design::ALL {
        let two = |base: &Arc<Image>, design| make_two(base, design, [&[b"one"], &[b"other"]]);
        let (executions, orders) = holds(two, design);
        println!("{design}: {executions} executions, {orders} orders");
        assert!(orders > 1, "{design}: either may be first");
    }
}

#[test]
fn a_file_that_is_made_beside_one_that_loses_its_name_is_there() {
    for design in Design::ALL {
        let (executions, orders) = holds(unlink_and_make, design);
        println!("{design}: {executions} executions, {orders} orders");
        assert!(orders > 1, "{design}: either may be first");
    }
}

/// Who finds the name taken makes another file. That is in conflict with making the first, so the
/// explorer comes to every order of the two.
#[test]
fn of_those_who_make_a_file_of_one_name_one_does() {
    for design in Design::ALL {
        let same = |base: &Arc<Image>, design| make_two(base, design, [&[b"one", b"other"]; 2]);
        let (executions, orders) = holds(same, design);
        println!("{design}: {executions} executions, {orders} orders");
        assert!(orders > 1, "{design}: either may be the one");
    }
}
