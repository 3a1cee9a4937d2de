//! The house rules that a compiler does not know: who may import whom, how long a file may be, what stands where.
//!
//! The rules are those of ARCHITECTURE.md. Where the code cannot keep one, the exception stands here with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room → the rooms that it may import. A room not listed here fails: say where it belongs.
const IMPORTS: &[(&str, &[&str])] = &[
    ("main", &["cli", "config", "server", "store"]),
    // The commands put the program together, so they see every room that they join.
    ("cli", &["api", "clock", "config", "error", "names", "pb", "rest", "server", "services", "store", "telemetry"]),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("server", &["services", "rest", "api", "error"]),
    ("rest", &["pb", "error"]),
    ("services", &["api", "domain", "store", "names", "pb", "error"]),
    ("api", &["store", "names", "pb", "error", "clock"]),
    ("domain", &["pb", "names", "error"]),
    ("store", &[]),
    ("error", &[]),
    ("names", &["error"]),
    ("clock", &["error"]),
    ("pb", &[]),
];

/// Imports of one item from a room that is otherwise closed: file, path, why.
const DOORS: &[(&str, &str, &str)] = &[
    ("src/error.rs", "store::Fault", "what went wrong below becomes an error here"),
    ("src/server/auth.rs", "pb::coaching::access::v1::Role", "the role that a header names"),
    ("src/services/filter.rs", "clock::Micros", "an instant as a number, not the clock"),
];

/// What of the store is an engine's.
const ENGINES: &[&str] = &["store::Engine", "store::memory", "store::sled", "store::Commit", "store::Put"];

/// `unwrap` and `expect` that may stand outside tests: file, the line's text, why it cannot fail.
const UNWRAPS: &[(&str, &str, &str)] = &[];

/// Where an engine may be called by its name.
const ENGINE_NAMES: &[&str] = &["src/config.rs", "src/config/", "src/cli/", "src/store/sled/", "src/store/mod.rs"];

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The code outside `#[cfg(test)]`, without comments and with texts emptied, line by line.
    fn code(&self) -> Vec<(usize, String)> {
        if self.is_test() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        let mut skipping: Option<i64> = None;
        let mut pending = false;
        for (number, line) in blanked(&self.text).lines().enumerate() {
            let depth = line.matches('{').count() as i64 - line.matches('}').count() as i64;
            if let Some(open) = skipping {
                let open = open + depth;
                skipping = (open > 0).then_some(open);
            } else if pending {
                // The item behind the attribute: a block is skipped to its end, a line alone is one item.
                let attribute = line.trim_start().starts_with("#[");
                pending = attribute || !(line.contains('{') || line.trim_end().ends_with(';'));
                skipping = (depth > 0).then_some(depth);
            } else if line.trim_start().starts_with("#[cfg(test)]") {
                pending = true;
            } else {
                lines.push((number + 1, line.to_owned()));
            }
        }
        lines
    }

    /// Whether the whole file is compiled for tests only, by the habit of this house.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let tested = ["tests.rs", "fixtures.rs", "properties.rs"].contains(&name) || self.path.contains("/tests/");
        tested && self.path.starts_with("src/")
    }

    /// The room: the first part of the path below `src`.
    fn room(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or(&self.path);
        rest.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }
}

/// The same text with comments and the insides of string literals as spaces, so that words in them are not code.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut blank = |from: usize, to: usize| out[from..to].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let raw = !word && (rest.starts_with(b"r\"") || rest.starts_with(b"r#") || rest.starts_with(b"br"));
        if rest.starts_with(b"//") {
            let end = at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            blank(at, end);
            at = end;
        } else if let Some((open, hashes)) = raw.then(|| raw_string(rest)).flatten() {
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let inside = &rest[open..];
            let length = inside.windows(close.len()).position(|w| w == close).unwrap_or(inside.len());
            blank(at + open, at + open + length);
            at += open + length + close.len();
        } else if rest[0] == b'"' {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            blank(at + 1, end.min(bytes.len()));
            at = end + 1;
        } else if rest[0] == b'\'' && (rest.get(2) == Some(&b'\'') || rest.get(1) == Some(&b'\\')) {
            let end = at + 2 + rest[2..].iter().position(|b| *b == b'\'').unwrap_or(0);
            blank(at + 1, end);
            at = end + 1;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the inside of a raw string begins, and how many hashes close it.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let head = if rest.starts_with(b"br") { 2 } else { 1 };
    let hashes = rest[head..].iter().take_while(|b| **b == b'#').count();
    (rest.get(head + hashes) == Some(&b'"')).then_some((head + hashes + 1, hashes))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below these folders (or these files) with this ending.
fn sources(places: &[&str], ending: &str) -> Vec<Source> {
    fn walk(path: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a folder").flatten() {
                walk(&entry.path(), ending, found);
            }
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path.to_path_buf());
        }
    }
    let mut found = Vec::new();
    for place in places {
        walk(&root().join(place), ending, &mut found);
    }
    found.sort();
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a text"),
        path: path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned(),
    };
    found.into_iter().map(source).collect()
}

