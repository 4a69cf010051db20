//! Greyscale-based encryption-then-compression: the planes of YCbCr are joined into one grey image,
//! whose blocks are rotated, flipped, inverted and moved, so that it can be stored as grey JPEG.
//!
//! Chuman, Sirichotedumrong, Kiya: "Encryption-Then-Compression Systems Using Grayscale-Based Image
//! Encryption for JPEG Images", IEEE TIFS 14 (2019), arXiv 1811.00236.

mod blocks;

use crate::{
    Error, Grid, Material, Removal, SchemeInfo, Shape, Storage, Stronger,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, Samples, sized},
    schedule::Schedule,
    scheme::{Disguise, Scheme},
    schemes::{log2_factorial, padding_advice},
    simd,
};
use blocks::Blocks;
use rayon::prelude::*;

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "etc-gray",
    title: "greyscale-based encryption-then-compression (EtC)",
    paper: "Chuman, Sirichotedumrong, Kiya: Encryption-Then-Compression Systems Using Grayscale-Based Image \
            Encryption for JPEG Images, IEEE TIFS 2019, arXiv 1811.00236",
    summary: "joins the planes of YCbCr into one grey image, and rotates, flips, inverts and shuffles its blocks",
    broken_by: "one known or chosen image gives the states and places of all blocks that are not flat; about 100 \
                images under one key give away neighbours, for block edges correlate; from one image alone, blocks \
                are told apart as brightness or colour by their texture and put together like a jigsaw puzzle, best \
                where blocks are large; whatever is inside a block is shown as it is, turned or inverted",
    stronger: &[Stronger {
        param: "block",
        value: "8",
        effect: "more pieces to put together; same-key statistics do not mind",
    }],
    networks: "made for compression, with no network of its own; cnn with --front block and the scheme's block, on one \
               grey plane three times as wide",
    front: "block",
    params: &[
        ParamSpec {
            name: "block",
            help: "side of a block in pixels of the joined grey image; multiples of 8 outlast JPEG best",
            kind: Kind::Int { min: 2, max: 64 },
            default: "8",
        },
        ParamSpec {
            name: "subsampling",
            help: "444 keeps the colour planes whole; 420 takes the mean of each 2x2 pixels of Cb and Cr, which \
                   halves the image but cannot be undone",
            kind: Kind::Choice(&["444", "420"]),
            default: "444",
        },
        ParamSpec {
            name: "shuffle",
            help: "move the blocks by one secret permutation for the whole data set",
            kind: Kind::Bool,
            default: "true",
        },
    ],
    material: &["rotate", "flip", "negaposi", "block_perm"],
    storage: Storage::JpegTolerant,
    hides: "the picture as a whole; not what is inside a block, nor the histogram of folded values",
    removal: Removal::Close(1),
    per_image: "none",
    build: |params| {
        Ok(Box::new(EtcGray {
            params: params.clone(),
        }))
    },
    infer: |_, _| {},
};

#[derive(Debug)]
struct EtcGray {
    params: Params,
}

/// How the planes of an image lie in the grey one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// The one plane itself.
    Gray,
    /// Y, Cb, Cr side by side.
    Full,
    /// Y, and right of it Cb above Cr at half the size.
    Half,
}

impl EtcGray {
    fn block(&self) -> usize {
        self.params.int("block") as usize
    }

    fn layout(&self, image: Shape) -> Result<Layout, Error> {
        match image.check()?.channels {
            1 => Ok(Layout::Gray),
            3 if self.params.text("subsampling") == "420" => Ok(Layout::Half),
            3 => Ok(Layout::Full),
            _ => Err(Error::Shape {
                shape: image,
                problem: "etc-gray converts RGB to YCbCr and takes images of 3 channels, or grey ones of 1"
                    .into(),
            }),
        }
    }

    /// Side of the squares that images are continued to.
    fn unit(&self, layout: Layout) -> usize {
        match layout {
            Layout::Half => 2 * self.block(),
            _ => self.block(),
        }
    }

    /// The grid that images are continued to, and the blocks of the grey image.
    fn grids(&self, image: Shape) -> Result<(Layout, Grid, Grid), Error> {
        let layout = self.layout(image)?;
        let outer = Grid::new(image, self.unit(layout));
        let padded = outer.padded();
        let width = match layout {
            Layout::Gray => padded.width,
            Layout::Full => 3 * padded.width,
            Layout::Half => padded.width / 2 * 3,
        };
        let gray = Shape::new(padded.height, width, 1).check()?;
        Ok((layout, outer, Grid::new(gray, self.block())))
    }
}

