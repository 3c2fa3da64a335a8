//! The floors: imports go down only. The table is in ARCHITECTURE.md, so that people and this test read the same one.

use std::collections::{BTreeMap, BTreeSet};

use fishpond_tests::house::{root, sources};

use super::{nobody, room};

/// For each room the rooms that it may import.
type Floors = BTreeMap<String, BTreeSet<String>>;

/// Reads the table `| floor | rooms | may import |`. A room is a word in backquotes; the third column names rooms, or
/// floors as `0` or `0-2`, or `everything`. In the second column a room may be followed by more that it alone may
/// import: `codec` (`model`).
fn parse(page: &str) -> Floors {
    let rows = page.lines().skip_while(|line| !is_head(line)).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(cells).collect();
    let on_floor: BTreeMap<usize, Vec<String>> = rows
        .iter()
        .filter_map(|row| Some((row[0].parse().ok()?, rooms(row[1]).into_iter().map(|(room, _)| room).collect())))
        .collect();
    let all: BTreeSet<String> = on_floor.values().flatten().cloned().collect();
    let mut floors = Floors::new();
    for row in &rows {
        let common: BTreeSet<String> = match row[2].contains("everything") {
            true => all.clone(),
            false => named_floors(row[2])
                .into_iter()
                .flat_map(|floor| on_floor.get(&floor).cloned().unwrap_or_default())
                .chain(quoted(row[2]))
                .collect(),
        };
        for (room, own) in rooms(row[1]) {
            floors.insert(room, common.iter().cloned().chain(own).collect());
        }
    }
    floors
}

fn is_head(line: &str) -> bool {
    let cells = cells(line);
    cells.len() >= 3 && cells[0] == "floor" && cells[1] == "rooms" && cells[2] == "may import"
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// Words in backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rooms of a floor, each with what it alone may import.
fn rooms(text: &str) -> Vec<(String, Vec<String>)> {
    let mut rooms: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 0 {
            inside = if part.contains('(') {
                !part.contains(')') || part.rfind('(') > part.rfind(')')
            } else {
                inside && !part.contains(')')
            };
        } else if inside {
            rooms.last_mut().expect("a room before its bracket").1.push(part.to_owned());
        } else {
            rooms.push((part.to_owned(), Vec::new()));
        }
    }
    rooms
}

/// Numbers and ranges of numbers outside of backquotes.
fn named_floors(text: &str) -> Vec<usize> {
    let plain: String = text.split('`').step_by(2).collect();
    let mut floors = Vec::new();
    for word in plain.split(|c: char| !(c.is_ascii_digit() || c == '-' || c == '–')) {
        let ends: Vec<usize> = word.split(['-', '–']).filter_map(|end| end.parse().ok()).collect();
        if let [first, .., last] | [first @ last] = ends[..] {
            floors.extend(first..=last);
        }
    }
    floors
}

/// Rooms that a file names: `crate::room::..` and `crate::{room, ..}`.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(heads(list)),
            None => found.extend(word(rest)),
        }
    }
    found
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first words of a list in braces.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && depth == 0 && !c.is_whitespace() => {
                heads.extend(word(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

#[test]
fn imports_go_down_only() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let floors = parse(&page);
    assert!(floors.len() > 15, "the table of floors was not found in ARCHITECTURE.md: {floors:?}");
    let mut offenders = Vec::new();
    for source in sources(&["host/src"], ".rs") {
        let own = room(&source.path);
        if own == "lib" {
            continue;
        }
        let Some(allowed) = floors.get(own) else {
            offenders.push(format!("{}: the room `{own}` has no floor in ARCHITECTURE.md", source.path));
            continue;
        };
        let foreign = imports(&source.text).into_iter().filter(|room| room != own && !allowed.contains(room));
        offenders.extend(foreign.map(|room| format!("{}: `{own}` may not import `{room}`", source.path)));
    }
    nobody("imports go down only, by the table of floors in ARCHITECTURE.md", offenders);
}

#[test]
fn the_table_and_imports_are_read() {
    let page = "# x\n| floor | rooms | may import |\n|---|---|---|\n| 0 | `a`, `b` (`a`) | nothing of ours |\n| 1 | `c` (also `d`), `d` | 0 |\n| 2 | `e` | 0-1 |\n| 3 | `f` | everything |\n\ntext\n";
    let floors = parse(page);
    let allowed = |room: &str| floors[room].iter().map(String::as_str).collect::<Vec<_>>().join("");
    assert_eq!(["a", "b", "c", "d", "e", "f"].map(allowed), ["", "a", "abd", "ab", "abcd", "abcdef"]);
    let text = "use crate::model::{A, b};\n// crate::no\nuse crate::{\n    shards::{x, y}, Z, api,\n};\nlet a = crate::codec::B; $crate::none";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["api", "codec", "model", "shards"]);
}
