//! Networks and rules that the paper does not have, beside those that it has.

use super::{
    RunRow,
    row::{Field, Source, row},
};
use crate::{
    Condition, Error, Result,
    architecture::HiddenLayers,
    configuration::ConfigurationList,
    dataset::CHANCE,
    learning::{Protocol, Run, Signs, VARIATIONS},
    statistics::BoxStatistics,
};
use polars::prelude::{Column, DataFrame};
use std::{fmt, str::FromStr};

/// The name and the value of something that the paper has another value for.
type Variation = (&'static str, String);

/// A condition, and the [variations](Run::variations) of its network and rule.
///
/// ```
/// use inorm::results::Variant;
/// let variant: Variant = "inorm_full hidden_layers=3 grad_norm_layers=3".parse()?;
/// assert_eq!(variant.to_string(), "inorm_full hidden_layers=3 grad_norm_layers=3");
/// let variant: Variant = "inorm_full grad_norm_layers=none".parse()?;
/// assert_eq!(variant.to_string(), "inorm_none");
/// # Ok::<(), inorm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// Which network.
    pub condition: Condition,
    /// What of it the paper has no other value for: names and values.
    pub variations: Vec<Variation>,
}

impl Variant {
    /// The list of configurations that it is trained in.
    pub fn configurations(&self) -> ConfigurationList {
        let value = |wanted| {
            self.variations
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value.as_str())
        };
        let of_protocol = value("protocol").and_then(|name| name.parse::<Protocol>().ok());
        let own = value("config_list").and_then(|name| name.parse().ok());
        own.or(of_protocol.map(Protocol::configurations)).unwrap_or_default()
    }

    /// What a legend says.
    pub fn label(&self) -> String {
        self.condition.label().to_owned() + &words(&self.variations)
    }

    /// What a legend says of the difference to another one; what both have, it says once.
    pub fn label_less(&self, than: &Self) -> String {
        let [network, than, both] = self.beside(than);
        format!("{} − {}{}", network.label(), than.label(), words(&both.variations))
    }

    /// The same as names in Markdown.
    pub(super) fn names_less(&self, than: &Self) -> String {
        let [network, than, both] = self.beside(than);
        let both = both.variations.iter().map(|(name, value)| format!(" `{name}={value}`"));
        let both: String = both.collect();
        format!("`{network}` − `{than}`{}{both}", if both.is_empty() { "" } else { "," })
    }

    /// This one and another with what each has alone, and this one with what both have.
    fn beside(&self, than: &Self) -> [Self; 3] {
        let has = |variant: &Self| {
            let variations = variant.variations.clone();
            move |variation: &Variation| variations.contains(variation)
        };
        let (both, own) = self.variations.iter().cloned().partition(has(than));
        let (_, others) = than.variations.iter().cloned().partition::<Vec<_>, _>(has(self));
        [(self, own), (than, others), (self, both)]
            .map(|(variant, variations)| Self { condition: variant.condition, variations })
    }
}

/// Variations as words behind the name of a condition; first that of its GradNorm.
fn words(variations: &[Variation]) -> String {
    let in_words = |(name, value): &Variation| match *name {
        "grad_norm_layers" => match value.contains('+') {
            true => format!(" in layers {}", value.replace('+', " and ")),
            false => format!(" in layer {value}"),
        },
        "hidden_layers" => format!(", {value} hidden layers"),
        "signs" => format!(", {}", value.parse::<Signs>().map_or("", Signs::words)),
        "precision" | "protocol" | "order" | "task" => format!(", {}", value.replace('_', " ")),
        "initial_weights" => ", zero initial mean".to_owned(),
        "grad_norm_z" => ", z centered".to_owned(),
        "subtractive_loss" => ", variance too".to_owned(),
        "config_list" => format!(", {value} configurations"),
        other => format!(", {} {}", other.replace('_', " "), value.replace('_', " ")),
    };
    let (layers, others): (Vec<_>, Vec<_>) =
        variations.iter().partition(|(name, _)| *name == "grad_norm_layers");
    layers.into_iter().chain(others).map(in_words).collect()
}

impl From<&RunRow> for Variant {
    fn from(run: &RunRow) -> Self {
        Self { condition: run.condition, variations: run.variations() }
    }
}

impl From<&Run> for Variant {
    fn from(run: &Run) -> Self {
        Self { condition: run.condition, variations: run.variations() }
    }
}

impl From<Condition> for Variant {
    fn from(condition: Condition) -> Self {
        Self { condition, variations: Vec::new() }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)?;
        self.variations.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl FromStr for Variant {
    type Err = Error;

    /// `inorm_full`, or with variations behind it, in any order, as [`Display`](fmt::Display)
    /// writes them.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let condition = words.next().unwrap_or_default().parse()?;
        let words: Vec<_> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
        let protocol = words.iter().find(|(name, _)| *name == "protocol");
        let protocol: Protocol =
            protocol.map_or(Ok(Protocol::Published), |(_, name)| name.parse())?;
        let configuration = protocol.configurations().configuration(0)?;
        let mut run = Run::new(condition, &configuration).protocol(protocol);
        let mut layers = HiddenLayers::ALL;
        for (place, (name, value)) in words.iter().copied().enumerate() {
            if words[..place].iter().any(|(other, _)| *other == name) {
                let problem = format!("'{name}' twice");
                return Err(Error::invalid("variation", problem, "each of them once"));
            }
            match name {
                "protocol" => {}
                "config_list" => run.configuration_list = value.parse()?,
                "hidden_layers" => run.hidden_layers = number(name, value)?,
                "label_smoothing" => run.training.rule.label_smoothing = number(name, value)?,
                "order" => run.training.order = value.parse()?,
                "grad_norm_z" => run.grad_norm_z = value.parse()?,
                "subtractive_loss" => run.subtractive_loss = value.parse()?,
                "task" => run.training.task = value.parse()?,
                "initial_weights" => run.initial_weights = value.parse()?,
                "grad_norm_layers" => layers = value.parse()?,
                "signs" => run.training.rule.signs = value.parse()?,
                "precision" => run.training.rule.precision = value.parse()?,
                _ => return Err(Error::unknown("variation", name, &VARIATIONS)),
            }
        }
        let run = run.grad_norm_in(layers);
        run.validate()?;
        Ok(Self::from(&run))
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| Error::invalid(name, format!("'{value}'"), "a number"))
}

