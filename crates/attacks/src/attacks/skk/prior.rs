//! Which of the states that a whole picture can be turned to looks most like a picture.
//!
//! Comparing pixels of one picture leaves one state open for all of them: which colour is which, and
//! which of them are negative. Pictures differ from their turned forms in three ways: their colours
//! are alike (green, in the middle of the spectrum, is nearest to the other two), they are dark rather
//! than bright, and red is brighter than blue. Public images say more exactly how values and their
//! differences are distributed.

use super::{Layout, states::State};

/// Pixels of a picture that are looked at, spread evenly.
const LOOKED_AT: usize = 1 << 16;

/// Weights against one grey level of mean difference between neighbouring colours: of a grey level of
/// mean brightness, and of one by which red is darker than blue.
const BRIGHTNESS: f64 = 0.05;
const WARMTH: f64 = 0.05;

/// Histogram of values or of differences, as cumulated shares.
type Shares = Vec<f64>;

/// How values and their differences are distributed.
struct Histograms {
    /// Of each channel, 256 bins.
    values: Vec<Shares>,
    /// Of a - b and of a + b - 255 for channels a and b, 511 bins each from -255 on; by a * channels + b.
    pairs: Vec<Option<[Shares; 2]>>,
}

impl Histograms {
    fn new(channels: usize, pixels: &[u8], wanted: impl Fn(usize, usize) -> bool) -> Self {
        let step = (pixels.len() / channels).div_ceil(LOOKED_AT).max(1);
        let looked: Vec<&[u8]> = pixels.chunks_exact(channels).step_by(step).collect();
        let shares = |bins: usize, bin: &dyn Fn(&[u8]) -> usize| -> Shares {
            let mut counts = vec![0u32; bins];
            looked.iter().for_each(|pixel| counts[bin(pixel)] += 1);
            let each = 1.0 / looked.len().max(1) as f64;
            let mut sum = 0;
            let cumulate = |count: u32| {
                sum += count;
                f64::from(sum) * each
            };
            counts.into_iter().map(cumulate).collect()
        };
        let values = (0..channels)
            .map(|c| shares(256, &|pixel| usize::from(pixel[c])))
            .collect();
        let pair = |(a, b): (usize, usize)| {
            wanted(a, b).then(|| {
                [
                    shares(511, &|p| usize::from(p[a]) + 255 - usize::from(p[b])),
                    shares(511, &|p| usize::from(p[a]) + usize::from(p[b])),
                ]
            })
        };
        let all = (0..channels * channels).map(|i| (i / channels, i % channels));
        Self {
            values,
            pairs: all.map(pair).collect(),
        }
    }
}

/// Mean of what a histogram counts, which starts at `first`.
fn mean(shares: &[f64], first: f64) -> f64 {
    // Each share below the last moves the mean one down from the largest value.
    first + (shares.len() - 1) as f64 - shares[..shares.len() - 1].iter().sum::<f64>()
}

/// Mean absolute value of what a histogram of differences counts.
fn spread(shares: &[f64]) -> f64 {
    let (below, above) = shares.split_at(shares.len() / 2);
    below.iter().sum::<f64>() + above[..above.len() - 1].iter().map(|s| 1.0 - s).sum::<f64>()
}

/// Distance of two histograms in bins (earth mover's), the second one reversed if `reversed`.
fn distance(one: &[f64], other: &[f64], reversed: bool) -> f64 {
    let last = one.len() - 1;
    let pairs = one[..last].iter().enumerate();
    if reversed {
        pairs.map(|(i, s)| (s - (1.0 - other[last - 1 - i])).abs()).sum()
    } else {
        pairs.map(|(i, s)| (s - other[i]).abs()).sum()
    }
}

/// What is known of pictures.
pub(super) struct Prior {
    layout: Layout,
    public: Option<Histograms>,
}

impl Prior {
    /// The prior of those public images, or the built-in one.
    pub(super) fn new(layout: Layout, public: Option<&[u8]>) -> Self {
        let channels = layout.channels();
        let public = public.filter(|bytes| !bytes.is_empty());
        Self {
            layout,
            public: public.map(|bytes| Histograms::new(channels, bytes, |a, b| b == a + 1)),
        }
    }

