//! The files that show a study: Markdown, CSV, SVG and a page, all from its records.

use crate::{Result, Results, Study, page, record::write};
use std::path::{Path, PathBuf};

impl Study {
    /// Writes everything that shows the study beside the folder of its records: `NAME.md`, `NAME.html`,
    /// `NAME-TABLE.csv` and `NAME-PLOT.svg`. The same records give the same files.
    ///
    /// # Errors
    /// If something cannot be drawn or written.
    pub fn render(&self, results: &Results, output: &Path) -> Result<Vec<PathBuf>> {
        let mut files = vec![
            ("md".to_string(), self.markdown(results)?),
            ("html".to_string(), page::page(results)?),
        ];
        for table in results.tables() {
            files.push((format!("-{}.csv", table.id), table.csv()?));
        }
        for plot in results.plots()? {
            files.push((format!("-{}.svg", plot.id), plot.svg));
        }
        std::fs::create_dir_all(output).map_err(|error| crate::Error::output(output, error))?;
        let mut written = Vec::new();
        for (end, text) in files {
            let dot = if end.starts_with('-') { "" } else { "." };
            let path = output.join(format!("{}{dot}{end}", self.name));
            write(&path, text.as_bytes())?;
            written.push(path);
        }
        Ok(written)
    }

    /// The study as one Markdown document, which shows the plots by the names of their files.
    ///
    /// # Errors
    /// If a plot cannot be drawn.
    pub fn markdown(&self, results: &Results) -> Result<String> {
        let mut text = format!("# {}\n\n{}", results.title, results.progress());
        if !results.machines.is_empty() {
            text += &format!(" Run on {}.", results.run_on());
        }
        text += "\n";
        for table in results.tables() {
            text += &format!("\n{}", table.markdown());
        }
        for plot in results.plots()? {
            text += &format!(
                "\n## {}\n\n![{}]({}-{}.svg)\n",
                plot.title, plot.told, self.name, plot.id
            );
        }
        Ok(text)
    }
}

impl Results {
    /// How much of the study is done, in words.
    pub(crate) fn progress(&self) -> String {
        let failed = match self.failed.len() {
            0 => String::new(),
            count => format!("; {count} of them could not be done"),
        };
        format!(
            "{} of {} cells have their records{failed}; they took {:.0} s in all.",
            self.done, self.cells, self.seconds
        )
    }

    /// The machines and versions that it was run with, in words.
    pub(crate) fn run_on(&self) -> String {
        let machine = |machine: &crate::Machine| {
            let cpu = machine.cpu.as_deref().unwrap_or("an unknown processor");
            format!(
                "{cpu}, {} threads, networks on the {}",
                machine.threads, machine.device
            )
        };
        let machines: Vec<String> = self.machines.iter().map(machine).collect();
        format!("{}; visard {}", machines.join("; "), self.versions.join(", "))
    }
}
