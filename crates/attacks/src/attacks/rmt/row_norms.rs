//! `rmt-row-norms`: what orthogonal matrices show without any pair (ATTACKS, 4.3).

use super::{Model, solve::paint, unfit};
use crate::{AttackInfo, Error, Exposure, Level, Needs, Outcome, Result};

pub(in crate::attacks) static INFO: AttackInfo = AttackInfo {
    name: "rmt-row-norms",
    title: "Row norms of RMT",
    paper: "this project",
    summary: "shows the length of each row of a block, which an orthogonal matrix keeps: the picture at \
              full height and 1/b of its width; moved blocks stay where they were moved to",
    level: Level::Disguised,
    applies: &["rmt"],
    needs: Needs::Nothing,
    params: &[],
    helpers: None,
    trains: false,
    run: |exposure, _, _, _, progress| {
        progress(0.0, "row norms");
        run(exposure)
    },
};

fn run(exposure: &Exposure) -> Result<Outcome> {
    let model = Model::of("rmt-row-norms", &exposure.target)?;
    if !model.orthogonal {
        let problem = "only orthogonal matrices keep the length of rows".into();
        return Err(unfit("rmt-row-norms", &exposure.target, problem));
    }
    if exposure.disguised.is_empty() {
        return Err(Error::Exposure(
            "rmt-row-norms needs a disguised image at least".into(),
        ));
    }
    let side = model.side;
    let (shift, variance, back) = (model.disguised_shift(), model.variance(), model.plain_shift());
    let picture = paint(&model, &model.straight(), &exposure.disguised, |_, rows, out| {
        for (y, x) in rows.chunks_exact(side).zip(out.chunks_exact_mut(side)) {
            let square = y.iter().map(|v| (v + shift).powi(2)).sum::<f64>() / side as f64;
            x.fill(((square - variance).max(0.0).sqrt() - back) as f32);
        }
    })?;
    let mut outcome = Outcome::pictures(picture);
    outcome
        .figures
        .insert("disguised_order", f64::from(u8::from(model.shuffled)));
    Ok(outcome)
}
