//! The cells in which each attack on a model is played: what the model was trained on, and what it is asked with.

use crate::Access;
use serde::{Deserialize, Serialize};
use visard_attacks::model::Aim;

/// What a model was trained on, and the form of the images that it is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// A model of disguised images, plain queries: an outsider without any key. Shadow models are trained on images
    /// disguised under a key of the adversary's own.
    Outsider,
    /// A model of disguised images, queries disguised under a key of the adversary's own: all that an outsider can
    /// send where plain images do not fit the model, and as good as the owner's where a disguise mixes images
    /// without a lasting secret.
    Stranger,
    /// A model of disguised images, queries disguised under the key that an attack recovered.
    Chain,
    /// A model of disguised images, queries disguised under its own key: the bound.
    Holder,
    /// A model of plain images, plain queries: the control.
    Control,
    /// A model of plain images, queries disguised under the key.
    Crossed,
}

impl Cell {
    /// All of them, those that verdicts rest on first.
    pub const ALL: [Self; 6] = [
        Self::Outsider,
        Self::Stranger,
        Self::Chain,
        Self::Holder,
        Self::Control,
        Self::Crossed,
    ];

    /// The adversary whose verdict rests on the cell, if one does.
    pub fn access(self) -> Option<Access> {
        match self {
            Self::Outsider | Self::Stranger => Some(Access::Model),
            Self::Chain => Some(Access::Opened),
            Self::Holder | Self::Control | Self::Crossed => None,
        }
    }

    /// Who that is, for heads of tables and legends.
    pub fn who(self) -> &'static str {
        match self {
            Self::Outsider => "outsider",
            Self::Stranger => "outsider, own key",
            Self::Chain => "recovered key",
            Self::Holder => "true key",
            Self::Control => "plain model",
            Self::Crossed => "plain model, disguised queries",
        }
    }

    /// What the model was trained on and is asked with, in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Outsider => "model of disguised images, asked with plain ones",
            Self::Stranger => {
                "model of disguised images, asked with images disguised under a key of the adversary's own"
            }
            Self::Chain => "model of disguised images, asked with images disguised under a recovered key",
            Self::Holder => "model of disguised images, asked with images disguised under its key: the bound",
            Self::Control => "model of plain images, asked with plain ones: the control",
            Self::Crossed => "model of plain images, asked with disguised ones",
        }
    }

    /// Whether the model was trained on disguised images.
    pub fn is_disguised(self) -> bool {
        !matches!(self, Self::Control | Self::Crossed)
    }

    /// Whether attacks with that aim are played in the cell: what a class looks like is read from the weights, so
    /// that queries make no difference but for who takes the disguise off again.
    pub(super) fn is_for(self, aim: Aim) -> bool {
        aim != Aim::Inversion || !matches!(self, Self::Stranger | Self::Crossed)
    }
}
