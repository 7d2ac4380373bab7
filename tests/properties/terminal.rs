//! Output to a terminal, with text from anyone.

use growthd::printable::Printable;
use growthd::report::{ALWAYS_SHOWN, Column, Shape, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

/// Text with more control characters than random text would have.
fn hostile() -> impl Strategy<Value = String> {
    let acting = prop::sample::select(
        &[
            "\u{1b}[2J",
            "\u{1b}]0;x\u{7}",
            "\u{9b}1m",
            "\r",
            "\n",
            "\t",
            "\0",
            "\u{7f}",
            "\u{202e}",
            "\u{2066}",
            "\u{200f}",
            "\u{2028}",
            "\u{feff}",
            "\u{e0041}",
            "日本",
            "👩‍🚀",
            "é",
        ][..],
    );
    vec(
        prop_oneof![
            acting.prop_map(str::to_owned),
            "\\PC{0,4}",
            any::<char>().prop_map(String::from)
        ],
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #[test]
    fn nothing_shown_acts(text in hostile()) {
        let shown = Printable(&text).to_string();
        prop_assert!(!shown.contains(acts), "{shown:?}");
        prop_assert_eq!(shown.chars().count(), text.chars().count(), "a character for a character");
        prop_assert_eq!(Printable(&shown).to_string(), shown.clone(), "once is enough");
        if !text.contains(acts) {
            let kept = text.chars().zip(shown.chars()).filter(|(c, shown)| c == shown).count();
            let replaced = shown.matches('\u{fffd}').count();
            prop_assert!(kept + replaced >= text.chars().count());
        }
    }

    /// A column begins at the same position in every line, whatever precedes it.
    #[test]
    fn columns_stay_columns(names in vec(hostile(), 1..6)) {
        const MARK: &str = "|mark";
        for shape in [Shape::Text, Shape::Name] {
            let mut table = Table::new([
                Column::new("NAME", shape, ALWAYS_SHOWN),
                Column::new(MARK, Shape::Text, ALWAYS_SHOWN),
            ]);
            for name in &names {
                table.row([name.clone(), MARK.to_owned()]);
            }
            let text = table.narrowed(20).to_string();
            prop_assert!(!text.contains(|c| c != '\n' && acts(c)), "{text:?}");
            prop_assert_eq!(text.lines().count(), names.len() + 1);
            let widths: Vec<usize> = text
                .lines()
                .map(|line| line.strip_suffix(MARK).expect("the last column").width())
                .collect();
            prop_assert!(widths.iter().all(|width| width == &widths[0]), "{text}");
        }
    }
}
