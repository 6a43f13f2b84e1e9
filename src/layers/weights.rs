//! The weights of a network as plain numbers: what is saved, compared and handed to the engine.

use crate::{
    Error, Result,
    architecture::{Architecture, LayerKind},
    condition::GradNorm,
};
use num_traits::ToPrimitive;
use std::fmt;

/// The weights of one layer, row-major, in the order *post, pre*.
///
/// A matrix that a circuit does not have is empty.
#[derive(Clone, Default, PartialEq)]
pub struct LayerWeights<E> {
    /// Units of the layer below.
    pub inputs: usize,
    /// Excitatory units.
    pub excitatory: usize,
    /// Subtractive inhibitory units; 0 in an E-only layer.
    pub inhibitory: usize,
    /// Excitatory to excitatory, \[excitatory, inputs\], ≥ 0.
    pub w_ee: Vec<E>,
    /// Excitatory to subtractive inhibitory, \[inhibitory, inputs\], ≥ 0.
    pub w_ie: Vec<E>,
    /// Subtractive inhibitory to excitatory, \[excitatory, inhibitory\], ≥ 0.
    pub w_ei: Vec<E>,
    /// Excitatory to divisive inhibitory, \[excitatory, inputs\], of any sign.
    pub u_ie: Vec<E>,
    /// Bias, \[excitatory\], of any sign.
    pub b: Vec<E>,
    /// The fixed ν of lateral inhibition, \[excitatory\], ≥ 0 with sum 1.
    pub nu: Vec<E>,
}

/// The fields that hold a layer's numbers, in the order of [`LayerWeights::values`].
pub(super) const FIELDS: [&str; 6] = ["w_ee", "w_ie", "w_ei", "u_ie", "b", "nu"];

/// Which of them a layer of this kind has.
pub(super) fn present(LayerKind { circuit, grad_norm, .. }: LayerKind) -> [bool; 6] {
    let lateral = grad_norm == GradNorm::Lateral;
    [true, circuit.subtracts(), circuit.subtracts(), circuit.divides(), true, lateral]
}

impl<E> LayerWeights<E> {
    /// `[inputs, excitatory, inhibitory]`.
    pub fn sizes(&self) -> [usize; 3] {
        [self.inputs, self.excitatory, self.inhibitory]
    }

    /// All weights that are learned or may be, with their symbols, in the order of the glossary; what
    /// the layer does not have is empty.
    pub fn named(&self) -> [(&'static str, &[E]); 5] {
        [
            ("W_EE", &self.w_ee),
            ("W_IE", &self.w_ie),
            ("W_EI", &self.w_ei),
            ("U_IE", &self.u_ie),
            ("b", &self.b),
        ]
    }

    /// All numbers, in the order of the fields: `W_EE, W_IE, W_EI, U_IE, b, ν`.
    pub(crate) fn values(&self) -> [&Vec<E>; 6] {
        [&self.w_ee, &self.w_ie, &self.w_ei, &self.u_ie, &self.b, &self.nu]
    }

    /// The same, to be changed.
    pub(crate) fn values_mut(&mut self) -> [&mut Vec<E>; 6] {
        [&mut self.w_ee, &mut self.w_ie, &mut self.w_ei, &mut self.u_ie, &mut self.b, &mut self.nu]
    }

    /// The shapes of all fields that are present.
    pub(super) fn shapes(&self) -> [Vec<usize>; 6] {
        let [inputs, units, inhibitory] = self.sizes();
        let (w_ee, w_ie, w_ei) = ([units, inputs], [inhibitory, inputs], [units, inhibitory]);
        [w_ee.into(), w_ie.into(), w_ei.into(), w_ee.into(), vec![units], vec![units]]
    }

    /// Checks that these are the weights of a layer of this kind.
    fn validate(&self, (inputs, kind): (usize, LayerKind)) -> Result<()> {
        let expected = [inputs, kind.units, kind.inhibitory];
        if self.sizes() != expected {
            let words = |[inputs, units, inhibitory]: [usize; 3]| {
                format!("{inputs} → {units} units, {inhibitory} inhibitory")
            };
            return Err(Error::invalid("layer", words(self.sizes()), words(expected)));
        }
        let wanted = self.shapes().into_iter().zip(present(kind));
        for ((name, values), (shape, present)) in FIELDS.into_iter().zip(self.values()).zip(wanted)
        {
            let count = shape.iter().fold(usize::from(present), |n, size| n.saturating_mul(*size));
            if values.len() != count {
                let found = format!("{} values", values.len());
                return Err(Error::invalid(format!("layer: {name}"), found, count.to_string()));
            }
        }
        Ok(())
    }
}

/// The sizes alone.
impl<E> fmt::Debug for LayerWeights<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [inputs, excitatory, inhibitory] = self.sizes();
        write!(f, "LayerWeights({inputs} → {excitatory}/{inhibitory})")
    }
}

/// The architecture alone.
impl<E> fmt::Debug for NetworkWeights<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkWeights({})", self.architecture)
    }
}

impl<E: Copy + ToPrimitive> LayerWeights<E> {
    /// Of the sum of the squared weights of `W_EE`, the share that their mean has: `⟨w⟩²/⟨w²⟩`.
    ///
    /// The mean sends the common part of the errors on to all units below alike, and the rest of
    /// each weight does not. Half at first, since mean and standard deviation are equal; 0 if
    /// weights of both signs cancel, 1 if all are the same.
    pub fn mean_weight_share(&self) -> f64 {
        let weights = || self.w_ee.iter().map(|w| w.to_f64().unwrap_or(f64::NAN));
        let (sum, squares) = (weights().sum::<f64>(), weights().map(|w| w * w).sum::<f64>());
        sum * sum / (squares * self.w_ee.len() as f64).max(f64::MIN_POSITIVE)
    }
}

