//! The prepared disguise: whole batches of blends, and their soft labels.

use super::{
    IRREVERSIBLE, SLOTS,
    draw::{Mix, Partners, Run, Table, Weights},
    material::Given,
    statistics::Pattern,
};
use crate::{
    Error, Gallery, Salt, Shape,
    pixels::{Output, PixelsMut, PixelsRef, SampleId, Samples, sized},
    schedule::{ImageStreams, Schedule},
    scheme::Disguise,
    simd::{self, BlendTile as Tile, CHACHA_BLOCK, ChachaRoom, Layer, MixRoom},
};
use rayon::prelude::*;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Values that are worked on together: small images share the cost of their key streams.
const GROUP: usize = 48 * 1024;

/// Most encodings that are worked on together.
const MOST: usize = simd::MIX_LANES;

/// Bytes of a stream that coefficients are drawn from where the usual beginning is too short.
const LONG: usize = 16 * CHACHA_BLOCK;

pub(super) struct Prepared {
    pub(super) output: Output,
    pub(super) mix: Mix,
    /// Private images in a blend: the first slots.
    pub(super) inside: usize,
    pub(super) encodings: usize,
    pub(super) private: Pattern,
    pub(super) public: Pattern,
    pub(super) partners: Partners,
    pub(super) schedule: Schedule,
    /// Explicit draws.
    pub(super) given: Option<Given>,
    /// Explicit public images, one after the other.
    pub(super) images: Option<Vec<u8>>,
}

/// One encoding of a sample.
#[derive(Clone, Copy)]
struct Encoding {
    id: SampleId,
    /// Place of the sample in its split.
    at: u64,
    number: usize,
}

/// One purpose of per-image streams in a run.
struct Draws {
    /// The key of `streams`.
    key: Zeroizing<[u8; 32]>,
    streams: ImageStreams,
}

impl Draws {
    fn new(schedule: &Schedule, purpose: &str, salt: Salt) -> Self {
        // The salt, 16 bytes, is the context of the key; so are two numbers of 8 bytes.
        let halves = salt.0.as_chunks().0.iter().copied();
        let context: Vec<u64> = halves.map(u64::from_be_bytes).collect();
        Self {
            key: schedule.derive(purpose, &context),
            streams: schedule.image_streams(purpose, salt),
        }
    }

    /// The first `share` bytes, rounded up to whole blocks, of the stream of each encoding.
    fn fill(&self, group: &[Encoding], room: &mut StreamRoom, share: usize, bytes: &mut Vec<u8>) {
        room.nonces.clear();
        room.nonces.extend(group.iter().map(|encoding| {
            let mut nonce = [0; 24];
            nonce[..16].copy_from_slice(&encoding.id.0);
            nonce[16..].copy_from_slice(&(encoding.number as u64).to_le_bytes());
            nonce
        }));
        bytes.resize(group.len() * share.next_multiple_of(CHACHA_BLOCK), 0);
        simd::xchacha(&self.key, &room.nonces, bytes, &mut room.chacha);
    }
}

/// What all samples of a batch share.
struct Batch<'a> {
    prepared: &'a Prepared,
    gallery: Option<&'a dyn Gallery>,
    lengths: [usize; 2],
    /// `None` where nothing is drawn.
    table: Option<Arc<Table>>,
    coefficients: Draws,
    signs: Draws,
}

/// What streams are drawn in.
#[derive(Default)]
struct StreamRoom {
    nonces: Vec<[u8; 24]>,
    chacha: ChachaRoom,
}

/// Buffers of one worker.
#[derive(Default)]
struct Scratch {
    group: Vec<Encoding>,
    streams: StreamRoom,
    /// Beginnings of the streams of a group that its coefficients are drawn from.
    beginnings: Zeroizing<Vec<u8>>,
    /// Encodings of the group whose beginnings are too short, by their numbers.
    late: Vec<usize>,
    late_group: Vec<Encoding>,
    room: MixRoom,
    weights: Zeroizing<Vec<Weights>>,
    /// Sign bits of a group.
    signs: Zeroizing<Vec<u8>>,
    private_shift: Vec<Tile>,
    public_shift: Vec<Tile>,
}

impl Scratch {
    /// Fills `group` with `count` encodings from number `first` on, counted over the whole batch.
    fn name_group(&mut self, samples: &Samples<'_>, encodings: usize, first: usize, count: usize) {
        self.group.clear();
        self.group.extend((first..first + count).map(|number| {
            let sample = number / encodings;
            Encoding {
                id: samples.ids[sample],
                at: samples.first.wrapping_add(sample as u64),
                number: number % encodings,
            }
        }));
    }
}

