//! What happens to tokens between dense layers, feature by feature.

#[cfg(target_arch = "x86_64")]
use super::{AVX2, VBMI};

/// What a token goes through between two layers: `to = relu(from * scale + shift)`, or `relu(from)`
/// without a norm (scale, shift), and then `to = relu(to + place)` where there is a place.
pub(crate) fn activate(from: &[f32], norm: Option<(&[f32], &[f32])>, place: Option<&[f32]>, to: &mut [f32]) {
    dispatch_wide!(
        activate_wide,
        activate_fast,
        activate_portable,
        (from, norm, place, to)
    )
}

/// Means and biased variances of the features from `first` on, as many as `mean` has room for, over
/// the tokens of `width` values at `places`, added up in that order.
pub(crate) fn moments(
    values: &[f32],
    width: usize,
    places: &[u32],
    first: usize,
    mean: &mut [f64],
    variance: &mut [f64],
) {
    dispatch_wide!(
        moments_wide,
        moments_fast,
        moments_portable,
        (values, width, places, first, mean, variance)
    )
}

/// Gives -0 and NaN as +0.
#[inline(always)]
fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

#[inline(always)]
fn activate_portable(from: &[f32], norm: Option<(&[f32], &[f32])>, place: Option<&[f32]>, to: &mut [f32]) {
    match norm {
        None => to.iter_mut().zip(from).for_each(|(t, f)| *t = relu(*f)),
        Some((scale, shift)) => {
            for (((t, f), scale), shift) in to.iter_mut().zip(from).zip(scale).zip(shift) {
                *t = relu(f * scale + shift);
            }
        }
    }
    for (t, p) in to.iter_mut().zip(place.unwrap_or_default()) {
        *t = relu(*t + p);
    }
}

#[inline(always)]
fn moments_portable(
    values: &[f32],
    width: usize,
    places: &[u32],
    first: usize,
    mean: &mut [f64],
    variance: &mut [f64],
) {
    let count = places.len() as f64;
    let features = mean.len();
    let tokens = || {
        let starts = places.iter().map(|place| *place as usize * width + first);
        starts.map(|start| &values[start..start + features])
    };
    mean.fill(0.0);
    for token in tokens() {
        mean.iter_mut()
            .zip(token)
            .for_each(|(sum, x)| *sum += f64::from(*x));
    }
    mean.iter_mut().for_each(|sum| *sum /= count);
    variance.fill(0.0);
    for token in tokens() {
        for ((sum, x), mean) in variance.iter_mut().zip(token).zip(&*mean) {
            let apart = f64::from(*x) - mean;
            *sum += apart * apart;
        }
    }
    variance.iter_mut().for_each(|sum| *sum /= count);
}

/// The same loops, compiled for wider registers.
macro_rules! widened {
    ($feature:literal, $activate:ident, $moments:ident) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $activate(from: &[f32], norm: Option<(&[f32], &[f32])>, place: Option<&[f32]>, to: &mut [f32]) {
            activate_portable(from, norm, place, to);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $moments(
            values: &[f32],
            width: usize,
            places: &[u32],
            first: usize,
            mean: &mut [f64],
            variance: &mut [f64],
        ) {
            moments_portable(values, width, places, first, mean, variance);
        }
    };
}

widened!("avx512f", activate_wide, moments_wide);
widened!("avx2", activate_fast, moments_fast);

#[cfg(test)]
mod tests {
    use super::{super::twins::*, *};
    use proptest::prelude::*;

    type Activate = fn(&[f32], Option<(&[f32], &[f32])>, Option<&[f32]>, &mut [f32]);
    type Moments = fn(&[f32], usize, &[u32], usize, &mut [f64], &mut [f64]);

    proptest! {
        #[test]
        fn steps_between_layers_give_the_portable_bits(
            len in 0usize..70,
            seed: u64,
            norm: bool,
            place: bool,
        ) {
            let numbers = |shift: u64| (0..len).map(|i| value(seed ^ shift << 30, i)).collect::<Vec<_>>();
            let [from, scale, shift, add] = [1, 2, 3, 4].map(numbers);
            let (norm, place) = (norm.then_some((&scale[..], &shift[..])), place.then_some(&add[..]));
            let mut wanted = vec![f32::NAN; len];
            activate_portable(&from, norm, place, &mut wanted);
            for (i, wanted) in wanted.iter().enumerate() {
                let normed = norm.map_or(from[i], |(scale, shift)| from[i] * scale[i] + shift[i]).max(0.0);
                prop_assert_eq!(*wanted, place.map_or(normed, |place| (normed + place[i]).max(0.0)));
            }
            let found: [Activate; 2] =
                paths!(activate_wide, activate_fast, activate_portable, (from, norm, place, to));
            for path in found {
                let mut to = vec![f32::NAN; len];
                path(&from, norm, place, &mut to);
                prop_assert_eq!(bits(&to), bits(&wanted));
            }
        }

        #[test]
        fn moments_are_those_of_the_places(width in 1usize..40, count in 1usize..30, seed: u64) {
            let values: Vec<f32> = (0..width * count).map(|i| value(seed, i)).collect();
            let places: Vec<u32> = (0..count as u32).rev().collect();
            let first = seed as usize % width;
            let found: [Moments; 2] = paths!(
                moments_wide,
                moments_fast,
                moments_portable,
                (values, width, places, first, mean, variance)
            );
            for path in found.into_iter().chain([moments_portable as Moments]) {
                let (mut mean, mut variance) = (vec![f64::NAN; width - first], vec![f64::NAN; width - first]);
                path(&values, width, &places, first, &mut mean, &mut variance);
                for feature in 0..width - first {
                    let value = |place: &u32| f64::from(values[*place as usize * width + first + feature]);
                    let column = || places.iter().map(value);
                    let average = column().fold(0.0, |sum, x| sum + x) / count as f64;
                    let squares = column().map(|x| (x - average) * (x - average));
                    let spread = squares.fold(0.0, |sum, x| sum + x) / count as f64;
                    prop_assert_eq!((mean[feature], variance[feature]), (average, spread));
                }
            }
        }
    }
}
