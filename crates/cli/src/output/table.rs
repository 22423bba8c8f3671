//! Tables that fit into a width: columns are dropped by their importance, the widest text is cut.

use crate::output::{Line, Tone};

/// Columns between two cells.
const GAP: usize = 2;
/// A column whose text may be cut keeps at least this width while there are columns to drop.
const MIN_WIDTH: usize = 16;
/// The same of a column that is never dropped.
const MIN_KEPT_WIDTH: usize = 32;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The title.
    pub title: &'static str,
    /// 0 is never dropped; of the others, the largest is dropped first.
    pub rank: u8,
    /// `true` to align its cells to the right.
    pub is_number: bool,
    /// `true` if its text may be cut.
    pub can_cut: bool,
}

impl Column {
    /// A column of text that may be cut.
    pub const fn text(title: &'static str, rank: u8) -> Self {
        Self { title, rank, is_number: false, can_cut: true }
    }

    /// A column of words that are never cut.
    pub const fn word(title: &'static str, rank: u8) -> Self {
        Self { can_cut: false, ..Self::text(title, rank) }
    }

    /// A column of numbers, aligned to the right.
    pub const fn number(title: &'static str, rank: u8) -> Self {
        Self { is_number: true, ..Self::word(title, rank) }
    }
}

/// Lays out rows, each with one cell per column, under a row of titles. Columns without any text are left out.
///
/// ```
/// use session_groups_cli::output::table::{Column, layout};
/// use session_groups_cli::output::Line;
///
/// let columns = [Column::text("GROUP", 0), Column::number("SPENT", 1), Column::text("NOTE", 2)];
/// let rows = vec![vec![Line::from("payments"), Line::from("$3.87"), Line::new()]];
/// let lines = layout(&columns, rows, 80);
/// assert_eq!(lines.iter().map(|line| line.to_text(false)).collect::<Vec<_>>(), ["GROUP     SPENT", "payments  $3.87"]);
/// ```
pub fn layout(columns: &[Column], rows: Vec<Vec<Line>>, width: usize) -> Vec<Line> {
    let titles = columns.iter().map(|column| Line::new().with(Tone::Strong, column.title)).collect();
    aligned(columns, Some(titles), rows, width)
}

/// Lays out rows without titles.
pub fn layout_untitled(columns: &[Column], rows: Vec<Vec<Line>>, width: usize) -> Vec<Line> {
    aligned(columns, None, rows, width)
}

fn aligned(
    columns: &[Column],
    titles: Option<Vec<Line>>,
    mut rows: Vec<Vec<Line>>,
    width: usize,
) -> Vec<Line> {
    let is_used = |index: usize| rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.is_empty()));
    let mut shown: Vec<usize> = (0..columns.len()).filter(|index| is_used(*index)).collect();
    if let Some(titles) = titles {
        rows.insert(0, titles);
    }
    let natural: Vec<usize> = (0..columns.len())
        .map(|index| rows.iter().filter_map(|row| row.get(index)).map(Line::width).max().unwrap_or(0))
        .collect();
    while smallest(columns, &natural, &shown) > width {
        let Some(dropped) = shown.iter().copied().max_by_key(|index| (columns[*index].rank, *index)) else {
            break;
        };
        if columns[dropped].rank == 0 {
            break;
        }
        shown.retain(|index| *index != dropped);
    }
    let widths = fitted(columns, &natural, &shown, width);
    rows.into_iter().map(|row| joined(columns, row, &shown, &widths).cut(width)).collect()
}

/// The width below which the columns cannot be brought by cutting text.
fn smallest(columns: &[Column], natural: &[usize], shown: &[usize]) -> usize {
    let least = |index: &usize| match columns[*index] {
        Column { can_cut: false, .. } => natural[*index],
        Column { rank: 0, .. } => natural[*index].min(MIN_KEPT_WIDTH),
        Column { .. } => natural[*index].min(MIN_WIDTH),
    };
    shown.iter().map(least).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

/// The widths of the shown columns: the widest that may be cut is cut until all fit, those that are never dropped last.
fn fitted(columns: &[Column], natural: &[usize], shown: &[usize], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = shown.iter().map(|index| natural[*index]).collect();
    let gaps = GAP * shown.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let least = |at: &usize| if columns[shown[*at]].rank == 0 { 1 } else { MIN_WIDTH };
        let cuttable = (0..shown.len()).filter(|at| columns[shown[*at]].can_cut && widths[*at] > least(at));
        let Some(widest) = cuttable.max_by_key(|at| (columns[shown[*at]].rank > 0, widths[*at])) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

fn joined(columns: &[Column], mut row: Vec<Line>, shown: &[usize], widths: &[usize]) -> Line {
    let last = shown.iter().rposition(|index| row.get(*index).is_some_and(|cell| !cell.is_empty()));
    let mut line = Line::new();
    for (at, index) in shown.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
        let cell = row.get_mut(*index).map(std::mem::take).unwrap_or_default().cut(widths[at]);
        if at > 0 {
            line.push(Tone::Plain, &" ".repeat(GAP));
        }
        line = if columns[*index].is_number {
            line.plain(&" ".repeat(widths[at].saturating_sub(cell.width()))).and(cell)
        } else if Some(at) == last {
            line.and(cell)
        } else {
            line.and(cell.padded(widths[at]))
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::text("GROUP", 0),
        Column::word("STATUS", 0),
        Column::number("SPENT", 1),
        Column::text("NOTE", 2),
    ];

    fn table(width: usize) -> Vec<String> {
        let row = |cells: [&str; 4]| cells.map(Line::from).to_vec();
        let rows = vec![
            row(["20260822-101500-payments", "running", "$3.87", "waits for a usage limit"]),
            row(["支付系统", "paused", "$12.00", ""]),
        ];
        let lines = layout(&COLUMNS, rows, width);
        assert!(lines.iter().all(|line| line.width() <= width));
        lines.iter().map(|line| line.to_text(false)).collect()
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_eq!(
            table(80),
            [
                "GROUP                     STATUS    SPENT  NOTE",
                "20260822-101500-payments  running   $3.87  waits for a usage limit",
                "支付系统                  paused   $12.00",
            ]
        );
    }

    #[test]
    fn text_is_cut_before_columns_are_dropped() {
        assert_eq!(table(62)[1], "20260822-101500-payments  running   $3.87  waits for a usage…");
        assert_eq!(table(44)[1], "20260822-101500-payments  running   $3.87");
        assert_eq!(table(34)[1], "20260822-101500-payments  running");
        assert_eq!(table(20)[1], "20260822-1…  running");
    }

    #[test]
    fn a_column_without_text_is_left_out() {
        let lines = layout(&COLUMNS, vec![["a", "b", "", ""].map(Line::from).to_vec()], 80);
        assert_eq!(lines[0].to_text(false), "GROUP  STATUS");
    }

    #[test]
    fn what_can_be_neither_cut_nor_dropped_is_cut_at_the_edge() {
        assert!(
            layout(&COLUMNS, vec![["a", "completed", "", ""].map(Line::from).to_vec()], 5)[1].width() <= 5
        );
    }
}
