//! The record of an audit, versioned, written as JSON and read back with bounds.

use crate::{Access, Error, Result, Verdict};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};
use visard_attacks::metrics::number;
use visard_core::Shape;

/// Version of the record's schema.
pub const SCHEMA: u32 = 1;

/// Largest record that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Most entries of a list, and most characters of a text, in a record that is read.
const MOST: usize = 4096;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Always `audit`.
    pub kind: String,
    /// Version of the schema: [`SCHEMA`].
    pub schema: u32,
    /// Version of the program.
    pub version: String,
    /// Name of the scheme.
    pub scheme: String,
    /// Its parameters as texts.
    pub params: BTreeMap<String, String>,
    /// Shape of the plain images.
    pub shape: Shape,
    /// Fingerprint of the key.
    pub fingerprint: String,
    /// What was audited on.
    pub data: DataRecord,
    /// Seed of the attacks and of the choice of images.
    pub seed: u64,
    /// Seconds that were allowed; none if there was no bound.
    pub time: Option<f64>,
    /// Bytes of working storage that each attack was allowed.
    pub memory: u64,
    /// What the verdicts are made by.
    pub thresholds: Thresholds,
    /// A verdict for each adversary that was played.
    pub levels: Vec<LevelRecord>,
    /// What was run.
    pub attacks: Vec<Attacked>,
    /// What was not run, and why.
    pub not_run: Vec<NotRun>,
    /// Seconds that it took.
    pub seconds: f64,
    /// The command that repeats it.
    pub command: String,
}

/// The images of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// Images that were attacked.
    pub attacked: usize,
    /// Of these, images whose pictures were judged.
    pub judged: usize,
    /// Images with known disguises.
    pub known: usize,
    /// Public images.
    pub public: usize,
    /// Where the public images are from.
    pub public_from: Option<String>,
}

/// What the verdicts are made by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Skill of the median picture from which a disguise is broken.
    pub broken_skill: f64,
    /// Share of exactly recovered images from which it is broken.
    pub broken_exact: f64,
    /// Skill from which it leaks.
    pub leaks_skill: f64,
    /// Standard deviations above chance from which a figure is a leak.
    pub leaks_deviations: f64,
}

/// The verdict against one adversary, who may run everything that weaker ones may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelRecord {
    /// What the adversary holds.
    pub access: Access,
    /// The worst that came of it.
    pub verdict: Verdict,
    /// The attacks that reached it.
    pub by: Vec<String>,
    /// Attacks of this adversary that ran out of time or memory, so that more may be possible.
    pub inconclusive: Vec<String>,
}

/// One attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attacked {
    /// Name in the registry.
    pub name: String,
    /// Name in words.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Where it was published.
    pub paper: String,
    /// What it needs.
    pub access: Access,
    /// The worst of its points.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// Runs with more and more images.
    pub points: Vec<Point>,
    /// The run with the largest number of pairs of another key, as a null.
    pub wrong_key: Option<WrongKey>,
    /// Seconds of all its runs.
    pub seconds: f64,
}

/// One run of an attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Disguised images, known pairs or chosen images ([`Access::counts`]).
    pub count: usize,
    /// Seconds that the attack took.
    pub seconds: f64,
    /// Why it is inconclusive, if it is.
    pub inconclusive: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// Figures that the attack knows itself.
    pub figures: BTreeMap<String, f64>,
    /// Figures that show a leak without a picture.
    pub evidence: Vec<Evidence>,
    /// What its pictures are worth, if it makes any.
    pub pictures: Option<Pictures>,
}

/// A figure beside its expectation if nothing leaked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the figure is.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its expectation.
    pub null: f64,
    /// Standard deviations between them.
    pub deviations: f64,
}

/// What recovered pictures are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// Pictures that were judged.
    pub images: usize,
    /// Median PSNR in dB, for information: no verdict rests on it.
    #[serde(with = "number")]
    pub psnr: f64,
    /// Share of images that are exactly right.
    pub exact: f64,
    /// Structural similarity; none for images below 7x7.
    pub ssim: Option<Measure>,
    /// Correlation of edges; none where there are no edges.
    pub edges: Option<Measure>,
    /// How many pictures point to their originals.
    pub identified: Identified,
}

