//! The part of `growthd check` about the connection to the vendor.

use std::io::Write;

use crate::api::{CLOCK_TOLERANCE, check_tls, reach};
use crate::clock;
use crate::commands::check_output::CheckOutput;
use crate::commands::{CommandError, Done, runtime};
use crate::config::{Api, Span};

/// Checks whether calls could be made. With `online`, it sends the vendor's host a request without the
/// key.
pub(super) fn check_connection(
    api: &Api,
    online: bool,
    out: &mut CheckOutput<impl Write>,
) -> Result<Done, CommandError> {
    if let Some(proxy) = &api.proxy {
        out.entry("proxy", proxy)?;
    }
    if let Err(error) = check_tls(api) {
        out.warning("https", error)?;
        return Ok(Done::Attention);
    }
    if !online {
        return Ok(Done::Well);
    }
    let host = api.base_url.host_str().unwrap_or_default();
    let reached = match runtime()?.block_on(reach(api)) {
        Ok(reached) => reached,
        Err(error) => {
            out.warning("online", format_args!("{host}: {error}"))?;
            return Ok(Done::Attention);
        }
    };
    let off = reached.time.map(|time| time.since(clock::now().time()));
    let clock = match off {
        None => "it sends no date".to_owned(),
        Some(off) if off.saturating_abs() <= CLOCK_TOLERANCE => "its clock agrees".to_owned(),
        Some(off) => {
            let by = Span::of_seconds(off.saturating_abs());
            let direction = if off < 0 { "ahead of" } else { "behind" };
            let off =
                format_args!("this machine's clock is {by} {direction} its own: set the clock");
            out.warning("online", format_args!("{host} answers, but {off}"))?;
            return Ok(Done::Attention);
        }
    };
    out.entry("online", format_args!("{host} answers (HTTP {}); {clock}", reached.status))?;
    Ok(Done::Well)
}
