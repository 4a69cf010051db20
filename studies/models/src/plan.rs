//! What the study measures: sections, schemes, attacks and sizes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use study_attacks::disguised::{Given, texts};
use visard_learn::TrainConfig;

/// Settings with their values, that outlive everything.
pub(crate) type Fixed = Given<'static>;

/// The image set of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Fashion-MNIST, 28x28x1, ten classes.
    Fashion,
    /// 100 faces and 100 other pictures, cut to 24x24x1, two classes.
    Faces,
}

/// How many pictures of each kind there are, and how often everything is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    /// Pictures that a model is trained on.
    pub(crate) members: usize,
    /// Pictures in question that it was not trained on.
    pub(crate) others: usize,
    /// Labelled pictures of the adversary's own.
    pub(crate) own: usize,
    /// Pictures that an adversary blends its own with; 0 for its own ones.
    pub(crate) partners: usize,
    /// Pictures of the test part; 0 where those that no model was trained on stand for them.
    pub(crate) test: usize,
    /// Models with keys and splits of their own, whose scores are judged together.
    pub(crate) repeats: u64,
    /// Likewise for inverted pictures, of which a model gives no more than it has classes.
    pub(crate) inversions: u64,
    /// Pairs that a key is recovered from.
    pub(crate) pairs: usize,
}

/// What a model is trained on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Name in records.
    pub(crate) name: &'static str,
    /// Name in words.
    pub(crate) title: &'static str,
    /// Scheme and its settings; none for plain images.
    pub(crate) scheme: Option<(&'static str, Fixed)>,
    pub(crate) net: Net,
    /// Passes over the training images.
    pub(crate) epochs: usize,
    /// The attack of level 2 that is run for the key, and the arrays that a key cannot do without.
    pub(crate) breaks: Option<(&'static str, &'static [&'static str])>,
}

/// A network, small enough that many shadows of it can be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Net {
    Mlp,
    Cnn,
}

impl Net {
    /// How it is trained.
    pub(crate) fn recipe(self, epochs: usize, seed: u64) -> anyhow::Result<TrainConfig> {
        let (name, given): (&str, Fixed) = match self {
            Self::Mlp => ("mlp", &[("hidden1", "256"), ("hidden2", "64"), ("dropout", "0")]),
            Self::Cnn => (
                "cnn",
                &[
                    ("width1", "8"),
                    ("width2", "16"),
                    ("width3", "32"),
                    ("dropout", "0"),
                ],
            ),
        };
        let mut config = TrainConfig::new(name, &texts(given))?;
        (config.epochs, config.batch, config.seed) = (epochs, 50, seed);
        Ok(config)
    }
}

/// An attack on models with its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) given: Fixed,
    /// Settings besides where the model's own form of pictures is at hand and disguised.
    pub(crate) disguised: Fixed,
}

impl Attack {
    /// An attack with its defaults, but for these settings.
    pub(crate) const fn new(name: &'static str, given: Fixed) -> Self {
        Self {
            name,
            given,
            disguised: &[],
        }
    }

    /// Its settings in a cell.
    pub(crate) fn settings(&self, column: Column) -> BTreeMap<String, String> {
        let mut settings = texts(self.given);
        if matches!(column, Column::Key | Column::Chain) {
            settings.extend(texts(self.disguised));
        }
        settings
    }
}

/// What the adversary sends to which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Column {
    /// Plain pictures to the model of plain pictures: what an attack can do where nothing is disguised.
    Control,
    /// Disguised pictures to the model of plain pictures.
    Foreign,
    /// Plain pictures to the model of disguised ones: an outsider without the key.
    Outsider,
    /// Pictures disguised with the key to the model of disguised ones.
    Key,
    /// Likewise, with the key that an attack on the images recovered.
    Chain,
}

impl Column {
    /// All, in the order of the tables.
    pub(crate) const ALL: [Self; 5] = [
        Self::Control,
        Self::Foreign,
        Self::Outsider,
        Self::Key,
        Self::Chain,
    ];

    /// Heading in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Control => "plain model, plain queries",
            Self::Foreign => "plain model, disguised queries",
            Self::Outsider => "disguised model, plain queries",
            Self::Key => "disguised model, queries under the key",
            Self::Chain => "disguised model, recovered key",
        }
    }

    /// Name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Foreign => "foreign",
            Self::Outsider => "outsider",
            Self::Key => "key",
            Self::Chain => "chain",
        }
    }
}

