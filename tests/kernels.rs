//! The kernels, compiled for the processor, against their twins in Rust.
//!
//! A C++ compiler turns `src/ensemble/kernels.cu` into a library, with each lane of a warp a
//! thread. So everything of the way to a GPU is tried but cuBLAS and the GPU: what the kernels
//! compute, how their lanes meet, what they are given, and how the work is shared out.

use inorm::{
    Condition, Result,
    configuration::{LearningRates, configuration},
    dataset::FashionMnist,
    ensemble::{
        Batched, Companions, Cpu, Device, Grid, Kernel, Kernels, Machine, Memory, Operand, Plain,
        arrange,
    },
    layers::NetworkWeights,
    learning::{Measure, Record, Run},
};
use std::{
    ffi::{CString, c_void},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

/// The library with the kernels, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("kernels.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ensemble/kernels.cu");
        let flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
        let compiled = Command::new("g++")
            .args(flags)
            .args(["-pthread", "-x", "c++", source, "-o"])
            .arg(&path)
            .output()
            .expect("g++, which compiles the kernels for this test");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        (place, path)
    });
    path
}

type Entry = unsafe extern "C" fn(*const u32, *const c_void);

/// A machine of threads. The library's blocks and lanes are globals: one kernel at a time.
struct Threads {
    lanes: u32,
    entries: Vec<Entry>,
    running: Mutex<()>,
}

impl Threads {
    fn new(lanes: u32) -> Self {
        // A copy of its own: what is loaded from the same path shares its globals.
        let copy =
            library().with_extension(format!("{lanes}-{:?}.so", std::thread::current().id()));
        std::fs::copy(library(), &copy).unwrap();
        let name = CString::new(copy.to_str().unwrap()).unwrap();
        // SAFETY: the library does nothing when it is loaded.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{copy:?} cannot be loaded");
        let entry = |kernel: Kernel| {
            let name = CString::new(kernel.name()).unwrap();
            // SAFETY: the handle is that of the library, which is never closed.
            let entry = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!entry.is_null(), "no kernel {kernel:?}");
            // SAFETY: `KERNEL` in host.hpp gives every kernel this type.
            unsafe { std::mem::transmute::<*mut c_void, Entry>(entry) }
        };
        Self { lanes, entries: Kernel::ALL.map(entry).into(), running: Mutex::default() }
    }
}

/// Values that kernels change behind a shared reference.
struct Shared<T>(std::cell::UnsafeCell<Vec<T>>);

impl<T: Plain> Shared<T> {
    fn values(&self) -> &[T] {
        // SAFETY: kernels are done when their call returns, and nobody keeps what this returns.
        unsafe { &*self.0.get() }
    }
}

impl Memory for Threads {
    type Buffer<T: Plain> = Shared<T>;

    fn upload<T: Plain>(&self, values: &[T]) -> Result<Shared<T>> {
        Ok(Shared(values.to_vec().into()))
    }

    fn zeros<T: Plain>(&self, count: usize) -> Result<Shared<T>> {
        Ok(Shared(vec![T::default(); count].into()))
    }

    fn write<T: Plain>(&self, values: &[T], buffer: &mut Shared<T>) -> Result<()> {
        buffer.0.get_mut()[..values.len()].copy_from_slice(values);
        Ok(())
    }

    fn read<T: Plain>(&self, buffer: &Shared<T>) -> Result<Vec<T>> {
        Ok(buffer.values().to_vec())
    }

    fn copy<T: Plain>(&self, from: &Shared<T>, to: &mut Shared<T>) -> Result<()> {
        to.0.get_mut().copy_from_slice(from.values());
        Ok(())
    }
}

impl Machine for Threads {
    fn lanes(&self) -> u32 {
        self.lanes
    }

    fn threads(&self) -> u32 {
        self.lanes
    }

    fn address<T: Plain>(&self, buffer: &Shared<T>) -> u64 {
        buffer.values().as_ptr() as u64
    }

    unsafe fn launch<A: Copy>(&self, kernel: Kernel, grid: Grid, arguments: A) -> Result<()> {
        let _one = self.running.lock().unwrap();
        let [x, y, z] = grid.blocks;
        let grid = [x, y, z, grid.threads[0], grid.threads[1]];
        let place = Kernel::ALL.iter().position(|other| *other == kernel).unwrap();
        // SAFETY: the caller's.
        unsafe { self.entries[place](grid.as_ptr(), (&raw const arguments).cast()) };
        Ok(())
    }

    fn product(
        &self,
        products: &Batched,
        a: &Shared<f32>,
        b: &Shared<f32>,
        out: &mut Shared<f32>,
    ) -> Result<()> {
        let [m, n, k] = products.sizes;
        let at = |operand: Operand, index: usize, row: usize, column: usize| {
            let (row, column) = if operand.transposed { (column, row) } else { (row, column) };
            operand.offset + index * operand.step + row * operand.stride + column
        };
        let (a, b, out) = (a.values(), b.values(), out.0.get_mut());
        for index in 0..products.count {
            for row in 0..m {
                for column in 0..n {
                    let terms = (0..k).map(|i| {
                        f64::from(a[at(products.a, index, row, i)])
                            * f64::from(b[at(products.b, index, i, column)])
                    });
                    out[at(products.out, index, row, column)] = terms.sum::<f64>() as f32;
                }
            }
        }
        Ok(())
    }
}

