//! Templates: `{{secret:<reference>}}` inside the strings of any JSON value.

use millwright_core::{Error, FaultCode, Result};
use serde_json::Value;

use super::Reference;

/// The most different references of a template.
pub const MAX_REFERENCES: usize = 100;
/// The largest template, as compact JSON.
pub const MAX_TEMPLATE_BYTES: usize = 256 * 1024;

const OPENING: &str = "{{secret:";

/// A piece of a string.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    Placeholder { reference: Reference, source: &'t str },
}

/// A placeholder that got no value: where it stands, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    pub pointer: String,
    pub reference: String,
    pub code: String,
}

/// Splits a string. `\{{` is a literal `{{`; an opening without an end is text.
///
/// # Errors
/// `wrong` for a placeholder that holds no reference.
fn pieces<'t>(text: &'t str, pointer: &str) -> Result<Vec<Piece<'t>>> {
    let mut found = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest[from..].find("{{").map(|at| at + from) {
        if rest[..at].ends_with('\\') {
            found.push(Piece::Text(&rest[..at - 1]));
            found.push(Piece::Text("{{"));
            rest = &rest[at + 2..];
            from = 0;
            continue;
        }
        let behind = &rest[at..];
        let end = behind.find("}}").filter(|_| behind.starts_with(OPENING));
        let Some(end) = end else {
            from = at + 2;
            continue;
        };
        let reference = behind[OPENING.len()..end].trim().parse().map_err(|_| {
            let detail = "has a placeholder that holds no reference";
            Error::fault(pointer, FaultCode::BadFormat, detail)
        })?;
        found.push(Piece::Text(&rest[..at]));
        found.push(Piece::Placeholder { reference, source: &behind[..end + 2] });
        rest = &behind[end + 2..];
        from = 0;
    }
    found.push(Piece::Text(rest));
    found.retain(|piece| *piece != Piece::Text(""));
    Ok(found)
}

fn each_string<'t>(
    value: &'t Value,
    pointer: &str,
    visit: &mut impl FnMut(&'t str, &str) -> Result<()>,
) -> Result<()> {
    match value {
        Value::String(text) => visit(text, pointer),
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                each_string(value, &format!("{pointer}/{place}"), visit)?;
            }
            Ok(())
        }
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                each_string(value, &format!("{pointer}/{name}"), visit)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The different references of a template, in the order they are met.
///
/// # Errors
/// `invalid_request` for placeholders that hold none, and for more than a hundred.
pub fn references_of(template: &Value) -> Result<Vec<Reference>> {
    let mut found: Vec<Reference> = Vec::new();
    each_string(template, "/template", &mut |text, pointer| {
        for piece in pieces(text, pointer)? {
            if let Piece::Placeholder { reference, .. } = piece
                && !found.contains(&reference)
            {
                found.push(reference);
            }
        }
        Ok(())
    })?;
    if found.len() > MAX_REFERENCES {
        let detail = format!("must have at most {MAX_REFERENCES} different references");
        return Err(Error::fault("/template", FaultCode::TooLong, detail));
    }
    Ok(found)
}

/// Puts values where the placeholders are. `value_of` answers a value, or the code of why not. What
/// is put in is not looked at again.
///
/// # Errors
/// As [`references_of`].
pub fn fill(
    template: &Value,
    value_of: &impl Fn(&Reference) -> std::result::Result<Value, &'static str>,
) -> Result<(Value, Vec<Unresolved>)> {
    let mut unresolved = Vec::new();
    let document = filled(template, "", value_of, &mut unresolved)?;
    Ok((document, unresolved))
}

fn filled(
    template: &Value,
    pointer: &str,
    value_of: &impl Fn(&Reference) -> std::result::Result<Value, &'static str>,
    unresolved: &mut Vec<Unresolved>,
) -> Result<Value> {
    Ok(match template {
        Value::String(text) => {
            let pieces = pieces(text, pointer)?;
            let mut miss = |reference: &Reference, code: &str| {
                unresolved.push(Unresolved {
                    pointer: pointer.to_owned(),
                    reference: reference.to_string(),
                    code: code.to_owned(),
                });
            };
            if let [Piece::Placeholder { reference, source }] = pieces.as_slice() {
                // Nothing but one placeholder: the member keeps its type.
                return Ok(value_of(reference).unwrap_or_else(|code| {
                    miss(reference, code);
                    Value::from(*source)
                }));
            }
            let mut whole = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => whole.push_str(text),
                    Piece::Placeholder { reference, source } => match value_of(&reference) {
                        Ok(Value::String(text)) => whole.push_str(&text),
                        Ok(other) => whole.push_str(&other.to_string()),
                        Err(code) => {
                            miss(&reference, code);
                            whole.push_str(source);
                        }
                    },
                }
            }
            Value::String(whole)
        }
        Value::Array(values) => {
            let each = values.iter().enumerate();
            let each = each.map(|(place, value)| {
                filled(value, &format!("{pointer}/{place}"), value_of, unresolved)
            });
            Value::Array(each.collect::<Result<_>>()?)
        }
        Value::Object(members) => {
            let mut object = serde_json::Map::new();
            for (name, value) in members {
                let escaped = name.replace('~', "~0").replace('/', "~1");
                let place = format!("{pointer}/{escaped}");
                object.insert(name.clone(), filled(value, &place, value_of, unresolved)?);
            }
            Value::Object(object)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value_of(reference: &Reference) -> std::result::Result<Value, &'static str> {
        match reference.as_str() {
            "port" => Ok(json!(5432)),
            "name" => Ok(json!("main {{secret:port}}")),
            "list" => Ok(json!([1, 2])),
            _ => Err("not_found"),
        }
    }

    #[test]
    fn placeholders_are_filled_once_and_keep_their_type_when_alone() {
        let template = json!({
            "nested": [{ "url": "db:{{secret:port}}/{{secret:name}}" }],
            "port": "{{secret:port}}",
            "list": "{{ secret:port }} {{secret: list }}",
            "literal": "\\{{secret:port}} \\{{ }}",
            "{{secret:port}}": true,
        });
        let (document, unresolved) = fill(&template, &value_of).unwrap();
        let expected = json!({
            "nested": [{ "url": "db:5432/main {{secret:port}}" }],
            "port": 5432,
            "list": "{{ secret:port }} [1,2]",
            "literal": "{{secret:port}} {{ }}",
            "{{secret:port}}": true,
        });
        assert_eq!(document, expected);
        assert!(unresolved.is_empty());
        let references = references_of(&template).unwrap();
        let texts: Vec<&str> = references.iter().map(Reference::as_str).collect();
        // In the order of the members, which JSON sorts.
        assert_eq!(texts, ["list", "port", "name"]);
    }

    #[test]
    fn what_is_unknown_stays_and_is_listed() {
        let (document, unresolved) = fill(&json!(["a {{secret:gone}}"]), &value_of).unwrap();
        assert_eq!(document, json!(["a {{secret:gone}}"]));
        assert_eq!(unresolved[0].pointer, "/0");
        assert!(references_of(&json!("{{secret:no way}}")).is_err());
    }
}