impl Prepared {
    fn batch<'a>(&'a self, samples: &Samples<'a>) -> Result<Batch<'a>, Error> {
        let (k, own) = (self.mix.k, self.images.as_ref());
        if samples.gallery.is_none() && (self.inside > 1 || (self.inside < k && own.is_none())) {
            let problem = format!("is missing: k={k} blends every image with others, which it must hold");
            return Err(Error::parameter("gallery", problem));
        }
        let public = || samples.gallery.map_or(0, Gallery::public_len);
        let run = Run {
            salt: samples.salt,
            split: samples.split,
            lengths: [
                samples.gallery.map_or(0, Gallery::len),
                own.map_or_else(public, |own| own.len() / self.output.shape.len()),
            ],
        };
        let table = match &self.given {
            Some(given) => given.check(samples.first, samples.ids.len()).map(|()| None)?,
            None if k == 1 => None,
            None => Some(self.partners.table(run)?),
        };
        Ok(Batch {
            prepared: self,
            gallery: samples.gallery,
            lengths: run.lengths,
            table,
            coefficients: Draws::new(&self.schedule, "instahide-mix", samples.salt),
            signs: Draws::new(&self.schedule, "instahide-sign", samples.salt),
        })
    }
}

impl<'a> Batch<'a> {
    /// Draws the coefficients of a group.
    fn draw_weights(&self, scratch: &mut Scratch) {
        scratch.weights.clear();
        if let Some(given) = &self.prepared.given {
            let weights = scratch.group.iter().map(|encoding| given.weights(encoding.at));
            scratch.weights.extend(weights);
            return;
        }
        let mix = self.prepared.mix;
        let Scratch {
            group,
            streams,
            beginnings,
            late,
            late_group,
            room,
            weights,
            ..
        } = scratch;
        self.coefficients
            .fill(group, streams, mix.beginning(), beginnings);
        weights.resize(group.len(), [0.0; SLOTS]);
        let open = mix.draw_group(beginnings, room, weights);
        if open == 0 {
            return;
        }
        late.clear();
        late.extend((0..group.len()).filter(|index| open >> index & 1 == 1));
        late_group.clear();
        late_group.extend(late.iter().map(|index| group[*index]));
        self.coefficients.fill(late_group, streams, LONG, beginnings);
        let each = late.iter().zip(&*late_group);
        for ((index, encoding), beginning) in each.zip(beginnings.chunks_exact(LONG)) {
            weights[*index] = mix.draw_from(beginning).unwrap_or_else(|| {
                let own = &self.coefficients.streams;
                mix.draw(&mut own.sampler(encoding.id, encoding.number as u64))
            });
        }
    }

    /// Draws the signs of a group, unless they are given.
    fn draw_signs(&self, scratch: &mut Scratch) {
        if self.prepared.given.is_none() {
            let share = simd::signs_len(self.prepared.output.shape.len());
            let Scratch {
                group,
                streams,
                signs,
                ..
            } = scratch;
            self.signs.fill(group, streams, share, signs);
        }
    }

    /// Place of the partner in `slot`, 1 or above, in its gallery.
    fn partner(&self, encoding: Encoding, slot: usize) -> Result<usize, Error> {
        let len = self.lengths[usize::from(slot >= self.prepared.inside)];
        match (&self.prepared.given, &self.table) {
            (Some(given), _) => given.partner(slot, encoding.at, len),
            (None, Some(table)) => Ok(table.partner(encoding.number, slot, encoding.at)),
            (None, None) => Err(Error::parameter("k", "a blend of one image has no partners")),
        }
    }

