//! The view `columns`, which describes every column of every view.

use crate::past::{Field, Past, START};

#[test]
fn every_column_of_every_view_is_described_in_its_order() {
    let past = Past::new();
    for view in past.query("SELECT name FROM sqlite_schema WHERE type = 'view'") {
        let columns = past.query(&format!("SELECT name FROM pragma_table_info('{view}')"));
        let described =
            past.query(&format!("SELECT \"column\" FROM columns WHERE view = '{view}'"));
        assert_eq!(described, columns, "{view}");
    }
    let bare =
        "SELECT view, \"column\" FROM columns WHERE ifnull(description, '') = '' OR type NOT IN
                ('INTEGER', 'REAL', 'TEXT', 'NUMERIC', 'ANY')";
    assert_eq!(past.query(bare), [""; 0]);
}

/// The described type is the one that SQLite declares. Where it declares none (for an expression,
/// before 3.41) the column is CAST, and has that type's affinity.
#[test]
fn every_column_has_the_type_that_is_described() {
    let past = Past::new();
    let described = past.query("SELECT view, \"column\", type FROM columns");
    for row in &described {
        let [view, column, kind] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let info = format!("SELECT type FROM pragma_table_info('{view}') WHERE name = '{column}'");
        // The type of an expression, as each SQLite names it.
        let declared = past.query_bundled(&info).join("");
        let short = &kind[..kind.len().min(3)];
        // A UNION ALL of expressions has only numeric affinity.
        let is_number = declared == "NUM" && ["INTEGER", "REAL"].contains(&kind);
        let is_known = declared == kind || declared == short || is_number || kind == "ANY";
        assert!(is_known, "{row} is declared {declared:?}");
    }
    // A comparison shows the affinity: text of digits equals a number only if the column's affinity
    // is numeric.
    let account = past.account("clx1", Some("Guru"), Some("guru"));
    for week in 0..3 {
        let field = Field { likes: Some(5), videos: Some(7), ..Field::followers(1000) };
        past.snapshot(account, START + week * crate::past::WEEK, field);
    }
    for (view, column) in [
        ("growth", "followers_delta"),
        ("latest", "followers_gained_7d"),
        ("weekly", "followers"),
        ("weekly", "is_measured"),
        ("monthly", "likes"),
        ("latest", "videos"),
    ] {
        let typed = format!("SELECT count(*) FROM {view} WHERE {column} = CAST({column} AS TEXT)");
        let all = format!("SELECT count({column}) FROM {view}");
        assert_eq!(past.query(&typed), past.query(&all), "{view}.{column}");
    }
}

/// Programs that read a view's types, such as pandas or Grafana, find them for all of a snapshot, also
/// where SQLite (before 3.41) knows none of an expression.
#[test]
fn every_column_of_a_snapshot_has_a_declared_type() {
    let past = Past::new();
    let sql = "SELECT name FROM pragma_table_info('snapshots') WHERE type = '' AND name <> 'name'";
    assert_eq!(past.query(sql), [""; 0]);
}

#[test]
fn every_view_about_accounts_begins_alike() {
    let past = Past::new();
    let others = ["tag_weekly", "tag_monthly", "spend", "columns"];
    for view in past.query("SELECT name FROM sqlite_schema WHERE type = 'view'") {
        let columns =
            past.query(&format!("SELECT name FROM pragma_table_info('{view}')")).join(" ");
        let is_alike = columns.starts_with("account_id name label username platform ");
        assert_eq!(is_alike, !others.contains(&&*view), "{view}: {columns}");
    }
}

#[test]
fn a_name_is_the_best_there_is() {
    let past = Past::new();
    past.account("clx1", Some("Label"), Some("handle"));
    past.account("clx2", None, Some("handle2"));
    past.account("clx3", None, None);
    past.run("UPDATE _profile SET display_name = 'Shown' WHERE account IN (1, 2)");
    past.run("UPDATE _profile SET display_name = NULL WHERE account = 3");
    assert_eq!(
        past.query("SELECT name FROM accounts ORDER BY account_id"),
        ["Label", "Shown", "clx3"]
    );
    for nothing in ["NULL", "''", "' '", "' ' || char(9, 10, 160, 8195, 12288)"] {
        past.run(&format!("UPDATE _profile SET display_name = {nothing}, username = iif(account = 3, {nothing}, username)"));
        let names = past.query("SELECT name FROM accounts WHERE account_id > 'clx1'");
        assert_eq!(names, ["handle2", "clx3"], "{nothing}");
    }
}
