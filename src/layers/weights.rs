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

impl<E: Copy> LayerWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> LayerWeights<F> {
        let all = |values: &[E]| values.iter().map(|&v| convert(v)).collect();
        LayerWeights {
            inputs: self.inputs,
            excitatory: self.excitatory,
            inhibitory: self.inhibitory,
            w_ee: all(&self.w_ee),
            w_ie: all(&self.w_ie),
            w_ei: all(&self.w_ei),
            u_ie: all(&self.u_ie),
            b: all(&self.b),
            nu: all(&self.nu),
        }
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

    /// Checks that these are weights from `inputs` to `units` units of a `circuit`.
    fn validate(&self, circuit: Circuit, inputs: usize, units: usize) -> Result<()> {
        if (self.inputs, self.excitatory) != (inputs, units) {
            let found = format!("{} → {} units", self.inputs, self.excitatory);
            return Err(Error::invalid("layer", found, format!("{inputs} → {units}")));
        }
        let inhibitory = self.inhibitory;
        if circuit.subtracts() != (inhibitory > 0) {
            let expected = if circuit.subtracts() { "at least 1" } else { "0" };
            return Err(Error::invalid("layer: inhibitory units", inhibitory, expected));
        }
        let divisive = if circuit.divides() { units } else { 0 };
        let expected = [
            units.saturating_mul(inputs),
            inhibitory.saturating_mul(inputs),
            units.saturating_mul(inhibitory),
            divisive.saturating_mul(inputs),
            units,
        ];
        for ((name, values), expected) in self.named().into_iter().zip(expected) {
            if values.len() != expected {
                let found = format!("{} values", values.len());
                return Err(Error::invalid(format!("layer: {name}"), found, expected.to_string()));
            }
        }
        Ok(())
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

impl<E: Copy> NetworkWeights<E> {
    /// The same numbers in another precision.
    pub fn convert<F>(&self, convert: impl Fn(E) -> F + Copy) -> NetworkWeights<F> {
        NetworkWeights {
            condition: self.condition,
            hidden: [self.hidden[0].convert(convert), self.hidden[1].convert(convert)],
            readout: self.readout.convert(convert),
        }
    }

    /// All three layers, from the input up.
    pub fn layers(&self) -> [&LayerWeights<E>; 3] {
        [&self.hidden[0], &self.hidden[1], &self.readout]
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
        let [first, second] = &self.hidden;
        let circuit = self.condition.circuit();
        first.validate(circuit, inputs, width)?;
        second.validate(circuit, width, width)?;
        self.readout.validate(Circuit::ExcitatoryInhibitory, width, outputs)?;
        let lateral = self.condition.grad_norm() == GradNorm::Lateral;
        for LayerWeights { nu, .. } in &self.hidden {
            if nu.len() != width && (lateral || !nu.is_empty()) {
                let found = format!("{} values", nu.len());
                return Err(Error::invalid("layer: ν", found, width.to_string()));
            }
        }
        Ok(())
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
