//! The schema: the private tables, and the views that are the interface.

mod template;

use std::sync::LazyLock;

use rusqlite::Connection;

const TABLES: &str = include_str!("tables.sql");
const VIEWS: &str = include_str!("views.sql");
const MACROS: &str = include_str!("macros.sql");
const COLUMNS: &str = include_str!("columns.txt");

/// "grow", read as a big-endian number: how `file(1)` and growthd tell the file.
pub(super) const APPLICATION_ID: i64 = 0x6772_6f77;

/// The schema of `tables.sql`. Below it are the versions that were never released.
pub(super) const FIRST_VERSION: i64 = 10;

/// What leads from each version to the next, in order. Appended to, and never edited once
/// released; `tables.sql` is what a new database has after all of them.
pub(super) const STEPS: &[&str] = &[];

/// The schema this version writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub const SCHEMA_VERSION: i64 = FIRST_VERSION + STEPS.len() as i64;

/// A view, as SQLite keeps it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct View {
    name: String,
    /// `CREATE VIEW …`, without what ends it.
    sql: String,
}

static VIEWS_OF_NOW: LazyLock<Vec<View>> = LazyLock::new(|| {
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

/// A question of ours, with the macros of the views replaced.
pub(super) fn question(sql: &str) -> String {
    template::expand(sql, MACROS)
}

/// Makes the tables in an empty database.
pub(super) fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// Whether the database's views are those of this version.
pub(super) fn has_views_of_now(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name")?;
    let views = statement.query_map([], |row| Ok(View { name: row.get(0)?, sql: row.get(1)? }))?;
    Ok(views.collect::<Result<Vec<_>, _>>()? == *VIEWS_OF_NOW)
}

/// Drops every view.
pub(super) fn drop_views(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'")?;
    let names: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in names {
        connection.execute_batch(&format!("DROP VIEW \"{}\"", name.replace('"', "\"\"")))?;
    }
    Ok(())
}

/// Makes this version's views.
pub(super) fn make_views(connection: &Connection) -> rusqlite::Result<()> {
    VIEWS_OF_NOW.iter().try_for_each(|view| connection.execute_batch(&view.sql))
}

/// Makes this version's views for this connection alone, before those that the database has.
pub(super) fn make_own_views(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    VIEWS_OF_NOW.iter().try_for_each(|view| {
        connection.execute_batch(&view.sql.replacen("CREATE VIEW", "CREATE TEMP VIEW", 1))
    })
}

/// The view `columns`, from the table of descriptions.
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
        let told = words.next().zip(words.next());
        if view == "any" {
            common.extend(told.map(|(kind, text)| (name, kind, text)));
            continue;
        }
        let shared = || common.iter().find(|known| known.0 == name).map(|known| (known.1, known.2));
        let (kind, text) = told.or_else(shared).unwrap_or_default();
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
