//! What goes wrong in a cell, in words that begin with what it was and where.

use super::compiled::{CompiledCell, SourceLine, is_of_cell};
use crate::source;
use inorm_core::protocol::Location;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// An error as clients show it.
#[derive(Clone, Debug, PartialEq)]
pub struct CellError {
    name: String,
    value: String,
    traceback: Vec<String>,
}

impl CellError {
    fn new(name: &str, value: String, explanation: impl IntoIterator<Item = String>) -> Self {
        let first = format!("{RED}{value}{PLAIN}");
        let traceback = std::iter::once(first).chain(explanation).collect();
        Self { name: name.to_owned(), value, traceback }
    }

    /// The fields of an `error` message, and of the reply.
    pub fn content(&self) -> Value {
        json!({"ename": self.name, "evalue": self.value, "traceback": self.traceback})
    }

    /// The same as text, for what goes wrong while no cell runs.
    pub fn text(&self) -> String {
        let explanation: String =
            self.traceback[1..].iter().map(|line| format!("{line}\n")).collect();
        format!("{}\n{explanation}", self.value)
    }

    /// What the backend says of code that does not compile, as one error of the cell that was
    /// `written` so.
    pub fn compilation(errors: &[Value], count: u32, written: &str) -> Self {
        let said = |error: &Value| error["evalue"].as_str().unwrap_or_default().trim().to_owned();
        let text = |error: &Value| essence(&said(error));
        let lines = |error: &Value| -> Vec<String> {
            if text(error) != said(error) {
                return vec![text(error)];
            }
            let lines = error["traceback"].as_array().into_iter().flatten();
            lines.filter_map(Value::as_str).map(|line| in_cell(line, count)).collect()
        };
        // That a type lacks a function because its parts do not fit follows from the message about
        // the parts.
        let follows = |error: &&Value| text(error).contains("its trait bounds were not satisfied");
        let errors: Vec<&Value> = match errors.iter().all(|error| follows(&error)) {
            true => errors.iter().collect(),
            false => errors.iter().filter(|error| !follows(error)).collect(),
        };
        let mut value = errors.first().copied().map(text).unwrap_or_default();
        let line = |error: &Value| {
            let marked = line_of_error(error).or_else(|| line_of_carets(error, written));
            marked.or_else(|| line_that_names(&value, written))
        };
        if let Some(line) = errors.first().copied().and_then(line) {
            value += &format!(" (line {line} of the cell)");
        }
        if errors.len() > 1 {
            value += &format!(", and {} more", errors.len() - 1);
        }
        Self {
            name: "Error".to_owned(),
            value,
            traceback: errors.iter().copied().flat_map(lines).collect(),
        }
    }

    /// The same, saying which variables were lost because the cell moves them.
    pub fn with_moved(mut self, moved: &[String]) -> Self {
        if !moved.is_empty() {
            let names = moved.join(", ");
            self.traceback.push(format!("Lost, because the cell moves them: {names}"));
        }
        self
    }

    /// The same, saying of variables that were not found which cell they were there until.
    pub fn with_last_cells(mut self, gone: &BTreeMap<String, u32>) -> Self {
        let is_missing = |name: &str| {
            let words = format!("cannot find value `{name}`");
            self.traceback.iter().any(|line| line.contains(&words))
        };
        let missing = gone.iter().filter(|(name, _)| is_missing(name));
        let advice = missing.map(|(name, cell)| {
            format!(
                "`{name}` was there until cell {cell}, which moved it or defined its type anew. Run \
                 the cell that defines it again; `&{name}` or `{name}.clone()` leaves it where it is."
            )
        });
        let advice: Vec<String> = advice.collect();
        self.traceback.extend(advice);
        self
    }

