//! Decodes the JSON of a response into a [`Measurement`].
//!
//! Nothing is guessed. A known field whose value has the wrong type or range, or which occurs
//! twice, counts as absent, and its original goes to `extra`. Objects are split into the raw text
//! of their values, so that these are kept verbatim, even numbers beyond 64 bits. Only what no text
//! in a database can hold is replaced.

use crate::account::AccountId;
use crate::api::extra::{Allowance, extra};
use crate::api::object::{Object, text};
use crate::api::unstorable;
use crate::clock::Time;
use crate::measurement::{Field, Measurement, Number, Profile};

/// Why a 2xx response is not a measurement of the requested account.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    #[error("the response is not a JSON object")]
    NotJson,
    #[error("the response reports a failure")]
    NoSuccess,
    #[error("the response contains no data.account")]
    NoAccount,
    #[error("the account in the response has no usable id")]
    NoId,
    #[error("the response is for another account ({0:?})")]
    OtherAccount(String),
}

/// Decodes the response to a refresh of `requested`. With `None`, accepts any account, as for a
/// lookup by name. Returns the account's id and its measurement.
///
/// # Errors
/// Returns [`Unusable`] if the response is not a success, or not for the requested account.
pub fn decode(
    json: &str,
    requested: Option<&AccountId>,
) -> Result<(AccountId, Measurement), Unusable> {
    let json = unstorable::replaced(json);
    let mut root = Object::parse(&json).ok_or(Unusable::NotJson)?;
    // A missing `success` does not count against the numbers.
    if root.has("success", "false") {
        return Err(Unusable::NoSuccess);
    }
    root.take("success", |json| (json == "true").then_some(()));
    root.take("message", |_| Some(()));
    let mut data = root.take("data", Object::parse).ok_or(Unusable::NoAccount)?;
    let mut account = data.take("account", Object::parse).ok_or(Unusable::NoAccount)?;
    let raw_id = account.take("id", text).ok_or(Unusable::NoId)?;
    if requested.is_some_and(|requested| requested.as_str() != raw_id) {
        return Err(Unusable::OtherAccount(raw_id));
    }
    let id = raw_id.parse::<AccountId>().map_err(|_| Unusable::NoId)?;
    Ok((id, measurement(account, &data, &root)))
}

fn measurement(mut account: Object<'_>, data: &Object<'_>, root: &Object<'_>) -> Measurement {
    let mut allowance = Allowance::new();
    let mut field = |key, read: fn(&str) -> _| allowance.text(account.take_field(key, read));
    let profile = Profile {
        platform: known(field("platform", name)),
        username: known(field("username", username)),
        display_name: known(field("displayName", name)),
        bio: field("bio", text),
        avatar_url: field("avatarUrl", text),
        profile_url: field("profileUrl", text),
        is_verified: account.take_field("isVerified", boolean),
    };
    let analyzed = account.take_value("lastAnalyzed", time);
    let mut stats = account.take_object("stats");
    let mut analytics = account.take_object("analytics");
    Measurement {
        followers: stats.take_value("followers", count),
        following: stats.take_value("following", count),
        videos: stats.take_value("videos", count),
        likes: stats.take_value("likes", count),
        engagement_rate: analytics.take_value("engagementRate", rate),
        virality_score: analytics.take_value("viralityScore", rate),
        avg_views: analytics.take_value("avgViews", average),
        analyzed,
        profile,
        extra: extra(
            &[
                ("", &account),
                ("stats", &stats),
                ("analytics", &analytics),
                ("_data", data),
                ("_answer", root),
            ],
            allowance,
        ),
    }
}

/// Reads a name. A blank one is not credible.
fn name(json: &str) -> Option<String> {
    text(json).filter(|name| !name.trim().is_empty())
}

/// Reads a user name, without the `@` that some platforms write before it: it would neither be found
/// by its name nor be known when it is added again.
fn username(json: &str) -> Option<String> {
    name(json).map(|name| name.trim_start_matches('@').to_owned()).filter(|name| !name.is_empty())
}

/// Treats `null` as absent: every account has a name.
fn known(field: Field<String>) -> Field<String> {
    match field {
        Field::Null => Field::Nothing,
        field => field,
    }
}

fn boolean(json: &str) -> Option<bool> {
    serde_json::from_str(json).ok()
}

fn time(json: &str) -> Option<Time> {
    text(json)?.parse().ok()
}

