//! One layer of all networks of an ensemble.

use super::{arguments::Net, layout::Layout, machine::Machine};
use crate::{
    Result,
    engine::{Form, Observed, nu_of, stack, unstack},
    layers::LayerWeights,
};
use std::ops::Range;

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
        let mut matrix = vec![0.0; layout.matrix];
        let (mut w_ei, mut b, mut nu) = (Vec::new(), Vec::new(), Vec::new());
        for ((net, form), weights) in layout.nets.iter().zip(&layout.forms).zip(weights) {
            let [units, _, targets, _] = net.sizes();
            let rows = matrix[net.matrix as usize..].chunks_mut(net.matrix_stride as usize);
            for (row, values) in rows.zip(stack(weights, form).chunks_exact(targets)) {
                row[..targets].copy_from_slice(values);
            }
            w_ei.extend(&weights.w_ei);
            b.extend(&weights.b);
            nu.extend(nu_of(weights, form));
            nu.resize(b.len(), 0.0);
            debug_assert_eq!(b.len(), net.unit as usize + units);
        }
        let (columns, units) = (layout.columns * layout.capacity, layout.units * layout.capacity);
        let samples = layout.nets.len() * layout.capacity;
        Ok(Self {
            table: machine.upload(&layout.nets)?,
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
            let w_ei = w_ei[net.w_ei as usize..][..units * inhibitory].to_vec();
            let of_units = |values: &[f32]| values[net.unit as usize..][..units].to_vec();
            let nu = of_units(&nu);
            let nu = if nu.iter().any(|&v| v != 0.0) { nu } else { Vec::new() };
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
    pub z: Vec<f32>,
    normalized: Vec<f32>,
    s: Vec<f32>,
    error: Vec<f32>,
}

impl ObservedStack<'_> {
    /// Where the inputs of network number `index` are in the activity of the layer below, for
    /// `size` samples.
    pub fn inputs(&self, index: usize, size: usize) -> Range<usize> {
        let net = &self.layout.nets[index];
        let [.., inputs] = net.sizes();
        net.input as usize..net.input as usize + size * inputs
    }

    /// Network number `index`, for `size` samples.
    pub fn net(&self, index: usize, size: usize) -> Observed<'_, f32> {
        let net = &self.layout.nets[index];
        let [units, ..] = net.sizes();
        let at = net.activity as usize..net.activity as usize + size * units;
        let unit = net.unit as usize..net.unit as usize + units;
        Observed {
            form: self.layout.forms[index],
            size,
            stride: net.pre_activation_stride as usize,
            b: &self.b[unit.clone()],
            nu: &self.nu[unit],
            pre_activation: &self.pre_activation[net.pre_activation as usize..],
            z: &self.z[at.clone()],
            normalized: &self.normalized[at.clone()],
            s: &self.s[net.sample as usize..][..size],
            error: &self.error[at],
        }
    }
}
