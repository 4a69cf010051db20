//! Schemes with their parameters.

use super::Planner;
use crate::{
    Disguise, PLAIN, Result,
    text::{DepthText, SchemeText, Settings},
};
use std::collections::BTreeMap;
use toml::Spanned;
use visard_core::{Error, SchemeInfo, params::Params, schemes};
use visard_data::Depth;

impl Planner<'_> {
    /// A scheme with every combination of its parameters.
    pub(super) fn variants(&self, text: &SchemeText) -> Result<Vec<Disguise>> {
        let Some(info) = self.scheme(text)? else {
            return Ok(vec![Disguise::plain()]);
        };
        if let Some((name, value)) = text.test.iter().find(|(name, _)| *name != "encodings") {
            let problem = format!("test.{name}: of test images only `encodings` may be others");
            return Err(self.source.fail(value.span().start, problem));
        }
        let mut found = Vec::new();
        for set in self.products(&text.set)? {
            let params = self.params(info, &text.set, &set)?;
            self.check_public(info, text, &params)?;
            for test in self.products(&text.test)? {
                let both: BTreeMap<String, String> = set.clone().into_iter().chain(test).collect();
                let other = self.params(info, &text.test, &both)?;
                found.push(Disguise {
                    name: info.name.into(),
                    test: (other != params).then_some(other),
                    params: params.clone(),
                    public: text.public.as_ref().map(|public| public.get_ref().clone()),
                    depth: text.depth.map(|depth| match depth {
                        DepthText::Eight => Depth::U8,
                        DepthText::Float => Depth::F32,
                    }),
                });
            }
        }
        Ok(found)
    }

    fn check_public(&self, info: &'static SchemeInfo, text: &SchemeText, params: &Params) -> Result<()> {
        let mixes = (info.build)(params)?.mixes_public();
        match &text.public {
            Some(public) if !mixes => {
                let problem = format!(
                    "{} with these parameters blends no public images in: leave public out",
                    info.name
                );
                Err(self.source.fail(public.span().start, problem))
            }
            None if mixes => {
                let problem = "blends public images in: name their data set, public = \"FOLDER\"";
                Err(self.source.fail(text.name.span().start, problem))
            }
            _ => Ok(()),
        }
    }

    /// The registry entry of a scheme; none for plain images.
    fn scheme(&self, text: &SchemeText) -> Result<Option<&'static SchemeInfo>> {
        let name = text.name.get_ref();
        if name == PLAIN {
            let set = text.set.values().chain(text.test.values()).map(Spanned::span);
            let set = set.chain(text.public.as_ref().map(Spanned::span)).next();
            return match set {
                Some(span) => Err(self
                    .source
                    .fail(span.start, "plain images have no parameters: leave them out")),
                None => Ok(None),
            };
        }
        schemes::find(name).map(Some).map_err(|_| {
            let known: Vec<&str> = schemes::ALL.iter().map(|info| info.name).collect();
            let problem = format!(
                "no scheme is called {name:?}; there are {PLAIN}, {}",
                known.join(", ")
            );
            self.source.fail(text.name.span().start, problem)
        })
    }

    fn params(
        &self,
        info: &'static SchemeInfo,
        given: &Settings,
        set: &BTreeMap<String, String>,
    ) -> Result<Params> {
        let params = Params::resolve(info.params, set);
        let checked = params.and_then(|params| (info.build)(&params).map(|_| params));
        checked.map_err(|error| self.source.fail(place(given, &error), error))
    }

    /// Every combination of values.
    pub(super) fn products(&self, given: &Settings) -> Result<Vec<BTreeMap<String, String>>> {
        let mut all = vec![BTreeMap::new()];
        for (name, values) in given {
            let texts = values.get_ref().texts();
            if texts.is_empty() {
                let problem = format!("{name} is an empty list: give it a value, or leave it out");
                return Err(self.source.fail(values.span().start, problem));
            }
            let more = |one: &BTreeMap<String, String>, text: &String| {
                let mut one = one.clone();
                one.insert(name.clone(), text.clone());
                one
            };
            all = all
                .iter()
                .flat_map(|one| texts.iter().map(move |text| more(one, text)))
                .collect();
        }
        Ok(all)
    }
}

/// Where the value stands that a complaint is about, or else the first.
pub(super) fn place(given: &Settings, complaint: &Error) -> usize {
    let named = match complaint {
        Error::Parameter { name, .. } => given.get(name),
        _ => None,
    };
    let first = || given.values().min_by_key(|value| value.span().start);
    named.or_else(first).map_or(0, |value| value.span().start)
}
