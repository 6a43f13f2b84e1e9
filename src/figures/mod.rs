//! The paper's figures and the pieces they are made of. Figures read tables and never train.
//!
//! | piece | shows |
//! | --- | --- |
//! | [`learning_curves`] | test accuracy over epochs |
//! | [`learning_curves_beside`] | the same on the curves of stored runs, at equal epochs |
//! | [`accuracy_points`] | final test accuracy beside the published distribution |
//! | [`alignment_curves`] | agreement with LayerNorm over epochs |
//! | [`error_curves`] | the same by the error of the task, and what all units have of it in common |
//! | [`lambdas`] | test accuracy by the weight of the I-Norm loss |
//! | [`lateral_mistake`] | how far lateral inhibition is from centering, by the size of a layer |
//! | [`three_units`] | what GradNorm does to an error, as geometry |
//! | [`claims`] | what the paper claims, as differences between two networks of a configuration |
//! | [`differences`] | differences between any two networks of a configuration |
//! | [`differences_over_epochs`] | the same after each epoch, and by learning rate |
//! | [`network()`], [`layer`] | the circuit of any network, and of one layer |
//! | [`fig1`] … [`fig7`] | one module for each figure of the paper |
//! | [`catalogue`] | all of them by number |
//!
//! A [`Figure`] is a picture, the same in words, and its key numbers. Its picture is a chart or a
//! circuit. A chart is built as a `Drawing`, a list of marks in units of the size shown, and becomes
//! PNG or SVG in `render`, the only place that knows plotters' backends. A circuit is an SVG file in
//! `src/figures/circuits`, to be edited by hand, with the PNG rendered from it.

mod against_layer_norm;
mod alignment;
mod axes;
mod boxes;
pub mod catalogue;
#[cfg(test)]
mod checks;
mod circuits;
mod curves;
mod drawing;
pub mod fig1;
pub mod fig2;
pub mod fig3;
pub mod fig4;
pub mod fig5;
pub mod fig6;
pub mod fig7;
mod figure;
mod font;
mod forest;
mod groups;
mod histogram;
mod images;
mod labels;
mod lambdas;
mod last_step;
mod legend;
pub(crate) mod live;
mod network;
mod over_epochs;
mod palette;
mod points;
mod reach;
mod render;
mod sample;
mod scatter;
pub(crate) mod style;
mod theory;

pub use curves::{alignment_curves, error_curves, learning_curves, learning_curves_beside};
pub use figure::Figure;
pub use forest::{claims, claims_about, differences};
pub(crate) use images::{Greys, images, matrix};
pub use lambdas::lambdas;
pub use network::{layer, network};
pub use over_epochs::differences_over_epochs;
pub use points::{accuracy_points, accuracy_points_with};
pub use theory::{lateral_mistake, three_units};
