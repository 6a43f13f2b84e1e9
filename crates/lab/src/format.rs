//! Cells laid out by rustfmt. It knows the items of a file, but neither statements by themselves nor
//! the commands of the Rust kernel: it is given the code of a cell as the body of a function.

use crate::source::{is_command, lines_inside_texts};
use clap::Args;
use inorm_core::files::write;
use inorm_core::{Context, Error, Failure, Outcome, print, say};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::{Read, Write, stdin};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INDENT: &str = "    ";

/// Options of `inorm fmt`.
#[derive(Args)]
pub struct Format {
    /// Format the cells of these notebooks; without any, the cell on standard input
    notebooks: Vec<PathBuf>,
    /// Change nothing; name the notebooks that would change, and fail if there are any
    #[arg(long, requires = "notebooks")]
    check: bool,
}

/// Formats notebooks where they are, or a cell from standard input to standard output.
pub fn run(options: &Format) -> Outcome {
    if options.notebooks.is_empty() {
        let mut code = String::new();
        stdin().read_to_string(&mut code).context("read", "standard input")?;
        return print(format_cell(&code, Path::new("."))?);
    }
    let mut changed = 0;
    for path in &options.notebooks {
        let text = std::fs::read_to_string(path).context("read", path)?;
        let formatted = format_notebook(&text, path)?;
        if formatted != text {
            changed += 1;
            if !options.check {
                write(path, formatted)?;
            }
            say(path.display());
        }
    }
    match options.check && changed > 0 {
        true => Err(Failure::new(format!("{changed} to format; `inorm fmt` does it"))),
        false => Ok(()),
    }
}

/// As much of a notebook as has to be known. What is borrowed tells where it stands in the file.
#[derive(Deserialize)]
struct Notebook<'n> {
    #[serde(borrow)]
    cells: Vec<Cell<'n>>,
}

#[derive(Deserialize)]
struct Cell<'n> {
    cell_type: Cow<'n, str>,
    #[serde(borrow)]
    source: &'n RawValue,
}

/// A cell's code, in one piece or in lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    Text(String),
    Lines(Vec<String>),
}

/// The text of a notebook with its code formatted; all else stays as it is, to the last byte.
fn format_notebook(text: &str, path: &Path) -> Outcome<String> {
    let malformed = |error: serde_json::Error| {
        Error::malformed(path, error.to_string(), "a notebook of Jupyter, version 4")
    };
    let notebook: Notebook = serde_json::from_str(text).map_err(malformed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut formatted = text.to_owned();
    // From the end: what comes before keeps its place.
    for (index, cell) in notebook.cells.iter().enumerate().rev() {
        if cell.cell_type != "code" {
            continue;
        }
        let raw = cell.source.get();
        let code = match serde_json::from_str(raw).map_err(malformed)? {
            Source::Text(text) => text,
            Source::Lines(lines) => lines.concat(),
        };
        let new = format_cell(&code, folder).map_err(|failure| {
            Failure::new(format!("{}: cell {}: {failure}", path.display(), index + 1))
        })?;
        if new != code {
            formatted.replace_range(place(text, raw), &written_like(raw, &new));
        }
    }
    Ok(formatted)
}

/// Where a part of a text stands in it.
fn place(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// A source as JSON in the form of another one: a text or an array, a line an element.
fn written_like(raw: &str, code: &str) -> String {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let Some(inner) = raw.strip_prefix('[').and_then(|it| it.strip_suffix(']')) else {
        return json(code);
    };
    let before = &inner[..inner.len() - inner.trim_start().len()];
    let after = &inner[inner.trim_end().len()..];
    let lines: Vec<String> = code.split_inclusive('\n').map(json).collect();
    format!("[{before}{}{after}]", lines.join(&format!(",{before}")))
}

/// The code of a cell, formatted; rustfmt reads the settings that hold in `folder`.
fn format_cell(code: &str, folder: &Path) -> Outcome<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = String::new();
    let inside = lines_inside_texts(code);
    for (line, inside) in code.lines().zip(inside) {
        if is_command(line) && !inside {
            parts.push(format_statements(&std::mem::take(&mut rest), folder)?);
            parts.push(line.trim().to_owned());
        } else {
            rest.push_str(line);
            rest.push('\n');
        }
    }
    parts.push(format_statements(&rest, folder)?);
    parts.retain(|part| !part.is_empty());
    Ok(parts.join("\n"))
}

fn format_statements(code: &str, folder: &Path) -> Outcome<String> {
    if code.trim().is_empty() {
        return Ok(String::new());
    }
    let shifted = shift(code, |line| match line.is_empty() {
        true => String::new(),
        false => format!("{INDENT}{line}"),
    });
    let formatted = rustfmt(&format!("fn cell() {{\n{shifted}\n}}\n"), folder)?;
    let body = formatted.trim_end().strip_prefix("fn cell() {").and_then(|it| it.strip_suffix('}'));
    // Only comments, or nothing that rustfmt would touch.
    let Some(body) = body else { return Ok(code.trim_end().to_owned()) };
    let body = shift(body, |line| line.strip_prefix(INDENT).unwrap_or(line).to_owned());
    Ok(body.trim_matches('\n').trim_end().to_owned())
}

/// Changes the lines that do not begin inside of a text.
fn shift(code: &str, change: impl Fn(&str) -> String) -> String {
    let inside = lines_inside_texts(code);
    let lines = code.lines().zip(inside);
    let lines: Vec<String> =
        lines.map(|(line, inside)| if inside { line.to_owned() } else { change(line) }).collect();
    lines.join("\n")
}

fn rustfmt(code: &str, folder: &Path) -> Outcome<String> {
    let mut process = Command::new("rustfmt")
        .args(["--edition", "2024", "--quiet"])
        .current_dir(match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Failure::new(format!("rustfmt: {error}; `rustup component add rustfmt` installs it"))
        })?;
    let mut input = process.stdin.take().expect("piped");
    let code = code.to_owned();
    // Beside reading what it says: neither pipe may fill up. If it does not read, it has failed.
    let writer = std::thread::spawn(move || input.write_all(code.as_bytes()));
    let output = process.wait_with_output().context("run", "rustfmt")?;
    let _ = writer.join();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Failure::new(mistake(&String::from_utf8_lossy(&output.stderr)))),
    }
}

