//! One layer: its weights stacked into one matrix, and the buffers of one batch.

use super::{
    OwnGradNorm,
    lanes::Real,
    passes,
    product::{Into, View, product},
};
use crate::{
    condition::{Circuit, Condition, GradNorm, Normalization},
    layers::LayerWeights,
    learning::LearningRule,
};

/// A layer of the fused engine.
///
/// `W_EE`, `W_IE` and `U_IE` all see the same input, so they are blocks of one matrix: one product
/// computes all drives, one computes all gradients. It is stored input by input, because both
/// products then run over it without rearranging it first.
#[derive(Clone)]
pub(super) struct Layer<T> {
    pub circuit: Circuit,
    pub normalization: Normalization,
    pub grad_norm: GradNorm,
    /// What happens to the error instead, if somebody wrote that.
    pub own_grad_norm: Option<OwnGradNorm<T>>,
    /// Whether the activity is `relu(z)` (hidden layers) or `z` (the read-out).
    pub rectified: bool,
    pub inputs: usize,
    pub units: usize,
    pub inhibitory: usize,
    /// Columns of `matrix`: units + inhibitory + (units, if it divides).
    pub targets: usize,
    /// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, targets\].
    pub matrix: Vec<T>,
    /// \[units, inhibitory\]
    pub w_ei: Vec<T>,
    pub b: Vec<T>,
    pub nu: Vec<T>,
    velocity: Option<Box<Velocity<T>>>,
    pub batch: Batch<T>,
}

/// Values that the processor keeps close at hand while it goes on to the next thing.
const CACHED_VALUES: usize = 64 * 1024;

/// What momentum remembers: one velocity for each weight.
#[derive(Clone)]
struct Velocity<T> {
    matrix: Vec<T>,
    w_ei: Vec<T>,
    b: Vec<T>,
}

/// What a layer computes for one batch of `size` samples.
#[derive(Clone, Default)]
pub(super) struct Batch<T> {
    pub size: usize,
    /// `h Mᵀ`, \[size, targets\]: excitatory drive, inhibitory activity, divisive drive.
    pub drive: Vec<T>,
    /// `i`, \[size, units\]; on the way back `∂L/∂i`.
    pub inhibition: Vec<T>,
    /// Before normalization and ReLU, \[size, units\].
    pub z: Vec<T>,
    /// After normalization, \[size, units\]; empty without one.
    pub normalized: Vec<T>,
    /// What the layer above sees, \[size, units\].
    pub activity: Vec<T>,
    /// `s`, the divisive inhibition, \[size\]; 1 where nothing divides.
    pub s: Vec<T>,
    /// `∂L/∂activity`, \[size, units\].
    pub error: Vec<T>,
    /// `∂L/∂drive`, \[size, targets\].
    pub delta: Vec<T>,
}

impl<T: Real> Layer<T> {
    pub fn hidden(condition: Condition, weights: &LayerWeights<T>) -> Self {
        Self::new(
            weights,
            condition.circuit(),
            condition.normalization(),
            condition.grad_norm(),
            true,
        )
    }

    pub fn readout(weights: &LayerWeights<T>) -> Self {
        let circuit = Circuit::ExcitatoryInhibitory;
        Self::new(weights, circuit, Normalization::None, GradNorm::None, false)
    }

    fn new(
        weights: &LayerWeights<T>,
        circuit: Circuit,
        normalization: Normalization,
        grad_norm: GradNorm,
        rectified: bool,
    ) -> Self {
        let LayerWeights { inputs, excitatory: units, inhibitory, .. } = *weights;
        let matrix = stack(weights);
        let targets = units + inhibitory + if circuit.divides() { units } else { 0 };
        assert_eq!(matrix.len(), targets * inputs, "weights do not fit their circuit");
        assert_eq!(weights.w_ei.len(), units * inhibitory);
        assert_eq!(weights.b.len(), units);
        assert!(grad_norm != GradNorm::Lateral || weights.nu.len() == units, "ν is missing");
        Self {
            circuit,
            normalization,
            grad_norm,
            own_grad_norm: None,
            rectified,
            inputs,
            units,
            inhibitory,
            targets,
            matrix,
            w_ei: weights.w_ei.clone(),
            b: weights.b.clone(),
            nu: weights.nu.clone(),
            velocity: None,
            batch: Batch::default(),
        }
    }

