//! The nibble schemes: complements that follow from the permutation, sizes of key spaces, bad material.

mod support;

use std::collections::BTreeMap;
use support::{images, material, vectors};
use visard_core::{
    Array, Error, Key, MasterSecret, Material, Pixels, Salt, SampleId, Samples, Shape, Values, schemes,
};

fn key(
    scheme: &str,
    set: &[(&str, &str)],
    shape: Option<Shape>,
    material: Option<Material>,
) -> Result<Key, Error> {
    let params: BTreeMap<String, String> = set.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Key::new(scheme, &params, shape, MasterSecret::new([3; 32]), material)
}

fn one(name: &str, shape: &[usize], values: Vec<i64>) -> Material {
    let mut material = Material::new();
    insert(&mut material, name, shape, values);
    material
}

fn insert(material: &mut Material, name: &str, shape: &[usize], values: Vec<i64>) {
    let array = Array {
        shape: shape.to_vec(),
        values: Values::I64(values),
    };
    material.insert(name, array).unwrap();
}

fn apply(key: &Key, shape: Shape, plain: &[u8]) -> Vec<u8> {
    let disguise = key.disguise(shape).unwrap();
    let ids = SampleId::numbered("t", 0, plain.len() / shape.len());
    let mut out = vec![0; ids.len() * disguise.output().shape.len()];
    let samples = Samples::new(Salt([0; 16]), &ids);
    disguise
        .apply(samples, plain, visard_core::PixelsMut::U8(&mut out))
        .unwrap();
    out
}

/// The authors' programs complement by the permutation, so their images need no `flip`.
#[test]
fn the_authors_complements_follow_from_their_permutations() {
    for (stem, arrays) in [
        ("tanaka/b4_8x12", &["perm"][..]),
        ("tanaka/b4_pad_10x9", &["perm"]),
        ("tanaka/gray_b4_8x8", &["perm"]),
        ("ele/b4_32x32", &["perm", "block_perm"]),
    ] {
        let file = |part: &str| vectors().join(format!("{stem}.{part}.npz"));
        let ([_, height, width, channels], plain) = images(&file("in"));
        let (_, expected) = images(&file("out"));
        let whole = material(&file("material"));
        let mut partial = Material::new();
        for name in arrays {
            partial.insert(name, whole.get(name).unwrap().clone()).unwrap();
        }
        let shape = Shape::new(height, width, channels);
        let scheme = stem.split('/').next().unwrap();
        let tanaka = [("flips", "tanaka")];
        let Pixels::U8(plain) = plain else {
            panic!("{stem}: plain images must be bytes");
        };
        for material in [partial.clone(), whole] {
            let key = key(scheme, &tanaka, Some(shape), Some(material)).unwrap();
            assert!(Pixels::U8(apply(&key, shape, &plain)) == expected, "{stem}");
        }
        // Independent complements cannot be guessed.
        let refused = key(scheme, &[], Some(shape), Some(partial)).unwrap_err();
        assert!(refused.to_string().contains("flips=tanaka"), "{refused}");
    }
}

/// The published counts, in bits.
#[test]
fn key_spaces_have_the_published_sizes() {
    for (scheme, set, shape, bits) in [
        ("tanaka", &[][..], "32x32x3", 594.3),
        ("tanaka", &[("flips", "tanaka")], "32x32x3", 498.3),
        (
            "tanaka",
            &[("flips", "tanaka"), ("block", "16")],
            "32x32x3",
            14_049.1,
        ),
        ("ele", &[], "32x32x3", 38_330.0),
        ("ele", &[("flips", "tanaka")], "32x32x3", 32_186.0),
        (
            "ele",
            &[("flips", "tanaka"), ("shuffle", "false")],
            "32x32x3",
            31_890.1,
        ),
    ] {
        let shape: Shape = shape.parse().unwrap();
        let key = key(scheme, set, Some(shape), None).unwrap();
        let found = key.scheme().key_bits(shape).unwrap();
        assert!(
            (found - bits).abs() < 0.6,
            "{scheme} {set:?}: {found}, not {bits}"
        );
    }
}

#[test]
fn one_key_serves_images_of_every_shape_with_equal_blocks_alike() {
    let key = key("tanaka", &[], None, None).unwrap();
    let (small, large) = (Shape::new(4, 4, 3), Shape::new(8, 12, 3));
    let block: Vec<u8> = (0..48).map(|i| i * 5).collect();
    let alone = apply(&key, small, &block);
    let mut image = vec![0; large.len()];
    for (at, row) in [(0, 0), (36, 1), (72, 2), (108, 3)].map(|(at, r)| (at, &block[r * 12..][..12])) {
        for column in 0..3 {
            image[at + column * 12..][..12].copy_from_slice(row);
            image[144 + at + column * 12..][..12].copy_from_slice(row);
        }
    }
    let disguised = apply(&key, large, &image);
    for (i, row) in disguised.chunks_exact(12).enumerate() {
        assert_eq!(row, &alone[i / 3 % 4 * 12..][..12], "row {i}");
    }
}

#[test]
fn the_blocks_of_ele_are_moved_only_where_that_is_wanted() {
    assert!(key("ele", &[], None, None).is_err(), "its keys are for one shape");
    let shape = Shape::new(32, 32, 3);
    let mut plain = vec![0; shape.len()];
    // Other values in the first block only.
    plain[..12].fill(77);
    let touched = |set: &[(&str, &str)]| {
        let key = key("ele", set, Some(shape), None).unwrap();
        let (with, without) = (
            apply(&key, shape, &plain),
            apply(&key, shape, &vec![0; shape.len()]),
        );
        let changed = (0..shape.len()).filter(|i| with[*i] != without[*i]);
        let blocks: std::collections::BTreeSet<_> = changed.map(|i| (i / 96 / 4, i % 96 / 12)).collect();
        assert_eq!(blocks.len(), 1);
        blocks.into_iter().next().unwrap()
    };
    assert_eq!(touched(&[("shuffle", "false")]), (0, 0));
    assert_ne!(touched(&[]), (0, 0));
}

#[test]
fn material_that_is_no_key_is_refused() {
    let shape = Shape::new(4, 4, 1);
    let identity: Vec<i64> = (0..32).collect();
    let with = |perm: Vec<i64>, flip: Vec<i64>| {
        let mut material = one("perm", &[32], perm);
        insert(&mut material, "flip", &[32], flip);
        material
    };
    let refuse = |set: &[(&str, &str)], material: Material, part: &str| {
        let error = key("tanaka", set, Some(shape), Some(material)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    assert!(
        key(
            "tanaka",
            &[],
            Some(shape),
            Some(with(identity.clone(), vec![0; 32]))
        )
        .is_ok()
    );
    for place in [-1, 32, 5] {
        let mut perm = identity.clone();
        perm[0] = place;
        refuse(&[], with(perm, vec![0; 32]), "each of 0..32 once");
    }
    refuse(&[], with(identity.clone(), vec![2; 32]), "only 0 (keep) and 1");
    refuse(&[], one("flip", &[32], vec![0; 32]), "give both");
    refuse(&[], one("perm", &[32], identity.clone()), "needed beside perm");
    refuse(&[], one("perm", &[4, 8], identity.clone()), "shape");
    // The identity implies no complement.
    refuse(
        &[("flips", "tanaka")],
        with(identity.clone(), vec![1; 32]),
        "flips=tanaka",
    );
    refuse(&[("block", "8")], with(identity, vec![0; 32]), "shape");
    assert!(schemes::find("ele").unwrap().material.contains(&"block_perm"));
}
