//! Controls in the output of a cell, and the messages about them.
//!
//! The program [announces](crate::protocol::Message::Interact) its controls as a cell's output.
//! From then on kernel and program exchange lines of JSON over a Unix socket, whether or not a
//! cell runs: the kernel sends a [`Command`], and the program answers a [`Command::Set`] with an
//! [`Answer`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The environment variable that names the socket.
pub const CONTROLS: &str = "INORM_CONTROLS";

/// One control.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Control {
    /// The text beside it.
    pub label: String,
    /// What it is, and which values it can have.
    pub kind: Kind,
    /// Its first value.
    pub start: Value,
}

/// A kind of control.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A slider of real numbers.
    Real {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// The distance between two neighbors.
        step: f64,
    },
    /// A slider of whole numbers.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
        /// The distance between two neighbors.
        step: i64,
    },
    /// A list; its value is an index, from 0.
    Choice {
        /// What the reader sees.
        labels: Vec<String>,
    },
    /// On or off.
    Toggle,
    /// A button; its value is how often it was pressed.
    Button,
}

impl Control {
    /// Whether this is a value that it can have.
    pub fn accepts(&self, value: &Value) -> bool {
        match &self.kind {
            Kind::Real { min, max, .. } => {
                value.as_f64().is_some_and(|number| (*min..=*max).contains(&number))
            }
            Kind::Integer { min, max, .. } => {
                value.as_i64().is_some_and(|number| (*min..=*max).contains(&number))
            }
            Kind::Choice { labels } => {
                value.as_u64().is_some_and(|index| index < labels.len() as u64)
            }
            Kind::Toggle => value.is_boolean(),
            Kind::Button => value.is_u64(),
        }
    }

    /// A value in words: `ε = 0.75`.
    pub fn describe(&self, value: &Value) -> String {
        let text = match (&self.kind, value) {
            (Kind::Real { .. }, Value::Number(number)) => {
                format!("{:.*}", self.decimals(), number.as_f64().unwrap_or(f64::NAN))
            }
            (Kind::Choice { labels }, Value::Number(index)) => {
                let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
                index.and_then(|index| labels.get(index)).cloned().unwrap_or_default()
            }
            (Kind::Toggle, _) => if value == true { "on" } else { "off" }.to_owned(),
            (Kind::Button, _) => return format!("{} pressed {value} times", self.label),
            _ => value.to_string(),
        };
        format!("{} = {text}", self.label)
    }

    /// How many digits its numbers have after the point: as many as the step and the smallest
    /// need, and no more than three that count.
    pub fn decimals(&self) -> usize {
        let Kind::Real { min, step, .. } = self.kind else { return 0 };
        let decimals = |number: f64| {
            let most = (2.0 - number.abs().log10().floor()).clamp(0.0, 20.0) as i32;
            let is_whole = |decimals: &i32| {
                let shifted = number.abs() * 10f64.powi(*decimals);
                (shifted - shifted.round()).abs() <= 1e-6 * shifted
            };
            (0..most).find(is_whole).unwrap_or(most) as usize
        };
        decimals(step).max(decimals(min))
    }
}

/// What the kernel tells the program.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Show what belongs to these values.
    Set {
        /// The id of the controls.
        id: String,
        /// The number of the change; it grows.
        change: u64,
        /// One for each control.
        values: Vec<Value>,
    },
    /// Forget these controls: they are closed.
    Close {
        /// The id of the controls.
        id: String,
    },
}

/// What the program shows for the values that were set last.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Answer {
    /// The id of the controls.
    pub id: String,
    /// The change that it answers, and with it all before.
    pub change: u64,
    /// What is shown, by MIME type.
    pub data: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn control(kind: Kind) -> Control {
        Control { label: "c".to_owned(), kind, start: Value::Null }
    }

    #[test]
    fn a_control_accepts_its_own_values_and_no_others() {
        let labels = vec!["a".to_owned(), "b".to_owned()];
        let nothing = [json!(null), json!("1"), json!([1]), json!({"value": 1})];
        for (kind, good, bad) in [
            (
                Kind::Real { min: 0.0, max: 1.0, step: 0.1 },
                vec![json!(0), json!(0.33), json!(1.0)],
                vec![json!(-0.1), json!(1.1), json!(true)],
            ),
            (
                Kind::Integer { min: -1, max: 3, step: 1 },
                vec![json!(-1), json!(3)],
                vec![json!(4), json!(0.5), json!(1e300)],
            ),
            (Kind::Choice { labels }, vec![json!(0), json!(1)], vec![json!(2), json!(-1)]),
            (Kind::Toggle, vec![json!(true), json!(false)], vec![json!(0)]),
            (Kind::Button, vec![json!(7)], vec![json!(-7), json!(true)]),
        ] {
            let control = control(kind);
            assert!(good.iter().all(|value| control.accepts(value)), "{control:?}");
            assert!(!bad.iter().chain(&nothing).any(|value| control.accepts(value)), "{control:?}");
        }
    }

    #[test]
    fn what_is_set_is_said_in_words() {
        let labels = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(control(Kind::Choice { labels }).describe(&json!(1)), "c = b");
        assert_eq!(control(Kind::Button).describe(&json!(2)), "c pressed 2 times");
        assert_eq!(control(Kind::Toggle).describe(&json!(false)), "c = off");
        let kind = Kind::Real { min: 0.0, max: 1.0, step: 0.1 };
        assert_eq!(control(kind).describe(&json!(0.1 + 0.2)), "c = 0.3");
    }

    #[test]
    fn numbers_have_the_digits_that_their_steps_need() {
        for (min, step, expected) in [
            (0.0, 1.0, 0),
            (-2.0, 0.05, 2),
            (0.25, 0.5, 2),
            (0.0, 1.0 / 3.0, 3),
            (1e-9, 1e-6, 9),
            (1e9, 12.0, 0),
        ] {
            let kind = Kind::Real { min, max: 2e9, step };
            assert_eq!(control(kind).decimals(), expected, "{min} {step}");
        }
    }

    #[test]
    fn what_is_said_is_read_as_it_was_written() {
        let id = || "1-2".to_owned();
        for command in [
            Command::Set { id: id(), change: 3, values: vec![json!(0.1), json!(true)] },
            Command::Close { id: id() },
        ] {
            let line = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&line).unwrap(), command);
        }
    }
}
