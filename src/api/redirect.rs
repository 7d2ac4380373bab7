//! Where a redirect leads.

use reqwest::Url;

/// The beginning of the paths of all calls, after that of `base_url`.
const API_PATH: &str = "/v1/social/";

/// Where a redirect leads. It is never followed, since that would send the key there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redirect {
    /// To the vendor at another place, if it leads there at all. Holds the `base_url` for it.
    Base(String),
    /// To another page, which no `base_url` leads to.
    Page(String),
}

impl Redirect {
    /// Reads the `Location` of a response to `request`, which was sent to `base`.
    pub(super) fn of(location: &str, request: &Url, base: &Url) -> Redirect {
        let Ok(target) = request.join(location) else { return Redirect::Page(location.to_owned()) };
        match base_of(&target, base) {
            Some(found) if found.trim_end_matches('/') != base.as_str().trim_end_matches('/') => {
                Redirect::Base(found)
            }
            _ => Redirect::Page(target.into()),
        }
    }

    /// Replaces what is to be shown.
    pub(super) fn map(self, shown: impl FnOnce(String) -> String) -> Redirect {
        match self {
            Redirect::Base(base) => Redirect::Base(shown(base)),
            Redirect::Page(page) => Redirect::Page(shown(page)),
        }
    }
}

/// Returns the base URL by which a call would go to `target`. On another host that is not a call's
/// URL, it is the whole one.
fn base_of(target: &Url, base: &Url) -> Option<String> {
    let is_call = target.path().contains(API_PATH);
    let is_elsewhere = target.origin() != base.origin();
    if !target.has_host() || !(is_call || is_elsewhere && target.query().is_none()) {
        return None;
    }
    let mut found = target.clone();
    found.set_query(None);
    found.set_fragment(None);
    let text = found.as_str();
    Some(text.split_once(API_PATH).map_or(text, |(before, _)| before).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_another_base_or_to_a_page() {
        const CALL: &str = "v1/social/account/clx123abc/refresh";
        let base = |base: &str| Redirect::Base(base.to_owned());
        let page = |page: &str| Redirect::Page(page.to_owned());
        for (ours, location, expected) in [
            (
                "https://a.example/",
                &*format!("https://b.example/{CALL}"),
                base("https://b.example"),
            ),
            (
                "https://a.example/",
                &format!("https://b.example/hooked/{CALL}?x=1#y"),
                base("https://b.example/hooked"),
            ),
            ("https://a.example/", &format!("//b.example/{CALL}"), base("https://b.example")),
            ("https://a.example/", "https://b.example/", base("https://b.example/")),
            ("https://a.example/", "https://b.example:81/x", base("https://b.example:81/x")),
            ("http://a.example/", &format!("https://a.example/{CALL}"), base("https://a.example")),
            ("https://a.example/", &format!("/v2/{CALL}"), base("https://a.example/v2")),
            ("https://a.example/v2", &format!("/{CALL}"), base("https://a.example")),
            ("https://a.example/", "/login", page("https://a.example/login")),
            ("https://a.example/", "https://a.example/", page("https://a.example/")),
            (
                "https://a.example/",
                "https://b.example/login?next=/v1/social/",
                page("https://b.example/login?next=/v1/social/"),
            ),
            ("https://a.example/", "", page(&format!("https://a.example/{CALL}"))),
            (
                "https://a.example/v2/",
                &format!("/v2/{CALL}/"),
                page(&format!("https://a.example/v2/{CALL}/")),
            ),
            ("https://a.example/", "https://[key]/", page("https://[key]/")),
            ("https://a.example/", "mailto:a@b.example", page("mailto:a@b.example")),
        ] {
            let ours: Url = ours.parse().expect("a URL");
            let path = format!("{}/{CALL}", ours.path().trim_end_matches('/'));
            let request = ours.join(&path).expect("a URL");
            assert_eq!(Redirect::of(location, &request, &ours), expected, "{ours} {location}");
        }
    }
}
