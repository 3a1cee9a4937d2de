//! Whether a response has at least what a case wants, and where it has not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Where `got` differs from what is wanted; empty where it does not. Members listed must match, arrays item by item and
/// with the same length, `null` stands for absent, `"*"` for anything but null. Numbers are compared as 32-bit floats,
/// which is what the contract's scores are. An array wanted of bytes is the rows of CSV, as objects by column.
pub(crate) fn faults(want: &Value, got: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    compare(want, Some(got), "", &mut faults);
    faults
}

fn compare(want: &Value, got: Option<&Value>, path: &str, faults: &mut Vec<String>) {
    let got = got.filter(|got| !got.is_null());
    let shown = || got.map_or_else(|| "nothing".to_owned(), Value::to_string);
    match (want, got) {
        (Value::Null, None) => {}
        (Value::String(any), Some(_)) if any == "*" => {}
        (Value::Object(want), Some(Value::Object(got))) => {
            for (key, value) in want {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(value, got.get(key), &path, faults);
            }
        }
        (Value::Array(want), Some(Value::Array(got))) => {
            if want.len() != got.len() {
                faults.push(format!("{path}: wanted {} items, got {}", want.len(), got.len()));
            }
            for (index, (want, got)) in want.iter().zip(got).enumerate() {
                compare(want, Some(got), &format!("{path}[{index}]"), faults);
            }
        }
        (Value::Array(_), Some(Value::String(bytes))) => compare(want, Some(&rows(bytes)), path, faults),
        (Value::Number(want), Some(Value::Number(number))) => {
            if want.as_f64().map(|n| n as f32) != number.as_f64().map(|n| n as f32) {
                faults.push(format!("{path}: wanted {want}, got {number}"));
            }
        }
        (want, Some(got)) if want == got => {}
        (want, _) => faults.push(format!("{path}: wanted {want}, got {}", shown())),
    }
}

/// CSV with a header row, in base64 as proto JSON has bytes.
fn rows(bytes: &str) -> Value {
    let csv = STANDARD.decode(bytes).expect("bytes are base64");
    let mut reader = csv::Reader::from_reader(&*csv);
    let columns = reader.headers().expect("a header row").clone();
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.expect("a row of as many cells as the header");
        let cells = columns.iter().zip(&row).map(|(column, cell)| (column.to_owned(), cell.into()));
        Value::Object(cells.collect::<Map<_, _>>())
    };
    reader.records().map(row).collect()
}

/// The value at a path such as `scorecards[0].name`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| {
        let (name, indexes) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
        let indexes = indexes.split(['[', ']']).filter(|text| !text.is_empty());
        indexes.map(|text| text.parse::<usize>().ok()).try_fold(value.get(name)?, |value, index| value.get(index?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wanted_part_matches_and_every_difference_is_told_by_its_path() {
        let got = json!({"a": {"b": [1, {"c": "x"}], "d": null, "f": 33.3333}, "e": "y"});
        assert_eq!(
            faults(&json!({"a": {"b": ["*", {"c": "x"}], "d": null, "f": 33.3333}}), &got),
            Vec::<String>::new()
        );
        let wrong = json!({"a": {"b": [2], "d": "*", "z": 1}, "e": null});
        assert_eq!(
            faults(&wrong, &got),
            [
                "a.b: wanted 1 items, got 2",
                "a.b[0]: wanted 2, got 1",
                "a.d: wanted \"*\", got nothing",
                "a.z: wanted 1, got nothing",
                "e: wanted null, got \"y\"",
            ]
        );
        assert_eq!(at(&got, "a.b[1].c"), Some(&json!("x")));
        assert_eq!(at(&got, "a.b[7].c"), None);
    }
}
