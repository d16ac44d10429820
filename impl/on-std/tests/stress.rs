//! The stress example, for a short time: every thread finds what it wrote, and so do the kernel and
//! e2fsck; a run that is killed is recovered to what it promised. And its judge has teeth.

mod judges;
#[path = "../examples/stress/plan.rs"]
mod plan;
#[path = "../examples/stress/run.rs"]
mod run;
#[path = "../examples/stress/stretch.rs"]
mod stretch;
#[path = "../examples/stress/worker.rs"]
mod worker;

use extfs_std::design::Design;
use extfs_std::device::file::FileDevice;
use extfs_std::fs::Filesystem;
use extfs_std::mkfs::{MkfsOptions, mkfs};
use extfs_std::mount::MountOptions;
use extfs_std::{directory, fsync, write};
use judges::kernel::Access;
use judges::{E2fsprogs, Kernel};
use plan::{Part, Plan};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use stretch::Stretch;

const PLAN: Plan = Plan {
    threads: 8,
    files: 4,
    seed: 1,
    design: Design::Im,
};

#[test]
fn eight_threads_find_what_they_wrote() {
    for design in Design::ALL {
        eight_threads(Plan { design, ..PLAN });
    }
}

fn eight_threads(plan: Plan) {
    let folder = tempfile::tempdir().unwrap();
    let (image, logs) = (folder.path().join("image"), folder.path().join("logs"));
    std::fs::create_dir(&logs).unwrap();
    let time = Duration::from_secs(2);
    let summary = run::run(plan, &image, time, Some(&logs), || ()).unwrap();
    for (kind, count) in worker::KINDS.iter().zip(summary.done) {
        assert!(count > 0, "no {kind} in {:?}", summary.time);
    }
    let total: u64 = summary.done.iter().sum();
    println!("{total} operations in {:?}", summary.time);
    match E2fsprogs::find() {
        Ok(e2fsprogs) => e2fsprogs.check(&image).unwrap(),
        Err(why) => println!("e2fsck: NotMeasured, {why}"),
    }
    match Kernel::find() {
        Ok(kernel) => {
            let theirs = kernel.read(&image, Access::ReadOnly).unwrap();
            let difference = judges::difference(["the kernel", "us"], [&theirs, &summary.tree]);
            assert_eq!(difference, None);
        }
        Err(why) => println!("the kernel: NotMeasured, {why}"),
    }
    let again = judges::recover(Arc::new(FileDevice::open(&image).unwrap())).unwrap();
    assert_eq!(
        judges::difference(["a remount", "us"], [&again, &summary.tree]),
        None
    );
    // The logs tell the same, without what the end of the run made durable.
    let replayed: Vec<_> = plan
        .parts()
        .into_iter()
        .map(|part| Stretch::replay(part, &logs).unwrap())
        .collect();
    run::judge(&plan, &replayed, &summary.tree).unwrap();
    assert!(replayed.iter().all(|stretch| stretch.changes() > 0));
    assert!(replayed.iter().any(|stretch| stretch.promises() > 1));
    judge_finds_damage(plan, &summary);
}

/// The judges from outside, on an image that is dirty for certain.
#[test]
fn a_dirty_image_is_recovered_alike_by_all_who_can() {
    let folder = tempfile::tempdir().unwrap();
    let image = |name: &str| folder.path().join(name);
    let options = MkfsOptions::default();
    let device = Arc::new(FileDevice::create_new(&image("ours"), options.blocks).unwrap());
    mkfs(&*device, &options).unwrap();
    let (fs, _) = Filesystem::mount(device.clone(), MountOptions::default()).unwrap();
    let inode = directory::create(&fs, b"file").unwrap();
    write::buffered_write(&fs, &inode, 700, &[7; 3_000]).unwrap();
    fsync::fsync(&fs, &inode).unwrap();
    for name in ["kernel", "e2fsck"] {
        std::fs::copy(image("ours"), image(name)).unwrap();
    }
    let ours = judges::recover(device).unwrap();
    assert_eq!(ours[&b"file"[..]], [&[0; 700][..], &[7; 3_000]].concat());
    match E2fsprogs::find() {
        Ok(e2fsprogs) => {
            e2fsprogs.recover(&image("e2fsck")).unwrap();
            assert_eq!(e2fsprogs.read(&image("e2fsck")).unwrap(), ours);
        }
        Err(why) => println!("e2fsck: NotMeasured, {why}"),
    }
    match Kernel::find() {
        Ok(kernel) => {
            let theirs = kernel.read(&image("kernel"), Access::Recover).unwrap();
            assert_eq!(theirs, ours);
        }
        Err(why) => println!("the kernel: NotMeasured, {why}"),
    }
}