/// What rustfmt says of code that it cannot read, in one line, with the line of the cell.
fn mistake(said: &str) -> String {
    let first = said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(said).trim();
    let place = said.lines().find_map(|line| line.trim().strip_prefix("--> <stdin>:"));
    let line = place.and_then(|place| place.split(':').next()?.parse::<usize>().ok());
    match line {
        // The function begins one line earlier.
        Some(line) if line > 1 => format!("line {}: {first}", line - 1),
        _ => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(code: &str) -> String {
        let formatted = format_cell(code, Path::new(".")).unwrap();
        assert_eq!(format_cell(&formatted, Path::new(".")).unwrap(), formatted, "twice");
        formatted
    }

    #[test]
    fn statements_items_and_expressions_are_laid_out() {
        assert_eq!(
            formatted("use std::fmt;\nlet x=1 ;\nfn f( a:u8 )->u8{a}\n\n\nf( x )"),
            "use std::fmt;\nlet x = 1;\nfn f(a: u8) -> u8 {\n    a\n}\n\nf(x)"
        );
        assert_eq!(formatted("f(1)?;\nx.await"), "f(1)?;\nx.await");
        assert_eq!(formatted("struct A{b:u8}"), "struct A {\n    b: u8,\n}");
        assert_eq!(formatted("// only this  \n"), "// only this");
        assert_eq!(formatted(""), "");
    }

    #[test]
    fn commands_stay_where_they_are() {
        assert_eq!(
            formatted(":dep a = \"1\"\n:vars\nlet b=1;"),
            ":dep a = \"1\"\n:vars\nlet b = 1;"
        );
        assert_eq!(formatted("let b=1;\n:help\n\nb"), "let b = 1;\n:help\nb");
        assert_eq!(
            formatted("let t = \"\n:dep no command\n\";"),
            "let t = \"\n:dep no command\n\";"
        );
    }

    #[test]
    fn what_stands_in_texts_is_left_alone() {
        let code = "let t = \"a\n    b\n  c\";\nlet r = r#\"\n    {\n\"#;\n/* a\n * b */\nt";
        assert_eq!(formatted(code), code);
    }

    #[test]
    fn code_that_cannot_be_read_is_refused_with_its_line() {
        let error = format_cell("let a = 1;\nlet b = ;", Path::new(".")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: expected expression"), "{error}");
    }

    #[test]
    fn of_a_notebook_only_the_code_changes() {
        let notebook = |code: &str| {
            format!(
                "{{\n \"cells\": [\n  {{\"cell_type\": \"markdown\", \"source\": \"a  b\"}},\n  \
                 {{\"outputs\": [1.50, 1e-05], \"cell_type\": \"code\",\n   \"source\": {code}}}\n \
                 ],\n \"nbformat\": 4\n}}\n"
            )
        };
        let format = |code| format_notebook(&notebook(code), Path::new("a.ipynb")).unwrap();
        assert_eq!(format("\"let a=1;\\na\""), notebook("\"let a = 1;\\na\""));
        assert_eq!(
            format("[\n    \"let é=1;\\n\",\n    \"{é}\"\n   ]"),
            notebook("[\n    \"let é = 1;\\n\",\n    \"{ é }\"\n   ]")
        );
        assert_eq!(format("[]"), notebook("[]"));
        let error = format_notebook("{}", Path::new("a.ipynb")).unwrap_err().to_string();
        assert!(error.starts_with("a.ipynb: ") && error.contains("cells"), "{error}");
    }
}