/// Paths from the crate's root that code mentions: `names::Name` of `crate::names::Name`, of `use crate::names::{Name, …}`
/// also the first of the braces.
fn mentioned(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let named = at > 0 && (code.as_bytes()[at - 1].is_ascii_alphanumeric() || code.as_bytes()[at - 1] == b'_');
        if named {
            continue;
        }
        let line = code[..at].matches('\n').count();
        let rest = &code[at + "crate::".len()..];
        let path =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect::<String>();
        if let Some(group) = rest.strip_prefix('{') {
            // `use crate::{a::B, c}`: each at the outer level of the braces.
            let mut depth = 0;
            let mut start = true;
            for (offset, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if start && !c.is_whitespace() => {
                        found.push((line, path(&group[offset..])));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            found.push((line, path(rest)));
        }
    }
    found
}

#[test]
fn rooms_import_only_the_rooms_below_them() {
    let table: BTreeMap<&str, &[&str]> = IMPORTS.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    let mut opened = BTreeSet::new();
    for source in sources(&["src"], ".rs").iter().filter(|source| source.path != "src/lib.rs") {
        let Some(allowed) = table.get(source.room()) else {
            wrong.insert(format!("{}: the room {:?} is not in the table of imports", source.path, source.room()));
            continue;
        };
        let (numbers, lines): (Vec<usize>, Vec<String>) = source.code().into_iter().unzip();
        // The program's own crate is called by its name in main.
        let code =
            lines.join("\n").replace("coaching::", if source.room() == "main" { "crate::" } else { "coaching::" });
        for (line, path) in mentioned(&code) {
            let room = path.split("::").next().unwrap_or_default();
            let door = DOORS.iter().find(|(file, item, _)| *file == source.path && path.starts_with(item));
            if let Some(door) = door {
                opened.insert(*door);
            } else if room == "store"
                && source.room() == "services"
                && ENGINES.iter().any(|engine| path.starts_with(engine))
            {
                wrong.insert(format!("{}:{}: services call Db, never an engine: {path}", source.path, numbers[line]));
            } else if room != source.room() && !allowed.contains(&room) {
                wrong.insert(format!("{}:{}: {} may not import {path}", source.path, numbers[line], source.room()));
            }
        }
    }
    for door in DOORS.iter().filter(|door| !opened.contains(*door)) {
        wrong.insert(format!("the exception {door:?} is not needed: take it out"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long: Vec<String> = sources(&["src", "tests", "build", "build.rs"], ".rs")
        .iter()
        .filter(|source| source.text.lines().count() > 600)
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split by what they are about: {long:#?}");
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources(&["src"], ".rs") {
        for (number, line) in source.code() {
            // A parser's own `expect` takes a character; the one meant here takes a text.
            let expects = line.contains(".expect(") && !line.contains(".expect('");
            if !line.contains(".unwrap()") && !expects && !line.contains("unwrap_unchecked") {
                continue;
            }
            match UNWRAPS.iter().find(|(file, text, _)| *file == source.path && line.contains(text)) {
                Some(reasoned) => drop(used.insert(*reasoned)),
                None => wrong.push(format!("{}:{number}: {}", source.path, line.trim())),
            }
        }
    }
    wrong.extend(
        UNWRAPS.iter().filter(|one| !used.contains(*one)).map(|one| format!("{one:?} is not needed: take it out")),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_to_do() {
    let words = ["todo!", "unimplemented!", "dbg!", "unreachable!(\"todo"];
    let mut wrong = Vec::new();
    for source in sources(&["src", "build", "build.rs"], ".rs") {
        for (number, line) in blanked(&source.text).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn engines_are_called_by_name_only_where_they_are_chosen() {
    let mut wrong = Vec::new();
    for source in sources(&["src"], ".rs") {
        if ENGINE_NAMES
            .iter()
            .any(|place| source.path == *place || place.ends_with('/') && source.path.starts_with(place))
        {
            continue;
        }
        for (number, line) in source.code() {
            if line.to_lowercase().contains("sled") {
                wrong.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_domain_neither_waits_nor_stores_nor_asks_the_time() {
    let words = ["async ", ".await", "tokio", "SystemTime", "Instant::now", "crate::store", "crate::clock"];
    let mut wrong = Vec::new();
    for source in sources(&["src/domain"], ".rs") {
        for (number, line) in source.code() {
            if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                wrong.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_clock_knows_the_time_and_only_the_settings_the_environment() {
    let rules: &[(&[&str], &[&str])] = &[
        (&["SystemTime::now"], &["src/clock.rs"]),
        (&["Uuid::now"], &["src/clock.rs", "src/server/"]), // nothing below the server; a request's id is the server's
        (&["env::var", "env::vars"], &["src/config.rs", "src/config/"]),
    ];
    let mut wrong = Vec::new();
    for source in sources(&["src"], ".rs") {
        for (words, places) in rules {
            if places
                .iter()
                .any(|place| source.path == *place || place.ends_with('/') && source.path.starts_with(place))
            {
                continue;
            }
            for (number, line) in source.code() {
                if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                    wrong.push(format!("{}:{number}: {word}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_reason_is_in_the_table_of_the_documentation() {
    let docs = fs::read_to_string(root().join("docs/api.md")).expect("docs/api.md");
    let rows: String = docs.lines().filter(|line| line.starts_with("| `")).collect();
    let missing: Vec<_> =
        coaching::error::reason::ALL.iter().filter(|reason| !rows.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "docs/api.md has no row for {missing:#?}");
}

#[test]
fn the_documentation_has_no_reason_that_is_never_given() {
    let docs = fs::read_to_string(root().join("docs/api.md")).expect("docs/api.md");
    let table = docs.lines().skip_while(|line| !line.starts_with("| reason")).take_while(|line| line.starts_with('|'));
    let cells = table.filter_map(|line| line.split('|').nth(1)).collect::<String>();
    let documented =
        cells.split('`').filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    let unknown: Vec<&str> = documented.filter(|word| !coaching::error::reason::ALL.contains(word)).collect();
    assert!(unknown.is_empty(), "docs/api.md documents {unknown:#?}, which error::reason does not have");
}

#[test]
fn every_reason_is_given_somewhere() {
    let used: BTreeSet<String> = sources(&["src"], ".rs")
        .iter()
        .filter(|source| source.path != "src/error.rs")
        .flat_map(|source| source.code())
        .map(|(_, line)| line)
        .collect();
    let own = fs::read_to_string(root().join("src/error.rs")).expect("src/error.rs");
    let given = |reason: &&&str| {
        let path = format!("reason::{reason}");
        let ends = |line: &str| {
            let after = line.split(&path).nth(1).and_then(|rest| rest.chars().next());
            line.contains(&path) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        };
        used.iter().any(|line| ends(line)) || own.lines().any(ends)
    };
    let idle: Vec<_> = coaching::error::reason::ALL.iter().filter(|reason| !given(reason)).collect();
    assert!(idle.is_empty(), "nothing gives {idle:#?}");
}

#[test]
fn tags_stand_for_one_thing_each() {
    use coaching::store::tags::{INDEXES, TABLES};
    let tables: BTreeSet<u16> = TABLES.iter().map(|(tag, _)| tag.0).collect();
    let indexes: BTreeSet<u16> = INDEXES.iter().map(|(tag, _)| tag.0).collect();
    assert_eq!((tables.len(), indexes.len()), (TABLES.len(), INDEXES.len()));
    let names: BTreeSet<&str> =
        TABLES.iter().map(|(_, name)| *name).chain(INDEXES.iter().map(|(_, name)| *name)).collect();
    assert_eq!(names.len(), TABLES.len() + INDEXES.len());
}

#[test]
fn every_table_that_is_written_is_in_the_full_check() {
    let checked: BTreeSet<u16> = coaching::services::RECORDS.iter().map(|record| record.tag.0).collect();
    assert_eq!(checked.len(), coaching::services::RECORDS.len(), "a table is listed twice");
    let mut wrong = Vec::new();
    for source in sources(&["src"], ".rs") {
        for (number, line) in source.code() {
            let Some(name) = line.split("const TAG: Tag = tags::").nth(1) else { continue };
            let name = name.trim_end_matches(';').trim();
            let tag = coaching::store::tags::TABLES.iter().find(|(_, known)| *known == name);
            if !tag.is_some_and(|(tag, _)| checked.contains(&tag.0)) {
                wrong.push(format!("{}:{number}: {name} is not in services::RECORDS", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

mod these_rules {
    use super::*;

    #[test]
    fn see_code_and_neither_comments_nor_texts_nor_tests() {
        let text = "use crate::names;\n// crate::store\nlet a = \"x.unwrap()\"; // .unwrap()\nlet b = r#\"crate::rest \" \"#;\n\
                    #[cfg(test)]\nmod tests {\n    fn f() { x.unwrap() }\n}\n#[cfg(test)]\nmod fixtures;\nlet c = y.unwrap();\n";
        let source = Source { path: "src/api/x.rs".into(), text: text.into() };
        let code = source.code();
        let unwraps: Vec<usize> =
            code.iter().filter(|(_, line)| line.contains(".unwrap()")).map(|(number, _)| *number).collect();
        assert_eq!(unwraps, [11]);
        let joined = code.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
        assert_eq!(mentioned(&joined), [(0, "names".to_owned())]);
    }

    #[test]
    fn see_every_room_of_a_grouped_import() {
        let paths: Vec<String> = mentioned("use crate::{api::Ctx, pb::{a, b}, store};\ncrate::clock::Micros::of(x)")
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        assert_eq!(paths, ["api::Ctx", "pb::", "store", "clock::Micros::of"]);
    }
}
