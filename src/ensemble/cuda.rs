//! An NVIDIA GPU as a machine that runs the kernels.
//!
//! All work goes to one stream, in the order in which it is asked for. The driver's library,
//! `libcuda.so.1`, is linked: without a driver a program with this feature does not start at all.

use super::machine::{Grid, Kernel, Machine, Plain};
use crate::{Error, Result};
use cudarc::{
    cublas::{CudaBlas, result as blas, sys::cublasOperation_t as Operation},
    driver::{
        CudaDevice, CudaFunction, CudaSlice, DevicePtr, DeviceRepr, DriverError, LaunchAsync,
        LaunchConfig, result as driver,
    },
    nvrtc::Ptx,
};
use std::{
    ffi::c_int,
    marker::PhantomData,
    mem::ManuallyDrop,
    sync::{Arc, Mutex, PoisonError},
};

/// The compiled kernels; empty under the feature `ci-check`.
const MODULE: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

/// The first NVIDIA GPU.
#[derive(Clone)]
pub struct Gpu {
    device: Arc<CudaDevice>,
    blas: Arc<CudaBlas>,
    functions: Arc<[CudaFunction]>,
}

/// Values in the memory of a GPU.
#[derive(Debug)]
pub struct Buffer<T> {
    bytes: ManuallyDrop<CudaSlice<u8>>,
    count: usize,
    values: PhantomData<T>,
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: it is not used afterwards.
        let bytes = unsafe { ManuallyDrop::take(&mut self.bytes) };
        // After a failure memory cannot be freed, and cudarc would panic before the failure is
        // reported.
        if bytes.device().synchronize().is_err() {
            bytes.leak();
        }
    }
}

/// The arguments of a kernel, as they are.
struct Parameters<A>(A);

// SAFETY: a kernel takes its arguments byte by byte, and `Machine::launch` has its caller make
// sure that these are what it expects.
unsafe impl<A> DeviceRepr for Parameters<A> {}

impl Gpu {
    /// The first GPU, with the kernels on it: the same one whenever a program asks.
    ///
    /// # Errors
    /// If there is none, or its driver is too old for the kernels.
    pub fn new() -> Result<Self> {
        static FIRST: Mutex<Option<Gpu>> = Mutex::new(None);
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        let gpu = first.take().map_or_else(Self::open, Ok)?;
        Ok(first.insert(gpu).clone())
    }

    fn open() -> Result<Self> {
        // cudarc panics where there is no device.
        let advice = "expected an NVIDIA GPU of compute capability 8.0 or more with a driver for \
                      CUDA 13; `nvidia-smi` lists what there is";
        let missing = |what: String| Error::Device(format!("no GPU to train on: {what}; {advice}"));
        driver::init().map_err(|e| missing(format!("the driver says {}", name_of(e))))?;
        let count = driver::device::get_count().map_err(failed("count the GPUs"))?;
        if count == 0 {
            return Err(missing("the driver sees none".to_owned()));
        }
        let device = CudaDevice::new(0).map_err(failed("use the GPU"))?;
        let names = Kernel::ALL.map(Kernel::name);
        device.load_ptx(Ptx::from_src(MODULE), "inorm", &names).map_err(|e| {
            Error::Device(format!("the GPU refuses the kernels: {}; {advice}", name_of(e)))
        })?;
        let function = |kernel: Kernel| {
            let function = device.get_func("inorm", kernel.name());
            function.ok_or_else(|| Error::Device(format!("no kernel {}", kernel.name())))
        };
        let functions = Kernel::ALL.into_iter().map(function).collect::<Result<_>>()?;
        let blas = CudaBlas::new(device.clone())
            .map_err(|e| Error::Device(format!("cuBLAS does not start: status {}", e.0 as u32)))?;
        Ok(Self { device, blas: Arc::new(blas), functions })
    }

