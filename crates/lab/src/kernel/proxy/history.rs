//! What was executed in this session, for clients that offer to repeat it.

use serde_json::{Value, json};

/// The cells, in order. There is one session, number 1.
#[derive(Debug, Default)]
pub struct History {
    cells: Vec<(u32, String)>,
}

impl History {
    /// Adds a cell.
    pub fn push(&mut self, count: u32, code: &str) {
        self.cells.push((count, code.to_owned()));
    }

    /// Answers a `history_request`: the last cells, a range of them, or those that match.
    pub fn reply(&self, request: &Value) -> Value {
        let number = |name: &str| request[name].as_i64();
        let limit = number("n").and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let mut found: Vec<&(u32, String)> = match request["hist_access_type"].as_str() {
            Some("range") => {
                let (start, stop) = (number("start").unwrap_or(0), number("stop"));
                let inside = |count: &u32| {
                    i64::from(*count) >= start && stop.is_none_or(|stop| i64::from(*count) < stop)
                };
                self.cells.iter().filter(|(count, _)| inside(count)).collect()
            }
            Some("search") => {
                let pattern = request["pattern"].as_str().unwrap_or("*");
                self.cells.iter().filter(|(_, code)| matches(pattern, code)).collect()
            }
            _ => self.cells.iter().collect(),
        };
        if request["unique"].as_bool() == Some(true) {
            let mut seen = std::collections::HashSet::new();
            found.reverse();
            found.retain(|(_, code)| seen.insert(code));
            found.reverse();
        }
        if request["hist_access_type"] != "range" {
            found.drain(..found.len().saturating_sub(limit));
        }
        let with_output = request["output"].as_bool() == Some(true);
        let entry = |(count, code): &&(u32, String)| match with_output {
            true => json!([1, count, [code, null]]),
            false => json!([1, count, code]),
        };
        json!({"status": "ok", "history": found.iter().map(entry).collect::<Vec<_>>()})
    }
}

/// Whether all of `text` matches a pattern in which `*` stands for anything and `?` for one
/// character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // reachable[j]: the pattern so far matches the first j characters.
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    for symbol in pattern {
        if symbol == '*' {
            let first = reachable.iter().position(|reached| *reached).unwrap_or(text.len() + 1);
            reachable.iter_mut().skip(first).for_each(|reached| *reached = true);
            continue;
        }
        for j in (0..text.len()).rev() {
            reachable[j + 1] = reachable[j] && (symbol == '?' || symbol == text[j]);
        }
        reachable[0] = false;
    }
    reachable[text.len()]
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
