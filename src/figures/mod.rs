//! The paper's figures and the pieces they are made of. Figures read tables and never train.
//!
//! | piece | shows |
//! | --- | --- |
//! | [`learning_curves`] | test accuracy over epochs |
//! | [`accuracy_points`] | final test accuracy beside the published distribution |
//! | [`alignment_curves`] | agreement with LayerNorm over epochs |
//! | [`lambdas`] | test accuracy by the weight of the I-Norm loss |
//! | [`lateral_mistake`] | how far lateral inhibition is from centering, by the size of a layer |
//! | [`fig1`] … [`fig7`] | one module for each figure of the paper |
//! | [`catalogue`] | all of them by number |
//!
//! A chart is built as a [`drawing::Drawing`], a list of marks in units of the size shown, and
//! becomes a PNG or an SVG file in `render`, the only place that knows plotters.

mod alignment;
pub mod axes;
pub mod boxes;
pub mod catalogue;
#[cfg(test)]
mod checks;
mod curves;
pub mod drawing;
pub mod fig1;
pub mod fig2;
pub mod fig3;
pub mod fig4;
pub mod fig5;
pub mod fig6;
pub mod fig7;
pub mod font;
pub mod groups;
pub mod histogram;
mod lambdas;
pub mod legend;
pub mod live;
mod paint;
mod palette;
mod points;
pub mod render;
pub mod scatter;
pub mod schematic;
pub mod style;
mod theory;

pub use curves::{Alignment, alignment_curves, learning_curves};
pub use lambdas::lambdas;
pub use points::{accuracy_points, accuracy_points_with};
pub use theory::lateral_mistake;
