//! From text to cells.

mod common;

use common::{complaint, study};
use visard_study::{Study, Task};

const HEAD: &str = "name = \"s\"\n[[dataset]]\nname = \"tiny\"\n";
const MLP: &str = "[[network]]\nname = \"mlp\"\n";

#[test]
fn lists_multiply_and_equal_cells_are_run_once() {
    let text = format!(
        "{HEAD}[[scheme]]\nname = \"rmt\"\nset.block = [2, 4]\nset.noise = [0, 25.0]\n[[scheme]]\nname = \"rmt\"\n{MLP}\
         seeds_dummy = 0"
    );
    assert!(complaint(&text).contains("seeds_dummy"));
    let text = text
        .replace("seeds_dummy = 0", "")
        .replace("name = \"s\"", "name = \"s\"\nseeds = [0, 1]");
    // rmt at its defaults is one of the four.
    assert_eq!(study(&text).cells.len(), 8);
}

#[test]
fn names_of_cells_are_stable_and_say_what_differs_from_the_defaults() {
    let names = |text: &str| -> Vec<String> { study(text).cells.iter().map(|cell| cell.slug()).collect() };
    let text = format!(
        "{HEAD}[[scheme]]\nname = \"rmt\"\nset.block = [4, 2]\nset.noise = 25\n[[network]]\nname = \"cnn\"\nepochs = 3\n"
    );
    let [a, b] = &names(&text)[..] else {
        panic!("two cells")
    };
    assert!(a.starts_with("tiny.rmt-noise=25.cnn+block.s0-"), "{a}");
    assert!(
        b.starts_with("tiny.rmt-block=2-noise=25.cnn+block-block=2.s0-"),
        "{b}"
    );
    // Defaults that are written out change nothing, other settings do.
    let same = text.replace("set.noise = 25", "set.noise = 25\nset.shuffle = true");
    assert_eq!(names(&same), names(&text));
    let other = names(&text.replace("epochs = 3", "epochs = 4"));
    assert_eq!(a[..a.len() - 8], other[0][..a.len() - 8]);
    assert_ne!(a, &other[0]);
}

#[test]
fn fronts_and_their_blocks_follow_the_scheme_unless_the_study_says_otherwise() {
    let text = format!(
        "{HEAD}[[scheme]]\nname = \"plain\"\n[[scheme]]\nname = \"tanaka\"\nset.block = 2\n[[network]]\nname = \"cnn\"\n\
         [[network]]\nname = \"cnn\"\nfront = [\"none\", \"le\"]\nfront_set.features = 8\nschemes = [\"tanaka\"]\n"
    );
    let text = text.replace("front = [\"none\", \"le\"]", "front = [\"le\"]");
    let cells = study(&text).cells;
    let fronts: Vec<Option<(String, String)>> = cells
        .iter()
        .map(|cell| match &cell.task {
            Task::Train(config) => config
                .front
                .as_ref()
                .map(|f| (f.name.clone(), f.params.texts()["block"].clone())),
            Task::Audit(_) => None,
        })
        .collect();
    let front = |name: &str| Some((name.to_string(), "2".to_string()));
    assert_eq!(fronts, [None, front("block"), front("le")]);
}

#[test]
fn settings_of_the_training_are_those_of_the_library() {
    let text = format!(
        "{HEAD}[[scheme]]\nname = \"plain\"\n{MLP}optimizer = \"adamw\"\nlr = 0.001\nclip = 1\nlabel_smoothing = 0.1\n\
         schedule = \"one-cycle\"\naugment = {{ flip = true }}\nset.hidden1 = 32\n"
    );
    let cells = study(&text).cells;
    let config = cells[0].training().unwrap();
    assert_eq!(
        (config.lr, config.clip, config.label_smoothing),
        (0.001, Some(1.0), 0.1)
    );
    assert!(config.augment.flip && config.augment.shift == 0);
    // The customary one of the optimiser, where the study gives none.
    assert_eq!(
        config.weight_decay,
        visard_learn::OptimizerKind::Adamw.weight_decay()
    );
}

