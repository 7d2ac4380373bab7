//! The one code that sends the key anywhere: to the configured host, over no redirect and no
//! proxy, and nothing twice.

use std::error::Error;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{
    AGE, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use serde_json::value::RawValue;

use crate::account::{AccountId, Handle};
use crate::api::answer::{Answer, HttpAnswer, KEPT, MAX_BODY, RetryAfter, http_date};
use crate::api::body_permit::{BodyPermit, BodyPermits, SMALL};
use crate::api::redaction::redact;
use crate::config::{Api, ApiKey};

/// How long a connection may take to be made. Shorter than any sensible whole timeout, so that
/// an unreachable host is known to have been sent nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Short: a server that closes one in the very moment it
/// is used again leaves a paid call unknown.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// Asks the vendor. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    api: Api,
    key: ApiKey,
    rooms: BodyPermits,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS or its roots could not be set up.
    #[error("cannot set up HTTPS: {0}")]
    Tls(#[from] reqwest::Error),
    /// The key is no header value.
    #[error("the API key holds characters that no header can")]
    Key,
}

impl Client {
    /// A client for the host that `api` names.
    ///
    /// # Errors
    /// TLS that cannot be set up, a key that cannot be sent.
    pub fn new(api: &Api, key: ApiKey) -> Result<Client, ClientError> {
        let mut value = HeaderValue::from_str(key.expose()).map_err(|_| ClientError::Key)?;
        // Keeps it out of reqwest's and hyper's own debug output.
        value.set_sensitive(true);
        // Two stores in one process share the provider; that it is set already is no error.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(KEY_HEADER, value)]))
            .user_agent(concat!("growthd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT.min(api.timeout))
            .timeout(api.timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(usize::try_from(api.max_in_flight).unwrap_or(usize::MAX))
            .tcp_nodelay(true)
            .build()?;
        Ok(Client { http, api: api.clone(), key, rooms: BodyPermits::new() })
    }

    /// Asks for a refresh. Takes at most the configured timeout, body and all.
    pub async fn refresh(&self, id: &AccountId) -> Answer {
        let url = self.api.url(["v1", "social", "account", id.as_str(), "refresh"]);
        self.receive(self.http.post(url).send().await).await
    }

    /// Looks an account up by its name. The vendor scrapes it anew, as for a refresh.
    pub async fn analyze(&self, handle: &Handle) -> Answer {
        let url = self.api.url(["v1", "social", "account", "analyze"]);
        let Handle { username, platform } = handle;
        let body = serde_json::json!({"username": username, "platform": platform}).to_string();
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        self.receive(request.send().await).await
    }

    async fn receive(&self, response: reqwest::Result<Response>) -> Answer {
        let mut response = match response {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Answer::NotSent(told(&error)),
            Err(error) => return Answer::Unknown(told(&error)),
        };
        let header = |name| response.headers().get(name)?.to_str().ok();
        let mut answer = HttpAnswer {
            status: response.status().as_u16(),
            date: header(DATE).and_then(http_date),
            retry_after: header(RETRY_AFTER).and_then(RetryAfter::parse),
            age: header(AGE).and_then(|age| age.trim().parse().ok()).filter(|age| *age >= 0),
            location: header(LOCATION).map(str::to_owned),
            body: Vec::with_capacity(announced(&response).min(SMALL)),
            is_whole: false,
            room: BodyPermit::default(),
        };
        let mut is_small = true;
        loop {
            let chunk = response.chunk().await;
            if let Ok(Some(chunk)) = &chunk
                && is_small
                && answer.body.len() + chunk.len() > SMALL
            {
                let Some(room) = self.rooms.enter(self.api.timeout).await else {
                    return Answer::Unknown("too many large answers at once".to_owned());
                };
                answer.room = room;
                is_small = false;
                let rest = announced(&response).saturating_sub(answer.body.len());
                answer.body.reserve_exact(rest);
            }
            match chunk {
                Ok(Some(chunk)) if answer.body.len() + chunk.len() > MAX_BODY => {
                    // Of no use as it is, and only its beginning is kept: many may be in flight.
                    let room = KEPT.saturating_sub(answer.body.len());
                    answer.body.extend_from_slice(&chunk[..room.min(chunk.len())]);
                    answer.body.truncate(KEPT);
                    answer.body.shrink_to_fit();
                    answer.room = BodyPermit::default();
                    break;
                }
                Ok(Some(chunk)) => append(&mut answer.body, &chunk),
                Ok(None) => {
                    answer.is_whole = true;
                    break;
                }
                // The status alone says what a refusal means.
                Err(_) if !(200..300).contains(&answer.status) => break,
                // All of it was told: only the end of the body, or of the connection, is amiss.
                Err(_) if is_complete(&answer.body) => {
                    answer.is_whole = true;
                    break;
                }
                // A success without its body is lost.
                Err(error) => return Answer::Unknown(told(&error)),
            }
        }
        let key = self.key.expose().as_bytes();
        answer.body = redact(answer.body, key);
        answer.location = answer.location.map(|location| {
            String::from_utf8_lossy(&redact(location.into_bytes(), key)).into_owned()
        });
        Answer::Http(answer)
    }
}

/// How long the body is said to be, as far as it is read.
fn announced(response: &Response) -> usize {
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    length.unwrap_or(0).min(MAX_BODY)
}

/// Grows a body by doubling, but never beyond what is read: many calls may be in flight.
fn append(body: &mut Vec<u8>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let room = MAX_BODY.saturating_sub(body.len());
        body.reserve_exact(body.len().min(room).max(chunk.len()));
    }
    body.extend_from_slice(chunk);
}

/// Whether a body is a JSON object to its last brace: nothing that could still come would belong
/// to it.
fn is_complete(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<&RawValue>(body).is_ok()
}

/// The error and its causes in one line, without the URL, which every line would repeat.
fn told(error: &reqwest::Error) -> String {
    if error.is_timeout() && !error.is_connect() {
        return "no answer within the timeout".to_owned();
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
    format!("{what}: {innermost}")
}
