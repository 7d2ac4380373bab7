//! The simulated API as a program, for use without the test harness: in the systemd test bed, or by
//! hand.
//!
//! `vendor ADDRESS KEY [DELAY]`: every account exists, and a call with KEY gets its response after
//! DELAY (milliseconds); each of the accounts `hostile-…` has a different one. Prints a line for
//! each call, until it is ended.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

#[path = "../scripted_api/mod.rs"]
mod scripted_api;

use scripted_api::{Behaviour, ScriptedApi, World};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: vendor ADDRESS KEY [DELAY]".into());
    };
    let address: SocketAddr = address.parse()?;
    let delay = arguments.next().map(|delay| delay.parse()).transpose()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let api = ScriptedApi::start_at(address, World::with_any_account(&key)).await?;
        if let Some(delay) = delay {
            let answer = Box::new(Behaviour::Answer);
            api.everywhere(Some(Behaviour::After(Duration::from_millis(delay), answer)));
        }
        for (account, behaviour) in hostile(&key) {
            api.always(account, behaviour);
        }
        let mut out = std::io::stdout();
        writeln!(out, "listening on {}", api.base_url())?;
        let mut seen = 0;
        loop {
            api.wait_for_calls(seen + 1).await;
            for call in &api.calls()[seen..] {
                writeln!(out, "{} key: {:?}", call.path, call.key)?;
                seen += 1;
            }
        }
    })
}

/// Undocumented responses, with an account for each.
fn hostile(key: &str) -> [(&'static str, Behaviour); 11] {
    let largest = 1 << 20;
    let field = |number: u32| (format!("field{number}"), "x".repeat(100).into());
    let fields: serde_json::Map<_, _> = (0..8000).map(field).collect();
    let echo = Behaviour::Response {
        status: 500,
        headers: vec![("x-echo".to_owned(), key.to_owned())],
        body: format!("{{\"message\":\"{key}\",\"code\":\"{key}\"}}").into_bytes(),
    };
    [
        ("hostile-hang", Behaviour::Hang),
        ("hostile-cut", Behaviour::Cut),
        ("hostile-half", Behaviour::CutMidBody),
        ("hostile-slow", Behaviour::Drip { every: Duration::from_millis(100) }),
        ("hostile-flood", Behaviour::Flood),
        ("hostile-headers", Behaviour::BigHeaders),
        ("hostile-fields", Behaviour::Patch(fields.into())),
        ("hostile-garbage", Behaviour::Raw(vec![0xff; largest])),
        ("hostile-deep", Behaviour::Raw(vec![b'['; largest])),
        ("hostile-key", echo),
        ("hostile-absent", Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "\u{1b}[2Jgone")),
    ]
}
