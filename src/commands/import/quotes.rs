//! Checks a file's quotes. The CSV parser accepts any text, and would silently take everything after a
//! quote that is not closed, or is closed by another cell's, for one cell.

use super::lines::ends_line;

/// Where in a record the check is.
enum State {
    CellStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell, which closes it or is the first of a doubled one.
    QuoteInQuoted,
    /// After the closing quote and spaces.
    Closed,
}

/// Returns the line of the first quote that is not closed, or that is closed within a cell, and what
/// is wrong with it.
pub(super) fn misplaced_quote(text: &str, delimiter: u8) -> Option<(usize, &'static str)> {
    let mut state = State::CellStart;
    let (mut line, mut opened) = (1, 1);
    for (at, byte) in text.bytes().enumerate() {
        state = match (state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::QuoteInQuoted, b'"') => State::Quoted,
            (State::CellStart, b'"') => {
                opened = line;
                State::Quoted
            }
            (_, b'\n' | b'\r') => State::CellStart,
            (_, byte) if byte == delimiter => State::CellStart,
            (State::QuoteInQuoted | State::Closed, b' ' | b'\t') => State::Closed,
            (State::QuoteInQuoted | State::Closed, _) => {
                return Some((opened, "text follows the closing quote"));
            }
            (State::CellStart | State::Unquoted, _) => State::Unquoted,
        };
        line += usize::from(ends_line(text.as_bytes(), at));
    }
    matches!(state, State::Quoted).then_some((opened, "a quote is opened here and never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_is_not_closed_where_its_cell_ends_is_found_where_it_opens() {
        for (text, expected) in [
            ("a,b\n1,2\n", None),
            ("", None),
            ("\"a\",\"b\"\r\n\"1\n2\",\"\"\r\n", None),
            ("a\n\"say \"\"hello\"\"\"", None),
            ("a,b\n\"1\" ,\"2\"\t\n", None),
            // Literal, as in every reader of CSV.
            ("a,b\n5\" disk, \"x\n", None),
            ("a,b\n1,\"hello\n2,x\n", Some(2)),
            ("a,b\n\n1,\"\n", Some(3)),
            ("a,b\r1,\"\r", Some(2)),
            ("a,b\r\n1,\"\r\n", Some(2)),
            ("a,b\n1,\"two\nlines\"\n2,\"x\"\"\n3,y\n", Some(4)),
            // The next line's quote would close it.
            ("a,b\n1,\"hello\n2,\"x\"\n", Some(2)),
        ] {
            assert_eq!(misplaced_quote(text, b',').map(|(line, _)| line), expected, "{text:?}");
        }
        assert_eq!(misplaced_quote("a;b\n\"1\";2\n", b';'), None);
    }
}
