//! Weights in files, in the safetensors format.
//!
//! A file holds one little-endian `f32` tensor for each matrix of a network, row by row in the
//! order *post, pre*, and one metadata key, `inorm`, with JSON: the kind of file, its version, and
//! a content that depends on the kind.
//!
//! | tensor | shape | present |
//! | --- | --- | --- |
//! | `hidden.0.w_ee`, `hidden.1.w_ee`, …, `readout.w_ee` | \[EXC, IN\] | always |
//! | `….w_ie` | \[INH, IN\] | with subtractive inhibition, as in every read-out |
//! | `….w_ei` | \[EXC, INH\] | likewise |
//! | `….u_ie` | \[EXC, IN\] | with divisive inhibition |
//! | `….b` | \[EXC\] | always |
//! | `….nu` | \[EXC\] | hidden layers with lateral inhibition |
//!
//! A file of kind `network` holds these. Its content is `{"condition": "inorm_full"}`, or
//! `{"architecture": …}` with an [`Architecture`] that is none of the paper's, or `{"own": …}` with
//! that and, layer by layer, the names of a reader's own layers and rules for errors; and
//! `"signs": "free"` beside it if weights are below 0 that Dale's principle would keep above. A
//! [`Checkpoint`](crate::learning::Checkpoint) has the kind `checkpoint`, the same tensors, the
//! velocities of the optimizer under the same names after `velocity.`, and as its content the
//! record of the run.

use super::weights::{FIELDS, LayerWeights, NetworkWeights, present};
use crate::{Architecture, Condition, Error, Result, learning_rule::Signs};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// Counts changes of the format.
const VERSION: u32 = 1;

/// The one key of a file's metadata.
const KEY: &str = "inorm";

/// A file with more bytes than this is refused before it is read.
const LARGEST: u64 = 4 << 30;

const EXPECTED: &str = "a file written by `Network::save` or `inorm train --save`";

/// What the metadata say.
#[derive(Serialize, Deserialize)]
struct Description<C> {
    kind: String,
    version: u32,
    content: C,
}

/// The content of a file of kind `network`.
#[derive(Serialize, Deserialize)]
struct SavedNetwork {
    #[serde(flatten)]
    network: NetworkContent,
    /// Dale's, or free: whether the weights may have any sign.
    #[serde(default, skip_serializing_if = "Signs::is_default")]
    signs: Signs,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NetworkContent {
    Condition(Condition),
    Architecture(Architecture),
    Own {
        architecture: Architecture,
        #[serde(alias = "rules")]
        names: OwnNames,
    },
}

/// What is a reader's own in each hidden layer: the layer, its rule for errors, or nothing.
pub(crate) type OwnNames = Vec<Option<String>>;

/// A tensor to write: its name, its shape, its values.
pub(crate) type Tensor<'a> = (String, Vec<usize>, &'a [f32]);

impl NetworkWeights<f32> {
    /// Saves the network as a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// If the weights do not fit their architecture or are not finite, or if the file cannot be
    /// written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path.as_ref(), &[])
    }

    /// The same for a network with a reader's own layers or rules, whose names the file keeps.
    // Not generic, so that cells need not compile it.
    pub(crate) fn save_with(&self, path: &Path, own: &[Option<String>]) -> Result<()> {
        self.validate()?;
        if let Some(problem) = unusable(self, Signs::Free) {
            return Err(Error::unfit("network", problem, "finite weights"));
        }
        let network = match self.architecture.condition() {
            _ if own.iter().any(Option::is_some) => {
                NetworkContent::Own { architecture: self.architecture.clone(), names: own.to_vec() }
            }
            Some(condition) => NetworkContent::Condition(condition),
            None => NetworkContent::Architecture(self.architecture.clone()),
        };
        let content = SavedNetwork { network, signs: self.signs() };
        write(path, "network", &content, &tensors(self.layers(), ""))
    }

    /// Free, if a weight is below 0 that Dale's principle would keep above.
    pub fn signs(&self) -> Signs {
        match self.unfit_for(Signs::Dale) {
            None => Signs::Dale,
            Some(_) => Signs::Free,
        }
    }

    /// Which value a training with these signs would cut off at the first step, or is not finite, if
    /// any: a sentence that names it.
    pub fn unfit_for(&self, signs: Signs) -> Option<String> {
        unusable(self, signs)
    }

    /// Loads a network that was [saved](Self::save).
    ///
    /// # Errors
    /// If the file cannot be read or is no such file: truncated, of another kind or version, with
    /// missing or additional tensors, with other shapes or types than its architecture needs, with
    /// weights that are not finite, or with negative weights where Dale's principle holds and the
    /// file does not say that they were free.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::load_with(path.as_ref())?.0)
    }

    /// The same with the names of what is a reader's own in it, if the file has any.
    pub(crate) fn load_with(path: &Path) -> Result<(Self, OwnNames)> {
        let (content, mut file): (SavedNetwork, _) = WeightsFile::read(path, "network")?;
        let (architecture, own) = match content.network {
            NetworkContent::Condition(condition) => (file.architecture(condition)?, Vec::new()),
            NetworkContent::Architecture(architecture) => (architecture, Vec::new()),
            NetworkContent::Own { architecture, names } => (architecture, names),
        };
        let weights = file.network(architecture)?;
        file.finish()?;
        match unusable(&weights, content.signs) {
            Some(problem) => Err(Error::malformed(path, problem, "a network that can be used")),
            None => Ok((weights, own)),
        }
    }
}

