//! The record as a table: one row for each run of each attack, and for each cell of each attack on models.

use crate::{Audit, CellRecord, Error, Measure, ModelAttacked, Point, Result, Told};

const HEAD: [&str; 26] = [
    "scheme",
    "attack",
    "level",
    "counted",
    "count",
    "verdict",
    "because",
    "inconclusive",
    "images",
    "psnr_db",
    "exact",
    "ssim",
    "ssim_null",
    "ssim_skill",
    "edges",
    "edges_null",
    "edges_skill",
    "identified",
    "candidates",
    "evidence",
    "seconds",
    "paper",
    "cell",
    "measure",
    "value",
    "null",
];

/// All runs as CSV (RFC 4180), with a head.
///
/// # Errors
/// Never for records that fit into memory.
pub fn csv(audit: &Audit) -> Result<String> {
    let fail = |error: csv::Error| Error::Page(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD).map_err(fail)?;
    for attack in &audit.attacks {
        for point in &attack.points {
            let head = [
                audit.scheme.clone(),
                attack.name.clone(),
                attack.access.to_string(),
                attack.access.counts().into(),
            ];
            let tail = [
                attack.paper.clone(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ];
            let row = head.into_iter().chain(run(point)).chain(tail);
            writer.write_record(row).map_err(fail)?;
        }
    }
    for attack in audit.model.iter().flat_map(|model| &model.attacks) {
        for record in &attack.cells {
            writer
                .write_record(cell(&audit.scheme, attack, record))
                .map_err(fail)?;
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::Page(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::Page(error.to_string()))
}

fn figure(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.6}"))
}

/// The columns from the number of images to the seconds.
fn run(point: &Point) -> [String; 17] {
    let pictures = point.pictures.as_ref();
    let measure = |measure: Option<&Measure>| {
        [
            figure(measure.map(|m| m.median)),
            figure(measure.map(|m| m.null)),
            figure(measure.and_then(|m| m.skill)),
        ]
    };
    let [ssim, ssim_null, ssim_skill] = measure(pictures.and_then(|p| p.ssim.as_ref()));
    let [edges, edges_null, edges_skill] = measure(pictures.and_then(|p| p.edges.as_ref()));
    let evidence = point
        .evidence
        .iter()
        .map(|e| format!("{}={:.6}", e.what, e.value));
    [
        point.count.to_string(),
        point.verdict.to_string(),
        point.because.clone(),
        point.inconclusive.clone().unwrap_or_default(),
        pictures.map_or(String::new(), |p| p.images.to_string()),
        figure(pictures.map(|p| p.psnr)),
        figure(pictures.map(|p| p.exact)),
        ssim,
        ssim_null,
        ssim_skill,
        edges,
        edges_null,
        edges_skill,
        pictures.map_or(String::new(), |p| p.identified.hits.to_string()),
        pictures.map_or(String::new(), |p| p.identified.candidates.to_string()),
        evidence.collect::<Vec<_>>().join("; "),
        format!("{:.3}", point.seconds),
    ]
}

/// The row of an attack on models in a cell; the columns of pictures and counts stay empty.
fn cell(scheme: &str, attack: &ModelAttacked, record: &CellRecord) -> Vec<String> {
    let level = record
        .cell
        .access()
        .map_or(String::new(), |access| access.to_string());
    let (measure, value, null) = match &record.told {
        Some(Told::Membership(told)) => ("auc", Some(told.auc), Some(0.5)),
        Some(Told::Classes(told)) => ("bits", Some(told.information), Some(told.null)),
        Some(Told::Inversion(told)) => ("classes recognised", Some(told.recognised as f64), None),
        Some(Told::Extraction(told)) => {
            let best = told.best();
            (
                "agreement",
                best.map(|copy| copy.agreement),
                best.map(|copy| copy.null),
            )
        }
        None => ("", None, None),
    };
    let mut row = vec![
        scheme.to_string(),
        attack.name.clone(),
        level,
        String::new(),
        String::new(),
    ];
    row.extend([
        record.verdict.to_string(),
        record.because.clone(),
        record.inconclusive.clone().unwrap_or_default(),
    ]);
    // Up to the seconds.
    row.resize(20, String::new());
    row.extend([
        format!("{:.3}", record.seconds),
        attack.paper.clone(),
        record.cell.who().into(),
        measure.into(),
        figure(value),
        figure(null),
    ]);
    row
}
