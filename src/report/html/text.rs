//! Text inside HTML.

use std::fmt::{self, Write};

use crate::printable::Printable;

/// Text that somebody else wrote, for HTML's text and quoted attributes: it is never markup,
/// and holds nothing that [`Printable`] takes out.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", Printable(self.0))
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_char(c))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        match c {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            c => self.0.write_char(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A browser that undoes the escapes has what a terminal would show, and nothing else.
        #[test]
        fn any_text_comes_back_as_it_is_shown(text in "([<>&'\"]|&(amp|lt|#39);|\\PC|.){0,24}") {
            let html = Text(&text).to_string();
            prop_assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
            let read = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
                .into_iter()
                .fold(html, |html, (escape, c)| html.replace(escape, c));
            prop_assert_eq!(read, Printable(&text).to_string());
        }
    }

    #[test]
    fn text_is_never_markup() {
        for (text, html) in [
            ("Fitness Guru", "Fitness Guru"),
            ("</script><script>x()</script>", "&lt;/script&gt;&lt;script&gt;x()&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("\u{202e}evil\u{0}\n", "\u{fffd}evil\u{fffd} "),
        ] {
            assert_eq!(Text(text).to_string(), html);
        }
    }
}
