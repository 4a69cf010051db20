//! Corrupt and absurd containers.

use crate::sets::*;
use proptest::prelude::*;
use std::{fs, path::Path};
use visard_data::{Error, Limits, Reading, formats};

fn input(error: &Error, words: &[&str]) {
    assert!(matches!(error, Error::Input { .. }), "{error:?}");
    let text = error.to_string();
    words
        .iter()
        .for_each(|w| assert!(text.contains(w), "{w:?} in {text}"));
}

/// An IDX set of one images file.
fn idx_file(dir: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let root = dir.join(name);
    put(root.join("train-images-idx3-ubyte"), bytes);
    root
}

#[test]
fn idx_counts_and_sizes_must_fit() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| error("idx", &idx_file(dir.path(), name, bytes), Reading::default());
    let good = idx(8, &[3, 5, 4], &noise(0, 60));
    input(
        &at("short", &good[..70]),
        &["3 samples expected", "76 bytes", "found 70"],
    );
    input(&at("long", &[&good[..], b"x"].concat()), &["found 77"]);
    input(&at("short gz", &gz(&good[..70])), &["3 samples expected"]);
    input(&at("long gz", &gz(&[&good[..], b"x"].concat())), &["more data"]);
    input(
        &at("junk behind gz", &[&gz(&good)[..], b"junk"].concat()),
        &["train-images"],
    );
    let packed = gz(&good);
    input(&at("cut gz", &packed[..packed.len() - 6]), &["train-images"]);
    input(
        &at("magic", b"\x01\x00\x08\x03aaaaaaaaaaaa"),
        &["not an IDX file"],
    );
    input(&at("type", &idx(0x0B, &[1, 1, 1], &[0, 0])), &["0x0B"]);
    input(&at("dims", &idx(8, &[4, 5], &[0; 20])), &["3 or 4 dimensions"]);
    input(
        &at("float", &idx(0x0D, &[1, 1, 1], &[0; 4])),
        &["plain images must be bytes"],
    );
    input(&at("zero", &idx(8, &[1, 0, 4], &[])), &["sides"]);
    input(&at("empty", b""), &["no IDX header"]);
}

#[test]
fn absurd_headers_are_refused_before_memory_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let sides = idx(8, &[1, 65_535, 65_535], &[0; 100]);
    for (name, bytes) in [("plain", sides.clone()), ("gz", gz(&sides))] {
        let found = error("idx", &idx_file(dir.path(), name, &bytes), Reading::default());
        assert!(matches!(found, Error::Limit { .. }), "{found:?}");
    }
    let many = idx(8, &[u32::MAX, u32::MAX, u32::MAX, u32::MAX], &[]);
    let found = error("idx", &idx_file(dir.path(), "many", &many), Reading::default());
    assert!(matches!(found, Error::Limit { .. }), "{found:?}");
    let reading = Reading {
        limits: Limits {
            samples: 2,
            ..Limits::default()
        },
        ..Reading::default()
    };
    let found = error(
        "idx",
        &idx_file(dir.path(), "few", &idx(8, &[3, 5, 4], &[0; 60])),
        reading,
    );
    assert!(matches!(found, Error::Limit { .. }), "{found:?}");
    // A count that only a compressed stream could hide: reading grows with the data, not the claim.
    let claim = gz(&idx(8, &[u32::MAX, 28, 28], &[0; 784]));
    input(
        &error("idx", &idx_file(dir.path(), "claim", &claim), Reading::default()),
        &["samples expected"],
    );
    let path = dir.path().join("a.npy");
    fs::write(&path, npy("|u1", "(65535, 65535, 65535, 3)", &[0; 10])).unwrap();
    assert!(matches!(
        error("npz", &path, Reading::default()),
        Error::Limit { .. }
    ));
}

