//! The learning rules as they are written out, against dfdx's autodiff and finite differences.
//!
//! In double precision, with an upstream gradient that differs from unit to unit: one of ones
//! would hide mistakes. The bodies run on whatever device the crate is built for.

use inorm::{
    condition::{Circuit, GradNorm, Normalization},
    dfdx::prelude::*,
    layers::{
        Batch, Center, Ei, ErrorRule, Excitatory, Full, INorm, INormDiv, INormSub,
        INormSubVariance, Layer, LayerNorm, LayerWeights, Matrix, NoNorm, Raw, Shaped, Vector,
        grad_norm, initial_layer,
        moments::{layer_norm, layer_norm_backward},
        normalize, normalize_backward, pre_activation,
    },
    networks::{
        OUTPUTS,
        paper::{ENetwork, EiNetwork, INormCenter},
        task_loss,
    },
    randomness::{Purpose, stream},
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

fn input(device: &Device) -> Tensor<Rank2<SIZE, IN>, f64, Device> {
    random(device, 0, 0.0, 1.0)
}

fn upstream(device: &Device) -> Tensor<Rank2<SIZE, EXC>, f64, Device> {
    random(device, 1, -1.0, 1.0)
}

const NO_LOCAL_LOSS: f64 = 0.0;

#[track_caller]
fn assert_close<S, T: Shape>(name: &str, ours: &Shaped<S, f64>, theirs: &Tensor<T, f64, Device>) {
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

/// Activities of `N` units, and how they came about.
type Traced<const N: usize> = Tensor<Rank2<SIZE, N>, f64, Device, OwnedTape<f64, Device>>;

/// Weights as dfdx has them.
type Weights<const POST: usize, const PRE: usize> = Tensor<Rank2<POST, PRE>, f64, Device>;

/// `h Wᵀ`
fn traced_product<const PRE: usize, const POST: usize>(
    h: Traced<PRE>,
    w: &Weights<POST, PRE>,
) -> Traced<POST> {
    h.matmul(w.leaky_trace().permute::<Rank2<PRE, POST>, Axes2<1, 0>>())
}

/// The weights of excitation, as dfdx has them.
struct Excitation<const PRE: usize, const POST: usize> {
    w_ee: Weights<POST, PRE>,
    b: Tensor<Rank1<POST>, f64, Device>,
}

impl<const PRE: usize, const POST: usize> Excitation<PRE, POST> {
    fn new(w_ee: &Matrix<POST, PRE, f64>, b: &Vector<POST, f64>) -> Self {
        Self { w_ee: w_ee.tensor(), b: b.tensor() }
    }

    /// `h W_EEᵀ + b`
    fn traced(&self, h: Traced<PRE>) -> Traced<POST> {
        traced_product(h, &self.w_ee) + self.b.leaky_trace().broadcast::<_, Axis<0>>()
    }
}

/// The weights of an EI layer, as dfdx has them.
struct ExcitationInhibition<const PRE: usize, const POST: usize, const INHIBITORY: usize> {
    excitation: Excitation<PRE, POST>,
    w_ie: Weights<INHIBITORY, PRE>,
    w_ei: Weights<POST, INHIBITORY>,
}

impl<const PRE: usize, const POST: usize, const INHIBITORY: usize>
    ExcitationInhibition<PRE, POST, INHIBITORY>
{
    fn new(layer: &Ei<PRE, POST, INHIBITORY, NoNorm, f64>) -> Self {
        let excitation = Excitation::new(&layer.w_ee, &layer.b);
        Self { excitation, w_ie: layer.w_ie.tensor(), w_ei: layer.w_ei.tensor() }
    }

    /// `h W_EEᵀ − (h W_IEᵀ) W_EIᵀ + b`
    fn traced(&self, h: Traced<PRE>) -> Traced<POST> {
        let i = traced_product(traced_product(h.retaped(), &self.w_ie), &self.w_ei);
        self.excitation.traced(h) - i
    }
}

/// A layer, its input, an upstream gradient, and what the layer's rule makes of them.
struct Passed<L> {
    layer: L,
    h: Tensor<Rank2<SIZE, IN>, f64, Device>,
    g: Tensor<Rank2<SIZE, EXC>, f64, Device>,
    z: Batch<Samples, EXC, f64>,
    below: Batch<Samples, IN, f64>,
    gradients: L,
}

impl<L: Layer<f64, Device, In = Const<IN>, Out = Const<EXC>>> Passed<L> {
    fn new(lambda: f64) -> Self {
        let device = Device::default();
        let layer = L::from_weights(&weights(L::KIND.circuit));
        let (h, g) = (input(&device), upstream(&device));
        let (z, memory) = layer.forward(&Batch::from(&h));
        let (below, gradients) = layer.backward(&Batch::from(&g), &memory, lambda);
        Self { layer, h, g, z, below, gradients }
    }

    /// The gradients of `theirs`, which must equal z, and whose gradient by h that of the rule.
    #[track_caller]
    fn truth(&self, theirs: Traced<EXC>) -> Gradients<f64, Device> {
        assert_close("z", &self.z, &theirs.retaped::<NoneTape>());
        let truth = (theirs * self.g.clone()).sum().backward();
        assert_close("h", &self.below, &truth.get(&self.h));
        truth
    }
}

#[test]
fn excitatory_layer_equals_autodiff() {
    let passed = Passed::<Excitatory<IN, EXC, NoNorm, f64>>::new(NO_LOCAL_LOSS);
    let Passed { layer, gradients, .. } = &passed;
    let twin = Excitation::new(&layer.w_ee, &layer.b);
    let truth = passed.truth(twin.traced(passed.h.leaky_trace()));
    assert_close("W_EE", &gradients.w_ee, &truth.get(&twin.w_ee));
    assert_close("b", &gradients.b, &truth.get(&twin.b));
}

#[test]
fn ei_layer_equals_autodiff() {
    let passed = Passed::<Ei<IN, EXC, INH, NoNorm, f64>>::new(NO_LOCAL_LOSS);
    let Passed { layer, gradients, .. } = &passed;
    let twin = ExcitationInhibition::new(layer);
    let truth = passed.truth(twin.traced(passed.h.leaky_trace()));
    assert_close("W_EE", &gradients.w_ee, &truth.get(&twin.excitation.w_ee));
    assert_close("W_IE", &gradients.w_ie, &truth.get(&twin.w_ie));
    assert_close("W_EI", &gradients.w_ei, &truth.get(&twin.w_ei));
    assert_close("b", &gradients.b, &truth.get(&twin.excitation.b));
}

#[test]
fn task_error_of_i_norm_equals_autodiff_with_inhibition_held_constant() {
    let passed = Passed::<INorm<IN, EXC, INH, Raw, f64>>::new(NO_LOCAL_LOSS);
    let Passed { layer, h, gradients, .. } = &passed;
    let constant = Batch::from(h);
    let i = pre_activation(&pre_activation(&constant, &layer.w_ie), &layer.w_ei).tensor();
    let s = pre_activation(&constant, &layer.u_ie).root_mean_square().tensor();
    let twin = Excitation::new(&layer.w_ee, &layer.b);
    let truth = passed.truth((twin.traced(h.leaky_trace()) - i) / s);
    assert_close("W_EE", &gradients.w_ee, &truth.get(&twin.w_ee));
    assert_close("b", &gradients.b, &truth.get(&twin.b));
    for (name, gradient) in [("W_IE", gradients.w_ie.as_vec()), ("U_IE", gradients.u_ie.as_vec())] {
        assert!(gradient.iter().all(|&g| g == 0.0), "the task error reached {name}");
    }
}

#[test]
fn task_error_of_divisive_i_norm_equals_autodiff_with_s_held_constant() {
    let passed = Passed::<INormDiv<IN, EXC, Raw, f64>>::new(NO_LOCAL_LOSS);
    let Passed { layer, h, gradients, .. } = &passed;
    let s = pre_activation(&Batch::from(h), &layer.u_ie).root_mean_square().tensor();
    let twin = Excitation::new(&layer.w_ee, &layer.b);
    let truth = passed.truth(twin.traced(h.leaky_trace()) / s);
    assert_close("W_EE", &gradients.w_ee, &truth.get(&twin.w_ee));
    assert_close("b", &gradients.b, &truth.get(&twin.b));
    assert!(gradients.u_ie.as_vec().iter().all(|&g| g == 0.0), "the task error reached U_IE");
}

/// `λ·mean_batch[mean(z)² + (var(z) − 1)²]`, or its first term alone.
fn local_loss(z: &Batch<Samples, EXC, f64>, lambda: f64, learns_variance: bool) -> f64 {
    let loss = |row: &[f64]| {
        let m = row.iter().sum::<f64>() / EXC as f64;
        let v = row.iter().map(|z| (z - m).powi(2)).sum::<f64>() / EXC as f64;
        m * m + if learns_variance { (v - 1.0).powi(2) } else { 0.0 }
    };
    lambda * z.as_vec().chunks_exact(EXC).map(loss).sum::<f64>() / SIZE as f64
}

/// Checks the gradient of the local loss with respect to one matrix against finite differences.
#[track_caller]
fn check_differences<L: Layer<f64, Device, In = Const<IN>, Out = Const<EXC>>>(
    matrix: fn(&mut LayerWeights<f64>) -> &mut Vec<f64>,
    ours: &[f64],
) {
    let h = Batch::from(&input(&Device::default()));
    let loss = |index: usize, by: f64| {
        let mut moved = weights(L::KIND.circuit);
        matrix(&mut moved)[index] += by;
        // The excitatory input e is a constant of the local loss; its weights do not move here.
        let (z, _) = L::from_weights(&moved).forward(&h);
        local_loss(&z, 0.01, L::KIND.circuit.learns_variance())
    };
    let step = 1e-6;
    let differences: Vec<f64> =
        (0..ours.len()).map(|k| (loss(k, step) - loss(k, -step)) / (2.0 * step)).collect();
    assert!(ours.iter().any(|g| g.abs() > 1e-6), "a gradient of zeros would prove nothing");
    assert_all_close("local loss", ours, &differences, 1e-9);
}

#[test]
fn i_norm_loss_equals_finite_differences() {
    type Norm = INorm<IN, EXC, INH, Raw, f64>;
    let Passed { gradients, .. } = Passed::<Norm>::new(0.01);
    check_differences::<Norm>(|w| &mut w.w_ie, &gradients.w_ie.as_vec());
    check_differences::<Norm>(|w| &mut w.u_ie, &gradients.u_ie.as_vec());
    assert!(gradients.w_ei.as_vec().iter().all(|&g| g == 0.0), "W_EI is frozen");
}

#[test]
fn subtractive_i_norm_loss_equals_finite_differences() {
    type Norm = INormSub<IN, EXC, INH, Center, f64>;
    let Passed { gradients, g, .. } = Passed::<Norm>::new(0.01);
    check_differences::<Norm>(|w| &mut w.w_ie, &gradients.w_ie.as_vec());
    check_differences::<Norm>(|w| &mut w.w_ei, &gradients.w_ei.as_vec());
    let centred = g.clone() - g.mean::<Rank1<SIZE>, _>().broadcast();
    assert_close("b", &gradients.b, &centred.sum::<Rank1<EXC>, _>());
}

#[test]
fn divisive_i_norm_loss_equals_finite_differences() {
    type Norm = INormDiv<IN, EXC, Raw, f64>;
    let Passed { gradients, .. } = Passed::<Norm>::new(0.01);
    check_differences::<Norm>(|w| &mut w.u_ie, &gradients.u_ie.as_vec());
}

/// It learns a variance as well, and is the other subtractive I-Norm in all else.
#[test]
fn subtractive_i_norm_loss_with_a_variance_equals_finite_differences() {
    type Norm = INormSubVariance<IN, EXC, INH, Center, f64>;
    let ours = Passed::<Norm>::new(0.01);
    check_differences::<Norm>(|w| &mut w.w_ie, &ours.gradients.0.w_ie.as_vec());
    assert!(ours.gradients.0.w_ei.as_vec().iter().all(|&g| g == 0.0), "W_EI is frozen");
    let others = Passed::<INormSub<IN, EXC, INH, Center, f64>>::new(0.01);
    assert_ne!(ours.gradients.0.w_ie.as_vec(), others.gradients.w_ie.as_vec());
    assert_eq!(ours.z.as_vec(), others.z.as_vec());
    assert_eq!(ours.below.as_vec(), others.below.as_vec());
    assert_eq!(ours.gradients.0.w_ee.as_vec(), others.gradients.w_ee.as_vec());
    assert_eq!(ours.gradients.0.b.as_vec(), others.gradients.b.as_vec());
}

/// A reader's rule in f32, which does what the paper's `Full` does.
struct OwnFull;

impl ErrorRule for OwnFull {
    fn apply(delta: &mut [f32], z: &[f32]) {
        let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / z.len() as f32;
        let of_z = mean(&mut z.iter().copied());
        let variance = mean(&mut z.iter().map(|z| (z - of_z).powi(2)));
        let of_delta = mean(&mut delta.iter().copied());
        let correlation = mean(&mut delta.iter().zip(z).map(|(d, z)| d * z));
        for (d, z) in delta.iter_mut().zip(z) {
            *d = (*d - of_delta - z * correlation) / (variance + 1e-5).sqrt();
        }
    }
}

#[test]
fn an_error_rule_of_ones_own_acts_where_the_paper_s_acts() {
    let own = Passed::<INorm<IN, EXC, INH, OwnFull, f64>>::new(0.01);
    let papers = Passed::<INorm<IN, EXC, INH, Full, f64>>::new(0.01);
    for (name, own, papers) in [
        ("W_EE", &own.gradients.w_ee, &papers.gradients.w_ee),
        ("U_IE", &own.gradients.u_ie, &papers.gradients.u_ie),
    ] {
        assert_all_close(name, &own.as_vec(), &papers.as_vec(), 1e-5);
    }
    assert_all_close("h", &own.below.as_vec(), &papers.below.as_vec(), 1e-5);
}

type Errors = Tensor<Rank2<SIZE, EXC>, f64, Device>;

#[test]
fn normalizations_equal_autodiff() {
    let device = Device::default();
    let z = random::<Rank2<SIZE, EXC>>(&device, 3, -2.0, 3.0);
    let g = upstream(&device);
    let taped = z.leaky_trace().normalize::<Axis<1>>(1e-5);
    let assert_close = |name: &str, ours: &Errors, theirs: &Errors| {
        assert_all_close(name, &ours.as_vec(), &theirs.as_vec(), 1e-12);
    };
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
    assert_close("backward only", &normalize(Normalization::LayerNormBackwardOnly, &z), &z);
    let ours = normalize_backward(Normalization::LayerNormBackwardOnly, &g, &z);
    let taped = z.leaky_trace().normalize::<Axis<1>>(1e-5);
    assert_close("backward only", &ours, &(taped * g.clone()).sum().backward().get(&z));
    assert_close("centered error", &normalize(Normalization::MeanNormBackwardOnly, &z), &z);
    let ours = normalize_backward(Normalization::MeanNormBackwardOnly, &g, &z);
    let x = z.leaky_trace();
    let centred = x.retaped::<OwnedTape<f64, Device>>() - x.mean::<Rank1<SIZE>, _>().broadcast();
    assert_close("centered error", &ours, &(centred * g).sum().backward().get(&z));
}

/// On a z that is far from normalized: `full` is LayerNorm's gradient, and `decorrelate` that of
/// `x − c·mean(c⊙x)`, c being a constant.
#[test]
fn grad_norms_on_centred_z_equal_autodiff() {
    let device = Device::default();
    let z = random::<Rank2<SIZE, EXC>>(&device, 3, -2.0, 3.0);
    let (g, nu) = (upstream(&device), device.zeros::<Rank1<EXC>>());
    let ours = |mode| grad_norm(mode, &g, &z, &nu).as_vec();
    let taped = z.leaky_trace().normalize::<Axis<1>>(1e-5);
    let truth = (taped * g.clone()).sum().backward().get(&z).as_vec();
    assert_all_close("full", &ours(GradNorm::FullCentred), &truth, 1e-12);
    let apart = ours(GradNorm::Full).into_iter().zip(&truth).map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f64::max) > 1e-2, "z as it is makes another error");

    let c = z.clone() - z.clone().mean::<Rank1<SIZE>, _>().broadcast();
    let x = random::<Rank2<SIZE, EXC>>(&device, 5, -1.0, 1.0);
    let taped = x.leaky_trace();
    let shared = (taped.retaped::<OwnedTape<f64, Device>>() * c.clone()).mean::<Rank1<SIZE>, _>();
    let projected = taped - shared.broadcast() * c;
    let truth = (projected * g.clone()).sum().backward().get(&x).as_vec();
    assert_all_close("decorrelate", &ours(GradNorm::DecorrelateCentred), &truth, 1e-12);
}

