//! Usage events as they come (CloudEvents 1.0) and as they are counted.

use std::{borrow::Cow, collections::BTreeMap};

use millwright_core::{Fault, FaultCode, Faults, InputError, ProjectId, TeamId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Attribution, Labels, ReservationId};

/// The most bytes of data.
pub const MAX_DATA_BYTES: usize = 32 * 1024;
/// The deepest nesting of data.
pub const MAX_DATA_DEPTH: usize = 16;
const MAX_EXTENSIONS: usize = 10;

/// A CloudEvent that was accepted, on its way to be counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageEvent {
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// None: it happened when it was received.
    pub time: Option<Timestamp>,
    pub attribution: Attribution,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: Labels,
    /// As it was written.
    pub data: Box<RawValue>,
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Whose events these are, where the events do not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sender {
    /// A person sends for nobody but themselves.
    pub person: Option<UserId>,
}

impl UsageEvent {
    /// Reads a CloudEvent in JSON, structured mode. All faults at once.
    ///
    /// # Errors
    /// Each names its attribute.
    pub fn read(text: &str, sender: Sender) -> Result<UsageEvent, Faults> {
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| {
            let detail = format!("must be a CloudEvent in JSON: {error}");
            Faults::of(Fault::new("", FaultCode::BadFormat, detail))
        })?;
        UsageEvent::of_members(&members, sender)
    }

    fn of_members(members: &Members<'_>, sender: Sender) -> Result<UsageEvent, Faults> {
        let mut reader = Reader { members, faults: Faults::default() };
        match reader.text("specversion", 1, 20) {
            Some(version) if version != "1.0" => {
                reader.fault("specversion", FaultCode::NotAllowed, "must be 1.0");
            }
            Some(_) => {}
            None => reader.required("specversion"),
        }
        let id = reader.required_text("id", 200);
        let source = reader.required_text("source", 200);
        if !source.is_empty() && source.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reader.fault("source", FaultCode::BadFormat, "must be a URI-reference");
        }
        let kind = reader.required_text("type", 128).to_lowercase();
        if !kind.is_empty() && kind.parse::<super::EventTypeName>().is_err() {
            reader.fault("type", FaultCode::BadFormat, "must be of a-z 0-9 _ . : / -");
        }
        let time = reader.parsed::<Timestamp>("time");
        let subject = reader.text("subject", 1, 200);
        let user = reader.parsed::<UserId>("userid");
        let team = reader.parsed::<TeamId>("teamid");
        let project = reader.parsed::<ProjectId>("projectid");
        let reservation_id = reader.parsed::<ReservationId>("reservationid");
        let actor = reader.text("actorid", 1, 200).and_then(|actor| actor.parse().ok());
        let data = reader.data();
        let extensions = reader.extensions();
        let faults = reader.faults;
        if !faults.0.is_empty() {
            return Err(faults);
        }
        let in_data = |name: &str| {
            let leaf = super::Pointer::of(&format!("/{name}")).find(data.get())?.scalar()?;
            Some(leaf.into_owned())
        };
        let user = user.or_else(|| in_data("userId")?.parse().ok());
        let user_id = user.or(actor).or(sender.person);
        if let (Some(person), Some(user)) = (sender.person, user_id)
            && person != user
        {
            let detail = "a person sends usage for nobody but themselves";
            return Err(Faults::of(Fault::new("/userid", FaultCode::NotAllowed, detail)));
        }
        let team_id = team.or_else(|| in_data("teamId")?.parse().ok());
        let project_id = project.or_else(|| in_data("projectId")?.parse().ok());
        let reservation_id = reservation_id.or_else(|| in_data("reservationId")?.parse().ok());
        let known = [
            user_id.map(|id| id.to_string()),
            team_id.map(|id| id.to_string()),
            project_id.map(|id| id.to_string()),
        ];
        let subject = subject.filter(|subject| !known.contains(&Some(subject.clone())));
        let attribution = Attribution { user_id, team_id, project_id, subject };
        Ok(UsageEvent { id, source, kind, time, attribution, reservation_id, extensions, data })
    }

    /// Whether the body of another event under the same key is the same.
    pub fn fingerprint(&self) -> String {
        let mut known = self.clone();
        known.id.clear();
        known.source.clear();
        let text = serde_json::to_string(&known).unwrap_or_default();
        super::hex(&super::digest(&[text.as_bytes()]), 16)
    }
}

