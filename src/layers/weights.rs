//! The weights of a network as plain numbers: what is saved, compared and handed to the engine.

use crate::{
    Error, Result,
    condition::{Circuit, Condition, GradNorm},
};

/// The weights of one layer, row-major, in the order *post, pre*.
///
/// A matrix that a circuit does not have is empty.
#[derive(Debug, Clone, Default, PartialEq)]
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

/// Which of them a layer of this circuit has.
pub(super) const fn present(circuit: Circuit, lateral: bool) -> [bool; 6] {
    [true, circuit.subtracts(), circuit.subtracts(), circuit.divides(), true, lateral]
}

impl<E> LayerWeights<E> {
    /// `[inputs, excitatory, inhibitory]`.
    pub fn sizes(&self) -> [usize; 3] {
        [self.inputs, self.excitatory, self.inhibitory]
    }

    /// All weight matrices with their symbols, in the order of the glossary.
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

    /// Checks that these are weights from `inputs` to `units` units of a `circuit`.
    fn validate(&self, circuit: Circuit, [inputs, units]: [usize; 2], lateral: bool) -> Result<()> {
        if (self.inputs, self.excitatory) != (inputs, units) {
            let found = format!("{} → {} units", self.inputs, self.excitatory);
            return Err(Error::invalid("layer", found, format!("{inputs} → {units}")));
        }
        if circuit.subtracts() != (self.inhibitory > 0) {
            let expected = if circuit.subtracts() { "at least 1" } else { "0" };
            return Err(Error::invalid("layer: inhibitory units", self.inhibitory, expected));
        }
        let wanted = self.shapes().into_iter().zip(present(circuit, lateral));
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

impl<E: Copy> LayerWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> LayerWeights<F> {
        let [inputs, excitatory, inhibitory] = self.sizes();
        let [w_ee, w_ie, w_ei, u_ie, b, nu] =
            self.values().map(|values| values.iter().map(|&value| convert(value)).collect());
        LayerWeights { inputs, excitatory, inhibitory, w_ee, w_ie, w_ei, u_ie, b, nu }
    }
}

/// The weights of a whole network: two hidden layers and the read-out.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkWeights<E> {
    /// Which network this is.
    pub condition: Condition,
    /// The two hidden layers, from the input up.
    pub hidden: [LayerWeights<E>; 2],
    /// The read-out: an EI layer with one inhibitory unit.
    pub readout: LayerWeights<E>,
}

impl<E> NetworkWeights<E> {
    /// A network of these layers, from the input up.
    pub fn of(condition: Condition, [first, second, readout]: [LayerWeights<E>; 3]) -> Self {
        Self { condition, hidden: [first, second], readout }
    }

    /// All three layers, from the input up.
    pub fn layers(&self) -> [&LayerWeights<E>; 3] {
        [&self.hidden[0], &self.hidden[1], &self.readout]
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> [&mut LayerWeights<E>; 3] {
        let [first, second] = &mut self.hidden;
        [first, second, &mut self.readout]
    }

    /// Inputs, units of each hidden layer, outputs.
    pub fn sizes(&self) -> [usize; 3] {
        [self.hidden[0].inputs, self.hidden[0].excitatory, self.readout.excitatory]
    }

    /// Checks that the layers fit the condition and each other.
    ///
    /// # Errors
    /// Names the first that does not.
    pub fn validate(&self) -> Result<()> {
        let [inputs, width, outputs] = self.sizes();
        let circuit = self.condition.circuit();
        let lateral = self.condition.grad_norm() == GradNorm::Lateral;
        self.hidden[0].validate(circuit, [inputs, width], lateral)?;
        self.hidden[1].validate(circuit, [width, width], lateral)?;
        self.readout.validate(Circuit::ExcitatoryInhibitory, [width, outputs], false)
    }
}

impl<E: Copy> NetworkWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> NetworkWeights<F> {
        NetworkWeights::of(self.condition, self.layers().map(|layer| layer.convert(convert)))
    }
}

/// Inhibitory units of a hidden layer of `excitatory` units: a tenth, at least one.
pub const fn inhibitory_units(excitatory: usize) -> usize {
    if excitatory < 10 { 1 } else { excitatory / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::initial_weights_of;

    #[test]
    fn inhibitory_units_are_counted_where_the_circuit_has_them_and_nowhere_else() {
        let weights = |condition| initial_weights_of(condition, [30, 20, 10], 0).unwrap();
        let mut excitatory = weights(Condition::ENone);
        assert!(excitatory.validate().is_ok());
        excitatory.hidden[1].inhibitory = 7;
        let message = excitatory.validate().unwrap_err().to_string();
        assert_eq!(message, "layer: inhibitory units: 7 is not valid; expected 0");
        for condition in [Condition::EiNone, Condition::INormFull, Condition::INormSubCenter] {
            let mut inhibited = weights(condition);
            assert!(inhibited.validate().is_ok(), "{condition}");
            let layer = &mut inhibited.hidden[0];
            layer.inhibitory = 0;
            layer.w_ie.clear();
            layer.w_ei.clear();
            let message = inhibited.validate().unwrap_err().to_string();
            assert!(message.contains("0 is not valid; expected at least 1"), "{message}");
        }
    }
}
