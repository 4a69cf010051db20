//! InstaHide: an image is blended with others, private and public, and every value takes a random
//! sign, both drawn afresh for every encoding.
//!
//! Huang, Song, Li, Arora: "InstaHide: Instance-hiding Schemes for Private Distributed Learning",
//! ICML 2020, arXiv 2010.02772.

mod draw;
mod material;
mod prepared;
#[cfg(test)]
mod speed;
mod statistics;

use crate::{
    Error, Material, Removal, SchemeInfo, Shape, Storage, Stronger,
    params::{Kind, ParamSpec, Params},
    pixels::{Dtype, Output},
    schedule::Schedule,
    scheme::{Disguise, Scheme, Tolerates},
    simd::MAX_IMAGES,
};
use draw::{Mix, Partners};
use material::Given;
use prepared::Prepared;
use statistics::Statistics;

/// Most images in a blend.
const SLOTS: usize = MAX_IMAGES;

const IRREVERSIBLE: &str = "an image is one term of a sum, and taking the others away would take the \
                            plain images themselves; keep the originals";

pub(super) static INFO: SchemeInfo = SchemeInfo {
    name: "instahide",
    title: "InstaHide (mixing with random signs)",
    paper: "Huang, Song, Li, Arora: InstaHide, ICML 2020, arXiv 2010.02772",
    summary: "blends each image with others, private or public, by random coefficients, and flips the sign \
              of every value at random",
    broken_by: "the disguised images alone, many of the same private ones (Carlini et al., IEEE S&P 2021, \
                arXiv 2011.05315): magnitudes undo the signs, a similarity learned on public images finds \
                which share a private one, and least squares then recover it",
    stronger: &[
        Stronger {
            param: "encodings",
            value: "1",
            effect: "shows every image in as few blends as can be, which recovery of the images needs many of",
        },
        Stronger {
            param: "cross",
            value: "true",
            effect: "mixes in public images, which must be found first",
        },
    ],
    networks: "cnn without a front, or any other for plain images, trained on soft labels and on fresh \
               encodings in every epoch; one encoding of a test image is classified badly, so test on plain \
               normalised images or average over many encodings",
    front: "none",
    params: &[
        ParamSpec {
            name: "k",
            help: "images in a blend, the disguised one among them",
            kind: Kind::Int {
                min: 1,
                max: SLOTS as i64,
            },
            default: "4",
        },
        ParamSpec {
            name: "c1",
            help: "largest coefficient of an image in a blend, of a sum of 1; at least 1/k",
            kind: Kind::Float { min: 0.1, max: 1.0 },
            default: "0.65",
        },
        ParamSpec {
            name: "c2",
            help: "smallest sum of the first two coefficients in a blend with public images, of a sum of 1",
            kind: Kind::Float { min: 0.0, max: 1.0 },
            default: "0.3",
        },
        ParamSpec {
            name: "cross",
            help: "fill the last places of a blend with public images, instead of private ones",
            kind: Kind::Bool,
            default: "false",
        },
        ParamSpec {
            name: "pair",
            help: "with public images, blend two private ones, instead of half of k rounded up",
            kind: Kind::Bool,
            default: "true",
        },
        ParamSpec {
            name: "norm",
            help: "mean and standard deviation that values are normalised by; cifar10 takes those of \
                   ImageNet for public images, half is 0.5 and 0.5",
            kind: Kind::Choice(&["cifar10", "imagenet", "half"]),
            default: "cifar10",
        },
        ParamSpec {
            name: "encodings",
            help: "disguised images made from each plain one, with fresh coefficients, partners and signs",
            kind: Kind::Int { min: 1, max: 64 },
            default: "1",
        },
    ],
    material: &[
        "lams", "idx", "sign", "mean", "std", "inside", "pub", "pub_mean", "pub_std",
    ],
    storage: Storage::Float,
    hides: "most of each image; faint shapes of all blended images show in the magnitudes",
    removal: Removal::Never(IRREVERSIBLE),
    per_image: "coefficients, partners and signs",
    build: |params| {
        let scheme = InstaHide {
            params: params.clone(),
        };
        scheme.check()?;
        Ok(Box::new(scheme))
    },
    infer: |material, params| {
        if let Some([_, k]) = material.get("lams").map(|array| &array.shape[..]) {
            params.entry("k".into()).or_insert_with(|| k.to_string());
        }
        if material.get("pub").is_some() {
            params.entry("cross".into()).or_insert_with(|| "true".into());
        }
    },
};

#[derive(Debug)]
struct InstaHide {
    params: Params,
}

impl InstaHide {
    fn k(&self) -> usize {
        self.params.int("k") as usize
    }

    fn mix(&self) -> Mix {
        Mix {
            k: self.k(),
            largest: self.params.float("c1"),
            first_two: self.params.bool("cross").then(|| self.params.float("c2")),
        }
    }

    /// Private images in a blend.
    fn inside(&self) -> usize {
        let k = self.k();
        match (self.params.bool("cross"), self.params.bool("pair")) {
            (false, _) => k,
            (true, true) => k.min(2),
            (true, false) => k.div_ceil(2),
        }
    }

