//! Configurations: unusual ids, and unusual files.

use std::path::Path;

use growthd::account::AccountId;
use growthd::clock::Time;
use growthd::config::Config;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::invariants;

const EXAMPLE: &str = include_str!("../../config.example.toml");

proptest! {
    #[test]
    fn any_slip_in_the_example_is_told_at_its_place(
        slips in vec((any::<Index>(), 0..30_usize, vec(any::<u8>(), 0..6)), 1..4),
    ) {
        let mut bytes = EXAMPLE.replace("\n# ", "\n").into_bytes();
        for (at, gone, put) in slips {
            let at = at.index(bytes.len());
            let end = (at + gone).min(bytes.len());
            bytes.splice(at..end, put);
        }
        invariants::config::hold(&bytes);
    }

    #[test]
    fn any_pieces_are_told_at_their_place(pieces in vec(select(&[
        "[[account]]\n", "[account]\n", "[schedule]\n", "[api]\n", "[x]\n", "id = ", "cron = ",
        "timezone = ", "spread = ", "base_url = ", "listen = ", "tags = ", "'a'\n", "\"a\"\n",
        "'0 6 30 2 *'\n", "'@daily'\n", "'25h'\n", "['x', 1]\n", "'http://u:p@h/#?'\n", "1\n",
        "99999999999999999999\n", "\u{0}", "\u{feff}", "\u{202e}", "\r\n", "\t", "\"", "'''", "=",
        "{", "[",
    ][..]), 0..30)) {
        invariants::config::hold(pieces.concat().as_bytes());
    }

    /// An id is accepted exactly if it is valid, however it is quoted; then its URL is unique to
    /// it.
    #[test]
    fn an_id_is_refused_or_leads_to_its_own_endpoint(
        id in "[a-z0-9._~-]{0,6}|[./%?#\\\\ ]{1,4}|[a-z./%?#]{1,8}|\\PC{1,6}|a[\u{0}-\u{20}]b|x{120,140}",
    ) {
        // A TOML string has the escapes of a JSON string.
        let quoted = serde_json::Value::from(id.as_str());
        let text = format!("[[account]]\nid = {quoted}\n");
        invariants::config::hold(text.as_bytes());
        let config = Config::parse(Path::new("c.toml"), text.as_bytes(), Time(1_767_225_600));
        prop_assert_eq!(config.is_ok(), id.parse::<AccountId>().is_ok(), "{:?}", id);
    }
}
