//! Sliders and other controls in the output of a cell, and a value that follows them.

use super::kernel::{catch_quietly, connection};
use crate::show::{self, Formats, Show};
use crate::{Error, Result};
use inorm_core::controls::{Control, Kind};
use serde_json::Value;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Shows controls, and below them what `show` returns for what is set: a figure, a table, a text,
/// or a [`Result`] of one of these. When the reader moves a control, `show` is called again and its
/// new value takes the place of the old one. No cell is run for that, and it happens while other
/// cells run, too.
///
/// `controls` is one control or a tuple of up to four; `show` gets one value or a tuple of as many.
/// A label with a range is a slider, of real numbers ([`f64`]) or of whole ones ([`i64`]). The
/// others are made by [`slider`], [`choice`], [`toggle`] and [`button`].
///
/// `show` keeps what it uses: mark it `move`, and give it clones of variables that later cells
/// need. It runs on a thread of its own; while it is busy, all changes but the latest are left out.
/// If it panics or returns an error, that is shown in the place of the value, until the next
/// change. The controls work until the cell is run again or deleted, or the kernel is restarted.
///
/// With another kernel than this project's, and in a program, there are no controls: the value for
/// what is set first is shown, and a line that says so. `inorm lab --run` also keeps the values for
/// a few other settings, by which the rendered book has controls; what `show` costs is paid for each
/// of them. In a cell with the tag `unmoved` nothing is moved.
///
/// ```
/// use inorm::notebook::{interact, slider, toggle};
///
/// interact(("ε", 0.0..=1.0), |epsilon| format!("{:.1}", 100.0 * epsilon));
///
/// let controls = (slider("ε", 0.0..=1.0).step(0.05).start(0.75), toggle("GradNorm", true));
/// interact(controls, |(epsilon, grad_norm)| match grad_norm {
///     true => format!("ε = {epsilon:.2} with GradNorm"),
///     false => format!("ε = {epsilon:.2}"),
/// });
/// ```
///
/// A control that cannot be, such as a slider whose range is empty, is named on standard error.
pub fn interact<C: Controls, S: IntoShown>(
    controls: C,
    mut show: impl FnMut(C::Values) -> S + Send + 'static,
) -> Interaction {
    let described = match controls.describe() {
        Ok(described) => described,
        Err(error) => {
            eprintln!("{error}");
            return Interaction;
        }
    };
    let start: Vec<Value> = described.iter().map(|control| control.start.clone()).collect();
    let mut shown = move |values: &[Value]| {
        let Some(values) = controls.read(values) else {
            return failed("the kernel has sent values that these controls cannot have");
        };
        match catch_quietly(|| show(values).into_shown()) {
            Ok(Ok(formats)) => formats,
            Ok(Err(error)) => failed(&error),
            Err(panic) => failed(&format!("panicked: {panic}")),
        }
    };
    let first = shown(&start);
    if let Some(connection) = connection() {
        connection.open(described, first, shown);
        return Interaction;
    }
    first.show();
    let set = described.iter().map(|control| control.describe(&control.start));
    let set = set.collect::<Vec<_>>().join(", ");
    show::print(&match show::supports_updates() {
        true => format!("{set}; this kernel has no controls, and its terminal says why"),
        false => format!("{set}; the kernel Rust (inorm) has controls to change that"),
    });
    Interaction
}

/// What [`interact`] returns. It is shown already: a cell that ends with it shows nothing more.
#[derive(Debug)]
pub struct Interaction;

impl Interaction {
    /// Shows nothing; the Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {}
}

/// An error in the place of a value. JupyterLab shows what it knows as standard error in red.
fn failed(message: &str) -> Formats {
    let message = message.to_owned();
    vec![("application/vnd.jupyter.stderr", message.clone()), ("text/plain", message)]
}

/// What a closure that is given to [`interact`] may return.
pub trait IntoShown {
    /// The value in several formats, or what went wrong.
    #[doc(hidden)]
    fn into_shown(self) -> Result<Formats, String>;
}

