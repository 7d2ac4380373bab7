//! The scripted API's responses to calls.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};

use growthd::clock::Now;
use growthd::simulated_api::{ApiRequest, JSON, Reply, Vendor, read_body};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::Value;

use super::behaviour::{self, Behaviour, Unwrapped};
use super::call::{KeySeen, Log, Ticket};
use super::content::{self, Content, Severed};
use super::lock;
use super::world::World;

type Answer = content::Answer<Ticket>;

/// The state shared by all connections.
pub struct Answering {
    world: World,
    vendor: Vendor,
    pub script: Mutex<Script>,
    pub log: Log,
}

/// The behaviours for further calls.
#[derive(Default)]
pub struct Script {
    accounts: HashMap<String, Scripted>,
    pub everywhere: Option<Behaviour>,
}

/// The behaviours for one account, and how often it was scraped.
#[derive(Default)]
pub struct Scripted {
    scrapes: u32,
    pub queue: VecDeque<Behaviour>,
    pub always: Option<Box<Behaviour>>,
}

impl Script {
    pub fn account(&mut self, id: &str) -> &mut Scripted {
        self.accounts.entry(id.to_owned()).or_default()
    }
}

impl Answering {
    pub fn new(world: World) -> Answering {
        let vendor = Vendor::new(&world.key, world.clock.clone(), world.residents.clone());
        let log = Log::new(world.lists_calls);
        Answering { world, vendor, script: Mutex::default(), log }
    }

    pub fn now(&self) -> Now {
        self.world.clock.now()
    }

    /// Returns the next behaviour for an account, and how many scrapes of it came before.
    fn next(&self, id: Option<&str>, exists: bool) -> (Behaviour, u32) {
        let mut script = lock(&self.script);
        let Script { accounts, everywhere } = &mut *script;
        let fallback = || everywhere.clone().unwrap_or(Behaviour::Answer);
        // Ids that do not exist are not stored: there is no limit to them.
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

/// Responds to one request.
pub async fn answer(
    answering: Arc<Answering>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Severed> {
    let (head, body) = request.into_parts();
    let key = match head.headers.get("x-api-key") {
        None => KeySeen::Missing,
        Some(key) if key.as_bytes() == answering.world.key.as_bytes() => KeySeen::Right,
        Some(_) => KeySeen::Wrong,
    };
    let path = head.uri.path();
    let id = path
        .strip_prefix("/v1/social/account/")
        .and_then(|rest| rest.strip_suffix("/refresh"))
        .filter(|id| !id.is_empty());
    let ticket = Ticket::take(&answering, path, key, id);
    let body = read_body(body).await;
    let response = match answering.vendor.read(&head, &body) {
        Err(reply) => respond(ticket, reply),
        Ok(question) => carry_out(&answering, ticket, &question).await?,
    };
    Ok(answering.vendor.dated(response))
}

/// Applies the behaviour for a valid call.
async fn carry_out(
    answering: &Answering,
    ticket: Ticket,
    question: &ApiRequest,
) -> Result<Response<Answer>, Severed> {
    let id = question.id();
    if let Some(id) = id {
        ticket.is_for(id);
    }
    let found = id.and_then(|id| Some((id, answering.world.residents.find(id)?)));
    let (behaviour, step) = answering.next(id, found.is_some());
    let Unwrapped { delay, date_offset, core } = behaviour.unwrapped();
    if core.charges(found.is_some()) {
        ticket.charge();
    }
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let documented = || {
        let (id, (account, growth)) = found.clone()?;
        let account = growth.age(id, account, step);
        Some(Reply::success(question, id, &account, answering.vendor.now()).body)
    };
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut answer: Value = serde_json::from_slice(&documented()?).ok()?;
        edit(answer.pointer_mut("/data/account")?);
        serde_json::to_vec(&answer).ok()
    };

    let mut big_headers = false;
    let content = match core {
        Behaviour::Hang => return pending().await,
        Behaviour::Cut => return Err(Severed),
        Behaviour::Response { status, headers, body } => {
            let response = scripted(ticket, status, &headers, body);
            return Ok(shifted(response, date_offset, answering));
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
        // The wrappers have been removed.
        Behaviour::Answer | Behaviour::After(..) | Behaviour::ServerDate { .. } => {
            documented().map(Content::whole)
        }
    };
    let mut response = match content {
        Some(content) => send(ticket, StatusCode::OK, content),
        None => respond(ticket, answering.vendor.respond(question)),
    };
    if big_headers {
        let filler = "x".repeat(32 * 1024);
        for _ in 0..64 {
            if let Ok(value) = HeaderValue::from_str(&filler) {
                response.headers_mut().append(HeaderName::from_static("x-filler"), value);
            }
        }
    }
    Ok(shifted(response, date_offset, answering))
}

/// Returns a documented response.
fn respond(ticket: Ticket, mut reply: Reply) -> Response<Answer> {
    ticket.answered(reply.status.as_u16());
    let body = std::mem::take(&mut reply.body);
    reply.into_response().map(|_| Answer { content: Content::whole(body), _held: ticket })
}

fn send(ticket: Ticket, status: StatusCode, content: Content) -> Response<Answer> {
    ticket.answered(status.as_u16());
    let mut response = Response::new(Answer { content, _held: ticket });
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// Returns a scripted reply, or a 500 for one that HTTP cannot express.
fn scripted(
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
        return respond(ticket, Reply::refusal(500, "IMPOSSIBLE_SCRIPT", message));
    };
    let mut response = send(ticket, status, Content::whole(body));
    response.headers_mut().clear();
    for (name, value) in parsed {
        response.headers_mut().append(name, value);
    }
    response
}

/// Sets `Date` where the script shifts it.
fn shifted(
    mut response: Response<Answer>,
    offset: Option<i64>,
    answering: &Answering,
) -> Response<Answer> {
    if let Some(offset) = offset {
        Vendor::set_date(&mut response, answering.vendor.now().plus(offset));
    }
    response
}
