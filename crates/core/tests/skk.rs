//! Pixel-based encryption by the words of SPEC.md, value by value, and what its material may be.

use visard_core::{
    Array, Error, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values,
    schedule::Schedule,
};

const SALT: Salt = Salt([3; 16]);
const SECRET: [u8; 32] = [77; 32];
/// Source channels of the colour orders RGB, RBG, GRB, GBR, BRG, BGR.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Parameters that are not the defaults.
type Set<'a> = &'a [(&'a str, &'a str)];

fn key(set: Set<'_>, shape: Shape, material: Option<Material>) -> Result<Key, Error> {
    let params = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new("skk", &params, Some(shape), MasterSecret::new(SECRET), material)
}

fn images(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

fn disguised(plain: &[u8], negated: &[bool], orders: Option<&[usize]>) -> Vec<u8> {
    let step: Vec<u8> = plain
        .iter()
        .zip(negated)
        .map(|(v, n)| if *n { 255 - v } else { *v })
        .collect();
    let Some(orders) = orders else {
        return step;
    };
    let pixels = step.chunks(3).zip(orders);
    pixels
        .flat_map(|(pixel, order)| ORDERS[*order].map(|c| pixel[c]))
        .collect()
}

/// Applies and removes; `first` is the place of the first image.
fn run(key: &Key, shape: Shape, ids: &[SampleId], first: u64, plain: &[u8]) -> Result<Vec<u8>, Error> {
    let disguise = key.disguise(shape)?;
    let samples = Samples {
        first,
        ..Samples::new(SALT, ids)
    };
    let mut out = Pixels::zeros(disguise.output().dtype, plain.len());
    disguise.apply(samples, plain, out.view_mut())?;
    let mut back = vec![0; plain.len()];
    disguise.remove(samples, out.view(), &mut back)?;
    assert_eq!(back, plain);
    match out {
        Pixels::U8(bytes) => Ok(bytes),
        Pixels::F32(_) => panic!("skk gives bytes"),
    }
}

/// Shapes smaller than a vector, that end anywhere within one, and of several stretches.
const SHAPES: &[(usize, usize, usize)] = &[
    (1, 1, 3),
    (3, 7, 3),
    (32, 32, 3),
    (53, 51, 3),
    (97, 101, 3),
    (9, 13, 1),
    (120, 90, 1),
    (8, 5, 4),
];

#[test]
fn a_data_set_key_is_the_definition() {
    for &(height, width, channels) in SHAPES {
        let shape = Shape::new(height, width, channels);
        for color in ["true", "false"] {
            let schedule = Schedule::new(&MasterSecret::new(SECRET), "skk");
            let negated = schedule.stream("skk-negative", &[]).bits(shape.len());
            let mut stream = schedule.stream("skk-color", &[]);
            let orders: Vec<usize> = (0..height * width).map(|_| stream.below(6) as usize).collect();
            let orders = (color == "true" && channels == 3).then_some(&orders[..]);
            let (plain, ids) = (images(9 * shape.len()), SampleId::numbered("t", 0, 9));
            let found = run(
                &key(&[("color", color)], shape, None).unwrap(),
                shape,
                &ids,
                0,
                &plain,
            )
            .unwrap();
            for (plain, found) in plain.chunks(shape.len()).zip(found.chunks(shape.len())) {
                assert_eq!(found, disguised(plain, &negated, orders), "{shape} {color}");
            }
        }
    }
}

#[test]
fn an_image_key_is_the_definition() {
    for &(height, width, channels) in SHAPES {
        let shape = Shape::new(height, width, channels);
        for color in ["true", "false"] {
            let (plain, ids) = (images(5 * shape.len()), SampleId::numbered("t", 0, 5));
            let set = [("color", color), ("image_key", "true")];
            let found = run(&key(&set, shape, None).unwrap(), shape, &ids, 0, &plain).unwrap();
            let streams = Schedule::new(&MasterSecret::new(SECRET), "skk").image_streams("skk-image", SALT);
            for (i, id) in ids.iter().enumerate() {
                let mut bytes = vec![0; shape.len().div_ceil(8) + 2 * height * width + 64];
                streams.stream(*id).fill(&mut bytes);
                let (bits, rest) = bytes.split_at(shape.len().div_ceil(8));
                let negated: Vec<bool> = (0..shape.len())
                    .map(|i| bits[i / 8] >> (i % 8) & 1 == 1)
                    .collect();
                let accepted = rest.iter().filter(|byte| **byte < 252);
                let orders: Vec<usize> = accepted
                    .map(|byte| usize::from(byte % 6))
                    .take(height * width)
                    .collect();
                assert_eq!(orders.len(), height * width);
                let orders = (color == "true" && channels == 3).then_some(&orders[..]);
                let part = i * shape.len()..(i + 1) * shape.len();
                let wanted = disguised(&plain[part.clone()], &negated, orders);
                assert!(found[part] == wanted, "{shape} {color} image {i}");
            }
        }
    }
}

#[test]
fn one_image_key_serves_every_shape() {
    let set = [("image_key".to_string(), "true".to_string())].into();
    let key = Key::new("skk", &set, None, MasterSecret::new(SECRET), None).unwrap();
    for shape in [Shape::new(4, 4, 3), Shape::new(5, 3, 1)] {
        run(
            &key,
            shape,
            &SampleId::numbered("t", 0, 2),
            0,
            &images(2 * shape.len()),
        )
        .unwrap();
    }
    assert!(Key::new("skk", &Default::default(), None, MasterSecret::new(SECRET), None).is_err());
}

fn material(arrays: &[(&str, &[usize], Vec<i64>)]) -> Material {
    let mut material = Material::new();
    for (name, shape, values) in arrays {
        let array = Array {
            shape: shape.to_vec(),
            values: Values::I64(values.clone()),
        };
        material.insert(name, array).unwrap();
    }
    material
}

#[test]
fn material_per_image_goes_by_place_and_ends() {
    let shape = Shape::new(2, 3, 3);
    let bits: Vec<i64> = (0..4 * 18).map(|i| i * i / 3 % 2).collect();
    let orders: Vec<i64> = (0..4 * 6).map(|i| i * 5 % 6).collect();
    let arrays = material(&[
        ("neg_mask", &[4, 2, 3, 3], bits.clone()),
        ("color_perm", &[4, 2, 3], orders.clone()),
    ]);
    let key = key(&[], shape, Some(arrays)).unwrap();
    let (ids, plain) = (SampleId::numbered("t", 0, 2), images(36));
    for first in 0..=2u64 {
        let found = run(&key, shape, &ids, first, &plain).unwrap();
        for i in 0..2 {
            let place = first as usize + i;
            let negated: Vec<bool> = bits[18 * place..][..18].iter().map(|b| *b == 1).collect();
            let orders: Vec<usize> = orders[6 * place..][..6].iter().map(|o| *o as usize).collect();
            let wanted = disguised(&plain[18 * i..][..18], &negated, Some(&orders));
            assert_eq!(found[18 * i..][..18], wanted);
        }
    }
    for first in [3, 4, u64::MAX] {
        let error = run(&key, shape, &ids, first, &plain).unwrap_err();
        assert!(error.to_string().contains("keys for 4 images"), "{error}");
    }
}

#[test]
fn material_that_does_not_fit_is_refused() {
    let shape = Shape::new(2, 2, 3);
    let mask = ("neg_mask", &[2, 2, 3][..], vec![1; 12]);
    let orders = ("color_perm", &[2, 2][..], vec![5; 4]);
    assert!(key(&[], shape, Some(material(&[mask.clone(), orders.clone()]))).is_ok());
    let cases: &[(Set<'_>, Material, &str)] = &[
        (&[], material(std::slice::from_ref(&orders)), "neg_mask"),
        (
            &[("color", "true")],
            material(std::slice::from_ref(&mask)),
            "color_perm",
        ),
        (
            &[("color", "false")],
            material(&[mask.clone(), orders.clone()]),
            "color_perm",
        ),
        (
            &[("image_key", "true")],
            material(&[mask.clone(), orders.clone()]),
            "neg_mask",
        ),
        (
            &[],
            material(&[("neg_mask", &[2, 2, 3], vec![2; 12])]),
            "neg_mask",
        ),
        (&[], material(&[("neg_mask", &[12], vec![1; 12])]), "neg_mask"),
        (
            &[],
            material(&[mask.clone(), ("color_perm", &[2, 2], vec![6; 4])]),
            "color_perm",
        ),
        (
            &[],
            material(&[mask.clone(), ("color_perm", &[4], vec![0; 4])]),
            "color_perm",
        ),
    ];
    for (set, material, array) in cases {
        let error = key(set, shape, Some(material.clone())).unwrap_err();
        assert!(
            matches!(&error, Error::Material { array: found, .. } if found == array),
            "{error}"
        );
    }
    let gray = material(&[("neg_mask", &[2, 2, 1], vec![1; 4]), orders]);
    assert!(key(&[], Shape::new(2, 2, 1), Some(gray)).is_err());
}
