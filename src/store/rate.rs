//! The stored form of a rate.

use rusqlite::types::Value;

/// Encodes a rate as an integer of thousandths if that is exact, which takes two or three bytes for
/// the usual rates, and as an eight-byte real otherwise. Generated columns of `_snapshot` decode
/// both.
pub(super) fn stored(rate: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the result is compared with the rate")]
    let thousandths = (rate * 1000.0).round() as i32;
    match f64::from(thousandths) / 1000.0 == rate {
        true => Value::Integer(thousandths.into()),
        false => Value::Real(rate),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;
    use crate::clock::Time;
    use crate::config::Watched;
    use crate::measurement::Measurement;
    use crate::store::{Cause, Creation, Store};

    #[test]
    fn only_exact_thousandths_are_stored_as_integers() {
        for (rate, thousandths) in [
            (12.8, 12_800),
            (0.0, 0),
            (-0.0, 0),
            (-0.001, -1),
            (100.0, 100_000),
            (2_147_483.647, 2_147_483_647),
        ] {
            assert_eq!(stored(rate), Value::Integer(thousandths));
        }
        for rate in [0.0005, 0.1 + 0.2, 2_147_483.648, 1e300, f64::INFINITY, f64::MIN] {
            assert_eq!(stored(rate), Value::Real(rate));
        }
    }

    /// Rates with up to three decimals, their neighbours, and any other number, except NaN, which
    /// JSON cannot represent, and -0.0, which SQLite stores as 0.0.
    fn rate() -> impl Strategy<Value = f64> {
        let thousandths = any::<i32>().prop_map(|number| f64::from(number) / 1000.0);
        let few = (-100_000..100_000_i32).prop_map(|number| f64::from(number) / 1000.0);
        prop_oneof![
            few.clone(),
            few.prop_map(f64::next_up),
            thousandths.clone(),
            thousandths.prop_map(f64::next_down),
            (-5000..5000_i32).prop_map(|number| f64::from(number) / 7.0),
            any::<u64>().prop_map(f64::from_bits).prop_filter("neither", |rate| {
                !rate.is_nan() && rate.to_bits() != (-0.0_f64).to_bits()
            }),
        ]
    }

    /// Times within and beyond RFC 3339's range: the calendar ends within 263,000 years of 1970.
    fn time() -> impl Strategy<Value = i64> {
        const YEARS: i64 = 263_000 * 31_557_600;
        prop_oneof![1_700_000_000..1_900_000_000_i64, -YEARS..YEARS]
    }

    #[test]
    fn rates_and_times_are_read_back_exactly() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        let store = Store::open_volatile(&path, Creation::Allowed).expect("a database");
        let store = RefCell::new((store, 0));
        let reader = Connection::open(&path).expect("the database");
        proptest!(|(rates in [rate(), rate()], time in 0..4_000_000_000_i64, analyzed in time())| {
            let (store, count) = &mut *store.borrow_mut();
            *count += 1;
            let entry = Watched::example(&format!("clx{count}"), "@weekly");
            let measurement = Measurement {
                engagement_rate: Some(rates[0]),
                virality_score: Some(rates[1]),
                analyzed: Some(Time(analyzed)),
                ..Measurement::default()
            };
            let mut batch = store.begin_write().expect("a batch");
            let unwatched = crate::engine::AccountState::unwatched().into();
            let key = batch.add_unwatched(&entry, &unwatched, Time(time)).expect("added");
            let account = batch.account(key).expect("read").expect("there");
            let claimed = batch.claim(&account, Cause::Manual, None, 0, Time(time)).expect("claimed");
            let refresh = claimed.expect("a line");
            batch.append(refresh, key, Time(time), &measurement, false).expect("appended");
            let read = batch.last_answer(key).expect("read").expect("there");
            batch.commit().expect("committed");

            let view: (f64, f64, i64) = reader
                .query_row(
                    "SELECT engagement_rate, virality_score, analyzed_time FROM snapshots
                     WHERE refresh_id = ?1",
                    [refresh.0],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .expect("a snapshot");
            let bits = |rates: [f64; 2]| rates.map(f64::to_bits);
            prop_assert_eq!(bits([view.0, view.1]), bits(rates));
            prop_assert_eq!(bits(read.rates.map(|rate| rate.expect("a rate"))), bits(rates));
            prop_assert_eq!((view.2, read.analyzed), (analyzed, Some(Time(analyzed))));
        });
    }
}
