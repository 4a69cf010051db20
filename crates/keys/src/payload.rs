//! The bytes that are sealed: magic, secret, digest of the public part, explicit material.

use crate::Error;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::path::Path;
use visard_core::{Array, Key, MasterSecret, Material, Values};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"VISARDK1";
/// Bytes before the material.
const HEAD: usize = 8 + 32 + 32;

/// The payload of `key`, whose public part has that digest.
pub(crate) fn write(key: &Key, digest: [u8; 32]) -> Zeroizing<Vec<u8>> {
    let material = key.material().map(pack).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD + material.len()));
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key.secret().expose());
    bytes.extend_from_slice(&digest);
    bytes.extend_from_slice(&material);
    bytes
}

/// Secret and material of a payload that belongs to the public part with that digest.
pub(crate) fn read(
    bytes: &[u8],
    digest: [u8; 32],
    path: &Path,
) -> Result<(MasterSecret, Option<Material>), Error> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(Error::Magic { path: path.into() });
    };
    let damaged = |problem| Error::Damaged {
        path: path.into(),
        problem,
    };
    let short = || damaged("the sealed bytes are too few");
    let (secret, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let (sealed, material) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    if *sealed != digest {
        return Err(Error::Edited { path: path.into() });
    }
    let material = match material {
        [] => None,
        packed => Some(unpack(packed).ok_or_else(|| damaged("its explicit material cannot be read"))?),
    };
    Ok((MasterSecret::new(*secret), material))
}

fn pack(material: &Material) -> Zeroizing<Vec<u8>> {
    let arrays: Vec<_> = material
        .iter()
        .map(|(name, array)| (name, &array.shape, little_endian(&array.values)))
        .collect();
    if arrays.is_empty() {
        return Zeroizing::default();
    }
    let views = arrays.iter().map(|(name, shape, (dtype, bytes))| {
        let view = TensorView::new(*dtype, shape.to_vec(), bytes);
        (*name, view.expect("material fills its shapes"))
    });
    // The length is known before a byte is written, so that nothing is moved and left behind.
    Zeroizing::new(safetensors::serialize(views, None).expect("names and shapes are serialisable"))
}

fn little_endian(values: &Values) -> (Dtype, Zeroizing<Vec<u8>>) {
    let mut bytes = Zeroizing::new(Vec::with_capacity(values.len() * 8));
    let dtype = match values {
        Values::U8(v) => {
            bytes.extend_from_slice(v);
            Dtype::U8
        }
        Values::I64(v) => {
            v.iter().for_each(|i| bytes.extend_from_slice(&i.to_le_bytes()));
            Dtype::I64
        }
        Values::F64(v) => {
            v.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
            Dtype::F64
        }
    };
    (dtype, bytes)
}

fn unpack(bytes: &[u8]) -> Option<Material> {
    let mut material = Material::new();
    for (name, view) in SafeTensors::deserialize(bytes).ok()?.iter() {
        let words = view.data().as_chunks::<8>().0.iter();
        let values = match view.dtype() {
            Dtype::U8 => Values::U8(view.data().to_vec()),
            Dtype::I64 => Values::I64(words.map(|w| i64::from_le_bytes(*w)).collect()),
            Dtype::F64 => Values::F64(words.map(|w| f64::from_le_bytes(*w)).collect()),
            _ => return None,
        };
        let shape = view.shape().to_vec();
        material.insert(name, Array { shape, values }).ok()?;
    }
    Some(material)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_of_every_type_comes_back_bit_for_bit() {
        let mut material = Material::new();
        let mut add = |name: &str, shape: &[usize], values| {
            let shape = shape.to_vec();
            material.insert(name, Array { shape, values }).unwrap();
        };
        add("bytes", &[3], Values::U8(vec![0, 7, 255]));
        add("whole", &[2, 2], Values::I64(vec![i64::MIN, -1, 0, i64::MAX]));
        add(
            "reals",
            &[1, 3],
            Values::F64(vec![-0.0, f64::MIN_POSITIVE, 1e300]),
        );
        add("none", &[0], Values::U8(vec![]));
        assert_eq!(unpack(&pack(&material)), Some(material.clone()));
        assert!(pack(&Material::new()).is_empty());
        let packed = pack(&material);
        for cut in 0..packed.len() {
            assert_eq!(unpack(&packed[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn payloads_are_checked_from_the_front() {
        let path = Path::new("k");
        let key = Key::new(
            "aes",
            &Default::default(),
            Some(visard_core::Shape::new(4, 4, 1)),
            MasterSecret::new([9; 32]),
            None,
        );
        let bytes = write(&key.unwrap(), [1; 32]);
        assert_eq!(bytes.len(), HEAD);
        assert_eq!(read(&bytes, [1; 32], path).unwrap().0.expose(), &[9; 32]);
        assert!(matches!(read(&bytes, [2; 32], path), Err(Error::Edited { .. })));
        for cut in 0..HEAD {
            match read(&bytes[..cut], [1; 32], path) {
                Err(Error::Magic { .. }) => assert!(cut < 8),
                Err(Error::Damaged { .. }) => assert!(cut >= 8),
                other => panic!("{cut}: {other:?}"),
            }
        }
        let mut wrong = bytes.to_vec();
        wrong[7] = b'2';
        assert!(matches!(read(&wrong, [1; 32], path), Err(Error::Magic { .. })));
        let mut extra = bytes.to_vec();
        extra.push(0);
        assert!(matches!(read(&extra, [1; 32], path), Err(Error::Damaged { .. })));
    }
}
