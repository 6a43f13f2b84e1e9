//! Damaged files: whatever is done to a file, a reader answers with a value or an error, never
//! with a panic, and never asks for memory that a whole file would not need.
//!
//! `INORM_DAMAGES=1000000 cargo test --release --test damaged` does a million to each kind; by
//! default they are some thousands.

use inorm::{
    Condition,
    configuration::configuration,
    dataset::read_idx,
    learning::Run,
    parity::Fixture,
    sweep::{Planned, Store, Tables},
};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    panic::catch_unwind,
    path::Path,
};

/// No reader needs more at once for the files here, which have at most some hundred kilobytes.
const LARGEST_REQUEST: usize = 64 << 20;

/// The system's allocator, which ends the program at an unreasonable request.
struct Bounded;

// SAFETY: every call goes to the system's allocator unchanged, or fails.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match layout.size() <= LARGEST_REQUEST {
            true => unsafe { System.alloc(layout) },
            false => std::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match layout.size() <= LARGEST_REQUEST {
            true => unsafe { System.alloc_zeroed(layout) },
            false => std::ptr::null_mut(),
        }
    }
}

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

/// Damages `whole` in `default` ways, or as many as the environment says, and reads each.
///
/// Returns how many were refused. The seed of a panic is in its message.
fn damage(whole: &[u8], path: &Path, default: u64, read: impl Fn() -> bool) -> u64 {
    let times = std::env::var("INORM_DAMAGES").map_or(default, |n| n.parse().expect("a number"));
    let mut refused = 0;
    for seed in 0..times {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        fs::write(path, damaged(whole, &mut random)).unwrap();
        let outcome = catch_unwind(std::panic::AssertUnwindSafe(&read));
        let accepted = outcome.unwrap_or_else(|_| panic!("{}: seed {seed}", path.display()));
        refused += u64::from(!accepted);
    }
    assert!(refused > times / 4, "{refused} of {times} refused: was it damaged at all?");
    refused
}

fn damaged(whole: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..random.gen_range(1..=4) {
        let length = bytes.len();
        // Headers and footers are at the ends, and worth more attempts than what is between.
        let at = match random.gen_range(0..4) {
            0 => random.gen_range(0..=length.min(64)),
            1 => length - random.gen_range(0..=length.min(64)),
            _ => random.gen_range(0..=length),
        };
        let some = random.gen_range(1..=16).min(length - at);
        match random.gen_range(0..7) {
            0 => bytes.truncate(at),
            1 => random.fill_bytes(&mut bytes[at..at + some]),
            2 => bytes[at..at + some].fill(0xff),
            3 => bytes[at..at + some].fill(0),
            4 => drop(bytes.drain(at..at + some)),
            5 => {
                let copy = bytes[at..at + some].to_vec();
                bytes.splice(at..at, copy);
            }
            _ if at < length => bytes[at] ^= 1 << random.gen_range(0..8),
            _ => bytes.push(random.gen_range(0..=255)),
        }
    }
    bytes
}

#[test]
fn image_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images");
    let mut whole = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 28, 0, 0, 0, 28];
    whole.extend((0..5 * 784).map(|i| i as u8));
    let read = || read_idx::<3>(&path, 1 << 20).is_ok();
    damage(&whole, &path, 4_000, read);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gz, &whole).unwrap();
    damage(&gz.finish().unwrap(), &path, 4_000, read);
}

#[test]
fn fixtures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e_ln.npz");
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sweep/e_ln.npz");
    let whole = fs::read(original).unwrap();
    damage(&whole, &path, 1_000, || Fixture::read(&path, None).is_ok());
}

fn planned() -> Planned {
    Planned::new(Run::new(Condition::INormFull, &configuration(3).unwrap()).epochs(1))
}

#[test]
fn plans() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    store.extend_plan(&[planned()]).unwrap();
    let path = folder.path().join("plan.jsonl");
    let whole = fs::read(&path).unwrap();
    damage(&whole, &path, 5_000, || store.plan().is_ok());
}

#[test]
fn tables() {
    let folder = tempfile::tempdir().unwrap();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results");
    for name in ["runs", "epochs", "measurements"] {
        let name = format!("{name}.parquet");
        fs::copy(original.join(&name), folder.path().join(name)).unwrap();
    }
    assert!(Tables::read(folder.path()).is_ok());
    let path = folder.path().join("runs.parquet");
    let whole = fs::read(&path).unwrap();
    damage(&whole, &path, 2_000, || Tables::read(folder.path()).is_ok());
}