    /// Refuses bounds that no coefficients meet.
    fn check(&self) -> Result<(), Error> {
        let Mix {
            k,
            largest,
            first_two,
        } = self.mix();
        if k == 1 {
            return Ok(());
        }
        if largest * (k as f64) < 1.0 {
            let problem = format!("{k} coefficients of at most {largest} cannot sum to 1; take c1 >= 1/k");
            return Err(Error::parameter("c1", problem));
        }
        if let Some(least) = first_two.filter(|least| *least > 2.0 * largest) {
            let problem = format!("two coefficients of at most c1={largest} cannot sum to {least}");
            return Err(Error::parameter("c2", problem));
        }
        if k > 2 && first_two.is_some_and(|least| least >= 1.0) {
            let problem = format!(
                "leaves nothing for the other {} of k={k} images; take less",
                k - 2
            );
            return Err(Error::parameter("c2", problem));
        }
        Ok(())
    }

    /// The output of blends with `inside` private images, whose coefficients have magnitudes that
    /// sum to at most `heaviest`.
    fn range(
        &self,
        image: Shape,
        (private, public): (&Statistics, &Statistics),
        inside: usize,
        heaviest: f64,
    ) -> Output {
        let widest = |of: fn(&Statistics) -> f64| {
            let public = if inside < self.k() { of(public) } else { 0.0 };
            of(private).max(public)
        };
        // Fewer than 64 roundings, each of at most 2^-24 of its term.
        let room = 64.0 / 16_777_216.0 * widest(Statistics::terms);
        let high = (heaviest * (widest(Statistics::bound) + room)) as f32;
        Output {
            shape: image,
            dtype: Dtype::F32,
            range: (-high, high),
        }
    }
}

impl Scheme for InstaHide {
    fn info(&self) -> &'static SchemeInfo {
        &INFO
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn output(&self, image: Shape) -> Result<Output, Error> {
        let (private, public) = Statistics::named(self.params.text("norm"), image.check()?.channels);
        Ok(self.range(image, (&private, &public), self.inside(), 1.0))
    }

    fn tolerates(&self) -> Tolerates {
        // Mixing and signs work pixel by pixel and are fresh for each image.
        Tolerates {
            flips: true,
            shifts: 1,
        }
    }

    fn needs_shape(&self) -> bool {
        false
    }

    /// Coefficients are real numbers: not countable.
    fn key_bits(&self, _image: Shape) -> Option<f64> {
        None
    }

    fn advice(&self, _image: Shape) -> Vec<String> {
        let (k, largest) = (self.k(), self.params.float("c1"));
        let mut advice = Vec::new();
        if k == 1 {
            advice.push(
                "k=1 blends nothing: the magnitudes show the image, and only the signs are hidden".into(),
            );
        } else if largest * (k as f64) < 1.5 {
            advice.push(format!(
                "c1={largest} is close to 1/k: nearly all coefficients are refused and drawn again, \
                 which takes long"
            ));
        }
        if self.inside() == k && k > 1 {
            advice.push(
                "all blended images are private, so every disguised image shows traces of k of them; \
                 cross=true takes most from a public set"
                    .into(),
            );
        }
        let encodings = self.encodings();
        if encodings > 1 {
            advice.push(format!(
                "{encodings} encodings of each image: every one more helps the known attack to take \
                 the blends apart"
            ));
        }
        advice
    }

    fn mixes(&self) -> bool {
        self.k() > 1
    }

    fn mixes_public(&self) -> bool {
        self.inside() < self.k()
    }

    fn encodings(&self) -> usize {
        self.params.int("encodings") as usize
    }

    fn prepare(
        &self,
        image: Shape,
        schedule: &Schedule,
        material: Option<&Material>,
    ) -> Result<Box<dyn Disguise>, Error> {
        let k = self.k();
        let (mut private, mut public) = Statistics::named(self.params.text("norm"), image.channels);
        let (mut inside, mut given, mut images) = (self.inside(), None, None);
        if let Some(material) = material {
            private.replace(material, "mean", "std")?;
            public.replace(material, "pub_mean", "pub_std")?;
            inside = material::inside(material, k)?.unwrap_or(inside);
            given = Given::read(material, image, k)?;
            images = material::public(material, image)?;
        }
        if given.is_some() && self.encodings() != 1 {
            let problem = "must be 1 where coefficients, partners and signs are given";
            return Err(Error::parameter("encodings", problem));
        }
        let heaviest = given.as_ref().map_or(1.0, |given| given.heaviest().max(1.0));
        Ok(Box::new(Prepared {
            output: self.range(image, (&private, &public), inside, heaviest),
            mix: self.mix(),
            inside,
            encodings: self.encodings(),
            private: private.pattern(),
            public: public.pattern(),
            partners: Partners::new(schedule, self.encodings(), k, inside),
            schedule: schedule.clone(),
            given,
            images,
        }))
    }
}