#[test]
fn task_loss_equals_dfdx_cross_entropy() {
    let device = Device::default();
    let logits = random::<Rank2<SIZE, OUTPUTS>>(&device, 4, -3.0, 3.0);
    let labels = [3, 0, 9, 9, 1];
    let (loss, error) = task_loss(&Batch::from(&logits), &labels, 0.1);
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
    let close =
        |name: &str, ours: &[f64], theirs: Vec<f64>| assert_all_close(name, ours, &theirs, 1e-11);

    let network = ENetwork::<EXC, LayerNorm, IN, f64>::new(4).unwrap();
    let pass = network.forward(&Batch::from(&x));
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let ours = network.backward(&error, &pass, 0.01);
    let normalized = |z: Traced<EXC>| z.normalize::<Axis<1>>(1e-5).relu();
    let (first, second) = &network.hidden;
    let first = Excitation::new(&first.w_ee, &first.b);
    let second = Excitation::new(&second.w_ee, &second.b);
    let readout = ExcitationInhibition::new(&network.readout);
    let h = normalized(second.traced(normalized(first.traced(x.leaky_trace()))));
    let truth = (readout.traced(h) * error.tensor()).sum().backward();
    close("first W_EE", &ours.hidden[0].w_ee, truth.get(&first.w_ee).as_vec());
    close("second W_EE", &ours.hidden[1].w_ee, truth.get(&second.w_ee).as_vec());
    close("first b", &ours.hidden[0].b, truth.get(&first.b).as_vec());
    close("readout W_IE", &ours.readout.w_ie, truth.get(&readout.w_ie).as_vec());

    let network = EiNetwork::<12, 1, NoNorm, IN, f64>::new(4).unwrap();
    let pass = network.forward(&Batch::from(&x));
    let (_, error) = task_loss(&pass.logits, &labels, 0.1);
    let ours = network.backward(&error, &pass, 0.01);
    let first = ExcitationInhibition::new(&network.hidden.0);
    let second = ExcitationInhibition::new(&network.hidden.1);
    let readout = ExcitationInhibition::new(&network.readout);
    let h = second.traced(first.traced(x.leaky_trace()).relu()).relu();
    let truth = (readout.traced(h) * error.tensor()).sum().backward();
    close("first W_EE", &ours.hidden[0].w_ee, truth.get(&first.excitation.w_ee).as_vec());
    close("first W_IE", &ours.hidden[0].w_ie, truth.get(&first.w_ie).as_vec());
    close("first W_EI", &ours.hidden[0].w_ei, truth.get(&first.w_ei).as_vec());
}