impl<T: Show> IntoShown for T {
    fn into_shown(self) -> Result<Formats, String> {
        Ok(self.formats())
    }
}

impl<T: Show, E: Display> IntoShown for Result<T, E> {
    fn into_shown(self) -> Result<Formats, String> {
        self.map(|value| value.formats()).map_err(|error| error.to_string())
    }
}

/// A slider, at first at the lower end of its range. It has a hundred steps if its numbers are
/// real, and else stops at every number.
pub fn slider<N: Number>(label: &str, range: RangeInclusive<N>) -> Slider<N> {
    Slider { label: label.to_owned(), range, step: None, start: None }
}

/// A list of values of which one is chosen, at first the first. The reader sees them as they are
/// printed; the closure gets the value itself.
pub fn choice<T: Clone + Display>(label: &str, options: impl IntoIterator<Item = T>) -> Choice<T> {
    Choice { label: label.to_owned(), options: options.into_iter().collect(), start: 0 }
}

/// Something to switch on or off.
pub fn toggle(label: &str, on: bool) -> Toggle {
    Toggle { label: label.to_owned(), on }
}

/// Something to press; the closure gets how often that was done so far.
pub fn button(label: &str) -> Button {
    Button { label: label.to_owned() }
}

/// A number on a slider.
#[derive(Clone, Debug)]
pub struct Slider<N> {
    label: String,
    range: RangeInclusive<N>,
    step: Option<N>,
    start: Option<N>,
}

/// One of several values.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    label: String,
    options: Vec<T>,
    start: usize,
}

/// On or off.
#[derive(Clone, Debug)]
pub struct Toggle {
    label: String,
    on: bool,
}

/// Pressed a number of times.
#[derive(Clone, Debug)]
pub struct Button {
    label: String,
}

impl<N: Number> Slider<N> {
    /// From one value to the next.
    pub fn step(self, step: N) -> Self {
        Self { step: Some(step), ..self }
    }

    /// Where it is at first; the nearest step is taken.
    pub fn start(self, start: N) -> Self {
        Self { start: Some(start), ..self }
    }
}

impl<T> Choice<T> {
    /// The place of what is chosen at first, from 0.
    pub fn start(self, start: usize) -> Self {
        Self { start, ..self }
    }
}

/// A number that a slider can set: [`f64`] or [`i64`].
pub trait Number: Copy + Display + Into<Value> + PartialOrd + Send + 'static {
    #[doc(hidden)]
    fn default_step(min: Self, max: Self) -> Self;
    #[doc(hidden)]
    fn kind(min: Self, max: Self, step: Self) -> Option<Kind>;
    #[doc(hidden)]
    fn nearest(self, min: Self, max: Self, step: Self) -> Self;
    #[doc(hidden)]
    fn read(value: &Value) -> Option<Self>;
}

impl Number for f64 {
    fn default_step(min: Self, max: Self) -> Self {
        (max - min) / 100.0
    }

    fn kind(min: Self, max: Self, step: Self) -> Option<Kind> {
        let is_one = (max - min).is_finite() && min < max && step > 0.0 && step <= max - min;
        is_one.then_some(Kind::Real { min, max, step })
    }

