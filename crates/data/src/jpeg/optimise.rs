//! Huffman tables made for one image, in a file that keeps its one scan.
//!
//! The encoder makes its own tables only with a scan for each colour component. Decoders that are
//! built into hardware take none of those, and some in software decode subsampled ones to garbage. So
//! the scan of an ordinary file is read symbol by symbol and written again under optimal tables
//! (ITU-T T.81, Annexes C, F and K.2); the coefficients stay as they are.

use super::huffman::{BitReader, BitWriter, Table};

/// Tables of one file: two for DC differences, then two for AC coefficients.
type Tables<T> = [Option<T>; 4];

/// The same image under optimal tables. `None` if this is not a sequential file of one scan that
/// holds all components, without restarts: then there is nothing to gain.
pub(super) fn optimise(file: &[u8]) -> Option<Vec<u8>> {
    let parsed = Parsed::of(file)?;
    let mut counts = [[0u64; 256]; 4];
    parsed.walk(|table, symbol, _, _| counts[table][usize::from(symbol)] += 1)?;
    let mut out = parsed.head.clone();
    let mut codes: Tables<[(u16, u8); 256]> = [None; 4];
    for (i, counts) in counts.iter().enumerate() {
        if counts.iter().all(|count| *count == 0) {
            continue;
        }
        let table = Table::optimal(counts);
        write_table(&table, i, &mut out);
        codes[i] = Some(table.codes());
    }
    out.extend_from_slice(parsed.scan_header);
    let mut writer = BitWriter::new(out);
    parsed.walk(|table, symbol, extra, length| {
        if let Some(codes) = &codes[table] {
            let (code, bits) = codes[usize::from(symbol)];
            writer.put(code, bits);
            writer.put(extra, length);
        }
    })?;
    Some(writer.finish())
}

/// A file in parts.
struct Parsed<'a> {
    /// Everything before the scan but the Huffman tables.
    head: Vec<u8>,
    tables: Tables<Table>,
    scan_header: &'a [u8],
    /// Entropy-coded data, without the bytes stuffed in behind 0xFF.
    scan: Vec<u8>,
    /// DC and AC table of each block of an MCU.
    blocks: Vec<(usize, usize)>,
    /// MCUs in the scan.
    units: usize,
}

struct Component {
    id: u8,
    across: usize,
    down: usize,
}

impl<'a> Parsed<'a> {
    fn of(file: &'a [u8]) -> Option<Self> {
        let mut head = file.get(..2)?.to_vec();
        let mut tables = [const { None }; 4];
        let mut frame: Option<(Vec<Component>, usize, usize)> = None;
        let mut at = 2;
        loop {
            let marker = *file.get(at + 1).filter(|_| file[at] == 0xFF)?;
            let length = usize::from(u16::from_be_bytes([*file.get(at + 2)?, *file.get(at + 3)?]));
            let body = file.get(at + 4..at + 2 + length)?;
            let segment = &file[at..at + 2 + length];
            at += 2 + length;
            match marker {
                0xC4 => read_tables(body, &mut tables)?,
                0xDA => {
                    let (components, width, height) = frame?;
                    let blocks = blocks(body, &components)?;
                    // A scan of one component goes block by block.
                    let single = components.len() == 1;
                    let most = |side: fn(&Component) -> usize| {
                        if single {
                            1
                        } else {
                            components.iter().map(side).max().unwrap_or(1)
                        }
                    };
                    let units = usize::div_ceil(width, 8 * most(|c| c.across))
                        * usize::div_ceil(height, 8 * most(|c| c.down));
                    return Some(Self {
                        head,
                        tables,
                        scan_header: segment,
                        scan: unstuffed(&file[at..])?,
                        blocks,
                        units,
                    });
                }
                0xC0 => {
                    frame = Some(frame_of(body)?);
                    head.extend_from_slice(segment);
                }
                // Other frames are not sequential with 8 bits, restarts would have to be kept.
                0xC1..=0xCF | 0xDD => return None,
                _ => head.extend_from_slice(segment),
            }
        }
    }

    /// Calls `each` with table, symbol, and the bits that follow it with their number, for all
    /// symbols of the scan.
    fn walk(&self, mut each: impl FnMut(usize, u8, u16, u8)) -> Option<()> {
        let mut bits = BitReader::new(&self.scan);
        for _ in 0..self.units {
            for &(dc, ac) in &self.blocks {
                let symbol = self.tables[dc].as_ref()?.symbol(&mut bits)?;
                each(dc, symbol, bits.take(symbol)?, symbol);
                let table = self.tables[ac].as_ref()?;
                let mut coefficient = 1;
                while coefficient < 64 {
                    let symbol = table.symbol(&mut bits)?;
                    let (run, size) = (symbol >> 4, symbol & 15);
                    each(ac, symbol, bits.take(size)?, size);
                    match (run, size) {
                        (15, _) | (_, 1..) => coefficient += usize::from(run) + 1,
                        // End of block.
                        _ => break,
                    }
                }
            }
        }
        Some(())
    }
}

