//! How the authors trained, before and after they revised their code.

use crate::{configuration::ConfigurationList, named::named};

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
}