impl Scheme for EtcGray {
    fn removal(&self) -> Removal {
        match self.params.text("subsampling") {
            "420" => Removal::Approximate("colour has half the resolution"),
            _ => INFO.removal,
        }
    }

    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        Ok(Output {
            shape: self.grids(image)?.2.padded(),
            dtype: Dtype::U8,
            range: (0.0, 255.0),
        })
    }

    fn needs_shape(&self) -> bool {
        true
    }

    fn key_bits(&self, image: Shape) -> Option<f64> {
        let positions = self.grids(image).ok()?.2.positions();
        let order = if self.params.bool("shuffle") {
            log2_factorial(positions)
        } else {
            0.0
        };
        // Eight poses, inverted or not.
        Some(4.0 * positions as f64 + order)
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let Ok((layout, outer, gray)) = self.grids(image) else {
            return Vec::new();
        };
        let mut advice = padding_advice(image, outer.block());
        if layout != Layout::Gray {
            advice.push(format!(
                "the disguised images are grey, of the shape {}: networks must be built for that",
                gray.padded()
            ));
        }
        if layout == Layout::Half {
            advice.push(
                "subsampling=420 halves the resolution of the colours for good: removing the disguise gives \
                 brightness back within rounding, but colours only as means of 2x2 pixels; 444 keeps them"
                    .into(),
            );
        }
        if !self.block().is_multiple_of(8) {
            advice.push(format!(
                "JPEG works on 8x8 pixels: blocks of side {} are cut across, which costs size and quality; a \
                 multiple of 8 avoids that",
                self.block()
            ));
        }
        advice
    }

    fn jpeg_block(&self) -> Option<usize> {
        Some(self.block())
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let (layout, outer, gray) = self.grids(image)?;
        let blocks = Blocks::prepare(&gray, schedule, material, self.params.bool("shuffle"))?;
        Ok(Box::new(Prepared {
            layout,
            outer,
            output: self.output(image)?,
            blocks,
        }))
    }
}

struct Prepared {
    layout: Layout,
    outer: Grid,
    output: Output,
    blocks: Blocks,
}

/// Bytes of images that one task takes at least.
const GROUP: usize = 64 * 1024;

/// Buffers of one worker, filled where an image needs the step.
#[derive(Default)]
struct Scratch {
    /// The continued image.
    padded: Vec<u8>,
    /// Its planes, row by row, before their colours are halved.
    planes: Vec<u8>,
    /// The joined grey image.
    gray: Vec<u8>,
}

impl Prepared {
    fn apply_image(&self, scratch: &mut Scratch, plain: &[u8], disguised: &mut [u8]) {
        let Scratch { padded, planes, gray } = scratch;
        let shape = self.outer.padded();
        let image = if self.outer.is_exact() {
            plain
        } else {
            padded.resize(shape.len(), 0);
            self.outer.pad(plain, padded, |v| v);
            padded
        };
        match self.layout {
            Layout::Gray => return self.blocks.apply(image, disguised),
            Layout::Full => {
                gray.resize(disguised.len(), 0);
                simd::to_ycbcr(shape.width, image, gray);
            }
            Layout::Half => {
                planes.resize(image.len(), 0);
                gray.resize(disguised.len(), 0);
                simd::to_ycbcr(shape.width, image, planes);
                simd::halve_chroma(shape.width, planes, gray);
            }
        }
        self.blocks.apply(gray, disguised);
    }

    fn remove_image(&self, scratch: &mut Scratch, disguised: &[u8], plain: &mut [u8]) {
        let Scratch { padded, planes, gray } = scratch;
        let shape = self.outer.padded();
        let exact = self.outer.is_exact();
        if !exact {
            padded.resize(shape.len(), 0);
        }
        let image = if exact { &mut *plain } else { &mut **padded };
        match self.layout {
            Layout::Gray => self.blocks.remove(disguised, image),
            Layout::Full => {
                gray.resize(disguised.len(), 0);
                self.blocks.remove(disguised, gray);
                simd::to_rgb(shape.width, gray, image);
            }
            Layout::Half => {
                gray.resize(disguised.len(), 0);
                planes.resize(image.len(), 0);
                self.blocks.remove(disguised, gray);
                simd::double_chroma(shape.width, gray, planes);
                simd::to_rgb(shape.width, planes, image);
            }
        }
        if !exact {
            self.outer.crop(padded, plain, |v| v);
        }
    }
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.outer.image()
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.input().len(), self.output.shape.len());
        let plain = sized(plain, plain.len(), count * from)?;
        let disguised = disguised.bytes(count * to)?;
        let images = plain.par_chunks(from).zip(disguised.par_chunks_mut(to));
        images
            .with_min_len((GROUP / from).max(1))
            .for_each_init(Scratch::default, |scratch, (plain, disguised)| {
                self.apply_image(scratch, plain, disguised)
            });
        Ok(())
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let (count, from, to) = (samples.ids.len(), self.output.shape.len(), self.input().len());
        let disguised = disguised.bytes(count * from)?;
        let found = plain.len();
        let plain = sized(plain, found, count * to)?;
        let images = disguised.par_chunks(from).zip(plain.par_chunks_mut(to));
        images
            .with_min_len((GROUP / to).max(1))
            .for_each_init(Scratch::default, |scratch, (disguised, plain)| {
                self.remove_image(scratch, disguised, plain)
            });
        Ok(())
    }
}
