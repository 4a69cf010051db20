//! The key schedule against `vectors/schedule.json`, which the second implementation wrote.

mod support;

use serde_json::Value as Json;
use std::process::Command;
use support::{hex, hex_array, json, list, params, text, vectors};
use visard_core::{
    Affine, Array, Key, MasterSecret, Material, Salt, SampleId, Shape, Values, matrix,
    schedule::{Schedule, Stream},
    schemes,
};

fn bits64(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn bits32(value: f32) -> String {
    format!("{:08x}", value.to_bits())
}

fn f32_of(value: &Json) -> f32 {
    f32::from_be_bytes(hex_array(value))
}

fn f64_of(value: &Json) -> f64 {
    f64::from_be_bytes(hex_array(value))
}

fn texts(value: &Json) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

fn number(value: &Json) -> usize {
    value.as_u64().unwrap() as usize
}

fn schedule(case: &Json) -> Schedule {
    let scheme = schemes::find(text(&case["scheme"])).unwrap().name;
    Schedule::new(&MasterSecret::new(hex_array(&case["secret"])), scheme)
}

/// Calls `check` with each stream case and a maker of fresh streams.
fn each_stream(check: impl Fn(&Json, &dyn Fn() -> Stream)) {
    let document = json("schedule.json");
    let cases = list(&document["streams"]);
    assert!(!cases.is_empty());
    for case in cases {
        let index: Vec<u64> = texts(&case["index"]).iter().map(|i| i.parse().unwrap()).collect();
        check(case, &|| schedule(case).stream(text(&case["purpose"]), &index));
    }
}

/// A matrix in rows of bits, row-major.
fn matrix_bits(rows: &Json) -> Vec<String> {
    list(rows).iter().flat_map(texts).map(String::from).collect()
}

#[test]
fn derived_bytes_agree() {
    let document = json("schedule.json");
    for case in list(&document["streams"]) {
        let index: Vec<u64> = texts(&case["index"]).iter().map(|i| i.parse().unwrap()).collect();
        let bytes = schedule(case).derive::<32>(text(&case["purpose"]), &index);
        assert_eq!(bytes.to_vec(), hex(&case["bytes"]));
    }
}

#[test]
fn words_and_bounded_integers_agree() {
    each_stream(|case, fresh| {
        let mut stream = fresh();
        for word in texts(&case["u64"]) {
            assert_eq!(format!("{:016x}", stream.next_u64()), word);
        }
        for row in list(&case["below"]) {
            let (mut stream, bound) = (fresh(), text(&row["bound"]).parse().unwrap());
            for value in texts(&row["values"]) {
                assert_eq!(stream.below(bound).to_string(), value);
            }
        }
    });
}

#[test]
fn permutations_agree() {
    each_stream(|case, fresh| {
        for order in list(&case["permutations"]) {
            let expected: Vec<usize> = list(order).iter().map(number).collect();
            assert_eq!(fresh().permutation(expected.len()), expected);
        }
    });
}

#[test]
fn units_and_normals_agree_to_the_last_bit() {
    each_stream(|case, fresh| {
        let mut stream = fresh();
        for bits in texts(&case["units"]) {
            assert_eq!(bits64(stream.unit()), bits);
        }
        let mut stream = fresh();
        for bits in texts(&case["normals"]) {
            assert_eq!(bits64(stream.normal()), bits);
        }
    });
}

#[test]
fn bits_agree() {
    each_stream(|case, fresh| {
        let expected: Vec<bool> = text(&case["bits"]).chars().map(|c| c == '1').collect();
        assert_eq!(fresh().bits(expected.len()), expected);
    });
}

#[test]
fn matrices_agree_to_the_last_bit() {
    let bits = |values: Vec<f64>| values.into_iter().map(bits64).collect::<Vec<_>>();
    each_stream(|case, fresh| {
        for row in list(&case["haar"]) {
            let side = number(&row["side"]);
            assert_eq!(
                bits(matrix::haar(&mut fresh(), side)),
                matrix_bits(&row["rows"]),
                "{side}"
            );
        }
        for row in list(&case["projection"]) {
            let bound = f64_of(&row["bound"]);
            let (a, b) = matrix::projection(&mut fresh(), number(&row["side"]), bound).unwrap();
            assert_eq!(
                (bits(a), bits(b)),
                (matrix_bits(&row["rows"]), matrix_bits(&row["inverse"]))
            );
        }
    });
}

#[test]
fn sample_identities_agree() {
    let document = json("schedule.json");
    let cases = list(&document["samples"]);
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(SampleId::of_bytes(&hex(&case["name"])).0, hex_array(&case["id"]));
    }
}

