//! How the authors trained, before and after they revised their code.

use crate::{
    configuration::{ConfigurationList, LABEL_SMOOTHING},
    dataset::Order,
    learning_rule::Signs,
    named::named,
};

named! {
    /// How the authors trained.
    Protocol of "protocol" {
        /// As in the paper.
        Published = "published",
        /// As in the authors' revised code: without label smoothing, on images in another order in
        /// each epoch, with b ≥ 0, with `full` and `decorrelate` on z less its mean, with a variance
        /// in the loss of subtractive I-Norm (whose `W_EI` is frozen), and in other configurations.
        /// The paper's learning rule is the same in all else; its fp16 autocast is
        /// [`Precision`](super::Precision).
        Revised = "revised",
    }
}

impl Protocol {
    /// Its configurations.
    pub const fn configurations(self) -> ConfigurationList {
        match self {
            Self::Published => ConfigurationList::Published,
            Self::Revised => ConfigurationList::Revised,
        }
    }

    /// Its label smoothing of the task loss.
    pub const fn label_smoothing(self) -> f64 {
        match self {
            Self::Published => LABEL_SMOOTHING,
            Self::Revised => 0.0,
        }
    }

    /// What it keeps at 0 or above.
    pub const fn signs(self) -> Signs {
        match self {
            Self::Published => Signs::Dale,
            Self::Revised => Signs::NonNegative,
        }
    }

    /// In which order it shows the training images.
    pub const fn order(self) -> Order {
        match self {
            Self::Published => Order::File,
            Self::Revised => Order::Shuffled,
        }
    }
}
