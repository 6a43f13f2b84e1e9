//! `f64` in JSON, which has neither NaN nor infinity: those are written as `"NaN"`, `"inf"` and
//! `"-inf"`. For `#[serde(with = "crate::nonfinite")]`.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl Written {
    fn number<E: Error>(self) -> Result<f64, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                other => Err(E::custom(format!("'{other}' is not a number"))),
            },
        }
    }
}

pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number.is_finite() {
        true => serializer.serialize_f64(*number),
        false => serializer.collect_str(number),
    }
}

pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<f64, D::Error> {
    Written::deserialize(deserializer)?.number()
}

/// The same for a number that may be missing.
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, Written};

    pub fn serialize<S: Serializer>(
        number: &Option<f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => super::serialize(number, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Option::<Written>::deserialize(deserializer)?.map(Written::number).transpose()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Two {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super::option")]
        other: Option<f64>,
    }

    #[test]
    fn every_number_comes_back() {
        for one in [0.1, -0.0, 1e-310, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for other in [Some(one), None] {
                let text = serde_json::to_string(&Two { one, other }).unwrap();
                let back: Two = serde_json::from_str(&text).unwrap();
                assert_eq!(back.one.to_bits(), one.to_bits(), "{text}");
                assert_eq!(back.other.map(f64::to_bits), other.map(f64::to_bits), "{text}");
            }
        }
        for wrong in [r#"{"one":"nan","other":1}"#, r#"{"one":null,"other":1}"#] {
            assert!(serde_json::from_str::<Two>(wrong).is_err(), "{wrong}");
        }
    }
}
