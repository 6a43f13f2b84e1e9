//! Where the numbers of one layer of all networks are.

use super::arguments::Net;
use crate::{engine::Form, learning_rule::LearningRule};
use std::cmp::Reverse;

/// Each network's columns begin at a multiple of this many: a warp then finds neighboring values
/// in as few pieces of memory as there can be.
const ALIGNMENT: usize = 32;

/// From one sample's activities, or one unit's `W_EI`, to the next: at a multiple of four values, as
/// many as a kernel reads in one go.
pub(super) fn padded(values: usize) -> usize {
    values.next_multiple_of(4)
}

/// Where every network's numbers of one layer are.
#[derive(Clone)]
pub(super) struct Layout {
    pub forms: Vec<Form<f32>>,
    pub nets: Vec<Net>,
    /// All of them as one network that only multiplies, where all receive the same inputs.
    pub whole: Option<Net>,
    /// Samples that there is room for.
    pub capacity: usize,
    /// Columns of all matrices together, with those that only align the next network's.
    pub columns: usize,
    /// Units of all networks together.
    pub units: usize,
    /// Activities of a sample, with what only aligns the next network's.
    pub activities: usize,
    /// Values of all matrices together.
    pub matrix: usize,
    /// The most `[units, inhibitory, targets, inputs]` of any network.
    pub largest: [u32; 4],
    /// Values of every `W_EI` together, likewise.
    pub w_ei: usize,
}

impl Layout {
    /// The layers of these forms; `shared` says whether they receive the same inputs, so that their
    /// matrices are columns of one.
    pub fn new(
        forms: Vec<Form<f32>>,
        rules: &[LearningRule],
        shared: bool,
        capacity: usize,
    ) -> Self {
        let aligned = |form: &Form<f32>| form.targets().next_multiple_of(ALIGNMENT);
        let columns = forms.iter().map(aligned).sum();
        let (mut units, mut activities, mut inputs) = (0, 0, 0);
        let (mut before, mut matrix, mut w_ei) = (0, 0, 0);
        let mut nets = Vec::with_capacity(forms.len());
        for (index, (form, rule)) in forms.iter().zip(rules).enumerate() {
            let width = aligned(form);
            let (pre_activation, pre_activation_stride) =
                if shared { (before, columns) } else { (before * capacity, width) };
            nets.push(Net {
                unit: units as i64,
                activity: (activities * capacity) as i64,
                input: if shared { 0 } else { (inputs * capacity) as i64 },
                sample: (index * capacity) as i64,
                pre_activation: pre_activation as i64,
                pre_activation_stride: pre_activation_stride as i64,
                matrix: if shared { before } else { matrix } as i64,
                matrix_stride: pre_activation_stride as i64,
                w_ei: w_ei as i64,
                ..Net::new(form, rule)
            });
            units += form.units;
            activities += padded(form.units);
            inputs += padded(form.inputs);
            before += width;
            matrix += width * form.inputs;
            w_ei += form.units * padded(form.inhibitory);
        }
        let sizes = nets.iter().map(|net| net.sizes().map(|size| size as u32));
        let largest = sizes.fold([0; 4], |a, b| std::array::from_fn(|k| a[k].max(b[k])));
        let whole = shared.then(|| Net {
            inputs: nets[0].inputs,
            targets: columns as i32,
            pre_activation_stride: columns as i64,
            matrix_stride: columns as i64,
            ..Net::default()
        });
        Self { forms, nets, whole, capacity, columns, units, activities, matrix, largest, w_ei }
    }

    /// The networks in the order in which kernels should begin with them, and the whole.
    ///
    /// What begins last should be small, so that nothing waits long for it; the loss has its scores
    /// in the networks' own order.
    pub fn table(&self) -> Vec<Net> {
        let mut table = self.nets.clone();
        if self.nets[0].rectified == 1 {
            table.sort_by_key(|net| Reverse(i64::from(net.inputs) * i64::from(net.targets)));
        }
        table.extend(self.whole);
        table
    }

    /// Bytes of the buffers.
    pub fn bytes(&self) -> u64 {
        let weights = self.matrix + self.w_ei + 2 * self.units;
        let batch = 2 * self.columns + 5 * self.activities + self.nets.len();
        (4 * (weights + batch * self.capacity) + self.table().len() * size_of::<Net>()) as u64
    }

    /// What a training step on `size` samples does at least: floating-point operations of its
    /// products, and bytes that these read and write.
    pub fn work(&self, size: usize) -> [f64; 2] {
        let (mut operations, mut bytes) = (0, 0);
        for form in &self.forms {
            let (matrix, targets) = (form.targets() * form.inputs, form.targets());
            let below = if self.whole.is_some() { 0 } else { form.task_targets() * form.inputs };
            operations += form.operations(size, self.whole.is_none());
            // Forward reads the matrix, the update reads and writes it; pre-activation and
            // delta are written once and read once.
            bytes += 4 * (3 * matrix + below + 4 * size * targets);
        }
        [operations as f64, bytes as f64]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, configuration::configuration};

    #[test]
    fn every_network_begins_at_a_multiple_of_the_alignment() {
        let rule = LearningRule::paper(configuration(0).unwrap().rates);
        let forms = [35, 50].map(|width| {
            let architecture = Condition::INormFull.architecture([26, width, 10]);
            Form::of(&architecture).next().expect("a hidden layer")
        });
        for shared in [true, false] {
            let layout = Layout::new(forms.to_vec(), &[rule; 2], shared, 7);
            for net in &layout.nets {
                let begins = [net.matrix, net.matrix_stride, net.pre_activation];
                assert!(begins.iter().all(|at| at % ALIGNMENT as i64 == 0), "{net:?}");
            }
            assert_eq!(layout.matrix, (96 + 128) * 26);
        }
    }
}
