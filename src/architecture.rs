//! What a network is, apart from its numbers: its layers, from the input up, and their sizes.

use crate::{
    Condition, Error, Result,
    condition::{Circuit, GradNorm, Normalization},
    named::named,
};
use serde::{Deserialize, Serialize};
use std::{fmt, mem, str::FromStr};

/// The most hidden layers that a network of a [`Run`](crate::learning::Run) can have.
pub const MOST_HIDDEN_LAYERS: usize = 16;

/// What a network is, apart from its numbers. Its read-out is always an EI layer with one
/// inhibitory unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Architecture {
    /// Units of the input.
    pub inputs: usize,
    /// The hidden layers, from the input up.
    pub hidden: Vec<LayerKind>,
    /// Units of the read-out: classes.
    pub outputs: usize,
}

/// A network with more would not fit into the memory that most computers have: each takes 4 bytes in
/// `W_EE`, as many in `U_IE`, and several times that while it is made.
const MOST_CONNECTIONS: usize = 100_000_000;

/// What a layer is, apart from its numbers and its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LayerKind {
    /// Its populations.
    pub circuit: Circuit,
    /// What stands between z and ReLU.
    pub normalization: Normalization,
    /// What happens to the error of z.
    pub grad_norm: GradNorm,
    /// Excitatory units.
    pub units: usize,
    /// Subtractive inhibitory units; 0 in an E-only layer.
    pub inhibitory: usize,
    /// Whether it is a layer of a reader's own, made of this one: see
    /// [`OwnLayer`](crate::layers::OwnLayer).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
}

/// Some of a network's hidden layers, counted from 1 at the input.
///
/// Written as `all`, `none`, `2` or `1+3`.
///
/// ```
/// use inorm::architecture::HiddenLayers;
/// let layers: HiddenLayers = "1+3".parse()?;
/// assert!(layers.contains(3) && !layers.contains(2));
/// assert_eq!(layers.to_string(), "1+3");
/// # Ok::<(), inorm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HiddenLayers(u32);

impl HiddenLayers {
    /// All that the network has.
    pub const ALL: Self = Self(u32::MAX);

    /// None.
    pub const NONE: Self = Self(0);

    /// The first `count`.
    pub fn first(count: usize) -> Self {
        (1..=count.min(MOST_HIDDEN_LAYERS)).collect()
    }

    /// Whether layer number `layer` is one of them.
    pub fn contains(self, layer: usize) -> bool {
        self.0 & Self::NONE.with(layer).0 != 0
    }

    fn with(self, layer: usize) -> Self {
        let bit = if (1..=MOST_HIDDEN_LAYERS).contains(&layer) { 1 << (layer - 1) } else { 0 };
        Self(self.0 | bit)
    }

    /// Whether they are some, but not all, of `count` layers.
    pub(crate) fn are_some_of(self, count: usize) -> bool {
        let all = Self::first(count).0;
        self != Self::NONE && self.0 & !all == 0 && self.0 != all
    }
}

impl FromIterator<usize> for HiddenLayers {
    fn from_iter<I: IntoIterator<Item = usize>>(layers: I) -> Self {
        layers.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for HiddenLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = (1..=MOST_HIDDEN_LAYERS).filter(|layer| self.contains(*layer));
        let text = match *self {
            Self::ALL => "all".to_owned(),
            Self::NONE => "none".to_owned(),
            _ => numbers.map(|layer| layer.to_string()).collect::<Vec<_>>().join("+"),
        };
        f.pad(&text)
    }
}

impl FromStr for HiddenLayers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |digits: &str| {
            let layer = digits.trim().parse().ok()?;
            (1..=MOST_HIDDEN_LAYERS).contains(&layer).then_some(layer)
        };
        let some = || text.split('+').try_fold(Self::NONE, |all, one| Some(all.with(number(one)?)));
        let layers = match text {
            "all" => Some(Self::ALL),
            "none" => Some(Self::NONE),
            _ => some(),
        };
        layers.ok_or_else(|| {
            let expected =
                format!("all, none, or numbers from 1 to {MOST_HIDDEN_LAYERS} such as 2 or 1+3");
            Error::invalid("grad_norm_layers", format!("'{text}'"), expected)
        })
    }
}

