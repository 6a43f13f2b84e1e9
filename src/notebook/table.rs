//! A polars table, formatted for reading: aligned, with units and a sensible number of digits.

use super::digits::Digits;
use crate::opaque::Opaque;
use crate::show::{self, Display, Formats, Show, escape};
use crate::{Condition, Error, Result};
use polars::prelude::{AnyValue, Column, DataFrame, IntoColumn, NamedFrom, Series};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// A table with a caption. As the last expression of a notebook cell it shows itself, as
/// accessible HTML and as plain text.
#[derive(Debug, Clone)]
pub struct Table {
    content: Opaque<Content>,
}

#[derive(Debug, Clone)]
struct Content {
    frame: DataFrame,
    caption: String,
    /// By name; columns without an entry are shown as they are.
    formats: BTreeMap<String, ColumnFormat>,
    only: Option<Vec<String>>,
    decimals: Option<usize>,
    rows: usize,
}

/// How a column is shown.
#[derive(Debug, Clone, Default)]
struct ColumnFormat {
    heading: Option<String>,
    percent: bool,
    from_one: bool,
    significant: bool,
}

/// More rows than this are shortened, unless a table asks for more.
const ROWS: usize = 40;

/// More columns than this are shortened, unless they were asked for by name.
const COLUMNS: usize = 40;

/// More rows than this scroll under their head.
const ROWS_TO_SCROLL: usize = 15;

/// Sorts the rows by the column whose heading was clicked on; missing numbers come last.
const SORT: &str = "const head = event.target.closest('th'), place = head.cellIndex; \
    const up = head.ariaSort !== 'ascending', numeric = head.style.textAlign === 'right'; \
    for (const other of this.rows[0].cells) { \
        other.ariaSort = null; other.querySelector('span')?.remove(); \
    } \
    head.ariaSort = up ? 'ascending' : 'descending'; \
    const arrow = document.createElement('span'); \
    arrow.textContent = up ? ' ▲' : ' ▼'; arrow.ariaHidden = true; head.append(arrow); \
    const text = (row) => row.cells[place].textContent; \
    const number = (row) => Number.parseFloat(text(row).replaceAll('−', '-')); \
    const compare = (a, b) => { \
        const [x, y] = [a, b].map(numeric ? number : text); \
        if (x !== x || y !== y) return (x !== x) - (y !== y); \
        return (up ? 1 : -1) * (numeric ? x - y : x.localeCompare(y)); \
    }; \
    const body = this.nextElementSibling; body.append(...[...body.rows].sort(compare));";

impl Table {
    /// Shows `frame` under a `caption`, which should say what one row is.
    pub fn new(frame: DataFrame, caption: impl Into<String>) -> Self {
        let (caption, formats) = (caption.into(), BTreeMap::new());
        let content = Content { frame, caption, formats, only: None, decimals: None, rows: ROWS };
        Self { content: Opaque::new(content) }
    }

    /// Shows rows of results: columns that have a name of the library's own have the heading that a
    /// reader expects, accuracies are in percent, and hidden layers are counted from one.
    pub fn results(frame: DataFrame, caption: impl Into<String>) -> Self {
        const ACCURACIES: [&str; 4] =
            ["test_accuracy", "first_quartile", "median", "third_quartile"];
        let is_accuracy = |column: &Column| {
            let name = column.name().as_str();
            ACCURACIES.contains(&name) || name.starts_with("ε = ") && column.dtype().is_float()
        };
        let accuracies = frame.columns().iter().filter(|column| is_accuracy(column));
        let accuracies: Vec<_> = accuracies.map(|column| column.name().to_string()).collect();
        let table = Self::new(frame, caption)
            .heading("epsilon", "ε")
            .heading("lambda", "λ")
            .heading("config", "configuration")
            .heading("at_chance", "runs at chance")
            .heading("layer", "hidden layer")
            .counted_from_one("layer");
        accuracies.iter().fold(table, |table, name| table.percent(name))
    }

    /// A table without columns, to be filled by [`texts`](Self::texts) and
    /// [`numbers`](Self::numbers), which are compiled already: a cell that uses them starts sooner.
    pub fn empty(caption: &str) -> Self {
        Self::new(DataFrame::empty(), caption)
    }

    /// Adds a column of texts.
    ///
    /// # Errors
    /// If it is of another length than the columns before.
    pub fn texts<T: AsRef<str>>(self, name: &str, values: &[T]) -> Result<Self> {
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        self.with(Series::new(name.into(), values).into_column())
    }

