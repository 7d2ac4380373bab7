//! What a request comes to.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::account::Platform;
use super::behaviour::{self, Behaviour, Content, JSON, Severed, error_body, refusal_body};
use super::call::{KeySeen, Log, Ticket};
use super::lock;
use super::world::World;
use crate::clock::{Now, Time};

/// Longest body read of an analyze, in bytes.
const MAX_REQUEST_BODY: usize = 64 * 1024;

/// What every connection shares.
pub(super) struct Vendor {
    world: World,
    pub script: Mutex<Script>,
    pub log: Log,
}

/// What to do with the calls to come.
#[derive(Default)]
pub(super) struct Script {
    accounts: HashMap<String, Scripted>,
    pub everywhere: Option<Behaviour>,
}

/// The same for one account, and how often it was scraped.
#[derive(Default)]
pub(super) struct Scripted {
    scrapes: u32,
    pub queue: VecDeque<Behaviour>,
    pub always: Option<Box<Behaviour>>,
}

impl Script {
    pub fn account(&mut self, id: &str) -> &mut Scripted {
        self.accounts.entry(id.to_owned()).or_default()
    }
}

type Answer = behaviour::Answer<Ticket>;

/// What a path names.
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

/// Answers one request.
pub(super) async fn answer(
    vendor: Arc<Vendor>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Severed> {
    let mut response = answer_undated(Arc::clone(&vendor), request).await?;
    // hyper dates what is not dated by the machine's clock.
    if !vendor.world.clock.is_system() && !response.headers().contains_key(header::DATE) {
        set_date(&mut response, vendor.now().time());
    }
    Ok(response)
}

async fn answer_undated(
    vendor: Arc<Vendor>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Severed> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let endpoint = Endpoint::at(path);
    let key = match head.headers.get("x-api-key") {
        None => KeySeen::Missing,
        Some(key) if key.as_bytes() == vendor.world.key.as_bytes() => KeySeen::Right,
        Some(_) => KeySeen::Wrong,
    };
    let asked_for = match &endpoint {
        Some(Endpoint::Refresh(id)) => Some(*id),
        _ => None,
    };
    let ticket = Ticket::take(&vendor, path, key, asked_for);

    let Some(endpoint) = endpoint else {
        return Ok(refuse(ticket, 404, "NOT_FOUND", "There is no such endpoint", None));
    };
    if head.method != Method::POST {
        let message = "This endpoint is called with POST";
        let mut response = refuse(ticket, 405, "METHOD_NOT_ALLOWED", message, None);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    match key {
        KeySeen::Missing => {
            return Ok(refuse(ticket, 401, "MISSING_API_KEY", "API key is required", None));
        }
        KeySeen::Wrong => {
            let body = error_body("INVALID_API_KEY", "The provided API key is invalid");
            return Ok(respond(ticket, StatusCode::UNAUTHORIZED, Content::whole(body)));
        }
        KeySeen::Right => {}
    }
    match endpoint {
        Endpoint::Refresh(id) => carry_out(&vendor, ticket, Some(id), false).await,
        Endpoint::Analyze => match Wanted::read(body).await {
            Err(field) => {
                let message = format!("{field} is missing or invalid");
                Ok(refuse(ticket, 400, "VALIDATION_ERROR", &message, Some(field)))
            }
            Ok(Wanted { username, platform }) => {
                let id = vendor.world.id_of(&username, platform, vendor.now().time());
                if let Some(id) = &id {
                    ticket.is_for(id);
                }
                carry_out(&vendor, ticket, id.as_deref(), true).await
            }
        },
    }
}

/// What an analyze asks for.
struct Wanted {
    username: String,
    platform: Platform,
}

impl Wanted {
    /// On an error, the field that is wrong.
    async fn read(body: Incoming) -> Result<Wanted, &'static str> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            username: String,
            #[serde(default)]
            platform: String,
        }
        let body = Limited::new(body, MAX_REQUEST_BODY).collect().await.map_err(|_| "body")?;
        let Body { username, platform } =
            serde_json::from_slice(&body.to_bytes()).map_err(|_| "body")?;
        if username.is_empty() {
            return Err("username");
        }
        let platform = Platform::named(&platform).ok_or("platform")?;
        Ok(Wanted { username, platform })
    }
}

impl Vendor {
    pub fn new(world: World) -> Vendor {
        let log = Log::new(world.lists_calls);
        Vendor { world, script: Mutex::default(), log }
    }

    /// What its clock says.
    pub fn now(&self) -> Now {
        self.world.clock.now()
    }

