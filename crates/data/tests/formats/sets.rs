//! Data sets to test with, and the way through a source and a sink.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use visard_core::{SampleId, Shape};
use visard_data::{Batch, Depth, Error, Meta, Plan, Reading, Sink, Source, Stored, formats};

/// Reading of disguised sets, whose depth may be any.
pub(crate) fn disguised() -> Reading {
    Reading {
        disguised: true,
        ..Reading::default()
    }
}

pub(crate) fn open(format: &str, path: &Path, reading: Reading) -> Result<Box<dyn Source>, Error> {
    (formats::find(format).unwrap().open)(path, reading)
}

/// The error of opening, or else of reading everything.
pub(crate) fn error(format: &str, path: &Path, reading: Reading) -> Error {
    match open(format, path, reading) {
        Err(error) => error,
        Ok(mut source) => read_all(&mut *source, 7).unwrap_err(),
    }
}

/// All samples: identity, name, label and pixels, in order.
#[derive(Debug, PartialEq)]
pub(crate) struct All {
    pub(crate) splits: Vec<(String, Vec<Sample>)>,
}

pub(crate) type Sample = (SampleId, Option<u32>, Shape, Stored);

pub(crate) fn read_all(source: &mut dyn Source, max: usize) -> Result<All, Error> {
    let meta = source.meta().clone();
    let mut batch = Batch::new(meta.depth);
    let mut splits = Vec::new();
    for (i, split) in meta.splits.iter().enumerate() {
        source.seek(i, 0)?;
        let mut samples = Vec::new();
        loop {
            source.read(&mut batch, max)?;
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= max);
            assert_eq!(batch.split, i);
            for k in 0..batch.len() {
                let label = meta.labelled.then(|| batch.labels[k]);
                samples.push((batch.ids[k], label, batch.shape, image(&batch, k)));
            }
        }
        splits.push((split.name.clone(), samples));
    }
    Ok(All { splits })
}

fn image(batch: &Batch, i: usize) -> Stored {
    let range = i * batch.shape.len()..(i + 1) * batch.shape.len();
    match &batch.pixels {
        Stored::U8(v) => Stored::U8(v[range].to_vec()),
        Stored::U16(v) => Stored::U16(v[range].to_vec()),
        Stored::F32(v) => Stored::F32(v[range].to_vec()),
    }
}

pub(crate) fn plan(root: &Path, meta: &Meta, depth: Depth) -> Plan {
    Plan {
        tokens: false,
        root: root.into(),
        meta: meta.clone(),
        depth,
        noise: false,
        jpeg: None,
        copies: 1,
        resume: None,
    }
}

/// Copies from a sample of a split on; stops after `most` samples and returns the sink.
pub(crate) fn copy(source: &mut dyn Source, sink: &mut dyn Sink, done: &[u64], batch_size: usize, most: u64) {
    let mut batch = Batch::new(source.meta().depth);
    let mut left = most;
    for (split, &done) in done.iter().enumerate() {
        source.seek(split, done).unwrap();
        while left > 0 {
            source.read(&mut batch, batch_size.min(left as usize)).unwrap();
            if batch.is_empty() {
                break;
            }
            left -= batch.len() as u64;
            sink.write(&batch).unwrap();
        }
    }
}

/// Copies a whole data set and returns the bytes of all files of the output.
pub(crate) fn rewrite(format: &str, from: &Path, to: &Path, batch_size: usize) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut source = open(format, from, disguised()).unwrap();
    let meta = source.meta().clone();
    let mut sink = (formats::find(format).unwrap().create)(plan(to, &meta, meta.depth)).unwrap();
    copy(
        &mut *source,
        &mut *sink,
        &vec![0; meta.splits.len()],
        batch_size,
        u64::MAX,
    );
    let records = sink.finish().unwrap();
    for record in &records {
        let path = if to.is_dir() {
            to.join(&record.path)
        } else {
            to.into()
        };
        let bytes = fs::read(path).unwrap();
        assert_eq!(record.bytes, bytes.len() as u64);
        assert_eq!(record.blake3, blake3::hash(&bytes).to_hex().to_string());
    }
    assert!(!records.is_empty());
    tree(to)
}

/// All files below a path, or the file itself.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if root.is_file() {
        return BTreeMap::from([(PathBuf::new(), fs::read(root).unwrap())]);
    }
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.file_type().is_file())
        .map(|e| {
            (
                e.path().strip_prefix(root).unwrap().into(),
                fs::read(e.path()).unwrap(),
            )
        })
        .collect()
}

