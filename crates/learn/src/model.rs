//! A trained network with everything needed to use it, as one file.

use crate::{
    DeviceKind, Differentiable, Error, Evaluation, Examples, Network, Normalisation, Prediction, Result,
    TrainConfig, evaluation, file,
    fronts::Choice,
    network::build,
    networks,
    state::{self, State},
};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};
use visard_core::{Shape, params::Params};

/// Kind and version of the file; other versions are refused.
const FORMAT: &str = "visard-model/2";

/// What one epoch of training came to; also a line of the metrics file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean cross-entropy over the epoch's batches, in nats, while the weights were changing.
    pub train_loss: f64,
    /// Share of training images named rightly, likewise; with soft labels the class with the largest
    /// weight is the right one.
    pub train_accuracy: f64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Share of validation images named rightly after the epoch; absent without a validation set.
    pub val_accuracy: Option<f64>,
    /// 95% Wilson interval of that share.
    pub val_interval: Option<(f64, f64)>,
    /// Seconds that training took, validation not counted.
    pub seconds: f64,
    /// Training images per second.
    pub images_per_s: f64,
}

/// What is known about a model besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    pub(crate) format: String,
    /// Version of the program that made it.
    pub version: String,
    /// Name of the network.
    pub network: String,
    /// Its parameters.
    pub params: Params,
    /// What goes before it.
    pub front: Option<Choice>,
    /// Shape of the images it takes.
    pub shape: Shape,
    /// Names of the classes, in the order of their numbers.
    pub classes: Vec<String>,
    /// How images are standardised.
    pub normalisation: Normalisation,
    /// What the images were disguised with (scheme, parameters, fingerprint of the key, scale), as
    /// the caller of the training said; empty for plain images.
    pub disguise: BTreeMap<String, serde_json::Value>,
    /// The epochs of its training.
    pub history: Vec<EpochRecord>,
}

/// A trained network, ready to evaluate and predict.
#[derive(Debug)]
pub struct Model {
    info: ModelInfo,
    network: Box<dyn Network>,
}

impl ModelInfo {
    pub(crate) fn new(config: &TrainConfig, shape: Shape, classes: &[String], normal: Normalisation) -> Self {
        Self {
            format: FORMAT.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            network: config.network.clone(),
            params: config.params.clone(),
            front: config.front.clone(),
            shape,
            classes: classes.to_vec(),
            normalisation: normal,
            disguise: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Refuses what no network was ever trained with, and brings the parameters into canonical form.
    fn checked(mut self) -> Result<Self, String> {
        if self.format != FORMAT {
            return Err(format!(
                "the file says it is {:?}, this program reads {FORMAT:?}",
                self.format
            ));
        }
        let specs = networks::find(&self.network).map_err(|e| e.to_string())?.params;
        self.params = Params::resolve(specs, &self.params.texts()).map_err(|e| e.to_string())?;
        if let Some(front) = &self.front {
            self.front = Some(Choice::new(&front.name, &front.params.texts()).map_err(|e| e.to_string())?);
        }
        let Normalisation { mean, std } = &self.normalisation;
        let channels = self.shape.channels;
        let sound = mean.len() == channels && std.len() == channels;
        if !sound || mean.iter().any(|m| !m.is_finite()) || std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err("mean and standard deviation do not fit the image shape".into());
        }
        Ok(self)
    }

    /// A network of this kind, whose weights are still to be restored.
    fn build(&self, device: &Device) -> Result<Box<dyn Network>> {
        let (front, classes) = (self.front.as_ref(), self.classes.len());
        build(&self.network, &self.params, front, self.shape, classes, 0, device)
    }
}

impl Model {
    pub(crate) fn new(info: ModelInfo, network: Box<dyn Network>) -> Self {
        Self { info, network }
    }

    /// A model of given tensors, for instance trained elsewhere; an error says what does not fit.
    pub fn from_state(info: ModelInfo, state: &State) -> Result<Self, String> {
        Self::from_state_on(info, state, DeviceKind::Cpu)
    }

    /// Likewise, on another device.
    pub fn from_state_on(info: ModelInfo, state: &State, device: DeviceKind) -> Result<Self, String> {
        let info = info.checked()?;
        let network = device.open().and_then(|device| info.build(&device));
        let mut network = network.map_err(|e| e.to_string())?;
        network.restore(state)?;
        Ok(Self::new(info, network.inference()))
    }

