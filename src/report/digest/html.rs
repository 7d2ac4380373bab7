//! The digest as HTML for mail programs.

use askama::Template;

use crate::printable::Printable;
use crate::report::digest::Digest;
use crate::report::digest::section::{Numbers, Section};
use crate::report::{Grouped, Sentence};

const CELL: &str = "padding:3px 16px 3px 0;text-align:left;border-bottom:1px solid #e5e5e5";
const NUMBER: &str = "padding:3px 0 3px 16px;text-align:right;border-bottom:1px solid #e5e5e5;\
                      white-space:nowrap";

/// The template of a digest in HTML.
#[derive(Template)]
#[template(path = "digest.html", config = "src/report/askama.toml")]
pub struct Html {
    title: String,
    days: Option<String>,
    lead: Vec<Sentence>,
    numbers: Vec<Numbers>,
    sections: Vec<Section>,
    nothing: Option<String>,
}

impl From<&Digest> for Html {
    fn from(digest: &Digest) -> Html {
        Html {
            title: Printable(&digest.title()).to_string(),
            days: digest.days(),
            lead: digest.lead(),
            numbers: digest.numbers(),
            sections: digest.sections(),
            nothing: digest.nothing(),
        }
    }
}
