//! How the work is shared out among blocks and threads.

use super::{
    arguments::{AugmentArguments, LayerArguments, LossArguments, Net, Score},
    images::StoredImages,
    layout::Layout,
    machine::{Grid, Kernel, Machine},
    stack::Stack,
};
use crate::{Result, dataset::PIXELS};
use std::ops::Range;

include!("kernels/tile.rs");

/// Writes the images of `range`, each changed by its number, to `x`, \[_, 784\].
pub(super) fn augment_images<M: Machine>(
    machine: &M,
    images: &StoredImages<M>,
    range: Range<usize>,
    x: &mut M::Buffer<f32>,
) -> Result<()> {
    let of_image = |buffer| machine.address(buffer) + (range.start * size_of::<f32>()) as u64;
    let arguments = AugmentArguments {
        images: machine.address(&images.pixels) + (range.start * PIXELS) as u64,
        numbers: of_image(&images.numbers),
        means: images.means.as_ref().map_or(0, of_image),
        x: machine.address(x),
        pixels: PIXELS as i32,
        size: range.len() as i32,
    };
    let threads = machine.threads();
    let blocks = [((range.len() * PIXELS) as u32).div_ceil(threads), 1, 1];
    // SAFETY: the range is one of the images, and a batch has room for it.
    unsafe {
        machine.launch(Kernel::AugmentImages, Grid { blocks, threads: [threads, 1] }, arguments)
    }
}

/// From the inputs `h` of the first `size` samples to the activities.
pub(super) fn forward<M: Machine>(
    machine: &M,
    stack: &mut Stack<M>,
    h: &M::Buffer<f32>,
    size: usize,
) -> Result<()> {
    let arguments = layer(machine, stack, machine.address(h), size);
    let Layout { whole, nets, largest: [.., targets, _], .. } = &stack.layout;
    match whole {
        Some(whole) => {
            let nets = arguments.nets + size_of_val(&nets[..]) as u64;
            let arguments = LayerArguments { nets, ..arguments };
            multiply(machine, 1, arguments, whole.targets as u32)?;
        }
        None => multiply(machine, nets.len(), arguments, *targets)?,
    }
    multiply_by_w_ei(machine, stack, size, false)?;
    pass(machine, Kernel::ForwardPass, stack, size)
}

/// From the errors of the activities to the errors of the pre-activations, and to the error of the
/// activity `below`.
pub(super) fn backward<M: Machine>(
    machine: &M,
    stack: &mut Stack<M>,
    below: Option<&mut M::Buffer<f32>>,
    size: usize,
) -> Result<()> {
    pass(machine, Kernel::BackwardPass, stack, size)?;
    multiply_by_w_ei(machine, stack, size, true)?;
    let Some(below) = below else { return Ok(()) };
    let (below, backwards) = (machine.address(below), 1);
    let arguments = LayerArguments { below, backwards, ..layer(machine, stack, 0, size) };
    let [.., inputs] = stack.layout.largest;
    multiply(machine, stack.layout.nets.len(), arguments, inputs)
}

/// Moves all weights along the gradient for the inputs `h`.
pub(super) fn update<M: Machine>(
    machine: &M,
    stack: &mut Stack<M>,
    h: &M::Buffer<f32>,
    size: usize,
) -> Result<()> {
    let arguments = layer(machine, stack, machine.address(h), size);
    let networks = stack.layout.nets.len() as u32;
    let launch = |[rows, columns]: [u32; 2], of_w_ei| {
        if rows * columns == 0 {
            return Ok(());
        }
        let blocks =
            [columns.div_ceil(Tile::Columns as u32), rows.div_ceil(Tile::Rows as u32), networks];
        let grid = Grid { blocks, threads: [machine.threads(), 1] };
        let arguments = LayerArguments { of_w_ei, ..arguments };
        // SAFETY: as for the passes; `h` has the inputs that the table says.
        unsafe { machine.launch(Kernel::UpdateWeights, grid, arguments) }
    };
    let [units, inhibitory, targets, inputs] = stack.layout.largest;
    launch([inputs, targets], 0)?;
    launch([units, inhibitory], 1)
}