fn small(images: usize) -> FashionMnist {
    let mut data = FashionMnist::subset().unwrap();
    data.train = data.train.first(images);
    data.test = data.test.first(45); // more than a thread multiplies for
    data
}

/// Every condition in several widths, with weights that learning has moved, by rules that differ.
fn runs(widths: &[usize]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, &width) in widths.iter().enumerate() {
        for condition in Condition::ALL {
            let faster = 1.0 + index as f64;
            let mut run = Run::new(condition, &configuration(4).unwrap()).epsilon(0.5).epochs(2);
            run.width = width;
            run.measure = Measure::EachEpoch;
            let wild = matches!(condition, Condition::ENone | Condition::INormScale);
            let faster = if wild { 1e-2 * faster } else { faster };
            run.rule.rates =
                LearningRates { lr: 5e-4 * faster, lr_w_ie: 5e-3 * faster, lr_w_ei: 5e-4 * faster };
            run.rule.lambda = 0.5 * faster;
            run.rule.label_smoothing = 0.05 * (1.0 + index as f64);
            runs.push(run);
        }
    }
    runs.sort_by_key(arrange);
    runs
}

fn trained<D: Device>(
    device: D,
    runs: &[Run],
    data: &FashionMnist,
) -> (Vec<NetworkWeights<f32>>, Vec<Record>) {
    let mut companions = Companions::new(device, runs, data).unwrap();
    while !companions.is_over() {
        companions.epoch(&mut || ()).unwrap();
    }
    (companions.weights().unwrap(), companions.records().to_vec())
}

/// Checks that weights are the same but for rounding. A unit whose z is zero but for rounding may
/// open its ReLU on the one device and not on the other: a tenth of a matrix may differ for that.
#[track_caller]
fn assert_close(run: &Run, a: &NetworkWeights<f32>, b: &NetworkWeights<f32>) {
    for (layer, (a, b)) in a.layers().into_iter().zip(b.layers()).enumerate() {
        for ((name, a), (_, b)) in a.named().into_iter().zip(b.named()) {
            let largest = b.iter().fold(1e-6_f32, |m, w| m.max(w.abs()));
            let mut apart: Vec<f32> =
                a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).collect();
            apart.sort_by(f32::total_cmp);
            let at = |part: usize| apart.get(apart.len() * part / 100).copied().unwrap_or(0.0);
            let most = apart.last().copied().unwrap_or(0.0);
            let place = format!("{} {} {name} of layer {layer}", run.condition, run.width);
            assert!(at(90) <= 1e-4 && most <= 0.2, "{place}: {:.1e}, at most {most:.1e}", at(90));
        }
    }
}

/// Trains on both, and compares everything that comes out.
fn check<D: Device>(device: D, runs: &[Run], images: usize) {
    let data = small(images);
    let (weights, records) = trained(device, runs, &data);
    let (expected_weights, expected) = trained(Cpu, runs, &data);
    for (index, run) in runs.iter().enumerate() {
        assert_close(run, &weights[index], &expected_weights[index]);
        let (ours, theirs) = (&records[index], &expected[index]);
        assert_eq!((ours.outcome, ours.steps), (theirs.outcome, theirs.steps));
        for (ours, theirs) in ours.epochs.iter().zip(&theirs.epochs) {
            assert!((ours.train_loss - theirs.train_loss).abs() <= 1e-3 * theirs.train_loss);
            assert!((ours.test_loss - theirs.test_loss).abs() <= 1e-3 * theirs.test_loss);
            assert!((ours.test_accuracy - theirs.test_accuracy).abs() < 1.5 / 45.0);
        }
        assert_eq!(ours.measurements.len(), 4);
        for (ours, theirs) in ours.measurements.iter().zip(&theirs.measurements) {
            let (ours, theirs) = (ours.values, theirs.values);
            assert!((ours.variance - theirs.variance).abs() <= 1e-2 * theirs.variance, "{run:?}");
            assert!((ours.gradient_alignment - theirs.gradient_alignment).abs() <= 1e-2);
        }
    }
}

#[test]
fn one_lane() {
    check(Kernels(Threads::new(1)), &runs(&[26, 41]), 70);
}

#[test]
fn a_warp_of_eight_lanes() {
    check(Kernels(Threads::new(8)), &runs(&[26]), 40);
}

#[test]
fn a_warp_of_thirty_two_lanes() {
    let mut runs = runs(&[34]);
    runs.retain(|run| matches!(run.condition, Condition::EiLn | Condition::INormFull));
    check(Kernels(Threads::new(32)), &runs, 20);
}

/// `tests/gpu.sh` runs it.
#[test]
#[ignore = "needs an NVIDIA GPU"]
#[cfg(feature = "cuda")]
fn a_gpu() {
    let gpu = inorm::ensemble::Gpu::new().unwrap();
    check(Kernels(gpu.clone()), &runs(&[26, 41]), 70);
    check(Kernels(gpu), &runs(&[178, 234]), 1_000);
}