    /// Reads a model file. Names and shapes of the tensors are checked before they are used.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is missing, cut short, altered, or no model.
    pub fn load(path: &Path) -> Result<Self> {
        let (info, state) = file::read(path)?;
        Self::from_state(info, &state).map_err(|problem| Error::input(path, problem))
    }

    /// Likewise, on another device.
    pub fn load_on(path: &Path, device: DeviceKind) -> Result<Self> {
        let (info, state) = file::read(path)?;
        Self::from_state_on(info, &state, device).map_err(|problem| Error::input(path, problem))
    }

    /// The same model with tensors from any safetensors file, for instance one that PyTorch wrote.
    /// What PyTorch counts besides (`num_batches_tracked`) is left out.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is missing, cut short or altered, or that does not hold exactly the
    /// tensors of this network.
    pub fn with_weights(&self, path: &Path) -> Result<Self> {
        let mut state = file::read_tensors(path)?;
        state.retain(|name, _| !name.ends_with("num_batches_tracked"));
        let mut info = self.info.clone();
        info.history.clear();
        state::compare(&self.state(), &state)
            .and_then(|()| Self::from_state(info, &state))
            .map_err(|problem| Error::input(path, problem))
    }

    /// Writes the tensors alone as a safetensors file, under PyTorch's names: no class names, nothing
    /// about the disguise.
    pub fn export(&self, path: &Path) -> Result<()> {
        file::write_tensors(path, &self.state())
    }

    /// Writes the model file, replacing one that is there, atomically and durably.
    pub fn save(&self, path: &Path) -> Result<()> {
        file::write(path, &self.info, &self.state())
    }

    /// What is known about the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Notes what the images were disguised with.
    pub fn set_disguise(&mut self, disguise: BTreeMap<String, serde_json::Value>) {
        self.info.disguise = disguise;
    }

    /// All weights by name, as PyTorch names and lays them out.
    pub fn state(&self) -> State {
        self.network.state()
    }

    /// The network itself, for attacks that follow its gradients.
    pub fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    /// Logits of each image, `classes` values per image, computed `batch` images at a time. Every
    /// encoding of a picture has its own.
    pub fn logits(&self, examples: &Examples, batch: usize) -> Result<Vec<f32>> {
        evaluation::logits(self.network(), &self.info, examples, batch)
    }

    /// Log-probabilities of each class, one row for each picture: where pictures have several encodings, of
    /// the mean of their softmax outputs.
    pub fn log_probabilities(&self, examples: &Examples, batch: usize) -> Result<Vec<f32>> {
        evaluation::log_probabilities(self.network(), &self.info, examples, batch)
    }

    /// What the last layer is fed with, one row for each image, and how long a row is. Of networks that do
    /// not part with it, the logits.
    pub fn embeddings(&self, examples: &Examples, batch: usize) -> Result<(usize, Vec<f32>)> {
        evaluation::embeddings(self.network(), &self.info, examples, batch)
    }

    /// The model as something to follow gradients through.
    ///
    /// # Errors
    /// [`Error::Examples`] if the weights do not fit the network, which no model has.
    pub fn differentiable(&self) -> Result<Differentiable> {
        let device = self.network.device().autodiff();
        let mut network = self.info.build(&device)?;
        network.restore(&self.state()).map_err(Error::Examples)?;
        Ok(Differentiable::new(self.info.clone(), network.frozen(), device))
    }

    /// Compares the model's answers with the labels; with soft labels alone, with the class that has
    /// the largest weight. Where pictures have several encodings, the softmax outputs of all of
    /// them are averaged and the picture is counted once. `batch` images are computed at a time.
    ///
    /// # Errors
    /// [`Error::Shape`] for images of another shape, [`Error::Label`] for labels that name no class,
    /// [`Error::Examples`] for examples without labels or with encodings that do not come out even.
    pub fn evaluate(&self, examples: &Examples, batch: usize) -> Result<Evaluation> {
        evaluation::evaluate(self.network(), &self.info, examples, batch)
    }

    /// The class of each picture, from the mean of the softmax outputs of its encodings. What the
    /// labels say has no influence.
    ///
    /// # Errors
    /// [`Error::Shape`] for images of another shape, [`Error::Examples`] for encodings that do not
    /// come out even.
    pub fn predict(&self, examples: &Examples) -> Result<Vec<Prediction>> {
        evaluation::predict(self.network(), &self.info, examples, 128)
    }
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self::new(self.info.clone(), self.network.inference())
    }
}