impl Case {
    /// The cells of the case, in which something is sent to a model.
    pub(crate) fn columns(&self) -> Vec<Column> {
        match self.scheme {
            None => vec![Column::Control],
            Some(_) => Column::ALL[1..].to_vec(),
        }
    }
}

/// A section that plays adversaries on models.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) sizes: Sizes,
    pub(crate) cases: Vec<Case>,
    pub(crate) attacks: Vec<Attack>,
    /// The cells that are measured.
    pub(crate) columns: &'static [Column],
}

impl Plan {
    /// The plain case that a case is compared with: the one with the same network.
    pub(crate) fn control(&self, case: &Case) -> Option<&Case> {
        self.cases
            .iter()
            .find(|other| other.scheme.is_none() && other.net == case.net)
    }

    /// Whether outsiders are measured beside the others, so that the claim can be judged.
    pub(crate) fn compares(&self) -> bool {
        self.columns.contains(&Column::Outsider)
    }

    /// The same, about a tenth as large, to try everything through.
    pub(crate) fn quick(mut self) -> Self {
        let sizes = &mut self.sizes;
        for count in [
            &mut sizes.members,
            &mut sizes.others,
            &mut sizes.own,
            &mut sizes.partners,
            &mut sizes.test,
        ] {
            // Half of a small set is left, for a tenth of it would teach no network anything.
            *count = if *count > 200 { *count / 10 } else { *count / 2 };
        }
        sizes.repeats = 1;
        sizes.inversions = sizes.inversions.min(2);
        for case in &mut self.cases {
            case.epochs = (case.epochs / 4).max(2);
        }
        for attack in &mut self.attacks {
            attack.given = QUICK
                .iter()
                .find(|(name, _)| *name == attack.name)
                .map_or(attack.given, |(_, given)| *given);
        }
        self
    }
}

/// Settings of the attacks in a quick run.
const QUICK: &[(&str, Fixed)] = &[
    ("mia-shadow", &[("shadows", "2")]),
    ("lira", &[("shadows", "4")]),
    ("lira-offline", &[("shadows", "4")]),
    ("rmia", &[("shadows", "2")]),
    ("mi-face", &[("alpha", "50")]),
    ("mi-prior", &[("alpha", "50")]),
    ("extraction", &[("queries", "200"), ("steps", "20")]),
    (
        "extraction-adaptive",
        &[
            ("queries", "100"),
            ("first", "20"),
            ("steps", "20"),
            ("rounds", "1"),
        ],
    ),
];

/// Plain images, for the networks that disguised ones are learned with.
pub(crate) const PLAIN: [Case; 2] = [
    Case {
        name: "plain",
        title: "plain images, mlp",
        scheme: None,
        net: Net::Mlp,
        epochs: 30,
        breaks: None,
    },
    Case {
        name: "plain-cnn",
        title: "plain images, cnn",
        scheme: None,
        net: Net::Cnn,
        epochs: 15,
        breaks: None,
    },
];

/// RMT, whose key follows from pairs by regression.
pub(crate) const fn rmt(name: &'static str, title: &'static str, given: Fixed) -> Case {
    Case {
        name,
        title,
        scheme: Some(("rmt", given)),
        net: Net::Mlp,
        epochs: 30,
        breaks: Some(("rmt-regression", &["R"])),
    }
}

/// AES, of which pairs give a book of blocks and no cipher.
pub(crate) const AES: Case = Case {
    name: "aes",
    title: "AES, blocks of 4",
    scheme: Some(("aes", &[("block", "4")])),
    net: Net::Mlp,
    epochs: 30,
    breaks: Some(("aes-codebook", &["keys"])),
};

/// InstaHide, whose encodings take no key to make.
pub(crate) const INSTAHIDE: Case = Case {
    name: "instahide",
    title: "InstaHide, two images, four encodings",
    scheme: Some(("instahide", &[("k", "2"), ("encodings", "4"), ("norm", "half")])),
    net: Net::Cnn,
    epochs: 6,
    breaks: None,
};
