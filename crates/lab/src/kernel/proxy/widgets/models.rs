//! The models of Jupyter's widgets: their names, and their state.

use inorm_core::controls::{Control, Kind};
use serde_json::{Map, Value, json};

/// A JavaScript package of models and views, and its version.
type Module = (&'static str, &'static str);

const CONTROLS: Module = ("@jupyter-widgets/controls", "2.0.0");
const OUTPUT: Module = ("@jupyter-widgets/output", "1.0.0");

/// How the comms end of the two models that are no controls.
const VALUE: &str = "value";
const COLUMN: &str = "column";

pub struct Model {
    /// All that a client needs to create it.
    pub state: Value,
}

impl Model {
    /// `fields`, and where the model of this name is defined.
    fn new((module, version): Module, name: &str, fields: Value) -> Self {
        let mut state = json!({
            "_model_module": module, "_model_module_version": version,
            "_model_name": format!("{name}Model"),
            "_view_module": module, "_view_module_version": version,
            "_view_name": format!("{name}View"),
        });
        if let (Some(state), Value::Object(fields)) = (state.as_object_mut(), fields) {
            state.extend(fields);
        }
        Self { state }
    }

    /// Its form in the answer to `request_states`.
    pub fn described(self) -> Value {
        json!({"model_name": self.state["_model_name"], "model_module": self.state["_model_module"],
            "model_module_version": self.state["_model_module_version"], "state": self.state})
    }
}

/// All models of some controls, by their comms; those that others consist of come first.
pub fn of(
    name: &str,
    controls: &[Control],
    values: &[Value],
    data: &Map<String, Value>,
) -> Vec<(String, Model)> {
    let numbered = controls.iter().zip(values).enumerate();
    let mut models: Vec<_> = numbered
        .map(|(index, (control, value))| (format!("{name}-{index}"), of_control(control, value)))
        .collect();
    let output = json!({"outputs": outputs(data), "msg_id": ""});
    models.push((value_of(name), Model::new(OUTPUT, "Output", output)));
    let children: Vec<_> = models.iter().map(|(comm, _)| format!("IPY_MODEL_{comm}")).collect();
    let column = json!({"children": children, "box_style": "", "_dom_classes": [live_class(name)]});
    models.push((column_of(name), Model::new(CONTROLS, "VBox", column)));
    models
}

/// The comm of what is shown.
pub fn value_of(name: &str) -> String {
    format!("{name}-{VALUE}")
}

/// The comm of controls and value together.
pub fn column_of(name: &str) -> String {
    format!("{name}-{COLUMN}")
}

/// Which controls a comm belongs to.
pub fn name_of(comm: &str) -> &str {
    comm.rsplit_once('-').map_or(comm, |(name, _)| name)
}

/// The index of the control that it is, if it is one.
pub fn index_of(comm: &str) -> Option<usize> {
    comm.rsplit_once('-')?.1.parse().ok()
}

/// A class that the page has only where the controls are.
pub fn live_class(name: &str) -> String {
    format!("live-{name}")
}

/// The outputs of a cell that show this value.
pub fn outputs(data: &Map<String, Value>) -> Value {
    json!([{"output_type": "display_data", "data": data, "metadata": {}}])
}

/// The name of the value in the state of a control.
pub fn key(control: &Control) -> &'static str {
    match control.kind {
        Kind::Choice { .. } => "index",
        _ => "value",
    }
}

fn of_control(control: &Control, value: &Value) -> Model {
    let label = &control.label;
    match &control.kind {
        Kind::Real { min, max, step } => {
            let format = format!(".{}f", control.decimals());
            slider("FloatSlider", label, json!([min, max, step, value, format]))
        }
        Kind::Integer { min, max, step } => {
            slider("IntSlider", label, json!([min, max, step, value, "d"]))
        }
        Kind::Choice { labels } => {
            let fields = json!({"description": label, "_options_labels": labels, "index": value});
            Model::new(CONTROLS, "Dropdown", fields)
        }
        Kind::Toggle => {
            let fields = json!({"description": label, "value": value, "indent": true});
            Model::new(CONTROLS, "Checkbox", fields)
        }
        Kind::Button => Model::new(CONTROLS, "Button", json!({"description": label})),
    }
}

fn slider(name: &str, label: &str, numbers: Value) -> Model {
    let fields = json!({"description": label, "min": numbers[0], "max": numbers[1],
        "step": numbers[2], "value": numbers[3], "readout": true, "readout_format": numbers[4],
        "orientation": "horizontal", "continuous_update": true});
    Model::new(CONTROLS, name, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: Kind) -> Control {
        Control { label: "c".to_owned(), kind, start: Value::Null }
    }

    #[test]
    fn a_model_is_complete_and_in_the_column() {
        let labels = vec!["a".to_owned(), "b".to_owned()];
        let kinds = [
            (Kind::Real { min: 0.0, max: 1.0, step: 0.05 }, "FloatSlider"),
            (Kind::Integer { min: 0, max: 9, step: 1 }, "IntSlider"),
            (Kind::Choice { labels }, "Dropdown"),
            (Kind::Toggle, "Checkbox"),
            (Kind::Button, "Button"),
        ];
        let names = kinds.clone().map(|(_, name)| name).into_iter().chain(["Output", "VBox"]);
        let controls: Vec<_> = kinds.map(|(kind, _)| control(kind)).into();
        let values = [json!(0.1), json!(1), json!(1), json!(true), json!(0)];
        let models = of("n", &controls, &values, &Map::new());
        for (name, (_, model)) in names.zip(&models) {
            assert_eq!(model.state["_model_name"], format!("{name}Model"));
            assert_eq!(model.state["_view_name"], format!("{name}View"));
            assert!(model.state["_view_module_version"].is_string());
        }
        for (control, (value, (_, model))) in controls.iter().zip(values.iter().zip(&models)) {
            if control.kind != Kind::Button {
                assert_eq!(&model.state[key(control)], value);
            }
        }
        let column = &models.last().unwrap().1.state;
        let children = ["0", "1", "2", "3", "4", "value"].map(|part| format!("IPY_MODEL_n-{part}"));
        assert_eq!(column["children"], json!(children));
    }

    #[test]
    fn a_comm_says_what_it_belongs_to() {
        assert_eq!((name_of("inorm-a-1-2-0"), index_of("inorm-a-1-2-0")), ("inorm-a-1-2", Some(0)));
        assert_eq!((name_of(&value_of("n")), index_of(&value_of("n"))), ("n", None));
        assert_eq!((name_of("x"), index_of("x")), ("x", None));
    }
}
