//! What must hold for every network, whatever its weights and its inputs.

use inorm::{
    Architecture, Condition,
    architecture::LayerKind,
    condition::{Circuit, GradNorm, Normalization},
    configuration::{ConfigurationList, LearningRates, configuration},
    dataset::{Augmentation, FashionMnist, Order, PIXELS, Task},
    dfdx::prelude::*,
    engine::{Engine, LayerMeasurement},
    layers::{
        Batch, Center, DecorrelateCentred, Differentiable, DivisiveNorm, Ei, Excitatory, Full,
        FullCentred, INorm, INormDiv, INormSub, INormSubVariance, InitialWeights, Inputs, Lateral,
        Layer, LayerNorm, LayerWeights, MeanNorm, Memory, NetworkWeights, NoNorm, OwnLayer, Raw,
        Scale, Units, grad_norm, initial_weights_of,
        moments::{layer_norm, layer_norm_backward, mean, standard_deviation},
        pre_activation, weight_gradient,
    },
    learning::{LearningRule, Outcome, Precision, Protocol, Recorded, Run, Signs, Training, train},
    networks::{
        Hidden, ImageBatch, Network, OUTPUTS,
        paper::{ENetwork, INormFull, INormNetwork},
        task_loss,
    },
    randomness::{Purpose, stream},
};
use proptest::prelude::*;
use rand::{Rng, seq::SliceRandom};

const SHAPE: [usize; 3] = [30, 20, 10];
const SIZE: usize = 6;
const UNITS: usize = 12;
type Samples = Const<SIZE>;
type Errors = Tensor<(Samples, Const<UNITS>), f64, AutoDevice>;

/// One device a thread: each is a context of its own on a GPU, and there are hundreds of cases.
fn device() -> AutoDevice {
    thread_local!(static DEVICE: AutoDevice = AutoDevice::default());
    DEVICE.with(AutoDevice::clone)
}

fn tensor(values: &[f64]) -> Errors {
    device().tensor_from_vec(values.to_vec(), Default::default())
}

fn random_values(seed: u64, count: usize, low: f64, high: f64) -> Vec<f64> {
    let mut rng = stream(seed, Purpose::Weights, 77);
    (0..count).map(|_| rng.gen_range(low..high)).collect()
}

fn rule(lr: f64) -> LearningRule {
    LearningRule::paper(LearningRates { lr, lr_w_ie: 0.8, lr_w_ei: 0.01 })
}

fn conditions() -> impl Strategy<Value = Condition> {
    proptest::sample::select(&Condition::ALL[..])
}

/// A batch of images and labels.
fn batch(seed: u64) -> (Vec<f64>, Vec<u8>) {
    let x = random_values(seed, SIZE * SHAPE[0], 0.0, 1.0);
    let labels = random_values(seed + 1, SIZE, 0.0, 10.0);
    (x, labels.into_iter().map(|label| label as u8).collect())
}

fn network(condition: Condition, seed: u64) -> NetworkWeights<f64> {
    initial_weights_of(&condition.architecture(SHAPE), seed).unwrap()
}

fn gradients(weights: &NetworkWeights<f64>, x: &[f64], labels: &[u8]) -> NetworkWeights<f64> {
    let mut engine = Engine::new(weights, rule(0.01));
    engine.forward(x);
    engine.backward(labels);
    engine.gradients(x)
}

fn largest_difference(a: &NetworkWeights<f64>, b: &NetworkWeights<f64>) -> f64 {
    let all = |w: &NetworkWeights<f64>| -> Vec<f64> {
        let layers = w.layers().into_iter();
        layers.flat_map(|l| l.named().map(|(_, values)| values.to_vec()).concat()).collect()
    };
    let (a, b) = (all(a), all(b));
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).fold(0.0, |m, (a, b)| f64::max(m, (a - b).abs()))
}

