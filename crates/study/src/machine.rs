//! What a cell was run on.

use serde::{Deserialize, Serialize};

/// The machine and how much of it was used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Name of the processor, where the system tells.
    pub cpu: Option<String>,
    /// Threads that worked.
    pub threads: usize,
    /// Where networks computed.
    pub device: String,
}

impl Machine {
    /// This machine.
    pub(crate) fn this(device: &str) -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: cpu(&info),
            threads: rayon::current_num_threads(),
            device: device.into(),
        }
    }
}

/// The processor's name in Linux's list of processors.
fn cpu(info: &str) -> Option<String> {
    let line = info.lines().find_map(|line| line.strip_prefix("model name"))?;
    let name = line.trim_start_matches([' ', '\t', ':']).trim();
    (!name.is_empty()).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_processor_is_named_where_the_system_tells() {
        let info = "processor\t: 0\nmodel name\t: Some CPU @ 2.50GHz\nflags : x\n";
        assert_eq!(super::cpu(info).as_deref(), Some("Some CPU @ 2.50GHz"));
        assert_eq!(super::cpu("processor : 0\n"), None);
    }
}