    /// A cell that panicked.
    pub fn panicked(message: &str, place: Option<&Location>, cell: CompiledCell) -> Self {
        let line = place.and_then(|place| cell.line(place));
        let r#where = match (&line, place) {
            (Some(SourceLine { number, cell: None }), _) => format!("line {number} of the cell"),
            (Some(SourceLine { number, cell: Some(cell) }), _) => {
                format!("line {number} of cell {cell}")
            }
            (None, Some(Location { file, line })) if !is_of_cell(file) => {
                format!("{file}, line {line}")
            }
            _ => "the cell".to_owned(),
        };
        let quoted = line.map(|line| cell.quote(&line));
        Self::new("Panic", format!("{} (panic in {})", message.trim(), r#where), quoted)
    }

    /// A cell whose `?` met an error.
    pub fn returned(message: &str, cell: CompiledCell) -> Self {
        let lines = source::lines_with_question_marks(cell.written);
        let r#where = match &lines[..] {
            [] => "the cell".to_owned(),
            [line] => format!("line {line} of the cell"),
            [others @ .., last] => {
                let others: Vec<String> = others.iter().map(usize::to_string).collect();
                format!("line {} or {last} of the cell", others.join(", "))
            }
        };
        let quote = |number| cell.quote(&SourceLine { number, cell: None });
        let quoted = lines.iter().copied().map(quote);
        Self::new("Error", format!("{} (returned by ? in {})", message.trim(), r#where), quoted)
    }

    /// A cell of which the backend would ignore everything from this line on.
    pub fn closed_too_often(line: usize) -> Self {
        let value = format!("nothing is open that this `}}` could close (line {line} of the cell)");
        Self::new("Error", value, [])
    }

    /// A cell that was told to stop, and did.
    pub fn stopped() -> Self {
        let value = "interrupted; what was finished is kept, and so is every variable";
        Self::new("Interrupted", value.to_owned(), [])
    }

    /// A cell that was told to stop before it had begun, but after what had to be compiled for it
    /// had cost these variables.
    pub fn not_begun(lost: &[String]) -> Self {
        let value = "interrupted before the cell had begun";
        let value = match lost {
            [] => format!("{value}; nothing was lost"),
            _ => with_losses(value, lost),
        };
        Self::new("Interrupted", value, [])
    }

    /// A cell that was told to stop while the backend was still being prepared.
    pub fn not_prepared() -> Self {
        let value = "interrupted before the cell had begun; the library is still being prepared";
        Self::new("Interrupted", value.to_owned(), [])
    }

    /// A cell that had to be ended by force.
    pub fn killed(lost: &[String]) -> Self {
        let value = "interrupted by force, because nothing in the cell reacted";
        let advice = "Run the cells that define these variables again. In a loop of your own, \
                      `inorm::notebook::interrupted()` tells when to stop and keep them.";
        let advice = (!lost.is_empty()).then(|| advice.to_owned());
        Self::new("Interrupted", with_losses(value, lost), advice)
    }

    /// The program that runs the cells has ended, but the backend has started it again.
    pub fn ended(how: &str, lost: &[String]) -> Self {
        let said = how.replace("Subprocess terminated with status: ", "the program ended with ");
        // The backend turns what else ends with this signal into another one; but it needs some
        // stack for that.
        let advice = said.contains("SIGSEGV").then_some(
            "That is a stack overflow: a function that calls itself without end, or a very large \
             array that belongs in a `Vec`.",
        );
        Self::new("Ended", with_losses(said.trim(), lost), advice.map(str::to_owned))
    }

    /// What a reader has to know before a library is compiled that is loaded.
    pub fn announce_new_library(changes: &str, held: &[String]) -> String {
        let price = match held {
            [] => String::new(),
            names => format!(
                ", and costs the variables {}. An interrupt before it is done keeps them",
                names.join(", ")
            ),
        };
        format!(
            "This cell asks for other features of {changes}. The library is made of that too and \
             has to be compiled again, which takes minutes{price}.\n"
        )
    }

    /// The backend itself is gone, or does not come up.
    pub fn backend(how: &str, restarting: bool) -> Self {
        let explanation = "A new one is being prepared. All variables and definitions are lost: \
                           run the cells above again.";
        Self::new("Backend", how.to_owned(), restarting.then(|| explanation.to_owned()))
    }
}

/// A message without what cargo has said before of its own progress, and without the packages that
/// only the kernel knows of.
fn essence(message: &str) -> String {
    let is_progress =
        |line: &&str| line.split_whitespace().next().is_some_and(|word| PROGRESS.contains(&word));
    let lines: Vec<&str> = message.lines().skip_while(is_progress).collect();
    let rest = lines.join("\n");
    let rest = rest.strip_prefix("error: ").unwrap_or(&rest).trim();
    // Errors of cargo are chains, which begin with the package that stands for the notebook.
    let chain = rest.split(CAUSED_BY).skip_while(|link| link.contains(OWN_MEMBER));
    let chain = chain.map(of_notebook).collect::<Vec<_>>().join(CAUSED_BY);
    if chain.is_empty() { rest.to_owned() } else { chain.trim().to_owned() }
}

const CAUSED_BY: &str = "\n\nCaused by:\n";

const OWN_MEMBER: &str = "failed to load manifest for workspace member";

/// How cargo names packages that stand for the notebook.
const OWN_PACKAGES: [&str; 2] = ["package `ctx v1.0.0 (", "package `evcxr_dummy_validate_dep"];

fn of_notebook(text: &str) -> String {
    let text = text.replace("with `inorm-cc`", "with `cc`");
    OWN_PACKAGES.iter().fold(text, |text, name| {
        let mut parts = text.split(name);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            text + "this notebook" + part.split_once('`').map_or("", |(_, rest)| rest)
        })
    })
}

