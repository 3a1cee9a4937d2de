//! The reference of all settings, made from the settings themselves.

use std::fmt::Write;

use super::layers::{key, settings, variable};

/// Contents of `docs/config.md`.
pub fn reference() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         Made by `coaching config --markdown`; a test holds this file to it.\n\n\
         A flag goes before its environment variable, that before the file named by `--config`, that before the default. The \
         file is TOML with the keys below and no sections. A key, or a variable that begins with `COACHING_`, that is not \
         in this list is refused at start. Times are written `500ms`, `30s`, `5m`, `1h`; sizes `4096B`, `64KiB`, `4MiB`, \
         `2GiB`; lists in the file as `[\"a\", \"b\"]`, elsewhere as `a,b`. `coaching config` shows what is in effect, and \
         where it comes from.\n",
    );
    let mut heading = None;
    let settings = settings();
    for arg in &settings {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            let _ = write!(text, "\n## {}\n", heading.unwrap_or("File"));
        }
        let default =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(",");
        let default = if default.is_empty() { "none".to_owned() } else { format!("`{default}`") };
        let values = arg.get_possible_values();
        let _ = write!(text, "\n### `{}`\n\n", key(arg));
        let _ =
            writeln!(text, "`--{}` · `{}` · default {default}\n", arg.get_long().unwrap_or_default(), variable(arg));
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        // The first line is a title: it ends without a full stop, as help texts do.
        let (first, rest) = help.split_once("\n\n").unwrap_or((&help, ""));
        let _ = writeln!(text, "{}.", first.trim_end_matches('.'));
        if !rest.is_empty() {
            let _ = writeln!(text, "\n{rest}");
        }
        if arg.get_long() != Some("config") && !values.is_empty() && !is_bool(&values) {
            let _ = writeln!(text);
            for value in values {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let _ = writeln!(text, "- `{}`: {}", value.get_name(), help.trim_end_matches('.'));
            }
        }
    }
    text
}

fn is_bool(values: &[clap::builder::PossibleValue]) -> bool {
    values.iter().any(|value| value.get_name() == "true")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_in_docs_is_the_one_that_the_settings_give() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == super::reference(),
            "docs/config.md is out of date: coaching config --markdown > docs/config.md"
        );
    }
}
