//! Disguised images as JPEG files: the settings, what a key must keep to, and the encoder.
//!
//! JPEG quantises squares of pixels on their own, its minimum coded units (MCU): 8 x 8 pixels for
//! grey images and for colour at 4:4:4, 16 x 16 for colour at 4:2:0, where one chroma sample stands
//! for 2 x 2 pixels. A scheme that moves, turns and negates whole blocks survives it as long as every
//! block is a whole number of units (Chuman et al., IEEE TIFS 2018; Sirichotedumrong and Kiya, ICIP
//! 2019): the loss stays within the block and goes back to its place with it. At 4:2:0 that holds for
//! the file but not quite for its pixels: decoders, ours too, interpolate chroma across the borders of
//! blocks that are no neighbours in the plain image, which costs a few dB (`docs/records/jpeg.json`).

mod huffman;
mod optimise;

use crate::{Error, Format, Result};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use serde::{Deserialize, Serialize};
use std::fmt;
use visard_core::{Key, Scheme, Shape, Storage};

/// How many chroma samples a colour JPEG keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subsampling {
    /// One for every pixel.
    #[default]
    #[serde(rename = "4:4:4")]
    Full,
    /// One for 2 x 2 pixels, their mean.
    #[serde(rename = "4:2:0")]
    Quarter,
}

impl fmt::Display for Subsampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "4:4:4",
            Self::Quarter => "4:2:0",
        })
    }
}

/// Settings of the encoder; part of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jpeg {
    /// Quality as libjpeg counts it: scales the tables of Annex K of ITU-T T.81, 1 to 100.
    pub quality: u8,
    /// Chroma subsampling of colour images: 4:4:4 where a request leaves it out; none for grey images.
    pub subsampling: Option<Subsampling>,
}

impl fmt::Display for Jpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JPEG of quality {}", self.quality)?;
        self.subsampling.map_or(Ok(()), |s| write!(f, ", {s}"))
    }
}

impl Jpeg {
    /// The settings completed for what `key` makes, stored in `format`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the format stores no JPEG files, the scheme's output does not survive
    /// JPEG, or its blocks or channels do not fit; with the block that would.
    pub fn settle(self, key: &Key, format: &Format) -> Result<Self> {
        if !format.jpeg {
            return Err(Error::Usage(format!(
                "{} stores no JPEG files, only folders of images do; leave --jpeg out",
                format.name
            )));
        }
        let scheme = key.scheme();
        let name = scheme.info().name;
        let block = tolerated(scheme).ok_or_else(|| {
            Error::Usage(format!(
                "{name} does not survive JPEG, its output must be stored without loss: leave --jpeg out (visard \
                 schemes shows which are jpeg-tolerant)"
            ))
        })?;
        let shape = key.shape().ok_or_else(|| {
            Error::Usage("JPEG needs images of one shape: make a key with --shape HxWxC".into())
        })?;
        let channels = scheme.output(shape)?.shape.channels;
        self.complete(block, channels)
            .map_err(|problem| Error::Usage(format!("{name}: {problem}")))
    }

    /// The settings completed for images of so many channels, whose squares of `block` pixels must
    /// not be cut; or what is wrong and the mend.
    fn complete(self, block: usize, channels: usize) -> Result<Self, String> {
        if !(1..=100).contains(&self.quality) {
            return Err(format!("JPEG quality {} is not within 1 to 100", self.quality));
        }
        let subsampling = match (channels, self.subsampling) {
            (1, None) => None,
            (1, Some(_)) => {
                return Err("grey images have no chroma: leave --jpeg-subsampling out".into());
            }
            (3, asked) => Some(asked.unwrap_or_default()),
            _ => {
                return Err(format!(
                    "JPEG holds grey or RGB images, not {channels} channels: leave --jpeg out"
                ));
            }
        };
        let unit = unit(subsampling);
        if block.is_multiple_of(unit) {
            return Ok(Self { subsampling, ..self });
        }
        let what = subsampling.map_or_else(|| "grey".into(), |s| s.to_string());
        let way_out = if block.is_multiple_of(MCU) {
            ", or say --jpeg-subsampling 444"
        } else {
            ""
        };
        Err(format!(
            "{what} JPEG would cut blocks of {block}x{block} pixels, it works in squares of {unit}x{unit}: make a key \
             whose block is a multiple of {unit} (--set block={unit}){way_out}"
        ))
    }

