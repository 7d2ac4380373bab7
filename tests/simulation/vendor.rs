//! The vendor: its responses, its charges, and what the contract says about each response.

use growthd::api::{CallResult, HttpResponse, Redirect, RetryAfter};
use growthd::clock::Time;

use super::plan::HOUR;
use super::random::Random;

/// The result of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ok,
    /// A cached response: always the same numbers and `lastAnalyzed`.
    Cached,
    /// Zero followers.
    Zero,
    /// An ok without `success`.
    Unsaid,
    /// A 4xx, among them 401, 402 and 403 without a code.
    Refused(u16),
    /// A 403 whose code is about the subscription.
    Subscription,
    /// 408, 409, 421, 423, 425.
    Busy(u16),
    /// 429, with a `Retry-After` of this many seconds.
    Throttled(Option<i64>),
    /// Another 4xx with a `Retry-After`.
    AskedToWait(u16, i64),
    /// A 5xx.
    Broken(u16),
    /// A 503 with a `Retry-After`.
    Maintenance(i64),
    /// A 200 with a web page.
    Page,
    /// A 200 without a body.
    Empty,
    /// A 200 for another account.
    OtherAccount,
    /// A 200 with `success: false`.
    SaysNo,
    Redirect,
    /// Nothing was sent.
    NotSent,
    TimedOut,
    /// The connection broke.
    Cut,
    /// The process or the machine was down when the response arrived.
    Lost,
}

/// The consequences of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nature {
    Served,
    /// Costs nothing, and may soon succeed: unreachable, busy.
    Free,
    /// Costs nothing, and is unlikely to succeed soon.
    Refused,
    /// May have cost a credit.
    Paid,
    /// May have cost a credit, and it is unknown whether it was served.
    Unknown,
    /// Calls were made too fast.
    Throttled,
}

/// Texts about credits, keys and limits, which must have no effect.
const POISON: [&str; 5] = [
    "",
    r#"{"error":{"code":"NOT_FOUND","message":"Account @credit.queen not found: no credits left"}}"#,
    r#"{"success":false,"message":"subscription required, the api key is invalid, quota exceeded"}"#,
    "<html>Unauthorized. Payment required. Rate limit. credits</html>",
    r#"{"success":false,"message":"too many requests","details":{"field":"api_key"}}"#,
];

impl Kind {
    pub fn nature(self) -> Nature {
        match self {
            Kind::Ok | Kind::Cached | Kind::Zero | Kind::Unsaid => Nature::Served,
            Kind::NotSent | Kind::Busy(_) => Nature::Free,
            Kind::Refused(_) | Kind::Subscription | Kind::Redirect => Nature::Refused,
            Kind::Throttled(_) | Kind::AskedToWait(..) => Nature::Throttled,
            Kind::Broken(_)
            | Kind::Maintenance(_)
            | Kind::Page
            | Kind::Empty
            | Kind::OtherAccount
            | Kind::SaysNo => Nature::Paid,
            Kind::TimedOut | Kind::Cut | Kind::Lost => Nature::Unknown,
        }
    }

    /// Returns the expected outcome code in the ledger, and whether it counts as spent; `None` if
    /// the contract can be read either way.
    pub fn verdict(self) -> (i64, Option<i64>) {
        match self.nature() {
            Nature::Served => (1, Some(1)),
            Nature::Unknown => (3, Some(1)),
            Nature::Paid => (2, Some(1)),
            Nature::Refused if self == Kind::Redirect => (2, None),
            Nature::Free | Nature::Refused | Nature::Throttled => (2, Some(0)),
        }
    }

    /// Returns whether the vendor may charge for it.
    pub fn may_charge(self) -> bool {
        matches!(self.nature(), Nature::Served | Nature::Paid | Nature::Unknown)
    }

    /// Returns the HTTP status; 0 if there is no response.
    fn status(self) -> u16 {
        match self {
            Kind::Ok | Kind::Cached | Kind::Zero | Kind::Unsaid => 200,
            Kind::Page | Kind::Empty | Kind::OtherAccount | Kind::SaysNo => 200,
            Kind::Refused(status)
            | Kind::Busy(status)
            | Kind::AskedToWait(status, _)
            | Kind::Broken(status) => status,
            Kind::Subscription => 403,
            Kind::Throttled(_) => 429,
            Kind::Maintenance(_) => 503,
            Kind::Redirect => 308,
            Kind::NotSent | Kind::TimedOut | Kind::Cut | Kind::Lost => 0,
        }
    }

    /// Returns whether there is an HTTP response, which may have a `Date`.
    pub fn has_response(self) -> bool {
        self.status() != 0
    }

