//! Where in a JSON text the reader stands, for complaints: `scores[2].labels["odd key"]`.

use std::fmt;

/// One step down.
#[derive(Debug)]
pub(crate) enum Step<'p> {
    /// A field, by JSON name.
    Field(&'p str),
    Index(usize),
    /// A map's key, or the name of no field: the caller's text.
    Key(String),
    /// A query parameter's name: the caller's text, and a path already.
    Parameter(String),
}

/// The steps from the root.
#[derive(Debug, Default)]
pub(crate) struct Path<'p>(Vec<Step<'p>>);

impl<'p> Path<'p> {
    pub(crate) fn push(&mut self, step: Step<'p>) {
        self.0.push(step);
    }
    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }
    pub(crate) fn last(&self) -> Option<&Step<'p>> {
        self.0.last()
    }
}

/// A caller's text is shown no longer than this.
const LONGEST_KEY: usize = 64;

/// Its beginning, and whether there is more.
fn short(text: &str) -> (&str, bool) {
    text.char_indices().nth(LONGEST_KEY).map_or((text, false), |(end, _)| (&text[..end], true))
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            match step {
                Step::Field(name) => write!(f, "{dot}{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Parameter(name) => f.write_str(short(name).0)?,
                Step::Key(key) => {
                    let plain =
                        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'@');
                    match short(key) {
                        (start, true) => write!(f, "[{:?}]", format!("{start}…"))?,
                        (key, _) if plain => write!(f, "{dot}{key}")?,
                        (key, _) => write!(f, "[{key:?}]")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_one_would_write_it() {
        let mut path = Path::default();
        assert_eq!(path.to_string(), "");
        path.push(Step::Field("scores"));
        path.push(Step::Index(2));
        path.push(Step::Field("labels"));
        path.push(Step::Key("tier".into()));
        assert_eq!(path.to_string(), "scores[2].labels.tier");
        path.pop();
        path.push(Step::Key("odd key".into()));
        assert_eq!(path.to_string(), "scores[2].labels[\"odd key\"]");
        path.pop();
        path.push(Step::Key("é".repeat(5_000)));
        assert!(path.to_string().len() < 250);
        path.pop();
        path.pop();
        path.pop();
        path.pop();
        path.push(Step::Parameter("a.b[c]".into()));
        assert_eq!(path.to_string(), "a.b[c]");
    }
}
