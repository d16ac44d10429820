//! e2fsck as an external judge of images.
//!
//! The exit code alone is not enough: orphan processing changes the image and exits with 0, and so
//! does a replay that finds a bad checksum. So the judge reads e2fsck's problem log, whose codes
//! are stable, and looks for complaints about the journal in its output.
//!
//! # Not caught
//!
//! Stale data exposed, lost or wrong data, a lost file or size, a hole instead of data, unwritten
//! blocks past the end of a file, a linked inode on the orphan list, a missing revoke, a journal
//! tail advanced too early, a broken fsync. These are for the suite's own oracles.
//!
//! # Source
//! e2fsprogs 1.47 `e2fsck/problem.h` (codes), `e2fsck/logfile.c`, e2fsck(8) (exit codes).

use cutpoint::crash::Fingerprint;
use cutpoint::state::Numbers;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The time that e2fsck is told it is, in seconds since 1970: after any time in an image.
const NOW: &str = "2000000000";

/// `PR_0_ORPHAN_CLEAR_INODE`: an inode of the orphan list is truncated or cleared. The only
/// problem that an image after a crash may have.
const ORPHAN_CLEARED: &str = "0x000020";

/// What e2fsck prints, exiting with 0, where the journal is not as it should be.
const JOURNAL_COMPLAINTS: [&str; 4] = [
    "Journal checksum error",
    "Journal corrupted",
    "JBD2: Invalid",
    "while recovering",
];

/// What an image is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// After a power cut: its journal is to be replayed and its orphans are to be processed, and
    /// nothing else may be amiss. e2fsck does both.
    Crashed,
    /// Recovered or cleanly unmounted: e2fsck must find nothing at all.
    Recovered,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing that the image's condition forbids.
    Clean,
    /// Something is wrong.
    Bad {
        /// The codes of the problems, in the order found, those allowed included.
        codes: Vec<String>,
        /// What e2fsck printed.
        output: String,
    },
    /// e2fsck could not be run, and why.
    NotMeasured(String),
}

/// The judge. It remembers its verdicts by image.
#[derive(Debug)]
pub struct E2fsck {
    tools: Result<Tools, String>,
    block_size: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Tools {
    program: PathBuf,
    directory: TempDir,
}

#[derive(Debug, Default)]
struct State {
    verdicts: BTreeMap<u128, Judged>,
    judged: u64,
    cached: u64,
}

impl E2fsck {
    /// Looks for e2fsck, statically linked by preference because that starts faster, in `PATH` and
    /// where administrators' programs are. `block_size` is in bytes.
    pub fn find(block_size: usize) -> E2fsck {
        E2fsck::with_program(find_program(&["e2fsck.static", "e2fsck"]), block_size)
    }

    /// A judge that runs `program`, or that measures nothing if there is none.
    pub fn with_program(program: Option<PathBuf>, block_size: usize) -> E2fsck {
        let tools = match program {
            None => Err("e2fsck is not installed (package e2fsprogs)".to_owned()),
            Some(program) => match scratch_directory() {
                Ok(directory) => Ok(Tools { program, directory }),
                Err(error) => Err(format!("no temporary directory: {error}")),
            },
        };
        E2fsck {
            tools,
            block_size,
            state: Mutex::default(),
        }
    }

    /// Judges an image of `blocks` blocks. `image` lists blocks by number; those that it leaves
    /// out are zeroes.
    pub fn judge<'a>(
        &self,
        image: impl Iterator<Item = (u64, &'a [u8])>,
        blocks: u64,
        condition: Condition,
    ) -> Judged {
        let tools = match &self.tools {
            Ok(tools) => tools,
            Err(why) => return Judged::NotMeasured(why.clone()),
        };
        let content: BTreeMap<u64, &[u8]> = image.filter(|(_, data)| !is_zero(data)).collect();
        let fingerprint = fingerprint(&content, blocks, condition);
        let number = {
            let mut state = self.state();
            if let Some(verdict) = state.verdicts.get(&fingerprint).cloned() {
                state.cached += 1;
                return verdict;
            }
            state.judged += 1;
            state.judged
        };
        let path = tools.directory.path().join(format!("{number}.img"));
        let bytes = blocks * self.block_size as u64;
        let verdict = write_image(&path, &content, self.block_size, bytes)
            .and_then(|()| run(&tools.program, &path, condition))
            .unwrap_or_else(|error| {
                let program = tools.program.display();
                Judged::NotMeasured(format!("{program} can not be run: {error}"))
            });
        // The directory goes with the judge, so a file that stays does no lasting harm.
        let _ = fs::remove_file(&path);
        if !matches!(verdict, Judged::NotMeasured(_)) {
            self.state().verdicts.insert(fingerprint, verdict.clone());
        }
        verdict
    }

