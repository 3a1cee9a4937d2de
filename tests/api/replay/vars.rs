//! `${name}` in cases: the customer, what the file names, and what steps have saved.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by name.
pub(crate) struct Vars(BTreeMap<String, Value>);

impl Vars {
    /// The names that every scenario has: `${c}` its customer, `${p}` a profile of it, `${other}` a profile of another
    /// customer, `${long}` 501 characters and `${tooLong}` 20,001.
    pub(crate) fn of(customer: &str) -> Self {
        let mut vars = Self(BTreeMap::new());
        vars.set("c", format!("customers/{customer}").into());
        vars.set("p", format!("customers/{customer}/profiles/main").into());
        vars.set("other", format!("customers/{customer}-other/profiles/main").into());
        vars.set("long", "x".repeat(501).into());
        vars.set("tooLong", "x".repeat(20_001).into());
        vars
    }

    /// Names a value anew.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Names what the file names, where it has no value yet.
    pub(crate) fn name(&mut self, named: &BTreeMap<String, Value>) {
        for (name, value) in named {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// The same JSON with every `${name}` replaced: by the value itself where it stands alone, else by its text.
    pub(crate) fn fill(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !name.contains("${") => self.fill(self.get(name)),
                _ => self.text(text).into(),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => members.iter().map(|(key, value)| (self.text(key), self.fill(value))).collect(),
            other => other.clone(),
        }
    }

    /// The same text with every `${name}` replaced.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or_else(|| panic!("{text:?} has a ${{ without an end"));
            out.push_str(before);
            match self.get(name) {
                Value::String(text) => out.push_str(&self.text(text)),
                other => out.push_str(&other.to_string()),
            }
            rest = after;
        }
        out + rest
    }

    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("nothing is called {name:?}; known: {:?}", self.0.keys()))
    }
}

/// Microseconds of a pause such as `+90s`, `+5m`, `+24h`, `+30d`.
pub(crate) fn micros(pause: &str) -> i64 {
    let unit = |text: &str| match text {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => panic!("{pause:?} is no pause: say +90s, +5m, +24h or +30d"),
    };
    let (number, kind) = pause.trim_start_matches('+').split_at(pause.len().saturating_sub(2));
    number.parse::<i64>().unwrap_or_else(|_| panic!("{pause:?} is no pause")) * unit(kind) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_alone_gives_its_value_and_within_text_its_text() {
        let mut vars = Vars::of("c1");
        vars.set("form", json!({"parent": "${p}/x", "n": 1}));
        vars.set("n", json!(7));
        assert_eq!(
            vars.fill(&json!(["${form}", "${n}", "no ${n}"])),
            json!([{"parent": "customers/c1/profiles/main/x", "n": 1}, 7, "no 7"])
        );
        assert_eq!((micros("+90s"), micros("+24h")), (90_000_000, 86_400_000_000));
    }
}