    /// A JPEG file of one image (H, W, C) of 1 or 3 channels: baseline, one scan, Huffman tables made
    /// for it, no metadata. Chroma samples at 4:2:0 are means, as libjpeg takes them. The same pixels give the
    /// same bytes on every machine.
    ///
    /// # Errors
    /// [`Error::Usage`] if the pixels do not fit the shape, or the shape does not fit JPEG.
    pub fn encode(&self, pixels: &[u8], shape: Shape) -> Result<Vec<u8>> {
        let refuse = |problem: String| Error::Usage(format!("JPEG of an image of {shape}: {problem}"));
        let colour = match shape.channels {
            1 => ColorType::Luma,
            3 => ColorType::Rgb,
            channels => return Err(refuse(format!("holds 1 or 3 channels, not {channels}"))),
        };
        if pixels.len() != shape.len() {
            return Err(refuse(format!("there are {} values", pixels.len())));
        }
        let side = |side: usize| u16::try_from(side).map_err(|_| refuse("a side is too long".into()));
        let (width, height) = (side(shape.width)?, side(shape.height)?);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.quality);
        encoder.set_sampling_factor(match self.subsampling {
            Some(Subsampling::Quarter) if shape.channels == 3 => SamplingFactor::R_4_2_0,
            _ => SamplingFactor::R_4_4_4,
        });
        // The crate's default takes the upper left pixel, which turned blocks would shift.
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder
            .encode(pixels, width, height, colour)
            .map_err(|error| refuse(error.to_string()))?;
        Ok(optimise::optimise(&bytes).unwrap_or(bytes))
    }
}

/// Side in pixels of a data unit of JPEG, the least MCU.
const MCU: usize = 8;

/// Side in pixels of the squares that are coded on their own.
fn unit(subsampling: Option<Subsampling>) -> usize {
    match subsampling {
        None | Some(Subsampling::Full) => MCU,
        Some(Subsampling::Quarter) => 2 * MCU,
    }
}

/// The block of a scheme whose output survives JPEG.
fn tolerated(scheme: &dyn Scheme) -> Option<usize> {
    (scheme.info().storage == Storage::JpegTolerant)
        .then(|| scheme.jpeg_block())
        .flatten()
}

/// Whether, and how, the output of this scheme may become JPEG; `output` is its shape.
pub fn advice(scheme: &dyn Scheme, output: Shape) -> String {
    let storage = scheme.info().storage;
    let remark = match tolerated(scheme) {
        Some(block) => remark(block, output.channels),
        None => "never recode the output as JPEG".into(),
    };
    format!("storage is {storage}: {remark}")
}