/// What forbids to use these weights, if anything does.
fn unusable(weights: &NetworkWeights<f32>, signs: Signs) -> Option<String> {
    for (name, _, values) in tensors(weights.layers(), "") {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Some(format!("{name} holds {value}"));
        }
        // What lateral inhibition weighs errors by is not learned.
        let free = signs == Signs::Free && !name.ends_with(".nu");
        let bias = signs != Signs::NonNegative && name.ends_with(".b");
        let signed = free || bias || name.ends_with(".u_ie");
        if let Some(value) = values.iter().find(|&&value| value < 0.0 && !signed) {
            let rule = match signs {
                Signs::NonNegative => "signs non_negative need",
                Signs::Dale | Signs::Free => "Dale's principle needs",
            };
            return Some(format!("{name} holds {value}, but {rule} 0 or more"));
        }
    }
    None
}

/// The names of a network's layers, as many as there are.
fn names(layers: usize) -> impl Iterator<Item = String> {
    let name = move |layer| match layer {
        last if last + 1 == layers => "readout".to_owned(),
        hidden => format!("hidden.{hidden}"),
    };
    (0..layers).map(name)
}

/// The tensors of a network's layers, or of one that is shaped like it; names begin with `prefix`.
pub(crate) fn tensors<'a>(layers: Vec<&'a LayerWeights<f32>>, prefix: &str) -> Vec<Tensor<'a>> {
    let mut tensors = Vec::new();
    for (layer, weights) in names(layers.len()).zip(layers) {
        let fields = FIELDS.into_iter().zip(weights.shapes()).zip(weights.values());
        for ((field, shape), values) in fields.filter(|(_, values)| !values.is_empty()) {
            tensors.push((format!("{prefix}{layer}.{field}"), shape, &values[..]));
        }
    }
    tensors
}

/// Writes a file, whole or not at all.
pub(crate) fn write<C: Serialize>(
    path: &Path,
    kind: &str,
    content: &C,
    tensors: &[Tensor<'_>],
) -> Result<()> {
    let description = Description { kind: kind.to_owned(), version: VERSION, content };
    let description = serde_json::to_string(&description).expect("nothing in it is a map");
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| little_endian(t.2)).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (name, view.expect("as many values as the shape says"))
    });
    let metadata = HashMap::from([(KEY.to_owned(), description)]);
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|e| Error::malformed(path, format!("cannot be written ({e})"), "a smaller run"))?;
    Ok(inorm_core::files::write(path, bytes)?)
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A file whose tensors are taken out one by one.
pub(crate) struct WeightsFile {
    path: PathBuf,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl WeightsFile {
    /// Reads a file of this kind, and its content.
    pub fn read<C: DeserializeOwned>(path: &Path, kind: &str) -> Result<(C, Self)> {
        let damaged = |problem: String| Error::malformed(path, problem, EXPECTED);
        let bytes = read_bytes(path)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| damaged(format!("is no whole safetensors file ({e})")))?;
        let (_, metadata) =
            SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let metadata = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let description = metadata.and_then(|text| serde_json::from_str(text).ok());
        let Some(description): Option<Description<serde_json::Value>> = description else {
            return Err(damaged(format!("has no metadata '{KEY}' that can be read")));
        };
        if description.kind != kind {
            return Err(damaged(format!("is a {:?}, not a {kind}", description.kind)));
        }
        if description.version != VERSION {
            let expected = format!("version {VERSION}, which this program reads and writes");
            let problem = format!("has version {} of the format", description.version);
            return Err(Error::malformed(path, problem, expected));
        }
        let content = serde_json::from_value(description.content)
            .map_err(|e| damaged(format!("has other metadata than a {kind} ({e})")))?;
        let mut tensors = BTreeMap::new();
        for (name, tensor) in file.iter() {
            if tensor.dtype() != Dtype::F32 {
                return Err(damaged(format!(
                    "tensor '{name}' has type {}, not F32",
                    tensor.dtype()
                )));
            }
            let (values, _) = tensor.data().as_chunks();
            let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            tensors.insert(name.to_owned(), (tensor.shape().to_vec(), values));
        }
        Ok((content, Self { path: path.to_owned(), tensors }))
    }

