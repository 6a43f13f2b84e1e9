//! A cell as the reader wrote it, and the program that evcxr 0.22 made of it.
//!
//! Two things about a cell that failed are known from that program alone: which line of which cell
//! a line of the program is, and which variables of earlier cells it holds. Evcxr keeps statements
//! and items as they are, each on lines of its own; items of earlier cells come first.

use inorm_core::protocol::Location;
use std::path::Path;

/// Both texts of one cell.
#[derive(Clone, Copy)]
pub struct CompiledCell<'c> {
    /// What the reader wrote.
    pub written: &'c str,
    /// What the reader wrote before, with the numbers of the cells.
    pub earlier: &'c [(u64, String)],
    /// What the backend made of it; empty if that is not known.
    pub program: &'c str,
}

/// A line of a cell, counted from 1.
#[derive(Debug, PartialEq)]
pub struct SourceLine {
    pub number: usize,
    /// The number of the cell, if it is an earlier one.
    pub cell: Option<u64>,
}

impl CompiledCell<'_> {
    /// The line that a place in the program comes from, if it is certain: of all lines that read
    /// like it the one around which most is the same.
    pub fn line(self, place: &Location) -> Option<SourceLine> {
        if !is_of_cell(&place.file) {
            return None;
        }
        let program = Squeezed::new(self.program);
        let earlier = self.earlier.iter().rev().map(|(cell, code)| (Some(*cell), code.as_str()));
        let mut best: Option<(usize, Option<SourceLine>)> = None;
        for (cell, code) in std::iter::once((None, self.written)).chain(earlier) {
            let Some((alike, number)) = Squeezed::new(code).most_alike(&program, place.line) else {
                continue;
            };
            // What was written last counts.
            if best.as_ref().is_none_or(|(most, _)| alike > *most) {
                best = Some((alike, number.map(|number| SourceLine { number, cell })));
            }
        }
        best?.1
    }

    /// A line of this or an earlier cell, with its number.
    pub fn quote(self, line: &SourceLine) -> String {
        let is_meant = |(cell, _): &&(u64, String)| Some(*cell) == line.cell;
        let earlier = self.earlier.iter().rev().find(is_meant);
        let code = earlier.map_or(self.written, |(_, code)| code);
        let text = code.lines().nth(line.number - 1).unwrap_or_default();
        format!("{:>4} │ {text}", line.number)
    }

    /// The variables of earlier cells that the program holds while it runs.
    pub fn variables(self) -> Vec<String> {
        // let mut a = evcxr_variable_store.take_variable::<u8>(stringify!(a));
        self.named_in(".take_variable::<")
    }

    /// The variables that there are when the program has run to its end, unless it leaves all as
    /// it was.
    pub fn variables_after(self) -> Option<Vec<String>> {
        // evcxr_variable_store.put_variable::<u8>(stringify!(a), a);
        let after = self.named_in(".put_variable::<");
        (!after.is_empty() || !self.variables().is_empty()).then_some(after)
    }

    /// The variables that the program holds and does not give back: it moves them.
    pub fn moved(self) -> Vec<String> {
        let after = self.named_in(".put_variable::<");
        self.variables().into_iter().filter(|name| !after.contains(name)).collect()
    }

    fn named_in(self, call: &str) -> Vec<String> {
        let calls = self.program.lines().filter_map(|line| line.split_once(call));
        let names = calls.filter_map(|(_, call)| call.rsplit_once("stringify!("));
        names.filter_map(|(_, name)| Some(name.split_once(')')?.0.to_owned())).collect()
    }
}

/// A text without its spaces, which are not always kept: its characters with their lines.
struct Squeezed(Vec<(char, usize)>);

impl Squeezed {
    fn new(text: &str) -> Self {
        let lines = (1..).zip(text.lines());
        let characters = lines.flat_map(|(number, line)| line.chars().map(move |c| (c, number)));
        Self(characters.filter(|(c, _)| !c.is_whitespace()).collect())
    }

    /// How much around a line of the program is as it is here, where most is, and which line it is
    /// here, if there is one such line.
    fn most_alike(&self, program: &Self, line: usize) -> Option<(usize, Option<usize>)> {
        let start = program.0.partition_point(|(_, number)| *number < line);
        let end = program.0.partition_point(|(_, number)| *number <= line);
        let wanted = &program.0[start..end];
        let mut best: Option<(usize, Option<usize>)> = None;
        for at in 0..(self.0.len() + 1).saturating_sub(wanted.len().max(1)) {
            let found = &self.0[at..at + wanted.len()];
            if wanted.is_empty()
                || !are_alike(found, wanted)
                || !self.is_apart(at, at + wanted.len())
            {
                continue;
            }
            let before = alike(self.0[..at].iter().rev(), program.0[..start].iter().rev());
            let after = alike(self.0[at + wanted.len()..].iter(), program.0[end..].iter());
            let (all, number) = (before + wanted.len() + after, self.0[at].1);
            best = match best {
                Some((most, _)) if all < most => best,
                Some((most, only)) if all == most => Some((most, only.filter(|it| *it == number))),
                _ => Some((all, Some(number))),
            };
        }
        best
    }

