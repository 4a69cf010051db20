//! What the adversary of each cell holds.

use super::{
    Cell,
    people::People,
    victims::{Victim, Victims, encode},
};
use crate::{KeyOracle, Oracle, Result};
use visard_attacks::{
    Set,
    model::{Forms, ModelExposure, Victim as Attacked},
};
use visard_learn::Examples;

/// All images, models and keys of level M.
pub(super) struct World<'a> {
    pub(super) people: &'a People,
    pub(super) victims: &'a Victims,
    pub(super) oracle: &'a dyn Oracle,
    pub(super) stranger: &'a dyn Oracle,
    pub(super) recovered: Option<KeyOracle<'a>>,
}

/// What the adversary of a cell holds, and what it is judged by.
pub(super) struct Opened<'a> {
    /// With members and others in question, the members first.
    pub(super) membership: ModelExposure<'a>,
    /// With others in question alone.
    pub(super) others: ModelExposure<'a>,
    /// What queries are disguised by, and disguises are taken off by, if anything.
    pub(super) source: Option<&'a dyn Oracle>,
    /// The others in the form that the model was trained on.
    pub(super) home: &'a Examples,
    /// The others in the other form, where the model takes it.
    pub(super) away: Option<&'a Examples>,
}

impl<'a> World<'a> {
    /// What the adversary of a cell holds; none where the cell is not played, because nobody has such a key, the
    /// model does not take such images, or an outsider's own key is worth no cell of its own.
    pub(super) fn open(&'a self, cell: Cell) -> Result<Option<Opened<'a>>> {
        if cell == Cell::Stranger && !self.has_stranger()? {
            return Ok(None);
        }
        let victim = self.victim(cell);
        let Some([train, query]) = self.sources(cell) else {
            return Ok(None);
        };
        let people = self.people;
        let shape = victim.model.info().shape;
        let sent = encode(query, &people.others, "query-others", people.classes)?;
        if sent.shape != shape {
            return Ok(None);
        }
        let forms = |set: &Set, split: &str, sent: Option<Examples>| -> Result<Forms> {
            Ok(Forms {
                train: encode(train, set, &format!("shadow-{split}"), people.classes)?,
                query: match sent {
                    Some(examples) => examples,
                    None => encode(query, set, &format!("query-{split}"), people.classes)?,
                },
            })
        };
        let others = forms(&people.others, "others", Some(sent))?;
        let own = forms(&people.own, "own", None)?;
        let members = forms(&people.members, "members", None)?;
        let candidates = members.join(&others)?;
        let exposure = |candidates: Forms, own: Forms| ModelExposure {
            victim: Attacked::open(&victim.model),
            recipe: &victim.recipe,
            trained_on: people.members.len(),
            candidates,
            own,
        };
        let away = match cell.is_disguised() {
            true => &self.victims.plain.others,
            false => &self.victims.disguised.others,
        };
        Ok(Some(Opened {
            membership: exposure(candidates, own.clone()),
            others: exposure(others, own),
            source: query,
            home: &victim.others,
            away: (away.shape == shape).then_some(away),
        }))
    }

    /// The model that a cell attacks.
    pub(super) fn victim(&self, cell: Cell) -> &Victim {
        match cell.is_disguised() {
            true => &self.victims.disguised,
            false => &self.victims.plain,
        }
    }

    /// What the adversary's own training images and its queries are disguised by.
    fn sources(&'a self, cell: Cell) -> Option<[Option<&'a dyn Oracle>; 2]> {
        let (owner, own) = (Some(self.oracle), Some(self.stranger));
        Some(match cell {
            Cell::Control => [None, None],
            Cell::Crossed => [None, owner],
            Cell::Outsider => [own, None],
            Cell::Stranger => [own, own],
            Cell::Holder => [owner, owner],
            Cell::Chain => {
                let recovered = self.recovered.as_ref()? as &dyn Oracle;
                [Some(recovered); 2]
            }
        })
    }

    /// Whether an outsider's own key is worth a cell of its own: where the disguise mixes images, which needs no
    /// lasting secret, and where plain images do not fit the model.
    fn has_stranger(&self) -> Result<bool> {
        let target = self.oracle.target()?;
        let fits = self.victims.disguised.model.info().shape == self.people.others.shape();
        Ok(target.scheme.mixes() || !fits)
    }

    /// Bytes that images of one cell take.
    pub(super) fn bytes(&self) -> u64 {
        let shape = self.victims.disguised.model.info().shape.len();
        let plain = self.people.others.shape().len();
        // Forms of members, others and own, some of them twice, as floats.
        (self.people.total() * 6 * (shape.max(plain)) * 4) as u64
    }
}