    fn partner_image(&self, encoding: Encoding, slot: usize) -> Result<&[u8], Error> {
        let (place, len) = (self.partner(encoding, slot)?, self.prepared.output.shape.len());
        let from_gallery = |image: fn(&'a dyn Gallery, usize) -> &'a [u8]| {
            self.gallery.map_or(&[][..], |gallery| image(gallery, place))
        };
        let image = match &self.prepared.images {
            _ if slot < self.prepared.inside => from_gallery(|gallery, place| gallery.image(place)),
            None => from_gallery(|gallery, place| gallery.public_image(place)),
            Some(own) => &own[place * len..][..len],
        };
        sized(image, image.len(), len)
    }

    /// Blends number `index` of a group whose coefficients and signs are drawn.
    fn blend(&self, scratch: &mut Scratch, index: usize, plain: &[u8], out: &mut [f32]) -> Result<(), Error> {
        let Prepared { mix, inside, .. } = *self.prepared;
        let encoding = scratch.group[index];
        let mut images = [plain; SLOTS];
        for (slot, image) in images[..mix.k].iter_mut().enumerate().skip(1) {
            *image = self.partner_image(encoding, slot)?;
        }
        let (private, public) = scratch.weights[index][..mix.k].split_at(inside);
        let (private_images, public_images) = images[..mix.k].split_at(inside);
        self.prepared
            .private
            .shift(sum(private), &mut scratch.private_shift);
        if !public.is_empty() {
            self.prepared.public.shift(sum(public), &mut scratch.public_shift);
        }
        let first = Layer {
            images: private_images,
            weights: private,
            scale: &self.prepared.private.scale,
            shift: &scratch.private_shift,
        };
        let second = (!public.is_empty()).then_some(Layer {
            images: public_images,
            weights: public,
            scale: &self.prepared.public.scale,
            shift: &scratch.public_shift,
        });
        let share = scratch.signs.len() / scratch.group.len();
        let signs = match &self.prepared.given {
            Some(given) => given.signs(encoding.at),
            None => &scratch.signs[index * share..][..share],
        };
        simd::blend(first, second, signs, out);
        Ok(())
    }

    fn add_labels(
        &self,
        encoding: Encoding,
        weights: &Weights,
        own: u32,
        row: &mut [f32],
    ) -> Result<(), Error> {
        row.fill(0.0);
        for (slot, weight) in weights[..self.prepared.inside].iter().enumerate() {
            let class = match slot {
                0 => own,
                _ => self.partner_label(encoding, slot)?,
            };
            let classes = row.len();
            let Some(sum) = row.get_mut(class as usize) else {
                let problem = format!("class {class} does not fit {classes} classes, numbered from 0");
                return Err(Error::parameter("labels", problem));
            };
            *sum += weight;
        }
        Ok(())
    }

    fn partner_label(&self, encoding: Encoding, slot: usize) -> Result<u32, Error> {
        let place = self.partner(encoding, slot)?;
        self.gallery
            .and_then(|gallery| gallery.label(place))
            .ok_or_else(|| {
                let problem = format!("private image {place} has no label; soft labels need one of each");
                Error::parameter("gallery", problem)
            })
    }
}

/// The sum of weights, in their order.
fn sum(weights: &[f32]) -> f32 {
    weights
        .iter()
        .copied()
        .reduce(|sum, weight| sum + weight)
        .unwrap_or(0.0)
}

impl Disguise for Prepared {
    fn input(&self) -> Shape {
        self.output.shape
    }

    fn output(&self) -> Output {
        self.output
    }

    fn apply(&self, samples: Samples<'_>, plain: &[u8], disguised: PixelsMut<'_>) -> Result<(), Error> {
        let (count, len) = (samples.ids.len(), self.output.shape.len());
        let plain = sized(plain, plain.len(), count * len)?;
        let disguised = disguised.floats(count * self.encodings * len)?;
        let batch = self.batch(&samples)?;
        let each = (GROUP / len).clamp(1, MOST);
        let groups = disguised.par_chunks_mut(each * len).enumerate();
        groups.try_for_each_init(Scratch::default, |scratch, (number, out)| {
            scratch.name_group(&samples, self.encodings, number * each, out.len() / len);
            batch.draw_weights(scratch);
            batch.draw_signs(scratch);
            for (index, out) in out.chunks_exact_mut(len).enumerate() {
                let sample = (number * each + index) / self.encodings;
                batch.blend(scratch, index, &plain[sample * len..][..len], out)?;
            }
            Ok(())
        })
    }

    fn soft_labels(
        &self,
        samples: Samples<'_>,
        labels: &[u32],
        classes: usize,
        weights: &mut [f32],
    ) -> Result<(), Error> {
        let count = samples.ids.len();
        if classes == 0 {
            return Err(Error::parameter("classes", "must be at least 1"));
        }
        let labels = sized(labels, labels.len(), count)?;
        let found = weights.len();
        let weights = sized(weights, found, count * self.encodings * classes)?;
        let batch = self.batch(&samples)?;
        let groups = weights.par_chunks_mut(MOST * classes).enumerate();
        groups.try_for_each_init(Scratch::default, |scratch, (number, rows)| {
            scratch.name_group(&samples, self.encodings, number * MOST, rows.len() / classes);
            batch.draw_weights(scratch);
            let drawn = scratch.group.iter().zip(scratch.weights.iter());
            for (index, (row, (encoding, weights))) in rows.chunks_exact_mut(classes).zip(drawn).enumerate() {
                let own = labels[(number * MOST + index) / self.encodings];
                batch.add_labels(*encoding, weights, own, row)?;
            }
            Ok(())
        })
    }

    fn remove(
        &self,
        _samples: Samples<'_>,
        _disguised: PixelsRef<'_>,
        _plain: &mut [u8],
    ) -> Result<(), Error> {
        Err(Error::NotInvertible(IRREVERSIBLE.into()))
    }
}
