//! Pixel-based encryption (SKK, also called PE): every value is inverted or kept, and the three
//! values of every pixel may be exchanged, each by a secret of its place.
//!
//! Sirichotedumrong, Kinoshita, Kiya: "Pixel-Based Image Encryption Without Key Management for
//! Privacy-Preserving Deep Neural Networks", IEEE Access 7 (2019), arXiv 1905.01827.

use crate::{
    Error, Material, Removal, SchemeInfo, Shape, Storage, Stronger,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output, PixelsMut, PixelsRef, SampleId, Samples, sized},
    schedule::{ImageStreams, Schedule},
    scheme::{Disguise, Scheme, Tolerates},
    simd,
};
use rayon::prelude::*;
use zeroize::Zeroizing;

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "skk",
    title: "pixel-based encryption (SKK, PE)",
    paper: "Sirichotedumrong, Kinoshita, Kiya: Pixel-Based Image Encryption Without Key Management for \
            Privacy-Preserving Deep Neural Networks, IEEE Access 2019, arXiv 1905.01827",
    summary: "inverts each value by a secret bit of its place and puts the colours of each pixel in a secret order",
    broken_by: "folding every value v to min(v, 255 - v) shows the outlines of any image without a key; with one key \
                for the data set, about 20 disguised images give every pixel back by correlating neighbours, a known \
                image gives nearly the whole key and one chosen image all of it; with a key per image only the \
                folding and guesses from pixel to pixel are left",
    stronger: &[Stronger {
        param: "image_key",
        value: "true",
        effect: "pairs, chosen images and statistics over many images tell nothing about others; outlines still show",
    }],
    networks: "cnn (the paper puts 1x1 convolutions before a ResNet-18: --front pixel); with image_key the network \
               learns from what folding leaves, and training images may be flipped and shifted",
    front: "none",
    params: &[
        ParamSpec {
            name: "color",
            help: "put the three values of each pixel in a secret order as well; images with another number of \
                   channels than 3 skip the step",
            kind: Kind::Bool,
            default: "true",
        },
        ParamSpec {
            name: "image_key",
            help: "a fresh key for every image, drawn from the secret, the run's salt and the sample's identity, \
                   instead of one for the whole data set; one key then fits images of any shape",
            kind: Kind::Bool,
            default: "false",
        },
    ],
    material: &["neg_mask", "color_perm"],
    storage: Storage::Lossless,
    hides: "colours and brightness; outlines show when values are folded at mid-grey",
    removal: Removal::Exact,
    per_image: "with image_key",
    build: |params| {
        Ok(Box::new(Skk {
            params: params.clone(),
        }))
    },
    infer: |material, params| {
        let Some(mask) = material.get("neg_mask") else {
            return;
        };
        for (param, value) in [
            ("color", material.get("color_perm").is_some()),
            ("image_key", mask.shape.len() == 4),
        ] {
            params.entry(param.into()).or_insert_with(|| value.to_string());
        }
    },
};

#[derive(Debug)]
struct Skk {
    params: Params,
}

impl Skk {
    /// Whether the colours of images of this shape are exchanged.
    fn exchanges(&self, image: Shape) -> bool {
        self.params.bool("color") && image.channels == 3
    }

    /// The key of the whole data set.
    fn derived(&self, image: Shape, schedule: &Schedule) -> Explicit {
        let bits = schedule.stream("skk-negative", &[]).bits(image.len());
        let masks = bits.iter().map(|bit| 255 * u8::from(*bit)).collect();
        drop(Zeroizing::new(bits));
        let mut stream = schedule.stream("skk-color", &[]);
        let pixels = match self.exchanges(image) {
            true => image.height * image.width,
            false => 0,
        };
        Explicit {
            masks: Zeroizing::new(masks),
            orders: Zeroizing::new((0..pixels).map(|_| stream.below(6) as u8).collect()),
        }
    }

