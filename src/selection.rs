//! Which accounts a question is about: those with any of some tags, or of a platform.

use std::fmt;

use crate::printable::Printable;

/// A part of the list. The empty one is all of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Accounts with any of these; no tag means every account.
    pub tags: Vec<String>,
    /// Accounts of this platform alone.
    pub platform: Option<String>,
}

/// A name that nothing has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unselectable {
    /// A tag of no account.
    #[error("no account has the tag {tag}{}", meant(nearest.as_deref()))]
    Tag {
        /// What was asked for.
        tag: String,
        /// The tag that is written most like it.
        nearest: Option<String>,
    },
    /// A platform of no account.
    #[error("no account is on {platform}{}", meant(nearest.as_deref()))]
    Platform {
        /// What was asked for.
        platform: String,
        /// The platform that is written most like it.
        nearest: Option<String>,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest}?"))
}

impl Selection {
    /// Whether it leaves nobody out.
    pub fn is_everything(&self) -> bool {
        self.tags.is_empty() && self.platform.is_none()
    }

    /// Its tags as the store's questions take them.
    pub(crate) fn tags_json(&self) -> String {
        serde_json::Value::from(self.tags.clone()).to_string()
    }

    /// Whether an account belongs to it.
    pub fn has<T: AsRef<str>>(&self, tags: &[T], platform: Option<&str>) -> bool {
        let is_tagged = |tag: &String| tags.iter().any(|known| known.as_ref() == tag);
        (self.tags.is_empty() || self.tags.iter().any(is_tagged))
            && self.platform.as_deref().is_none_or(|asked| platform == Some(asked))
    }

    /// Refuses what no account has: a slip of the fingers is not an empty answer.
    ///
    /// # Errors
    /// [`Unselectable`], with the name that was probably meant.
    pub fn check<T: AsRef<str>>(&self, tags: &[T], platforms: &[T]) -> Result<(), Unselectable> {
        let knows = |known: &[T], name: &str| known.iter().any(|known| known.as_ref() == name);
        if let Some(tag) = self.tags.iter().find(|tag| !knows(tags, tag)) {
            return Err(Unselectable::Tag { tag: tag.clone(), nearest: nearest(tag, tags) });
        }
        match &self.platform {
            Some(platform) if !knows(platforms, platform) => Err(Unselectable::Platform {
                platform: platform.clone(),
                nearest: nearest(platform, platforms),
            }),
            _ => Ok(()),
        }
    }
}

/// The name that is written most like `name`, if any is.
pub fn nearest<T: AsRef<str>>(name: &str, known: &[T]) -> Option<String> {
    /// Below this likeness (of 1) a name is another name, not a slip of the fingers.
    const ALIKE: f64 = 0.7;
    let sought = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for known in known.iter().map(AsRef::as_ref) {
        let likeness = strsim::jaro_winkler(&sought, &known.to_lowercase());
        if likeness >= ALIKE && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, known));
        }
    }
    best.map(|(_, known)| known.to_owned())
}

/// As it stands behind whatever is told of it: " of a or b on tiktok". The empty one says nothing.
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
    fn any_of_the_tags_will_do_and_the_platform_must() {
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
    fn what_nobody_has_is_refused_with_what_was_meant() {
        let asked = Selection { tags: vec!["cleint-a".to_owned()], platform: None };
        let told = asked.check(&["client-a", "vip"], &["tiktok"]).expect_err("unknown").to_string();
        assert_eq!(told, "no account has the tag cleint-a; did you mean client-a?");
        let asked = Selection { tags: Vec::new(), platform: Some("twitch".to_owned()) };
        let told = asked.check(&["vip"], &["youtube"]).expect_err("unknown").to_string();
        assert_eq!(told, "no account is on twitch");
        assert_eq!(Selection::default().check::<&str>(&[], &[]), Ok(()));
    }
}
