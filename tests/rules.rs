//! The learning rules as they are written out, against dfdx's autodiff and finite differences.
//!
//! In double precision, with an upstream gradient that differs from unit to unit: one of ones
//! would hide mistakes. The bodies run on whatever device the crate is built for.

use inorm::{
    Condition,
    condition::{Circuit, GradNorm, Normalization},
    dfdx::prelude::*,
    layers::{
        EiLayer, ExcitatoryLayer, INormLayer, INormSubtractiveLayer, Layer, LayerWeights,
        LocalRule, initial_layer,
        moments::{layer_norm, layer_norm_backward, mean, root_mean_square},
    },
    networks::{EiNetwork, ExcitatoryNetwork, OUTPUTS, normalize, normalize_backward, task_loss},
    randomness::{Purpose, stream},
    shapes::Batch,
};
use rand::Rng;

const SIZE: usize = 5;
const IN: usize = 7;
const EXC: usize = 6;
const INH: usize = 2;
type Samples = Const<SIZE>;
type Device = AutoDevice;

fn random<S: ConstShape>(
    device: &Device,
    seed: u32,
    low: f64,
    high: f64,
) -> Tensor<S, f64, Device> {
    let mut rng = stream(1, Purpose::Weights, 100 + seed);
    let values = (0..S::NUMEL).map(|_| rng.gen_range(low..high)).collect::<Vec<_>>();
    device.tensor_from_vec(values, S::default())
}

/// Weights as they might be after some training: nothing is symmetric or zero.
fn weights(circuit: Circuit) -> LayerWeights<f64> {
    let mut rng = stream(2, Purpose::Weights, 0);
    let mut weights = initial_layer(circuit, [IN, EXC, INH], &mut rng).unwrap();
    for values in [&mut weights.w_ie, &mut weights.w_ei, &mut weights.u_ie] {
        values.iter_mut().for_each(|w| *w *= rng.gen_range(0.5..1.5));
    }
    weights.b = (0..EXC).map(|_| rng.gen_range(-0.5..0.5)).collect();
    weights
}

fn input(device: &Device) -> Batch<Samples, IN, f64> {
    random::<Rank2<SIZE, IN>>(device, 0, 0.0, 1.0)
}

fn upstream(device: &Device) -> Batch<Samples, EXC, f64> {
    random::<Rank2<SIZE, EXC>>(device, 1, -1.0, 1.0)
}

const NO_LOCAL_LOSS: LocalRule = LocalRule { grad_norm: GradNorm::None, lambda: 0.0 };

#[track_caller]
fn assert_close<S: Shape, T: Shape>(
    name: &str,
    ours: &Tensor<S, f64, Device>,
    theirs: &Tensor<T, f64, Device>,
) {
    assert_all_close(name, &ours.as_vec(), &theirs.as_vec(), 1e-12);
}

#[track_caller]
fn assert_all_close(name: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let largest = theirs.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() <= tolerance * (1.0 + largest), "{name}: {ours:?} {theirs:?}");
    }
}

#[test]
fn excitatory_layer_equals_autodiff() {
    let device = Device::default();
    let layer =
        ExcitatoryLayer::<IN, EXC, f64>::from_weights(&weights(Circuit::Excitatory), &device);
    let (h, g) = (input(&device), upstream(&device));
    let (z, memory) = layer.forward(&h);
    let (below, gradients) = layer.backward(&g, &memory, NO_LOCAL_LOSS);

    let w_ee = layer.w_ee.leaky_trace().permute::<Rank2<IN, EXC>, _>();
    let theirs = h.leaky_trace().matmul(w_ee) + layer.b.leaky_trace().broadcast();
    assert_close("z", &z, &theirs.retaped::<NoneTape>());
    let truth = (theirs * g).sum().backward();
    assert_close("W_EE", &gradients.w_ee, &truth.get(&layer.w_ee));
    assert_close("b", &gradients.b, &truth.get(&layer.b));
    assert_close("h", &below, &truth.get(&h));
}

