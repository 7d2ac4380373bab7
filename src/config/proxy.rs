//! The proxy for calls, with its credentials.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The URL of an http or https proxy. It is displayed without its user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// Parses a proxy. An error does not repeat the text, which may contain a password.
    pub(super) fn parse(text: &str) -> Result<Proxy, &'static str> {
        // The URL parser would silently drop these, and so make a different URL.
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("contains a space or a control character");
        }
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("is not an http or https URL");
        }
        if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
            return Err("contains more than a host and a port");
        }
        Ok(Proxy(url))
    }

    /// Returns the whole URL with its password, only for making connections.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Returns whether traffic to the proxy itself is encrypted, or stays on this machine.
    pub(super) fn is_private(&self) -> bool {
        self.0.scheme() == "https" || is_loopback(&self.0)
    }
}

/// Returns whether the host of a URL is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("");
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or(""))?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_a_port_and_shows_no_password() {
        for (text, shown) in [
            ("http://proxy:3128", Ok("http://proxy:3128")),
            ("https://proxy.example/", Ok("https://proxy.example")),
            ("http://me:hunter%402@10.0.0.1:8080", Ok("http://10.0.0.1:8080")),
            ("http://[::1]:1", Ok("http://[::1]:1")),
            ("socks5://proxy:1080", Err("http or https")),
            ("proxy:3128", Err("http or https")),
            ("proxy", Err("not a URL")),
            ("", Err("not a URL")),
            ("http://proxy:3128/path", Err("more than a host")),
            ("http://proxy:3128?x", Err("more than a host")),
            ("http://pro xy", Err("space")),
        ] {
            match (Proxy::parse(text), shown) {
                (Ok(proxy), Ok(shown)) => {
                    assert_eq!(proxy.to_string(), shown);
                    assert!(!format!("{proxy:?}").contains("hunter"));
                }
                (Err(why), Err(words)) => assert!(why.contains(words), "{text}: {why}"),
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }
}