    /// The keys of explicit material, one or one for each image.
    fn explicit(&self, image: Shape, material: &Material) -> Result<Explicit, Error> {
        let Some(mask) = material.get("neg_mask") else {
            let problem = "is missing; color_perm alone does not disguise";
            return Err(Error::material("neg_mask", problem));
        };
        let orders = material.get("color_perm");
        if self.exchanges(image) && orders.is_none() {
            let problem = "is missing; without it the parameter color must be false";
            return Err(Error::material("color_perm", problem));
        }
        if !self.exchanges(image) && orders.is_some() {
            let problem =
                "is given, but these images have no colour step: it takes color=true and 3 channels";
            return Err(Error::material("color_perm", problem));
        }
        let mut places = vec![image.height, image.width];
        if self.params.bool("image_key") {
            // A wrong number of dimensions is refused with the shape below.
            places.insert(0, mask.shape.first().copied().unwrap_or(0));
        }
        let mut values = places.clone();
        values.push(image.channels);
        let below = |name: &str, shape: &[usize], bound: u8| -> Result<Zeroizing<Vec<u8>>, Error> {
            let bytes = Zeroizing::new(material.bytes(name, shape)?.unwrap_or_default());
            match bytes.iter().find(|byte| **byte >= bound) {
                Some(byte) => {
                    let problem = format!("holds {byte}; it takes 0 to {}", bound - 1);
                    Err(Error::material(name, problem))
                }
                None => Ok(bytes),
            }
        };
        let mut masks = below("neg_mask", &values, 2)?;
        masks.iter_mut().for_each(|bit| *bit *= 255);
        Ok(Explicit {
            masks,
            orders: below("color_perm", &places, 6)?,
        })
    }
}

impl Scheme for Skk {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        Ok(Output {
            shape: image.check()?,
            dtype: Dtype::U8,
            range: (0.0, 255.0),
        })
    }

    fn tolerates(&self) -> Tolerates {
        // Every image has a key of its own, so no place has one that a network could have learned.
        match self.params.bool("image_key") {
            true => Tolerates {
                flips: true,
                shifts: 1,
            },
            false => Tolerates::default(),
        }
    }

    fn needs_shape(&self) -> bool {
        !self.params.bool("image_key")
    }

    fn key_bits(&self, image: Shape) -> Option<f64> {
        let pixels = (image.height * image.width) as f64;
        let orders = if self.exchanges(image) { 6f64.log2() } else { 0.0 };
        Some(pixels * (image.channels as f64 + orders))
    }

    fn advice(&self, image: Shape) -> Vec<String> {
        let mut advice = Vec::new();
        if !self.params.bool("image_key") {
            advice.push(
                "one key for all images: about 20 disguised images are enough to restore them without it; \
                 image_key=true draws a fresh key for every image"
                    .into(),
            );
        }
        if self.params.bool("color") && image.channels != 3 {
            advice.push(format!(
                "{image} has no three colours: values are only inverted, the colour step is skipped"
            ));
        }
        advice
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let material = material.filter(|material| material.iter().next().is_some());
        let output = self.output(image)?;
        let exchanges = self.exchanges(image);
        let image_key = self.params.bool("image_key");
        let keys = match material {
            None if image_key => Keys::Drawn(schedule.clone()),
            Some(material) if image_key => Keys::PerImage(self.explicit(image, material)?),
            Some(material) => Keys::Common(Common::new(self.explicit(image, material)?)),
            None => Keys::Common(Common::new(self.derived(image, schedule))),
        };
        Ok(Box::new(Prepared {
            output,
            exchanges,
            keys,
        }))
    }
}

/// Masks and colour orders, of one image or of one after the other.
struct Explicit {
    /// 0 or 255 for each value.
    masks: Zeroizing<Vec<u8>>,
    /// 0 to 5 for each pixel; empty without a colour step.
    orders: Zeroizing<Vec<u8>>,
}

/// The key of a data set, ready for the loops.
struct Common {
    mask: Zeroizing<Vec<u8>>,
    /// Shifts that exchange the colours, and those that put them back; empty without a colour step.
    shifts: [Zeroizing<Vec<u8>>; 2],
}

impl Common {
    fn new(key: Explicit) -> Self {
        let shifts = [false, true].map(|inverse| {
            let mut shifts = Zeroizing::new(vec![0; 3 * key.orders.len()]);
            simd::color_shifts(&key.orders, inverse, &mut shifts);
            shifts
        });
        Self {
            mask: key.masks,
            shifts,
        }
    }
}

