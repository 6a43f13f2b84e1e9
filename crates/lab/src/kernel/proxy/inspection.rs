//! Which code to ask the backend about, for a reader who asks about a name in a cell.
//!
//! The backend explains the last name of complete statements. So it gets the statements of the cell
//! that come before, and of the one with the name as much as it takes to know what the name means:
//! of `let run = Run::new(condition, &configuration(13)?).epochs(2)` with the cursor in `epochs`
//! all from `Run` to `epochs(`, with the cursor in `configuration` only `configuration(`.

use crate::kernel::wire;
use crate::source::code_characters;
use jupyter_protocol::JupyterMessage;
use serde_json::json;

/// A request of a reader's client, as the backend can answer it; none if it is about no name.
pub fn clarify(request: &JupyterMessage) -> Option<JupyterMessage> {
    if request.header.msg_type != "inspect_request" {
        return Some(request.clone());
    }
    let content = wire::content(request);
    let cursor = content["cursor_pos"].as_u64().and_then(|cursor| cursor.try_into().ok())?;
    let code = question(wire::text(request, "code"), cursor)?;
    let (end, level) = (code.chars().count(), &content["detail_level"]);
    let content = json!({"code": code, "cursor_pos": end, "detail_level": level});
    Some(wire::with_content(request, content))
}

/// What to ask, for a cursor behind the first `cursor` characters of a cell. If the cursor is in
/// no name, it is about the function whose arguments it is in.
pub fn question(code: &str, cursor: usize) -> Option<String> {
    let cursor = code.char_indices().nth(cursor).map_or(code.len(), |(at, _)| at);
    let text = Text { characters: code_characters(code).collect() };
    let end = text.end_of_name(cursor).or_else(|| text.end_of_function(cursor))?;
    let statement = text.start_of_statement(end);
    let question = match code[statement..].trim_start().starts_with("use ") {
        true => text.used_path(statement, end),
        false => {
            let call = if text.is_called(end) { "(" } else { "" };
            format!("{}{call}", &code[text.start_of_expression(end)..end])
        }
    };
    Some(match &code[..statement] {
        "" => question,
        before => format!("{before}\n{question}"),
    })
}

/// The characters of a cell that are neither of a text nor of a comment, with their places.
struct Text {
    characters: Vec<(usize, char)>,
}

impl Text {
    /// How many of the characters come before a place in the code.
    fn before(&self, end: usize) -> usize {
        self.characters.partition_point(|(at, _)| *at < end)
    }

    /// The end of the name, not the number, that the cursor is in or behind.
    fn end_of_name(&self, cursor: usize) -> Option<usize> {
        let start = self.skip_back(self.before(cursor), is_of_name);
        let name = self.characters[start..].iter().take_while(|(_, c)| is_of_name(*c));
        let is_number = self.characters.get(start)?.1.is_ascii_digit();
        let (at, last) = name.last().filter(|_| !is_number)?;
        Some(at + last.len_utf8())
    }

