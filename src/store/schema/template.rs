//! The macros of the schema and the queries: just enough of a template language to define a value at
//! an instant once.
//!
//! `name!(a, b)` is replaced by the body of `macro name(p, q)` in `macros.sql`, with `a` for `$p`
//! and `b` for `$q`. Lines between `-- each` and `-- end` are repeated for each count, with `{X}`
//! and `{x}` replaced. A call of an unknown macro is left unchanged, and SQLite rejects it.

/// The counts that growth is calculated for, each with a letter for table aliases.
const COUNTS: [(&str, &str); 3] = [("followers", "f"), ("likes", "k"), ("videos", "v")];

struct Macro<'a> {
    name: &'a str,
    parameters: Vec<&'a str>,
    body: String,
}

/// Expands every macro, and removes comments.
pub(super) fn expand(sql: &str, macros: &str) -> String {
    let macros = parse(macros);
    let mut text = without_comments(sql);
    loop {
        let next = replace_calls(&repeat_blocks(&text), &macros);
        if next == text {
            return text;
        }
        text = next;
    }
}

fn is_comment(line: &str) -> bool {
    line.starts_with("--") && !matches!(line, "-- each" | "-- end")
}

fn without_comments(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !is_comment(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn parse(text: &str) -> Vec<Macro<'_>> {
    let mut macros: Vec<Macro<'_>> = Vec::new();
    let mut is_inside = false;
    for line in text.lines().filter(|line| !is_comment(line)) {
        let head = line.strip_prefix("macro ").and_then(|head| head.strip_suffix(')'));
        if let Some((name, parameters)) = head.and_then(|head| head.split_once('(')) {
            let parameters = parameters.split(", ").filter(|name| !name.is_empty()).collect();
            macros.push(Macro { name, parameters, body: String::new() });
            is_inside = true;
        } else if line == "end" {
            is_inside = false;
        } else if let Some(last) = macros.last_mut().filter(|_| is_inside) {
            if !last.body.is_empty() {
                last.body.push('\n');
            }
            last.body.push_str(line);
        }
    }
    macros
}

/// Repeats the lines between `-- each` and `-- end` for each count.
fn repeat_blocks(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut block: Option<String> = None;
    for line in sql.lines() {
        match (line, &mut block) {
            ("-- each", None) => block = Some(String::new()),
            ("-- end", Some(lines)) => {
                for (count, letter) in COUNTS {
                    out.push_str(&lines.replace("{X}", count).replace("{x}", letter));
                }
                block = None;
            }
            (line, Some(lines)) => lines.extend([line, "\n"]),
            (line, None) => out.extend([line, "\n"]),
        }
    }
    out
}

/// Replaces each macro call by the macro's body once; calls within the body are left for the next
/// pass.
fn replace_calls(sql: &str, macros: &[Macro<'_>]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find("!(") {
        let begin = rest[..at]
            .rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .map_or(0, |before| before + 1);
        let called = macros.iter().find(|known| known.name == &rest[begin..at]);
        match called.zip(arguments(&rest[at + 2..])) {
            Some((called, (arguments, length))) => {
                out.push_str(&rest[..begin]);
                out.push_str(&called.expand_with(&arguments));
                rest = &rest[at + 2 + length..];
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Parses the arguments up to the closing parenthesis. Also returns the length of the parsed text.
fn arguments(text: &str) -> Option<(Vec<&str>, usize)> {
    let (mut found, mut begin, mut depth) = (Vec::new(), 0, 0_u32);
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[begin..index].trim());
                begin = index + 1;
            }
            ')' => {
                found.push(text[begin..index].trim());
                return Some((found, index + 1));
            }
            _ => {}
        }
    }
    None
}

impl Macro<'_> {
    fn expand_with(&self, arguments: &[&str]) -> String {
        let named = self.parameters.iter().zip(arguments);
        named
            .fold(self.body.clone(), |body, (name, value)| body.replace(&format!("${name}"), value))
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn macros_may_be_nested_and_repeated_for_each_count() {
        let macros = "-- What it is for.\nmacro sum(of)\nsum($of_all)\nend\n\
                      macro both(a, b)\n-- each\nsum!($a.{X}) + max($b, {x}),\n-- end\nend\n";
        let sql = "-- A comment with sum!(x).\nSELECT\nboth!(t, min(1, 2))\n1;\n";
        assert_eq!(
            expand(sql, macros),
            "SELECT\nsum(t.followers_all) + max(min(1, 2), f),\n\
             sum(t.likes_all) + max(min(1, 2), k),\n\
             sum(t.videos_all) + max(min(1, 2), v),\n1;\n"
        );
        assert_eq!(expand("SELECT unknown!(1);\n", macros), "SELECT unknown!(1);\n");
    }
}
