//! The part of `growthd check` about the connection to the vendor.

use std::io::Write;

use reqwest::Url;

use crate::api::{CLOCK_TOLERANCE, ClientError, check_tls, reach};
use crate::clock;
use crate::commands::check_output::{CheckOutput, shown};
use crate::commands::{CommandError, Done, runtime};
use crate::config::{Api, DEFAULT_BASE_URL, NEWER_BASE_URL, Span};
use crate::daemon::RunError;

/// Checks whether calls could be made. With `online`, it sends the vendor's host a request without the
/// key.
///
/// # Errors
/// Returns an error that has been printed if `run` could not make calls either.
pub(super) fn check_connection(
    api: &Api,
    online: bool,
    out: &mut CheckOutput<impl Write>,
) -> Result<Done, CommandError> {
    if let Some(proxy) = &api.proxy {
        out.entry("proxy", proxy)?;
    }
    if let Err(error) = check_tls(api) {
        out.warning("https", &error)?;
        let refused = RunError::Client(ClientError::from(error));
        return Err(shown(refused.into()));
    }
    if !online {
        return Ok(Done::Well);
    }
    let host = api.base_url.host_str().unwrap_or_default();
    let reached = match runtime()?.block_on(reach(api)) {
        Ok(reached) => reached,
        Err(error) => {
            out.warning("online", format_args!("{host}: {error}{}", newer_host(&api.base_url)))?;
            return Ok(Done::Attention);
        }
    };
    if reached.status == 407 {
        let why = "is behind a proxy that requires a name and a password (HTTP 407)";
        out.warning("online", format_args!("{host} {why}"))?;
        return Ok(Done::Attention);
    }
    let off = reached.time.map(|time| time.since(clock::now().time()));
    let clock = match off {
        None => "it sends no date".to_owned(),
        Some(off) if off.saturating_abs() <= CLOCK_TOLERANCE => "its clock agrees".to_owned(),
        Some(off) => {
            let by = Span::about(off.saturating_abs());
            let direction = if off < 0 { "ahead of" } else { "behind" };
            let off =
                format_args!("this machine's clock is {by} {direction} its own: set the clock");
            out.warning("online", format_args!("{host} answers, but {off}"))?;
            return Ok(Done::Attention);
        }
    };
    // The API's own paths may be served where the host's root redirects.
    let redirects = match reached.status {
        300..=399 => {
            ", a redirect: if refreshes are redirected too, set base_url to where it leads"
        }
        _ => "",
    };
    let status = reached.status;
    out.entry("online", format_args!("{host} answers (HTTP {status}{redirects}); {clock}"))?;
    Ok(Done::Well)
}

/// Returns a hint for the default host, which the vendor may have given up.
fn newer_host(base_url: &Url) -> String {
    match base_url.as_str().trim_end_matches('/') == DEFAULT_BASE_URL {
        true => format!("; the vendor's newer pages use {NEWER_BASE_URL}"),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_host_is_named_only_beside_the_default() {
        let hint = |url: &str| newer_host(&url.parse().expect("a URL"));
        assert_eq!(
            hint("https://api.hooked.ai"),
            "; the vendor's newer pages use https://api.hooked.so"
        );
        for other in ["https://api.hooked.so", "https://api.hooked.ai/v2", "http://localhost"] {
            assert_eq!(hint(other), "", "{other}");
        }
    }
}
