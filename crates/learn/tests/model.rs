//! Model files: what is saved is what is loaded, and nothing else is loaded.

mod common;

use common::{classes, config, patterns, settings, small};
use std::{collections::BTreeMap, fs};
use visard_core::Shape;
use visard_learn::{Error, Model, Run, networks, train};

const SHAPE: Shape = Shape::new(8, 8, 2);

fn trained(network: &str) -> Model {
    let small: &[(&str, &str)] = match network {
        "mlp" => &[("hidden1", "16"), ("hidden2", "8")],
        "cnn" => &[("width1", "4"), ("width2", "4"), ("width3", "8")],
        _ => small(network),
    };
    let data = patterns(SHAPE, 3, 48, 1);
    let mut config = config(network, small);
    config.epochs = 2;
    let mut model = train(&config, &data, None, &classes(3), Run::default()).unwrap();
    model.set_disguise(BTreeMap::from([("scheme".to_string(), "rmt".into())]));
    model
}

#[test]
fn saved_models_answer_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let unseen = patterns(SHAPE, 3, 30, 5);
    for info in networks::ALL {
        let model = trained(info.name);
        let path = folder.path().join(info.name);
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!(model.info(), loaded.info());
        assert_eq!(model.state(), loaded.state());
        assert_eq!(model.predict(&unseen).unwrap(), loaded.predict(&unseen).unwrap());
        assert_eq!(model.logits(&unseen, 7).unwrap().len(), 90);
        // Saving over a file leaves the same bytes and no other file.
        let bytes = fs::read(&path).unwrap();
        loaded.save(&path).unwrap();
        assert!(
            bytes == fs::read(&path).unwrap(),
            "{}: the bytes change",
            info.name
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), networks::ALL.len());
}

#[test]
fn predictions_agree_with_the_evaluation_and_need_no_labels() {
    let model = trained("cnn");
    let mut unseen = patterns(SHAPE, 3, 30, 5);
    let evaluation = model.evaluate(&unseen, 8).unwrap();
    let labels = std::mem::take(&mut unseen.labels);
    let answers = model.predict(&unseen).unwrap();
    let right = answers
        .iter()
        .zip(&labels)
        .filter(|(a, l)| a.class == **l)
        .count();
    assert_eq!(right as u64, evaluation.correct);
    assert!(
        answers
            .iter()
            .all(|a| a.top.len() == 3 && a.top[0] == (a.class, a.probability))
    );
    assert!(matches!(model.evaluate(&unseen, 8), Err(Error::Examples(_))));
    let other = patterns(Shape::new(8, 9, 2), 3, 3, 1);
    assert!(matches!(model.predict(&other), Err(Error::Shape { .. })));
}

#[test]
fn tensors_carry_the_names_and_shapes_of_pytorch() {
    let shapes = |network| -> BTreeMap<String, Vec<usize>> {
        trained(network)
            .state()
            .into_iter()
            .map(|(name, v)| (name, v.shape))
            .collect()
    };
    let mlp = shapes("mlp");
    assert_eq!(mlp["fc1.weight"], [16, 128]);
    assert_eq!(mlp["head.bias"], [3]);
    let cnn = shapes("cnn");
    assert_eq!(cnn["stage1.conv.weight"], [4, 2, 3, 3]);
    assert_eq!(cnn["stage2.bn.running_var"], [4]);
    assert_eq!(cnn["stage3.bn.weight"], [8]);
    // Eight pixels a side are halved once.
    assert_eq!(cnn["head.weight"], [3, 8 * 16]);
    assert_eq!(cnn.len(), 3 * 5 + 2);
}

#[test]
fn running_statistics_have_moved_from_where_they_began() {
    let state = trained("cnn").state();
    assert!(
        state["stage1.bn.running_mean"]
            .values
            .iter()
            .any(|v| v.abs() > 1e-4)
    );
    assert!(
        state["stage1.bn.running_var"]
            .values
            .iter()
            .any(|v| (v - 1.0).abs() > 1e-3)
    );
}