#[test]
#[should_panic(expected = "forward: the batch is empty")]
fn a_batch_of_nothing_is_refused_in_words() {
    let network = INormCenter::<20, 2>::new(0).unwrap();
    network.forward(&Batch::<_, 784>::of_samples(Vec::new()));
}

#[test]
#[should_panic(expected = "3 errors, but a pass of 2 samples")]
fn errors_of_another_batch_are_refused_in_words() {
    let network = INormCenter::<20, 2>::new(0).unwrap();
    let pass = network.forward(&Batch::<_, 784>::of_samples(vec![0.5; 2 * 784]));
    network.errors(&Batch::<_, 10>::of_samples(vec![0.1; 30]), &pass);
}

#[test]
#[should_panic(expected = "2 samples beside 3: they are of different batches")]
fn tensors_of_another_batch_are_refused_in_words() {
    let [two, three] = [2, 3].map(|samples| Batch::<_, 7>::of_samples(vec![0.5; 7 * samples]));
    let _ = two - three;
}

#[test]
#[should_panic(expected = "2 samples beside 3: they are of different batches")]
fn gradients_of_another_batch_are_refused_in_words() {
    let layer = INorm::<7, 6, 2, Full, f64>::from_weights(&weights(Circuit::InhibitoryNorm));
    let (_, memory) = layer.forward(&Batch::<_, 7, f64>::of_samples(vec![0.5; 21]));
    layer.backward(&Batch::of_samples(vec![0.1; 12]), &memory, 0.0);
}

#[test]
#[should_panic(expected = "15 values are no whole samples of 7")]
fn half_a_sample_is_refused_in_words() {
    Batch::<_, 7>::of_samples(vec![0.5; 15]);
}
