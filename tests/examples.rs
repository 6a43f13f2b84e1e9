//! Every example runs to its end; what it asserts holds.

#[path = "../examples/draw_a_figure.rs"]
mod draw_a_figure;
#[path = "../examples/keep_a_network.rs"]
mod keep_a_network;
#[path = "../examples/own_grad_norm.rs"]
mod own_grad_norm;
#[path = "../examples/train.rs"]
mod train;
#[path = "../examples/typed_network.rs"]
mod typed_network;

#[test]
fn a_figure_is_drawn() {
    draw_a_figure::main().unwrap();
}

#[test]
fn a_network_is_kept() {
    keep_a_network::main().unwrap();
}

#[test]
fn a_rule_of_ones_own_trains() {
    own_grad_norm::main().unwrap();
}

#[test]
fn a_network_is_trained() {
    train::main().unwrap();
}

#[test]
fn a_typed_network_makes_a_step() {
    typed_network::main().unwrap();
}

/// An example that no test runs would rot.
#[test]
fn no_example_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for example in std::fs::read_dir(folder).unwrap() {
        let name = example.unwrap().file_name().into_string().unwrap();
        assert!(include_str!("examples.rs").contains(&format!("examples/{name}")), "{name}");
    }
}
