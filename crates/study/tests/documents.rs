//! The committed documents show the committed records.

use std::{fs, path::Path};
use visard_study::Study;

#[test]
fn every_document_of_learning_is_what_its_records_render() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (documents, audits) = (root.join("docs/learning"), root.join("docs/records/audit"));
    let mut seen = 0;
    for entry in fs::read_dir(root.join("studies/learning")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let document = documents.join(format!("{name}.md"));
        if path.extension().is_none_or(|end| end != "toml") || !document.exists() {
            continue;
        }
        let study = Study::read(&path).unwrap();
        let results = study.results(&documents, Some(&audits)).unwrap();
        let rendered = study.markdown(&results).unwrap();
        let committed = fs::read_to_string(&document).unwrap();
        assert!(
            rendered == committed,
            "docs/learning/{name}.md is stale: cargo xtask learning --render"
        );
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} documents of learning are there");
}
