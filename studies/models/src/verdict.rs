//! Where the claim holds, by rules alone.

use crate::{
    plan::{Case, Column},
    record::{Found, Measured, Record},
};

/// Standard deviations above its null from which a figure counts.
pub(crate) const BEYOND: f64 = 5.0;

/// Share of what the plain model gives away below which an outsider's figure counts as small.
pub(crate) const LITTLE: f64 = 0.1;

/// What becomes of the claim that a disguise protects a model, under one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    /// The attack finds nothing on the plain model either.
    Untold,
    /// A cell that it takes was not measured.
    Unmeasured,
    /// Neither an outsider nor whoever tries to recover the key gets anything.
    Holds,
    /// An outsider gets nothing; with the key that an attack on the images recovers, the model tells.
    UntilBroken,
    /// An outsider gets less than a tenth of what the plain model gives.
    FailsALittle,
    /// An outsider gets something.
    Fails,
}

impl Word {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Untold => "not tested",
            Self::Unmeasured => "not measured",
            Self::Holds => "holds",
            Self::UntilBroken => "holds only while the key is unbroken",
            Self::FailsALittle => "fails, by little",
            Self::Fails => "fails",
        }
    }
}

/// The figures of one attack on one disguise, beside those on the plain model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) control: Option<&'a Found>,
    pub(crate) foreign: Option<&'a Found>,
    pub(crate) outsider: Option<&'a Found>,
    pub(crate) key: Option<&'a Found>,
    pub(crate) chain: Option<&'a Found>,
    /// Why there is no chain, where that was found out.
    pub(crate) no_chain: Option<&'a str>,
    /// Whether queries in the model's own form take no key to make.
    pub(crate) keyless: bool,
}

impl<'a> Row<'a> {
    /// The row of an attack on the case, with the figures of `control`.
    pub(crate) fn of(record: &'a Record, case: &Case, control: &str, attack: &str) -> Self {
        let found = |column| record.found(case.name, column, attack);
        let chain = record.cell(case.name, Column::Chain, attack);
        Self {
            control: record.found(control, Column::Control, attack),
            foreign: found(Column::Foreign),
            outsider: found(Column::Outsider),
            key: found(Column::Key),
            chain: found(Column::Chain),
            no_chain: chain.and_then(|cell| match &cell.result {
                Measured::Empty(why) => Some(why.as_str()),
                Measured::Found(_) | Measured::Failed(_) => None,
            }),
            keyless: case.breaks.is_none(),
        }
    }

    /// The figures of whoever has no key: the larger where encodings take none to make.
    pub(crate) fn without_key(&self) -> Option<&'a Found> {
        match (self.outsider, self.key.filter(|_| self.keyless)) {
            (Some(a), Some(b)) => Some(if b.deviations() > a.deviations() { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    pub(crate) fn word(&self) -> Word {
        let Some(control) = self.control else {
            return Word::Unmeasured;
        };
        if !counts(control) {
            return Word::Untold;
        }
        let Some(open) = self.without_key() else {
            return Word::Unmeasured;
        };
        if counts(open) {
            return match share(open, control) < LITTLE {
                true => Word::FailsALittle,
                false => Word::Fails,
            };
        }
        match (self.chain, self.no_chain) {
            (Some(chain), _) if counts(chain) => Word::UntilBroken,
            (Some(_), _) | (None, Some(_)) => Word::Holds,
            (None, None) => Word::Unmeasured,
        }
    }
}

/// Whether a figure shows that something is told.
pub(crate) fn counts(found: &Found) -> bool {
    found.deviations() > BEYOND
}

/// What a figure has above its null, as a share of what the control has.
pub(crate) fn share(found: &Found, control: &Found) -> f64 {
    (found.value - found.null) / (control.value - control.null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Detail;

    fn auc(value: f64) -> Found {
        Found {
            value,
            null: 0.5,
            deviation: 0.01,
            unfinished: None,
            key_psnr: None,
            detail: Detail::Extraction(Vec::new()),
        }
    }

    fn word(figures: [Option<f64>; 4], no_chain: Option<&str>, keyless: bool) -> Word {
        let [control, outsider, key, chain] = figures.map(|figure| figure.map(auc));
        let row = Row {
            control: control.as_ref(),
            foreign: None,
            outsider: outsider.as_ref(),
            key: key.as_ref(),
            chain: chain.as_ref(),
            no_chain,
            keyless,
        };
        row.word()
    }

    #[test]
    fn the_words_follow_the_figures() {
        let at = |control, outsider, chain| {
            word(
                [Some(control), Some(outsider), Some(0.7), Some(chain)],
                None,
                false,
            )
        };
        assert_eq!(at(0.7, 0.51, 0.69), Word::UntilBroken);
        assert_eq!(at(0.7, 0.51, 0.54), Word::Holds);
        assert_eq!(at(0.7, 0.56, 0.69), Word::Fails);
        assert_eq!(at(0.54, 0.56, 0.69), Word::Untold);
        assert_eq!(at(1.2, 0.56, 0.69), Word::FailsALittle);
        // An outsider below chance has nothing.
        assert_eq!(at(0.7, 0.3, 0.5), Word::Holds);
    }

    #[test]
    fn without_a_chain_the_reason_decides() {
        let without = |why| word([Some(0.7), Some(0.5), Some(0.7), None], why, false);
        assert_eq!(without(Some("no key recovered")), Word::Holds);
        assert_eq!(without(None), Word::Unmeasured);
        assert_eq!(word([Some(0.7), None, None, None], None, false), Word::Unmeasured);
        assert_eq!(
            word([None, Some(0.5), None, Some(0.5)], None, false),
            Word::Unmeasured
        );
    }

    #[test]
    fn encodings_that_anybody_makes_are_an_outsiders() {
        let encoded = [Some(0.7), Some(0.5), Some(0.65), None];
        assert_eq!(word(encoded, Some("none"), true), Word::Fails);
        assert_eq!(word(encoded, Some("none"), false), Word::Holds);
    }
}
