//! The key schedule: from a 32-byte secret to every random value that a scheme uses.
//!
//! SPEC.md, sections 2 and 3, defines it byte by byte. HKDF-SHA-256 (RFC 5869) separates the
//! purposes, ChaCha20 (RFC 8439) stretches each derived key into a stream, and [`Stream`] turns
//! the stream into integers, permutations, normals and rotations in plain, ordered arithmetic, so
//! that every machine derives the same material.

use crate::{Salt, SampleId};
use chacha20::{
    ChaCha20, R20, XChaCha20,
    cipher::{KeyIvInit, StreamCipher},
    hchacha,
};
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// HKDF salt of key schedule version 1.
const DOMAIN: &[u8] = b"visard key schedule v1";

/// The owner's 32 secret bytes, wiped when dropped and never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterSecret([u8; 32]);

impl MasterSecret {
    /// Wraps secret bytes; they must come from the operating system's generator or a key file.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for writing a key file.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterSecret([redacted])")
    }
}

/// Everything that can be derived from one secret for one scheme.
#[derive(Clone)]
pub struct Schedule {
    extracted: Zeroizing<[u8; 32]>,
    scheme: &'static str,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({}, [redacted])", self.scheme)
    }
}

impl Schedule {
    /// The schedule of `secret` for the scheme of that name.
    pub fn new(secret: &MasterSecret, scheme: &'static str) -> Self {
        let (mut prk, _) = Hkdf::<Sha256>::extract(Some(DOMAIN), secret.expose());
        let extracted = Zeroizing::new(prk.into());
        prk.as_mut_slice().zeroize();
        Self { extracted, scheme }
    }

    /// `N` bytes for one purpose, told apart further by `index` (position, channel, ...).
    pub fn derive<const N: usize>(&self, purpose: &str, index: &[u64]) -> Zeroizing<[u8; N]> {
        let indices: Vec<u8> = index.iter().flat_map(|i| i.to_be_bytes()).collect();
        self.expand(purpose, &indices)
    }

    fn expand<const N: usize>(&self, purpose: &str, context: &[u8]) -> Zeroizing<[u8; N]> {
        let lengths = |part: &[u8]| [part.len() as u8];
        let (scheme, purpose) = (self.scheme.as_bytes(), purpose.as_bytes());
        let mut out = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::from_prk(self.extracted.as_slice())
            .expect("an extracted key has SHA-256's length")
            .expand_multi_info(
                &[&lengths(scheme), scheme, &lengths(purpose), purpose, context],
                out.as_mut_slice(),
            )
            .expect("key schedule outputs are far below HKDF's limit of 8,160 bytes");
        out
    }

    /// The random stream for one purpose and index.
    pub fn stream(&self, purpose: &str, index: &[u64]) -> Stream {
        let key = self.derive::<32>(purpose, index);
        Stream::new(ChaCha20::new((&*key).into(), &[0; 12].into()))
    }

    /// The per-image streams of one run: fresh for each (salt, sample).
    pub fn image_streams(&self, purpose: &str, salt: Salt) -> ImageStreams {
        ImageStreams(self.expand(purpose, &salt.0))
    }
}

/// Source of per-image randomness within one run.
pub struct ImageStreams(Zeroizing<[u8; 32]>);

impl ImageStreams {
    /// The stream of sample `id`: XChaCha20 under the run's key, nonce = id followed by 8 zeros.
    pub fn stream(&self, id: SampleId) -> ImageStream {
        self.numbered(id, 0)
    }

    /// The stream of encoding number `encoding` of sample `id`, which takes the last 8 bytes of the
    /// nonce, least significant byte first.
    pub fn numbered(&self, id: SampleId, encoding: u64) -> ImageStream {
        ImageStream(XChaCha20::new(
            (&*self.0).into(),
            &Self::nonce(id, encoding).into(),
        ))
    }

    /// As [`ImageStreams::numbered`], for sampling integers, permutations and normals.
    pub fn sampler(&self, id: SampleId, encoding: u64) -> Stream {
        // XChaCha20 is ChaCha20 under a derived key with the rest of the nonce.
        let nonce = Self::nonce(id, encoding);
        let mut first = [0; 16];
        first.copy_from_slice(&nonce[..16]);
        let key = hchacha::<R20>((&*self.0).into(), &first.into());
        let mut rest = [0; 12];
        rest[4..].copy_from_slice(&nonce[16..]);
        Stream::new(ChaCha20::new(&key, &rest.into()))
    }

    fn nonce(id: SampleId, encoding: u64) -> [u8; 24] {
        let mut nonce = [0; 24];
        nonce[..16].copy_from_slice(&id.0);
        nonce[16..].copy_from_slice(&encoding.to_le_bytes());
        nonce
    }
}

/// The random bytes of one image.
pub struct ImageStream(XChaCha20);

impl ImageStream {
    /// The next bytes of the stream.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        self.0.apply_keystream(bytes);
    }

    /// Calls `each(value, unit)` for every value in order, `unit` uniform in [0, 1) with 24 bits:
    /// the upper 24 bits of successive little-endian words of the stream, divided by 2^24.
    pub fn with_units<T>(&mut self, values: &mut [T], mut each: impl FnMut(&mut T, f32)) {
        let mut bytes = [0u8; 1024];
        for chunk in values.chunks_mut(256) {
            let bytes = &mut bytes[..chunk.len() * 4];
            bytes.fill(0);
            self.0.apply_keystream(bytes);
            for (value, word) in chunk.iter_mut().zip(bytes.as_chunks::<4>().0) {
                let unit = (u32::from_le_bytes(*word) >> 8) as f32 * (1.0 / 16_777_216.0);
                each(value, unit);
            }
        }
    }
}

