//! A JSON object whose values are not parsed.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::measurement::Field;

/// The members of an object in order, each value verbatim.
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    pub(super) fn empty() -> Object<'a> {
        Object(Vec::new())
    }

    pub(super) fn parse(json: &'a str) -> Option<Object<'a>> {
        serde_json::from_str(json).ok()
    }

    /// Returns the value of `name` verbatim; the first if there are several.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    /// Returns whether a member `name` is exactly `json`, even if there are others of that name.
    pub(super) fn has(&self, name: &str, json: &str) -> bool {
        self.0.iter().any(|(key, value)| key == name && value.get() == json)
    }

    /// Removes the value of `name` if it occurs once and `read` accepts it; leaves it otherwise.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let mut members = self.0.iter().enumerate().filter(|(_, (key, _))| key == name);
        let (index, (_, value)) = members.next()?;
        if members.next().is_some() {
            return None;
        }
        let value = read(value.get())?;
        self.0.remove(index);
        Some(value)
    }

    /// Like [`Object::take`], but also removes a `null`, and returns it as such.
    pub(super) fn take_field<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Field<T> {
        let field = self.take(name, |json| match json {
            "null" => Some(Field::Null),
            _ => read(json).map(Field::Value),
        });
        field.unwrap_or_default()
    }

    /// Like [`Object::take`], but also removes a `null`, and returns it as `None`.
    pub(super) fn take_value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        match self.take_field(name, read) {
            Field::Value(value) => Some(value),
            Field::Null | Field::Nothing => None,
        }
    }

    /// Removes the object `name`. Returns an empty one, and leaves the value, if it is not an
    /// object.
    pub(super) fn take_object(&mut self, name: &str) -> Object<'a> {
        self.take(name, Object::parse).unwrap_or_else(Object::empty)
    }
}

/// Reads a string; `None` for any other value.
pub(super) fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
