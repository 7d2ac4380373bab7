//! Any view, a row at a time.

use rusqlite::named_params;
use rusqlite::types::ValueRef;

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::{ReadTx, StoreError, schema};

/// Which rows of a view.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows {
    pub view: String,
    /// Those at this instant or later.
    pub from: Option<Time>,
    /// Those before this instant.
    pub until: Option<Time>,
    /// Those about these accounts.
    pub selection: Selection,
}

/// A question for some rows of a view.
#[derive(Debug)]
pub struct Query<'r> {
    rows: &'r Rows,
    /// The view's, in order.
    pub columns: Vec<String>,
    sql: String,
}

/// What a view's rows cannot be chosen by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// They have no time.
    Period,
    /// They are about no account's tag.
    Tag,
    /// They are about no account's platform.
    Platform,
}

impl ReadTx<'_> {
    /// The names of the views.
    pub fn views(&self) -> Result<Vec<String>, StoreError> {
        let mut statement =
            self.tx.prepare_cached("SELECT DISTINCT view FROM columns ORDER BY view")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    fn columns(&self, view: &str) -> Result<Vec<String>, StoreError> {
        let statement = self.tx.prepare(&format!("SELECT * FROM {}", quoted(view)))?;
        Ok(statement.column_names().map(str::to_owned).collect())
    }

    /// Finds out whether a view can be narrowed so, before anything is written of it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn query<'r>(&self, rows: &'r Rows) -> Result<Result<Query<'r>, Unsupported>, StoreError> {
        let columns = self.columns(&rows.view)?;
        Ok(question(rows, &columns).map(|sql| Query { rows, columns, sql }))
    }

    /// Hands every one of the rows to `take`, with its values in the order of the columns. Only
    /// one is in memory at a time.
    ///
    /// # Errors
    /// What SQLite says, and the first error of `take`.
    pub fn each_row<E: From<StoreError>>(
        &self,
        query: &Query<'_>,
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error| E::from(StoreError::Sqlite(error));
        let mut statement = self.tx.prepare(&query.sql).map_err(sqlite)?;
        let mut found = statement
            .query(named_params! {
                ":from": query.rows.from.map(|time| time.0),
                ":until": query.rows.until.map(|time| time.0),
                ":tags": query.rows.selection.tags_json(),
                ":platform": query.rows.selection.platform,
            })
            .map_err(sqlite)?;
        while let Some(row) = found.next().map_err(sqlite)? {
            let values = (0..query.columns.len()).map(|column| row.get_ref(column));
            take(&values.collect::<Result<Vec<_>, _>>().map_err(sqlite)?)?;
        }
        Ok(())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The question for some rows of a view. Every parameter stands in it, asked for or not.
fn question(rows: &Rows, columns: &[String]) -> Result<String, Unsupported> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let mut conditions = Vec::new();
    // A week or a month lies in the period, and a hole reaches into it; what has one time is before
    // the end.
    let (begin, end) = match () {
        () if rows.view == "gaps" => ("to_time > :from", "from_time < :until"),
        () if has("time") => ("time >= :from", "time < :until"),
        () if has("from_time") => ("from_time >= :from", "to_time <= :until"),
        () if has("started_time") => ("started_time >= :from", "started_time < :until"),
        () if has("due_time") => ("due_time >= :from", "due_time < :until"),
        () if has("day") => (
            "day >= strftime('%Y-%m-%d', :from, 'unixepoch')",
            "day < strftime('%Y-%m-%d', :until, 'unixepoch')",
        ),
        () if rows.from.is_some() || rows.until.is_some() => return Err(Unsupported::Period),
        () => ("", ""),
    };
    conditions.extend(rows.from.map(|_| begin.to_owned()));
    conditions.extend(rows.until.map(|_| end.to_owned()));
    if !rows.selection.is_everything() {
        let condition = match () {
            () if has("account_id") => {
                "account_id IN (
                   SELECT a.account_id FROM _account a LEFT JOIN _profile p ON p.account = a.account
                   WHERE selected!(:tags, :platform))"
            }
            () if has("tag") && rows.selection.platform.is_none() => {
                "tag IN (SELECT value FROM json_each(:tags))"
            }
            () if rows.selection.tags.is_empty() => return Err(Unsupported::Platform),
            () if has("tag") => return Err(Unsupported::Platform),
            () => return Err(Unsupported::Tag),
        };
        conditions.push(condition.to_owned());
    }
    // The order of the history; elsewhere a view's own is as good.
    let order = if has("refresh_id") { " ORDER BY refresh_id" } else { "" };
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!(" AND {}", conditions.join(" AND ")),
    };
    let view = quoted(&rows.view);
    Ok(schema::question(&format!(
        "SELECT * FROM {view} WHERE coalesce(:from, :until, :tags, :platform, 1) IS NOT NULL{condition}{order}\n"
    )))
}
