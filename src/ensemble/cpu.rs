//! Ensembles on the processor: one thread, the engine's passes, faer's products.

use super::{
    device::{Batched, Device, Memory, Operand, Plain, Tally},
    net::Net,
    stack::Stack,
};
use crate::{
    Result,
    dataset::{PIXELS, shift},
    engine::{
        Form, Onto, Samples, View, add_column_sums, descend, product, scale_blocks, vectorized,
    },
    learning::{count_correct, smoothed_cross_entropy},
};
use std::{ops::Range, slice::from_ref};

/// One thread of the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

impl Memory for Cpu {
    type Buffer<T: Plain> = Vec<T>;

    fn upload<T: Plain>(&self, values: &[T]) -> Result<Vec<T>> {
        Ok(values.to_vec())
    }

    fn zeros<T: Plain>(&self, count: usize) -> Result<Vec<T>> {
        Ok(vec![T::default(); count])
    }

    fn write<T: Plain>(&self, values: &[T], buffer: &mut Vec<T>) -> Result<()> {
        buffer[..values.len()].copy_from_slice(values);
        Ok(())
    }

    fn read<T: Plain>(&self, buffer: &Vec<T>) -> Result<Vec<T>> {
        Ok(buffer.clone())
    }

    fn copy<T: Plain>(&self, from: &Vec<T>, to: &mut Vec<T>) -> Result<()> {
        to.copy_from_slice(from);
        Ok(())
    }
}

impl Device for Cpu {
    fn measuring_threads(&self) -> usize {
        1
    }

    fn product(
        &self,
        products: &Batched,
        a: &Vec<f32>,
        b: &Vec<f32>,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        let [m, n, k] = products.sizes;
        for index in 0..products.count {
            let a = view(a, products.a, index, [m, k]);
            let b = view(b, products.b, index, [k, n]);
            let Operand { offset, step, stride, .. } = products.out;
            product(a, b, &mut out[offset + index * step..], stride, Onto::Replace);
        }
        Ok(())
    }

    fn shift(
        &self,
        images: &Vec<u8>,
        shifts: &Vec<f32>,
        range: Range<usize>,
        x: &mut Vec<f32>,
    ) -> Result<()> {
        let images = images[range.start * PIXELS..].chunks_exact(PIXELS);
        let rows = x.chunks_exact_mut(PIXELS).zip(images).zip(&shifts[range]);
        rows.for_each(|((row, image), &delta)| shift(image, delta, row));
        Ok(())
    }

    fn forward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()> {
        for index in 0..stack.layout.nets.len() {
            samples(stack, index, size).forward();
        }
        Ok(())
    }

    fn backward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()> {
        for index in 0..stack.layout.nets.len() {
            let lambda = stack.layout.nets[index].lambda;
            samples(stack, index, size).backward(lambda);
        }
        Ok(())
    }

    fn update(&self, stack: &mut Stack<Self>, h: &Vec<f32>, size: usize) -> Result<()> {
        for index in 0..stack.layout.nets.len() {
            let net = stack.layout.nets[index];
            let [units, _, targets, inputs] = net.sizes();
            let stride = net.drive_stride as usize;
            let used = (size - 1) * stride + targets;
            let delta = &mut stack.delta[net.drive as usize..][..used];
            let rates = [-net.rate, -net.rate_ie];
            vectorized(|| scale_blocks(delta, stride, [units, targets], rates));
            add_column_sums(delta, stride, &mut stack.b[net.unit as usize..][..units]);
            if !stack.layout.shared {
                let matrix = &mut stack.matrix[net.matrix as usize..][..inputs * targets];
                let signed = 0..stack.layout.forms[index].signed();
                let (h, delta) = (&h[net.input as usize..], View::new(delta, size, targets));
                descend(matrix, [inputs, targets], (h, size), delta, from_ref(&signed));
            }
            if stack.layout.forms[index].trains_w_ei() {
                update_w_ei(stack, &net, size);
            }
        }
        if stack.layout.shared {
            let sizes = [stack.layout.forms[0].inputs, stack.layout.columns];
            let delta = View::new(&stack.delta, size, sizes[1]);
            descend(&mut stack.matrix, sizes, (h, size), delta, &stack.layout.signed());
        }
        Ok(())
    }

    fn loss(
        &self,
        readout: &mut Stack<Self>,
        labels: &Vec<u8>,
        range: Range<usize>,
        step: u64,
        tally: &mut Tally<Self>,
    ) -> Result<()> {
        let labels = &labels[range];
        for (index, net) in readout.layout.nets.iter().enumerate() {
            let [classes, ..] = net.sizes();
            let at = net.activity as usize..net.activity as usize + labels.len() * classes;
            let (logits, error) = (&readout.z[at.clone()], &mut readout.error[at]);
            let loss = smoothed_cross_entropy(logits, labels, net.smoothing, error);
            tally.loss[index] += loss * labels.len() as f64;
            tally.correct[index] += count_correct(logits, labels) as u32;
            if !loss.is_finite() && tally.diverged[index] == 0 {
                tally.diverged[index] = step as u32;
            }
        }
        Ok(())
    }
}

fn view(
    values: &[f32],
    operand: Operand,
    index: usize,
    [rows, columns]: [usize; 2],
) -> View<'_, f32> {
    let values = &values[operand.offset + index * operand.step..];
    if operand.transposed {
        View::strided(values, columns, rows, operand.stride).t()
    } else {
        View::strided(values, rows, columns, operand.stride)
    }
}

fn update_w_ei(stack: &mut Stack<Cpu>, net: &Net, size: usize) {
    let [units, inhibitory, ..] = net.sizes();
    let error = &mut stack.inhibition[net.activity as usize..][..size * units];
    error.iter_mut().for_each(|g| *g *= -net.rate_ei);
    let r = &stack.drive[net.drive as usize + units..];
    let r = View::strided(r, size, inhibitory, net.drive_stride as usize);
    let w_ei = &mut stack.w_ei[net.w_ei as usize..][..units * inhibitory];
    descend(w_ei, [units, inhibitory], (error, size), r, from_ref(&(0..inhibitory)));
}

/// Network number `index`, for the engine's passes.
fn samples(stack: &mut Stack<Cpu>, index: usize, size: usize) -> Samples<'_, f32> {
    let net = &stack.layout.nets[index];
    let form: Form<f32> = stack.layout.forms[index];
    let unit = net.unit as usize..net.unit as usize + form.units;
    let at = net.activity as usize..net.activity as usize + size * form.units;
    let drive = net.drive as usize;
    Samples {
        form,
        size,
        stride: net.drive_stride as usize,
        w_ei: &stack.w_ei[net.w_ei as usize..][..form.units * form.inhibitory],
        b: &stack.b[unit.clone()],
        nu: &stack.nu[unit],
        drive: &stack.drive[drive..],
        inhibition: &mut stack.inhibition[at.clone()],
        z: &mut stack.z[at.clone()],
        normalized: &mut stack.normalized[at.clone()],
        activity: &mut stack.activity[at.clone()],
        s: &mut stack.s[net.sample as usize..][..size],
        error: &stack.error[at],
        delta: &mut stack.delta[drive..],
    }
}