    /// The behaviour that is next for this account, and how many scrapes of it went before.
    fn next(&self, id: Option<&str>, exists: bool) -> (Behaviour, u32) {
        let mut script = lock(&self.script);
        let Script { accounts, everywhere } = &mut *script;
        let fallback = || everywhere.clone().unwrap_or(Behaviour::Answer);
        // Ids that do not exist leave no trace here: there is no end to them.
        let mut unscripted = Scripted::default();
        let account = match id {
            Some(id) if exists => accounts.entry(id.to_owned()).or_default(),
            Some(id) => accounts.get_mut(id).unwrap_or(&mut unscripted),
            None => &mut unscripted,
        };
        let behaviour = match account.queue.pop_front() {
            Some(queued) => queued,
            None => account.always.as_deref().cloned().unwrap_or_else(fallback),
        };
        let before = account.scrapes;
        if exists && behaviour.scrapes() {
            account.scrapes = before.saturating_add(1);
        }
        (behaviour, before)
    }
}

/// Does what the script says for a call that is allowed.
async fn carry_out(
    vendor: &Vendor,
    ticket: Ticket,
    id: Option<&str>,
    analyzed: bool,
) -> Result<Response<Answer>, Severed> {
    let account = id.and_then(|id| Some((id, vendor.world.account(id, vendor.now().time())?)));
    let (behaviour, step) = vendor.next(id, account.is_some());
    let behaviour::Unwrapped { delay, date_offset, core } = behaviour.unwrapped();
    if core.charges(account.is_some()) {
        ticket.charge();
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let documented =
        || account.as_ref().map(|(id, account)| account.answer(id, step, vendor.now(), analyzed));
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut answer: Value = serde_json::from_slice(&documented()?).ok()?;
        edit(answer.pointer_mut("/data/account")?);
        Some(behaviour::to_json(&answer))
    };

    let mut big_headers = false;
    let content = match core {
        Behaviour::Hang => return pending().await,
        Behaviour::Cut => return Err(Severed),
        Behaviour::Response { status, headers, body } => {
            let response = reply(ticket, status, &headers, body);
            return Ok(dated(response, date_offset, vendor.now()));
        }
        Behaviour::Raw(body) => Some(Content::whole(body)),
        Behaviour::Flood => Some(Content::flood()),
        Behaviour::CutMidBody => documented().map(Content::half),
        Behaviour::Drip { every } => documented().map(|answer| Content::drip(answer, every)),
        Behaviour::Patch(patch) => {
            edited(&|account| behaviour::merge(account, &patch)).map(Content::whole)
        }
        Behaviour::Without(pointers) => {
            let remove =
                |account: &mut Value| pointers.iter().for_each(|p| behaviour::remove(account, p));
            edited(&remove).map(Content::whole)
        }
        Behaviour::BigHeaders => {
            big_headers = true;
            documented().map(Content::whole)
        }
        // The wrappers are off by now.
        Behaviour::Answer | Behaviour::After(..) | Behaviour::ServerDate { .. } => {
            documented().map(Content::whole)
        }
    };
    let mut response = match content {
        Some(content) => respond(ticket, StatusCode::OK, content),
        None => refuse(ticket, 404, "ACCOUNT_NOT_FOUND", "Social account not found", None),
    };
    if big_headers {
        let filler = "x".repeat(32 * 1024);
        for _ in 0..64 {
            if let Ok(value) = HeaderValue::from_str(&filler) {
                response.headers_mut().append(HeaderName::from_static("x-filler"), value);
            }
        }
    }
    Ok(dated(response, date_offset, vendor.now()))
}

fn refuse(
    ticket: Ticket,
    status: u16,
    code: &str,
    message: &str,
    field: Option<&str>,
) -> Response<Answer> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(ticket, status, Content::whole(refusal_body(code, message, field)))
}

fn respond(ticket: Ticket, status: StatusCode, content: Content) -> Response<Answer> {
    ticket.answered(status.as_u16());
    let mut response = Response::new(Answer { content, _held: ticket });
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// A scripted reply; 500 that says so for one that HTTP cannot express.
fn reply(
    ticket: Ticket,
    status: u16,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Response<Answer> {
    let parsed = headers.iter().map(|(name, value)| {
        Some((
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_bytes(value.as_bytes()).ok()?,
        ))
    });
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    let (Some(status), Some(parsed)) = (status, parsed.collect::<Option<Vec<_>>>()) else {
        let message = "The scripted reply cannot be sent over HTTP";
        return refuse(ticket, 500, "IMPOSSIBLE_SCRIPT", message, None);
    };
    let mut response = respond(ticket, status, Content::whole(body));
    response.headers_mut().clear();
    for (name, value) in parsed {
        response.headers_mut().append(name, value);
    }
    response
}

/// Sets `Date` where the script shifts it.
fn dated(mut response: Response<Answer>, offset: Option<i64>, now: Now) -> Response<Answer> {
    if let Some(offset) = offset {
        set_date(&mut response, now.time().plus(offset));
    }
    response
}

fn set_date(response: &mut Response<Answer>, time: Time) {
    let seconds = u64::try_from(time.0).unwrap_or(0);
    // HTTP cannot write later years than this, and httpdate panics on them.
    let seconds = seconds.min(253_402_300_799);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
}
