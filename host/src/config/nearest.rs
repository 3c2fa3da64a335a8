//! "Did you mean": the known name with the fewest typing mistakes between.

/// The nearest of the known names, if it is near enough to have been meant.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let reach = name.chars().count() / 3 + 1;
    let by_distance = known.map(|known| (distance(name, &known), known));
    // `limits.` is easily forgotten, and says nothing about which limit was meant.
    let by_distance = by_distance.map(|(mistakes, known)| {
        let bare = known.rsplit_once('.').map_or(mistakes, |(_, last)| distance(name, last));
        (mistakes.min(bare), known)
    });
    by_distance.filter(|(mistakes, _)| *mistakes <= reach).min().map(|(_, known)| known)
}

/// Levenshtein's: insertions, deletions and replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let known = || ["data", "listen", "limits.event_bytes", "limits.data_bytes"].map(str::to_owned).into_iter();
        assert_eq!(nearest("limits.event_byte", known()).as_deref(), Some("limits.event_bytes"));
        assert_eq!(nearest("event_bytes", known()).as_deref(), Some("limits.event_bytes"));
        assert_eq!(nearest("lisen", known()).as_deref(), Some("listen"));
        assert_eq!(nearest("colour", known()), None);
    }

    #[test]
    fn distances_count_mistakes() {
        for (a, b, mistakes) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), mistakes, "{a} {b}");
        }
    }
}
