//! Fitting text into columns. Widths are counted in characters.

/// The lines of `text` at most `width` wide, broken at spaces where there are any. The lines after
/// the first are indented by `indent`. There is at least one line.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(indent + 1);
    let mut lines = Vec::new();
    let (mut line, mut used, mut has_word) = (String::new(), 0, false);
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(has_word);
            if used + gap + word.len() <= width {
                line.extend(std::iter::repeat_n(' ', gap));
                line.extend(&word);
                used += gap + word.len();
                has_word = true;
                break;
            }
            // A word that is longer than a line is broken; any other goes to the next line.
            if !has_word {
                line.extend(word.drain(..width - used));
            }
            lines.push(std::mem::take(&mut line));
            line.extend(std::iter::repeat_n(' ', indent));
            (used, has_word) = (indent, false);
        }
    }
    lines.push(line);
    lines
}

/// Widths for columns that would like to have `wanted`, in all at most `room` where that is
/// possible with at least one character each. Narrow columns get what they want; the wide ones
/// share the rest evenly.
pub(crate) fn share(wanted: &[usize], room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&column| wanted[column]);
    let mut widths = vec![0; wanted.len()];
    let mut left = room;
    for (done, &column) in order.iter().enumerate() {
        let fair = left / (order.len() - done);
        widths[column] = wanted[column].min(fair).max(1);
        left = left.saturating_sub(widths[column]);
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_to_the_next_line_and_long_ones_are_broken() {
        assert_eq!(wrap("ab cd ef", 5, 1), ["ab cd", " ef"]);
        assert_eq!(wrap("abcdefgh", 3, 1), ["abc", " de", " fg", " h"]);
        assert_eq!(wrap("a abcdef", 4, 1), ["a", " abc", " def"]);
        assert_eq!(wrap("", 5, 1), [""]);
    }

    #[test]
    fn no_line_is_wider_than_asked_and_no_character_is_lost() {
        let text = "+i_data_sem 12 (w) after 3  and abcdefghijklmnop";
        for width in 2..60 {
            let lines = wrap(text, width, 1);
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{width}"
            );
            let kept: String = lines.concat().split(' ').collect();
            assert_eq!(kept, text.split(' ').collect::<String>());
        }
    }

    #[test]
    fn narrow_columns_leave_their_room_to_wide_ones() {
        assert_eq!(share(&[10, 90], 60), [10, 50]);
        assert_eq!(share(&[90, 90, 5], 65), [30, 30, 5]);
        assert_eq!(share(&[10, 20], 60), [10, 20]);
        assert_eq!(share(&[4, 4], 0), [1, 1]);
    }
}
