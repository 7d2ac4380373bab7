//! The page's colours satisfy WCAG 2 level AA, in light and dark.

/// The contrast that WCAG asks of small text; graphics need only 3.
const TEXT: f64 = 4.5;

const GROUNDS: [&str; 3] = ["page", "card", "band"];

/// Separates what would be clear without it, and colours disabled buttons.
const DECORATION: &str = "rule";

/// Returns the style sheet's colours: the name, the light one and the dark one.
fn colours() -> Vec<(&'static str, [&'static str; 2])> {
    let sheet = include_str!("../../src/report/html/style.css");
    let colour = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(#")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(", #")?;
        Some((name, [light, dark]))
    };
    sheet.lines().filter_map(colour).collect()
}

/// Returns the relative luminance of a colour in hexadecimal digits.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let part = u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_colour_can_be_read_on_every_ground() {
    let colours = colours();
    let ground = |name| colours.iter().find(|(other, _)| *other == name).expect(name).1;
    let inks = colours.iter().filter(|(name, _)| *name != DECORATION && !GROUNDS.contains(name));
    let mut seen = 0;
    for (name, ink) in inks {
        for (below, ground) in GROUNDS.map(|name| (name, ground(name))) {
            for theme in 0..2 {
                let contrast = contrast(ink[theme], ground[theme]);
                assert!(contrast >= TEXT, "{name} on {below}: {contrast:.2} ({ink:?})");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 14 * 3 * 2, "every colour of the style sheet was read");
    assert!((contrast("000000", "ffffff") - 21.0).abs() < 1e-9);
}