/// Bytes that look random, always the same for a seed.
pub(crate) fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bytes of an IDX file.
pub(crate) fn idx(code: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    bytes.extend(data);
    bytes
}

/// An IDX data set with the splits train and t10k.
pub(crate) fn idx_set(root: &Path, counts: [u32; 2], compressed: bool) {
    fs::create_dir_all(root).unwrap();
    for (seed, (split, n)) in ["train", "t10k"].into_iter().zip(counts).enumerate() {
        let images = idx(8, &[n, 5, 4], &noise(seed as u8, n as usize * 20));
        let labels: Vec<u8> = noise(9 + seed as u8, n as usize).iter().map(|b| b % 10).collect();
        let labels = idx(8, &[n], &labels);
        let end = if compressed { ".gz" } else { "" };
        let pack = |bytes: Vec<u8>| if compressed { gz(&bytes) } else { bytes };
        fs::write(root.join(format!("{split}-images-idx3-ubyte{end}")), pack(images)).unwrap();
        fs::write(root.join(format!("{split}-labels-idx1-ubyte{end}")), pack(labels)).unwrap();
    }
}

/// CIFAR-10 in two train files and a test file, one folder deep.
pub(crate) fn cifar10(root: &Path) {
    let folder = root.join("cifar-10-batches-bin");
    fs::create_dir_all(&folder).unwrap();
    for (seed, (name, rows)) in [
        ("data_batch_1.bin", 3),
        ("data_batch_2.bin", 4),
        ("test_batch.bin", 2),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bytes = noise(seed as u8, rows * 3073);
        bytes.chunks_exact_mut(3073).for_each(|row| row[0] %= 10);
        fs::write(folder.join(name), bytes).unwrap();
    }
    let classes: String = (0..10).map(|i| format!("class{i}\n")).collect();
    fs::write(folder.join("batches.meta.txt"), classes).unwrap();
}

/// CIFAR-100 whose coarse class is a fifth of the fine one.
pub(crate) fn cifar100(root: &Path) {
    let folder = root.join("cifar-100-binary");
    fs::create_dir_all(&folder).unwrap();
    for (seed, (name, rows)) in [("train.bin", 9), ("test.bin", 3)].into_iter().enumerate() {
        let mut bytes = noise(seed as u8, rows * 3074);
        for row in bytes.chunks_exact_mut(3074) {
            row[1] %= 100;
            row[0] = row[1] / 5;
        }
        fs::write(folder.join(name), bytes).unwrap();
    }
    let names = |n: usize| (0..n).map(|i| format!("name{i}\n")).collect::<String>();
    fs::write(folder.join("fine_label_names.txt"), names(100)).unwrap();
    fs::write(folder.join("coarse_label_names.txt"), names(20)).unwrap();
}

/// The bytes of a `.npy` array.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut dict = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + dict.len() + 1) % 64 != 0 {
        dict.push(' ');
    }
    dict.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dict.len() as u16).to_le_bytes());
    bytes.extend(dict.as_bytes());
    bytes.extend(data);
    bytes
}

/// An archive of arrays.
pub(crate) fn npz(path: &Path, arrays: &[(&str, Vec<u8>)], deflated: bool) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let method = if deflated {
        zip::CompressionMethod::Deflated
    } else {
        zip::CompressionMethod::Stored
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in arrays {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// The bytes of a PNG.
pub(crate) fn png(
    width: u32,
    height: u32,
    colour: png::ColorType,
    depth: png::BitDepth,
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

pub(crate) fn rgb(seed: u8, width: u32, height: u32) -> Vec<u8> {
    let data = noise(seed, (width * height * 3) as usize);
    png(width, height, png::ColorType::Rgb, png::BitDepth::Eight, &data)
}

/// Writes a file, making its folders.
pub(crate) fn put(path: PathBuf, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Two splits, two classes, images in sub-folders.
pub(crate) fn folder(root: &Path) {
    for (i, name) in [
        "train/cat/b.png",
        "train/cat/a.png",
        "train/cat/deep/z.png",
        "train/dog/1.png",
        "train/dog/10.png",
        "train/dog/2.png",
        "test/cat/a.png",
        "test/dog/a.png",
    ]
    .into_iter()
    .enumerate()
    {
        put(root.join(name), &rgb(i as u8, 6, 5));
    }
}
