//! The description of the views for Datasette.

use serde_json::{Value, json};

use crate::past::Past;

const METADATA: &str = include_str!("../../docs/datasette.json");

/// It describes every column as the view `columns` does, and hides every private table.
#[test]
fn it_describes_every_column_and_hides_every_table() {
    let metadata: Value = serde_json::from_str(METADATA).expect("JSON");
    let tables = metadata["databases"]["growth"]["tables"].as_object().expect("tables");
    let past = Past::new();
    let private = past
        .query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    for table in &private {
        assert!(table.starts_with('_'), "{table}");
        assert_eq!(tables[table], json!({ "hidden": true }), "{table}");
    }
    let views = past.query("SELECT DISTINCT view FROM columns");
    for view in &views {
        let described = past.query(&format!(
            "SELECT json_group_object(\"column\", description) FROM columns WHERE view = '{view}'"
        ));
        let described: Value = serde_json::from_str(&described[0]).expect("JSON");
        assert_eq!(tables[view]["columns"], described, "{view}");
        assert!(tables[view]["description"].is_string(), "{view}");
    }
    assert_eq!(tables.len(), private.len() + views.len());
    let queries = metadata["databases"]["growth"]["queries"].as_object().expect("queries");
    let questions = include_str!("../../docs/history.md");
    for query in queries.values() {
        let (title, sql) = (query["title"].as_str(), query["sql"].as_str());
        let expected = format!("{}\n\n```sql\n{}\n```", title.expect("a title"), sql.expect("SQL"));
        assert!(questions.contains(&expected), "{expected}");
    }
    assert_eq!(queries.len(), 12);
}
