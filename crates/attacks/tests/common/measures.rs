//! Metrics and scores.

use crate::support::{part, patches};
use visard_attacks::{
    Set, metrics,
    score::{Ambiguity, Choose, Options, score},
};
use visard_core::{Array, Material, Pixels, Shape, Values};

/// Two related pictures, and one that is not, from a formula that is easily repeated elsewhere.
fn formula(shape: Shape) -> (Vec<u8>, [Vec<u8>; 3]) {
    let places = 0..shape.len() as u64;
    let a: Vec<u8> = places
        .clone()
        .map(|i| ((i * i / 7 + i * 3) % 256) as u8)
        .collect();
    let b = places
        .clone()
        .map(|i| (u64::from(a[i as usize]) * 3 / 4 + i * 5 % 41).min(255) as u8);
    let c = places.map(|i| ((i * i * 13 + i * 101) / 3 % 256) as u8).collect();
    let negative = a.iter().map(|v| 255 - v).collect();
    (a.clone(), [b.collect(), c, negative])
}

#[test]
fn metrics_agree_with_reference_values() {
    // SSIM and PSNR of scikit-image 0.26, edge correlations of numpy's gradient and corrcoef.
    let known = [
        (
            Shape::new(16, 20, 3),
            [
                (0.9367881646095402, 20.124706669249946, 0.9387390258258813),
                (0.008186011265323154, 7.897984861546839, 0.3544436816697706),
                (-0.9764035220121564, 4.872248110732175, 1.0),
            ],
        ),
        (
            Shape::new(7, 7, 1),
            [
                (0.9517009859237987, 21.61248752808952, 0.9172218509853551),
                (0.30395554629860283, 8.876398673743287, 0.2498868518074787),
                (-0.9253874242104799, 4.424513520210101, 1.0),
            ],
        ),
        (
            Shape::new(9, 33, 2),
            [
                (0.9390167624605754, 20.226068251432658, 0.9609209565107543),
                (0.04679403814665384, 7.944940996374388, 0.003337099314426853),
                (-0.972291110208587, 4.739010474346486, 1.0),
            ],
        ),
    ];
    for (shape, figures) in known {
        let (a, others) = formula(shape);
        for (other, (ssim, psnr, edges)) in others.iter().zip(figures) {
            let near =
                |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            near(metrics::ssim(shape, &a, other).unwrap(), ssim);
            near(metrics::psnr(&a, other), psnr);
            near(metrics::edge_correlation(shape, &a, other).unwrap(), edges);
        }
        assert_eq!(metrics::psnr(&a, &a), f64::INFINITY);
        assert_eq!(metrics::edge_correlation(shape, &a, &vec![9; a.len()]), None);
    }
    assert_eq!(metrics::ssim(Shape::new(6, 9, 1), &[0; 54], &[0; 54]), None);
    assert_eq!(
        metrics::nibble_rates(&[0x12, 0x34, 0x56, 0x78], &[0x12, 0x35, 0x66, 0x87]),
        (0.5, 0.5)
    );
    assert_eq!(metrics::pixel_rate(&[1, 2, 3, 4], &[1, 2, 4, 3]), 0.5);
}

#[test]
fn floats_are_confined_and_rounded() {
    let floats = vec![-3.0, 0.49, 0.5, 254.5, 400.0, f32::NAN];
    let set = Set::new(Shape::new(1, 6, 1), Pixels::F32(floats), Vec::new()).unwrap();
    assert_eq!(*metrics::to_bytes(&set), [0, 0, 1, 255, 255, 0]);
}

#[test]
fn spreads_take_infinity() {
    let spread = metrics::Spread::of([f64::INFINITY, 3.0, 1.0, f64::NAN, 2.0, f64::INFINITY]).unwrap();
    assert_eq!((spread.count, spread.median, spread.p95), (5, 3.0, f64::INFINITY));
    assert!((spread.p5 - 1.2).abs() < 1e-12);
    let json = serde_json::to_string(&spread).unwrap();
    assert!(json.contains(r#""p95":"inf""#), "{json}");
    assert_eq!(metrics::Spread::of([f64::NAN]), None);
}

#[test]
fn keys_are_compared_array_by_array() {
    let material = |perm: [i64; 4], flip: [u8; 4], real: f64| {
        let mut material = Material::new();
        let mut insert = |name: &str, values: Values| {
            material
                .insert(
                    name,
                    Array {
                        shape: vec![values.len()],
                        values,
                    },
                )
                .unwrap();
        };
        insert("perm", Values::I64(perm.to_vec()));
        insert("flip", Values::U8(flip.to_vec()));
        insert("R", Values::F64(vec![real, 4.0]));
        material
    };
    let truth = material([0, 1, 2, 3], [0, 0, 1, 1], 3.0);
    let rates = metrics::material_rates(&truth, &material([0, 1, 3, 2], [1, 0, 1, 1], 3.5));
    assert_eq!(
        (rates["perm"], rates["flip"], rates["perm+flip"]),
        (0.5, 0.75, 0.25)
    );
    assert!((rates["R"] - 0.1).abs() < 1e-12);
}

#[test]
fn scores_know_nulls_and_ambiguities() {
    let truth = patches(12, 16);
    let ambiguity = Ambiguity {
        negative: true,
        colors: true,
        poses: true,
    };
    let states = ambiguity.states(truth.shape());
    assert_eq!(states.len(), 8 * 48);
    assert_eq!(ambiguity.states(Shape::new(4, 5, 1)).len(), 4 * 2);
    // Whatever state a picture is brought into, another one brings it back.
    let len = truth.shape().len();
    let images = truth.as_bytes().unwrap();
    let turned = |pick: &dyn Fn(usize) -> usize| {
        let one = |(i, image)| states[pick(i)].apply(truth.shape(), image);
        Set::bytes(
            truth.shape(),
            images.chunks(len).enumerate().flat_map(one).collect(),
        )
        .unwrap()
    };
    for (choose, guess) in [
        (Choose::Once, turned(&|_| 299)),
        (Choose::Each, turned(&|i| i * 31)),
    ] {
        let options = Options {
            ambiguity,
            choose,
            disguised: Some(&guess),
            wrong_key: None,
        };
        let found = score(&truth, &guess, &options).unwrap();
        assert!(found.guess.raw.psnr.median < 20.0);
        assert_eq!(found.guess.modulo.as_ref().unwrap().exact, 1.0);
        assert_eq!(found.guess.state.is_some(), choose == Choose::Once);
        assert_eq!(found.disguised.as_ref(), Some(&found.guess));
        let mean = found.mean.unwrap();
        assert!(mean.raw.psnr.median < 20.0 && mean.raw.exact == 0.0);
        // The best of many states is never worse than the first.
        assert!(mean.modulo.unwrap().pooled_psnr >= mean.raw.pooled_psnr);
    }
    let plain = score(&truth, &truth, &Options::default()).unwrap();
    assert_eq!(
        (plain.guess.raw.psnr.p5, plain.guess.raw.ssim.unwrap().p5),
        (f64::INFINITY, 1.0)
    );
    assert!(plain.guess.modulo.is_none() && plain.disguised.is_none());
    assert!(score(&truth, &part(&truth, 0..3), &Options::default()).is_err());
    assert!(score(&part(&truth, 0..0), &part(&truth, 0..0), &Options::default()).is_err());
}
