//! What a network is shown, what it should paint, and what it painted.

use super::{guess::Shown, mean_and_deviation, planes::Planes, unet::Plan};
use crate::{Budget, Outcome, Progress, Result, Set, Verdict, metrics};
use burn::tensor::{Device, Tensor};
use visard_core::{Pixels, Shape};
use visard_learn::{Network, custom};

/// Why a network that was trained to its end made no pictures.
const UNPAINTED: &str = "the time was up before the pictures were painted";

/// Images that are painted at a time.
const AT_ONCE: usize = 32;

/// The way from images to tensors and back. Plain values have mean 0 and deviation 1 over all pixels and
/// channels of the pictures that are to be painted.
#[derive(Debug)]
pub(super) struct View {
    planes: Planes,
    plain: Shape,
    mean: f32,
    deviation: f32,
    /// Whether a first guess of the picture goes before the planes.
    guessed: bool,
}

impl View {
    /// `examples` are plain images that show what is to be painted.
    pub(super) fn new(planes: Planes, examples: &Set, guessed: bool) -> Self {
        let (mean, deviation) = mean_and_deviation(&examples.to_floats());
        Self {
            planes,
            plain: examples.shape(),
            mean: mean as f32,
            // At least a grey level, lest the grain of flat pictures be all that counts.
            deviation: deviation.max(1.0) as f32,
            guessed,
        }
    }

    /// Grey levels in a unit of what networks paint.
    pub(super) fn deviation(&self) -> f32 {
        self.deviation
    }

    /// Sides of what networks take and paint.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            inputs: self.inputs(),
            outputs: self.plain.channels,
            canvas: self.planes.canvas(),
            rows: self.plain.height,
            columns: self.plain.width,
            guessed: self.guessed,
        }
    }

    fn inputs(&self) -> usize {
        self.planes.channels() + if self.guessed { self.plain.channels } else { 0 }
    }

    /// These images, by set and place, as a tensor (N, inputs, rows, columns).
    pub(super) fn show(&self, rows: &[(&Shown<'_>, usize)], device: &Device) -> Tensor<4> {
        let [height, width] = self.planes.canvas();
        let area = height * width;
        let each = self.inputs() * area;
        let before = each - self.planes.len();
        let mut values = vec![0f32; rows.len() * each];
        for ((shown, image), out) in rows.iter().zip(values.chunks_exact_mut(each)) {
            let (guess, planes) = out.split_at_mut(before);
            self.planes.write(&shown.disguised, *image, planes);
            if let Some(grey) = shown.guess.as_ref().filter(|_| self.guessed) {
                let grey = &grey[image * self.plain.len()..][..self.plain.len()];
                for (i, value) in grey.iter().enumerate() {
                    let (pixel, channel) = (i / self.plain.channels, i % self.plain.channels);
                    let (row, column) = (pixel / self.plain.width, pixel % self.plain.width);
                    guess[channel * area + row * width + column] = (value - self.mean) / self.deviation;
                }
            }
        }
        custom::tensor(values, [rows.len(), self.inputs(), height, width], device)
    }

    /// These plain images as networks should paint them, (N, C * H * W).
    pub(super) fn truth(&self, plain: &Set, places: &[usize], device: &Device) -> Tensor<2> {
        let (len, channels) = (self.plain.len(), self.plain.channels);
        let area = len / channels;
        let mut values = vec![0f32; places.len() * len];
        for (place, out) in places.iter().zip(values.chunks_exact_mut(len)) {
            for i in 0..len {
                let grey = match plain.pixels() {
                    Pixels::U8(v) => f32::from(v[place * len + i]),
                    Pixels::F32(v) => v[place * len + i],
                };
                out[i % channels * area + i / channels] = (grey - self.mean) / self.deviation;
            }
        }
        custom::tensor(values, [places.len(), len], device)
    }

    /// What a network paints of all images; `None` if the time is up before the last.
    pub(super) fn paint(
        &self,
        network: &dyn Network,
        shown: &Shown<'_>,
        budget: Option<&Budget>,
        progress: Progress<'_>,
    ) -> Result<Option<Set>> {
        let (len, channels) = (self.plain.len(), self.plain.channels);
        let (area, count, device) = (len / channels, shown.disguised.len(), network.device());
        let mut bytes = Vec::with_capacity(count * len);
        for first in (0..count).step_by(AT_ONCE) {
            if budget.is_some_and(Budget::is_spent) {
                return Ok(None);
            }
            progress(first as f64 / count as f64, "painting pictures");
            let end = (first + AT_ONCE).min(count);
            let rows: Vec<_> = (first..end).map(|image| (shown, image)).collect();
            let painted = custom::values(network.logits(self.show(&rows, &device), None));
            for picture in painted.chunks_exact(len) {
                let grey = |i: usize| picture[i % channels * area + i / channels];
                bytes.extend((0..len).map(|i| metrics::to_byte(grey(i) * self.deviation + self.mean)));
            }
        }
        let labels = shown.disguised.labels().to_vec();
        Ok(Some(Set::new(self.plain, Pixels::U8(bytes), labels)?))
    }

    /// Gives the outcome what a network paints of the images under attack, or says there that the time was up.
    /// Without a budget the time is not looked at.
    pub(super) fn reconstruct(
        &self,
        outcome: &mut Outcome,
        network: &dyn Network,
        attacked: &Shown<'_>,
        budget: Option<&Budget>,
        progress: Progress<'_>,
    ) -> Result<()> {
        match self.paint(network, attacked, budget, progress)? {
            Some(pictures) => outcome.reconstructions = Some(pictures),
            None => outcome.verdict = Verdict::Inconclusive(UNPAINTED.into()),
        }
        Ok(())
    }
}