impl TryFrom<String> for HiddenLayers {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<HiddenLayers> for String {
    fn from(layers: HiddenLayers) -> Self {
        layers.to_string()
    }
}

named! {
    /// On which z `full` and `decorrelate` work, the two GradNorms that look at it.
    GradNormZ of "grad_norm_z" {
        /// z as it is, as in the paper.
        Plain = "plain",
        /// z less its mean: see [`GradNorm::centred`]. The name is that of stored runs, and stays.
        Centred = "centred",
    }
}

named! {
    /// What the inhibition of a subtractive I-Norm layer learns from, locally.
    SubtractiveLoss of "subtractive_loss" {
        /// `λ·mean_batch[mean(z)²]`, by `W_IE` and `W_EI`, as in the paper.
        Mean = "mean",
        /// `λ·mean_batch[mean(z)² + (var(z) − 1)²]`, by `W_IE`; `W_EI` is frozen. As in other I-Norm
        /// layers.
        MeanAndVariance = "mean_and_variance",
    }
}

impl LayerKind {
    /// The read-out of every network, which has no ReLU.
    pub const fn readout(outputs: usize) -> Self {
        Self {
            circuit: Circuit::ExcitatoryInhibitory,
            normalization: Normalization::None,
            grad_norm: GradNorm::None,
            units: outputs,
            inhibitory: 1,
            own: false,
        }
    }

    fn validate(&self, inputs: usize) -> Result<()> {
        let Self { circuit, units, inhibitory, .. } = *self;
        if inputs == 0 || units < 2 {
            let found = format!("{inputs} → {units} units");
            return Err(Error::invalid("layer", found, "at least 1 → 2 units"));
        }
        if circuit.subtracts() != (inhibitory > 0) || inhibitory >= units {
            let expected =
                if circuit.subtracts() { format!("1 to {}", units - 1) } else { "0".into() };
            return Err(Error::invalid("layer: inhibitory units", inhibitory, expected));
        }
        Ok(())
    }
}

impl Architecture {
    /// All layers from the input up, each with its number of inputs; the last is the read-out.
    pub fn layers(&self) -> impl Iterator<Item = (usize, LayerKind)> + '_ {
        let kinds = self.hidden.iter().copied().chain([LayerKind::readout(self.outputs)]);
        kinds.scan(self.inputs, |inputs, kind| Some((mem::replace(inputs, kind.units), kind)))
    }

    /// Which condition this is, if it is one, whatever its sizes: two hidden layers that are the
    /// same, and the library's.
    pub fn condition(&self) -> Option<Condition> {
        let [first, second] = self.hidden[..] else { return None };
        let wanted = (first.circuit, first.normalization, first.grad_norm);
        let is = |c: &Condition| (c.circuit(), c.normalization(), c.grad_norm()) == wanted;
        Condition::ALL.into_iter().find(is).filter(|_| first == second && !first.own)
    }

    /// The same network with so many hidden layers, each as the first, and GradNorm in those of
    /// `grad_norm` alone.
    pub(crate) fn varied(mut self, hidden_layers: usize, grad_norm: HiddenLayers) -> Self {
        if let Some(&first) = self.hidden.first() {
            self.hidden = vec![first; hidden_layers];
        }
        let others = (1..).zip(&mut self.hidden).filter(|(layer, _)| !grad_norm.contains(*layer));
        others.for_each(|(_, kind)| kind.grad_norm = GradNorm::None);
        self
    }

    /// The same network with GradNorms on this z.
    pub(crate) fn with_grad_norm_z(mut self, z: GradNormZ) -> Self {
        if z == GradNormZ::Centred {
            self.hidden.iter_mut().for_each(|kind| kind.grad_norm = kind.grad_norm.centred());
        }
        self
    }