    /// Adds a column of numbers.
    ///
    /// # Errors
    /// If it is of another length than the columns before.
    pub fn numbers(self, name: &str, values: &[f64]) -> Result<Self> {
        self.with(Series::new(name.into(), values).into_column())
    }

    fn with(mut self, column: Column) -> Result<Self> {
        if self.content.frame.width() > 0 && self.content.frame.height() != column.len() {
            let what = format!("table column {}", column.name());
            let found = format!("{} values", column.len());
            return Err(Error::invalid(what, found, self.content.frame.height().to_string()));
        }
        self.content.frame.with_column(column)?;
        Ok(self)
    }

    /// Shows these columns and no others, in this order; names without a column are ignored.
    pub fn columns(mut self, names: &[&str]) -> Self {
        self.content.only = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Gives a column a heading, with its unit; otherwise its name is the heading.
    pub fn heading(self, column: &str, heading: &str) -> Self {
        self.format(column, |format| format.heading = Some(heading.to_owned()))
    }

    /// Shows a column of fractions in percent, with one decimal.
    pub fn percent(self, column: &str) -> Self {
        self.format(column, |format| format.percent = true)
    }

    /// Shows a column that counts from 0 as one that counts from 1.
    pub fn counted_from_one(self, column: &str) -> Self {
        self.format(column, |format| format.from_one = true)
    }

    /// Shows each number of a column with three significant digits, whatever the others are.
    pub fn significant(self, column: &str) -> Self {
        self.format(column, |format| format.significant = true)
    }

    fn format(mut self, column: &str, change: impl FnOnce(&mut ColumnFormat)) -> Self {
        change(self.content.formats.entry(column.to_owned()).or_default());
        self
    }

    /// Shows all numbers that are not whole with this many decimals, instead of three significant
    /// digits.
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.content.decimals = Some(decimals);
        self
    }

    /// Shows up to `rows` rows; of a longer table the middle is left out.
    pub fn rows(mut self, rows: usize) -> Self {
        self.content.rows = rows.max(2);
        self
    }

    /// The table itself, to compute with.
    pub fn frame(&self) -> &DataFrame {
        &self.content.frame
    }

    /// As HTML without external scripts or styles, so that it is shown in an untrusted notebook too.
    /// Where a page may run scripts, a click on a heading sorts a table of which nothing is left out.
    /// A long table scrolls; its head stays where the page leaves tables their styles.
    pub fn html(&self) -> String {
        let columns = self.prepared();
        let caption = escape(&self.caption());
        let (rows, mut html) = (self.shown(), String::new());
        let is_long = rows.len() > ROWS_TO_SCROLL;
        if is_long {
            html += "<div style=\"max-height: 30em; overflow: auto\">\n";
        }
        html += &format!("<table>\n<caption>{caption}</caption>\n<thead");
        if is_long {
            html +=
                " style=\"position: sticky; top: 0; background: var(--jp-layout-color0, Canvas)\"";
        }
        let can_sort = rows.len() > 2 && rows.iter().all(Option::is_some);
        if can_sort {
            let key = "if (event.key === 'Enter') this.onclick(event)";
            html += &format!(" title=\"sort\" onclick=\"{SORT}\" onkeydown=\"{key}\"");
        }
        html += "><tr>";
        let focus = if can_sort { " tabindex=\"0\"" } else { "" };
        for column in &columns {
            let (align, heading) = (column.align(), escape(&column.heading));
            html += &format!("<th scope=\"col\"{focus}{align}>{heading}</th>");
        }
        html += "</tr></thead>\n<tbody>\n";
        for row in rows {
            html += "<tr>";
            for (place, column) in columns.iter().enumerate() {
                let (align, cell) = (column.align(), escape(column.cell(row)));
                html += &match (place, column.numeric) {
                    (0, false) => format!("<th scope=\"row\"{align}>{cell}</th>"),
                    _ => format!("<td{align}>{cell}</td>"),
                };
            }
            html += "</tr>\n";
        }
        html + if is_long { "</tbody>\n</table>\n</div>" } else { "</tbody>\n</table>" }
    }

