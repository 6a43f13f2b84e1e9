//! What a notebook cell shows: tables, figures, and lines of progress.
//!
//! A type with a method `evcxr_display` shows itself when it is the last value of a cell. It does
//! so on standard output, between two marker lines that the Rust kernel understands, with the
//! same content in several formats: the notebook picks the best that it may show.
//!
//! A cell that shows more than its last value calls [`Show::show`]; one that takes long shows a
//! [`Progress`]. Both change in place under this project's kernel, and become lines elsewhere.
//! What depends on something that a reader should try out is shown with [`interact`].

mod digits;
mod interact;
mod kernel;
mod network;
mod progress;
mod table;
mod training;

pub use crate::figures::Figure;
pub use crate::interrupt::interrupted;
pub use crate::show::{Display, Show};
pub use interact::{Button, Choice, Controls, Interaction, IntoShown, Number, OneControl};
pub use interact::{Slider, Toggle, button, choice, interact, slider, toggle};
pub use kernel::{attach, clear};
pub use progress::Progress;
pub use table::Table;
pub use training::{train, train_all, train_steered, train_together};
