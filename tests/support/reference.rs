//! Reads the JSON section of `docs/commands.md` and compares it with documents.
//!
//! A table there with the header `| field | type | meaning |` lists the fields of the schema that its heading names. Types are
//! `string`, `number`, `boolean`, `object`, `array of strings`, `array of objects`, `object of strings`, `object by …`, `document`
//! and `array of documents`, which have forms of others, with
//! ` or null` and `, optional` behind them. A type that names the reasons has their fields besides.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields of one schema by their paths, such as `projects[].name`.
pub(crate) type Fields = BTreeMap<String, Type>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// Without what may come behind it.
    name: String,
    may_be_null: bool,
    is_optional: bool,
}

/// Where a field was found, and what it held.
#[derive(Debug, Default)]
struct Seen {
    types: BTreeSet<String>,
    is_sometimes_null: bool,
    is_sometimes_absent: bool,
}

/// The documented fields of each schema.
pub(crate) fn schemas(page: &str) -> BTreeMap<String, Fields> {
    let (_, json) = page.split_once("\n## JSON\n").expect("the page has a section on JSON");
    let json = json.split("\n## ").next().unwrap_or_default();
    let sections: BTreeMap<&str, &str> =
        json.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let reasons = table(sections["Reasons"]);
    let schemas = sections.iter().filter_map(|(heading, text)| {
        let schema = heading.strip_prefix('`')?.strip_suffix('`')?;
        let mut fields = table(text);
        if let Some((_, rest)) = text.split_once("All fields of `") {
            let other = rest.split('`').next().unwrap_or_default();
            fields.extend(table(sections[format!("`{other}`").as_str()]));
        }
        let with_reasons: Vec<String> = fields
            .iter()
            .filter(|(_, it)| it.name.contains("[reasons]"))
            .map(|(path, _)| path.clone())
            .collect();
        for path in with_reasons {
            let of_path = reasons.iter().map(|(field, it)| (format!("{path}[].{field}"), it.clone()));
            fields.extend(of_path.collect::<Vec<_>>());
            fields.get_mut(&path).expect("it was there").name = "array of objects".to_owned();
        }
        Some((schema.to_owned(), fields))
    });
    schemas.collect()
}

/// The rows of the first table of fields.
fn table(section: &str) -> Fields {
    let lines = section.lines().skip_while(|line| !line.starts_with("| field | type |")).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    let field = |row: &str| {
        let mut cells = row.split(" | ").map(str::trim);
        let path = cells.next()?.trim_start_matches("| ").trim_matches('`').to_owned();
        let text = cells.next()?;
        let (text, is_optional) = match text.strip_suffix(", optional") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (name, may_be_null) = match text.strip_suffix(" or null") {
            Some(name) => (name, true),
            None => (text, false),
        };
        Some((path, Type { name: name.to_owned(), may_be_null, is_optional }))
    };
    rows.filter_map(field).collect()
}

/// What is documented and never produced, produced and not documented, or of another type: one line each.
pub(crate) fn differences(documented: &Fields, documents: &[Value]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    for document in documents {
        let mut document = document.clone();
        document.as_object_mut().and_then(|fields| fields.remove("schema")).expect("a document has a schema");
        look("", &document, documented, &mut seen);
    }
    let mut differences = Vec::new();
    for path in seen.keys().filter(|path| !documented.contains_key(*path)) {
        differences.push(format!("`{path}` is produced and not documented"));
    }
    for (path, field) in documented {
        let Some(seen) = seen.get(path).filter(|seen| !seen.types.is_empty()) else {
            differences.push(format!("`{path}` is documented and never produced"));
            continue;
        };
        let name = if field.name.starts_with("object by ") { "object" } else { &field.name };
        if seen.types != BTreeSet::from([name.to_owned()]) {
            differences.push(format!("`{path}` is documented as {}, and is {:?}", field.name, seen.types));
        }
        if seen.is_sometimes_null != field.may_be_null {
            differences.push(format!(
                "`{path}`: documented as null {}, and it is {}",
                field.may_be_null, seen.is_sometimes_null
            ));
        }
        if seen.is_sometimes_absent && !field.is_optional {
            differences.push(format!("`{path}` is not always there"));
        }
    }
    differences
}

/// Looks at each field of an object.
fn look(path: &str, object: &Value, documented: &Fields, seen: &mut BTreeMap<String, Seen>) {
    let fields = object.as_object().expect("a document is an object");
    let is_by_name = documented.get(path).is_some_and(|it| it.name.starts_with("object by "));
    let join = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    for (name, value) in fields {
        let path = join(if is_by_name { "<name>" } else { name });
        if is_by_name {
            look(&path, value, documented, seen);
            continue;
        }
        let found = seen.entry(path.clone()).or_default();
        let name = documented.get(&path).map_or("", |it| it.name.as_str());
        match value {
            Value::Object(_) if name == "document" => drop(found.types.insert(name.to_owned())),
            Value::Array(_) if name == "array of documents" => drop(found.types.insert(name.to_owned())),
            Value::Null => found.is_sometimes_null = true,
            Value::Bool(_) => drop(found.types.insert("boolean".to_owned())),
            Value::Number(_) => drop(found.types.insert("number".to_owned())),
            Value::String(_) => drop(found.types.insert("string".to_owned())),
            Value::Array(elements) => {
                for element in elements {
                    let name = if element.is_object() { "array of objects" } else { "array of strings" };
                    assert!(element.is_object() || element.is_string(), "{path}: {element}");
                    seen.entry(path.clone()).or_default().types.insert(name.to_owned());
                    if element.is_object() {
                        look(&format!("{path}[]"), element, documented, seen);
                    }
                }
            }
            Value::Object(_) if documented.get(&path).is_some_and(|it| it.name == "object of strings") => {
                found.types.insert("object of strings".to_owned());
                assert!(
                    value.as_object().is_some_and(|it| it.values().all(Value::is_string)),
                    "{path}: {value}"
                );
            }
            Value::Object(_) => {
                found.types.insert("object".to_owned());
                look(&path, value, documented, seen);
            }
        }
    }
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    for known in documented.keys() {
        let Some(name) = known.strip_prefix(&prefix) else { continue };
        if !name.contains(['.', '[', '<']) && !fields.contains_key(name) {
            seen.entry(known.clone()).or_default().is_sometimes_absent = true;
        }
    }
}
