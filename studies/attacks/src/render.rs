//! `docs/attacks.md`, from the records.

use crate::{record, sections};
use anyhow::Context;
use std::{fs, path::Path};
use study_attacks::markdown;

const DOCUMENT: &str = "docs/attacks.md";

const HEAD: &str = "\
# What the attacks bring back

Every figure below was measured by the code behind `visard attack`, on disguised images alone and what the named
level grants. This page is rendered from the records in `docs/records/attacks/`; each section names the command
that measures it again, SETS being the folder of the image sets.

In parentheses stands what was expected: measured by throw-away scripts before the attacks were written, or
derived by a formula; `>=` and `<=` are bounds. A figure outside its tolerance is marked `!`, and the notes under
its table say why. PSNR is in dB, `exact` where it is infinite.
";

/// Writes the document.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    fs::write(root.join(DOCUMENT), document(root)?).with_context(|| DOCUMENT)
}

fn document(root: &Path) -> anyhow::Result<String> {
    let mut text = HEAD.to_string();
    for section in sections::ALL {
        if let Some(record) = record::read(&record::place(root, section.name))? {
            text += &markdown::section(&record);
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROOT;

    #[test]
    fn the_document_shows_the_records() {
        let root = Path::new(ROOT);
        let text = fs::read_to_string(root.join(DOCUMENT)).unwrap();
        assert!(
            document(root).unwrap() == text,
            "{DOCUMENT} is stale: cargo run --release -p study-attacks -- --render"
        );
    }

    #[test]
    fn every_section_has_its_record() {
        for section in sections::ALL {
            let place = record::place(Path::new(ROOT), section.name);
            assert!(place.is_file(), "{} was never measured", section.name);
        }
    }
}
