//! Damaged files: whatever is done to a file, its reader answers with a value or an error, never
//! with a panic, and never with more memory than a whole file could need.
//!
//! `INORM_DAMAGES=1000000 cargo test --release --test damaged -- --nocapture` does a million to
//! each kind, and prints how many were refused and what memory they took at most; by default
//! they are some thousands.

use inorm::{
    Condition,
    configuration::configuration,
    dataset::{FashionMnist, read_idx},
    learning::{Checkpoint, Measure, Run, Trainer, train},
    results::{DataIdentity, FinishedRun, Provenance, Tables, results_folder},
    sweep::{Planned, Profile, RunStatus, Shard, Store, Worker},
};
use inorm_experiments::parity::Fixture;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs::{self, File},
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};
use tempfile::TempDir;

/// No reader needs more at once for the files here: the program ends where one asks for it.
const LARGEST_REQUEST: usize = 64 << 20;
const KB: usize = 1 << 10;
const MB: usize = 1 << 20;

/// The system's allocator, which counts, and refuses an unreasonable request.
struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn count(pointer: *mut u8, size: usize) -> *mut u8 {
    if !pointer.is_null() {
        MOST.fetch_max(LIVE.fetch_add(size, Relaxed) + size, Relaxed);
    }
    pointer
}

// SAFETY: every call goes to the system's allocator unchanged, or fails.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match layout.size() <= LARGEST_REQUEST {
            true => count(unsafe { System.alloc(layout) }, layout.size()),
            false => std::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match layout.size() <= LARGEST_REQUEST {
            true => count(unsafe { System.alloc_zeroed(layout) }, layout.size()),
            false => std::ptr::null_mut(),
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Memory is counted for the whole program: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder in memory, where there is such a place: a disk takes milliseconds to replace a file.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// One kind of file: what it is called, and the memory that a reader of it may take at once.
struct Kind(&'static str, usize);

impl Kind {
    /// Damages `whole` in `default` ways, or as many as the environment says, and lets `read`
    /// have each; it says whether it accepts them. The seed of a panic is in its message.
    fn damage(&self, whole: &[u8], default: u64, mut read: impl FnMut(&[u8]) -> bool) {
        let Self(name, room) = self;
        assert!(read(whole), "{name}: the undamaged one is refused");
        let times =
            std::env::var("INORM_DAMAGES").map_or(default, |n| n.parse().expect("a number"));
        let (began, mut refused, mut most) = (Instant::now(), 0, 0);
        for seed in 0..times {
            let bytes = damaged(whole, &mut ChaCha8Rng::seed_from_u64(seed));
            let before = LIVE.load(Relaxed);
            MOST.store(before, Relaxed);
            let outcome = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
            let accepted = outcome.unwrap_or_else(|_| panic!("{name}: seed {seed}"));
            refused += u64::from(!accepted);
            most = most.max(MOST.load(Relaxed).saturating_sub(before));
            assert!(most <= *room, "{name}: seed {seed} took {most} bytes");
        }
        let seconds = began.elapsed().as_secs_f64();
        println!("{name}: {refused} of {times} refused, {} kB at most, {seconds:.0} s", most / KB);
        assert!(refused > times / 4, "{name}: were they damaged at all?");
    }
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
    let _turn = turn();
    let folder = folder();
    let path = folder.path().join("images");
    let mut whole = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 28, 0, 0, 0, 28];
    whole.extend((0..5 * 784).map(|i| i as u8));
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(&whole).unwrap();
    let limit = MB;
    for (name, whole) in [("images", whole), ("images, gzipped", zipped.finish().unwrap())] {
        Kind(name, limit + 128 * KB).damage(&whole, 4_000, |bytes| {
            fs::write(&path, bytes).unwrap();
            read_idx::<3>(&path, limit).is_ok()
        });
    }
}

/// A fixture with nothing but what its reader needs, so that more of the damage hits that.
fn small_fixture() -> Vec<u8> {
    let original = inorm_core::files::repository().join("tests/fixtures/sweep/e_ln.npz");
    let mut archive = zip::ZipArchive::new(File::open(original).unwrap()).unwrap();
    let mut small = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let (name, mut bytes) = (member.name().unwrap().into_owned(), Vec::new());
        if ["hyper", "x.", "y.", "init."].iter().any(|needed| name.starts_with(needed)) {
            member.read_to_end(&mut bytes).unwrap();
            small.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            small.write_all(&bytes).unwrap();
        }
    }
    small.finish().unwrap().into_inner()
}

#[test]
fn fixtures() {
    let _turn = turn();
    let folder = folder();
    let path = folder.path().join("e_ln.npz");
    Kind("fixtures", 64 * MB).damage(&small_fixture(), 1_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        Fixture::read(&path, None).is_ok()
    });
}