    /// The same network whose subtractive I-Norm layers have this loss.
    pub(crate) fn with_subtractive_loss(mut self, loss: SubtractiveLoss) -> Self {
        if loss == SubtractiveLoss::MeanAndVariance {
            self.hidden.iter_mut().for_each(|kind| kind.circuit = kind.circuit.with_variance());
        }
        self
    }

    /// Checks that there is such a network.
    ///
    /// # Errors
    /// If there is no hidden layer, a layer has too few units or too many inhibitory ones, or there
    /// are more weights than memory is likely to hold.
    pub fn validate(&self) -> Result<()> {
        if self.hidden.is_empty() {
            return Err(Error::invalid("hidden layers", 0, "at least 1"));
        }
        self.layers().try_for_each(|(inputs, kind)| kind.validate(inputs))?;
        let connections = self.layers().fold(0_usize, |sum, (inputs, kind)| {
            sum.saturating_add(inputs.saturating_mul(kind.units))
        });
        if connections > MOST_CONNECTIONS {
            let expected = format!("at most {MOST_CONNECTIONS} excitatory connections");
            return Err(Error::invalid("network", connections, expected));
        }
        Ok(())
    }
}

impl Condition {
    /// The network of this condition with `[inputs, width, outputs]` units.
    pub fn architecture(self, [inputs, width, outputs]: [usize; 3]) -> Architecture {
        let circuit = self.circuit();
        let kind = LayerKind {
            circuit,
            normalization: self.normalization(),
            grad_norm: self.grad_norm(),
            units: width,
            inhibitory: if circuit.subtracts() { inhibitory_units(width) } else { 0 },
            own: false,
        };
        Architecture { inputs, hidden: vec![kind; 2], outputs }
    }
}

/// Inhibitory units of a hidden layer of `excitatory` units: a tenth, at least one.
pub const fn inhibitory_units(excitatory: usize) -> usize {
    if excitatory < 10 { 1 } else { excitatory / 10 }
}

/// `inorm_full: 784 → INorm 234/23 Full → INorm 234/23 Full → 10`: excitatory units before the
/// slash, inhibitory ones behind it.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(condition) = self.condition() {
            write!(f, "{condition}: ")?;
        }
        write!(f, "{} → ", self.inputs)?;
        self.hidden.iter().try_for_each(|kind| write!(f, "{kind} → "))?;
        write!(f, "{}", self.outputs)
    }
}

