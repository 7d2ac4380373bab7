//! The simulated API as a program, for trying growthd where no test harness runs: in the
//! systemd test bed, or by hand.
//!
//! `vendor ADDRESS KEY [DELAY]`: every account exists, and a call with KEY is answered after
//! DELAY (milliseconds). Prints a line for each call, until it is ended.

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