#[test]
fn names() {
    let _turn = turn();
    Kind("conditions", 16 * KB).damage(b"inorm_decorrelate", 2_000, |bytes| {
        String::from_utf8_lossy(bytes).parse::<Condition>().is_ok()
    });
    Kind("profiles", 16 * KB).damage(b"figure 7", 2_000, |bytes| {
        let profile = String::from_utf8_lossy(bytes).parse::<Profile>();
        profile.is_ok_and(|profile| profile.selection().is_ok())
    });
    Kind("shards", 16 * KB).damage(b"12/345", 2_000, |bytes| {
        let shard = String::from_utf8_lossy(bytes).parse::<Shard>();
        shard.is_ok_and(|shard| shard.of(&[]).is_empty())
    });
}

/// A store with one run in its plan.
fn store(folder: &Path) -> (Store, Planned) {
    let store = Store::create(folder).unwrap();
    let run = Run::new(Condition::INormFull, &configuration(3).unwrap()).epochs(1);
    let planned = Planned::new(run);
    store.extend_plan(std::slice::from_ref(&planned)).unwrap();
    (store, planned)
}

#[test]
fn plans() {
    let _turn = turn();
    let folder = folder();
    let (store, _) = store(folder.path());
    let path = folder.path().join("plan.jsonl");
    let whole = fs::read(&path).unwrap();
    Kind("plans", 64 * KB).damage(&whole, 5_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        store.plan().is_ok()
    });
}

#[test]
fn claims() {
    let _turn = turn();
    let folder = folder();
    let (store, planned) = store(folder.path());
    let claim = store.claim(&planned.id).unwrap().expect("no other worker");
    let path = folder.path().join("claims").join(&planned.id);
    let whole = fs::read(&path).unwrap();
    // What cannot be read counts as abandoned.
    Kind("claims", 64 * KB).damage(&whole, 2_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        matches!(store.status(&planned.id).unwrap(), RunStatus::Running(_))
    });
    drop(claim);
}

#[test]
fn identities_of_the_data() {
    let _turn = turn();
    let folder = folder();
    let (store, _) = store(folder.path());
    let mut data = FashionMnist::subset().unwrap();
    (data.train, data.test) = (data.train.first(1), data.test.first(1));
    let worker = Worker {
        store: &store,
        data: &data,
        provenance: &Provenance::new("a test"),
        jobs: 1,
        checkpoint_epochs: 1,
        stop: &AtomicBool::new(false),
        report: &|_| {},
    };
    // With nothing to do, a worker writes down which images it has, and compares the next time.
    worker.train_plan(&[]).unwrap();
    let path = folder.path().join("data.json");
    let whole = fs::read(&path).unwrap();
    Kind("identities", 64 * KB).damage(&whole, 1_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        worker.train_plan(&[]).is_ok()
    });
}

#[test]
fn checkpoints() {
    let _turn = turn();
    let mut data = FashionMnist::subset().unwrap();
    (data.train, data.test) = (data.train.first(4), data.test.first(2));
    // One of each kind of circuit, and ν.
    for (name, condition) in [
        ("checkpoints, excitatory", Condition::ELn),
        ("checkpoints, inhibitory", Condition::EiNone),
        ("checkpoints, normalizing", Condition::INormLateral),
    ] {
        let mut run = Run::new(condition, &configuration(3).unwrap()).epochs(2);
        run.width = 2;
        let mut trainer = Trainer::new(&run, &data).unwrap();
        trainer.epoch(&mut ());
        let place = folder();
        let path = place.path().join("run.safetensors");
        trainer.checkpoint().save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        Kind(name, 8 * MB).damage(&whole, 1_000, |bytes| {
            fs::write(&path, bytes).unwrap();
            let checkpoint = Checkpoint::load(&path);
            checkpoint.is_ok_and(|checkpoint| Trainer::resume(checkpoint, &data).is_ok())
        });
    }
}

#[test]
fn finished_runs() {
    let _turn = turn();
    let folder = folder();
    let path = folder.path().join("run.json");
    let mut data = FashionMnist::subset().unwrap();
    (data.train, data.test) = (data.train.first(64), data.test.first(10));
    let run = Run::new(Condition::INormFull, &configuration(3).unwrap()).epochs(2);
    let (_, record) = train(&run.measure(Measure::EachEpoch), &data, &mut ()).unwrap();
    let identity = DataIdentity::of(&data);
    FinishedRun::new(record, identity, Provenance::new("a test"), 1.0)
        .unwrap()
        .write(&path)
        .unwrap();
    let whole = fs::read(&path).unwrap();
    Kind("finished runs", 256 * KB).damage(&whole, 4_000, |bytes| {
        fs::write(&path, bytes).unwrap();
        FinishedRun::read(&path).is_ok()
    });
}

/// A copy of the stored results, of which `name` is damaged.
fn damage_results(kind: &Kind, name: &str, times: u64) {
    let _turn = turn();
    let folder = folder();
    for entry in fs::read_dir(results_folder()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join(name);
    let whole = fs::read(&path).unwrap();
    kind.damage(&whole, times, |bytes| {
        fs::write(&path, bytes).unwrap();
        Tables::read(folder.path()).is_ok()
    });
}

#[test]
fn tables() {
    damage_results(&Kind("tables", 48 * MB), "runs.parquet", 2_000);
}

#[test]
fn checksums_of_tables() {
    damage_results(&Kind("checksums", 48 * MB), "SHA256SUMS", 200);
}
