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
    sweep::{Planned, RunStatus, Selection, Shard, Store, Worker},
};
use inorm_experiments::parity::Fixture;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs::{self, File},
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
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
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// A folder for the files of one test at a time: memory is counted for the whole program.
struct Place {
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    /// In memory, if there is such a folder: a disk takes milliseconds to replace a file.
    fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, _turn: turn }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// One kind of file: what it is called, and the memory that a reader of it may take at once.
struct Kind(&'static str, usize);

impl Kind {
    /// Damages the file at `path` in `default` ways, or as many as the environment says, and lets
    /// `read` have each; it says whether it accepts them.
    fn damage_file(&self, path: &Path, default: u64, mut read: impl FnMut() -> bool) {
        self.damage(&fs::read(path).unwrap(), default, |bytes| {
            fs::write(path, bytes).unwrap();
            read()
        });
    }

    /// The same with bytes. The seed of a panic is in its message.
    fn damage(&self, whole: &[u8], default: u64, mut read: impl FnMut(&[u8]) -> bool) {
        let Self(name, room) = self;
        let before = LIVE.load(Relaxed);
        MOST.store(before, Relaxed);
        assert!(read(whole), "{name}: the undamaged one is refused");
        let whole_one = MOST.load(Relaxed).saturating_sub(before);
        // The stored results grow: a damaged file may take what a whole one takes.
        let room = (*room).max(whole_one + whole_one / 50);
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
            assert!(most <= room, "{name}: seed {seed} took {most} bytes");
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
    let place = Place::new();
    let path = place.path("images");
    let mut whole = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 28, 0, 0, 0, 28];
    whole.extend((0..5 * 784).map(|i| i as u8));
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(&whole).unwrap();
    let limit = MB;
    for (name, whole) in [("images", whole), ("images, gzipped", zipped.finish().unwrap())] {
        fs::write(&path, whole).unwrap();
        let kind = Kind(name, limit + 128 * KB);
        kind.damage_file(&path, 4_000, || read_idx::<3>(&path, limit).is_ok());
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
    let place = Place::new();
    let path = place.path("e_ln.npz");
    fs::write(&path, small_fixture()).unwrap();
    let kind = Kind("fixtures", 64 * MB);
    kind.damage_file(&path, 1_000, || Fixture::read(&path, None).is_ok());
}

#[test]
fn names() {
    let _place = Place::new();
    Kind("conditions", 16 * KB).damage(b"inorm_decorrelate", 2_000, |bytes| {
        String::from_utf8_lossy(bytes).parse::<Condition>().is_ok()
    });
    Kind("profiles", 16 * KB).damage(b"figure 7", 2_000, |bytes| {
        Selection::profile(&String::from_utf8_lossy(bytes)).is_ok()
    });
    Kind("shards", 16 * KB).damage(b"12/345", 2_000, |bytes| {
        let shard = String::from_utf8_lossy(bytes).parse::<Shard>();
        shard.is_ok_and(|shard| shard.of(&[]).is_empty())
    });
}

/// A store with one run in its plan.
fn store(place: &Place) -> (Store, Planned) {
    let store = Store::create(place.folder.path()).unwrap();
    let run = Run::new(Condition::INormFull, &configuration(3).unwrap()).epochs(1);
    let planned = Planned::new(run);
    store.extend_plan(std::slice::from_ref(&planned)).unwrap();
    (store, planned)
}

/// The first images of each set of the subset.
fn images(train: usize, test: usize) -> FashionMnist {
    let mut data = FashionMnist::subset().unwrap();
    (data.train, data.test) = (data.train.first(train), data.test.first(test));
    data
}

#[test]
fn plans() {
    let place = Place::new();
    let (store, _) = store(&place);
    Kind("plans", 64 * KB).damage_file(&place.path("plan.jsonl"), 5_000, || store.plan().is_ok());
}

#[test]
fn claims() {
    let place = Place::new();
    let (store, planned) = store(&place);
    let _claim = store.claim(&planned.id).unwrap().expect("no other worker");
    let path = place.path("claims").join(&planned.id);
    // What cannot be read counts as abandoned.
    Kind("claims", 64 * KB).damage_file(&path, 2_000, || {
        matches!(store.status(&planned.id).unwrap(), RunStatus::Running(_))
    });
}

#[test]
fn identities_of_the_data() {
    let place = Place::new();
    let (store, data) = (store(&place).0, images(1, 1));
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
    let kind = Kind("identities", 64 * KB);
    kind.damage_file(&place.path("data.json"), 1_000, || worker.train_plan(&[]).is_ok());
}

#[test]
fn checkpoints() {
    let place = Place::new();
    let (path, data) = (place.path("run.safetensors"), images(4, 2));
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
        trainer.checkpoint().save(&path).unwrap();
        Kind(name, 8 * MB).damage_file(&path, 1_000, || {
            let checkpoint = Checkpoint::load(&path);
            checkpoint.is_ok_and(|checkpoint| Trainer::resume(checkpoint, &data).is_ok())
        });
    }
}

#[test]
fn finished_runs() {
    let place = Place::new();
    let (path, data) = (place.path("run.json"), images(64, 10));
    let run = Run::new(Condition::INormFull, &configuration(3).unwrap()).epochs(2);
    let (_, record) = train(&run.measure(Measure::EachEpoch), &data, &mut ()).unwrap();
    let provenance = Provenance::new("a test");
    let finished = FinishedRun::new(record, DataIdentity::of(&data), provenance, 1.0).unwrap();
    finished.write(&path).unwrap();
    let kind = Kind("finished runs", 256 * KB);
    kind.damage_file(&path, 4_000, || FinishedRun::read(&path).is_ok());
}

/// A copy of the stored results, of which `name` is damaged.
fn damage_results(kind: &Kind, name: &str, times: u64) {
    let place = Place::new();
    for entry in fs::read_dir(results_folder()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), place.folder.path().join(entry.file_name())).unwrap();
        }
    }
    kind.damage_file(&place.path(name), times, || Tables::read(place.folder.path()).is_ok());
}

#[test]
fn tables() {
    damage_results(&Kind("tables", 48 * MB), "runs.parquet", 2_000);
}

#[test]
fn checksums_of_tables() {
    damage_results(&Kind("checksums", 48 * MB), "SHA256SUMS", 200);
}
