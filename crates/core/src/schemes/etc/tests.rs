use super::*;
use crate::{Array, MasterSecret, Pixels, Salt, SampleId, Samples, Values};

/// The steps one by one, as the definition has them.
fn stepwise(image: &[u8], grid: &Grid, codes: &[Codes], order: &[u32]) -> Vec<u8> {
    let (side, channels) = (grid.block(), grid.padded().channels);
    let at = |block: usize, row: usize, column: usize| {
        grid.origin(block) + row * grid.padded().row() + column * channels
    };
    let mut out = vec![0; image.len()];
    for (to, from) in order.iter().enumerate() {
        let from = *from as usize;
        let code = codes[from];
        let pixel = |r: usize, c: usize| image[at(from, r, c)..][..channels].to_vec();
        let mut block: Vec<Vec<Vec<u8>>> = (0..side)
            .map(|r| (0..side).map(|c| pixel(r, c)).collect())
            .collect();
        for _ in 0..(code.rotate + 1) % 4 {
            // Counter-clockwise: the last column becomes the first row.
            let turned = |r: usize| (0..side).map(|c| block[c][side - 1 - r].clone()).collect();
            block = (0..side).map(turned).collect();
        }
        match code.flip {
            0 => block.reverse(),
            1 => block.iter_mut().for_each(|row| row.reverse()),
            _ => {}
        }
        for (r, row) in block.iter().enumerate() {
            for (c, pixel) in row.iter().enumerate() {
                for (k, byte) in out[at(to, r, c)..][..channels].iter_mut().enumerate() {
                    let from = if channels == 3 {
                        ORDERS[usize::from(code.channel)][k]
                    } else {
                        k
                    };
                    *byte = if code.negaposi == 0 {
                        255 - pixel[from]
                    } else {
                        pixel[from]
                    };
                }
            }
        }
    }
    out
}

/// All 12 * 2 * 6 codes, in blocks that are moved as tiles and in others.
#[test]
fn every_code_does_its_steps() {
    let codes: Vec<Codes> = (0..144)
        .map(|i| Codes {
            rotate: i % 4,
            flip: i / 4 % 3,
            negaposi: i / 12 % 2,
            channel: i / 24,
        })
        .collect();
    for (block, channels) in [(4, 3), (8, 3), (12, 1), (4, 1), (4, 2), (2, 3), (5, 3), (6, 1)] {
        let grid = Grid::new(Shape::new(12 * block, 12 * block, channels), block);
        let order: Vec<usize> = (0..144).map(|i| (i * 5 + 7) % 144).collect();
        let shuffle = Shuffle::new(&order);
        let image: Vec<u8> = (0..grid.padded().len()).map(|i| ((i * i) >> 3) as u8).collect();
        let disguise = ByteDisguise::new(grid, rearrange(&grid, &codes, &shuffle));
        let ids = SampleId::numbered("t", 0, 1);
        let samples = Samples::new(Salt([0; 16]), &ids);
        let mut out = Pixels::U8(vec![0; image.len()]);
        disguise.apply(samples, &image, out.view_mut()).unwrap();
        let expected = stepwise(&image, &grid, &codes, shuffle.order());
        assert!(out == Pixels::U8(expected), "block {block}, {channels} channels");
        let mut back = vec![0; image.len()];
        disguise.remove(samples, out.view(), &mut back).unwrap();
        assert!(back == image, "block {block}, {channels} channels");
    }
}

#[test]
fn derived_codes_stay_in_their_ranges_and_take_all_values() {
    let schedule = Schedule::new(&MasterSecret::new([1; 32]), "etc");
    let codes = Codes::derive(&schedule, 500);
    for value in 0..6 {
        let any = |part: fn(&Codes) -> u8| codes.iter().any(|c| part(c) == value);
        assert_eq!(any(|c| c.rotate), value < 4);
        assert_eq!(any(|c| c.flip), value == 0 || value == 2);
        assert_eq!(any(|c| c.negaposi), value < 2);
        assert!(any(|c| c.channel));
    }
}

fn material(arrays: &[(&str, [i64; 4])]) -> Material {
    let mut material = Material::new();
    for (name, codes) in arrays {
        let shape = vec![4];
        let values = Values::I64(codes.to_vec());
        material.insert(name, Array { shape, values }).unwrap();
    }
    material
}

#[test]
fn explicit_codes_are_checked() {
    let three = [("rotate", [3; 4]), ("flip", [1; 4]), ("negaposi", [0; 4])];
    let read = |arrays: &[_], channels| Codes::read(&material(arrays), 4, channels);
    assert_eq!(read(&[], 3).unwrap(), None);
    assert!(read(&three, 1).unwrap().is_some());
    // Three channels need an order.
    assert!(read(&three, 3).is_err());
    assert!(read(&three[1..], 1).is_err());
    for (name, bad) in [
        ("rotate", 4),
        ("flip", 3),
        ("negaposi", 2),
        ("channel", 6),
        ("flip", -1),
    ] {
        let mut arrays = three.to_vec();
        arrays.retain(|(other, _)| *other != name);
        arrays.push((name, [0, 0, 0, bad]));
        assert!(read(&arrays, 1).is_err(), "{name} {bad}");
    }
}

#[test]
fn advice_tells_which_jpeg_a_block_allows() {
    let advice = |block: &str, shape: Shape| {
        let given = [("block".to_string(), block.to_string())].into();
        let scheme = (INFO.build)(&Params::resolve(INFO.params, &given).unwrap()).unwrap();
        assert_eq!(scheme.jpeg_block().map(|b| b.to_string()).as_deref(), Some(block));
        scheme.advice(shape).join(" ")
    };
    let shape = Shape::new(32, 32, 3);
    assert!(advice("4", shape).contains("multiple of 8"));
    assert!(advice("8", shape).contains("4:4:4"));
    assert_eq!(advice("8", Shape::new(32, 32, 1)), "");
    assert_eq!(advice("16", shape), "");
}