    /// All states that a picture can be turned to, the likeliest first. `picture` holds pixels of one
    /// image or of many.
    pub(super) fn rank(&self, picture: &[u8]) -> Vec<State> {
        let channels = self.layout.channels();
        let exchanges = self.layout.exchanges;
        let wanted = |a: usize, b: usize| if exchanges { a != b } else { b == a + 1 };
        let seen = Histograms::new(channels, picture, wanted);
        // Costs of a channel: by target, source and sign; of two that follow each other: by the first
        // target, both sources and both signs. Kept because many states share them.
        let at = |c: usize, source: usize, sign: usize| (c * channels + source) * 2 + sign;
        let mut single = vec![0.0; channels * channels * 2];
        let mut double = vec![0.0; channels * channels * channels * 4];
        for c in 0..channels {
            for source in (0..channels).filter(|s| exchanges || *s == c) {
                for sign in 0..2 {
                    single[at(c, source, sign)] = self.single(&seen, c, source, sign == 1);
                    for next in (0..channels).filter(|n| c + 1 < channels && wanted(source, *n)) {
                        for other in 0..2 {
                            double[(at(c, source, sign) * channels + next) * 2 + other] =
                                self.double(&seen, c, [source, next], [sign == 1, other == 1]);
                        }
                    }
                }
            }
        }
        let cost = |state: State| -> f64 {
            let sources = |c: usize| {
                let (source, mask) = state.source(c);
                (source, usize::from(mask == 255))
            };
            (0..channels)
                .map(|c| {
                    let (source, sign) = sources(c);
                    let first = at(c, source, sign);
                    let second = if c + 1 < channels {
                        let (next, other) = sources(c + 1);
                        double[(first * channels + next) * 2 + other]
                    } else {
                        0.0
                    };
                    single[first] + second
                })
                .sum()
        };
        let all = 0..self.layout.states();
        let mut ranked: Vec<(f64, State)> = all
            .map(|number| State::number(self.layout, number))
            .map(|state| (cost(state), state))
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked.into_iter().map(|(_, state)| state).collect()
    }

    /// Cost of taking channel `source` for channel `c`.
    fn single(&self, seen: &Histograms, c: usize, source: usize, negated: bool) -> f64 {
        let values = &seen.values[source];
        if let Some(public) = &self.public {
            return distance(&public.values[c], values, negated);
        }
        let mean = if negated {
            255.0 - mean(values, 0.0)
        } else {
            mean(values, 0.0)
        };
        let warmth = if self.layout.channels() == 3 {
            WARMTH * (c as f64 - 1.0)
        } else {
            0.0
        };
        mean * (BRIGHTNESS / self.layout.channels() as f64 + warmth)
    }

    /// Cost of taking these two channels for channels `c` and c + 1.
    fn double(&self, seen: &Histograms, c: usize, sources: [usize; 2], negated: [bool; 2]) -> f64 {
        let channels = self.layout.channels();
        let Some(pair) = &seen.pairs[sources[0] * channels + sources[1]] else {
            return 0.0;
        };
        let shares = &pair[usize::from(negated[0] != negated[1])];
        let public = self
            .public
            .as_ref()
            .and_then(|p| p.pairs[c * channels + c + 1].as_ref());
        match public {
            Some(public) => distance(&public[0], shares, negated[0]),
            None => spread(shares),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visard_core::Shape;

    /// Pixels whose green is between red and blue, dark and warm.
    fn picture() -> Vec<u8> {
        (0..999u32)
            .flat_map(|i| {
                let v = (i * i % 97) as u8;
                [v + 40, v + 20 + v % 5, v]
            })
            .collect()
    }

    #[test]
    fn figures_of_histograms() {
        let seen = Histograms::new(2, &[10, 20, 30, 20], |_, _| true);
        assert!((mean(&seen.values[0], 0.0) - 20.0).abs() < 1e-9);
        let [difference, sum] = seen.pairs[1].as_ref().unwrap();
        assert!((mean(difference, -255.0)).abs() < 1e-9);
        assert!((spread(difference) - 10.0).abs() < 1e-9);
        assert!((mean(sum, -255.0) - (40.0 - 255.0)).abs() < 1e-9);
        let (one, other) = (&seen.values[0], &seen.values[1]);
        assert!((distance(one, other, false) - 10.0).abs() < 1e-9);
        assert!((distance(one, other, true) - 215.0).abs() < 1e-9);
    }

    #[test]
    fn turned_pictures_are_turned_back() {
        let layout = Layout {
            shape: Shape::new(9, 111, 3),
            exchanges: true,
        };
        let plain = picture();
        let bright: Vec<u8> = plain.iter().map(|v| 255 - v).collect();
        for turn in (0..48).map(|n| State::number(layout, n)) {
            let turned = |pixels: &[u8]| {
                super::super::states::undo(
                    Layout {
                        shape: Shape::new(1, 1, 3),
                        ..layout
                    },
                    &[turn],
                    pixels,
                )
            };
            let best = Prior::new(layout, None).rank(&turned(&plain));
            assert_eq!(best.len(), 48);
            assert_eq!(best[0].after(turn), State::default());
            // Public images tell that these pictures are bright.
            let best = Prior::new(layout, Some(&bright)).rank(&turned(&bright));
            assert_eq!(best[0].after(turn), State::default());
        }
    }
}