struct Reader<'m, 'a> {
    members: &'m Members<'a>,
    faults: Faults,
}

impl Reader<'_, '_> {
    fn fault(&mut self, name: &str, code: FaultCode, detail: &str) {
        self.faults.0.push(Fault::new(format!("/{name}"), code, detail.to_owned()));
    }

    fn required(&mut self, name: &str) {
        self.fault(name, FaultCode::Required, "is required");
    }

    /// A text attribute; null is as good as absent.
    fn text(&mut self, name: &str, min: usize, max: usize) -> Option<String> {
        let raw = self.members.get(name)?.get();
        if raw == "null" {
            return None;
        }
        let Ok(text) = serde_json::from_str::<String>(raw) else {
            self.fault(name, FaultCode::WrongType, "must be a text");
            return Some(String::new());
        };
        let length = text.chars().count();
        if length < min {
            self.fault(name, FaultCode::TooShort, "must not be empty");
        } else if length > max {
            let detail = format!("must have at most {max} characters");
            self.fault(name, FaultCode::TooLong, &detail);
        } else if text.contains(char::is_control) {
            self.fault(name, FaultCode::BadFormat, "must not contain control characters");
        }
        Some(text)
    }

    fn required_text(&mut self, name: &str, max: usize) -> String {
        let text = self.text(name, 1, max);
        if text.is_none() {
            self.required(name);
        }
        text.unwrap_or_default()
    }

    fn parsed<T: std::str::FromStr<Err = InputError>>(&mut self, name: &str) -> Option<T> {
        let faults = self.faults.0.len();
        let text = self.text(name, 1, 200)?;
        if self.faults.0.len() > faults {
            return None;
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(refused) => {
                self.fault(name, refused.code, &refused.detail);
                None
            }
        }
    }

    fn data(&mut self) -> Box<RawValue> {
        let empty = || RawValue::from_string("{}".to_owned()).unwrap_or_default();
        if self.members.contains_key("data_base64") {
            self.fault("data_base64", FaultCode::NotAllowed, "data must be a JSON object");
        }
        let Some(data) = self.members.get("data").copied() else { return empty() };
        let text = data.get();
        if text == "null" {
            return empty();
        }
        if !text.starts_with('{') {
            self.fault("data", FaultCode::WrongType, "must be an object");
        } else if text.len() > MAX_DATA_BYTES {
            let detail = format!("must have at most {MAX_DATA_BYTES} bytes");
            self.fault("data", FaultCode::TooLong, &detail);
        } else if depth(text) > MAX_DATA_DEPTH {
            let detail = format!("must be nested at most {MAX_DATA_DEPTH} deep");
            self.fault("data", FaultCode::TooLarge, &detail);
        }
        data.to_owned()
    }

    fn extensions(&mut self) -> Labels {
        const KNOWN: [&str; 16] = [
            "specversion",
            "id",
            "source",
            "type",
            "time",
            "subject",
            "userid",
            "teamid",
            "projectid",
            "reservationid",
            "actorid",
            "data",
            "data_base64",
            "datacontenttype",
            "dataschema",
            "orgid",
        ];
        let mut kept = Labels::new();
        let names: Vec<String> = self.members.keys().map(|name| name.to_string()).collect();
        for name in names.iter().filter(|name| !KNOWN.contains(&name.as_str())) {
            // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#naming-conventions
            let is_proper = !name.is_empty()
                && name.len() <= 40
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if !is_proper {
                let shown: String = name.chars().take(100).collect();
                let detail = "is no attribute: extensions have lower-case letters and digits";
                self.fault(&shown, FaultCode::UnknownField, detail);
                continue;
            }
            let raw = self.members.get(name.as_str()).map(|raw| raw.get()).unwrap_or("null");
            match raw.as_bytes().first() {
                Some(b'{' | b'[') | None => {
                    self.fault(name, FaultCode::WrongType, "must be a text, number or boolean");
                }
                Some(b'n') => {}
                Some(b'"') => {
                    if let Some(text) = self.text(name, 0, 200) {
                        kept.insert(name.clone(), text);
                    }
                }
                Some(_) => {
                    kept.insert(name.clone(), raw.chars().take(200).collect());
                }
            }
        }
        if kept.len() > MAX_EXTENSIONS {
            let detail = format!("at most {MAX_EXTENSIONS} extension attributes");
            self.faults.0.push(Fault::new("", FaultCode::TooLong, detail));
        }
        kept
    }
}

