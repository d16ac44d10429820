//! What a check used of the machine.

use std::time::Instant;

/// A measurement under way.
#[derive(Debug)]
pub struct Usage {
    started: Instant,
    cpu_s: f64,
}

/// What was used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Seconds of real time.
    pub wall_s: f64,
    /// Seconds of processor time of the whole process, children not counted.
    pub cpu_s: f64,
    /// The largest amount of memory that the process has held, in bytes.
    pub peak_rss_bytes: u64,
}

impl Usage {
    /// Begins to measure.
    pub fn start() -> Usage {
        Usage {
            started: Instant::now(),
            cpu_s: cpu_s(),
        }
    }

    /// What was used since. Processor time and memory are 0 where the system does not tell.
    pub fn so_far(&self) -> Used {
        Used {
            wall_s: self.started.elapsed().as_secs_f64(),
            cpu_s: cpu_s() - self.cpu_s,
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// Processor time of this process: the kernel's sum of run time over all its threads.
fn cpu_s() -> f64 {
    let mut nanoseconds = 0;
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    for thread in threads.flatten() {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let first = text
            .split_whitespace()
            .next()
            .and_then(|word| word.parse::<u64>().ok());
        nanoseconds += first.unwrap_or(0);
    }
    nanoseconds as f64 / 1e9
}

/// The high-water mark of this process's memory.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
