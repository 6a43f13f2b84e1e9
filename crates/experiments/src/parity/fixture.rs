//! Reference numbers in an `.npz` file.

use inorm::{
    Condition, Error, Result,
    condition::GradNorm,
    configuration::LearningRates,
    layers::{LayerWeights, NetworkWeights},
    learning_rule::LearningRule,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Inputs, hidden units, inhibitory units and outputs of the networks in fixtures.
pub const FIXTURE_SHAPE: [usize; 4] = [36, 24, 2, 10];
/// The names that fixtures give to the three layers.
pub(super) const LAYERS: [&str; 3] = ["fc0", "fc1", "fc_output"];
/// An archive with more bytes than this is refused before all are read.
const LARGEST: u64 = 8 << 20;

/// One array: its sizes and its values, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// What the reference implementation computed for one network and a few training steps.
#[derive(Debug, Clone)]
pub struct Fixture {
    path: PathBuf,
    /// Which network.
    pub condition: Condition,
    /// The learning rule, as far as the file tells.
    pub rule: LearningRule,
    /// Weights before the first step.
    pub initial: NetworkWeights<f64>,
    /// The batches: inputs \[size, inputs\] and labels.
    pub steps: Vec<(Vec<f64>, Vec<u8>)>,
    arrays: BTreeMap<String, Array>,
}

impl Fixture {
    /// Reads a fixture; without `condition`, the name of the file says which network it is.
    ///
    /// # Errors
    /// If the file is no such archive, or a key is missing or has other sizes, another type or
    /// values that are not finite.
    pub fn read(path: &Path, condition: Option<Condition>) -> Result<Self> {
        let condition = match condition {
            Some(condition) => condition,
            None => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                stem.parse().map_err(|_| {
                    let expected = "a file named after a condition, or --condition";
                    Error::malformed(path, "has a name that is no condition", expected)
                })?
            }
        };
        let arrays = read_archive(path)?;
        let reader = Reader { path, arrays: &arrays };
        let rule = reader.rule()?;
        let initial = reader.weights(condition, "init")?;
        let steps = reader.steps()?;
        Ok(Self { path: path.to_owned(), condition, rule, initial, steps, arrays })
    }

    /// The values of `key`, or an error that names it.
    pub(super) fn expect(&self, key: &str, shape: &[usize]) -> Result<&[f64]> {
        Reader { path: &self.path, arrays: &self.arrays }.values(key, shape)
    }

    /// Whether the file has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.arrays.contains_key(key)
    }
}

struct Reader<'a> {
    path: &'a Path,
    arrays: &'a BTreeMap<String, Array>,
}