impl<E: Copy> LayerWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> LayerWeights<F> {
        let [inputs, excitatory, inhibitory] = self.sizes();
        let [w_ee, w_ie, w_ei, u_ie, b, nu] =
            self.values().map(|values| values.iter().map(|&value| convert(value)).collect());
        LayerWeights { inputs, excitatory, inhibitory, w_ee, w_ie, w_ei, u_ie, b, nu }
    }
}

/// The weights of a whole network.
#[derive(Clone, PartialEq)]
pub struct NetworkWeights<E> {
    /// Which network this is.
    pub architecture: Architecture,
    /// The hidden layers, from the input up.
    pub hidden: Vec<LayerWeights<E>>,
    /// The read-out: an EI layer with one inhibitory unit.
    pub readout: LayerWeights<E>,
}

impl<E> NetworkWeights<E> {
    /// A network of these layers, from the input up.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(
        architecture: Architecture,
        layers: impl IntoIterator<Item = LayerWeights<E>>,
    ) -> Self {
        let mut hidden: Vec<_> = layers.into_iter().collect();
        let readout = hidden.pop().expect("every network has a read-out");
        Self { architecture, hidden, readout }
    }

    /// All layers, from the input up; the last is the read-out.
    pub fn layers(&self) -> Vec<&LayerWeights<E>> {
        self.hidden.iter().chain([&self.readout]).collect()
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> Vec<&mut LayerWeights<E>> {
        self.hidden.iter_mut().chain([&mut self.readout]).collect()
    }

    /// Checks that these are weights of that network.
    ///
    /// # Errors
    /// If they are of another, or as [`validate`](Self::validate).
    pub fn validate_as(&self, expected: &Architecture) -> Result<()> {
        if self.architecture != *expected {
            let expected = expected.to_string();
            return Err(Error::invalid("network", &self.architecture, expected));
        }
        self.validate()
    }

    /// Checks that the layers are those of the architecture.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn validate(&self) -> Result<()> {
        self.architecture.validate()?;
        let (found, expected) = (self.hidden.len(), self.architecture.hidden.len());
        if found != expected {
            return Err(Error::invalid("hidden layers", found, expected.to_string()));
        }
        let mut layers = self.layers().into_iter().zip(self.architecture.layers());
        layers.try_for_each(|(weights, layer)| weights.validate(layer))
    }
}

impl<E: Copy> NetworkWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> NetworkWeights<F> {
        let layers = self.layers().into_iter().map(|layer| layer.convert(convert));
        NetworkWeights::of(self.architecture.clone(), layers)
    }
}

impl NetworkWeights<f64> {
    /// The same network with hidden `W_EE` whose mean row is 0, and `W_IE` of 0.
    ///
    /// Before any training, where inhibition takes away [just that row](super::initial_layer) or a
    /// normalization does, the activity is what it was; errors pass through `W_EE` alone, and meet
    /// no mean on their way down. The weights have both signs, which only
    /// [`Signs::Free`](crate::learning::Signs) keeps.
    #[must_use]
    pub fn with_zero_mean(mut self) -> Self {
        for layer in &mut self.hidden {
            let (inputs, units) = (layer.inputs, layer.excitatory as f64);
            for input in 0..inputs {
                let mean = layer.w_ee.iter().skip(input).step_by(inputs).sum::<f64>() / units;
                layer.w_ee.iter_mut().skip(input).step_by(inputs).for_each(|w| *w -= mean);
            }
            layer.w_ie.fill(0.0);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::LayerWeights;
    use crate::{Condition, layers::initial_weights_of};

    #[test]
    fn the_share_of_the_mean_weight_is_that_of_its_square() {
        let share = |w_ee: &[f32]| {
            LayerWeights { w_ee: w_ee.to_vec(), ..LayerWeights::default() }.mean_weight_share()
        };
        assert_eq!(share(&[0.5, 0.5, 0.5]), 1.0);
        assert_eq!(share(&[1.0, -1.0, 2.0, -2.0]), 0.0);
        assert_eq!(share(&[1.0, 3.0]), 0.8);
        assert_eq!(share(&[]), 0.0);
        let first = initial_weights_of(&Condition::ENone.architecture([784, 100, 10]), 0).unwrap();
        assert!((first.hidden[0].mean_weight_share() - 0.5).abs() < 0.02);
    }

    #[test]
    fn inhibitory_units_are_counted_where_the_circuit_has_them_and_nowhere_else() {
        let weights = |condition: Condition| {
            initial_weights_of(&condition.architecture([30, 20, 10]), 0).unwrap()
        };
        let mut excitatory = weights(Condition::ENone);
        assert!(excitatory.validate().is_ok());
        excitatory.hidden[1].inhibitory = 7;
        let message = excitatory.validate().unwrap_err().to_string();
        let expected = "layer: 20 → 20 units, 7 inhibitory is not valid; \
                        expected 20 → 20 units, 0 inhibitory";
        assert_eq!(message, expected);
        for condition in [Condition::EiNone, Condition::INormFull, Condition::INormSubCenter] {
            let mut inhibited = weights(condition);
            assert!(inhibited.validate().is_ok(), "{condition}");
            let layer = &mut inhibited.hidden[0];
            layer.inhibitory = 0;
            layer.w_ie.clear();
            layer.w_ei.clear();
            let message = inhibited.validate().unwrap_err().to_string();
            assert!(message.contains("expected 30 → 20 units, 2 inhibitory"), "{message}");
            inhibited.hidden.pop();
            let message = inhibited.validate().unwrap_err().to_string();
            assert_eq!(message, "hidden layers: 1 is not valid; expected 2");
        }
    }
}
