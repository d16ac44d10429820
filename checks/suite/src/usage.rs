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

    /// The processor time since, in seconds.
    pub fn cpu_s(&self) -> f64 {
        cpu_s() - self.cpu_s
    }

    /// What was used since. Processor time and memory are 0 where the system does not tell.
    pub fn so_far(&self) -> Used {
        Used {
            wall_s: self.started.elapsed().as_secs_f64(),
            cpu_s: self.cpu_s(),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// Processor time of this process, of threads that have ended too. What the threads of now have run
/// is known to the nanosecond; what ended ones have is in the process's own account alone, which
/// counts in ticks. So the larger of the two is the better answer.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    running_s().max(in_ticks_s(&text).unwrap_or(0.0))
}

/// What the threads of now have run, in seconds.
fn running_s() -> f64 {
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

/// The processor time in a process's line of `/proc`, in seconds: in its own name and the kernel's,
/// the twelfth and thirteenth number after its name, which stands in brackets.
fn in_ticks_s(stat: &str) -> Option<f64> {
    /// What Linux shows to programs, on every machine.
    const TICKS_PER_S: f64 = 100.0;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_S)
}

/// The high-water mark of this process's memory.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_brackets() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194304 90 0 1 0 250 31 0 0 20 0 1 0 5 6 7";
        assert_eq!(in_ticks_s(stat), Some(2.81));
        assert_eq!(in_ticks_s("7 (a) S 1"), None);
    }
}
