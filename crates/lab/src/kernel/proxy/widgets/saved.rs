//! The copy of a value that is saved with the notebook: shown below the controls, and visible only
//! where they are not, as in a notebook that is opened without this kernel, converted, or not
//! trusted.

use super::models::live_class;
use serde_json::{Map, Value, json};

/// The line below the value.
const NOTE: &str = "The kernel Rust (inorm) has controls to change that.";

/// The value by format; `described` says what is set.
pub fn formats(name: &str, described: &str, data: &Map<String, Value>) -> Value {
    let mut saved = data.clone();
    let text = |format: &str| data.get(format).and_then(Value::as_str);
    let plain = text("text/plain").unwrap_or_default();
    let shown = match (text("text/html"), text("image/png")) {
        (Some(html), _) => html.to_owned(),
        (None, Some(png)) => {
            let alt = escape(plain).replace('"', "&quot;");
            format!("<img alt=\"{alt}\" src=\"data:image/png;base64,{}\">", png.trim())
        }
        (None, None) => format!("<pre>{}</pre>", escape(plain)),
    };
    let described = escape(described);
    let (style, class) = (style(name), class(name));
    let html =
        format!("{style}\n<div class=\"{class}\">\n{shown}\n<p>{described}. {NOTE}</p>\n</div>");
    saved.insert("text/html".to_owned(), html.into());
    saved.insert("text/plain".to_owned(), format!("{plain}\n{described}. {NOTE}").into());
    json!(saved)
}

/// Hides the copy where the controls are. Where they are not, or belong to a kernel that has ended,
/// hides what is left of them, or the client's line that it cannot find them.
fn style(name: &str) -> String {
    let live = format!("{}:not(.jupyter-widgets-disconnected)", live_class(name));
    let saved = class(name);
    format!(
        "<style>\nbody:has(.{live}) .{saved} {{ display: none }}\n\
         body:not(:has(.{live})) .jp-OutputArea-child:has(+ .jp-OutputArea-child .{saved}) \
         {{ display: none }}\n</style>"
    )
}

fn class(name: &str) -> String {
    format!("saved-{name}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_shown_is_shown_once() {
        for (data, expected) in [
            (json!({"text/plain": "a < b"}), "<pre>a &lt; b</pre>"),
            (
                json!({"text/plain": "a \"b\"", "image/png": "QUJD\n"}),
                "<img alt=\"a &quot;b&quot;\" src=\"data:image/png;base64,QUJD\">",
            ),
            (json!({"text/plain": "a", "text/html": "<b>a</b>"}), "<b>a</b>"),
        ] {
            let formats = formats("n-1", "ε = 0.5", data.as_object().unwrap());
            let html = formats["text/html"].as_str().unwrap();
            assert_eq!(html.matches(expected).count(), 1, "{html}");
            assert!(
                html.contains(
                    "body:has(.live-n-1:not(.jupyter-widgets-disconnected)) .saved-n-1 {"
                ),
                "{html}"
            );
            assert_eq!(formats["image/png"], data["image/png"]);
            let plain = formats["text/plain"].as_str().unwrap();
            assert!(plain.ends_with(&format!("\nε = 0.5. {NOTE}")), "{plain}");
        }
    }
}
