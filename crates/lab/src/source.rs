//! What can be told of a cell's code without compiling it.

use serde_json::{Value, json};

/// A part of the code.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    /// A character of the program itself.
    Code(char),
    /// Inside of a text or a comment.
    Quoted,
    /// A text or a comment that nothing ends.
    Unended,
}

/// The content of an `is_complete_reply`: whether brackets, texts and comments are closed.
pub fn is_complete(code: &str) -> Value {
    let mut open = Vec::new();
    for (_, part) in parts(code) {
        match part {
            Part::Unended => return incomplete(),
            Part::Code('(') => open.push(')'),
            Part::Code('[') => open.push(']'),
            Part::Code('{') => open.push('}'),
            Part::Code(closing @ (')' | ']' | '}')) if open.pop() != Some(closing) => {
                return json!({"status": "invalid"});
            }
            Part::Code(_) | Part::Quoted => {}
        }
    }
    match open.is_empty() {
        true => json!({"status": "complete"}),
        false => incomplete(),
    }
}

/// The line, counted from 1, of a brace that closes what was never opened.
pub fn line_of_lone_brace(code: &str) -> Option<usize> {
    // Commands are not code.
    let start = code.lines().take_while(|line| is_command(line));
    let start = start.map(|line| line.len() + 1).sum::<usize>().min(code.len());
    let mut depth = 0;
    let (at, _) = code_characters(&code[start..]).find(|(_, character)| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth < 0
    })?;
    Some(code[..start + at].matches('\n').count() + 1)
}

fn incomplete() -> Value {
    json!({"status": "incomplete", "indent": "    "})
}

/// The lines, counted from 1, that have a question mark at the end of an expression.
pub fn lines_with_question_marks(code: &str) -> Vec<usize> {
    let mut lines: Vec<usize> = parts(code)
        .filter(|(_, part)| *part == Part::Code('?'))
        .map(|(at, _)| code[..at].matches('\n').count() + 1)
        .collect();
    lines.dedup();
    lines
}

/// Whether a line is a command to the backend, or to the shell.
pub fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with([':', '!']) && !line.starts_with("::")
}

/// For each line, whether it begins inside of a text: the blanks at its start are a part of that.
pub fn lines_inside_texts(code: &str) -> Vec<bool> {
    let ends = parts(code).skip(1).map(|(at, _)| at).chain([code.len()]);
    let texts = parts(code)
        .zip(ends)
        .filter(|((at, part), _)| !matches!(part, Part::Code(_)) && !code[*at..].starts_with('/'));
    let mut inside = vec![false; code.lines().count()];
    for ((start, _), end) in texts {
        let first = code[..start].matches('\n').count() + 1;
        let count = code[start..end].matches('\n').count();
        inside.iter_mut().skip(first).take(count).for_each(|inside| *inside = true);
    }
    inside
}

/// Whether a line of the code is the command `name` of the backend.
pub fn has_command(code: &str, name: &str) -> bool {
    code.lines().any(|line| line.split_whitespace().next() == Some(name))
}

/// Whether a cell defines types anew and does nothing else at its end. The backend looks for
/// variables of the old types only when it has something to run.
pub fn ends_with_new_type<'c>(code: &str, mut earlier: impl Iterator<Item = &'c str>) -> bool {
    let starts = |line: &&str| line.starts_with(|c: char| c.is_alphabetic() || "#{(\"".contains(c));
    let last = code.lines().rfind(starts).unwrap_or_default();
    let is_item = last.starts_with("#[")
        || last
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| TYPES.contains(&word) || word == "impl");
    let names = types(code);
    is_item && earlier.any(|earlier| types(earlier).iter().any(|name| names.contains(name)))
}

/// What the definition of a type begins with.
const TYPES: [&str; 4] = ["struct", "enum", "union", "type"];

/// The names of the types that a cell defines.
fn types(code: &str) -> Vec<&str> {
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|it| !it.is_empty());
    let words: Vec<&str> = words.collect();
    let defined = words.windows(2).filter(|pair| TYPES.contains(&pair[0]));
    defined.map(|pair| pair[1]).collect()
}

/// The characters that are neither of a text nor of a comment, each with its place.
pub fn code_characters(code: &str) -> impl Iterator<Item = (usize, char)> {
    parts(code).filter_map(|(at, part)| match part {
        Part::Code(character) => Some((at, character)),
        Part::Quoted | Part::Unended => None,
    })
}

