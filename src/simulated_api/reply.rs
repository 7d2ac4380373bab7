//! The documented shapes of a response.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::{Serialize, Serializer};

use super::account::{Account, Analytics, Stats};
use super::request::ApiRequest;
use crate::account::Platform;
use crate::clock::Time;

/// The content type of every response.
pub const JSON: &str = "application/json; charset=utf-8";

/// The status and body of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the documented response to `request` about an account. That of an analyze has three
    /// more fields than that of a refresh.
    pub fn success(request: &ApiRequest, id: &str, account: &Account, now: Time) -> Reply {
        let (message, analyzed) = match request {
            ApiRequest::Refresh { .. } => ("Account refreshed successfully", None),
            ApiRequest::Analyze { .. } => (
                "Account analyzed successfully",
                Some(Analyzed {
                    top_hashtags: &account.top_hashtags,
                    keywords: &account.keywords,
                    created_at: account.created,
                }),
            ),
        };
        let account = Profile {
            id,
            username: &account.username,
            platform: account.platform,
            display_name: &account.display_name,
            bio: &account.bio,
            avatar_url: &account.avatar_url,
            is_verified: account.is_verified,
            stats: account.stats.as_shown_on(account.platform),
            analytics: account.analytics,
            last_analyzed: account.last_analyzed.unwrap_or(now),
            profile_url: &account.profile_url,
            analyzed,
        };
        let body = to_json(&Success { success: true, message, data: Data { account } });
        Reply { status: StatusCode::OK, body }
    }

    /// Returns any response, with 500 in place of an invalid status.
    pub fn new(status: u16, body: Vec<u8>) -> Reply {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply { status, body }
    }

    /// Returns an error in the shape of [`refusal_body`].
    pub fn refusal(status: u16, code: &str, message: &str) -> Reply {
        Reply::new(status, refusal_body(code, message, None))
    }

    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Returns an error in one of the two documented shapes: `{"success":false,"message":…,"code":…}`.
pub fn refusal_body(code: &str, message: &str, field: Option<&str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Details<'a> {
        field: &'a str,
    }
    #[derive(Serialize)]
    struct Refusal<'a> {
        success: bool,
        message: &'a str,
        code: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Details<'a>>,
    }
    let details = field.map(|field| Details { field });
    to_json(&Refusal { success: false, message, code, details })
}

/// Returns an error in the other documented shape: `{"error":{"code":…,"message":…}}`.
pub fn error_body(code: &str, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
    }
    #[derive(Serialize)]
    struct Shape<'a> {
        error: Error<'a>,
    }
    to_json(&Shape { error: Error { code, message } })
}

/// Serializes a value, which cannot fail: all keys are strings.
fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[derive(Serialize)]
struct Success<'a> {
    success: bool,
    message: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    account: Profile<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    id: &'a str,
    username: &'a str,
    platform: Platform,
    display_name: &'a str,
    bio: &'a str,
    avatar_url: &'a str,
    is_verified: bool,
    stats: Stats,
    analytics: Analytics,
    #[serde(serialize_with = "as_text")]
    last_analyzed: Time,
    profile_url: &'a str,
    #[serde(flatten)]
    analyzed: Option<Analyzed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Analyzed<'a> {
    top_hashtags: &'a [String],
    keywords: &'a [String],
    #[serde(serialize_with = "as_text")]
    created_at: Time,
}

fn as_text<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: &ApiRequest) -> String {
        let reply = Reply::success(request, "clx123abc", &Account::documented(), Time(0));
        String::from_utf8(reply.body).expect("UTF-8")
    }

    #[test]
    fn a_refresh_has_exactly_the_documented_response() {
        let documented = concat!(
            r#"{"success":true,"message":"Account refreshed successfully","data":{"account":{"#,
            r#""id":"clx123abc","username":"fitnessguru","platform":"tiktok","#,
            r#""displayName":"Fitness Guru","bio":"Helping you get fit one video at a time","#,
            r#""avatarUrl":"https://cdn.tiktok.com/avatar.jpg","isVerified":true,"#,
            r#""stats":{"followers":1520000,"following":252,"videos":348,"likes":46500000},"#,
            r#""analytics":{"engagementRate":12.8,"viralityScore":79.1,"avgViews":920000},"#,
            r#""lastAnalyzed":"2024-01-16T10:30:00Z","#,
            r#""profileUrl":"https://www.tiktok.com/@fitnessguru"}}}"#
        );
        assert_eq!(body(&ApiRequest::Refresh { id: "clx123abc".to_owned() }), documented);
    }

    #[test]
    fn an_analyze_has_three_more_fields() {
        let end = concat!(
            r#""profileUrl":"https://www.tiktok.com/@fitnessguru","#,
            r##""topHashtags":["#fitness","#workout"],"keywords":["fitness","home workout"],"##,
            r#""createdAt":"2024-01-16T10:30:00Z"}}}"#
        );
        let analyzed = body(&ApiRequest::Analyze { id: None });
        assert!(analyzed.ends_with(end), "{analyzed}");
    }
}