    pub fn weights(&self) -> LayerWeights<T> {
        self.split(&self.matrix, self.w_ei.clone(), self.b.clone(), self.nu.clone())
    }

    /// The stacked `matrix` and the rest, as named weights.
    fn split(&self, matrix: &[T], w_ei: Vec<T>, b: Vec<T>, nu: Vec<T>) -> LayerWeights<T> {
        let matrix = transposed(matrix, self.targets);
        let (w_ee, rest) = matrix.split_at(self.units * self.inputs);
        let (w_ie, u_ie) = rest.split_at(self.inhibitory * self.inputs);
        LayerWeights {
            inputs: self.inputs,
            excitatory: self.units,
            inhibitory: self.inhibitory,
            w_ee: w_ee.to_vec(),
            w_ie: w_ie.to_vec(),
            w_ei,
            u_ie: u_ie.to_vec(),
            b,
            nu,
        }
    }

    /// What momentum remembers, as named weights; `None` before the first step with momentum.
    pub fn velocity(&self) -> Option<LayerWeights<T>> {
        let Velocity { matrix, w_ei, b } = self.velocity.as_deref()?;
        Some(self.split(matrix, w_ei.clone(), b.clone(), Vec::new()))
    }

    /// Puts back what [`velocity`](Self::velocity) gave.
    pub fn set_velocity(&mut self, velocity: &LayerWeights<T>) {
        let matrix = stack(velocity);
        assert_eq!(matrix.len(), self.matrix.len(), "a velocity of another layer");
        let (w_ei, b) = (velocity.w_ei.clone(), velocity.b.clone());
        self.velocity = Some(Box::new(Velocity { matrix, w_ei, b }));
    }

    /// Computes the activity for the inputs `h`, \[size, inputs\].
    pub fn forward(&mut self, h: &[T], size: usize) {
        self.resize(size);
        let Self { inputs, units, inhibitory, targets, .. } = *self;
        let matrix = View::new(&self.matrix, inputs, targets);
        let h = View::new(h, size, inputs);
        product(h, matrix, &mut self.batch.drive, targets, Into::Replace);
        if inhibitory > 0 {
            let r = View::strided(&self.batch.drive[units..], size, inhibitory, targets);
            let w_ei = View::new(&self.w_ei, units, inhibitory);
            product(r, w_ei.t(), &mut self.batch.inhibition, units, Into::Replace);
        }
        vectorized(ForwardPass(self));
    }

    /// Turns `batch.error` into `batch.delta`, and writes `∂L/∂h` to `below`.
    ///
    /// `lambda` weighs the local loss.
    pub fn backward(&mut self, lambda: T, below: Option<&mut [T]>) {
        let Self { inputs, units, inhibitory, targets, .. } = *self;
        let size = self.batch.size;
        vectorized(BackwardPass(self, lambda));
        if inhibitory > 0 {
            let error = View::new(&self.batch.inhibition, size, units);
            let w_ei = View::new(&self.w_ei, units, inhibitory);
            product(error, w_ei, &mut self.batch.delta[units..], targets, Into::Replace);
        }
        if let Some(below) = below {
            let through = self.through();
            let delta = View::strided(&self.batch.delta, size, through, targets);
            let matrix = View::strided(&self.matrix, inputs, through, targets);
            product(delta, matrix.t(), below, inputs, Into::Replace);
        }
    }

    /// Whether `W_EI` learns: everywhere but in I-Norm, where it is frozen.
    fn trains_w_ei(&self) -> bool {
        self.inhibitory > 0 && self.circuit != Circuit::InhibitoryNorm
    }

    /// Moves the weights along the gradient of the last batch, with inputs `h`, and keeps them in
    /// Dale's bounds.
    pub fn update(&mut self, h: &[T], rule: &LearningRule) {
        if rule.is_plain() {
            self.descend(h, rule);
        } else {
            self.descend_with_momentum(h, rule);
        }
        rectify(&mut self.w_ei, self.inhibitory.max(1), self.inhibitory);
    }