fn remark(block: usize, channels: usize) -> String {
    match channels {
        1 | 3 if !block.is_multiple_of(MCU) => format!(
            "but blocks of {block} do not survive JPEG; for that, make a key with block=8{}",
            if channels == 3 {
                " (4:4:4) or block=16 (also 4:2:0)"
            } else {
                ""
            }
        ),
        1 => "may be stored as JPEG: apply --jpeg 90".into(),
        3 if block.is_multiple_of(2 * MCU) => {
            "may be stored as JPEG: apply --jpeg 90; --jpeg-subsampling 420 makes smaller files, but restores worse".into()
        }
        3 => "may be stored as JPEG at 4:4:4: apply --jpeg 90; 4:2:0 takes a key with block=16".into(),
        _ => format!("but JPEG holds no {channels} channels"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reading, Stored, decode::decode, formats};
    use std::path::Path;
    use visard_core::MasterSecret;

    const ASKED: Jpeg = Jpeg {
        quality: 90,
        subsampling: None,
    };

    fn with(subsampling: Subsampling) -> Jpeg {
        Jpeg {
            subsampling: Some(subsampling),
            ..ASKED
        }
    }

    #[track_caller]
    fn refused(outcome: Result<Jpeg, String>, parts: &[&str]) {
        let problem = outcome.unwrap_err();
        for part in parts {
            assert!(problem.contains(part), "{part:?} is not in: {problem}");
        }
    }

    #[test]
    fn blocks_must_be_whole_units() {
        let full = with(Subsampling::Full);
        let quarter = with(Subsampling::Quarter);
        for block in [8, 16, 24, 32, 64] {
            assert_eq!(ASKED.complete(block, 1), Ok(ASKED));
            assert_eq!(ASKED.complete(block, 3), Ok(full));
            assert_eq!(quarter.complete(block, 3).is_ok(), block % 16 == 0, "{block}");
        }
        for block in [2, 4, 6, 12, 20] {
            refused(ASKED.complete(block, 1), &["block=8"]);
            refused(full.complete(block, 3), &["4:4:4", "block=8"]);
            refused(quarter.complete(block, 3), &["4:2:0", "block=16"]);
        }
        refused(quarter.complete(8, 3), &["block=16", "--jpeg-subsampling 444"]);
        let bad = quarter.complete(12, 3).unwrap_err();
        assert!(!bad.contains("444"), "12 is no multiple of 8 either: {bad}");
    }

    #[test]
    fn channels_and_qualities_that_jpeg_lacks() {
        for channels in [2, 4, 16] {
            refused(ASKED.complete(16, channels), &[&format!("{channels} channels")]);
        }
        for subsampling in [Subsampling::Full, Subsampling::Quarter] {
            refused(with(subsampling).complete(16, 1), &["grey", "--jpeg-subsampling"]);
        }
        for quality in [0, 101, 255] {
            refused(Jpeg { quality, ..ASKED }.complete(16, 3), &["1 to 100"]);
        }
    }

    /// Keys of every registered scheme for RGB images.
    fn keys() -> impl Iterator<Item = Key> {
        visard_core::schemes::ALL.iter().map(|info| {
            let secret = MasterSecret::new([5; 32]);
            let shape = Some(Shape::new(32, 32, 3));
            Key::new(info.name, &Default::default(), shape, secret, None).unwrap()
        })
    }

    #[test]
    fn only_schemes_that_tolerate_it_and_formats_that_have_it() {
        let folder = formats::find("folder").unwrap();
        for key in keys() {
            let scheme = key.scheme();
            let name = scheme.info().name;
            let settled = ASKED.settle(&key, folder);
            if scheme.info().storage != Storage::JpegTolerant {
                let error = settled.unwrap_err();
                assert!(
                    matches!(&error, Error::Usage(text) if text.contains(name)),
                    "{error}"
                );
                assert!(advice(scheme, Shape::new(32, 32, 3)).contains("never recode"));
                continue;
            }
            let block = scheme
                .jpeg_block()
                .expect("a tolerant scheme says what must not be cut");
            assert_eq!(settled.is_ok(), block % 8 == 0, "{name}");
            assert!(!advice(scheme, Shape::new(32, 32, 3)).contains("never"), "{name}");
            for format in formats::ALL.iter().filter(|format| !format.jpeg) {
                let error = ASKED.settle(&key, format).unwrap_err();
                assert!(
                    matches!(&error, Error::Usage(text) if text.contains(format.name)),
                    "{error}"
                );
            }
        }
        assert!(formats::ALL.iter().all(|f| f.jpeg == (f.name == "folder")));
    }

    #[test]
    fn remarks_say_which_blocks_fit() {
        assert!(remark(4, 3).contains("block=8") && remark(4, 3).contains("block=16"));
        assert!(remark(4, 1).contains("block=8") && !remark(4, 1).contains("block=16"));
        assert!(remark(8, 3).contains("4:4:4") && remark(8, 3).contains("block=16"));
        assert!(remark(16, 3).contains("420"));
        assert!(remark(8, 1).contains("--jpeg") && !remark(8, 1).contains("420"));
    }

    /// Soft waves, different in each channel.
    fn waves(shape: Shape) -> Vec<u8> {
        let value = |i: usize| {
            let (pixel, channel) = (i / shape.channels, i % shape.channels);
            let (row, column) = ((pixel / shape.width) as f64, (pixel % shape.width) as f64);
            128.0 + 90.0 * (row / 7.0 + channel as f64).sin() * (column / 9.0 - channel as f64).cos()
        };
        (0..shape.len()).map(|i| value(i) as u8).collect()
    }

    /// Segments of a JPEG file up to its scan, as marker codes.
    fn markers(bytes: &[u8]) -> Vec<u8> {
        let (mut at, mut found) = (2, Vec::new());
        while bytes[at + 1] != 0xDA {
            found.push(bytes[at + 1]);
            at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        }
        found
    }

    #[test]
    fn what_is_encoded_is_decoded_close_and_carries_nothing_else() {
        // Whole units, and sides that leave a rest of every kind.
        for (height, width) in [(48, 32), (37, 23), (9, 16), (1, 1)] {
            for channels in [1, 3] {
                for subsampling in [None, Some(Subsampling::Full), Some(Subsampling::Quarter)] {
                    let jpeg = Jpeg {
                        quality: 95,
                        subsampling,
                    };
                    let shape = Shape::new(height, width, channels);
                    let plain = waves(shape);
                    let bytes = jpeg.encode(&plain, shape).unwrap();
                    assert_eq!(bytes, jpeg.encode(&plain, shape).unwrap());
                    // JFIF, baseline frame, quantisation and Huffman tables; no comment, no other APP.
                    for marker in markers(&bytes) {
                        assert!([0xE0, 0xC0, 0xDB, 0xC4].contains(&marker), "{marker:x}");
                    }
                    let scans = bytes.windows(2).filter(|pair| *pair == [0xFF, 0xDA]).count();
                    assert_eq!(scans, 1, "decoders in hardware take one scan alone");
                    let image = decode(Path::new("x.jpg"), &bytes, &Reading::default()).unwrap();
                    assert_eq!(image.shape, shape);
                    let Stored::U8(back) = image.pixels else {
                        panic!("no bytes")
                    };
                    let error: f64 = plain
                        .iter()
                        .zip(&back)
                        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                        .sum();
                    let rms = (error / plain.len() as f64).sqrt();
                    let bound = if subsampling == Some(Subsampling::Quarter) {
                        8.0
                    } else {
                        4.0
                    };
                    assert!(rms < bound, "{shape} {subsampling:?}: {rms}");
                }
            }
        }
    }

    #[test]
    fn quality_and_subsampling_have_their_effect() {
        let shape = Shape::new(64, 64, 3);
        let plain = waves(shape);
        let size = |quality, subsampling| {
            let subsampling = Some(subsampling);
            Jpeg { quality, subsampling }.encode(&plain, shape).unwrap().len()
        };
        assert!(size(30, Subsampling::Full) < size(60, Subsampling::Full));
        assert!(size(60, Subsampling::Full) < size(95, Subsampling::Full));
        assert!(size(60, Subsampling::Quarter) < size(60, Subsampling::Full));
    }

    #[test]
    fn images_that_jpeg_cannot_hold() {
        for shape in [Shape::new(8, 8, 2), Shape::new(8, 8, 4), Shape::new(1, 70_000, 1)] {
            let error = ASKED.encode(&vec![0; shape.len()], shape).unwrap_err();
            assert!(matches!(&error, Error::Usage(_)), "{error}");
        }
        assert!(ASKED.encode(&[0; 63], Shape::new(8, 8, 1)).is_err());
    }
}