/// A stream of random integers with the project's own, written-down sampling (SPEC.md 3).
pub struct Stream {
    cipher: ChaCha20,
    buffer: Zeroizing<[u8; 512]>,
    used: usize,
    spare: Option<f64>,
}

impl Stream {
    fn new(cipher: ChaCha20) -> Self {
        Self {
            cipher,
            buffer: Zeroizing::new([0; 512]),
            used: 512,
            spare: None,
        }
    }

    /// The next 8 bytes of the stream as a little-endian integer.
    pub fn next_u64(&mut self) -> u64 {
        if self.used == self.buffer.len() {
            self.buffer.fill(0);
            self.cipher.apply_keystream(self.buffer.as_mut_slice());
            self.used = 0;
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(word)
    }

    /// A uniform integer in `0..bound` by rejection; `bound` must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Words at or above the largest multiple of `bound` would favour small results.
        let excess = (u64::MAX % bound + 1) % bound;
        loop {
            let word = self.next_u64();
            if word <= u64::MAX - excess {
                return word % bound;
            }
        }
    }

    /// A uniform number in [0, 1) with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `count` fair bits: those of successive words, least significant first.
    pub fn bits(&mut self, count: usize) -> Vec<bool> {
        let mut bits = Vec::with_capacity(count);
        while bits.len() < count {
            let word = self.next_u64();
            let left = (count - bits.len()).min(64);
            bits.extend((0..left).map(|i| word >> i & 1 == 1));
        }
        bits
    }

    /// A uniform permutation of `0..len` (Fisher-Yates, from the last place down).
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for i in (1..len).rev() {
            let j = self.below(i as u64 + 1) as usize;
            order.swap(i, j);
        }
        order
    }

    /// A standard normal number (Marsaglia's polar method; the second of each pair is kept).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let u = 2.0 * self.unit() - 1.0;
            let v = 2.0 * self.unit() - 1.0;
            let s = u * u + v * v;
            if s < 1.0 && s > 0.0 {
                let factor = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.spare.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(&MasterSecret::new([7; 32]), "test")
    }

    #[test]
    fn purposes_schemes_and_indices_are_separated() {
        let a = schedule().derive::<32>("p", &[1]);
        assert_eq!(*a, *schedule().derive::<32>("p", &[1]));
        for other in [
            schedule().derive::<32>("p", &[2]),
            schedule().derive::<32>("p", &[]),
            schedule().derive::<32>("q", &[1]),
            Schedule::new(&MasterSecret::new([7; 32]), "tes").derive::<32>("tp", &[1]),
            Schedule::new(&MasterSecret::new([8; 32]), "test").derive::<32>("p", &[1]),
        ] {
            assert_ne!(*a, *other);
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let text = format!("{:?} {:?}", MasterSecret::new([0xAB; 32]), schedule());
        assert!(text.contains("redacted") && !text.contains("171") && !text.to_lowercase().contains("ab, "));
    }

    #[test]
    fn bounded_integers_are_uniform() {
        let mut stream = schedule().stream("uniform", &[]);
        let mut counts = [0f64; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1.0;
        }
        let chi: f64 = counts.iter().map(|c| (c - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 25.7, "chi-square {chi} with 5 degrees of freedom");
    }

    #[test]
    fn permutations_of_four_are_uniform() {
        let mut stream = schedule().stream("perm", &[]);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..24_000 {
            *counts.entry(stream.permutation(4)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        let chi: f64 = counts
            .values()
            .map(|c| (f64::from(*c) - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 58.0, "chi-square {chi} with 23 degrees of freedom");
    }

    #[test]
    fn normals_have_the_right_moments() {
        let mut stream = schedule().stream("normal", &[]);
        let draws: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let moment = |k: i32| draws.iter().map(|x| x.powi(k)).sum::<f64>() / 100_000.0;
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03);
        assert!(moment(3).abs() < 0.06 && (moment(4) - 3.0).abs() < 0.15);
    }

    #[test]
    fn samplers_read_the_bytes_of_the_image_stream() {
        let streams = schedule().image_streams("noise", Salt([3; 16]));
        for encoding in [0, 7] {
            let mut bytes = [0; 1040];
            streams.numbered(SampleId::of("a"), encoding).fill(&mut bytes);
            let mut sampler = streams.sampler(SampleId::of("a"), encoding);
            for word in bytes.as_chunks::<8>().0 {
                assert_eq!(sampler.next_u64(), u64::from_le_bytes(*word));
            }
        }
    }

    #[test]
    fn bits_are_those_of_the_words() {
        let bits = schedule().stream("bits", &[]).bits(70);
        let mut words = schedule().stream("bits", &[]);
        let (first, second) = (words.next_u64(), words.next_u64());
        assert!((0..64).all(|i| bits[i] == (first >> i & 1 == 1)));
        assert!((0..6).all(|i| bits[64 + i] == (second >> i & 1 == 1)) && bits.len() == 70);
    }

    #[test]
    fn image_streams_depend_on_salt_and_sample_alone() {
        let draw = |salt: u8, id: &str| {
            let mut values = vec![0f32; 700];
            schedule()
                .image_streams("noise", Salt([salt; 16]))
                .stream(SampleId::of(id))
                .with_units(&mut values, |v, u| *v = u);
            values
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        let mean = draw(1, "a").iter().sum::<f32>() / 700.0;
        assert!((mean - 0.5).abs() < 0.06);
        assert!(draw(1, "a").iter().all(|u| (0.0..1.0).contains(u)));
    }
}