#[test]
fn idx_splits_must_agree() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("labels");
    idx_set(&root, [3, 2], false);
    fs::write(root.join("train-labels-idx1-ubyte"), idx(8, &[2], &[0, 1])).unwrap();
    input(
        &error("idx", &root, Reading::default()),
        &["3 labels expected", "found 2"],
    );
    fs::remove_file(root.join("train-labels-idx1-ubyte")).unwrap();
    input(&error("idx", &root, Reading::default()), &["no labels file"]);
    let twice = dir.path().join("twice");
    idx_set(&twice.join("a"), [3, 2], false);
    idx_set(&twice.join("b"), [3, 2], false);
    input(&error("idx", &twice, Reading::default()), &["several folders"]);
}

#[test]
fn a_plain_file_wins_over_its_compressed_twin() {
    let dir = tempfile::tempdir().unwrap();
    idx_set(dir.path(), [3, 2], false);
    fs::write(dir.path().join("train-images-idx3-ubyte.gz"), b"rubbish").unwrap();
    let source = open("idx", dir.path(), Reading::default()).unwrap();
    assert_eq!(source.meta().splits[0].count, 3);
    assert_eq!(source.meta().splits[0].name, "train");
}

#[test]
fn cifar_files_are_whole_rows_of_consistent_classes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ten");
    put(root.join("data_batch_1.bin"), &noise(0, 3073 * 2 + 5));
    input(
        &error("cifar", &root, Reading::default()),
        &["rows of 3073", "found 6151"],
    );
    cifar10(&dir.path().join("names"));
    let names = dir.path().join("names/cifar-10-batches-bin/batches.meta.txt");
    fs::write(names, "only\nthese\n").unwrap();
    input(
        &error("cifar", &dir.path().join("names"), Reading::default()),
        &["only 2 classes"],
    );
    cifar100(&dir.path().join("hundred"));
    let test = dir.path().join("hundred/cifar-100-binary/test.bin");
    let mut bytes = fs::read(&test).unwrap();
    bytes[..2].copy_from_slice(&[19, 7]);
    bytes[3074..3076].copy_from_slice(&[18, 7]);
    fs::write(test, bytes).unwrap();
    input(
        &error("cifar", &dir.path().join("hundred"), Reading::default()),
        &["fine class 7"],
    );
    let format = formats::find("cifar").unwrap();
    let meta = open("cifar", &dir.path().join("names"), Reading::default())
        .unwrap()
        .meta()
        .clone();
    let shape = visard_core::Shape::new(36, 36, 3);
    assert!(
        (format.refuses)(&meta, shape, visard_data::Depth::U8)
            .unwrap()
            .contains("npz")
    );
}

#[test]
fn npy_arrays_of_the_wrong_kind_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |bytes: &[u8], reading| {
        let path = dir.path().join("a.npy");
        fs::write(&path, bytes).unwrap();
        error("npz", &path, reading)
    };
    let plain = Reading::default();
    input(
        &at(&npy("|O", "(2, 3, 4, 1)", b"cos\nsystem"), plain),
        &["pickled"],
    );
    input(
        &at(&npy(">f4", "(1, 1, 1, 1)", &[0; 4]), disguised()),
        &["big-endian"],
    );
    input(
        &at(&npy("<f8", "(1, 1, 1, 1)", &[0; 8]), disguised()),
        &["uint8 expected"],
    );
    input(
        &at(&npy("<f4", "(1, 1, 1, 1)", &[0; 4]), plain),
        &["plain images must be uint8"],
    );
    input(
        &at(&npy("|u1", "(3, 4)", &[0; 12]), plain),
        &["expected, found [3, 4]"],
    );
    input(
        &at(&npy("|u1", "(3, 4, 5, 6)", &[0; 12]), plain),
        &["bytes expected by its shape"],
    );
    let fortran = String::from_utf8_lossy(&npy("|u1", "(3, 4, 5, 1)", &[])[10..]).replace("False", "True ");
    let mut bytes = npy("|u1", "(3, 4, 5, 1)", &[]);
    bytes.truncate(10);
    bytes.extend(fortran.as_bytes());
    input(&at(&bytes, plain), &["Fortran"]);
}

