//! Who is meant by a name in a file.

use serde_json::Value;

use super::{
    Reading,
    text::{fitted, line, text_of},
};
use crate::transfer::{Person, RowProblem, Warnings};

/// A user of `userMap`, the id that stands there (not in GitHub's files: logins are no ids), or a
/// name. GitHub and others wrap it in an object.
pub(super) fn person(
    value: Value,
    trusts_ids: bool,
    place: &str,
    reading: &Reading<'_>,
    warnings: &mut Warnings,
) -> Result<Option<Person>, RowProblem> {
    let name = match value {
        Value::Object(mut person) => {
            let name = ["login", "name"].into_iter().find_map(|key| person.remove(key));
            text_of(name.unwrap_or_default(), place)?
        }
        value => text_of(value, place)?,
    };
    let name = name.trim();
    if let Some(user) = reading.options.user_map.get(name) {
        return Ok(Some(Person::Known(crate::domain::Assignee::User(*user))));
    }
    if trusts_ids && let Ok(id) = name.parse() {
        return Ok(Some(Person::Known(id)));
    }
    let name = fitted(line(name, place, warnings), 200, place, warnings);
    Ok(name.trim_end().parse().ok().map(Person::Named))
}