/// A figure of pictures beside its null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Median over the pictures.
    pub median: f64,
    /// The best that comes without knowing anything of the image.
    pub null: f64,
    /// Which null that is.
    pub null_of: String,
    /// Share of the way from the null to a perfect copy, below 0 if the null is better; none where the null is
    /// perfect.
    pub skill: Option<f64>,
}

/// How many recovered pictures are nearer to their own original than to any other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identified {
    /// Pictures that are.
    pub hits: usize,
    /// Of so many.
    pub of: usize,
    /// Among so many originals.
    pub candidates: usize,
    /// Standard deviations of a normal figure that are as unlikely by chance; 0 at chance and below.
    pub deviations: f64,
}

/// What an attack makes of pairs or answers under another key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrongKey {
    /// Why there are no pictures, if there are none: an attack may notice that nothing fits.
    pub refused: Option<String>,
    /// Median structural similarity.
    pub ssim: Option<f64>,
    /// Median correlation of edges.
    pub edges: Option<f64>,
}

/// An attack that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRun {
    /// Name in the registry.
    pub name: String,
    /// What it needs.
    pub access: Access,
    /// Why not.
    pub why: String,
}

impl Audit {
    /// The verdict against an adversary, if it was played.
    pub fn verdict(&self, access: Access) -> Option<Verdict> {
        let level = self.levels.iter().find(|level| level.access == access);
        level.map(|level| level.verdict)
    }

    /// The worst verdict of all levels.
    pub fn worst(&self) -> Verdict {
        let verdicts = self.levels.iter().map(|level| level.verdict);
        verdicts.max().unwrap_or_default()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If the file is unreadable, larger than any record, no record, or of another version.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |problem: String| Error::Record {
            path: path.into(),
            problem,
        };
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
            .map_err(|error| fail(error.to_string()))?;
        Self::parse(&text).map_err(fail)
    }

    /// The record in a text, or what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        const MEND: &str = "`visard audit` writes such records beside its page";
        if text.len() as u64 > LARGEST {
            return Err(format!(
                "is larger than any record of an audit ({LARGEST} bytes); {MEND}"
            ));
        }
        let head: Head = serde_json::from_slice(text)
            .map_err(|error| format!("is no record of an audit ({error}); {MEND}"))?;
        if head.kind != "audit" {
            return Err(format!(
                "is no record of an audit but of kind {:.40?}; {MEND}",
                head.kind
            ));
        }
        if head.schema != SCHEMA {
            return Err(format!(
                "is a record of version {}, this program reads version {SCHEMA}: repeat the audit",
                head.schema
            ));
        }
        let audit: Self = serde_json::from_slice(text)
            .map_err(|error| format!("is a damaged record ({error}): repeat the audit"))?;
        audit.bounded()?;
        Ok(audit)
    }

    /// Refuses lists and texts that no audit writes.
    fn bounded(&self) -> Result<(), String> {
        let points = self.attacks.iter().flat_map(|attack| &attack.points);
        let lists = [
            self.levels.len(),
            self.attacks.len(),
            self.not_run.len(),
            self.params.len(),
        ];
        let inner = points
            .clone()
            .flat_map(|point| [point.figures.len(), point.evidence.len()])
            .chain(self.attacks.iter().map(|attack| attack.points.len()))
            .chain(
                self.levels
                    .iter()
                    .map(|level| level.by.len() + level.inconclusive.len()),
            );
        if lists.into_iter().chain(inner).any(|len| len > MOST) {
            return Err(format!(
                "is a damaged record: a list has more than {MOST} entries"
            ));
        }
        let texts = [
            &self.version,
            &self.scheme,
            &self.fingerprint,
            &self.data.name,
            &self.command,
        ];
        let titles = self
            .attacks
            .iter()
            .flat_map(|a| [&a.name, &a.title, &a.summary, &a.paper, &a.because]);
        if texts.into_iter().chain(titles).any(|text| text.len() > MOST) {
            return Err(format!(
                "is a damaged record: a text has more than {MOST} characters"
            ));
        }
        self.shape.check().map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// What tells a record from other files.
#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u32,
}