impl Field for Variant {
    fn columns(name: &str, values: Vec<Self>) -> Vec<Column> {
        let names: Vec<_> = values.iter().map(Self::to_string).collect();
        vec![Column::new(name.into(), names)]
    }

    fn read(table: &Source, name: &str) -> Result<Vec<Self>> {
        table.named(name, |text| text.parse().ok(), "the names of networks")
    }
}

row! {
    /// The runs of a variant at one ε. Accuracies are fractions.
    VariantRow of "variants", from |runs: &[&RunRow], finished: Option<&BoxStatistics>| {
        epsilon: f64 = runs[0].epsilon, "Range of the luminosity shift, or of the change of contrast.";
        network: Variant = runs[0].into(), "The network and its rule.";
        n: u32 = runs.len() as u32, "How many runs there are.";
        at_chance: u32 = runs.iter().filter(|run| run.test_accuracy <= CHANCE).count() as u32,
            "How many of them are at chance.";
        q1: Option<f64> = finished.map(|all| all.q1), "First quartile of the others.";
        median: Option<f64> = finished.map(|all| all.median), "Their median.";
        q3: Option<f64> = finished.map(|all| all.q3), "Their third quartile.";
    }
}

/// One [`VariantRow`] for each ε and variant that is none of the paper's, of the runs that follow
/// [the paper's protocol](RunRow::follows_paper).
///
/// # Errors
/// If `runs` is no table of runs.
pub fn variants(runs: &DataFrame) -> Result<DataFrame> {
    let all = RunRow::from_table(runs)?;
    let others = all.iter().filter(|run| run.follows_paper() && !run.is_papers());
    let mut sorted: Vec<(Variant, &RunRow)> = others.map(|run| (run.into(), run)).collect();
    sorted.sort_by(|(a, one), (b, other)| one.epsilon.total_cmp(&other.epsilon).then(a.cmp(b)));
    let groups = sorted.chunk_by(|(a, one), (b, other)| one.epsilon == other.epsilon && a == b);
    let row = |group: &[(Variant, &RunRow)]| {
        let runs: Vec<&RunRow> = group.iter().map(|(_, run)| *run).collect();
        let accuracies = runs.iter().map(|run| run.test_accuracy);
        let finished: Vec<f64> = accuracies.filter(|&accuracy| accuracy > CHANCE).collect();
        VariantRow::new(&runs, BoxStatistics::of(&finished).as_ref())
    };
    VariantRow::to_table(&groups.map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Condition::INormFull;

    #[test]
    fn variants_are_written_as_they_are_read() {
        for text in [
            "e_ln",
            "ei_none signs=free",
            "inorm_full hidden_layers=5 grad_norm_layers=4+5 signs=free precision=fp16_autocast",
            "e_none signs=non_negative label_smoothing=0 order=shuffled",
            "inorm_decorrelate grad_norm_z=centred task=contrast",
            "inorm_sub_center subtractive_loss=mean_and_variance",
            "inorm_full protocol=revised task=contrast",
            "inorm_none signs=free initial_weights=zero_mean",
            "inorm_divisive signs=non_negative label_smoothing=0 config_list=revised",
        ] {
            assert_eq!(text.parse::<Variant>().unwrap().to_string(), text);
        }
        let other: Variant = "inorm_full signs=dale grad_norm_layers=1+2".parse().unwrap();
        assert_eq!(other, Variant::from(INormFull));
        let words = "e_ln order=shuffled config_list=revised label_smoothing=0 signs=non_negative";
        assert_eq!(words.parse::<Variant>().unwrap().to_string(), "e_ln protocol=revised");
        let back: Variant = "e_ln config_list=published protocol=revised".parse().unwrap();
        assert_eq!(back.to_string(), "e_ln signs=non_negative label_smoothing=0 order=shuffled");
        for (text, words) in [
            ("e_ln protocol=revision", "did you mean revised?"),
            ("inorm_ful", "did you mean inorm_full?"),
            ("", "condition: ''"),
            ("e_ln sign=free", "variation: 'sign'"),
            (
                "e_ln signs=free signs=dale",
                "'signs' twice is not valid; expected each of them once",
            ),
            ("e_ln hidden_layers=two", "hidden_layers: 'two'"),
            ("e_ln label_smoothing=some", "label_smoothing: 'some'"),
            ("e_ln label_smoothing=1", "label smoothing: 1 is not valid"),
            ("e_ln order=random", "order: 'random' is not valid; expected one of file, shuffled"),
            ("e_ln signs=any", "expected one of dale, non_negative, free"),
            ("e_ln grad_norm_layers=2", "e_ln has no GradNorm"),
            ("inorm_divisive subtractive_loss=mean_and_variance", "that only subtracts"),
            ("inorm_center grad_norm_z=centred", "no GradNorm that looks at z"),
            ("inorm_full grad_norm_layers=3", "3 is not valid"),
            ("inorm_none initial_weights=zero_mean", "positive with signs dale, or signs free"),
            ("e_none signs=free initial_weights=zero_mean", "in e_none nothing takes the mean"),
        ] {
            let message = text.parse::<Variant>().unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
