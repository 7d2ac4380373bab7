//! Selection of accounts by tag and platform.

use std::fmt;

use crate::printable::{Named, Printable};

/// A filter on the watchlist. The default selects every account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Selects accounts with any of these tags; if empty, with any tags or none.
    pub tags: Vec<String>,
    pub platform: Option<String>,
}

/// A tag or platform that no account has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unselectable {
    #[error("no account has the tag {}{}", Named(tag), suggestion(nearest.as_deref()))]
    Tag { tag: String, nearest: Option<String> },
    #[error("no account is on {}{}", Named(platform), suggestion(nearest.as_deref()))]
    Platform { platform: String, nearest: Option<String> },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean {}?", Named(nearest)))
}

impl Selection {
    /// Returns whether every account is selected.
    pub fn is_everything(&self) -> bool {
        self.tags.is_empty() && self.platform.is_none()
    }

    /// Returns the tags as a JSON array, as the store's queries expect.
    pub(crate) fn tags_json(&self) -> String {
        serde_json::Value::from(self.tags.clone()).to_string()
    }

    /// Returns whether an account with these tags, on this platform, is selected.
    pub fn has<T: AsRef<str>>(&self, tags: &[T], platform: Option<&str>) -> bool {
        let is_tagged = |tag: &String| tags.iter().any(|known| known.as_ref() == tag);
        (self.tags.is_empty() || self.tags.iter().any(is_tagged))
            && self.platform.as_deref().is_none_or(|selected| platform == Some(selected))
    }

    /// Checks that every name in the selection is known, so that a typo is not taken for an empty
    /// result.
    ///
    /// # Errors
    /// Returns [`Unselectable`], with the most similar name, for a name that no account has.
    pub fn check<T: AsRef<str>>(&self, tags: &[T], platforms: &[T]) -> Result<(), Unselectable> {
        let is_known = |known: &[T], name: &str| known.iter().any(|known| known.as_ref() == name);
        if let Some(tag) = self.tags.iter().find(|tag| !is_known(tags, tag)) {
            return Err(Unselectable::Tag { tag: tag.clone(), nearest: nearest(tag, tags) });
        }
        match &self.platform {
            Some(platform) if !is_known(platforms, platform) => Err(Unselectable::Platform {
                platform: platform.clone(),
                nearest: nearest(platform, platforms),
            }),
            _ => Ok(()),
        }
    }
}

/// Returns the known name most similar to `name`, if any is similar enough. One that contains it is.
pub fn nearest<T: AsRef<str>>(name: &str, known: &[T]) -> Option<String> {
    /// The least similarity, of 1, at which a name may be a typo for another.
    const SIMILAR: f64 = 0.7;
    /// The least length, in characters, at which a part of a name may stand for it.
    const PART: usize = 3;
    let name = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for known in known.iter().map(AsRef::as_ref) {
        let lower = known.to_lowercase();
        let is_part = name.chars().count() >= PART && lower.contains(&name);
        let similarity = if is_part { 1.0 } else { strsim::jaro_winkler(&name, &lower) };
        if similarity >= SIMILAR && best.is_none_or(|(highest, _)| similarity > highest) {
            best = Some((similarity, known));
        }
    }
    best.map(|(_, known)| known.to_owned())
}

/// To be put after a noun: " of a or b on tiktok". Empty if every account is selected.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tags.is_empty() {
            write!(f, " of {}", Printable(&self.tags.join(" or ")))?;
        }
        match &self.platform {
            Some(platform) => write!(f, " on {}", Printable(platform)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_selected_by_any_of_the_tags_and_by_the_platform() {
        let of = |tags: &[&str], platform: Option<&str>| Selection {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            platform: platform.map(str::to_owned),
        };
        for (selection, expected) in [
            (of(&[], None), true),
            (of(&["b"], None), true),
            (of(&["x", "a"], None), true),
            (of(&["x"], None), false),
            (of(&["a"], Some("tiktok")), true),
            (of(&["a"], Some("youtube")), false),
        ] {
            assert_eq!(selection.has(&["a", "b"], Some("tiktok")), expected, "{selection:?}");
        }
        assert!(of(&[], None).is_everything() && !of(&[], Some("x")).is_everything());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let selection = Selection { tags: vec!["cleint-a".to_owned()], platform: None };
        let error = selection.check(&["client-a", "vip"], &["tiktok"]).expect_err("unknown");
        assert_eq!(error.to_string(), "no account has the tag cleint-a; did you mean client-a?");
        let selection = Selection { tags: Vec::new(), platform: Some("twitch".to_owned()) };
        let error = selection.check(&["vip"], &["youtube"]).expect_err("unknown");
        assert_eq!(error.to_string(), "no account is on twitch");
        for (tag, said) in [
            ("trailin", "no account has the tag trailin; did you mean \"trailing \"?"),
            ("", "no account has the tag \"\""),
        ] {
            let selection = Selection { tags: vec![tag.to_owned()], platform: None };
            let error = selection.check(&["trailing "], &[]).expect_err("unknown");
            assert_eq!(error.to_string(), said);
        }
        assert_eq!(Selection::default().check::<&str>(&[], &[]), Ok(()));
        let names = ["Cactus Theatre", "Dancing Toaster"];
        assert_eq!(nearest("toaster", &names).as_deref(), Some("Dancing Toaster"));
    }
}
