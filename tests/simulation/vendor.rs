//! The vendor: what it answers, what it charges, and what the contract says of each answer.

use growthd::account::AccountId;
use growthd::api::{Answer, HttpAnswer, RetryAfter};
use growthd::clock::Time;

use super::random::Random;

/// An answer, or the lack of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ok,
    /// The same numbers as ever.
    Cached,
    NotFound,
    BadRequest,
    Forbidden,
    Unauthorized,
    PaymentRequired,
    /// A 200 that says that the credits ran out.
    NoCredits,
    /// 429; with a `Retry-After` of so many seconds.
    Throttled(Option<i64>),
    /// 503 with a `Retry-After`.
    Maintenance(i64),
    Broken,
    /// A 200 that is a web page.
    Junk,
    OtherAccount,
    Redirect,
    /// Nothing left this machine.
    NotSent,
    TimedOut,
    /// The process or the machine was not there to hear it.
    Lost,
}

/// What follows for the account's slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Served.
    Served,
    /// Tried again; costs no attempt.
    Free,
    /// Tried again while attempts are left.
    Paid,
    /// As `Paid`, if what is unknown is repeated at all.
    Unknown,
    /// Given up.
    GivenUp,
    /// Given up, unless others see the same: then everything pauses.
    Shared,
}

impl Kind {
    /// The code of the outcome in the ledger, and whether it may have cost a credit.
    pub fn verdict(self) -> (i64, i64) {
        match self {
            Kind::Ok | Kind::Cached => (1, 1),
            Kind::NotSent => (2, 0),
            Kind::TimedOut | Kind::Lost => (3, 1),
            _ => match self.status() {
                400..500 => (2, 0),
                _ => (2, 1),
            },
        }
    }

    pub fn fate(self) -> Fate {
        match self {
            Kind::Ok | Kind::Cached => Fate::Served,
            Kind::NotFound | Kind::BadRequest => Fate::GivenUp,
            Kind::Forbidden | Kind::Redirect => Fate::Shared,
            Kind::Junk | Kind::OtherAccount => Fate::Paid,
            Kind::TimedOut | Kind::Lost => Fate::Unknown,
            Kind::Unauthorized
            | Kind::PaymentRequired
            | Kind::NoCredits
            | Kind::Throttled(_)
            | Kind::Maintenance(_)
            | Kind::Broken
            | Kind::NotSent => Fate::Free,
        }
    }

    /// The status; 0 where there is no answer.
    fn status(self) -> u16 {
        match self {
            Kind::Ok | Kind::Cached | Kind::NoCredits | Kind::Junk | Kind::OtherAccount => 200,
            Kind::NotFound => 404,
            Kind::BadRequest => 400,
            Kind::Forbidden => 403,
            Kind::Unauthorized => 401,
            Kind::PaymentRequired => 402,
            Kind::Throttled(_) => 429,
            Kind::Maintenance(_) => 503,
            Kind::Broken => 500,
            Kind::Redirect => 308,
            Kind::NotSent | Kind::TimedOut | Kind::Lost => 0,
        }
    }

    /// Whether a `Date` comes with it.
    pub fn is_answer(self) -> bool {
        self.status() != 0
    }

    /// Whether the request left, and was not refused: the vendor may charge for it.
    pub fn may_charge(self) -> bool {
        self != Kind::NotSent && !(400..500).contains(&self.status())
    }

    /// One that goes wrong now and then without there being an outage.
    pub fn draw_trouble(random: &mut Random) -> Kind {
        let wait = random.pick(&[0, 1, 30, 600, 7200, 90_000]);
        random.pick(&[
            Kind::Cached,
            Kind::NotFound,
            Kind::BadRequest,
            Kind::Forbidden,
            Kind::Unauthorized,
            Kind::NoCredits,
            Kind::Throttled(None),
            Kind::Throttled(Some(wait)),
            Kind::Maintenance(wait),
            Kind::Broken,
            Kind::Broken,
            Kind::Junk,
            Kind::OtherAccount,
            Kind::Redirect,
            Kind::NotSent,
            Kind::NotSent,
            Kind::TimedOut,
            Kind::TimedOut,
        ])
    }

    /// One that a whole outage consists of.
    pub fn draw_outage(random: &mut Random) -> Kind {
        random.pick(&[
            Kind::NotSent,
            Kind::NotSent,
            Kind::Broken,
            Kind::Broken,
            Kind::Maintenance(600),
            Kind::Unauthorized,
            Kind::PaymentRequired,
            Kind::Forbidden,
            Kind::Redirect,
            Kind::Throttled(None),
            Kind::TimedOut,
        ])
    }

    /// What the client would make of it.
    pub fn answer(self, id: &AccountId, count: u64, date: Option<Time>) -> Answer {
        let body = match self {
            Kind::Ok => ok(id.as_str(), count),
            Kind::Cached => ok(id.as_str(), 7),
            Kind::OtherAccount => ok("somebody-else", count),
            Kind::NoCredits => r#"{"success":false,"message":"Not enough credits"}"#.to_owned(),
            Kind::Junk => "<html>welcome</html>".to_owned(),
            Kind::NotSent => return Answer::NotSent("connection refused".to_owned()),
            Kind::TimedOut | Kind::Lost => return Answer::Unknown("timed out".to_owned()),
            _ => String::new(),
        };
        Answer::Http(HttpAnswer {
            status: self.status(),
            date,
            retry_after: match self {
                Kind::Throttled(wait) => wait.map(RetryAfter::Seconds),
                Kind::Maintenance(wait) => Some(RetryAfter::Seconds(wait)),
                _ => None,
            },
            location: (self == Kind::Redirect).then(|| "https://elsewhere.example/".to_owned()),
            body: body.into_bytes(),
            is_whole: true,
            ..HttpAnswer::default()
        })
    }
}

fn ok(id: &str, count: u64) -> String {
    format!(
        r#"{{"success":true,"data":{{"account":{{"id":"{id}","bio":"{}","stats":{{"followers":{count}}},"lastAnalyzed":"2026-01-01T00:00:{:02}Z"}}}}}}"#,
        count % 3,
        count % 60
    )
}
