//! The simulated vendor: its accounts, and its handling of requests.

use std::time::{Duration, UNIX_EPOCH};

use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde::Deserialize;

use super::account::Account;
use super::reply::{Reply, error_body, refusal_body};
use super::request::ApiRequest;
use crate::account::Platform;
use crate::clock::{Clock, Time};

/// The last date that HTTP can express, in seconds since 1970: the end of 9999. `httpdate` panics
/// on later ones.
const LAST_DATE: u64 = 253_402_300_799;

/// The accounts that exist.
pub trait Population: Send + Sync + 'static {
    /// Returns an account as it is at `now`; `None` if it does not exist then.
    fn account(&self, id: &str, now: Time) -> Option<Account>;

    /// Returns the id of the account with this username on this platform.
    fn id_of(&self, username: &str, platform: Platform, now: Time) -> Option<String>;
}

pub struct Vendor {
    key: String,
    clock: Clock,
    population: Box<dyn Population>,
}

impl Vendor {
    /// Creates a vendor that accepts only `key`.
    pub fn new(key: &str, clock: Clock, population: impl Population) -> Vendor {
        Vendor { key: key.to_owned(), clock, population: Box::new(population) }
    }

    /// Returns the time on the vendor's clock.
    pub fn now(&self) -> Time {
        self.clock.now().time()
    }

    /// Returns the account, if it exists now.
    pub fn account(&self, id: &str) -> Option<Account> {
        self.population.account(id, self.now())
    }

    /// Parses a request.
    ///
    /// # Errors
    /// Returns the error response for a request that is invalid or has the wrong key.
    pub fn read(&self, head: &Parts, body: &[u8]) -> Result<ApiRequest, Reply> {
        let Some(endpoint) = Endpoint::at(head.uri.path()) else {
            return Err(Reply::refusal(404, "NOT_FOUND", "There is no such endpoint"));
        };
        if head.method != Method::POST {
            let message = "This endpoint is called with POST";
            return Err(Reply::refusal(405, "METHOD_NOT_ALLOWED", message));
        }
        match head.headers.get("x-api-key") {
            Some(key) if key.as_bytes() == self.key.as_bytes() => {}
            Some(_) => {
                let message = "The provided API key is invalid";
                return Err(Reply::new(401, error_body("INVALID_API_KEY", message)));
            }
            None => return Err(Reply::refusal(401, "MISSING_API_KEY", "API key is required")),
        }
        match endpoint {
            Endpoint::Refresh(id) => Ok(ApiRequest::Refresh { id: id.to_owned() }),
            Endpoint::Analyze => {
                let Handle { username, platform } = Handle::parse(body).map_err(|field| {
                    let message = format!("{field} is missing or invalid");
                    Reply::new(400, refusal_body("VALIDATION_ERROR", &message, Some(field)))
                })?;
                let id = self.population.id_of(&username, platform, self.now());
                Ok(ApiRequest::Analyze { id })
            }
        }
    }

    /// Returns the documented response, or 404 for an account that does not exist.
    pub fn respond(&self, request: &ApiRequest) -> Reply {
        let account = request.id().and_then(|id| Some((id, self.account(id)?)));
        match account {
            Some((id, account)) => Reply::success(request, id, &account, self.now()),
            None => Reply::refusal(404, "ACCOUNT_NOT_FOUND", "Social account not found"),
        }
    }

    /// Adds the `Date` of the vendor's clock, unless the response has one: hyper would add that of
    /// the machine's clock.
    pub fn dated<B>(&self, mut response: Response<B>) -> Response<B> {
        if !self.clock.is_system() && !response.headers().contains_key(header::DATE) {
            Vendor::set_date(&mut response, self.now());
        }
        response
    }

    /// Sets the `Date` of a response.
    pub fn set_date<B>(response: &mut Response<B>, time: Time) {
        let seconds = u64::try_from(time.0).unwrap_or(0).min(LAST_DATE);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
        if let Ok(date) = HeaderValue::from_str(&date) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
}

enum Endpoint<'a> {
    Refresh(&'a str),
    Analyze,
}

impl Endpoint<'_> {
    fn at(path: &str) -> Option<Endpoint<'_>> {
        match path.strip_prefix("/v1/social/account/")? {
            "analyze" => Some(Endpoint::Analyze),
            rest => {
                let id = rest.strip_suffix("/refresh")?;
                (!id.is_empty() && !id.contains('/')).then_some(Endpoint::Refresh(id))
            }
        }
    }
}

