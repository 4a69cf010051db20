//! What is played, what it may cost, and what came of it.

use crate::{Access, ModelSettings, Subjects, record::Audit, show::Example};
use std::{sync::atomic::AtomicBool, time::Duration};

/// What is played, and what it may cost.
#[derive(Clone, Debug)]
pub struct Options {
    /// Adversaries to play; those of a trained model only where [`Training`] says how it is trained.
    pub access: Vec<Access>,
    /// Numbers of known pairs for level 2, ascending.
    pub pairs: Vec<usize>,
    /// Time for the whole; `None` for no bound.
    pub time: Option<Duration>,
    /// Bytes of working storage for each attack.
    pub memory: u64,
    /// Seed of the attacks.
    pub seed: u64,
    /// Set from outside to stop.
    pub stop: &'static AtomicBool,
    /// Fingerprint of the key, for the record.
    pub fingerprint: String,
    /// The command that repeats the audit, for the record.
    pub command: String,
}

/// How far the audit is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Name of the attack that runs.
    pub attack: &'a str,
    /// Share of the whole that is done, 0 to 1.
    pub share: f64,
    /// What the attack is doing.
    pub doing: &'a str,
}

/// What an audit found, and pictures to show.
#[derive(Debug)]
pub struct Report {
    /// The record.
    pub audit: Audit,
    /// Pictures of attacks that make them.
    pub examples: Vec<Example>,
}

/// What is trained in an audit, which takes minutes more; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct Training {
    /// Also the attacks that train networks, and a network that names what recovered pictures show.
    pub attacks: bool,
    /// How the models of level M are trained; without it the level is not played.
    pub models: Option<ModelSettings>,
}

/// Whose pictures are shown.
#[derive(Clone, Copy)]
pub enum Show<'a> {
    /// None.
    Nothing,
    /// The owner's own, with their originals: whoever has the page then has pairs.
    Originals,
    /// Other images under another key of the same scheme, so that the page gives nothing away.
    Instead(&'a Subjects),
}
