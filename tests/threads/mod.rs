//! A machine of threads, for tests: it runs the kernels of the CUDA port on the processor.
//!
//! A C++ compiler turns `src/ensemble/kernels/all.cu` into a library, with each lane of a warp a
//! thread. So everything between an ensemble and a GPU is tested but the GPU.

use inorm::{
    Error, Result,
    ensemble::{Grid, Kernel, Machine, Plain},
};
use std::{
    cell::UnsafeCell,
    ffi::{CString, c_void},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The library with the kernels, compiled once.
fn library() -> &'static [u8] {
    static LIBRARY: OnceLock<Vec<u8>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("kernels.so");
        let source = inorm_core::files::repository().join("src/ensemble/kernels/all.cu");
        let flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
        let compiled = Command::new("g++")
            .args(flags)
            .args(["-pthread", "-x", "c++"])
            .arg(source)
            .arg("-o")
            .arg(&path)
            .output()
            .expect("g++, which compiles the kernels for this test");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        std::fs::read(path).unwrap()
    })
}

type Entry = unsafe extern "C" fn(*const u32, *const c_void);

/// A machine of threads. The library's blocks and lanes are globals: one kernel at a time.
pub struct Threads {
    lanes: u32,
    /// Bytes that are left.
    memory: AtomicU64,
    entries: Vec<Entry>,
    running: Mutex<()>,
}

impl Threads {
    /// Warps of `lanes` lanes; with one there are no threads at all. A block is one warp, but with
    /// 32 lanes it has four, as on a GPU. `memory` is in bytes.
    pub fn new(lanes: u32, memory: u64) -> Self {
        // A file of its own, until it is loaded: what comes from the same file shares its globals.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, library()).unwrap();
        let name = CString::new(file.path().to_str().unwrap()).unwrap();
        // SAFETY: the library does nothing when it is loaded.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "{name:?} cannot be loaded");
        let entry = |kernel: Kernel| {
            let name = CString::new(kernel.name()).unwrap();
            // SAFETY: the handle is that of the library, which is never closed.
            let entry = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!entry.is_null(), "no kernel {kernel:?}");
            // SAFETY: `KERNEL` in host.hpp gives every kernel this type.
            unsafe { std::mem::transmute::<*mut c_void, Entry>(entry) }
        };
        let entries = Kernel::ALL.map(entry).into();
        Self { lanes, memory: memory.into(), entries, running: Mutex::default() }
    }

    fn allocate<T: Plain>(&self, values: Vec<T>) -> Result<Buffer<T>> {
        let size = size_of_val(&values[..]) as u64;
        let take = |left: u64| left.checked_sub(size);
        match self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(Buffer(values.into())),
            Err(left) => Err(Error::Device(format!("{size} bytes wanted, {left} left"))),
        }
    }
}

/// Values that kernels change behind a shared reference.
pub struct Buffer<T>(UnsafeCell<Vec<T>>);

impl<T: Plain> Buffer<T> {
    fn values(&self) -> &[T] {
        // SAFETY: kernels are done when their call returns, and nobody keeps what this returns.
        unsafe { &*self.0.get() }
    }
}

impl Machine for Threads {
    type Buffer<T: Plain> = Buffer<T>;

    fn lanes(&self) -> u32 {
        self.lanes
    }

    fn threads(&self) -> u32 {
        if self.lanes == 32 { 4 * self.lanes } else { self.lanes }
    }

    fn upload<T: Plain>(&self, values: &[T]) -> Result<Buffer<T>> {
        self.allocate(values.to_vec())
    }

    fn zeros<T: Plain>(&self, count: usize) -> Result<Buffer<T>> {
        self.allocate(vec![T::default(); count])
    }

    fn write<T: Plain>(&self, values: &[T], buffer: &mut Buffer<T>) -> Result<()> {
        buffer.0.get_mut()[..values.len()].copy_from_slice(values);
        Ok(())
    }

    fn read<T: Plain>(&self, buffer: &Buffer<T>) -> Result<Vec<T>> {
        Ok(buffer.values().to_vec())
    }

    fn address<T: Plain>(&self, buffer: &Buffer<T>) -> u64 {
        buffer.values().as_ptr() as u64
    }

    unsafe fn launch<A: Copy>(&self, kernel: Kernel, grid: Grid, arguments: A) -> Result<()> {
        let _one = self.running.lock().unwrap();
        let [x, y, z] = grid.blocks;
        let grid = [x, y, z, grid.threads[0], grid.threads[1]];
        // SAFETY: the caller's.
        unsafe { self.entries[kernel as usize](grid.as_ptr(), (&raw const arguments).cast()) };
        Ok(())
    }
}
