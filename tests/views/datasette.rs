//! The description of the views for Datasette.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::past::Past;

#[test]
fn it_describes_every_column_and_hides_every_table() {
    let described: Value =
        serde_json::from_str(include_str!("../../src/report/datasette.json")).expect("JSON");
    let described = described["databases"]["growth"]["tables"].as_object().expect("tables");
    let past = Past::new();
    let named = |kind: &str| {
        past.ask(&format!(
            "SELECT name FROM sqlite_schema WHERE type = '{kind}' AND name NOT LIKE 'sqlite_%'"
        ))
    };
    let (tables, views) = (named("table"), named("view"));
    for table in &tables {
        assert_eq!(described[table]["hidden"], true, "{table}");
    }
    for view in &views {
        let columns = past.ask(&format!("SELECT name FROM pragma_table_info('{view}')"));
        let columns: BTreeSet<_> = columns.iter().map(String::as_str).collect();
        let told = described[view]["columns"].as_object().expect(view);
        assert_eq!(told.keys().map(String::as_str).collect::<BTreeSet<_>>(), columns, "{view}");
    }
    assert_eq!(described.len(), tables.len() + views.len());
}