#[test]
fn broken_files_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let refused = |bytes: &[u8], what: String| {
        fs::write(&path, bytes).unwrap();
        let result = Model::load(&path);
        assert!(matches!(result, Err(Error::Input { .. })), "{what}: {result:?}");
    };
    trained("mlp").save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in (0..300.min(bytes.len())).chain((300..bytes.len()).step_by(97)) {
        refused(&bytes[..length], format!("cut at {length}"));
    }
    for at in (0..bytes.len()).step_by(61) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        refused(&flipped, format!("bit flipped at {at}"));
    }
    refused(&[bytes.clone(), vec![0]].concat(), "a byte too many".into());
    refused(b"\x89PNG\r\n\x1a\n", "another format".into());
    fs::remove_file(&path).unwrap();
    assert!(matches!(Model::load(&path), Err(Error::Input { .. })));
    assert!(matches!(Model::load(folder.path()), Err(Error::Input { .. })));
}

#[test]
fn states_that_do_not_fit_the_network_are_refused() {
    let model = trained("mlp");
    let info = model.info().clone();
    let good = model.state();
    assert_eq!(Model::from_state(info.clone(), &good).unwrap().state(), good);
    let mut missing = good.clone();
    missing.remove("fc2.bias");
    assert!(
        Model::from_state(info.clone(), &missing)
            .unwrap_err()
            .contains("fc2.bias")
    );
    let mut extra = good.clone();
    extra.insert("fc9.bias".into(), good["fc2.bias"].clone());
    assert!(
        Model::from_state(info.clone(), &extra)
            .unwrap_err()
            .contains("fc9.bias")
    );
    let mut turned = good.clone();
    turned.get_mut("fc1.weight").unwrap().shape.reverse();
    assert!(
        Model::from_state(info.clone(), &turned)
            .unwrap_err()
            .contains("fc1.weight")
    );
    let mut unknown = info;
    unknown.network = "resnet9000".into();
    assert!(Model::from_state(unknown, &good).is_err());
}

#[test]
fn weights_leave_as_safetensors_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (network, front) in [("resnet18", "none"), ("cnn", "position")] {
        let data = patterns(SHAPE, 3, 48, 1);
        let config = config(network, small(network))
            .with_front(front, &settings(&[]))
            .unwrap();
        let model = train(&config, &data, None, &classes(3), Run::default()).unwrap();
        model.export(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.len(), model.state().len());
        assert_eq!(
            tensors.names().iter().any(|n| n.starts_with("front.")),
            front != "none"
        );
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert!(metadata.metadata().is_none(), "nothing but tensors leaves");
        let back = model.with_weights(&path).unwrap();
        assert_eq!(back.state(), model.state());
        assert_eq!(back.predict(&data).unwrap(), model.predict(&data).unwrap());
    }
    // What PyTorch adds is left out; other networks' tensors are refused.
    let model = trained("mlp");
    let eight = 8u64.to_le_bytes();
    let counter = safetensors::tensor::TensorView::new(safetensors::Dtype::I64, vec![], &eight).unwrap();
    let bytes: Vec<_> = (model.state().into_iter())
        .map(|(name, v)| {
            (
                name,
                v.shape,
                v.values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
            )
        })
        .collect();
    let float = |shape: &Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap()
    };
    let mut views: Vec<_> = bytes
        .iter()
        .map(|(n, shape, b)| (n.as_str(), float(shape, b)))
        .collect();
    views.push(("bn1.num_batches_tracked", counter));
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    assert_eq!(model.with_weights(&path).unwrap().state(), model.state());
    let problem = trained("cnn").with_weights(&path).unwrap_err();
    assert!(matches!(problem, Error::Input { .. }), "{problem}");
    fs::write(&path, &fs::read(&path).unwrap()[..200]).unwrap();
    assert!(matches!(model.with_weights(&path), Err(Error::Input { .. })));
}

#[test]
fn other_kinds_of_safetensors_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign");
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
    fs::write(&path, safetensors::serialize([("a", view)], None).unwrap()).unwrap();
    let problem = Model::load(&path).unwrap_err().to_string();
    assert!(problem.contains("not one of visard's"), "{problem}");

    // A checkpoint is ours, but no model.
    let run = Run {
        checkpoint: Some(&path),
        ..Run::default()
    };
    fs::remove_file(&path).unwrap();
    let data = patterns(SHAPE, 3, 12, 1);
    train(&config("mlp", &[]), &data, None, &classes(3), run).unwrap();
    assert!(matches!(Model::load(&path), Err(Error::Input { .. })));
}
