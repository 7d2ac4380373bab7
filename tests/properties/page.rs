//! The report's page, for any names and counts of accounts.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::report::{Snapshot, World, page_of};

/// Returns the names of a page's elements in order.
fn elements(page: &str) -> Vec<&str> {
    let names = page.split('<').skip(1);
    names
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!')
                .next()
                .unwrap_or("")
        })
        .collect()
}

fn written(name: &str, counts: &[Option<i64>]) -> String {
    let mut world = World::new(0, 0);
    let steps = i64::try_from(counts.len()).expect("a few");
    let snapshots: Vec<Snapshot> = (0..steps)
        .zip(counts)
        .map(|(step, &count)| Snapshot::new((steps - step) * 400_000, count))
        .collect();
    world.account("clxa", Some(name), &snapshots);
    page_of(&world)
}

proptest! {
    // Each case takes two databases, so there are few.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_name_and_no_number_changes_the_page(
        name in "(<script|</script>|<!--|-->|'|\"|&|;|<img src=x onerror=y>|\\]\\]>|[\u{0}-\u{20}\u{202e}\u{2066}]|\\PC){0,12}",
        counts in vec(proptest::option::of(prop_oneof![0..3i64, Just(i64::MAX), 0..i64::MAX]), 0..5),
    ) {
        let hostile = written(&format!("a{name}"), &counts);
        let plain = written("aplain", &counts);
        prop_assert_eq!(elements(&hostile), elements(&plain));
        prop_assert!(!hostile.contains(|c: char| c.is_control() && c != '\n'));
        let turns = hostile.contains(['\u{202e}', '\u{2066}']);
        prop_assert!(!turns);
    }
}
