//! JSON bodies, bounded before they are parsed.

use std::cell::RefCell;

use axum::body::{Body, to_bytes};
use deserr::Deserr;
use http::{HeaderMap, header};
use millwright_core::{Error, FaultCode, Faults, Result, codes};
use serde_json::Value;

/// The largest body an operation takes unless its spec says otherwise.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The deepest nesting of a JSON body.
pub(crate) const MAX_DEPTH: usize = 64;

/// The media types of JSON bodies.
pub(crate) const JSON: &[&str] = &["application/json", "application/merge-patch+json"];

pub(crate) async fn read_body(headers: &HeaderMap, body: Body) -> Result<Vec<u8>> {
    read_body_as(headers, body, JSON, MAX_BODY_BYTES).await
}

/// A body of one of these media types, of at most so many bytes.
pub(crate) async fn read_body_as(
    headers: &HeaderMap,
    body: Body,
    media_types: &[&str],
    most: usize,
) -> Result<Vec<u8>> {
    let too_large = || {
        let detail = format!("at most {most} bytes");
        Error::new(codes::TOO_LARGE, detail)
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|text| text.parse::<usize>().ok()).is_some_and(|n| n > most) {
        return Err(too_large());
    }
    let bytes = to_bytes(body, most).await.map_err(|_| too_large())?;
    if !bytes.is_empty() {
        check_media_type(headers, media_types)?;
    }
    Ok(bytes.to_vec())
}

/// Without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase())
}

fn check_media_type(headers: &HeaderMap, media_types: &[&str]) -> Result<()> {
    let sent = media_type(headers);
    if sent.is_some_and(|sent| media_types.contains(&sent.as_str())) {
        return Ok(());
    }
    let others = media_types.iter().filter(|it| !JSON.contains(it));
    let others: String = others.map(|it| format!(" or {it}")).collect();
    let detail = format!("send Content-Type: application/json{others}");
    Err(Error::new(codes::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// Reads a body into `T`, with all its faults at once. No body is an empty object.
pub(crate) fn parse<T: Deserr<Faults>>(bytes: &[u8]) -> Result<T> {
    let (text, value) = parse_value(bytes)?;
    let _written = Written::of(text, &value);
    Ok(deserr::deserialize::<T, Value, Faults>(value)?)
}

/// Reads a body as JSON, with its text. No body is an empty object.
pub(crate) fn parse_value(bytes: &[u8]) -> Result<(&str, Value)> {
    let malformed = |detail: String| Error::fault("", FaultCode::BadFormat, detail);
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        malformed(format!("the body is not UTF-8 (at byte {})", error.valid_up_to()))
    })?;
    if depth(bytes) > MAX_DEPTH {
        return Err(malformed(format!("the body is nested deeper than {MAX_DEPTH} levels")));
    }
    let value = serde_json::from_str(text)
        .map_err(|error| malformed(format!("the body is not JSON: {error}")))?;
    Ok((text, value))
}

thread_local! {
    static WRITTEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps a body that has a float while it is read.
struct Written;

impl Written {
    fn of(text: &str, value: &Value) -> Option<Written> {
        has_float(value).then(|| {
            WRITTEN.set(Some(text.to_owned()));
            Written
        })
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        WRITTEN.set(None);
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        _ => false,
    }
}

/// The body that is being read, as it was sent, for a type whose numbers have more digits than the
/// float that deserr hands on. None outside of reading one, or if it has no such number.
pub fn written<T>(read: impl FnOnce(&str) -> T) -> Option<T> {
    WRITTEN.with_borrow(|text| text.as_deref().map(read))
}

/// How deep brackets nest outside of strings. Looked at before the parser runs: a parser that
/// recurses is a stack overflow waiting for a hostile body.
fn depth(json: &[u8]) -> usize {
    let (mut deepest, mut current, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                current += 1;
                deepest = deepest.max(current);
            }
            b'}' | b']' => current = current.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers the body it was read from.
    struct Number(Option<String>);

    impl Deserr<Faults> for Number {
        fn deserialize_from_value<V: deserr::IntoValue>(
            _value: deserr::Value<V>,
            _location: deserr::ValuePointerRef<'_>,
        ) -> Result<Self, Faults> {
            Ok(Number(written(str::to_owned)))
        }
    }

    #[test]
    fn a_body_with_a_float_can_be_seen_while_it_is_read_and_never_after() {
        let seen = |body: &str| parse::<Number>(body.as_bytes()).expect("a number").0;
        assert_eq!(seen("[1.25]").as_deref(), Some("[1.25]"));
        assert_eq!(seen("[125]"), None);
        assert_eq!(written(str::to_owned), None);
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(br#"{"a":[1,{"b":2}]}"#), 3);
        assert_eq!(depth(br#"{"a":"[[[[\"[["}"#), 1);
        assert_eq!(depth("[".repeat(10_000).as_bytes()), 10_000);
    }
}
