//! What runs the kernels.

use crate::Result;

/// Plain numbers, which may be copied byte by byte between the memory of the program and that of
/// a machine.
///
/// # Safety
/// Any pattern of bits must be a value, and there must be no padding.
pub unsafe trait Plain: Copy + Default + Send + Sync + 'static {}

// SAFETY: numbers.
unsafe impl Plain for u8 {}
unsafe impl Plain for u32 {}
unsafe impl Plain for f32 {}
unsafe impl Plain for f64 {}

/// The kernels by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Changes the luminosity or the contrast of images.
    AugmentImages,
    /// From pre-activations to activities.
    ForwardPass,
    /// From errors of activities to errors of pre-activations.
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
        Self::AugmentImages,
        Self::ForwardPass,
        Self::BackwardPass,
        Self::Multiply,
        Self::UpdateWeights,
        Self::TaskLoss,
    ];

    /// What the sources call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AugmentImages => "augment_images",
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

/// What runs the kernels.
///
/// There is one for NVIDIA GPUs behind the feature `cuda`, and one in the tests, on which each lane
/// is a thread of the processor. Work is asynchronous: only
/// [`read`](Self::read) waits for it.
pub trait Machine {
    /// Values of one kind in the machine's memory.
    type Buffer<T: Plain>;

    /// Lanes of a warp, a power of two: 32 on a GPU.
    fn lanes(&self) -> u32;

    /// Threads of a block, a power of two, no fewer than the lanes and at most 128.
    fn threads(&self) -> u32;

    /// A buffer with these values.
    ///
    /// # Errors
    /// If there is no memory left.
    fn upload<T: Plain>(&self, values: &[T]) -> Result<Self::Buffer<T>>;

    /// A buffer of `count` zeros.
    ///
    /// # Errors
    /// If there is no memory left.
    fn zeros<T: Plain>(&self, count: usize) -> Result<Self::Buffer<T>>;

    /// Replaces the first values of a buffer.
    ///
    /// # Errors
    /// If the machine fails.
    fn write<T: Plain>(&self, values: &[T], buffer: &mut Self::Buffer<T>) -> Result<()>;

    /// A copy of the values, once everything that was started before is done.
    ///
    /// # Errors
    /// If the machine fails.
    fn read<T: Plain>(&self, buffer: &Self::Buffer<T>) -> Result<Vec<T>>;

    /// Where the kernels find a buffer.
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
}