enum Keys {
    /// One for all images.
    Common(Common),
    /// One for each image, by its place in the data set.
    PerImage(Explicit),
    /// One for each image, from its stream.
    Drawn(Schedule),
}

struct Prepared {
    output: Output,
    exchanges: bool,
    keys: Keys,
}

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Apply,
    Remove,
}

/// Bytes that are worked on at a time: with mask and shifts they stay in a core's first cache. Whole
/// pixels, and whole bytes of mask bits.
const STRETCH: usize = 8064;

/// Bytes of images that one task takes, where several share a key.
const GROUP: usize = 64 * 1024;

/// Buffers of one worker. They hold keys, so they are wiped.
#[derive(Default)]
struct Scratch {
    /// Bytes of the image's stream.
    drawn: Zeroizing<Vec<u8>>,
    /// Those that choose colour orders.
    orders: Zeroizing<Vec<u8>>,
    /// Mask of a stretch.
    mask: Zeroizing<Vec<u8>>,
    /// Shifts of a stretch.
    shifts: Zeroizing<Vec<u8>>,
}

/// A stretch of an image under its part of the key; `shifts` is empty without a colour step.
fn work(way: Way, from: &[u8], mask: &[u8], shifts: &[u8], to: &mut [u8]) {
    match way {
        _ if shifts.is_empty() => simd::invert(from, mask, to),
        Way::Apply => simd::invert_exchange(from, mask, shifts, to),
        Way::Remove => simd::exchange_invert(from, mask, shifts, to),
    }
}

/// The part of `values` that belongs to a stretch; nothing if there are no values.
fn part(values: &[u8], at: usize, len: usize) -> &[u8] {
    if values.is_empty() {
        values
    } else {
        &values[at..at + len]
    }
}

impl Common {
    /// Works on a few images, stretch by stretch, so that the key is fetched once for all.
    fn group(&self, way: Way, from: &[u8], to: &mut [u8]) {
        let len = self.mask.len();
        let shifts = match way {
            Way::Apply => &self.shifts[0],
            Way::Remove => &self.shifts[1],
        };
        for (index, mask) in self.mask.chunks(STRETCH).enumerate() {
            let at = index * STRETCH;
            let shifts = part(shifts, at, mask.len());
            for (from, to) in from.chunks_exact(len).zip(to.chunks_exact_mut(len)) {
                let place = at..at + mask.len();
                work(way, &from[place.clone()], mask, shifts, &mut to[place]);
            }
        }
    }
}

impl Prepared {
    fn pixels(&self) -> usize {
        self.output.shape.height * self.output.shape.width
    }

    /// Draws the key of an image: mask bits at the start of `scratch.drawn`, and as many bytes for
    /// colour orders as there are pixels at the start of `scratch.orders`.
    fn draw(&self, streams: &ImageStreams, id: SampleId, scratch: &mut Scratch) {
        let bits = self.output.shape.len().div_ceil(8);
        let wanted = if self.exchanges { self.pixels() } else { 0 };
        // One byte of 64 is refused, give or take; whole groups of the cipher's blocks cost least.
        let ahead = (bits + wanted + wanted / 48).next_multiple_of(256);
        let Scratch { drawn, orders, .. } = scratch;
        drawn.resize(ahead, 0);
        orders.resize(wanted + ahead, 0);
        let mut stream = streams.numbered(id, 0);
        stream.fill(drawn);
        if wanted == 0 {
            return;
        }
        let mut found = simd::accept(&drawn[bits..], &mut orders[..ahead - bits]);
        let mut more = Zeroizing::new([0; 64]);
        while found < wanted {
            stream.fill(&mut *more);
            found += simd::accept(&*more, &mut orders[found..found + 64]);
        }
    }

