//! Trains a network, keeps it in a file, loads it again and evaluates it under changing light.
//!
//!     cargo run --release --example keep_a_network

use inorm::{Result, configuration::configuration, dataset::FashionMnist, learning::Training};
use inorm::{networks::paper::INormCenter, notebook::train};

/// `inorm_center` with 234 units in each hidden layer, and 23 that inhibit them.
type Net = INormCenter<234, 23>;

fn main() -> Result<()> {
    let data = FashionMnist::subset()?;
    let mut network = Net::new(0)?;
    let training = Training::paper(configuration(13)?.rates).epsilon(0.25).epochs(2);
    train(&mut network, &training, &data)?;

    let path = std::env::temp_dir().join(format!("inorm-{}.safetensors", std::process::id()));
    network.save(&path)?;
    let loaded = Net::load(&path)?;
    assert_eq!(loaded.weights(), network.weights(), "every weight comes back bit for bit");
    println!("{} from {}", Net::architecture(), path.display());

    for epsilon in [0.0, 0.25, 0.75] {
        let evaluation = loaded.evaluate(&data.test, epsilon, 0)?;
        println!("ε = {epsilon}: test accuracy {:.1} %", 100.0 * evaluation.accuracy);
        assert!(evaluation.accuracy > 0.2, "chance is 0.1");
    }
    std::fs::remove_file(&path).map_err(|e| inorm::Error::io("remove", &path, e))
}