    /// `p ← p − lr·g`, without ever storing g: δ is scaled, and the product adds to the weights.
    fn descend(&mut self, h: &[T], rule: &LearningRule) {
        let Self { inputs, units, inhibitory, targets, .. } = *self;
        let size = self.batch.size;
        let rates = self.rates(rule).map(|rate| -rate);
        let delta = &mut self.batch.delta;
        vectorized(|| passes::scale_blocks(delta, [units, targets], rates));
        passes::add_column_sums(&self.batch.delta, targets, &mut self.b);
        let delta = View::new(&self.batch.delta, size, targets);
        // Block by block, so that the weights are still in the cache when they are rectified.
        let inputs_per_block = (CACHED_VALUES / targets).max(1);
        for (block, matrix) in self.matrix.chunks_mut(inputs_per_block * targets).enumerate() {
            let h = &h[block * inputs_per_block..];
            let h = View::strided(h, size, matrix.len() / targets, inputs);
            product(h.t(), delta, matrix, targets, Into::Add);
            rectify(matrix, targets, units + inhibitory);
        }
        if self.trains_w_ei() {
            let rate = -T::of(rule.rates.lr_w_ei);
            self.batch.inhibition.iter_mut().for_each(|g| *g *= rate);
            let error = View::new(&self.batch.inhibition, size, units);
            let r = View::strided(&self.batch.drive[units..], size, inhibitory, targets);
            product(error.t(), r, &mut self.w_ei, inhibitory, Into::Add);
        }
    }

    /// `v ← μ v + g; p ← p − lr·v`, then weight decay of what is not inhibitory.
    fn descend_with_momentum(&mut self, h: &[T], rule: &LearningRule) {
        let Self { units, inhibitory, targets, .. } = *self;
        let mut velocity = self.velocity.take().unwrap_or_else(|| {
            Box::new(Velocity {
                matrix: vec![T::zero(); self.matrix.len()],
                w_ei: vec![T::zero(); self.w_ei.len()],
                b: vec![T::zero(); self.b.len()],
            })
        });
        let momenta = [rule.momentum, rule.inhibitory_momentum].map(T::of);
        let scale = |values: &mut [T], by: T| values.iter_mut().for_each(|v| *v *= by);
        passes::scale_blocks(&mut velocity.matrix, [units, targets], momenta);
        scale(&mut velocity.w_ei, momenta[1]);
        scale(&mut velocity.b, momenta[0]);
        self.add_gradients(h, &mut velocity.matrix, &mut velocity.w_ei, &mut velocity.b);

        let [rate, rate_ie] = self.rates(rule);
        let rate_ei = T::of(rule.rates.lr_w_ei);
        let decay = rate * T::of(rule.weight_decay);
        let descend = |weights: &mut [T], velocity: &[T], rate: T, decay: T| {
            for (w, &v) in weights.iter_mut().zip(velocity) {
                *w -= rate * v;
                *w -= decay * *w;
            }
        };
        let weights = self.matrix.chunks_exact_mut(targets);
        for (weights, velocity) in weights.zip(velocity.matrix.chunks_exact(targets)) {
            let (w_ee, rest) = weights.split_at_mut(units);
            descend(w_ee, velocity, rate, decay);
            descend(rest, &velocity[units..], rate_ie, T::zero());
        }
        descend(&mut self.w_ei, &velocity.w_ei, rate_ei, T::zero());
        descend(&mut self.b, &velocity.b, rate, decay);
        rectify(&mut self.matrix, targets, units + inhibitory);
        self.velocity = Some(velocity);
    }

    /// The learning rates of the first `units` targets of the matrix and of the rest.
    fn rates(&self, rule: &LearningRule) -> [T; 2] {
        [T::of(rule.rates.lr), T::of(rule.rates.lr_w_ie)]
    }

