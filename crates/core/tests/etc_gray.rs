//! Greyscale-based encryption-then-compression: what comes back, in which shape, and what is refused.

use visard_core::{
    Array, Error, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values,
};

fn key(set: &[(&str, &str)], shape: Shape, material: Option<Material>) -> Result<Key, Error> {
    let params = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(
        "etc-gray",
        &params,
        Some(shape),
        MasterSecret::new([6; 32]),
        material,
    )
}

/// Applies and removes three images.
fn there_and_back(key: &Key, shape: Shape, plain: &[u8]) -> (Shape, Pixels, Vec<u8>) {
    let disguise = key.disguise(shape).unwrap();
    let ids = SampleId::numbered("t", 0, plain.len() / shape.len());
    let samples = Samples::new(Salt([0; 16]), &ids);
    let output = disguise.output();
    let mut out = Pixels::zeros(output.dtype, ids.len() * output.shape.len());
    disguise.apply(samples, plain, out.view_mut()).unwrap();
    let mut back = vec![0; plain.len()];
    disguise.remove(samples, out.view(), &mut back).unwrap();
    (output.shape, out, back)
}

fn noise(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

#[test]
fn images_of_every_size_come_back_within_two_levels() {
    for block in ["2", "3", "7", "8", "12", "16", "24", "64"] {
        for (height, width) in [(1, 1), (9, 30), (40, 24), (65, 33)] {
            let side: usize = block.parse().unwrap();
            let up = |length: usize, unit: usize| length.div_ceil(unit) * unit;
            let shape = Shape::new(height, width, 3);
            let plain = noise(3 * shape.len());
            let (output, _, back) =
                there_and_back(&key(&[("block", block)], shape, None).unwrap(), shape, &plain);
            assert_eq!(output, Shape::new(up(height, side), 3 * up(width, side), 1));
            assert!(
                plain.iter().zip(&back).all(|(a, b)| a.abs_diff(*b) <= 2),
                "{shape} block {block}"
            );
            let gray = Shape::new(height, width, 1);
            let plain = noise(3 * gray.len());
            let (output, _, back) =
                there_and_back(&key(&[("block", block)], gray, None).unwrap(), gray, &plain);
            assert_eq!(output, Shape::new(up(height, side), up(width, side), 1));
            assert_eq!(plain, back, "{gray} block {block}");
            let set = [("block", block), ("subsampling", "420")];
            let (output, _, _) = there_and_back(&key(&set, shape, None).unwrap(), shape, &noise(shape.len()));
            let unit = 2 * side;
            assert_eq!(output, Shape::new(up(height, unit), up(width, unit) / 2 * 3, 1));
        }
    }
}

/// With 420, an image whose colours are equal in each 2x2 loses nothing more than with 444.
#[test]
fn halved_colours_come_back_where_they_were_flat() {
    let shape = Shape::new(24, 40, 3);
    let colors = noise(12 * 20 * 3);
    let plain: Vec<u8> = (0..shape.len())
        .map(|i| colors[(i / 120 / 2 * 20 + i % 120 / 6) * 3 + i % 3])
        .collect();
    for block in ["2", "5", "8"] {
        let key = key(&[("block", block), ("subsampling", "420")], shape, None).unwrap();
        let (_, _, back) = there_and_back(&key, shape, &plain);
        assert!(
            plain.iter().zip(&back).all(|(a, b)| a.abs_diff(*b) <= 2),
            "block {block}"
        );
    }
}

/// The grey image by the formulas of SPEC.md, without a block step: codes 3, 2 and 1 leave all as it is.
#[test]
fn planes_lie_as_the_definition_says() {
    let shape = Shape::new(4, 6, 3);
    let plain = noise(shape.len());
    let ycc: Vec<[i32; 3]> = plain
        .chunks(3)
        .map(|p| {
            let (r, g, b) = (i32::from(p[0]), i32::from(p[1]), i32::from(p[2]));
            [
                (19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16,
                ((-11_059 * r - 21_709 * g + 32_768 * b + 32_768) >> 16) + 128,
                ((32_768 * r - 27_439 * g - 5_329 * b + 32_768) >> 16) + 128,
            ]
            .map(|v| v.clamp(0, 255))
        })
        .collect();
    for (subsampling, padded) in [("444", 6), ("420", 8)] {
        let set = [("block", "2"), ("subsampling", subsampling)];
        let at = |r: usize, c: usize, plane: usize| ycc[r * 6 + c.min(5)][plane];
        let mut wanted = Vec::new();
        for r in 0..4 {
            wanted.extend((0..padded).map(|c| at(r, c, 0)));
            if subsampling == "444" {
                wanted.extend((0..6).map(|c| at(r, c, 1)));
                wanted.extend((0..6).map(|c| at(r, c, 2)));
            } else {
                // Two rows of Cb above two rows of Cr.
                let (top, plane) = (r % 2 * 2, 1 + r / 2);
                wanted.extend((0..padded / 2).map(|c| {
                    let sum: i32 = [(0, 0), (0, 1), (1, 0), (1, 1)]
                        .iter()
                        .map(|(i, j)| at(top + i, 2 * c + j, plane))
                        .sum();
                    (sum + 2) >> 2
                }));
            }
        }
        let blocks = wanted.len() / 4;
        let mut material = Material::new();
        for (name, code) in [("rotate", 3), ("flip", 2), ("negaposi", 1)] {
            let array = Array {
                shape: vec![blocks],
                values: Values::I64(vec![code; blocks]),
            };
            material.insert(name, array).unwrap();
        }
        let key = key(&set, shape, Some(material)).unwrap();
        let (_, found, _) = there_and_back(&key, shape, &plain);
        assert_eq!(
            found,
            Pixels::U8(wanted.iter().map(|v| *v as u8).collect()),
            "{subsampling}"
        );
    }
}

#[test]
fn other_channels_and_unfitting_material_are_refused() {
    for channels in [2, 4] {
        assert!(matches!(
            key(&[], Shape::new(8, 8, channels), None),
            Err(Error::Shape { .. })
        ));
    }
    let shape = Shape::new(8, 16, 1);
    let array = |values: &[i64]| Array {
        shape: vec![values.len()],
        values: Values::I64(values.to_vec()),
    };
    let with = |arrays: &[(&str, &[i64])]| {
        let mut material = Material::new();
        for (name, values) in arrays {
            material.insert(name, array(values)).unwrap();
        }
        key(&[], shape, Some(material))
    };
    assert!(
        with(&[
            ("rotate", &[0, 3]),
            ("flip", &[2, 1]),
            ("negaposi", &[1, 0]),
            ("block_perm", &[1, 0])
        ])
        .is_ok()
    );
    let refused: &[&[(&str, &[i64])]] = &[
        &[("rotate", &[0, 3]), ("flip", &[2, 1])],
        &[("rotate", &[0, 4]), ("flip", &[2, 1]), ("negaposi", &[1, 0])],
        &[("rotate", &[0, 3]), ("flip", &[3, 1]), ("negaposi", &[1, 0])],
        &[("rotate", &[0, 3]), ("flip", &[2, 1]), ("negaposi", &[1, 2])],
        &[("rotate", &[0]), ("flip", &[2]), ("negaposi", &[1])],
        &[
            ("rotate", &[0, 3]),
            ("flip", &[2, 1]),
            ("negaposi", &[1, 0]),
            ("block_perm", &[0, 0]),
        ],
        &[
            ("rotate", &[0, 3]),
            ("flip", &[2, 1]),
            ("negaposi", &[1, 0]),
            ("channel", &[0, 0]),
        ],
    ];
    for arrays in refused {
        assert!(matches!(with(arrays), Err(Error::Material { .. })), "{arrays:?}");
    }
}