/// Adds the task loss for the labels of `range` to each network's score, and writes its gradient
/// to the error of the read-out. `step` is counted from 1.
pub(super) fn task_loss<M: Machine>(
    machine: &M,
    readout: &mut Stack<M>,
    labels: &M::Buffer<u8>,
    range: Range<usize>,
    step: u64,
    scores: &mut M::Buffer<Score>,
) -> Result<()> {
    let networks = readout.layout.nets.len();
    let arguments = LossArguments {
        nets: machine.address(&readout.table),
        z: machine.address(&readout.z),
        error: machine.address(&readout.error),
        labels: machine.address(labels) + range.start as u64,
        scores: machine.address(scores),
        size: range.len() as i32,
        networks: networks as i32,
        step: step as u32,
    };
    // SAFETY: as for the passes; the range is one of the labels, and each network has a score.
    unsafe { machine.launch(Kernel::TaskLoss, warps(machine, networks, 1), arguments) }
}

fn layer<M: Machine>(machine: &M, stack: &Stack<M>, h: u64, size: usize) -> LayerArguments {
    let at = |buffer| machine.address::<f32>(buffer);
    LayerArguments {
        nets: machine.address::<Net>(&stack.table),
        matrix: at(&stack.matrix),
        w_ei: at(&stack.w_ei),
        b: at(&stack.b),
        nu: at(&stack.nu),
        h,
        below: 0,
        pre_activation: at(&stack.pre_activation),
        inhibition: at(&stack.inhibition),
        z: at(&stack.z),
        normalized: at(&stack.normalized),
        activity: at(&stack.activity),
        s: at(&stack.s),
        error: at(&stack.error),
        delta: at(&stack.delta),
        size: size as i32,
        of_w_ei: 0,
        backwards: 0,
    }
}

/// A warp for each of `count` things, for each of `networks`.
fn warps(machine: &impl Machine, count: usize, networks: usize) -> Grid {
    let rows = machine.threads() / machine.lanes();
    let blocks = [(count as u32).div_ceil(rows), networks as u32, 1];
    Grid { blocks, threads: [machine.lanes(), rows] }
}

fn pass<M: Machine>(machine: &M, kernel: Kernel, stack: &Stack<M>, size: usize) -> Result<()> {
    let arguments = layer(machine, stack, 0, size);
    let grid = warps(machine, size, stack.layout.nets.len());
    // SAFETY: the layout made the buffers as long as the table says, for up to `capacity`
    // samples; they live as long as the stack, and the machine works in order.
    unsafe { machine.launch(kernel, grid, arguments) }
}

/// A product with each network's own matrix: the arguments say which one.
fn multiply<M: Machine>(
    machine: &M,
    networks: usize,
    arguments: LayerArguments,
    columns: u32,
) -> Result<()> {
    if columns == 0 {
        return Ok(());
    }
    let blocks = [
        columns.div_ceil(Tile::Columns as u32),
        (arguments.size as u32).div_ceil(Tile::Samples as u32),
        networks as u32,
    ];
    let grid = Grid { blocks, threads: [machine.threads(), 1] };
    // SAFETY: as for the passes; what lies outside the stack has the sizes that its table says.
    unsafe { machine.launch(Kernel::Multiply, grid, arguments) }
}

/// The product with `W_EI`, or the one that takes the error of the inhibition back.
fn multiply_by_w_ei<M: Machine>(
    machine: &M,
    stack: &Stack<M>,
    size: usize,
    backwards: bool,
) -> Result<()> {
    let (of_w_ei, backwards) = (1, i32::from(backwards));
    let arguments = LayerArguments { of_w_ei, backwards, ..layer(machine, stack, 0, size) };
    let [units, inhibitory, ..] = stack.layout.largest;
    let columns = if backwards == 1 || inhibitory == 0 { inhibitory } else { units };
    multiply(machine, stack.layout.nets.len(), arguments, columns)
}
