//! A cell as the reader wrote it, and the program that evcxr 0.22 made of it.
//!
//! Two things about a cell that failed are known from that program alone: which line of the cell a
//! line of the program is, and which variables of earlier cells it holds. Evcxr keeps the lines of
//! a cell as they are, except that it takes a last expression as an argument of something.

use inorm_core::protocol::Location;
use std::path::Path;

/// Both texts of one cell.
#[derive(Clone, Copy)]
pub struct CompiledCell<'c> {
    /// What the reader wrote.
    pub written: &'c str,
    /// What the backend made of it; empty if that is not known.
    pub program: &'c str,
}

impl CompiledCell<'_> {
    /// The line of the cell, counted from 1, that a place in the program comes from, if it is
    /// certain.
    pub fn line(self, place: &Location) -> Option<usize> {
        if !is_of_cell(&place.file) {
            return None;
        }
        let wanted = self.program.lines().nth(place.line.checked_sub(1)?)?.trim();
        let is_wanted = |line: &&str| line.trim() == wanted;
        let nth = self.program.lines().take(place.line).filter(is_wanted).count();
        let mut same = self.numbered().filter(|(_, line)| is_wanted(line));
        let mut parts = self
            .numbered()
            .filter(|(_, line)| line.trim().len() > 2 && wanted.contains(line.trim()));
        match (same.nth(nth - 1), parts.next(), parts.next()) {
            (Some((number, _)), ..) | (None, Some((number, _)), None) => Some(number),
            _ => None,
        }
    }

    /// A line of the cell, with its number.
    pub fn quote(self, number: usize) -> String {
        let text = self.written.lines().nth(number - 1).unwrap_or_default();
        format!("{number:>4} │ {text}")
    }

    /// The variables of earlier cells that the program holds while it runs.
    pub fn variables(self) -> Vec<String> {
        // let mut a = evcxr_variable_store.take_variable::<u8>(stringify!(a));
        let taken = self.program.lines().filter_map(|line| line.split_once(".take_variable::<"));
        let names = taken.filter_map(|(_, call)| call.rsplit_once("stringify!("));
        names.filter_map(|(_, name)| Some(name.split_once(')')?.0.to_owned())).collect()
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.written.lines())
    }
}

/// Whether a source file is that of a cell: the compiler knows all others by their full paths.
pub fn is_of_cell(file: &str) -> bool {
    !Path::new(file).is_absolute()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_placed_in_the_cell() {
        let written = "let x = 1;\npanic!(\"a\");\npanic!(\"a\");\nlast(x)";
        let program =
            "fn run() {\nlet x = 1;\npanic!(\"a\");\npanic!(\"a\");\nshow(&(last(x)));\n}";
        let cell = CompiledCell { written, program };
        let line = |file: &str, line| cell.line(&Location { file: file.to_owned(), line });
        let ours = |number| line("src/lib.rs", number);
        assert_eq!([2, 3, 4, 5].map(ours), [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!([0, 1, 6, 7].map(ours), [None; 4]);
        assert_eq!(line("/rust/vec.rs", 3), None);
        assert_eq!(line("/home/me/inorm/src/lib.rs", 3), None);
        assert_eq!(cell.quote(2), "   2 │ panic!(\"a\");");
    }

    #[test]
    fn variables_are_known_by_name() {
        let program = "let mut a = evcxr_variable_store.take_variable::<Vec<u8>>(stringify!(a));\n\
                       let b = evcxr_variable_store.take_variable::<String>(stringify!(b));";
        assert_eq!(CompiledCell { written: "", program }.variables(), ["a", "b"]);
    }
}