/// Components, width and height of a frame header.
fn frame_of(body: &[u8]) -> Option<(Vec<Component>, usize, usize)> {
    let &[8, h1, h0, w1, w0, count, ref rest @ ..] = body else {
        return None;
    };
    let components: Vec<_> = rest
        .chunks_exact(3)
        .map(|c| Component {
            id: c[0],
            across: usize::from(c[1] >> 4),
            down: usize::from(c[1] & 15),
        })
        .collect();
    let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
    let sound = components.len() == usize::from(count)
        && components
            .iter()
            .all(|c| (1..=4).contains(&c.across) && (1..=4).contains(&c.down));
    sound.then_some((components, side(w1, w0), side(h1, h0)))
}

/// DC and AC table of each block of an MCU, from the scan header.
fn blocks(scan: &[u8], components: &[Component]) -> Option<Vec<(usize, usize)>> {
    let (&count, rest) = scan.split_first()?;
    if usize::from(count) != components.len() {
        return None;
    }
    let mut blocks = Vec::new();
    for (component, chosen) in components.iter().zip(rest.chunks_exact(2)) {
        let (dc, ac) = (usize::from(chosen[1] >> 4), usize::from(chosen[1] & 15));
        if component.id != chosen[0] || dc > 1 || ac > 1 {
            return None;
        }
        let repeat = if components.len() == 1 {
            1
        } else {
            component.across * component.down
        };
        blocks.extend(std::iter::repeat_n((dc, 2 + ac), repeat));
    }
    Some(blocks)
}

/// Entropy-coded data up to the next marker, which must be the end of the image.
fn unstuffed(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    loop {
        let end = rest.iter().position(|byte| *byte == 0xFF)?;
        out.extend_from_slice(&rest[..end]);
        match rest.get(end + 1)? {
            0x00 => out.push(0xFF),
            0xD9 => return Some(out),
            _ => return None,
        }
        rest = &rest[end + 2..];
    }
}

/// Reads the tables of one segment.
fn read_tables(mut body: &[u8], tables: &mut Tables<Table>) -> Option<()> {
    while let Some((&name, rest)) = body.split_first() {
        let (lengths, rest) = rest.split_first_chunk::<16>()?;
        let total = lengths.iter().map(|n| usize::from(*n)).sum();
        let symbols = rest.get(..total)?.to_vec();
        let place = usize::from(name >> 4) * 2 + usize::from(name & 15);
        if name & 15 > 1 {
            return None;
        }
        *tables.get_mut(place)? = Some(Table {
            lengths: *lengths,
            symbols,
        });
        body = &rest[total..];
    }
    Some(())
}

/// Appends the segment that defines `table` at `place`.
fn write_table(table: &Table, place: usize, out: &mut Vec<u8>) {
    let length = (2 + 1 + 16 + table.symbols.len()) as u16;
    out.extend([0xFF, 0xC4]);
    out.extend(length.to_be_bytes());
    out.push((16 * (place / 2) + place % 2) as u8);
    out.extend(table.lengths);
    out.extend(&table.symbols);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reading, decode::decode};
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use proptest::prelude::*;
    use std::path::Path;

    fn encoded(pixels: &[u8], sides: (u16, u16), colour: ColorType, quality: u8, quarter: bool) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, quality);
        encoder.set_sampling_factor(if quarter {
            SamplingFactor::F_2_2
        } else {
            SamplingFactor::F_1_1
        });
        encoder.encode(pixels, sides.0, sides.1, colour).unwrap();
        file
    }

    proptest! {
        /// Noise of any amount, so that symbols are common, rare and absent.
        #[test]
        fn the_image_stays_and_the_file_shrinks(
            (width, height) in (1u16..70, 1u16..70),
            grey: bool,
            quarter: bool,
            quality in 1u8..=100,
            noise in 1usize..256,
            seed: u64,
        ) {
            let (channels, colour) = if grey { (1, ColorType::Luma) } else { (3, ColorType::Rgb) };
            let mut state = seed | 1;
            let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height) * channels)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    ((state >> 33) as usize % noise) as u8
                })
                .collect();
            let file = encoded(&pixels, (width, height), colour, quality, quarter);
            let smaller = optimise(&file).unwrap();
            prop_assert!(smaller.len() < file.len());
            let open = |bytes: &[u8]| decode(Path::new("x.jpg"), bytes, &Reading::default()).unwrap();
            prop_assert!(open(&file) == open(&smaller));
            // Optimal already: nothing more to gain, the same bytes again.
            prop_assert!(optimise(&smaller).unwrap() == smaller);
        }
    }

    #[test]
    fn other_files_are_left_alone() {
        let file = encoded(&[90; 64 * 3], (8, 8), ColorType::Rgb, 90, false);
        assert!(optimise(&file).is_some());
        for cut in 0..file.len() {
            assert!(optimise(&file[..cut]).is_none(), "{cut}");
        }
        let mut progressive = Vec::new();
        let mut encoder = Encoder::new(&mut progressive, 90);
        encoder.set_progressive(true);
        encoder.encode(&[90; 64 * 3], 8, 8, ColorType::Rgb).unwrap();
        assert!(optimise(&progressive).is_none());
        let mut restarts = Vec::new();
        let mut encoder = Encoder::new(&mut restarts, 90);
        encoder.set_restart_interval(1);
        encoder.encode(&[90; 16 * 8 * 3], 16, 8, ColorType::Rgb).unwrap();
        assert!(optimise(&restarts).is_none());
    }
}
