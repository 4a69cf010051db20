//! The record as a table: one row for each run of each attack.

use crate::{Audit, Error, Measure, Result};

const HEAD: [&str; 22] = [
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
            let pictures = point.pictures.as_ref();
            let figure = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
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
            writer
                .write_record([
                    audit.scheme.clone(),
                    attack.name.clone(),
                    attack.access.to_string(),
                    attack.access.counts().into(),
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
                    attack.paper.clone(),
                ])
                .map_err(fail)?;
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::Page(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::Page(error.to_string()))
}
