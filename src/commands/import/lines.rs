//! The line numbers of a file's records.

/// Returns whether the byte at `at` ends a line: a line feed, or a carriage return without one, as
/// old programs write it.
pub(super) fn ends_line(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    }
}

/// Counts the lines up to each record, in one pass over the text.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// How much of the text was counted, in bytes.
    at: usize,
    /// From 1.
    line: usize,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Lines<'a> {
        Lines { text: text.as_bytes(), at: 0, line: 1 }
    }

    /// Returns the line number of a record, which follows all records asked for before. At the
    /// position that the parser reports, the end of the line before and empty lines may still precede
    /// it.
    pub fn line_of(&mut self, position: Option<&csv::Position>) -> usize {
        let byte = position.and_then(|position| usize::try_from(position.byte()).ok());
        let (before, rest) = self.text.split_at(byte.unwrap_or(self.at).min(self.text.len()));
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let end = before.len() + blank;
        self.line += (self.at..end).filter(|at| ends_line(self.text, *at)).count();
        self.at = self.at.max(end);
        self.line
    }
}