    fn add_gradients(&self, h: &[T], matrix: &mut [T], w_ei: &mut [T], b: &mut [T]) {
        let Self { inputs, units, inhibitory, targets, .. } = *self;
        let size = self.batch.size;
        let delta = View::new(&self.batch.delta, size, targets);
        product(View::new(h, size, inputs).t(), delta, matrix, targets, Into::Add);
        passes::add_column_sums(&self.batch.delta, targets, b);
        if self.trains_w_ei() {
            let error = View::new(&self.batch.inhibition, size, units);
            let r = View::strided(&self.batch.drive[units..], size, inhibitory, targets);
            product(error.t(), r, w_ei, inhibitory, Into::Add);
        }
    }

    /// The gradients of the last batch, with inputs `h`, as named weights.
    pub fn gradients(&self, h: &[T]) -> LayerWeights<T> {
        let zeros = |values: &[T]| vec![T::zero(); values.len()];
        let (mut matrix, mut w_ei, mut b) =
            (zeros(&self.matrix), zeros(&self.w_ei), zeros(&self.b));
        self.add_gradients(h, &mut matrix, &mut w_ei, &mut b);
        self.split(&matrix, w_ei, b, Vec::new())
    }

    /// Floating-point operations of the products of one step; `below`: with those of `∂L/∂h`.
    pub fn operations(&self, size: usize, below: bool) -> usize {
        let Self { inputs, units, inhibitory, targets, .. } = *self;
        let through = self.through();
        let forward_and_update = 2 * targets * inputs;
        let inhibition = (2 + usize::from(self.trains_w_ei())) * units * inhibitory;
        2 * size * (forward_and_update + inhibition + if below { through * inputs } else { 0 })
    }

    /// Rows of the matrix through which the task error passes: none of inhibition that learns
    /// locally.
    fn through(&self) -> usize {
        if self.circuit.learns_locally() { self.units } else { self.units + self.inhibitory }
    }

    fn resize(&mut self, size: usize) {
        if self.batch.size == size {
            return;
        }
        let Self { units, inhibitory, targets, .. } = *self;
        let batch = &mut self.batch;
        batch.size = size;
        let inhibition = if inhibitory > 0 { units } else { 0 };
        let normalized = if self.normalization == Normalization::None { 0 } else { units };
        for (buffer, width) in [
            (&mut batch.drive, targets),
            (&mut batch.inhibition, inhibition),
            (&mut batch.z, units),
            (&mut batch.normalized, normalized),
            (&mut batch.activity, units),
            (&mut batch.s, 1),
            (&mut batch.error, units),
            (&mut batch.delta, targets),
        ] {
            buffer.resize(size * width, T::zero());
        }
    }
}

/// Runs code with the widest vector instructions that this machine has.
fn vectorized<R>(code: impl pulp::NullaryFnOnce<Output = R>) -> R {
    pulp::Arch::new().dispatch(code)
}

/// [`passes::forward`], inlined wherever it is called: a closure of its size would not be.
struct ForwardPass<'a, T>(&'a mut Layer<T>);

impl<T: Real> pulp::NullaryFnOnce for ForwardPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        passes::forward(self.0);
    }
}

/// [`passes::backward`] with its λ, inlined like [`ForwardPass`].
struct BackwardPass<'a, T>(&'a mut Layer<T>, T);

impl<T: Real> pulp::NullaryFnOnce for BackwardPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        passes::backward(self.0, self.1);
    }
}

/// Dale's principle: the first `signed` of every `columns` values become `max(0, ·)`. A weight
/// that is not a number stays so.
fn rectify<T: Real>(values: &mut [T], columns: usize, signed: usize) {
    vectorized(|| {
        for row in values.chunks_exact_mut(columns) {
            row[..signed].iter_mut().for_each(|w| *w = passes::rectified(*w));
        }
    });
}

/// `[W_EE; W_IE; U_IE]ᵀ`, \[inputs, units + inhibitory (+ units)\].
fn stack<T: Real>(weights: &LayerWeights<T>) -> Vec<T> {
    let LayerWeights { w_ee, w_ie, u_ie, inputs, .. } = weights;
    transposed(&[&w_ee[..], w_ie, u_ie].concat(), *inputs)
}

/// The transpose of a matrix with this many columns.
fn transposed<T: Real>(matrix: &[T], columns: usize) -> Vec<T> {
    (0..columns).flat_map(|c| matrix.iter().skip(c).step_by(columns).copied()).collect()
}
