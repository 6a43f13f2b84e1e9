//! Ensembles by kernels: the passes as an NVIDIA GPU runs them.
//!
//! The kernels stand beside their twins: `src/engine/passes.cu`, `product.cu` and `update.cu`,
//! `src/grad_norm/grad_norm.cuh`, `src/learning/loss.cu`, `src/dataset/luminosity.cu`. Here is
//! what they are given and how the work is shared out; a [`Machine`] runs them, and multiplies
//! the one large matrix. There is one for GPUs behind the feature `cuda`, and one in the tests, on
//! which each lane is a thread of the processor.

use super::{
    device::{Batched, Device, Memory, Plain, Tally},
    net::Net,
    stack::Stack,
};
use crate::{Result, dataset::PIXELS};
use std::ops::Range;

/// The kernels by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Shifts the luminosity of images.
    ShiftImages,
    /// From drives to activities.
    ForwardPass,
    /// From errors of activities to errors of drives.
    BackwardPass,
    /// Products with each network's own matrices.
    Multiply,
    /// Moves weights.
    UpdateWeights,
    /// The task loss and its gradient.
    TaskLoss,
}

impl Kernel {
    /// All kernels.
    pub const ALL: [Self; 6] = [
        Self::ShiftImages,
        Self::ForwardPass,
        Self::BackwardPass,
        Self::Multiply,
        Self::UpdateWeights,
        Self::TaskLoss,
    ];

    /// What the sources call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShiftImages => "shift_images",
            Self::ForwardPass => "forward_pass",
            Self::BackwardPass => "backward_pass",
            Self::Multiply => "multiply",
            Self::UpdateWeights => "update_weights",
            Self::TaskLoss => "task_loss",
        }
    }
}

/// How many blocks of how many threads; a row of threads in a block is a warp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Blocks along x, y and z.
    pub blocks: [u32; 3],
    /// Threads of a block along x and y.
    pub threads: [u32; 2],
}

/// What runs kernels.
pub trait Machine: Memory {
    /// Lanes of a warp, a power of two: 32 on a GPU.
    fn lanes(&self) -> u32;

    /// Threads of a block, a multiple of the lanes and at most 128.
    fn threads(&self) -> u32;

    /// Where the kernels see a buffer.
    fn address<T: Plain>(&self, buffer: &Self::Buffer<T>) -> u64;

    /// Starts a kernel, after everything that was started before it.
    ///
    /// # Safety
    /// `arguments` must be what the kernel expects, with addresses of buffers that are as long as
    /// its sizes say and live until it is done.
    ///
    /// # Errors
    /// If it cannot be started.
    unsafe fn launch<A: Copy>(&self, kernel: Kernel, grid: Grid, arguments: A) -> Result<()>;

    /// `out = a b`, after everything that was started before it.
    ///
    /// # Errors
    /// If it cannot be started.
    fn product(
        &self,
        products: &Batched,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()>;
}

/// The device that a machine with kernels is.
#[derive(Debug, Clone)]
pub struct Kernels<M>(pub M);

/// `Layer` in `src/engine/lanes.cuh`.
#[derive(Clone, Copy)]
#[repr(C)]
struct LayerArguments {
    nets: u64,
    matrix: u64,
    w_ei: u64,
    b: u64,
    nu: u64,
    /// The inputs, for products and updates.
    h: u64,
    /// The error of the inputs, for the product that computes it.
    below: u64,
    drive: u64,
    inhibition: u64,
    z: u64,
    normalized: u64,
    activity: u64,
    s: u64,
    error: u64,
    delta: u64,
    /// Samples of the batch.
    size: i32,
    /// Whether the product or update is that of `W_EI`.
    of_w_ei: i32,
    /// Whether the product takes errors back.
    backwards: i32,
}

/// `Loss` in `src/learning/loss.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct LossArguments {
    nets: u64,
    z: u64,
    error: u64,
    labels: u64,
    loss: u64,
    correct: u64,
    diverged: u64,
    size: i32,
    networks: i32,
    step: u32,
}

/// `Shift` in `src/dataset/luminosity.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct ShiftArguments {
    images: u64,
    shifts: u64,
    x: u64,
    pixels: i32,
    size: i32,
}

