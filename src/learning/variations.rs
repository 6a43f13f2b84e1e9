//! What of a run the paper has one value for, and other runs may have another.

/// What the paper has one value for, and other runs may have another: names, and that value.
const USUAL: [(&str, &str); 11] = [
    ("hidden_layers", "2"),
    ("grad_norm_layers", "all"),
    ("signs", "dale"),
    ("precision", "single"),
    (IN_EVERY_ID, "0.1"),
    ("order", "file"),
    ("grad_norm_z", "plain"),
    ("subtractive_loss", "mean"),
    ("config_list", "published"),
    ("task", "luminosity"),
    ("initial_weights", "positive"),
];

/// The one of these that has always been part of ids.
pub(super) const IN_EVERY_ID: &str = "label_smoothing";

/// What stands for all variations by the revised protocol.
pub(super) const PROTOCOL_NAME: &str = "protocol";

/// The names of all variations.
pub(crate) const VARIATIONS: [&str; USUAL.len() + 1] = {
    let mut names = [PROTOCOL_NAME; USUAL.len() + 1];
    let mut index = 0;
    while index < USUAL.len() {
        names[index + 1] = USUAL[index].0;
        index += 1;
    }
    names
};

/// Which of these values are not the paper's.
pub(crate) fn unusual(values: [String; USUAL.len()]) -> Vec<(&'static str, String)> {
    let all = USUAL.into_iter().zip(values);
    let unusual = all.filter(|((_, usual), value)| value != usual);
    unusual.map(|((name, _), value)| (name, value)).collect()
}