/// What cargo says while it works begins with one of these.
const PROGRESS: [&str; 6] =
    ["Adding", "Blocking", "Downloaded", "Downloading", "Locking", "Updating"];

fn with_losses(value: &str, lost: &[String]) -> String {
    match lost {
        [] => value.to_owned(),
        names => format!("{value}; lost: {}", names.join(", ")),
    }
}

/// `[ command_2:1:1 ]` at the head of a report: the backend numbers its cells in its own way, and
/// the place is always the first.
fn in_cell(line: &str, count: u32) -> String {
    let Some((before, after)) = line.split_once("command_") else { return line.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    match rest.len() < after.len() {
        true => format!("{before}cell {count}{rest}"),
        false => line.to_owned(),
    }
}

/// The line of the cell under which a report draws its first mark.
fn line_of_error(error: &Value) -> Option<usize> {
    let mut last = None;
    for line in error["traceback"].as_array()?.iter().filter_map(Value::as_str) {
        let line = without_colors(line);
        let Some((margin, rest)) = line.split_once('│') else { continue };
        match margin.trim().parse() {
            Ok(number) => last = Some(number),
            Err(_) if rest.contains(['─', '┬', '^']) => return last,
            Err(_) => {}
        }
    }
    last
}

/// The same where the backend draws no report, because not all of the cell is ASCII: the line of the
/// cell that it quotes above carets.
fn line_of_carets(error: &Value, written: &str) -> Option<usize> {
    let lines = error["traceback"].as_array()?.iter().filter_map(Value::as_str);
    let lines: Vec<String> = lines.map(without_colors).collect();
    let marked = lines.windows(2).find(|pair| pair[1].trim_start().starts_with('^'))?;
    the_only_line(written, |line| line == marked[0])
}

/// The same where nothing is said of the place, as of what is not found by a `use`: the only line
/// with the name that the message has first; of a single line, that one.
fn line_that_names(message: &str, written: &str) -> Option<usize> {
    if message.lines().count() > 1 {
        return None; // of cargo
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let name = message.split('`').nth(1).and_then(|path| path.rsplit("::").next());
    the_only_line(written, |line| match name {
        Some(name) => line.split(|c| !is_word(c)).any(|word| word == name),
        None => !line.trim().is_empty(),
    })
}

fn the_only_line(written: &str, is: impl Fn(&str) -> bool) -> Option<usize> {
    let mut found = (1..).zip(written.lines()).filter(|(_, line)| is(line));
    let (number, _) = found.next()?;
    found.next().is_none().then_some(number)
}

fn without_colors(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_compiler_says_where_and_keeps_its_carets() {
        let carets = [
            "Error: mismatched types",
            "   \x1b[38;5;246m╭─[\x1b[0m command_7:1:1 ]",
            "   \x1b[38;5;246m│\x1b[0m",
            " \x1b[38;5;246m2 │\x1b[0m let a: u8 = \"\";",
            "   │             ─┬",
        ];
        let error = json!({"evalue": "mismatched types", "traceback": carets});
        let shown = CellError::compilation(&[error.clone(), error], 3, "");
        assert_eq!(shown.value, "mismatched types (line 2 of the cell), and 1 more");
        assert_eq!(shown.traceback[1], "   \x1b[38;5;246m╭─[\x1b[0m cell 3 ]");
        assert_eq!(shown.traceback[4], carets[4]);
    }

    #[test]
    fn where_the_backend_draws_no_report_the_line_is_found_by_what_it_says() {
        let line = |error: Value, written: &str| {
            let shown = CellError::compilation(&[error], 3, written).value;
            shown.split_once(" (").map_or(String::new(), |(_, place)| place.to_owned())
        };
        let quoted = json!({
            "evalue": "mismatched types",
            "traceback": ["let y: u8 = \"a\";", "\x1b[91m            ^^^\x1b[0m expected `u8`"],
        });
        let written = "println!(\"ε\");\nlet y: u8 = \"a\";";
        assert_eq!(line(quoted, written), "line 2 of the cell)");
        let said = |said: &str| json!({ "evalue": said, "traceback": [said] });
        let import = said("unresolved import `inorm::layers::Centre`");
        let written = "let n = 1;\nuse inorm::layers::{Centre, Raw};\nn";
        assert_eq!(line(import.clone(), written), "line 2 of the cell)");
        // As good as none: more than one line has the name, or a part of another one.
        for written in ["use a::Centre;\nCentre", "use a::Centres;", ""] {
            assert_eq!(line(import.clone(), written), "", "{written}");
        }
        let panic = said("this operation will panic at runtime");
        assert_eq!(line(panic.clone(), "\n1 / 0\n"), "line 2 of the cell)");
        assert_eq!(line(panic, "let a = 1;\na / 0"), "");
    }

    #[test]
    fn an_error_of_cargo_begins_with_what_is_wrong() {
        let said = "    Updating crates.io index\nerror: no matching package named `a` found\n\
                    location searched: crates.io index\n";
        let error = json!({"evalue": said, "traceback": [format!("Error: {said}")]});
        let shown = CellError::compilation(&[error], 3, "1");
        let expected = "no matching package named `a` found\nlocation searched: crates.io index";
        assert_eq!((&shown.value[..], &shown.traceback[0][..]), (expected, expected));
        for other in ["cannot find value `Updating`", "expected `;`\nUpdating", ""] {
            assert_eq!(essence(other), other);
        }
        let chain = "failed to load manifest for workspace member `/cache/kernel-1/tree`\n\
                     referenced by workspace at `/cache/kernel-1/Cargo.toml`\n\nCaused by:\n  \
                     failed to load manifest for dependency `a`\n\nCaused by:\n  \
                     failed to read `/a/Cargo.toml`";
        let expected = "failed to load manifest for dependency `a`\n\nCaused by:\n  \
                        failed to read `/a/Cargo.toml`";
        assert_eq!(essence(chain), expected);
        for package in
            ["ctx v1.0.0 (/cache/kernel-1/tree)", "evcxr_dummy_validate_dep v0.1.0 (/tmp)"]
        {
            let said = format!("required by package `{package}`\nof which there are 2");
            assert_eq!(essence(&said), "required by this notebook\nof which there are 2");
        }
    }

    #[test]
    fn it_is_said_which_cell_has_cost_a_variable() {
        let said = "cannot find value `data` in this scope";
        let error = CellError::compilation(&[json!({"evalue": said, "traceback": [said]})], 9, "");
        let gone = BTreeMap::from([("data".to_owned(), 7), ("dat".to_owned(), 8)]);
        let shown = error.with_last_cells(&gone);
        assert_eq!(shown.traceback.len(), 2);
        assert!(shown.traceback[1].starts_with("`data` was there until cell 7"));
    }

    #[test]
    fn what_follows_from_another_message_is_left_out() {
        let error = |words: &str| json!({"evalue": words, "traceback": [words]});
        let bounds =
            error("`new` exists for `Network<…>`, but its trait bounds were not satisfied");
        let shown = CellError::compilation(&[bounds.clone(), error("no rule for errors")], 1, "");
        assert_eq!((&shown.value[..], shown.traceback.len()), ("no rule for errors", 1));
        assert!(CellError::compilation(&[bounds], 1, "").value.contains("trait bounds"));
    }

    #[test]
    fn a_panic_says_where() {
        let (written, earlier) = ("let a = 1;\nf(a);", &[(7, "fn f() {\n1/0;\n}".to_owned())]);
        let cell = CompiledCell { written, earlier, program: written };
        let place = |file: &str| Location { file: file.to_owned(), line: 2 };
        let error = CellError::panicked("no", Some(&place("src/lib.rs")), cell);
        assert_eq!(error.value, "no (panic in line 2 of the cell)");
        assert_eq!(error.traceback[1], "   2 │ f(a);");
        let program = "fn f() {\n1/0;\n}\nf(a);";
        let inside = CompiledCell { program, ..cell };
        let error = CellError::panicked("no", Some(&place("src/lib.rs")), inside);
        assert_eq!(error.value, "no (panic in line 2 of cell 7)");
        assert_eq!(error.traceback[1], "   2 │ 1/0;");
        let error = CellError::panicked("no", Some(&place("/rust/vec.rs")), cell);
        assert_eq!(error.value, "no (panic in /rust/vec.rs, line 2)");
        assert_eq!(CellError::panicked("no", None, cell).value, "no (panic in the cell)");
    }

    #[test]
    fn a_question_mark_is_placed_as_well_as_can_be() {
        let cell = |written| CompiledCell { written, earlier: &[], program: "" };
        let value = |written| CellError::returned("no\n", cell(written)).value;
        assert_eq!(value("1;\nf()?;"), "no (returned by ? in line 2 of the cell)");
        assert_eq!(value("f()?;\nf()?;"), "no (returned by ? in line 1 or 2 of the cell)");
    }
}