/// Reads a count: a whole number from 0 to 2^63 - 1, in any notation.
fn count(json: &str) -> Option<i64> {
    match number(json)? {
        Number::Whole(whole) if whole >= 0 => Some(whole),
        Number::Whole(_) | Number::Real(_) => None,
    }
}

fn average(json: &str) -> Option<Number> {
    match number(json)? {
        Number::Whole(whole) if whole < 0 => None,
        Number::Real(real) if real < 0.0 => None,
        number => Some(number),
    }
}

fn rate(json: &str) -> Option<f64> {
    match number(json)? {
        #[expect(clippy::cast_precision_loss, reason = "a rate is a REAL; 2^53 is far beyond any")]
        Number::Whole(whole) => Some(whole as f64),
        Number::Real(real) => Some(real),
    }
}

fn number(json: &str) -> Option<Number> {
    /// 2^63, the first whole number beyond `i64`. It is exact as an `f64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    whole(json).map(Number::Whole).or_else(|| {
        let real: f64 = json.parse().ok()?;
        (real.abs() < BEYOND).then_some(Number::Real(real))
    })
}

/// Returns the whole number that a JSON number such as `1.52e6` exactly is. Computed from its
/// digits, since the nearest `f64` to `0.99999999999999999` is 1.
fn whole(json: &str) -> Option<i64> {
    let (mantissa, exponent) = json.split_once(['e', 'E']).unwrap_or((json, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = [integer, fraction].concat();
    let digits = written.trim_end_matches('0');
    if digits.trim_start_matches('-').is_empty() {
        return Some(0);
    }
    let zeros = i64::try_from(written.len() - digits.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent.parse::<i64>().ok()?.checked_add(zeros - places)?;
    let scale = 10_i64.checked_pow(u32::try_from(power).ok()?)?;
    digits.parse::<i64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTED: &str = r#"{"success":true,"message":"Account refreshed successfully","data":{"account":{
        "id":"clx123abc","username":"fitnessguru","platform":"tiktok","displayName":"Fitness Guru",
        "bio":"Helping you get fit one video at a time","avatarUrl":"https://cdn.tiktok.com/avatar.jpg",
        "isVerified":true,"stats":{"followers":1520000,"following":252,"videos":348,"likes":46500000},
        "analytics":{"engagementRate":12.8,"viralityScore":79.1,"avgViews":920000},
        "lastAnalyzed":"2024-01-16T10:30:00Z","profileUrl":"https://www.tiktok.com/@fitnessguru"}}}"#;

    fn requested() -> AccountId {
        "clx123abc".parse().expect("an id")
    }

    fn stats(members: &str) -> Measurement {
        let json = format!(
            r#"{{"success":true,"data":{{"account":{{"id":"clx123abc","stats":{{{members}}}}}}}}}"#
        );
        decode(&json, Some(&requested())).expect("an account").1
    }

    #[test]
    fn an_average_may_have_a_fraction_and_is_not_negative() {
        for (json, expected) in [
            ("-1", None),
            ("-0.5", None),
            ("0", Some(Number::Whole(0))),
            ("0.0", Some(Number::Whole(0))),
            ("0.5", Some(Number::Real(0.5))),
            ("1", Some(Number::Whole(1))),
            // Too small for an `f64`.
            ("1e-400", Some(Number::Real(0.0))),
            ("9223372036854775807", Some(Number::Whole(i64::MAX))),
            ("9223372036854775808", None),
        ] {
            assert_eq!(average(json), expected, "{json}");
        }
    }

    #[test]
    fn every_field_of_the_documented_response_is_decoded() {
        let (id, measurement) = decode(DOCUMENTED, Some(&requested())).expect("an account");
        assert_eq!(id, requested());
        let text = |text: &str| Field::Value(text.to_owned());
        assert_eq!(
            measurement,
            Measurement {
                followers: Some(1_520_000),
                following: Some(252),
                videos: Some(348),
                likes: Some(46_500_000),
                engagement_rate: Some(12.8),
                virality_score: Some(79.1),
                avg_views: Some(Number::Whole(920_000)),
                analyzed: Some(Time(1_705_401_000)),
                profile: Profile {
                    platform: text("tiktok"),
                    username: text("fitnessguru"),
                    display_name: text("Fitness Guru"),
                    bio: text("Helping you get fit one video at a time"),
                    avatar_url: text("https://cdn.tiktok.com/avatar.jpg"),
                    profile_url: text("https://www.tiktok.com/@fitnessguru"),
                    is_verified: Field::Value(true),
                },
                extra: None,
            }
        );
    }

    #[test]
    fn a_count_is_never_guessed() {
        for (json, followers, extra) in [
            ("12", Some(12), None),
            ("1520000.0", Some(1_520_000), None),
            ("1.52e6", Some(1_520_000), None),
            ("9223372036854775807", Some(i64::MAX), None),
            ("0", Some(0), None),
            ("null", None, None),
            ("9223372036854775808", None, Some("9223372036854775808")),
            ("1e300", None, Some("1e300")),
            ("-1", None, Some("-1")),
            ("1.5", None, Some("1.5")),
            ("100e-2", Some(1), None),
            ("-0.0e999999999999", Some(0), None),
            ("9007199254740993.0", Some(9_007_199_254_740_993), None),
            ("9223372036854775807.00", Some(i64::MAX), None),
            ("9223372036854775808.0", None, Some("9223372036854775808.0")),
            ("1520000.00000000000000001", None, Some("1520000.00000000000000001")),
            ("0.99999999999999999", None, Some("0.99999999999999999")),
            ("1e-400", None, Some("1e-400")),
            ("\"1.5M\"", None, Some("\"1.5M\"")),
            ("[7]", None, Some("[7]")),
            ("true", None, Some("true")),
            ("{\"n\":1}", None, Some("{\"n\":1}")),
        ] {
            let decoded = stats(&format!("\"followers\":{json}"));
            assert_eq!(decoded.followers, followers, "{json}");
            let kept = extra.map(|extra| format!("{{\"stats\":{{\"followers\":{extra}}}}}"));
            assert_eq!(decoded.extra, kept, "{json}");
        }
    }

    #[test]
    fn a_field_that_occurs_twice_counts_as_absent_and_both_are_kept() {
        let decoded = stats(r#""followers":1,"followers":2,"likes":3"#);
        assert_eq!((decoded.followers, decoded.likes), (None, Some(3)));
        assert_eq!(decoded.extra.as_deref(), Some(r#"{"stats":{"followers":[1,2]}}"#));
    }

    #[test]
    fn every_other_field_is_kept_verbatim() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let json = format!(
            r#"{{"success":true,"credits":1.50,"data":{{"account":{{"id":"clx123abc","topHashtags":["a","b"],
               "stats":{{"shares":18446744073709551616}},"lastAnalyzed":"yesterday","deep":{deep}}},"cost":2}}}}"#
        );
        let (_, decoded) = decode(&json, Some(&requested())).expect("an account");
        let expected = format!(
            r#"{{"topHashtags":["a","b"],"lastAnalyzed":"yesterday","deep":{deep},"stats":{{"shares":18446744073709551616}},"_data":{{"cost":2}},"_answer":{{"credits":1.50}}}}"#
        );
        assert_eq!(decoded.extra, Some(expected));
    }

    #[test]
    fn null_clears_a_bio_but_not_a_name() {
        let json = r#"{"success":true,"data":{"account":{"id":"clx123abc","username":null,"displayName":null,"bio":null,"isVerified":"yes"}}}"#;
        let (_, decoded) = decode(json, Some(&requested())).expect("an account");
        assert_eq!(decoded.profile.username, Field::Nothing);
        assert_eq!(decoded.profile.display_name, Field::Nothing);
        assert_eq!(decoded.profile.bio, Field::Null);
        assert_eq!(decoded.profile.is_verified, Field::Nothing);
        assert_eq!(decoded.extra.as_deref(), Some(r#"{"isVerified":"yes"}"#));
    }

    #[test]
    fn a_user_name_is_kept_without_its_at_sign() {
        for (written, kept) in [("@at", Some("at")), ("at", Some("at")), ("@", None)] {
            let json =
                format!(r#"{{"data":{{"account":{{"id":"clx123abc","username":"{written}"}}}}}}"#);
            let (_, decoded) = decode(&json, Some(&requested())).expect("an account");
            let kept = kept.map_or(Field::Nothing, |kept| Field::Value(kept.to_owned()));
            assert_eq!(decoded.profile.username, kept, "{written}");
        }
    }

    #[test]
    fn an_empty_text_clears_a_bio_but_not_a_name() {
        let json = r#"{"data":{"account":{"id":"clx123abc","username":"","displayName":" \u00a0","platform":"","bio":""}}}"#;
        let (_, decoded) = decode(json, Some(&requested())).expect("an account");
        let Profile { username, display_name, platform, bio, .. } = decoded.profile;
        assert_eq!([username, display_name, platform], [const { Field::Nothing }; 3]);
        assert_eq!(bio, Field::Value(String::new()));
        let extra = r#"{"username":"","displayName":" \u00a0","platform":""}"#;
        assert_eq!(decoded.extra.as_deref(), Some(extra));
    }

    #[test]
    fn a_response_that_is_not_for_the_account_is_unusable() {
        for (json, why) in [
            ("", Unusable::NotJson),
            ("<html>", Unusable::NotJson),
            ("[]", Unusable::NotJson),
            (&DOCUMENTED[..DOCUMENTED.len() - 1], Unusable::NotJson),
            ("{}", Unusable::NoAccount),
            (r#"{"success":false}"#, Unusable::NoSuccess),
            (r#"{"success":true,"success":false}"#, Unusable::NoSuccess),
            (r#"{"success":true}"#, Unusable::NoAccount),
            (r#"{"success":true,"data":{"account":null}}"#, Unusable::NoAccount),
            (r#"{"success":true,"data":{"account":{"username":"x"}}}"#, Unusable::NoId),
            (r#"{"success":true,"data":{"account":{"id":7}}}"#, Unusable::NoId),
            (
                r#"{"success":true,"data":{"account":{"id":"a/b"}}}"#,
                Unusable::OtherAccount("a/b".to_owned()),
            ),
            (
                r#"{"success":true,"data":{"account":{"id":"other"}}}"#,
                Unusable::OtherAccount("other".to_owned()),
            ),
            (
                r#"{"success":true,"data":{"account":{"id":"clx123abc","id":"other"}}}"#,
                Unusable::NoId,
            ),
        ] {
            assert_eq!(decode(json, Some(&requested())).expect_err(json), why, "{json}");
        }
    }

    #[test]
    fn a_lookup_accepts_any_account_with_a_usable_id() {
        let long = "x".repeat(300);
        for (id, is_usable) in
            [("clx123abc", true), ("a/b", false), ("..", false), ("", false), (&long, false)]
        {
            let json = format!(r#"{{"data":{{"account":{{"id":"{id}"}}}}}}"#);
            let found = decode(&json, None).map(|(id, _)| id.as_str().to_owned());
            let expected = if is_usable { Ok(id.to_owned()) } else { Err(Unusable::NoId) };
            assert_eq!(found, expected, "{id}");
        }
        assert_eq!(decode(r#"{"data":{"account":{"id":7}}}"#, None), Err(Unusable::NoId));
    }

    #[test]
    fn a_field_named_like_one_of_ours_hides_nothing() {
        let json = r#"{"success":true,"cost":1,"data":{"account":{"id":"clx123abc","_answer":2,"stats":3}}}"#;
        let (_, decoded) = decode(json, Some(&requested())).expect("an account");
        assert_eq!(decoded.extra.as_deref(), Some(r#"{"_answer":[2,{"cost":1}],"stats":3}"#));
    }

    #[test]
    fn a_lone_surrogate_or_a_nul_costs_nothing_else() {
        let json = r#"{"data":{"account":{"id":"clx123abc","bio":"a\ud800b","username":"\u0000",
            "\udc00":"\ud83d\ude00\u0000"}}}"#;
        let (_, decoded) = decode(json, Some(&requested())).expect("an account");
        assert_eq!(decoded.profile.bio, Field::Value("a\u{fffd}b".to_owned()));
        assert_eq!(decoded.profile.username, Field::Value("\u{fffd}".to_owned()));
        let extra = "{\"\u{fffd}\":\"\\ud83d\\ude00\\ufffd\"}";
        assert_eq!(decoded.extra.as_deref(), Some(extra));
    }

    #[test]
    fn a_million_brackets_are_harmless() {
        let json = "[".repeat(super::super::MAX_BODY);
        assert_eq!(decode(&json, Some(&requested())), Err(Unusable::NotJson));
        let json = format!(r#"{{"success":true,"data":{}"#, "{\"a\":".repeat(100_000));
        assert_eq!(decode(&json, Some(&requested())), Err(Unusable::NotJson));
    }
}
