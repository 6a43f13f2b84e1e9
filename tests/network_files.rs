//! Networks in safetensors files: saved and loaded bit for bit, or refused in one line.

use inorm::{
    Condition, Result,
    configuration::configuration,
    dataset::FashionMnist,
    layers::{
        ErrorRule, Full, INorm, NetworkWeights, NoNorm, Raw, initial_weights, initial_weights_of,
    },
    learning::{Evaluation, Measure, Recorded, Run, Trainer, evaluate, train},
    networks::{
        Network,
        paper::{EiNetwork, INormFull, INormNetwork, INormNone},
    },
};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

const SHAPE: [usize; 3] = [7, 12, 10];

fn network(condition: Condition, seed: u64) -> NetworkWeights<f32> {
    initial_weights_of(&condition.architecture(SHAPE), seed).unwrap().convert(|w| w as f32)
}

/// A file of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("network.safetensors")
    }

    /// Loads these bytes; an error is one line that names the file.
    fn load(&self, bytes: &[u8]) -> Result<NetworkWeights<f32>> {
        std::fs::write(self.path(), bytes).unwrap();
        let loaded = NetworkWeights::load(self.path());
        if let Err(error) = &loaded {
            let message = error.to_string();
            let place = self.path().display().to_string();
            assert!(message.starts_with(&place) && message.lines().count() == 1, "{message}");
        }
        loaded
    }

    fn refused(&self, bytes: &[u8]) -> String {
        self.load(bytes).expect_err("refused").to_string()
    }
}

#[test]
fn a_network_of_another_type_is_refused_by_the_name_of_its_file() {
    let place = Place::new();
    INormFull::<20, 2>::new(0).unwrap().save(place.path()).unwrap();
    let error = INormNone::<20, 2>::load(place.path()).unwrap_err().to_string();
    let expected = "it holds the network inorm_full: 784 → INorm 20/2 Full → INorm 20/2 Full → 10; \
                    expected one of this type, inorm_none: 784 → INorm 20/2 → INorm 20/2 → 10";
    assert!(
        error.starts_with(place.path().to_str().unwrap()) && error.contains(expected),
        "{error}"
    );
    let mut infinite = INormFull::<20, 2>::new(0).unwrap().weights();
    infinite.hidden[0].w_ee[3] = f32::INFINITY;
    let error = infinite.save(place.path()).unwrap_err().to_string();
    assert_eq!(error, "network: hidden.0.w_ee holds inf; expected finite weights");
    assert!(INormFull::<20, 2>::load(place.path()).is_ok(), "what was there is kept");
}