impl<'a> Reader<'a> {
    fn values(&self, key: &str, shape: &[usize]) -> Result<&'a [f64]> {
        let array = self.array(key)?;
        // A bias is stored as a column: only its size counts.
        let column = shape.len() == 1 && array.values.len() == shape[0];
        if array.shape != shape && !column {
            let problem = format!("key '{key}' has sizes {:?}", array.shape);
            return Err(Error::malformed(self.path, problem, format!("{shape:?}")));
        }
        Ok(&array.values)
    }

    fn array(&self, key: &str) -> Result<&'a Array> {
        let array = self.arrays.get(key);
        let array = array.ok_or_else(|| {
            Error::malformed(self.path, format!("key '{key}' is missing"), "a whole fixture")
        })?;
        if let Some(value) = array.values.iter().find(|v| !v.is_finite()) {
            let problem = format!("key '{key}' holds {value}");
            return Err(Error::malformed(self.path, problem, "finite numbers"));
        }
        Ok(array)
    }

    fn rule(&self) -> Result<LearningRule> {
        let &[lr, lr_w_ie, lr_w_ei, momentum, inhibitory_momentum, weight_decay, lambda, smoothing] =
            self.values("hyper", &[8])?
        else {
            unreachable!("the size was checked")
        };
        let rule = LearningRule {
            rates: LearningRates { lr, lr_w_ie, lr_w_ei },
            momentum,
            inhibitory_momentum,
            weight_decay,
            lambda,
            label_smoothing: smoothing,
        };
        match rule.validate() {
            Err(Error::Invalid { what, found, expected }) => {
                let problem = format!("key 'hyper' has {found} for the {what}");
                Err(Error::malformed(self.path, problem, expected))
            }
            other => other.map(|()| rule),
        }
    }

    fn steps(&self) -> Result<Vec<(Vec<f64>, Vec<u8>)>> {
        let shape = self.array("x")?.shape.clone();
        let [steps, size, _] = shape[..] else {
            let problem = format!("key 'x' has sizes {shape:?}");
            return Err(Error::malformed(self.path, problem, "[steps, batch, inputs]"));
        };
        if steps == 0 || size == 0 {
            return Err(Error::malformed(self.path, "key 'x' is empty", "at least one step"));
        }
        let x = self.values("x", &[steps, size, FIXTURE_SHAPE[0]])?;
        let y = self.values("y", &[steps, size])?;
        let outputs = FIXTURE_SHAPE[3] as f64;
        if let Some(label) = y.iter().find(|y| !(0.0..outputs).contains(*y) || y.fract() != 0.0) {
            let problem = format!("key 'y' holds {label}");
            return Err(Error::malformed(self.path, problem, "labels 0 to 9"));
        }
        let batches = x.chunks_exact(size * FIXTURE_SHAPE[0]).zip(y.chunks_exact(size));
        Ok(batches.map(|(x, y)| (x.to_vec(), y.iter().map(|&y| y as u8).collect())).collect())
    }

    /// All weights under `prefix`: `init` or `final`.
    fn weights(&self, condition: Condition, prefix: &str) -> Result<NetworkWeights<f64>> {
        let [inputs, width, inhibitory, outputs] = FIXTURE_SHAPE;
        let layer = |name: usize, inputs: usize, units: usize, inhibitory: usize, divides: bool| {
            let values = |key: &str, shape: &[usize]| {
                Ok::<_, Error>(
                    self.values(&format!("{prefix}.{}.{key}", LAYERS[name]), shape)?.to_vec(),
                )
            };
            let mut weights = LayerWeights {
                inputs,
                excitatory: units,
                inhibitory,
                w_ee: values("Wex", &[units, inputs])?,
                b: values("bias", &[units])?,
                ..LayerWeights::default()
            };
            if inhibitory > 0 {
                weights.w_ie = values("Wix", &[inhibitory, inputs])?;
                weights.w_ei = values("Wei", &[units, inhibitory])?;
            }
            if divides {
                weights.u_ie = values("Bix", &[units, inputs])?;
            }
            if condition.grad_norm() == GradNorm::Lateral && name < 2 {
                let key = format!("lateral_weights.{}", LAYERS[name]);
                weights.nu = self.values(&key, &[units])?.to_vec();
            }
            Ok::<_, Error>(weights)
        };
        let circuit = condition.circuit();
        let inhibitory = if circuit.subtracts() { inhibitory } else { 0 };
        Ok(NetworkWeights {
            condition,
            hidden: [
                layer(0, inputs, width, inhibitory, circuit.divides())?,
                layer(1, width, width, inhibitory, circuit.divides())?,
            ],
            readout: layer(2, width, outputs, 1, false)?,
        })
    }
}

/// All members of the archive. Values that are not numbers of a known type are an error.
fn read_archive(path: &Path) -> Result<BTreeMap<String, Array>> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let damaged = |problem: String| Error::malformed(path, problem, "an .npz archive of numbers");
    let mut archive =
        zip::ZipArchive::new(file).map_err(|e| damaged(format!("cannot be opened ({e})")))?;
    let mut arrays = BTreeMap::new();
    let mut room = LARGEST;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(|e| damaged(e.to_string()))?;
        let name = member.name().map_err(|e| damaged(e.to_string()))?;
        let key = name.trim_end_matches(".npy").to_owned();
        let array = read_array(member, &mut room)
            .map_err(|problem| damaged(format!("key '{key}' {problem}")))?;
        arrays.insert(key, array);
    }
    Ok(arrays)
}

/// Reads one array; `room` is how many bytes are left to it and those after it.
fn read_array(member: impl Read, room: &mut u64) -> std::result::Result<Array, String> {
    let mut bytes = Vec::new();
    let mut bounded = member.take(*room + 1);
    bounded.read_to_end(&mut bytes).map_err(|e| format!("cannot be read ({e})"))?;
    *room = room
        .checked_sub(bytes.len() as u64)
        .ok_or_else(|| format!("makes the archive larger than {} MiB", LARGEST >> 20))?;
    let npy = npyz::NpyFile::new(&bytes[..]).map_err(|e| format!("is no array ({e})"))?;
    if npy.order() != npyz::Order::C {
        return Err("is stored column by column; expected row by row".into());
    }
    let shape: Vec<usize> = npy.shape().iter().map(|&n| n as usize).collect();
    let dtype = npy.dtype().descr();
    let values: std::io::Result<Vec<f64>> = match dtype.trim_matches('\'') {
        "<f8" => npy.into_vec(),
        "<i8" => npy.into_vec::<i64>().map(|v| v.into_iter().map(|v| v as f64).collect()),
        other => return Err(format!("has type {other}; expected float64 (<f8) or int64 (<i8)")),
    };
    Ok(Array { shape, values: values.map_err(|e| format!("cannot be read ({e})"))? })
}
