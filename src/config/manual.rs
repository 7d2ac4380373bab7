//! `growthd.toml(5)`, the manual page of the configuration, generated from the schema.

use std::fmt::Write;

use super::schema::{self, Key, Section};

/// Returns the page in roff.
pub fn manual_page() -> String {
    let mut page = format!(
        ".TH growthd.toml 5 \"\" \"growthd {}\"\n\
         .SH NAME\ngrowthd.toml \\- the configuration of growthd(1)\n\
         .SH DESCRIPTION\n{}\n",
        env!("CARGO_PKG_VERSION"),
        escaped(INTRODUCTION)
    );
    page.push_str(".SH \"TOP LEVEL\"\n");
    page.push_str(&entry(&schema::INCLUDE, ""));
    for section in schema::MAIN.iter().chain([&&schema::DEFAULTS]) {
        page.push_str(&table(section));
    }
    page.push_str(CLOSING_SECTIONS);
    page
}

const INTRODUCTION: &str = "TOML, in the file that --config or $GROWTHD_CONFIG names, else ./config.toml, else /etc/growthd/config.toml. Only the id of \
    an account is required. Durations are a number and a unit, as in \"90s\", \"15m\", \"6h\", \"30d\" \
    and \"2w\". Relative paths are relative to the configuration's folder. growthd check reports \
    every mistake with its file, line and column. growthd reloads the file on SIGHUP; if it contains \
    a mistake, the previous configuration stays in force.";

const CLOSING_SECTIONS: &str = ".SH EXAMPLE\n.nf\n\
    [budget]\nrefreshes = 150\n\n\
    [schedule]\ncron = \"0 6 * * MON\"\nspread = \"1h\"\n\n\
    [[account]]\nid = \"clx123abc\"\nlabel = \"Fitness Guru\"\n.fi\n\
    .SH \"SEE ALSO\"\n.BR growthd (1)\n";

fn table(section: &Section) -> String {
    let mut text = format!(".SH \"{}\"\n{}\n", section.title, escaped(section.help));
    for key in section.keys {
        let is_schedules = schema::SCHEDULE.keys.iter().any(|other| other.name == key.name);
        let default = match section.name {
            "account" if is_schedules => {
                "that of the file's [defaults], else of [schedule]".to_owned()
            }
            "defaults" if is_schedules => "that of [schedule]".to_owned(),
            _ => literal(key.default),
        };
        text.push_str(&entry(key, &default));
    }
    text
}

/// Returns a default as it is written in TOML.
pub(super) fn literal(default: &str) -> String {
    let is_bare = matches!(default, "true" | "false") || default.parse::<u64>().is_ok();
    if default.is_empty() || is_bare { default.to_owned() } else { format!("\"{default}\"") }
}

fn entry(key: &Key, default: &str) -> String {
    let Key { name, expected, help, .. } = key;
    let mut text = format!(
        ".TP\n.B {}\n{}\n.br\nExpected: {}.",
        escaped(name),
        escaped(help),
        escaped(expected)
    );
    if !default.is_empty() {
        // Writing to a string does not fail.
        write!(text, " Default: {}.", escaped(default)).ok();
    }
    text.push('\n');
    text
}

/// Escapes text for roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_key_with_its_default() {
        let page = manual_page();
        for section in schema::MAIN {
            assert!(page.contains(&format!(".SH \"{}\"", section.title)), "{}", section.title);
            for key in section.keys {
                assert!(page.contains(&format!(".B {}\n", key.name)), "{}", key.name);
                assert!(!key.help.is_empty());
            }
        }
        assert!(page.contains("Default: 60.") && page.contains("Default: \"120s\"."));
    }
}
