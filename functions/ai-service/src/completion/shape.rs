//! Structured output: the schema that an answer must match, and what is said of one that does not.

use jsonschema::{Draft, PatternOptions, Validator};
use millwright_model::{
    Answer, Choice, Code, Finish, Format, Message, Part, Request, Role, SurfaceError,
};
use serde_json::Value;

use super::Extension;

/// The largest schema, in bytes of its JSON.
pub const MAX_SCHEMA_BYTES: usize = 32 * 1024;
/// Levels of objects within objects, or lists: each is two of JSON.
pub const MAX_SCHEMA_DEPTH: usize = 16;
/// How often an answer is asked for again, if the request says nothing.
const REPAIRS: u32 = 1;
/// Faults that are told, of all.
const MAX_FAULTS: usize = 10;
/// Characters of a fault.
const MAX_FAULT: usize = 200;

/// What holds values against a JSON Schema of draft 2020-12.
///
/// # Errors
/// What is wrong: it is none, too large, too deep, or refers to another document.
pub fn schema_validator(schema: &Value) -> Result<Validator, String> {
    if schema.to_string().len() > MAX_SCHEMA_BYTES {
        return Err(format!("the schema has more than {MAX_SCHEMA_BYTES} bytes"));
    }
    if depth(schema) > 2 * MAX_SCHEMA_DEPTH {
        return Err(format!("the schema has more than {MAX_SCHEMA_DEPTH} levels"));
    }
    // Nothing is fetched, and patterns of strangers take linear time.
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| format!("not a schema: {}", cut(&error.to_string())))
}

/// What answers are held against.
#[derive(Debug)]
pub(super) struct Shape {
    validator: Validator,
    /// How often an answer that does not match is asked for again. Streams are not.
    pub repairs: u32,
}

impl Shape {
    /// Of a request with a schema, unless nobody wants the answer to be looked at.
    ///
    /// # Errors
    /// `invalid_request`: the schema is none, too large, too deep, or refers to another document.
    pub fn of(request: &Request, extension: &Extension) -> Result<Option<Shape>, SurfaceError> {
        let Format::JsonSchema { schema, strict, .. } = &request.format else { return Ok(None) };
        let refused = |message: String| SurfaceError {
            code: Code::InvalidRequest,
            message: format!("response_format: {message}"),
            param: Some("response_format".to_owned()),
        };
        let validator = schema_validator(schema).map_err(refused)?;
        if !extension.validate_schema.unwrap_or(*strict == Some(true)) {
            return Ok(None);
        }
        let asked = extension.repair_attempts.map(|it| it.get());
        let repairs = match asked.and_then(|asked| u32::try_from(asked).ok()) {
            _ if request.stream => 0,
            Some(asked) => asked,
            None => REPAIRS,
        };
        Ok(Some(Shape { validator, repairs }))
    }

    /// What is wrong with an answer; nothing if it matches, or is none that has to: a call of a
    /// tool, a refusal, a text that its limit cut off.
    pub fn faults(&self, answer: &Answer) -> Vec<String> {
        let held = answer.choices.iter().filter(|choice| must_match(choice));
        held.flat_map(|choice| self.faults_of(&text(choice))).take(MAX_FAULTS).collect()
    }

    /// True if all of the answer was held against the schema, and none of it was wrong.
    pub fn is_met(&self, answer: &Answer) -> bool {
        answer.choices.iter().all(must_match) && self.faults(answer).is_empty()
    }

    fn faults_of(&self, text: &str) -> Vec<String> {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return vec![format!("(whole answer): not JSON: {error}")],
        };
        let told = self.validator.iter_errors(&value).take(MAX_FAULTS).map(|error| {
            let pointer = error.instance_path().to_string();
            let place = if pointer.is_empty() { "(whole answer)" } else { pointer.as_str() };
            format!("{place}: {}", cut(&error.to_string()))
        });
        told.collect()
    }
}

/// The request for another try: the answer as it was, and what is wrong with it.
pub(super) fn asked_again(request: &mut Request, answer: &Answer, faults: &[String]) {
    let said = answer.choices.iter().find(|choice| must_match(choice)).map(text);
    let list: Vec<String> = faults.iter().map(|fault| format!("- {fault}")).collect();
    let wish = format!(
        "The answer does not match the JSON schema:\n{}\nAnswer again, with JSON that matches the \
         schema and nothing else.",
        list.join("\n")
    );
    let message = |role, text: String| Message { role, name: None, parts: vec![Part::of(text)] };
    // Nobody takes an empty message.
    let said = said.filter(|text| !text.trim().is_empty());
    let said = said.map(|text| message(Role::Assistant, text));
    request.append(said.into_iter().chain([message(Role::User, wish)]).collect());
}

/// What the client is told in the end.
pub(super) fn mismatch(faults: &[String]) -> SurfaceError {
    let message = format!("the answer does not match the schema: {}", faults.join("; "));
    SurfaceError { code: Code::SchemaMismatch, message, param: Some("response_format".to_owned()) }
}

fn must_match(choice: &Choice) -> bool {
    let another = |part: &Part| matches!(part, Part::ToolCall { .. } | Part::Refusal { .. });
    let is_whole = !matches!(
        choice.finish,
        Some(Finish::Length | Finish::ContextLength | Finish::ContentFilter | Finish::Pause)
    );
    is_whole && !choice.parts.iter().any(another)
}

fn text(choice: &Choice) -> String {
    choice.parts.iter().filter_map(Part::text).collect()
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_FAULT).collect()
}

/// Levels of a value; a scalar has none.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, level)) = open.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(values) => open.extend(values.iter().map(|value| (value, level + 1))),
            Value::Object(map) => open.extend(map.values().map(|value| (value, level + 1))),
            _ => {}
        }
    }
    deepest
}