    /// Bytes of its memory that are free.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn free_memory(&self) -> Result<u64> {
        self.device.bind_to_thread().map_err(failed("use the GPU"))?;
        driver::mem_get_info().map(|(free, _)| free as u64).map_err(failed("ask for free memory"))
    }

    /// Makes `to` what `from`, of the same size, is.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn copy<T: Plain>(&self, from: &Buffer<T>, to: &mut Buffer<T>) -> Result<()> {
        self.device.dtod_copy(&*from.bytes, &mut *to.bytes).map_err(failed("copy values"))
    }

    /// `out = a b` by cuBLAS, in single precision: what a benchmark takes for the GPU's best. `out`
    /// is m × n, `a` is m × k, `b` is k × n, each row by row without gaps.
    ///
    /// # Errors
    /// If it cannot be started.
    ///
    /// # Panics
    /// If a buffer is too small.
    pub fn product(
        &self,
        sizes: [usize; 3],
        a: &Buffer<f32>,
        b: &Buffer<f32>,
        out: &mut Buffer<f32>,
    ) -> Result<()> {
        let [m, n, k] = sizes;
        assert!(m * k <= a.count && k * n <= b.count && m * n <= out.count, "too small a buffer");
        let [m, n, k] = sizes.map(|size| size as c_int);
        self.device.bind_to_thread().map_err(failed("use the GPU"))?;
        let normal = Operation::CUBLAS_OP_N;
        let [a, b] = [a, b].map(|buffer| self.address(buffer) as *const f32);
        let out = self.address(out) as *mut f32;
        // cuBLAS stores column by column: to it everything is transposed, and outᵀ = bᵀ aᵀ.
        // SAFETY: the matrices lie inside their buffers, as asserted, and α and β live until the
        // call returns.
        let started = unsafe {
            blas::sgemm(
                *self.blas.handle(),
                normal,
                normal,
                n,
                m,
                k,
                &1.0,
                b,
                n,
                a,
                k,
                &0.0,
                out,
                n,
            )
        };
        let refused = |status| Error::Device(format!("cuBLAS refuses a product: status {status}"));
        started.map_err(|e| refused(e.0 as u32))
    }

    fn allocate<T>(&self, count: usize) -> Result<Buffer<T>> {
        let size = (count * size_of::<T>()).max(1);
        let bytes = self.device.alloc_zeros(size);
        let bytes = bytes.map_err(failed(&format!("give {} MB", size.div_ceil(1_000_000))))?;
        Ok(Buffer { bytes: ManuallyDrop::new(bytes), count, values: PhantomData })
    }
}

/// What the driver said when the GPU should have done something.
fn failed(action: &str) -> impl Fn(DriverError) -> Error + use<> {
    let action = action.to_owned();
    move |error| Error::Device(format!("the GPU cannot {action}: {}", name_of(error)))
}

/// What the driver itself calls a failure. cudarc's enums end with CUDA 11.8, and a later status
/// has no name there: it may be passed on, and turned into a number, but not matched or printed.
fn name_of(error: DriverError) -> String {
    match error.error_name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => format!("status {}", error.0 as u32),
    }
}

fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: plain values have no padding, and bytes no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

impl Machine for Gpu {
    type Buffer<T: Plain> = Buffer<T>;

    fn lanes(&self) -> u32 {
        32
    }

    fn threads(&self) -> u32 {
        128
    }

    fn upload<T: Plain>(&self, values: &[T]) -> Result<Buffer<T>> {
        let mut buffer = self.allocate(values.len())?;
        self.write(values, &mut buffer)?;
        Ok(buffer)
    }

    fn zeros<T: Plain>(&self, count: usize) -> Result<Buffer<T>> {
        self.allocate(count)
    }

    fn write<T: Plain>(&self, values: &[T], buffer: &mut Buffer<T>) -> Result<()> {
        assert!(values.len() <= buffer.count, "more values than a buffer holds");
        if values.is_empty() {
            return Ok(());
        }
        let mut part = buffer.bytes.slice_mut(..size_of_val(values));
        self.device.htod_sync_copy_into(bytes_of(values), &mut part).map_err(failed("take values"))
    }

    fn read<T: Plain>(&self, buffer: &Buffer<T>) -> Result<Vec<T>> {
        let mut values = vec![T::default(); buffer.count];
        if values.is_empty() {
            return Ok(values);
        }
        let size = size_of_val(&values[..]);
        // SAFETY: any bytes are plain values, and bytes have no alignment.
        let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size) };
        let part = buffer.bytes.slice(..size);
        self.device.dtoh_sync_copy_into(&part, bytes).map_err(failed("give values back"))?;
        Ok(values)
    }

    fn address<T: Plain>(&self, buffer: &Buffer<T>) -> u64 {
        *buffer.bytes.device_ptr()
    }

    unsafe fn launch<A: Copy>(&self, kernel: Kernel, grid: Grid, arguments: A) -> Result<()> {
        let ([x, y, z], [columns, rows]) = (grid.blocks, grid.threads);
        let shape = LaunchConfig {
            grid_dim: (x, y, z),
            block_dim: (columns, rows, 1),
            shared_mem_bytes: 0,
        };
        let function = self.functions[kernel as usize].clone();
        // SAFETY: the caller's.
        let launched = unsafe { function.launch(shape, (Parameters(arguments),)) };
        launched.map_err(failed(&format!("start {}", kernel.name())))
    }
}