    /// How long the vendor is to be obeyed, in seconds: `[retry] max_delay` bounds only a pause of one
    /// that throttles, and what one that is down asks for is the least distance, up to two days.
    pub fn obeyed(self, max_delay: i64) -> Option<i64> {
        let longest = match self.nature() {
            Nature::Throttled => max_delay,
            _ => max_delay.max(2 * 86_400),
        };
        self.wait().map(|wait| wait.min(longest))
    }

    /// Returns the `Retry-After` in seconds, if there is one.
    pub fn wait(self) -> Option<i64> {
        match self {
            Kind::Throttled(wait) => wait,
            Kind::AskedToWait(_, wait) | Kind::Maintenance(wait) => Some(wait),
            _ => None,
        }
    }

    /// Draws any kind of failure.
    pub fn draw(random: &mut Random) -> Kind {
        let wait = random.pick(&[0, 1, 30, 600, 7200, 90_000]);
        random.pick(&[
            Kind::Refused(404),
            Kind::Refused(404),
            Kind::Refused(400),
            Kind::Refused(401),
            Kind::Refused(402),
            Kind::Refused(403),
            Kind::Subscription,
            Kind::Busy(408),
            Kind::Busy(409),
            Kind::Busy(423),
            Kind::Throttled(None),
            Kind::Throttled(Some(wait)),
            Kind::AskedToWait(403, wait),
            Kind::AskedToWait(409, wait),
            Kind::Broken(500),
            Kind::Broken(502),
            Kind::Maintenance(wait),
            Kind::Page,
            Kind::Empty,
            Kind::OtherAccount,
            Kind::SaysNo,
            Kind::Redirect,
            Kind::NotSent,
            Kind::NotSent,
            Kind::TimedOut,
            Kind::TimedOut,
            Kind::Cut,
        ])
    }

    /// Makes throttling that lasts for days ask for hours each time. Otherwise there would be a
    /// call a minute.
    pub fn for_a_while(self, seconds: i64) -> Kind {
        let is_short = seconds <= HOUR;
        match self {
            Kind::Throttled(wait) if !is_short => {
                Kind::Throttled(Some(wait.unwrap_or(0).max(7200)))
            }
            Kind::AskedToWait(status, wait) if !is_short => {
                Kind::AskedToWait(status, wait.max(7200))
            }
            kind => kind,
        }
    }

    /// Draws a failure of a single call.
    pub fn draw_noise(random: &mut Random) -> Kind {
        if random.chance(10) {
            return random.pick(&[Kind::Cached, Kind::Zero, Kind::Unsaid]);
        }
        Kind::draw(random)
    }

    /// Returns the result as the client would. `date` is the vendor's `Date`, if it sends one.
    pub fn response(self, id: &str, count: u64, date: Option<Time>) -> CallResult {
        let text = usize::try_from(count % POISON.len() as u64).map_or("", |index| POISON[index]);
        let body = match self {
            Kind::Ok => ok(r#""success":true,"#, id, count, count),
            Kind::Unsaid => ok("", id, count, count),
            Kind::Zero => ok(r#""success":true,"#, id, 0, count),
            Kind::Cached => ok(r#""success":true,"#, id, 7, 7),
            Kind::OtherAccount => ok(r#""success":true,"#, "somebody-else", count, count),
            Kind::SaysNo => r#"{"success":false,"message":"Not enough credits"}"#.to_owned(),
            Kind::Subscription => {
                r#"{"success":false,"message":"no","code":"SUBSCRIPTION_REQUIRED"}"#.to_owned()
            }
            Kind::Page => "<html>welcome</html>".to_owned(),
            Kind::Empty => String::new(),
            Kind::NotSent => return CallResult::NotSent("connection refused".to_owned()),
            Kind::TimedOut | Kind::Lost => return CallResult::Unknown("timed out".to_owned()),
            Kind::Cut => return CallResult::Unknown("the connection broke".to_owned()),
            _ => text.to_owned(),
        };
        CallResult::Http(HttpResponse {
            status: self.status(),
            date,
            retry_after: self.wait().map(RetryAfter::Seconds),
            location: (self == Kind::Redirect)
                .then(|| Redirect::Base("https://elsewhere.example/".to_owned())),
            body: body.into_bytes(),
            is_whole: true,
            ..HttpResponse::default()
        })
    }
}

fn ok(success: &str, id: &str, followers: u64, count: u64) -> String {
    format!(
        r#"{{{success}"data":{{"account":{{"id":"{id}","bio":"{} credits, key, subscription","stats":{{"followers":{followers}}},"lastAnalyzed":"2026-01-01T{:02}:{:02}:{:02}Z"}}}}}}"#,
        count % 3,
        count / 3600 % 24,
        count / 60 % 60,
        count % 60
    )
}
