//! Trains a network, keeps it in a file, loads it again and evaluates it under changing light.
//!
//!     cargo run --release --example keep_a_network

use inorm::layers::NetworkWeights;
use inorm::learning::{Run, evaluate, train};
use inorm::{Condition, Result, configuration::configuration, dataset::FashionMnist};

fn main() -> Result<()> {
    let data = FashionMnist::subset()?;
    let run = Run::new(Condition::INormCenter, &configuration(13)?).epsilon(0.25).epochs(2);
    let (weights, _) = train(&run, &data, &mut ())?;

    let path = std::env::temp_dir().join(format!("inorm-{}.safetensors", std::process::id()));
    weights.save(&path)?;
    let loaded = NetworkWeights::load(&path)?;
    assert_eq!(loaded, weights, "every weight comes back bit for bit");
    println!("{} from {}", loaded.architecture, path.display());

    for epsilon in [0.0, 0.25, 0.75] {
        let evaluation = evaluate(&loaded, &data.test, epsilon, 0)?;
        println!("ε = {epsilon}: test accuracy {:.1} %", 100.0 * evaluation.accuracy);
        assert!(evaluation.accuracy > 0.2, "chance is 0.1");
    }
    std::fs::remove_file(&path).map_err(|e| inorm::Error::io("remove", &path, e))
}