#[test]
fn attacks_are_played_once_on_each_disguise_and_never_on_plain_images() {
    let text = format!(
        "{HEAD}[[scheme]]\nname = \"plain\"\n[[scheme]]\nname = \"instahide\"\ntest.encodings = [1, 4]\n{MLP}\
         [[attack]]\nkind = \"audit\"\nlevels = [\"1+public\", \"1\"]\n"
    );
    let cells = study(&text).cells;
    let audits = cells.iter().filter(|cell| matches!(cell.task, Task::Audit(_)));
    assert_eq!((cells.len(), audits.count()), (4, 1));
    assert!(
        cells
            .iter()
            .any(|cell| cell.slug().contains("instahide-test-encodings=4.mlp"))
    );
}

#[test]
fn mistakes_are_told_with_their_line_and_the_mend() {
    let whole = |part: &str| format!("{HEAD}{part}\n{MLP}");
    for (text, line, told) in [
        (
            whole("[[scheme]]\nname = \"rmtt\""),
            5,
            "there are plain, rmt, aes",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\nset.blok = 4"),
            6,
            "known are block",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\nset.block = [2, 999]"),
            6,
            "from",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\nset.block = []"),
            6,
            "empty list",
        ),
        (
            whole("[[scheme]]\nname = \"plain\"\nset.block = 4"),
            6,
            "no parameters",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\nblock = 4"),
            6,
            "unknown field `block`",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\nnetworks = [\"cnn\"]"),
            6,
            "it has mlp",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\ndatasets = [\"cifar\"]"),
            6,
            "it has tiny",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\npublic = \"photos\""),
            6,
            "leave public out",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\ntest.block = 2"),
            6,
            "only `encodings`",
        ),
        (
            whole("[[scheme]]\nname = \"instahide\"\nset.cross = true"),
            5,
            "public =",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"") + "epochs = \"six\"\n",
            8,
            "epochs: invalid type",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"") + "epochs = 0\n",
            8,
            "at least 1",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"") + "epoch = 1\n",
            8,
            "unknown field `epoch`",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"") + "front = \"blok\"\n",
            8,
            "auto, none, block",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"") + "augment = { flop = true }\n",
            8,
            "known are",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\n[[network]]\nname = \"lenet\""),
            7,
            "there are cnn",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\n[[attack]]\nkind = \"gan\""),
            7,
            "there is \"audit\"",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\n[[attack]]\nkind = \"audit\"\nlevels = [\"4\"]"),
            8,
            "unknown variant",
        ),
        (
            whole("[[scheme]]\nname = \"rmt\"\n[[dataset]]\nname = \"tiny\""),
            7,
            "rename one",
        ),
        (HEAD.into(), 1, "there is no [[scheme]]"),
        (
            format!("{HEAD}[[scheme]]\nname = \"rmt\"\n"),
            1,
            "there is no [[network]]",
        ),
        (String::new(), 1, "missing field `name`"),
        ("name = \"A b\"\n".into(), 1, "is no name"),
        ("name = \"s\"\nseeds = [".into(), 2, "study.toml"),
        (
            HEAD.replace("name = \"s\"", "name = \"s\"\nseeds = []") + "[[scheme]]\nname = \"rmt\"\n" + MLP,
            2,
            "seeds = [0]",
        ),
    ] {
        let complaint = complaint(&text);
        assert!(complaint.starts_with("study.toml, line "), "{complaint}");
        assert!(
            complaint.starts_with(&format!("study.toml, line {line}:")),
            "{complaint}\n{text}"
        );
        assert!(complaint.contains(told), "{complaint}\n{text}");
    }
}

#[test]
fn the_studies_of_the_project_can_be_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/learning");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let study = Study::read(&path).unwrap();
            assert_eq!(study.name, path.file_stem().unwrap().to_string_lossy());
            assert!(study.claims.is_some_and(|claims| claims.is_file()));
            count += 1;
        }
    }
    assert!(count >= 8);
}