/// How deep brackets nest outside of texts.
pub fn depth(json: &str) -> usize {
    let (mut deepest, mut current, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
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
    use crate::domain::{Cost, extract};

    fn faults(text: &str) -> Vec<(String, FaultCode)> {
        let read = UsageEvent::read(text, Sender::default());
        read.err()
            .map(|faults| faults.0.into_iter().map(|it| (it.pointer, it.code)).collect())
            .unwrap_or_default()
    }

    #[test]
    fn every_fault_names_its_attribute() {
        let data = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_DATA_BYTES));
        let text = format!(
            r#"{{"specversion": "0.3", "source": "a b", "type": "Ünfug", "time": "soon", "data": {data},
                "userid": "team_1", "extraBig": 1, "list": [1]}}"#
        );
        let found = faults(&text);
        for (pointer, code) in [
            ("/specversion", FaultCode::NotAllowed),
            ("/id", FaultCode::Required),
            ("/source", FaultCode::BadFormat),
            ("/type", FaultCode::BadFormat),
            ("/time", FaultCode::BadFormat),
            ("/data", FaultCode::TooLong),
            ("/userid", FaultCode::BadFormat),
            ("/extraBig", FaultCode::UnknownField),
            ("/list", FaultCode::WrongType),
        ] {
            assert!(found.contains(&(pointer.to_owned(), code)), "{pointer} {found:?}");
        }
        assert_eq!(
            faults(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[1]}"#),
            [("/data".to_owned(), FaultCode::WrongType)]
        );
        assert_eq!(faults("[]")[0].1, FaultCode::BadFormat);
    }

    #[test]
    fn attribution_comes_from_extensions_then_data() {
        let user = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";
        let text = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"A.B","subject":"{user}","tier":"gold",
                "data":{{"userId":"{user}","teamId":"nonsense"}}}}"#
        );
        let event = UsageEvent::read(&text, Sender::default()).expect("an event");
        assert_eq!(event.attribution.user_id, user.parse().ok());
        assert_eq!((event.attribution.subject.as_deref(), event.attribution.team_id), (None, None));
        assert_eq!((event.kind.as_str(), event.extensions["tier"].as_str()), ("a.b", "gold"));
        let wire = serde_json::to_string(&event).expect("JSON");
        let read: UsageEvent = serde_json::from_str(&wire).expect("the same");
        assert_eq!(read.fingerprint(), event.fingerprint());
        let other = UserId::from_uuid(uuid::Uuid::from_u128(7));
        assert!(UsageEvent::read(&text, Sender { person: Some(other) }).is_err());
    }

    #[test]
    fn what_a_category_wants_is_read_from_digits() {
        let category = &super::super::system_categories()
            .iter()
            .find(|it| it.code.as_str() == "ai.completion")
            .expect("it");
        let text = r#"{"specversion":"1.0","id":"1","source":"/s","type":"ai.completion.completed","data":
            {"usage":{"inputTokens":12345678901234567.000000001,"outputTokens":-1},"costMicros":7,"completionId":"c1","model":"m"}}"#;
        let event = UsageEvent::read(text, Sender::default()).expect("an event");
        let extracted = extract(category, &event).expect("optional metrics");
        assert_eq!(extracted.quantities["inputTokens"].to_string(), "12345678901234567.000000001");
        assert!(!extracted.quantities.contains_key("outputTokens"), "negative ones add nothing");
        assert_eq!(extracted.reported, Some(Cost::from_micros(7)));
        assert_eq!(extracted.reference.as_deref(), Some("c1"));
        assert_eq!(
            (extracted.dimensions["model"].as_str(), extracted.dimensions["provider"].as_str()),
            ("m", "")
        );
    }
}