/// One byte, one missing file, one size: each is found.
fn judge_finds_damage(plan: Plan, summary: &run::Summary) {
    let base = plan.base() as usize;
    let found = |change: &dyn Fn(&mut judges::Tree)| {
        let mut tree = summary.tree.clone();
        change(&mut tree);
        run::judge(&plan, &summary.stretches, &tree).unwrap_err()
    };
    let shared = |file: usize| plan::shared_name(file).into_bytes();
    for offset in [0, base / 2, base - 1] {
        let why = found(&|tree| tree.get_mut(&shared(1)).unwrap()[offset] ^= 1);
        assert!(why.contains(&format!("at byte {offset}")), "{why}");
    }
    let foreign = plan::free_byte(1, base as u64) % 255 + 1;
    let why = found(&|tree| {
        let file = tree.get_mut(&shared(1)).unwrap();
        file.truncate(base);
        file.push(foreign);
    });
    assert!(why.contains("nobody wrote"), "{why}");
    let why = found(&|tree| tree.get_mut(&shared(0)).unwrap().push(0));
    assert!(why.contains("bytes, not"), "{why}");
    let why = found(&|tree| drop(tree.remove(&shared(2))));
    assert!(why.contains("is missing"), "{why}");
    let why = found(&|tree| drop(tree.insert(b"stranger".to_vec(), Vec::new())));
    assert!(why.contains("nobody's"), "{why}");
}

/// What may be found after a crash: what was durable, or what was done since; never older.
#[test]
fn only_promised_or_later_content_is_allowed_after_a_crash() {
    let part = Part::Private { thread: 0, slot: 0 };
    let mut stretch = Stretch::new(part, None).unwrap();
    let judge = |stretch: &Stretch, found: Option<&[u8]>| stretch.judge(&PLAN, found);
    assert_eq!(judge(&stretch, None), Ok(()));
    judge(&stretch, Some(&[])).unwrap_err();
    stretch.change(stretch::Change::Create);
    let first = stretch.write(0..100);
    // Nothing is promised: the file may be missing, empty, or have got its size before its data.
    for found in [None, Some(&[][..]), Some(&[0; 100][..]), Some(&first[..])] {
        assert_eq!(judge(&stretch, found), Ok(()));
    }
    judge(&stretch, Some(&[0; 101])).unwrap_err();
    stretch.durable();
    assert_eq!(judge(&stretch, Some(&first)), Ok(()));
    for found in [None, Some(&first[..99]), Some(&[0; 100][..])] {
        judge(&stretch, found).unwrap_err();
    }
    let second = stretch.write(50..100);
    let both = [&first[..50], &second[..]].concat();
    assert_eq!(judge(&stretch, Some(&first)), Ok(()));
    assert_eq!(judge(&stretch, Some(&both)), Ok(()));
    stretch.range_durable(50..100);
    assert_eq!(judge(&stretch, Some(&both)), Ok(()));
    judge(&stretch, Some(&first)).unwrap_err();
    stretch.change(stretch::Change::Unlink);
    assert_eq!(judge(&stretch, None), Ok(()));
    assert_eq!(judge(&stretch, Some(&both)), Ok(()));
}

/// The example itself, killed after a second. Cargo builds examples before it runs tests.
#[test]
fn a_killed_run_is_recovered_to_what_it_promised() {
    let test = std::env::current_exe().unwrap();
    let build = test.parent().and_then(Path::parent).unwrap();
    let example = build.join("examples/stress");
    if !example.is_file() {
        println!("NotMeasured: {} has not been built", example.display());
        return;
    }
    let mut stress = Command::new(example);
    let output = stress.args(["--seconds", "1", "--kill"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    // 3 is NotMeasured: the output says what.
    let is_good = matches!(output.status.code(), Some(0 | 3)) && said.contains("recovered:");
    assert!(is_good, "{}", String::from_utf8_lossy(&output.stderr));
}