    /// How many images were given to e2fsck.
    pub fn judged(&self) -> u64 {
        self.state().judged
    }

    /// How many verdicts were remembered ones.
    pub fn cached(&self) -> u64 {
        self.state().cached
    }

    /// The images that it has judged without objection, by fingerprint.
    pub fn clean(&self) -> Numbers {
        let state = self.state();
        let clean = state.verdicts.iter();
        let clean = clean.filter(|(_, verdict)| **verdict == Judged::Clean);
        Numbers(clean.map(|(image, _)| *image).collect())
    }

    /// Remembers what another judge has seen, and how often it was asked.
    pub fn restore(&self, clean: Numbers, judged: u64, cached: u64) {
        let mut state = self.state();
        let clean = clean.0.into_iter();
        state.verdicts = clean.map(|image| (image, Judged::Clean)).collect();
        (state.judged, state.cached) = (judged, cached);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of `names` that is a file in `PATH`, `/usr/sbin` or `/sbin`.
fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let candidate = |name: &&str| {
        let files = directories.iter().map(|directory| directory.join(name));
        files.into_iter().find(|file| file.is_file())
    };
    names.iter().find_map(candidate)
}

/// Whether all bytes are 0: the first is, and every other equals the one before it. A comparison of
/// slices is fast in every build profile, and most of an image is zeroes.
fn is_zero(data: &[u8]) -> bool {
    data.first().is_none_or(|first| *first == 0)
        && data[1.min(data.len())..] == data[..data.len().saturating_sub(1)]
}

/// A directory for images. In memory if possible: on a disk, e2fsck's fsync is what takes time.
fn scratch_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("cutpoint-");
    builder
        .tempdir_in("/dev/shm")
        .or_else(|_| builder.tempdir())
}

fn fingerprint(content: &BTreeMap<u64, &[u8]>, blocks: u64, condition: Condition) -> u128 {
    let mut fingerprint = Fingerprint::new();
    fingerprint.write_u64(blocks);
    fingerprint.write_u8(condition as u8);
    for (block, data) in content {
        fingerprint.write_u64(*block);
        fingerprint.write(data);
    }
    fingerprint.value()
}

/// Writes a sparse file.
fn write_image(
    path: &Path,
    content: &BTreeMap<u64, &[u8]>,
    block_size: usize,
    bytes: u64,
) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes)?;
    let (mut run, mut start) = (Vec::new(), 0);
    for (&block, data) in content {
        let offset = block * block_size as u64;
        if offset != start + run.len() as u64 {
            file.write_all_at(&run, start)?;
            run.clear();
            start = offset;
        }
        run.extend_from_slice(data);
    }
    file.write_all_at(&run, start)
}