/// The body of an analyze request.
struct Handle {
    username: String,
    platform: Platform,
}

impl Handle {
    /// Parses the body. An error is the name of the invalid field.
    fn parse(body: &[u8]) -> Result<Handle, &'static str> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            username: String,
            #[serde(default)]
            platform: String,
        }
        let Body { username, platform } = serde_json::from_slice(body).map_err(|_| "body")?;
        if username.is_empty() {
            return Err("username");
        }
        let platform = platform.parse().map_err(|_| "platform")?;
        Ok(Handle { username, platform })
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const ID: &str = "clx123abc";

    /// The documented account, which exists for the first hundred seconds.
    struct ShortLived;

    impl Population for ShortLived {
        fn account(&self, id: &str, now: Time) -> Option<Account> {
            let followers = u64::try_from(now.0).ok()?;
            let stats = super::super::Stats { followers, ..Account::documented().stats };
            (id == ID && followers < 100).then(|| Account { stats, ..Account::documented() })
        }

        fn id_of(&self, username: &str, platform: Platform, _: Time) -> Option<String> {
            let matches = username == "fitnessguru" && platform == Platform::Tiktok;
            matches.then(|| ID.to_owned())
        }
    }

    fn request(vendor: &Vendor, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("x-api-key", key);
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let reply = vendor.read(&head, body.as_bytes());
        let reply = reply.map_or_else(|refusal| refusal, |request| vendor.respond(&request));
        (reply.status.as_u16(), String::from_utf8(reply.body).expect("UTF-8"))
    }

    #[test]
    fn an_account_and_the_date_follow_the_vendors_clock() {
        let (clock, hand) = Clock::by_hand(Time(0));
        let vendor = Vendor::new("k", clock, ShortLived);
        let path = "/v1/social/account/clx123abc/refresh";
        for (age, status, words) in
            [(7, 200, r#""followers":7,"#), (7, 200, r#""followers":7,"#), (100, 404, "NOT_FOUND")]
        {
            hand.move_to(Time(age).into());
            let (seen, body) = request(&vendor, "POST", path, "k", "");
            assert_eq!(seen, status);
            assert!(body.contains(words), "{body}");
            let dated = vendor.dated(Response::new(()));
            let date =
                httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(age.unsigned_abs()));
            assert_eq!(dated.headers()[header::DATE], date);
        }
    }

    #[test]
    fn an_invalid_request_is_refused() {
        let vendor = Vendor::new("k", Clock::by_hand(Time(5)).0, ShortLived);
        let refresh = "/v1/social/account/clx123abc/refresh";
        let analyze = "/v1/social/account/analyze";
        for (method, path, key, body, status, words) in [
            ("POST", "/", "k", "", 404, "no such endpoint"),
            ("POST", "/v1/social/account//refresh", "k", "", 404, "no such endpoint"),
            ("POST", "/v1/social/account/a/b/refresh", "k", "", 404, "no such endpoint"),
            ("POST", "/v1/social/account/x/refresh", "k", "", 404, "ACCOUNT_NOT_FOUND"),
            ("GET", refresh, "k", "", 405, "POST"),
            ("POST", refresh, "other", "", 401, r#"{"error":{"code":"INVALID_API_KEY""#),
            ("POST", analyze, "k", "nonsense", 400, r#""field":"body""#),
            ("POST", analyze, "k", r#"{"platform":"tiktok"}"#, 400, r#""field":"username""#),
            ("POST", analyze, "k", r#"{"username":"x","platform":"radio"}"#, 400, "platform"),
            ("POST", analyze, "k", r#"{"username":"x","platform":"tiktok"}"#, 404, "NOT_FOUND"),
            (
                "POST",
                analyze,
                "k",
                r#"{"username":"fitnessguru","platform":"tiktok"}"#,
                200,
                r#""id":"clx123abc""#,
            ),
        ] {
            let (seen, reply) = request(&vendor, method, path, key, body);
            assert_eq!(seen, status, "{method} {path} {body}: {reply}");
            assert!(reply.contains(words), "{method} {path} {body}: {reply}");
        }
    }
}
