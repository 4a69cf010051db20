#![no_main]
//! Records of audits of any bytes are read or refused, and what is read can be shown.

use visard_audit::{Audit, Report, page, table};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(audit) = Audit::parse(bytes) {
        drop(table::csv(&audit));
        drop(page::page(&Report { audit, examples: Vec::new() }, false));
    }
});