    /// Whether this can be a line of a program: its ends are those of lines or statements.
    fn is_apart(&self, start: usize, end: usize) -> bool {
        let is_break =
            |at: usize| match (at.checked_sub(1).and_then(|at| self.0.get(at)), self.0.get(at)) {
                (Some((last, before)), Some((_, after))) => {
                    before < after || [';', '}'].contains(last)
                }
                _ => true,
            };
        is_break(start) && is_break(end)
    }
}

fn are_alike(some: &[(char, usize)], others: &[(char, usize)]) -> bool {
    alike(some.iter(), others.iter()) == some.len()
}

/// How many characters are the same before the first that is not.
fn alike<'t>(
    some: impl Iterator<Item = &'t (char, usize)>,
    others: impl Iterator<Item = &'t (char, usize)>,
) -> usize {
    some.zip(others).take_while(|(one, other)| one.0 == other.0).count()
}

/// Whether a source file is that of a cell: the compiler knows all others by their full paths.
pub fn is_of_cell(file: &str) -> bool {
    !Path::new(file).is_absolute()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(written: &str, earlier: &[(u64, String)], program: &str) -> Vec<Option<SourceLine>> {
        let cell = CompiledCell { written, earlier, program };
        let place = |line| Location { file: "src/lib.rs".to_owned(), line };
        (0..=program.lines().count() + 1).map(|line| cell.line(&place(line))).collect()
    }

    fn here(number: usize) -> Option<SourceLine> {
        Some(SourceLine { number, cell: None })
    }

    #[test]
    fn a_panic_is_placed_in_the_cell() {
        let written = "let x = 1;\npanic!(\"a\");\npanic!(\"a\");\nlast(x)";
        let program =
            "fn run() {\nlet x = 1;\npanic!(\"a\");\npanic!(\"a\");\n(\nlast(x)\n).show();\n}";
        let found = lines(written, &[], program);
        assert_eq!(found[2..5], [here(1), here(2), here(3)]);
        assert_eq!(found[6], here(4));
        for other in [0, 1, 5, 7, 8, 9] {
            assert_eq!(found[other], None);
        }
        let cell = CompiledCell { written, earlier: &[], program };
        for file in ["/rust/vec.rs", "/home/me/inorm/src/lib.rs"] {
            assert_eq!(cell.line(&Location { file: file.to_owned(), line: 3 }), None);
        }
        assert_eq!(cell.quote(&here(2).unwrap()), "   2 │ panic!(\"a\");");
    }

    #[test]
    fn statements_of_one_line_are_of_that_line() {
        let written = "let a = 1;\nlet v = vec![1, 2]; v[5]";
        let found =
            lines(written, &[], "run() {\nlet a = 1;\nlet v = vec![1, 2]; \nshow(&(\nv[5]\n));");
        assert_eq!(found[3..6], [here(2), None, here(2)]);
    }

    #[test]
    fn a_function_is_of_the_cell_that_defined_it_last() {
        let f = |first: &str| format!("fn f(v: &[u8]) -> u8 {{\n    {first}\n    v[5]\n}}");
        let earlier = [(1, f("old();")), (2, f("new();")), (3, "f(&[]);\nv[5]".to_owned())];
        let program = format!("{}\nfn run() {{\nf(&[1]);\n}}", f("new();"));
        let found = lines("f(&[1]);", &earlier, &program);
        assert_eq!(found[3], Some(SourceLine { number: 3, cell: Some(2) }));
        assert_eq!(found[6], here(1));
        let cell = CompiledCell { written: "f(&[1]);", earlier: &earlier, program: &program };
        assert_eq!(cell.quote(found[3].as_ref().unwrap()), "   3 │     v[5]");
    }

    #[test]
    fn of_two_lines_that_could_be_meant_none_is() {
        let found = lines("a(1);\nb();\na(1);\nc();", &[], "x {\na(1);\ny }");
        assert_eq!(found[2], None);
    }

    #[test]
    fn variables_are_known_by_name() {
        let program = "let mut a = evcxr_variable_store.take_variable::<Vec<u8>>(stringify!(a));\n\
                       let b = evcxr_variable_store.take_variable::<String>(stringify!(b));\n\
                       evcxr_variable_store.put_variable::<u8>(stringify!(c), c);";
        let cell = CompiledCell { written: "", earlier: &[], program };
        assert_eq!(cell.variables(), ["a", "b"]);
        assert_eq!(cell.variables_after().unwrap(), ["c"]);
        assert_eq!(cell.moved(), ["a", "b"]);
        assert_eq!(CompiledCell { program: "fn f() {}", ..cell }.variables_after(), None);
    }
}
