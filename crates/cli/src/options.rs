//! Options that several commands share.

use crate::failure::Usage;
use clap::{Args, ValueEnum};
use std::{collections::BTreeMap, time::Duration};
use visard_data::{Alpha, Augmentation, Copies, Depth, Fit, Format, Jpeg, Reading, Subsampling};
use visard_learn::DeviceKind;

/// Options of every command.
#[derive(Args)]
pub(crate) struct Common {
    /// Print results as JSON lines, each with a "type"
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but results, warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Threads to work with [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024).map(usize::from))]
    pub(crate) threads: Option<usize>,
}

use clap::builder::TypedValueParser;

/// How images are read.
#[derive(Args)]
pub(crate) struct ReadingArgs {
    /// What to do with a transparent alpha channel (an opaque one is dropped)
    #[arg(long, value_enum, default_value_t = AlphaArg::Error)]
    alpha: AlphaArg,
    /// Accept 16-bit images and keep their upper 8 bits
    #[arg(long)]
    narrow: bool,
    /// Accept class folders without images
    #[arg(long)]
    allow_empty: bool,
    /// Leave unreadable images out and list them, instead of stopping (exit code 3)
    #[arg(long)]
    skip_bad: bool,
    /// Most values (height x width x channels) of one image
    #[arg(long, value_name = "N", default_value_t = 1 << 28)]
    max_image_values: u64,
    /// Most bytes of one image file
    #[arg(long, value_name = "N", default_value_t = 1 << 30)]
    max_file_bytes: u64,
    /// Most bytes of images held in memory for schemes that mix images
    #[arg(long, value_name = "N", default_value_t = 8 << 30)]
    max_gallery_bytes: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum AlphaArg {
    Error,
    Drop,
}

impl ReadingArgs {
    pub(crate) fn reading(&self) -> Reading {
        let mut reading = Reading {
            alpha: match self.alpha {
                AlphaArg::Error => Alpha::Error,
                AlphaArg::Drop => Alpha::Drop,
            },
            narrow: self.narrow,
            allow_empty: self.allow_empty,
            skip_bad: self.skip_bad,
            ..Reading::default()
        };
        reading.limits.image_values = self.max_image_values;
        reading.limits.file_bytes = self.max_file_bytes;
        reading.limits.gallery_bytes = self.max_gallery_bytes;
        reading
    }
}

/// How data sets are written.
#[derive(Args)]
pub(crate) struct WritingArgs {
    /// Format of the output [default: that of the input]
    #[arg(long, value_name = "FORMAT", value_parser = format_names())]
    format: Option<String>,
    /// Seconds between two checkpoints, from which an interrupted run goes on
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    checkpoint_seconds: f64,
}

fn format_names() -> clap::builder::PossibleValuesParser {
    visard_data::formats::ALL
        .iter()
        .map(|format| format.name)
        .collect::<Vec<_>>()
        .into()
}

impl WritingArgs {
    pub(crate) fn format(&self) -> anyhow::Result<Option<&'static Format>> {
        Ok(self
            .format
            .as_deref()
            .map(visard_data::formats::find)
            .transpose()?)
    }

    pub(crate) fn checkpoint(&self) -> anyhow::Result<Duration> {
        Duration::try_from_secs_f64(self.checkpoint_seconds)
            .map_err(|error| Usage(format!("--checkpoint-seconds: {error}")).into())
    }
}

/// `--depth`.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DepthArg {
    /// Bytes
    #[value(name = "8")]
    Eight,
    /// 16-bit integers
    #[value(name = "16")]
    Sixteen,
    /// 32-bit floats
    Float,
}

impl From<DepthArg> for Depth {
    fn from(depth: DepthArg) -> Self {
        match depth {
            DepthArg::Eight => Self::U8,
            DepthArg::Sixteen => Self::U16,
            DepthArg::Float => Self::F32,
        }
    }
}

/// `--jpeg` and what belongs to it.
#[derive(Args)]
pub(crate) struct JpegArgs {
    /// Store as JPEG of this quality, 1 to 100: for folders of images, and for keys whose blocks are
    /// multiples of 8 or 16 of a scheme that tolerates it (visard schemes); `remove` then gives back
    /// approximately the plain images
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100))]
    jpeg: Option<u8>,
    /// Chroma subsampling of JPEG colour images: 444 for blocks that are multiples of 8, 420 of 16
    /// [default: 444]
    #[arg(long, value_enum, requires = "jpeg")]
    jpeg_subsampling: Option<SubsamplingArg>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SubsamplingArg {
    /// A chroma sample for every pixel
    #[value(name = "444")]
    Full,
    /// A chroma sample for 2x2 pixels
    #[value(name = "420")]
    Quarter,
}

impl JpegArgs {
    pub(crate) fn jpeg(&self) -> Option<Jpeg> {
        self.jpeg.map(|quality| Jpeg {
            quality,
            subsampling: self.jpeg_subsampling.map(|asked| match asked {
                SubsamplingArg::Full => Subsampling::Full,
                SubsamplingArg::Quarter => Subsampling::Quarter,
            }),
        })
    }
}

/// `--copies` and what is changed in them.
#[derive(Args)]
pub(crate) struct CopiesArgs {
    /// Write each image of the training split (train, or else the first) N times, as so many epochs
    /// would see it: a first copy of all images as they are, then N - 1 copies of all images changed as
    /// --augment says, each disguised as a sample of its own. In folders, copies are called NAME.2.png
    /// and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    copies: u64,
    #[arg(long, value_name = "CHANGE", help = augment_help())]
    augment: Vec<Augmentation>,
}

/// The help text of `--augment`, made of what there is.
fn augment_help() -> String {
    let kinds: Vec<_> = Augmentation::KINDS
        .iter()
        .map(|(form, what)| format!("{form}, {what}"))
        .collect();
    format!(
        "Change the second and further copies at random before they are disguised; may be given several times: {}",
        kinds.join("; ")
    )
}

impl CopiesArgs {
    pub(crate) fn copies(&self) -> Copies<'_> {
        Copies {
            count: self.copies,
            augment: &self.augment,
        }
    }
}

/// `--fit`.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FitArg {
    /// Refuse images of another size
    Error,
    /// Scale them
    Resize,
    /// Cut out their middle
    Crop,
    /// Continue them at the bottom and the right
    Pad,
}

impl From<FitArg> for Fit {
    fn from(fit: FitArg) -> Self {
        match fit {
            FitArg::Error => Self::Error,
            FitArg::Resize => Self::Resize,
            FitArg::Crop => Self::Crop,
            FitArg::Pad => Self::Pad,
        }
    }
}

/// `--device`.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DeviceArg {
    /// All cores of the processor
    Cpu,
    /// The first GPU, by way of Vulkan (in programs built with the feature gpu)
    Gpu,
}

impl From<DeviceArg> for DeviceKind {
    fn from(device: DeviceArg) -> Self {
        match device {
            DeviceArg::Cpu => Self::Cpu,
            DeviceArg::Gpu => Self::Gpu,
        }
    }
}

/// Splits `NAME=VALUE`.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().into(), value.trim().into())),
        _ => Err("write NAME=VALUE, for instance block=4".into()),
    }
}

/// Parameters given by `--set`, refusing one that is set twice.
pub(crate) fn settings(set: &[(String, String)]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for (name, value) in set {
        if settings.insert(name.clone(), value.clone()).is_some() {
            return Err(Usage(format!("--set {name} is given twice")).into());
        }
    }
    Ok(settings)
}