    fn nearest(self, min: Self, max: Self, step: Self) -> Self {
        (min + ((self - min) / step).round() * step).clamp(min, max)
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Number for i64 {
    fn default_step(_: Self, _: Self) -> Self {
        1
    }

    fn kind(min: Self, max: Self, step: Self) -> Option<Kind> {
        let width = max.checked_sub(min)?;
        (width > 0 && (1..=width).contains(&step)).then_some(Kind::Integer { min, max, step })
    }

    fn nearest(self, min: Self, max: Self, step: Self) -> Self {
        let up = |steps: i64| steps.checked_mul(step).and_then(|up| min.checked_add(up));
        let steps = (self.clamp(min, max) - min) as f64 / step as f64;
        up(steps.round() as i64).unwrap_or(max).clamp(min, max)
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

/// What a reader can set.
pub trait OneControl: Send + 'static {
    /// What the closure gets.
    type Value;
    #[doc(hidden)]
    fn describe_one(&self) -> Result<Control>;
    #[doc(hidden)]
    fn read_one(&self, value: &Value) -> Option<Self::Value>;
}

impl<N: Number> OneControl for Slider<N> {
    type Value = N;

    fn describe_one(&self) -> Result<Control> {
        let (min, max) = (*self.range.start(), *self.range.end());
        let step = self.step.unwrap_or_else(|| N::default_step(min, max));
        let start = self.start.unwrap_or(min);
        let what = format!("slider {}", self.label);
        let Some(kind) = N::kind(min, max, step) else {
            let found = format!("{min}..={max} in steps of {step}");
            let expected =
                "two finite numbers, the smaller one first, and a step that fits between";
            return Err(Error::invalid(what, found, expected));
        };
        if !(min..=max).contains(&start) {
            let what = format!("{what}, start");
            return Err(Error::invalid(what, start, format!("a number from {min} to {max}")));
        }
        let start = start.nearest(min, max, step).into();
        Ok(Control { label: self.label.clone(), kind, start })
    }

    fn read_one(&self, value: &Value) -> Option<N> {
        N::read(value).filter(|number| self.range.contains(number))
    }
}

impl<N: Number> OneControl for (&'static str, RangeInclusive<N>) {
    type Value = N;

    fn describe_one(&self) -> Result<Control> {
        slider(self.0, self.1.clone()).describe_one()
    }

    fn read_one(&self, value: &Value) -> Option<N> {
        slider(self.0, self.1.clone()).read_one(value)
    }
}

impl<T: Clone + Display + Send + 'static> OneControl for Choice<T> {
    type Value = T;

    fn describe_one(&self) -> Result<Control> {
        let labels: Vec<_> = self.options.iter().map(T::to_string).collect();
        if self.start >= labels.len() {
            let (what, found) = (format!("choice {}, start", self.label), self.start);
            let expected = format!("the place of one of its {} values, from 0", labels.len());
            return Err(Error::invalid(what, found, expected));
        }
        let (kind, start) = (Kind::Choice { labels }, self.start.into());
        Ok(Control { label: self.label.clone(), kind, start })
    }

    fn read_one(&self, value: &Value) -> Option<T> {
        self.options.get(usize::try_from(value.as_u64()?).ok()?).cloned()
    }
}

impl OneControl for Toggle {
    type Value = bool;

    fn describe_one(&self) -> Result<Control> {
        Ok(Control { label: self.label.clone(), kind: Kind::Toggle, start: self.on.into() })
    }

    fn read_one(&self, value: &Value) -> Option<bool> {
        value.as_bool()
    }
}

impl OneControl for Button {
    type Value = u64;

    fn describe_one(&self) -> Result<Control> {
        Ok(Control { label: self.label.clone(), kind: Kind::Button, start: 0.into() })
    }

    fn read_one(&self, value: &Value) -> Option<u64> {
        value.as_u64()
    }
}

/// One control, or a tuple of two to four.
pub trait Controls: Send + 'static {
    /// What the closure gets: one value, or a tuple of as many.
    type Values;
    #[doc(hidden)]
    fn describe(&self) -> Result<Vec<Control>>;
    #[doc(hidden)]
    fn read(&self, values: &[Value]) -> Option<Self::Values>;
}

/// `Controls` for what is one control itself. It cannot be said of all such types at once: a label
/// with a range is a tuple, too.
macro_rules! one {
    ($([$($parameter:tt)*] $control:ty),+ $(,)?) => {$(
        impl<$($parameter)*> Controls for $control {
            type Values = <Self as OneControl>::Value;

            fn describe(&self) -> Result<Vec<Control>> {
                Ok(vec![self.describe_one()?])
            }

            fn read(&self, values: &[Value]) -> Option<Self::Values> {
                self.read_one(values.first()?)
            }
        }
    )+};
}

one! {
    [N: Number] Slider<N>,
    [N: Number] (&'static str, RangeInclusive<N>),
    [T: Clone + Display + Send + 'static] Choice<T>,
    [] Toggle,
    [] Button,
}

macro_rules! several {
    ($([$($control:ident $place:tt),+]),+ $(,)?) => {$(
        impl<$($control: OneControl),+> Controls for ($($control,)+) {
            type Values = ($($control::Value,)+);

            fn describe(&self) -> Result<Vec<Control>> {
                Ok(vec![$(self.$place.describe_one()?),+])
            }

            fn read(&self, values: &[Value]) -> Option<Self::Values> {
                Some(($(self.$place.read_one(values.get($place)?)?,)+))
            }
        }
    )+};
}

several! {
    [A 0, B 1],
    [A 0, B 1, C 2],
    [A 0, B 1, C 2, D 3],
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_typed_in_the_order_of_the_controls() {
        let controls = (
            slider("ε", 0.0..=1.0).step(0.05).start(0.76),
            ("width", 1..=5),
            choice("kind", ["a", "b"]).start(1),
            toggle("GradNorm", true),
        );
        let described = controls.describe().unwrap();
        let start: Vec<_> = described.iter().map(|control| control.start.clone()).collect();
        assert_eq!(start, [json!(0.75), json!(1), json!(1), json!(true)]);
        assert!(described.iter().all(|control| control.accepts(&control.start)));
        assert_eq!(controls.read(&start), Some((0.75, 1, "b", true)));
        assert_eq!(controls.read(&[json!(2.0), json!(1), json!(1), json!(true)]), None);
        assert_eq!(controls.read(&start[..3]), None);
        let Kind::Real { step, .. } = ("ε", 0.0..=2.0).describe().unwrap()[0].kind else {
            panic!("these are real numbers");
        };
        assert_eq!(step, 0.02);
    }

    #[test]
    fn a_start_is_on_a_step_at_the_ends_of_the_numbers_too() {
        assert_eq!(7.nearest(0, 10, 3), 6);
        assert_eq!(10.nearest(0, 10, 3), 9);
        assert_eq!(i64::MAX.nearest(0, i64::MAX, 2), i64::MAX);
        assert_eq!(0.33.nearest(0.0, 1.0, 0.25), 0.25);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let problem =
            |controls: &dyn Fn() -> Result<Vec<Control>>| controls().unwrap_err().to_string();
        for (said, expected) in [
            (problem(&|| ("ε", 1.0..=0.0).describe()), "slider ε: 1..=0 in steps"),
            (problem(&|| ("ε", 0.0..=f64::NAN).describe()), "slider ε: 0..=NaN"),
            (problem(&|| slider("n", 0..=9).step(0).describe()), "slider n: 0..=9 in steps of 0"),
            (problem(&|| ("n", i64::MIN..=i64::MAX).describe()), "slider n: "),
            (problem(&|| slider("n", 0..=9).start(12).describe()), "slider n, start: 12"),
            (problem(&|| choice("kind", [""; 0]).describe()), "choice kind, start: 0"),
        ] {
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn an_error_and_a_panic_are_shown_in_the_place_of_the_value() {
        let text = |shown: Formats| shown.last().unwrap().1.clone();
        assert_eq!("2".to_owned().into_shown().unwrap()[0].1, "2");
        let wrong: Result<String> = Err(Error::invalid("ε", 2, "0 to 1"));
        let said = failed(&wrong.into_shown().unwrap_err());
        assert_eq!(text(said), "ε: 2 is not valid; expected 0 to 1");
        let panic: Result<(), _> = catch_quietly(|| panic!("number {}", 3));
        assert_eq!(panic, Err("number 3".to_owned()));
        assert_eq!(catch_quietly(|| 4), Ok(4));
    }
}