#[test]
fn a_network_whose_weights_changed_their_signs_is_kept_as_it_is() {
    let place = Place::new();
    let mut weights = INormFull::<20, 2>::new(0).unwrap().weights();
    weights.hidden[0].w_ee[3] = -1.0;
    let network = INormFull::<20, 2>::from_weights(&weights).unwrap();
    network.save(place.path()).unwrap();
    assert_eq!(INormFull::<20, 2>::load(place.path()).unwrap().weights(), weights);
    // A file that does not say so is damaged.
    let mut parts = Parts::of(&place.path());
    let text = parts.metadata.get_mut("inorm").unwrap();
    assert!(text.contains(r#","signs":"free""#), "{text}");
    *text = text.replace(r#","signs":"free""#, "");
    std::fs::write(place.path(), parts.bytes()).unwrap();
    let error = INormFull::<20, 2>::load(place.path()).unwrap_err().to_string();
    assert!(error.contains("hidden.0.w_ee holds -1, but Dale's principle needs 0"), "{error}");
}

/// The parts of a file, to be changed.
struct Parts {
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

impl Parts {
    fn of(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let tensor = |(name, view): (&str, TensorView)| {
            (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        let metadata = header.metadata().clone().unwrap();
        Self { tensors: file.iter().map(tensor).collect(), metadata }
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, Some(self.metadata.clone())).unwrap()
    }

    fn set(&mut self, name: &str, index: usize, value: f32) {
        let data = &mut self.tensors.get_mut(name).unwrap().2;
        data[4 * index..][..4].copy_from_slice(&value.to_le_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_saved_is_loaded_bit_for_bit(
        condition in proptest::sample::select(&Condition::ALL[..]), seed in 0..1000_u64,
    ) {
        let place = Place::new();
        let mut saved = network(condition, seed);
        (saved.readout.b[2], saved.hidden[1].b[0]) = (-0.0, f32::MIN_POSITIVE / 2.0);
        saved.save(place.path()).unwrap();
        let loaded = NetworkWeights::load(place.path()).unwrap();
        prop_assert_eq!(loaded.convert(f32::to_bits), saved.convert(f32::to_bits));
        let bytes = std::fs::read(place.path()).unwrap();
        loaded.save(place.path()).unwrap();
        prop_assert_eq!(std::fs::read(place.path()).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_file_is_refused_or_is_a_whole_network(
        condition in proptest::sample::select(&Condition::ALL[..]),
        cut in 0.0..1.0_f64, place in 0.0..1.0_f64, bit in 0..8_u32,
    ) {
        let folder = Place::new();
        network(condition, 1).save(folder.path()).unwrap();
        let whole = std::fs::read(folder.path()).unwrap();
        let cut = (whole.len() as f64 * cut) as usize;
        prop_assert!(folder.load(&whole[..cut]).is_err());
        prop_assert!(folder.load(&[&whole[..], &[0]].concat()).is_err());
        for end in [whole.len(), 1500] {
            let mut damaged = whole.clone();
            damaged[(end as f64 * place) as usize] ^= 1 << bit;
            if let Ok(loaded) = folder.load(&damaged) {
                prop_assert!(loaded.validate().is_ok());
            }
        }
    }
}

/// The paper's networks are stored by name, as they always were; any other by its layers.
#[test]
fn a_network_that_is_none_of_the_paper_s_is_kept_too() {
    let place = Place::new();
    let content = || Parts::of(&place.path()).metadata["inorm"].clone();
    network(Condition::INormFull, 2).save(place.path()).unwrap();
    let expected = r#"{"kind":"network","version":1,"content":{"condition":"inorm_full"}}"#;
    assert_eq!(content(), expected);
    let mut architecture = Condition::INormLateral.architecture(SHAPE);
    for depth in [3, 1] {
        architecture.hidden.resize(depth, Condition::ELn.architecture([0, 9, 0]).hidden[0]);
        let saved = initial_weights_of(&architecture, 2).unwrap().convert(|w| w as f32);
        saved.save(place.path()).unwrap();
        assert!(content().contains(r#""content":{"architecture":{"inputs":7,"#), "{}", content());
        assert_eq!(NetworkWeights::load(place.path()).unwrap(), saved);
        let mut parts = Parts::of(&place.path());
        let text = parts.metadata.get_mut("inorm").unwrap();
        *text = text.replace(r#""outputs":10"#, r#""outputs":11"#);
        let message = place.refused(&parts.bytes());
        assert!(message.contains("'readout.w_ee' has shape [10, "), "{message}");
    }
}

#[test]
fn what_is_no_network_to_be_used_is_refused_in_one_line() {
    let place = Place::new();
    network(Condition::INormLateral, 3).save(place.path()).unwrap();
    let refused = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::of(&place.path());
        let whole = parts.bytes();
        change(&mut parts);
        let message = place.refused(&parts.bytes());
        std::fs::write(place.path(), whole).unwrap();
        message
    };
    let describe = |from: &'static str, to: &'static str| {
        move |parts: &mut Parts| {
            let text = parts.metadata.get_mut("inorm").unwrap();
            assert!(text.contains(from), "{text}");
            *text = text.replace(from, to);
        }
    };
    let retype = |parts: &mut Parts| {
        let (dtype, shape, _) = parts.tensors.get_mut("hidden.0.b").unwrap();
        (*dtype, *shape) = (Dtype::F64, vec![6]);
    };
    let reshape =
        |parts: &mut Parts| parts.tensors.get_mut("hidden.1.w_ee").unwrap().1.insert(0, 1);
    let add = |parts: &mut Parts| {
        let tensor = parts.tensors["hidden.0.b"].clone();
        parts.tensors.insert("hidden.2.b".into(), tensor);
    };
    let changes: [(&dyn Fn(&mut Parts), &str); 16] = [
        (&|p| p.set("hidden.0.w_ee", 5, f32::NAN), "w_ee holds NaN"),
        (&|p| p.set("readout.b", 0, f32::INFINITY), "readout.b holds inf"),
        (&|p| p.set("hidden.1.w_ei", 1, -0.5), "hidden.1.w_ei holds -0.5, but Dale's"),
        (&|p| p.set("hidden.1.nu", 1, -0.5), "hidden.1.nu holds -0.5"),
        (&|p| _ = p.tensors.remove("hidden.1.u_ie"), "'hidden.1.u_ie' is missing"),
        (&|p| _ = p.tensors.remove("hidden.0.w_ee"), "'hidden.0.w_ee' is missing"),
        (&|p| _ = p.tensors.remove("hidden.0.nu"), "'hidden.0.nu' is missing"),
        (&add, "'hidden.2.b' is no part of its network"),
        (&retype, "'hidden.0.b' has type F64, not F32"),
        (&reshape, "'hidden.1.w_ee' has shape [1, 12, 12]; expected [12, 12]"),
        (
            &describe(r#""version":1"#, r#""version":2"#),
            "has version 2 of the format; expected version 1",
        ),
        (&describe("network", "checkpoint"), r#"is a "checkpoint", not a network"#),
        (&describe("inorm_lateral", "inorm_full"), "nu' is no part of its network"),
        (&describe("inorm_lateral", "ei_none"), "is no part of its network"),
        (&describe("inorm_lateral", "inorm_most"), "has other metadata than a network"),
        (&|p| p.metadata.clear(), "has no metadata 'inorm'"),
    ];
    for (change, expected) in changes {
        let message = refused(change);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // The unchanged file still loads.
    assert!(NetworkWeights::load(place.path()).is_ok());
    let absurd = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    for bytes in [&absurd[..], &[0xff; 8], b"", b"{}", b"PK\x03\x04 an archive of another kind"] {
        let message = place.refused(bytes);
        assert!(message.contains("is no whole safetensors file"), "{message}");
    }
    let message = NetworkWeights::load(place.0.path()).unwrap_err().to_string();
    assert!(message.contains("is no file"), "{message}");
    let message = NetworkWeights::load(place.0.path().join("none")).unwrap_err().to_string();
    assert!(message.starts_with("cannot read"), "{message}");
}

#[test]
fn what_nobody_could_load_is_not_saved() {
    let place = Place::new();
    let mut diverged = network(Condition::ELn, 3);
    diverged.hidden[1].w_ee[2] = f32::NAN;
    let message = diverged.save(place.path()).unwrap_err().to_string();
    assert!(message.contains("hidden.1.w_ee holds NaN"), "{message}");
    let mut other = network(Condition::ELn, 3);
    other.architecture = Condition::INormFull.architecture(SHAPE);
    assert!(other.save(place.path()).is_err());
    assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 0);
}

#[test]
fn a_typed_network_loads_only_what_it_is() {
    let place = Place::new();
    type Net = INormNetwork<12, 1, Full, 7>;
    let network = Net::new(5).unwrap();
    network.save(place.path()).unwrap();
    let loaded = Net::load(place.path()).unwrap();
    assert_eq!(loaded.weights(), network.weights());
    type Other = EiNetwork<12, 1, NoNorm, 7>;
    let message = Other::load(place.path()).unwrap_err().to_string();
    assert!(message.contains("inorm_full") && message.contains("expected"), "{message}");
    assert!(INormNetwork::<13, 1, Full, 7>::load(place.path()).is_err());

    // A file says that a rule is a reader's own; what it does is known to the type alone.
    struct Half;
    impl ErrorRule for Half {
        fn apply(delta: &mut [f32], _: &[f32]) {
            delta.iter_mut().for_each(|d| *d /= 2.0);
        }
    }
    type Own = Network<(INorm<7, 12, 3, Half>,)>;
    Own::new(5).unwrap().save(place.path()).unwrap();
    assert!(Own::load(place.path()).is_ok());
    assert!(Network::<(INorm<7, 12, 3, Raw>,)>::load(place.path()).is_err());
    struct Third;
    impl ErrorRule for Third {
        fn apply(delta: &mut [f32], _: &[f32]) {
            delta.iter_mut().for_each(|d| *d /= 3.0);
        }
    }
    let other = Network::<(INorm<7, 12, 3, Third>,)>::load(place.path()).unwrap_err().to_string();
    assert!(other.contains("are Half") && other.contains("Third as in this type"), "{other}");
}

/// A network of a condition's type learns what the condition's run learns, bit for bit.
#[test]
fn a_typed_network_learns_as_a_run_does() {
    let data = FashionMnist::subset().unwrap().first(320, 200);
    let mut run = Run::new(Condition::INormFull, &configuration(0).unwrap()).epochs(2).seed(3);
    run.width = 20;
    let (weights, record) = train(&run, &data, &mut ()).unwrap();
    let mut network = INormFull::<20, 2>::new(3).unwrap();
    let typed = network.train(&run.training(), &data, &mut ()).unwrap();
    assert_eq!(network.weights(), weights);
    assert_eq!((typed.epochs, typed.measurements), (record.epochs, record.measurements));

    // A reader's rule is that of its own layer alone.
    struct Silent;
    impl ErrorRule for Silent {
        fn apply(delta: &mut [f32], _: &[f32]) {
            delta.fill(0.0);
        }
    }
    type Mixed = Network<(INorm<784, 20, 2, Silent>, INorm<20, 20, 2, Raw>)>;
    let mut mixed = Mixed::new(3).unwrap();
    let before = mixed.weights();
    mixed.train(&run.training(), &data, &mut ()).unwrap();
    let after = mixed.weights();
    assert_eq!(after.hidden[0].w_ee, before.hidden[0].w_ee);
    assert_ne!(after.hidden[1].w_ee, before.hidden[1].w_ee);
    assert_ne!(after.hidden[0].u_ie, before.hidden[0].u_ie, "inhibition learns locally");
}

/// A trained network, saved and loaded, classifies as it did; and training goes on from it.
#[test]
fn a_loaded_network_is_evaluated_and_trained_further() {
    let (place, data) = (Place::new(), FashionMnist::subset().unwrap().first(320, 200));
    let mut run = Run::new(Condition::INormFull, &configuration(0).unwrap()).epsilon(0.0).epochs(2);
    (run.width, run.training.measure) = (20, Measure::Never);
    let mut trainer = Trainer::new(&run, &data).unwrap();
    trainer.finish(&mut ());
    let last = trainer.record().epochs[1];
    trainer.weights().save(place.path()).unwrap();
    let loaded = NetworkWeights::load(place.path()).unwrap();
    let Evaluation { images, loss, accuracy, .. } = evaluate(&loaded, &data.test, 0.0, 0).unwrap();
    assert_eq!((images, loss, accuracy), (200, last.test_loss, last.test_accuracy));
    let shifted = evaluate(&loaded, &data.test, 0.75, 0).unwrap();
    assert!(shifted.accuracy < accuracy && shifted.loss > loss);
    assert_eq!(evaluate(&loaded, &data.test, 0.75, 0).unwrap(), shifted);
    assert_ne!(evaluate(&loaded, &data.test, 0.75, 1).unwrap(), shifted);
    assert!(evaluate(&loaded, &data.test, 1.5, 0).is_err());
    assert!(evaluate(&network(Condition::ELn, 0), &data.test, 0.5, 0).is_err());

    let mut further = Trainer::from_weights(&run, &loaded, &data).unwrap();
    further.finish(&mut ());
    assert!(further.record().epochs[0].train_loss < trainer.record().epochs[0].train_loss);
    let other = initial_weights(Condition::INormFull, 21, 0).unwrap().convert(|w| w as f32);
    assert!(Trainer::from_weights(&run, &other, &data).is_err());
}