#[test]
fn ei_layer_equals_autodiff() {
    let device = Device::default();
    let circuit = Circuit::ExcitatoryInhibitory;
    let layer = EiLayer::<IN, EXC, INH, f64>::from_weights(&weights(circuit), &device);
    let (h, g) = (input(&device), upstream(&device));
    let (z, memory) = layer.forward(&h);
    let (below, gradients) = layer.backward(&g, &memory, NO_LOCAL_LOSS);

    let x = h.leaky_trace();
    let w_ee = layer.w_ee.leaky_trace().permute::<Rank2<IN, EXC>, _>();
    let w_ie = layer.w_ie.leaky_trace().permute::<Rank2<IN, INH>, _>();
    let w_ei = layer.w_ei.leaky_trace().permute::<Rank2<INH, EXC>, _>();
    let i = x.retaped::<OwnedTape<f64, Device>>().matmul(w_ie).matmul(w_ei);
    let theirs = x.matmul(w_ee) - i + layer.b.leaky_trace().broadcast();
    assert_close("z", &z, &theirs.retaped::<NoneTape>());
    let truth = (theirs * g).sum().backward();
    assert_close("W_EE", &gradients.w_ee, &truth.get(&layer.w_ee));
    assert_close("W_IE", &gradients.w_ie, &truth.get(&layer.w_ie));
    assert_close("W_EI", &gradients.w_ei, &truth.get(&layer.w_ei));
    assert_close("b", &gradients.b, &truth.get(&layer.b));
    assert_close("h", &below, &truth.get(&h));
}

#[test]
fn task_error_of_i_norm_equals_autodiff_with_inhibition_held_constant() {
    let device = Device::default();
    let layer =
        INormLayer::<IN, EXC, INH, f64>::from_weights(&weights(Circuit::InhibitoryNorm), &device);
    let (h, g) = (input(&device), upstream(&device));
    let (z, memory) = layer.forward(&h);
    let (below, gradients) = layer.backward(&g, &memory, NO_LOCAL_LOSS);

    let i = h
        .clone()
        .matmul(layer.w_ie.clone().permute::<Rank2<IN, INH>, _>())
        .matmul(layer.w_ei.clone().permute::<Rank2<INH, EXC>, _>());
    let q = h.clone().matmul(layer.u_ie.clone().permute::<Rank2<IN, EXC>, _>());
    let s = root_mean_square(&q);
    let w_ee = layer.w_ee.leaky_trace().permute::<Rank2<IN, EXC>, _>();
    let e = h.leaky_trace().matmul(w_ee) + layer.b.leaky_trace().broadcast();
    let theirs = (e - i) / s;
    assert_close("z", &z, &theirs.retaped::<NoneTape>());
    let truth = (theirs * g).sum().backward();
    assert_close("W_EE", &gradients.w_ee, &truth.get(&layer.w_ee));
    assert_close("b", &gradients.b, &truth.get(&layer.b));
    assert_close("h", &below, &truth.get(&h));
    for (name, gradient) in [("W_IE", gradients.w_ie.as_vec()), ("U_IE", gradients.u_ie.as_vec())] {
        assert!(gradient.iter().all(|&g| g == 0.0), "the task error reached {name}");
    }
}

/// `λ·mean_batch[mean(z)² + (var(z) − 1)²]`, or its first term alone.
fn local_loss(z: &Batch<Samples, EXC, f64>, lambda: f64, divides: bool) -> f64 {
    let loss = |row: &[f64]| {
        let m = row.iter().sum::<f64>() / EXC as f64;
        let v = row.iter().map(|z| (z - m).powi(2)).sum::<f64>() / EXC as f64;
        m * m + if divides { (v - 1.0).powi(2) } else { 0.0 }
    };
    lambda * z.as_vec().chunks_exact(EXC).map(loss).sum::<f64>() / SIZE as f64
}

/// Checks the gradient of the local loss with respect to one matrix against finite differences.
#[track_caller]
fn check_differences<L: Layer<IN, EXC, f64, Device>>(
    weights: &LayerWeights<f64>,
    matrix: fn(&mut LayerWeights<f64>) -> &mut Vec<f64>,
    ours: &[f64],
    divides: bool,
) {
    let device = Device::default();
    let h = input(&device);
    let loss = |index: usize, by: f64| {
        let mut moved = weights.clone();
        matrix(&mut moved)[index] += by;
        // The excitatory input e is a constant of the local loss; its weights do not move here anyway.
        local_loss(&L::from_weights(&moved, &device).forward(&h).0, 0.01, divides)
    };
    let step = 1e-6;
    let differences: Vec<f64> =
        (0..ours.len()).map(|k| (loss(k, step) - loss(k, -step)) / (2.0 * step)).collect();
    assert!(ours.iter().any(|g| g.abs() > 1e-6), "a gradient of zeros would prove nothing");
    assert_all_close("local loss", ours, &differences, 1e-9);
}

