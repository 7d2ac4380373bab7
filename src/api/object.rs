//! A JSON object taken apart without reading what is in it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::measurement::Field;

/// An object's members in their order, each value as it was written.
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

    /// The value of `name` as it was written; the first where there are several.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    /// Whether `name` is told to be exactly `json`, be it once or among others.
    pub(super) fn has(&self, name: &str, json: &str) -> bool {
        self.0.iter().any(|(key, value)| key == name && value.get() == json)
    }

    /// Takes the value of `name` out if `read` understands it and it is told once; leaves it
    /// otherwise.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let mut places = self.0.iter().enumerate().filter(|(_, (key, _))| key == name);
        let (place, (_, value)) = places.next()?;
        if places.next().is_some() {
            return None;
        }
        let value = read(value.get())?;
        self.0.remove(place);
        Some(value)
    }

    /// As [`Object::take`]; a `null` is taken out too, and told as such.
    pub(super) fn take_told<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Field<T> {
        let told = self.take(name, |json| match json {
            "null" => Some(Field::Null),
            _ => read(json).map(Field::Value),
        });
        told.unwrap_or_default()
    }

    /// As [`Object::take`]; a `null` is no value, and taken out.
    pub(super) fn take_value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        match self.take_told(name, read) {
            Field::Value(value) => Some(value),
            Field::Null | Field::Nothing => None,
        }
    }

    /// Takes the object `name` apart, and leaves it where it is none.
    pub(super) fn take_object(&mut self, name: &str) -> Object<'a> {
        self.take(name, Object::parse).unwrap_or_else(Object::empty)
    }
}

/// A text; `None` for any other value.
pub(super) fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
