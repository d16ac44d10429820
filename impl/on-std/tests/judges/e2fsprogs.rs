//! e2fsck, which checks and recovers images, and debugfs, which reads clean ones.

use super::{Tree, folder};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The time that the programs are told it is, in seconds since 1970: after any time in an image.
const NOW: &str = "2000000000";

/// What e2fsck prints, exiting with 0, where the journal is not as it should be.
const JOURNAL_COMPLAINTS: [&str; 4] = [
    "Journal checksum error",
    "Journal corrupted",
    "JBD2: Invalid",
    "while recovering",
];

/// The programs.
#[derive(Debug)]
pub struct E2fsprogs {
    e2fsck: PathBuf,
    debugfs: PathBuf,
}

impl E2fsprogs {
    /// Looks for them in `PATH` and where administrators' programs are.
    ///
    /// # Errors
    /// Why nothing can be measured.
    pub fn find() -> Result<E2fsprogs, String> {
        let find = |name: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
            folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
            let mut files = folders.into_iter().map(|folder| folder.join(name));
            let found = files.find(|file| file.is_file());
            found.ok_or_else(|| format!("{name} is not installed (package e2fsprogs)"))
        };
        Ok(E2fsprogs {
            e2fsck: find("e2fsck")?,
            debugfs: find("debugfs")?,
        })
    }

    /// Checks a clean image, which stays as it is.
    ///
    /// # Errors
    /// What it complains about.
    pub fn check(&self, image: &Path) -> Result<(), String> {
        self.e2fsck(image, &["-fn"])
    }

    /// Recovers an image and processes its orphans.
    ///
    /// # Errors
    /// What it complains about, apart from orphans.
    pub fn recover(&self, image: &Path) -> Result<(), String> {
        self.e2fsck(image, &["-y", "-E", "journal_only"])?;
        self.check(image)
    }

    fn e2fsck(&self, image: &Path, arguments: &[&str]) -> Result<(), String> {
        let output = run(Command::new(&self.e2fsck).args(arguments).arg(image))?;
        let text = said(&output);
        let is_silent = output.status.code() == Some(0)
            && !JOURNAL_COMPLAINTS.iter().any(|words| text.contains(words));
        match is_silent {
            true => Ok(()),
            false => Err(format!("e2fsck {}: {text}", arguments.join(" "))),
        }
    }

    /// Reads a clean image.
    ///
    /// # Errors
    /// What can not be read.
    pub fn read(&self, image: &Path) -> Result<Tree, String> {
        let to = tempfile::tempdir().map_err(|error| error.to_string())?;
        let request = format!("rdump / {}", to.path().display());
        let mut command = Command::new(&self.debugfs);
        let output = run(command.args(["-R", &request]).arg(image))?;
        match output.status.success() {
            true => folder(to.path()),
            false => Err(format!("debugfs: {}", said(&output))),
        }
    }
}

fn run(command: &mut Command) -> Result<Output, String> {
    command
        .env_clear()
        .env("E2FSCK_CONFIG", "/dev/null")
        .env("E2FSCK_TIME", NOW)
        .env("E2FSPROGS_FAKE_TIME", NOW)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())
}

fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