/// Rows of a matrix that one thread updates: `ROWS` in `src/engine/update.cu`.
const ROWS: u32 = 16;

/// Columns of a matrix that one thread updates: `COLUMNS` in `src/engine/update.cu`.
const COLUMNS: u32 = 2;

/// Samples for which one thread multiplies: `SAMPLES` in `src/engine/product.cu`.
const SAMPLES: u32 = 32;

impl<M: Machine> Kernels<M> {
    fn layer(&self, stack: &Stack<Self>, h: u64, size: usize) -> LayerArguments {
        let at = |buffer| self.0.address::<f32>(buffer);
        LayerArguments {
            nets: self.0.address::<Net>(&stack.table),
            matrix: at(&stack.matrix),
            w_ei: at(&stack.w_ei),
            b: at(&stack.b),
            nu: at(&stack.nu),
            h,
            below: 0,
            drive: at(&stack.drive),
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
    fn warps(&self, count: usize, networks: usize) -> Grid {
        let rows = self.0.threads() / self.0.lanes();
        let blocks = [(count as u32).div_ceil(rows), networks as u32, 1];
        Grid { blocks, threads: [self.0.lanes(), rows] }
    }

    fn pass(&self, kernel: Kernel, stack: &Stack<Self>, size: usize) -> Result<()> {
        let arguments = self.layer(stack, 0, size);
        let grid = self.warps(size, stack.layout.nets.len());
        // SAFETY: the layout made the buffers as long as the table says, for up to `capacity`
        // samples; they live as long as the stack, and the machine works in order.
        unsafe { self.0.launch(kernel, grid, arguments) }
    }

    /// A product with each network's own matrix: the arguments say which one.
    fn multiply(&self, stack: &Stack<Self>, arguments: LayerArguments, columns: u32) -> Result<()> {
        if columns == 0 {
            return Ok(());
        }
        let (threads, networks) = (self.0.threads(), stack.layout.nets.len() as u32);
        let samples = arguments.size as u32;
        let blocks = [columns.div_ceil(threads), samples.div_ceil(SAMPLES), networks];
        let grid = Grid { blocks, threads: [threads, 1] };
        // SAFETY: as for the passes; what lies outside the stack has the sizes that its table says.
        unsafe { self.0.launch(Kernel::Multiply, grid, arguments) }
    }

    /// The product with `W_EI`, or the one that takes the error of the inhibition back.
    fn multiply_by_w_ei(&self, stack: &Stack<Self>, size: usize, backwards: bool) -> Result<()> {
        let (of_w_ei, backwards) = (1, i32::from(backwards));
        let arguments = LayerArguments { of_w_ei, backwards, ..self.layer(stack, 0, size) };
        let [inhibitory, units] =
            [most(stack, |[_, inhibitory, ..]| inhibitory), most(stack, |[units, ..]| units)];
        let columns = if backwards == 1 || inhibitory == 0 { inhibitory } else { units };
        self.multiply(stack, arguments, columns)
    }
}

/// The largest of one of the networks' `[units, inhibitory, targets, inputs]`.
fn most<D: Device>(stack: &Stack<D>, of: fn([usize; 4]) -> usize) -> u32 {
    stack.layout.nets.iter().map(|net| of(net.sizes())).max().unwrap_or(0) as u32
}

impl<M: Machine> Memory for Kernels<M> {
    type Buffer<T: Plain> = M::Buffer<T>;

    fn upload<T: Plain>(&self, values: &[T]) -> Result<Self::Buffer<T>> {
        self.0.upload(values)
    }

    fn zeros<T: Plain>(&self, count: usize) -> Result<Self::Buffer<T>> {
        self.0.zeros(count)
    }

    fn write<T: Plain>(&self, values: &[T], buffer: &mut Self::Buffer<T>) -> Result<()> {
        self.0.write(values, buffer)
    }

    fn read<T: Plain>(&self, buffer: &Self::Buffer<T>) -> Result<Vec<T>> {
        self.0.read(buffer)
    }

    fn copy<T: Plain>(&self, from: &Self::Buffer<T>, to: &mut Self::Buffer<T>) -> Result<()> {
        self.0.copy(from, to)
    }
}

impl<M: Machine> Device for Kernels<M> {
    fn measuring_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn product(
        &self,
        products: &Batched,
        a: &Self::Buffer<f32>,
        b: &Self::Buffer<f32>,
        out: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        self.0.product(products, a, b, out)
    }

    fn shift(
        &self,
        images: &Self::Buffer<u8>,
        shifts: &Self::Buffer<f32>,
        range: Range<usize>,
        x: &mut Self::Buffer<f32>,
    ) -> Result<()> {
        let arguments = ShiftArguments {
            images: self.0.address(images) + (range.start * PIXELS) as u64,
            shifts: self.0.address(shifts) + (range.start * size_of::<f32>()) as u64,
            x: self.0.address(x),
            pixels: PIXELS as i32,
            size: range.len() as i32,
        };
        let threads = self.0.threads();
        let blocks = [((range.len() * PIXELS) as u32).div_ceil(threads), 1, 1];
        // SAFETY: the range is one of the images, and a batch has room for it.
        unsafe {
            self.0.launch(Kernel::ShiftImages, Grid { blocks, threads: [threads, 1] }, arguments)
        }
    }

    fn drives(&self, stack: &mut Stack<Self>, h: &Self::Buffer<f32>, size: usize) -> Result<()> {
        if let Some(products) = stack.layout.shared_drives(size) {
            return self.product(&products, h, &stack.matrix, &mut stack.drive);
        }
        let arguments = self.layer(stack, self.0.address(h), size);
        self.multiply(stack, arguments, most(stack, |[_, _, targets, _]| targets))
    }

    fn errors(
        &self,
        stack: &Stack<Self>,
        below: &mut Self::Buffer<f32>,
        size: usize,
    ) -> Result<()> {
        let (below, backwards) = (self.0.address(below), 1);
        let arguments = LayerArguments { below, backwards, ..self.layer(stack, 0, size) };
        self.multiply(stack, arguments, most(stack, |[.., inputs]| inputs))
    }

    fn forward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()> {
        self.multiply_by_w_ei(stack, size, false)?;
        self.pass(Kernel::ForwardPass, stack, size)
    }

    fn backward(&self, stack: &mut Stack<Self>, size: usize) -> Result<()> {
        self.pass(Kernel::BackwardPass, stack, size)?;
        self.multiply_by_w_ei(stack, size, true)
    }

    fn update(&self, stack: &mut Stack<Self>, h: &Self::Buffer<f32>, size: usize) -> Result<()> {
        let arguments = self.layer(stack, self.0.address(h), size);
        let threads = self.0.threads();
        let networks = stack.layout.nets.len() as u32;
        let launch = |[rows, columns]: [u32; 2], of_w_ei| {
            if rows * columns == 0 {
                return Ok(());
            }
            let blocks = [columns.div_ceil(threads * COLUMNS), rows.div_ceil(ROWS), networks];
            let grid = Grid { blocks, threads: [threads, 1] };
            let arguments = LayerArguments { of_w_ei, ..arguments };
            // SAFETY: as for the passes; `h` has the inputs that the table says.
            unsafe { self.0.launch(Kernel::UpdateWeights, grid, arguments) }
        };
        let most = |of| most(stack, of);
        launch([most(|[.., inputs]| inputs), most(|[_, _, targets, _]| targets)], 0)?;
        launch([most(|[units, ..]| units), most(|[_, inhibitory, ..]| inhibitory)], 1)
    }

    fn loss(
        &self,
        readout: &mut Stack<Self>,
        labels: &Self::Buffer<u8>,
        range: Range<usize>,
        step: u64,
        tally: &mut Tally<Self>,
    ) -> Result<()> {
        let networks = readout.layout.nets.len();
        let arguments = LossArguments {
            nets: self.0.address(&readout.table),
            z: self.0.address(&readout.z),
            error: self.0.address(&readout.error),
            labels: self.0.address(labels) + range.start as u64,
            loss: self.0.address(&tally.loss),
            correct: self.0.address(&tally.correct),
            diverged: self.0.address(&tally.diverged),
            size: range.len() as i32,
            networks: networks as i32,
            step: step as u32,
        };
        // SAFETY: as for the passes; the range is one of the labels, and the tally has a place
        // for each network.
        unsafe { self.0.launch(Kernel::TaskLoss, self.warps(networks, 1), arguments) }
    }
}
