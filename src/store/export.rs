//! Reading any view, one row at a time.

use rusqlite::named_params;
use rusqlite::types::ValueRef;

use crate::clock::Time;
use crate::selection::Selection;
use crate::store::events::DATED;
use crate::store::{ReadTx, StoreError, schema};

/// A selection of a view's rows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows {
    pub view: String,
    /// Only rows at this instant or later, or that end after it.
    pub from: Option<Time>,
    /// Only rows before this instant, or that end by then.
    pub until: Option<Time>,
    /// Only rows about these accounts.
    pub selection: Selection,
}

/// A validated query for some rows of a view.
#[derive(Debug)]
pub struct Query<'r> {
    rows: &'r Rows,
    /// The names of the view's columns, in order.
    pub columns: Vec<String>,
    sql: String,
}

/// A selection that a view does not support.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// Its rows have no time.
    Period,
    /// Its rows are not about an account or a tag.
    Tag,
    /// Its rows are not about an account.
    Platform,
}

impl ReadTx<'_> {
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

    /// Prepares a query for the rows, so that an unsupported selection is found before any output.
    pub fn query<'r>(&self, rows: &'r Rows) -> Result<Result<Query<'r>, Unsupported>, StoreError> {
        let columns = self.columns(&rows.view)?;
        Ok(build_query(rows, &columns).map(|sql| Query { rows, columns, sql }))
    }

    /// Calls `take` for each of the rows, with its values in the order of the query's columns. Only
    /// one row is in memory at a time.
    ///
    /// # Errors
    /// Returns the first error from SQLite or from `take`.
    pub fn each_row<E: From<StoreError>>(
        &self,
        query: &Query<'_>,
        mut take: impl FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error| E::from(StoreError::Sqlite(error));
        let mut statement = self.tx.prepare(&query.sql).map_err(sqlite)?;
        let mut found = statement
            .query(named_params! {
                ":from": query.rows.from,
                ":until": query.rows.until,
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

/// Returns the query for the rows. It contains every parameter, including those that are not used.
fn build_query(rows: &Rows, columns: &[String]) -> Result<String, Unsupported> {
    let has = |name: &str| columns.iter().any(|column| column == name);
    let mut conditions = Vec::new();
    // A row with a single time lies before the period's end. A row that spans time, such as a week, a
    // month or a gap, belongs to the period in which it ends, and so to exactly one month. An event
    // belongs to the period in which it is dated, as in a digest.
    let (begin, end) = if has("dated_time") {
        DATED
    } else if has("time") {
        ("time >= :from", "time < :until")
    } else if has("from_time") {
        ("to_time > :from", "to_time <= :until")
    } else if has("started_time") {
        ("started_time >= :from", "started_time < :until")
    } else if has("due_time") {
        ("due_time >= :from", "due_time < :until")
    } else if has("day") {
        (
            "day >= strftime('%Y-%m-%d', :from, 'unixepoch')",
            "day < strftime('%Y-%m-%d', :until, 'unixepoch')",
        )
    } else if rows.from.is_some() || rows.until.is_some() {
        return Err(Unsupported::Period);
    } else {
        ("", "")
    };
    conditions.extend(rows.from.map(|_| begin.to_owned()));
    conditions.extend(rows.until.map(|_| end.to_owned()));
    if !rows.selection.is_everything() {
        let condition = if has("account_id") {
            "account_id IN chosen!(account_id, :tags, :platform)"
        } else if has("tag") && rows.selection.platform.is_none() {
            "tag IN (SELECT value FROM json_each(:tags))"
        } else if has("tag") || rows.selection.tags.is_empty() {
            return Err(Unsupported::Platform);
        } else {
            return Err(Unsupported::Tag);
        };
        conditions.push(condition.to_owned());
    }
    // Sort in the order of the history if there is one; the view's own order is fine otherwise.
    let order = if has("refresh_id") { " ORDER BY refresh_id" } else { "" };
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!(" AND {}", conditions.join(" AND ")),
    };
    let view = quoted(&rows.view);
    Ok(schema::query(&format!(
        "SELECT * FROM {view} WHERE coalesce(:from, :until, :tags, :platform, 1) IS NOT NULL{condition}{order}\n"
    )))
}