#[test]
fn npz_archives_with_something_wrong_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npz");
    let images = || ("images.npy", npy("|u1", "(2, 5, 4, 1)", &noise(0, 40)));
    let labels = |descr: &str, n: usize, data: &[u8]| ("labels.npy", npy(descr, &format!("({n},)"), data));
    let at = |arrays: &[(&str, Vec<u8>)]| {
        npz(&path, arrays, true);
        error("npz", &path, Reading::default())
    };
    input(&at(&[("x.npy", images().1)]), &["images expected", "x.npy"]);
    input(
        &at(&[images(), labels("|u1", 3, &[0; 3])]),
        &["shape (2,) expected"],
    );
    input(&at(&[images(), labels("<f4", 2, &[0; 8])]), &["whole numbers"]);
    input(
        &at(&[images(), labels("<i2", 2, &[0, 0, 0xFF, 0xFF])]),
        &["class numbers"],
    );
    input(
        &at(&[images(), labels("<u8", 2, &[0xFF; 16])]),
        &["class numbers"],
    );
    for deflated in [false, true] {
        npz(&path, &[images()], deflated);
        let good = fs::read(&path).unwrap();
        // Somewhere in the pixels of the only entry.
        let mut bytes = good.clone();
        bytes[good.len() / 2] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        error("npz", &path, Reading::default());
        for len in (0..good.len()).step_by(5) {
            fs::write(&path, &good[..len]).unwrap();
            error("npz", &path, Reading::default());
        }
    }
}

#[test]
fn an_archive_that_unpacks_to_more_than_it_says_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bomb.npz");
    npz(
        &path,
        &[("images.npy", npy("|u1", "(4, 5, 4, 1)", &vec![0; 50 << 20]))],
        true,
    );
    assert!(fs::metadata(&path).unwrap().len() < 100_000);
    input(
        &error("npz", &path, Reading::default()),
        &["bytes expected by its shape"],
    );
}

#[test]
fn what_is_nothing_known_is_not_detected() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        formats::detect(&dir.path().join("missing")),
        Err(Error::Input { .. })
    ));
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert!(formats::detect(&dir.path().join("empty")).is_err());
    put(dir.path().join("text/readme.txt"), b"hello");
    assert!(formats::detect(&dir.path().join("text")).is_err());
    assert!(formats::detect(&dir.path().join("text/readme.txt")).is_err());
    assert!(matches!(formats::find("parquet?"), Err(Error::Usage(_))));
}

/// Opens and reads whatever it is; errors are fine, panics are not.
fn poke(format: &str, path: &Path) {
    for reading in [
        Reading::default(),
        disguised(),
        Reading {
            skip_bad: true,
            ..Reading::default()
        },
    ] {
        if let Ok(mut source) = open(format, path, reading) {
            let _ = read_all(&mut *source, 16);
        }
        let _ = formats::detect(path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        dims in proptest::collection::vec(0u32..9, 1..5),
        code in prop::sample::select(vec![0x08u8, 0x0D]),
        cut in 0usize..80,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let mut file = idx(code, &dims, &bytes);
        poke("idx", &idx_file(root, "random", &bytes));
        poke("idx", &idx_file(root, "headed", &file));
        file.truncate(cut);
        poke("idx", &idx_file(root, "cut", &file));
        poke("idx", &idx_file(root, "gz", &gz(&file)));
        put(root.join("cifar/train.bin"), &bytes);
        put(root.join("cifar/fine_label_names.txt"), &bytes);
        poke("cifar", &root.join("cifar"));
        let mut packed = npy("|u1", "(2, 5, 4, 1)", &bytes);
        put(root.join("a.npy"), &packed);
        poke("npz", &root.join("a.npy"));
        packed.iter_mut().zip(&bytes).skip(8).step_by(7).for_each(|(a, b)| *a ^= b & 0x11);
        put(root.join("a.npy"), &packed);
        poke("npz", &root.join("a.npy"));
        npz(&root.join("a.npz"), &[("images.npy", packed)], true);
        let mut archive = fs::read(root.join("a.npz")).unwrap();
        archive.iter_mut().zip(&bytes).skip(cut).step_by(11).for_each(|(a, b)| *a ^= b & 0x21);
        put(root.join("a.npz"), &archive);
        poke("npz", &root.join("a.npz"));
    }
}
