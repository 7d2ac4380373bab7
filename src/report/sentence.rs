//! Sentences that quote names and other texts of the vendor.

use std::fmt;

use crate::report::terminal;

/// The beginning and the end of a text that is laid out on its own. Without them, a name that is written
/// from right to left would take the number after it to its other side.
const ISOLATE: char = '\u{2068}';
const END: char = '\u{2069}';

/// Returns a text from others for a [`Sentence`]: without control characters, and truncated to `width`
/// columns.
pub fn quoted(text: &str, width: usize) -> String {
    format!("{ISOLATE}{}{END}", terminal::fitted(text, width))
}

/// A sentence that has all texts from others in the form of [`quoted`]. It is displayed without the
/// characters that isolate them, for which terminals and mails in plain text often show a box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentence(String);

impl Sentence {
    /// Returns the sentence for a browser, with each quoted text isolated.
    pub fn isolated(&self) -> &str {
        &self.0
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Sentence {
        Sentence(text)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split([ISOLATE, END]).try_for_each(|part| f.write_str(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_isolated_only_for_a_browser_and_cannot_end_that() {
        let sentence = Sentence::from(format!("{}: 1,000", quoted("שלום\u{2069}\u{202e}", 32)));
        assert_eq!(sentence.isolated(), "\u{2068}שלום\u{fffd}\u{fffd}\u{2069}: 1,000");
        assert_eq!(sentence.to_string(), "שלום\u{fffd}\u{fffd}: 1,000");
    }
}