    /// The end of the name before the bracket that encloses the cursor.
    fn end_of_function(&self, cursor: usize) -> Option<usize> {
        let mut depth = 0;
        for (index, (_, character)) in
            self.characters[..self.before(cursor)].iter().enumerate().rev()
        {
            match character {
                ')' | ']' | '}' => depth += 1,
                '(' if depth == 0 => {
                    let (at, name) = self.characters.get(index.checked_sub(1)?)?;
                    return is_of_name(*name).then_some(at + name.len_utf8());
                }
                '(' | '[' | '{' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Behind the last semicolon or block that is not inside of something that is still open.
    fn start_of_statement(&self, end: usize) -> usize {
        let (mut depth, mut start) = (0_i32, 0);
        for (at, character) in &self.characters[..self.before(end)] {
            match character {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' => depth -= 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        start = at + 1;
                    }
                }
                ';' if depth == 0 => start = at + 1,
                _ => {}
            }
        }
        start
    }

    fn start_of_expression(&self, end: usize) -> usize {
        let mut index = self.before(end);
        loop {
            let name = self.skip_back(index, is_of_name);
            let path = self.skip_back(name, char::is_whitespace);
            let dot = self.ends_with(path, ".") && !self.ends_with(path, "..");
            let link = if dot {
                1
            } else if self.ends_with(path, "::") {
                2
            } else {
                0
            };
            if link == 0 {
                return self.characters.get(name).map_or(end, |(at, _)| *at);
            }
            let dot = self.characters[path - link].0;
            let before = path - link;
            let literal = match before.checked_sub(1) {
                Some(last) => self.characters[last].0 + self.characters[last].1.len_utf8(),
                None => 0,
            };
            if literal < dot {
                // The text that lies between, which has none of these characters.
                return literal;
            }
            index = self.skip_back(before, char::is_whitespace);
            while index > 0 && self.ends_with(index, "?") {
                index -= 1;
            }
            while let Some(open) = self.opening(index) {
                index = open;
                if self.ends_with(index, "::") {
                    // Between a name and its generic arguments.
                    index -= 2;
                }
            }
        }
    }

    /// The place of the bracket that belongs to the one before `index`.
    fn opening(&self, index: usize) -> Option<usize> {
        let closing = self.characters.get(index.checked_sub(1)?)?.1;
        let opening = match closing {
            ')' => '(',
            ']' => '[',
            '>' => '<',
            _ => return None,
        };
        let mut depth = 0;
        for at in (0..index).rev() {
            match self.characters[at].1 {
                c if c == closing => depth += 1,
                c if c == opening => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// `a::b::C` of `use a::{b::C, d};`.
    fn used_path(&self, statement: usize, end: usize) -> String {
        let start = self.before(statement);
        let mut path = String::new();
        let (mut index, mut depth, mut listening) = (self.before(end), 0, true);
        while index > start {
            index -= 1;
            match self.characters[index].1 {
                '}' => depth += 1,
                '{' if depth > 0 => depth -= 1,
                '{' => listening = true,
                ',' if depth == 0 => listening = false,
                c if depth == 0 && listening && (is_of_name(c) || c == ':') => path.insert(0, c),
                c if c.is_whitespace() && depth == 0 && !path.is_empty() && listening => {
                    let before = self.skip_back(index, char::is_whitespace);
                    if !self.ends_with(before, "{") && !self.ends_with(before, ",") {
                        break;
                    }
                }
                _ => {}
            }
        }
        path
    }

    fn is_called(&self, end: usize) -> bool {
        let mut rest = self.characters[self.before(end)..].iter().map(|(_, c)| *c);
        match rest.next() {
            Some('(') => true,
            Some(':') => rest.next() == Some(':') && rest.next() == Some('<'),
            _ => false,
        }
    }

    fn skip_back(&self, index: usize, is_skipped: impl Fn(char) -> bool) -> usize {
        let kept = self.characters[..index].iter().rposition(|(_, c)| !is_skipped(*c));
        kept.map_or(0, |kept| kept + 1)
    }

    fn ends_with(&self, index: usize, end: &str) -> bool {
        let before = self.characters[..index].iter().rev().map(|(_, c)| *c);
        end.chars().rev().eq(before.take(end.len()))
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The question for the cursor at `|`.
    fn asked(marked: &str) -> Option<String> {
        let cursor = marked.chars().position(|c| c == '|').unwrap();
        question(&marked.replacen('|', "", 1), cursor)
    }

    #[test]
    fn as_much_is_asked_as_it_takes_to_know_the_name() {
        for (marked, expected) in [
            ("conf|iguration(13)", "configuration("),
            ("configuration(13|)", "configuration("),
            ("let run = Run::ne|w(c, &configuration(13)?).epochs(2);", "Run::new("),
            ("let run = Run::new(c, &f(13)?).epo|chs(2);", "Run::new(c, &f(13)?).epochs("),
            ("let run = Run::new(c, &conf|iguration(13)?)", "configuration("),
            ("table\n    .rows|()?\n    .len()", "table\n    .rows("),
            ("network.first.w_e|e", "network.first.w_ee"),
            ("let x: Data|Frame = f();", "DataFrame"),
            ("\"a.b(\"; x.lен|", "\"a.b(\";\nx.lен"),
            ("0..le|n", "len"),
            ("let a = \"a.b\".to_o|wned();", "\"a.b\".to_owned("),
            ("\"a\".trim().le|n()", "\"a\".trim().len("),
            ("v.iter().map(|", "v.iter().map("),
            ("Vec::<f64>::wi|th_capacity(3)", "Vec::<f64>::with_capacity("),
            ("a.parse::<f64>().unw|rap()", "a.parse::<f64>().unwrap("),
            ("use polars::prelude::Data|Frame;", "polars::prelude::DataFrame"),
            ("use inorm::{learning::{Run, tra|in}, Condition};", "inorm::learning::train"),
            ("use inorm::{\n    Condi|tion,\n};", "inorm::Condition"),
        ] {
            assert_eq!(asked(marked).as_deref(), Some(expected), "{marked}");
        }
        assert_eq!(asked("1 + |"), None);
        assert_eq!(asked("|"), None);
    }

    #[test]
    fn what_comes_before_in_the_cell_is_known() {
        let cell = "use inorm::Condition;\nlet a = { 1; 2 };\nfn f() {}\nlet b = a.po|w(2);";
        let expected = "use inorm::Condition;\nlet a = { 1; 2 };\nfn f() {}\na.pow(";
        assert_eq!(asked(cell).as_deref(), Some(expected));
    }
}
