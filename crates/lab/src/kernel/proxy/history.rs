//! What was executed in this session, for clients that offer to repeat it.

use serde_json::{Value, json};
use std::collections::HashSet;

/// The cells, in order. There is one session, number 1.
#[derive(Debug, Default)]
pub struct History {
    cells: Vec<(u64, String)>,
}

impl History {
    pub fn push(&mut self, count: u32, code: &str) {
        self.cells.push((count.into(), code.to_owned()));
    }

    pub fn cells(&self) -> &[(u64, String)] {
        &self.cells
    }

    /// Answers a `history_request`: the last cells, a range of them, or those that match.
    pub fn reply(&self, request: &Value) -> Value {
        let number = |name: &str| request[name].as_u64();
        let switch = |name: &str| request[name] == true;
        let (mut from, mut to, mut pattern, mut limit) = (0, u64::MAX, "*", number("n"));
        match request["hist_access_type"].as_str() {
            Some("range") => {
                (from, to) = (number("start").unwrap_or(from), number("stop").unwrap_or(to));
                limit = None;
            }
            Some("search") => pattern = request["pattern"].as_str().unwrap_or(pattern),
            _ => {}
        }
        let mut seen = HashSet::new();
        let mut found: Vec<Value> = self
            .cells
            .iter()
            .rev()
            .filter(|(count, code)| (from..to).contains(count) && matches(pattern, code))
            .filter(|(_, code)| !switch("unique") || seen.insert(code))
            .take(limit.map_or(usize::MAX, |limit| limit as usize))
            .map(|(count, code)| match switch("output") {
                true => json!([1, count, [code, null]]),
                false => json!([1, count, code]),
            })
            .collect();
        found.reverse();
        json!({"status": "ok", "history": found})
    }
}

/// Whether all of `text` matches a pattern in which `*` stands for anything and `?` for one
/// character.
fn matches(pattern: &str, text: &str) -> bool {
    // matched[i]: the first i characters of the text are matched by the pattern so far.
    let mut matched = vec![false; text.chars().count() + 1];
    matched[0] = true;
    for symbol in pattern.chars() {
        let mut before = matched[0];
        matched[0] &= symbol == '*';
        for (i, character) in text.chars().enumerate() {
            let here = match symbol {
                '*' => matched[i] || matched[i + 1],
                _ => before && (symbol == '?' || symbol == character),
            };
            before = std::mem::replace(&mut matched[i + 1], here);
        }
    }
    matched.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_cells() {
        assert!(matches("let*", "let x = 1;") && matches("*", "") && matches("a?c", "abc"));
        assert!(matches("*x*=*1;", "let x = 1;"));
        assert!(!matches("let", "let x") && !matches("a?c", "ac") && !matches("", "a"));
    }

    #[test]
    fn the_last_cells_a_range_and_a_search() {
        let mut history = History::default();
        for (count, code) in [(1, "a"), (2, "b"), (3, "a")] {
            history.push(count, code);
        }
        let ask = |request: Value| history.reply(&request)["history"].clone();
        assert_eq!(
            ask(json!({"hist_access_type": "tail", "n": 2})),
            json!([[1, 2, "b"], [1, 3, "a"]])
        );
        let range = json!({"hist_access_type": "range", "start": 1, "stop": 2, "output": true});
        assert_eq!(ask(range), json!([[1, 1, ["a", null]]]));
        let search = json!({"hist_access_type": "search", "pattern": "a", "unique": true});
        assert_eq!(ask(search), json!([[1, 3, "a"]]));
    }
}
