//! Conversions of growthd's types to and from SQLite values.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::clock::Time;
use crate::store::ledger::{AccountKey, RefreshId};

macro_rules! integer {
    ($($type:ident),*) => {$(
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<$type> {
                value.as_i64().map($type)
            }
        }
    )*};
}

integer!(Time, AccountKey, RefreshId);
