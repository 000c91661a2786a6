//! Anything at all can be read without a panic, and read again from any row.

use planning::transfer::{Field, ImportFormat, ImportInclude, ImportOptions, Preset, Row};
use proptest::prelude::*;

use super::{open, options};

fn all_options() -> Vec<ImportOptions> {
    let mut all = Vec::new();
    for format in ImportFormat::ALL {
        for preset in Preset::ALL {
            let mut options = options(*format, *preset);
            options.include = ImportInclude::Both;
            if *preset == Preset::Custom {
                for (column, field) in
                    [("a", Field::Title), ("/b/0", Field::Labels), ("c", Field::Comments)]
                {
                    options.mapping.0.insert(column.to_owned(), field);
                }
            }
            all.push(options);
        }
    }
    all
}

fn check(content: &[u8]) {
    for options in all_options() {
        let Ok(reader) = open(content, &options) else { continue };
        let total = reader.total();
        let rows: Vec<Row> = reader.collect();
        assert_eq!(u32::try_from(rows.len()), Ok(total));
        let mut resumed = open(content, &options).expect("readable before");
        resumed.skip_to(2);
        assert!(resumed.eq(rows.iter().skip(1).cloned()));
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(u32::try_from(index + 1), Ok(row.number));
            assert!(row.line >= 1);
        }
    }
}

/// Something like JSON of something like a backlog.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        proptest::sample::select(vec![
            "title",
            "externalId",
            "state",
            "type",
            "labels",
            "comments",
            "createdAt",
            "dueDate",
            "relations",
            "blocks",
            "parentId",
            "issues",
            "pulls",
            "number",
            "body",
            "author",
            "login",
            "milestone",
            "dueOn",
            "pull_request",
            "commentsOf",
            "from",
            "points",
            "a",
            "b",
            "c",
        ])
        .prop_map(ToOwned::to_owned),
        "\\PC{0,3}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
        Just("2024-01-01T00:00:00Z".into()),
        Just("OPEN".into()),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&content);
    }

    #[test]
    fn any_text(content in "\\PC{0,200}") {
        check(content.as_bytes());
    }

    #[test]
    fn something_like_csv(content in "(title|a|b|c)([,;\t](labels|points|state|a|b|/b/0)){0,4}([\r\n,;\t\"ab'é=0-9]|\r\n){0,120}") {
        check(content.as_bytes());
    }

    #[test]
    fn something_like_json(values in proptest::collection::vec(json(), 0..6)) {
        check(serde_json::Value::Array(values.clone()).to_string().as_bytes());
        let lines: Vec<String> = values.iter().map(ToString::to_string).collect();
        check(lines.join("\n").as_bytes());
        check(serde_json::json!({ "issues": values, "pulls": [] }).to_string().as_bytes());
    }
}
