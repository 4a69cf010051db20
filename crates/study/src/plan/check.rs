//! What can be told without looking at schemes and networks.

use super::Planner;
use crate::{Result, text::NameList};
use std::collections::BTreeSet;
use toml::Spanned;

impl<'a> Planner<'a> {
    /// Refuses what can be told without looking at schemes and networks.
    pub(super) fn check(&self) -> Result<()> {
        let text = self.text;
        self.plain_name(&text.name)?;
        let missing = |what: &str| {
            Err(self
                .source
                .fail(0, format!("there is no {what}: a study has at least one")))
        };
        if text.dataset.is_empty() {
            return missing("[[dataset]]");
        }
        if text.scheme.is_empty() {
            return missing("[[scheme]]");
        }
        if text.network.is_empty() && text.attack.is_empty() {
            return missing("[[network]] and no [[attack]]");
        }
        let mut names = BTreeSet::new();
        for dataset in &text.dataset {
            self.plain_name(&dataset.name)?;
            if !names.insert(dataset.name.get_ref()) {
                let problem = format!(
                    "a second data set is called {:?}: rename one",
                    dataset.name.get_ref()
                );
                return Err(self.source.fail(dataset.name.span().start, problem));
            }
        }
        let schemes = self.names(text.scheme.iter().map(|s| (&s.name, &s.label)));
        let networks = self.names(text.network.iter().map(|n| (&n.name, &n.label)));
        let datasets = names.into_iter().map(String::as_str).collect();
        for scheme in &text.scheme {
            self.known("data set", &scheme.datasets, &datasets)?;
            self.known("network", &scheme.networks, &networks)?;
        }
        for network in &text.network {
            self.known("data set", &network.datasets, &datasets)?;
            self.known("scheme", &network.schemes, &schemes)?;
        }
        for attack in &text.attack {
            self.known("data set", &attack.datasets, &datasets)?;
            self.known("scheme", &attack.schemes, &schemes)?;
        }
        Ok(())
    }

    /// Names that become names of files.
    fn plain_name(&self, name: &Spanned<String>) -> Result<()> {
        let text = name.get_ref();
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !text.is_empty() && text.len() <= 40 && text.chars().all(good) {
            return Ok(());
        }
        let problem = format!("{text:?} is no name: write up to 40 of a-z, 0-9, - and _");
        Err(self.source.fail(name.span().start, problem))
    }

    fn names(
        &self,
        all: impl Iterator<Item = (&'a Spanned<String>, &'a Option<String>)>,
    ) -> BTreeSet<&'a str> {
        all.flat_map(|(name, label)| [Some(name.get_ref()), label.as_ref()])
            .flatten()
            .map(String::as_str)
            .collect()
    }

    /// Refuses restrictions to what is not there, which would leave cells out in silence.
    fn known(&self, what: &str, given: &NameList, known: &BTreeSet<&str>) -> Result<()> {
        let unknown = |name: &&Spanned<String>| !known.contains(name.get_ref().as_str());
        let Some(name) = given.iter().flatten().find(unknown) else {
            return Ok(());
        };
        let list: Vec<&str> = known.iter().copied().collect();
        let problem = format!(
            "this study has no {what} {:?}, it has {}",
            name.get_ref(),
            list.join(", ")
        );
        Err(self.source.fail(name.span().start, problem))
    }
}
