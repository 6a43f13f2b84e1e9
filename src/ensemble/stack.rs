//! One layer of all networks of an ensemble.

use super::{
    device::{Batched, Device, Operand},
    net::Net,
};
use crate::{
    Result,
    engine::{Form, Seen, check, stack, unstack},
    layers::LayerWeights,
    learning::LearningRule,
};
use std::ops::Range;

/// Where every network's numbers are, and which networks share a product.
#[derive(Clone)]
pub struct Layout {
    pub(super) forms: Vec<Form<f32>>,
    pub(super) nets: Vec<Net>,
    /// Neighbours with layers of the same sizes: one batched product does for all of them.
    groups: Vec<Range<usize>>,
    /// The first layer: all networks see the same inputs, so their matrices are columns of one.
    pub(super) shared: bool,
    /// Samples that there is room for.
    pub(super) capacity: usize,
    /// Columns of all matrices together.
    pub(super) columns: usize,
    units: usize,
    matrix: usize,
    w_ei: usize,
}

impl Layout {
    /// The layers of these forms; `shared` says whether they see the same inputs.
    pub(super) fn new(
        forms: Vec<Form<f32>>,
        rules: &[LearningRule],
        shared: bool,
        capacity: usize,
    ) -> Self {
        let columns = forms.iter().map(Form::targets).sum();
        let (mut units, mut inputs, mut before, mut matrix, mut w_ei) = (0, 0, 0, 0, 0);
        let mut nets = Vec::with_capacity(forms.len());
        for (index, (form, rule)) in forms.iter().zip(rules).enumerate() {
            let targets = form.targets();
            let (drive, drive_stride) =
                if shared { (before, columns) } else { (before * capacity, targets) };
            nets.push(Net {
                unit: units as i64,
                activity: (units * capacity) as i64,
                input: if shared { 0 } else { (inputs * capacity) as i64 },
                sample: (index * capacity) as i64,
                drive: drive as i64,
                drive_stride: drive_stride as i64,
                matrix: if shared { before } else { matrix } as i64,
                matrix_stride: drive_stride as i64,
                w_ei: w_ei as i64,
                ..Net::new(form, rule)
            });
            units += form.units;
            inputs += form.inputs;
            before += targets;
            matrix += targets * form.inputs;
            w_ei += form.units * form.inhibitory;
        }
        let sizes = |form: &Form<f32>| (form.inputs, form.units, form.targets(), form.through());
        let groups = forms.chunk_by(|a, b| sizes(a) == sizes(b)).scan(0, |from, group| {
            let range = *from..*from + group.len();
            *from = range.end;
            Some(range)
        });
        let groups = groups.collect();
        Self { nets, groups, shared, capacity, columns, units, matrix, w_ei, forms }
    }

    /// Bytes of the buffers.
    pub(super) fn bytes(&self) -> u64 {
        let weights = self.matrix + self.w_ei + 2 * self.units;
        let batch = 2 * self.columns + 5 * self.units + self.nets.len();
        (4 * (weights + batch * self.capacity) + size_of_val(&self.nets[..])) as u64
    }

    /// What a training step on `size` samples does at least: floating-point operations of its
    /// products, and bytes that these read and write.
    pub(super) fn work(&self, size: usize) -> [f64; 2] {
        let (mut operations, mut bytes) = (0, 0);
        for form in &self.forms {
            let (matrix, targets) = (form.targets() * form.inputs, form.targets());
            let below = if self.shared { 0 } else { form.through() * form.inputs };
            let inhibition = (2 + usize::from(form.trains_w_ei())) * form.units * form.inhibitory;
            operations += 2 * size * (2 * matrix + below + inhibition);
            // Forward reads the matrix, the update reads and writes it; drive and delta are
            // written once and read once.
            bytes += 4 * (3 * matrix + below + 4 * size * targets);
        }
        [operations as f64, bytes as f64]
    }

    /// The columns of a shared matrix that Dale's principle holds for.
    pub(super) fn signed(&self) -> Vec<Range<usize>> {
        let columns = |(net, form): (&Net, &Form<f32>)| {
            let from = net.drive as usize;
            from..from + form.signed()
        };
        self.nets.iter().zip(&self.forms).map(columns).collect()
    }

    /// From shared inputs of `size` samples to all networks' drives: one product.
    pub(super) fn shared_drives(&self, size: usize) -> Option<Batched> {
        let inputs = self.forms[0].inputs;
        let at = |stride| Operand { offset: 0, step: 0, stride, transposed: false };
        self.shared.then(|| Batched {
            count: 1,
            sizes: [size, self.columns, inputs],
            a: at(inputs),
            b: at(self.columns),
            out: at(self.columns),
        })
    }

    /// From the inputs of `size` samples to their drives.
    pub(super) fn drives(&self, size: usize) -> Vec<Batched> {
        if let Some(products) = self.shared_drives(size) {
            return vec![products];
        }
        let products = self.groups.iter().map(|group| {
            let net = &self.nets[group.start];
            let [_, _, targets, inputs] = net.sizes();
            let operand = |offset: i64, step, stride| Operand {
                offset: offset as usize,
                step,
                stride,
                transposed: false,
            };
            Batched {
                count: group.len(),
                sizes: [size, targets, inputs],
                a: operand(net.input, self.capacity * inputs, inputs),
                b: operand(net.matrix, inputs * targets, targets),
                out: operand(net.drive, self.capacity * targets, targets),
            }
        });
        products.collect()
    }