#[test]
fn i_norm_loss_equals_finite_differences() {
    let device = Device::default();
    let rule = LocalRule { grad_norm: GradNorm::None, lambda: 0.01 };
    let weights = weights(Circuit::InhibitoryNorm);
    type Norm = INormLayer<IN, EXC, INH, f64>;
    let layer = Norm::from_weights(&weights, &device);
    let (_, memory) = layer.forward(&input(&device));
    let (_, gradients) = layer.backward(&upstream(&device), &memory, rule);
    check_differences::<Norm>(&weights, |w| &mut w.w_ie, &gradients.w_ie.as_vec(), true);
    check_differences::<Norm>(&weights, |w| &mut w.u_ie, &gradients.u_ie.as_vec(), true);
    assert!(gradients.w_ei.as_vec().iter().all(|&g| g == 0.0), "W_EI is frozen");
}

#[test]
fn subtractive_i_norm_loss_equals_finite_differences() {
    let device = Device::default();
    let rule = LocalRule { grad_norm: GradNorm::Center, lambda: 0.01 };
    let weights = weights(Circuit::InhibitoryNormSubtractive);
    type Norm = INormSubtractiveLayer<IN, EXC, INH, f64>;
    let layer = Norm::from_weights(&weights, &device);
    let (_, memory) = layer.forward(&input(&device));
    let g = upstream(&device);
    let (_, gradients) = layer.backward(&g, &memory, rule);
    check_differences::<Norm>(&weights, |w| &mut w.w_ie, &gradients.w_ie.as_vec(), false);
    check_differences::<Norm>(&weights, |w| &mut w.w_ei, &gradients.w_ei.as_vec(), false);
    let centred = g.clone() - mean(&g);
    assert_close("b", &gradients.b, &centred.sum::<Rank1<EXC>, _>());
}

#[test]
fn normalizations_equal_autodiff() {
    let device = Device::default();
    let z = random::<Rank2<SIZE, EXC>>(&device, 3, -2.0, 3.0);
    let g = upstream(&device);
    let taped = z.leaky_trace().normalize::<Axis<1>>(1e-5);
    assert_close("LN", &layer_norm(&z), &taped.retaped::<NoneTape>());
    let truth = (taped * g.clone()).sum().backward().get(&z);
    assert_close("LN", &layer_norm_backward(&g, &z), &truth);

    let x = z.leaky_trace();
    let centred = x.retaped::<OwnedTape<f64, Device>>() - x.mean::<Rank1<SIZE>, _>().broadcast();
    let truth = (centred * g.clone()).sum().backward().get(&z);
    assert_close("mean", &normalize_backward(Normalization::MeanNorm, &g, &z), &truth);

    let x = z.leaky_trace();
    let sigma = x.retaped::<OwnedTape<f64, Device>>().stddev::<Rank1<SIZE>, _>(1e-5).broadcast();
    let divided = x / sigma;
    let ours = normalize(Normalization::DivisiveNorm, &z);
    assert_close("divisive", &ours, &divided.retaped::<NoneTape>());
    let truth = (divided * g.clone()).sum().backward().get(&z);
    assert_close("divisive", &normalize_backward(Normalization::DivisiveNorm, &g, &z), &truth);

    let ours = normalize_backward(Normalization::LayerNormForwardOnly, &g, &z);
    assert_close("forward only", &ours, &g);
}

#[test]
fn task_loss_equals_dfdx_cross_entropy() {
    let device = Device::default();
    let logits = random::<Rank2<SIZE, OUTPUTS>>(&device, 4, -3.0, 3.0);
    let labels = [3, 0, 9, 9, 1];
    let (loss, error) = task_loss(&logits, &labels, 0.1);
    let mut targets = [[0.01; OUTPUTS]; SIZE];
    labels.iter().zip(&mut targets).for_each(|(&label, row)| row[usize::from(label)] += 0.9);
    let theirs = cross_entropy_with_logits_loss(logits.leaky_trace(), device.tensor(targets));
    assert_all_close("loss", &[loss], &[theirs.array()], 1e-12);
    assert_close("error", &error, &theirs.backward().get(&logits));
}