    /// The network of `condition` that has the sizes of this file's tensors.
    pub fn architecture(&self, condition: Condition) -> Result<Architecture> {
        let mut architecture = condition.architecture(self.sizes()?);
        if condition.circuit().subtracts()
            && let Some((shape, _)) = self.tensors.get("hidden.0.w_ie")
        {
            let inhibitory = shape.first().copied().unwrap_or(0);
            architecture.hidden.iter_mut().for_each(|kind| kind.inhibitory = inhibitory);
        }
        Ok(architecture)
    }

    /// Takes out all tensors of a network.
    pub fn network(&mut self, architecture: Architecture) -> Result<NetworkWeights<f32>> {
        architecture.validate().map_err(|e| self.damaged(e.to_string()))?;
        let layers = names(architecture.hidden.len() + 1).zip(architecture.layers());
        let layers = layers.map(|(name, (inputs, kind))| {
            self.layer(&name, [inputs, kind.units, kind.inhibitory], present(kind))
        });
        let layers = layers.collect::<Result<Vec<_>>>()?;
        Ok(NetworkWeights::of(architecture, layers))
    }

    /// Inputs, units of each hidden layer, outputs.
    fn sizes(&self) -> Result<[usize; 3]> {
        let of = |name: &str| match self.tensors.get(name) {
            Some((shape, _)) => match shape[..] {
                [post, pre] if post > 0 && pre > 0 => Ok([post, pre]),
                _ => Err(self.damaged(format!("tensor '{name}' has shape {shape:?}"))),
            },
            None => Err(self.damaged(format!("tensor '{name}' is missing"))),
        };
        let ([width, inputs], [outputs, _]) = (of("hidden.0.w_ee")?, of("readout.w_ee")?);
        Ok([inputs, width, outputs])
    }

    /// Takes out the fields that are `present` of a layer of `[inputs, units, inhibitory]`.
    fn layer(
        &mut self,
        name: &str,
        [inputs, excitatory, inhibitory]: [usize; 3],
        present: [bool; 6],
    ) -> Result<LayerWeights<f32>> {
        let mut layer = LayerWeights { inputs, excitatory, inhibitory, ..LayerWeights::default() };
        let fields = FIELDS.into_iter().zip(layer.shapes()).zip(present);
        for (((field, shape), present), values) in fields.zip(layer.values_mut()) {
            if present {
                *values = self.take(&format!("{name}.{field}"), &shape)?;
            }
        }
        Ok(layer)
    }

    /// Takes out the velocities of a network, as far as there are any.
    pub fn velocities(&mut self, weights: &NetworkWeights<f32>) -> Result<Vec<LayerWeights<f32>>> {
        if !self.tensors.keys().any(|name| name.starts_with("velocity.")) {
            return Ok(Vec::new());
        }
        let velocity = |(name, layer): (String, &LayerWeights<f32>)| {
            let [w_ee, w_ie, w_ei, u_ie, b, _] = layer.values().map(|values| !values.is_empty());
            let learned = [w_ee, w_ie, w_ei, u_ie, b, false];
            self.layer(&format!("velocity.{name}"), layer.sizes(), learned)
        };
        let layers = weights.layers();
        names(layers.len()).zip(layers).map(velocity).collect()
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self.tensors.remove(name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => {
                let problem = format!("tensor '{name}' has shape {found:?}");
                Err(Error::malformed(&self.path, problem, format!("{shape:?}")))
            }
            None => Err(self.damaged(format!("tensor '{name}' is missing"))),
        }
    }

    /// Makes sure that no tensor is left.
    pub fn finish(self) -> Result<()> {
        match self.tensors.keys().next() {
            Some(name) => Err(self.damaged(format!("tensor '{name}' is no part of its network"))),
            None => Ok(()),
        }
    }

    fn damaged(&self, problem: String) -> Error {
        Error::malformed(&self.path, problem, EXPECTED)
    }
}

/// All bytes of a file of acceptable size.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let broken = |e| Error::io("read", path, e);
    let metadata = fs::metadata(path).map_err(broken)?;
    if !metadata.is_file() {
        return Err(Error::malformed(path, "is no file", EXPECTED));
    }
    if metadata.len() > LARGEST {
        let problem = format!("has {} bytes, more than {} GiB", metadata.len(), LARGEST >> 30);
        return Err(Error::malformed(path, problem, EXPECTED));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(broken)?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}