/// The nearest number with eleven digits, or multiple of 2⁻²⁴; of two the even one.
fn half_precision(x: f64) -> f64 {
    let digit = 2_f64.powf((x.abs().log2().floor() - 10.0).max(-24.0));
    let half = (x / digit).round_ties_even() * digit;
    if half.abs() > 65504.0 { half * f64::INFINITY } else { half }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn weights_stay_within_dales_bounds(
        condition in conditions(), seed in 0..1000_u64, lr in 0.0..0.5_f64, momentum in 0.0..0.9_f64,
    ) {
        let mut rule = rule(lr);
        // Both updates: in place, and with velocities.
        rule.momentum = if seed % 2 == 0 { 0.0 } else { momentum };
        rule.signs = if seed % 3 == 0 { Signs::NonNegative } else { Signs::Dale };
        if rule.is_plain() && seed % 5 == 0 {
            rule.precision = Precision::Fp16Autocast;
        }
        let weights = network(condition, seed).convert(|w| w as f32);
        let mut engine = Engine::new(&weights, rule);
        for step in 0..20 {
            let (x, labels) = batch(seed + step);
            engine.step(&x.iter().map(|&x| x as f32).collect::<Vec<_>>(), &labels);
        }
        for layer in engine.weights().layers() {
            let bound = |name: &str| name.starts_with('W') || name == "b" && seed % 3 == 0;
            for (name, values) in layer.named().into_iter().filter(|(name, _)| bound(name)) {
                prop_assert!(values.iter().all(|&w| w >= 0.0 || w.is_nan()), "{name}");
            }
        }
    }

    /// With LayerNorm a network computes LayerNorm's gradient, whatever it is; and of errors that
    /// are centered on the way down, no more is common than ReLU makes it.
    #[test]
    fn what_layer_norm_passes_back_is_aligned_with_itself(
        condition in conditions(), seed in 0..1000_u64,
    ) {
        let (x, labels) = batch(seed);
        let mut engine = Engine::new(&network(condition, seed), rule(0.01));
        engine.forward(&x);
        engine.backward(&labels);
        let measured = engine.measure(&x);
        let weights = engine.weights();
        for (layer, measured) in weights.hidden.iter().zip(&measured) {
            let (alignment, common) = (measured.task_alignment.unwrap(), measured.common_error.unwrap());
            prop_assert!(alignment.abs() < 1.0 + 1e-12 && (0.0..=1.0).contains(&common));
            let exact = matches!(
                condition.normalization(),
                Normalization::LayerNorm | Normalization::LayerNormBackwardOnly
            );
            // At first inhibition is exact normalization.
            let exact = exact || condition == Condition::INormFull;
            prop_assert!(!exact || alignment > 1.0 - 1e-9, "{condition} {alignment}");
            prop_assert!(
                condition != Condition::INormNone || alignment < 1.0 - 1e-6,
                "{condition} {alignment}"
            );
            let share = layer.mean_weight_share();
            prop_assert!((measured.mean_weight_share.unwrap() - share).abs() < 1e-12);
        }
    }

    /// The typed network's step and the engine's, with Dale's signs, with b ≥ 0, and with free ones.
    #[test]
    fn signs_are_those_of_plain_gradient_descent_where_nothing_keeps_them(seed in 0..1000_u64) {
        type Net = Network<(INorm<30, 16, 2, Full, f64>, Ei<16, 12, 2, LayerNorm, f64>), 10, f64>;
        let (x, labels) = batch(seed);
        let samples = Batch::<_, 30, f64>::of_samples(x.clone());
        let network = Net::new(seed).unwrap();
        let weights = network.weights();
        for signs in Signs::ALL {
            let rule = LearningRule { signs, ..rule(50.0) };
            let mut engine = Engine::new(&weights, rule);
            engine.step(&x, &labels);
            let (stepped, _) = network.step(&samples, &labels, &rule).unwrap();
            let stepped = stepped.weights();
            prop_assert!(largest_difference(&engine.weights(), &stepped) < 1e-8);
            // A velocity of nothing but the gradient: the other way to update.
            let mut engine = Engine::new(&weights, LearningRule { weight_decay: 1e-300, ..rule });
            engine.step(&x, &labels);
            prop_assert!(largest_difference(&engine.weights(), &stepped) < 1e-8);
            let negative = |values: &[f64]| values.iter().any(|&value| value < 0.0);
            for (index, layer) in stepped.layers().into_iter().enumerate() {
                prop_assert!(negative(&layer.w_ee) == (signs == Signs::Free), "{index}");
                prop_assert!(negative(&layer.b) == (signs != Signs::NonNegative), "{index}");
                prop_assert!(layer.b.iter().any(|&b| b > 0.0), "{index}");
            }
        }
    }

    #[test]
    fn without_the_mean_a_network_starts_as_the_same_function(
        condition in conditions(), seed in 0..1000_u64,
    ) {
        let architecture = condition.architecture(SHAPE);
        let (x, _) = batch(seed);
        let outputs = InitialWeights::ALL.map(|initial| {
            let weights = initial.of(&architecture, seed).unwrap();
            Engine::new(&weights, rule(0.01)).forward(&x).to_vec()
        });
        let apart = outputs[0].iter().zip(&outputs[1]).map(|(a, b)| (a - b).abs());
        let run = Run::new(condition, &configuration(0).unwrap()).signs(Signs::Free);
        let allowed = run.initial_weights(InitialWeights::ZeroMean).validate().is_ok();
        // And where it would be another function, a run refuses it.
        prop_assert_eq!(apart.fold(0.0, f64::max) < 1e-9, allowed, "{}", condition);
    }

    /// z of the first layer, of numbers that single precision sums exactly: rounded by hand to half
    /// precision.
    #[test]
    fn fp16_autocast_rounds_products_squares_and_the_root(
        condition in conditions(), seed in 0..1000_u64,
    ) {
        let multiples = |seed, count, low, of: f64| -> Vec<f64> {
            let values = random_values(seed, count, low, 1.0).into_iter();
            values.map(|value| (value / of).round() * of).collect()
        };
        let mut weights = initial_weights_of(&condition.architecture([30, 16, 10]), seed).unwrap();
        let layer = &mut weights.hidden[0];
        for (values, low, of) in [
            (&mut layer.w_ee, 0.0, 1.0 / 64.0),
            (&mut layer.w_ie, 0.0, 1.0 / 64.0),
            (&mut layer.w_ei, 0.0, 1.0 / 64.0),
            (&mut layer.u_ie, -1.0, 0.25),
            (&mut layer.b, -1.0, 1.0 / 64.0),
        ] {
            *values = multiples(seed, values.len(), low, of);
        }
        let x = multiples(seed + 1, SIZE * 30, 0.0, 0.25);
        let rule = LearningRule { precision: Precision::Fp16Autocast, ..rule(0.01) };
        let mut engine = Engine::new(&weights.convert(|w| w as f32), rule);
        engine.forward(&x.iter().map(|&x| x as f32).collect::<Vec<_>>());

        let LayerWeights { w_ee, w_ie, w_ei, u_ie, b, .. } = &weights.hidden[0];
        let inhibitory = w_ei.len() / 16;
        // [rows, columns] times a vector, rounded.
        let product = |matrix: &[f64], vector: &[f64]| -> Vec<f64> {
            let rows = matrix.chunks_exact(vector.len());
            let sum = |row: &[f64]| row.iter().zip(vector).map(|(a, b)| a * b).sum();
            rows.map(|row| half_precision(sum(row))).collect()
        };
        let expected = x.chunks_exact(30).flat_map(|h| {
            let (mut e, mut i, mut s) = (product(w_ee, h), vec![0.0; 16], 1.0);
            if condition.circuit() == Circuit::ExcitatoryInhibitory {
                let columns: Vec<_> = (0..30).map(|k| w_ie.iter().skip(k).step_by(30)).collect();
                let columns = columns.into_iter().map(|c| c.copied().collect::<Vec<_>>());
                let inhibited: Vec<_> = columns.map(|column| product(w_ei, &column)).collect();
                let effective = |at: usize| half_precision(w_ee[at] - inhibited[at % 30][at / 30]);
                e = product(&(0..16 * 30).map(effective).collect::<Vec<_>>(), h);
            } else if inhibitory > 0 {
                i = product(w_ei, &product(w_ie, h));
            }
            if condition.circuit().divides() {
                let squares = product(u_ie, h).into_iter().map(|q| half_precision(q * q));
                let moment = half_precision(squares.sum::<f64>() / 16.0) as f32;
                let raised = half_precision((moment + 1e-5).into()) as f32;
                s = half_precision(raised.sqrt().into()) as f32;
            }
            let z = |((e, b), i): ((f64, &f64), f64)| (e + b - i) as f32 * (1.0 / s);
            e.into_iter().zip(b).zip(i).map(z).collect::<Vec<_>>()
        });
        prop_assert_eq!(engine.z(0), expected.collect::<Vec<_>>());
    }

    /// A batch of fewer samples than units, and the same samples again and again.
    #[test]
    fn what_is_measured_does_not_depend_on_the_size_of_the_batch(
        condition in conditions(), seed in 0..1000_u64,
    ) {
        let (x, labels) = batch(seed);
        let measured = |copies: usize| {
            let mut engine = Engine::new(&network(condition, seed), rule(0.01));
            engine.forward(&x.repeat(copies));
            engine.backward(&labels.repeat(copies));
            engine.measure(&x.repeat(copies))
        };
        let copies = 1 + SHAPE[1] / SIZE;
        for (once, often) in measured(1).iter().zip(measured(copies)) {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1e-3);
            prop_assert!(near(once.gradient_alignment, often.gradient_alignment));
            // Each sample's error is its share of the mean loss.
            let shared = often.error_eigenvalue.unwrap() * (copies * copies) as f64;
            prop_assert_eq!(once.mean_weight_share, often.mean_weight_share);
            let values: [fn(&LayerMeasurement) -> Option<f64>; 2] =
                [|m| m.task_alignment, |m| m.common_error];
            for value in values {
                prop_assert!(near(value(once).unwrap(), value(&often).unwrap()));
            }
            prop_assert!(near(once.error_eigenvalue.unwrap(), shared), "{once:?} {often:?}");
        }
    }

    #[test]
    fn the_jacobian_of_layer_norm_removes_what_is_common_and_what_stretches(seed in 0..1000_u64) {
        let z = tensor(&random_values(seed, SIZE * UNITS, -2.0, 3.0));
        let ones = tensor(&[1.0; SIZE * UNITS]);
        let common = layer_norm_backward(&ones, &z).as_vec();
        prop_assert!(common.iter().all(|d| d.abs() < 1e-12), "{common:?}");
        // With mean(ẑ²) = 1 − ε/σ², what is left of ẑ is ẑ·ε/σ³: zero but for the ε in the root.
        let stretch = layer_norm_backward(&layer_norm(&z), &z).as_vec();
        let expected = layer_norm(&z) * 1e-5 / standard_deviation(&z).powi(3);
        let expected = expected.as_vec();
        prop_assert!(stretch.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    /// GradNorm on z less its mean takes out of an error what is common and what goes along with z,
    /// whatever z is.
    #[test]
    fn errors_normalized_on_centred_z_have_neither_a_mean_nor_a_part_along_z(seed in 0..1000_u64) {
        let (z, delta) = (
            tensor(&random_values(seed, SIZE * UNITS, -2.0, 3.0)),
            tensor(&random_values(seed + 1, SIZE * UNITS, -1.0, 1.0)),
        );
        let nu = device().zeros();
        let means = |a: &Errors, b: &Errors| mean(&(a.clone() * b.clone())).as_vec();
        let (ones, sigma) = (tensor(&[1.0; SIZE * UNITS]), standard_deviation(&z));
        let full = grad_norm(GradNorm::FullCentred, &delta, &z, &nu);
        prop_assert!(means(&full, &ones).iter().all(|mean| mean.abs() < 1e-12));
        // Zero but for the ε in the root, as above.
        let along = mean(&(delta.clone() * layer_norm(&z))) * 1e-5 / sigma.powi(2);
        let (found, along) = (means(&full, &z), along.as_vec());
        prop_assert!(found.iter().zip(&along).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        let plain = grad_norm(GradNorm::Full, &delta, &z, &nu);
        prop_assert!(means(&plain, &ones).iter().any(|mean| mean.abs() > 1e-3));

        let decorrelated = grad_norm(GradNorm::DecorrelateCentred, &delta, &z, &nu);
        let (before, after) = (means(&delta, &ones), means(&decorrelated, &ones));
        prop_assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-12));
        // Of a z of variance 1 nothing is left along it.
        let unit = layer_norm(&z) + 0.3;
        let decorrelated = grad_norm(GradNorm::DecorrelateCentred, &delta, &unit, &nu);
        let found = means(&decorrelated, &(unit.clone() - mean(&unit)));
        prop_assert!(found.iter().all(|along| along.abs() < 1e-4), "{found:?}");
        // And of a normalized z both rules are what they are on z as it is.
        let normalized = layer_norm(&z);
        for mode in [GradNorm::Full, GradNorm::Decorrelate] {
            let [one, other] = [mode, mode.centred()]
                .map(|mode| grad_norm(mode, &delta, &normalized, &nu).as_vec());
            prop_assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    #[test]
    fn uniform_lateral_inhibition_is_centering(seed in 0..1000_u64) {
        let delta = tensor(&random_values(seed, SIZE * UNITS, -1.0, 1.0));
        let nu = device().tensor([1.0 / UNITS as f64; UNITS]);
        let lateral = grad_norm(GradNorm::Lateral, &delta, &delta, &nu).as_vec();
        let center = grad_norm(GradNorm::Center, &delta, &delta, &nu).as_vec();
        prop_assert!(lateral.iter().zip(&center).all(|(a, b)| (a - b).abs() < 1e-14));
    }

    #[test]
    fn the_order_of_a_batch_does_not_matter(condition in conditions(), seed in 0..1000_u64) {
        let weights = network(condition, seed);
        let (x, labels) = batch(seed);
        let mut order: Vec<usize> = (0..SIZE).collect();
        order.shuffle(&mut stream(seed, Purpose::Weights, 78));
        let row = |i: &usize| x[i * SHAPE[0]..(i + 1) * SHAPE[0]].to_vec();
        let shuffled: Vec<f64> = order.iter().flat_map(row).collect();
        let shuffled_labels: Vec<u8> = order.iter().map(|&i| labels[i]).collect();
        let difference = largest_difference(
            &gradients(&weights, &x, &labels),
            &gradients(&weights, &shuffled, &shuffled_labels),
        );
        prop_assert!(difference < 1e-12, "{difference}");
    }

    #[test]
    fn permuting_the_units_of_a_layer_permutes_everything(
        condition in conditions(), seed in 0..1000_u64,
    ) {
        let weights = network(condition, seed);
        let (x, labels) = batch(seed);
        let mut order: Vec<usize> = (0..SHAPE[1]).collect();
        order.shuffle(&mut stream(seed, Purpose::Weights, 79));
        let permuted = permute_first_layer(&weights, &order);
        let logits = Engine::new(&weights, rule(0.01)).forward(&x).to_vec();
        let others = Engine::new(&permuted, rule(0.01)).forward(&x).to_vec();
        let scale = logits.iter().fold(1.0, |m: f64, l| m.max(l.abs()));
        prop_assert!(logits.iter().zip(&others).all(|(a, b)| (a - b).abs() < 1e-11 * scale));
        let expected = permute_first_layer(&gradients(&weights, &x, &labels), &order);
        let difference = largest_difference(&gradients(&permuted, &x, &labels), &expected);
        prop_assert!(difference < 1e-9, "{difference}");
    }
}

/// The network with the units of its first hidden layer in another order.
fn permute_first_layer(weights: &NetworkWeights<f64>, order: &[usize]) -> NetworkWeights<f64> {
    let mut permuted = weights.clone();
    let rows = |values: &[f64], columns: usize| -> Vec<f64> {
        let rows = order.iter().filter(|_| !values.is_empty());
        rows.flat_map(|&row| values[row * columns..(row + 1) * columns].to_vec()).collect()
    };
    let columns = |values: &[f64]| -> Vec<f64> {
        let rows = values.chunks_exact(order.len());
        rows.flat_map(|row| order.iter().map(|&c| row[c]).collect::<Vec<_>>()).collect()
    };
    let first = &weights.hidden[0];
    permuted.hidden[0] = LayerWeights {
        w_ee: rows(&first.w_ee, first.inputs),
        w_ei: rows(&first.w_ei, first.inhibitory),
        b: rows(&first.b, 1),
        nu: rows(&first.nu, 1),
        // The units of divisive inhibition are not those of the layer: only their mean counts.
        ..first.clone()
    };
    let second = &weights.hidden[1];
    permuted.hidden[1] = LayerWeights {
        w_ee: columns(&second.w_ee),
        w_ie: columns(&second.w_ie),
        u_ie: columns(&second.u_ie),
        ..second.clone()
    };
    permuted
}

/// The engine's backward pass through one, two and three different hidden layers.
#[test]
fn a_network_of_any_depth_equals_finite_differences() {
    let layer = |circuit, normalization, units, inhibitory| LayerKind {
        circuit,
        normalization,
        grad_norm: GradNorm::None,
        units,
        inhibitory,
        own: false,
    };
    let kinds = [
        layer(Circuit::ExcitatoryInhibitory, Normalization::LayerNorm, 9, 2),
        layer(Circuit::Excitatory, Normalization::DivisiveNorm, 11, 0),
        layer(Circuit::ExcitatoryInhibitory, Normalization::MeanNorm, 8, 3),
    ];
    let (x, labels) = batch(3);
    for depth in 1..=kinds.len() {
        let hidden = kinds[..depth].to_vec();
        let architecture = Architecture { inputs: SHAPE[0], hidden, outputs: SHAPE[2] };
        let mut weights = initial_weights_of(&architecture, 4).unwrap();
        let gradients = gradients(&weights, &x, &labels);
        assert_eq!((gradients.hidden.len(), gradients.validate().is_ok()), (depth, true));
        let mut loss = |layer: usize, weight: usize, by: f64| {
            weights.layers_mut()[layer].w_ee[weight] += by;
            let mut engine = Engine::new(&weights, rule(0.01));
            weights.layers_mut()[layer].w_ee[weight] -= by;
            engine.forward(&x);
            engine.backward(&labels)
        };
        for (index, layer) in gradients.layers().into_iter().enumerate() {
            let largest = layer.w_ee.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            assert!(largest > 1e-4, "gradients of zeros would prove nothing");
            for (weight, ours) in layer.w_ee.iter().enumerate().step_by(7) {
                let step = 1e-6;
                let both = loss(index, weight, step) - loss(index, weight, -step);
                let difference = both / (2.0 * step);
                assert!((difference - ours).abs() < 1e-6 * largest.max(1e-2), "{depth} {index}");
            }
        }
    }
}

/// The typed network's gradients, and the largest difference of the engine's from them.
fn compare_with_engine<H>(lambda: f64) -> f64
where
    H: Hidden<f64, AutoDevice, In = Const<30>>,
{
    let network = Network::<H, 10, f64>::new(2).unwrap();
    let (x, labels) = batch(5);
    let samples = Batch::<_, 30, f64>::of_samples(x.clone());
    let rule = LearningRule { lambda, ..rule(0.01) };
    let pass = network.forward(&samples);
    let (_, error) = task_loss(&pass.logits, &labels, rule.label_smoothing);
    let ours = network.backward(&error, &pass, lambda);
    let mut engine = Engine::new(&network.weights(), rule);
    engine.forward(&x);
    engine.backward(&labels);
    largest_difference(&ours, &engine.gradients(&x))
}

/// One, two and three layers of every kind, in double precision.
#[test]
fn typed_networks_and_the_engine_are_one() {
    type E<const IN: usize, const EXC: usize> = Excitatory<IN, EXC, DivisiveNorm, f64>;
    type I<const IN: usize, const EXC: usize> = INorm<IN, EXC, 3, Scale, f64>;
    let differences = [
        compare_with_engine::<(Ei<30, 16, 2, LayerNorm, f64>,)>(0.01),
        compare_with_engine::<(E<30, 12>, INormSub<12, 20, 2, Lateral, f64>)>(0.5),
        compare_with_engine::<(I<30, 16>, E<16, 12>, I<12, 14>)>(0.5),
        compare_with_engine::<(INorm<30, 16, 2, Raw, f64>, INorm<16, 12, 2, Full, f64>)>(0.5),
        compare_with_engine::<Centred>(0.5),
        compare_with_engine::<Divisive>(0.5),
        compare_with_engine::<Subtractive>(0.5),
    ];
    assert!(differences.iter().all(|d| *d < 1e-10), "{differences:?}");
}

/// What the authors' revised code has, and the first did not.
type Centred = (INorm<30, 16, 2, FullCentred, f64>, INorm<16, 12, 2, DecorrelateCentred, f64>);
type Divisive = (INormDiv<30, 16, Full, f64>, INormDiv<16, 12, Raw, f64>);
type Subtractive =
    (INormSubVariance<30, 16, 2, Raw, f64>, INormSubVariance<16, 12, 2, FullCentred, f64>);

/// Whole steps of the typed network, and the largest differences of the engine's weights from it, in
/// f64 and in f32.
fn steps_compared_with_engine<H>() -> [f64; 2]
where
    H: Hidden<f64, AutoDevice, In = Const<30>>,
{
    let mut network = Network::<H, 10, f64>::new(2).unwrap();
    let initial = network.weights();
    // λ is large, so that what is learned locally shows.
    let training = Training::paper(rule(0.05).rates).protocol(Protocol::Revised);
    let rule = training.lambda(0.5).rule;
    let mut double = Engine::new(&initial, rule);
    let mut single = Engine::new(&initial.convert(|w| w as f32), rule);
    for step in 0..4 {
        let (x, labels) = batch(step);
        let samples = Batch::<_, 30, f64>::of_samples(x.clone());
        network = network.step(&samples, &labels, &rule).unwrap().0;
        double.step(&x, &labels);
        single.step(&x.iter().map(|&x| x as f32).collect::<Vec<_>>(), &labels);
    }
    let stepped = network.weights();
    let moved = |layer: fn(&LayerWeights<f64>) -> &Vec<f64>| {
        let pairs = stepped.hidden.iter().zip(&initial.hidden);
        pairs.filter(|(a, b)| layer(a) != layer(b)).count()
    };
    let kinds = H::kinds();
    let having = |has: fn(Circuit) -> bool| kinds.iter().filter(|kind| has(kind.circuit)).count();
    assert_eq!([moved(|l| &l.w_ee), moved(|l| &l.b), moved(|l| &l.w_ei)], [2, 2, 0]);
    assert_eq!(moved(|l| &l.w_ie), having(Circuit::subtracts));
    assert_eq!(moved(|l| &l.u_ie), having(Circuit::divides));
    assert!(stepped.layers().iter().all(|layer| layer.b.iter().all(|&b| b >= 0.0)));
    let single = single.weights().convert(f64::from);
    [largest_difference(&double.weights(), &stepped), largest_difference(&single, &stepped)]
}

#[test]
fn steps_of_the_revised_rule_are_those_of_the_engine() {
    let differences = [
        steps_compared_with_engine::<Centred>(),
        steps_compared_with_engine::<Divisive>(),
        steps_compared_with_engine::<Subtractive>(),
    ];
    for [double, single] in differences {
        // Four steps with a large λ, in single precision.
        assert!(double < 1e-12 && single < 5e-5, "{differences:?}");
    }
}

/// A run by the revised protocol, on shuffled images of changed contrast, is the typed network's
/// steps on these images.
#[test]
fn a_run_by_the_revised_protocol_is_that_of_typed_steps() {
    type Net = INormNetwork<20, 2, FullCentred>;
    let data = FashionMnist::subset().unwrap().first(70, 10);
    let configuration = ConfigurationList::Revised.configuration(2).unwrap();
    let run = Run::new(Condition::INormFull, &configuration).protocol(Protocol::Revised);
    let run = Run { width: 20, ..run.task(Task::Contrast).epochs(2).seed(3) };
    let (weights, record) = train(&run, &data, &mut ()).unwrap();
    let mut network = Net::new(3).unwrap();
    let mut losses = Vec::new();
    for epoch in 1..=2 {
        let order = Order::Shuffled.of(70, 3, epoch);
        let purpose = Purpose::TrainingLuminosity;
        let mut contrast = Augmentation::new(Task::Contrast, 0.75, 3, purpose, epoch).unwrap();
        let mut total = 0.0;
        for numbers in order.chunks(32) {
            let mut pixels = vec![0.0; numbers.len() * PIXELS];
            contrast.fill(&data.train, numbers.iter().copied(), &mut pixels);
            let labels: Vec<u8> = numbers.iter().map(|&n| data.train.labels()[n]).collect();
            let x = Batch::<_, PIXELS>::of_samples(pixels);
            let (stepped, loss) = network.step(&x, &labels, &run.training.rule).unwrap();
            (network, total) = (stepped, total + loss * labels.len() as f64);
        }
        losses.push(total / 70.0);
    }
    let [ours, theirs] = [weights, network.weights()].map(|weights| weights.convert(f64::from));
    let difference = largest_difference(&ours, &theirs);
    assert!(difference < 1e-5, "{difference}");
    let recorded = record.epochs.iter().map(|epoch| epoch.train_loss);
    assert!(recorded.zip(&losses).all(|(a, b)| (a - b).abs() < 1e-4), "{record:?} {losses:?}");
    assert_eq!(run.architecture(), Net::architecture());
}

/// The written-out rules and dfdx's tape, on weights as they are after some training.
fn compare_with_autodiff<H>() -> f64
where
    H: Hidden<f64, AutoDevice, In = Const<30>> + Differentiable,
{
    let mut weights = Network::<H, 10, f64>::new(3).unwrap().weights();
    let mut rng = stream(4, Purpose::Weights, 0);
    for layer in weights.layers_mut() {
        for values in [&mut layer.w_ie, &mut layer.w_ei, &mut layer.u_ie, &mut layer.b] {
            values.iter_mut().for_each(|w| *w = *w * rng.gen_range(0.5..1.5) + 0.01);
        }
    }
    let network = Network::<H, 10, f64>::from_weights(&weights).unwrap();
    let (x, labels) = batch(6);
    let x = Batch::<_, 30, f64>::of_samples(x);
    let pass = network.forward(&x);
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let ours = network.backward(&error, &pass, 0.0);
    let largest = ours.hidden[0].w_ee.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    assert!(largest > 1e-4, "gradients of zeros would prove nothing");
    largest_difference(&ours, &network.autodiff(&x, &error))
}

#[test]
fn typed_networks_of_any_depth_equal_autodiff() {
    type E<const IN: usize, const EXC: usize> = Excitatory<IN, EXC, DivisiveNorm, f64>;
    type I<const IN: usize, const EXC: usize> = INorm<IN, EXC, 3, Raw, f64>;
    let differences = [
        compare_with_autodiff::<(Ei<30, 16, 2, LayerNorm, f64>,)>(),
        compare_with_autodiff::<(E<30, 12>, INormSub<12, 20, 2, Raw, f64>)>(),
        compare_with_autodiff::<(I<30, 16>, Ei<16, 12, 3, MeanNorm, f64>, I<12, 14>)>(),
        compare_with_autodiff::<(E<30, 16>, Excitatory<16, 12, NoNorm, f64>, E<12, 14>)>(),
        compare_with_autodiff::<(INormDiv<30, 16, Raw, f64>, INormSubVariance<16, 12, 2, Raw, f64>)>(
        ),
    ];
    assert!(differences.iter().all(|d| *d < 1e-11), "{differences:?}");
}

/// Largest differences of the gradients in single precision from those in double, as shares of the
/// largest gradient: of the written-out rule, and of dfdx's tape.
fn compare_precisions<S, D>() -> [f64; 2]
where
    S: Hidden<f32, AutoDevice, In = Const<30>> + Differentiable,
    D: Hidden<f64, AutoDevice, In = Const<30>> + Differentiable,
{
    let double = Network::<D, 10, f64>::new(3).unwrap();
    let single = Network::<S>::from_weights(&double.weights().convert(|w| w as f32)).unwrap();
    let (x, labels) = batch(6);
    let x_single = Batch::<_, 30>::of_samples(x.iter().map(|&x| x as f32).collect());
    let x = Batch::<_, 30, f64>::of_samples(x);
    let (pass, pass_single) = (double.forward(&x), single.forward(&x_single));
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let (_, error_single) = task_loss(&pass_single.logits, &labels, 0.1);
    let truth = double.backward(&error, &pass, 0.5);
    let rule = single.backward(&error_single, &pass_single, 0.5).convert(f64::from);
    let task = double.autodiff(&x, &error);
    let tape = single.autodiff(&x_single, &error_single).convert(f64::from);
    let largest = truth.hidden[0].w_ee.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    assert!(largest > 1e-4, "gradients of zeros would prove nothing");
    [largest_difference(&rule, &truth), largest_difference(&tape, &task)].map(|d| d / largest)
}

#[test]
fn typed_networks_in_single_precision_are_those_in_double() {
    type E<T, const IN: usize, const EXC: usize> = Excitatory<IN, EXC, LayerNorm, T>;
    type I<T, const IN: usize, const EXC: usize> = INorm<IN, EXC, 3, Raw, T>;
    type Three<T> = (I<T, 30, 16>, Ei<16, 12, 3, MeanNorm, T>, INormDiv<12, 14, Raw, T>);
    let differences = [
        compare_precisions::<(I<f32, 30, 16>,), (I<f64, 30, 16>,)>(),
        compare_precisions::<(E<f32, 30, 16>, I<f32, 16, 12>), (E<f64, 30, 16>, I<f64, 16, 12>)>(),
        compare_precisions::<Three<f32>, Three<f64>>(),
    ];
    assert!(differences.iter().flatten().all(|d| (1e-9..1e-4).contains(d)), "{differences:?}");
}

/// What passes on is what arrives, but for what the GradNorm takes out.
#[test]
fn errors_at_a_layer_are_those_before_and_after_its_grad_norm() {
    type Net = Network<(INorm<30, 16, 2, Center, f64>, Ei<16, 12, 2, LayerNorm, f64>), 10, f64>;
    let network = Net::new(3).unwrap();
    let (x, labels) = batch(6);
    let pass = network.forward(&Batch::<_, 30, f64>::of_samples(x));
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let (first, second) = network.errors(&error, &pass);
    let means = |errors: &Batch<usize, 16, f64>| errors.mean().as_vec();
    assert!(means(&first.arriving).iter().any(|m| m.abs() > 1e-6));
    assert!(means(&first.passed_on).iter().all(|m| m.abs() < 1e-15));
    assert_eq!(second.arriving.as_vec(), second.passed_on.as_vec());
    let gradients = network.backward(&error, &pass, 0.5);
    let summed: Vec<f64> = second.arriving.sum_of_samples().as_vec();
    assert_eq!(gradients.hidden[1].b, summed);
}

/// What is measured of the task's errors is what the typed network makes of them, layer by layer.
#[test]
fn the_alignment_of_the_task_is_that_of_gradients() {
    type Net = Network<(INorm<30, 16, 2, Center, f64>, Ei<16, 12, 2, MeanNorm, f64>), 10, f64>;
    let network = Net::new(3).unwrap();
    let (x, labels) = batch(6);
    let samples = Batch::<_, 30, f64>::of_samples(x.clone());
    let pass = network.forward(&samples);
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let (first, second) = network.errors(&error, &pass);
    let gradients = network.backward(&error, &pass, 0.0);
    let mut engine = Engine::new(&network.weights(), rule(0.01));
    engine.forward(&x);
    engine.backward(&labels);
    let measured = engine.measure(&x);

    let cosine = |a: &[f64], b: &[f64]| {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let common = |delta: Vec<f64>, units: usize| {
        let squares = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
        let means: Vec<f64> =
            delta.chunks_exact(units).map(|d| d.iter().sum::<f64>() / units as f64).collect();
        units as f64 * squares(&means) / squares(&delta)
    };
    let s = pre_activation(&samples, &network.hidden.0.u_ie).root_mean_square();
    let (z, delta) = (pass.hidden.0.z.tensor(), first.arriving.tensor());
    let by_layer_norm = Batch::from(&layer_norm_backward(&delta, &z)) / s;
    let by_layer_norm = weight_gradient(&by_layer_norm, &samples).as_vec();
    let expected =
        [cosine(&gradients.hidden[0].w_ee, &by_layer_norm), common(first.arriving.as_vec(), 16)];
    let found = [measured[0].task_alignment, measured[0].common_error].map(Option::unwrap);
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?}");
    assert!(expected[0] < 1.0 - 1e-6, "the same rule would prove nothing");

    // `arriving` is behind the normalization already: what the error was before, nobody tells.
    let expected = common(second.arriving.as_vec(), 12);
    assert!(expected < 1e-20, "the mean is gone");
    assert!(measured[1].common_error.unwrap() > 1e-6, "but it was there");
}

/// Another layer of one's own, of the same kind and sizes.
#[derive(Debug, Clone)]
struct Blinder<L>(L);

impl<L: Layer<f32, AutoDevice>> OwnLayer for Blinder<L> {
    type Base = L;

    fn from_base(base: L) -> Self {
        Self(base)
    }

    fn base(&self) -> &L {
        &self.0
    }
}

/// Passes nothing on to the layer below.
#[derive(Debug, Clone)]
struct Blind<L>(L);

impl<L: Layer<f32, AutoDevice>> OwnLayer for Blind<L> {
    type Base = L;

    fn from_base(base: L) -> Self {
        Self(base)
    }

    fn base(&self) -> &L {
        &self.0
    }

    fn passed_on<B: Dim>(&self, delta: &Units<B, L>, _: &Units<B, L>) -> Units<B, L> {
        delta.clone() * 0.0
    }

    fn backward<B: Dim>(
        &self,
        delta: &Units<B, L>,
        memory: &Memory<B, L>,
        lambda: f64,
    ) -> (Inputs<B, L>, L) {
        let (below, gradients) = self.0.backward(delta, memory, lambda);
        (below * 0.0, gradients)
    }
}

#[test]
fn a_layer_of_ones_own_does_what_its_base_does_but_for_what_it_says() {
    type Own = Network<(INorm<784, 20, 2>, Blind<INorm<20, 20, 2>>)>;
    type Base = Network<(INorm<784, 20, 2>, INorm<20, 20, 2>)>;
    let (mut own, base) = (Own::new(3).unwrap(), Base::new(3).unwrap());
    assert_eq!(own.weights().hidden, base.weights().hidden);
    assert_eq!((Own::condition(), Base::condition()), (None, Some(Condition::INormNone)));
    assert!(Base::from_weights(&own.weights()).is_err(), "another network");
    let data = FashionMnist::subset().unwrap().first(64, 100);
    let batch = ImageBatch::new(&data.train, 0..32, 0.25, 0).unwrap();
    let gradients = |error: &Batch<usize, OUTPUTS>| {
        let ours = own.backward(error, &own.forward(&batch.x), 0.0);
        (ours, base.backward(error, &base.forward(&batch.x), 0.0))
    };
    let pass = own.forward(&batch.x);
    let (_, error) = task_loss(&pass.logits, &batch.labels, 0.1);
    let (ours, theirs) = gradients(&error);
    assert_eq!(ours.hidden[1], theirs.hidden[1]);
    assert!(ours.hidden[0].w_ee.iter().all(|&g| g == 0.0), "the first layer gets no error");
    assert!(theirs.hidden[0].w_ee.iter().any(|&g| g != 0.0));
    let errors = own.errors(&error, &pass).1;
    assert!(errors.passed_on.as_vec().iter().all(|&d| d == 0.0), "what it says it passes on");
    assert!(errors.arriving.as_vec().iter().any(|&d| d != 0.0));
    // Its file names it.
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("own.safetensors");
    own.save(&file).unwrap();
    assert_eq!(Own::load(&file).unwrap().weights(), own.weights());
    type Other = Network<(INorm<784, 20, 2>, Blinder<INorm<20, 20, 2>>)>;
    let refused = Other::load(&file).unwrap_err().to_string();
    let expected = "its own layers or rules for errors are none, Blind<INorm<20, 20, 2>>; expected \
                    none, Blinder<INorm<20, 20, 2>> as in this type";
    assert!(refused.contains(expected), "{refused}");
    // The engine does not know it; what it does forward is that of its base.
    let (ours, theirs) =
        (own.evaluate(&data.test, 0.5, 1).unwrap(), base.evaluate(&data.test, 0.5, 1).unwrap());
    assert_eq!((ours.images, ours.accuracy), (theirs.images, theirs.accuracy));
    assert!((ours.loss - theirs.loss).abs() < 1e-5, "{ours:?} {theirs:?}");
    let training = Training::paper(rule(0.01).rates).epochs(1);
    let refused = own.train(&training, &data, &mut ()).unwrap_err().to_string();
    assert!(refused.contains("`Network::step`"), "{refused}");
    let rule = rule(0.01);
    for (refused, what) in [
        (LearningRule { lambda: f64::NAN, ..rule }, "lambda: NaN"),
        (LearningRule { momentum: 0.5, ..rule }, "momentum or weight decay"),
    ] {
        let error = own.step(&batch.x, &batch.labels, &refused).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let (ours, _) = own.step(&batch.x, &batch.labels, &rule).unwrap();
    let (theirs, _) = base.step(&batch.x, &batch.labels, &rule).unwrap();
    assert_eq!(ours.readout.w_ee.as_vec(), theirs.readout.w_ee.as_vec());
    assert_ne!(ours.hidden.0.w_ee.as_vec(), theirs.hidden.0.w_ee.as_vec());
}

/// On real images, in single precision, for the width of the paper's configuration 13.
#[test]
fn i_norm_is_layer_norm_at_initialization() {
    let data = FashionMnist::subset().unwrap();
    let mut pixels = vec![0.0; 100 * PIXELS];
    let mut luminosity =
        Augmentation::new(Task::Luminosity, 0.75, 0, Purpose::TestLuminosity, 0).unwrap();
    luminosity.fill(&data.test, 0..100, &mut pixels);
    let x = Batch::<_, PIXELS>::of_samples(pixels);
    let network = INormFull::<234, 23>::new(0).unwrap();
    let pass = network.forward(&x);
    let (first, second) = &pass.hidden;
    let e = pre_activation(&x, &network.hidden.0.w_ee);
    let above = pre_activation(&first.activity, &network.hidden.1.w_ee);
    for (z, e) in [(&first.z, e), (&second.z, above)] {
        let largest =
            |x: Batch<usize, 234>| x.as_vec().iter().fold(0.0, |m: f32, x| m.max(x.abs()));
        let normalized = Batch::from(&layer_norm(&e.tensor()));
        // The measure of the fixtures: the largest error over the largest value. A GPU may sum one
        // by one, which is where most of this comes from.
        let error = largest(z.clone() - normalized.clone()) / largest(normalized);
        assert!(error < 3e-5, "{error}");
    }
}

/// A network that has diverged counts as chance, wherever its accuracy is asked for.
#[test]
fn a_diverged_network_is_evaluated_as_its_record_is() {
    let data = FashionMnist::subset().unwrap().first(64, 100);
    let mut network = INormFull::<20, 2>::new(0).unwrap();
    let rates = LearningRates { lr: 1e30, ..rule(0.01).rates };
    let record = network.train(&Training::paper(rates).epochs(1), &data, &mut ()).unwrap();
    assert!(matches!(record.outcome, Outcome::Diverged { .. }), "{:?}", record.outcome);
    let evaluation = network.evaluate(&data.test, 0.75, 0).unwrap();
    assert_eq!(Some(evaluation.accuracy), record.test_accuracy());
    let shown = evaluation.to_string();
    assert!(shown.starts_with("diverged: its outputs are not numbers"), "{shown}");
}

/// A network that diverges must not look silent.
#[test]
fn what_is_no_number_reaches_the_loss() {
    let mut weights = network(Condition::ENone, 1);
    weights.hidden[0].b[3] = f64::NAN;
    let (x, labels) = batch(1);
    let logits = Engine::new(&weights, rule(0.01)).forward(&x).to_vec();
    assert!(logits.iter().all(|l| l.is_nan()), "{logits:?}");

    let network = ENetwork::<20, NoNorm, 30, f64>::from_weights(&weights).unwrap();
    let x = Batch::<_, 30, f64>::of_samples(x);
    let logits = network.forward(&x).logits.as_vec();
    assert!(logits.iter().all(|l| l.is_nan()), "{logits:?}");
    let (_, loss) = network.step(&x, &labels, &rule(0.01)).unwrap();
    assert!(loss.is_nan(), "{loss}");
}

#[test]
fn weights_of_another_network_are_refused() {
    let whole = network(Condition::INormLateral, 1);
    type Whole = INormNetwork<20, 2, Lateral, 30, f64>;
    assert!(Whole::from_weights(&whole).is_ok());
    assert!(INormNetwork::<20, 3, Lateral, 30, f64>::from_weights(&whole).is_err());
    assert!(INormNetwork::<20, 2, Center, 30, f64>::from_weights(&whole).is_err());
    type Mixed = Network<(INorm<30, 20, 2, Lateral, f64>, Ei<20, 20, 2, NoNorm, f64>), 10, f64>;
    let message = Mixed::from_weights(&whole).unwrap_err().to_string();
    let expected = "network: inorm_lateral: 30 → INorm 20/2 Lateral → INorm 20/2 Lateral → 10 \
                    is not valid; expected 30 → INorm 20/2 Lateral → Ei 20/2 → 10";
    assert_eq!(message, expected);
    let changes: [fn(&mut NetworkWeights<f64>); 7] = [
        |w| w.architecture = Condition::EiNone.architecture(SHAPE),
        |w| w.hidden[0].inputs = 29,
        |w| w.hidden[1].excitatory = 19,
        |w| w.readout.inhibitory = 2,
        |w| _ = w.hidden[0].u_ie.pop(),
        |w| w.hidden[1].nu.clear(),
        |w| w.readout.b.push(0.0),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = whole.clone();
        change(&mut other);
        assert!(Whole::from_weights(&other).is_err(), "change {number}");
    }
}
