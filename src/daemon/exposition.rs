//! The two text formats for metrics.
//!
//! The registry writes OpenMetrics, which Prometheus requests. Other scrapers may only support the
//! older format, in which a counter's family has the name of its samples, and which has no units.

use hyper::header::HeaderValue;

/// A text format for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposition {
    /// The format that Prometheus requests.
    OpenMetrics,
    /// The older format, which every scraper supports.
    Classic,
}

impl Exposition {
    /// Returns the best format for a client that sends this `Accept` header.
    pub fn accepted(accept: Option<&HeaderValue>) -> Exposition {
        let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or_default();
        match accept.contains("application/openmetrics-text") {
            true => Exposition::OpenMetrics,
            false => Exposition::Classic,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Exposition::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Exposition::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Converts the registry's output to this format.
    pub fn write(self, open_metrics: String) -> String {
        match self {
            Exposition::OpenMetrics => open_metrics,
            Exposition::Classic => classic(&open_metrics),
        }
    }
}

fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let (mark, kind) = (words.next(), words.next());
        let (name, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let kind_of_family = match (mark, kind) {
            (Some("#"), Some("HELP")) => lines.peek().and_then(|next| next.rsplit(' ').next()),
            (Some("#"), Some("TYPE")) => Some(rest),
            (Some("#"), _) => continue,
            _ => {
                text.push_str(line);
                text.push('\n');
                continue;
            }
        };
        let suffix = match kind_of_family {
            Some("counter") => "_total",
            Some("info") => "_info",
            _ => "",
        };
        let rest = if rest == "info" { "gauge" } else { rest };
        for part in ["# ", kind.unwrap_or_default(), " ", name, suffix, " ", rest, "\n"] {
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_used_only_if_requested() {
        for (accept, format) in [
            (None, Exposition::Classic),
            (Some("*/*"), Exposition::Classic),
            (
                Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3"),
                Exposition::OpenMetrics,
            ),
        ] {
            let accept = accept.map(HeaderValue::from_static);
            assert_eq!(Exposition::accepted(accept.as_ref()), format);
        }
    }

    #[test]
    fn the_classic_format_names_a_counter_like_its_samples() {
        let open_metrics = "# HELP calls Calls made.\n# TYPE calls counter\ncalls_total{a=\"b c\"} 1\n\
             # HELP age_seconds Age.\n# TYPE age_seconds gauge\n# UNIT age_seconds seconds\n\
             age_seconds 2\n# HELP build B.\n# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF\n";
        assert_eq!(
            Exposition::Classic.write(open_metrics.to_owned()),
            "# HELP calls_total Calls made.\n# TYPE calls_total counter\ncalls_total{a=\"b c\"} 1\n\
             # HELP age_seconds Age.\n# TYPE age_seconds gauge\nage_seconds 2\n\
             # HELP build_info B.\n# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n"
        );
    }
}
