//! Insertions into a text, around parts of it that lie in each other.

use std::ops::Range;

/// A piece of an insertion, and the mutant that it is.
pub struct Piece {
    pub text: String,
    pub id: Option<u32>,
}

/// Where a mutant is in the new text, and where all that it was put around: `(id, own, node)`.
pub type Place = (u32, (usize, usize), (usize, usize));

/// What is put around one part of the text.
struct Around {
    part: Range<usize>,
    before: Vec<Piece>,
    after: String,
}

/// Insertions that have been asked for.
#[derive(Default)]
pub struct Insertions {
    // In the order of a walk that comes to a part before the parts in it.
    around: Vec<Around>,
}

impl Insertions {
    /// Puts `before` and `after` around the `part`, inside of what was put around the same part, or
    /// one with it in it, before.
    pub fn put(&mut self, part: Range<usize>, before: Vec<Piece>, after: String) {
        self.around.push(Around {
            part,
            before,
            after,
        });
    }

    /// The text with everything that was put into it.
    pub fn apply(self, source: &str) -> (String, Vec<Place>) {
        // What ends at a place comes before what begins there, the inner before the outer.
        let ends = self.around.iter().enumerate().map(|(number, around)| {
            let inner_first = -(number as i64);
            ((around.part.end, 0, inner_first), number)
        });
        let begins = self.around.iter().enumerate();
        let begins = begins.map(|(number, around)| ((around.part.start, 1, number as i64), number));
        let mut order = ends.chain(begins).collect::<Vec<_>>();
        order.sort_unstable();

        let mut text = String::with_capacity(source.len() * 4);
        let mut copied = 0;
        let mut nodes = vec![(0, 0); self.around.len()];
        let mut owns = Vec::new();
        for ((at, side, _), number) in order {
            text.push_str(&source[copied..at]);
            copied = at;
            let around = &self.around[number];
            if side == 0 {
                text.push_str(&around.after);
                nodes[number].1 = text.len();
                continue;
            }
            nodes[number].0 = text.len();
            for piece in &around.before {
                let start = text.len();
                text.push_str(&piece.text);
                if let Some(id) = piece.id {
                    owns.push((id, (start, text.len()), number));
                }
            }
        }
        text.push_str(&source[copied..]);
        let places = owns.into_iter();
        let places = places.map(|(id, own, number)| (id, own, nodes[number]));
        (text, places.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, id: u32) -> Piece {
        Piece {
            text: text.to_owned(),
            id: Some(id),
        }
    }

    #[test]
    fn what_lies_in_each_other_stays_so_and_says_where() {
        let mut insertions = Insertions::default();
        insertions.put(0..5, vec![piece("[", 1), piece("<", 2)], ">]".to_owned());
        insertions.put(0..1, vec![piece("(", 3)], ")".to_owned());
        insertions.put(4..5, vec![piece("{", 4)], "}".to_owned());
        let (text, places) = insertions.apply("a + b;");
        assert_eq!(text, "[<(a) + {b}>];");
        assert_eq!(places[0], (1, (0, 1), (0, 13)));
        assert_eq!(places[1], (2, (1, 2), (0, 13)));
        assert_eq!(places[2], (3, (2, 3), (2, 5)));
        assert_eq!(places[3], (4, (8, 9), (8, 11)));
    }
}