#[test]
fn units_of_images_agree() {
    let document = json("schedule.json");
    let cases = list(&document["units"]);
    assert!(!cases.is_empty());
    for case in cases {
        let streams = schedule(case).image_streams(text(&case["purpose"]), Salt(hex_array(&case["salt"])));
        let expected: Vec<u64> = list(&case["units"]).iter().map(|u| u.as_u64().unwrap()).collect();
        let mut units = vec![0f32; expected.len()];
        streams
            .stream(SampleId(hex_array(&case["sample"])))
            .with_units(&mut units, |value, unit| *value = unit);
        let found: Vec<u64> = units.iter().map(|u| (u * 16_777_216.0) as u64).collect();
        assert_eq!(found, expected);
    }
}

/// The bytes of one encoding of one image, and what is sampled from them.
#[test]
fn samplers_of_images_agree() {
    let document = json("schedule.json");
    let cases = list(&document["samplers"]);
    assert!(!cases.is_empty());
    for case in cases {
        let streams = schedule(case).image_streams(text(&case["purpose"]), Salt(hex_array(&case["salt"])));
        let sample = SampleId(hex_array(&case["sample"]));
        let encoding: u64 = text(&case["encoding"]).parse().unwrap();
        let mut bytes = vec![0; hex(&case["bytes"]).len()];
        streams.numbered(sample, encoding).fill(&mut bytes);
        assert_eq!(bytes, hex(&case["bytes"]));
        let mut words = streams.sampler(sample, encoding);
        for word in texts(&case["u64"]) {
            assert_eq!(format!("{:016x}", words.next_u64()), word);
        }
        let order: Vec<usize> = list(&case["permutation"]).iter().map(number).collect();
        assert_eq!(streams.sampler(sample, encoding).permutation(order.len()), order);
        let mut normals = streams.sampler(sample, encoding);
        for bits in texts(&case["normals"]) {
            assert_eq!(bits64(normals.normal()), bits);
        }
    }
}

#[test]
fn quantisation_agrees() {
    let document = json("schedule.json");
    let cases = list(&document["quantisation"]);
    assert!(!cases.is_empty());
    for case in cases {
        let range = (f32_of(&case["low"]), f32_of(&case["high"]));
        let affine = Affine::cover(range, number(&case["max"]) as u16);
        assert_eq!(bits64(affine.step), text(&case["step"]));
        for row in list(&case["codes"]) {
            let (value, code) = (f32_of(&row[0]), number(&row[1]) as u16);
            assert_eq!(affine.encode(value), code, "{value}");
            assert_eq!(bits32(affine.decode(code)), text(&row[2]), "{value}");
        }
    }
}

fn material(arrays: &[Json]) -> Option<Material> {
    let mut material = Material::new();
    for array in arrays {
        let integers = || list(&array["values"]).iter().map(|v| v.as_i64().unwrap());
        let values = match text(&array["type"]) {
            "B" => Values::U8(integers().map(|v| v as u8).collect()),
            "q" => Values::I64(integers().collect()),
            "d" => Values::F64(
                list(&array["values"])
                    .iter()
                    .map(|v| v.as_f64().unwrap())
                    .collect(),
            ),
            other => panic!("no array type {other}"),
        };
        let shape = list(&array["shape"]).iter().map(number).collect();
        material
            .insert(text(&array["name"]), Array { shape, values })
            .unwrap();
    }
    (!arrays.is_empty()).then_some(material)
}

#[test]
fn fingerprints_agree() {
    let document = json("schedule.json");
    let cases = list(&document["fingerprints"]);
    assert!(!cases.is_empty());
    for case in cases {
        let shape: Option<Shape> = case["shape"].as_str().map(|s| s.parse().unwrap());
        let secret = MasterSecret::new(hex_array(&case["secret"]));
        let material = material(list(&case["material"]));
        let key = Key::new(
            text(&case["scheme"]),
            &params(&case["params"]),
            shape,
            secret,
            material,
        )
        .unwrap();
        assert_eq!(
            key.fingerprint().to_string(),
            text(&case["fingerprint"]),
            "{case}"
        );
    }
}

/// The committed files must be what the second implementation writes today.
#[test]
fn the_second_implementation_still_writes_these_files() {
    let run = Command::new("python3")
        .arg(vectors().join("reference.py"))
        .arg("--check")
        .output();
    match run {
        Ok(run) => assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr)),
        Err(e) => eprintln!("skipped: python3 cannot be started here ({e})"),
    }
}
