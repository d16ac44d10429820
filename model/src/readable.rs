//! States for people: named values, and a drawing.
//!
//! The drawing is a grid in SVG. Each row is one layer of the system (the page cache, the mapping,
//! the disk), each column one block, so that a column shows a block from the user's side down to
//! the medium. A cell's colour says in what condition it is, its text says what it holds.

use crate::file::{Content, Disk, Extent, Folio, Inode};
use std::fmt::{self, Write};

/// A state that can be shown.
pub trait Readable {
    /// The state as named values, in reading order. Every state of a model has the same names.
    fn variables(&self) -> Vec<(&'static str, String)>;

    /// The state as a drawing.
    fn picture(&self) -> Picture;
}

/// Writes the named values one to a line, as a `Debug` implementation for the explorer, or in one
/// line if the alternate form is not asked for.
pub fn fmt_variables(state: &impl Readable, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, (name, value)) in state.variables().into_iter().enumerate() {
        let separator = match (index, f.alternate()) {
            (0, _) => "",
            (_, true) => "\n",
            (_, false) => " | ",
        };
        write!(f, "{separator}{name} {value}")?;
    }
    Ok(())
}

/// The drawing of a state, as SVG.
pub fn drawing(state: &impl Readable) -> String {
    state.picture().svg()
}

/// The elements with a space between them.
pub fn spaced<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(" ")
}

/// In what condition a cell is; its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    /// Nothing is there.
    Empty,
    /// Reserved, promised or pending.
    Pending,
    /// Newer than what is below it.
    Dirty,
    /// On its way.
    Moving,
    /// As it should be at rest.
    Settled,
    /// Not the owner's.
    Foreign,
}

impl Shade {
    fn colour(self) -> &'static str {
        match self {
            Self::Empty => "#ffffff",
            Self::Pending => "#fff2b3",
            Self::Dirty => "#f7c6a3",
            Self::Moving => "#c9d7f8",
            Self::Settled => "#c8e6c9",
            Self::Foreign => "#e0e0e0",
        }
    }
}

/// One cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What it holds, in a few characters.
    pub text: String,
    /// In what condition.
    pub shade: Shade,
}

impl Cell {
    /// A cell.
    pub fn new(text: impl fmt::Display, shade: Shade) -> Self {
        Self {
            text: text.to_string(),
            shade,
        }
    }
}

impl Cell {
    /// A folio.
    pub fn of_folio(folio: &Folio) -> Self {
        let shade = match folio {
            Folio::Absent => Shade::Empty,
            Folio::Present {
                writeback: true, ..
            } => Shade::Moving,
            Folio::Present { dirty: true, .. } => Shade::Dirty,
            Folio::Present { .. } => Shade::Settled,
        };
        Self::new(folio, shade)
    }

    /// What a block is mapped to.
    pub fn of_extent(extent: &Extent) -> Self {
        let shade = match extent {
            Extent::Hole => Shade::Empty,
            Extent::Delayed => Shade::Pending,
            Extent::Unwritten(_) => Shade::Moving,
            Extent::Written(_) => Shade::Settled,
        };
        Self::new(extent, shade)
    }

    /// What a block of the disk holds.
    pub fn of_content(content: &Content) -> Self {
        let shade = match content {
            Content::Garbage => Shade::Foreign,
            Content::Data(_) => Shade::Settled,
        };
        Self::new(content, shade)
    }
}

/// Rows of cells under a line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What is not of one block: sizes, who waits for what.
    pub caption: Vec<String>,
    /// The rows from top to bottom, each with its name.
    pub rows: Vec<(&'static str, Vec<Cell>)>,
}

/// Width of a cell, in SVG units.
const CELL_WIDTH: usize = 64;
/// Height of a cell and of a line of text.
const CELL_HEIGHT: usize = 26;
/// Width of the rows' names.
const NAME_WIDTH: usize = 130;
/// The colour behind all, for pages that are dark.
const PAPER: &str = "#f7f7f2";
/// Width of a character of the caption, generously.
const CHARACTER_WIDTH: usize = 8;

impl Picture {
    /// The variables of these names as a caption, and no rows yet.
    pub fn captioned(state: &impl Readable, shown: &[&str]) -> Self {
        let variables = state.variables().into_iter();
        let caption = variables.filter(|(name, _)| shown.contains(name));
        Self {
            caption: caption
                .map(|(name, value)| format!("{name}: {value}"))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// With a row below the others.
    pub fn with_row(mut self, name: &'static str, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.rows.push((name, cells.into_iter().collect()));
        self
    }

    /// With the rows of a file: its folios and mapping in memory, and on disk what has committed
    /// and what the blocks hold.
    pub fn with_file(self, folios: &[Folio], inode: &Inode, disk: &Disk) -> Self {
        let extents = |extents: &[Extent]| extents.iter().map(Cell::of_extent).collect::<Vec<_>>();
        self.with_row("page cache", folios.iter().map(Cell::of_folio))
            .with_row("mapping", extents(&inode.extents))
            .with_row("committed", extents(&disk.committed.extents))
            .with_row("medium", disk.medium.iter().map(Cell::of_content))
    }

    /// The picture as an SVG element.
    pub fn svg(&self) -> String {
        let columns = self.rows.iter().map(|(_, cells)| cells.len()).max();
        let longest = self.caption.iter().map(|line| line.chars().count()).max();
        let grid = NAME_WIDTH + columns.unwrap_or(0) * CELL_WIDTH;
        let width = grid.max(longest.unwrap_or(0) * CHARACTER_WIDTH) + 10;
        let height = (self.rows.len() + self.caption.len()) * CELL_HEIGHT + 10;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"monospace\" font-size=\"12\">\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{PAPER}\"/>"
        );
        let mut top = 0;
        for line in &self.caption {
            text(&mut svg, 4, top, line);
            top += CELL_HEIGHT;
        }
        for (name, cells) in &self.rows {
            text(&mut svg, 4, top, name);
            for (index, cell) in cells.iter().enumerate() {
                let left = NAME_WIDTH + index * CELL_WIDTH;
                let (width, height) = (CELL_WIDTH - 2, CELL_HEIGHT - 2);
                let colour = cell.shade.colour();
                let _ = write!(
                    svg,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
                     fill=\"{colour}\" stroke=\"#555555\"/>"
                );
                text(&mut svg, left + 4, top, &cell.text);
            }
            top += CELL_HEIGHT;
        }
        svg.push_str("</svg>");
        svg
    }
}

/// A line of text in the row that begins at `top`.
fn text(svg: &mut String, left: usize, top: usize, line: &str) {
    let base = top + CELL_HEIGHT - 9;
    let _ = write!(svg, "<text x=\"{left}\" y=\"{base}\">");
    for character in line.chars() {
        match character {
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '&' => svg.push_str("&amp;"),
            other => svg.push(other),
        }
    }
    svg.push_str("</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_box_for_each_cell_and_escapes_its_text() {
        let picture = Picture {
            caption: vec!["size <2>".into()],
            rows: vec![(
                "mapping",
                vec![Cell::new("a&b", Shade::Dirty), Cell::new("-", Shade::Empty)],
            )],
        };
        let svg = picture.svg();
        // The first is the paper.
        assert_eq!(svg.matches("<rect ").count(), 3);
        assert!(svg.contains("size &lt;2&gt;") && svg.contains("a&amp;b"));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    }
}