/// As in the type of such a layer: `Ei 234/23 LayerNorm`.
impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { circuit, normalization, grad_norm, units, inhibitory, own } = self;
        if *own {
            f.write_str("own layer of ")?;
        }
        match circuit {
            Circuit::Excitatory => write!(f, "Excitatory {units}")?,
            Circuit::ExcitatoryInhibitory => write!(f, "Ei {units}/{inhibitory}")?,
            Circuit::InhibitoryNorm => write!(f, "INorm {units}/{inhibitory}")?,
            Circuit::InhibitoryNormSubtractive => write!(f, "INormSub {units}/{inhibitory}")?,
            Circuit::InhibitoryNormSubtractiveVariance => {
                write!(f, "INormSubVariance {units}/{inhibitory}")?;
            }
            Circuit::InhibitoryNormDivisive => write!(f, "INormDiv {units}")?,
        }
        if *normalization != Normalization::None {
            write!(f, " {normalization:?}")?;
        }
        if *grad_norm != GradNorm::None {
            write!(f, " {grad_norm:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_found_again_and_says_what_it_is() {
        for condition in Condition::ALL {
            let architecture = condition.architecture([784, 234, 10]);
            assert_eq!(architecture.condition(), Some(condition));
            assert!(architecture.validate().is_ok());
            let mut own = architecture.clone();
            own.hidden.iter_mut().for_each(|kind| kind.own = true);
            assert_eq!(own.condition(), None);
            let mut deeper = architecture.clone();
            deeper.hidden.push(deeper.hidden[0]);
            assert_eq!(deeper.condition(), None);
            let sizes: Vec<_> =
                deeper.layers().map(|(inputs, kind)| (inputs, kind.units)).collect();
            assert_eq!(sizes, [(784, 234), (234, 234), (234, 234), (234, 10)]);
        }
        let text = |condition: Condition| condition.architecture([784, 234, 10]).to_string();
        let full = "inorm_full: 784 → INorm 234/23 Full → INorm 234/23 Full → 10";
        assert_eq!(text(Condition::INormFull), full);
        let ln = "e_ln: 784 → Excitatory 234 LayerNorm → Excitatory 234 LayerNorm → 10";
        assert_eq!(text(Condition::ELn), ln);
    }

    #[test]
    fn hidden_layers_are_written_as_they_are_read() {
        for text in ["all", "none", "2", "1+3", "1+2+3+16"] {
            let layers: HiddenLayers = text.parse().unwrap();
            assert_eq!(layers.to_string(), text);
            let json = serde_json::to_string(&layers).unwrap();
            assert_eq!(serde_json::from_str::<HiddenLayers>(&json).unwrap(), layers);
        }
        assert_eq!("3+1".parse::<HiddenLayers>().unwrap(), "1+3".parse().unwrap());
        assert!((1..=MOST_HIDDEN_LAYERS).all(|layer| HiddenLayers::ALL.contains(layer)));
        for text in ["", "0", "17", "1+", "+2", "1-3", "second", "99999999999999999999"] {
            let message = text.parse::<HiddenLayers>().unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("grad_norm_layers: '{text}' is not")),
                "{message}"
            );
        }
    }

    #[test]
    fn a_varied_network_has_other_layers_and_grad_norm_in_some() {
        let paper = Condition::INormLateral.architecture([784, 30, 10]);
        let varied = |depth, layers: &str| paper.clone().varied(depth, layers.parse().unwrap());
        assert_eq!(varied(2, "all"), paper);
        assert_eq!(varied(2, "none"), Condition::INormNone.architecture([784, 30, 10]));
        let deep = varied(3, "1+3").to_string();
        let (with, without) = ("INorm 30/3 Lateral", "INorm 30/3");
        assert_eq!(deep, format!("784 → {with} → {without} → {with} → 10"));
        let full = Condition::INormFull.architecture([784, 30, 10]);
        let centred = full.clone().with_grad_norm_z(GradNormZ::Centred);
        let name = "784 → INorm 30/3 FullCentred → INorm 30/3 FullCentred → 10";
        assert_eq!((centred.to_string().as_str(), centred.condition()), (name, None));
        assert_eq!(full.clone().with_grad_norm_z(GradNormZ::Plain), full);
        let sub = Condition::INormSubNone.architecture([784, 30, 10]);
        let variance = sub.clone().with_subtractive_loss(SubtractiveLoss::MeanAndVariance);
        let name = "784 → INormSubVariance 30/3 → INormSubVariance 30/3 → 10";
        assert_eq!((variance.to_string().as_str(), variance.condition()), (name, None));
        assert_eq!(full.clone().with_subtractive_loss(SubtractiveLoss::MeanAndVariance), full);
        assert_eq!(paper.clone().with_grad_norm_z(GradNormZ::Centred), paper, "it ignores z");
    }

    #[test]
    fn what_no_network_can_be_is_refused() {
        let whole = Condition::EiLn.architecture([7, 12, 10]);
        let refused = |change: fn(&mut Architecture)| {
            let mut changed = whole.clone();
            change(&mut changed);
            changed.validate().unwrap_err().to_string()
        };
        assert!(refused(|a| a.hidden[0].units = 1 << 40).contains("at most 100000000"));
        assert!(refused(|a| a.hidden.clear()).contains("hidden layers: 0"));
        assert!(refused(|a| a.inputs = 0).contains("0 → 12 units"));
        assert!(refused(|a| a.outputs = 1).contains("12 → 1 units"));
        assert!(refused(|a| a.hidden[1].units = 1).contains("12 → 1 units"));
        assert!(refused(|a| a.hidden[1].inhibitory = 12).contains("expected 1 to 11"));
        assert!(refused(|a| a.hidden[0].inhibitory = 0).contains("expected 1 to 11"));
        assert!(refused(|a| a.hidden[0].circuit = Circuit::Excitatory).contains("expected 0"));
    }
}
