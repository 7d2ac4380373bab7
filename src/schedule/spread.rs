//! An account's fixed offset in the window after each occurrence.

use crate::account::AccountId;

/// Returns an account's offset in a spread, both in seconds. It is the same on every machine and in
/// every version, so that no update moves a slot.
pub fn spread_offset(id: &AccountId, spread: i64) -> i64 {
    match u64::try_from(spread) {
        Ok(spread @ 1..) => {
            i64::try_from(stable_hash(id.as_str().as_bytes()) % spread).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Hashes by FNV-1a with a final mix, since the hashes of ids that differ only in their last letter
/// would otherwise differ in few low bits.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_offset_never_changes() {
        let id: AccountId = "clx123abc".parse().expect("an id");
        // Stable across versions: a changed hash would move every slot of every user.
        assert_eq!(spread_offset(&id, 3600), 2166);
        assert_eq!(spread_offset(&id, 0), 0);
        assert_eq!(spread_offset(&id, -1), 0);
    }

    #[test]
    fn the_hash_spreads_similar_ids() {
        let mut quarters = [0; 4];
        for n in 0..1000 {
            let id: AccountId = format!("acct-{n:04}").parse().expect("an id");
            quarters[usize::try_from(spread_offset(&id, 4)).expect("small")] += 1;
        }
        assert!(quarters.iter().all(|&count| (200..300).contains(&count)), "{quarters:?}");
    }
}