    /// Works on one image with a key of its own: mask bits, or a mask, and colour orders.
    fn image(&self, way: Way, key: OwnKey<'_>, scratch: &mut Scratch, from: &[u8], to: &mut [u8]) {
        let Scratch { mask, shifts, .. } = scratch;
        mask.resize(STRETCH, 0);
        shifts.resize(STRETCH, 0);
        let stretches = from.chunks(STRETCH).zip(to.chunks_mut(STRETCH));
        for (index, (from, to)) in stretches.enumerate() {
            let (at, len) = (index * STRETCH, from.len());
            let mask = match key.mask {
                Mask::Bytes(bytes) => &bytes[at..at + len],
                Mask::Bits(bits) => {
                    simd::expand_bits(&bits[at / 8..(at + len).div_ceil(8)], &mut mask[..len]);
                    &mask[..len]
                }
            };
            let orders = part(key.orders, at / 3, len / 3);
            let shifts = &mut shifts[..3 * orders.len()];
            simd::color_shifts(orders, way == Way::Remove, shifts);
            work(way, from, mask, shifts, to);
        }
    }

    fn run(&self, way: Way, samples: Samples<'_>, from: &[u8], to: &mut [u8]) -> Result<(), Error> {
        let len = self.output.shape.len();
        let images = from.par_chunks(len).zip(to.par_chunks_mut(len));
        let least = (GROUP / len).max(1);
        match &self.keys {
            Keys::Common(key) => {
                let group = len * least.max(4);
                let groups = from.par_chunks(group).zip(to.par_chunks_mut(group));
                groups.for_each(|(from, to)| key.group(way, from, to));
            }
            Keys::PerImage(keys) => {
                let first = self.place(samples, keys.masks.len() / len)?;
                let images = images.enumerate().with_min_len(least);
                images.for_each_init(Scratch::default, |scratch, (i, (from, to))| {
                    let key = OwnKey {
                        mask: Mask::Bytes(&keys.masks[(first + i) * len..][..len]),
                        orders: part(&keys.orders, (first + i) * self.pixels(), self.pixels()),
                    };
                    self.image(way, key, scratch, from, to);
                });
            }
            Keys::Drawn(schedule) => {
                let streams = schedule.image_streams("skk-image", samples.salt);
                let images = images.zip(samples.ids).with_min_len(least);
                images.for_each_init(Scratch::default, |scratch, ((from, to), id)| {
                    self.draw(&streams, *id, scratch);
                    let drawn = std::mem::take(&mut scratch.drawn);
                    let orders = std::mem::take(&mut scratch.orders);
                    let key = OwnKey {
                        mask: Mask::Bits(&drawn),
                        orders: if self.exchanges {
                            &orders[..self.pixels()]
                        } else {
                            &[]
                        },
                    };
                    self.image(way, key, scratch, from, to);
                    (scratch.drawn, scratch.orders) = (drawn, orders);
                });
            }
        }
        Ok(())
    }

    /// Place of the first image of the batch among `held` explicit keys, if they go to its end.
    fn place(&self, samples: Samples<'_>, held: usize) -> Result<usize, Error> {
        let first = usize::try_from(samples.first).unwrap_or(usize::MAX);
        match first.checked_add(samples.ids.len()) {
            Some(end) if end <= held => Ok(first),
            _ => Err(Error::material(
                "neg_mask",
                format!(
                    "holds keys for {held} images, but {} images from number {first} are asked for; \
                     give an entry for every image of the data set",
                    samples.ids.len()
                ),
            )),
        }
    }
}

enum Mask<'a> {
    /// 0 or 255 for each value.
    Bytes(&'a [u8]),
    /// A bit for each value.
    Bits(&'a [u8]),
}

/// The key of one image.
struct OwnKey<'a> {
    mask: Mask<'a>,
    /// Bytes below 252 that choose the colour orders; empty without a colour step.
    orders: &'a [u8],
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.output.shape
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let len = samples.ids.len() * self.output.shape.len();
        let plain = sized(plain, plain.len(), len)?;
        self.run(Way::Apply, samples, plain, disguised.bytes(len)?)
    }

    fn remove(&self, samples: Samples<'_>, disguised: PixelsRef<'_>, plain: &mut [u8]) -> Result<(), Error> {
        let len = samples.ids.len() * self.output.shape.len();
        let found = plain.len();
        let plain = sized(plain, found, len)?;
        self.run(Way::Remove, samples, disguised.bytes(len)?, plain)
    }
}