    /// As lines of text with aligned columns.
    pub fn text(&self) -> String {
        let columns = self.prepared();
        let line = |cell: &dyn Fn(&Prepared) -> String| {
            let cells = columns.iter().map(|column| column.pad(&cell(column)));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = vec![self.caption(), line(&|column| column.heading.clone())];
        lines.push(line(&|column| "─".repeat(column.width)));
        lines.extend(self.shown().into_iter().map(|row| line(&|column| column.cell(row).into())));
        lines.join("\n")
    }

    /// Shows the table in a notebook; the Rust kernel calls it for a cell's last value.
    pub fn evcxr_display(&self) {
        show::print_value(self);
    }

    /// Shows the table here, before the cell ends; see [`Show`].
    pub fn show(&self) -> Display {
        Show::show(self)
    }

    fn caption(&self) -> String {
        let cut = |all: usize, most: usize, what: &str| {
            (all > most).then(|| format!("the first and last {} of {all} {what}", most / 2))
        };
        let columns = self.columns_to_show();
        let cuts = [
            cut(self.content.frame.height(), self.content.rows, "rows"),
            cut(columns.len(), self.most_columns(), "columns"),
        ];
        match cuts.into_iter().flatten().collect::<Vec<_>>().join(", ") {
            cuts if cuts.is_empty() => self.content.caption.clone(),
            cuts => format!("{} ({cuts})", self.content.caption),
        }
    }

    /// The rows to show; `None` stands for all that are left out.
    fn shown(&self) -> Vec<Option<usize>> {
        ends(self.content.frame.height(), self.content.rows)
    }

    fn most_columns(&self) -> usize {
        if self.content.only.is_some() { usize::MAX } else { COLUMNS }
    }

    fn columns_to_show(&self) -> Vec<&Column> {
        match &self.content.only {
            None => self.content.frame.columns().iter().collect(),
            Some(names) => {
                names.iter().filter_map(|name| self.content.frame.column(name).ok()).collect()
            }
        }
    }

    fn prepared(&self) -> Vec<Prepared> {
        let columns = self.columns_to_show();
        let shown = ends(columns.len(), self.most_columns()).into_iter();
        shown.map(|k| k.map_or_else(Prepared::left_out, |k| self.prepare(columns[k]))).collect()
    }

    fn prepare(&self, column: &Column) -> Prepared {
        let name = column.name().as_str();
        let ColumnFormat { heading, percent, from_one, significant } =
            self.content.formats.get(name).cloned().unwrap_or_default();
        let unit = if percent { " (%)" } else { "" };
        let heading = one_line(&heading.unwrap_or_else(|| words(name) + unit));
        let values: Vec<AnyValue> =
            (0..column.len()).map(|row| column.get(row).unwrap_or(AnyValue::Null)).collect();
        let factor = if percent { 100.0 } else { 1.0 };
        let first = if from_one { 1.0 } else { 0.0 };
        let numbers = || values.iter().filter_map(|v| v.extract::<f64>()).map(|x| x * factor);
        let digits = match self.content.decimals {
            Some(_) if numbers().all(|x| x.fract() == 0.0) => Digits::Decimals(0),
            Some(decimals) => Digits::Decimals(decimals),
            None if percent => Digits::Decimals(1),
            None if significant => Digits::Significant,
            None => Digits::of(numbers()),
        };
        let cells = values.iter().map(|value| match value {
            AnyValue::Null => "–".to_owned(),
            AnyValue::String(text) => one_line(text),
            // A column of one value.
            AnyValue::StringOwned(text) => one_line(text),
            AnyValue::Boolean(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            other if column.dtype().is_float() || percent || from_one => {
                other.extract::<f64>().map_or("–".into(), |x| digits.write(x * factor + first))
            }
            other => one_line(&other.to_string()),
        });
        Prepared::new(heading, column.dtype().is_primitive_numeric(), cells.collect())
    }
}

/// The name of a column as words; names of conditions and of rates are written as everywhere.
fn words(name: &str) -> String {
    let is_name = |word: &str| word.parse::<Condition>().is_ok() || word.starts_with("lr_");
    let word = |word: &str| if is_name(word) { word.to_owned() } else { word.replace('_', " ") };
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

impl Show for Table {
    fn formats(&self) -> Formats {
        vec![("text/html", self.html()), ("text/plain", self.text())]
    }
}

/// The places of `all` things, or of at most `most`, an even number, from both ends with `None`
/// between them.
fn ends(all: usize, most: usize) -> Vec<Option<usize>> {
    if all <= most {
        return (0..all).map(Some).collect();
    }
    let half = most / 2;
    (0..half).map(Some).chain([None]).chain((all - half..all).map(Some)).collect()
}

/// A text without line ends, tabs and what else moves the cursor.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ")
}

/// A column ready to be written.
struct Prepared {
    heading: String,
    numeric: bool,
    /// One a row; none if the column stands for others that are left out.
    cells: Vec<String>,
    /// Of the widest text: letters of some scripts are two wide, accents nothing.
    width: usize,
}

impl Prepared {
    fn new(heading: String, numeric: bool, cells: Vec<String>) -> Self {
        let width = cells.iter().chain([&heading]).map(|text| text.width()).max().unwrap_or(0);
        Self { heading, numeric, cells, width }
    }

    fn left_out() -> Self {
        Self::new("…".to_owned(), false, Vec::new())
    }

    /// The text of a row; `None` stands for rows that are left out.
    fn cell(&self, row: Option<usize>) -> &str {
        row.and_then(|row| self.cells.get(row)).map_or("…", String::as_str)
    }

    fn pad(&self, cell: &str) -> String {
        let room = " ".repeat(self.width.saturating_sub(cell.width()));
        if self.numeric { room + cell } else { cell.to_owned() + &room }
    }

    fn align(&self) -> &'static str {
        if self.numeric { " style=\"text-align: right\"" } else { " style=\"text-align: left\"" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::*;

    fn table() -> Table {
        let frame = df!(
            "condition" => ["e_ln", "a<b"],
            "epsilon" => [0.75, 0.5],
            "test_accuracy" => [Some(0.79912), None],
            "learning_rate" => [0.00980991793709362, 0.00112],
            "seed" => [0i64, 12],
        );
        Table::new(frame.unwrap(), "One row a run & more").percent("test_accuracy")
    }

    #[test]
    fn names_of_conditions_and_rates_stay_as_they_are() {
        let heading = |name: &str| Table::empty("").numbers(name, &[1.0]).unwrap().text();
        for name in ["inorm_none", "lr_w_ie", "less e_ln"] {
            assert!(heading(name).contains(name), "{}", heading(name));
        }
        assert!(heading("test_accuracy").contains("test accuracy"));
    }

    #[test]
    fn significant_digits_do_not_depend_on_the_other_numbers() {
        let table = Table::empty("").numbers("w", &[1.72, 0.000923, 0.0435]).unwrap();
        let text = table.significant("w").text();
        for number in ["1.72", "0.000923", "0.0435"] {
            assert!(text.contains(number), "{text}");
        }
    }

    #[test]
    fn text_is_aligned_with_units_and_sensible_digits() {
        assert_eq!(
            table().heading("epsilon", "ε").text(),
            "One row a run & more\n\
             condition     ε  test accuracy (%)  learning rate  seed\n\
             ─────────  ────  ─────────────────  ─────────────  ────\n\
             e_ln       0.75               79.9        0.00981     0\n\
             a<b        0.50                  –        0.00112    12"
        );
    }

    #[test]
    fn a_column_of_one_text_has_no_quotes() {
        let frame = df!("name" => ["e_ln"], "test_accuracy" => [0.5]).unwrap();
        let text = Table::new(frame, "One").percent("test_accuracy").text();
        assert_eq!(text.lines().last(), Some("e_ln               50.0"), "{text}");
    }

    #[test]
    fn results_have_the_headings_that_a_reader_expects() {
        let frame = df!(
            "config" => [13i32], "epsilon" => [0.75], "layer" => [0i32],
            "test_accuracy" => [0.79912], "ε = 0" => [30u32], "ε = 0.75" => [0.853],
        );
        let text = Table::results(frame.unwrap(), "One").text();
        let lines: Vec<_> = text.lines().map(|line| line.split("  ").map(str::trim)).collect();
        let words = |k: usize| lines[k].clone().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        let headings = ["configuration", "ε", "hidden layer", "test accuracy (%)", "ε = 0"];
        assert_eq!(words(1)[..5], headings, "{text}");
        assert_eq!(words(3), ["13", "0.75", "1", "79.9", "30", "85.3"], "{text}");
    }

    #[test]
    fn columns_can_be_added_one_by_one() {
        let table = Table::empty("Two").texts("name", &["a", "b"]).unwrap();
        let wrong = table.clone().numbers("n", &[1.0]).unwrap_err().to_string();
        assert_eq!(wrong, "table column n: 1 values is not valid; expected 2");
        let table = table.numbers("n", &[1.0, 0.5]).unwrap();
        let fine = table.clone().numbers("k", &[10.0, 7.0]).unwrap().decimals(2).text();
        assert_eq!(fine.lines().last(), Some("b     0.50   7"));
        let text = table.text();
        assert_eq!(text, "Two\nname    n\n────  ───\na     1.0\nb     0.5");
    }

    #[test]
    fn chosen_columns_come_in_the_order_asked_for() {
        let text = table().columns(&["seed", "condition", "nothing"]).text();
        assert_eq!(text.lines().nth(1), Some("seed  condition"));
        assert_eq!(text.lines().nth(3), Some("   0  e_ln"));
    }

    #[test]
    fn what_counts_from_0_can_be_shown_from_1() {
        let frame = df!("layer" => [0i32, 1], "mean" => [0.5, 0.25]).unwrap();
        let table = Table::new(frame.clone(), "Two").counted_from_one("layer").decimals(2);
        assert_eq!(table.text(), "Two\nlayer  mean\n─────  ────\n    1  0.50\n    2  0.25");
        assert!(table.frame().equals(&frame));
    }

    #[test]
    fn every_row_is_one_line_with_its_columns_where_they_belong() {
        let texts = ["two\nlines\tand\r\u{2028}more", "日本語", "e\u{301}te\u{301}", "🙂", ""];
        let table = Table::empty("Odd").texts("text\nof", &texts).unwrap();
        let table = table.numbers("n", &[1e38, -1e38, 0.0, 12.0, 1e-30]).unwrap();
        let text = table.text();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 2 + 5, "{text}");
        assert!(lines.iter().all(|line| line.width() == lines[0].width()), "{text}");
        assert!(text.contains("two lines and  more  ") && text.contains("−1.00e38"), "{text}");
        assert!(!table.html().contains("two\n"));
    }

    #[test]
    fn wide_tables_lose_their_middle_unless_columns_are_named() {
        let names: Vec<String> = (0..300).map(|k| format!("c{k}")).collect();
        let wide = names.iter().fold(Table::empty("Wide"), |table, name| {
            table.numbers(name, &[1.0, 2.0, 3.0]).unwrap()
        });
        let text = wide.clone().rows(2).text();
        let lines: Vec<_> = text.lines().collect();
        let cuts = "(the first and last 1 of 3 rows, the first and last 20 of 300 columns)";
        assert_eq!(lines[0], format!("Wide {cuts}"));
        assert!(lines[1].contains("c18  c19  …  c280  c281"), "{text}");
        assert!(lines.iter().all(|line| line.split_whitespace().count() <= 41), "{text}");
        assert_eq!(wide.html().matches("<th scope=\"col\"").count(), 41);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = wide.columns(&names);
        assert_eq!(all.html().matches("<th scope=\"col\"").count(), 300);
        assert_eq!(all.text().lines().next(), Some("Wide"));
    }

    #[test]
    fn html_is_escaped_and_names_what_heads_what() {
        let html = table().html();
        assert!(html.starts_with("<table>\n<caption>One row a run &amp; more</caption>"));
        assert!(html.contains("<th scope=\"col\" style=\"text-align: left\">condition</th>"));
        assert!(html.contains("<th scope=\"row\" style=\"text-align: left\">a&lt;b</th>"));
        assert!(html.contains("<td style=\"text-align: right\">79.9</td>"));
        assert!(!html.contains("<script") && !html.contains("a<b") && !html.contains("onclick"));
    }

    #[test]
    fn long_tables_scroll_and_whole_ones_can_be_sorted() {
        let html = |rows: u32| {
            let values: Vec<f64> = (0..rows).map(f64::from).collect();
            Table::empty("Rows").numbers("n", &values).unwrap().html()
        };
        let traits = [2, 15, 16, 41].map(|rows| {
            let html = html(rows);
            assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
            (html.contains("overflow: auto"), html.contains("onclick"))
        });
        assert_eq!(traits, [(false, false), (false, true), (true, true), (true, false)]);
        // It stands between double quotes.
        assert!(!SORT.contains('"') && !SORT.contains('&'));
    }

    #[test]
    fn long_tables_lose_their_middle_and_say_so() {
        let frame = df!("run" => (0..100i64).collect::<Vec<_>>()).unwrap();
        let table = Table::new(frame, "Runs").rows(4);
        let expected = "Runs (the first and last 2 of 100 rows)\nrun\n───\n  0\n  1\n  …\n 98\n 99";
        assert_eq!(table.text(), expected);
        assert_eq!(table.html().matches("<tr>").count(), 1 + 5);
    }
}