/// Runs e2fsck on a file, which it may change.
fn run(program: &Path, path: &Path, condition: Condition) -> io::Result<Judged> {
    let log = path.with_extension("xml");
    let mut option = std::ffi::OsString::from("problem_log=");
    option.push(&log);
    let output = Command::new(program)
        .arg(match condition {
            Condition::Crashed => "-fy",
            Condition::Recovered => "-fn",
        })
        .arg("-E")
        .arg(option)
        .arg(path)
        .env_clear()
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("E2FSCK_TIME", NOW)
        .env("E2FSPROGS_FAKE_TIME", NOW)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()?;
    // Where there is no problem there need not be a log.
    let problems = match fs::read(&log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let _ = fs::remove_file(&log);
    Ok(verdict(&output, &problems, condition))
}

fn verdict(output: &Output, problems: &str, condition: Condition) -> Judged {
    let codes = problem_codes(problems);
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    let is_allowed = |code: &String| condition == Condition::Crashed && code == ORPHAN_CLEARED;
    let is_clean = output.status.code() == Some(0)
        && codes.iter().all(is_allowed)
        && !JOURNAL_COMPLAINTS
            .iter()
            .any(|complaint| text.contains(complaint));
    if is_clean {
        Judged::Clean
    } else {
        Judged::Bad {
            codes,
            output: text,
        }
    }
}

/// The codes in a problem log.
fn problem_codes(log: &str) -> Vec<String> {
    let problems = log.split("<problem code=\"").skip(1);
    let codes = problems.map(|rest| rest.split('"').next().unwrap_or_default());
    codes.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    const BLOCK_SIZE: usize = 1024;
    const BLOCKS: u64 = 2048;

    /// A fresh file system without metadata checksums, or why there is none.
    fn fresh_image() -> Result<Vec<u8>, String> {
        let mkfs = find_program(&["mkfs.ext4"]).ok_or("mkfs.ext4 is not installed")?;
        let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let size = BLOCKS * BLOCK_SIZE as u64;
        file.as_file()
            .set_len(size)
            .map_err(|error| error.to_string())?;
        let output = Command::new(mkfs)
            .args(["-q", "-F", "-b", "1024", "-O", "^metadata_csum"])
            .arg(file.path())
            .env("E2FSPROGS_FAKE_TIME", NOW)
            .output()
            .map_err(|error| error.to_string())?;
        assert!(output.status.success(), "{output:?}");
        fs::read(file.path()).map_err(|error| error.to_string())
    }

    fn judge(e2fsck: &E2fsck, image: &[u8], condition: Condition) -> Judged {
        let blocks = (0..).zip(image.chunks(BLOCK_SIZE));
        e2fsck.judge(blocks, BLOCKS, condition)
    }

    #[test]
    fn a_fresh_image_is_clean_and_a_wrong_count_is_not() {
        let e2fsck = E2fsck::find(BLOCK_SIZE);
        let tools = e2fsck.tools.as_ref().map_err(String::clone);
        let image = match tools.and_then(|_| fresh_image()) {
            Ok(image) => image,
            Err(why) => return eprintln!("NotMeasured: {why}"),
        };
        let mut wrong = image.clone();
        // The lowest byte of s_free_inodes_count in the superblock.
        wrong[1024 + 16] ^= 1;
        for condition in [Condition::Crashed, Condition::Recovered] {
            assert_eq!(judge(&e2fsck, &image, condition), Judged::Clean);
            match judge(&e2fsck, &wrong, condition) {
                Judged::Bad { codes, output } => assert!(!codes.is_empty(), "{output}"),
                other => panic!("{condition:?}: {other:?}"),
            }
        }
        assert_eq!((e2fsck.judged(), e2fsck.cached()), (4, 0));
        assert_eq!(judge(&e2fsck, &image, Condition::Crashed), Judged::Clean);
        assert_eq!((e2fsck.judged(), e2fsck.cached()), (4, 1));
    }

    #[test]
    fn no_image_at_all_is_bad() {
        let e2fsck = E2fsck::find(BLOCK_SIZE);
        let verdict = judge(&e2fsck, &[0; BLOCK_SIZE], Condition::Recovered);
        assert!(!matches!(verdict, Judged::Clean), "{verdict:?}");
    }

    #[test]
    fn without_e2fsck_nothing_is_measured() {
        let image = [1; BLOCK_SIZE];
        let absent = E2fsck::with_program(None, BLOCK_SIZE);
        let gone = E2fsck::with_program(Some("/nonexistent/e2fsck".into()), BLOCK_SIZE);
        for e2fsck in [absent, gone] {
            let verdict = judge(&e2fsck, &image, Condition::Crashed);
            assert!(matches!(verdict, Judged::NotMeasured(_)), "{verdict:?}");
        }
    }

    #[test]
    fn exit_codes_problems_and_complaints_all_count() {
        let verdict = |code: i32, text: &str, problems: &str, condition| {
            let output = Output {
                status: ExitStatus::from_raw(code << 8),
                stdout: text.into(),
                stderr: Vec::new(),
            };
            super::verdict(&output, problems, condition) == Judged::Clean
        };
        let orphan = "<problem_log>\n<problem code=\"0x000020\" answer=\"-1\"/>";
        let other = "<problem code=\"0x000020\"/><problem code=\"0x05000f\"/>";
        let (crashed, recovered) = (Condition::Crashed, Condition::Recovered);
        assert!(verdict(0, "", "", crashed) && verdict(0, "", "", recovered));
        assert!(verdict(0, "", orphan, crashed) && !verdict(0, "", orphan, recovered));
        assert!(!verdict(0, "", other, crashed));
        assert!(!verdict(1, "", "", crashed) && !verdict(8, "", "", recovered));
        for complaint in JOURNAL_COMPLAINTS {
            assert!(!verdict(0, complaint, "", crashed), "{complaint}");
        }
    }
}
