//! The schema: the private tables, and the views that are the interface.

mod template;

use std::sync::LazyLock;

use rusqlite::Connection;

const TABLES: &str = include_str!("tables.sql");
const VIEWS: &str = include_str!("views.sql");
const MACROS: &str = include_str!("macros.sql");
const COLUMNS: &str = include_str!("columns.txt");

/// "grow" as a big-endian number, by which `file(1)` and growthd recognise the file.
pub(super) const APPLICATION_ID: i64 = 0x6772_6f77;

/// The version of a database whose creation has begun, and was not completed or still goes on.
pub const EMPTY: i64 = 0;

/// The version of `tables.sql`. Lower versions were never released.
pub(super) const FIRST_VERSION: i64 = 19;

/// The steps from each version to the next, in order. Append only: a released step is never edited.
/// `tables.sql` creates a new database in the state after all steps.
pub(super) const STEPS: &[&str] = &[];

/// The schema version that this growthd writes.
#[expect(clippy::cast_possible_wrap, reason = "there are few steps")]
pub const SCHEMA_VERSION: i64 = FIRST_VERSION + STEPS.len() as i64;

/// A view, as in `sqlite_schema`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct View {
    name: String,
    /// The `CREATE VIEW` statement, without its semicolon.
    sql: String,
}

static CURRENT_VIEWS: LazyLock<Vec<View>> = LazyLock::new(|| {
    let text = template::expand(VIEWS, MACROS);
    let statements = text.split(";\n").map(str::trim).filter(|sql| !sql.is_empty());
    let mut views: Vec<View> = statements.map(|sql| view(sql.to_owned())).collect();
    views.push(view(columns()));
    views.sort_unstable();
    views
});

fn view(sql: String) -> View {
    let name = sql.split_ascii_whitespace().nth(2).unwrap_or_default().to_owned();
    View { name, sql }
}

/// Expands the macros of `macros.sql`.
pub(super) fn query(sql: &str) -> String {
    template::expand(sql, MACROS)
}

/// Returns the steps of a query's plan.
#[cfg(test)]
pub(super) fn query_plan(connection: &Connection, sql: &str) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = connection.prepare(&sql).expect("a plan");
    let steps = statement.raw_query().mapped(|row| row.get(3));
    steps.collect::<Result<_, _>>().expect("its steps")
}

/// Creates the tables in an empty database.
pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&query(TABLES))
}

/// Returns whether the database's views are those of this version.
pub(super) fn has_current_views(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name")?;
    let views = statement.query_map([], |row| Ok(View { name: row.get(0)?, sql: row.get(1)? }))?;
    Ok(views.collect::<Result<Vec<_>, _>>()? == *CURRENT_VIEWS)
}

pub(super) fn drop_views(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'")?;
    let names: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        connection.execute_batch(&format!("DROP VIEW \"{}\"", name.replace('"', "\"\"")))?;
    }
    Ok(())
}

/// Creates this version's views.
pub(super) fn create_views(connection: &Connection) -> rusqlite::Result<()> {
    CURRENT_VIEWS.iter().try_for_each(|view| connection.execute_batch(&view.sql))
}

/// Creates this version's views for this connection only, where they take precedence over those of
/// the database.
pub(super) fn create_temp_views(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    CURRENT_VIEWS.iter().try_for_each(|view| {
        connection.execute_batch(&view.sql.replacen("CREATE VIEW", "CREATE TEMP VIEW", 1))
    })
}

/// Returns the view `columns`, generated from `columns.txt`.
fn columns() -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut common: Vec<(&str, &str, &str)> = Vec::new();
    let mut view = "";
    let mut rows = Vec::new();
    for line in COLUMNS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_suffix(':') {
            view = head;
            continue;
        }
        let mut words = line.splitn(3, ' ');
        let name = words.next().unwrap_or_default();
        let described = words.next().zip(words.next());
        if view == "any" {
            common.extend(described.map(|(kind, text)| (name, kind, text)));
            continue;
        }
        let shared = || common.iter().find(|known| known.0 == name).map(|known| (known.1, known.2));
        let (kind, text) = described.or_else(shared).unwrap_or_default();
        let row = [view, name, kind, text].map(quoted).join(", ");
        rows.push(format!("({row})"));
    }
    format!(
        "CREATE VIEW columns AS\n\
         SELECT CAST(column1 AS TEXT) AS view, CAST(column2 AS TEXT) AS \"column\",\n       \
         CAST(column3 AS TEXT) AS type, CAST(column4 AS TEXT) AS description\n\
         FROM (VALUES\n{})",
        rows.join(",\n")
    )
}