/// The explicit backward pass of a whole network, against autodiff through all its layers.
#[test]
fn whole_networks_equal_autodiff() {
    let device = Device::default();
    let x = input(&device);
    let labels = [3, 0, 9, 9, 1];

    let network = ExcitatoryNetwork::<EXC, IN, f64>::new(Condition::ELn, 4, &device).unwrap();
    let pass = network.forward(&x);
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let ours = network.backward(&error, &pass, 0.01);
    let first = network.first.w_ee.leaky_trace().permute::<Rank2<IN, EXC>, _>();
    let h = x.leaky_trace().matmul(first) + network.first.b.leaky_trace().broadcast();
    let h = h.normalize::<Axis<1>>(1e-5).relu();
    let second = network.second.w_ee.leaky_trace().permute::<Rank2<EXC, EXC>, _>();
    let h = h.matmul(second) + network.second.b.leaky_trace().broadcast();
    let h = h.normalize::<Axis<1>>(1e-5).relu();
    let truth = (readout(&network.readout, h) * error).sum().backward();
    let close =
        |name: &str, ours: &[f64], theirs: Vec<f64>| assert_all_close(name, ours, &theirs, 1e-11);
    close("first W_EE", &ours.hidden[0].w_ee, truth.get(&network.first.w_ee).as_vec());
    close("second W_EE", &ours.hidden[1].w_ee, truth.get(&network.second.w_ee).as_vec());
    close("first b", &ours.hidden[0].b, truth.get(&network.first.b).as_vec());
    close("readout W_IE", &ours.readout.w_ie, truth.get(&network.readout.w_ie).as_vec());

    let network = EiNetwork::<12, 1, IN, f64>::new(Condition::EiNone, 4, &device).unwrap();
    let pass = network.forward(&x);
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let ours = network.backward(&error, &pass, 0.01);
    let h = x.leaky_trace();
    let i = h.retaped::<OwnedTape<f64, Device>>();
    let i = i.matmul(network.first.w_ie.leaky_trace().permute::<Rank2<IN, 1>, _>());
    let i = i.matmul(network.first.w_ei.leaky_trace().permute::<Rank2<1, 12>, _>());
    let e = h.matmul(network.first.w_ee.leaky_trace().permute::<Rank2<IN, 12>, _>());
    let h = (e - i + network.first.b.leaky_trace().broadcast()).relu();
    let i = h.retaped::<OwnedTape<f64, Device>>();
    let i = i.matmul(network.second.w_ie.leaky_trace().permute::<Rank2<12, 1>, _>());
    let i = i.matmul(network.second.w_ei.leaky_trace().permute::<Rank2<1, 12>, _>());
    let e = h.matmul(network.second.w_ee.leaky_trace().permute::<Rank2<12, 12>, _>());
    let h = (e - i + network.second.b.leaky_trace().broadcast()).relu();
    let truth = (readout(&network.readout, h) * error).sum().backward();
    close("first W_EE", &ours.hidden[0].w_ee, truth.get(&network.first.w_ee).as_vec());
    close("first W_IE", &ours.hidden[0].w_ie, truth.get(&network.first.w_ie).as_vec());
    close("first W_EI", &ours.hidden[0].w_ei, truth.get(&network.first.w_ei).as_vec());
}

fn readout<const N: usize>(
    layer: &EiLayer<N, OUTPUTS, 1, f64>,
    h: Tensor<Rank2<SIZE, N>, f64, Device, OwnedTape<f64, Device>>,
) -> Tensor<Rank2<SIZE, OUTPUTS>, f64, Device, OwnedTape<f64, Device>> {
    let r = h.retaped::<OwnedTape<f64, Device>>();
    let r = r.matmul(layer.w_ie.leaky_trace().permute::<Rank2<N, 1>, _>());
    let i = r.matmul(layer.w_ei.leaky_trace().permute::<Rank2<1, OUTPUTS>, _>());
    let e = h.matmul(layer.w_ee.leaky_trace().permute::<Rank2<N, OUTPUTS>, _>());
    e - i + layer.b.leaky_trace().broadcast()
}
