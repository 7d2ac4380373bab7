//! The digest as one JSON value, including what the other formats truncate.

use serde_json::{Value, json};

use crate::clock::Time;
use crate::period::Beginning;
use crate::report::digest::Digest;
use crate::report::digest::total::Total;
use crate::store::AccountGrowth;

impl Digest {
    /// Returns the digest as JSON. Every member is always present.
    pub fn json(&self) -> Value {
        let from = match self.period.from {
            Beginning::At(at) => Some(at),
            Beginning::Back(_) | Beginning::History => None,
        };
        let (seconds, utc) = (|time: Time| time.0, |time: Time| time.to_string());
        json!({
            "period": self.period.to_string(),
            "is_over": self.period.unfinished.is_none(),
            "from_time": from.map(seconds),
            "from_utc": from.map(utc),
            "to_time": self.period.until.map(seconds),
            "to_utc": self.period.until.map(utc),
            "selection": { "tags": self.selection.tags, "platform": self.selection.platform },
            "accounts": self.listed,
            "total": self.total.as_ref().map(total),
            "tags": self.tags.iter().map(|(tag, sum)| {
                let mut value = total(sum);
                value["tag"] = json!(tag);
                value
            }).collect::<Vec<_>>(),
            "grew": self.grew.iter().map(mover).collect::<Vec<_>>(),
            "lost": self.lost.iter().map(mover).collect::<Vec<_>>(),
            "milestones": self.milestones.iter().map(|reached| json!({
                "account_id": reached.id,
                "name": reached.name,
                "time": reached.time.0,
                "time_utc": reached.time.to_string(),
                "dated_time": reached.dated.0,
                "dated_utc": reached.dated.to_string(),
                "count": reached.count,
                "milestone": reached.milestone,
                "value": reached.value,
            })).collect::<Vec<_>>(),
            "unusual": self.unusual.iter().map(|step| json!({
                "account_id": step.id,
                "name": step.name,
                "time": step.time.0,
                "time_utc": step.time.to_string(),
                "dated_time": step.dated.0,
                "dated_utc": step.dated.to_string(),
                "count": step.count,
                "delta": step.delta,
                "per_7d": step.per_7d,
                "usual_per_7d": step.usual_per_7d,
                "times": step.times,
            })).collect::<Vec<_>>(),
            "profile_changes": self.changes.iter().map(|change| json!({
                "account_id": change.id,
                "name": change.name,
                "time": change.time.0,
                "time_utc": change.time.to_string(),
                "dated_time": change.dated.0,
                "dated_utc": change.dated.to_string(),
                "field": change.field,
                "old": change.old,
                "new": change.new,
            })).collect::<Vec<_>>(),
            "silent": self.silent.iter().map(|account| json!({
                "account_id": account.id,
                "name": account.name,
                "last_time": account.since.map(seconds),
                "last_utc": account.since.map(utc),
            })).collect::<Vec<_>>(),
            "failing": self.failing.iter().map(|account| json!({
                "account_id": account.id.as_str(),
                "name": account.name,
                "label": account.label,
                "username": account.username,
                "since_time": account.failing_since.map(seconds),
                "since_utc": account.failing_since.map(utc),
                "last_error": account.last_error,
            })).collect::<Vec<_>>(),
            "breaker": self.holds.breaker.as_ref().map(|open| json!({
                "since_time": open.since.0,
                "since_utc": open.since.to_string(),
                "trouble": open.trouble.as_str(),
                "reason": open.reason,
            })),
            "pause": self.holds.long_pause().map(|pause| json!({
                "until_time": pause.until.0,
                "until_utc": pause.until.to_string(),
                "reason": pause.reason,
            })),
            "budget": self.short_budget().map(|budget| json!({
                "held_back": self.held_back,
                "until_time": budget.until.0,
                "until_utc": budget.until.to_string(),
            })),
        })
    }
}

fn total(total: &Total) -> Value {
    json!({
        "accounts": total.accounts,
        "followers": total.followers,
        "followers_gained": total.gained,
        "followers_gained_pct": total.percent(),
        "followers_gained_before": total.gained_before,
    })
}

fn mover(account: &AccountGrowth) -> Value {
    json!({
        "account_id": account.id,
        "name": account.name,
        "platform": account.platform,
        "followers": account.followers,
        "followers_gained": account.gained,
        "followers_gained_pct": account.percent(),
        "followers_gained_before": account.gained_before,
    })
}
