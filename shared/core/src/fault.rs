//! Faults of an input, all of them at once, each with the place it is at.

use std::{fmt, ops::ControlFlow};

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef};

/// What is wrong with one value. The closed list of `errors[].code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    Required,
    UnknownField,
    WrongType,
    TooShort,
    TooLong,
    TooSmall,
    TooLarge,
    BadFormat,
    NotAllowed,
    Duplicate,
    UnknownReference,
}

impl FaultCode {
    pub const ALL: [FaultCode; 11] = [
        FaultCode::Required,
        FaultCode::UnknownField,
        FaultCode::WrongType,
        FaultCode::TooShort,
        FaultCode::TooLong,
        FaultCode::TooSmall,
        FaultCode::TooLarge,
        FaultCode::BadFormat,
        FaultCode::NotAllowed,
        FaultCode::Duplicate,
        FaultCode::UnknownReference,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FaultCode::Required => "required",
            FaultCode::UnknownField => "unknown_field",
            FaultCode::WrongType => "wrong_type",
            FaultCode::TooShort => "too_short",
            FaultCode::TooLong => "too_long",
            FaultCode::TooSmall => "too_small",
            FaultCode::TooLarge => "too_large",
            FaultCode::BadFormat => "bad_format",
            FaultCode::NotAllowed => "not_allowed",
            FaultCode::Duplicate => "duplicate",
            FaultCode::UnknownReference => "unknown_reference",
        }
    }
}

/// One fault. `pointer` is a JSON Pointer (RFC 6901) into the body; faults outside the body are
/// prefixed by their place: `path:id`, `query:limit`, `header:If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub pointer: String,
    pub code: FaultCode,
    pub detail: String,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, code: FaultCode, detail: impl Into<String>) -> Fault {
        Fault { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// Why one value is refused, before its place is known. Domain types return it from `FromStr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    pub code: FaultCode,
    pub detail: String,
}

impl InputError {
    pub fn new(code: FaultCode, detail: impl Into<String>) -> InputError {
        InputError { code, detail: detail.into() }
    }

    pub fn bad_format(detail: impl Into<String>) -> InputError {
        InputError::new(FaultCode::BadFormat, detail)
    }

    pub fn not_allowed(detail: impl Into<String>) -> InputError {
        InputError::new(FaultCode::NotAllowed, detail)
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for InputError {}

/// All faults found in one input, in the order they were met. At most [`Faults::MAX`] are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A hostile input cannot make the answer grow without bound.
    pub const MAX: usize = 50;

    pub fn of(fault: Fault) -> Faults {
        Faults(vec![fault])
    }

    /// The fault of the value at `location`, for hand-written `Deserr` implementations.
    pub fn refused(refused: InputError, location: ValuePointerRef<'_>) -> Faults {
        Faults::of(Fault::new(pointer(location), refused.code, refused.detail))
    }

    /// The same faults, with every pointer replaced by `<place>:<first segment>`.
    #[must_use]
    pub fn located_in(mut self, place: &str) -> Faults {
        for fault in &mut self.0 {
            let name = fault.pointer.trim_start_matches('/').replace("~1", "/").replace("~0", "~");
            fault.pointer = format!("{place}:{name}");
        }
        self
    }
}

/// Renders a deserr location as a JSON Pointer.
pub fn pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!("{}/{}", pointer(*prev), key.replace('~', "~0").replace('/', "~1"))
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}

/// The kind of a value as people who write JSON call it.
fn in_words(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "true or false",
        ValueKind::Integer => "a whole number",
        ValueKind::NegativeInteger => "a negative whole number",
        ValueKind::Float => "a number with decimals",
        ValueKind::String => "a string",
        ValueKind::Sequence => "a list",
        ValueKind::Map => "an object",
    }
}

fn one_of(kinds: &[ValueKind]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| in_words(*kind)).collect();
    words.join(" or ")
}

fn describe<V: IntoValue>(error: ErrorKind<'_, V>, location: ValuePointerRef<'_>) -> Fault {
    let here = pointer(location);
    match error {
        ErrorKind::IncorrectValueKind { actual, accepted } => {
            let accepted = one_of(accepted);
            let actual = in_words(actual.kind());
            Fault::new(here, FaultCode::WrongType, format!("must be {accepted}, is {actual}"))
        }
        ErrorKind::MissingField { field } => {
            Fault::new(format!("{here}/{field}"), FaultCode::Required, "is required")
        }
        ErrorKind::UnknownKey { key, accepted } => {
            let shown: String = key.chars().take(100).collect();
            let place = ValuePointerRef::Key { key: &shown, prev: &location };
            Fault::new(
                pointer(place),
                FaultCode::UnknownField,
                format!("is not known here; known: {}", accepted.join(", ")),
            )
        }
        ErrorKind::UnknownValue { accepted, .. } => Fault::new(
            here,
            FaultCode::NotAllowed,
            format!("must be one of {}", accepted.join(", ")),
        ),
        ErrorKind::BadSequenceLen { expected, .. } => {
            Fault::new(here, FaultCode::TooLong, format!("must have {expected} elements"))
        }
        ErrorKind::Unexpected { msg } => Fault::new(here, FaultCode::BadFormat, msg),
    }
}

fn append(faults: Option<Faults>, mut more: Vec<Fault>) -> ControlFlow<Faults, Faults> {
    let mut all = faults.unwrap_or_default();
    all.0.append(&mut more);
    if all.0.len() >= Faults::MAX {
        all.0.truncate(Faults::MAX);
        return ControlFlow::Break(all);
    }
    ControlFlow::Continue(all)
}

impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        faults: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        append(faults, vec![describe(error, location)])
    }
}

impl MergeWithError<Faults> for Faults {
    fn merge(
        faults: Option<Self>,
        other: Faults,
        _location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        append(faults, other.0)
    }
}

impl MergeWithError<InputError> for Faults {
    fn merge(
        faults: Option<Self>,
        other: InputError,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        append(faults, vec![Fault::new(pointer(location), other.code, other.detail)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_type_is_told_in_the_words_of_json() {
        let wrong = |json: &str| {
            let value: serde_json::Value = serde_json::from_str(json).expect("valid JSON");
            deserr::deserialize::<Vec<String>, _, Faults>(value).expect_err("a wrong type").0
        };
        assert_eq!(wrong("{}")[0].detail, "must be a list, is an object");
        let within = &wrong("[[]]")[0];
        assert_eq!((within.pointer.as_str(), within.code), ("/0", FaultCode::WrongType));
        assert_eq!(within.detail, "must be a string, is a list");
    }
}