fn parts(code: &str) -> impl Iterator<Item = (usize, Part)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = code.get(at..)?;
        let first = rest.chars().next()?;
        let here = at;
        let quoted = quoted_length(rest, code[..at].chars().next_back());
        at += quoted.unwrap_or(Some(first.len_utf8())).unwrap_or(rest.len());
        let part = match quoted {
            None => Part::Code(first),
            Some(Some(_)) => Part::Quoted,
            Some(None) => Part::Unended,
        };
        Some((here, part))
    })
}

/// How long the text or comment is that begins here: `None` if none does, `Some(None)` if it has
/// no end.
fn quoted_length(rest: &str, before: Option<char>) -> Option<Option<usize>> {
    match rest.as_bytes() {
        [b'/', b'/', ..] => Some(Some(rest.find('\n').unwrap_or(rest.len()))),
        [b'/', b'*', ..] => Some(block_comment(rest)),
        [b'"', ..] => Some(text(rest)),
        [b'b' | b'r', ..] if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') => {
            raw_text(rest)
        }
        _ => character(rest).map(Some),
    }
}

fn text(rest: &str) -> Option<usize> {
    let mut escaped = false;
    let ends = |c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    rest[1..].find(ends).map(|at| at + 2)
}

/// The same for a text without escapes, such as `r#"a"#`.
fn raw_text(rest: &str) -> Option<Option<usize>> {
    let after = rest.strip_prefix('r').or(rest.strip_prefix("br"))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map(|at| rest.len() - inside.len() + at + end.len()))
}

fn block_comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    while let Some(pair) = rest.as_bytes().get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return Some(at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    None
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        let end = inside.char_indices().skip(2).find(|(_, c)| *c == '\'')?;
        return Some(1 + end.0 + 1);
    }
    let first = inside.chars().next()?;
    inside[first.len_utf8()..].starts_with('\'').then(|| first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: &str) -> String {
        is_complete(code)["status"].as_str().unwrap().to_owned()
    }

    #[test]
    fn code_is_complete_when_everything_is_closed() {
        for code in [
            "",
            "let x = [1, (2)];",
            "'('",
            "\"(\"",
            "r#\"\"(\"#",
            "// (",
            "/* ( /* */ */",
            "fn f<'a>(x: &'a str) -> &'a str { x }",
            "'\\''",
            "for _ in 0..2 {}",
            "br\"{\"",
        ] {
            assert_eq!(status(code), "complete", "{code}");
        }
        for code in ["fn f() {", "vec![1,", "\"abc", "/* a", "r#\"a\"", "let x = (\n1"] {
            assert_eq!(status(code), "incomplete", "{code}");
        }
        assert_eq!(status("let x = 1)"), "invalid");
        assert_eq!(status("(]"), "invalid");
    }

    #[test]
    fn a_brace_too_many_is_found() {
        assert_eq!(line_of_lone_brace("}"), Some(1));
        assert_eq!(line_of_lone_brace(":dep a = { path = \"b\" }\n{ 1 }\n} 2"), Some(3));
        assert_eq!(line_of_lone_brace("!echo }\n"), None);
        assert_eq!(line_of_lone_brace("fn f() { '}'; \"}\" } // }"), None);
    }

    #[test]
    fn types_that_are_defined_anew_are_found() {
        let is_new =
            |code: &str| ends_with_new_type(code, ["pub struct Old<T>(T);", "1"].into_iter());
        assert!(is_new("#[derive(Clone)]\nstruct Old {\n    a: u8,\n}"));
        assert!(is_new("enum Old {}\nimpl Old {\n    fn f() {}\n}"));
        assert!(!is_new("struct New;") && !is_new("struct Older;"));
        assert!(!is_new("struct Old;\nOld") && !is_new("struct Old;\n{\n    1\n}"));
    }

    #[test]
    fn question_marks_are_found_where_they_are_operators() {
        let code = "let a = f()?; // why?\nprintln!(\"?\");\nlet b = g()?\n    .h()?;";
        assert_eq!(lines_with_question_marks(code), [1, 3, 4]);
    }

    #[test]
    fn commands_begin_a_line() {
        assert!(has_command("  :clear", ":clear") && has_command("1;\n:dep x", ":dep"));
        assert!(!has_command("let x: clear = 1;", ":clear"));
    }
}
