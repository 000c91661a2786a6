//! What a process has used, as the kernel counts it.

use anyhow::Result;

#[derive(Clone, Copy, Debug, Default)]
pub struct Resources {
    /// User and system time of all its threads, in steps of the kernel's tick (10 ms).
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub peak_bytes: u64,
}

impl Resources {
    #[cfg(target_os = "linux")]
    pub fn of(process: u32) -> Result<Resources> {
        use anyhow::Context;

        let process = procfs::process::Process::new(i32::try_from(process)?)
            .context("the process has ended")?;
        let stat = process.stat().context("/proc cannot be read")?;
        let status = process.status().context("/proc cannot be read")?;
        let ticks = u32::try_from(stat.utime + stat.stime)?;
        let per_second = u32::try_from(procfs::ticks_per_second())?;
        Ok(Resources {
            cpu_seconds: f64::from(ticks) / f64::from(per_second),
            resident_bytes: status.vmrss.unwrap_or_default() * 1024,
            peak_bytes: status.vmhwm.unwrap_or_default() * 1024,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn of(_process: u32) -> Result<Resources> {
        anyhow::bail!("CPU time and memory are read from /proc: the bench needs Linux")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let before = Resources::of(std::process::id()).expect("this process");
        let work = vec![1u8; 8 * 1024 * 1024];
        let mut sum = 0u64;
        let after = loop {
            sum += work.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            let now = Resources::of(std::process::id()).expect("this process");
            if now.cpu_seconds > before.cpu_seconds {
                break now;
            }
        };
        assert!(sum > 0);
        assert!(after.peak_bytes >= 8 * 1024 * 1024);
        assert!(after.peak_bytes >= after.resident_bytes);
    }
}