    /// From the errors of the drives to the error of the activity below.
    pub(super) fn errors(&self, size: usize) -> Vec<Batched> {
        let products = self.drives(size).into_iter().zip(&self.groups).map(|(forward, group)| {
            let [size, _, inputs] = forward.sizes;
            // Only the task error passes, and it passes through the first columns.
            Batched {
                sizes: [size, inputs, self.forms[group.start].through()],
                a: forward.out,
                b: Operand { transposed: true, ..forward.b },
                out: forward.a,
                ..forward
            }
        });
        products.collect()
    }
}

/// One layer of all networks: the numbers of each kind in one buffer.
pub struct Stack<D: Device> {
    pub(super) layout: Layout,
    /// The layout's nets, for kernels.
    pub(super) table: D::Buffer<Net>,
    pub(super) matrix: D::Buffer<f32>,
    pub(super) w_ei: D::Buffer<f32>,
    pub(super) b: D::Buffer<f32>,
    pub(super) nu: D::Buffer<f32>,
    pub(super) drive: D::Buffer<f32>,
    pub(super) inhibition: D::Buffer<f32>,
    pub(super) z: D::Buffer<f32>,
    pub(super) normalized: D::Buffer<f32>,
    pub(super) activity: D::Buffer<f32>,
    pub(super) s: D::Buffer<f32>,
    pub(super) error: D::Buffer<f32>,
    pub(super) delta: D::Buffer<f32>,
}

impl<D: Device> Stack<D> {
    pub(super) fn new(device: &D, layout: Layout, weights: &[&LayerWeights<f32>]) -> Result<Self> {
        let mut matrix = vec![0.0; layout.matrix];
        let (mut w_ei, mut b, mut nu) = (Vec::new(), Vec::new(), Vec::new());
        for ((net, form), weights) in layout.nets.iter().zip(&layout.forms).zip(weights) {
            check(weights, form);
            let [units, _, targets, _] = net.sizes();
            let rows = matrix[net.matrix as usize..].chunks_mut(net.matrix_stride as usize);
            for (row, values) in rows.zip(stack(weights).chunks_exact(targets)) {
                row[..targets].copy_from_slice(values);
            }
            w_ei.extend(&weights.w_ei);
            b.extend(&weights.b);
            nu.extend(&weights.nu);
            nu.resize(b.len(), 0.0);
            debug_assert_eq!(b.len(), net.unit as usize + units);
        }
        let (columns, units) = (layout.columns * layout.capacity, layout.units * layout.capacity);
        let samples = layout.nets.len() * layout.capacity;
        Ok(Self {
            table: device.upload(&layout.nets)?,
            matrix: device.upload(&matrix)?,
            w_ei: device.upload(&w_ei)?,
            b: device.upload(&b)?,
            nu: device.upload(&nu)?,
            drive: device.zeros(columns)?,
            inhibition: device.zeros(units)?,
            z: device.zeros(units)?,
            normalized: device.zeros(units)?,
            activity: device.zeros(units)?,
            s: device.zeros(samples)?,
            error: device.zeros(units)?,
            delta: device.zeros(columns)?,
            layout,
        })
    }

    /// The activity of `size` samples with inputs `h`.
    pub(super) fn forward(&mut self, device: &D, h: &D::Buffer<f32>, size: usize) -> Result<()> {
        device.drives(self, h, size)?;
        device.forward(self, size)
    }

    /// From `error` to `delta`, and to the error of the activity `below`.
    pub(super) fn backward(
        &mut self,
        device: &D,
        below: Option<&mut D::Buffer<f32>>,
        size: usize,
    ) -> Result<()> {
        device.backward(self, size)?;
        below.map_or(Ok(()), |below| device.errors(self, below, size))
    }

    /// The weights of every network.
    pub(super) fn weights(&self, device: &D) -> Result<Vec<LayerWeights<f32>>> {
        let [matrix, w_ei, b, nu] =
            [&self.matrix, &self.w_ei, &self.b, &self.nu].map(|buffer| device.read(buffer));
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

    /// What measurements look at, brought here.
    pub(super) fn seen(&self, device: &D) -> Result<SeenStack<'_>> {
        let read = |buffer| device.read(buffer);
        Ok(SeenStack {
            layout: &self.layout,
            b: read(&self.b)?,
            nu: read(&self.nu)?,
            drive: read(&self.drive)?,
            z: read(&self.z)?,
            normalized: read(&self.normalized)?,
            s: read(&self.s)?,
            error: read(&self.error)?,
        })
    }
}

/// What a layer of all networks made of a batch.
pub struct SeenStack<'a> {
    layout: &'a Layout,
    b: Vec<f32>,
    nu: Vec<f32>,
    drive: Vec<f32>,
    pub(super) z: Vec<f32>,
    normalized: Vec<f32>,
    s: Vec<f32>,
    error: Vec<f32>,
}

impl SeenStack<'_> {
    /// Where the inputs of network number `index` are in the activity of the layer below, for
    /// `size` samples.
    pub(super) fn inputs(&self, index: usize, size: usize) -> Range<usize> {
        let net = &self.layout.nets[index];
        let [.., inputs] = net.sizes();
        net.input as usize..net.input as usize + size * inputs
    }

    /// Network number `index`, for `size` samples.
    pub(super) fn net(&self, index: usize, size: usize) -> Seen<'_, f32> {
        let net = &self.layout.nets[index];
        let [units, ..] = net.sizes();
        let at = net.activity as usize..net.activity as usize + size * units;
        let unit = net.unit as usize..net.unit as usize + units;
        Seen {
            form: self.layout.forms[index],
            size,
            stride: net.drive_stride as usize,
            b: &self.b[unit.clone()],
            nu: &self.nu[unit],
            drive: &self.drive[net.drive as usize..],
            z: &self.z[at.clone()],
            normalized: &self.normalized[at.clone()],
            s: &self.s[net.sample as usize..][..size],
            error: &self.error[at],
        }
    }
}
