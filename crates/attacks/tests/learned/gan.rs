//! Adversarial networks, with pairs and without.

use crate::stage::{Stage, mean_psnr, psnr, run, run_within, textures};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use visard_attacks::{Budget, Error, Outcome, Verdict};
use visard_core::Shape;

const GREY: Shape = Shape::new(16, 16, 1);

/// Refuses pictures that show the same everywhere, or are all the same.
fn check(outcome: &Outcome, count: usize) {
    let pictures = outcome.reconstructions.as_ref().unwrap();
    let (len, bytes) = (pictures.shape().len(), pictures.as_bytes().unwrap());
    assert_eq!(pictures.len(), count);
    for picture in bytes.chunks(len) {
        let (low, high) = (picture.iter().min().unwrap(), picture.iter().max().unwrap());
        assert!(high - low > 8, "flat: {low} to {high}");
    }
    assert!(bytes[..len] != bytes[len..2 * len]);
    for name in ["critic_loss", "generator_loss"] {
        assert!(outcome.figures[name].is_finite(), "{:?}", outcome.figures);
    }
}

#[test]
fn pictures_without_pairs_are_finite_and_not_flat() {
    let (truth, public) = (textures(GREY, 24, 1), textures(GREY, 40, 700));
    for (scheme, network) in [("negpos", "unet"), ("tanaka", "unet"), ("negpos", "blocks")] {
        let exposure = Stage::new(scheme, &[], GREY).exposure(&truth);
        let exposure = exposure.with_public(public.clone()).unwrap();
        let outcome = run("gan", &exposure, &[("steps", "15"), ("network", network)]).unwrap();
        assert_eq!(outcome.verdict, Verdict::Complete);
        assert_eq!(outcome.figures["steps"], 15.0);
        check(&outcome, 24);
        let again = run("gan", &exposure, &[("steps", "15"), ("network", network)]).unwrap();
        assert_eq!(outcome.reconstructions, again.reconstructions);
    }
}

/// A simulation in another framework came to 18.5 dB, the mean image has 12.
#[test]
fn pairs_draw_the_painter_to_the_truth() {
    let (known, truth) = (textures(GREY, 160, 1), textures(GREY, 40, 500));
    let exposure = Stage::new("negpos", &[], GREY).paired(&truth, &known);
    let given = [("first", "none"), ("lr", "0.001"), ("steps", "60")];
    let outcome = run("gan-paired", &exposure, &given).unwrap();
    check(&outcome, 40);
    let (found, mean) = (psnr(&truth, &outcome), mean_psnr(&truth, &known));
    let figures = &outcome.figures;
    assert!(found > mean + 3.0, "{found} dB, mean {mean} dB, {figures:?}");
    assert!(
        figures["held_out_psnr_gan"] > figures["held_out_psnr_lines"] + 2.0,
        "{figures:?}"
    );
}

#[test]
fn what_stage_one_reads_exactly_is_left_as_it_is() {
    let (known, truth) = (textures(GREY, 20, 1), textures(GREY, 5, 500));
    let exposure = Stage::new("negpos", &[], GREY).paired(&truth, &known);
    let outcome = run("gan-paired", &exposure, &[]).unwrap();
    assert_eq!(outcome.reconstructions.unwrap(), truth);
    assert!(!outcome.figures.contains_key("critic_loss"));
    // Where it does not, its pictures are corrected.
    let stage = Stage::new("rmt", &[("noise", "100"), ("shuffle", "false")], GREY);
    let exposure = stage.paired(&truth, &known);
    let first = run("span", &exposure, &[]).unwrap();
    let outcome = run("gan-paired", &exposure, &[("steps", "10"), ("lr", "0.01")]).unwrap();
    check(&outcome, 5);
    assert!(psnr(&truth, &outcome) > psnr(&truth, &first) - 3.0);
    assert_ne!(outcome.reconstructions, first.reconstructions);
}

#[test]
fn too_little_is_refused() {
    let public = textures(GREY, 10, 1);
    let few = Stage::new("skk", &[], GREY).exposure(&textures(GREY, 7, 500));
    let refused = |exposure| match run("gan", &exposure, &[]) {
        Err(Error::Exposure(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert!(refused(few.with_public(public.clone()).unwrap()).contains("disguised images"));
    let enough = textures(GREY, 8, 500);
    let bare = Stage::new("skk", &[], GREY).exposure(&enough);
    assert!(refused(bare).contains("public images"));
    let large = Stage::new("skk", &[], GREY).exposure(&enough);
    let large = large.with_public(textures(Shape::new(32, 32, 1), 10, 1));
    assert!(refused(large.unwrap()).contains("16x16x1"));
    let narrow = Shape::new(3, 16, 1);
    let exposure = Stage::new("skk", &[], narrow).exposure(&textures(narrow, 8, 500));
    let exposure = exposure.with_public(textures(narrow, 10, 1)).unwrap();
    let found = run("gan", &exposure, &[]);
    assert!(
        matches!(found, Err(Error::Unfit { attack: "gan", .. })),
        "{found:?}"
    );
}

#[test]
fn a_spent_budget_is_said() {
    let (known, truth) = (textures(GREY, 24, 1), textures(GREY, 10, 500));
    let exposure = Stage::new("ffx", &[], GREY).paired(&truth, &known);
    let exposure = exposure.with_public(known).unwrap();
    for name in ["itn", "itn-other-keys", "gan", "gan-paired"] {
        for budget in [
            Budget::new(Some(Duration::ZERO), 8 << 30),
            Budget::new(None, 1 << 12),
        ] {
            let found = run_within(name, &exposure, &[], &budget, &|_, _| {}).unwrap();
            assert!(
                matches!(&found.verdict, Verdict::Inconclusive(why) if why.len() > 10),
                "{name}: {found:?}"
            );
        }
    }
}

#[test]
fn what_was_learned_in_part_is_shown() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let (public, truth) = (textures(GREY, 24, 1), textures(GREY, 10, 500));
    let exposure = Stage::new("ffx", &[], GREY).exposure(&truth);
    let exposure = exposure.with_public(public).unwrap();
    for name in ["gan", "itn-other-keys"] {
        STOP.store(false, Ordering::Relaxed);
        let stop = |_: f64, doing: &str| {
            if doing.starts_with("training") {
                STOP.store(true, Ordering::Relaxed);
            }
        };
        let budget = Budget::stoppable(None, 8 << 30, &STOP);
        let found = run_within(name, &exposure, &[], &budget, &stop).unwrap();
        let Verdict::Inconclusive(why) = &found.verdict else {
            panic!("{name}: {found:?}");
        };
        assert!(why.contains("after 1 of"), "{name}: {why}");
        assert_eq!(found.reconstructions.unwrap().len(), 10, "{name}");
    }
}
