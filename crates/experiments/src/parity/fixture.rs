//! Reference numbers in an `.npz` file.

use inorm::{
    Condition, Error, Result,
    condition::GradNorm,
    configuration::LearningRates,
    layers::{LayerWeights, NetworkWeights},
    learning_rule::{LearningRule, Precision, Signs},
    networks::OUTPUTS,
};
use std::{
    collections::BTreeMap,
    fmt::Display,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Inputs, hidden units and inhibitory units of the networks in fixtures.
pub(super) const IN: usize = 36;
pub(super) const EXC: usize = 24;
pub(super) const INH: usize = 2;
/// The names that fixtures give to the three layers.
pub(super) const LAYERS: [&str; 3] = ["fc0", "fc1", "fc_output"];
/// An archive with more bytes than this is refused before all are read.
const LARGEST: u64 = 8 << 20;

/// What the reference implementation computed for one network and a few training steps.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// Which network.
    pub condition: Condition,
    /// The learning rule, as far as the file tells.
    pub rule: LearningRule,
    /// Weights before the first step.
    pub initial: NetworkWeights<f64>,
    /// The batches: inputs \[size, inputs\] and labels.
    pub steps: Vec<(Vec<f64>, Vec<u8>)>,
    pub(super) arrays: Arrays,
}

impl Fixture {
    /// Reads a fixture; without `condition`, the name of the file says which network it is.
    ///
    /// # Errors
    /// If the file is not such an archive, or a key is missing or has other sizes, another type or
    /// values that are not finite.
    pub fn read(path: &Path, condition: Option<Condition>) -> Result<Self> {
        let named =
            || path.file_stem().unwrap_or_default().to_string_lossy().parse::<Condition>().ok();
        let condition = condition.or_else(named).ok_or_else(|| {
            let expected = "a file named after a condition, or --condition";
            Error::malformed(path, "has a name that is not a condition", expected)
        })?;
        let arrays = Arrays::read(path)?;
        Ok(Self {
            condition,
            rule: arrays.rule()?,
            initial: arrays.weights(condition, "init")?,
            steps: arrays.steps()?,
            arrays,
        })
    }

    /// The weights after the last step.
    ///
    /// # Errors
    /// If the file lacks one.
    pub fn trained(&self) -> Result<NetworkWeights<f64>> {
        self.arrays.weights(self.condition, "final")
    }
}

/// One array: its sizes and its values, row by row.
#[derive(Debug, Clone)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// All arrays of a file.
#[derive(Debug, Clone)]
pub struct Arrays {
    path: PathBuf,
    by_key: BTreeMap<String, Array>,
}

impl Arrays {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no archive of numbers.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), by_key: read_archive(path)? })
    }

    /// Whether the file has this key.
    pub fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// The values of `key`.
    ///
    /// # Errors
    /// If there is no such key, or it has other sizes or values that are not finite; it is named.
    pub fn values(&self, key: &str, shape: &[usize]) -> Result<&[f64]> {
        let array = self.array(key)?;
        // A bias is stored as a column: only its size counts.
        let column = shape.len() == 1 && array.values.len() == shape[0];
        if array.shape != shape && !column {
            let problem = format!("has sizes {:?}", array.shape);
            return Err(self.wrong(key, problem, format!("{shape:?}")));
        }
        Ok(&array.values)
    }

    fn array(&self, key: &str) -> Result<&Array> {
        let missing = || self.wrong(key, "is missing", "a whole fixture");
        let array = self.by_key.get(key).ok_or_else(missing)?;
        match array.values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(self.wrong(key, format!("holds {value}"), "finite numbers")),
            None => Ok(array),
        }
    }

    fn wrong(&self, key: &str, problem: impl Display, expected: impl Into<String>) -> Error {
        Error::malformed(&self.path, format!("key '{key}' {problem}"), expected)
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
            signs: Signs::Dale,
            precision: Precision::Single,
        };
        match rule.validate() {
            Err(Error::Invalid { what, found, expected }) => {
                Err(self.wrong("hyper", format!("has {found} for the {what}"), expected))
            }
            other => other.map(|()| rule),
        }
    }

    fn steps(&self) -> Result<Vec<(Vec<f64>, Vec<u8>)>> {
        let shape = &self.array("x")?.shape;
        let [steps, size, _] = shape[..] else {
            let problem = format!("has sizes {shape:?}");
            return Err(self.wrong("x", problem, "[steps, batch, inputs]"));
        };
        if steps == 0 || size == 0 {
            return Err(self.wrong("x", "is empty", "at least one step"));
        }
        let x = self.values("x", &[steps, size, IN])?;
        let y = self.values("y", &[steps, size])?;
        let is_label = |y: &f64| (0.0..OUTPUTS as f64).contains(y) && y.fract() == 0.0;
        if let Some(label) = y.iter().find(|label| !is_label(label)) {
            return Err(self.wrong("y", format!("holds {label}"), "labels 0 to 9"));
        }
        let batches = x.chunks_exact(size * IN).zip(y.chunks_exact(size));
        Ok(batches.map(|(x, y)| (x.to_vec(), y.iter().map(|&y| y as u8).collect())).collect())
    }

    /// The weights before the first step (`init`), or after the last (`final`).
    fn weights(&self, condition: Condition, when: &str) -> Result<NetworkWeights<f64>> {
        let circuit = condition.circuit();
        let inhibitory = if circuit.subtracts() { INH } else { 0 };
        let hidden = |name: &str, inputs: usize| -> Result<_> {
            let mut weights = self.layer(when, name, [inputs, EXC, inhibitory])?;
            if circuit.divides() {
                weights.u_ie = self.values(&format!("{when}.{name}.Bix"), &[EXC, inputs])?.to_vec();
            }
            if condition.grad_norm() == GradNorm::Lateral {
                weights.nu = self.values(&format!("lateral_weights.{name}"), &[EXC])?.to_vec();
            }
            Ok(weights)
        };
        let [first, second, readout] = LAYERS;
        Ok(NetworkWeights {
            architecture: condition.architecture([IN, EXC, OUTPUTS]),
            hidden: vec![hidden(first, IN)?, hidden(second, EXC)?],
            readout: self.layer(when, readout, [EXC, OUTPUTS, 1])?,
        })
    }

    /// The weights that every layer has, and those of its inhibitory units if it has any.
    fn layer(&self, when: &str, name: &str, sizes: [usize; 3]) -> Result<LayerWeights<f64>> {
        let [inputs, excitatory, inhibitory] = sizes;
        let values = |key: &str, shape: &[usize]| -> Result<Vec<f64>> {
            Ok(self.values(&format!("{when}.{name}.{key}"), shape)?.to_vec())
        };
        let inhibition = |key: &str, shape: &[usize]| {
            if inhibitory > 0 { values(key, shape) } else { Ok(Vec::new()) }
        };
        Ok(LayerWeights {
            inputs,
            excitatory,
            inhibitory,
            w_ee: values("Wex", &[excitatory, inputs])?,
            w_ie: inhibition("Wix", &[inhibitory, inputs])?,
            w_ei: inhibition("Wei", &[excitatory, inhibitory])?,
            b: values("bias", &[excitatory])?,
            ..LayerWeights::default()
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
    let npy = npyz::NpyFile::new(&bytes[..]).map_err(|e| format!("is not an array ({e})"))?;
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
