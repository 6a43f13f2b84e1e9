//! The training of a network that one had, as a value.

use super::{record::Recorded, run::Run, steering::Change, training::Training};
use crate::{
    Architecture,
    configuration::{LABEL_SMOOTHING, configurations},
    dataset::{CLASSES, PIXELS},
    layers::OwnRule,
};

/// The training of a network that one had: what the network is, and how it was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkRun {
    /// What the network is called: the condition, if it is the paper's; otherwise the reader's own
    /// rules in it, or the whole architecture.
    pub name: String,
    /// What it is.
    pub architecture: Architecture,
    /// How it was trained.
    pub training: Training,
    /// What a [`Steering`](super::Steering) changed meanwhile.
    pub changes: Vec<Change>,
}

impl NetworkRun {
    pub(crate) fn new(
        architecture: Architecture,
        own: &[Option<OwnRule>],
        training: &Training,
    ) -> Self {
        let rules = OwnRule::names(own);
        let mut name = match (architecture.condition(), rules.is_empty()) {
            (Some(condition), _) => condition.to_string(),
            (None, true) => architecture.to_string(),
            (None, false) => rules.join(", "),
        };
        if !training.rule.signs.is_default() {
            name += &format!(", {}", training.rule.signs.words());
        }
        if !training.rule.precision.is_default() {
            name += &format!(", {}", training.rule.precision);
        }
        if training.rule.label_smoothing != LABEL_SMOOTHING {
            name += &format!(", label smoothing {}", training.rule.label_smoothing);
        }
        if !training.task.is_default() {
            name += &format!(", {}", training.task);
        }
        if !training.order.is_default() {
            name += &format!(", {}", training.order);
        }
        Self { name, architecture, training: *training, changes: Vec::new() }
    }

    /// Says in its name that it is steered.
    pub(crate) fn steered(mut self) -> Self {
        self.name += ", steered";
        self
    }
}

impl Recorded for NetworkRun {
    fn training(&self) -> Training {
        self.training
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn architecture(&self) -> Architecture {
        self.architecture.clone()
    }

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn note(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn as_run(&self) -> Option<Run> {
        let condition = self.architecture.condition()?;
        let width = self.architecture.hidden[0].units;
        let paper = condition.architecture([PIXELS, width, CLASSES.len()]);
        if self.architecture != paper || !self.changes.is_empty() {
            return None;
        }
        let rates = self.training.rule.rates;
        let known = configurations().iter().find(|c| (c.width, c.rates) == (width, rates));
        let configuration = known.map(|c| c.index);
        let run = Run {
            configuration,
            width,
            training: self.training,
            ..Run::new(condition, &configurations()[0])
        };
        run.variations().is_empty().then_some(run)
    }
}
