//! The machine of a measurement: what matters for its speed, and nothing that names it.

use std::{fs, process::Command, thread};

use crate::process;

#[derive(Clone, Debug)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    pub rust: String,
    /// Runnable processes on average over the last minute, before the bench began.
    pub load: Option<f64>,
}

impl Machine {
    pub fn here() -> Machine {
        let file = |path| fs::read_to_string(path).unwrap_or_default();
        let kernel = file("/proc/sys/kernel/osrelease").trim().to_owned();
        Machine {
            processor: processor(&file("/proc/cpuinfo")),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: format!("{} {kernel}", std::env::consts::OS),
            rust: process::read(Command::new("rustc").arg("--version"))
                .map_or_else(|_| "unknown".to_owned(), |line| first_words(&line, 2)),
            load: file("/proc/loadavg").split_whitespace().next().and_then(|n| n.parse().ok()),
        }
    }
}

fn processor(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(':')).map(|(_, name)| name.trim());
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

fn first_words(line: &str, count: usize) -> String {
    line.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_by_its_model() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Xeon(R) @ 2.50GHz\n";
        assert_eq!(processor(cpuinfo), "Xeon(R) @ 2.50GHz");
        assert_eq!(processor(""), std::env::consts::ARCH);
        assert_eq!(first_words("rustc 1.95.0 (abc 2026-01-01)", 2), "rustc 1.95.0");
    }
}
