//! What this process has used, as the kernel counts it; for another process by its id.

/// Of a process by its id, or of this one.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub peak_memory_mib: u64,
}

impl Usage {
    pub fn of(process: Option<u32>) -> Usage {
        Usage { cpu_seconds: cpu_seconds(process), peak_memory_mib: peak_memory_mib(process) }
    }
}

/// Processor time of a process, seconds.
pub fn cpu_seconds(process: Option<u32>) -> f64 {
    let stat = std::fs::read_to_string(file(process, "stat")).unwrap_or_default();
    // Fields 14 and 15 (proc(5)), counted behind the name in parentheses; in clock ticks of 1/100 s on Linux.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// The most memory that was resident since [`reset_peak`], MiB.
pub fn peak_memory_mib(process: Option<u32>) -> u64 {
    let status = std::fs::read_to_string(file(process, "status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) / 1_024
}

/// So that a second measurement in this process tells its own peak. Where the kernel does not let us, the peak is that of
/// all so far.
pub fn reset_peak() {
    // 5 resets the peak (proc(5), clear_refs).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn file(process: Option<u32>, name: &str) -> String {
    process.map_or_else(|| format!("/proc/self/{name}"), |id| format!("/proc/{id}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let begun = std::time::Instant::now();
        let before = cpu_seconds(None);
        // At 100 ticks a second some tens of milliseconds of work show; a hung counter would never end this.
        while cpu_seconds(None) <= before {
            assert!(begun.elapsed().as_secs() < 60, "no processor time is counted");
        }
        assert!(peak_memory_mib(None) > 1 && peak_memory_mib(Some(std::process::id())) > 1);
    }
}
