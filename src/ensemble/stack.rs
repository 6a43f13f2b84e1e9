//! One layer of all networks of an ensemble.

use super::{
    arguments::Net,
    layout::{Layout, padded},
    machine::Machine,
};
use crate::{
    Result,
    condition::GradNorm,
    engine::{Batch, Form, LayerMeasurement, Observed, measure, nu_of, stack, unstack},
    layers::LayerWeights,
};

/// One layer of all networks: the numbers of each kind in one buffer.
pub(super) struct Stack<M: Machine> {
    pub layout: Layout,
    /// The layout's nets, for kernels.
    pub table: M::Buffer<Net>,
    pub matrix: M::Buffer<f32>,
    pub w_ei: M::Buffer<f32>,
    pub b: M::Buffer<f32>,
    pub nu: M::Buffer<f32>,
    pub pre_activation: M::Buffer<f32>,
    pub inhibition: M::Buffer<f32>,
    pub z: M::Buffer<f32>,
    pub normalized: M::Buffer<f32>,
    pub activity: M::Buffer<f32>,
    pub s: M::Buffer<f32>,
    pub error: M::Buffer<f32>,
    pub delta: M::Buffer<f32>,
}

impl<M: Machine> Stack<M> {
    pub fn new(machine: &M, layout: Layout, weights: &[&LayerWeights<f32>]) -> Result<Self> {
        let (mut matrix, mut w_ei) = (vec![0.0; layout.matrix], vec![0.0; layout.w_ei]);
        let (mut b, mut nu) = (Vec::new(), Vec::new());
        for ((net, form), weights) in layout.nets.iter().zip(&layout.forms).zip(weights) {
            let [units, inhibitory, targets, _] = net.sizes();
            let rows = &mut matrix[net.matrix as usize..];
            spread(&stack(weights, form), targets, rows, net.matrix_stride as usize);
            spread(&weights.w_ei, inhibitory, &mut w_ei[net.w_ei as usize..], padded(inhibitory));
            b.extend(&weights.b);
            nu.extend(nu_of(weights, form));
            nu.resize(b.len(), 0.0);
            debug_assert_eq!(b.len(), net.unit as usize + units);
        }
        let columns = layout.columns * layout.capacity;
        let units = layout.activities * layout.capacity;
        let samples = layout.nets.len() * layout.capacity;
        Ok(Self {
            table: machine.upload(&layout.table())?,
            matrix: machine.upload(&matrix)?,
            w_ei: machine.upload(&w_ei)?,
            b: machine.upload(&b)?,
            nu: machine.upload(&nu)?,
            pre_activation: machine.zeros(columns)?,
            inhibition: machine.zeros(units)?,
            z: machine.zeros(units)?,
            normalized: machine.zeros(units)?,
            activity: machine.zeros(units)?,
            s: machine.zeros(samples)?,
            error: machine.zeros(units)?,
            delta: machine.zeros(columns)?,
            layout,
        })
    }

    /// The weights of every network.
    pub fn weights(&self, machine: &M) -> Result<Vec<LayerWeights<f32>>> {
        let [matrix, w_ei, b, nu] =
            [&self.matrix, &self.w_ei, &self.b, &self.nu].map(|buffer| machine.read(buffer));
        let (matrix, w_ei, b, nu) = (matrix?, w_ei?, b?, nu?);
        let weights = |(net, form): (&Net, &Form<f32>)| {
            let [units, inhibitory, ..] = net.sizes();
            let w_ei = gathered(&w_ei[net.w_ei as usize..], units, inhibitory);
            let of_units = |values: &[f32]| values[net.unit as usize..][..units].to_vec();
            let lateral = form.grad_norm == GradNorm::Lateral;
            let nu = if lateral { of_units(&nu) } else { Vec::new() };
            let matrix = &matrix[net.matrix as usize..];
            unstack(form, matrix, net.matrix_stride as usize, w_ei, of_units(&b), nu)
        };
        Ok(self.layout.nets.iter().zip(&self.layout.forms).map(weights).collect())
    }

    /// What measurements need, copied from the machine.
    pub fn observe(&self, machine: &M) -> Result<ObservedStack<'_>> {
        let read = |buffer| machine.read(buffer);
        Ok(ObservedStack {
            layout: &self.layout,
            b: read(&self.b)?,
            nu: read(&self.nu)?,
            pre_activation: read(&self.pre_activation)?,
            z: read(&self.z)?,
            normalized: read(&self.normalized)?,
            s: read(&self.s)?,
            error: read(&self.error)?,
        })
    }
}

/// What a layer of all networks made of a batch.
pub(super) struct ObservedStack<'a> {
    layout: &'a Layout,
    b: Vec<f32>,
    nu: Vec<f32>,
    pre_activation: Vec<f32>,
    z: Vec<f32>,
    normalized: Vec<f32>,
    s: Vec<f32>,
    error: Vec<f32>,
}

impl ObservedStack<'_> {
    /// Measures network number `index` on `size` samples; `h` is the activity of the layer below,
    /// of all networks.
    pub fn measure(&self, index: usize, size: usize, h: &[f32]) -> LayerMeasurement {
        let (net, form) = (&self.layout.nets[index], &self.layout.forms[index]);
        let [units, _, targets, inputs] = net.sizes();
        let part = |values: &[f32], from: i64, count| values[from as usize..][..count].to_vec();
        let of_samples = |values: &[f32]| gathered(&values[net.activity as usize..], size, units);
        let pre_activation = self.pre_activation[net.pre_activation as usize..]
            .chunks(net.pre_activation_stride as usize)
            .take(size);
        let batch = Batch {
            size,
            pre_activation: pre_activation.flat_map(|row| &row[..targets]).copied().collect(),
            z: of_samples(&self.z),
            normalized: of_samples(&self.normalized),
            s: part(&self.s, net.sample, size),
            error: of_samples(&self.error),
            ..Batch::default()
        };
        let [b, nu] = [&self.b, &self.nu].map(|values| part(values, net.unit, units));
        let h = gathered(&h[net.input as usize..], size, inputs);
        measure(&Observed { form, b: &b, nu: &nu, batch: &batch }, &h)
    }
}

/// Writes rows of `width` values to the beginnings of rows of `stride` values.
pub(super) fn spread(values: &[f32], width: usize, rows: &mut [f32], stride: usize) {
    if width > 0 {
        for (row, values) in rows.chunks_mut(stride).zip(values.chunks_exact(width)) {
            row[..width].copy_from_slice(values);
        }
    }
}

/// The first `width` values of each of so many padded rows.
pub(super) fn gathered(values: &[f32], rows: usize, width: usize) -> Vec<f32> {
    let padded_rows = values.chunks(padded(width).max(1)).take(rows);
    padded_rows.flat_map(|row| &row[..width]).copied().collect()
}
